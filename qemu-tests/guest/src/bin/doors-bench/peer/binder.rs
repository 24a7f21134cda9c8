// SPDX-License-Identifier: MIT OR Apache-2.0
//! Android's Binder, the kernel's own in Rust: the peer that is closest to doors.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::binder_protocol::{Event, FdObject, Talk, Transaction};
use super::descriptor::Passed;
use super::{checked, last_error, odd_size, Client, Connection, Message, Path, Shape};

pub(crate) struct Binder;

const MOUNTED: &str = "/dev/binderfs";
const DEVICE: &str = "/dev/binderfs/binder";

/// The memory that a process lends the driver for what it receives.
const RECEIVING: usize = 4 << 20;

/// More threads than this would only wait for each other.
const MOST_THREADS: usize = 4;

impl Path for Binder {
    fn name(&self) -> &'static str {
        "binder"
    }

    fn what(&self) -> &'static str {
        "A synchronous BC_TRANSACTION to the context manager and its BC_REPLY through the kernel's own Rust Binder, \
         buffers given back in the same ioctl, no library; up to 4 looper threads."
    }

    fn choose(&self) -> Result<(), String> {
        if fs::exists(DEVICE).unwrap_or(false) {
            return Ok(());
        }
        mount().map_err(|error| format!("this kernel has no binderfs: {error}"))
    }

    fn refuses(&self, _: &Shape) -> Option<&'static str> {
        None
    }

    fn lay_out(&self, shape: &Shape) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(Service {
            shape: *shape,
            device: OnceLock::new(),
        }))
    }
}

fn mount() -> io::Result<()> {
    fs::create_dir_all(MOUNTED)?;
    let (kind, target) = (CString::from(c"binder"), CString::new(MOUNTED)?);
    // SAFETY: the strings outlive the call.
    checked(unsafe {
        libc::mount(
            kind.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            0,
            ptr::null(),
        )
    })
    .map(drop)
}

/// A process' line to the driver, with memory for what comes in. It stays until the process ends.
struct Device(File);

impl Device {
    fn open() -> io::Result<Device> {
        let file = OpenOptions::new().read(true).write(true).open(DEVICE)?;
        // SAFETY: a new mapping disturbs nothing.
        let memory = unsafe {
            libc::mmap(
                ptr::null_mut(),
                RECEIVING,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_NORESERVE,
                file.as_raw_fd(),
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(last_error());
        }
        Ok(Device(file))
    }

    fn talk(&self) -> Talk {
        Talk::new(self.0.as_raw_fd())
    }
}

struct Service {
    shape: Shape,
    /// The server's.
    device: OnceLock<Device>,
}

/// The data of a transaction that has come in.
///
/// # Safety
/// The buffer has not been given back, and is not as long as the result is used.
unsafe fn received<'a>(transaction: &Transaction) -> &'a [u8] {
    if transaction.data_size == 0 {
        return &[];
    }
    let first = ptr::with_exposed_provenance(transaction.data as usize);
    // SAFETY: the driver says that so many bytes are there, in the memory that was lent to it.
    unsafe { std::slice::from_raw_parts(first, transaction.data_size as usize) }
}

/// Where the descriptor lies in an argument that brings one: behind the data.
fn object_at(argument: usize) -> usize {
    argument.next_multiple_of(8)
}

impl Connection for Service {
    fn server_threads(&self) -> usize {
        self.shape.clients.min(MOST_THREADS)
    }

    /// There can be one context manager, and the last one may not be gone entirely.
    fn open(&self) -> io::Result<()> {
        const ATTEMPTS: usize = 1000;
        let device = self.device.get_or_init(|| Device::open().expect(DEVICE));
        for _ in 1..ATTEMPTS {
            if device.talk().become_context_manager().is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        device.talk().become_context_manager()
    }

    fn serve(&self, _: usize) -> io::Result<Infallible> {
        let device = self.device.get().ok_or(io::ErrorKind::NotConnected)?;
        let mut talk = device.talk();
        talk.enter_looper()?;
        let mut reply = vec![0xa5; self.shape.reply];
        let echoed = self.shape.argument.min(self.shape.reply).min(8);
        loop {
            let Event::Transaction(call) = talk.next()? else {
                return Err(io::Error::other("a reply to no call"));
            };
            // SAFETY: the buffer is given back with the reply.
            let data = unsafe { received(&call) };
            reply[..echoed].copy_from_slice(data.get(..echoed).ok_or_else(odd_size)?);
            if self.shape.descriptor {
                let object = data
                    .get(object_at(self.shape.argument)..)
                    .filter(|rest| rest.len() >= size_of::<FdObject>())
                    .ok_or_else(odd_size)?;
                // SAFETY: the object is there; the descriptor in it is new, and nobody else knows it.
                drop(unsafe {
                    let object = object.as_ptr().cast::<FdObject>().read_unaligned();
                    OwnedFd::from_raw_fd(object.fd as i32)
                });
            }
            talk.reply(call.data, &reply);
        }
    }

    fn client(&self, _: usize) -> io::Result<Box<dyn Client>> {
        let device = Device::open()?;
        let mut message = Message::new(&self.shape);
        let mut caller = Caller {
            talk: device.talk(),
            _device: device,
            data: Vec::new(),
            offsets: Vec::new(),
            last: 0,
            _passed: None,
            message: Message::new(&self.shape),
        };
        if self.shape.descriptor {
            let passed = Passed::something()?;
            let at = object_at(self.shape.argument);
            message.argument.resize(at, 0);
            let object = FdObject::of(passed.number());
            // SAFETY: the object is plain memory without holes.
            let bytes = unsafe {
                std::slice::from_raw_parts((&raw const object).cast::<u8>(), size_of_val(&object))
            };
            message.argument.extend_from_slice(bytes);
            caller.offsets.push(at as u64);
            caller._passed = Some(passed);
        }
        caller.data = message.argument;
        Ok(Box::new(caller))
    }
}

struct Caller {
    _device: Device,
    talk: Talk,
    /// The argument, and behind it the object that stands for the descriptor.
    data: Vec<u8>,
    offsets: Vec<u64>,
    /// The last reply's buffer, which goes back with the next call.
    last: u64,
    _passed: Option<Passed>,
    message: Message,
}

impl Client for Caller {
    fn call(&mut self) -> io::Result<()> {
        let echoed = self.message.echoed();
        self.data[..echoed].copy_from_slice(&self.message.argument[..echoed]);
        self.talk.call(self.last, &self.data, &self.offsets);
        let Event::Reply(reply) = self.talk.next()? else {
            return Err(io::Error::other("a call instead of a reply"));
        };
        self.last = reply.data;
        if reply.data_size as usize != self.message.reply.len() {
            return Err(odd_size());
        }
        // SAFETY: the buffer is given back with the next call.
        let data = unsafe { received(&reply) };
        let echoed = self.message.reply.len().min(8);
        self.message.reply[..echoed].copy_from_slice(&data[..echoed]);
        Ok(())
    }

    fn message(&mut self) -> &mut Message {
        &mut self.message
    }
}
