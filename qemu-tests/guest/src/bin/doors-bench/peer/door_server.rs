// SPDX-License-Identifier: MIT OR Apache-2.0
//! A door's server on the bare system calls: threads that are parked in `door_return`, and the procedure that they run.

use std::arch::global_asm;
use std::cell::Cell;
use std::convert::Infallible;
use std::ffi::c_void;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use doors_uapi::abi::{DoorArg, DoorDesc};
use doors_uapi::syscalls::{self, SYS_DOOR_RETURN};

use super::{last_error, Shape};

/// What the procedure does besides answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing.
    Nothing,
    /// A system call of the server's own.
    SystemCall,
    /// It calls this door, and passes the reply on.
    CallOn(i32),
    /// It never comes back.
    Sleep,
}

/// One server thread.
pub(super) struct Seat {
    work: Work,
    reply: Vec<u8>,
    stack: *mut c_void,
}

thread_local! {
    /// The thread's own seat, for the procedure: what was on the stack when the thread parked is gone.
    static SEAT: Cell<*mut Seat> = const { Cell::new(ptr::null_mut()) };
}

impl Seat {
    /// Bytes of stack for invocations: room for the largest argument, and for the procedure.
    const STACK: usize = 2 << 20;

    pub(super) fn new(shape: &Shape, work: Work) -> io::Result<Seat> {
        // SAFETY: a new mapping disturbs nothing. It is never unmapped: the kernel may write to it as long as the
        // thread lives.
        let stack = unsafe {
            libc::mmap(
                ptr::null_mut(),
                Self::STACK,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if stack == libc::MAP_FAILED {
            return Err(last_error());
        }
        Ok(Seat {
            work,
            reply: vec![0xa5; shape.reply],
            stack,
        })
    }

    /// Parks the thread for calls, for ever. Comes back only to fail.
    pub(super) fn serve(self) -> io::Result<Infallible> {
        let seat = Box::into_raw(Box::new(self));
        SEAT.set(seat);
        // SAFETY: the seat is never freed, and this thread's alone.
        let stack = unsafe { (*seat).stack };
        // SAFETY: nothing is returned; the stack is this thread's, and unused.
        let error = unsafe {
            doors_bench_return(
                ptr::null(),
                0,
                ptr::null(),
                0,
                stack.byte_add(Self::STACK),
                Self::STACK,
            )
        };
        Err(io::Error::from_raw_os_error(-error))
    }
}

/// Makes a door for the procedure.
pub(super) fn create() -> io::Result<OwnedFd> {
    // SAFETY: whoever is called runs the procedure, on threads that have a seat.
    let made = unsafe { syscalls::door_create(procedure as *mut c_void, ptr::null_mut(), 0) };
    let door = made.map_err(|error| io::Error::from_raw_os_error(error.number()))?;
    // SAFETY: the descriptor is new, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(door.into_raw()) })
}

/// Calls a door. The kernel rewrites the parameters.
#[inline]
pub(super) fn call(door: i32, parameters: &mut DoorArg) -> io::Result<()> {
    // SAFETY: what the parameters describe is the caller's, and there.
    unsafe { syscalls::door_call(door, parameters) }
        .map_err(|error| io::Error::from_raw_os_error(error.number()))
}

/// What every door of the benchmark's does: it answers with the first bytes of the argument.
unsafe extern "C" fn procedure(
    _cookie: *mut c_void,
    argument: *const u8,
    size: usize,
    descriptors: *const DoorDesc,
    count: u32,
) -> ! {
    let seat = SEAT.get();
    // SAFETY: only threads that have a seat serve, it is never freed, and nobody else uses it.
    let seat = unsafe { &mut *seat };
    let echoed = size.min(seat.reply.len()).min(8);
    // SAFETY: the kernel put so many bytes there.
    unsafe { ptr::copy_nonoverlapping(argument, seat.reply.as_mut_ptr(), echoed) };
    for index in 0..count as usize {
        // SAFETY: the kernel put so many descriptors there. They are new, and nobody else knows them.
        drop(unsafe { OwnedFd::from_raw_fd((*descriptors.add(index)).descriptor) });
    }
    match seat.work {
        Work::Nothing => {}
        Work::SystemCall => {
            // SAFETY: has no preconditions.
            unsafe { libc::getppid() };
        }
        Work::CallOn(door) => {
            let mut parameters = DoorArg {
                data_ptr: argument.expose_provenance() as u64,
                data_size: size as u64,
                rbuf: seat.reply.as_mut_ptr().expose_provenance() as u64,
                rsize: seat.reply.len() as u64,
                ..DoorArg::default()
            };
            if let Err(error) = call(door, &mut parameters) {
                give_up("door_call", error);
            }
        }
        Work::Sleep => loop {
            // SAFETY: has no preconditions.
            unsafe { libc::pause() };
        },
    }
    // SAFETY: the reply is there until the next invocation; what is on the stack is not needed any more.
    let error = unsafe {
        doors_bench_return(
            seat.reply.as_ptr(),
            seat.reply.len(),
            ptr::null(),
            0,
            seat.stack.byte_add(Seat::STACK),
            Seat::STACK,
        )
    };
    give_up("door_return", io::Error::from_raw_os_error(-error))
}

/// Ends a server that cannot go on; the clients are told.
#[cold]
fn give_up(what: &str, error: io::Error) -> ! {
    eprintln!("doors-bench: {what}: {error}");
    std::process::abort()
}

extern "C" {
    /// `door_return`; comes back with a negated error number, or runs the procedure.
    fn doors_bench_return(
        data: *const u8,
        size: usize,
        descriptors: *const DoorDesc,
        count: u32,
        stack_base: *mut c_void,
        stack_size: usize,
    ) -> i32;
}

// What the kernel delivers is described where the system call is declared (doors_uapi::syscalls). As many instructions as
// the C library's stub has; a thread that the pool could use besides this one is never asked for.
global_asm!(
    ".pushsection .text.doors_bench_return, \"ax\", @progbits",
    ".globl doors_bench_return",
    ".type doors_bench_return, @function",
    "doors_bench_return:",
    "    mov     r10, rcx",
    "    mov     eax, {door_return}",
    "    syscall",
    "    test    eax, eax",
    "    jnz     2f",
    "    mov     rcx, r10",
    "    call    rbx",
    "    ud2",
    "2:  ret",
    ".size doors_bench_return, . - doors_bench_return",
    ".popsection",
    door_return = const SYS_DOOR_RETURN,
);
