// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must add up over a whole sequence.

use doors_reference::system::{Caller, Next, State, System};
use doors_reference::{Action, DoorId, Operation, Outcome, ProcessId, ThreadId};
use doors_uapi::abi::{DOOR_UNREF, DOOR_UNREF_MULTI};
use doors_uapi::Errno;
use std::collections::BTreeMap;

/// Everything that was counted.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    calls: usize,
    ended: usize,
    /// Threads that were killed in a call.
    lost: usize,
    /// Of each door: what it was created with, how often somebody closed the last descriptor but one, how
    /// often it was told.
    doors: BTreeMap<DoorId, Account>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    attributes: u32,
    transitions: usize,
    notifications: usize,
}

impl Ledger {
    pub(crate) fn enter(&mut self, before: &System, operation: &Operation, next: &Next) {
        let created = before.doors.len()..next.system.doors.len();
        for door in created {
            let attributes = next.system.doors[door].attributes;
            let account = Account {
                attributes,
                ..Account::default()
            };
            self.doors.insert(DoorId(door), account);
        }
        if let Operation::Do(_, Action::Call(..)) = operation {
            self.calls += 1;
        }
        for (thread, happening) in &next.happenings {
            let called = before.threads[thread.0..]
                .first()
                .is_some_and(|it| matches!(it.state, State::Calling(_)));
            let calls_now =
                matches!(operation, Operation::Do(it, Action::Call(..)) if it == thread);
            if (called || calls_now) && happening.outcome.is_some() {
                self.ended += 1;
            }
            if let Some(Outcome::Invoked(invocation)) = &happening.outcome {
                if invocation.message.is_none() {
                    self.account(invocation.door).notifications += 1;
                }
            }
        }
        for (number, thread) in before.threads.iter().enumerate() {
            let gone = next.system.threads[number].state == State::Gone;
            if gone && matches!(thread.state, State::Calling(_)) {
                self.lost += 1;
            }
        }
        self.count_transitions(before, operation, next);
    }

    /// A descriptor fewer than before, or one more for a moment and then again as many: both are closes.
    fn count_transitions(&mut self, before: &System, operation: &Operation, next: &Next) {
        for door in (0..before.doors.len()).map(DoorId) {
            let (was, is) = (before.references(door), next.system.references(door));
            let moved = next.happenings.values().any(|it| match &it.outcome {
                Some(Outcome::Invoked(it)) => it.message.iter().any(|it| it.received.is_some()),
                Some(Outcome::Result(it)) => it.received.is_some(),
                Some(Outcome::Failed(errno)) => *errno == Errno::EMFILE,
                _ => false,
            });
            let dying = matches!(
                operation,
                Operation::Kill(_) | Operation::Do(_, Action::Exit)
            );
            if (was > 1 && is == 1) || (was > 1 && is == 0 && dying) || (moved && is <= 2) {
                self.account(door).transitions += 1;
            }
        }
    }

    fn account(&mut self, door: DoorId) -> &mut Account {
        self.doors.entry(door).or_default()
    }

    /// What does not add up, if anything does not.
    pub(crate) fn broken(&self, system: &System) -> Option<String> {
        let states = system.threads.iter().map(|thread| thread.state);
        let calling = states
            .filter(|state| matches!(state, State::Calling(_)))
            .count();
        if self.calls != self.ended + self.lost + calling {
            return Some(format!(
                "{} calls, of which {} have ended, {} died, and {calling} go on",
                self.calls, self.ended, self.lost
            ));
        }
        self.doors
            .iter()
            .find_map(|(door, account)| notifications(system, *door, account))
    }
}

/// UN-8: none without a reason, at most one with `DOOR_UNREF`, and none that is lost.
fn notifications(system: &System, door: DoorId, account: &Account) -> Option<String> {
    let it = &system.doors[door.0];
    let target = &system.processes[it.target.0].notifications;
    let on_its_way = usize::from(target.pending.contains(&door))
        + usize::from(target.current == Some(door) && !is_served(system, it.target));
    let told = account.notifications + on_its_way;
    let wrong = |why: &str| {
        Some(format!(
            "{door} {why}: {account:?}, {on_its_way} on the way"
        ))
    };

    if told > account.transitions {
        return wrong("was told without a reason");
    }
    if account.attributes & DOOR_UNREF != 0 {
        if told > 1 {
            return wrong("was told twice");
        }
        // Nothing could keep it from being told, and it was not.
        let free = !it.revoked && system.references(door) > 0;
        let used_up = it.attributes & DOOR_UNREF == 0;
        if free && used_up && told == 0 {
            return wrong("was never told");
        }
    } else if account.attributes & DOOR_UNREF_MULTI == 0 && told > 0 {
        return wrong("did not ask");
    }
    None
}

fn is_served(system: &System, process: ProcessId) -> bool {
    (0..system.threads.len()).map(ThreadId).any(|thread| {
        let serving = system.threads[thread.0].serving;
        serving.is_some_and(|it| it.caller == Caller::Kernel(process))
    })
}
