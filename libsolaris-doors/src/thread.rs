// SPDX-License-Identifier: MIT OR Apache-2.0
//! `<thread.h>`: Solaris threads, which are POSIX threads by other names.
//!
//! Every function returns an error number. What Linux cannot do is absent (`thr_suspend`, `thr_continue`) or
//! says `ENOTSUP` (`THR_SUSPENDED`, joining any thread).

use crate::pthread::pthread_setconcurrency;
use core::ffi::{c_int, c_long, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use libc::{pthread_attr_t, pthread_key_t, pthread_t, sigset_t, stack_t};

const THR_DETACHED: c_long = 0x40;
const THR_SUSPENDED: c_long = 0x80;
const THR_ONCE_KEY: pthread_key_t = pthread_key_t::MAX;

/// What a thread runs.
pub type Start = extern "C" fn(*mut c_void) -> *mut c_void;
/// What becomes of thread-specific data.
pub type Destructor = unsafe extern "C" fn(*mut c_void);

/// Makes a thread.
///
/// # Safety
/// `stack` is null, or `size` bytes that nothing else uses while the thread runs; `new` is null or
/// writable; `start` may be run with `argument` on another thread.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_create(
    stack: *mut c_void,
    size: usize,
    start: Start,
    argument: *mut c_void,
    flags: c_long,
    new: *mut pthread_t,
) -> c_int {
    if flags & THR_SUSPENDED != 0 {
        return libc::ENOTSUP;
    }
    let mut attributes = MaybeUninit::<pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let mut thread = 0;
    // SAFETY: the attributes are initialised before anything else is done with them, and destroyed once;
    // the rest is the caller's promise.
    unsafe {
        let mut error = libc::pthread_attr_init(attributes);
        if error != 0 {
            return error;
        }
        if flags & THR_DETACHED != 0 {
            libc::pthread_attr_setdetachstate(attributes, libc::PTHREAD_CREATE_DETACHED);
        }
        if !stack.is_null() {
            error = libc::pthread_attr_setstack(attributes, stack, size);
        } else if size != 0 {
            error = libc::pthread_attr_setstacksize(attributes, size);
        }
        if error == 0 {
            error = libc::pthread_create(&mut thread, attributes, start, argument);
        }
        libc::pthread_attr_destroy(attributes);
        if error == 0 && !new.is_null() {
            new.write(thread);
        }
        error
    }
}

/// Waits for a thread to end.
///
/// # Safety
/// `thread` is 0 or a thread that can be joined; the other two are null or writable.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_join(
    thread: pthread_t,
    departed: *mut pthread_t,
    status: *mut *mut c_void,
) -> c_int {
    if thread == 0 {
        return libc::ENOTSUP;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let error = libc::pthread_join(thread, status);
        if error == 0 && !departed.is_null() {
            departed.write(thread);
        }
        error
    }
}

// Ends the calling thread. A jump, so that no frame of ours is unwound.
#[cfg(feature = "c-library")]
core::arch::global_asm!(
    ".pushsection .text.thr_exit, \"ax\", @progbits",
    ".globl thr_exit",
    ".type thr_exit, @function",
    "thr_exit:",
    ".cfi_startproc",
    "    jmp     {pthread_exit}@PLT",
    ".cfi_endproc",
    ".size thr_exit, . - thr_exit",
    ".popsection",
    pthread_exit = sym crate::pthread::pthread_exit,
);

/// The calling thread.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn thr_self() -> pthread_t {
    // SAFETY: always succeeds.
    unsafe { libc::pthread_self() }
}

/// 1 in the main thread, 0 in others.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn thr_main() -> c_int {
    // SAFETY: both always succeed.
    c_int::from(unsafe { libc::gettid() == libc::getpid() })
}

/// Sends a signal to a thread of this process.
///
/// # Safety
/// The thread has not been joined.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_kill(thread: pthread_t, signal: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_kill(thread, signal) }
}

/// Changes the calling thread's signal mask.
///
/// # Safety
/// Both sets are null or signal sets.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_sigsetmask(
    how: c_int,
    set: *const sigset_t,
    old: *mut sigset_t,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_sigmask(how, set, old) }
}

/// Lets others run.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn thr_yield() {
    // SAFETY: has no preconditions, and on Linux cannot fail.
    unsafe { libc::sched_yield() };
}

/// Makes a key for thread-specific data.
///
/// # Safety
/// `key` is writable; `destructor` may be called with values of the key.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_keycreate(
    key: *mut pthread_key_t,
    destructor: Option<Destructor>,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_key_create(key, destructor) }
}

/// Makes the key if it is `THR_ONCE_KEY`; several threads may try at once.
///
/// # Safety
/// As for [`thr_keycreate`]; until the key is made, nobody else writes to it.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_keycreate_once(
    key: *mut pthread_key_t,
    destructor: Option<Destructor>,
) -> c_int {
    // SAFETY: keys are aligned, and only this function writes to this one.
    let shared = unsafe { AtomicU32::from_ptr(key) };
    if shared.load(Ordering::Acquire) != THR_ONCE_KEY {
        return 0;
    }
    let mut fresh = 0;
    // SAFETY: the key is ours, the rest is the caller's promise.
    let error = unsafe { libc::pthread_key_create(&mut fresh, destructor) };
    if error != 0 {
        return error;
    }
    if shared
        .compare_exchange(THR_ONCE_KEY, fresh, Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        // SAFETY: somebody was faster; nobody knows this key.
        unsafe { libc::pthread_key_delete(fresh) };
    }
    0
}

/// Binds a value to a key, for the calling thread.
///
/// # Safety
/// The key's destructor may be called with the value.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_setspecific(key: pthread_key_t, value: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { libc::pthread_setspecific(key, value) }
}

/// The value bound to a key, for the calling thread.
///
/// # Safety
/// `value` is writable.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_getspecific(key: pthread_key_t, value: *mut *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { value.write(libc::pthread_getspecific(key)) };
    0
}

/// A hint that Linux has no use for; remembered.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn thr_setconcurrency(level: c_int) -> c_int {
    // SAFETY: stores a number.
    let error = unsafe { pthread_setconcurrency(level) };
    if error == 0 {
        CONCURRENCY.store(level, Ordering::Relaxed);
    }
    error
}

/// The hint.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn thr_getconcurrency() -> c_int {
    CONCURRENCY.load(Ordering::Relaxed)
}

static CONCURRENCY: AtomicI32 = AtomicI32::new(0);

/// The least stack that a thread can have.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn thr_min_stack() -> usize {
    // SAFETY: asks the C library.
    let least = unsafe { libc::sysconf(libc::_SC_THREAD_STACK_MIN) };
    usize::try_from(least).unwrap_or(libc::PTHREAD_STACK_MIN)
}

/// Where the calling thread's stack begins, and how long it is.
///
/// # Safety
/// `segment` is writable.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn thr_stksegment(segment: *mut stack_t) -> c_int {
    let Some((low, high)) = crate::stack::extent() else {
        return libc::EAGAIN;
    };
    let found = stack_t {
        ss_sp: ptr::with_exposed_provenance_mut(high),
        ss_flags: 0,
        ss_size: high - low,
    };
    // SAFETY: the caller's promise.
    unsafe { segment.write(found) };
    0
}
