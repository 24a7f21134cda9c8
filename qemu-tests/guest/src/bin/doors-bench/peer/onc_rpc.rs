// SPDX-License-Identifier: MIT OR Apache-2.0
//! A remote procedure call as ONC RPC (RFC 5531) puts it on a stream: XDR headers and record marks, over an AF_UNIX
//! socket. It is written here, not a library: what a call costs at least when it is made that way.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Write};

use super::stream::{socket_pair, Side};
use super::{odd_size, only_data, Client, Connection, Message, Path, Shape};

pub(crate) struct OncRpc;

impl Path for OncRpc {
    fn name(&self) -> &'static str {
        "onc-rpc"
    }

    fn what(&self) -> &'static str {
        "An ONC RPC call and its reply with record marks, XDR headers and AUTH_NONE over an AF_UNIX stream socket, \
         encoded, decoded and checked on both sides by code of the benchmark's own, thinner than libtirpc's; a \
         connection and a thread for each client."
    }

    fn refuses(&self, shape: &Shape) -> Option<&'static str> {
        only_data(shape)
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        let pairs = (0..shape.clients).map(|_| socket_pair(libc::SOCK_STREAM));
        Ok(Box::new(Lines {
            shape: *shape,
            pairs: pairs.collect::<io::Result<_>>()?,
        }))
    }
}

/// Which program, version and procedure is called: numbers from the range that anybody may use.
const PROGRAM: [u32; 3] = [0x2000_d005, 1, 1];

/// In a record mark: this fragment is the last of its record.
const LAST: u32 = 1 << 31;

const CALL: u32 = 0;
const REPLY: u32 = 1;
const RPC_VERSION: u32 = 2;
const ACCEPTED: u32 = 0;
const SUCCESS: u32 = 0;

/// No credentials and no verifier, of no bytes.
const AUTH_NONE: [u32; 2] = [0, 0];

/// Words before a call's data: mark, id, direction, RPC version, program, credentials, verifier, length of the data.
const CALL_HEADER: usize = 4 * (4 + 3 + 4 + 1);

/// Words before a reply's data: mark, id, direction, accepted, verifier, status, length of the data.
const REPLY_HEADER: usize = 4 * (4 + 2 + 1 + 1);

/// A record on its way in or out.
struct Record {
    bytes: Vec<u8>,
    at: usize,
}

impl Record {
    /// Room for a header and data, which XDR pads to words.
    fn new(header: usize, data: usize) -> Record {
        Record {
            bytes: vec![0; header + data.next_multiple_of(4)],
            at: 0,
        }
    }

    fn put(&mut self, words: &[u32]) {
        for word in words {
            self.bytes[self.at..self.at + 4].copy_from_slice(&word.to_be_bytes());
            self.at += 4;
        }
    }

    fn put_data(&mut self, data: &[u8]) {
        self.put(&[data.len() as u32]);
        self.bytes[self.at..self.at + data.len()].copy_from_slice(data);
    }

    /// Marks it as one fragment, and sends it in one piece.
    fn send(&mut self, mut socket: &File) -> io::Result<()> {
        let mark = LAST | (self.bytes.len() - 4) as u32;
        self.bytes[..4].copy_from_slice(&mark.to_be_bytes());
        self.at = 4;
        socket.write_all(&self.bytes)
    }

    /// Receives one that fills the room, as its mark must say.
    fn receive(&mut self, mut socket: &File) -> io::Result<()> {
        socket.read_exact(&mut self.bytes)?;
        self.at = 0;
        let mark = self.get()?;
        if mark == LAST | (self.bytes.len() - 4) as u32 {
            Ok(())
        } else {
            Err(odd_size())
        }
    }

    fn get(&mut self) -> io::Result<u32> {
        let word = self.bytes[self.at..].first_chunk().ok_or_else(odd_size)?;
        self.at += 4;
        Ok(u32::from_be_bytes(*word))
    }

    fn expect(&mut self, words: &[u32]) -> io::Result<()> {
        for word in words {
            if self.get()? != *word {
                return Err(io::Error::other("an RPC header is not as agreed on"));
            }
        }
        Ok(())
    }

    fn get_data(&mut self, data: &mut [u8]) -> io::Result<()> {
        if self.get()? as usize != data.len() {
            return Err(odd_size());
        }
        data.copy_from_slice(&self.bytes[self.at..self.at + data.len()]);
        Ok(())
    }
}

struct Lines {
    shape: Shape,
    pairs: Vec<(File, File)>,
}

impl Connection for Lines {
    fn server_threads(&self) -> usize {
        self.pairs.len()
    }

    fn serve(&self, thread: usize) -> io::Result<Infallible> {
        let socket = &self.pairs[thread].1;
        let mut message = Message::new(&self.shape);
        let mut call = Record::new(CALL_HEADER, self.shape.argument);
        let mut reply = Record::new(REPLY_HEADER, self.shape.reply);
        loop {
            call.receive(socket)?;
            let id = call.get()?;
            call.expect(&[CALL, RPC_VERSION])?;
            call.expect(&PROGRAM)?;
            call.expect(&AUTH_NONE)?;
            call.expect(&AUTH_NONE)?;
            call.get_data(&mut message.argument)?;
            message.answer();
            reply.at = 4;
            reply.put(&[id, REPLY, ACCEPTED]);
            reply.put(&AUTH_NONE);
            reply.put(&[SUCCESS]);
            reply.put_data(&message.reply);
            reply.send(socket)?;
        }
    }

    fn client(&self, index: usize) -> io::Result<Box<dyn Client>> {
        Ok(Box::new(Caller {
            side: Side::both(self.pairs[index].0.try_clone()?)?,
            message: Message::new(&self.shape),
            call: Record::new(CALL_HEADER, self.shape.argument),
            reply: Record::new(REPLY_HEADER, self.shape.reply),
            id: 0,
        }))
    }
}

struct Caller {
    side: Side,
    message: Message,
    call: Record,
    reply: Record,
    /// Of the last call.
    id: u32,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        self.id = self.id.wrapping_add(1);
        self.call.at = 4;
        self.call.put(&[self.id, CALL, RPC_VERSION]);
        self.call.put(&PROGRAM);
        self.call.put(&AUTH_NONE);
        self.call.put(&AUTH_NONE);
        self.call.put_data(&self.message.argument);
        self.call.send(&self.side.output)?;
        self.reply.receive(&self.side.input)?;
        self.reply.expect(&[self.id, REPLY, ACCEPTED])?;
        self.reply.expect(&AUTH_NONE)?;
        self.reply.expect(&[SUCCESS])?;
        self.reply.get_data(&mut self.message.reply)
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_trip() {
        let (here, there) = socket_pair(libc::SOCK_STREAM).unwrap();
        let mut sent = Record::new(8, 5);
        sent.at = 4;
        sent.put_data(b"hello");
        sent.send(&here).unwrap();
        assert_eq!(sent.bytes.len(), 16, "padded to words");
        let mut received = Record::new(8, 5);
        received.receive(&there).unwrap();
        let mut data = [0; 5];
        received.get_data(&mut data).unwrap();
        assert_eq!(&data, b"hello");
    }

    #[test]
    fn a_wrong_header_is_noticed() {
        let mut record = Record::new(8, 0);
        record.put(&[1, 2]);
        record.at = 0;
        assert!(record.expect(&[1, 3]).is_err());
    }
}
