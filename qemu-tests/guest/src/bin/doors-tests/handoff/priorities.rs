// SPDX-License-Identifier: MIT OR Apache-2.0
//! Priorities and policies: each thread has its own, whoever it works for, and it may change in the middle of a call.

use super::hogs::{hog, keep_to, used, FIRST};
use super::peer::{Manner, Peer, BEGUN, ENDED};
use crate::support::{fork, tests};
use std::time::Duration;

tests!(handoff:
    server_is_not_as_nice_as_its_client => "SH-7",
    nice_servers_stay_nice => "SH-7",
    priorities_change_in_a_call => "SH-7",
);

fn renice(thread: i32, nice: i32) {
    // SAFETY: changes an attribute of a thread.
    let failed = unsafe { libc::setpriority(libc::PRIO_PROCESS, thread as u32, nice) };
    assert_eq!(failed, 0, "{:?}", crate::support::errno());
}

#[track_caller]
fn set_policy(thread: i32, policy: i32, priority: i32) {
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: the parameters are ours.
    let failed = unsafe { libc::sched_setscheduler(thread, policy, &parameters) };
    assert_eq!(failed, 0, "{:?}", crate::support::errno());
}

/// How long a hog of the usual priority ran while the server computed for 40 ms, for a client that `prepare`s itself.
fn hog_meanwhile(server_nice: i32, prepare: fn()) -> Duration {
    let peer = Peer::new();
    renice(peer.thread, server_nice);
    keep_to(peer.thread, FIRST);
    let hog = hog(FIRST);
    let client = fork(|| {
        keep_to(0, FIRST);
        peer.settle();
        prepare();
        // Not more: it may be long until it gets the CPU.
        peer.echo();
        peer.burn(40);
    });
    let used_when = |progress| {
        while peer.progress.get() != progress {
            std::thread::sleep(Duration::from_micros(500));
        }
        used(hog.pid)
    };
    let before = used_when(BEGUN);
    let meanwhile = used_when(ENDED) - before;
    drop(hog);
    client.succeed();
    meanwhile
}

fn server_is_not_as_nice_as_its_client() {
    let hog = hog_meanwhile(0, || renice(0, 19));
    // They share the CPU as equals.
    assert!(hog < Duration::from_millis(250), "the hog ran for {hog:?}");
}

fn nice_servers_stay_nice() {
    let hog = hog_meanwhile(10, || ());
    assert!(hog > Duration::from_millis(150), "the hog ran for {hog:?}");
}

fn priorities_change_in_a_call() {
    for manner in [Manner::Busy, Manner::Asleep] {
        let peer = Peer::new();
        for _ in 0..3 {
            let caller = peer.begin(manner);
            for thread in [caller.id, peer.thread] {
                for nice in [5, 19, -10, 0] {
                    renice(thread, nice);
                    peer.cpus();
                }
                for (policy, priority) in [
                    (libc::SCHED_FIFO, 1),
                    (libc::SCHED_RR, 2),
                    (libc::SCHED_IDLE, 0),
                    (libc::SCHED_BATCH, 0),
                    (libc::SCHED_OTHER, 0),
                    (libc::SCHED_FIFO, 1),
                    (libc::SCHED_OTHER, 0),
                ] {
                    set_policy(thread, policy, priority);
                    // SAFETY: asks about a thread.
                    assert_eq!(unsafe { libc::sched_getscheduler(thread) }, policy);
                    peer.cpus();
                }
            }
            peer.end(caller, manner);
            peer.settle();
        }
    }
}
