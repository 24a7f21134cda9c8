// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whoever looks at a thread in the middle of a call sees what it does, and does not have to wait for it.

use super::hogs::{keep_to, FIRST};
use super::peer::{Manner, Peer};
use crate::support::{fork, tests, until, Flag};
use doors_uapi::syscalls::SYS_DOOR_CALL;
use std::fs;
use std::time::{Duration, Instant};

tests!(handoff:
    a_waiting_client_can_be_looked_at => "SH-10",
);

/// It sleeps in `door_call`, however busy its server is.
fn a_waiting_client_can_be_looked_at() {
    (0..3).for_each(|_| look_at_a_waiting_client());
}

fn look_at_a_waiting_client() {
    let peer = Peer::new();
    keep_to(peer.thread, FIRST);
    let client = Flag::shared();
    let caller = fork(|| {
        keep_to(0, FIRST);
        peer.settle();
        client.set(crate::support::process_id());
        peer.end_of_a_call(Manner::Busy);
    });
    peer.progress.await_set("the procedure runs");
    std::thread::sleep(Duration::from_millis(20));
    let process = client.get();
    let looked = Flag::shared();
    // Somebody else looks: whoever has to wait there cannot be interrupted.
    let looker = fork(|| {
        for _ in 0..20 {
            let read = |name| fs::read_to_string(format!("/proc/{process}/{name}"));
            let number = read("syscall").expect("/proc is mounted");
            let number = number.split_whitespace().next().map(str::to_owned);
            assert_eq!(number, Some(SYS_DOOR_CALL.to_string()));
            let state = read("stat").expect("/proc is mounted");
            assert!(state
                .rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('S')));
            looked.add(1);
        }
    });
    let end = Instant::now() + Duration::from_millis(700);
    while looked.get() < 20 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    let seen = looked.get();
    peer.release();
    caller.succeed();
    // What waited for the end of the call looks too late, and may well see something else.
    assert_eq!(seen, 20, "a look had to wait for the server");
    until("the looker is done", || looked.get() == 20);
    looker.succeed();
}
