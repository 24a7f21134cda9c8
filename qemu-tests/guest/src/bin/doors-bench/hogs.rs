// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs that want all the CPU that they can get.

use std::hint::black_box;
use std::io;

use crate::process::{fork, Child};

/// Starts `count` of them, where the calling process may run; they are gone when the result is.
pub(crate) fn start(count: usize) -> io::Result<Vec<Child>> {
    (0..count).map(|_| fork(spin)).collect()
}

/// Counts. Not `spin_loop`: an emulated processor stops to think at each of its instructions.
fn spin() {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}
