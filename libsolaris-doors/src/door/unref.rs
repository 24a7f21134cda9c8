// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread that waits for the process' unreferenced doors (TP-12).
//!
//! It stays in the kernel, where it calls the procedures of such doors; their server threads run them (UN-9).
//! No code of the program ever runs on it, and all signals are blocked.
//!
//! On Solaris it is a daemon: a process ends when its other threads have. On Linux the C library ends a process
//! with the last of its threads, whatever that is for, so in a process whose main thread has left by
//! `pthread_exit`, it depends on the kernel: as soon as `door_unref` fails because nobody else is left, the thread
//! returns, and the process ends. A thread that the C library does not know about would not be
//! counted, but then `setuid` would not reach it either, and a server that gives up its privileges
//! would keep them in one thread.

use super::pool;
use crate::process::{self, Process};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use doors_uapi::abi::{DOOR_UNREF, DOOR_UNREF_MULTI};
use doors_uapi::{syscalls, Errno};
use libc::sigset_t;

/// A door was made: sees to the thread, if the door needs it and no earlier one did.
pub(super) fn door_was_made(process: &Process, attributes: u32) {
    if attributes & (DOOR_UNREF | DOOR_UNREF_MULTI) == 0 || !process.claims_unref_thread() {
        return;
    }
    if !undisturbed(|| pool::detached_thread(wait)) {
        // Not reported, as for any thread; the next such door tries again.
        process.has_no_unref_thread();
    }
}

/// Does something while no signal can be handled in this thread, nor in a thread that it makes.
fn undisturbed<T>(action: impl FnOnce() -> T) -> T {
    let mut all = MaybeUninit::<sigset_t>::uninit();
    let mut old = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the first set is initialised before it is used, and the second by what cannot fail with
    // these arguments.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        let result = action();
        libc::pthread_sigmask(libc::SIG_SETMASK, old.as_ptr(), ptr::null_mut());
        result
    }
}

/// The thread. Signals that cannot be blocked, the C library's own, interrupt it.
extern "C" fn wait(_: *mut c_void) -> *mut c_void {
    loop {
        // SAFETY: nothing of this thread is lent to the kernel.
        let failed = unsafe { syscalls::door_unref() };
        if failed != Err(Errno::EINTR) || !process::makes_doors() {
            return ptr::null_mut();
        }
    }
}
