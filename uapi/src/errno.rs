// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! Why a system call failed.

use core::fmt;

/// An error number of the kernel, positive.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

macro_rules! errnos {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        impl Errno {
            $(
                #[doc = $meaning]
                pub const $name: Self = Self($number);
            )*

            /// The name that C programs know this number by, if doors ever return it.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM = 1, "Not the owner.";
    ENOENT = 2, "No such file.";
    EINTR = 4, "Interrupted by a signal, or the server went away.";
    EBADF = 9, "Not a descriptor, not a door, or a revoked door.";
    E2BIG = 7, "Does not fit.";
    EAGAIN = 11, "Interrupted before a server thread was found.";
    ENOMEM = 12, "No memory.";
    EACCES = 13, "No permission.";
    EFAULT = 14, "Not an address.";
    EBUSY = 16, "Something is attached there.";
    EEXIST = 17, "It is there already.";
    ENOTDIR = 20, "Not a directory.";
    EINVAL = 22, "Nonsense.";
    ENFILE = 23, "More descriptors than the door takes.";
    EMFILE = 24, "No room for descriptors.";
    ERANGE = 34, "Out of range.";
    ENAMETOOLONG = 36, "The path is too long.";
    ENOSYS = 38, "This kernel has no doors.";
    ELOOP = 40, "Too many symbolic links.";
    EOVERFLOW = 75, "No room for the result.";
    EOPNOTSUPP = 95, "Not with this door; what Solaris calls ENOTSUP.";
    ENOBUFS = 105, "Outside the door's limits on data.";
    EALREADY = 114, "There is one already.";
}

impl Errno {
    /// The error that the kernel calls `number`.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number, positive.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl core::error::Error for Errno {}
