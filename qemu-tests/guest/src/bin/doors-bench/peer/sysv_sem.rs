// SPDX-License-Identifier: MIT OR Apache-2.0
//! System V semaphores: two for each client, in one set.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use super::slot::Slot;
use super::sysv::Object;
use super::{checked, only_numbers, Client, Connection, Message, Path, Shape};
use crate::shared::Words;

pub(crate) struct SysvSemaphores;

impl Path for SysvSemaphores {
    fn name(&self) -> &'static str {
        "sysv-sem"
    }

    fn what(&self) -> &'static str {
        "semop() ups one System V semaphore and another semop() downs a second one, the server does the reverse; \
         8 bytes lie in shared memory."
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        only_numbers(shape)
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        let count = 2 * shape.clients as libc::c_int;
        // SAFETY: has no preconditions.
        let id = checked(unsafe { libc::semget(libc::IPC_PRIVATE, count, 0o600) })?;
        Ok(Box::new(Set {
            shape: *shape,
            object: Object::Semaphores(id),
            words: Arc::new(Words::new(shape.clients * Slot::WORDS)?),
        }))
    }
}

struct Set {
    shape: Shape,
    object: Object,
    words: Arc<Words>,
}

/// Adds to a semaphore of the set, or waits until it can be taken from it.
#[inline]
fn operate(id: libc::c_int, semaphore: usize, change: i16) -> io::Result<()> {
    let mut operation = libc::sembuf {
        sem_num: semaphore as u16,
        sem_op: change,
        sem_flg: 0,
    };
    // SAFETY: one operation is there to be read.
    checked(unsafe { libc::semop(id, &mut operation, 1) }).map(drop)
}

impl Connection for Set {
    fn server_threads(&self) -> usize {
        self.shape.clients
    }

    fn serve(&self, client: usize) -> io::Result<Infallible> {
        let slot = Slot::of(&self.words, client);
        let mut message = Message::new(&self.shape);
        loop {
            operate(self.object.id(), 2 * client, -1)?;
            slot.take(&mut message.argument);
            message.answer();
            slot.put(&message.reply);
            operate(self.object.id(), 2 * client + 1, 1)?;
        }
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        Ok(Box::new(Caller {
            id: self.object.id(),
            words: Arc::clone(&self.words),
            index,
            message: Message::new(&self.shape),
        }))
    }
}

struct Caller {
    id: libc::c_int,
    words: Arc<Words>,
    index: usize,
    message: Message,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        let slot = Slot::of(&self.words, self.index);
        slot.put(&self.message.argument);
        operate(self.id, 2 * self.index, 1)?;
        operate(self.id, 2 * self.index + 1, -1)?;
        slot.take(&mut self.message.reply);
        Ok(())
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
