// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a sequence must not leave behind.

use crate::look::{kernel_memory, open_files, own_descriptors};

/// The kernel counts files on each processor, and adds up now and then.
const FILES: i64 = 256;
/// What caches may grow by, in KiB; a debug kernel also keeps what was freed for a while.
const MEMORY: i64 = 64 * 1024;
/// Sequences after which caches are warm.
const WARM: u64 = 30;

/// What there was before.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sequences: u64,
    descriptors: usize,
    files: i64,
    memory: i64,
}

impl Ledger {
    /// After each sequence: is everything back?
    pub(crate) fn check(&mut self) -> Result<(), String> {
        self.sequences += 1;
        // SAFETY: looks for children.
        let children = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } != -1;
        if children {
            return Err("there are still processes".into());
        }
        if self.sequences == 1 {
            self.descriptors = own_descriptors();
            self.files = open_files();
        }
        if self.sequences <= WARM {
            self.memory = kernel_memory();
        }
        let descriptors = own_descriptors();
        if descriptors != self.descriptors {
            let before = self.descriptors;
            return Err(format!("{descriptors} descriptors, and {before} before"));
        }
        let (files, memory) = (open_files() - self.files, kernel_memory() - self.memory);
        if files > FILES {
            return Err(format!("{files} files were left open"));
        }
        if memory > MEMORY {
            return Err(format!("the kernel has {memory} KiB more"));
        }
        Ok(())
    }

    /// For people.
    pub(crate) fn summary(&self) -> String {
        let files = open_files() - self.files;
        let memory = kernel_memory() - self.memory;
        format!("{files:+} files, {memory:+} KiB of kernel memory")
    }
}
