// SPDX-License-Identifier: MIT OR Apache-2.0
//! Callers and servers without room: for memory, or for descriptors.

use crate::support::call::{arg, raw, take, unmap};
use crate::support::fds::{close, is_open, null, Raw};
use crate::support::process::server;
use crate::support::raw::{make, Server};
use crate::support::server::descriptor;
use crate::support::{call, fork, open_descriptors, pattern, tests, Door, Flag};
use doors_uapi::abi::{DoorArg, DoorDesc, DOOR_MAX_DESC, DOOR_RELEASE};
use doors_uapi::Errno;
use std::os::fd::{AsRawFd, IntoRawFd};

tests!(room:
    no_memory_for_a_reply => "CA-2.20 CA-3 DA-26 RE-5.9",
    no_memory_for_descriptors => "CA-2.20 DA-26 RE-5.9 DE-14",
    room_again => "DA-26",
    most_descriptors_of_a_reply => "RE-5.2 DE-17",
    no_place_for_a_reply => "CA-2.21 DA-21 DA-27 DE-14",
    places_come_and_go => "RE-5.5 RE-5.8 DE-13 DE-14",
);

/// Like the entries of a request: what a server is to reply with.
#[derive(Clone, Copy)]
struct Order {
    size: u32,
    count: u32,
}

impl Order {
    fn bytes(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&self.size.to_ne_bytes());
        bytes[4..].copy_from_slice(&self.count.to_ne_bytes());
        bytes
    }
}

/// A server process that does as it is ordered. Its descriptors are released with the reply; `failures` counts how often
/// it could not give one, and gave nothing. Its reply to an empty request is how many descriptors it has.
fn obliging(failures: &'static Flag) -> (crate::support::Child, Door) {
    server(|| {
        let limit = libc::rlimit {
            rlim_cur: 4096,
            rlim_max: 4096,
        };
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        crate::support::threads::start(move || {
            let mut server = Server::new();
            let mut next = server.park();
            loop {
                let request = next.expect("a call").bytes();
                if request.is_empty() {
                    next = server.give(&(open_descriptors().len() as u32).to_ne_bytes());
                    continue;
                }
                let [size, count] = [0, 4].map(|at| {
                    u32::from_ne_bytes(request[at..at + 4].try_into().expect("four bytes"))
                });
                let entries: Vec<DoorDesc> = (0..count)
                    .map(|_| descriptor(&Raw(null().into_raw_fd()), DOOR_RELEASE))
                    .collect();
                next = server.give_with(&pattern(size as usize), &entries);
                if next.is_err() {
                    failures.add(1);
                    entries.iter().for_each(|entry| close(entry.descriptor));
                    next = server.park();
                }
            }
        });
        make(0, 0)
    })
}

#[track_caller]
fn descriptors_of(door: &Door) -> Vec<u8> {
    call(door.fd(), b"").expect("call").data
}

fn limit_memory(most: u64) {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: sets a limit of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
}

/// Calls while the process may not map a single page more.
fn call_without_memory(door: &Door, order: Order) -> (Result<(), Errno>, bool) {
    let request = order.bytes();
    let mut rbuf = [0_u8; 16];
    let mut parameters = arg(&request, &mut rbuf);
    let before = parameters;
    limit_memory(0);
    let result = raw(door.fd(), &mut parameters);
    limit_memory(libc::RLIM_INFINITY);
    (result, parameters == before)
}

fn maps() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .expect("/proc is mounted")
        .lines()
        .count()
}

fn no_memory_for_a_reply() {
    let failures = Flag::shared();
    let (_server, door) = obliging(failures);
    fork(|| {
        descriptors_of(&door);
        let before = maps();
        for size in [17, 4096, 16384, 16385, 1 << 20] {
            let (result, unchanged) = call_without_memory(&door, Order { size, count: 0 });
            assert_eq!(result, Err(Errno::EOVERFLOW), "{size} bytes");
            assert!(unchanged, "CA-3");
        }
        assert_eq!(maps(), before);
    })
    .succeed();
    assert_eq!(failures.get(), 0, "the server is not told");
}

fn no_memory_for_descriptors() {
    let failures = Flag::shared();
    let (_server, door) = obliging(failures);
    let theirs = descriptors_of(&door);
    fork(|| {
        let ours = open_descriptors();
        for size in [0, 100, 20_000] {
            let (result, unchanged) = call_without_memory(&door, Order { size, count: 3 });
            assert_eq!(result, Err(Errno::EOVERFLOW), "{size} bytes");
            assert!(unchanged, "CA-3");
            assert_eq!(open_descriptors(), ours);
        }
    })
    .succeed();
    assert_eq!(descriptors_of(&door), theirs, "all were released");
    assert_eq!(failures.get(), 0, "the server is not told");
}

fn room_again() {
    let failures = Flag::shared();
    let (_server, door) = obliging(failures);
    fork(|| {
        for _ in 0..3 {
            let order = Order {
                size: 1 << 20,
                count: 0,
            };
            assert_eq!(call_without_memory(&door, order).0, Err(Errno::EOVERFLOW));
            assert_eq!(
                call(door.fd(), &order.bytes()).expect("call").data,
                pattern(1 << 20)
            );
        }
    })
    .succeed();
}

fn most_descriptors_of_a_reply() {
    let failures = Flag::shared();
    let (_server, door) = obliging(failures);
    let theirs = descriptors_of(&door);
    fork(|| {
        let limit = libc::rlimit {
            rlim_cur: 4096,
            rlim_max: 4096,
        };
        // SAFETY: sets a limit of this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        for (count, failed) in [(DOOR_MAX_DESC, 0), (DOOR_MAX_DESC + 1, 1)] {
            let reply = call(door.fd(), &Order { size: 10, count }.bytes()).expect("call");
            assert_eq!(failures.get(), failed);
            let expected = if failed == 0 { count as usize } else { 0 };
            assert_eq!(reply.descriptors.len(), expected);
            for entry in reply.descriptors {
                assert!(is_open(entry.descriptor));
                close(entry.descriptor);
            }
        }
    })
    .succeed();
    assert_eq!(descriptors_of(&door), theirs);
}

/// A reply that fits is written to where the caller says, and its parameters are rewritten; neither may fail half-way.
fn no_place_for_a_reply() {
    let failures = Flag::shared();
    let (_server, door) = obliging(failures);
    let theirs = descriptors_of(&door);
    // Parameters that can be read, but not written.
    // SAFETY: a new mapping disturbs nothing; it is written before it is made read-only.
    let place = unsafe {
        let page = libc::mmap(
            std::ptr::null_mut(),
            crate::support::PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(page, libc::MAP_FAILED);
        page.cast::<DoorArg>()
    };
    let ours = open_descriptors();
    let before = maps();
    let protect = |protection| {
        // SAFETY: the page is ours.
        let failed = unsafe { libc::mprotect(place.cast(), crate::support::PAGE, protection) };
        assert_eq!(failed, 0);
    };
    let mut rbuf = [0_u8; 256];
    for (size, count, room) in [
        (10, 2, 256),
        (10, 0, 256),
        (1000, 2, 16),
        (100_000, 2, 16),
        (100_000, 0, 16),
    ] {
        let request = Order { size, count }.bytes();
        protect(libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: the page is ours, and large enough.
        unsafe { place.write(arg(&request, &mut rbuf[..room])) };
        protect(libc::PROT_READ);
        // SAFETY: the parameters describe live buffers; that they cannot be written is an error.
        let called = unsafe { doors_uapi::syscalls::door_call(door.fd(), place) };
        assert_eq!(
            called,
            Err(Errno::EFAULT),
            "{size} bytes, {count} descriptors"
        );
        assert_eq!(
            open_descriptors(),
            ours,
            "{size} bytes, {count} descriptors"
        );
        // Or a buffer that cannot be.
        if room == 256 {
            let mut parameters = arg(&request, &mut []);
            parameters.rbuf = 4096;
            parameters.rsize = 4096;
            assert_eq!(raw(door.fd(), &mut parameters), Err(Errno::EFAULT));
            assert_eq!(open_descriptors(), ours);
        }
    }
    protect(libc::PROT_READ | libc::PROT_WRITE);
    assert_eq!(maps(), before, "no mapping is left");
    assert_eq!(descriptors_of(&door), theirs);
}

/// Another thread of the client opens and closes descriptors, so that now and then there is room when the server looks,
/// and none when the reply comes.
fn places_come_and_go() {
    const ROUNDS: usize = 80;
    const ROOM: u64 = 40;
    let failures = Flag::shared();
    let (_server, door) = obliging(failures);
    let theirs = descriptors_of(&door);
    let outcomes = [(); 3].map(|()| Flag::shared());
    fork(|| {
        let limit = libc::rlimit {
            rlim_cur: ROOM,
            rlim_max: ROOM,
        };
        // SAFETY: sets a limit of this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
        let ours = open_descriptors();
        let stop = Flag::shared();
        let null = null();
        let pest = std::thread::spawn(move || {
            let mut open = Vec::new();
            while stop.get() == 0 {
                // SAFETY: makes a descriptor.
                match unsafe { libc::fcntl(null.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) } {
                    -1 => open.drain(..).for_each(close),
                    fd => open.push(fd),
                }
            }
            open.into_iter().for_each(close);
            drop(null);
        });
        for round in 0..ROUNDS {
            // In the buffer, and in a mapping.
            let order = Order {
                size: if round % 2 == 0 { 10 } else { 20_000 },
                count: 8,
            };
            let request = order.bytes();
            let mut rbuf = [0_u8; 1024];
            let own = arg(&[], &mut rbuf).rbuf;
            let mut parameters = arg(&request, &mut rbuf);
            match raw(door.fd(), &mut parameters) {
                Ok(()) => {
                    let reply = take(&parameters);
                    outcomes[usize::from(reply.descriptors.is_empty())].add(1);
                    assert!([0, 8].contains(&reply.descriptors.len()));
                    reply
                        .descriptors
                        .iter()
                        .for_each(|entry| close(entry.descriptor));
                    if parameters.rbuf != own {
                        unmap(&parameters);
                    }
                }
                Err(error) => {
                    assert_eq!(error, Errno::EMFILE);
                    outcomes[2].add(1);
                }
            }
        }
        stop.set(1);
        pest.join().expect("pest");
        assert_eq!(open_descriptors(), ours);
    })
    .succeed();
    let [full, empty, _late] = outcomes.map(Flag::get);
    assert!(
        full > 0 && empty > 0,
        "{full} with descriptors, {empty} without"
    );
    assert_eq!(empty, failures.get());
    assert_eq!(descriptors_of(&door), theirs);
}
