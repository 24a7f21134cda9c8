// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two event counters for each client: it counts one up and waits for the other.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::FromRawFd;
use std::sync::Arc;

use super::slot::Slot;
use super::{checked, only_numbers, Client, Connection, Message, Path, Shape};
use crate::shared::Words;

pub(crate) struct EventFd;

impl Path for EventFd {
    fn name(&self) -> &'static str {
        "eventfd"
    }

    fn what(&self) -> &'static str {
        "The client counts one eventfd up and reads another, the server does the reverse; 8 bytes lie in shared memory."
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        only_numbers(shape)
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        let counters = (0..shape.clients).map(|_| Ok([counter()?, counter()?]));
        Ok(Box::new(Counters {
            shape: *shape,
            counters: counters.collect::<io::Result<_>>()?,
            words: Arc::new(Words::new(shape.clients * Slot::WORDS)?),
        }))
    }
}

fn counter() -> io::Result<File> {
    // SAFETY: makes a descriptor, which is ours.
    unsafe { Ok(File::from_raw_fd(checked(libc::eventfd(0, 0))?)) }
}

struct Counters {
    shape: Shape,
    /// Of each client: the one that the server waits for, the one that the client waits for.
    counters: Vec<[File; 2]>,
    words: Arc<Words>,
}

const ONE: [u8; 8] = 1_u64.to_ne_bytes();

impl Connection for Counters {
    fn server_threads(&self) -> usize {
        self.counters.len()
    }

    fn serve(&self, client: usize) -> io::Result<Infallible> {
        let [calls, replies] = &self.counters[client];
        let (mut calls, mut replies) = (calls, replies);
        let slot = Slot::of(&self.words, client);
        let mut message = Message::new(&self.shape);
        let mut count = [0; 8];
        loop {
            calls.read_exact(&mut count)?;
            slot.take(&mut message.argument);
            message.answer();
            slot.put(&message.reply);
            replies.write_all(&ONE)?;
        }
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        let [calls, replies] = &self.counters[index];
        Ok(Box::new(Caller {
            calls: calls.try_clone()?,
            replies: replies.try_clone()?,
            words: Arc::clone(&self.words),
            index,
            message: Message::new(&self.shape),
        }))
    }
}

struct Caller {
    calls: File,
    replies: File,
    words: Arc<Words>,
    index: usize,
    message: Message,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        let slot = Slot::of(&self.words, self.index);
        slot.put(&self.message.argument);
        self.calls.write_all(&ONE)?;
        let mut count = [0; 8];
        self.replies.read_exact(&mut count)?;
        slot.take(&mut self.message.reply);
        Ok(())
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
