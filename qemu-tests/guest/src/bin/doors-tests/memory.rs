// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory that is not there, or not yet: of a server's stack, of a client's buffer.

use crate::support::call::{arg, raw};
use crate::support::fds::{close, is_open, null};
use crate::support::process::{receive_descriptor, send_descriptor, server};
use crate::support::raw::{make, Server};
use crate::support::server::{descriptor, give_with, procedure};
use crate::support::threads::{start, until_parked};
use crate::support::{call, call_with, fork, give, open_descriptors, pattern, tests, Door, PAGE};
use doors_uapi::abi::{DoorArg, DoorDesc, DoorInfo, DOOR_MAX_ARG, DOOR_RELEASE};
use doors_uapi::Errno;
use solaris_doors::door::{door_return, door_server_create};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::mpsc::channel;

tests!(memory:
    hole_in_the_stack => "CA-2.14 CA-2.18 DA-2 DE-11",
    large_request_to_the_main_thread => "DA-17 TP-2",
    entries_that_cannot_be_written => "CA-2.21 DE-14",
);

/// Sets what may be done with memory of the test.
fn protect(address: usize, length: usize, protection: i32) {
    // SAFETY: the memory is the test's, and nobody relies on it meanwhile but the kernel, which fails.
    let failed = unsafe {
        libc::mprotect(
            ptr::with_exposed_provenance_mut(address),
            length,
            protection,
        )
    };
    assert_eq!(failed, 0);
}

/// Fresh pages.
fn pages(number: usize) -> usize {
    // SAFETY: a new mapping disturbs nothing.
    let memory = unsafe {
        libc::mmap(
            ptr::null_mut(),
            number * PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(memory, libc::MAP_FAILED);
    memory.expose_provenance()
}

fn hole_in_the_stack() {
    let (tell, base) = channel();
    let door = make(0, 0);
    until_parked(start(move || {
        let server = Server::new();
        tell.send(server.base()).expect("the test listens");
        server.serve(|call| call.bytes()[..4].to_vec())
    }));
    let base = base.recv().expect("the server runs");
    // What goes through the kernel, and what goes straight there: in the former case descriptors have been taken.
    for (size, hole) in [(8000, 2 * PAGE), (100_000, 16 * PAGE)] {
        let (data, file) = (pattern(size), null());
        protect(base - hole, PAGE, libc::PROT_NONE);
        let entries = [descriptor(&file, DOOR_RELEASE)];
        let error = call_with(door.fd(), &data, &entries).expect_err("a hole");
        assert_eq!(error, Errno::E2BIG, "{size} bytes");
        assert_eq!(
            is_open(file.as_raw_fd()),
            size > DOOR_MAX_ARG,
            "{size} bytes"
        );
        if !is_open(file.as_raw_fd()) {
            std::mem::forget(file);
        }
        protect(base - hole, PAGE, libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!(call(door.fd(), &data).expect("call").data, data[..4]);
    }
}

extern "C" fn declines(_: *mut DoorInfo) {}

/// A main thread's stack is mapped as far as it was used. It grows when the thread writes to it, and for nobody else.
fn large_request_to_the_main_thread() {
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    let _server = fork(|| {
        door_server_create(Some(declines));
        send_descriptor(&theirs, Door::new(begins, 0).fd());
        // SAFETY: there is nothing to return, and nothing to drop.
        unsafe { door_return(ptr::null_mut(), 0, ptr::null_mut(), 0) };
    });
    let door = Door(receive_descriptor(&ours));
    for (size, fits) in [
        (10_000, true),
        (1 << 20, false),
        (4 << 20, false),
        (16384, true),
    ] {
        let data = pattern(size);
        let expected = match fits {
            true => Ok(data[..4].to_vec()),
            false => Err(Errno::E2BIG),
        };
        let result = call(door.fd(), &data).map(|reply| reply.data);
        assert_eq!(result, expected, "{size} bytes");
    }
}

procedure!(
    /// Replies with the beginning of the request.
    begins(_, data, _) {
        give(&data[..4.min(data.len())]);
    }
);

procedure!(
    /// Replies with the request and two descriptors.
    adds_two(_, data, _) {
        let file = null();
        give_with(data, &[descriptor(&file, 0), descriptor(&file, DOOR_RELEASE)]);
    }
);

fn entries_that_cannot_be_written() {
    let (_server, door) = server(|| Door::new(adds_two, 0));
    let room = pages(2);
    protect(room + PAGE, PAGE, libc::PROT_READ);
    let open = open_descriptors();
    let entry = size_of::<DoorDesc>();
    // Where the second page begins: with the first entry, in the middle of it, with the second one.
    for before in [24, 24 + entry / 2, 24 + entry] {
        let data = pattern(24);
        let mut parameters = DoorArg {
            rbuf: (room + PAGE - before) as u64,
            rsize: PAGE as u64,
            ..arg(&data, &mut [])
        };
        assert_eq!(
            raw(door.fd(), &mut parameters),
            Err(Errno::EFAULT),
            "{before}"
        );
        assert_eq!(open, open_descriptors(), "{before}");
    }
    let reply = call(door.fd(), b"x").expect("call");
    reply
        .descriptors
        .iter()
        .for_each(|entry| close(entry.descriptor));
    assert_eq!(reply.descriptors.len(), 2);
}
