// SPDX-License-Identifier: GPL-2.0

//! A caller's slot and a server's activation, driven by one thread in any order, against a reference.
//!
//! Any order means just that: servers of calls that are long over, callers that die, requests for a thread that has one
//! already or has deserted. `tests/loom` has what several threads do at once, within what they agreed on.

#![cfg(not(loom))]

#[path = "../by_value/mod.rs"]
mod by_value;
mod reference;

use by_value::{Caller, Receiver};
use doors_core::model::{
    activation::Activation,
    call::{CallSlot, Ticket},
};
use proptest::prelude::*;
use proptest_state_machine::{prop_state_machine, StateMachineTest};
use reference::{Outcome, Reference, Step};
use std::rc::{Rc, Weak};

/// The real thing, and a record of what was sent through it.
struct Machine {
    slot: CallSlot<Option<Rc<u32>>>,
    thread: Activation<Option<Rc<u32>>>,
    /// Of every call, by number.
    tickets: Vec<Ticket>,
    /// Everything that was ever sent, as long as somebody has it.
    sent: Vec<Weak<u32>>,
}

impl Machine {
    fn send(&mut self, number: u32) -> Rc<u32> {
        let parcel = Rc::new(number);
        self.sent.push(Rc::downgrade(&parcel));
        parcel
    }

    fn begin(&mut self) -> Outcome {
        Outcome::Begun(self.slot.begin().map(|ticket| {
            assert!(!self.tickets.contains(&ticket), "two calls have one name");
            self.tickets.push(ticket);
            self.tickets.len() - 1
        }))
    }

    fn perform(&mut self, step: Step) -> Outcome {
        match step {
            Step::Begin => self.begin(),
            Step::IsAnswered(call) => Outcome::Was(self.slot.is_answered(self.tickets[call])),
            Step::Collect(call) => got(self.slot.receive(self.tickets[call])),
            Step::Abort(call, reason) => {
                Outcome::Aborted(self.slot.abort(self.tickets[call], reason))
            }
            Step::Accept(call) => Outcome::Was(self.slot.accept(self.tickets[call])),
            Step::IsOpen(call) => Outcome::Was(self.slot.is_open(self.tickets[call])),
            Step::StartReply(call) => Outcome::Was(self.slot.start_reply(self.tickets[call])),
            Step::Reopen(call) => {
                self.slot.reopen(self.tickets[call]);
                Outcome::None
            }
            Step::Answer(call, answer) => {
                let answer = self.send(answer);
                gave(self.slot.give(self.tickets[call], answer))
            }
            Step::Park => Outcome::Was(self.thread.park()),
            Step::Unpark => Outcome::Was(self.thread.unpark()),
            Step::Look => Outcome::Saw(self.thread.look()),
            Step::Take => got(self.thread.receive()),
            Step::Desert => Outcome::Was(self.thread.desert()),
            Step::Reserve => Outcome::Was(self.thread.reserve()),
            Step::PutBack => Outcome::Was(self.thread.put_back()),
            Step::Deliver(request) => {
                let request = self.send(request);
                gave(self.thread.give(request))
            }
        }
    }
}

fn got(parcel: Option<Rc<u32>>) -> Outcome {
    Outcome::Got(parcel.map(|parcel| *parcel))
}

fn gave(handed_over: Result<(), Rc<u32>>) -> Outcome {
    Outcome::Gave(handed_over.map_err(|parcel| *parcel))
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(_: &Reference) -> Self {
        Self {
            slot: CallSlot::new(None),
            thread: Activation::new(None),
            tickets: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn apply(mut machine: Self, reference: &Reference, step: Step) -> Self {
        let outcome = machine.perform(step);
        if reference.outcome != Outcome::None {
            assert_eq!(outcome, reference.outcome, "{step:?}");
        }
        machine
    }

    /// Nothing that was sent is lost on the way, and nothing is kept that nobody will ever get.
    fn check_invariants(machine: &Self, reference: &Reference) {
        let mut kept: Vec<u32> = machine
            .sent
            .iter()
            .filter_map(Weak::upgrade)
            .map(|parcel| *parcel)
            .collect();
        let mut expected = reference.on_the_way();
        kept.sort_unstable();
        expected.sort_unstable();
        assert_eq!(kept, expected);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every step comes out as in the reference, and a server whose call is over disturbs nothing.
    ///
    /// Rules: CA-2.19 DA-3 SI-5 SI-6 SI-10 SI-14
    #[test]
    fn agrees_with_the_reference(sequential 1..200 => Machine);
}
