// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sequences of operations, for proptest: random, shrinking, and never asking for the impossible.

use crate::names::{DoorId, ProcessId, Slot, ThreadId, SLOTS};
use crate::operation::{Action, Operation, Pass, Reply, Request, REQUEST_SIZES, RESULT_SIZES};
use crate::system::{Caller, Serving, State, System};
use doors_uapi::abi::{
    DOOR_CREATE_MASK, DOOR_NO_CANCEL, DOOR_PARAM_DATA_MAX, DOOR_PARAM_DATA_MIN,
    DOOR_PARAM_DESC_MAX, DOOR_PRIVATE, DOOR_REFUSE_DESC, DOOR_UNREF, DOOR_UNREF_MULTI,
};
use proptest::collection::{vec, SizeRange};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// Sequences with this many random operations, after some that set the scene.
pub fn sequences(length: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Operation>> {
    Walk::sequential_strategy(length).prop_map(|(walk, operations, seen)| {
        // Shrinking must not take for irrelevant what it has not been told is done: all of it is.
        if let Some(seen) = seen {
            seen.store(operations.len(), Ordering::Relaxed);
        }
        let mut all = walk.scene;
        all.extend(operations);
        all
    })
}

/// Where a sequence has got to, if everything went the most natural way.
#[derive(Clone, Debug, Default)]
struct Walk {
    system: System,
    /// What it began with.
    scene: Vec<Operation>,
}

impl Walk {
    fn go(&mut self, operation: &Operation) {
        // The first possibility is the most natural; there always is one.
        self.system = self.system.after(operation).swap_remove(0).system;
    }

    fn set(&mut self, thread: usize, action: Action) {
        let operation = Operation::Do(ThreadId(thread), action);
        if self.system.allows(&operation) {
            self.go(&operation);
            self.scene.push(operation);
        }
    }

    /// Some doors in a process, some relatives of it, some threads each, of which some are parked, and one may wait
    /// for unreferenced doors.
    fn setting(
        doors: &[u32],
        relatives: &[usize],
        threads: usize,
        parked: &[usize],
        awaiting: bool,
    ) -> Self {
        let mut walk = Self::default();
        for attributes in doors {
            let attributes = *attributes;
            walk.set(0, Action::Create { attributes });
        }
        for _ in 0..threads {
            walk.set(0, Action::Spawn);
        }
        for threads in relatives {
            let born = walk.system.threads.len();
            walk.set(0, Action::Fork);
            for _ in 0..*threads {
                walk.set(born, Action::Spawn);
            }
        }
        if awaiting {
            walk.set(1, Action::AwaitUnreferenced);
        }
        for thread in parked {
            walk.set(*thread, Action::Return(Reply::EMPTY));
        }
        walk
    }
}

impl ReferenceStateMachine for Walk {
    type State = Self;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Self> {
        let doors = vec(attributes(), 0..=3);
        let relatives = vec(0..=2_usize, 0..=2);
        let parked = vec(0..=4_usize, 0..=3);
        (doors, relatives, 0..=3_usize, parked, any::<bool>())
            .prop_map(|(doors, relatives, threads, parked, awaiting)| {
                Self::setting(&doors, &relatives, threads, &parked, awaiting)
            })
            .boxed()
    }

    fn transitions(walk: &Self) -> BoxedStrategy<Operation> {
        let system = &walk.system;
        let threads = || (0..system.threads.len()).map(ThreadId);
        let running: Vec<ThreadId> = threads()
            .filter(|it| system.threads[it.0].state == State::Running)
            .collect();
        let waiting: Vec<ThreadId> = threads().filter(|it| system.waits(*it)).collect();
        let living: Vec<ProcessId> = system.living().collect();

        let mut all = Vec::new();
        if !running.is_empty() {
            // Servers are what moves things on.
            let busy = running.iter().filter(|it| serves(system, **it));
            let threads: Vec<ThreadId> = busy.chain(&running).copied().collect();
            let system = Rc::new(system.clone());
            let something = select(threads).prop_flat_map(move |it| doing(&system, it));
            all.push((60, something.boxed()));
        }
        if !waiting.is_empty() {
            let weight = if running.is_empty() { 30 } else { 2 };
            let interrupt = select(waiting.clone()).prop_map(Operation::Interrupt);
            all.push((weight, interrupt.boxed()));
            all.push((1, select(waiting).prop_map(Operation::Disturb).boxed()));
        }
        if living.len() > 1 {
            all.push((1, select(living).prop_map(Operation::Kill).boxed()));
        }
        proptest::strategy::Union::new_weighted(all).boxed()
    }

    fn apply(mut walk: Self, operation: &Operation) -> Self {
        walk.go(operation);
        walk
    }

    fn preconditions(walk: &Self, operation: &Operation) -> bool {
        walk.system.allows(operation)
    }
}

fn serves(system: &System, thread: ThreadId) -> bool {
    system.threads[thread.0].serving.is_some()
}

/// What a thread may do, with a preference for what leads somewhere.
fn doing(system: &System, thread: ThreadId) -> BoxedStrategy<Operation> {
    let process = system.threads[thread.0].process;
    let poor = system.open_slots(process).next().is_none();
    let busy = serves(system, thread);
    let notified = matches!(
        system.threads[thread.0].serving,
        Some(Serving {
            caller: Caller::Kernel(_),
            ..
        })
    );
    let enough_parked = system
        .threads_of(process)
        .any(|it| system.threads[it.0].state == State::Parked);
    let slot = slots(system, process, |_| true);
    let served = slots(system, process, |door| has_server(system, door));
    let decides = |door| system.references(door) == 2 && asks(system, door);
    let deciding = slots(system, process, decides);
    let can_decide = system.open_slots(process).any(|slot| {
        let descriptor = system.processes[process.0].slots[slot.0];
        descriptor.is_some_and(|it| decides(it.door))
    });
    let own_private = slots(system, process, |door| {
        let it = &system.doors[door.0];
        it.target == process && it.attributes & DOOR_PRIVATE != 0
    });
    let returning = match (busy, enough_parked) {
        (true, _) => 60,
        (false, false) => 30,
        (false, true) => 8,
    };
    prop_oneof![
        returning => replies(slot.clone()).prop_map(Action::Return),
        if poor { 1 } else { 40 } =>
            (served, requests(slot.clone())).prop_map(|(slot, it)| Action::Call(slot, it)),
        if poor { 40 } else { 4 } =>
            attributes().prop_map(|attributes| Action::Create { attributes }),
        6 => slot.clone().prop_map(Action::Duplicate),
        if can_decide { 12 } else { 2 } => deciding.prop_map(Action::Close),
        1 => Just(Action::Fork),
        2 => Just(Action::Spawn),
        1 => Just(Action::Exit),
        8 => own_private.prop_map(Action::Bind),
        1 => Just(Action::Unbind),
        1 => slot.clone().prop_map(Action::Revoke),
        4 => slot.clone().prop_map(Action::Info),
        1 => Just(Action::Query),
        1 => (slot.clone(), 0..=4).prop_map(|(slot, it)| Action::GetParameter(slot, it)),
        2 => parameters(slot),
        if notified { 30 } else if busy { 6 } else { 1 } => Just(Action::Credentials),
        2 => Just(Action::AwaitUnreferenced),
    ]
    .prop_map(move |action| Operation::Do(thread, action))
    .boxed()
}

/// Mostly those of a process' descriptors whose door is preferred; rarely one that is not open.
fn slots(
    system: &System,
    process: ProcessId,
    preferred: impl Fn(DoorId) -> bool,
) -> BoxedStrategy<Slot> {
    let mut open: Vec<Slot> = system.open_slots(process).collect();
    if open.is_empty() {
        open.push(Slot(0));
    }
    let table = &system.processes[process.0].slots;
    let best = open.iter().copied().filter(|slot| {
        let door = table[slot.0].map(|descriptor| descriptor.door);
        door.is_some_and(&preferred)
    });
    let best: Vec<Slot> = best.collect();
    let best = if best.is_empty() { open.clone() } else { best };
    prop_oneof![
        20 => select(best),
        10 => select(open),
        1 => (0..SLOTS).prop_map(Slot),
    ]
    .boxed()
}

/// Does the door want to be told when it is unreferenced?
fn asks(system: &System, door: DoorId) -> bool {
    system.doors[door.0].attributes & (DOOR_UNREF | DOOR_UNREF_MULTI) != 0
}

fn has_server(system: &System, door: DoorId) -> bool {
    let it = &system.doors[door.0];
    let pool = if it.attributes & DOOR_PRIVATE != 0 {
        &it.pool
    } else {
        &system.processes[it.target.0].pool
    };
    !it.revoked && !pool.parked.is_empty()
}

fn attributes() -> BoxedStrategy<u32> {
    let unreferenced = prop_oneof![
        3 => Just(0),
        3 => Just(DOOR_UNREF),
        3 => Just(DOOR_UNREF_MULTI),
    ];
    let private = prop_oneof![3 => Just(0), 2 => Just(DOOR_PRIVATE)];
    let refuses = prop_oneof![6 => Just(0), 1 => Just(DOOR_REFUSE_DESC)];
    let lasting = prop_oneof![3 => Just(0), 1 => Just(DOOR_NO_CANCEL)];
    let sensible = (unreferenced, private, refuses, lasting).prop_map(|(a, b, c, d)| a | b | c | d);
    prop_oneof![
        20 => sensible,
        1 => (0..=DOOR_CREATE_MASK).boxed(),
    ]
    .boxed()
}

fn passes(slot: BoxedStrategy<Slot>) -> impl Strategy<Value = Option<Pass>> {
    let pass = (slot, any::<bool>()).prop_map(|(slot, release)| Some(Pass { slot, release }));
    prop_oneof![4 => Just(None), 1 => pass]
}

/// Small sizes are more usual.
fn sizes(all: &'static [usize]) -> impl Strategy<Value = usize> {
    prop_oneof![2 => select(&all[..3]), 1 => select(all)]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop_oneof![15 => Just(false), 1 => Just(true)]
}

fn requests(slot: BoxedStrategy<Slot>) -> impl Strategy<Value = Request> {
    let request =
        (sizes(REQUEST_SIZES), rarely(), passes(slot)).prop_map(|(size, unreadable, pass)| {
            Request {
                size,
                unreadable,
                pass,
                parameters: true,
            }
        });
    let nothing = Request {
        size: 0,
        unreadable: false,
        pass: None,
        parameters: false,
    };
    prop_oneof![10 => request, 1 => Just(nothing)]
}

fn replies(slot: BoxedStrategy<Slot>) -> impl Strategy<Value = Reply> {
    let reply =
        (sizes(RESULT_SIZES), rarely(), passes(slot)).prop_map(|(size, unreadable, pass)| Reply {
            size,
            unreadable,
            pass,
        });
    prop_oneof![1 => Just(Reply::EMPTY), 1 => reply]
}

fn parameters(slot: BoxedStrategy<Slot>) -> BoxedStrategy<Action> {
    let parameter = select(&[
        DOOR_PARAM_DATA_MAX,
        DOOR_PARAM_DATA_MIN,
        DOOR_PARAM_DESC_MAX,
        DOOR_PARAM_DESC_MAX,
        0,
    ]);
    let value = select(&[0, 0, 1, 100, 20_000, 0x7fff_ffff, 0x8000_0000, usize::MAX]);
    (slot, parameter, value)
        .prop_map(|(slot, parameter, value)| Action::SetParameter(slot, parameter, value))
        .boxed()
}

/// The shortest sequence that can be found by leaving operations out of one that fails. What is not allowed without
/// them, `fails` leaves out, too.
pub fn shortest(
    operations: &[Operation],
    mut fails: impl FnMut(&[Operation]) -> bool,
) -> Vec<Operation> {
    let mut shortest = operations.to_vec();
    let mut chunk = shortest.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < shortest.len() {
            let mut shorter = shortest.clone();
            shorter.drain(at..shortest.len().min(at + chunk));
            if fails(&shorter) {
                shortest = shorter;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    shortest
}
