// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cancelling a server thread whose client gave up (SI-10 to SI-13).
//!
//! Only the kernel knows when, and only the C library knows how. So the kernel sends the serving thread a
//! signal, the last real-time one, if the process has a handler for it; and the handler has the thread
//! cancel itself. Whether and where that takes effect is the thread's own choice, as for any cancellation.
//! A default thread has it disabled: its request stays pending until a procedure enables cancellation.
//!
//! The handler is there from the first door on that was made without `DOOR_NO_CANCEL`, unless the program
//! has found another use for the signal before. It restarts nothing: a system call that waits in a
//! thread that lets itself be cancelled fails with `EINTR`, and the C library looks for a cancellation
//! then. That a call fails so in a thread that does not is the same on Solaris (SI-12).

use core::arch::global_asm;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU8, Ordering};
use doors_uapi::abi::{DOOR_NO_CANCEL, DOOR_SIGCANCEL};
use libc::{sigaction, siginfo_t, sigset_t};

/// What `siginfo_t` says of a signal that no process sent.
const SI_KERNEL: c_int = 0x80;

/// Nobody has asked for the handler yet.
const UNUSED: u8 = 0;
/// The handler is there.
const OURS: u8 = 1;
/// The signal is the program's, or nothing can be cancelled here.
const FOREIGN: u8 = 2;

/// A forked child inherits handlers, and so the answer is right in it, too.
static STATE: AtomicU8 = AtomicU8::new(UNUSED);

extern "C" {
    fn solaris_doors_cancelled(signal: c_int, info: *mut siginfo_t, context: *mut c_void);
    /// `<execinfo.h>`.
    fn backtrace(buffer: *mut *mut c_void, size: c_int) -> c_int;
}

// A cancellation that takes effect at once unwinds the stack from here: in assembly, and a jump, so that
// the frame above is the interrupted one's. Signals that somebody sent are ignored.
global_asm!(
    ".pushsection .text.solaris_doors_cancelled, \"ax\", @progbits",
    ".globl solaris_doors_cancelled",
    ".hidden solaris_doors_cancelled",
    ".type solaris_doors_cancelled, @function",
    ".p2align 4",
    "solaris_doors_cancelled:",
    ".cfi_startproc",
    "    cmp     dword ptr [rsi + {si_code}], {si_kernel}",
    "    jne     2f",
    // pthread_self, which the ABI keeps where fs points.
    "    mov     rdi, qword ptr fs:[0]",
    "    jmp     {pthread_cancel}@PLT",
    "2:  ret",
    ".cfi_endproc",
    ".size solaris_doors_cancelled, . - solaris_doors_cancelled",
    ".popsection",
    si_code = const core::mem::offset_of!(siginfo_t, si_code),
    si_kernel = const SI_KERNEL,
    pthread_cancel = sym crate::pthread::pthread_cancel,
);

/// A door was made, before any thread serves it: sees to the handler, if the door needs it.
pub(super) fn door_was_made(attributes: u32) {
    if attributes & DOOR_NO_CANCEL != 0 || STATE.load(Ordering::Acquire) != UNUSED {
        return;
    }
    // Two threads that come here at once do the same.
    let state = if install() { OURS } else { FOREIGN };
    STATE.store(state, Ordering::Release);
}

/// Installs the handler if the signal has its default action; is it ours?
fn install() -> bool {
    // pthread_cancel needs the unwinder, and loads it when first used, which no signal handler may do; if it is
    // not to be had, it ends the process. Looking at the stack loads it too, and finds nothing without.
    let mut frame = ptr::null_mut();
    // SAFETY: there is room for one frame.
    if unsafe { backtrace(&mut frame, 1) } == 0 {
        return false;
    }

    let mut old = MaybeUninit::<sigaction>::uninit();
    // SAFETY: the old action is read only if it was written. The new one is all zeros, an empty mask and no
    // flags, but for what is set here; the handler has the type that SA_SIGINFO asks for.
    unsafe {
        if libc::sigaction(DOOR_SIGCANCEL, ptr::null(), old.as_mut_ptr()) != 0 {
            return false;
        }
        let old = old.assume_init().sa_sigaction;
        let ours = solaris_doors_cancelled as *const () as usize;
        if old != libc::SIG_DFL {
            return old == ours;
        }
        let mut new = MaybeUninit::<sigaction>::zeroed().assume_init();
        new.sa_sigaction = ours;
        new.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(DOOR_SIGCANCEL, &new, ptr::null_mut()) == 0
    }
}

/// The calling thread is about to serve for the first time: unblocks the signal, if it is ours.
///
/// Threads inherit the mask of the one that makes a door (TP-15), and many programs block every signal
/// before. On Solaris nobody can block a cancellation. A thread that began to serve when all doors of the
/// process were `DOOR_NO_CANCEL`, and that had the signal blocked, keeps it blocked.
pub(crate) fn let_through() {
    if STATE.load(Ordering::Acquire) != OURS {
        return;
    }
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the set is initialised first.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), DOOR_SIGCANCEL);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
    }
}
