// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that the benchmark shares with its children, and waiting for each other there.

use std::io;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Words that this process and those that it forks later see in the same way.
pub(crate) struct Words {
    first: NonNull<AtomicU64>,
    count: usize,
}

// SAFETY: the words are atomic, and nothing else is reached through the pointer.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// `count` words, all of them 0.
    pub(crate) fn new(count: usize) -> io::Result<Words> {
        // SAFETY: a new mapping disturbs nothing.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                count * size_of::<AtomicU64>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let first = NonNull::new(memory.cast()).expect("nothing is mapped at address 0");
        Ok(Words { first, count })
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[AtomicU64] {
        // SAFETY: the mapping has so many words and lasts as long as this value; zeroed memory is atomics of value 0.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.count) }
    }

    /// One of them, as something to wait at.
    pub(crate) fn gate(&self, index: usize) -> &Gate {
        let word = ptr::from_ref(&self.all()[index]);
        // SAFETY: a gate is a 32-bit atomic, for which a 64-bit one has room; nobody uses the word as anything else.
        unsafe { &*word.cast::<Gate>() }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody has a reference into it any more.
        unsafe {
            libc::munmap(
                self.first.as_ptr().cast(),
                self.count * size_of::<AtomicU64>(),
            )
        };
    }
}

/// A count that processes wait for.
#[repr(transparent)]
pub(crate) struct Gate(AtomicU32);

impl Gate {
    /// The bare word.
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.0
    }

    /// Counts one more, and wakes whoever waits.
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
        wake(&self.0, i32::MAX);
    }

    /// Counts one more; wakes whoever waits when `all` have been counted, and disturbs nobody before.
    pub(crate) fn arrive(&self, all: u32) {
        if self.0.fetch_add(1, Ordering::AcqRel) + 1 == all {
            wake(&self.0, i32::MAX);
        }
    }

    /// Waits until the count is at least `wanted`; looks at `meanwhile` from time to time, and gives up if that fails.
    pub(crate) fn wait_for(
        &self,
        wanted: u32,
        mut meanwhile: impl FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        const OFTEN_ENOUGH: Duration = Duration::from_millis(100);
        loop {
            let count = self.0.load(Ordering::Acquire);
            if count >= wanted {
                return Ok(());
            }
            meanwhile()?;
            wait(&self.0, count, Some(OFTEN_ENOUGH));
        }
    }
}

/// Sleeps while the word has this value; may wake up for no reason.
pub(crate) fn wait(word: &AtomicU32, value: u32, limit: Option<Duration>) {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(limit.subsec_nanos() as i32),
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the word outlives the call, and so does the limit.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            value,
            limit,
        )
    };
}

/// Wakes up to `count` of those that sleep at the word.
pub(crate) fn wake(word: &AtomicU32, count: i32) {
    // SAFETY: the word outlives the call.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
}
