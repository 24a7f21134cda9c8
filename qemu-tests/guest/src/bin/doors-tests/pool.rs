// SPDX-License-Identifier: MIT OR Apache-2.0
//! Server threads: where they come from, and which of them serves.

use crate::support::process::{server, until_blocked, until_others_sleep};
use crate::support::server::procedure;
use crate::support::{
    call, echo, fork, give, give_nothing, info, process_id, tests, thread_count, thread_id, until,
    Door, Flag,
};
use doors_uapi::abi::{DoorInfo, DOOR_DEPLETION_CB, DOOR_LOCAL, DOOR_PRIVATE};
use solaris_doors::door::{door_return, door_server_create, ServerFunction};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

tests!(pool:
    first_door_makes_one_thread => "TP-10 TP-13",
    forked_child_has_its_own => "SI-41 TP-10",
    grows_when_depleted => "TP-20 TP-21 TP-22",
    depletion_is_seen_to_before_the_call => "TP-20",
    last_parked_serves_first => "TP-3",
    any_thread_may_serve => "TP-2",
    creation_function_is_replaced => "SC-1 SC-2",
    creation_function_may_decline => "SC-2 TP-6",
    private_doors_ask_every_time => "TP-11 SC-2",
    private_information_stays => "TP-11",
    threads_inherit_the_signal_mask => "TP-15",
    threads_are_not_cancellable => "TP-13 DX-8",
    nested_calls => "SI-50 SI-52",
    calls_to_itself => "CA-8 SI-50 SI-51",
    recursive_calls => "SI-50 TP-21",
    threads_that_cannot_be_had => "CR-9 TP-16 TP-6",
    on_different_processors => "SH-8",
);

fn first_door_makes_one_thread() {
    assert_eq!(thread_count(), 1);
    let door = Door::new(echo, 0);
    assert_eq!(thread_count(), 2);
    let _other = Door::new(echo, 0);
    assert_eq!(thread_count(), 2);
    // The only thread serves, so there is one more.
    until_others_sleep();
    call(door.fd(), b"").expect("call");
    assert_eq!(thread_count(), 3);
    until_others_sleep();
    call(door.fd(), b"").expect("call");
    assert_eq!(thread_count(), 3);
}

fn forked_child_has_its_own() {
    let parents = Door::new(echo, 0);
    fork(|| {
        assert_eq!(thread_count(), 1);
        let own = Door::new(echo, 0);
        assert_eq!(thread_count(), 2);
        assert_eq!(call(own.fd(), b"own").expect("call").data, b"own");
        assert_eq!(call(parents.fd(), b"other").expect("call").data, b"other");
    })
    .succeed();
}

static INSIDE: Flag = Flag::new();
static OPEN: Flag = Flag::new();

procedure!(
    /// Stays inside until the test lets everybody out.
    gathers(_, data, _) {
        INSIDE.add(1);
        OPEN.await_set("the test opens");
        give(data);
    }
);

fn grows_when_depleted() {
    const CLIENTS: i32 = 7;
    let door = Door::new(gathers, 0);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let fd = door.fd();
            std::thread::spawn(move || call(fd, b"").expect("call"))
        })
        .collect();
    until("all are served at once", || INSIDE.get() == CLIENTS);
    OPEN.set(1);
    for client in clients {
        client.join().expect("client");
    }
    // The main thread, those who served, and one that waited for more.
    until("clients are gone", || {
        thread_count() <= 1 + CLIENTS as usize + 1
    });
    assert_eq!(thread_count(), 1 + CLIENTS as usize + 1);
}

static PREVIOUS: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
static ASKED_BY: Flag = Flag::new();
static ASKED: Flag = Flag::new();

fn install(function: ServerFunction) {
    let previous = door_server_create(Some(function)).expect("there is one");
    PREVIOUS.store(previous as *mut (), Ordering::SeqCst);
}

fn make_default_thread() {
    // SAFETY: `install` put the library's own function there, and null is what it expects.
    unsafe {
        let previous: ServerFunction = std::mem::transmute(PREVIOUS.load(Ordering::SeqCst));
        previous(ptr::null_mut());
    }
}

extern "C" fn notes_who_asks(info: *mut DoorInfo) {
    assert!(info.is_null(), "the shared pool");
    ASKED_BY.set(thread_id());
    ASKED.add(1);
    make_default_thread();
}

procedure!(
    /// Says who serves, who asked for another thread, and how often that was.
    tells(_, _, _) {
        let facts = [thread_id(), ASKED_BY.get(), ASKED.get()];
        let bytes = facts.map(i32::to_ne_bytes).concat().leak();
        give(bytes);
    }
);

fn told(door: &Door) -> [i32; 3] {
    let data = call(door.fd(), b"").expect("call").data;
    [0, 4, 8].map(|at| i32::from_ne_bytes(data[at..at + 4].try_into().expect("four bytes")))
}

fn depletion_is_seen_to_before_the_call() {
    install(notes_who_asks);
    let door = Door::new(tells, 0);
    assert_eq!(
        (ASKED_BY.get(), ASKED.get()),
        (process_id(), 1),
        "door_create asks itself"
    );
    until_others_sleep();
    let [server, asker, times] = told(&door);
    assert_eq!(
        (asker, times),
        (server, 2),
        "the serving thread asks, before the procedure runs"
    );
    until_others_sleep();
    let [_, _, times] = told(&door);
    assert_eq!(times, 2, "another thread was parked");
}

static PARKED: [Flag; 2] = [Flag::new(), Flag::new()];

/// A thread that notes its number and parks.
fn park(which: usize) {
    std::thread::spawn(move || {
        PARKED[which].set(thread_id());
        // SAFETY: there is nothing to return, and nothing to drop.
        unsafe { door_return(ptr::null_mut(), 0, ptr::null_mut(), 0) };
    });
    let thread = PARKED[which].await_set("the thread runs");
    until_blocked(process_id(), thread);
}

extern "C" fn declines(_: *mut DoorInfo) {
    ASKED.add(1);
}

fn last_parked_serves_first() {
    install(declines);
    let door = Door::new(tells, 0);
    park(0);
    park(1);
    for _ in 0..20 {
        let [server, ..] = told(&door);
        assert_eq!(server, PARKED[1].get());
    }
}

fn any_thread_may_serve() {
    let (_server, door) = {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("sockets");
        let child = fork(|| {
            install(declines);
            let door = Door::new(tells, 0);
            crate::support::process::send_descriptor(&theirs, door.fd());
            // The main thread itself.
            // SAFETY: there is nothing to return, and nothing to drop.
            unsafe { door_return(ptr::null_mut(), 0, ptr::null_mut(), 0) };
        });
        (
            child,
            Door(crate::support::process::receive_descriptor(&ours)),
        )
    };
    let target = info(door.fd()).expect("info").target;
    let [server, ..] = told(&door);
    assert_eq!(server, target);
}

fn creation_function_is_replaced() {
    let first = door_server_create(Some(declines)).expect("there is a default");
    let second = door_server_create(Some(notes_who_asks)).expect("there is one");
    assert_eq!(second as *const (), declines as *const ());
    let third = door_server_create(Some(first)).expect("there is one");
    assert_eq!(third as *const (), notes_who_asks as *const ());
    assert_eq!(
        call(Door::new(echo, 0).fd(), b"x").expect("call").data,
        b"x"
    );
}

fn creation_function_may_decline() {
    install(declines);
    let door = Door::new(echo, 0);
    assert_eq!(ASKED.get(), 1);
    let fd = door.fd();
    let client = std::thread::spawn(move || call(fd, b"patience").expect("call").data);
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!client.is_finished(), "callers queue");
    make_default_thread();
    assert_eq!(client.join().expect("client"), b"patience");
}

static INFORMATION: AtomicPtr<DoorInfo> = AtomicPtr::new(ptr::null_mut());

extern "C" fn keeps_information(info: *mut DoorInfo) {
    ASKED.add(1);
    INFORMATION.store(info, Ordering::SeqCst);
}

fn private_doors_ask_every_time() {
    install(keeps_information);
    let mut last = ptr::null_mut();
    for times in 1..=3 {
        let door = Door::with_cookie(echo, 42 + times, DOOR_PRIVATE);
        assert_eq!(ASKED.get(), times as i32);
        let given = INFORMATION.load(Ordering::SeqCst);
        assert!(!given.is_null());
        assert_ne!(given, last);
        last = given;
        // SAFETY: the information outlives the call-back.
        let given = unsafe { *given };
        let asked = info(door.fd()).expect("info");
        let attributes = given.attributes;
        assert_eq!(
            attributes & (DOOR_PRIVATE | DOOR_LOCAL | DOOR_DEPLETION_CB),
            DOOR_PRIVATE | DOOR_LOCAL
        );
        let (data, number) = (given.data, given.uniquifier);
        assert_eq!(data, 42 + times as u64);
        let expected = asked.uniquifier;
        assert_eq!(number, expected);
    }
}

fn private_information_stays() {
    install(keeps_information);
    let door = Door::with_cookie(echo, 77, DOOR_PRIVATE);
    let given = INFORMATION.load(Ordering::SeqCst);
    let reader = std::thread::spawn({
        let given = AtomicPtr::new(given);
        move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            // SAFETY: the information outlives door_create.
            unsafe { (*given.into_inner()).data }
        }
    });
    drop(door);
    assert_eq!(reader.join().expect("reader"), 77);
}

procedure!(
    /// Says whether SIGUSR1 and SIGUSR2 are blocked.
    tells_mask(_, _, _) {
        let mut blocked = [0_u8; 2];
        // SAFETY: asks for a mask.
        unsafe {
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut mask);
            blocked[0] = libc::sigismember(&mask, libc::SIGUSR1) as u8;
            blocked[1] = libc::sigismember(&mask, libc::SIGUSR2) as u8;
        }
        give(&blocked);
    }
);

fn threads_inherit_the_signal_mask() {
    // SAFETY: changes this thread's mask.
    unsafe {
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut mask, libc::SIGUSR1);
        libc::pthread_sigmask(libc::SIG_BLOCK, &mask, ptr::null_mut());
    }
    let door = Door::new(tells_mask, 0);
    // SAFETY: as above; the thread has been made.
    unsafe {
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut mask, libc::SIGUSR2);
        libc::pthread_sigmask(libc::SIG_BLOCK, &mask, ptr::null_mut());
    }
    for _ in 0..3 {
        assert_eq!(call(door.fd(), b"").expect("call").data, [1, 0]);
    }
}

extern "C" {
    fn pthread_setcancelstate(state: i32, old: *mut i32) -> i32;
}

procedure!(
    /// Says what its state of cancellation was.
    tells_cancellation(_, _, _) {
        const DISABLE: i32 = 1;
        let mut state = -1;
        // SAFETY: keeps the state as it should be.
        unsafe { pthread_setcancelstate(DISABLE, &mut state) };
        give(&[u8::from(state == DISABLE)]);
    }
);

fn threads_are_not_cancellable() {
    let door = Door::new(tells_cancellation, 0);
    for _ in 0..3 {
        assert_eq!(call(door.fd(), b"").expect("call").data, [1]);
    }
}

procedure!(
    /// Calls the door that its cookie says, and adds to the result.
    forwards(cookie, data, _) {
        let mut reply = call(cookie as i32, data).expect("nested call").data;
        reply.push(b'!');
        give(reply.leak());
    }
);

fn nested_calls() {
    let (_first, inner) = server(|| Door::new(echo, 0));
    let (_second, middle) = server(|| Door::with_cookie(forwards, inner.fd() as usize, 0));
    let (_third, outer) = server(|| Door::with_cookie(forwards, middle.fd() as usize, 0));
    assert_eq!(call(outer.fd(), b"deep").expect("call").data, b"deep!!");
}

fn calls_to_itself() {
    let door = Door::new(echo, 0);
    assert_eq!(info(door.fd()).expect("info").target, process_id());
    let through = Door::with_cookie(forwards, door.fd() as usize, 0);
    assert_eq!(call(through.fd(), b"self").expect("call").data, b"self!");
}

procedure!(
    /// Calls its own door until nothing is left.
    recurses(_, data, _) {
        let Some((door, rest)) = data.split_first() else {
            give_nothing();
            return;
        };
        let mut depth = vec![*door; 0];
        if !rest.is_empty() {
            depth = call(i32::from(*door), rest).expect("nested call").data;
        }
        depth.push(1);
        give(depth.leak());
    }
);

fn recursive_calls() {
    const DEPTH: usize = 25;
    let door = Door::new(recurses, 0);
    let reply = call(door.fd(), &[door.fd() as u8; DEPTH]).expect("call");
    assert_eq!(reply.data.len(), DEPTH);
    assert!(thread_count() <= DEPTH + 2);
}

fn threads_that_cannot_be_had() {
    fork(|| {
        crate::support::files::drop_privilege();
        let mut limit = libc::rlimit {
            rlim_cur: 1,
            rlim_max: 100,
        };
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limit) };
        let door = Door::new(echo, 0);
        let private = Door::new(echo, DOOR_PRIVATE);
        assert_eq!(thread_count(), 1, "nobody says so");
        assert_eq!(info(private.fd()).map(|_| ()), Ok(()));
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as before.
        unsafe { libc::setrlimit(libc::RLIMIT_NPROC, &limit) };
        // SAFETY: there is nothing to return.
        std::thread::spawn(|| unsafe { door_return(ptr::null_mut(), 0, ptr::null_mut(), 0) });
        assert_eq!(call(door.fd(), b"late").expect("call").data, b"late");
    })
    .succeed();
}

/// Binds the calling thread to one processor, the first or the last that it may use; returns which.
fn bind_to_processor(last: bool) -> usize {
    // SAFETY: the set is ours, and large enough for what the kernel knows.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size_of_val(&set), &mut set), 0);
        let mut allowed = (0..libc::CPU_SETSIZE as usize).filter(|cpu| libc::CPU_ISSET(*cpu, &set));
        let chosen = if last {
            allowed.next_back()
        } else {
            allowed.next()
        };
        let chosen = chosen.expect("there is a processor");
        libc::CPU_ZERO(&mut set);
        libc::CPU_SET(chosen, &mut set);
        assert_eq!(libc::sched_setaffinity(0, size_of_val(&set), &set), 0);
        chosen
    }
}

procedure!(
    /// Says where it runs.
    on_the_last_processor(_, _, _) {
        bind_to_processor(true);
        // SAFETY: asks about this thread.
        give(&unsafe { libc::sched_getcpu() }.to_ne_bytes());
    }
);

fn on_different_processors() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let (_server, door) = server(|| Door::new(on_the_last_processor, 0));
    let own = bind_to_processor(false);
    for _ in 0..100 {
        let data = call(door.fd(), b"").expect("call").data;
        let servers = i32::from_ne_bytes(data.try_into().expect("a number")) as usize;
        assert_eq!(servers != own, processors > 1);
        // SAFETY: asks about this thread.
        assert_eq!(unsafe { libc::sched_getcpu() } as usize, own);
    }
}
