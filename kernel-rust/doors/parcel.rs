// SPDX-License-Identifier: GPL-2.0

//! Data that passes through the kernel from one side of a call to the other.

use crate::user::{
    self,
    WORDS_MAX, //
};
use kernel::prelude::*;

/// The place of a thread for data on its way: a few words where they are, more in a buffer that is
/// kept for the next time. So a call allocates nothing.
pub(crate) struct Parcel {
    words: [u64; WORDS_MAX / size_of::<u64>()],
    buffer: KVVec<u8>,
}

impl Parcel {
    /// A place without a buffer yet.
    pub(crate) const fn new() -> Self {
        Self {
            words: [0; WORDS_MAX / size_of::<u64>()],
            buffer: KVVec::new(),
        }
    }

    /// Takes in `size` bytes of the current process at `address`.
    ///
    /// # Errors
    ///
    /// `EFAULT`, `ENOMEM`.
    #[inline]
    pub(crate) fn pack(&mut self, address: usize, size: usize) -> Result {
        if size <= WORDS_MAX {
            return user::read_words(&mut self.words, address, size);
        }
        self.buffer.clear();
        user::read(&mut self.buffer, address, size)
    }

    /// Writes the `size` bytes that were taken in to the current process at `address`. `EFAULT`.
    #[inline]
    pub(crate) fn unpack(&self, address: usize, size: usize) -> Result {
        if size <= WORDS_MAX {
            return user::write_words(address, &self.words, size);
        }
        user::write(address, &self.buffer)
    }

    /// Writes them to a stack, see [`user::write_stack`]. `EFAULT`.
    #[inline]
    pub(crate) fn unpack_on_stack(&self, address: usize, size: usize) -> Result {
        if size <= WORDS_MAX {
            return user::write_words(address, &self.words, size);
        }
        user::write_stack(address, &self.buffer)
    }
}
