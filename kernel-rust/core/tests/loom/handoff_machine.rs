// SPDX-License-Identifier: GPL-2.0

//! Tasks, run queues and CPUs, as far as a wake-up can be lost between them.

use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        Mutex, MutexGuard,
    },
};
use std::sync::Arc;

pub(super) type TaskId = usize;

/// No task; as the current one, it is the idle task.
pub(super) const NONE: TaskId = usize::MAX;

pub(super) const TASK_RUNNING: usize = 0;
pub(super) const TASK_INTERRUPTIBLE: usize = 1;
pub(super) const TASK_UNINTERRUPTIBLE: usize = 2;
pub(super) const TASK_NORMAL: usize = TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE;
pub(super) const TASK_DEAD: usize = 0x80;
pub(super) const TASK_WAKING: usize = 0x200;

/// A plain field. Loom fails the test if an access to it is not ordered with every write to it.
pub(super) struct Plain<T>(UnsafeCell<T>);

// SAFETY: Loom runs one thread at a time and fails before a race could be one.
unsafe impl<T: Send> Sync for Plain<T> {}

impl<T: Copy> Plain<T> {
    pub(super) fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub(super) fn get(&self) -> T {
        // SAFETY: The pointer is valid, and loom sees to it that nobody writes meanwhile.
        self.0.with(|place| unsafe { *place })
    }

    pub(super) fn set(&self, value: T) {
        // SAFETY: As above; the access is over at once.
        self.0.with_mut(|place| unsafe { *place = value });
    }
}

/// `struct task_struct`.
pub(super) struct Task {
    pub(super) state: AtomicUsize,
    pub(super) pi_lock: Mutex<()>,
    pub(super) on_rq: AtomicBool,
    pub(super) on_cpu: AtomicBool,
    /// `task_cpu()`; `->wake_cpu` is always the same here.
    pub(super) cpu: AtomicUsize,
    /// `TIF_SIGPENDING`.
    pub(super) signal: AtomicBool,
    pub(super) is_blocked: Plain<bool>,
    pub(super) handoff_donee: Plain<TaskId>,
    /// The only one of the two that is looked at without the lock, by `schedule_handoff()`.
    pub(super) handoff_donor: AtomicUsize,
    /// What only whoever runs the task may touch: two CPUs that do it at once fail the test.
    pub(super) script: Plain<Script>,
    /// What `switch_to()` saves and restores.
    pub(super) registers: Plain<usize>,
    /// What a server waits for, one bit for each caller.
    pub(super) requests: AtomicUsize,
    /// What a caller waits for.
    pub(super) answered: AtomicBool,
}

impl Task {
    /// For what C does not look at: no step of its own, and no race with a write to it.
    pub(super) fn is_on_rq(&self) -> bool {
        // SAFETY: Loom fails before a race could be one; all writes are under the lock of the run queue, as we are.
        unsafe { self.on_rq.unsync_load() }
    }
}

/// What a task does; see `Cpu::step()`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Script {
    pub(super) at: At,
    /// To whom it hands the CPU when it sleeps the next time.
    pub(super) hand_to: TaskId,
    /// Whom it calls, or `NONE` for a server that serves.
    pub(super) calls: TaskId,
    pub(super) role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Caller,
    Server,
    /// A server that sleeps in the middle of a call, until the event.
    Napper,
    /// A server that calls another one in the middle of a call.
    Relay(TaskId),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum At {
    Begin,
    Prepare,
    Sleep,
    Look,
    Awake,
    Nap,
    Serve,
    Exit,
    Gone,
}

/// `struct rq`, what is under its lock.
pub(super) struct RunQueue {
    pub(super) cpu: usize,
    pub(super) queue: Vec<TaskId>,
    pub(super) curr: TaskId,
    pub(super) donor: TaskId,
}

pub(super) type RqGuard<'m> = MutexGuard<'m, RunQueue>;

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mutant {
    No,
    /// `handoff_return()` publishes `on_rq` = 0 before it clears the edges.
    OnRqFirst,
    /// `handoff_return()` notes that it sleeps, and on its own, only when the CPU has left it.
    AfterSwitch,
    /// `handoff_return()` wakes the donor without the lock of the run queue.
    AwakeUnlocked,
    /// `handoff_return()` does not look again under the lock whether there is a loan.
    ReturnUnchecked,
    /// `handoff_return()` and `handoff_call()` do not look for a signal.
    SignalUnchecked,
    /// `ttwu_runnable()` does not end the loan of the donor that it wakes.
    LoanKept,
    /// `handoff_call()` takes a target that another CPU is still switching away from.
    OnCpuIgnored,
}

/// How often what has happened, in all executions together. So these are no loom atomics.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) lent: std::sync::atomic::AtomicUsize,
    pub(super) returned: std::sync::atomic::AtomicUsize,
    pub(super) ended: std::sync::atomic::AtomicUsize,
    pub(super) deactivated: std::sync::atomic::AtomicUsize,
    pub(super) replaced: std::sync::atomic::AtomicUsize,
    pub(super) refused: std::sync::atomic::AtomicUsize,
}

/// The constants of a scenario.
#[derive(Clone)]
pub(super) struct Setup {
    /// `sched_proxy_exec()`: without it nothing is lent.
    pub(super) lends: bool,
    /// Which end of the queue is picked.
    pub(super) picks_last: bool,
    /// Where an ordinary wake-up puts a task: on a certain CPU or where it was.
    pub(super) wakes_on: Option<usize>,
    pub(super) mutant: Mutant,
    pub(super) seen: Arc<Seen>,
}

pub(super) struct Machine {
    pub(super) tasks: Vec<Task>,
    rqs: Vec<Mutex<RunQueue>>,
    /// `TIF_NEED_RESCHED` of whatever is current, so that there is nothing to carry along.
    pub(super) need_resched: Vec<AtomicBool>,
    pub(super) setup: Setup,
    /// What a server that naps waits for.
    pub(super) event: AtomicBool,
}

impl Machine {
    pub(super) fn new(cpus: usize, setup: Setup) -> Self {
        let rq = |cpu| {
            Mutex::new(RunQueue {
                cpu,
                queue: Vec::new(),
                curr: NONE,
                donor: NONE,
            })
        };
        Self {
            tasks: Vec::new(),
            rqs: (0..cpus).map(rq).collect(),
            need_resched: (0..cpus).map(|_| AtomicBool::new(false)).collect(),
            setup,
            event: AtomicBool::new(false),
        }
    }

    fn add(&mut self, cpu: usize, runs: bool, script: Script) -> TaskId {
        let state = if runs {
            TASK_RUNNING
        } else {
            TASK_INTERRUPTIBLE
        };
        self.tasks.push(Task {
            state: AtomicUsize::new(state),
            pi_lock: Mutex::new(()),
            on_rq: AtomicBool::new(runs),
            on_cpu: AtomicBool::new(runs),
            cpu: AtomicUsize::new(cpu),
            signal: AtomicBool::new(false),
            is_blocked: Plain::new(!runs),
            handoff_donee: Plain::new(NONE),
            handoff_donor: AtomicUsize::new(NONE),
            script: Plain::new(script),
            registers: Plain::new(0),
            requests: AtomicUsize::new(0),
            answered: AtomicBool::new(false),
        });
        let id = self.tasks.len() - 1;
        if runs {
            let mut rq = self.rqs[cpu].lock().unwrap();
            (rq.curr, rq.donor) = (id, id);
            rq.queue.push(id);
        }
        id
    }

    /// A server that has been on `cpu`: parked there, or about to park.
    pub(super) fn server(&mut self, cpu: usize, parked: bool, role: Role) -> TaskId {
        let script = Script {
            at: At::Prepare,
            hand_to: NONE,
            calls: NONE,
            role,
        };
        self.add(cpu, !parked, script)
    }

    /// A thread that runs on `cpu` and is about to call `server`.
    pub(super) fn caller(&mut self, cpu: usize, server: TaskId) -> TaskId {
        let script = Script {
            at: At::Begin,
            hand_to: NONE,
            calls: server,
            role: Role::Caller,
        };
        self.add(cpu, true, script)
    }

    pub(super) fn rq_lock(&self, cpu: usize) -> RqGuard<'_> {
        self.rqs[cpu].lock().unwrap()
    }

    pub(super) fn cpus(&self) -> usize {
        self.rqs.len()
    }

    /// After the end: nobody sleeps who has been woken, and nothing is left of any loan.
    pub(super) fn check(&self) {
        for rq in &self.rqs {
            let rq = rq.lock().unwrap();
            assert_eq!((&*rq.queue, rq.curr), (&[][..], NONE));
        }
        for (id, task) in self.tasks.iter().enumerate() {
            let script = task.script.get();
            let state = task.state.load(Relaxed);
            if script.role == Role::Caller {
                assert_eq!((state, script.at), (TASK_DEAD, At::Gone), "caller {id}");
            } else {
                assert_eq!(state, TASK_INTERRUPTIBLE, "server {id}: {script:?}");
                assert_eq!((script.at, script.calls), (At::Look, NONE));
                assert_eq!(task.requests.load(Relaxed), 0, "a request is lost");
                assert!(!task.signal.load(Relaxed), "a signal is lost");
            }
            assert!(task.is_blocked.get());
            assert!(!task.on_rq.load(Relaxed) && !task.on_cpu.load(Relaxed));
            assert_eq!(task.handoff_donee.get(), NONE);
            assert_eq!(task.handoff_donor.load(Relaxed), NONE);
        }
    }
}
