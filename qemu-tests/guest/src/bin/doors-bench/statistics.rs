// SPDX-License-Identifier: MIT OR Apache-2.0
//! What many samples come to.

use doors_protocol::bench::Times;

/// The order statistics of `samples`, which are sorted for it; none of nothing.
pub(crate) fn times(samples: &mut [u64]) -> Option<Times> {
    samples.sort_unstable();
    Some(Times {
        min: *samples.first()?,
        p50: rank(samples, 50),
        p99: rank(samples, 99),
        max: *samples.last()?,
    })
}

/// The smallest sample that `percent` of all do not exceed.
fn rank(sorted: &[u64], percent: usize) -> u64 {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_of_a_hundred() {
        let mut samples: Vec<u64> = (1..=100).rev().collect();
        let times = times(&mut samples).unwrap();
        assert_eq!(
            (times.min, times.p50, times.p99, times.max),
            (1, 50, 99, 100)
        );
    }

    #[test]
    fn few_samples_and_none() {
        let one = times(&mut [7]).unwrap();
        assert_eq!((one.min, one.p50, one.p99, one.max), (7, 7, 7, 7));
        assert_eq!(times(&mut [3, 1, 2]).unwrap().p50, 2);
        assert_eq!(times(&mut []), None);
    }
}
