// SPDX-License-Identifier: MIT OR Apache-2.0
//! One operation, and everything that follows from it.

use crate::choices::Choices;
use crate::names::{DoorId, ProcessId, Slot, ThreadId};
use crate::operation::{Action, Operation};
use crate::outcome::{Happening, Outcome};
use crate::reply::Landing;
use crate::system::{Door, Next, Process, State, System, Thread};
use doors_uapi::Errno;
use std::collections::BTreeMap;

/// An operation that is being done. Each module adds what it is about.
pub(crate) struct Step<'a> {
    pub(crate) system: System,
    pub(crate) choices: &'a mut Choices,
    happenings: BTreeMap<ThreadId, Happening>,
    /// Doors that have just become unreferenced.
    pub(crate) unreferenced: Vec<DoorId>,
    /// Doors whose only notification has just been used up (UN-8).
    pub(crate) used_up: Vec<DoorId>,
    /// A reply on its way.
    pub(crate) landing: Option<Landing>,
}

/// How a system call goes: it has an outcome, now or later.
pub(crate) enum Progress {
    Over(Outcome),
    Waits,
}

impl Step<'_> {
    /// Does all of it.
    pub(crate) fn take(system: System, operation: &Operation, choices: &mut Choices) -> Next {
        let mut step = Step {
            system,
            choices,
            happenings: BTreeMap::new(),
            unreferenced: Vec::new(),
            used_up: Vec::new(),
            landing: None,
        };
        match *operation {
            Operation::Do(thread, action) => step.act(thread, action),
            Operation::Interrupt(thread) => step.interrupt(thread),
            // A signal that is ignored disturbs nobody (SI-3).
            Operation::Disturb(_) => {}
            Operation::Kill(process) => step.end_process(process),
        }
        step.settle();
        Next {
            system: step.system,
            happenings: step.happenings,
        }
    }

    fn act(&mut self, me: ThreadId, action: Action) {
        let progress = match action {
            Action::Create { attributes } => self.create(me, attributes),
            Action::Duplicate(slot) => self.duplicate(me, slot),
            Action::Close(slot) => self.close(me, slot),
            Action::Fork => self.fork(me),
            Action::Spawn => self.spawn(me),
            Action::Exit => self.exit(me),
            Action::Bind(slot) => self.bind(me, slot),
            Action::Unbind => self.unbind(me),
            Action::Call(slot, request) => self.call(me, slot, request),
            Action::Return(reply) => self.give(me, reply),
            Action::Revoke(slot) => self.revoke(me, slot),
            Action::Info(slot) => self.info(me, slot),
            Action::Query => self.query(me),
            Action::GetParameter(slot, parameter) => self.get_parameter(me, slot, parameter),
            Action::SetParameter(slot, parameter, value) => {
                self.set_parameter(me, slot, parameter, value)
            }
            Action::Credentials => self.credentials(me),
            Action::AwaitUnreferenced => self.await_unreferenced(me),
        };
        match progress {
            Ok(Progress::Over(outcome)) => self.finish(me, outcome),
            Ok(Progress::Waits) => {}
            Err(errno) => self.finish(me, Outcome::Failed(errno)),
        }
    }

    /// The operation is over when nothing more happens by itself.
    fn settle(&mut self) {
        self.go_on();
        for pool in self.pools() {
            let next = self.system.next_place;
            self.system.next_place = self.pool(pool).all_have_queued(next);
        }
    }

    /// Lets everything happen that can happen by itself now.
    pub(crate) fn go_on(&mut self) {
        while self.land()
            || self.queue_notifications()
            || self.start_notification()
            || self.serve_one()
        {}
    }

    pub(crate) fn process(&mut self, process: ProcessId) -> &mut Process {
        &mut self.system.processes[process.0]
    }

    pub(crate) fn process_of(&self, thread: ThreadId) -> ProcessId {
        self.system.threads[thread.0].process
    }

    pub(crate) fn thread(&mut self, thread: ThreadId) -> &mut Thread {
        &mut self.system.threads[thread.0]
    }

    pub(crate) fn door(&mut self, door: DoorId) -> &mut Door {
        &mut self.system.doors[door.0]
    }

    /// The door behind one of a thread's descriptors.
    pub(crate) fn lookup(&self, thread: ThreadId, slot: Slot) -> Result<DoorId, Errno> {
        let process = &self.system.processes[self.process_of(thread).0];
        match process.slots.get(slot.0) {
            Some(Some(descriptor)) => Ok(descriptor.door),
            _ => Err(Errno::EBADF),
        }
    }

    fn happening(&mut self, thread: ThreadId) -> &mut Happening {
        self.happenings.entry(thread).or_default()
    }

    /// What the thread was doing is over.
    pub(crate) fn finish(&mut self, thread: ThreadId, outcome: Outcome) {
        if self.thread(thread).state != State::Gone {
            self.thread(thread).state = State::Running;
            self.happening(thread).outcome = Some(outcome);
        }
    }

    /// The thread's caller has left: it is sent the signal for that (SI-11). If it calls somebody itself, that
    /// call is interrupted in turn (SI-13).
    pub(crate) fn cancel(&mut self, server: ThreadId) {
        self.happening(server).cancelled = true;
        self.interrupt(server);
    }
}
