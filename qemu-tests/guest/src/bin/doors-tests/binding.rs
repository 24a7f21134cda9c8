// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that serve one private door.

use crate::support::process::server;
use crate::support::raw::{attributes, bind, info, make, revoke, unbind, Server};
use crate::support::threads::{interrupts, serve, start, tgkill, until_in, until_parked, Caller};
use crate::support::{call, fork, process_id, tests, thread_id, until, Door, Flag};
use doors_uapi::abi::{DOOR_IS_UNREF, DOOR_PRIVATE, DOOR_QUERY, DOOR_REVOKED};
use doors_uapi::syscalls::{self, SYS_DOOR_RETURN};
use doors_uapi::Errno;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

tests!(binding:
    errors => "BI-1 BI-4 IN-1",
    only_the_target_may_bind => "BI-1 SI-40",
    query_tells_the_bound_door => "IN-1 IN-2 IF-3",
    query_does_not_see_duplicates => "IF-6",
    query_in_the_shared_pool => "IN-1",
    rebinding_is_silent => "BI-2",
    bound_threads_serve_no_other_door => "TP-1",
    unbound_threads_serve_no_private_door => "TP-1",
    joins_at_the_next_return => "BI-3",
    bound_while_it_serves => "BI-3",
    unbound_while_it_serves => "TP-32",
    last_bound_serves_first => "TP-3",
    revoked_door_can_be_bound => "BI-1 RV-6",
    parked_threads_of_a_revoked_door => "RV-6",
    binding_outlives_descriptors => "BI-5 UN-17",
    threads_that_exit_are_unbound => "BI-6 TP-30",
    server_dies_with_bound_threads => "SI-31 BI-6",
    child_is_not_bound => "SI-40 BI-4",
    threads_change_pools => "BI-2 BI-3 TP-1 TP-32",
);

fn number(door: i32) -> Result<u64, Errno> {
    info(door).map(|info| info.uniquifier)
}

fn private() -> Door {
    make(DOOR_PRIVATE, 0)
}

/// A parked thread that is bound to a door and says who it is.
fn bound(door: &Door) -> i32 {
    let fd = door.fd();
    serve(
        move || bind(fd).expect("bind"),
        |_| thread_id().to_ne_bytes().to_vec(),
    )
}

/// Who serves.
#[track_caller]
fn who(door: i32) -> i32 {
    i32::from_ne_bytes(
        call(door, b"")
            .expect("call")
            .data
            .try_into()
            .expect("a number"),
    )
}

fn errors() {
    let file = std::fs::File::open("/dev/null").expect("open");
    for no_door in [-1, DOOR_QUERY, 1000, i32::MIN, file.as_raw_fd()] {
        assert_eq!(bind(no_door), Err(Errno::EBADF), "{no_door}");
    }
    let shared = make(0, 0);
    assert_eq!(bind(shared.fd()), Err(Errno::EINVAL));
    assert_eq!(unbind(), Err(Errno::EBADF));
    assert_eq!(number(DOOR_QUERY), Err(Errno::EBADF));
    let door = private();
    bind(door.fd()).expect("bind");
    unbind().expect("unbind");
    assert_eq!(unbind(), Err(Errno::EBADF), "once is enough");
}

fn only_the_target_may_bind() {
    let (server, theirs) = server(private);
    assert_eq!(bind(theirs.fd()), Err(Errno::EINVAL));
    drop(server);
    until("the server is gone", || {
        info(theirs.fd()).expect("info").target == -1
    });
    assert_eq!(bind(theirs.fd()), Err(Errno::EINVAL));
    let ours = private();
    fork(|| assert_eq!(bind(ours.fd()), Err(Errno::EINVAL))).succeed();
    bind(ours.fd()).expect("bind");
}

fn query_tells_the_bound_door() {
    let door = make(DOOR_PRIVATE, 4711);
    bind(door.fd()).expect("bind");
    let told = info(DOOR_QUERY).expect("info");
    let asked = info(door.fd()).expect("info");
    assert_eq!((told.target, { told.data }), (process_id(), 4711));
    assert_eq!({ told.uniquifier }, { asked.uniquifier });
    assert_eq!({ told.attributes }, { asked.attributes });
    // It is the thread that is bound, not the process.
    std::thread::spawn(|| assert_eq!(number(DOOR_QUERY), Err(Errno::EBADF)))
        .join()
        .expect("thread");
    // SAFETY: a null pointer is an error, not an access.
    let told = unsafe { syscalls::door_info(DOOR_QUERY, std::ptr::null_mut()) };
    assert_eq!(told, Err(Errno::EFAULT));
    unbind().expect("unbind");
    assert_eq!(number(DOOR_QUERY), Err(Errno::EBADF));
}

fn query_does_not_see_duplicates() {
    let door = private();
    bind(door.fd()).expect("bind");
    let other = door.dup();
    assert_eq!(attributes(other.fd()) & DOOR_IS_UNREF, 0);
    assert_eq!(attributes(DOOR_QUERY) & DOOR_IS_UNREF, DOOR_IS_UNREF);
}

fn query_in_the_shared_pool() {
    let shared = make(0, 0);
    serve(
        || (),
        |_| {
            number(DOOR_QUERY)
                .expect_err("not bound")
                .number()
                .to_ne_bytes()
                .to_vec()
        },
    );
    let told = call(shared.fd(), b"").expect("call").data;
    assert_eq!(told, Errno::EBADF.number().to_ne_bytes());
}

fn rebinding_is_silent() {
    let (first, second) = (private(), private());
    for door in [&first, &first, &second, &first] {
        bind(door.fd()).expect("bind");
        assert_eq!(number(DOOR_QUERY), number(door.fd()));
    }
    unbind().expect("unbind");
    assert_eq!(unbind(), Err(Errno::EBADF), "bindings do not pile up");
}

fn bound_threads_serve_no_other_door() {
    let (door, other, shared) = (private(), private(), make(0, 0));
    let thread = bound(&door);
    let callers = [&other, &shared].map(|door| Caller::blocked(door.fd(), b""));
    for _ in 0..10 {
        assert_eq!(who(door.fd()), thread);
        until_parked(thread);
    }
    assert!(callers.iter().all(|caller| !caller.is_finished()));
    for (caller, door) in callers.into_iter().zip([other, shared]) {
        revoke(door).expect("revoke");
        assert_eq!(caller.result(), Err(Errno::EBADF));
    }
}

fn unbound_threads_serve_no_private_door() {
    let (door, shared) = (private(), make(0, 0));
    let idle = serve(|| (), |_| thread_id().to_ne_bytes().to_vec());
    let caller = Caller::blocked(door.fd(), b"");
    assert_eq!(who(shared.fd()), idle);
    assert!(!caller.is_finished());
    let thread = bound(&door);
    assert_eq!(caller.result(), Ok(thread.to_ne_bytes().to_vec()));
}

static GO_ON: Flag = Flag::new();

fn joins_at_the_next_return() {
    let door = private();
    let fd = door.fd();
    static BOUND: Flag = Flag::new();
    let thread = start(move || {
        bind(fd).expect("bind");
        BOUND.set(1);
        GO_ON.await_set("the test lets the thread park");
        Server::new().serve(|_| thread_id().to_ne_bytes().to_vec());
    });
    BOUND.await_set("the thread is bound");
    let caller = Caller::blocked(fd, b"");
    assert!(!caller.is_finished());
    GO_ON.set(1);
    assert_eq!(caller.result(), Ok(thread.to_ne_bytes().to_vec()));
}

fn bound_while_it_serves() {
    let (shared, door) = (make(0, 1), make(DOOR_PRIVATE, 2));
    let fd = door.fd();
    let thread = serve(
        || (),
        move |call| {
            if call.cookie == 1 {
                bind(fd).expect("bind");
            }
            thread_id().to_ne_bytes().to_vec()
        },
    );
    assert_eq!(
        who(shared.fd()),
        thread,
        "the call in progress is not disturbed"
    );
    assert_eq!(who(door.fd()), thread);
    let caller = Caller::blocked(shared.fd(), b"");
    assert!(!caller.is_finished(), "it has left the shared pool");
}

fn unbound_while_it_serves() {
    let (shared, door) = (make(0, 1), make(DOOR_PRIVATE, 2));
    let fd = door.fd();
    let thread = serve(
        move || bind(fd).expect("bind"),
        move |call| {
            if call.cookie == 2 {
                unbind().expect("unbind");
            }
            thread_id().to_ne_bytes().to_vec()
        },
    );
    let queued = Caller::blocked(shared.fd(), b"");
    assert_eq!(
        who(door.fd()),
        thread,
        "the call in progress is not disturbed"
    );
    assert_eq!(queued.result(), Ok(thread.to_ne_bytes().to_vec()));
    assert_eq!(who(shared.fd()), thread);
    let caller = Caller::blocked(door.fd(), b"");
    assert!(!caller.is_finished(), "it has left the door's pool");
}

fn last_bound_serves_first() {
    let door = private();
    let (_first, last) = (bound(&door), bound(&door));
    for _ in 0..10 {
        assert_eq!(who(door.fd()), last);
        until_parked(last);
    }
}

fn revoked_door_can_be_bound() {
    let door = private();
    let other = door.dup();
    revoke(door).expect("revoke");
    bind(other.fd()).expect("the process lives");
    assert_eq!(attributes(DOOR_QUERY) & DOOR_REVOKED, DOOR_REVOKED);
    unbind().expect("unbind");
}

fn parked_threads_of_a_revoked_door() {
    interrupts(libc::SIGUSR1);
    let door = private();
    let fd = door.fd();
    static RESULT: Flag = Flag::new();
    let thread = start(move || {
        bind(fd).expect("bind");
        let error = Server::new().park().expect_err("nobody can call");
        assert_eq!(attributes(DOOR_QUERY) & DOOR_REVOKED, DOOR_REVOKED);
        unbind().expect("unbind");
        RESULT.set(error.number());
    });
    until_parked(thread);
    revoke(door).expect("revoke");
    until_parked(thread);
    assert_eq!(RESULT.get(), 0, "it is not disturbed");
    tgkill(thread, libc::SIGUSR1);
    let error = RESULT.await_set("the thread leaves its pool");
    assert_eq!(error, Errno::EINTR.number());
}

fn binding_outlives_descriptors() {
    interrupts(libc::SIGUSR1);
    let door = make(DOOR_PRIVATE, 99);
    let fd = door.fd();
    let own = number(fd).expect("info");
    static DONE: Flag = Flag::new();
    let thread = start(move || {
        bind(fd).expect("bind");
        let error = Server::new().park().expect_err("nobody can call");
        assert_eq!(error, Errno::EINTR);
        let told = info(DOOR_QUERY).expect("the door is there as long as it is bound");
        assert_eq!(({ told.uniquifier }, { told.data }), (own, 99));
        unbind().expect("unbind");
        assert_eq!(number(DOOR_QUERY), Err(Errno::EBADF));
        DONE.set(1);
    });
    until_parked(thread);
    drop(door);
    until_parked(thread);
    assert_eq!(DONE.get(), 0, "it is not woken");
    tgkill(thread, libc::SIGUSR1);
    DONE.await_set("the thread is done");
}

fn threads_that_exit_are_unbound() {
    interrupts(libc::SIGUSR1);
    let door = private();
    let fd = door.fd();
    for _ in 0..20 {
        let thread = start(move || {
            bind(fd).expect("bind");
            assert_eq!(Server::new().park().expect_err("no call"), Errno::EINTR);
        });
        until_parked(thread);
        tgkill(thread, libc::SIGUSR1);
        let gone = format!("/proc/self/task/{thread}");
        until("the thread is gone", || {
            !std::path::Path::new(&gone).exists()
        });
    }
    // None of them is found.
    let caller = Caller::blocked(fd, b"");
    let thread = bound(&door);
    assert_eq!(caller.result(), Ok(thread.to_ne_bytes().to_vec()));
}

fn server_dies_with_bound_threads() {
    let served = Flag::shared();
    let (child, door) = server(|| {
        let door = private();
        let fd = door.fd();
        for _ in 0..3 {
            serve(
                move || bind(fd).expect("bind"),
                move |call| {
                    if call.size == 0 {
                        served.add(1);
                        loop {
                            std::thread::park();
                        }
                    }
                    call.bytes()
                },
            );
        }
        door
    });
    assert_eq!(call(door.fd(), b"alive").expect("call").data, b"alive");
    let callers: Vec<_> = (0..5).map(|_| Caller::blocked(door.fd(), b"")).collect();
    until("three are served", || served.get() == 3);
    child.kill(libc::SIGKILL);
    let mut results: Vec<_> = callers
        .into_iter()
        .map(|caller| caller.result().map_err(Errno::number))
        .collect();
    results.sort_unstable();
    let (served, queued) = (Errno::EINTR.number(), Errno::EBADF.number());
    assert_eq!(
        results,
        [
            Err(served),
            Err(served),
            Err(served),
            Err(queued),
            Err(queued)
        ]
    );
}

fn child_is_not_bound() {
    let door = private();
    bind(door.fd()).expect("bind");
    fork(|| {
        assert_eq!(number(DOOR_QUERY), Err(Errno::EBADF));
        assert_eq!(unbind(), Err(Errno::EBADF));
        // Its thread parks in its own shared pool.
        let own = make(0, 0);
        let main = process_id();
        let client = fork(|| {
            until_in(main, main, SYS_DOOR_RETURN);
            assert_eq!(call(own.fd(), b"x").expect("call").data, b"x");
        });
        let mut server = Server::new();
        let request = server.park().expect("a call");
        interrupts(libc::SIGCHLD);
        let error = server
            .give(&request.bytes())
            .expect_err("the client's end interrupts");
        assert_eq!(error, Errno::EINTR);
        client.succeed();
    })
    .succeed();
    assert_eq!(number(DOOR_QUERY), number(door.fd()));
}

/// Threads that move between two doors and the shared pool all the time serve what they should.
fn threads_change_pools() {
    const THREADS: usize = 3;
    const CALLS: usize = 300;
    static STOP: AtomicBool = AtomicBool::new(false);
    static SERVED: AtomicUsize = AtomicUsize::new(0);
    let doors = [make(DOOR_PRIVATE, 0), make(DOOR_PRIVATE, 1), make(0, 2)];
    let fds = doors.each_ref().map(Door::fd);
    for first in 0..THREADS {
        let mut place = first;
        let mut choose = move || {
            place += 1;
            if fds[place % 3] == fds[2] {
                // It may not have been bound.
                let _ = unbind();
                None
            } else {
                bind(fds[place % 3]).expect("bind");
                Some(place % 3)
            }
        };
        let mut expected = choose();
        serve(
            move || {
                let _ = unbind();
                if let Some(door) = expected {
                    bind(fds[door]).expect("bind");
                }
            },
            move |call| {
                assert_eq!(
                    call.cookie,
                    expected.unwrap_or(2),
                    "a thread of this pool serves this door only"
                );
                SERVED.fetch_add(1, Ordering::Relaxed);
                expected = choose();
                call.bytes()
            },
        );
    }
    let callers: Vec<_> = fds
        .into_iter()
        .map(|fd| {
            std::thread::spawn(move || {
                // A door may be without a thread until a call to another one brings it there.
                let mut calls = 0;
                while calls < CALLS && !STOP.load(Ordering::Relaxed) {
                    match call(fd, b"x") {
                        Ok(_) => calls += 1,
                        Err(error) => assert_eq!(error, Errno::EBADF),
                    }
                }
                STOP.store(true, Ordering::Relaxed);
            })
        })
        .collect();
    until("somebody has made all calls", || {
        STOP.load(Ordering::Relaxed)
    });
    // The threads go on with what they were at: the descriptors stay open.
    for door in &doors {
        revoke(door.dup()).expect("revoke");
    }
    for caller in callers {
        caller.join().expect("caller");
    }
    assert!(SERVED.load(Ordering::Relaxed) >= CALLS);
}
