// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be done. The sizes are chosen so that none of them is close to a limit that is not part of the
//! specification.

use crate::names::{ProcessId, Slot, ThreadId};
use std::fmt;

/// Bytes that every caller who accepts a result has room for.
pub const RESULT_ROOM: usize = 20_000;
/// Bytes of stack that every server thread lends.
pub const LENT_STACK: usize = 64 * 1024;
/// Sizes of requests: none, a few, either side of `door_max_arg` (DA-1, DA-2), and more than a lent stack
/// takes (DA-13).
pub const REQUEST_SIZES: &[usize] = &[0, 1, 100, 16_384, 16_385, 40_000, 100_000];
/// Sizes of results: none, a few, either side of `door_max_arg` (DA-21, DA-22), exactly [`RESULT_ROOM`],
/// and more (DA-23).
pub const RESULT_SIZES: &[usize] = &[0, 1, 100, 16_384, 16_385, 20_000, 20_001, 100_000];

/// One step of a sequence.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A thread that waits for nothing does something.
    Do(ThreadId, Action),
    /// A signal with a handler reaches a thread that waits.
    Interrupt(ThreadId),
    /// A signal that is ignored is sent to a thread that waits.
    Disturb(ThreadId),
    /// A whole process is killed.
    Kill(ProcessId),
}

/// What a thread can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `door_create`.
    Create {
        /// As they are given.
        attributes: u32,
    },
    /// Makes another descriptor of the same open file.
    Duplicate(Slot),
    /// Closes a descriptor.
    Close(Slot),
    /// Another process, with the same descriptors and one thread.
    Fork,
    /// Another thread in the same process.
    Spawn,
    /// The thread ends.
    Exit,
    /// `door_bind`.
    Bind(Slot),
    /// `door_unbind`.
    Unbind,
    /// `door_call`.
    Call(Slot, Request),
    /// `door_return`, whether or not the thread serves somebody.
    Return(Reply),
    /// `door_revoke`.
    Revoke(Slot),
    /// `door_info`.
    Info(Slot),
    /// `door_info` with `DOOR_QUERY`.
    Query,
    /// `door_getparam`.
    GetParameter(Slot, i32),
    /// `door_setparam`.
    SetParameter(Slot, i32, usize),
    /// `door_ucred`.
    Credentials,
    /// `door_unref`: the thread becomes the one that waits for unreferenced doors.
    AwaitUnreferenced,
}

/// The arguments of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Bytes of data.
    pub size: usize,
    /// There is nothing at the address of the data.
    pub unreadable: bool,
    /// A descriptor that goes along.
    pub pass: Option<Pass>,
    /// Whether there are parameters at all: without them nothing is sent, and no result accepted (CA-4).
    pub parameters: bool,
}

/// The arguments of a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Bytes of data.
    pub size: usize,
    /// There is nothing at the address of the data.
    pub unreadable: bool,
    /// A descriptor that goes along.
    pub pass: Option<Pass>,
}

impl Reply {
    /// Nothing at all.
    pub const EMPTY: Self = Self {
        size: 0,
        unreadable: false,
        pass: None,
    };
}

/// A descriptor that is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Which of the sender's.
    pub slot: Slot,
    /// The sender's is closed (`DOOR_RELEASE`).
    pub release: bool,
}

// So that what a failing test shows can be read.
impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Do(thread, action) => write!(f, "{thread}: {action}"),
            Self::Interrupt(thread) => write!(f, "a signal for {thread}"),
            Self::Disturb(thread) => write!(f, "an ignored signal for {thread}"),
            Self::Kill(process) => write!(f, "kill {process}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { attributes } => write!(f, "door_create(attributes {attributes:#x})"),
            Self::Duplicate(slot) => write!(f, "dup({slot})"),
            Self::Close(slot) => write!(f, "close({slot})"),
            Self::Fork => f.write_str("fork()"),
            Self::Spawn => f.write_str("makes a thread"),
            Self::Exit => f.write_str("exits"),
            Self::Bind(slot) => write!(f, "door_bind({slot})"),
            Self::Unbind => f.write_str("door_unbind()"),
            Self::Call(slot, request) => write!(f, "door_call({slot}, {request})"),
            Self::Return(reply) => write!(f, "door_return({reply})"),
            Self::Revoke(slot) => write!(f, "door_revoke({slot})"),
            Self::Info(slot) => write!(f, "door_info({slot})"),
            Self::Query => f.write_str("door_info(DOOR_QUERY)"),
            Self::GetParameter(slot, parameter) => write!(f, "door_getparam({slot}, {parameter})"),
            Self::SetParameter(slot, parameter, value) => {
                write!(f, "door_setparam({slot}, {parameter}, {value})")
            }
            Self::Credentials => f.write_str("door_ucred()"),
            Self::AwaitUnreferenced => f.write_str("door_unref()"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.parameters {
            return f.write_str("no parameters");
        }
        content(f, self.size, self.unreadable, self.pass)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        content(f, self.size, self.unreadable, self.pass)
    }
}

fn content(
    f: &mut fmt::Formatter<'_>,
    size: usize,
    unreadable: bool,
    pass: Option<Pass>,
) -> fmt::Result {
    write!(f, "{size} bytes")?;
    if unreadable {
        f.write_str(" from nowhere")?;
    }
    if let Some(Pass { slot, release }) = pass {
        write!(f, ", {slot}{}", if release { " released" } else { "" })?;
    }
    Ok(())
}
