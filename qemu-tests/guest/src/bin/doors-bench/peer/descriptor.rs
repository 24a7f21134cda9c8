// SPDX-License-Identifier: MIT OR Apache-2.0
//! A descriptor that goes along with a message, and how a socket carries it (`SCM_RIGHTS`).

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{moved, odd_size};

/// An open descriptor.
pub(crate) struct Passed(OwnedFd);

impl From<OwnedFd> for Passed {
    fn from(fd: OwnedFd) -> Passed {
        Passed(fd)
    }
}

/// Room for one control message with one descriptor.
#[repr(C, align(8))]
struct Control([u8; 64]);

impl Passed {
    /// Something that every path passes in the same way.
    pub(crate) fn something() -> io::Result<Passed> {
        Ok(Passed(File::open("/dev/null")?.into()))
    }

    /// Its number.
    pub(crate) fn number(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Sends it, together with `bytes`.
    pub(crate) fn send(&self, socket: i32, bytes: &[u8]) -> io::Result<()> {
        let mut control = Control([0; 64]);
        let mut part = libc::iovec {
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        };
        let wide = size_of::<libc::c_int>() as u32;
        // SAFETY: a message header is made of integers and pointers; all that it points to outlives the call, and the
        // control buffer has room for the message that the macros lay out in it.
        let sent = unsafe {
            let mut header: libc::msghdr = mem::zeroed();
            header.msg_iov = &mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = libc::CMSG_SPACE(wide) as usize;
            let first = libc::CMSG_FIRSTHDR(&header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(wide) as usize;
            let data = libc::CMSG_DATA(first).cast::<libc::c_int>();
            data.write_unaligned(self.number());
            moved(libc::sendmsg(socket, &header, 0))?
        };
        if sent == bytes.len() {
            Ok(())
        } else {
            Err(odd_size())
        }
    }

    /// Receives what [`send`](Passed::send) has sent.
    pub(crate) fn receive(socket: i32, bytes: &mut [u8]) -> io::Result<Passed> {
        let mut control = Control([0; 64]);
        let mut part = libc::iovec {
            iov_base: bytes.as_mut_ptr().cast(),
            iov_len: bytes.len(),
        };
        // SAFETY: as for sending. A descriptor that has come along is new, and nobody else knows it.
        unsafe {
            let mut header: libc::msghdr = mem::zeroed();
            header.msg_iov = &mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.0.as_mut_ptr().cast();
            header.msg_controllen = control.0.len();
            let flags = libc::MSG_CMSG_CLOEXEC | libc::MSG_WAITALL;
            let received = moved(libc::recvmsg(socket, &mut header, flags))?;
            let first = libc::CMSG_FIRSTHDR(&header);
            if received != bytes.len() || first.is_null() {
                return Err(odd_size());
            }
            let data = libc::CMSG_DATA(first).cast::<libc::c_int>();
            Ok(Passed(OwnedFd::from_raw_fd(data.read_unaligned())))
        }
    }
}
