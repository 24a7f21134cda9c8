// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counting what a process and the kernel hold, to see that nothing is left behind.

use super::wait::until;

/// What one process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    descriptors: usize,
    mappings: usize,
}

/// What the process has now. `process` is a number, or "self".
pub(crate) fn holdings(process: &str) -> Holdings {
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd"))
        .expect("/proc is mounted")
        .count();
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).expect("/proc is mounted");
    Holdings {
        descriptors,
        mappings: maps.lines().count(),
    }
}

/// How many files are open in the whole system. Nobody else opens any while a test runs.
pub(crate) fn open_files() -> usize {
    let text = std::fs::read_to_string("/proc/sys/fs/file-nr").expect("/proc is mounted");
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number")
}

/// Waits until as many files are open as there were: files are freed a little later than they are closed.
#[track_caller]
pub(crate) fn until_open_files(before: usize) {
    let mut now = 0;
    until(&format!("there are {before} open files again"), || {
        now = open_files();
        now <= before
    });
}

/// The kernel's memory that cannot be reclaimed, in bytes: objects, and the vmalloc area.
pub(crate) fn kernel_memory() -> usize {
    let text = std::fs::read_to_string("/proc/meminfo").expect("/proc is mounted");
    ["SUnreclaim:", "VmallocUsed:", "KernelStack:", "PageTables:"]
        .into_iter()
        .filter_map(|name| text.lines().find_map(|line| line.strip_prefix(name)))
        .filter_map(|line| line.split_whitespace().next()?.parse::<usize>().ok())
        .sum::<usize>()
        * 1024
}

/// Whether this kernel keeps what was freed for a while, to find who uses it still; its leak finder looks then.
pub(crate) fn keeps_what_was_freed() -> bool {
    std::path::Path::new("/sys/kernel/debug/kmemleak").exists()
}
