// SPDX-License-Identifier: MIT OR Apache-2.0
//! Either side is stopped or traced: a call takes longer, and nothing else.

use crate::credentials::credentials;
use crate::support::call::{arg, raw};
use crate::support::process::{server, End};
use crate::support::raw::{bind, make, Server};
use crate::support::threads::{interrupts, serve, start, until_in, until_parked, Caller};
use crate::support::{call, errno, fork, pattern, tests, until, Child, Door, Flag};
use doors_uapi::abi::DOOR_PRIVATE;
use doors_uapi::syscalls::{SYS_DOOR_CALL, SYS_DOOR_RETURN};
use doors_uapi::Errno;
use std::ptr;

tests!(tracing:
    stopped_server_delays => "SH-12",
    stopped_parked_server_is_not_found => "SH-12 TP-3",
    stopped_queued_caller => "SI-3 SH-11",
    reply_to_a_stopped_caller => "SH-11",
    stopped_caller_is_killed => "SI-6 SI-7 DA-23",
    stopped_caller_runs_a_handler => "SI-2 SI-10 UC-1",
    traced_caller => "SI-3 SH-10",
    traced_queued_caller => "SI-3 SH-10",
    traced_parked_server => "SH-10 RE-7",
    traced_serving_server => "SH-10 SH-12",
    every_system_call_of_a_caller => "SH-10 CA-5",
    every_system_call_of_a_server => "SH-10 DA-10",
);

/// A door of this process, a thread that serves it when it is told to, and a client in a process of its own.
struct Scene {
    client: Child,
    server: i32,
    serving: &'static Flag,
    go_on: &'static Flag,
}

/// Replies that go through a kernel buffer, straight into the client's buffer, and into a mapping.
const SIZES: [usize; 3] = [100, 1000, 50_000];

impl Scene {
    fn new() -> Self {
        let (serving, go_on) = (Flag::shared(), Flag::shared());
        // With a pool of its own, which no other scene's thread is in.
        let door = make(DOOR_PRIVATE, 0);
        let fd = door.fd();
        let client = fork(|| {
            for size in SIZES {
                let data = pattern(size);
                assert_eq!(call(door.fd(), &data).expect("no call is lost").data, data);
            }
        });
        // Not waiting until it is parked: the client calls at once.
        let server = start(move || {
            bind(fd).expect("bind");
            Server::new().serve(|request| {
                serving.set(request.size as i32);
                until("the test lets it go on", || {
                    go_on.get() == request.size as i32
                });
                request.bytes()
            });
        });
        std::mem::forget(door);
        Self {
            client,
            server,
            serving,
            go_on,
        }
    }

    /// `disturb` happens to the client while each of its calls is served.
    fn play(self, disturb: impl FnMut(i32)) {
        self.perform(disturb, None);
    }

    /// `hold` stops the client while each of its calls is served, and `release` lets it go on when the reply is there.
    fn play_held(self, hold: impl FnMut(i32), release: fn(i32)) {
        self.perform(hold, Some(release));
    }

    fn perform(self, mut disturb: impl FnMut(i32), release: Option<fn(i32)>) {
        for size in SIZES {
            until("the call is served", || self.serving.get() == size as i32);
            until_in(self.client.pid, self.client.pid, SYS_DOOR_CALL);
            disturb(self.client.pid);
            self.go_on.set(size as i32);
            if let Some(release) = release {
                // It has replied, or waits for its caller to make room for the reply.
                until_parked(self.server);
                release(self.client.pid);
            }
        }
        self.client.succeed();
    }
}

fn signal(process: i32, signal: i32) {
    // SAFETY: the process is a child that has not been reaped.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

/// Waits until a child has stopped, and says how.
fn until_stopped(process: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the child is ours, or traced by us.
    let waited = unsafe { libc::waitpid(process, &mut status, libc::WUNTRACED | libc::__WALL) };
    assert_eq!(waited, process, "{:?}", errno());
    assert!(libc::WIFSTOPPED(status), "{status:#x}");
    status >> 8
}

fn stop(process: i32) {
    signal(process, libc::SIGSTOP);
    until_stopped(process);
}

fn ptrace(request: u32, process: i32, data: usize) {
    // SAFETY: none of the requests used here writes to our memory.
    let failed = unsafe { libc::ptrace(request, process, ptr::null_mut::<libc::c_void>(), data) };
    assert_eq!(failed, 0, "request {request:#x}: {:?}", errno());
}

/// Attaches, in the old way, which sends a SIGSTOP, or the new one, which does not; lets go again.
fn trace_shortly(process: i32, how: u32) {
    trace(process, how);
    let_go(process);
}

const WAYS: [u32; 2] = [libc::PTRACE_ATTACH, libc::PTRACE_SEIZE];

/// A server process, whose only thread serves.
fn one_thread(serving: &'static Flag, go_on: &'static Flag) -> (Child, Door) {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let child = fork(|| {
        let door = make(0, 0);
        crate::support::process::send_descriptor(&theirs, door.fd());
        Server::new().serve(|request| {
            serving.add(1);
            until("the test lets it go on", || go_on.get() >= serving.get());
            request.bytes()
        });
    });
    (
        child,
        Door(crate::support::process::receive_descriptor(&ours)),
    )
}

fn stopped_server_delays() {
    let (serving, go_on) = (Flag::shared(), Flag::shared());
    let (child, door) = one_thread(serving, go_on);
    for times in 1..=3 {
        let caller = Caller::start(door.fd(), b"patience");
        until("the call is served", || serving.get() == times);
        stop(child.pid);
        go_on.set(times);
        caller.until_blocked();
        assert!(!caller.is_finished());
        signal(child.pid, libc::SIGCONT);
        assert_eq!(caller.result(), Ok(b"patience".to_vec()));
    }
}

fn stopped_parked_server_is_not_found() {
    let (serving, go_on) = (Flag::shared(), Flag::shared());
    go_on.set(i32::MAX);
    let (child, door) = one_thread(serving, go_on);
    for times in 1..=3 {
        until_in(child.pid, child.pid, SYS_DOOR_RETURN);
        stop(child.pid);
        let caller = Caller::blocked(door.fd(), b"patience");
        assert_eq!(serving.get(), times - 1);
        signal(child.pid, libc::SIGCONT);
        assert_eq!(caller.result(), Ok(b"patience".to_vec()));
        assert_eq!(serving.get(), times);
    }
}

fn stopped_queued_caller() {
    let door = make(0, 0);
    let client = fork(|| assert_eq!(call(door.fd(), b"data").expect("call").data, b"data"));
    until_in(client.pid, client.pid, SYS_DOOR_CALL);
    stop(client.pid);
    signal(client.pid, libc::SIGCONT);
    until_in(client.pid, client.pid, SYS_DOOR_CALL);
    stop(client.pid);
    let server = serve(|| (), |request| request.bytes());
    assert_ne!(server, 0);
    signal(client.pid, libc::SIGCONT);
    client.succeed();
}

/// The reply is complete while its caller is stopped.
fn reply_to_a_stopped_caller() {
    Scene::new().play_held(stop, |client| signal(client, libc::SIGCONT));
}

/// The server waits for room for its reply, which there never will be.
fn stopped_caller_is_killed() {
    let (serving, go_on) = (Flag::shared(), Flag::shared());
    let door = make(0, 0);
    let client = fork(|| drop(call(door.fd(), b"x")));
    let server = start(|| {
        Server::new().serve(|request| match &request.bytes()[..] {
            b"x" => {
                serving.set(1);
                go_on.await_set("the client is stopped");
                pattern(50_000)
            }
            other => other.to_vec(),
        })
    });
    serving.await_set("the call is served");
    stop(client.pid);
    go_on.set(1);
    until_parked(server);
    client.kill(libc::SIGKILL);
    assert_eq!(client.wait(), End::Killed(libc::SIGKILL));
    assert_eq!(call(door.fd(), b"next").expect("call").data, b"next");
}

/// Its call is over: nobody answers for it any more, and nobody writes to its buffer.
fn stopped_caller_runs_a_handler() {
    let (serving, go_on) = (Flag::shared(), Flag::shared());
    let (back, replied) = (Flag::shared(), Flag::shared());
    let door = make(0, 0);
    let client = fork(|| {
        interrupts(libc::SIGCONT);
        let mut rbuf = vec![0; 64 << 10];
        let mut arguments = arg(b"x", &mut rbuf);
        assert_eq!(raw(door.fd(), &mut arguments), Err(Errno::EINTR));
        back.set(1);
        replied.await_set("the server has replied");
        assert!(rbuf.iter().all(|byte| *byte == 0));
    });
    let server = start(|| {
        Server::new().serve(|_| {
            serving.set(1);
            go_on.await_set("the client is back");
            assert_eq!(credentials(0), Err(Errno::EINVAL));
            pattern(50_000)
        })
    });
    serving.await_set("the call is served");
    until_in(client.pid, client.pid, SYS_DOOR_CALL);
    stop(client.pid);
    signal(client.pid, libc::SIGCONT);
    back.await_set("the client is back");
    go_on.set(1);
    until_parked(server);
    replied.set(1);
    client.succeed();
}

/// Attaches, and keeps the process stopped.
fn trace(process: i32, how: u32) {
    ptrace(how, process, 0);
    if how == libc::PTRACE_SEIZE {
        ptrace(libc::PTRACE_INTERRUPT, process, 0);
    }
    until_stopped(process);
}

fn let_go(process: i32) {
    ptrace(libc::PTRACE_DETACH, process, 0);
}

fn traced_caller() {
    for how in WAYS {
        Scene::new().play(|client| (0..3).for_each(|_| trace_shortly(client, how)));
        // The reply comes while it is held by its tracer.
        Scene::new().play_held(|client| trace(client, how), let_go);
    }
}

fn traced_queued_caller() {
    for how in WAYS {
        let (child, door) = server(|| make(0, 0));
        let client = fork(|| {
            let _ = call(door.fd(), b"data");
            panic!("nobody serves");
        });
        for _ in 0..3 {
            until_in(client.pid, client.pid, SYS_DOOR_CALL);
            trace_shortly(client.pid, how);
        }
        until_in(client.pid, client.pid, SYS_DOOR_CALL);
        // It has not come back with an error, nor was it forgotten.
        client.kill(libc::SIGKILL);
        assert_eq!(client.wait(), End::Killed(libc::SIGKILL));
        drop(child);
    }
}

fn traced_parked_server() {
    let (serving, go_on) = (Flag::shared(), Flag::shared());
    go_on.set(i32::MAX);
    let (child, door) = one_thread(serving, go_on);
    for how in WAYS {
        for _ in 0..3 {
            until_in(child.pid, child.pid, SYS_DOOR_RETURN);
            trace_shortly(child.pid, how);
            // At once, wherever the server is by now.
            assert_eq!(call(door.fd(), b"traced").expect("call").data, b"traced");
        }
        // A call that comes while it is held waits.
        until_in(child.pid, child.pid, SYS_DOOR_RETURN);
        trace(child.pid, how);
        let caller = Caller::blocked(door.fd(), b"held");
        let_go(child.pid);
        assert_eq!(caller.result(), Ok(b"held".to_vec()));
    }
}

fn traced_serving_server() {
    let (serving, go_on) = (Flag::shared(), Flag::shared());
    let (child, door) = one_thread(serving, go_on);
    for (how, times) in WAYS.into_iter().zip(1..) {
        let caller = Caller::start(door.fd(), b"traced");
        until("the call is served", || serving.get() == times);
        trace_shortly(child.pid, how);
        caller.until_blocked();
        go_on.set(times);
        assert_eq!(caller.result(), Ok(b"traced".to_vec()));
    }
}

/// Runs a traced child from one system call stop to the next, until it ends; returns how many stops there were, and how
/// many of them were at the beginning of system call `number`.
fn run_traced(process: i32, number: u64, mut enough: impl FnMut() -> bool) -> (usize, usize) {
    const SYSTEM_CALL_STOP: i32 = libc::SIGTRAP | 0x80;
    let (mut stops, mut entries, mut inside) = (0, 0, false);
    loop {
        let mut status = 0;
        // SAFETY: the child is ours.
        let waited = unsafe { libc::waitpid(process, &mut status, libc::__WALL) };
        assert_eq!(waited, process, "{:?}", errno());
        if !libc::WIFSTOPPED(status) {
            assert!(
                libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
                "{status:#x}"
            );
            return (stops, entries);
        }
        let mut deliver = 0;
        if libc::WSTOPSIG(status) == SYSTEM_CALL_STOP {
            stops += 1;
            inside = !inside;
            // SAFETY: registers are integers, and the buffer is ours.
            let called = unsafe {
                let mut registers: libc::user_regs_struct = std::mem::zeroed();
                let got = libc::ptrace(
                    libc::PTRACE_GETREGS,
                    process,
                    ptr::null_mut::<libc::c_void>(),
                    &raw mut registers,
                );
                assert_eq!(got, 0, "{:?}", errno());
                registers.orig_rax
            };
            entries += usize::from(inside && called == number);
        } else if status >> 16 == 0 && libc::WSTOPSIG(status) != libc::SIGTRAP {
            deliver = libc::WSTOPSIG(status) as usize;
        }
        if enough() {
            ptrace(libc::PTRACE_DETACH, process, deliver);
            return (stops, entries);
        }
        ptrace(libc::PTRACE_SYSCALL, process, deliver);
    }
}

const CALLS: usize = 20;

fn every_system_call_of_a_caller() {
    let door = make(0, 0);
    serve(|| (), |request| request.bytes());
    let go_on = Flag::shared();
    let client = fork(|| {
        go_on.await_set("the tracer is there");
        for round in 0..CALLS {
            let data = pattern(round * 1000);
            assert_eq!(call(door.fd(), &data).expect("call").data, data);
        }
    });
    ptrace(
        libc::PTRACE_SEIZE,
        client.pid,
        libc::PTRACE_O_TRACESYSGOOD as usize,
    );
    ptrace(libc::PTRACE_INTERRUPT, client.pid, 0);
    go_on.set(1);
    let (_, entries) = run_traced(client.pid, SYS_DOOR_CALL as u64, || false);
    assert_eq!(entries, CALLS);
    // It has been reaped.
    std::mem::forget(client);
}

fn every_system_call_of_a_server() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let child = fork(|| {
        let door = make(0, 0);
        crate::support::process::send_descriptor(&theirs, door.fd());
        Server::new().serve(|request| request.bytes());
    });
    let door = Door(crate::support::process::receive_descriptor(&ours));
    let (go_on, done) = (Flag::shared(), Flag::shared());
    // The calls are made elsewhere: a tracer that waits for its own tracee's reply waits for ever.
    let client = fork(|| {
        go_on.await_set("the tracer is there");
        for round in 0..CALLS {
            let data = pattern(round * 1000);
            assert_eq!(call(door.fd(), &data).expect("call").data, data);
        }
        done.set(1);
        // Ignored, but for the tracer to see.
        signal(child.pid, libc::SIGWINCH);
    });
    ptrace(
        libc::PTRACE_SEIZE,
        child.pid,
        libc::PTRACE_O_TRACESYSGOOD as usize,
    );
    ptrace(libc::PTRACE_INTERRUPT, child.pid, 0);
    go_on.set(1);
    let (stops, entries) = run_traced(child.pid, SYS_DOOR_RETURN as u64, || done.get() == 1);
    assert!(
        stops >= 2 * CALLS && entries >= CALLS,
        "{stops} stops, {entries} of them in door_return"
    );
    client.succeed();
    assert_eq!(
        call(door.fd(), b"untraced").expect("call").data,
        b"untraced"
    );
}
