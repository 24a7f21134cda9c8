// SPDX-License-Identifier: MIT OR Apache-2.0
//! The memory of a thread: the stack that it lends, and where it takes results. It is mapped before anybody is
//! forked, so that every process has its own copy at the same place and nobody needs to allocate.

use doors_reference::operation::{LENT_STACK, REQUEST_SIZES, RESULT_ROOM, RESULT_SIZES};
use doors_reference::system::THREADS;
use std::ffi::c_void;

/// The memory of one thread.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    start: usize,
}

const RECEIVED: usize = 32 * 1024;

const _: () = assert!(RESULT_ROOM <= RECEIVED && Room::LENT >= LENT_STACK);

impl Room {
    /// The stack, at a multiple of its size.
    pub(crate) const STACK: usize = 128 * 1024;
    /// The words at its top that are not lent (see `server.rs`).
    pub(crate) const KEPT: usize = 64;
    /// What is lent. Below it is room for nothing but a mistake to be noticed.
    pub(crate) const LENT: usize = LENT_STACK;
    /// All of it, with the same alignment.
    const ALL: usize = 2 * Self::STACK;

    /// Memory for all threads of one process and its children.
    pub(crate) fn map() -> Rooms {
        let size = (THREADS + 1) * Self::ALL;
        // SAFETY: a new mapping disturbs nothing. It is never unmapped.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        assert_ne!(memory, libc::MAP_FAILED, "no memory for the threads");
        Rooms {
            start: memory.expose_provenance().next_multiple_of(Self::STACK),
            pattern: (0..largest() + SHIFT)
                .map(|place| (place * 31 + place / 251) as u8)
                .collect(),
        }
    }

    /// Where the lent part of the stack ends. The kept words are above it.
    pub(crate) fn stack_base(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.start + Self::STACK - Self::KEPT)
    }

    /// Where a result may go, with something else in it.
    pub(crate) fn result_place(self) -> *mut u8 {
        let place: *mut u8 = std::ptr::with_exposed_provenance_mut(self.start + Self::STACK);
        // SAFETY: the place is as large, and only this thread's.
        unsafe { place.write_bytes(0xa5, RECEIVED) };
        place
    }
}

/// The memory of all threads, and what they send.
pub(crate) struct Rooms {
    start: usize,
    pattern: Vec<u8>,
}

impl Rooms {
    /// That of the thread with this number.
    pub(crate) fn of(&self, thread: usize) -> Room {
        Room {
            start: self.start + thread * Room::ALL,
        }
    }

    /// What is sent by whoever sends so many bytes. No two sizes have the same bytes, and no two places.
    pub(crate) fn content(&self, size: usize) -> &[u8] {
        let shift = size % SHIFT;
        &self.pattern[shift..shift + size]
    }

    /// Is this what is sent by whoever sends so many bytes?
    ///
    /// # Safety
    /// So many bytes can be read there.
    pub(crate) unsafe fn is_intact(&self, address: u64, size: usize) -> bool {
        if size == 0 {
            return true;
        }
        let known = REQUEST_SIZES.contains(&size) || RESULT_SIZES.contains(&size);
        let first: *const u8 = std::ptr::with_exposed_provenance(address as usize);
        // SAFETY: the caller says so.
        known && unsafe { std::slice::from_raw_parts(first, size) } == self.content(size)
    }
}

const SHIFT: usize = 239;

fn largest() -> usize {
    let sizes = REQUEST_SIZES.iter().chain(RESULT_SIZES);
    sizes.copied().max().unwrap_or_default()
}
