// SPDX-License-Identifier: GPL-2.0

//! What a caller's slot and a server's activation are to do, without a thought for threads: two plain enums.

use doors_core::model::{
    activation::Parked,
    call::{Aborted, Reason},
};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

/// How far the caller's current call is; an answer is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Free,
    Pending,
    Serving,
    Replying,
    Answered(u32),
    Dead,
}

/// What the server thread does; a request is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Thread {
    Idle,
    Parked,
    Reserved,
    Delivered(u32),
    Deserted,
}

/// One of the caller's calls, counted from 0. All but the last are over; their servers may not have noticed.
pub(crate) type CallNumber = usize;

/// Something that one side does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    // The caller, in its slot.
    Begin,
    IsAnswered(CallNumber),
    Collect(CallNumber),
    Abort(CallNumber, Reason),
    // The server of a call, in the caller's slot.
    Accept(CallNumber),
    IsOpen(CallNumber),
    StartReply(CallNumber),
    Reopen(CallNumber),
    Answer(CallNumber, u32),
    // The server thread, in its activation.
    Park,
    Unpark,
    Look,
    Take,
    Desert,
    // A caller, in the activation.
    Reserve,
    PutBack,
    Deliver(u32),
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is nothing to say, or anything may be said.
    None,
    Was(bool),
    Begun(Option<CallNumber>),
    Got(Option<u32>),
    /// Handed over, or given back.
    Gave(Result<(), u32>),
    Aborted(Aborted),
    Saw(Parked),
}

/// The state of both, and what came of the last step.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    call: Call,
    /// Calls that have begun.
    begun: usize,
    thread: Thread,
    pub(crate) outcome: Outcome,
}

impl Reference {
    /// The numbers that are on their way from one side to the other.
    pub(crate) fn on_the_way(&self) -> Vec<u32> {
        let answer = match self.call {
            Call::Answered(answer) => Some(answer),
            _ => None,
        };
        let request = match self.thread {
            Thread::Delivered(request) => Some(request),
            _ => None,
        };
        answer.into_iter().chain(request).collect()
    }

    /// The state of a call: one that is not the last is over for good.
    fn state_of(&self, number: CallNumber) -> Option<Call> {
        (number + 1 == self.begun).then_some(self.call)
    }

    fn step_call(&mut self, number: CallNumber, from: Call, to: Call) -> Outcome {
        let is = self.state_of(number) == Some(from);
        if is {
            self.call = to;
        }
        Outcome::Was(is)
    }

    fn step_thread(&mut self, from: Thread, to: Thread) -> Outcome {
        let is = self.thread == from;
        if is {
            self.thread = to;
        }
        Outcome::Was(is)
    }

    fn begin(&mut self) -> Outcome {
        if self.call != Call::Free {
            return Outcome::Begun(None);
        }
        self.call = Call::Pending;
        self.begun += 1;
        Outcome::Begun(Some(self.begun - 1))
    }

    fn collect(&mut self, number: CallNumber) -> Outcome {
        let Some(Call::Answered(answer)) = self.state_of(number) else {
            return Outcome::Got(None);
        };
        self.call = Call::Free;
        Outcome::Got(Some(answer))
    }

    fn abort(&mut self, number: CallNumber, reason: Reason) -> Outcome {
        let (next, aborted) = match (self.state_of(number), reason) {
            (Some(Call::Pending), _) => (Call::Free, Aborted::BeforeStart),
            (Some(Call::Serving), _) => (Call::Free, Aborted::WhileServed),
            (Some(Call::Replying), Reason::Dying) => (Call::Dead, Aborted::DuringReply),
            (Some(Call::Replying), Reason::Interrupted) => (Call::Replying, Aborted::Busy),
            (Some(Call::Answered(answer)), _) => (Call::Answered(answer), Aborted::Answered),
            // Nobody gives up what is over; but if it is done, it disturbs nothing.
            (Some(Call::Free | Call::Dead) | None, _) => return Outcome::None,
        };
        self.call = next;
        Outcome::Aborted(aborted)
    }

    fn answer(&mut self, number: CallNumber, answer: u32) -> Outcome {
        match self.step_call(number, Call::Replying, Call::Answered(answer)) {
            Outcome::Was(true) => Outcome::Gave(Ok(())),
            _ => Outcome::Gave(Err(answer)),
        }
    }

    fn deliver(&mut self, request: u32) -> Outcome {
        match self.step_thread(Thread::Reserved, Thread::Delivered(request)) {
            Outcome::Was(true) => Outcome::Gave(Ok(())),
            _ => Outcome::Gave(Err(request)),
        }
    }

    fn take(&mut self) -> Outcome {
        let Thread::Delivered(request) = self.thread else {
            return Outcome::Got(None);
        };
        self.thread = Thread::Idle;
        Outcome::Got(Some(request))
    }

    fn look(&self) -> Outcome {
        Outcome::Saw(match self.thread {
            Thread::Delivered(_) => Parked::Called,
            Thread::Reserved => Parked::Reserved,
            Thread::Idle | Thread::Parked | Thread::Deserted => Parked::Waiting,
        })
    }

    fn perform(&mut self, step: Step) -> Outcome {
        match step {
            Step::Begin => self.begin(),
            Step::IsAnswered(number) => {
                Outcome::Was(matches!(self.state_of(number), Some(Call::Answered(_))))
            }
            Step::Collect(number) => self.collect(number),
            Step::Abort(number, reason) => self.abort(number, reason),
            Step::Accept(number) => self.step_call(number, Call::Pending, Call::Serving),
            Step::IsOpen(number) => Outcome::Was(self.state_of(number) == Some(Call::Serving)),
            Step::StartReply(number) => self.step_call(number, Call::Serving, Call::Replying),
            Step::Reopen(number) => {
                self.step_call(number, Call::Replying, Call::Serving);
                Outcome::None
            }
            Step::Answer(number, answer) => self.answer(number, answer),
            Step::Park => self.step_thread(Thread::Idle, Thread::Parked),
            Step::Unpark => self.step_thread(Thread::Parked, Thread::Idle),
            Step::Look => self.look(),
            Step::Take => self.take(),
            Step::Desert => self.step_thread(Thread::Reserved, Thread::Deserted),
            Step::Reserve => self.step_thread(Thread::Parked, Thread::Reserved),
            Step::PutBack => self.step_thread(Thread::Reserved, Thread::Parked),
            Step::Deliver(request) => self.deliver(request),
        }
    }
}

/// Steps on a call: mostly the last one, at times one of the two before it.
fn steps_on_a_call(begun: usize) -> impl Strategy<Value = Step> {
    let ago = prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2)];
    let number = ago.prop_map(move |ago: usize| begun.saturating_sub(1 + ago));
    (number, any::<u32>()).prop_flat_map(|(number, answer)| {
        prop_oneof![
            3 => Just(Step::Accept(number)),
            4 => Just(Step::StartReply(number)),
            4 => Just(Step::Answer(number, answer)),
            2 => Just(Step::Collect(number)),
            1 => Just(Step::Reopen(number)),
            1 => Just(Step::IsOpen(number)),
            1 => Just(Step::IsAnswered(number)),
            1 => Just(Step::Abort(number, Reason::Interrupted)),
            // Ends what the slot can do, so it is rare.
            1 => prop_oneof![
                9 => Just(Step::Abort(number, Reason::Interrupted)),
                1 => Just(Step::Abort(number, Reason::Dying)),
            ],
        ]
    })
}

/// Steps on the activation.
fn steps_on_the_thread() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => Just(Step::Park),
        10 => Just(Step::Unpark),
        20 => Just(Step::Look),
        30 => Just(Step::Take),
        40 => Just(Step::Reserve),
        10 => Just(Step::PutBack),
        40 => any::<u32>().prop_map(Step::Deliver),
        // As above.
        1 => Just(Step::Desert),
    ]
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self {
            call: Call::Free,
            begun: 0,
            thread: Thread::Idle,
            outcome: Outcome::None,
        })
        .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Step> {
        if state.begun == 0 {
            return prop_oneof![Just(Step::Begin), steps_on_the_thread()].boxed();
        }
        prop_oneof![
            1 => Just(Step::Begin),
            5 => steps_on_a_call(state.begun),
            5 => steps_on_the_thread(),
        ]
        .boxed()
    }

    /// There is no step on a call that has not begun; everything else may happen at any time.
    fn preconditions(state: &Self, step: &Step) -> bool {
        match *step {
            Step::IsAnswered(number)
            | Step::Collect(number)
            | Step::Abort(number, _)
            | Step::Accept(number)
            | Step::IsOpen(number)
            | Step::StartReply(number)
            | Step::Reopen(number)
            | Step::Answer(number, _) => number < state.begun,
            _ => true,
        }
    }

    fn apply(mut state: Self, step: &Step) -> Self {
        state.outcome = state.perform(*step);
        state
    }
}
