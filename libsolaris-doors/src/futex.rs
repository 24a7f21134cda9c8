// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a number to change.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

/// Waits until `word` is not `old`; returns what it is instead.
pub(crate) fn wait_while(word: &AtomicU32, old: u32) -> u32 {
    loop {
        let new = word.load(Ordering::Acquire);
        if new != old {
            return new;
        }
        // SAFETY: the word lives while it is waited for. That the call fails when the word has changed, or on a
        // signal, is why this is a loop.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                word.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                old,
                ptr::null::<libc::timespec>(),
            )
        };
    }
}

/// Wakes everybody who waits for `word`, which has changed.
pub(crate) fn wake(word: &AtomicU32) {
    // SAFETY: the word is an address and no more to this call.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
            i32::MAX,
        )
    };
}
