// SPDX-License-Identifier: GPL-2.0

//! A caller that gives up while its server begins, replies, fails to reply or has replied.

use crate::{by_value::Caller, Parcel};
use doors_core::model::call::{Aborted, CallSlot, Reason, Ticket};
use loom::{sync::Arc, thread};

type Slot = CallSlot<Option<Parcel>>;

/// What became of a call, as its server knows it.
#[derive(Debug, PartialEq, Eq)]
enum Served {
    /// The caller had left before the procedure was run.
    NotAccepted,
    /// The caller had left before there was a reply.
    Alone,
    /// The caller died during the reply.
    GivenBack(Parcel),
    Answered,
}

/// What became of a call, as its caller knows it.
#[derive(Debug, PartialEq, Eq)]
enum Called {
    Left(Aborted),
    Got(Parcel),
}

fn serve(slot: &Slot, ticket: Ticket, number: u32) -> Served {
    if !slot.accept(ticket) {
        return Served::NotAccepted;
    }
    reply(slot, ticket, number)
}

fn reply(slot: &Slot, ticket: Ticket, number: u32) -> Served {
    if !slot.start_reply(ticket) {
        return Served::Alone;
    }
    match slot.give(ticket, Parcel::new(number)) {
        Ok(()) => Served::Answered,
        Err(answer) => Served::GivenBack(answer),
    }
}

/// Gives up, as often as it takes; an answer that is there first counts (SI-5, SI-6).
fn give_up(slot: &Slot, ticket: Ticket, reason: Reason) -> Called {
    loop {
        if let Some(answer) = slot.receive(ticket) {
            return Called::Got(answer);
        }
        match slot.abort(ticket, reason) {
            Aborted::Busy => {
                assert_eq!(reason, Reason::Interrupted);
                thread::yield_now();
            }
            Aborted::Answered => {
                let answer = slot.receive(ticket).expect("told that there is an answer");
                return Called::Got(answer);
            }
            left => return Called::Left(left),
        }
    }
}

fn wait(slot: &Slot, ticket: Ticket) -> Parcel {
    loop {
        if let Some(answer) = slot.receive(ticket) {
            return answer;
        }
        thread::yield_now();
    }
}

/// A server, beside the current thread.
fn server(
    slot: &Arc<Slot>,
    act: impl FnOnce(&Slot) -> Served + 'static,
) -> thread::JoinHandle<Served> {
    let slot = Arc::clone(slot);
    thread::spawn(move || act(&slot))
}

/// Both sides know the same story (SI-5, SI-10, SI-14), and there is a next call unless the caller died in the middle.
fn check(slot: &Slot, called: Called, served: Served) {
    let answer = || Parcel::new(1);
    let died = served == Served::GivenBack(answer());
    match called {
        Called::Left(Aborted::BeforeStart) => assert_eq!(served, Served::NotAccepted),
        Called::Left(Aborted::WhileServed) => assert_eq!(served, Served::Alone),
        Called::Left(Aborted::DuringReply) => assert!(died, "{served:?}"),
        Called::Left(other) => panic!("left with {other:?}"),
        Called::Got(got) => assert_eq!((got, served), (answer(), Served::Answered)),
    }
    assert_eq!(slot.begin().is_none(), died);
}

/// Interrupted at any moment; nobody gets an answer back, since the caller waits for the end of the reply.
///
/// Rules: SI-5 SI-6 SI-10 SI-14
#[test]
fn interrupted_at_any_moment() {
    loom::model(|| {
        let slot = Arc::new(Slot::new(None));
        let ticket = slot.begin().unwrap();
        let server = server(&slot, move |slot| serve(slot, ticket, 1));
        let called = give_up(&slot, ticket, Reason::Interrupted);
        let served = server.join().unwrap();

        assert_ne!(served, Served::GivenBack(Parcel::new(1)));
        check(&slot, called, served);
    });
}

/// Killed at any moment, the caller leaves at once, and the server has its answer back.
///
/// Rules: SI-7 SI-10 SI-14
#[test]
fn killed_at_any_moment() {
    loom::model(|| {
        let slot = Arc::new(Slot::new(None));
        let ticket = slot.begin().unwrap();
        let server = server(&slot, move |slot| serve(slot, ticket, 1));
        let called = give_up(&slot, ticket, Reason::Dying);
        check(&slot, called, server.join().unwrap());
    });
}

/// Killed while it waits, interrupted, for the end of the reply.
///
/// Rules: SI-6 SI-7
#[test]
fn interrupted_then_killed() {
    loom::model(|| {
        let slot = Arc::new(Slot::new(None));
        let ticket = slot.begin().unwrap();
        let server = server(&slot, move |slot| serve(slot, ticket, 1));
        let called = match slot.abort(ticket, Reason::Interrupted) {
            Aborted::Busy => give_up(&slot, ticket, Reason::Dying),
            Aborted::Answered => Called::Got(wait(&slot, ticket)),
            left => Called::Left(left),
        };
        check(&slot, called, server.join().unwrap());
    });
}

/// RE-6, SI-6: a reply that fails and is made again; the caller that waits for its end may leave in between.
fn retry(reason: Reason) {
    loom::model(move || {
        let slot = Arc::new(Slot::new(None));
        let ticket = slot.begin().unwrap();
        assert!(slot.accept(ticket));
        let server = server(&slot, move |slot| {
            if !slot.start_reply(ticket) {
                return Served::Alone;
            }
            slot.reopen(ticket);
            reply(slot, ticket, 1)
        });
        let called = give_up(&slot, ticket, reason);
        let served = server.join().unwrap();

        match called {
            Called::Got(_) => assert_eq!(served, Served::Answered),
            Called::Left(Aborted::WhileServed | Aborted::DuringReply) => {
                assert_ne!(served, Served::Answered);
            }
            Called::Left(other) => panic!("left with {other:?}"),
        }
        assert!(!slot.is_open(ticket) && !slot.is_answered(ticket));
    });
}

/// Interrupted during a reply that fails.
///
/// Rules: RE-6 SI-6
#[test]
fn interrupted_while_a_reply_fails() {
    retry(Reason::Interrupted);
}

/// Killed during a reply that fails.
///
/// Rules: RE-6 SI-7
#[test]
fn killed_while_a_reply_fails() {
    retry(Reason::Dying);
}

/// The first server still works on its reply when the caller is at its next call, with another server. The first
/// disturbs nothing, whatever it tries; the caller gets what the second has answered.
///
/// Rules: SI-10
#[test]
fn the_server_of_the_last_call_disturbs_nothing() {
    loom::model(|| {
        let slot = Arc::new(Slot::new(None));
        let first = slot.begin().unwrap();
        assert!(slot.accept(first));
        let late = server(&slot, move |slot| reply(slot, first, 1));
        match give_up(&slot, first, Reason::Interrupted) {
            Called::Got(answer) => {
                assert_eq!(answer, Parcel::new(1));
                assert_eq!(late.join().unwrap(), Served::Answered);
            }
            Called::Left(aborted) => {
                assert_eq!(aborted, Aborted::WhileServed);
                let second = slot.begin().unwrap();
                let next = server(&slot, move |slot| serve(slot, second, 2));
                assert_eq!(next.join().unwrap(), Served::Answered);
                assert_eq!(slot.receive(second), Some(Parcel::new(2)));
                assert_eq!(late.join().unwrap(), Served::Alone);
            }
        }
    });
}

/// The same with every step that a server has, each of them void, while the next call goes through all of its phases.
///
/// Rules: SI-10 SI-14
#[test]
fn void_steps_disturb_nothing() {
    loom::model(|| {
        let slot = Arc::new(Slot::new(None));
        let first = slot.begin().unwrap();
        assert_eq!(serve(&slot, first, 1), Served::Answered);
        assert_eq!(slot.receive(first), Some(Parcel::new(1)));
        let late = server(&slot, move |slot| {
            assert!(!slot.accept(first) && !slot.is_open(first));
            assert!(!slot.start_reply(first));
            slot.reopen(first);
            match slot.give(first, Parcel::new(3)) {
                Ok(()) => Served::Answered,
                Err(answer) => Served::GivenBack(answer),
            }
        });
        let second = slot.begin().unwrap();
        assert_eq!(serve(&slot, second, 2), Served::Answered);
        assert_eq!(slot.receive(second), Some(Parcel::new(2)));
        assert_eq!(late.join().unwrap(), Served::GivenBack(Parcel::new(3)));
    });
}
