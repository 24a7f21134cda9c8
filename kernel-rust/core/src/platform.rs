// SPDX-License-Identifier: GPL-2.0

//! What the model needs of its surroundings, on the host: an atomic word and a cell.
//!
//! `kernel-rust/doors/platform.rs` is the kernel's edition of the same two types.

#[cfg(loom)]
use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU64, Ordering},
};

#[cfg(not(loom))]
use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU64, Ordering},
};

/// A state word that several threads change.
#[derive(Debug)]
pub struct Word(AtomicU64);

impl Word {
    /// Makes a word.
    #[cfg(not(loom))]
    pub const fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Makes a word that loom watches.
    #[cfg(loom)]
    pub fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Reads the word; what was written before the value was stored is visible afterwards
    /// (acquire).
    pub fn load(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Writes the word, which only the thread that calls this may change now; what it wrote before
    /// is visible to who reads the word (release).
    pub fn store(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    /// Replaces `old` by `new` (acquire and release), or says what is there instead.
    pub fn replace(&self, old: u64, new: u64) -> Result<(), u64> {
        self.0
            .compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
    }
}

/// A value that belongs to one thread at a time; which one, a [`Word`] beside it says.
#[derive(Debug)]
pub struct Slot<T>(UnsafeCell<T>);

// SAFETY: A `Slot` only ever gives access to the one thread that its user proves to be the owner,
// so sharing it moves `T` between threads but never shares `T`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// Makes a slot.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Makes a slot that loom watches.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Works on the value.
    ///
    /// # Safety
    ///
    /// The caller must be the slot's only user until `work` returns.
    pub unsafe fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(loom)]
        // SAFETY: The caller guarantees exclusive use; loom checks it.
        return self.0.with_mut(|value| work(unsafe { &mut *value }));
        #[cfg(not(loom))]
        // SAFETY: The caller guarantees exclusive use.
        work(unsafe { &mut *self.0.get() })
    }
}
