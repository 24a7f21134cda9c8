// SPDX-License-Identifier: MIT OR Apache-2.0
//! What things are called. Nothing that is gone gives its name to something new.

use std::fmt;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $word:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub usize);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($word, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

names! {
    /// A process, in the order of their births.
    ProcessId, "process ";
    /// A thread of any process, in the order of their births.
    ThreadId, "thread ";
    /// A door, in the order of their creation.
    DoorId, "door ";
    /// A place in a process' table of descriptors; the table has [`SLOTS`].
    Slot, "slot ";
}

/// How many descriptors a process may have. Few, so that tables are full at times.
pub const SLOTS: usize = 8;
