// SPDX-License-Identifier: MIT OR Apache-2.0
//! How the stories are told.

use doors_reference::system::Next;
use doors_reference::{Action, Happening, Invocation, Message, Operation, Outcome};
use doors_reference::{Pass, ProcessId, Reply, Request, Slot, System, ThreadId};
use doors_uapi::Errno;
use std::collections::BTreeMap;

/// A system, and what its threads have just noticed.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) system: System,
    happenings: BTreeMap<ThreadId, Happening>,
}

/// A request with nothing in it but parameters.
pub(crate) const ASK: Request = Request {
    size: 0,
    unreadable: false,
    pass: None,
    parameters: true,
};

/// A request or a result of that size.
pub(crate) fn data(size: usize) -> Reply {
    Reply {
        size,
        ..Reply::EMPTY
    }
}

pub(crate) fn passing(slot: usize, release: bool) -> Option<Pass> {
    Some(Pass {
        slot: Slot(slot),
        release,
    })
}

impl Story {
    /// A process with so many threads and doors with these attributes, in slots 0, 1 and so on.
    pub(crate) fn with(threads: usize, doors: &[u32]) -> Self {
        let mut story = Self::default();
        for _ in 1..threads {
            story.act(0, Action::Spawn);
        }
        for attributes in doors {
            let attributes = *attributes;
            story.act(0, Action::Create { attributes });
        }
        story
    }

    /// What may be after an operation.
    #[track_caller]
    pub(crate) fn possible(&self, operation: Operation) -> Vec<Next> {
        assert!(self.system.allows(&operation), "{operation} cannot be done");
        self.system.after(&operation)
    }

    #[track_caller]
    fn go(&mut self, operation: Operation) {
        let mut nexts = self.possible(operation);
        assert_eq!(nexts.len(), 1, "{operation} may go several ways");
        self.follow(nexts.remove(0));
    }

    /// It went this way.
    pub(crate) fn follow(&mut self, next: Next) {
        self.system = next.system;
        self.happenings = next.happenings;
    }

    #[track_caller]
    pub(crate) fn act(&mut self, thread: usize, action: Action) {
        self.go(Operation::Do(ThreadId(thread), action));
    }

    #[track_caller]
    pub(crate) fn call(&mut self, thread: usize, slot: usize, request: Request) {
        self.act(thread, Action::Call(Slot(slot), request));
    }

    #[track_caller]
    pub(crate) fn give(&mut self, thread: usize, reply: Reply) {
        self.act(thread, Action::Return(reply));
    }

    #[track_caller]
    pub(crate) fn park(&mut self, thread: usize) {
        self.give(thread, Reply::EMPTY);
    }

    #[track_caller]
    pub(crate) fn interrupt(&mut self, thread: usize) {
        self.go(Operation::Interrupt(ThreadId(thread)));
    }

    #[track_caller]
    pub(crate) fn kill(&mut self, process: usize) {
        self.go(Operation::Kill(ProcessId(process)));
    }

    /// What a thread was told by the last operation.
    pub(crate) fn told(&self, thread: usize) -> Option<Outcome> {
        let happening = self.happenings.get(&ThreadId(thread));
        happening.and_then(|it| it.outcome.clone())
    }

    /// The error that a thread was told by the last operation.
    #[track_caller]
    pub(crate) fn error(&self, thread: usize) -> Errno {
        match self.told(thread) {
            Some(Outcome::Failed(errno)) => errno,
            other => panic!("thread {thread} was told {other:?}"),
        }
    }

    /// The result that a thread was told by the last operation.
    #[track_caller]
    pub(crate) fn result(&self, thread: usize) -> Message {
        match self.told(thread) {
            Some(Outcome::Result(message)) => message,
            other => panic!("thread {thread} was told {other:?}"),
        }
    }

    /// What a thread was invoked with by the last operation.
    #[track_caller]
    pub(crate) fn invocation(&self, thread: usize) -> Invocation {
        match self.told(thread) {
            Some(Outcome::Invoked(invocation)) => invocation,
            other => panic!("thread {thread} was told {other:?}"),
        }
    }

    /// Was a thread told by the last operation that its caller has left?
    pub(crate) fn cancelled(&self, thread: usize) -> bool {
        let happening = self.happenings.get(&ThreadId(thread));
        happening.is_some_and(|it| it.cancelled)
    }

    /// Who was told anything by the last operation.
    pub(crate) fn noticed(&self) -> Vec<usize> {
        self.happenings.keys().map(|thread| thread.0).collect()
    }

    /// The attributes that a thread sees of a door.
    #[track_caller]
    pub(crate) fn attributes(&mut self, thread: usize, slot: usize) -> u32 {
        self.act(thread, Action::Info(Slot(slot)));
        match self.told(thread) {
            Some(Outcome::Info(info)) => info.attributes,
            other => panic!("thread {thread} was told {other:?}"),
        }
    }
}
