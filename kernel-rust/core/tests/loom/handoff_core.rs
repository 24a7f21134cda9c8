// SPDX-License-Identifier: GPL-2.0

//! What of `kernel/sched/core.c` has a part in it, with the changes that the hand-off makes there.
//!
//! Left out, because who waits for it holds or needs the same locks: `ttwu_queue_wakelist()` (a task in `TASK_WAKING`
//! is nobody's to take until it is enqueued), delayed dequeueing, mutexes, migration by the balancer, and the case that
//! a task wakes itself.

use super::machine::*;
use loom::{
    sync::{
        atomic::{fence, Ordering::*},
        MutexGuard,
    },
    thread,
};

/// A CPU, and what it executes.
pub(super) struct Cpu<'m> {
    pub(super) machine: &'m Machine,
    pub(super) id: usize,
    /// `current`.
    pub(super) current: TaskId,
}

impl<'m> Cpu<'m> {
    /// The CPU as it is, which nobody else executes now.
    pub(super) fn new(machine: &'m Machine, id: usize) -> Self {
        let current = machine.rq_lock(id).curr;
        Self {
            machine,
            id,
            current,
        }
    }

    pub(super) fn task(&self, p: TaskId) -> &'m Task {
        &self.machine.tasks[p]
    }

    pub(super) fn mutant(&self, mutant: Mutant) -> bool {
        self.machine.setup.mutant == mutant
    }

    /// `resched_curr()`, without the interrupt.
    pub(super) fn resched_curr(&self, rq: &RunQueue) {
        self.machine.need_resched[rq.cpu].store(true, Relaxed);
    }

    /// `set_current_state()`
    pub(super) fn set_current_state(&self, state: usize) {
        self.task(self.current).state.swap(state, SeqCst);
        // For loom a SeqCst exchange alone is no full barrier.
        fence(SeqCst);
    }

    /// `__set_current_state()`
    pub(super) fn set_current_state_plain(&self, state: usize) {
        self.task(self.current).state.store(state, Relaxed);
    }

    /// `set_special_state()`
    pub(super) fn set_special_state(&self, state: usize) {
        let _pi_lock = self.task(self.current).pi_lock.lock().unwrap();
        self.set_current_state_plain(state);
    }

    /// `signal_pending_state()`
    pub(super) fn signal_pending_state(&self, state: usize, p: TaskId) -> bool {
        state & TASK_INTERRUPTIBLE != 0 && self.task(p).signal.load(Relaxed)
    }

    /// `signal_wake_up()`
    pub(super) fn signal_wake_up(&self, p: TaskId) {
        self.task(p).signal.store(true, Relaxed);
        self.try_to_wake_up(p, TASK_INTERRUPTIBLE, false);
    }

    /// A change of class or priority, between `sched_change_begin()` and `sched_change_end()`.
    pub(super) fn sched_change(&self, p: TaskId) {
        let _pi_lock = self.task(p).pi_lock.lock().unwrap();
        let mut rq = self.task_rq_lock(p);
        if self.task(p).on_rq.load(Relaxed) {
            self.dequeue_task(&mut rq, p);
            self.enqueue_task(&mut rq, p);
        }
    }

    /// `sched_tick()` of another CPU, between any two of its steps that take the lock.
    pub(super) fn sched_tick(&self, cpu: usize) {
        let mut rq = self.machine.rq_lock(cpu);
        if rq.curr == NONE {
            return;
        }
        let donor = self.task(rq.curr).handoff_donor.load(Relaxed);
        if donor != NONE {
            self.handoff_end_loan(&mut rq, donor);
        }
    }

    /// `enqueue_task()`
    pub(super) fn enqueue_task(&self, rq: &mut RunQueue, p: TaskId) {
        assert!(!rq.queue.contains(&p), "{p} is queued twice");
        rq.queue.push(p);
    }

    /// `dequeue_task()`
    fn dequeue_task(&self, rq: &mut RunQueue, p: TaskId) {
        let task = self.task(p);
        if task.handoff_donee.get() != NONE || task.handoff_donor.load(Relaxed) != NONE {
            self.handoff_end_loans(rq, p);
        }
        let place = rq.queue.iter().position(|&queued| queued == p);
        rq.queue.remove(place.expect("what is dequeued is queued"));
    }

    /// `activate_task()`
    pub(super) fn activate_task(&self, rq: &mut RunQueue, p: TaskId) {
        self.enqueue_task(rq, p);
        self.task(p).on_rq.store(true, Relaxed);
    }

    /// `block_task()` and `__block_task()`
    fn block_task(&self, rq: &mut RunQueue, p: TaskId) {
        self.dequeue_task(rq, p);
        self.task(p).on_rq.store(false, Release);
    }

    /// `ttwu_do_wakeup()`
    fn ttwu_do_wakeup(&self, p: TaskId) {
        self.task(p).is_blocked.set(false);
        self.task(p).state.store(TASK_RUNNING, Relaxed);
    }

    /// `__task_rq_lock()`
    fn task_rq_lock(&self, p: TaskId) -> RqGuard<'m> {
        loop {
            let cpu = self.task(p).cpu.load(Relaxed);
            let rq = self.machine.rq_lock(cpu);
            if cpu == self.task(p).cpu.load(Relaxed) {
                return rq;
            }
        }
    }

    /// `ttwu_runnable()`
    fn ttwu_runnable(&self, p: TaskId) -> bool {
        let task = self.task(p);
        let mut rq = self.task_rq_lock(p);
        if !task.on_rq.load(Relaxed) {
            return false;
        }
        if task.is_blocked.get()
            && task.handoff_donee.get() != NONE
            && !self.mutant(Mutant::LoanKept)
        {
            self.handoff_end_loan(&mut rq, p);
        }
        // `task_on_cpu()` and `handoff_borrows()`
        if rq.curr != p && task.handoff_donor.load(Relaxed) == NONE {
            self.resched_curr(&rq);
        }
        self.ttwu_do_wakeup(p);
        true
    }

    /// `select_task_rq()`
    fn select_task_rq(&self, p: TaskId, current_cpu: bool) -> usize {
        if current_cpu {
            return self.id;
        }
        let setup = &self.machine.setup;
        setup
            .wakes_on
            .unwrap_or_else(|| self.task(p).cpu.load(Relaxed))
    }

    /// `try_to_wake_up()`; `current_cpu` is `WF_CURRENT_CPU`.
    pub(super) fn try_to_wake_up(&self, p: TaskId, state: usize, current_cpu: bool) {
        let task = self.task(p);
        let _pi_lock: MutexGuard<'_, ()> = task.pi_lock.lock().unwrap();
        fence(SeqCst);
        // `ttwu_state_match()`
        if task.state.load(Relaxed) & state == 0 {
            return;
        }
        // smp_rmb()
        fence(Acquire);
        if task.on_rq.load(Relaxed) && self.ttwu_runnable(p) {
            return;
        }
        // smp_acquire__after_ctrl_dep()
        fence(Acquire);
        task.state.store(TASK_WAKING, Relaxed);
        while task.on_cpu.load(Acquire) {
            thread::yield_now();
        }
        let cpu = self.select_task_rq(p, current_cpu);
        if task.cpu.load(Relaxed) != cpu {
            task.cpu.store(cpu, Relaxed);
        }
        // `ttwu_queue()` and `ttwu_do_activate()`
        let mut rq = self.machine.rq_lock(cpu);
        self.activate_task(&mut rq, p);
        self.resched_curr(&rq);
        self.ttwu_do_wakeup(p);
    }

    /// `try_to_block_task()`, for what is to block.
    pub(super) fn try_to_block_task(
        &self,
        rq: &mut RunQueue,
        p: TaskId,
        task_state: usize,
    ) -> bool {
        let task = self.task(p);
        assert!(!task.is_blocked.get());
        if self.signal_pending_state(task_state, p) {
            task.state.store(TASK_RUNNING, Relaxed);
            return false;
        }
        task.is_blocked.set(true);
        let donor = task.handoff_donor.load(Relaxed);
        if donor != NONE {
            self.handoff_end_loan(rq, donor);
        }
        self.block_task(rq, p);
        true
    }

    /// `proxy_deactivate()`
    fn proxy_deactivate(&self, rq: &mut RunQueue, p: TaskId) {
        assert_ne!(self.task(p).state.load(Relaxed), TASK_RUNNING);
        self.machine.setup.seen.deactivated.fetch_add(1, Relaxed);
        // `proxy_resched_idle()`
        rq.donor = NONE;
        self.block_task(rq, p);
    }

    /// `find_proxy_task()`; `None` asks for another pick.
    fn find_proxy_task(&self, rq: &mut RunQueue, donor: TaskId) -> Option<TaskId> {
        let mut p = donor;
        while self.task(p).is_blocked.get() {
            let owner = self.task(p).handoff_donee.get();
            if owner != NONE {
                p = owner;
                continue;
            }
            if rq.curr == p {
                self.task(p).is_blocked.set(false);
                return Some(p);
            }
            self.proxy_deactivate(rq, p);
            return None;
        }
        assert!(self.task(p).is_on_rq());
        Some(p)
    }

    /// `pick_next_task()`
    fn pick_next_task(&self, rq: &RunQueue) -> TaskId {
        for &p in &rq.queue {
            assert!(self.task(p).is_on_rq(), "{p} is queued, but off");
        }
        let next = if self.machine.setup.picks_last {
            rq.queue.last()
        } else {
            rq.queue.first()
        };
        next.copied().unwrap_or(NONE)
    }

    /// `__schedule()`
    pub(super) fn schedule(&mut self, preempt: bool) {
        let prev = self.current;
        let mut rq = self.machine.rq_lock(self.id);
        fence(SeqCst);
        if prev != NONE {
            let prev_state = self.task(prev).state.load(Relaxed);
            if !preempt && prev_state != TASK_RUNNING {
                self.try_to_block_task(&mut rq, prev, prev_state);
            }
        }
        let next = loop {
            let next = self.pick_next_task(&rq);
            rq.donor = next;
            if next == NONE || !self.machine.setup.lends || !self.task(next).is_blocked.get() {
                break next;
            }
            if let Some(next) = self.find_proxy_task(&mut rq, next) {
                break next;
            }
        };
        self.machine.need_resched[self.id].store(false, Relaxed);
        if prev != next {
            rq.curr = next;
            self.context_switch(rq, prev, next);
        }
    }

    /// `context_switch()` with `prepare_task()` and, already on behalf of `next`, `finish_task()`; unlocks the queue.
    pub(super) fn context_switch(&mut self, rq: RqGuard<'m>, prev: TaskId, next: TaskId) {
        if next != NONE {
            let task = self.task(next);
            assert!(task.is_on_rq());
            assert_eq!(task.handoff_donee.get(), NONE, "what runs lends nothing");
            task.on_cpu.store(true, Relaxed);
        }
        // `switch_to()`
        if prev != NONE {
            self.task(prev).registers.set(self.id);
        }
        if next != NONE {
            self.task(next).registers.get();
        }
        self.current = next;
        if prev != NONE {
            self.task(prev).on_cpu.store(false, Release);
        }
        drop(rq);
    }
}
