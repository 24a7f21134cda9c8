// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that want all the CPU that they can get.

use std::hint::spin_loop;
use std::io;

use crate::process::{fork, Child};

/// Starts `count` of them, where the calling process may run; they are gone when the result is.
pub(crate) fn start(count: usize) -> io::Result<Vec<Child>> {
    (0..count).map(|_| fork(spin)).collect()
}

fn spin() {
    loop {
        spin_loop();
    }
}
