// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of everything between two operations, when nothing moves.

use crate::choices::Choices;
use crate::names::{DoorId, ProcessId, Slot, ThreadId, SLOTS};
use crate::operation::{Action, Operation, Request};
use crate::outcome::Happening;
pub use crate::pool::{Pool, Waiter};
use crate::step::Step;
use std::collections::BTreeMap;

/// How many processes, threads and doors there may have been in one sequence.
pub const PROCESSES: usize = 5;
/// See [`PROCESSES`].
pub const THREADS: usize = 16;
/// See [`PROCESSES`].
pub const DOORS: usize = 40;

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// All that ever were.
    pub processes: Vec<Process>,
    /// All that ever were.
    pub threads: Vec<Thread>,
    /// All that ever were.
    pub doors: Vec<Door>,
    /// The place of the next caller who queues.
    pub(crate) next_place: usize,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// It has not ended.
    pub alive: bool,
    /// Its table of descriptors.
    pub slots: [Option<Descriptor>; SLOTS],
    /// Its shared pool (TP-1).
    pub pool: Pool,
    /// Notifications of its doors.
    pub notifications: Notifications,
}

/// A descriptor. Each door has one open file, which all its descriptors share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The door.
    pub door: DoorId,
    /// `FD_CLOEXEC`.
    pub close_on_exec: bool,
}

/// The unreferenced notifications of a process' doors (UN-9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notifications {
    /// Who delivers them.
    pub thread: Option<ThreadId>,
    /// Those that wait; the last one is next.
    pub pending: Vec<DoorId>,
    /// The one that is being delivered, or waits for a server thread.
    pub current: Option<DoorId>,
}

/// A thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Whose it is.
    pub process: ProcessId,
    /// What it does.
    pub state: State,
    /// The private door that it is bound to.
    pub bound: Option<DoorId>,
    /// The call that it serves; independent of what it does meanwhile (SI-50).
    pub serving: Option<Serving>,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It may do the next thing.
    Running,
    /// It waits in a pool, in `door_return`.
    Parked,
    /// It waits in `door_call`.
    Calling(Call),
    /// It waits in `door_unref`.
    Awaiting,
    /// It has ended.
    Gone,
}

/// A call, on its caller's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which door is called.
    pub door: DoorId,
    /// With what.
    pub request: Request,
    /// Who serves it; none while the caller queues.
    pub server: Option<ThreadId>,
}

/// A call, on its server's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Who waits for the result.
    pub caller: Caller,
    /// Which door was called.
    pub door: DoorId,
}

/// Who calls a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A thread.
    Thread(ThreadId),
    /// The kernel, to tell this process that its door is unreferenced (UN-9).
    Kernel(ProcessId),
}

/// A door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// The process that made it.
    pub target: ProcessId,
    /// What it was created with, without `DOOR_UNREF` once that is used up (UN-8).
    pub attributes: u32,
    /// It takes no more calls.
    pub revoked: bool,
    /// Limits on requests (CR-8).
    pub data_min: usize,
    /// See `data_min`.
    pub data_max: usize,
    /// See `data_min`.
    pub desc_max: usize,
    /// Its own pool, if it is private (TP-1).
    pub pool: Pool,
    /// References that are on their way from one table to another (UN-1).
    pub(crate) in_flight: usize,
    /// It became unreferenced during a call, so that is looked at when no call is in progress (UN-14).
    pub postponed: bool,
}

/// What may be after an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The state.
    pub system: System,
    /// What the threads have noticed that noticed anything. A thread that did something and is not among them
    /// waits.
    pub happenings: BTreeMap<ThreadId, Happening>,
}

impl Default for System {
    /// One process with one thread.
    fn default() -> Self {
        let mut system = Self {
            processes: Vec::new(),
            threads: Vec::new(),
            doors: Vec::new(),
            next_place: 0,
        };
        let process = system.add_process([None; SLOTS]);
        system.add_thread(process);
        system
    }
}

impl System {
    /// May this be done now? Anything may be tried; what cannot be done is to be in two places at once.
    #[must_use]
    pub fn allows(&self, operation: &Operation) -> bool {
        match *operation {
            Operation::Do(thread, action) => {
                self.is(thread, |state| *state == State::Running)
                    && self.has_room_for(thread, action)
            }
            // The library's thread blocks all signals; one that comes in the middle of a notification is
            // not provided for (TP-12).
            Operation::Interrupt(thread) => self.waits(thread) && !self.delivers(thread),
            Operation::Disturb(thread) => self.waits(thread),
            // Somebody must remain to see what has become of the others.
            Operation::Kill(process) => self.is_alive(process) && self.living().count() > 1,
        }
    }

    fn has_room_for(&self, thread: ThreadId, action: Action) -> bool {
        match action {
            Action::Create { .. } => self.doors.len() < DOORS,
            Action::Spawn => self.threads.len() < THREADS,
            Action::Fork => self.threads.len() < THREADS && self.processes.len() < PROCESSES,
            Action::Exit => {
                let process = self.threads[thread.0].process;
                self.living().count() > 1 || self.threads_of(process).count() > 1
            }
            // Its own call would have to wait for it.
            Action::AwaitUnreferenced => self.threads[thread.0].serving.is_none(),
            _ => true,
        }
    }

    /// What may be after an operation that is allowed; the first is the most natural.
    #[must_use]
    pub fn after(&self, operation: &Operation) -> Vec<Next> {
        Choices::all(|choices| Step::take(self.clone(), operation, choices))
    }

    fn is(&self, thread: ThreadId, property: impl FnOnce(&State) -> bool) -> bool {
        self.threads
            .get(thread.0)
            .is_some_and(|thread| property(&thread.state))
    }

    /// Is there such a thread, still?
    #[must_use]
    pub fn exists(&self, thread: ThreadId) -> bool {
        self.is(thread, |state| *state != State::Gone)
    }

    /// Is the thread in a system call that waits for others?
    #[must_use]
    pub fn waits(&self, thread: ThreadId) -> bool {
        self.is(thread, |state| {
            matches!(state, State::Parked | State::Calling(_) | State::Awaiting)
        })
    }

    /// Is the thread in the middle of an unreferenced notification, as who delivers it?
    fn delivers(&self, thread: ThreadId) -> bool {
        let notifications = &self.processes[self.threads[thread.0].process.0].notifications;
        notifications.thread == Some(thread) && notifications.current.is_some()
    }

    /// Is the process alive?
    #[must_use]
    pub fn is_alive(&self, process: ProcessId) -> bool {
        self.processes
            .get(process.0)
            .is_some_and(|process| process.alive)
    }

    /// The processes that are alive.
    pub fn living(&self) -> impl Iterator<Item = ProcessId> + '_ {
        (0..self.processes.len())
            .map(ProcessId)
            .filter(|process| self.is_alive(*process))
    }

    /// The threads of a process.
    pub fn threads_of(&self, process: ProcessId) -> impl Iterator<Item = ThreadId> + '_ {
        (0..self.threads.len())
            .map(ThreadId)
            .filter(move |thread| self.exists(*thread) && self.threads[thread.0].process == process)
    }

    /// The open descriptors of a process.
    pub fn open_slots(&self, process: ProcessId) -> impl Iterator<Item = Slot> + '_ {
        let slots = self.processes[process.0].slots.iter().enumerate();
        slots.filter_map(|(slot, open)| open.map(|_| Slot(slot)))
    }

    /// How many references there are to a door's open file: descriptors, and what is in flight (UN-1).
    #[must_use]
    pub fn references(&self, door: DoorId) -> usize {
        let tables = self.processes.iter().flat_map(|process| &process.slots);
        tables.flatten().filter(|open| open.door == door).count() + self.doors[door.0].in_flight
    }

    /// The threads that call a door, served or not (UN-15).
    pub fn callers(&self, door: DoorId) -> impl Iterator<Item = ThreadId> + '_ {
        let threads = self.threads.iter().enumerate();
        threads.filter_map(move |(number, thread)| match thread.state {
            State::Calling(call) if call.door == door => Some(ThreadId(number)),
            _ => None,
        })
    }

    pub(crate) fn add_process(&mut self, slots: [Option<Descriptor>; SLOTS]) -> ProcessId {
        self.processes.push(Process {
            alive: true,
            slots,
            pool: Pool::default(),
            notifications: Notifications::default(),
        });
        ProcessId(self.processes.len() - 1)
    }

    pub(crate) fn add_thread(&mut self, process: ProcessId) {
        self.threads.push(Thread {
            process,
            state: State::Running,
            bound: None,
            serving: None,
        });
    }
}
