// SPDX-License-Identifier: GPL-2.0

//! Requests and answers as values that come and go, which are easier to follow than places that are filled.

use doors_core::model::{
    activation::Activation,
    call::{CallSlot, Ticket},
};
use std::cell::Cell;

/// A thread to which requests are given.
pub(crate) trait Receiver<Q> {
    /// Delivers a request, or gets it back.
    fn give(&self, request: Q) -> Result<(), Q>;
    /// Takes the request that was delivered.
    fn receive(&self) -> Option<Q>;
}

impl<Q> Receiver<Q> for Activation<Option<Q>> {
    fn give(&self, request: Q) -> Result<(), Q> {
        let ours = Cell::new(Some(request));
        let delivered = self.deliver(|place| *place = ours.take(), |place| ours.set(place.take()));
        match ours.into_inner() {
            Some(request) => {
                assert!(!delivered);
                Err(request)
            }
            None => {
                assert!(delivered);
                Ok(())
            }
        }
    }

    fn receive(&self) -> Option<Q> {
        if !self.take() {
            return None;
        }
        // SAFETY: The call has been taken, and the thread, which is us, has not parked again.
        unsafe { self.request(Option::take) }
    }
}

/// A caller to which answers are given.
pub(crate) trait Caller<R> {
    /// Answers a call, or gets the answer back.
    fn give(&self, ticket: Ticket, answer: R) -> Result<(), R>;
    /// Collects the answer.
    fn receive(&self, ticket: Ticket) -> Option<R>;
}

impl<R> Caller<R> for CallSlot<Option<R>> {
    fn give(&self, ticket: Ticket, answer: R) -> Result<(), R> {
        let ours = Cell::new(Some(answer));
        let answered = self.answer(
            ticket,
            |place| *place = ours.take(),
            |place| {
                if let Some(answer) = place.take() {
                    ours.set(Some(answer));
                }
            },
        );
        match ours.into_inner() {
            Some(answer) => {
                assert!(!answered);
                Err(answer)
            }
            None => {
                assert!(answered);
                Ok(())
            }
        }
    }

    fn receive(&self, ticket: Ticket) -> Option<R> {
        if !self.collect(ticket) {
            return None;
        }
        // SAFETY: The answer has been collected, and the caller, which is us, has begun no other
        // call.
        unsafe { self.place(Option::take) }
    }
}
