// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mutual exclusion.

use super::{
    is_shared, LOCK_ERRORCHECK, LOCK_PRIO_INHERIT, LOCK_RECURSIVE, LOCK_ROBUST, USYNC_PROCESS,
    USYNC_PROCESS_ROBUST,
};
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, Ordering};
use libc::{pthread_mutex_t, pthread_mutexattr_t};

const KNOWN: c_int = USYNC_PROCESS
    | LOCK_RECURSIVE
    | LOCK_ERRORCHECK
    | USYNC_PROCESS_ROBUST
    | LOCK_PRIO_INHERIT
    | LOCK_ROBUST;

/// Initialises a mutex of some type; `EINVAL` for types that are unknown here.
///
/// # Safety
/// `mutex` is writable, and nobody uses it yet.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn mutex_init(
    mutex: *mut pthread_mutex_t,
    kind: c_int,
    _arg: *mut c_void,
) -> c_int {
    if kind & !KNOWN != 0 {
        return libc::EINVAL;
    }
    let mut attributes = MaybeUninit::<pthread_mutexattr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let exclusion = match kind & (LOCK_RECURSIVE | LOCK_ERRORCHECK) {
        0 => libc::PTHREAD_MUTEX_NORMAL,
        LOCK_ERRORCHECK => libc::PTHREAD_MUTEX_ERRORCHECK,
        _ => libc::PTHREAD_MUTEX_RECURSIVE,
    };
    // SAFETY: the attributes are initialised before they are used, and destroyed once; the rest is the
    // caller's promise.
    unsafe {
        let error = libc::pthread_mutexattr_init(attributes);
        if error != 0 {
            return error;
        }
        libc::pthread_mutexattr_settype(attributes, exclusion);
        libc::pthread_mutexattr_setpshared(attributes, is_shared(kind));
        if kind & (LOCK_ROBUST | USYNC_PROCESS_ROBUST) != 0 {
            libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST);
        }
        if kind & LOCK_PRIO_INHERIT != 0 {
            libc::pthread_mutexattr_setprotocol(attributes, libc::PTHREAD_PRIO_INHERIT);
        }
        let error = libc::pthread_mutex_init(mutex, attributes);
        libc::pthread_mutexattr_destroy(attributes);
        error
    }
}

macro_rules! same {
    ($($(#[$doc:meta])* $solaris:ident = $posix:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `mutex` is an initialised mutex.
        #[cfg_attr(feature = "c-library", no_mangle)]
        pub unsafe extern "C" fn $solaris(mutex: *mut pthread_mutex_t) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { libc::$posix(mutex) }
        }
    )*};
}

same! {
    /// Ends a mutex.
    mutex_destroy = pthread_mutex_destroy;
    /// Says that what a robust mutex protects is sound again.
    mutex_consistent = pthread_mutex_consistent;
    /// Locks, waiting as long as it takes.
    mutex_lock = pthread_mutex_lock;
    /// Locks, or is `EBUSY`.
    mutex_trylock = pthread_mutex_trylock;
    /// Unlocks.
    mutex_unlock = pthread_mutex_unlock;
}

/// Locks, and does not come back without.
///
/// # Safety
/// `mutex` is an initialised mutex.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn mutex_enter(mutex: *mut pthread_mutex_t) {
    // SAFETY: the caller's promise.
    if unsafe { libc::pthread_mutex_lock(mutex) } != 0 {
        // SAFETY: has no preconditions.
        unsafe { libc::abort() };
    }
}

/// Unlocks what [`mutex_enter`] locked.
///
/// # Safety
/// `mutex` is an initialised mutex.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn mutex_exit(mutex: *mut pthread_mutex_t) {
    // SAFETY: the caller's promise.
    if unsafe { libc::pthread_mutex_unlock(mutex) } != 0 {
        // SAFETY: has no preconditions.
        unsafe { libc::abort() };
    }
}

/// Whether the calling thread holds the mutex (`MUTEX_HELD`).
///
/// # Safety
/// `mutex` is an initialised mutex.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn _mutex_held(mutex: *mut pthread_mutex_t) -> c_int {
    // The layout of pthread_mutex_t is part of the C library's ABI: lock, count, owner.
    // SAFETY: the third int of a mutex is always there, and changed atomically by whoever changes it.
    let owner = unsafe { AtomicI32::from_ptr(mutex.cast::<c_int>().add(2)) };
    // SAFETY: gettid has no preconditions.
    c_int::from(owner.load(Ordering::Relaxed) == unsafe { libc::gettid() })
}
