// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where client and server may run changes in the middle of a call; CPUs come and go.

use super::hogs::{are_two, here, keep_to, BOTH, FIRST, SECOND};
use super::peer::{Manner, Peer};
use crate::support::threads::start;
use crate::support::{call, fork, tests, thread_id, Flag};
use std::time::{Duration, Instant};

tests!(handoff:
    server_is_moved => "SH-8",
    client_is_moved => "SH-8",
    both_are_moved_all_the_time => "SH-8",
    a_processor_goes_and_comes => "SH-8",
);

fn server_is_moved() {
    if !are_two() {
        return;
    }
    for manner in [Manner::Busy, Manner::Asleep] {
        let peer = Peer::new();
        for round in 0..10 {
            let caller = peer.begin(manner);
            for cpus in [FIRST, SECOND, BOTH, SECOND, FIRST] {
                keep_to(peer.thread, cpus);
                assert_eq!(peer.cpus() & !cpus, 0, "round {round}: not where it may be");
            }
            peer.end(caller, manner);
            keep_to(peer.thread, BOTH);
        }
    }
}

/// It sleeps meanwhile; when it comes back it is where it may be, and the server where that may be.
fn client_is_moved() {
    if !are_two() {
        return;
    }
    for manner in [Manner::Busy, Manner::Asleep] {
        let peer = Peer::new();
        for cpus in [FIRST, SECOND].repeat(5) {
            let (id, was, fd) = (Flag::shared(), Flag::shared(), peer.door.fd());
            keep_to(peer.thread, BOTH);
            peer.release();
            let busy = peer.begin_with(manner, move |request| {
                id.set(thread_id());
                let reply = call(fd, &request).expect("call").data;
                was.set(here() as i32);
                reply
            });
            let client = id.get();
            keep_to(client, BOTH & !cpus);
            keep_to(peer.thread, cpus);
            assert_eq!(peer.cpus() & !cpus, 0, "the server is not where it may be");
            keep_to(client, cpus);
            keep_to(peer.thread, BOTH & !cpus);
            assert_eq!(peer.cpus() & cpus, 0, "the server is not where it may be");
            peer.release();
            assert_eq!(
                busy.join().expect("the client gets its reply"),
                [manner as u8]
            );
            assert_eq!(was.get() as u64, cpus, "the client is not where it may be");
        }
    }
}

/// Others move them, and the client also moves itself.
fn both_are_moved_all_the_time() {
    if !are_two() {
        return;
    }
    let peer = Peer::new();
    let fd = peer.door.fd();
    static STOP: Flag = Flag::new();
    static DONE: Flag = Flag::new();
    let client = start(move || {
        while STOP.get() == 0 {
            assert_eq!(call(fd, &[0, 1, 2]).expect("call").data, [0, 1, 2]);
            // It says itself where it goes, and is there at once.
            let cpus = if DONE.get() % 2 == 0 { FIRST } else { SECOND };
            keep_to(0, cpus);
            assert_eq!(call(fd, &[0]).expect("call").data, [0]);
            DONE.add(1);
        }
        DONE.set(-1);
    });
    let end = Instant::now() + Duration::from_millis(800);
    for cpus in [FIRST, SECOND, BOTH].into_iter().cycle() {
        keep_to(peer.thread, cpus);
        keep_to(client, BOTH & !cpus | FIRST);
        if Instant::now() > end {
            break;
        }
    }
    assert!(DONE.get() > 20, "{} calls", DONE.get());
    STOP.set(1);
    crate::support::until("the client is done", || DONE.get() == -1);
}

fn a_processor_goes_and_comes() {
    const SWITCH: &str = "/sys/devices/system/cpu/cpu1/online";
    if !std::path::Path::new(SWITCH).exists() {
        return;
    }
    let turn = |on: &str| std::fs::write(SWITCH, on).expect("CPUs can be turned off and on");
    let count = Flag::shared();
    let pairs = [(); 3].map(|()| {
        let peer = Peer::new();
        let client = fork(|| loop {
            peer.echo();
            count.add(1);
        });
        (peer, client)
    });
    for manner in [Manner::Busy, Manner::Asleep] {
        let peer = Peer::new();
        keep_to(peer.thread, SECOND);
        let caller = peer.begin(manner);
        keep_to(caller.id, SECOND);
        turn("0");
        let before = count.get();
        assert_eq!(peer.cpus(), FIRST, "there is no other any more");
        crate::support::until("the others call on", || count.get() > before + 20);
        turn("1");
        peer.end(caller, manner);
        let before = count.get();
        crate::support::until("the others call on", || count.get() > before + 20);
    }
    for (peer, client) in pairs {
        drop(client);
        peer.echo();
    }
}
