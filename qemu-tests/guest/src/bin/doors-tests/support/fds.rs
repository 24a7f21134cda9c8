// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors to pass around.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};

/// A pipe: what is written to the second can be read from the first.
pub(crate) fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both; both descriptors are new.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    }
}

pub(crate) fn is_open(fd: i32) -> bool {
    // SAFETY: looks at a descriptor.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

pub(crate) fn close(fd: i32) {
    // SAFETY: the tests close what they were given.
    assert_eq!(unsafe { libc::close(fd) }, 0);
}

pub(crate) fn null() -> File {
    File::open("/dev/null").expect("/dev/null is there")
}

/// A number that may or may not be a descriptor.
pub(crate) struct Raw(pub(crate) i32);

impl AsRawFd for Raw {
    fn as_raw_fd(&self) -> i32 {
        self.0
    }
}
