// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is measured: ways for a process to ask another one something and to wait for the answer.
//!
//! Each is a [`Path`]. It lays out a [`Connection`] before the server and its clients are forked, so that both have
//! what they need. Whoever measures knows none of them by name.

use std::convert::Infallible;
use std::io;

mod binder;
mod binder_protocol;
mod carrier;
mod descriptor;
pub(crate) mod door;
mod door_server;
mod eventfd;
mod futex;
mod null;
mod onc_rpc;
mod posix_mq;
mod slot;
mod stream;
mod sysv;
mod sysv_msg;
mod sysv_sem;

/// What a round trip carries, and for how many clients there must be room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of argument.
    pub(crate) argument: usize,
    /// Bytes of reply.
    pub(crate) reply: usize,
    /// Whether a descriptor goes along with the argument.
    pub(crate) descriptor: bool,
    /// How many processes call at once.
    pub(crate) clients: usize,
}

/// A short reply: a number.
const SHORT: usize = 8;

/// The argument where the question is about something else: who looks for the cost of a plain call, of 8 bytes, does not
/// find these rows by mistake.
pub(crate) const REQUEST: usize = 16;

impl Shape {
    /// One client; the reply is short.
    pub(crate) fn of(argument: usize) -> Shape {
        Shape {
            argument,
            reply: argument.min(SHORT),
            descriptor: false,
            clients: 1,
        }
    }
}

/// A way to call another process.
pub(crate) trait Path {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// What one round trip does.
    fn what(&self) -> &'static str;

    /// Gets the kernel ready for it; an error says why it cannot be measured at all.
    fn choose(&self) -> Result<(), String> {
        Ok(())
    }

    /// Why it cannot carry this, if it cannot.
    fn refuses(&self, shape: &Shape) -> Option<&'static str>;

    /// Makes everything that is needed before there are a server and clients.
    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>>;
}

/// What a server and its clients have in common.
pub(crate) trait Connection: Sync {
    /// How many threads the server needs; without any there is no server.
    fn server_threads(&self) -> usize;

    /// Called once in the server, before it has threads and before there are clients.
    fn open(&self) -> io::Result<()> {
        Ok(())
    }

    /// Serves in one of the server's threads. Comes back only to fail.
    fn serve(&self, thread: usize) -> io::Result<Infallible>;

    /// One client's side, made in its process.
    fn client(&self, index: usize) -> io::Result<Box<dyn Client>>;
}

/// One client's side. Nothing in a call allocates or prints.
pub(crate) trait Client {
    /// One round trip: the argument goes, the reply comes.
    fn call(&mut self) -> io::Result<()>;

    /// Where argument and reply are.
    fn message(&mut self) -> &mut Message;
}

/// One side's memory for what is carried. Servers answer with the first bytes of the argument, so that a client can
/// see that the reply is its own.
pub(crate) struct Message {
    /// What the client sends, or what the server has received.
    pub(crate) argument: Vec<u8>,
    /// What the server sends, or what the client has received.
    pub(crate) reply: Vec<u8>,
}

impl Message {
    /// Memory for this shape, all of it written to: pages that nobody has touched would be another matter.
    pub(crate) fn new(shape: &Shape) -> Message {
        Message {
            argument: vec![0x5a; shape.argument],
            reply: vec![0xa5; shape.reply],
        }
    }

    /// How many bytes of the argument come back.
    fn echoed(&self) -> usize {
        self.argument.len().min(self.reply.len()).min(SHORT)
    }

    /// The server's work: the beginning of the argument becomes that of the reply.
    #[inline]
    pub(crate) fn answer(&mut self) {
        let echoed = self.echoed();
        self.reply[..echoed].copy_from_slice(&self.argument[..echoed]);
    }

    /// Makes the next argument another one than the last.
    pub(crate) fn mark(&mut self, number: u64) {
        let echoed = self.echoed();
        self.argument[..echoed].copy_from_slice(&number.to_le_bytes()[..echoed]);
        self.reply.fill(0);
    }

    /// Whether the reply is the one to the argument.
    pub(crate) fn is_answered(&self) -> bool {
        let echoed = self.echoed();
        self.reply[..echoed] == self.argument[..echoed]
    }
}

/// All paths, the cheapest and the doors first.
pub(crate) fn all() -> Vec<Box<dyn Path>> {
    let mut paths: Vec<Box<dyn Path>> = vec![Box::new(null::NullSystemCall)];
    for door in door::PATHS {
        paths.push(Box::new(door));
    }
    paths.push(Box::new(stream::PIPE));
    paths.push(Box::new(eventfd::EventFd));
    paths.push(Box::new(futex::Futex));
    paths.push(Box::new(stream::UNIX_STREAM));
    paths.push(Box::new(stream::UNIX_SEQPACKET));
    paths.push(Box::new(sysv_sem::SysvSemaphores));
    paths.push(Box::new(sysv_msg::SysvMessages));
    paths.push(Box::new(posix_mq::PosixQueues));
    paths.push(Box::new(binder::Binder));
    paths.push(Box::new(onc_rpc::OncRpc));
    paths
}

/// Whether a path is one of the doors'.
pub(crate) fn is_door(name: &str) -> bool {
    name.starts_with("door-")
}

/// Why paths that only wake somebody refuse larger messages.
const MOVES_NO_DATA: &str =
    "it moves no data: more than a number would have to be copied by the program itself";

/// Why paths that cannot carry descriptors refuse them.
const NO_DESCRIPTORS: &str = "it cannot carry descriptors";

/// For paths that carry nothing but a number.
fn only_numbers(shape: &Shape) -> Option<&'static str> {
    if shape.descriptor {
        Some(NO_DESCRIPTORS)
    } else if shape.argument > SHORT || shape.reply > SHORT {
        Some(MOVES_NO_DATA)
    } else {
        None
    }
}

/// For paths that carry bytes and nothing else.
fn only_data(shape: &Shape) -> Option<&'static str> {
    shape.descriptor.then_some(NO_DESCRIPTORS)
}

/// The error of the C library's last call.
fn last_error() -> io::Error {
    io::Error::last_os_error()
}

/// What a function of the C library returned, or its error.
#[inline]
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        Err(last_error())
    } else {
        Ok(result)
    }
}

/// How many bytes a function of the C library has moved, or its error.
#[inline]
fn moved(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| last_error())
}

/// A message that has not the size that was agreed on.
#[cold]
fn odd_size() -> io::Error {
    io::Error::other("a message has another size than was agreed on")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_replies_are_no_longer_than_the_argument() {
        assert_eq!(Shape::of(0).reply, 0);
        assert_eq!(Shape::of(8).reply, 8);
        assert_eq!(Shape::of(4096).reply, 8);
    }

    #[test]
    fn an_answer_belongs_to_its_argument() {
        let mut message = Message::new(&Shape::of(64));
        message.mark(77);
        assert!(!message.is_answered());
        message.answer();
        assert!(message.is_answered());
    }

    #[test]
    fn every_path_has_a_name_that_reports_know() {
        for path in all() {
            let name = path.name();
            assert!(doors_protocol::bench::PATHS.contains(&name), "{name}");
        }
        assert_eq!(all().len(), doors_protocol::bench::PATHS.len());
    }
}
