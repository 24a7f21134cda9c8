// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes: clients, servers and hogs are all children of the benchmark's.

use std::io;
use std::mem;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// The exit status of a child that panicked.
const PANICKED: i32 = 101;

/// A child, killed and reaped when it goes.
#[derive(Debug)]
pub(crate) struct Child {
    pid: libc::pid_t,
    reaped: bool,
}

/// Runs `body` in a child.
pub(crate) fn fork(body: impl FnOnce()) -> io::Result<Child> {
    // SAFETY: the benchmark itself has one thread, so the child may do whatever its parent could.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: the child does not outlive the benchmark, whatever ends that; `_exit` leaves what belongs to
            // the parent alone.
            unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                let status = catch_unwind(AssertUnwindSafe(body)).map_or(PANICKED, |()| 0);
                libc::_exit(status)
            }
        }
        pid => Ok(Child { pid, reaped: false }),
    }
}

impl Child {
    /// Its number.
    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// An error if it has ended already.
    pub(crate) fn is_alive(&mut self) -> io::Result<()> {
        if self.reap(libc::WNOHANG)? {
            return Err(io::Error::other("a process of the benchmark's has ended"));
        }
        Ok(())
    }

    /// Nanoseconds of CPU that it has used, as its own clock says.
    pub(crate) fn cpu_time(&self) -> io::Result<u64> {
        let mut clock = 0;
        // SAFETY: the number is there to be written to.
        match unsafe { libc::clock_getcpuclockid(self.pid, &mut clock) } {
            0 => crate::clock::read(clock),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Whether it has ended now; an error if not well.
    fn reap(&mut self, flags: i32) -> io::Result<bool> {
        let mut status = 0;
        // SAFETY: the child is ours, and the number is there to be written to.
        let pid = unsafe { libc::waitpid(self.pid, &mut status, flags) };
        if pid == -1 {
            return Err(io::Error::last_os_error());
        }
        self.reaped = pid == self.pid;
        if self.reaped && status != 0 {
            return Err(io::Error::other(format!(
                "a process of the benchmark's has failed, with status {status:#x}"
            )));
        }
        Ok(self.reaped)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            // SAFETY: the child has not been reaped, so the number is still its own.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            // Killed is what it was meant to be.
            let _ = self.reap(0);
        }
    }
}

/// Which CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cpus {
    /// This one alone.
    Only(usize),
    /// The first so many.
    First(usize),
}

impl Cpus {
    /// How many they are.
    pub(crate) fn count(self) -> usize {
        match self {
            Cpus::Only(_) => 1,
            Cpus::First(count) => count,
        }
    }

    /// Keeps this process, and the children that it is going to have, on them.
    pub(crate) fn keep_to(self) -> io::Result<()> {
        let numbers = match self {
            Cpus::Only(cpu) => cpu..cpu + 1,
            Cpus::First(count) => 0..count,
        };
        // SAFETY: the set is plain bits, and the numbers of CPUs are far below its size.
        let done = unsafe {
            let mut set: libc::cpu_set_t = mem::zeroed();
            numbers.for_each(|cpu| libc::CPU_SET(cpu, &mut set));
            libc::sched_setaffinity(0, mem::size_of_val(&set), &set)
        };
        if done == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// How many CPUs the machine has.
pub(crate) fn cpus_online() -> usize {
    // SAFETY: has no preconditions.
    let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1).max(1)
}
