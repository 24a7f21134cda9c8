// SPDX-License-Identifier: MIT OR Apache-2.0
//! Locks that many may read under, and one may write.

use super::is_shared;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use libc::{pthread_rwlock_t, pthread_rwlockattr_t};

/// Initialises a lock.
///
/// # Safety
/// `lock` is writable, and nobody uses it yet.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn rwlock_init(
    lock: *mut pthread_rwlock_t,
    kind: c_int,
    _arg: *mut c_void,
) -> c_int {
    let mut attributes = MaybeUninit::<pthread_rwlockattr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: the attributes are initialised before they are used, and destroyed once; the rest is the
    // caller's promise.
    unsafe {
        let error = libc::pthread_rwlockattr_init(attributes);
        if error != 0 {
            return error;
        }
        libc::pthread_rwlockattr_setpshared(attributes, is_shared(kind));
        let error = libc::pthread_rwlock_init(lock, attributes);
        libc::pthread_rwlockattr_destroy(attributes);
        error
    }
}

macro_rules! same {
    ($($(#[$doc:meta])* $solaris:ident = $posix:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `lock` is an initialised lock.
        #[cfg_attr(feature = "c-library", no_mangle)]
        pub unsafe extern "C" fn $solaris(lock: *mut pthread_rwlock_t) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { libc::$posix(lock) }
        }
    )*};
}

same! {
    /// Ends a lock.
    rwlock_destroy = pthread_rwlock_destroy;
    /// Locks for reading.
    rw_rdlock = pthread_rwlock_rdlock;
    /// Locks for writing.
    rw_wrlock = pthread_rwlock_wrlock;
    /// Locks for reading, or is `EBUSY`.
    rw_tryrdlock = pthread_rwlock_tryrdlock;
    /// Locks for writing, or is `EBUSY`.
    rw_trywrlock = pthread_rwlock_trywrlock;
    /// Unlocks.
    rw_unlock = pthread_rwlock_unlock;
}
