// SPDX-License-Identifier: GPL-2.0

//! Memory for a reply that does not fit the caller's buffer (DA-23).

use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*, //
};

/// Fresh memory of the current process. Dropped, it is unmapped (DA-27).
pub(crate) struct Mapping {
    pub(crate) address: usize,
    pub(crate) length: usize,
}

impl Mapping {
    /// `EOVERFLOW` if there is no room for it (DA-26).
    pub(crate) fn new(length: usize) -> Result<Self> {
        // SAFETY: Maps new memory into the current process, nothing else.
        let address = unsafe {
            bindings::vm_mmap(
                core::ptr::null_mut(),
                0,
                length,
                (bindings::PROT_READ | bindings::PROT_WRITE) as usize,
                (bindings::MAP_PRIVATE | bindings::MAP_ANONYMOUS) as usize,
                0,
            )
        };
        // An address that is no multiple of the page size is an error.
        if address % PAGE_SIZE != 0 {
            return Err(EOVERFLOW);
        }
        Ok(Self { address, length })
    }

    /// It belongs to the program now.
    pub(crate) fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: Unmaps what we have mapped and told nobody of.
        unsafe { bindings::vm_munmap(self.address, self.length) };
    }
}
