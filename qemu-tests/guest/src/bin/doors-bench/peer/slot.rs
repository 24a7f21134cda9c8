// SPDX-License-Identifier: MIT OR Apache-2.0
//! A number in shared memory: what goes with a wake-up that carries nothing itself.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::shared::Words;

/// One client's number in shared memory, on a cache line of its own. Sleeping and waking order what is done to it.
pub(super) struct Slot<'a>(&'a AtomicU64);

impl Slot<'_> {
    /// How far the numbers of two clients are apart.
    pub(super) const WORDS: usize = 8;

    /// That of one client.
    pub(super) fn of(words: &Words, client: usize) -> Slot<'_> {
        Slot(&words.all()[client * Self::WORDS])
    }

    /// Puts a message of up to 8 bytes there.
    #[inline]
    pub(super) fn put(&self, bytes: &[u8]) {
        if let Ok(number) = bytes.try_into() {
            self.0.store(u64::from_le_bytes(number), Ordering::Release);
        }
    }

    /// Takes one from there.
    #[inline]
    pub(super) fn take(&self, bytes: &mut [u8]) {
        if bytes.len() == size_of::<u64>() {
            bytes.copy_from_slice(&self.0.load(Ordering::Acquire).to_le_bytes());
        }
    }
}
