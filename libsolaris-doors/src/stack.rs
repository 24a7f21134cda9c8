// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where on its stack a server thread takes its calls.
//!
//! On Solaris the answer is: at the very top. A thread of Linux has its control block up there, and the
//! frames that `pthread_exit` returns through, so ours begins right below the frame of the thread's first
//! `door_return`. It stays the same for every later call, as DA-10 demands.

use crate::door::cancel;
use crate::{debug, local};
use core::arch::asm;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU8, Ordering};
use doors_uapi::Errno;

/// The part of a thread's stack that invocations may use.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// The highest address, aligned to 16; null in a thread that has not asked yet.
    pub(crate) base: *mut c_void,
    /// The bytes below it that a request may fill; 0 for unchecked (DA-13).
    pub(crate) size: usize,
}

/// The bounds of the calling thread, the same at every call.
#[inline]
pub(crate) fn bounds() -> Result<Bounds, Errno> {
    // SAFETY: the cell belongs to this thread, and holds zeros or what `measure` wrote.
    let known = unsafe { (*local::here()).stack };
    if known.base.is_null() {
        measure()
    } else {
        Ok(known)
    }
}

/// Finds the bounds out, in a thread that is about to serve for the first time. Not inlined: the base is below this function's caller, whose frame and whose
/// callees' return addresses must survive a `door_return` that fails.
#[cold]
#[inline(never)]
fn measure() -> Result<Bounds, Errno> {
    let here: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rsp", out(reg) here, options(nomem, nostack, preserves_flags)) };
    let (low, high) = extent().ok_or(Errno::EINVAL)?;
    // A signal handler on a stack of its own, or a coroutine: the thread's stack is somewhere else, and
    // how much of it is in use is unknown (RE-2).
    if !(low..high).contains(&here) {
        return Err(Errno::EINVAL);
    }
    let base = here & !15;
    let bounds = Bounds {
        base: ptr::with_exposed_provenance_mut(base),
        size: usable(base - low),
    };
    cancel::let_through();
    debug::first_return();
    // SAFETY: the cell belongs to this thread, as in `bounds`.
    unsafe { (*local::here()).stack = bounds };
    Ok(bounds)
}

/// The lowest and the highest address of the calling thread's stack.
pub(crate) fn extent() -> Option<(usize, usize)> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut low = ptr::null_mut();
    let mut size = 0;
    // SAFETY: the attributes are initialised by the first call if it succeeds, and destroyed once after
    // their last use.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let failed = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if failed != 0 {
            return None;
        }
    }
    let low = low.expose_provenance();
    Some((low, low.checked_add(size)?))
}

/// What is left of `size` bytes of stack for arguments, once the procedure has room to work (DA-14).
fn usable(size: usize) -> usize {
    /// For what the kernel and the C library put on a stack without asking.
    const SLOP: usize = 512;
    const KIB: usize = 1024;
    let reserve = match keeps_reserve() {
        true => (size / 32).clamp(KIB, 64 * KIB),
        false => 0,
    };
    match size.saturating_sub(reserve + SLOP) {
        0..KIB => 0,
        usable => usable,
    }
}

/// Whether `_THREAD_DOOR_NORESERVE=1` is absent from the environment; looked up once.
fn keeps_reserve() -> bool {
    const UNKNOWN: u8 = 0;
    const KEEPS: u8 = 1;
    const DROPS: u8 = 2;
    static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);

    if ANSWER.load(Ordering::Relaxed) == UNKNOWN {
        // SAFETY: both are C strings.
        let drops = unsafe {
            let value = libc::getenv(c"_THREAD_DOOR_NORESERVE".as_ptr());
            !value.is_null() && libc::strcmp(value, c"1".as_ptr()) == 0
        };
        ANSWER.store(if drops { DROPS } else { KEEPS }, Ordering::Relaxed);
    }
    ANSWER.load(Ordering::Relaxed) == KEEPS
}
