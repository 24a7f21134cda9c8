// SPDX-License-Identifier: GPL-2.0

//! Where an answer lies in the buffer of its caller, or in a mapping of its own. The oracle computes in 128 bits.

use crate::values;
use doors_core::model::{errno::Errno, frame::DESC_SIZE, reply::Shape};
use proptest::prelude::*;

/// DE-17, in the specification's own number.
const MOST_DESCRIPTORS: u32 = 1024;

/// DA-20.
fn needed(data_size: usize, desc_num: u32) -> u128 {
    let data_size = data_size as u128;
    if desc_num == 0 {
        data_size
    } else {
        data_size.next_multiple_of(DESC_SIZE as u128) + u128::from(desc_num) * DESC_SIZE as u128
    }
}

/// Is it a size at all?
fn as_size(size: u128) -> Result<usize, Errno> {
    usize::try_from(size).map_err(|_| Errno::TooBig)
}

fn page_size() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![4096, 16384, 65536])
}

/// An answer that is possible, with its shape.
fn shapes() -> impl Strategy<Value = (usize, u32, Shape)> {
    (values::size(), values::desc_num()).prop_filter_map("impossible", |(data_size, desc_num)| {
        let shape = Shape::new(data_size, desc_num).ok()?;
        Some((data_size, desc_num, shape))
    })
}

proptest! {
    #![proptest_config(values::config())]

    /// E2BIG exactly for too many descriptors and for sizes that are no sizes.
    ///
    /// Rules: DE-17 RE-5
    #[test]
    fn refused_exactly_if_it_cannot_pass(
        data_size in values::size(),
        desc_num in values::desc_num(),
    ) {
        let possible = desc_num <= MOST_DESCRIPTORS && as_size(needed(data_size, desc_num)).is_ok();
        match Shape::new(data_size, desc_num) {
            Ok(shape) => {
                prop_assert!(possible);
                prop_assert_eq!((shape.data_size(), shape.desc_num()), (data_size, desc_num));
            }
            Err(errno) => {
                prop_assert!(!possible);
                prop_assert_eq!(errno, Errno::TooBig);
            }
        }
    }

    /// The descriptors lie right behind the data, at a multiple of their size.
    ///
    /// Rules: CA-5 DA-20
    #[test]
    fn descriptors_lie_behind_the_data((data_size, desc_num, shape) in shapes()) {
        let offset = shape.desc_offset();
        if desc_num > 0 {
            prop_assert_eq!(offset % DESC_SIZE, 0);
            prop_assert!(offset >= data_size && offset - data_size < DESC_SIZE);
        } else {
            prop_assert_eq!(offset, 0);
        }
    }

    /// It fits a buffer of what it needs, and no smaller one.
    ///
    /// Rules: DA-20
    #[test]
    fn fits_from_what_it_needs_upwards(
        (shape, needed, rsize) in shapes().prop_flat_map(|(data_size, desc_num, shape)| {
            let needed = needed(data_size, desc_num);
            let rsize = prop_oneof![values::around(needed), values::size()];
            (Just(shape), Just(needed), rsize)
        }),
    ) {
        prop_assert_eq!(shape.fits(rsize), needed <= rsize as u128);
    }

    /// Only an answer of nothing at all fits no buffer at all.
    ///
    /// Rules: DA-24 DA-28
    #[test]
    fn only_the_empty_answer_needs_no_buffer((data_size, desc_num, shape) in shapes()) {
        let empty = data_size == 0 && desc_num == 0;
        prop_assert_eq!(shape.is_empty(), empty);
        prop_assert_eq!(shape.fits(0), empty);
    }

    /// A mapping of whole pages, no more of them than it takes for all of the answer, the gap before the descriptors
    /// included; E2BIG if there is no such number.
    ///
    /// Rules: DA-23 DX-3
    #[test]
    fn a_mapping_takes_all_of_it_and_no_page_more(
        (data_size, desc_num, shape) in shapes(),
        page_size in page_size(),
    ) {
        let needed = needed(data_size, desc_num);
        let expected = as_size(needed.next_multiple_of(page_size as u128));
        prop_assert_eq!(shape.mapping_length(page_size), expected);
        if let Ok(length) = expected {
            let end = shape.desc_offset() as u128 + u128::from(desc_num) * DESC_SIZE as u128;
            prop_assert!(end <= length as u128 && data_size <= length);
            prop_assert!(shape.fits(length));
        }
    }

    /// The sizes around the end of a page, where illumos maps a page too little.
    ///
    /// Rules: DX-3
    #[test]
    fn the_gap_before_the_descriptors_counts(
        pages in 1..=4_usize,
        before in 0..=2 * DESC_SIZE,
        desc_num in 1..=3_u32,
    ) {
        let descs = desc_num as usize * DESC_SIZE;
        let data_size = pages * 4096 - before;
        let end = data_size.next_multiple_of(DESC_SIZE) + descs;
        let length = Shape::new(data_size, desc_num).and_then(|shape| shape.mapping_length(4096));
        prop_assert_eq!(length, Ok(end.next_multiple_of(4096)));
    }
}

/// Its own example.
///
/// Rules: DX-3
#[test]
fn the_example_of_the_specification() {
    let length = Shape::new(4071, 1).and_then(|shape| shape.mapping_length(4096));
    assert_eq!(length, Ok(8192));
}
