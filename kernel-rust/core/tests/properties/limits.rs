// SPDX-License-Identifier: GPL-2.0

//! Limits of requests, against the table of CA-2.

use crate::values;
use doors_core::model::{
    attributes::{CREATE_MASK, REFUSE_DESC, REVOKED},
    errno::Errno,
    limits::{Limits, Parameter},
};
use proptest::{bits, prelude::*};

/// A request, and the door that it is made of.
#[derive(Clone, Copy, Debug)]
struct Case {
    attributes: u32,
    limits: Limits,
    data_size: usize,
    desc_num: u32,
}

/// A row of CA-2: its number, the condition, the error.
type Row = (u32, fn(&Case) -> bool, Errno);

/// CA-2, as far as the parameters of the door decide.
const ROWS: [Row; 5] = [
    (
        3,
        |case| case.attributes & REVOKED != 0,
        Errno::BadDescriptor,
    ),
    (
        4,
        |case| case.data_size < case.limits.data_min,
        Errno::NoBufferSpace,
    ),
    (
        5,
        |case| case.data_size > case.limits.data_max,
        Errno::NoBufferSpace,
    ),
    (
        6,
        |case| case.desc_num > 0 && case.attributes & REFUSE_DESC != 0,
        Errno::NotSupported,
    ),
    (
        7,
        |case| case.desc_num > case.limits.desc_max,
        Errno::TooManyFiles,
    ),
];

/// The first row that applies.
fn expected(case: &Case) -> Result<(), Errno> {
    match ROWS.iter().find(|(_, applies, _)| applies(case)) {
        Some((_, _, errno)) => Err(*errno),
        None => Ok(()),
    }
}

fn attributes() -> impl Strategy<Value = u32> {
    bits::u32::masked(REVOKED | REFUSE_DESC | CREATE_MASK)
}

/// Small numbers collide often, so that equality with a limit is tried as well as either side of it.
fn small_or_any() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 0..=4_usize, 1 => values::size()]
}

prop_compose! {
    fn cases()(
        attributes in attributes(),
        bounds in [small_or_any(), small_or_any()],
        desc_max in prop_oneof![3 => 0..=4_u32, 1 => any::<u32>()],
        data_size in small_or_any(),
        desc_num in prop_oneof![3 => 0..=4_u32, 1 => any::<u32>()],
    ) -> Case {
        let [one, other] = bounds;
        // PA-2 keeps the two in order.
        let limits = Limits { data_min: one.min(other), data_max: one.max(other), desc_max };
        Case { attributes, limits, data_size, desc_num }
    }
}

proptest! {
    #![proptest_config(values::config())]

    /// The first row that applies decides.
    ///
    /// Rules: CA-2.3 CA-2.4 CA-2.5 CA-2.6 CA-2.7
    #[test]
    fn the_first_row_that_applies_decides(case in cases()) {
        let Case { attributes, limits, data_size, desc_num } = case;
        prop_assert_eq!(limits.check(attributes, data_size, desc_num), expected(&case));
    }

    /// A fresh door takes data of any size, and descriptors up to `INT_MAX` unless it refuses them.
    ///
    /// Rules: CR-8 CA-2
    #[test]
    fn a_fresh_door_takes_everything_but_what_it_refuses(
        attributes in attributes(),
        data_size in values::size(),
        desc_num in values::desc_num(),
    ) {
        let attributes = attributes & !REVOKED;
        let expected = if desc_num > 0 && attributes & REFUSE_DESC != 0 {
            Err(Errno::NotSupported)
        } else if i32::try_from(desc_num).is_err() {
            Err(Errno::TooManyFiles)
        } else {
            Ok(())
        };
        prop_assert_eq!(Limits::new(attributes).check(attributes, data_size, desc_num), expected);
    }

    /// The parameters that `door_getparam` shows of a fresh door.
    ///
    /// Rules: CR-8
    #[test]
    fn a_fresh_door_has_the_parameters_of_the_specification(attributes in attributes()) {
        let limits = Limits::new(attributes);
        prop_assert_eq!((limits.data_min, limits.data_max), (0, usize::MAX));
        let refuses = attributes & REFUSE_DESC != 0;
        prop_assert_eq!(limits.desc_max, if refuses { 0 } else { 0x7fff_ffff });
    }

    /// A change is refused for the reason that the specification gives, or changes that parameter and no other.
    ///
    /// Rules: PA-2
    #[test]
    fn a_change_is_made_or_refused(
        case in cases(),
        number in -1..=5_i32,
        value in prop_oneof![
            3 => small_or_any(),
            1 => values::around(0x7fff_ffff),
        ],
    ) {
        let Case { attributes, limits, .. } = case;
        let before = [limits.desc_max as usize, limits.data_max, limits.data_min];
        let Ok(parameter) = Parameter::from_number(number) else {
            prop_assert!(!(1..=3).contains(&number));
            return Ok(());
        };
        let place = usize::try_from(number - 1).expect("a parameter's number");
        prop_assert_eq!(limits.get(parameter), before[place]);
        let expected = match number {
            1 if value > 0x7fff_ffff => Err(Errno::Range),
            1 if value != 0 && attributes & REFUSE_DESC != 0 => Err(Errno::NotSupported),
            2 if value < limits.data_min => Err(Errno::Invalid),
            3 if value > limits.data_max => Err(Errno::Invalid),
            _ => Ok(()),
        };
        match limits.with(parameter, value, attributes) {
            Err(errno) => prop_assert_eq!(Err(errno), expected),
            Ok(after) => {
                prop_assert_eq!(Ok(()), expected);
                let mut wanted = before;
                wanted[place] = value;
                let after = [after.desc_max as usize, after.data_max, after.data_min];
                prop_assert_eq!(after, wanted);
            }
        }
    }
}
