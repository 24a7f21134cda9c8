// SPDX-License-Identifier: MIT OR Apache-2.0
//! Condition variables.

use super::{is_shared, solaris};
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use libc::{pthread_cond_t, pthread_condattr_t, timespec};

/// Initialises a condition variable.
///
/// # Safety
/// `cond` is writable, and nobody uses it yet.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn cond_init(
    cond: *mut pthread_cond_t,
    kind: c_int,
    _arg: *mut c_void,
) -> c_int {
    let mut attributes = MaybeUninit::<pthread_condattr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: the attributes are initialised before they are used, and destroyed once; the rest is the
    // caller's promise.
    unsafe {
        let error = libc::pthread_condattr_init(attributes);
        if error != 0 {
            return error;
        }
        libc::pthread_condattr_setpshared(attributes, is_shared(kind));
        let error = libc::pthread_cond_init(cond, attributes);
        libc::pthread_condattr_destroy(attributes);
        error
    }
}

macro_rules! same {
    ($($(#[$doc:meta])* $solaris:ident = $posix:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `cond` is an initialised condition variable.
        #[cfg_attr(feature = "c-library", no_mangle)]
        pub unsafe extern "C" fn $solaris(cond: *mut pthread_cond_t) -> c_int {
            // SAFETY: the caller's promise.
            unsafe { libc::$posix(cond) }
        }
    )*};
}

same! {
    /// Ends a condition variable.
    cond_destroy = pthread_cond_destroy;
    /// Wakes a thread that waits.
    cond_signal = pthread_cond_signal;
    /// Wakes all threads that wait.
    cond_broadcast = pthread_cond_broadcast;
}

// Waiting is a cancellation point, and cancellation unwinds: so no frame of ours.
#[cfg(feature = "c-library")]
core::arch::global_asm!(
    ".pushsection .text.cond_wait, \"ax\", @progbits",
    ".globl cond_wait",
    ".type cond_wait, @function",
    "cond_wait:",
    ".cfi_startproc",
    "    jmp     {wait}@PLT",
    ".cfi_endproc",
    ".size cond_wait, . - cond_wait",
    ".globl cond_timedwait",
    ".type cond_timedwait, @function",
    "cond_timedwait:",
    ".cfi_startproc",
    "    sub     rsp, 8",
    ".cfi_adjust_cfa_offset 8",
    "    call    {timedwait}@PLT",
    "    mov     edi, eax",
    "    add     rsp, 8",
    ".cfi_adjust_cfa_offset -8",
    "    jmp     {solaris}",
    ".cfi_endproc",
    ".size cond_timedwait, . - cond_timedwait",
    // The deadline is made on the stack, and waited for.
    ".globl cond_reltimedwait",
    ".type cond_reltimedwait, @function",
    "cond_reltimedwait:",
    ".cfi_startproc",
    "    push    rbx",
    ".cfi_adjust_cfa_offset 8",
    ".cfi_rel_offset rbx, 0",
    "    push    r12",
    ".cfi_adjust_cfa_offset 8",
    ".cfi_rel_offset r12, 0",
    "    sub     rsp, 24",
    ".cfi_adjust_cfa_offset 24",
    "    mov     rbx, rdi",
    "    mov     r12, rsi",
    "    mov     rdi, rdx",
    "    mov     rsi, rsp",
    "    call    {deadline}",
    "    test    eax, eax",
    "    jnz     2f",
    "    mov     rdi, rbx",
    "    mov     rsi, r12",
    "    mov     rdx, rsp",
    "    call    {timedwait}@PLT",
    "2:  mov     edi, eax",
    "    add     rsp, 24",
    ".cfi_adjust_cfa_offset -24",
    "    pop     r12",
    ".cfi_adjust_cfa_offset -8",
    ".cfi_restore r12",
    "    pop     rbx",
    ".cfi_adjust_cfa_offset -8",
    ".cfi_restore rbx",
    "    jmp     {solaris}",
    ".cfi_endproc",
    ".size cond_reltimedwait, . - cond_reltimedwait",
    ".popsection",
    wait = sym libc::pthread_cond_wait,
    timedwait = sym libc::pthread_cond_timedwait,
    deadline = sym deadline,
    solaris = sym solaris_error,
);

/// When `how_long` from now is; `EINVAL` if that is no time.
#[cfg_attr(
    not(feature = "c-library"),
    expect(dead_code, reason = "called from assembly")
)]
unsafe extern "C" fn deadline(how_long: *const timespec, when: *mut timespec) -> c_int {
    const SECOND: i64 = 1_000_000_000;
    let mut now = timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the caller of cond_reltimedwait points to a timespec, and the assembly to another.
    unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut now);
        let how_long = how_long.read();
        if how_long.tv_sec < 0 || !(0..SECOND).contains(&how_long.tv_nsec) {
            return libc::EINVAL;
        }
        let nanoseconds = now.tv_nsec + how_long.tv_nsec;
        when.write(timespec {
            tv_sec: now
                .tv_sec
                .saturating_add(how_long.tv_sec)
                .saturating_add(nanoseconds / SECOND),
            tv_nsec: nanoseconds % SECOND,
        });
    }
    0
}

#[cfg_attr(
    not(feature = "c-library"),
    expect(dead_code, reason = "called from assembly")
)]
extern "C" fn solaris_error(error: c_int) -> c_int {
    solaris(error)
}
