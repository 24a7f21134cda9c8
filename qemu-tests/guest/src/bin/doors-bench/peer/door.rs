// SPDX-License-Identifier: MIT OR Apache-2.0
//! Doors, by each way in which the kernel can carry a call. The programs are the same for all of them.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use doors_uapi::abi::{DoorArg, DoorDesc, DOOR_DESCRIPTOR};

use super::carrier::{self, select_carrier};
use super::descriptor::Passed;
pub(crate) use super::door_server::Work;
use super::door_server::{call, create, Seat};
use super::stream::socket_pair;
use super::{odd_size, Client, Connection, Message, Path, Shape};

/// Doors by one carrier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door {
    name: &'static str,
    what: &'static str,
    carrier: &'static str,
    work: Work,
}

/// One for each carrier, and one for calls that cannot stay with theirs.
pub(crate) const PATHS: [Door; 4] = [
    Door {
        name: "door-visit",
        what: "door_call() runs the procedure on the caller's own task, which visits the server's address space, until \
               door_return(); raw system calls, up to 4 server threads.",
        carrier: "visit",
        work: Work::Nothing,
    },
    Door {
        name: "door-handoff",
        what: "door_call() gives the CPU straight to a parked server thread, and door_return() gives it back; raw \
               system calls, up to 4 server threads.",
        carrier: "hand-off",
        work: Work::Nothing,
    },
    Door {
        name: "door-wake",
        what: "door_call() wakes a parked server thread and sleeps, door_return() wakes the caller and parks; raw \
               system calls, up to 4 server threads.",
        carrier: carrier::ONLY,
        work: Work::Nothing,
    },
    Door {
        name: "door-visit-demoted",
        what: "As door-visit, but the procedure makes a system call, getppid(), which has to be the server thread's \
               own: each visit ends halfway.",
        carrier: "visit",
        work: Work::SystemCall,
    },
];

/// More threads than this would only wait for each other.
const MOST_THREADS: usize = 4;

impl Path for Door {
    fn name(&self) -> &'static str {
        self.name
    }

    fn what(&self) -> &'static str {
        self.what
    }

    fn choose(&self) -> Result<(), String> {
        match select_carrier(self.carrier) {
            Ok(true) => Ok(()),
            Ok(false) if self.carrier == carrier::ONLY && !carrier::is_there() => Ok(()),
            Ok(false) => Err(format!(
                "this kernel has no carrier called {}",
                self.carrier
            )),
            Err(error) => Err(format!("choosing the carrier {}: {error}", self.carrier)),
        }
    }

    fn refuses(&self, _: &Shape) -> Option<&'static str> {
        None
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        let threads = shape.clients.min(MOST_THREADS);
        Ok(Box::new(Service::new(shape, threads, self.work)?))
    }
}

/// A server with a door, and clients that are given it.
pub(crate) struct Service {
    shape: Shape,
    threads: usize,
    work: Work,
    /// Of each client, and one more: where the server puts the door, and where it is fetched from.
    handouts: Vec<(File, File)>,
}

impl Service {
    pub(crate) fn new(shape: &Shape, threads: usize, work: Work) -> io::Result<Service> {
        let handouts = (0..=shape.clients).map(|_| socket_pair(libc::SOCK_STREAM));
        Ok(Service {
            shape: *shape,
            threads,
            work,
            handouts: handouts.collect::<io::Result<_>>()?,
        })
    }

    /// The door, for somebody who is no client. Once, and after the server has opened it.
    pub(crate) fn fetch(&self) -> io::Result<Fetched> {
        self.fetch_from(self.shape.clients)
    }

    fn fetch_from(&self, index: usize) -> io::Result<Fetched> {
        Passed::receive(self.handouts[index].1.as_raw_fd(), &mut [0]).map(Fetched)
    }
}

/// A door that was handed out.
pub(crate) struct Fetched(Passed);

impl Fetched {
    /// Its number.
    pub(crate) fn number(&self) -> i32 {
        self.0.number()
    }

    /// Calls it with nothing.
    pub(crate) fn call(&self) -> io::Result<()> {
        call(self.number(), &mut DoorArg::default())
    }
}

impl Connection for Service {
    fn server_threads(&self) -> usize {
        self.threads
    }

    fn open(&self) -> io::Result<()> {
        let door: OwnedFd = create()?;
        let door = Passed::from(door);
        self.handouts
            .iter()
            .try_for_each(|(give, _)| door.send(give.as_raw_fd(), &[0]))
    }

    fn serve(&self, _: usize) -> io::Result<Infallible> {
        Seat::new(&self.shape, self.work)?.serve()
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        let mut caller = Caller {
            door: self.fetch_from(index)?,
            message: Message::new(&self.shape),
            _passed: None,
            descriptors: [DoorDesc::default()],
            descriptor_count: 0,
        };
        if self.shape.descriptor {
            let passed = Passed::something()?;
            caller.descriptors[0].attributes = DOOR_DESCRIPTOR;
            caller.descriptors[0].descriptor = passed.number();
            caller.descriptor_count = 1;
            caller._passed = Some(passed);
        }
        Ok(Box::new(caller))
    }
}

struct Caller {
    door: Fetched,
    message: Message,
    _passed: Option<Passed>,
    descriptors: [DoorDesc; 1],
    descriptor_count: u32,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        let room = self.message.reply.as_mut_ptr().expose_provenance() as u64;
        let size = self.message.reply.len() as u64;
        let mut parameters = DoorArg {
            data_ptr: self.message.argument.as_ptr().expose_provenance() as u64,
            data_size: self.message.argument.len() as u64,
            desc_ptr: self.descriptors.as_ptr().expose_provenance() as u64,
            desc_num: self.descriptor_count,
            pad: 0,
            rbuf: room,
            rsize: size,
        };
        call(self.door.number(), &mut parameters)?;
        if parameters.rbuf == room && parameters.data_size == size {
            Ok(())
        } else {
            Err(odd_size())
        }
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
