// SPDX-License-Identifier: MIT OR Apache-2.0
//! Returning from a door, and serving the next call.

use super::{pool, xcreate};
use crate::errno::fail;
use crate::pthread::{pthread_exit, pthread_testcancel};
use crate::{debug, process, stack};
use core::arch::global_asm;
use core::ffi::{c_char, c_int, c_uint, c_void};
use doors_uapi::abi::{
    DoorDesc, DoorInfo, DOOR_DEPLETION_CB, DOOR_PRIVCREATE, DOOR_RETURN_DEPLETED,
};
use doors_uapi::syscalls::SYS_DOOR_RETURN;

/// Gives a result to the caller being served and waits for the next call; comes back only with -1 and
/// `errno` (RE-1 to RE-10).
///
/// The next invocation begins on a fresh stack: what the thread had on its own is gone, without
/// destructors or clean-up handlers (DA-10). A procedure that returns instead of calling this ends its
/// thread (RE-9). While the thread waits, signal handlers run and it goes on waiting, if its process
/// makes doors (RE-7); a waiting thread that lets itself be cancelled is cancelled by the signal that
/// cancellation sends (TP-30).
///
/// The first `door_return` of a thread looks its stack up, which is not safe in a signal handler; every
/// later one is.
///
/// # Safety
/// `data_ptr` and `desc_ptr` describe what to send; a bad address is an error, `EFAULT`. No frame of the
/// calling thread may own anything: nothing will be dropped.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn door_return(
    data_ptr: *mut c_char,
    data_size: usize,
    desc_ptr: *mut DoorDesc,
    num_desc: c_uint,
) -> c_int {
    let stack = match stack::bounds() {
        Ok(stack) => stack,
        Err(error) => return fail(error.number()),
    };
    // SAFETY: the bounds are those of this thread's stack below every frame that must survive a failure.
    let errno = unsafe {
        solaris_doors_return(
            data_ptr, data_size, desc_ptr, num_desc, stack.base, stack.size,
        )
    };
    if errno == libc::EMFILE {
        debug::no_room_for_descriptors();
    }
    fail(errno)
}

extern "C" {
    /// Enters the kernel; returns an error number, if it does return.
    fn solaris_doors_return(
        data_ptr: *const c_char,
        data_size: usize,
        desc_ptr: *const DoorDesc,
        num_desc: c_uint,
        stack_base: *mut c_void,
        stack_size: usize,
    ) -> c_int;
}

// What the kernel delivers is described where the system call is declared (doors_uapi::syscalls).
//
// An unwinder that gets here stops, because there is no caller in this process (`.cfi_undefined rip`);
// pthread_exit then goes where the thread began, in a frame above the stack base. So no frame of Rust is
// ever unwound.
//
// Interrupted while parked, the frames that led here cannot be trusted: a large argument may have been
// copied over them for a call that was then taken back (DA-3). A process that makes doors therefore does
// not go back to them: it parks again, from the stack base. Others have no callers, so their
// frames are as they were.
global_asm!(
    ".pushsection .text.solaris_doors_return, \"ax\", @progbits",
    ".globl solaris_doors_return",
    ".hidden solaris_doors_return",
    ".type solaris_doors_return, @function",
    ".p2align 4",
    "solaris_doors_return:",
    ".cfi_startproc",
    ".cfi_undefined rip",
    "    mov     r10, rcx",
    "    mov     eax, {door_return}",
    "    syscall",
    "    test    eax, eax",
    "    jnz     6f",
    // Delivered, on the new stack.
    "2:  test    r9d, {depleted}",
    "    jnz     5f",
    "3:  mov     rcx, r10",
    "    call    rbx",
    // The procedure returned: its thread ends, and the kernel tells the client (RE-9).
    "4:  xor     edi, edi",
    "    call    {pthread_exit}@PLT",
    "    ud2",
    // The last of its pool: see to another thread first, with the arguments kept aside. Four words keep
    // the stack aligned.
    "5:  push    rdi",
    "    push    rsi",
    "    push    r8",
    "    push    r10",
    "    mov     r14, rdx",
    "    mov     rdi, r12",
    "    call    {on_depletion}",
    "    mov     rdx, r14",
    "    pop     r10",
    "    pop     r8",
    "    pop     rsi",
    "    pop     rdi",
    "    jmp     3b",
    // Failed: eax is a negated error number, and every other register is as it was.
    "6:  neg     eax",
    "    cmp     eax, {eintr}",
    "    je      7f",
    "    ret",
    "7:  push    r8",
    "    push    r9",
    "    sub     rsp, 8",
    "    call    {makes_doors}",
    "    add     rsp, 8",
    "    pop     r9",
    "    pop     r8",
    "    test    eax, eax",
    "    jnz     8f",
    "    mov     eax, {eintr}",
    "    ret",
    // Park again with nothing to return, from the stack base. rbx and r12 are nobody's any more.
    "8:  mov     rsp, r8",
    "    mov     rbx, r8",
    "    mov     r12, r9",
    // A child forked by the signal handler has no callers, and nothing to go back to (RE-8).
    "    call    {makes_doors}",
    "    test    eax, eax",
    "    jz      4b",
    "    call    {testcancel}@PLT",
    "    mov     r8, rbx",
    "    mov     r9, r12",
    "    xor     edi, edi",
    "    xor     esi, esi",
    "    xor     edx, edx",
    "    xor     r10d, r10d",
    "    mov     eax, {door_return}",
    "    syscall",
    "    test    eax, eax",
    "    jz      2b",
    "    cmp     eax, -{eintr}",
    "    je      8b",
    // It may not park any more, and has nothing to return to.
    "    jmp     4b",
    ".cfi_endproc",
    ".size solaris_doors_return, . - solaris_doors_return",
    ".popsection",
    door_return = const SYS_DOOR_RETURN,
    depleted = const DOOR_RETURN_DEPLETED,
    eintr = const libc::EINTR,
    on_depletion = sym on_depletion,
    makes_doors = sym makes_doors,
    pthread_exit = sym pthread_exit,
    testcancel = sym pthread_testcancel,
);

/// This thread was the last of its pool: `info` describes a private door, null stands for the shared pool
/// (TP-20 to TP-24). The block is on this thread's stack and valid during the call-back.
unsafe extern "C" fn on_depletion(info: *mut DoorInfo) {
    // SAFETY: the kernel put the structure on this thread's stack, above everything in use.
    let made_by_program = !info.is_null()
        && unsafe {
            (*info).attributes |= DOOR_DEPLETION_CB;
            (*info).attributes & DOOR_PRIVCREATE != 0
        };
    if made_by_program {
        xcreate::on_depletion(info);
    } else {
        pool::needs_thread(info);
    }
}

/// Whether the process is one whose threads park again (RE-7).
extern "C" fn makes_doors() -> c_int {
    c_int::from(process::makes_doors())
}
