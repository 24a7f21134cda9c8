// SPDX-License-Identifier: GPL-2.0

//! Door attributes (specification 2.1): which may be asked for, and which are shown to whom.

use super::errno::Errno;

/// One notification when the door is referred to by a single descriptor only.
pub const UNREF: u32 = 0x01;
/// The door has a pool of server threads of its own.
pub const PRIVATE: u32 = 0x02;
/// Shown only: the door's target is the process that asks or receives.
pub const LOCAL: u32 = 0x04;
/// Shown only: the door is revoked, or its process is gone.
pub const REVOKED: u32 = 0x08;
/// A notification each time that the door is referred to by a single descriptor only.
pub const UNREF_MULTI: u32 = 0x10;
/// Shown by `door_info` only: a single descriptor refers to the door.
pub const IS_UNREF: u32 = 0x20;
/// The door takes no descriptors as arguments.
pub const REFUSE_DESC: u32 = 0x40;
/// The server thread is not cancelled when its caller goes away.
pub const NO_CANCEL: u32 = 0x80;
/// No call-back when the door's pool runs empty.
pub const NO_DEPLETION_CB: u32 = 0x100;
/// The door was made by `door_xcreate`.
pub const PRIVCREATE: u32 = 0x200;

/// What `door_create` may be asked for; the library keeps some of it to itself (CR-1).
pub const CREATE_MASK: u32 = 0x3d3;
/// What is shown of a door.
pub const ATTR_MASK: u32 = 0x3ff;

/// In a descriptor entry: there is a file descriptor in it.
pub const DESCRIPTOR: u32 = 0x1_0000;
/// In a descriptor entry, from the sender: close my copy.
pub const RELEASE: u32 = 0x4_0000;

/// May a door be created with `attributes`? (CR-3)
pub fn check_create(attributes: u32) -> Result<(), Errno> {
    let both = UNREF | UNREF_MULTI;
    if attributes & !CREATE_MASK != 0 || attributes & both == both {
        return Err(Errno::Invalid);
    }
    Ok(())
}

/// Shall its process be told when the door is unreferenced? (UN-8)
pub fn wants_unreferenced(attributes: u32) -> bool {
    attributes & (UNREF | UNREF_MULTI) != 0 && attributes & REVOKED == 0
}

/// What a process sees of a door's `attributes` (IF-4, DE-4); `local` says that it is the door's
/// target.
pub fn shown(attributes: u32, local: bool) -> u32 {
    let shown = attributes & ATTR_MASK & !(LOCAL | IS_UNREF);
    if local {
        shown | LOCAL
    } else {
        shown
    }
}
