// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for other threads and processes, with an end.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything takes on the slowest kernel, and shorter than the harness waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds; `what` says what was waited for in vain.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    until_ok(what, || {
        if condition() {
            Ok(())
        } else {
            Err(String::new())
        }
    });
}

/// The same; the condition says how things are instead, for whoever reads of the failure.
#[track_caller]
pub(crate) fn until_ok(what: &str, mut condition: impl FnMut() -> Result<(), String>) {
    let end = Instant::now() + PATIENCE;
    while let Err(instead) = condition() {
        assert!(
            Instant::now() < end,
            "waited in vain until {what} {instead}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A number that one side sets and another waits for; server procedures reach it as a static, or in memory
/// that is shared between processes.
#[derive(Default)]
pub(crate) struct Flag(AtomicI32);

impl Flag {
    pub(crate) const fn new() -> Self {
        Self(AtomicI32::new(0))
    }

    pub(crate) fn set(&self, value: i32) {
        self.0.store(value, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> i32 {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn add(&self, value: i32) -> i32 {
        self.0.fetch_add(value, Ordering::SeqCst) + value
    }

    /// Waits until it is not zero, and says what it is.
    #[track_caller]
    pub(crate) fn await_set(&self, what: &str) -> i32 {
        until(what, || self.get() != 0);
        self.get()
    }

    /// A flag that children share.
    pub(crate) fn shared() -> &'static Self {
        // SAFETY: a new mapping disturbs nothing; zeroed memory is a valid flag, and it is never unmapped.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                size_of::<Self>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(memory, libc::MAP_FAILED);
            &*memory.cast::<Self>()
        }
    }
}
