// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parts of the C library's threads that the `libc` crate does not declare.
//!
//! What ends a thread (`pthread_exit`, cancellation) unwinds its stack. No frame of Rust may be on it then,
//! so those functions are called from assembly only: see [`crate::door::call`] and [`crate::door::ret`].

use core::ffi::{c_int, c_void};

pub(crate) const PTHREAD_CANCEL_DISABLE: c_int = 1;
pub(crate) const PTHREAD_CANCEL_DEFERRED: c_int = 0;
pub(crate) const PTHREAD_CANCEL_ASYNCHRONOUS: c_int = 1;

extern "C" {
    pub(crate) fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    /// For assembly only, except where cancellation is disabled.
    pub(crate) fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
    /// For assembly only.
    pub(crate) fn pthread_cancel(thread: libc::pthread_t) -> c_int;
    /// For assembly only.
    pub(crate) fn pthread_testcancel();
    /// For assembly only.
    pub(crate) fn pthread_exit(value: *mut c_void) -> !;
    pub(crate) fn pthread_setconcurrency(level: c_int) -> c_int;
    /// Nonzero while the process has never had a second thread.
    pub(crate) static __libc_single_threaded: core::ffi::c_char;
}
