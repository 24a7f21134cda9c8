// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls, pools, signals, ends.

use crate::story::{data, passing, Story, ASK};
use doors_reference::{Action, Operation, Outcome, Reply, Request, Slot, ThreadId};
use doors_uapi::abi::{DOOR_NO_CANCEL, DOOR_PRIVATE};
use doors_uapi::Errno;

/// TP-3: the one that parked last; TP-20: the last one is told so.
#[test]
fn the_last_one_parked_serves() {
    let mut story = Story::with(4, &[0]);
    story.park(1);
    story.park(2);
    story.call(0, 0, ASK);
    assert!(!story.invocation(2).depleted);
    story.call(3, 0, ASK);
    assert!(story.invocation(1).depleted);
}

/// TP-4: callers are served in their order.
#[test]
fn callers_queue() {
    let mut story = Story::with(3, &[0]);
    story.call(1, 0, Request { size: 100, ..ASK });
    story.call(0, 0, Request { size: 1, ..ASK });
    assert!(story.noticed().is_empty());
    story.park(2);
    assert_eq!(story.invocation(2).message.map(|it| it.size), Some(100));
    story.give(2, data(1));
    assert_eq!(story.result(1).size, 1);
    assert_eq!(story.invocation(2).message.map(|it| it.size), Some(1));
}

/// RV-3: those who stay queue anew, and nobody knows in which order.
#[test]
fn revocation_shuffles_the_queue() {
    let mut story = Story::with(5, &[0, 0]);
    story.call(1, 1, ASK);
    story.call(2, 0, ASK);
    story.call(3, 0, ASK);
    story.act(0, Action::Revoke(Slot(1)));
    assert_eq!(story.error(1), Errno::EBADF);
    assert_eq!(story.noticed(), [0, 1]);
    let park = Operation::Do(ThreadId(4), Action::Return(Reply::EMPTY));
    assert_eq!(story.possible(park).len(), 2);
}

/// RV-4, RV-6: the call that is served goes on.
#[test]
fn revocation_does_not_disturb_a_call() {
    let mut story = Story::with(3, &[0]);
    story.park(1);
    story.call(2, 0, ASK);
    story.act(0, Action::Revoke(Slot(0)));
    story.give(1, data(100));
    assert_eq!(story.result(2).size, 100);
}

/// TP-1, TP-2, BI-3, TP-32: a pool for each private door.
#[test]
fn private_doors_have_their_own_threads() {
    let mut story = Story::with(4, &[DOOR_PRIVATE, 0]);
    story.park(1);
    story.call(0, 0, ASK);
    assert!(story.noticed().is_empty());
    story.act(2, Action::Bind(Slot(0)));
    story.park(2);
    assert!(story.invocation(2).info.is_some());
    story.act(2, Action::Unbind);
    story.park(2);
    assert_eq!(story.result(0).size, 0);
    story.call(0, 1, ASK);
    assert!(story.invocation(2).info.is_none());
}

/// SI-1, SI-2, SI-10, SI-11, UC-1: EAGAIN in the queue, EINTR when served; the server is told.
#[test]
fn callers_give_up() {
    let mut story = Story::with(3, &[0, DOOR_NO_CANCEL]);
    story.call(0, 0, ASK);
    story.interrupt(0);
    assert_eq!(story.error(0), Errno::EAGAIN);
    story.park(1);
    story.call(0, 0, ASK);
    story.interrupt(0);
    assert_eq!(story.error(0), Errno::EINTR);
    assert!(story.cancelled(1));
    story.act(1, Action::Credentials);
    assert_eq!(story.error(1), Errno::EINVAL);
    story.give(1, data(100));
    story.call(0, 1, ASK);
    story.interrupt(0);
    assert!(!story.cancelled(1));
}

/// SI-13: a server that calls somebody is interrupted there, and so on.
#[test]
fn giving_up_cascades() {
    let mut story = Story::with(4, &[0]);
    story.park(1);
    story.park(2);
    story.call(0, 0, ASK);
    story.call(2, 0, ASK);
    story.interrupt(0);
    assert_eq!(story.error(2), Errno::EINTR);
    assert!(story.cancelled(2) && story.cancelled(1));
}

/// RE-7, SI-3.
#[test]
fn parked_threads_get_signals() {
    let mut story = Story::with(2, &[0]);
    story.park(1);
    let nothing = story.possible(Operation::Disturb(ThreadId(1))).remove(0);
    assert!(nothing.happenings.is_empty() && nothing.system == story.system);
    story.interrupt(1);
    assert_eq!(story.error(1), Errno::EINTR);
}

/// SI-30, TP-31, SI-31.
#[test]
fn servers_end() {
    let mut story = Story::with(3, &[0]);
    story.act(0, Action::Fork);
    story.park(1);
    story.call(3, 0, ASK);
    story.act(1, Action::Exit);
    assert_eq!(story.error(3), Errno::EINTR);
    story.act(3, Action::Spawn);
    story.park(2);
    story.call(3, 0, ASK);
    story.call(4, 0, ASK);
    story.kill(0);
    assert_eq!(
        (story.error(3), story.error(4)),
        (Errno::EINTR, Errno::EBADF)
    );
    story.act(3, Action::Info(Slot(0)));
    assert!(matches!(story.told(3), Some(Outcome::Info(info)) if info.target.is_none()));
}

/// SI-7: the server of a client that dies is told as if it had given up.
#[test]
fn clients_die() {
    let mut story = Story::with(2, &[0]);
    story.act(0, Action::Fork);
    story.park(1);
    story.call(2, 0, ASK);
    story.kill(1);
    assert!(story.cancelled(1));
}

/// CA-2, rows 12, 13 and 16: the thread that was found goes back; DA-3.
#[test]
fn bad_requests_leave_the_server_alone() {
    let mut story = Story::with(2, &[0]);
    story.park(1);
    let bad = [
        (
            Request {
                size: 100_000,
                ..ASK
            },
            Errno::E2BIG,
        ),
        (
            Request {
                size: 1,
                unreadable: true,
                ..ASK
            },
            Errno::EFAULT,
        ),
        (
            Request {
                pass: passing(5, true),
                ..ASK
            },
            Errno::EINVAL,
        ),
    ];
    for (request, errno) in bad {
        story.call(0, 0, request);
        assert_eq!((story.error(0), story.noticed()), (errno, vec![0]));
    }
    story.call(0, 0, ASK);
    assert!(story.invocation(1).depleted);
}

/// RE-5, RE-6, CA-4.
#[test]
fn bad_replies_leave_the_call_open() {
    let mut story = Story::with(2, &[0]);
    story.park(1);
    story.call(
        0,
        0,
        Request {
            parameters: false,
            ..ASK
        },
    );
    story.give(1, data(1));
    assert_eq!((story.error(1), story.noticed()), (Errno::E2BIG, vec![1]));
    story.park(1);
    assert_eq!(story.result(0).size, 0);
    story.call(0, 0, ASK);
    story.give(
        1,
        Reply {
            size: 1,
            unreadable: true,
            pass: None,
        },
    );
    assert_eq!(story.error(1), Errno::EFAULT);
    story.give(
        1,
        Reply {
            pass: passing(3, false),
            ..Reply::EMPTY
        },
    );
    assert_eq!(story.error(1), Errno::EINVAL);
    story.give(1, data(100_000));
    assert_eq!(story.result(0).size, 100_000);
}

/// DE-3, DE-7, DE-12, DE-13: lowest free slots; full tables.
#[test]
fn descriptors_find_their_places() {
    let mut story = Story::with(2, &[0]);
    story.act(0, Action::Fork);
    story.park(1);
    let request = Request {
        pass: passing(0, false),
        ..ASK
    };
    story.call(2, 0, request);
    let received = story.invocation(1).message.and_then(|it| it.received);
    assert_eq!(received.map(|it| it.slot), Some(Slot(1)));
    story.give(
        1,
        Reply {
            pass: passing(1, true),
            ..Reply::EMPTY
        },
    );
    let received = story.result(2).received;
    assert_eq!(received.map(|it| it.slot), Some(Slot(1)));
    for _ in 0..7 {
        story.act(0, Action::Duplicate(Slot(0)));
    }
    story.act(0, Action::Duplicate(Slot(0)));
    assert_eq!(story.error(0), Errno::EMFILE);
    story.call(2, 0, request);
    assert_eq!((story.error(2), story.noticed()), (Errno::EMFILE, vec![2]));
    for _ in 0..6 {
        story.act(2, Action::Duplicate(Slot(0)));
    }
    story.call(2, 0, ASK);
    story.give(
        1,
        Reply {
            pass: passing(0, false),
            ..Reply::EMPTY
        },
    );
    assert_eq!((story.error(1), story.noticed()), (Errno::EMFILE, vec![1]));
}
