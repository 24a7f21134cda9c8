// SPDX-License-Identifier: MIT OR Apache-2.0
//! A system call that does nothing: what entering the kernel costs, and half of the least that a call can.

use std::convert::Infallible;
use std::io;

use super::{only_numbers, Client, Connection, Message, Path, Shape};

pub(crate) struct NullSystemCall;

impl Path for NullSystemCall {
    fn name(&self) -> &'static str {
        "null-syscall"
    }

    fn what(&self) -> &'static str {
        "One getppid(): into the kernel and out again, no other process; not a round trip."
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        if shape.argument > 0 {
            return Some("it carries nothing");
        }
        only_numbers(shape)
    }

    fn lay_out(&self, _: &Shape) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(NullSystemCall))
    }
}

impl Connection for NullSystemCall {
    fn server_threads(&self) -> usize {
        0
    }

    fn serve(&self, _: usize) -> io::Result<Infallible> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn client(&self, _: usize) -> io::Result<Box<dyn Client>> {
        Ok(Box::new(Caller(Message::new(&Shape::of(0)))))
    }
}

struct Caller(Message);

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        // SAFETY: has no preconditions.
        unsafe { libc::getppid() };
        Ok(())
    }

    fn message(&mut self) -> &mut Message {
        &mut self.0
    }
}
