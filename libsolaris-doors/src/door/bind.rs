// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which pool a thread serves in.

use crate::errno::ReturnToC;
use core::ffi::c_int;
use doors_uapi::syscalls;

/// Makes the calling thread serve a private door, from its next `door_return` on: 0, or -1 and `errno`
/// (BI-1 to BI-3).
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn door_bind(d: c_int) -> c_int {
    // SAFETY: no memory is involved.
    unsafe { syscalls::door_bind(d) }.or_minus_one()
}

/// Makes the calling thread serve the shared pool's doors, from its next `door_return` on: 0, or -1 and
/// `errno` (BI-4, TP-32).
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn door_unbind() -> c_int {
    // SAFETY: no memory is involved.
    unsafe { syscalls::door_unbind() }.or_minus_one()
}
