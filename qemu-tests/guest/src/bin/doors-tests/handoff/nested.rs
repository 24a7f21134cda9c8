// SPDX-License-Identifier: MIT OR Apache-2.0
//! Servers that call servers.

use super::hogs::{are_two, keep_to, BOTH, FIRST, SECOND};
use super::peer::{Manner, Peer};
use crate::support::process::server;
use crate::support::raw::make;
use crate::support::threads::{interrupts, serve, tgkill, Caller};
use crate::support::{call, tests, thread_id, until, Child, Door, Flag};
use doors_uapi::Errno;
use std::time::{Duration, Instant};

tests!(handoff:
    eight_deep => "CA-5",
    one_of_eight_is_killed => "SI-31 SI-35",
    moved_and_signalled_at_once => "SI-2 SH-8",
    each_of_a_chain_is_moved => "SH-8",
);

/// A server that calls `next` and adds what depth it is at. Its only thread is told.
fn link(next: i32, depth: u8) -> (Child, Door, i32) {
    let thread = Flag::shared();
    let (child, door) = server(|| {
        serve(
            move || {
                thread.set(thread_id());
                interrupts(libc::SIGUSR1);
            },
            move |request| match call(next, &request.bytes()) {
                Ok(mut reply) => {
                    reply.data.push(depth);
                    reply.data
                }
                Err(error) => vec![0, error.number() as u8],
            },
        );
        make(0, 0)
    });
    (child, door, thread.get())
}

/// As many as `depth` servers before the last one.
fn chain(last: i32, depth: u8) -> Vec<(Child, Door, i32)> {
    let mut links: Vec<(Child, Door, i32)> = Vec::new();
    for number in 1..=depth {
        let next = links.last().map_or(last, |(_, door, _)| door.fd());
        links.push(link(next, number));
    }
    links
}

fn eight_deep() {
    let peer = Peer::new();
    let links = chain(peer.door.fd(), 7);
    let first = links[6].1.fd();
    for round in 0..300_u32 {
        let request = [[0; 4], round.to_ne_bytes()].concat();
        let expected = [&request[..], &[1, 2, 3, 4, 5, 6, 7]].concat();
        assert_eq!(call(first, &request).expect("call").data, expected);
    }
}

fn one_of_eight_is_killed() {
    for victim in [0, 3, 6] {
        for manner in [Manner::Busy, Manner::Asleep] {
            let peer = Peer::new();
            let mut links = chain(peer.door.fd(), 7);
            peer.progress.set(0);
            let caller = Caller::start(links[6].1.fd(), &[manner as u8]);
            peer.progress.await_set("the last one runs");
            drop(links.remove(victim));
            // The one before has been told, and so on.
            let told = [&[0, Errno::EINTR.number() as u8][..], &[5, 6, 7]].concat();
            match victim {
                6 => assert_eq!(caller.result(), Err(Errno::EINTR)),
                3 => assert_eq!(caller.result(), Ok([&told[..2], &told[3..]].concat())),
                _ => assert_eq!(
                    caller.result(),
                    Ok([0, Errno::EINTR.number() as u8, 3, 4, 5, 6, 7].into())
                ),
            }
            peer.release();
            until("the last one is free again", || {
                call(peer.door.fd(), &[0]).is_ok()
            });
        }
    }
}

/// The client is told to leave its CPU, and then wakes up there before anybody else has noticed.
fn moved_and_signalled_at_once() {
    if !are_two() {
        return;
    }
    interrupts(libc::SIGUSR1);
    let peer = Peer::new();
    let links = chain(peer.door.fd(), 2);
    let first = links[1].1.fd();
    let all: Vec<i32> = links
        .iter()
        .map(|link| link.2)
        .chain([peer.thread])
        .collect();
    all.iter().for_each(|thread| keep_to(*thread, FIRST));
    static STOP: Flag = Flag::new();
    static ROUNDS: Flag = Flag::new();
    let id = Flag::shared();
    let client = std::thread::spawn(move || {
        id.set(thread_id());
        while STOP.get() == 0 {
            match call(first, &[Manner::Burn as u8, 1]) {
                Ok(reply) => assert!(reply.data.starts_with(&[3, 1])),
                Err(error) => assert!([Errno::EINTR, Errno::EAGAIN].contains(&error), "{error}"),
            }
            ROUNDS.add(1);
        }
    });
    let client_id = id.await_set("the client runs");
    keep_to(0, SECOND);
    let end = Instant::now() + Duration::from_millis(1200);
    while Instant::now() < end {
        keep_to(client_id, FIRST);
        std::thread::sleep(Duration::from_micros(700));
        keep_to(client_id, SECOND);
        tgkill(client_id, libc::SIGUSR1);
        std::thread::sleep(Duration::from_micros(200));
    }
    STOP.set(1);
    client.join().expect("the client gets what it should");
    assert!(ROUNDS.get() > 50, "{} calls", ROUNDS.get());
    assert_eq!(call(first, &[0]).expect("call").data, [0, 1, 2]);
}

fn each_of_a_chain_is_moved() {
    if !are_two() {
        return;
    }
    for manner in [Manner::Busy, Manner::Asleep] {
        let peer = Peer::new();
        let links = chain(peer.door.fd(), 3);
        peer.progress.set(0);
        let caller = Caller::start(links[2].1.fd(), &[manner as u8]);
        peer.progress.await_set("the last one runs");
        for cpus in [FIRST, SECOND, FIRST, SECOND, BOTH] {
            for thread in links.iter().map(|link| link.2).chain([caller.id]) {
                keep_to(thread, cpus);
            }
            keep_to(peer.thread, cpus);
            assert_eq!(peer.cpus() & !cpus, 0, "it is where it may not be");
        }
        peer.release();
        assert_eq!(caller.result(), Ok(vec![manner as u8, 1, 2, 3]));
    }
}
