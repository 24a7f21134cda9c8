// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counting semaphores. POSIX has them report by `errno`; here, as everywhere in `<synch.h>`, the error is
//! what is returned, and `errno` is as it was.

use super::{is_shared, solaris};
use core::ffi::{c_int, c_uint, c_void};
use libc::{sem_t, timespec};

/// The error that a POSIX function left in `errno`, which is put back.
fn error(function: impl FnOnce() -> c_int) -> c_int {
    // SAFETY: the C library gives every thread an errno.
    unsafe {
        let errno = libc::__errno_location();
        let before = errno.read();
        if function() == 0 {
            return 0;
        }
        let error = errno.read();
        errno.write(before);
        error
    }
}

/// Initialises a semaphore.
///
/// # Safety
/// `sema` is writable, and nobody uses it yet.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn sema_init(
    sema: *mut sem_t,
    count: c_uint,
    kind: c_int,
    _arg: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    error(|| unsafe { libc::sem_init(sema, is_shared(kind), count) })
}

/// Ends a semaphore.
///
/// # Safety
/// `sema` is an initialised semaphore.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn sema_destroy(sema: *mut sem_t) -> c_int {
    // SAFETY: the caller's promise.
    error(|| unsafe { libc::sem_destroy(sema) })
}

/// Takes one, waiting as long as it takes; `EINTR` when a signal is handled meanwhile.
///
/// # Safety
/// `sema` is an initialised semaphore.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn sema_wait(sema: *mut sem_t) -> c_int {
    // SAFETY: the caller's promise.
    error(|| unsafe { libc::sem_wait(sema) })
}

/// Takes one, waiting until some time of day; then it is `ETIME`.
///
/// # Safety
/// `sema` is an initialised semaphore, `when` a time.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn sema_timedwait(sema: *mut sem_t, when: *const timespec) -> c_int {
    // SAFETY: the caller's promise.
    solaris(error(|| unsafe { libc::sem_timedwait(sema, when) }))
}

/// Takes one, or is `EBUSY`.
///
/// # Safety
/// `sema` is an initialised semaphore.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn sema_trywait(sema: *mut sem_t) -> c_int {
    // SAFETY: the caller's promise.
    match error(|| unsafe { libc::sem_trywait(sema) }) {
        libc::EAGAIN => libc::EBUSY,
        other => other,
    }
}

/// Gives one.
///
/// # Safety
/// `sema` is an initialised semaphore.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn sema_post(sema: *mut sem_t) -> c_int {
    // SAFETY: the caller's promise.
    error(|| unsafe { libc::sem_post(sema) })
}
