// SPDX-License-Identifier: GPL-2.0

//! The values to try: where sizes and counts become interesting.

use proptest::prelude::*;

/// Sixteen times the usual number of cases (`PROPTEST_CASES` counts, too), and no files written.
pub(crate) fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.saturating_mul(16),
        failure_persistence: None,
        ..usual
    }
}

/// Sizes of every magnitude, and both ends of the range more often.
pub(crate) fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 0..=256_usize,
        3 => 0..=1_usize << 22,
        1 => any::<usize>(),
        1 => usize::MAX - 65536..=usize::MAX,
    ]
}

/// Sizes around `middle`, as far as there are such.
pub(crate) fn around(middle: u128) -> impl Strategy<Value = usize> {
    (0..=96_u128).prop_map(move |up| {
        let size = (middle + up).saturating_sub(48);
        usize::try_from(size).unwrap_or(usize::MAX)
    })
}

/// Numbers of descriptors: mostly those that may pass, all of them now and then.
pub(crate) fn desc_num() -> impl Strategy<Value = u32> {
    prop_oneof![
        2 => Just(0),
        4 => 1..=1024_u32,
        1 => 1020..=1030_u32,
        1 => any::<u32>(),
    ]
}
