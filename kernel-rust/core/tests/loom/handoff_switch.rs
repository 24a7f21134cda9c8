// SPDX-License-Identifier: GPL-2.0

//! `sched/handoff.h`, function by function and in its order.
//!
//! Left out is what only decides whether there is a hand-off at all, and never changes during one here: classes,
//! affinity, bandwidth; and accounting.

use super::{core::Cpu, machine::*};
use loom::sync::atomic::{fence, Ordering::*};

/// `enum handoff`
#[derive(PartialEq, Eq)]
enum Handoff {
    Refused,
    Woken,
    Done,
}

impl<'m> Cpu<'m> {
    /// `handoff_end_loan()`
    pub(super) fn handoff_end_loan(&self, rq: &mut RunQueue, donor: TaskId) {
        let donee = self.task(donor).handoff_donee.get();
        let mut last = donee;
        loop {
            match self.task(last).handoff_donee.get() {
                NONE => break,
                next => last = next,
            }
        }
        self.machine.setup.seen.ended.fetch_add(1, Relaxed);
        self.task(donor).handoff_donee.set(NONE);
        self.task(donee).handoff_donor.store(NONE, Relaxed);
        self.enqueue_task(rq, donee);
        if last == rq.curr {
            self.resched_curr(rq);
        }
    }

    /// `handoff_end_loans()`
    pub(super) fn handoff_end_loans(&self, rq: &mut RunQueue, p: TaskId) {
        let donor = self.task(p).handoff_donor.load(Relaxed);
        if donor != NONE {
            self.handoff_end_loan(rq, donor);
        }
        if self.task(p).handoff_donee.get() != NONE {
            self.handoff_end_loan(rq, p);
        }
    }

    /// `handoff_may_lend()`
    fn handoff_may_lend(&self, rq: &RunQueue, prev: TaskId) -> bool {
        self.machine.setup.lends
            && (self.task(prev).handoff_donor.load(Relaxed) != NONE || rq.donor == prev)
    }

    /// `handoff_rq_lock()`
    fn handoff_rq_lock(&self) -> RqGuard<'m> {
        let rq = self.machine.rq_lock(self.id);
        fence(SeqCst);
        rq
    }

    /// `handoff_awake()`
    fn handoff_awake(&self, to: TaskId) {
        self.task(to).is_blocked.set(false);
        self.task(to).state.store(TASK_RUNNING, Relaxed);
    }

    /// `handoff_switch()`
    fn handoff_switch(&mut self, mut rq: RqGuard<'m>, prev: TaskId, next: TaskId) {
        rq.curr = next;
        self.context_switch(rq, prev, next);
    }

    /// Does a signal keep `prev` from sleeping?
    fn handoff_is_disturbed(&self, prev_state: usize, prev: TaskId) -> bool {
        self.signal_pending_state(prev_state, prev) && !self.mutant(Mutant::SignalUnchecked)
    }

    /// `handoff_return()`
    fn handoff_return(&mut self, prev: TaskId, to: TaskId) -> bool {
        let (task, donor) = (self.task(prev), self.task(to));
        if self.mutant(Mutant::AwakeUnlocked) {
            self.handoff_awake(to);
        }
        let rq = self.handoff_rq_lock();
        let prev_state = task.state.load(Relaxed);
        let is_lent =
            task.handoff_donor.load(Relaxed) == to || self.mutant(Mutant::ReturnUnchecked);
        if !is_lent
            || rq.donor == prev
            || prev_state == TASK_RUNNING
            || self.handoff_is_disturbed(prev_state, prev)
        {
            return false;
        }
        self.machine.setup.seen.returned.fetch_add(1, Relaxed);
        if self.mutant(Mutant::OnRqFirst) {
            task.on_rq.store(false, Release);
        }
        if !self.mutant(Mutant::AfterSwitch) {
            task.handoff_donor.store(NONE, Relaxed);
        }
        donor.handoff_donee.set(NONE);
        if !self.mutant(Mutant::AwakeUnlocked) {
            self.handoff_awake(to);
        }
        if !self.mutant(Mutant::AfterSwitch) {
            task.is_blocked.set(true);
        }
        if !self.mutant(Mutant::OnRqFirst) {
            task.on_rq.store(false, Release);
        }
        self.handoff_switch(rq, prev, to);
        if self.mutant(Mutant::AfterSwitch) {
            task.handoff_donor.store(NONE, Relaxed);
            task.is_blocked.set(true);
        }
        true
    }

    /// `handoff_lend()`, without what unlocks `pi_lock`.
    fn handoff_lend(&self, prev: TaskId, to: TaskId) {
        self.machine.setup.seen.lent.fetch_add(1, Relaxed);
        self.task(prev).is_blocked.set(true);
        self.task(prev).handoff_donee.set(to);
        self.task(to).handoff_donor.store(prev, Relaxed);
        self.task(to).on_rq.store(true, Relaxed);
        self.handoff_awake(to);
    }

    /// `handoff_replace()`
    fn handoff_replace(&mut self, mut rq: RqGuard<'m>, prev: TaskId, to: TaskId) -> bool {
        let prev_state = self.task(prev).state.load(Relaxed);
        if prev_state == TASK_RUNNING
            || rq.donor != prev
            || self.machine.need_resched[self.id].load(Relaxed)
            || !self.try_to_block_task(&mut rq, prev, prev_state)
        {
            return false;
        }
        self.machine.setup.seen.replaced.fetch_add(1, Relaxed);
        rq.donor = to;
        self.handoff_switch(rq, prev, to);
        true
    }

    /// `handoff_call()`, for a target whose dequeueing is not delayed.
    fn handoff_call(&mut self, prev: TaskId, to: TaskId) -> Handoff {
        let task = self.task(to);
        let pi_lock = task.pi_lock.lock().unwrap();
        fence(SeqCst);
        // `handoff_may_enter()`
        if task.state.load(Relaxed) & TASK_NORMAL == 0 {
            return Handoff::Refused;
        }
        // smp_rmb()
        fence(Acquire);
        if task.on_rq.load(Relaxed) {
            return Handoff::Refused;
        }
        // smp_acquire__after_ctrl_dep()
        fence(Acquire);
        if task.on_cpu.load(Acquire) && !self.mutant(Mutant::OnCpuIgnored) {
            return Handoff::Refused;
        }
        task.state.store(TASK_WAKING, Relaxed);
        let migrated = task.cpu.load(Relaxed) != self.id;
        if migrated {
            task.cpu.store(self.id, Relaxed);
        }
        let mut rq = self.handoff_rq_lock();
        let prev_state = self.task(prev).state.load(Relaxed);
        if !migrated
            && prev_state != TASK_RUNNING
            && !self.handoff_is_disturbed(prev_state, prev)
            && self.handoff_may_lend(&rq, prev)
        {
            self.handoff_lend(prev, to);
            drop(pi_lock);
            self.handoff_switch(rq, prev, to);
            return Handoff::Done;
        }
        self.activate_task(&mut rq, to);
        self.handoff_awake(to);
        drop(pi_lock);
        if self.handoff_replace(rq, prev, to) {
            Handoff::Done
        } else {
            Handoff::Woken
        }
    }

    /// `schedule_handoff()`. Another task may be current afterwards; what called this goes on when it is current again.
    pub(super) fn schedule_handoff(&mut self, to: TaskId) {
        let prev = self.current;
        let is_lent = self.task(prev).handoff_donor.load(Relaxed) == to;
        let outcome = if is_lent && self.handoff_return(prev, to) {
            Handoff::Done
        } else {
            self.handoff_call(prev, to)
        };
        if outcome == Handoff::Done {
            return;
        }
        if outcome == Handoff::Refused {
            self.machine.setup.seen.refused.fetch_add(1, Relaxed);
            self.try_to_wake_up(to, TASK_NORMAL, true);
        }
        self.schedule(false);
    }
}
