// SPDX-License-Identifier: MIT OR Apache-2.0
//! Other processes.

use super::server::Door;
use super::wait;
use std::ffi::c_int;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A child, killed and reaped when it goes.
pub(crate) struct Child {
    pub(crate) pid: i32,
    reaped: bool,
}

/// How a child ended.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum End {
    Exited(c_int),
    Killed(c_int),
}

/// Runs `body` in a child. A panic in it is the child's exit status 101.
pub(crate) fn fork(body: impl FnOnce()) -> Child {
    // SAFETY: the child goes on with one thread and does what the parent could have done; the tests fork
    // while no other thread of theirs holds a lock of the allocator's.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {:?}", super::errno()),
        0 => {
            let status = match catch_unwind(AssertUnwindSafe(body)) {
                Ok(()) => 0,
                Err(_) => 101,
            };
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(status) }
        }
        pid => Child { pid, reaped: false },
    }
}

impl Child {
    pub(crate) fn kill(&self, signal: c_int) {
        // SAFETY: the child has not been reaped, so the number is still its own.
        assert_eq!(unsafe { libc::kill(self.pid, signal) }, 0);
    }

    pub(crate) fn wait(mut self) -> End {
        self.reap()
    }

    /// Waits, and passes a failure of the child on.
    #[track_caller]
    pub(crate) fn succeed(self) {
        assert_eq!(self.wait(), End::Exited(0), "the child failed");
    }

    fn reap(&mut self) -> End {
        let mut status = 0;
        loop {
            // SAFETY: the child is ours, and status is an int.
            if unsafe { libc::waitpid(self.pid, &mut status, 0) } == self.pid {
                break;
            }
            assert_eq!(super::errno(), doors_uapi::Errno::EINTR);
        }
        self.reaped = true;
        if libc::WIFSIGNALED(status) {
            End::Killed(libc::WTERMSIG(status))
        } else {
            End::Exited(libc::WEXITSTATUS(status))
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill(libc::SIGKILL);
            self.reap();
        }
    }
}

/// A server in a process of its own: `make` makes its door there, which then serves until it is killed.
pub(crate) fn server(make: impl FnOnce() -> Door) -> (Child, Door) {
    let (ours, theirs) = UnixStream::pair().expect("sockets can be had");
    let child = fork(|| {
        let door = make();
        send_descriptor(&theirs, door.fd());
        loop {
            std::thread::park();
        }
    });
    drop(theirs);
    let door = Door(receive_descriptor(&ours));
    (child, door)
}

/// Room for one control message with one descriptor.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// Sends a descriptor over a socket (`SCM_RIGHTS`).
pub(crate) fn send_descriptor(socket: &UnixStream, fd: c_int) {
    let mut byte = 0_u8;
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: a message header is made of integers and pointers; all that it points to outlives the call,
    // and the control buffer has room for the message that the macros lay out in it.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<c_int>() as u32) as usize;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<c_int>() as u32) as usize;
        libc::CMSG_DATA(header).cast::<c_int>().write_unaligned(fd);
        assert_eq!(
            libc::sendmsg(socket.as_raw_fd(), &message, 0),
            1,
            "{:?}",
            super::errno()
        );
    }
}

/// Receives what [`send_descriptor`] sent.
pub(crate) fn receive_descriptor(socket: &UnixStream) -> OwnedFd {
    let mut byte = 0_u8;
    let mut control = Control([0; 64]);
    let mut part = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: as in `send_descriptor`; the descriptor is new, and nobody else knows it.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = control.0.len();
        let received = libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC);
        assert_eq!(received, 1, "the other side failed");
        let header = libc::CMSG_FIRSTHDR(&message);
        assert!(!header.is_null(), "no descriptor came along");
        OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<c_int>().read_unaligned())
    }
}

/// Waits until a thread sleeps, and a little longer. What it sleeps in is for the test to know.
pub(crate) fn until_blocked(process: i32, thread: i32) {
    let stat = format!("/proc/{process}/task/{thread}/stat");
    for _ in 0..2 {
        std::thread::sleep(std::time::Duration::from_millis(30));
        wait::until("a thread sleeps", || {
            std::fs::read_to_string(&stat).is_ok_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, rest)| rest.starts_with('S'))
            })
        });
    }
}

/// Waits until every thread of this process but the caller sleeps: those that have just been made, and those
/// that have just replied, are parked then.
pub(crate) fn until_others_sleep() {
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc is mounted");
    let own = super::thread_id();
    threads
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|thread| *thread != own)
        .for_each(|thread: i32| until_blocked(super::process_id(), thread));
}
