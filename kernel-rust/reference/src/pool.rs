// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pools: threads that wait for callers, and callers that wait for threads (chapter 3).

use crate::names::{DoorId, ProcessId, ThreadId};
use crate::step::Step;
use crate::system::Caller;
use doors_uapi::abi::DOOR_PRIVATE;

/// A pool. At most one of the two lists has anything in it when nothing moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Threads; the one that parked last is last, and serves first (TP-3).
    pub parked: Vec<ThreadId>,
    /// Callers.
    pub waiting: Vec<Waiter>,
}

/// A caller that waits for a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// Who.
    pub caller: Caller,
    /// For which door; the pool may serve several.
    pub door: DoorId,
    /// The lower place is served first. Equal places: nobody knows who is first.
    place: usize,
    /// It came during this very operation. If a thread parks in the same, this one may have it before those who
    /// wait already (TP-4).
    barging: bool,
}

/// Which pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolId {
    Shared(ProcessId),
    Private(DoorId),
}

impl Pool {
    pub(crate) fn queue(&mut self, caller: Caller, door: DoorId) {
        self.waiting.push(Waiter {
            caller,
            door,
            place: usize::MAX,
            barging: true,
        });
    }

    /// The operation is over: newcomers have their places, from this one on. Returns the next free one.
    pub(crate) fn all_have_queued(&mut self, mut place: usize) -> usize {
        for waiter in self.waiting.iter_mut().filter(|waiter| waiter.barging) {
            waiter.barging = false;
            waiter.place = place;
            place += 1;
        }
        place
    }

    pub(crate) fn unqueue(&mut self, caller: Caller) {
        self.waiting.retain(|waiter| waiter.caller != caller);
    }

    /// Those who wait for a revoked door leave, all others look again, and queue again in any order (RV-3).
    pub(crate) fn unqueue_door(&mut self, door: DoorId) -> Vec<Waiter> {
        let (leave, mut stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiter| waiter.door == door);
        let first = stay.iter().map(|waiter| waiter.place).min();
        for waiter in &mut stay {
            waiter.place = first.unwrap_or_default();
        }
        self.waiting = stay;
        leave
    }

    /// Who may be served next.
    fn candidates(&self) -> Vec<usize> {
        let first = self.waiting.iter().map(|waiter| waiter.place).min();
        let waiting = self.waiting.iter().enumerate();
        waiting
            .filter(|(_, waiter)| waiter.barging || Some(waiter.place) == first)
            .map(|(index, _)| index)
            .collect()
    }
}

impl Step<'_> {
    pub(crate) fn pool(&mut self, pool: PoolId) -> &mut Pool {
        match pool {
            PoolId::Shared(process) => &mut self.process(process).pool,
            PoolId::Private(door) => &mut self.door(door).pool,
        }
    }

    pub(crate) fn pools(&self) -> Vec<PoolId> {
        let shared = (0..self.system.processes.len()).map(|it| PoolId::Shared(ProcessId(it)));
        let private = (0..self.system.doors.len()).map(|it| PoolId::Private(DoorId(it)));
        shared.chain(private).collect()
    }

    /// The pool that serves a door: its own, or that of its target (TP-1).
    pub(crate) fn pool_of_door(&self, door: DoorId) -> PoolId {
        let it = &self.system.doors[door.0];
        if it.attributes & DOOR_PRIVATE != 0 {
            PoolId::Private(door)
        } else {
            PoolId::Shared(it.target)
        }
    }

    /// The pool that a thread parks in: that of the door it is bound to, or that of its process (TP-2).
    pub(crate) fn pool_of_thread(&self, thread: ThreadId) -> PoolId {
        let it = &self.system.threads[thread.0];
        match it.bound {
            Some(door) => PoolId::Private(door),
            None => PoolId::Shared(it.process),
        }
    }

    /// Is there a caller and a thread for it?
    pub(crate) fn can_serve(&mut self) -> bool {
        let mut pools = self.pools().into_iter();
        pools.any(|id| {
            let pool = self.pool(id);
            !pool.waiting.is_empty() && !pool.parked.is_empty()
        })
    }

    /// Brings one caller and one thread together, if there are both in some pool.
    pub(crate) fn serve_one(&mut self) -> bool {
        for id in self.pools() {
            let pool = self.pool(id);
            if pool.waiting.is_empty() {
                continue;
            }
            // The one that parked last (TP-3).
            let Some(server) = pool.parked.pop() else {
                continue;
            };
            let depleted = pool.parked.is_empty();
            let candidates = pool.candidates();
            let chosen = candidates[self.choices.one_of(candidates.len())];
            let waiter = self.pool(id).waiting.remove(chosen);
            if let Err(errno) = self.begin(&waiter, server, depleted) {
                // The thread has not noticed anything (DA-3), or parks again (DE-12).
                self.perhaps_notify_first();
                self.pool(id).parked.push(server);
                self.end_call(waiter.caller, Err(errno));
            }
            return true;
        }
        false
    }
}
