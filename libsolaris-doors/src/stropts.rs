// SPDX-License-Identifier: MIT OR Apache-2.0
//! `<stropts.h>`: names in the file system. There are no streams on Linux, and nothing here pretends that
//! there were.

use crate::errno::ReturnToC;
use core::ffi::{c_char, c_int};
use doors_uapi::abi::DoorInfo;
use doors_uapi::{syscalls, Errno};

/// Gives a door a name: 0, or -1 and `errno` (FA-1 to FA-9).
///
/// # Safety
/// `path` is a C string; a bad address is an error, `EFAULT`, and null is `ENOENT`.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn fattach(fildes: c_int, path: *const c_char) -> c_int {
    if path.is_null() {
        // Solaris looks at the descriptor first (FA-1).
        return attachable(fildes)
            .and(Err::<(), _>(Errno::ENOENT))
            .or_minus_one();
    }
    // SAFETY: the caller's promise.
    unsafe { syscalls::fattach(fildes, path) }.or_minus_one()
}

/// Takes a name away: 0, or -1 and `errno` (FA-21 to FA-26).
///
/// # Safety
/// `path` is a C string; a bad address is an error, `EFAULT`.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn fdetach(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { syscalls::fdetach(path) }.or_minus_one()
}

/// Whether a descriptor is a stream, which none is: 0, or -1 and `errno` if it is not open (FA-33).
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn isastream(fildes: c_int) -> c_int {
    open(fildes).or_minus_one()
}

fn open(fildes: c_int) -> Result<(), Errno> {
    // SAFETY: looks at a descriptor, and changes nothing.
    match unsafe { libc::fcntl(fildes, libc::F_GETFD) } {
        -1 => Err(Errno::EBADF),
        _ => Ok(()),
    }
}

fn attachable(fildes: c_int) -> Result<(), Errno> {
    open(fildes)?;
    let mut info = DoorInfo::default();
    // SAFETY: the structure outlives the call.
    unsafe { syscalls::door_info(fildes, &mut info) }.map_err(|error| match error {
        Errno::EBADF => Errno::EINVAL,
        other => other,
    })
}
