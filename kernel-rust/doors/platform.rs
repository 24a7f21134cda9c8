// SPDX-License-Identifier: GPL-2.0

//! What the model needs of its surroundings, in the kernel: an atomic word and a cell.
//!
//! `kernel-rust/core/src/platform.rs` is the host's edition of the same two types.

use core::cell::UnsafeCell;
use kernel::sync::atomic::{
    ordering::{
        Acquire,
        Full,
        Release, //
    },
    Atomic,
};

/// A state word that several threads change.
pub struct Word(Atomic<u64>);

impl Word {
    /// Makes a word.
    pub const fn new(value: u64) -> Self {
        Self(Atomic::new(value))
    }

    /// Reads the word; what was written before the value was stored is visible afterwards
    /// (acquire).
    #[inline]
    pub fn load(&self) -> u64 {
        self.0.load(Acquire)
    }

    /// Writes the word, which only the thread that calls this may change now; what it wrote before
    /// is visible to who reads the word (release).
    #[inline]
    pub fn store(&self, value: u64) {
        self.0.store(value, Release);
    }

    /// Replaces `old` by `new` (fully ordered), or says what is there instead.
    #[inline]
    pub fn replace(&self, old: u64, new: u64) -> Result<(), u64> {
        self.0.cmpxchg(old, new, Full).map(drop)
    }
}

/// A value that belongs to one thread at a time; which one, a [`Word`] beside it says.
pub struct Slot<T>(UnsafeCell<T>);

// SAFETY: A `Slot` only ever gives access to the one thread that its user proves to be the owner,
// so sharing it moves `T` between threads but never shares `T`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// Makes a slot.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Works on the value.
    ///
    /// # Safety
    ///
    /// The caller must be the slot's only user until `work` returns.
    #[inline]
    pub unsafe fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: The caller guarantees exclusive use.
        work(unsafe { &mut *self.0.get() })
    }
}
