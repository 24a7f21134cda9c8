// SPDX-License-Identifier: MIT OR Apache-2.0
//! What /proc says of threads and of the machine.

use std::fs::{self, File};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// What /proc shows of a thread, kept open.
pub(crate) struct Glass {
    stat: File,
    call: File,
}

impl Glass {
    /// None if there is no such thread any more.
    pub(crate) fn new(process: i32, thread: i32) -> Option<Self> {
        let open = |file| File::open(format!("/proc/{process}/task/{thread}/{file}")).ok();
        Some(Self {
            stat: open("stat")?,
            call: open("syscall")?,
        })
    }

    /// `S` when it sleeps until something happens; none if it has ended.
    fn state(&self) -> Option<char> {
        let stat = read(&self.stat)?;
        let (_, rest) = stat.rsplit_once(") ")?;
        rest.chars().next().filter(|state| !"ZX".contains(*state))
    }

    /// The system call in which the thread sleeps until something happens; none if it does anything else.
    pub(crate) fn sleeps_in(&self) -> Option<usize> {
        // A thread that waits for memory or a lock is in state D, and will go on by itself.
        if self.state() != Some('S') {
            return None;
        }
        read(&self.call)?.split(' ').next()?.parse().ok()
    }

    /// Has the thread ended? The first one of a process stays visible until the last one ends.
    pub(crate) fn has_ended(&self) -> bool {
        self.state().is_none()
    }
}

fn read(file: &File) -> Option<String> {
    let mut bytes = [0; 512];
    let length = file.read_at(&mut bytes, 0).ok()?;
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// A process, by a descriptor that tells when all of it has ended.
pub(crate) struct Watch(OwnedFd);

impl Watch {
    pub(crate) fn new(process: i32) -> Self {
        // SAFETY: the descriptor is new.
        unsafe {
            let descriptor = libc::syscall(libc::SYS_pidfd_open, process, 0) as i32;
            assert!(descriptor >= 0, "process {process} cannot be watched");
            Self(OwnedFd::from_raw_fd(descriptor))
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one entry, which is ours.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }
}

/// How many descriptors this process has.
pub(crate) fn own_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// How many files are open in the machine, roughly.
pub(crate) fn open_files() -> i64 {
    let text = fs::read_to_string("/proc/sys/fs/file-nr").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// Kernel memory that cannot be had back, in KiB.
pub(crate) fn kernel_memory() -> i64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("SUnreclaim:"));
    line.and_then(|it| it.trim().split(' ').next()?.parse().ok())
        .unwrap_or_default()
}
