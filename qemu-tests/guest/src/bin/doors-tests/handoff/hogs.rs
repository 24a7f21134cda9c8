// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads on CPUs: where they may run, how much they have run, and those that always want to.

use crate::support::{fork, Child};
use std::hint::black_box;
use std::time::Duration;

/// CPUs as bits. Both is what tests begin with.
pub(super) const FIRST: u64 = 1;
pub(super) const SECOND: u64 = 2;
pub(super) const BOTH: u64 = 3;

/// Whether there are two CPUs. A test that needs them has nothing to say of a machine with one.
pub(super) fn are_two() -> bool {
    std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}

/// Where a thread may run from now on; 0 is the calling one.
#[track_caller]
pub(super) fn keep_to(thread: i32, cpus: u64) {
    // SAFETY: the mask is ours.
    let failed = unsafe {
        libc::syscall(
            libc::SYS_sched_setaffinity,
            thread,
            size_of_val(&cpus),
            &raw const cpus,
        )
    };
    assert_eq!(
        failed,
        0,
        "sched_setaffinity: {:?}",
        crate::support::errno()
    );
}

/// Where the calling thread is, as a bit.
pub(super) fn here() -> u64 {
    // SAFETY: asks about this thread.
    1 << unsafe { libc::sched_getcpu() }
}

/// What a process has used of the CPUs, by its own clock.
#[track_caller]
pub(super) fn used(process: i32) -> Duration {
    let mut clock = 0;
    // SAFETY: the number is there to be written to.
    let failed = unsafe { libc::clock_getcpuclockid(process, &mut clock) };
    assert_eq!(failed, 0, "process {process} has a clock");
    read(clock)
}

/// What a thread of this process has used.
pub(super) fn used_by_thread(thread: i32) -> Duration {
    // How the kernel numbers the clocks of threads; 6: of time on a CPU.
    read((!thread << 3) | 6)
}

/// What the calling thread has used.
pub(super) fn used_here() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

fn read(clock: i32) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the time is there to be written to.
    assert_eq!(unsafe { libc::clock_gettime(clock, &mut time) }, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Computes, until so much of the CPU has been used.
pub(super) fn burn(time: Duration) {
    let end = used_here() + time;
    while used_here() < end {
        count(200);
    }
}

/// Computes.
pub(super) fn count(times: u64) {
    let mut number = 0_u64;
    for _ in 0..times {
        number = black_box(number.wrapping_add(1));
    }
}

/// A process that wants all of these CPUs that it can get.
pub(super) fn hog(cpus: u64) -> Child {
    let hog = fork(|| loop {
        count(1 << 20);
    });
    keep_to(hog.pid, cpus);
    hog
}

/// Measures until one result is good, a few times: others may disturb this machine, and never make it better than it
/// is. What is wrong is wrong each time.
#[track_caller]
pub(super) fn eventually(mut measure: impl FnMut() -> Result<(), String>) {
    const TIMES: usize = 4;
    let mut results = Vec::new();
    for _ in 0..TIMES {
        match measure() {
            Ok(()) => return,
            Err(why) => results.push(why),
        }
    }
    panic!("{}", results.join("; "));
}
