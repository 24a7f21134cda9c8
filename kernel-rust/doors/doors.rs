// SPDX-License-Identifier: GPL-2.0

//! Solaris doors: file descriptors for procedures in other processes.
//!
//! The rooms of this house, from the system call inwards:
//!
//! - [`syscalls`]: the system calls, one line each;
//! - [`call`], [`serve`]: the two sides of a call, `door_call` and `door_return`;
//! - [`request`], [`parcel`], [`waiting`]: what they give each other, and the time in between;
//! - [`carrier`]: how the CPU gets from one side to the other;
//! - [`pool`]: threads that wait for a call, and callers that wait for a thread;
//! - [`thread`], [`process`], [`door`]: what a task, a process and a descriptor are to doors;
//! - [`binding`], [`parameters`], [`credentials`]: who serves, what a door takes, who calls;
//! - [`references`], [`notifications`]: telling a process that nobody uses its door any more;
//! - [`descriptors`], [`user`], [`across`], [`mapping`]: what a call carries across;
//! - [`doorfs`], [`namefs`], [`pseudofs`], [`attach`]: files, and names for them;
//! - [`signals`], [`exit`]: what interrupts a thread, and the end of threads and processes;
//! - [`model`]: everything above that is a decision, in code that knows no kernel and is tested
//!   without one.
//!
//! # Locking
//!
//! Each lock protects one list and is held for a few instructions; none while user memory is copied
//! or a thread sleeps. In the order in which they are taken:
//!
//! 1. `Process::doors`: the doors of one process, and whether it still may have any;
//! 2. `Pool::inner`: the threads that are parked in one pool, and the callers that wait for one.
//!
//! `Parameters::change`, `References::file` and `Notifications::inner` are each taken alone.
//!
//! Who may touch what a caller and its server exchange is decided without a lock, by the state
//! words of [`model::call`] and [`model::activation`].

use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*, //
};

mod across;
mod attach;
mod binding;
mod call;
mod carrier;
mod credentials;
mod descriptors;
mod door;
mod doorfs;
mod exit;
mod ffi;
mod mapping;
mod namefs;
mod notifications;
mod parameters;
mod parcel;
mod pool;
mod process;
mod pseudofs;
mod references;
mod request;
mod serve;
mod signals;
mod syscalls;
mod thread;
mod user;
mod waiting;

pub mod abi;
pub mod model;
pub mod platform;

#[cfg(CONFIG_DOORS_KUNIT_TEST)]
mod kunit;

module! {
    type: Doors,
    name: "doors",
    authors: ["The Solaris doors for Linux developers"],
    description: "Solaris doors",
    license: "GPL v2",
}

struct Doors {
    /// There as long as it is held.
    _carrier: Pin<KBox<File<carrier::Choice>>>,
}

impl kernel::Module for Doors {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        doorfs::DOORFS.init()?;
        namefs::init()?;
        let directory = Dir::new(c"doors");
        let carrier = directory.read_write_file(c"carrier", carrier::Choice);
        Ok(Doors {
            _carrier: KBox::pin_init(carrier, GFP_KERNEL)?,
        })
    }
}

// The model has its own copy of what it needs to know of the ABI.
const _: () = {
    use model::{attributes, frame, limits};
    assert!(attributes::UNREF == abi::DOOR_UNREF);
    assert!(attributes::PRIVATE == abi::DOOR_PRIVATE);
    assert!(attributes::LOCAL == abi::DOOR_LOCAL);
    assert!(attributes::REVOKED == abi::DOOR_REVOKED);
    assert!(attributes::UNREF_MULTI == abi::DOOR_UNREF_MULTI);
    assert!(attributes::IS_UNREF == abi::DOOR_IS_UNREF);
    assert!(attributes::REFUSE_DESC == abi::DOOR_REFUSE_DESC);
    assert!(attributes::NO_CANCEL == abi::DOOR_NO_CANCEL);
    assert!(attributes::NO_DEPLETION_CB == abi::DOOR_NO_DEPLETION_CB);
    assert!(attributes::PRIVCREATE == abi::DOOR_PRIVCREATE);
    assert!(attributes::DESCRIPTOR == abi::DOOR_DESCRIPTOR);
    assert!(attributes::RELEASE == abi::DOOR_RELEASE);
    assert!(attributes::CREATE_MASK == abi::DOOR_CREATE_MASK);
    assert!(attributes::ATTR_MASK == abi::DOOR_ATTR_MASK);
    assert!(frame::DESC_SIZE == size_of::<abi::DoorDesc>());
    assert!(frame::INFO_SIZE == size_of::<abi::DoorInfo>());
    assert!(limits::COPY_MAX == abi::DOOR_MAX_ARG);
    assert!(limits::DESC_MAX == abi::DOOR_MAX_DESC);
    assert!(limits::Parameter::DescMax as i32 == abi::DOOR_PARAM_DESC_MAX);
    assert!(limits::Parameter::DataMax as i32 == abi::DOOR_PARAM_DATA_MAX);
    assert!(limits::Parameter::DataMin as i32 == abi::DOOR_PARAM_DATA_MIN);
};

impl From<model::errno::Errno> for Error {
    fn from(errno: model::errno::Errno) -> Self {
        Error::from_errno(-(errno as i32))
    }
}
