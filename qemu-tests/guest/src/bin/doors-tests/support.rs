// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests are written with.

pub(crate) mod call;
pub(crate) mod census;
pub(crate) mod failing;
pub(crate) mod fds;
pub(crate) mod files;
pub(crate) mod notices;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod server;
pub(crate) mod threads;
pub(crate) mod wait;

pub(crate) use call::{call, call_with, errno, fails};
pub(crate) use process::{fork, Child};
pub(crate) use server::{echo, give, give_nothing, info, Door};
pub(crate) use wait::{until, Flag};

/// One test.
pub(crate) struct Test {
    /// Module and function.
    pub(crate) name: &'static str,
    /// The rules of the specification that it checks.
    pub(crate) rules: &'static str,
    pub(crate) run: fn(),
}

/// Declares the tests of a module, each with its rules.
macro_rules! tests {
    ($module:ident: $($test:ident => $rules:literal,)*) => {
        pub(crate) const TESTS: &[crate::support::Test] = &[$(
            crate::support::Test {
                name: concat!(stringify!($module), "::", stringify!($test)),
                rules: $rules,
                run: $test,
            },
        )*];
    };
}
pub(crate) use tests;

/// The argument that makes this program sleep for ever.
pub(crate) const IDLE: &str = "--idle";

/// The size of a page.
pub(crate) const PAGE: usize = 4096;

/// The calling thread, as the kernel counts them.
pub(crate) fn thread_id() -> i32 {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::gettid() }
}

/// The calling process.
pub(crate) fn process_id() -> i32 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() }
}

/// How many threads the calling process has.
pub(crate) fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("/proc is mounted")
        .count()
}

/// The open descriptors of the calling process, but for the one that finds them.
pub(crate) fn open_descriptors() -> Vec<i32> {
    let mut open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .expect("/proc is mounted")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        // SAFETY: looks at a descriptor.
        .filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } != -1)
        .collect();
    open.sort_unstable();
    // The directory itself was open while it was read.
    // SAFETY: as above.
    open.retain(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } != -1);
    open
}

/// Bytes that no two sizes have in common, and no two places.
pub(crate) fn pattern(size: usize) -> Vec<u8> {
    (0..size)
        .map(|place| (place * 31 + place / 251 + size) as u8)
        .collect()
}
