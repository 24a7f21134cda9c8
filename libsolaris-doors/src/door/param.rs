// SPDX-License-Identifier: MIT OR Apache-2.0
//! A door's limits on requests.

use crate::errno::ReturnToC;
use core::ffi::c_int;
use doors_uapi::syscalls;

/// Reads a limit: 0, or -1 and `errno` (PA-1).
///
/// # Safety
/// `out` points to a `size_t`; a bad address is an error, `EFAULT`.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn door_getparam(d: c_int, param: c_int, out: *mut usize) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { syscalls::door_getparam(d, param, out) }.or_minus_one()
}

/// Changes a limit: 0, or -1 and `errno` (PA-2 to PA-4).
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn door_setparam(d: c_int, param: c_int, val: usize) -> c_int {
    // SAFETY: no memory is involved.
    unsafe { syscalls::door_setparam(d, param, val) }.or_minus_one()
}
