// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many callers at once.

use crate::support::process::server;
use crate::support::server::{descriptor, procedure};
use crate::support::{call, call_with, echo, fork, give, open_descriptors, pattern, tests, Door};
use doors_uapi::abi::DOOR_RELEASE;
use doors_uapi::Errno;
use std::time::{Duration, Instant};

tests!(crowd:
    many_processes => "CA-5 TP-21",
    many_threads => "CA-5 TP-21 TP-4",
    many_sizes => "DA-1 DA-2 DA-22 DA-23",
    many_descriptors => "DE-3 DE-7",
    servers_come_and_go => "SI-31 SI-32 SI-35 CA-2.3 CA-2.19",
    clients_come_and_go => "SI-7 SI-14 RE-4",
);

/// A slow kernel does fewer calls, in the same time.
const PATIENCE: Duration = Duration::from_secs(12);
const CLIENTS: usize = 8;

/// Up to `most` rounds, as long as there is time.
fn rounds(most: usize) -> impl Iterator<Item = usize> {
    let end = Instant::now() + PATIENCE;
    (0..most).take_while(move |_| Instant::now() < end)
}

fn crowd(body: impl Fn(usize)) {
    let clients: Vec<_> = (0..CLIENTS).map(|client| fork(|| body(client))).collect();
    clients.into_iter().for_each(crate::support::Child::succeed);
}

fn many_processes() {
    let (_server, door) = server(|| Door::new(echo, 0));
    crowd(|client| {
        for round in rounds(10_000) {
            let data = [client, round].map(usize::to_ne_bytes).concat();
            assert_eq!(call(door.fd(), &data).expect("call").data, data);
        }
    });
}

fn many_threads() {
    let door = Door::new(echo, 0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let fd = door.fd();
            scope.spawn(move || {
                for round in rounds(2_000) {
                    let data = [client, round].map(usize::to_ne_bytes).concat();
                    assert_eq!(call(fd, &data).expect("call").data, data);
                }
            });
        }
    });
}

fn many_sizes() {
    let (_server, door) = server(|| Door::new(echo, 0));
    crowd(|client| {
        for round in rounds(200) {
            let data = pattern((client * 7919 + round * 104_729) % 200_000);
            assert_eq!(call(door.fd(), &data).expect("call").data, data);
        }
    });
}

procedure!(
    /// Gives back the descriptor that came.
    passes_on(_, data, descriptors) {
        let back = descriptors.first().map(|entry| {
            let mut entry = *entry;
            entry.attributes |= DOOR_RELEASE;
            entry
        });
        match back {
            Some(entry) => crate::support::server::give_with(data, &[entry]),
            None => give(data),
        };
    }
);

fn many_descriptors() {
    let (_server, door) = server(|| Door::new(passes_on, 0));
    crowd(|_| {
        let file = std::fs::File::open("/dev/null").expect("open");
        let open = open_descriptors();
        for _ in rounds(500) {
            let reply = call_with(door.fd(), b"fd", &[descriptor(&file, 0)]).expect("call");
            assert_eq!(reply.descriptors.len(), 1);
            // SAFETY: the descriptor is ours now.
            assert_eq!(unsafe { libc::close(reply.descriptors[0].descriptor) }, 0);
        }
        assert_eq!(open, open_descriptors());
    });
}

fn servers_come_and_go() {
    for _ in rounds(30) {
        let (server, door) = server(|| Door::new(echo, 0));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                fork(|| {
                    let error = loop {
                        if let Err(error) = call(door.fd(), b"x") {
                            break error;
                        }
                    };
                    assert!([Errno::EINTR, Errno::EBADF].contains(&error), "{error}");
                    assert_eq!(call(door.fd(), b"x").expect_err("dead"), Errno::EBADF);
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        drop(server);
        clients.into_iter().for_each(crate::support::Child::succeed);
    }
}

fn clients_come_and_go() {
    let (_server, door) = server(|| Door::new(echo, 0));
    for round in rounds(30) {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                fork(|| loop {
                    let data = pattern(round * 1000);
                    assert_eq!(call(door.fd(), &data).expect("call").data, data);
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(20));
        // Dropped is killed.
        drop(clients);
        assert_eq!(call(door.fd(), b"x").expect("call").data, b"x");
    }
}
