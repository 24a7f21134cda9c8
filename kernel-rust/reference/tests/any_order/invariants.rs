// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is so in every state, and between any two.

use doors_reference::system::{Caller, Next, Pool, State, System};
use doors_reference::{DoorId, Operation, Outcome, ProcessId, ThreadId};
use doors_uapi::abi::DOOR_PRIVATE;
use doors_uapi::Errno;
use std::mem::discriminant;

/// What is wrong, if anything is.
pub(crate) fn broken(before: &System, operation: &Operation, next: &Next) -> Option<String> {
    let after = &next.system;
    nobody_waits_in_vain(after)
        .or_else(|| links_are_mutual(after))
        .or_else(|| threads_are_where_they_seem(after))
        .or_else(|| the_right_ones_serve(before, next))
        .or_else(|| outcomes_have_a_reason(before, operation, next))
        .or_else(|| the_dead_have_nothing(after))
}

fn claim(holds: bool, otherwise: impl FnOnce() -> String) -> Option<String> {
    (!holds).then(otherwise)
}

fn pools(system: &System) -> impl Iterator<Item = &Pool> {
    let shared = system.processes.iter().map(|process| &process.pool);
    shared.chain(system.doors.iter().map(|door| &door.pool))
}

fn door_pool(system: &System, door: DoorId) -> &Pool {
    let it = &system.doors[door.0];
    if it.attributes & DOOR_PRIVATE != 0 {
        &it.pool
    } else {
        &system.processes[it.target.0].pool
    }
}

/// Where there is a thread, no caller waits (TP-6), and nobody waits for a revoked door (RV-3, SI-20).
fn nobody_waits_in_vain(system: &System) -> Option<String> {
    pools(system).find_map(|pool| {
        claim(pool.parked.is_empty() || pool.waiting.is_empty(), || {
            format!("threads and callers in one pool: {pool:?}")
        })
        .or_else(|| {
            pool.waiting.iter().find_map(|waiter| {
                claim(!system.doors[waiter.door.0].revoked, || {
                    format!("{waiter:?} waits for a revoked door")
                })
            })
        })
    })
}

/// A call that is served has one server, which serves that call; all others wait once, in the pool of their door.
fn links_are_mutual(system: &System) -> Option<String> {
    let threads = || system.threads.iter().enumerate();
    let callers = threads().find_map(|(number, thread)| {
        let State::Calling(call) = thread.state else {
            return None;
        };
        let me = Caller::Thread(ThreadId(number));
        let waiting = pools(system).flat_map(|pool| &pool.waiting);
        let places = waiting.filter(|waiter| waiter.caller == me).count();
        let own = door_pool(system, call.door).waiting.iter();
        let here = own.filter(|waiter| waiter.caller == me && waiter.door == call.door);
        match call.server {
            None => claim(places == 1 && here.count() == 1, || {
                format!("{me:?} waits in {places} places")
            }),
            Some(server) => {
                let serving = system.threads[server.0].serving;
                let mutual = serving.is_some_and(|it| it.caller == me && it.door == call.door);
                claim(mutual && places == 0, || {
                    format!("{me:?} is not served by {server}")
                })
            }
        }
    });
    callers.or_else(|| {
        threads().find_map(|(number, thread)| {
            let serving = thread.serving?;
            let mutual = match serving.caller {
                Caller::Thread(caller) => matches!(
                    system.threads[caller.0].state,
                    State::Calling(call) if call.server == Some(ThreadId(number))
                ),
                Caller::Kernel(process) => {
                    system.processes[process.0].notifications.current == Some(serving.door)
                }
            };
            claim(mutual, || {
                format!("thread {number} serves {serving:?}, who does not know")
            })
        })
    })
}

/// A thread is in one pool while it is parked, which is that of its binding, and in none otherwise (TP-2).
fn threads_are_where_they_seem(system: &System) -> Option<String> {
    system
        .threads
        .iter()
        .enumerate()
        .find_map(|(number, thread)| {
            let me = ThreadId(number);
            let all = pools(system).flat_map(|pool| &pool.parked);
            let places = all.filter(|it| **it == me).count();
            let own = match thread.bound {
                Some(door) => &system.doors[door.0].pool,
                None => &system.processes[thread.process.0].pool,
            };
            let right = match thread.state {
                State::Parked => {
                    places == 1 && own.parked.contains(&me) && thread.serving.is_none()
                }
                _ => places == 0,
            };
            claim(right, || {
                format!("{me} is {:?} in {places} pools", thread.state)
            })
        })
}

/// TP-1, TP-3, RV-3: who serves was parked last in the right pool of the door's target, and the door is not revoked.
fn the_right_ones_serve(before: &System, next: &Next) -> Option<String> {
    next.happenings.iter().find_map(|(thread, happening)| {
        let Some(Outcome::Invoked(invocation)) = &happening.outcome else {
            return None;
        };
        let it = &next.system.threads[thread.0];
        let door = &next.system.doors[invocation.door.0];
        let private = door.attributes & DOOR_PRIVATE != 0;
        let right = it.process == door.target
            && it.bound == private.then_some(invocation.door)
            && !door.revoked;
        // Of those that were parked before, those that serve now are the last; but the very last one may still be busy
        // with dropping what it had no room for (DE-12).
        let was_parked = &door_pool(before, invocation.door).parked;
        let serves = |it: &&ThreadId| {
            let happening = next.happenings.get(it);
            happening.is_some_and(|it| matches!(it.outcome, Some(Outcome::Invoked(_))))
        };
        let all = was_parked.iter().filter(serves).count();
        let last = |from_end: usize| {
            let candidates = was_parked.iter().rev().skip(from_end);
            candidates.take_while(serves).count() == all
        };
        let no_room = Some(Outcome::Failed(Errno::EMFILE));
        let dropped = next.happenings.values().any(|it| it.outcome == no_room);
        claim(right && (last(0) || dropped && last(1)), || {
            format!("{thread} serves {} of {was_parked:?}", invocation.door)
        })
    })
}

/// Only who did something or waited for something is told, and then waits no more; nobody stops waiting untold.
fn outcomes_have_a_reason(before: &System, operation: &Operation, next: &Next) -> Option<String> {
    let threads = 0..before.threads.len();
    threads.map(ThreadId).find_map(|thread| {
        let happening = next.happenings.get(&thread);
        let told = happening.is_some_and(|it| it.outcome.is_some());
        let acts = matches!(operation, Operation::Do(it, _) if *it == thread);
        let (was, is) = (
            before.threads[thread.0].state,
            next.system.threads[thread.0].state,
        );
        let right = if told {
            (acts || before.waits(thread)) && is == State::Running
        } else if acts {
            is != State::Running
        } else {
            // A caller that was queued may be served now, which it does not notice.
            discriminant(&is) == discriminant(&was) || is == State::Gone
        };
        claim(right, || {
            format!("{thread} was {was:?}, is {is:?}, and was told {happening:?}")
        })
    })
}

/// SI-31, IF-1.
fn the_dead_have_nothing(system: &System) -> Option<String> {
    let dead = (0..system.processes.len())
        .map(ProcessId)
        .filter(|process| !system.is_alive(*process));
    for process in dead {
        let it = &system.processes[process.0];
        let nothing = it.slots.iter().all(Option::is_none)
            && it.pool == Pool::default()
            && it.notifications.thread.is_none()
            && it.notifications.pending.is_empty()
            && it.notifications.current.is_none()
            && system.threads_of(process).next().is_none();
        let revoked = system
            .doors
            .iter()
            .all(|door| door.target != process || door.revoked);
        if !(nothing && revoked) {
            return Some(format!("{process} is dead and not gone"));
        }
    }
    let threads = system.threads.iter();
    let dead = threads.filter(|thread| thread.state == State::Gone);
    dead.into_iter().find_map(|thread| {
        claim(thread.serving.is_none() && thread.bound.is_none(), || {
            format!("a dead thread has {thread:?}")
        })
    })
}
