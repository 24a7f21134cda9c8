// SPDX-License-Identifier: MIT OR Apache-2.0
//! Doors themselves: attributes, limits, whose they are.

use crate::story::{passing, Story, ASK};
use doors_reference::{Action, Outcome, Request, Slot};
use doors_uapi::abi::{
    DOOR_IS_UNREF, DOOR_LOCAL, DOOR_PARAM_DATA_MAX, DOOR_PARAM_DATA_MIN, DOOR_PARAM_DESC_MAX,
    DOOR_PRIVATE, DOOR_REFUSE_DESC, DOOR_REVOKED, DOOR_UNREF, DOOR_UNREF_MULTI,
};
use doors_uapi::Errno;

/// CR-3.
#[test]
fn attributes_are_checked() {
    let mut story = Story::default();
    for attributes in [0x1000, DOOR_LOCAL, DOOR_UNREF | DOOR_UNREF_MULTI] {
        story.act(0, Action::Create { attributes });
        assert_eq!(story.error(0), Errno::EINVAL);
    }
}

/// IF-4, IF-5, SI-40, RV-2, RV-7.
#[test]
fn children_see_the_same_door() {
    let mut story = Story::with(1, &[0]);
    assert_eq!(story.attributes(0, 0), DOOR_LOCAL | DOOR_IS_UNREF);
    story.act(0, Action::Fork);
    assert_eq!(story.attributes(0, 0), DOOR_LOCAL);
    assert_eq!(story.attributes(1, 0), 0);
    story.act(1, Action::Revoke(Slot(0)));
    assert_eq!(story.error(1), Errno::EPERM);
    story.act(0, Action::Revoke(Slot(0)));
    assert_eq!(story.told(0), Some(Outcome::Done));
    assert_eq!(story.attributes(1, 0), DOOR_REVOKED | DOOR_IS_UNREF);
}

/// CA-2, rows 3 to 7, in that order; PA-2, PA-3.
#[test]
fn limits_are_checked() {
    let mut story = Story::with(1, &[DOOR_REFUSE_DESC, 0]);
    let set = |parameter, value| move |slot| Action::SetParameter(Slot(slot), parameter, value);
    for slot in [0, 1] {
        story.act(0, set(DOOR_PARAM_DATA_MAX, 100)(slot));
        story.act(0, set(DOOR_PARAM_DATA_MIN, 1)(slot));
        story.act(0, set(DOOR_PARAM_DESC_MAX, 0)(slot));
        assert_eq!(story.told(0), Some(Outcome::Done));
        let pass = passing(0, false);
        let request = |size| Request { size, pass, ..ASK };
        let refused = if slot == 0 {
            Errno::EOPNOTSUPP
        } else {
            Errno::ENFILE
        };
        for (size, errno) in [(0, Errno::ENOBUFS), (16_384, Errno::ENOBUFS), (1, refused)] {
            story.call(0, slot, request(size));
            assert_eq!(story.error(0), errno);
        }
    }
    for (action, errno) in [
        (set(DOOR_PARAM_DESC_MAX, 0x8000_0000)(0), Errno::ERANGE),
        (set(DOOR_PARAM_DESC_MAX, 1)(0), Errno::EOPNOTSUPP),
        (set(DOOR_PARAM_DATA_MIN, 101)(0), Errno::EINVAL),
        (set(DOOR_PARAM_DATA_MAX, 0)(0), Errno::EINVAL),
        (set(0, 0)(0), Errno::EINVAL),
        (set(0, 0)(7), Errno::EBADF),
    ] {
        story.act(0, action);
        assert_eq!(story.error(0), errno, "{action}");
    }
    story.act(0, Action::Duplicate(Slot(0)));
    story.act(0, Action::Revoke(Slot(0)));
    story.act(0, set(0, 0)(2));
    assert_eq!(story.error(0), Errno::EBADF);
    story.act(0, Action::GetParameter(Slot(2), DOOR_PARAM_DATA_MAX));
    assert_eq!(story.told(0), Some(Outcome::Parameter(100)));
}

/// BI-1, BI-4, IN-1.
#[test]
fn binding_is_checked() {
    let mut story = Story::with(1, &[0, DOOR_PRIVATE]);
    story.act(0, Action::Unbind);
    assert_eq!(story.error(0), Errno::EBADF);
    story.act(0, Action::Query);
    assert_eq!(story.error(0), Errno::EBADF);
    story.act(0, Action::Bind(Slot(0)));
    assert_eq!(story.error(0), Errno::EINVAL);
    story.act(0, Action::Bind(Slot(1)));
    story.act(0, Action::Query);
    assert!(matches!(story.told(0), Some(Outcome::Info(_))));
    story.act(0, Action::Fork);
    story.act(1, Action::Query);
    assert_eq!(story.error(1), Errno::EBADF);
    story.act(1, Action::Bind(Slot(1)));
    assert_eq!(story.error(1), Errno::EINVAL);
}
