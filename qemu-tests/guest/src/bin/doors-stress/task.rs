// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is called: every server changes a number in its own way, after having been busy in a way that the number says.

use crate::board::{count, Board};
use crate::random::mix;
use crate::system::nap;
use doors_uapi::abi::{DoorArg, DoorDesc};
use solaris_doors::door::{door_call, door_return};
use std::ffi::{c_char, c_uint, c_void};
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};

/// What makes this program end at once: servers execute it.
pub(crate) const NOTHING: &str = "--nothing";

/// A request: a number. A reply: an error number, and what has become of the number if that is 0.
pub(crate) type Reply = [u64; 2];

/// What a server process knows.
pub(crate) struct Server {
    pub(crate) board: &'static Board,
    pub(crate) seat: usize,
    /// Its place in the chain, from 1.
    pub(crate) place: usize,
    /// The door of the next one.
    pub(crate) next: Option<i32>,
}

pub(crate) static SERVER: OnceLock<Server> = OnceLock::new();

/// What the threads of a server contend for.
static CONTENDED: Mutex<u64> = Mutex::new(0);

/// What comes of `number` after `servers` of them.
pub(crate) fn expected(number: u64, servers: usize) -> u64 {
    (1..=servers).rev().fold(number, step)
}

fn step(number: u64, place: usize) -> u64 {
    mix(number.wrapping_add(place as u64))
}

/// Calls; an error number if that fails, here or further on.
pub(crate) fn call(door: i32, number: u64) -> Result<u64, i32> {
    let mut reply: Reply = [0; 2];
    let mut arguments = DoorArg {
        data_ptr: (&raw const number).expose_provenance() as u64,
        data_size: size_of_val(&number) as u64,
        rbuf: (&raw mut reply).expose_provenance() as u64,
        rsize: size_of_val(&reply) as u64,
        ..DoorArg::default()
    };
    // SAFETY: all that the arguments point to outlives the call.
    if unsafe { door_call(door, &mut arguments) } == -1 {
        let error = std::io::Error::last_os_error();
        return Err(error.raw_os_error().unwrap_or(libc::EIO));
    }
    if arguments.data_size != size_of_val(&reply) as u64 {
        return Err(libc::EBADMSG);
    }
    // The kernel has written to it.
    match black_box(reply) {
        [0, number] => Ok(number),
        [error, _] => Err(error as i32),
    }
}

/// The procedure of every server.
pub(crate) extern "C-unwind" fn procedure(
    _cookie: *mut c_void,
    argument: *mut c_char,
    size: usize,
    _descriptors: *mut DoorDesc,
    _count: c_uint,
) {
    let mut reply: Reply = match SERVER.get() {
        Some(server) if size == size_of::<u64>() => {
            // SAFETY: the kernel has put so many bytes there.
            let number = unsafe { argument.cast::<u64>().read_unaligned() };
            match serve(server, number) {
                Ok(number) => [0, number],
                Err(error) => [error as u64, 0],
            }
        }
        _ => [libc::EBADMSG as u64, 0],
    };
    // SAFETY: the reply is live until the kernel has copied it.
    unsafe {
        door_return(
            (&raw mut reply).cast(),
            size_of_val(&reply),
            std::ptr::null_mut(),
            0,
        )
    };
}

fn serve(server: &Server, number: u64) -> Result<u64, i32> {
    let seat = &server.board.seats[server.seat];
    // SAFETY: has no preconditions.
    seat.threads[server.place].store(unsafe { libc::gettid() }, Ordering::Relaxed);
    count(&server.board.served);
    let mood = mix(number ^ (server.place as u64) << 32);
    let is_peace = server.board.is_peace();
    if !is_peace {
        be_busy(mood);
    }
    let number = match server.next {
        Some(next) => call(next, number)?,
        None => number,
    };
    if !is_peace {
        be_busy(mood.rotate_right(20));
    }
    Ok(step(number, server.place))
}

/// Something that takes the thread off its CPU, or keeps it there; mostly nothing.
fn be_busy(mood: u64) {
    let amount = (mood >> 8) % 200;
    match mood % 64 {
        0..4 => spin(amount * 300),
        4 => spin(amount * 5000),
        5..8 => nap(amount),
        8 => nap(amount * 10),
        9..12 => touch_memory(1 + amount as usize / 8),
        12..16 => contend(amount * 30),
        16..18 => (0..3).for_each(|_| std::thread::yield_now()),
        18..21 => wait_for_nothing(),
        21 => have_child(mood & 0xf000 == 0),
        _ => {}
    }
}

fn spin(times: u64) {
    let mut number = times;
    for _ in 0..times {
        number = black_box(mix(number));
    }
}

/// Faults pages in, and gives them back.
fn touch_memory(pages: usize) {
    let mut memory = vec![0_u8; pages << 12];
    for page in memory.chunks_mut(1 << 12) {
        page[0] = black_box(1);
    }
    black_box(memory);
}

/// Holds a lock that the `rival` wants, too.
fn contend(times: u64) {
    if let Ok(mut held) = CONTENDED.lock() {
        spin(times);
        *held += 1;
    }
}

/// A thread of every server that now and then holds the lock, until there is peace.
pub(crate) fn rival(board: &Board) {
    while !board.is_peace() {
        contend(3000);
        nap(300);
    }
}

/// Waits for what does not come, for a very short time: about to sleep, and preempted there now and then.
fn wait_for_nothing() {
    let mut nothing = libc::pollfd {
        fd: -1,
        events: libc::POLLIN,
        revents: 0,
    };
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1000,
    };
    // SAFETY: one structure, which is ours, and a time; no mask.
    unsafe { libc::ppoll(&mut nothing, 1, &time, std::ptr::null()) };
}

/// Forks, and waits for the child. It does not matter if a signal comes first: whoever ends reaps it.
fn have_child(executes: bool) {
    let program = c"/proc/self/exe";
    let arguments = [program.as_ptr(), c"--nothing".as_ptr(), std::ptr::null()];
    let environment = [std::ptr::null()];
    // SAFETY: the child does nothing but execute or end; the strings and arrays are live.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            if executes {
                libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
            }
            libc::_exit(0);
        }
        while child > 0
            && libc::waitpid(child, std::ptr::null_mut(), 0) == -1
            && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted
        {}
    }
}
