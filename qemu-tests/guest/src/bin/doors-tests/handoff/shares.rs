// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client and its server are as good as one program to those that they share a CPU with.

use super::hogs::{eventually, hog, keep_to, used, used_here, FIRST};
use super::peer::Peer;
use crate::support::{fork, tests};
use std::time::Duration;

tests!(handoff:
    a_pair_gets_its_share => "SH-7",
    a_hog_does_not_come_between => "SH-3",
);

/// What the hog gets at least of a CPU that it shares with a client and its server, in percent. With two tasks that are
/// sometimes both runnable, the pair gets a little more than one task does.
fn least_of_a_hog() -> f64 {
    let arguments = std::fs::read_to_string("/proc/cmdline").expect("/proc is mounted");
    let is_plain = arguments.split_whitespace().any(|word| {
        ["0", "off", "false", "n", "N"]
            .iter()
            .any(|no| word == format!("sched_proxy_exec={no}"))
    });
    if is_plain {
        43.0
    } else {
        47.0
    }
}

fn a_pair_gets_its_share() {
    let peer = Peer::new();
    keep_to(peer.thread, FIRST);
    let client = fork(|| loop {
        peer.echo();
    });
    keep_to(client.pid, FIRST);
    let hog = hog(FIRST);
    let processes = [client.pid, peer.child.pid, hog.pid];
    std::thread::sleep(Duration::from_millis(50));
    eventually(|| {
        let before = processes.map(used);
        std::thread::sleep(Duration::from_millis(600));
        let after = processes.map(used);
        let [client, server, hog] = [0, 1, 2].map(|it| (after[it] - before[it]).as_secs_f64());
        let percent = 100.0 * hog / (client + server + hog);
        if (least_of_a_hog()..53.0).contains(&percent) {
            Ok(())
        } else {
            Err(format!(
                "the hog gets {percent:.1} %, while the client uses {client} s and the server {server} s"
            ))
        }
    });
}

/// Whoever rarely wants the CPU gets it at once, for the whole of a call.
fn a_hog_does_not_come_between() {
    const CALLS: usize = 300;
    let peer = Peer::new();
    keep_to(peer.thread, FIRST);
    let hogs = [hog(FIRST), hog(FIRST)];
    keep_to(0, FIRST);
    peer.settle();
    let before = used_here() + used(peer.child.pid);
    peer.settle();
    if used_here() + used(peer.child.pid) - before > Duration::from_millis(4) {
        // On so slow a kernel the pair does not want the CPU rarely.
        return;
    }
    eventually(|| {
        let calls = (0..CALLS).map(|_| {
            std::thread::sleep(Duration::from_micros(500));
            let used = || hogs.iter().map(|hog| used(hog.pid)).sum::<Duration>();
            let before = used();
            peer.echo();
            used() - before
        });
        // What belongs to the pair is not interrupted, but for the end of a slice now and then: sooner where the
        // machine itself loses its processor in the middle of a call.
        let interrupted = calls
            .filter(|time| *time > Duration::from_micros(700))
            .count();
        if interrupted <= CALLS / 30 {
            Ok(())
        } else {
            Err(format!(
                "hogs ran in the middle of {interrupted} of {CALLS} calls"
            ))
        }
    });
}
