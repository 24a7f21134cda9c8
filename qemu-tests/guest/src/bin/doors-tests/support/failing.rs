// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server process that makes calls fail in every way that there is.

use super::call::call;
use super::fds::{close, is_open, Raw};
use super::process::server;
use super::raw::{make, Server};
use super::server::{descriptor, Door};
use super::threads::start;
use super::PAGE;
use doors_uapi::abi::{
    DoorDesc, DOOR_MAX_DESC, DOOR_PARAM_DATA_MAX, DOOR_PARAM_DATA_MIN, DOOR_PARAM_DESC_MAX,
    DOOR_PRIVATE, DOOR_REFUSE_DESC, DOOR_RELEASE,
};
use doors_uapi::Errno;
use std::os::fd::AsRawFd;
use std::ptr;

/// The doors of a server process, each of which fails calls in its own way.
pub(crate) struct Doors {
    /// Does as it is told by the request: see [`reply`].
    pub(crate) good: Door,
    pub(crate) limited: Door,
    pub(crate) refuses: Door,
    pub(crate) revoked: Door,
    /// Served by a thread whose declared stack is small.
    pub(crate) small: Door,
    /// Served by a thread whose stack cannot be written.
    pub(crate) unwritable: Door,
    /// Served by nobody.
    pub(crate) deserted: Door,
}

/// Starts the server. Its limit of descriptors is `FULL`.
pub(crate) fn doors() -> (super::Child, Doors) {
    let (child, desk) = server(|| {
        let limit = libc::rlimit {
            rlim_cur: FULL,
            rlim_max: FULL,
        };
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        let private = || make(DOOR_PRIVATE, 1);
        let doors = [
            make(0, 1),
            make(0, 1),
            make(DOOR_REFUSE_DESC, 1),
            make(0, 1),
            private(),
            private(),
            private(),
        ];
        let set = |parameter, value| {
            crate::parameters::set(doors[1].fd(), parameter, value).expect("setparam")
        };
        set(DOOR_PARAM_DATA_MIN, 10);
        set(DOOR_PARAM_DATA_MAX, 20);
        set(DOOR_PARAM_DESC_MAX, 2);
        super::raw::revoke(doors[3].dup()).expect("revoke");
        let bound = |door: &Door, server: fn() -> Server| {
            let fd = door.fd();
            start(move || {
                super::raw::bind(fd).expect("bind");
                server().serve(|_| panic!("nothing gets through"));
            });
        };
        bound(&doors[4], || Server::declaring(512));
        bound(&doors[5], || {
            let server = Server::declaring(0);
            let lowest = server.base() - 64 * PAGE;
            // SAFETY: nobody uses this stack, but for the kernel.
            let failed = unsafe {
                libc::mprotect(
                    ptr::with_exposed_provenance_mut(lowest),
                    64 * PAGE,
                    libc::PROT_READ,
                )
            };
            assert_eq!(failed, 0);
            server
        });
        let numbers: Vec<i32> = doors.iter().map(Door::fd).collect();
        std::mem::forget(doors);
        start(move || {
            // To the first call, all doors; they stay here, too.
            let mut server = Server::new();
            server.park().expect("a call");
            let entries: Vec<_> = numbers
                .iter()
                .map(|number| descriptor(&Raw(*number), 0))
                .collect();
            let mut next = server.give_with(b"", &entries);
            loop {
                next = match next {
                    Ok(request) => reply(&mut server, &request),
                    Err(error) => {
                        assert_eq!(error, Errno::EINTR);
                        server.park()
                    }
                };
            }
        });
        make(0, 0)
    });
    let mut received = call(desk.fd(), b"")
        .expect("call")
        .descriptors
        .into_iter()
        .map(|entry| {
            use std::os::fd::FromRawFd;
            // SAFETY: the descriptor is new.
            Door(unsafe { std::os::fd::OwnedFd::from_raw_fd(entry.descriptor) })
        });
    let mut next = || received.next().expect("there are seven");
    let doors = Doors {
        good: next(),
        limited: next(),
        refuses: next(),
        revoked: next(),
        small: next(),
        unwritable: next(),
        deserted: next(),
    };
    (child, doors)
}

/// How many descriptors the server may have.
pub(crate) const FULL: u64 = 64;

/// Tries every reply that fails, or at least the one that the first byte of the request says, and then replies with
/// nothing. What is kept is closed.
fn reply(server: &mut Server, request: &super::raw::Call) -> Result<super::raw::Call, Errno> {
    let wanted = request.bytes().first().copied();
    for entry in request.entries() {
        close(entry.descriptor);
    }
    let null = super::fds::null();
    // SAFETY: makes a descriptor.
    let fresh = || descriptor(&Raw(unsafe { libc::dup(null.as_raw_fd()) }), DOOR_RELEASE);
    for (number, (size, count, bad, expected)) in FAILING_REPLIES.into_iter().enumerate() {
        if wanted != Some(number as u8) {
            continue;
        }
        let data = vec![1_u8; size];
        let mut entries: Vec<DoorDesc> = if count > 20 {
            vec![descriptor(&null, DOOR_RELEASE); count]
        } else {
            (0..count).map(|_| fresh()).collect()
        };
        let mut addresses = [data.as_ptr().expose_provenance(), 0];
        match bad {
            Bad::Nothing => {}
            Bad::Data => addresses[0] = 4096,
            Bad::Entry => entries.push(descriptor(&Raw(1000), DOOR_RELEASE)),
            Bad::Entries => {}
        }
        addresses[1] = if bad == Bad::Entries {
            4096
        } else {
            entries.as_ptr().expose_provenance()
        };
        // SAFETY: bad addresses are errors; the others are live.
        let result = unsafe { server.give_raw(addresses[0], size, addresses[1], entries.len()) };
        assert_eq!(result.map(drop), Err(expected), "failing reply {number}");
        // Released only if an entry is bad; the caller of this reply is still there.
        let released = bad == Bad::Entry;
        for entry in entries
            .iter()
            .filter(|entry| entry.descriptor != 1000 && count <= 20)
        {
            assert_eq!(
                is_open(entry.descriptor),
                !released,
                "failing reply {number}"
            );
            if !released {
                close(entry.descriptor);
            }
        }
        assert!(is_open(null.as_raw_fd()), "failing reply {number}");
    }
    if wanted == Some(MANY) {
        let entries = [fresh(), fresh()];
        drop(null);
        return server.give_with(&[0; 30_000], &entries);
    }
    drop(null);
    server.park()
}

/// In the first byte of a request: much data and two descriptors are wanted.
pub(crate) const MANY: u8 = 200;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    Nothing,
    Data,
    Entry,
    Entries,
}

/// Bytes and descriptors, what is bad about them, and what the server is told. The caller's buffer takes 17 000 bytes.
pub(crate) const FAILING_REPLIES: [(usize, usize, Bad, Errno); 12] = [
    (10, DOOR_MAX_DESC as usize + 1, Bad::Nothing, Errno::E2BIG),
    (100, 2, Bad::Data, Errno::EFAULT),
    (16_500, 2, Bad::Data, Errno::EFAULT),
    (18_000, 2, Bad::Data, Errno::EFAULT),
    (100, 2, Bad::Entries, Errno::EFAULT),
    (18_000, 2, Bad::Entries, Errno::EFAULT),
    (100, 2, Bad::Entry, Errno::EINVAL),
    (16_500, 2, Bad::Entry, Errno::EINVAL),
    (18_000, 2, Bad::Entry, Errno::EINVAL),
    // More than the caller has room for.
    (100, 20, Bad::Nothing, Errno::EMFILE),
    (18_000, 20, Bad::Nothing, Errno::EMFILE),
    // For a caller whose buffer is bad.
    (16_500, 2, Bad::Nothing, Errno::E2BIG),
];

/// Which of them is for a bad buffer.
pub(crate) const FOR_A_BAD_BUFFER: u8 = 11;
