// SPDX-License-Identifier: MIT OR Apache-2.0
//! `door_return`, as a function that comes back with an invocation.
//!
//! The kernel starts a server procedure on the stack that the thread has lent, with nothing of what the thread did
//! before. Here the procedure is a few instructions that go back to the stack on which `door_return` was called: so
//! a thread can be told in the middle of an invocation what to do next. What was sent stays on the lent stack, below
//! which nothing is used, until the next `door_return`.

use crate::memory::Room;
use doors_uapi::abi::DoorDesc;
use doors_uapi::syscalls::SYS_DOOR_RETURN;
use doors_uapi::Errno;
use std::arch::global_asm;
use std::ffi::c_void;

/// How an invocation begins: the registers as the kernel leaves them.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) cookie: u64,
    pub(crate) data: u64,
    pub(crate) size: u64,
    pub(crate) descriptors: u64,
    pub(crate) count: u64,
    pub(crate) flags: u64,
    pub(crate) info: u64,
    pub(crate) procedure: u64,
}

extern "C" {
    /// Fills `start` and returns 0, or returns a negated error number.
    fn doors_sequences_return(
        data: *const u8,
        size: usize,
        descriptors: *const DoorDesc,
        count: u32,
        stack_base: *mut c_void,
        stack_size: usize,
        start: *mut Start,
    ) -> i64;
}

// Of all registers the kernel keeps the two segment bases only: what has to be found again is found through the
// topmost words of the lent stack, which are not lent. There lie the old stack pointer, and where to leave the start.
global_asm!(
    ".pushsection .text.doors_sequences_return, \"ax\", @progbits",
    ".globl doors_sequences_return",
    ".hidden doors_sequences_return",
    ".type doors_sequences_return, @function",
    ".p2align 4",
    "doors_sequences_return:",
    "    push    rbx",
    "    push    rbp",
    "    push    r12",
    "    push    r13",
    "    push    r14",
    "    push    r15",
    // The seventh argument, above the return address and six registers.
    "    mov     rax, qword ptr [rsp + 56]",
    "    mov     qword ptr [r8], rsp",
    "    mov     qword ptr [r8 + 8], rax",
    "    mov     r10, rcx",
    "    mov     eax, {number}",
    "    syscall",
    "    test    rax, rax",
    "    jnz     2f",
    // Somewhere on the lent stack, whose top is a multiple of its size.
    "    mov     rcx, rsp",
    "    or      rcx, {mask}",
    "    sub     rcx, {kept} - 1",
    "    mov     rax, qword ptr [rcx + 8]",
    "    mov     qword ptr [rax], rdi",
    "    mov     qword ptr [rax + 8], rsi",
    "    mov     qword ptr [rax + 16], rdx",
    "    mov     qword ptr [rax + 24], r10",
    "    mov     qword ptr [rax + 32], r8",
    "    mov     qword ptr [rax + 40], r9",
    "    mov     qword ptr [rax + 48], r12",
    "    mov     qword ptr [rax + 56], rbx",
    "    mov     rsp, qword ptr [rcx]",
    "    xor     eax, eax",
    "2:  pop     r15",
    "    pop     r14",
    "    pop     r13",
    "    pop     r12",
    "    pop     rbp",
    "    pop     rbx",
    "    ret",
    ".size doors_sequences_return, . - doors_sequences_return",
    ".popsection",
    number = const SYS_DOOR_RETURN,
    mask = const Room::STACK - 1,
    kept = const Room::KEPT,
);

/// `door_return`: waits for an invocation, or fails.
pub(crate) fn door_return(
    room: &Room,
    data: *const u8,
    size: usize,
    descriptors: &[DoorDesc],
) -> Result<Start, Errno> {
    let mut start = Start::default();
    // SAFETY: the stack is this thread's, and nothing else is on it. Bad addresses among the other arguments are
    // errors. The function keeps what a function has to keep.
    let result = unsafe {
        doors_sequences_return(
            data,
            size,
            descriptors.as_ptr(),
            descriptors.len() as u32,
            room.stack_base(),
            Room::LENT,
            &mut start,
        )
    };
    match result {
        0 => Ok(start),
        // Error numbers are small.
        error => Err(Errno::new(-error as i32)),
    }
}
