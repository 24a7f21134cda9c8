// SPDX-License-Identifier: GPL-2.0

//! The errors that the model itself decides on, with their numbers in the Linux ABI.

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Errno {
    /// Argument list too long: it does not fit where it has to go.
    TooBig = 7,
    /// Bad file descriptor: no door, or a door that is no more.
    BadDescriptor = 9,
    /// Invalid argument.
    Invalid = 22,
    /// File table overflow: more descriptors than the door takes.
    TooManyFiles = 23,
    /// Out of range: a parameter that no request could reach.
    Range = 34,
    /// Operation not supported: the door refuses descriptors.
    NotSupported = 95,
    /// No buffer space available: data outside of the door's limits.
    NoBufferSpace = 105,
}
