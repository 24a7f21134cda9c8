// SPDX-License-Identifier: MIT OR Apache-2.0
//! Doors and server threads on the system calls alone: no library makes threads, parks them again or asks for more.
//!
//! A [`Server`] lends the kernel memory of its own as the stack of its invocations and comes back to the stack that
//! it was called on, so that here `door_return` is a function which returns the next call.

use super::server::Door;
use doors_uapi::abi::{DoorDesc, DoorInfo, DOOR_UNREF_DATA};
use doors_uapi::syscalls::{self, SYS_DOOR_RETURN};
use doors_uapi::Errno;
use std::arch::global_asm;
use std::cell::Cell;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

/// A door without a procedure or a thread; its calls are told from others by the cookie.
#[track_caller]
pub(crate) fn make(attributes: u32, cookie: usize) -> Door {
    try_make(attributes, cookie).expect("a door can be made")
}

pub(crate) fn try_make(attributes: u32, cookie: usize) -> Result<Door, Errno> {
    // SAFETY: nobody runs the procedure: our servers look at the cookie instead.
    let fd = unsafe {
        syscalls::door_create(
            ptr::null_mut(),
            ptr::without_provenance_mut(cookie),
            attributes,
        )
    }?
    .into_raw();
    // SAFETY: the descriptor is new.
    Ok(Door(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// `door_info`, of a descriptor or of `DOOR_QUERY`.
pub(crate) fn info(door: i32) -> Result<DoorInfo, Errno> {
    let mut info = DoorInfo::default();
    // SAFETY: the structure is ours.
    unsafe { syscalls::door_info(door, &mut info) }.map(|()| info)
}

#[track_caller]
pub(crate) fn attributes(door: i32) -> u32 {
    info(door).expect("this is a door").attributes
}

pub(crate) fn bind(door: i32) -> Result<(), Errno> {
    // SAFETY: has no preconditions.
    unsafe { syscalls::door_bind(door) }
}

pub(crate) fn unbind() -> Result<(), Errno> {
    // SAFETY: has no preconditions.
    unsafe { syscalls::door_unbind() }
}

/// `door_revoke`, which closes the descriptor if it succeeds.
pub(crate) fn revoke(door: Door) -> Result<(), Errno> {
    // SAFETY: the number is ours, and from now on nobody's.
    unsafe { syscalls::door_revoke(door.into_raw()) }
}

/// One invocation: the registers that it began with.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Call {
    pub(crate) procedure: usize,
    pub(crate) cookie: usize,
    /// `argp`, and how many bytes are there.
    pub(crate) data: usize,
    pub(crate) size: usize,
    /// `dp`, and how many entries are there.
    pub(crate) descriptors: usize,
    pub(crate) count: usize,
    pub(crate) flags: u64,
    /// The information for the depletion call-back, or 0.
    pub(crate) info: usize,
    /// Where the procedure's own frame would begin.
    pub(crate) sp: usize,
}

impl Call {
    /// A copy of the data. Only before the thread parks again.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        copy(self.data, self.size)
    }

    /// A copy of the descriptors. Only before the thread parks again.
    pub(crate) fn entries(&self) -> Vec<DoorDesc> {
        copy(self.descriptors, self.count)
    }

    /// A copy of the information. Only before the thread parks again.
    pub(crate) fn information(&self) -> Option<DoorInfo> {
        copy(self.info, usize::from(self.info != 0)).pop()
    }

    /// Whether this is an unreferenced notification (UN-9).
    pub(crate) fn is_notification(&self) -> bool {
        self.data as u64 == DOOR_UNREF_DATA
            && self.size == 0
            && self.count == 0
            && self.descriptors == 0
    }
}

fn copy<T: Copy>(address: usize, length: usize) -> Vec<T> {
    let first: *const T = ptr::with_exposed_provenance(address);
    // SAFETY: the kernel says that so many are there, on a stack that nobody else uses; packed types have no holes.
    (0..length)
        .map(|index| unsafe { first.add(index).read_unaligned() })
        .collect()
}

/// A thread's stack for invocations. The value belongs to the thread that serves.
pub(crate) struct Server {
    base: usize,
    declared: usize,
}

impl Server {
    const STACK: usize = 256 << 10;

    pub(crate) fn new() -> Self {
        Self::declaring(Self::STACK)
    }

    /// Tells the kernel of `declared` bytes of stack, however many there are.
    pub(crate) fn declaring(declared: usize) -> Self {
        // SAFETY: a new mapping disturbs nothing. It is never unmapped: the kernel may write to it as long as the
        // thread lives.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                Self::STACK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(memory, libc::MAP_FAILED);
        Self {
            base: memory.expose_provenance() + Self::STACK,
            declared,
        }
    }

    /// The highest address of the stack.
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// `door_return` with nothing.
    pub(crate) fn park(&mut self) -> Result<Call, Errno> {
        self.give(&[])
    }

    /// `door_return` with data.
    pub(crate) fn give(&mut self, data: &[u8]) -> Result<Call, Errno> {
        self.give_with(data, &[])
    }

    /// `door_return` with data and descriptors; returns the next call.
    pub(crate) fn give_with(
        &mut self,
        data: &[u8],
        descriptors: &[DoorDesc],
    ) -> Result<Call, Errno> {
        // SAFETY: both are live slices, which the kernel copies.
        unsafe {
            self.give_raw(
                data.as_ptr().expose_provenance(),
                data.len(),
                descriptors.as_ptr().expose_provenance(),
                descriptors.len(),
            )
        }
    }

    /// `door_return` with addresses as they are.
    ///
    /// # Safety
    /// The addresses may be read, or are bad ones: those are errors.
    pub(crate) unsafe fn give_raw(
        &mut self,
        data: usize,
        size: usize,
        descriptors: usize,
        count: usize,
    ) -> Result<Call, Errno> {
        let arguments = [data, size, descriptors, count, self.base, self.declared];
        let mut call = Call::default();
        // SAFETY: the arguments outlive the call; the stack is ours, and of the size that is declared or larger,
        // or a test of what happens otherwise.
        let result = unsafe { doors_tests_return(&arguments, &mut call) };
        if result == 0 {
            Ok(call)
        } else {
            Err(Errno::new(-result as i32))
        }
    }

    /// Serves for ever; `procedure` says what the replies are.
    pub(crate) fn serve(mut self, mut procedure: impl FnMut(&Call) -> Vec<u8>) -> ! {
        let mut next = self.park();
        loop {
            let reply = match next {
                Ok(call) => procedure(&call),
                // A signal, and there is nobody to reply to (RE-7).
                Err(Errno::EINTR) => Vec::new(),
                Err(error) => panic!("door_return: {error}"),
            };
            next = self.give(&reply);
        }
    }
}

extern "C" {
    /// `door_return`: 0 when there is a call, which is put into `call`, or a negated error number.
    fn doors_tests_return(arguments: *const [usize; 6], call: *mut Call) -> isize;
}

thread_local! {
    /// The stack pointer of the thread while it is in `doors_tests_return`.
    static FRAME: Cell<usize> = const { Cell::new(0) };
}

extern "C" fn keep_frame(frame: usize) {
    FRAME.set(frame);
}

extern "C" fn frame() -> usize {
    FRAME.get()
}

// What the kernel delivers is described where the system call is declared (doors_uapi::syscalls). The registers that
// a function must keep are saved on the stack that it is called on, which the kernel does not know: the stack that is
// lent is another one.
global_asm!(
    ".pushsection .text.doors_tests_return, \"ax\", @progbits",
    ".globl doors_tests_return",
    ".type doors_tests_return, @function",
    "doors_tests_return:",
    "    push    rbx",
    "    push    rbp",
    "    push    r12",
    "    push    r13",
    "    push    r14",
    "    push    r15",
    // Seven words below an aligned address, so this aligns the stack again. [rsp]: where the call is put.
    "    push    rsi",
    "    mov     rbx, rdi",
    "    mov     rdi, rsp",
    "    call    {keep_frame}",
    "    mov     rdi, [rbx]",
    "    mov     rsi, [rbx + 8]",
    "    mov     rdx, [rbx + 16]",
    "    mov     r10, [rbx + 24]",
    "    mov     r8, [rbx + 32]",
    "    mov     r9, [rbx + 40]",
    "    mov     eax, {door_return}",
    "    syscall",
    "    test    rax, rax",
    "    jnz     2f",
    // Delivered, on the lent stack, which is aligned. Collect the registers, in the order of `Call`.
    "    push    r12",
    "    push    r9",
    "    push    r8",
    "    push    r10",
    "    push    rdx",
    "    push    rsi",
    "    push    rdi",
    "    push    rbx",
    "    mov     rbx, rsp",
    "    call    {frame}",
    "    mov     rsp, rax",
    "    mov     rdi, [rsp]",
    "    mov     rsi, rbx",
    "    mov     ecx, 8",
    "    cld",
    "    rep     movsq",
    // rsi is where the stack pointer was at first.
    "    mov     [rdi], rsi",
    "    xor     eax, eax",
    "2:  add     rsp, 8",
    "    pop     r15",
    "    pop     r14",
    "    pop     r13",
    "    pop     r12",
    "    pop     rbp",
    "    pop     rbx",
    "    ret",
    ".size doors_tests_return, . - doors_tests_return",
    ".popsection",
    door_return = const SYS_DOOR_RETURN,
    keep_frame = sym keep_frame,
    frame = sym frame,
);
