// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock that everything is measured by. In a machine that counts instructions a nanosecond is one instruction.

use std::arch::x86_64::_rdtsc;
use std::fs;

/// Where the kernel says which counter its clock is made of.
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// A clock that can be read without entering the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    counter: Counter,
    /// Nanoseconds that one reading takes, which each measured interval contains.
    cost: u64,
}

#[derive(Debug, Clone, Copy)]
enum Counter {
    /// `CLOCK_MONOTONIC`: the kernel lends its code for it to every program.
    Monotonic,
    /// The processor's, with nanoseconds per 2^32 ticks: where the kernel's own clock needs a system call.
    Ticks { scale: u64 },
}

impl Clock {
    /// Chooses a counter, and finds out what reading it costs.
    pub(crate) fn calibrate() -> Clock {
        let kernel_uses_tsc = fs::read_to_string(SOURCE).is_ok_and(|s| s.trim() == "tsc");
        let counter = if kernel_uses_tsc {
            Counter::Monotonic
        } else {
            Counter::Ticks { scale: scale() }
        };
        let mut clock = Clock { counter, cost: 0 };
        clock.cost = (0..2000)
            .map(|_| {
                let begun = clock.now();
                clock.now() - begun
            })
            .min()
            .unwrap_or(0);
        clock
    }

    /// Nanoseconds since some moment of this boot.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match self.counter {
            Counter::Monotonic => monotonic(),
            Counter::Ticks { scale } => {
                let product = u128::from(ticks()) * u128::from(scale);
                // 2^32 nanoseconds a tick would be a slow processor.
                (product >> 32) as u64
            }
        }
    }

    /// Nanoseconds between two readings, without what the clock itself took of them.
    #[inline]
    pub(crate) fn between(&self, begun: u64, ended: u64) -> u64 {
        (ended - begun).saturating_sub(self.cost)
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
fn monotonic() -> u64 {
    read(libc::CLOCK_MONOTONIC).unwrap_or_default()
}

/// Any of the kernel's clocks, in nanoseconds.
pub(crate) fn read(clock: libc::clockid_t) -> std::io::Result<u64> {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the structure is there to be written to.
    if unsafe { libc::clock_gettime(clock, &mut time) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and Linux lets user space execute it.
    unsafe { _rdtsc() }
}

/// Nanoseconds per 2^32 ticks, from both clocks over a twentieth of a second.
fn scale() -> u64 {
    const INTERVAL: u64 = 50_000_000;
    let (first_tick, begun) = (ticks(), monotonic());
    let (mut last_tick, mut now) = (ticks(), monotonic());
    while now - begun < INTERVAL {
        (last_tick, now) = (ticks(), monotonic());
    }
    let elapsed = u128::from(now - begun) << 32;
    (elapsed / u128::from(last_tick - first_tick).max(1)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_counters_go_at_one_pace() {
        let ticks = Clock {
            counter: Counter::Ticks { scale: scale() },
            cost: 0,
        };
        let (begun, begun_ticks) = (monotonic(), ticks.now());
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (taken, by_ticks) = (monotonic() - begun, ticks.now() - begun_ticks);
        assert!(
            taken.abs_diff(by_ticks) < taken / 10,
            "{taken} and {by_ticks}"
        );
    }

    #[test]
    fn the_clocks_own_cost_is_taken_off() {
        let clock = Clock {
            counter: Counter::Monotonic,
            cost: 30,
        };
        assert_eq!(clock.between(100, 150), 20);
        assert_eq!(clock.between(100, 110), 0);
    }
}
