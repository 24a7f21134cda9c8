// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can come of an operation, for the thread that did it and for all others.

use crate::names::{DoorId, ProcessId, Slot};
use doors_uapi::Errno;

/// What one thread notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Happening {
    /// What the thread was doing is over, with this.
    pub outcome: Option<Outcome>,
    /// It was told that its caller has left (SI-11).
    pub cancelled: bool,
}

/// What a system call ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it was to do, and has nothing to say.
    Done,
    /// It failed.
    Failed(Errno),
    /// It made a descriptor.
    Made(Slot),
    /// `door_info`.
    Info(Info),
    /// `door_getparam`.
    Parameter(usize),
    /// `door_ucred`: the process that calls, none for an unreferenced notification (UC-3).
    Caller(Option<ProcessId>),
    /// `door_call`: what came back.
    Result(Message),
    /// `door_return`: what is to be served next.
    Invoked(Invocation),
}

/// What is carried from one side to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Bytes of data.
    pub size: usize,
    /// The descriptor that came along.
    pub received: Option<Received>,
}

/// The start of a server procedure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Which door was called.
    pub door: DoorId,
    /// With what; none if this is an unreferenced notification.
    pub message: Option<Message>,
    /// The thread was its pool's last one (TP-20).
    pub depleted: bool,
    /// What the thread is given for the depletion call-back of a private door (TP-23).
    pub info: Option<Info>,
}

/// A descriptor that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where.
    pub slot: Slot,
    /// What it is.
    pub door: DoorId,
    /// What the entry says of it (DE-4).
    pub attributes: u32,
}

/// What `door_info` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// None once it is gone (IF-1).
    pub target: Option<ProcessId>,
    /// By its number and its cookie.
    pub door: DoorId,
    /// IF-4.
    pub attributes: u32,
    /// Of the descriptor that was asked about, if any (CR-5, DE-3).
    pub close_on_exec: Option<bool>,
}
