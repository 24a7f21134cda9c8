// SPDX-License-Identifier: GPL-2.0

//! Both together: a call goes to a parked thread by way of its activation, and its answer comes back by way of the
//! caller's slot.

use crate::{
    by_value::{Caller, Receiver},
    Parcel,
};
use doors_core::model::{
    activation::Activation,
    call::{Aborted, CallSlot, Reason, Ticket},
};
use loom::{sync::Arc, thread};

/// A request names the call, as in the kernel.
struct Request {
    slot: Arc<CallSlot<Option<Parcel>>>,
    ticket: Ticket,
    argument: Parcel,
}

/// What a server thread does with the next call that comes; `None` if the caller has left before the procedure ran.
fn serve_one(me: &Activation<Option<Request>>) -> Option<Result<(), Parcel>> {
    let request = loop {
        match me.receive() {
            Some(request) => break request,
            None => thread::yield_now(),
        }
    };
    let Request {
        slot,
        ticket,
        argument,
    } = request;
    if !slot.accept(ticket) {
        return None;
    }
    if !slot.start_reply(ticket) {
        return Some(Err(argument));
    }
    // As `door_return` does: parked again before the caller can make another call (SH-3).
    assert!(me.park());
    Some(slot.give(ticket, argument))
}

/// CA-2 (row 19), SI-5, SI-6, SI-10, SI-14: one call, and a caller that is interrupted or killed at any moment of it.
fn one_call(reason: Option<Reason>) {
    loom::model(move || {
        let server = Arc::new(Activation::new(None));
        assert!(server.park());
        let thread = thread::spawn({
            let server = Arc::clone(&server);
            move || serve_one(&server)
        });

        let slot = Arc::new(CallSlot::new(None));
        assert!(server.reserve());
        let ticket = slot.begin().unwrap();
        let request = Request {
            slot: Arc::clone(&slot),
            ticket,
            argument: Parcel::new(1),
        };
        assert!(server.give(request).is_ok());

        let mut left = None;
        let mut got = None;
        while left.is_none() && got.is_none() {
            got = slot.receive(ticket);
            if let (None, Some(reason)) = (&got, reason) {
                left = Some(slot.abort(ticket, reason))
                    .filter(|aborted| !matches!(aborted, Aborted::Busy | Aborted::Answered));
            }
            if left.is_none() && got.is_none() {
                thread::yield_now();
            }
        }
        // A caller that is back finds the thread that has answered it (SH-3).
        assert!(got.is_none() || server.reserve());

        match (thread.join().unwrap(), left) {
            (None, left) => assert_eq!((left, got), (Some(Aborted::BeforeStart), None)),
            (Some(Err(argument)), left) => {
                assert_eq!(argument, Parcel::new(1));
                assert!(matches!(
                    left,
                    Some(Aborted::WhileServed | Aborted::DuringReply)
                ));
                assert_eq!(got, None);
            }
            (Some(Ok(())), left) => assert_eq!((left, got), (None, Some(Parcel::new(1)))),
        }
    });
}

/// Undisturbed.
///
/// Rules: SH-3
#[test]
fn undisturbed() {
    one_call(None);
}

/// Interrupted at any moment.
///
/// Rules: SI-5 SI-6 SI-10 SI-14
#[test]
fn interrupted_at_any_moment() {
    one_call(Some(Reason::Interrupted));
}

/// Killed at any moment.
///
/// Rules: SI-7 SI-10 SI-14
#[test]
fn killed_at_any_moment() {
    one_call(Some(Reason::Dying));
}
