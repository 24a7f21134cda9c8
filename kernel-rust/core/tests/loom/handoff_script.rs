// SPDX-License-Identifier: GPL-2.0

//! What the tasks do between the scheduler's steps: the waiting loops of callers and servers.

use super::{core::Cpu, machine::*};
use loom::sync::atomic::Ordering::*;

impl Cpu<'_> {
    /// Runs what there is to run, and returns when the CPU idles. Between any two steps there may be a preemption.
    pub(super) fn run(&mut self) {
        loop {
            if self.current == NONE {
                self.schedule(false);
                if self.current == NONE {
                    return;
                }
            } else if self.machine.need_resched[self.id].load(Relaxed) {
                self.schedule(true);
            } else {
                self.step();
            }
        }
    }

    /// One step of the current task. Where that ends in the scheduler, the script has moved on before: it is not
    /// necessarily this CPU that goes on with it.
    fn step(&mut self) {
        let me = self.task(self.current);
        let script = me.script.get();
        let go = |at| me.script.set(Script { at, ..script });
        match script.at {
            At::Begin => {
                let request = 1 << self.current;
                me.answered.store(false, Relaxed);
                self.task(script.calls).requests.fetch_or(request, AcqRel);
                me.script.set(Script {
                    at: At::Prepare,
                    hand_to: script.calls,
                    ..script
                });
            }
            At::Prepare => {
                self.set_current_state(TASK_INTERRUPTIBLE);
                let is_ready = if script.calls == NONE {
                    me.requests.load(Acquire) != 0
                } else {
                    me.answered.load(Acquire)
                };
                if is_ready {
                    self.set_current_state_plain(TASK_RUNNING);
                }
                // Whom it has promised the CPU is to be woken in any case.
                go(if is_ready && script.hand_to == NONE {
                    At::Awake
                } else {
                    At::Sleep
                });
            }
            At::Sleep => {
                me.script.set(Script {
                    at: At::Look,
                    hand_to: NONE,
                    ..script
                });
                match script.hand_to {
                    NONE => self.schedule(false),
                    to => self.schedule_handoff(to),
                }
            }
            // Only here: that a signal which comes earlier keeps it from sleeping is up to the scheduler.
            At::Look => go(if me.signal.load(Relaxed) {
                At::Awake
            } else {
                At::Prepare
            }),
            At::Awake => self.awake(me, script),
            At::Nap => {
                self.set_current_state(TASK_UNINTERRUPTIBLE);
                if self.machine.event.load(Acquire) {
                    self.set_current_state_plain(TASK_RUNNING);
                    go(At::Serve);
                } else {
                    self.schedule(false);
                }
            }
            At::Serve => {
                let hand_to = self.answer(me.requests.swap(0, AcqRel));
                me.script.set(Script {
                    at: At::Prepare,
                    hand_to,
                    ..script
                });
            }
            At::Exit => {
                self.set_special_state(TASK_DEAD);
                go(At::Gone);
                self.schedule(false);
            }
            At::Gone => panic!("{} is dead", self.current),
        }
    }

    /// It has got what it waits for, or a signal.
    fn awake(&self, me: &Task, script: Script) {
        let (at, calls) = match script.role {
            Role::Caller => (At::Exit, script.calls),
            Role::Relay(_) if script.calls != NONE => (At::Serve, NONE),
            // It was a signal.
            _ if me.requests.load(Acquire) == 0 => (At::Prepare, NONE),
            Role::Relay(to) => (At::Begin, to),
            Role::Napper => (At::Nap, NONE),
            Role::Server => (At::Serve, NONE),
        };
        // The handler, if any, is done.
        me.signal.store(false, Relaxed);
        me.script.set(Script {
            at,
            calls,
            ..script
        });
    }

    /// Answers `requests`; says to whose caller the CPU goes. The others are woken as ever.
    fn answer(&self, requests: usize) -> TaskId {
        let mut callers =
            (0..self.machine.tasks.len()).filter(|caller| requests >> caller & 1 != 0);
        let first = callers.next().expect("a server that serves has a request");
        self.task(first).answered.store(true, Release);
        for other in callers {
            self.task(other).answered.store(true, Release);
            self.try_to_wake_up(other, TASK_NORMAL, false);
        }
        first
    }
}
