// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the last thread of a pool is told, and where that lies on its stack.

use crate::support::raw::{bind, info, make, Call, Server};
use crate::support::server::descriptor;
use crate::support::threads::{start, until_parked};
use crate::support::{call, call_with, process_id, tests, Door};
use doors_uapi::abi::{
    DoorDesc, DoorInfo, DOOR_DEPLETION_CB, DOOR_IS_UNREF, DOOR_LOCAL, DOOR_PRIVATE,
    DOOR_REFUSE_DESC, DOOR_RETURN_DEPLETED,
};
use doors_uapi::Errno;
use std::sync::mpsc::{channel, Receiver};

tests!(depletion:
    last_thread_is_told => "TP-20 TP-27",
    others_are_not_told => "TP-20 TP-27",
    busy_threads_do_not_count => "TP-21",
    shared_pool_has_no_information => "TP-22 TP-27",
    information_describes_the_door => "TP-23 TP-27 IF-7",
    place_on_the_stack => "DA-11",
    room_is_reserved => "DA-13 TP-27",
);

/// What a thread saw: the call, the information, and the highest address of its stack.
struct Seen {
    call: Call,
    information: Option<DoorInfo>,
    base: usize,
}

/// Threads that serve a door and pass on what they see.
fn watched(door: &Door, threads: usize, declared: usize) -> Watched {
    let (seen, receiver) = channel();
    let mut ids = Vec::new();
    let (fd, private) = (
        door.fd(),
        info(door.fd()).expect("info").attributes & DOOR_PRIVATE != 0,
    );
    for _ in 0..threads {
        let seen = seen.clone();
        let thread = start(move || {
            if private {
                bind(fd).expect("bind");
            }
            let server = Server::declaring(declared);
            let base = server.base();
            server.serve(|call| {
                for entry in call.entries() {
                    crate::support::fds::close(entry.descriptor);
                }
                seen.send(Seen {
                    call: *call,
                    information: call.information(),
                    base,
                })
                .expect("the test listens");
                call.bytes()
            });
        });
        until_parked(thread);
        ids.push(thread);
    }
    Watched { ids, receiver }
}

/// Threads, and what they see.
struct Watched {
    ids: Vec<i32>,
    receiver: Receiver<Seen>,
}

impl Watched {
    /// What was seen of the last call, once its thread is parked again.
    fn next(&self) -> Seen {
        let seen = self.receiver.recv().expect("the call was seen");
        self.ids.iter().copied().for_each(until_parked);
        seen
    }
}

const ROOM: usize = 64 << 10;

fn last_thread_is_told() {
    let door = make(DOOR_PRIVATE, 0);
    let seen = watched(&door, 1, ROOM);
    for data in [&b""[..], b"data", &[7; 30_000]] {
        call(door.fd(), data).expect("call");
        let seen = seen.next();
        assert_eq!(
            seen.call.flags,
            DOOR_RETURN_DEPLETED,
            "{} bytes",
            data.len()
        );
        assert!(seen.information.is_some(), "{} bytes", data.len());
        assert_eq!(seen.call.data == 0, data.is_empty());
    }
}

fn others_are_not_told() {
    let door = make(DOOR_PRIVATE, 0);
    let seen = watched(&door, 2, ROOM);
    for data in [&b""[..], b"data"] {
        call(door.fd(), data).expect("call");
        let seen = seen.next();
        assert_eq!((seen.call.flags, seen.call.info), (0, 0));
    }
}

fn busy_threads_do_not_count() {
    let door = make(DOOR_PRIVATE, 0);
    let fd = door.fd();
    let (seen, receiver) = channel();
    // The first to serve calls the door itself, which leaves nobody.
    for _ in 0..2 {
        let seen = seen.clone();
        let thread = start(move || {
            bind(fd).expect("bind");
            Server::new().serve(|request| {
                let told = (request.size, request.flags, request.information().is_some());
                seen.send(told).expect("the test listens");
                if request.size == 2 {
                    call(fd, b"x").expect("nested call");
                }
                Vec::new()
            });
        });
        until_parked(thread);
    }
    call(fd, b"xx").expect("call");
    assert_eq!(receiver.recv(), Ok((2, 0, false)));
    assert_eq!(receiver.recv(), Ok((1, DOOR_RETURN_DEPLETED, true)));
}

fn shared_pool_has_no_information() {
    let door = make(0, 0);
    let seen = watched(&door, 1, ROOM);
    for data in [&b""[..], b"data"] {
        call(door.fd(), data).expect("call");
        let seen = seen.next();
        assert_eq!((seen.call.flags, seen.call.info), (DOOR_RETURN_DEPLETED, 0));
    }
}

fn information_describes_the_door() {
    let door = make(DOOR_PRIVATE | DOOR_REFUSE_DESC, 0xC00C1E);
    let seen = watched(&door, 1, ROOM);
    call(door.fd(), b"data").expect("call");
    let told = seen.next().information.expect("the last one is told");
    let asked = info(door.fd()).expect("info");
    assert_eq!(told.target, process_id());
    assert_eq!(
        ({ told.procedure }, { told.data }),
        ({ asked.procedure }, 0xC00C1E)
    );
    assert_eq!({ told.uniquifier }, { asked.uniquifier });
    // The library adds why (TP-23); who refers to the door is not looked at.
    assert_eq!(
        { told.attributes } & !DOOR_IS_UNREF,
        DOOR_PRIVATE | DOOR_REFUSE_DESC | DOOR_LOCAL
    );
    assert_eq!({ told.attributes } & DOOR_DEPLETION_CB, 0);
    assert_eq!({ told.resv }, [0; 4]);
}

fn place_on_the_stack() {
    let door = make(DOOR_PRIVATE, 0);
    let seen = watched(&door, 1, ROOM);
    let file = std::fs::File::open("/dev/null").expect("open");
    for size in [1, 15, 16, 17, 1000, 20_000] {
        for count in [0, 1, 3] {
            let entries: Vec<DoorDesc> = vec![descriptor(&file, 0); count];
            call_with(door.fd(), &crate::support::pattern(size), &entries).expect("call");
            let Seen { call, base, .. } = seen.next();
            let parts = [
                (call.descriptors, count * 24),
                (call.data, size),
                (call.info, 48),
            ];
            let mut above = base;
            for (address, length) in parts.into_iter().filter(|(_, length)| *length > 0) {
                assert_eq!(address % 16, 0, "{call:?}");
                assert!(
                    address + length <= above && above - (address + length) < 16,
                    "{call:?} below {above:#x}"
                );
                above = address;
            }
            assert!(call.sp <= above && call.sp % 16 == 0, "{call:?}");
            assert_eq!((call.size, call.count), (size, count));
        }
    }
}

/// A call to a private door finds room for the information or fails, whether the thread is the last one or not.
fn room_is_reserved() {
    const SIZE: usize = 1024;
    for (attributes, threads, room, fits) in [
        (0, 1, SIZE + 16, true),
        (DOOR_PRIVATE, 1, SIZE + 16, false),
        (DOOR_PRIVATE, 2, SIZE + 16, false),
        (DOOR_PRIVATE, 1, SIZE + 256, true),
        (DOOR_PRIVATE, 2, SIZE + 256, true),
        // Declared as unknown (DA-13).
        (DOOR_PRIVATE, 1, 0, true),
    ] {
        let door = make(attributes, 0);
        let seen = watched(&door, threads, room);
        let result = call(door.fd(), &[1; SIZE]).map(|reply| reply.data.len());
        let expected = if fits { Ok(SIZE) } else { Err(Errno::E2BIG) };
        assert_eq!(
            result, expected,
            "{attributes:#x}, {threads} threads, {room} bytes"
        );
        drop(seen);
    }
}
