// SPDX-License-Identifier: MIT OR Apache-2.0
//! The processes of a seat. The root is the server that the client calls; it has two children, the client and the server
//! that it calls itself, and so on. All of them end when their parent does, and a server when the next one has.

use crate::board::{count, servers_of, Board, Seat};
use crate::random::Random;
use crate::system::{become_child, nap};
use crate::task::{self, Server};
use doors_uapi::abi::DOOR_NO_CANCEL;
use solaris_doors::door::door_create;
use std::sync::atomic::Ordering;

/// The first server of a seat.
pub(crate) struct Root {
    process: i32,
}

/// A child that runs `body` and ends.
fn fork(body: impl FnOnce()) -> Result<i32, String> {
    // SAFETY: getpid and fork have no preconditions. Processes fork before they have threads, or, for a client, do no
    // more in the child than call and sleep.
    match unsafe { (libc::getpid(), libc::fork()) } {
        (_, -1) => Err(format!("fork: {}", std::io::Error::last_os_error())),
        (parent, 0) => {
            become_child(parent);
            body();
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(0) }
        }
        (_, child) => Ok(child),
    }
}

impl Root {
    pub(crate) fn start(
        board: &'static Board,
        seat: &'static Seat,
        number: usize,
        seed: u64,
    ) -> Result<Root, String> {
        count(&board.roots);
        seat.processes
            .iter()
            .for_each(|it| it.store(0, Ordering::SeqCst));
        seat.doors
            .iter()
            .for_each(|it| it.store(0, Ordering::SeqCst));
        let process = fork(|| serve(board, number, 1, seed))?;
        seat.processes[1].store(process, Ordering::SeqCst);
        Ok(Root { process })
    }

    /// Whether it has ended. Other processes that have come to us are reaped on the way.
    pub(crate) fn is_gone(&mut self) -> Result<bool, String> {
        let mut status = 0;
        // SAFETY: the number is there to be written to.
        let process = unsafe { libc::waitpid(self.process, &mut status, libc::WNOHANG) };
        if process != self.process {
            return Ok(false);
        }
        if libc::WIFSIGNALED(status) && libc::WTERMSIG(status) != libc::SIGKILL {
            return Err(format!(
                "a server was ended by signal {}",
                libc::WTERMSIG(status)
            ));
        }
        Ok(true)
    }
}

/// A server: starts the next one, makes its door, and waits for the end of it.
fn serve(board: &'static Board, number: usize, place: usize, seed: u64) {
    let seat = &board.seats[number];
    let next_process = (place < servers_of(number)).then(|| {
        let process = fork(|| serve(board, number, place + 1, seed));
        process.unwrap_or_else(|_| end())
    });
    let next = next_process.map(|process| {
        seat.processes[place + 1].store(process, Ordering::SeqCst);
        take_door(process, seat, place + 1)
    });
    let server = Server {
        board,
        seat: number,
        place,
        next,
    };
    if task::SERVER.set(server).is_err() {
        end();
    }
    // SAFETY: the procedure accepts any cookie.
    let door = unsafe { door_create(Some(task::procedure), std::ptr::null_mut(), DOOR_NO_CANCEL) };
    seat.doors[place].store(door + 1, Ordering::SeqCst);
    std::thread::spawn(move || task::rival(board));
    let mut random = Random::new(seed);
    let mut client = None;
    loop {
        if place == 1 && client.is_none() {
            let seed = random.next();
            client = fork(|| call(board, number, door, seed)).ok();
            seat.processes[0].store(client.unwrap_or(0), Ordering::SeqCst);
        }
        // SAFETY: asks for no status.
        let ended = unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) };
        if Some(ended) == next_process {
            end();
        }
        if Some(ended) == client {
            client = None;
        }
        if ended == -1 {
            // Interrupted; or it has no children, and others have just reaped theirs.
            nap(1000);
        }
    }
}

/// Ends this process, and so the rest of the chain. The root is started anew.
fn end() -> ! {
    // SAFETY: nobody needs exit handlers here.
    unsafe { libc::_exit(0) }
}

/// The door of a child, as soon as that has made it.
fn take_door(process: i32, seat: &Seat, place: usize) -> i32 {
    let theirs = loop {
        match seat.doors[place].load(Ordering::SeqCst) {
            0 => nap(300),
            door => break door - 1,
        }
        // SAFETY: asks about a child, for no status.
        if unsafe { libc::waitpid(process, std::ptr::null_mut(), libc::WNOHANG) } != 0 {
            end();
        }
    };
    // SAFETY: these make descriptors, and fail if the child is gone.
    let door = unsafe {
        let child = libc::syscall(libc::SYS_pidfd_open, process, 0);
        let door = libc::syscall(libc::SYS_pidfd_getfd, child, theirs, 0);
        libc::close(child as i32);
        door
    };
    if door < 0 {
        end();
    }
    door as i32
}

/// A client: calls until the server is gone.
fn call(board: &'static Board, number: usize, door: i32, seed: u64) {
    let seat = &board.seats[number];
    let servers = servers_of(number);
    let mut random = Random::new(seed);
    count(&board.clients);
    // SAFETY: has no preconditions.
    seat.threads[0].store(unsafe { libc::gettid() }, Ordering::SeqCst);
    loop {
        let word = random.next();
        if word.is_multiple_of(16) {
            nap(word >> 32 & 511);
        }
        count(&board.begun);
        match task::call(door, word) {
            Ok(reply) if reply == task::expected(word, servers) => {
                count(&board.answered);
                if board.is_peace() {
                    count(&seat.in_peace);
                }
            }
            // The second: while it waited for a thread to serve it.
            Err(libc::EINTR | libc::EAGAIN) => count(&board.interrupted),
            // The second: the server's memory went away while the call was written to it.
            Err(libc::EBADF | libc::E2BIG) => {
                count(&board.gone);
                nap(1000);
            }
            wrong => {
                count(&board.wrong);
                println!(
                    "seat {number}: {wrong:?} instead of {:?}",
                    task::expected(word, servers)
                );
            }
        }
    }
}
