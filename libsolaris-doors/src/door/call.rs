// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calling a door.

use crate::pthread::{__libc_single_threaded, pthread_setcanceltype, PTHREAD_CANCEL_ASYNCHRONOUS};
use core::arch::global_asm;
use core::ffi::c_int;
use doors_uapi::abi::DoorArg;
use doors_uapi::syscalls::SYS_DOOR_CALL;

extern "C-unwind" {
    /// Calls a door: 0, or -1 and `errno` (CA-1 to CA-8).
    ///
    /// A cancellation point (CA-1): a thread cancelled before or during the call ends, and the server sees
    /// its client leave. As in the C library's own calls before version 2.41, a cancellation that arrives
    /// in the few instructions between a finished call and its return ends the thread with the result
    /// unread; a mapping or descriptors that came with it stay with the process.
    ///
    /// # Safety
    /// `params` is null or points to a `door_arg_t`, whose `rbuf` and `rsize` describe memory that may be
    /// overwritten.
    #[link_name = "solaris_doors_call"]
    pub fn door_call(d: c_int, params: *mut DoorArg) -> c_int;
}

// In assembly, because a cancellation unwinds this frame from the middle of the system call: what may be
// left at any instruction, an unwinder has to understand at any instruction.
//
// While the process has one thread, nobody is there to cancel it. Otherwise the call is made with
// asynchronous cancellation; the kernel cleans up after a caller that goes away. A thread that has
// cancellation disabled is not concerned by its type.
global_asm!(
    ".pushsection .text.solaris_doors_call, \"ax\", @progbits",
    ".globl solaris_doors_call",
    ".hidden solaris_doors_call",
    ".type solaris_doors_call, @function",
    ".p2align 4",
    "solaris_doors_call:",
    ".cfi_startproc",
    "    mov     rax, qword ptr [rip + {single_threaded}@GOTPCREL]",
    "    cmp     byte ptr [rax], 0",
    "    je      3f",
    "    mov     eax, {door_call}",
    "    syscall",
    "2:  test    eax, eax",
    "    js      4f",
    "    ret",
    // edi, rsi: the arguments; [rsp + 12]: the type of cancellation as it was.
    "3:  push    rbx",
    ".cfi_adjust_cfa_offset 8",
    ".cfi_rel_offset rbx, 0",
    "    push    r12",
    ".cfi_adjust_cfa_offset 8",
    ".cfi_rel_offset r12, 0",
    "    sub     rsp, 24",
    ".cfi_adjust_cfa_offset 24",
    "    mov     ebx, edi",
    "    mov     r12, rsi",
    "    mov     edi, {asynchronous}",
    "    lea     rsi, [rsp + 12]",
    "    call    {setcanceltype}@PLT",
    "    mov     edi, ebx",
    "    mov     rsi, r12",
    "    mov     eax, {door_call}",
    "    syscall",
    "    mov     ebx, eax",
    "    mov     edi, dword ptr [rsp + 12]",
    "    xor     esi, esi",
    "    call    {setcanceltype}@PLT",
    "    mov     eax, ebx",
    "    add     rsp, 24",
    ".cfi_adjust_cfa_offset -24",
    "    pop     r12",
    ".cfi_adjust_cfa_offset -8",
    ".cfi_restore r12",
    "    pop     rbx",
    ".cfi_adjust_cfa_offset -8",
    ".cfi_restore rbx",
    "    jmp     2b",
    "4:  mov     edi, eax",
    "    neg     edi",
    "    jmp     {fail}",
    ".cfi_endproc",
    ".size solaris_doors_call, . - solaris_doors_call",
    ".popsection",
    single_threaded = sym __libc_single_threaded,
    setcanceltype = sym pthread_setcanceltype,
    asynchronous = const PTHREAD_CANCEL_ASYNCHRONOUS,
    door_call = const SYS_DOOR_CALL,
    fail = sym crate::errno::fail,
);

#[cfg(feature = "c-library")]
global_asm!(".globl door_call", ".set door_call, solaris_doors_call");
