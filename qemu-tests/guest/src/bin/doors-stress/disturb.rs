// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything that may happen to a thread in the middle of a call.

use crate::board::{count, servers_of, Board};
use crate::random::Random;
use crate::system::nap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// One way to disturb.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// How often, compared with the others.
    weight: u64,
    act: fn(&mut Disturber, Victim),
}

/// Whom to disturb: a process, and the thread of it that calls or serves.
#[derive(Clone, Copy)]
pub(crate) struct Victim {
    process: i32,
    thread: i32,
}

const fn kind(name: &'static str, weight: u64, act: fn(&mut Disturber, Victim)) -> Kind {
    Kind { name, weight, act }
}

pub(crate) const KINDS: [Kind; 13] = [
    kind("signals", 40, |_, it| it.signal(libc::SIGUSR1)),
    kind("kills", 4, |_, it| it.kill(libc::SIGKILL)),
    kind("stops", 20, Disturber::stop),
    kind("moves", 60, Disturber::move_to_a_cpu),
    kind("moves with a signal", 30, Disturber::move_and_signal),
    kind("nice", 30, Disturber::renice),
    kind("policies", 30, Disturber::change_policy),
    kind("idle", 15, Disturber::make_idle),
    kind("realtime", 15, Disturber::make_realtime),
    kind("looks", 30, |_, it| it.look()),
    kind("changes of group", 30, Disturber::change_group),
    kind("limits and freezes", 12, Disturber::treat_group),
    kind("CPUs off and on", 1, Disturber::unplug),
];

/// Which CPUs: either, or both.
const MASKS: [u64; 3] = [1, 2, 3];

/// The switch of the second CPU.
const CPU: &str = "/sys/devices/system/cpu/cpu1/online";

pub(crate) struct Disturber {
    board: &'static Board,
    random: Random,
    /// Control groups; none, if the kernel has none.
    groups: Vec<PathBuf>,
}

impl Disturber {
    pub(crate) fn new(board: &'static Board, seed: u64) -> Disturber {
        Disturber {
            board,
            random: Random::new(seed),
            groups: make_groups(),
        }
    }

    /// Disturbs somebody.
    pub(crate) fn disturb(&mut self) {
        let Some(victim) = self.victim() else {
            return;
        };
        let mut place = self
            .random
            .below(KINDS.iter().map(|kind| kind.weight).sum());
        for (kind, times) in KINDS.iter().zip(&self.board.disturbances) {
            if place < kind.weight {
                count(times);
                return (kind.act)(self, victim);
            }
            place -= kind.weight;
        }
    }

    fn victim(&mut self) -> Option<Victim> {
        let number = self.random.below(self.board.seats.len() as u64) as usize;
        let place = self.random.below(servers_of(number) as u64 + 1) as usize;
        let seat = &self.board.seats[number];
        let process = seat.processes[place].load(Ordering::SeqCst);
        let thread = seat.threads[place].load(Ordering::SeqCst);
        (process > 0 && thread > 0).then_some(Victim { process, thread })
    }

    fn stop(&mut self, victim: Victim) {
        victim.kill(libc::SIGSTOP);
        nap(self.random.below(2000));
        victim.kill(libc::SIGCONT);
    }

    fn move_to_a_cpu(&mut self, victim: Victim) {
        victim.keep_to(*self.random.one_of(&MASKS));
    }

    /// It wakes up where it may not run any more.
    fn move_and_signal(&mut self, victim: Victim) {
        victim.keep_to(*self.random.one_of(&MASKS[..2]));
        victim.signal(libc::SIGUSR1);
    }

    fn renice(&mut self, victim: Victim) {
        // No nicer: who hardly runs at all may keep everybody waiting, in the middle of what the kernel does for it.
        let nice = *self.random.one_of(&[0, 0, 5, 10, -5]);
        // SAFETY: changes an attribute of a thread, if it exists.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, victim.thread as u32, nice) };
    }

    fn change_policy(&mut self, victim: Victim) {
        let policies = [libc::SCHED_OTHER, libc::SCHED_BATCH];
        victim.set_policy(*self.random.one_of(&policies), 0);
    }

    /// Not for long, for the reason above.
    fn make_idle(&mut self, victim: Victim) {
        victim.set_policy(libc::SCHED_IDLE, 0);
        nap(self.random.below(2000));
        victim.set_policy(libc::SCHED_OTHER, 0);
    }

    fn make_realtime(&mut self, victim: Victim) {
        victim.set_policy(*self.random.one_of(&[libc::SCHED_FIFO, libc::SCHED_RR]), 1);
        nap(self.random.below(1000));
        victim.set_policy(libc::SCHED_OTHER, 0);
    }

    fn change_group(&mut self, victim: Victim) {
        if !self.groups.is_empty() {
            let group = self.random.one_of(&self.groups).join("cgroup.procs");
            write(&group, &victim.process.to_string());
        }
    }

    fn treat_group(&mut self, _victim: Victim) {
        if self.groups.is_empty() {
            return;
        }
        let group = self.random.one_of(&self.groups).clone();
        if self.random.below(2) == 0 {
            let limits = ["max 100000", "20000 50000", "5000 20000", "max 100000"];
            write(&group.join("cpu.max"), self.random.one_of::<&str>(&limits));
        } else {
            write(&group.join("cgroup.freeze"), "1");
            nap(self.random.below(2000));
            write(&group.join("cgroup.freeze"), "0");
        }
    }

    fn unplug(&mut self, _victim: Victim) {
        write(Path::new(CPU), "0");
        nap(self.random.below(30_000));
        write(Path::new(CPU), "1");
    }

    /// Undoes what lasts.
    pub(crate) fn leave_in_peace(&self) {
        for group in &self.groups {
            write(&group.join("cpu.max"), "max 100000");
            write(&group.join("cgroup.freeze"), "0");
        }
        let seats = self.board.seats.iter();
        for process in seats.flat_map(|seat| &seat.processes) {
            let process = process.load(Ordering::SeqCst);
            let tasks = fs::read_dir(format!("/proc/{process}/task"));
            let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
            for thread in tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()) {
                let victim = Victim { process, thread };
                victim.keep_to(3);
                victim.set_policy(libc::SCHED_OTHER, 0);
                // SAFETY: changes an attribute of a thread, if it exists.
                unsafe { libc::setpriority(libc::PRIO_PROCESS, thread as u32, 0) };
            }
        }
    }
}

impl Drop for Disturber {
    /// All others end with this process; the groups are empty soon afterwards.
    fn drop(&mut self) {
        for process in self.board.seats.iter().flat_map(|seat| &seat.processes) {
            let process = process.load(Ordering::SeqCst);
            if process > 0 {
                // SAFETY: the process is of this program, or gone.
                unsafe { libc::kill(process, libc::SIGKILL) };
            }
        }
        for group in self
            .groups
            .iter()
            .map(PathBuf::as_path)
            .chain([Path::new(TOP)])
        {
            // A process that is not quite gone keeps its group. Nothing depends on that.
            let _ = (0..100).any(|_| {
                nap(2000);
                fs::remove_dir(group).is_ok()
            });
        }
    }
}

impl Victim {
    fn kill(self, signal: i32) {
        // SAFETY: the process is of this program, or gone: numbers are not used again so soon.
        unsafe { libc::kill(self.process, signal) };
    }

    fn signal(self, signal: i32) {
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_tgkill, self.process, self.thread, signal) };
    }

    fn keep_to(self, mask: u64) {
        // SAFETY: the mask is ours.
        unsafe {
            libc::syscall(
                libc::SYS_sched_setaffinity,
                self.thread,
                size_of_val(&mask),
                &raw const mask,
            )
        };
    }

    fn set_policy(self, policy: i32, priority: i32) {
        let parameters = libc::sched_param {
            sched_priority: priority,
        };
        // SAFETY: the parameters are ours.
        unsafe { libc::sched_setscheduler(self.thread, policy, &parameters) };
    }

    /// Reads what has to be brought up to date to be read.
    fn look(self) {
        for name in ["schedstat", "stat", "status", "wchan"] {
            // It may be gone.
            let _ = fs::read(format!(
                "/proc/{}/task/{}/{name}",
                self.process, self.thread
            ));
        }
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // The number of a thread's CPU clock, as the kernel encodes it.
        let clock = (!self.thread << 3) | 6;
        // SAFETY: the time is there to be written to.
        unsafe { libc::clock_gettime(clock, &mut time) };
    }
}

/// The group that ours are in.
const TOP: &str = "/sys/fs/cgroup/doors-stress";

/// Groups that share CPUs by weight and can be limited, if this kernel has such.
fn make_groups() -> Vec<PathBuf> {
    write(Path::new("/sys/fs/cgroup/cgroup.subtree_control"), "+cpu");
    if fs::create_dir_all(TOP).is_err() {
        return Vec::new();
    }
    write(&Path::new(TOP).join("cgroup.subtree_control"), "+cpu");
    let groups = [("light", "50"), ("usual", "100"), ("heavy", "200")];
    let groups = groups.map(|(name, weight)| {
        let group = Path::new(TOP).join(name);
        fs::create_dir_all(&group).ok()?;
        write(&group.join("cpu.weight"), weight);
        Some(group)
    });
    groups.into_iter().flatten().collect()
}

/// Some things a kernel may not have, and others may not be possible just now.
fn write(path: &Path, text: &str) {
    let _ = fs::write(path, text);
}
