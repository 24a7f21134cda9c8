// SPDX-License-Identifier: MIT OR Apache-2.0
//! POSIX message queues: two for each client.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io;
use std::mem;

use super::{checked, moved, odd_size, only_data, Client, Connection, Message, Path, Shape};

pub(crate) struct PosixQueues;

impl Path for PosixQueues {
    fn name(&self) -> &'static str {
        "posix-mq"
    }

    fn what(&self) -> &'static str {
        "mq_send() to one POSIX message queue and mq_receive() from another, the server does the reverse; two queues \
         and a thread for each client, limits raised."
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        only_data(shape)
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        let largest = shape.argument.max(shape.reply).max(8 << 10);
        fs::write("/proc/sys/fs/mqueue/msgsize_max", largest.to_string())?;
        raise_limit()?;
        let queues = (0..shape.clients).map(|client| {
            Ok([
                Queue::new(client, "call", shape.argument)?,
                Queue::new(client, "reply", shape.reply)?,
            ])
        });
        Ok(Box::new(Queues {
            shape: *shape,
            queues: queues.collect::<io::Result<_>>()?,
        }))
    }
}

/// One user's queues may need more memory than is usual.
fn raise_limit() -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the structure is there to be read.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_MSGQUEUE, &limit) }).map(drop)
}

/// A queue whose name is gone already.
#[derive(Clone, Copy)]
struct Queue(libc::mqd_t);

impl Queue {
    fn new(client: usize, what: &str, largest: usize) -> io::Result<Queue> {
        let name = CString::new(format!("/doors-bench-{client}-{what}"))
            .expect("the name has no zero byte");
        // SAFETY: the structure is made of integers.
        let mut attributes: libc::mq_attr = unsafe { mem::zeroed() };
        attributes.mq_maxmsg = 2;
        attributes.mq_msgsize = largest.max(1) as libc::c_long;
        let (flags, mode): (libc::c_int, libc::mode_t) =
            (libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, 0o600);
        // SAFETY: name and attributes outlive the calls.
        unsafe {
            let queue = checked(libc::mq_open(
                name.as_ptr(),
                flags,
                mode,
                &raw mut attributes,
            ))?;
            checked(libc::mq_unlink(name.as_ptr()))?;
            Ok(Queue(queue))
        }
    }

    #[inline]
    fn send(self, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: so many bytes are there.
        checked(unsafe { libc::mq_send(self.0, bytes.as_ptr().cast(), bytes.len(), 0) }).map(drop)
    }

    /// Receives a message that has `size` bytes; there is room for the largest.
    #[inline]
    fn receive(self, room: &mut [u8], size: usize) -> io::Result<()> {
        // SAFETY: there is so much room, and nobody wants the priority.
        let received = moved(unsafe {
            libc::mq_receive(
                self.0,
                room.as_mut_ptr().cast(),
                room.len(),
                std::ptr::null_mut(),
            )
        })?;
        if received == size {
            Ok(())
        } else {
            Err(odd_size())
        }
    }
}

struct Queues {
    shape: Shape,
    queues: Vec<[Queue; 2]>,
}

impl Drop for Queues {
    fn drop(&mut self) {
        for queue in self.queues.iter().flatten() {
            // SAFETY: the descriptor is ours, and nobody uses it after this.
            unsafe { libc::mq_close(queue.0) };
        }
    }
}

/// A queue's messages are never larger than it says, and at least 1 byte can be: the room for an empty one is that.
fn room_for(size: usize) -> Vec<u8> {
    vec![0x5a; size.max(1)]
}

impl Connection for Queues {
    fn server_threads(&self) -> usize {
        self.queues.len()
    }

    fn serve(&self, thread: usize) -> io::Result<Infallible> {
        let [calls, replies] = self.queues[thread];
        let mut message = Message::new(&self.shape);
        let mut room = room_for(self.shape.argument);
        let echoed = message.echoed();
        loop {
            calls.receive(&mut room, self.shape.argument)?;
            message.reply[..echoed].copy_from_slice(&room[..echoed]);
            replies.send(&message.reply)?;
        }
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        Ok(Box::new(Caller {
            queues: self.queues[index],
            message: Message::new(&self.shape),
            room: room_for(self.shape.reply),
        }))
    }
}

struct Caller {
    queues: [Queue; 2],
    message: Message,
    room: Vec<u8>,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        let [calls, replies] = self.queues;
        calls.send(&self.message.argument)?;
        replies.receive(&mut self.room, self.message.reply.len())?;
        let echoed = self.message.reply.len().min(8);
        self.message.reply[..echoed].copy_from_slice(&self.room[..echoed]);
        Ok(())
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
