// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making doors, and the procedures behind them.

use super::call::result;
use doors_uapi::abi::{DoorDesc, DoorInfo, DOOR_DESCRIPTOR};
use doors_uapi::Errno;
use solaris_doors::door::{door_create, door_info, door_return, ServerProcedure};
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A descriptor of a door, closed when it goes.
#[derive(Debug)]
pub(crate) struct Door(pub(crate) OwnedFd);

impl Door {
    /// A door, which must be had.
    #[track_caller]
    pub(crate) fn new(procedure: ServerProcedure, attributes: u32) -> Self {
        Self::with_cookie(procedure, 0, attributes)
    }

    /// A door with a cookie that is a number.
    #[track_caller]
    pub(crate) fn with_cookie(procedure: ServerProcedure, cookie: usize, attributes: u32) -> Self {
        let fd = create(Some(procedure), cookie, attributes).expect("a door can be made");
        // SAFETY: the descriptor was made for us.
        Self(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub(crate) fn fd(&self) -> c_int {
        self.0.as_raw_fd()
    }

    /// Another descriptor of the same door.
    pub(crate) fn dup(&self) -> Self {
        Self(self.0.try_clone().expect("descriptors can be had"))
    }

    /// The number; whoever has it closes it.
    pub(crate) fn into_raw(self) -> c_int {
        use std::os::fd::IntoRawFd;
        self.0.into_raw_fd()
    }
}

/// `door_create`.
pub(crate) fn create(
    procedure: Option<ServerProcedure>,
    cookie: usize,
    attributes: u32,
) -> Result<c_int, Errno> {
    // SAFETY: the procedures of the tests accept any cookie.
    result(unsafe {
        door_create(
            procedure,
            std::ptr::with_exposed_provenance_mut(cookie),
            attributes,
        )
    })
}

/// `door_info`.
pub(crate) fn info(door: c_int) -> Result<DoorInfo, Errno> {
    let mut info = DoorInfo::default();
    // SAFETY: the structure is ours.
    result(unsafe { door_info(door, &mut info) }).map(|_| info)
}

/// `door_return` with data and descriptors; comes back with its error.
///
/// Nothing that the caller owns is dropped when it does not come back.
pub(crate) fn give_with(data: &[u8], descriptors: &[DoorDesc]) -> Errno {
    // SAFETY: both are live slices, which the kernel copies.
    unsafe {
        door_return(
            data.as_ptr().cast::<c_char>().cast_mut(),
            data.len(),
            descriptors.as_ptr().cast_mut(),
            descriptors.len() as c_uint,
        )
    };
    super::errno()
}

/// `door_return` with data.
pub(crate) fn give(data: &[u8]) -> Errno {
    give_with(data, &[])
}

/// `door_return` with nothing.
pub(crate) fn give_nothing() -> Errno {
    give_with(&[], &[])
}

/// An entry that sends a descriptor.
pub(crate) fn descriptor(fd: &impl AsRawFd, attributes: u32) -> DoorDesc {
    DoorDesc {
        attributes: DOOR_DESCRIPTOR | attributes,
        descriptor: fd.as_raw_fd(),
        ..DoorDesc::default()
    }
}

/// The argument of a procedure.
///
/// # Safety
/// `argp` and `size` are what a procedure was called with, and the slice is dropped before it returns.
pub(crate) unsafe fn argument<'a>(argp: *const c_char, size: usize) -> &'a [u8] {
    if argp.is_null() {
        return &[];
    }
    // SAFETY: the kernel put so many bytes there.
    unsafe { std::slice::from_raw_parts(argp.cast(), size) }
}

/// A procedure that returns its argument.
pub(crate) extern "C-unwind" fn echo(
    _cookie: *mut c_void,
    argp: *mut c_char,
    size: usize,
    _dp: *mut DoorDesc,
    _n: c_uint,
) {
    // SAFETY: these are the procedure's arguments.
    give(unsafe { argument(argp, size) });
}

/// Defines a procedure: `procedure!(name(cookie, data) body)`.
macro_rules! procedure {
    ($(#[$doc:meta])* $name:ident($cookie:pat, $data:pat, $descriptors:pat) $body:block) => {
        $(#[$doc])*
        extern "C-unwind" fn $name(
            cookie: *mut std::ffi::c_void,
            argp: *mut std::ffi::c_char,
            size: usize,
            dp: *mut doors_uapi::abi::DoorDesc,
            n: std::ffi::c_uint,
        ) {
            let $cookie: usize = cookie.addr();
            // SAFETY: these are the procedure's arguments.
            let $data: &[u8] = unsafe { crate::support::server::argument(argp, size) };
            let $descriptors: &[doors_uapi::abi::DoorDesc] = if dp.is_null() {
                &[]
            } else {
                // SAFETY: the kernel put so many descriptors there.
                unsafe { std::slice::from_raw_parts(dp, n as usize) }
            };
            $body
        }
    };
}
pub(crate) use procedure;
