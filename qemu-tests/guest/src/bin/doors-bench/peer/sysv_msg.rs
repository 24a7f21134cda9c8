// SPDX-License-Identifier: MIT OR Apache-2.0
//! System V messages: one queue for calls and one for replies; a message's type says whose it is.

use std::convert::Infallible;
use std::fs;
use std::io;

use super::sysv::Object;
use super::{checked, moved, odd_size, only_data, Client, Connection, Message, Path, Shape};

pub(crate) struct SysvMessages;

impl Path for SysvMessages {
    fn name(&self) -> &'static str {
        "sysv-msg"
    }

    fn what(&self) -> &'static str {
        "msgsnd() to one System V queue and msgrcv() from another, the server does the reverse; a thread and a message \
         type for each client, limits raised."
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        only_data(shape)
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        // Enough for every client's message at once.
        let largest = shape.argument.max(shape.reply).max(8 << 10);
        fs::write("/proc/sys/kernel/msgmax", largest.to_string())?;
        fs::write(
            "/proc/sys/kernel/msgmnb",
            (largest * shape.clients).to_string(),
        )?;
        Ok(Box::new(Queues {
            shape: *shape,
            calls: queue()?,
            replies: queue()?,
        }))
    }
}

fn queue() -> io::Result<Object> {
    // SAFETY: has no preconditions.
    checked(unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) }).map(Object::Queue)
}

struct Queues {
    shape: Shape,
    calls: Object,
    replies: Object,
}

/// A message as the system calls want it: the type, a word, is followed by the bytes.
struct Typed(Vec<u8>);

const TYPE: usize = size_of::<libc::c_long>();

impl Typed {
    fn new(client: usize, size: usize) -> Typed {
        let mut bytes = (client as libc::c_long + 1).to_ne_bytes().to_vec();
        bytes.resize(TYPE + size, 0x5a);
        Typed(bytes)
    }

    fn bytes(&mut self) -> &mut [u8] {
        &mut self.0[TYPE..]
    }

    #[inline]
    fn send(&self, queue: libc::c_int) -> io::Result<()> {
        // SAFETY: the type and so many bytes are there.
        checked(unsafe { libc::msgsnd(queue, self.0.as_ptr().cast(), self.0.len() - TYPE, 0) })
            .map(drop)
    }

    /// Receives a message of this one's size, of this client's type.
    #[inline]
    fn receive(&mut self, queue: libc::c_int, client: usize) -> io::Result<()> {
        let (size, own) = (self.0.len() - TYPE, client as libc::c_long + 1);
        // SAFETY: there is room for the type and so many bytes.
        let received =
            moved(unsafe { libc::msgrcv(queue, self.0.as_mut_ptr().cast(), size, own, 0) })?;
        if received == size {
            Ok(())
        } else {
            Err(odd_size())
        }
    }
}

impl Connection for Queues {
    fn server_threads(&self) -> usize {
        self.shape.clients
    }

    fn serve(&self, client: usize) -> io::Result<Infallible> {
        let mut call = Typed::new(client, self.shape.argument);
        let mut reply = Typed::new(client, self.shape.reply);
        let echoed = self.shape.argument.min(self.shape.reply).min(8);
        loop {
            call.receive(self.calls.id(), client)?;
            reply.bytes()[..echoed].copy_from_slice(&call.bytes()[..echoed]);
            reply.send(self.replies.id())?;
        }
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        Ok(Box::new(Caller {
            queues: [self.calls.id(), self.replies.id()],
            index,
            call: Typed::new(index, self.shape.argument),
            reply: Typed::new(index, self.shape.reply),
            message: Message::new(&self.shape),
        }))
    }
}

struct Caller {
    queues: [libc::c_int; 2],
    index: usize,
    call: Typed,
    reply: Typed,
    message: Message,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        let echoed = self.message.argument.len().min(8);
        // Only what changes from call to call: the rest lies where the system call wants it.
        self.call.bytes()[..echoed].copy_from_slice(&self.message.argument[..echoed]);
        self.call.send(self.queues[0])?;
        self.reply.receive(self.queues[1], self.index)?;
        let echoed = self.message.reply.len().min(8);
        self.message.reply[..echoed].copy_from_slice(&self.reply.bytes()[..echoed]);
        Ok(())
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
