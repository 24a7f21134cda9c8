// SPDX-License-Identifier: MIT OR Apache-2.0
//! `<door.h>`.

pub mod bind;
pub mod call;
pub mod create;
pub mod cred;
pub mod param;
pub mod ret;
pub mod xcreate;

pub(crate) mod cancel;
pub(crate) mod pool;
mod unref;

pub use bind::{door_bind, door_unbind};
pub use call::door_call;
pub use create::{door_create, door_server_create};
pub use cred::{door_cred, door_ucred};
pub use param::{door_getparam, door_setparam};
pub use ret::door_return;
pub use xcreate::door_xcreate;

use crate::errno::ReturnToC;
use core::ffi::{c_char, c_int, c_uint, c_void};
use doors_uapi::abi::{DoorDesc, DoorInfo};
use doors_uapi::syscalls;

/// `door_server_procedure_t`: what runs when a door is called. It may end its thread.
pub type ServerProcedure = unsafe extern "C-unwind" fn(
    cookie: *mut c_void,
    argp: *mut c_char,
    arg_size: usize,
    dp: *mut DoorDesc,
    n_desc: c_uint,
);

/// `door_server_func_t`: what runs when a pool needs a thread; null stands for the shared pool (SC-2).
/// It must return.
pub type ServerFunction = unsafe extern "C" fn(info: *mut DoorInfo);

/// Describes a door, or with `DOOR_QUERY` the one that the thread is bound to: 0, or -1 and `errno` (IN-1, IN-2).
///
/// # Safety
/// `info` points to a `door_info_t`; a bad address is an error, `EFAULT`, and not harmful.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn door_info(d: c_int, info: *mut DoorInfo) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { syscalls::door_info(d, info) }.or_minus_one()
}

/// Makes a door take no more calls, and closes the descriptor: 0, or -1 and `errno` (RV-1 to RV-7).
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn door_revoke(d: c_int) -> c_int {
    // SAFETY: no memory is involved; that the descriptor is closed is what the function is for.
    unsafe { syscalls::door_revoke(d) }.or_minus_one()
}
