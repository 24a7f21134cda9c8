// SPDX-License-Identifier: GPL-2.0

//! The parameters of a door: `door_getparam` and `door_setparam`.

use crate::{
    doorfs::DoorFile,
    model::limits::{
        Limits,
        Parameter, //
    },
    user, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        SpinLock, //
    },
};

/// The limits on a door's requests. Every call reads them, and without a lock: what a call that
/// races with a change goes by may be of either moment (IF-8).
#[pin_data]
pub(crate) struct Parameters {
    data_min: Atomic<usize>,
    data_max: Atomic<usize>,
    desc_max: Atomic<u32>,
    /// Held by who changes them, because what one may be depends on another.
    #[pin]
    change: SpinLock<()>,
}

impl Parameters {
    /// Those of a new door (CR-8).
    pub(crate) fn new(attributes: u32) -> impl PinInit<Self> {
        let limits = Limits::new(attributes);
        pin_init!(Self {
            data_min: Atomic::new(limits.data_min),
            data_max: Atomic::new(limits.data_max),
            desc_max: Atomic::new(limits.desc_max),
            change <- new_spinlock!((), "Parameters::change"),
        })
    }

    /// What they are now.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            data_min: self.data_min.load(Relaxed),
            data_max: self.data_max.load(Relaxed),
            desc_max: self.desc_max.load(Relaxed),
        }
    }

    fn change(&self, parameter: Parameter, value: usize, attributes: u32) -> Result {
        let _guard = self.change.lock();
        let limits = self.limits().with(parameter, value, attributes)?;
        self.data_min.store(limits.data_min, Relaxed);
        self.data_max.store(limits.data_max, Relaxed);
        self.desc_max.store(limits.desc_max, Relaxed);
        Ok(())
    }
}

/// `door_getparam(2)`: anybody may ask, of a revoked door too (PA-1).
///
/// # Errors
///
/// `EBADF`, `EINVAL` for a parameter that is none, `EFAULT`.
pub(crate) fn door_getparam(fd: i32, parameter: i32, value: usize) -> Result {
    let file = DoorFile::get(fd)?;
    let parameter = Parameter::from_number(parameter)?;
    user::write_object(value, &file.door().parameters.limits().get(parameter))
}

/// `door_setparam(2)`: for calls yet to come (PA-2, PA-3).
///
/// # Errors
///
/// `EBADF` also for a revoked door, `EPERM` for another process' door, `EINVAL`, `ERANGE`,
/// `ENOTSUP`.
pub(crate) fn door_setparam(fd: i32, parameter: i32, value: usize) -> Result {
    let file = DoorFile::get(fd)?;
    let door = file.door();
    if door.is_revoked() {
        return Err(EBADF);
    }
    if !door.target.is_current() {
        return Err(EPERM);
    }
    let parameter = Parameter::from_number(parameter)?;
    door.parameters.change(parameter, value, door.attributes())
}
