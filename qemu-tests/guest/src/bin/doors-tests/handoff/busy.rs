// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server may do anything that a program does in the middle of a call.

use crate::support::process::server;
use crate::support::raw::make;
use crate::support::threads::{serve, start};
use crate::support::{call, fork, pattern, tests, PAGE};
use std::hint::black_box;
use std::sync::Mutex;
use std::time::Duration;

tests!(handoff:
    servers_do_all_kinds_of_things => "CA-5 DA-10",
);

/// What a lock of the server's is wanted by, besides its procedure.
const RIVALS: usize = 2;

static CONTENDED: Mutex<usize> = Mutex::new(0);

/// What a server does before it replies.
const THINGS: &[fn()] = &[
    || std::thread::sleep(Duration::from_micros(300)),
    || fork(|| ()).succeed(),
    execute,
    fault,
    contend,
    || std::thread::spawn(|| ()).join().expect("a thread"),
    || (0..10).for_each(|_| std::thread::yield_now()),
    read_a_pipe,
];

fn execute() {
    let status = std::process::Command::new("/proc/self/exe")
        .arg("--rules")
        .output();
    assert!(status.is_ok_and(|output| output.status.success()));
}

/// Pages that are new, and then gone.
fn fault() {
    let mut memory = vec![0_u8; 40 * PAGE];
    memory
        .chunks_mut(PAGE)
        .for_each(|page| page[0] = black_box(1));
    black_box(memory);
}

/// A lock that others hold most of the time.
fn contend() {
    *CONTENDED.lock().expect("nobody panics") += 1;
}

fn rival() {
    loop {
        let mut held = CONTENDED.lock().expect("nobody panics");
        std::thread::sleep(Duration::from_micros(200));
        *held += 1;
        drop(held);
        std::thread::yield_now();
    }
}

/// Something that another thread has to write first.
fn read_a_pipe() {
    use std::io::{Read, Write};
    let (mut from, mut to) = crate::support::fds::pipe();
    let writer = std::thread::spawn(move || to.write_all(b"x"));
    let mut byte = [0];
    from.read_exact(&mut byte).expect("a byte comes");
    writer.join().expect("a thread").expect("a pipe has room");
}

fn servers_do_all_kinds_of_things() {
    const TIMES: usize = 15;
    let (_server, door) = server(|| {
        for _ in 0..RIVALS {
            start(rival);
        }
        for _ in 0..2 {
            serve(
                || (),
                |call| {
                    let request = call.bytes();
                    THINGS[usize::from(request[0]) % THINGS.len()]();
                    request
                },
            );
        }
        make(0, 0)
    });
    let client = |first: usize| {
        for number in 0..THINGS.len() * TIMES {
            let mut request = pattern(100 + number);
            request[0] = (first + number) as u8;
            assert_eq!(call(door.fd(), &request).expect("call").data, request);
        }
    };
    let other = fork(|| client(3));
    client(0);
    other.succeed();
}
