// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups: what limits or freezes a process does so in the middle of a call, too, and no process pays for
//! another one.

use super::hogs::{burn, keep_to, used, FIRST};
use super::peer::{Manner, Peer};
use crate::support::{fork, tests, until};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

tests!(handoff:
    limit_of_a_client => "SH-7",
    limit_of_a_server => "SH-7",
    limit_that_comes_in_a_call => "SH-7",
    moved_between_groups => "SH-7",
    frozen_client => "SH-11",
    frozen_server => "SH-12",
    groups_at_any_moment => "SH-7",
);

/// Where this test's groups are.
const TOP: &str = "/sys/fs/cgroup";

/// A group of its own, removed when it goes.
struct Group(PathBuf);

impl Group {
    /// None, if this kernel cannot.
    fn new(name: &str) -> Option<Group> {
        // It may be so already.
        let _ = fs::write(format!("{TOP}/cgroup.subtree_control"), "+cpu");
        let path = PathBuf::from(format!("{TOP}/handoff-{name}-{}", std::process::id()));
        fs::create_dir(&path).ok()?;
        let group = Group(path);
        group.0.join("cpu.max").exists().then_some(group)
    }

    #[track_caller]
    fn set(&self, name: &str, value: &str) {
        if let Err(error) = fs::write(self.0.join(name), value) {
            panic!("{name} = {value}: {error}");
        }
    }

    #[track_caller]
    fn take(&self, process: i32) {
        self.set("cgroup.procs", &process.to_string());
    }

    /// A number in one of its files.
    fn number(&self, file: &str, name: &str) -> u64 {
        let text = fs::read_to_string(self.0.join(file)).expect("a group has statistics");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|number| number.trim().parse().ok())
            .unwrap_or_else(|| panic!("{file} has {name}"))
    }

    fn used(&self) -> Duration {
        Duration::from_micros(self.number("cpu.stat", "usage_usec "))
    }

    #[track_caller]
    fn freeze(&self, frozen: u64) {
        self.set("cgroup.freeze", &frozen.to_string());
        until("a group is frozen, or thawed", || {
            self.number("cgroup.events", "frozen ") == frozen
        });
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let path = self.0.clone();
        until("the group is empty", || fs::remove_dir(&path).is_ok());
    }
}

/// A fifth of one CPU.
const FIFTH: &str = "10000 50000";

/// What share of one CPU a process gets meanwhile.
fn share_of(process: i32) -> f64 {
    let (begun, before) = (Instant::now(), used(process));
    std::thread::sleep(Duration::from_millis(700));
    (used(process) - before).as_secs_f64() / begun.elapsed().as_secs_f64()
}

fn limit_of_a_client() {
    let Some(group) = Group::new("client") else {
        return;
    };
    group.set("cpu.max", FIFTH);
    let peer = Peer::new();
    let client = fork(|| loop {
        burn(Duration::from_micros(400));
        peer.echo();
    });
    group.take(client.pid);
    let share = share_of(client.pid);
    assert!(share < 0.3, "the client gets {share}");
    assert!(group.number("cpu.stat", "nr_throttled ") > 0);
    drop(client);
}

fn limit_of_a_server() {
    let Some(group) = Group::new("server") else {
        return;
    };
    group.set("cpu.max", FIFTH);
    let peer = Peer::new();
    group.take(peer.child.pid);
    let client = fork(|| loop {
        peer.burn(2);
    });
    let share = share_of(peer.child.pid);
    assert!(share < 0.3, "the server gets {share}");
    assert!(group.number("cpu.stat", "nr_throttled ") > 0);
    drop((client, peer));
}

/// The server is in the middle of a long call when its group is limited.
fn limit_that_comes_in_a_call() {
    let Some(group) = Group::new("late") else {
        return;
    };
    let peer = Peer::new();
    group.take(peer.child.pid);
    keep_to(peer.thread, FIRST);
    let client = fork(|| {
        keep_to(0, FIRST);
        peer.settle();
        peer.end_of_a_call(Manner::Busy);
    });
    peer.progress.await_set("the procedure runs");
    std::thread::sleep(Duration::from_millis(20));
    group.set("cpu.max", FIFTH);
    std::thread::sleep(Duration::from_millis(50));
    let share = share_of(peer.child.pid);
    assert!(share < 0.35, "the server gets {share}");
    peer.release();
    client.succeed();
    drop(peer);
}

/// A procedure that goes on computing is moved: its time goes to the new group.
fn moved_between_groups() {
    let (Some(one), Some(other)) = (Group::new("one"), Group::new("other")) else {
        return;
    };
    let peer = Peer::new();
    one.take(peer.child.pid);
    let caller = peer.begin(Manner::Busy);
    for _ in 0..4 {
        for (from, to) in [(&one, &other), (&other, &one)] {
            to.take(peer.child.pid);
            let before = (from.used(), to.used(), used(peer.child.pid));
            std::thread::sleep(Duration::from_millis(60));
            let after = (from.used(), to.used(), used(peer.child.pid));
            let whole = after.2 - before.2;
            assert!(
                after.0 - before.0 < Duration::from_millis(5),
                "the old group pays"
            );
            assert!(
                after.1 - before.1 + Duration::from_millis(10) > whole,
                "the new group does not pay"
            );
        }
    }
    peer.end(caller, Manner::Busy);
    drop(peer);
}

fn frozen_client() {
    let Some(group) = Group::new("frozen-client") else {
        return;
    };
    for manner in [Manner::Busy, Manner::Asleep] {
        let peer = Peer::new();
        for _ in 0..5 {
            peer.progress.set(0);
            let client = fork(|| peer.end_of_a_call(manner));
            group.take(client.pid);
            peer.progress.await_set("the procedure runs");
            group.freeze(1);
            peer.cpus();
            peer.release();
            std::thread::sleep(Duration::from_millis(5));
            group.freeze(0);
            client.succeed();
            peer.hold();
        }
    }
}

fn frozen_server() {
    let Some(group) = Group::new("frozen-server") else {
        return;
    };
    for manner in [Manner::Busy, Manner::Asleep] {
        let peer = Peer::new();
        group.take(peer.child.pid);
        for _ in 0..5 {
            let caller = peer.begin(manner);
            group.freeze(1);
            let before = peer.progress.get();
            std::thread::sleep(Duration::from_millis(20));
            assert_eq!(peer.progress.get(), before, "it is frozen");
            assert!(!caller.is_finished());
            group.freeze(0);
            peer.cpus();
            peer.end(caller, manner);
        }
        drop(peer);
    }
}

/// Limits come and go, and both sides go from group to group, while they call without pause.
fn groups_at_any_moment() {
    let (Some(one), Some(other)) = (Group::new("a"), Group::new("b")) else {
        return;
    };
    let pairs = [(); 3].map(|()| {
        let peer = Peer::new();
        let client = fork(|| loop {
            peer.echo();
            peer.burn(1);
        });
        (peer, client)
    });
    let end = Instant::now() + Duration::from_millis(1500);
    for number in 0_usize.. {
        let (peer, client) = &pairs[number % 3];
        let group = [&one, &other][number / 3 % 2];
        match number % 5 {
            0 | 1 => group.take(client.pid),
            2 | 3 => group.take(peer.child.pid),
            _ => group.set(
                "cpu.max",
                ["3000 10000", "max 10000", "1500 20000"][number / 5 % 3],
            ),
        }
        std::thread::sleep(Duration::from_micros(number as u64 * 379 % 2000));
        if Instant::now() > end {
            break;
        }
    }
    one.set("cpu.max", "max");
    other.set("cpu.max", "max");
    for (peer, client) in pairs {
        drop(client);
        peer.echo();
    }
}
