// SPDX-License-Identifier: MIT OR Apache-2.0
//! From results to `-1` and `errno`.

use core::ffi::c_int;
use doors_uapi::Errno;

/// How a C function reports what a Rust function found out.
pub(crate) trait ReturnToC {
    /// The value itself, or -1 with `errno` set; `errno` is per thread (RE-10).
    fn or_minus_one(self) -> c_int;
}

impl ReturnToC for Result<c_int, Errno> {
    fn or_minus_one(self) -> c_int {
        self.unwrap_or_else(|error| fail(error.number()))
    }
}

impl ReturnToC for Result<(), Errno> {
    fn or_minus_one(self) -> c_int {
        self.map(|()| 0).or_minus_one()
    }
}

/// Why the C library's last function failed.
pub(crate) fn last() -> c_int {
    // SAFETY: the C library gives every thread an errno.
    unsafe { *libc::__errno_location() }
}

/// Sets `errno`, and is -1.
pub(crate) extern "C" fn fail(number: c_int) -> c_int {
    if number == Errno::ENOSYS.number() {
        crate::debug::no_doors();
    }
    // SAFETY: the C library gives every thread an errno.
    unsafe { *libc::__errno_location() = number };
    -1
}
