// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast this machine's time stamp counter runs. In software emulation it is the guest's counter as well, and a
//! guest that counts the ticks of an emulated timer to find out is far off when this machine is busy: by a factor of
//! five, say.

use std::arch::x86_64::_rdtsc;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for four digits.
const INTERVAL: Duration = Duration::from_millis(20);

/// How many ticks may pass while the clock is read. More, and something came in between.
const TOGETHER: u64 = 100_000;

/// Ticks in a millisecond.
pub fn khz() -> u128 {
    let (ticks, begun) = sample();
    thread::sleep(INTERVAL);
    let (later, ended) = sample();
    u128::from(later.wrapping_sub(ticks)) * 1_000_000 / (ended - begun).as_nanos()
}

/// The counter and the clock, read together.
fn sample() -> (u64, Instant) {
    loop {
        let (before, now, after) = (ticks(), Instant::now(), ticks());
        if after.wrapping_sub(before) < TOGETHER {
            return (before, now);
        }
    }
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux lets user space execute it.
    unsafe { _rdtsc() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_measurements_agree() {
        let (one, other) = (khz(), khz());
        assert!(one > 100_000, "{one} kHz");
        assert!(one.abs_diff(other) < one / 100, "{one} and {other} kHz");
    }
}
