// SPDX-License-Identifier: GPL-2.0

//! Attributes: every one against the list of those that the specification names.

use crate::values;
use doors_core::model::{attributes::*, errno::Errno};
use proptest::{bits, prelude::*};

/// What a door may be made with (CR-10, XC-2).
const ASKED_FOR: [u32; 7] = [
    UNREF,
    PRIVATE,
    UNREF_MULTI,
    REFUSE_DESC,
    NO_CANCEL,
    NO_DEPLETION_CB,
    PRIVCREATE,
];

/// What the kernel alone says of a door.
const SHOWN_ONLY: [u32; 3] = [LOCAL, REVOKED, IS_UNREF];

/// Words of attributes: those of a door, and arbitrary bits.
fn attributes() -> impl Strategy<Value = u32> {
    prop_oneof![
        2 => bits::u32::masked(CREATE_MASK & !UNREF_MULTI),
        2 => bits::u32::masked(CREATE_MASK),
        2 => bits::u32::masked(ATTR_MASK),
        1 => any::<u32>(),
    ]
}

/// The two masks are made of the attributes that the specification names, all different.
///
/// Rules: CR-3 CR-10 XC-2
#[test]
fn masks_are_the_sums_of_their_attributes() {
    assert_eq!(ASKED_FOR.iter().sum::<u32>(), CREATE_MASK);
    assert_eq!(CREATE_MASK + SHOWN_ONLY.iter().sum::<u32>(), ATTR_MASK);
    assert_eq!((DESCRIPTOR | RELEASE) & ATTR_MASK, 0);
}

/// Each bit alone is taken exactly if it is one that may be asked for.
///
/// Rules: CR-3
#[test]
fn a_single_attribute_is_taken_if_it_is_on_the_list() {
    for bit in (0..u32::BITS).map(|shift| 1 << shift) {
        assert_eq!(
            check_create(bit).is_ok(),
            ASKED_FOR.contains(&bit),
            "{bit:#x}"
        );
    }
}

proptest! {
    #![proptest_config(values::config())]

    /// EINVAL for a bit that is not on the list, or for both kinds of notification; nothing else matters.
    ///
    /// Rules: CR-3
    #[test]
    fn creation_is_refused_for_foreign_bits_and_for_two_notifications(asked in attributes()) {
        let foreign = (0..u32::BITS)
            .map(|shift| 1 << shift)
            .any(|bit| asked & bit != 0 && !ASKED_FOR.contains(&bit));
        let twice = asked & UNREF != 0 && asked & UNREF_MULTI != 0;
        let expected = if foreign || twice { Err(Errno::Invalid) } else { Ok(()) };
        prop_assert_eq!(check_create(asked), expected);
    }

    /// Everything in `DOOR_ATTR_MASK` is shown as it is, but "local" depends on who looks, "is unreferenced" is not the
    /// door's to say, and nothing of a descriptor entry gets in.
    ///
    /// Rules: DE-4 IF-4
    #[test]
    fn what_is_shown_depends_on_the_door_except_for_local(held in attributes(), local in any::<bool>()) {
        let shown = shown(held, local);
        prop_assert_eq!(shown & LOCAL != 0, local);
        prop_assert_eq!(shown & IS_UNREF, 0);
        prop_assert_eq!(shown & !ATTR_MASK, 0);
        let own = ATTR_MASK & !LOCAL & !IS_UNREF;
        prop_assert_eq!(shown & own, held & own);
    }
}
