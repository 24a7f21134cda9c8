// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two words of shared memory for each client, which the sides sleep at.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use super::slot::Slot;
use super::{only_numbers, Client, Connection, Message, Path, Shape};
use crate::shared::{wait, wake, Words};

pub(crate) struct Futex;

impl Path for Futex {
    fn name(&self) -> &'static str {
        "futex"
    }

    fn what(&self) -> &'static str {
        "The client sets a word of shared memory, wakes the server and sleeps at another word (FUTEX_WAKE, \
         FUTEX_WAIT), the server does the reverse; 8 bytes lie in shared memory."
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        only_numbers(shape)
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(Pairs {
            shape: *shape,
            numbers: Arc::new(Words::new(shape.clients * Slot::WORDS)?),
            flags: Arc::new(Words::new(shape.clients * 2 * Slot::WORDS)?),
        }))
    }
}

struct Pairs {
    shape: Shape,
    numbers: Arc<Words>,
    /// Of each client: one for the call, one for the reply, each on a cache line of its own.
    flags: Arc<Words>,
}

fn call_flag(flags: &Words, client: usize) -> &AtomicU32 {
    flags.gate(2 * client * Slot::WORDS).word()
}

fn reply_flag(flags: &Words, client: usize) -> &AtomicU32 {
    flags.gate((2 * client + 1) * Slot::WORDS).word()
}

#[inline]
fn raise(flag: &AtomicU32) {
    flag.store(1, Ordering::Release);
    wake(flag, 1);
}

#[inline]
fn await_and_lower(flag: &AtomicU32) {
    while flag.load(Ordering::Acquire) == 0 {
        wait(flag, 0, None);
    }
    flag.store(0, Ordering::Relaxed);
}

impl Connection for Pairs {
    fn server_threads(&self) -> usize {
        self.shape.clients
    }

    fn serve(&self, thread: usize) -> io::Result<Infallible> {
        let slot = Slot::of(&self.numbers, thread);
        let (call, reply) = (
            call_flag(&self.flags, thread),
            reply_flag(&self.flags, thread),
        );
        let mut message = Message::new(&self.shape);
        loop {
            await_and_lower(call);
            slot.take(&mut message.argument);
            message.answer();
            slot.put(&message.reply);
            raise(reply);
        }
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        Ok(Box::new(Caller {
            numbers: Arc::clone(&self.numbers),
            flags: Arc::clone(&self.flags),
            index,
            message: Message::new(&self.shape),
        }))
    }
}

struct Caller {
    numbers: Arc<Words>,
    flags: Arc<Words>,
    index: usize,
    message: Message,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        let slot = Slot::of(&self.numbers, self.index);
        slot.put(&self.message.argument);
        raise(call_flag(&self.flags, self.index));
        await_and_lower(reply_flag(&self.flags, self.index));
        slot.take(&mut self.message.reply);
        Ok(())
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
