// SPDX-License-Identifier: MIT OR Apache-2.0
//! As much of Binder's protocol as a call needs: commands go in and out through one ioctl.

use std::io;

use super::checked;

const fn ioctl(direction: u32, kind: u8, number: u8, size: usize) -> u32 {
    (direction << 30) | ((size as u32) << 16) | ((kind as u32) << 8) | number as u32
}
const NOTHING: u32 = 0;
const IN: u32 = 1;
const OUT: u32 = 2;

const BINDER_WRITE_READ: u32 = ioctl(IN | OUT, b'b', 1, size_of::<WriteRead>());
/// Makes the caller the one whose handle is 0 for everybody; its object says what may be sent to it.
const BINDER_SET_CONTEXT_MGR_EXT: u32 = ioctl(IN, b'b', 13, size_of::<FlatObject>());

const BC_TRANSACTION: u32 = ioctl(IN, b'c', 0, size_of::<Transaction>());
const BC_REPLY: u32 = ioctl(IN, b'c', 1, size_of::<Transaction>());
const BC_FREE_BUFFER: u32 = ioctl(IN, b'c', 3, size_of::<u64>());
const BC_ENTER_LOOPER: u32 = ioctl(NOTHING, b'c', 12, 0);

const BR_TRANSACTION: u32 = ioctl(OUT, b'r', 2, size_of::<Transaction>());
const BR_REPLY: u32 = ioctl(OUT, b'r', 3, size_of::<Transaction>());
const BR_ERROR: u32 = ioctl(OUT, b'r', 0, size_of::<i32>());
const BR_DEAD_REPLY: u32 = ioctl(NOTHING, b'r', 5, 0);
const BR_FAILED_REPLY: u32 = ioctl(NOTHING, b'r', 17, 0);

/// In a transaction: the reply may bring descriptors. In an object: it accepts them.
const TF_ACCEPT_FDS: u32 = 0x10;
const FLAT_BINDER_FLAG_ACCEPTS_FDS: u32 = 0x100;

/// What an object is that stands for a descriptor.
const BINDER_TYPE_FD: u32 = u32::from_be_bytes([b'f', b'd', b'*', 0x85]);
const BINDER_TYPE_BINDER: u32 = u32::from_be_bytes([b's', b'b', b'*', 0x85]);

/// `struct binder_write_read`.
#[repr(C)]
#[derive(Default)]
struct WriteRead {
    write_size: u64,
    write_consumed: u64,
    write_buffer: u64,
    read_size: u64,
    read_consumed: u64,
    read_buffer: u64,
}

/// `struct binder_transaction_data`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Transaction {
    target: u64,
    cookie: u64,
    code: u32,
    flags: u32,
    sender_pid: i32,
    sender_euid: u32,
    /// Bytes of data, and of offsets of objects in it.
    pub(super) data_size: u64,
    offsets_size: u64,
    /// Where the data is, and the offsets.
    pub(super) data: u64,
    offsets: u64,
}

/// `struct flat_binder_object`.
#[repr(C)]
struct FlatObject {
    kind: u32,
    flags: u32,
    binder: u64,
    cookie: u64,
}

/// `struct binder_fd_object`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FdObject {
    kind: u32,
    pad_flags: u32,
    /// The descriptor; the receiver finds its own there.
    pub(super) fd: u32,
    pad_binder: u32,
    cookie: u64,
}

impl FdObject {
    pub(super) fn of(fd: i32) -> FdObject {
        FdObject {
            kind: BINDER_TYPE_FD,
            pad_flags: 0,
            // Descriptors that are open are not negative.
            fd: fd as u32,
            pad_binder: 0,
            cookie: 0,
        }
    }
}

/// The commands of one ioctl: the last buffer given back, and a transaction or a reply.
#[repr(C, packed)]
#[derive(Clone, Copy, Default)]
struct Commands {
    free: u32,
    buffer: u64,
    command: u32,
    transaction: Transaction,
}

/// What came.
pub(super) enum Event {
    Transaction(Transaction),
    Reply(Transaction),
}

/// One thread's conversation with the driver.
pub(super) struct Talk {
    device: libc::c_int,
    commands: Commands,
    /// How much of the commands are to be sent with the next ioctl, from the end.
    pending: usize,
    incoming: [u32; 64],
    /// The part of it that has not been looked at, in bytes.
    unread: std::ops::Range<usize>,
}

impl Talk {
    pub(super) fn new(device: libc::c_int) -> Talk {
        Talk {
            device,
            commands: Commands::default(),
            pending: 0,
            incoming: [0; 64],
            unread: 0..0,
        }
    }

    /// Makes the process the one whom handle 0 means.
    pub(super) fn become_context_manager(&self) -> io::Result<()> {
        let object = FlatObject {
            kind: BINDER_TYPE_BINDER,
            flags: FLAT_BINDER_FLAG_ACCEPTS_FDS,
            binder: 0,
            cookie: 0,
        };
        // SAFETY: the object is of the size that the request says.
        checked(unsafe {
            libc::ioctl(
                self.device,
                BINDER_SET_CONTEXT_MGR_EXT.into(),
                &raw const object,
            )
        })
        .map(drop)
    }

    /// Tells the driver that this thread is going to serve.
    pub(super) fn enter_looper(&mut self) -> io::Result<()> {
        let command = BC_ENTER_LOOPER;
        let mut request = WriteRead {
            write_size: size_of_val(&command) as u64,
            write_buffer: (&raw const command).expose_provenance() as u64,
            ..WriteRead::default()
        };
        self.ioctl(&mut request)
    }

    /// Has the next ioctl give `buffer` back, unless it is 0, and call handle 0 with this data.
    pub(super) fn call(&mut self, buffer: u64, data: &[u8], offsets: &[u64]) {
        self.prepare(BC_TRANSACTION, buffer, data, offsets);
    }

    /// Has the next ioctl give `buffer` back, and reply with this data.
    pub(super) fn reply(&mut self, buffer: u64, data: &[u8]) {
        self.prepare(BC_REPLY, buffer, data, &[]);
    }

    fn prepare(&mut self, command: u32, buffer: u64, data: &[u8], offsets: &[u64]) {
        self.commands = Commands {
            free: BC_FREE_BUFFER,
            buffer,
            command,
            transaction: Transaction {
                flags: TF_ACCEPT_FDS,
                data_size: data.len() as u64,
                offsets_size: size_of_val(offsets) as u64,
                data: data.as_ptr().expose_provenance() as u64,
                offsets: offsets.as_ptr().expose_provenance() as u64,
                ..Transaction::default()
            },
        };
        // Without a buffer to give back the commands begin behind that one.
        const GIVING_BACK: usize = size_of::<u32>() + size_of::<u64>();
        self.pending = size_of::<Commands>() - if buffer == 0 { GIVING_BACK } else { 0 };
    }

    /// Sends what is prepared, and waits for the next transaction or reply.
    pub(super) fn next(&mut self) -> io::Result<Event> {
        loop {
            while self.unread.len() >= size_of::<u32>() {
                let command = self.take::<u32>()?;
                match command {
                    BR_TRANSACTION => return self.take().map(Event::Transaction),
                    BR_REPLY => return self.take().map(Event::Reply),
                    BR_ERROR | BR_DEAD_REPLY | BR_FAILED_REPLY => {
                        return Err(io::Error::other("the binder driver has refused"));
                    }
                    // That nothing happened, that a transaction has begun, counts of references: the size of what
                    // comes with it is in its number.
                    _ => self.unread.start += (command as usize >> 16) & 0x3fff,
                }
            }
            let end = (&raw const self.commands).expose_provenance() + size_of::<Commands>();
            let mut request = WriteRead {
                write_size: self.pending as u64,
                write_buffer: (end - self.pending) as u64,
                read_size: size_of_val(&self.incoming) as u64,
                read_buffer: (&raw mut self.incoming).expose_provenance() as u64,
                ..WriteRead::default()
            };
            self.pending = 0;
            self.ioctl(&mut request)?;
            self.unread = 0..request.read_consumed as usize;
        }
    }

    fn take<T: Copy>(&mut self) -> io::Result<T> {
        if self.unread.len() < size_of::<T>() {
            return Err(io::Error::other("the binder driver stopped in a command"));
        }
        // SAFETY: so many bytes are there, and what is taken is made of integers.
        let value = unsafe {
            let first = (&raw const self.incoming).cast::<u8>();
            first.add(self.unread.start).cast::<T>().read_unaligned()
        };
        self.unread.start += size_of::<T>();
        Ok(value)
    }

    #[inline]
    fn ioctl(&self, request: &mut WriteRead) -> io::Result<()> {
        // SAFETY: the request describes memory that is there, to be read and to be written to.
        checked(unsafe { libc::ioctl(self.device, BINDER_WRITE_READ.into(), &raw mut *request) })
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_numbers_of_the_header() {
        assert_eq!(BINDER_WRITE_READ, 0xc030_6201);
        assert_eq!(BINDER_SET_CONTEXT_MGR_EXT, 0x4018_620d);
        assert_eq!(BC_TRANSACTION, 0x4040_6300);
        assert_eq!(BC_FREE_BUFFER, 0x4008_6303);
        assert_eq!(BC_ENTER_LOOPER, 0x630c);
        assert_eq!(BR_REPLY, 0x8040_7203);
    }
}
