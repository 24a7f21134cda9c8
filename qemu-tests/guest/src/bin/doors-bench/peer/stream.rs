// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pipes and AF_UNIX sockets: two descriptors on each side, one to read and one to write.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::descriptor::Passed;
use super::{checked, only_data, Client, Connection, Message, Path, Shape};

/// One kind of them.
pub(crate) struct Stream {
    name: &'static str,
    what: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    Socket(libc::c_int),
}

pub(crate) const PIPE: Stream = Stream {
    name: "pipe",
    what: "The client writes to one pipe and reads from another, the server does the reverse; sizes are agreed on, \
           pipes have their usual 64 KiB, and a message of 0 bytes is one of 1.",
    kind: Kind::Pipe,
};

pub(crate) const UNIX_STREAM: Stream = Stream {
    name: "unix-stream",
    what: "write() and read() on a connected AF_UNIX stream socket, one connection and one server thread for each \
           client; sizes are agreed on, buffers are as the kernel makes them, 0 bytes are 1.",
    kind: Kind::Socket(libc::SOCK_STREAM),
};

pub(crate) const UNIX_SEQPACKET: Stream = Stream {
    name: "unix-seqpacket",
    what: "write() and read() of one packet each way on a connected AF_UNIX seqpacket socket, one connection and one \
           server thread for each client; buffers are made large enough, 0 bytes are 1.",
    kind: Kind::Socket(libc::SOCK_SEQPACKET),
};

impl Path for Stream {
    fn name(&self) -> &'static str {
        self.name
    }

    fn what(&self) -> &'static str {
        self.what
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        match self.kind {
            Kind::Socket(libc::SOCK_STREAM) => None,
            _ => only_data(shape),
        }
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        let ends = (0..shape.clients).map(|_| self.kind.ends(shape));
        Ok(Box::new(Lines {
            shape: *shape,
            ends: ends.collect::<io::Result<_>>()?,
        }))
    }
}

impl Kind {
    fn ends(self, shape: &Shape) -> io::Result<Ends> {
        match self {
            Kind::Pipe => {
                let ((server_in, client_out), (client_in, server_out)) = (io::pipe()?, io::pipe()?);
                let file = |fd: OwnedFd| File::from(fd);
                Ok(Ends {
                    client: Side {
                        input: file(client_in.into()),
                        output: file(client_out.into()),
                    },
                    server: Side {
                        input: file(server_in.into()),
                        output: file(server_out.into()),
                    },
                })
            }
            Kind::Socket(kind) => {
                let (client, server) = socket_pair(kind)?;
                if kind == libc::SOCK_SEQPACKET {
                    for socket in [&client, &server] {
                        enlarge(socket, shape.argument.max(shape.reply))?;
                    }
                }
                Ok(Ends {
                    client: Side::both(client)?,
                    server: Side::both(server)?,
                })
            }
        }
    }
}

/// Two sockets that are connected with each other.
pub(super) fn socket_pair(kind: libc::c_int) -> io::Result<(File, File)> {
    let mut pair = [0; 2];
    // SAFETY: there is room for two descriptors.
    checked(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) })?;
    // SAFETY: both are new, and nobody else has them.
    Ok(unsafe { (File::from_raw_fd(pair[0]), File::from_raw_fd(pair[1])) })
}

/// Makes the socket hold a packet of this size, if it does not anyway.
fn enlarge(socket: &File, packet: usize) -> io::Result<()> {
    const USUAL: usize = 64 << 10;
    if packet <= USUAL {
        return Ok(());
    }
    let size = 2 * packet as libc::c_int;
    // SAFETY: the option is an int, and the descriptor is open.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUFFORCE,
            (&raw const size).cast(),
            size_of_val(&size) as libc::socklen_t,
        )
    })?;
    Ok(())
}

struct Ends {
    client: Side,
    server: Side,
}

/// What one side reads from and writes to.
pub(super) struct Side {
    pub(super) input: File,
    pub(super) output: File,
}

impl Side {
    /// A socket is both.
    pub(super) fn both(socket: File) -> io::Result<Side> {
        Ok(Side {
            output: socket.try_clone()?,
            input: socket,
        })
    }

    fn try_clone(&self) -> io::Result<Side> {
        Ok(Side {
            input: self.input.try_clone()?,
            output: self.output.try_clone()?,
        })
    }
}

struct Lines {
    shape: Shape,
    ends: Vec<Ends>,
}

impl Lines {
    /// Messages of 0 bytes wake nobody: they are sent as one byte.
    fn message(&self) -> Message {
        Message::new(&Shape {
            argument: self.shape.argument.max(1),
            reply: self.shape.reply.max(1),
            ..self.shape
        })
    }
}

impl Connection for Lines {
    fn server_threads(&self) -> usize {
        self.ends.len()
    }

    fn serve(&self, thread: usize) -> io::Result<Infallible> {
        let side = &self.ends[thread].server;
        let mut message = self.message();
        let (mut input, mut output) = (&side.input, &side.output);
        if self.shape.descriptor {
            loop {
                drop(Passed::receive(input.as_raw_fd(), &mut message.argument)?);
                message.answer();
                output.write_all(&message.reply)?;
            }
        }
        loop {
            input.read_exact(&mut message.argument)?;
            message.answer();
            output.write_all(&message.reply)?;
        }
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        Ok(Box::new(Caller {
            side: self.ends[index].client.try_clone()?,
            message: self.message(),
            passed: match self.shape.descriptor {
                true => Some(Passed::something()?),
                false => None,
            },
        }))
    }
}

struct Caller {
    side: Side,
    message: Message,
    passed: Option<Passed>,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        match &self.passed {
            None => self.side.output.write_all(&self.message.argument)?,
            Some(passed) => passed.send(self.side.output.as_raw_fd(), &self.message.argument)?,
        }
        self.side.input.read_exact(&mut self.message.reply)
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
