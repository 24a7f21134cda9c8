// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals that meet either side of a call at any moment.

use super::peer::Peer;
use crate::support::process::End;
use crate::support::threads::interrupts;
use crate::support::{call, fork, tests, until, Flag};
use doors_uapi::Errno;
use std::time::{Duration, Instant};

tests!(handoff:
    interrupted_at_any_moment => "SI-2 SI-3 SH-11",
    clients_killed_at_any_moment => "SI-7",
    servers_killed_at_any_moment => "SI-31",
);

/// Moments that are spread over the length of a call, and do not repeat.
fn moments() -> impl Iterator<Item = Duration> {
    (0_u64..).map(|number| Duration::from_micros(number * 379 % 1000))
}

/// Both are stopped and sent on, and the client is interrupted. It gets the right answer, or is told.
fn interrupted_at_any_moment() {
    let peer = Peer::new();
    let [answered, interrupted] = [(); 2].map(|()| Flag::shared());
    let client = fork(|| {
        interrupts(libc::SIGUSR1);
        for number in 0_u32.. {
            let request = [[0; 4], number.to_ne_bytes()].concat();
            match call(peer.door.fd(), &request) {
                Ok(reply) => assert_eq!((reply.data, answered.add(1) > 0), (request, true)),
                Err(Errno::EINTR) => drop(interrupted.add(1)),
                Err(error) => assert_eq!(error, Errno::EAGAIN),
            }
        }
    });
    until("calls are made", || answered.get() > 0);
    let end = Instant::now() + Duration::from_millis(1200);
    for (number, moment) in moments().enumerate() {
        let process = if number % 3 == 0 {
            &peer.child
        } else {
            &client
        };
        if number % 2 == 0 {
            process.kill(libc::SIGSTOP);
            std::thread::sleep(moment);
            process.kill(libc::SIGCONT);
        } else {
            client.kill(libc::SIGUSR1);
        }
        std::thread::sleep(moment);
        if Instant::now() > end {
            break;
        }
    }
    let before = answered.get();
    until("calls are answered still", || answered.get() > before + 20);
}

fn clients_killed_at_any_moment() {
    let peer = Peer::new();
    for moment in moments().take(60) {
        let client = fork(|| loop {
            peer.echo();
        });
        std::thread::sleep(Duration::from_millis(3) + moment);
        client.kill(libc::SIGKILL);
        assert_eq!(client.wait(), End::Killed(libc::SIGKILL));
        peer.echo();
    }
}

fn servers_killed_at_any_moment() {
    for moment in moments().take(40) {
        let peer = Peer::new();
        let count = Flag::shared();
        let client = fork(|| {
            let error = loop {
                match call(peer.door.fd(), &[0, 5]) {
                    Ok(reply) => assert_eq!((reply.data, count.add(1) > 0), (vec![0, 5], true)),
                    Err(error) => break error,
                }
            };
            // The third: it died while the call was being written to its memory.
            assert!(
                [Errno::EINTR, Errno::EBADF, Errno::E2BIG].contains(&error),
                "{error}"
            );
        });
        until("calls are made", || count.get() > 3);
        std::thread::sleep(moment);
        peer.child.kill(libc::SIGKILL);
        client.succeed();
    }
}
