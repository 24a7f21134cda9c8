// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unreferenced notifications.

use crate::story::{data, passing, Story, ASK};
use doors_reference::names::SLOTS;
use doors_reference::{
    Action, DoorId, Operation, Outcome, ProcessId, Reply, Request, Slot, ThreadId,
};
use doors_uapi::abi::{DOOR_IS_UNREF, DOOR_LOCAL, DOOR_PRIVATE, DOOR_UNREF, DOOR_UNREF_MULTI};
use doors_uapi::Errno;
use std::collections::BTreeSet;

/// Thread 1 delivers, thread 2 serves.
fn setting(doors: &[u32]) -> Story {
    let mut story = Story::with(4, doors);
    story.act(1, Action::AwaitUnreferenced);
    story.park(2);
    story
}

fn duplicate_and_close(story: &mut Story, slot: usize, copy: usize) {
    story.act(0, Action::Duplicate(Slot(slot)));
    story.act(0, Action::Close(Slot(copy)));
}

/// UN-1, UN-4, UN-8, UN-12, TP-12: once, from two to one.
#[test]
fn once() {
    let mut story = setting(&[DOOR_UNREF]);
    duplicate_and_close(&mut story, 0, 1);
    let invocation = story.invocation(2);
    assert_eq!((invocation.message, invocation.door), (None, DoorId(0)));
    assert_eq!(story.attributes(0, 0), DOOR_LOCAL | DOOR_IS_UNREF);
    story.act(2, Action::Credentials);
    assert_eq!(story.told(2), Some(Outcome::Caller(None)));
    story.give(2, data(1));
    assert_eq!(story.error(2), Errno::E2BIG);
    story.park(2);
    duplicate_and_close(&mut story, 0, 1);
    assert_eq!(story.noticed(), [0]);
    story.act(0, Action::AwaitUnreferenced);
    assert_eq!(story.error(0), Errno::EALREADY);
}

/// UN-2, UN-3, UN-5, UN-8: each time, whoever closes, but not from one to none.
#[test]
fn every_time() {
    let mut story = setting(&[DOOR_UNREF_MULTI]);
    story.act(0, Action::Fork);
    story.kill(1);
    assert_eq!(story.invocation(2).message, None);
    story.park(2);
    story.act(0, Action::Fork);
    story.act(0, Action::Close(Slot(0)));
    assert_eq!(story.invocation(2).message, None);
    story.park(2);
    story.act(5, Action::Close(Slot(0)));
    assert_eq!(story.noticed(), [5]);
}

/// UN-14, UN-15: when the last call ends, and not if there is a new reference by then.
#[test]
fn not_during_a_call() {
    let mut story = setting(&[DOOR_UNREF_MULTI]);
    for new in [false, true] {
        story.act(0, Action::Duplicate(Slot(0)));
        story.call(3, 0, ASK);
        story.act(0, Action::Close(Slot(1)));
        assert_eq!(story.noticed(), [0]);
        if new {
            story.act(0, Action::Duplicate(Slot(0)));
        }
        story.park(2);
        assert_eq!(story.result(3).size, 0);
        assert_eq!(story.told(2).is_some(), !new);
        if !new {
            story.park(2);
        }
    }
}

/// UN-9: one at a time, the last one first; UN-11: not of a revoked door.
#[test]
fn one_at_a_time() {
    let all = [
        DOOR_UNREF | DOOR_PRIVATE,
        DOOR_UNREF,
        DOOR_UNREF,
        DOOR_UNREF,
    ];
    let mut story = setting(&all);
    for slot in 0..4 {
        duplicate_and_close(&mut story, slot, 4);
        assert_eq!(story.noticed(), [0], "nobody serves the private door");
    }
    story.act(0, Action::Revoke(Slot(2)));
    story.act(3, Action::Bind(Slot(0)));
    story.park(3);
    assert_eq!(story.invocation(3).door, DoorId(0));
    story.park(3);
    assert_eq!(story.invocation(2).door, DoorId(3));
    story.park(2);
    assert_eq!(story.invocation(2).door, DoorId(1));
    story.park(2);
    assert!(story.noticed().is_empty());
}

/// UN-9: doors that become unreferenced at once may be told of in any order.
#[test]
fn several_at_once() {
    let mut story = setting(&[DOOR_UNREF, DOOR_UNREF]);
    story.act(0, Action::Fork);
    let kill = Operation::Kill(ProcessId(1));
    let first = |next: &doors_reference::system::Next| {
        let happening = next.happenings.get(&ThreadId(2))?;
        match happening.outcome.as_ref()? {
            Outcome::Invoked(invocation) => Some(invocation.door),
            _ => None,
        }
    };
    let mut all: Vec<_> = story.possible(kill).iter().map(first).collect();
    all.sort_unstable();
    assert_eq!(all, [Some(DoorId(0)), Some(DoorId(1))]);
}

/// Thread 3 waits for a thread of the private door 1, to fail with EFAULT as soon as there is one.
fn bound_to_fail(story: &mut Story) {
    story.act(0, Action::Duplicate(Slot(1)));
    let request = Request {
        size: 1,
        unreadable: true,
        ..ASK
    };
    story.call(3, 1, request);
    // UN-14: door 1 is unreferenced when that call has ended.
    story.act(0, Action::Close(Slot(3)));
}

/// UN-9, UN-14: a server returns from a notification to a private pool, where a call waits whose end makes another
/// door unreferenced. Either that, or what waits already, is next, and the other one after it.
#[test]
fn the_next_one_or_a_new_one() {
    let mut story = setting(&[DOOR_UNREF, DOOR_UNREF | DOOR_PRIVATE, DOOR_UNREF]);
    duplicate_and_close(&mut story, 2, 3);
    assert_eq!(story.invocation(2).door, DoorId(2));
    duplicate_and_close(&mut story, 0, 3);
    bound_to_fail(&mut story);
    story.act(2, Action::Bind(Slot(1)));

    let nexts = story.possible(Operation::Do(ThreadId(2), Action::Return(Reply::EMPTY)));
    let mut first = BTreeSet::new();
    for next in nexts {
        story.follow(next);
        assert_eq!(story.error(3), Errno::EFAULT);
        if story.told(2).is_some() {
            assert_eq!(story.invocation(2).door, DoorId(1));
            first.insert(DoorId(1));
            story.park(2);
            story.park(3);
            assert_eq!(story.invocation(3).door, DoorId(0));
        } else {
            first.insert(DoorId(0));
            story.park(3);
            assert_eq!(story.invocation(3).door, DoorId(0));
            story.park(3);
            assert_eq!(story.invocation(2).door, DoorId(1));
            story.park(2);
        }
        assert!(story.noticed().len() < 2);
        let notifications = &story.system.processes[0].notifications;
        assert!(notifications.pending.is_empty());
    }
    assert_eq!(first, BTreeSet::from([DoorId(0), DoorId(1)]));
}

/// UN-9, UN-14: two calls end at once, that of a client with its result, and that of one that could not be served.
#[test]
fn two_ends_of_calls() {
    let mut story = setting(&[DOOR_UNREF, DOOR_UNREF | DOOR_PRIVATE, DOOR_UNREF]);
    story.act(0, Action::Spawn);
    story.act(0, Action::Spawn);
    duplicate_and_close(&mut story, 2, 3);
    assert_eq!(story.invocation(2).door, DoorId(2));
    bound_to_fail(&mut story);
    story.park(5);
    story.act(0, Action::Duplicate(Slot(0)));
    story.call(4, 0, ASK);
    assert_eq!(story.invocation(5).door, DoorId(0));
    story.act(0, Action::Close(Slot(3)));
    story.act(5, Action::Bind(Slot(1)));

    let nexts = story.possible(Operation::Do(ThreadId(5), Action::Return(Reply::EMPTY)));
    let mut orders = BTreeSet::new();
    for next in nexts {
        story.follow(next);
        assert_eq!(story.noticed(), [3, 4]);
        orders.insert(story.system.processes[0].notifications.pending.clone());
    }
    let (zero, one) = (DoorId(0), DoorId(1));
    assert_eq!(orders, BTreeSet::from([vec![zero, one], vec![one, zero]]));
}

/// UN-8, UN-11: a process dies in its own call, which alone puts a notification off. It may be used up first.
#[test]
fn a_dying_process() {
    let mut story = Story::with(2, &[DOOR_UNREF]);
    story.act(0, Action::Fork);
    story.call(1, 0, ASK);
    story.act(0, Action::Close(Slot(0)));
    let nexts = story.possible(Operation::Kill(ProcessId(0)));
    let mut seen = BTreeSet::new();
    for next in nexts {
        story.follow(next);
        assert!(story.noticed().is_empty());
        seen.insert(story.attributes(2, 0) & DOOR_UNREF);
    }
    assert_eq!(seen, BTreeSet::from([0, DOOR_UNREF]));
}

/// RE-4, DE-16: what `door_return` releases counts as closed at once, although it does not come back. So the thread may
/// be told of that itself; or the one that parked before, if that is chosen before this one has parked.
#[test]
fn released_by_a_return() {
    let mut story = setting(&[DOOR_UNREF_MULTI]);
    story.act(0, Action::Duplicate(Slot(0)));
    let reply = Reply {
        pass: passing(1, true),
        ..Reply::EMPTY
    };
    let nexts = story.possible(Operation::Do(ThreadId(0), Action::Return(reply)));
    let mut told = BTreeSet::new();
    for next in nexts {
        story.follow(next);
        let [thread] = story.noticed()[..] else {
            panic!("not one, but {:?}", story.noticed());
        };
        assert_eq!(story.invocation(thread).message, None);
        told.insert(thread);
    }
    assert_eq!(told, BTreeSet::from([0, 2]));
}

/// DE-12, DE-14: a server whose table is full drops what it was sent, and parks again. Who is told that this was the
/// last but one may be this server, or another one that parked before.
#[test]
fn dropped_for_want_of_room() {
    let mut story = Story::with(4, &[0, DOOR_UNREF]);
    story.act(1, Action::AwaitUnreferenced);
    story.act(0, Action::Fork);
    for _ in 2..SLOTS {
        story.act(0, Action::Duplicate(Slot(0)));
    }
    story.park(2);
    story.park(3);
    let pass = passing(1, true);
    let call = Action::Call(Slot(0), Request { pass, ..ASK });
    let mut told = BTreeSet::new();
    for next in story.possible(Operation::Do(ThreadId(4), call)) {
        story.follow(next);
        assert_eq!(story.error(4), Errno::EMFILE);
        let [thread, 4] = story.noticed()[..] else {
            panic!("not one, but {:?}", story.noticed());
        };
        assert_eq!(story.invocation(thread).door, DoorId(1));
        told.insert(thread);
    }
    assert_eq!(told, BTreeSet::from([2, 3]));
}
