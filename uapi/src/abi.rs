// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! What crosses the boundary between user space and the kernel: layouts and constants.
//!
//! This very file is compiled twice: here, for user space, and inside the kernel as `ipc/doors/abi.rs`.
//! It therefore names nothing outside `core` and contains no code. The C view of it is
//! `include/linux/doors.h`; a test compares the two through a C compiler.
//!
//! The layouts are those of illumos on amd64, where `door_desc_t` and `door_info_t` are packed to four
//! bytes so that 32-bit and 64-bit programs see the same structures. User addresses are plain integers
//! here: the kernel must not be able to dereference one by accident.

use core::mem::{align_of, offset_of, size_of};

/// `door_desc_t`: one descriptor in an argument or a result.
///
/// The union `d_data` of the C view has one visible member, so it is flattened here.
#[repr(C, packed(4))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorDesc {
    /// `d_attributes`: [`DOOR_DESCRIPTOR`] and friends (DE-1, DE-4).
    pub attributes: u32,
    /// `d_data.d_desc.d_descriptor`: the file descriptor, in the numbering of whoever holds this entry.
    pub descriptor: i32,
    /// `d_data.d_desc.d_id`: the door's uniquifier; 0 for what is not a door (DE-4, DE-5).
    pub id: u64,
    /// The rest of `d_data.d_resv`; zero.
    pub resv: [u32; 2],
}

/// `door_info_t`: what `door_info` tells about a door.
#[repr(C, packed(4))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorInfo {
    /// `di_target`: process id of the server, -1 once it is gone (IF-1).
    pub target: i32,
    /// `di_proc`: address of the server procedure, in the server (IF-2).
    pub procedure: u64,
    /// `di_data`: the cookie, verbatim (CR-6).
    pub data: u64,
    /// `di_attributes`: attributes and state (IF-4).
    pub attributes: u32,
    /// `di_uniquifier`: never reused in a boot (CR-7).
    pub uniquifier: u64,
    /// `di_resv`: zero (IF-7).
    pub resv: [i32; 4],
}

/// `door_arg_t`: argument and result of `door_call`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorArg {
    /// Address of the argument data; after the call, of the result data (CA-5).
    pub data_ptr: u64,
    /// Bytes of argument data; after the call, of result data.
    pub data_size: u64,
    /// Address of an array of [`DoorDesc`]; after the call, of the result's.
    pub desc_ptr: u64,
    /// Entries in that array; after the call, entries in the result's.
    pub desc_num: u32,
    /// Hole in the C view; written as zero.
    pub pad: u32,
    /// Address of the result buffer; after an overflow, of the fresh mapping (DA-23).
    pub rbuf: u64,
    /// Bytes at `rbuf`; after an overflow, the length of that mapping.
    pub rsize: u64,
}

/// What `door_ucred` tells about a caller, as the server's namespaces see it (UC-2).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorUcred {
    /// Effective capabilities, one bit each.
    pub effective: u64,
    /// Permitted capabilities.
    pub permitted: u64,
    /// Inheritable capabilities.
    pub inheritable: u64,
    /// Effective user id.
    pub euid: u32,
    /// Real user id.
    pub ruid: u32,
    /// Saved user id.
    pub suid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Real group id.
    pub rgid: u32,
    /// Saved group id.
    pub sgid: u32,
    /// Process id; 0 for the kernel, and for who cannot be seen (UC-3).
    pub pid: i32,
    /// How many supplementary groups it has.
    pub groups: u32,
}

/// Tell the server when the last other reference goes, once (UN-8).
pub const DOOR_UNREF: u32 = 0x01;
/// The door has a pool of server threads of its own (TP-1).
pub const DOOR_PRIVATE: u32 = 0x02;
/// Reported: the asking process is the door's server.
pub const DOOR_LOCAL: u32 = 0x04;
/// Reported: the door takes no more calls.
pub const DOOR_REVOKED: u32 = 0x08;
/// Like [`DOOR_UNREF`], every time.
pub const DOOR_UNREF_MULTI: u32 = 0x10;
/// Reported by `door_info`: nobody else refers to the door (IF-5).
pub const DOOR_IS_UNREF: u32 = 0x20;
/// Calls may carry no descriptors.
pub const DOOR_REFUSE_DESC: u32 = 0x40;
/// A client's abort does not cancel the server thread (SI-11).
pub const DOOR_NO_CANCEL: u32 = 0x80;
/// No depletion call-back; for `door_xcreate` only (TP-25).
pub const DOOR_NO_DEPLETION_CB: u32 = 0x100;
/// The door was made by `door_xcreate`; set by the library.
pub const DOOR_PRIVCREATE: u32 = 0x200;
/// In the information given to a depletion call-back: that is why it was called (TP-23).
pub const DOOR_DEPLETION_CB: u32 = 0x400;
/// In a [`DoorDesc`]: the entry is a file descriptor.
pub const DOOR_DESCRIPTOR: u32 = 0x1_0000;
/// In a [`DoorDesc`]: close the sender's copy (DE-7).
pub const DOOR_RELEASE: u32 = 0x4_0000;

/// What may be asked of the system call `door_create` (CR-3).
pub const DOOR_CREATE_MASK: u32 = DOOR_UNREF
    | DOOR_PRIVATE
    | DOOR_UNREF_MULTI
    | DOOR_REFUSE_DESC
    | DOOR_NO_CANCEL
    | DOOR_NO_DEPLETION_CB
    | DOOR_PRIVCREATE;
/// What `door_info` and received descriptors report (IF-4, DE-4).
pub const DOOR_ATTR_MASK: u32 = DOOR_CREATE_MASK | DOOR_LOCAL | DOOR_REVOKED | DOOR_IS_UNREF;

/// A descriptor that is no door.
pub const DOOR_INVAL: i32 = -1;
/// To `door_info`: the door that the calling thread is bound to (IN-1).
pub const DOOR_QUERY: i32 = -2;
/// `argp` of an unreferenced notification (UN-9).
pub const DOOR_UNREF_DATA: u64 = 1;

/// Parameter: the most descriptors that a call may carry.
pub const DOOR_PARAM_DESC_MAX: i32 = 1;
/// Parameter: the most bytes that a call may carry.
pub const DOOR_PARAM_DATA_MAX: i32 = 2;
/// Parameter: the fewest bytes that a call may carry.
pub const DOOR_PARAM_DATA_MIN: i32 = 3;

/// Sent to a server thread whose caller gave up, if the process handles it (SI-11): the last real-time signal.
pub const DOOR_SIGCANCEL: i32 = 64;

/// In `r9` when `door_return` delivers an invocation: this thread was the pool's last (TP-20).
pub const DOOR_RETURN_DEPLETED: u64 = 1;

/// Up to this many bytes go through a kernel buffer; more go straight between address spaces (DA-1, DA-2).
pub const DOOR_MAX_ARG: usize = 16384;
/// The most descriptors in one direction of one call (DE-17).
pub const DOOR_MAX_DESC: u32 = 1024;

/// File type of a door in `st_mode` (IF-9, FA-10).
pub const S_IFDOOR: u32 = 0xD000;

const _: () = {
    assert!(size_of::<DoorDesc>() == 24 && align_of::<DoorDesc>() == 4);
    assert!(offset_of!(DoorDesc, attributes) == 0);
    assert!(offset_of!(DoorDesc, descriptor) == 4);
    assert!(offset_of!(DoorDesc, id) == 8);
    assert!(offset_of!(DoorDesc, resv) == 16);

    assert!(size_of::<DoorInfo>() == 48 && align_of::<DoorInfo>() == 4);
    assert!(offset_of!(DoorInfo, target) == 0);
    assert!(offset_of!(DoorInfo, procedure) == 4);
    assert!(offset_of!(DoorInfo, data) == 12);
    assert!(offset_of!(DoorInfo, attributes) == 20);
    assert!(offset_of!(DoorInfo, uniquifier) == 24);
    assert!(offset_of!(DoorInfo, resv) == 32);

    assert!(size_of::<DoorArg>() == 48 && align_of::<DoorArg>() == 8);
    assert!(offset_of!(DoorArg, data_ptr) == 0);
    assert!(offset_of!(DoorArg, data_size) == 8);
    assert!(offset_of!(DoorArg, desc_ptr) == 16);
    assert!(offset_of!(DoorArg, desc_num) == 24);
    assert!(offset_of!(DoorArg, rbuf) == 32);
    assert!(offset_of!(DoorArg, rsize) == 40);

    assert!(size_of::<DoorUcred>() == 56 && align_of::<DoorUcred>() == 8);
    assert!(offset_of!(DoorUcred, effective) == 0);
    assert!(offset_of!(DoorUcred, euid) == 24);
    assert!(offset_of!(DoorUcred, egid) == 36);
    assert!(offset_of!(DoorUcred, pid) == 48);

    assert!(DOOR_CREATE_MASK == 0x3D3);
    assert!(DOOR_ATTR_MASK == 0x3FF);
};
