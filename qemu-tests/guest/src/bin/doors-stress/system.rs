// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this program asks of the system.

use crate::board::Seat;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Sleeps for so many microseconds, or less if a signal comes.
pub(crate) fn nap(microseconds: u64) {
    let time = Duration::from_micros(microseconds);
    let time = libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    };
    // SAFETY: the time is ours, and what is left of it is not asked for.
    unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
}

/// Whoever disturbs must get the CPU from those whom it disturbs.
pub(crate) fn prefer_this_process() {
    // SAFETY: both change attributes of this process only. Grandchildren come to us when their parents end.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, -15);
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    }
}

/// Begins a child: it ends with its parent, and is as other processes are.
pub(crate) fn become_child(parent: i32) {
    // SAFETY: these change attributes of this process only; the handler does nothing.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() != parent {
            libc::_exit(0);
        }
        libc::setpriority(libc::PRIO_PROCESS, 0, 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = interrupt as *const () as usize;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut());
    }
}

/// Interrupts what it interrupts, and does nothing else.
extern "C" fn interrupt(_signal: i32) {}

/// What the processes of a seat are at, for whoever has to find out why.
pub(crate) fn look(seat: &Seat) -> String {
    let mut text = String::new();
    for process in &seat.processes {
        let process = process.load(Ordering::SeqCst);
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else {
            continue;
        };
        for task in tasks.filter_map(Result::ok) {
            let read = |name| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let status = read("status");
            let lines = status.lines().filter(|line| {
                ["State:", "Cpus_allowed:", "SigPnd:", "ShdPnd:"]
                    .iter()
                    .any(|name| line.starts_with(name))
            });
            let lines: Vec<_> = lines.collect();
            let thread = task.file_name();
            text += &format!("\n  process {process}, thread {}: ", thread.display());
            text += &format!("{} {}", lines.join(" ").replace('\t', ""), read("wchan"));
        }
    }
    text
}
