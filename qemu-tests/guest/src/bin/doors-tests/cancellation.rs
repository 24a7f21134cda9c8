// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server thread learns when its caller gives up.

use crate::support::process::End;
use crate::support::raw::{make, Call};
use crate::support::threads::{handle, interrupts, serve, until_parked, Caller};
use crate::support::{call, errno, fork, process_id, tests, thread_id, until, Flag};
use doors_uapi::abi::{DOOR_NO_CANCEL, DOOR_SIGCANCEL};
use doors_uapi::Errno;
use std::ptr;

tests!(cancellation:
    of_an_interrupted_caller => "SI-10 SI-11",
    of_a_killed_caller => "SI-7 SI-11",
    of_a_caller_that_executes => "SI-7 SI-11",
    not_without_cancellation => "SI-11 SI-15",
    not_by_default => "SI-11",
    not_if_ignored => "SI-11",
    blocked_it_stays_pending => "SI-11",
    system_calls_are_interrupted => "SI-12",
    next_call_is_served => "SI-10 RE-4",
    chains_collapse => "SI-13",
    chains_hold_without_cancellation => "SI-13",
    not_of_a_queued_caller => "SI-1 SI-11",
    not_before_the_procedure => "SI-14",
    not_without_an_abort => "SI-5 SI-11",
    harmless_signals_cancel_nobody => "SI-3 SI-11",
);

/// How often the signal was handled, where the last time, and what it said.
static HANDLED: Flag = Flag::new();
static THREAD: Flag = Flag::new();
static CODE: Flag = Flag::new();

extern "C" fn cancelled(_: i32, information: *mut libc::siginfo_t, _: *mut libc::c_void) {
    THREAD.set(thread_id());
    // SAFETY: the kernel passes it to a handler that has asked for it.
    CODE.set(unsafe { (*information).si_code });
    HANDLED.add(1);
}

fn handle_cancellation() {
    handle(DOOR_SIGCANCEL, cancelled as *const () as usize);
    interrupts(libc::SIGUSR1);
}

static ENTERED: Flag = Flag::new();
static LEAVE: Flag = Flag::new();
static LEFT: Flag = Flag::new();

/// A procedure that serves until its caller has left, or the test says so.
fn lingers(request: &Call) -> Vec<u8> {
    ENTERED.set(thread_id());
    until("the caller leaves", || LEAVE.get() != 0 || has_left());
    LEFT.add(1);
    request.bytes()
}

fn has_left() -> bool {
    crate::credentials::credentials(0).map(drop) == Err(Errno::EINVAL)
}

/// Interrupts a caller that is being served.
#[track_caller]
fn interrupt(caller: Caller) {
    caller.until_blocked();
    caller.signal(libc::SIGUSR1);
    assert_eq!(caller.result(), Err(Errno::EINTR));
}

fn pending() -> bool {
    // SAFETY: asks for a set of ours.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        assert_eq!(libc::sigpending(&mut set), 0);
        libc::sigismember(&set, DOOR_SIGCANCEL) == 1
    }
}

fn mask(how: i32) {
    // SAFETY: changes this thread's mask.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&mut set, DOOR_SIGCANCEL);
        assert_eq!(libc::pthread_sigmask(how, &set, ptr::null_mut()), 0);
    }
}

#[track_caller]
fn assert_cancelled(server: i32) {
    HANDLED.await_set("the server thread is told");
    assert_eq!(
        (THREAD.get(), CODE.get(), HANDLED.get()),
        (server, libc::SI_KERNEL, 1)
    );
}

fn of_an_interrupted_caller() {
    handle_cancellation();
    let door = make(0, 0);
    // One that serves, and one that has nothing to do with it.
    serve(|| (), lingers);
    let server = serve(|| (), lingers);
    let caller = Caller::start(door.fd(), b"");
    assert_eq!(ENTERED.await_set("the call is served"), server);
    interrupt(caller);
    assert_cancelled(server);
    until("the procedure ends", || LEFT.get() == 1);
    until_parked(server);
    assert_eq!(HANDLED.get(), 1);
}

fn of_a_killed_caller() {
    handle_cancellation();
    let door = make(0, 0);
    let server = serve(|| (), lingers);
    let client = fork(|| drop(call(door.fd(), b"")));
    ENTERED.await_set("the call is served");
    client.kill(libc::SIGKILL);
    assert_eq!(client.wait(), End::Killed(libc::SIGKILL));
    assert_cancelled(server);
}

fn of_a_caller_that_executes() {
    handle_cancellation();
    let door = make(0, 0);
    let server = serve(|| (), lingers);
    let go_on = Flag::shared();
    let client = fork(|| {
        let _caller = Caller::blocked(door.fd(), b"");
        go_on.await_set("the call is served");
        use std::os::unix::process::CommandExt;
        let error = std::process::Command::new("/proc/self/exe")
            .arg(crate::support::IDLE)
            .exec();
        panic!("exec: {error}");
    });
    ENTERED.await_set("the call is served");
    go_on.set(1);
    assert_cancelled(server);
    drop(client);
}

fn not_without_cancellation() {
    handle_cancellation();
    let door = make(DOOR_NO_CANCEL, 0);
    let server = serve(|| (), lingers);
    for times in 1..=5 {
        ENTERED.set(0);
        let caller = Caller::start(door.fd(), b"");
        ENTERED.await_set("the call is served");
        interrupt(caller);
        // It finds out by asking.
        until("the procedure ends", || LEFT.get() == times);
        until_parked(server);
    }
    assert_eq!(HANDLED.get(), 0);
}

/// A server process whose disposition is `action` lives on, and nothing is left pending.
fn nobody_is_told(action: usize) {
    interrupts(libc::SIGUSR1);
    let serving = Flag::shared();
    let left = Flag::shared();
    let (server, door) = crate::support::process::server(|| {
        handle(DOOR_SIGCANCEL, action);
        serve(
            || (),
            |request| {
                serving.add(1);
                if request.size == 0 {
                    until("the caller leaves", has_left);
                    assert!(!pending());
                    // Nor when it can be seen only because it is blocked.
                    mask(libc::SIG_BLOCK);
                    assert!(!pending());
                    mask(libc::SIG_UNBLOCK);
                }
                left.add(1);
                request.bytes()
            },
        );
        make(0, 0)
    });
    for times in 1..=3 {
        let caller = Caller::start(door.fd(), b"");
        until("the call is served", || serving.get() == times);
        interrupt(caller);
        until("the procedure ends", || left.get() == times);
    }
    assert_eq!(call(door.fd(), b"alive").expect("call").data, b"alive");
    // SAFETY: signal 0 only asks.
    assert_eq!(unsafe { libc::kill(server.pid, 0) }, 0);
}

fn not_by_default() {
    nobody_is_told(libc::SIG_DFL);
}

fn not_if_ignored() {
    nobody_is_told(libc::SIG_IGN);
}

fn blocked_it_stays_pending() {
    handle_cancellation();
    let door = make(0, 0);
    let server = serve(
        || mask(libc::SIG_BLOCK),
        |request| {
            ENTERED.set(1);
            until("the caller leaves", has_left);
            until("the signal is pending", pending);
            assert_eq!(HANDLED.get(), 0);
            mask(libc::SIG_UNBLOCK);
            request.bytes()
        },
    );
    let caller = Caller::start(door.fd(), b"");
    ENTERED.await_set("the call is served");
    interrupt(caller);
    assert_cancelled(server);
}

fn system_calls_are_interrupted() {
    handle_cancellation();
    let door = make(0, 0);
    static ERROR: Flag = Flag::new();
    let server = serve(
        || (),
        |_| {
            ENTERED.set(1);
            // SAFETY: waits for a signal.
            assert_eq!(unsafe { libc::pause() }, -1);
            ERROR.set(errno().number());
            Vec::new()
        },
    );
    let caller = Caller::start(door.fd(), b"");
    ENTERED.await_set("the call is served");
    crate::support::threads::until_in(process_id(), server, libc::SYS_pause as usize);
    interrupt(caller);
    assert_eq!(ERROR.await_set("it wakes up"), Errno::EINTR.number());
    assert_cancelled(server);
}

fn next_call_is_served() {
    handle_cancellation();
    let door = make(0, 0);
    let server = serve(
        || (),
        |request| {
            if request.size == 0 {
                lingers(request)
            } else {
                request.bytes()
            }
        },
    );
    for times in 1..=10 {
        ENTERED.set(0);
        let caller = Caller::start(door.fd(), b"");
        ENTERED.await_set("the call is served");
        interrupt(caller);
        until("it is told", || HANDLED.get() == times);
        assert_eq!(call(door.fd(), b"next").expect("call").data, b"next");
    }
    until_parked(server);
    assert_eq!(HANDLED.get(), 10);
}

/// A chain of three: an outer caller, a middle server that calls, an inner server. The outer caller is interrupted.
/// Returns whether the middle server's own call failed, and how often the inner server was told.
fn chain(attributes: u32) -> (bool, i32) {
    interrupts(libc::SIGUSR1);
    let (inside, told, failed) = (Flag::shared(), Flag::shared(), Flag::shared());
    let (_inner, inner) = crate::support::process::server(|| {
        handle_cancellation();
        serve(
            || (),
            move |request| {
                inside.set(1);
                until("the caller leaves or the test says so", || {
                    has_left() || inside.get() == 2
                });
                if has_left() {
                    HANDLED.await_set("it is told");
                }
                told.set(HANDLED.get());
                request.bytes()
            },
        );
        make(0, 0)
    });
    let (_middle, middle) = crate::support::process::server(|| {
        handle_cancellation();
        let inner = inner.fd();
        serve(
            || (),
            move |request| {
                failed.set(match call(inner, &request.bytes()) {
                    Ok(reply) => {
                        assert_eq!(reply.data, request.bytes());
                        1
                    }
                    Err(error) => {
                        assert_eq!(error, Errno::EINTR);
                        2
                    }
                });
                assert!(has_left());
                Vec::new()
            },
        );
        make(attributes, 0)
    });
    let caller = Caller::start(middle.fd(), b"deep");
    inside.await_set("the inner server serves");
    interrupt(caller);
    if attributes & DOOR_NO_CANCEL != 0 {
        inside.set(2);
    }
    let failed = failed.await_set("the middle server's call ends") == 2;
    if failed {
        until("the inner server is told", || told.get() > 0);
    }
    (failed, told.get())
}

fn chains_collapse() {
    assert_eq!(chain(0), (true, 1));
}

fn chains_hold_without_cancellation() {
    assert_eq!(chain(DOOR_NO_CANCEL), (false, 0));
}

fn not_of_a_queued_caller() {
    handle_cancellation();
    let door = make(0, 0);
    let server = serve(|| (), lingers);
    let served = Caller::start(door.fd(), b"x");
    ENTERED.await_set("the call is served");
    let queued = Caller::blocked(door.fd(), b"y");
    queued.signal(libc::SIGUSR1);
    assert_eq!(queued.result(), Err(Errno::EAGAIN));
    LEAVE.set(1);
    assert_eq!(served.result(), Ok(b"x".to_vec()));
    until_parked(server);
    assert_eq!(HANDLED.get(), 0);
}

fn schedule(policy: i32, priority: i32) {
    // SAFETY: changes how this thread is scheduled.
    unsafe {
        let mut parameters: libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = priority;
        assert_eq!(
            libc::sched_setscheduler(0, policy, &parameters),
            0,
            "{:?}",
            errno()
        );
    }
}

fn pin_to_first_cpu() {
    // SAFETY: changes where this thread runs.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        assert_eq!(
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set),
            0
        );
    }
}

/// On one CPU, a caller and its interrupter leave no time for the server: it has been chosen, but does not begin.
fn not_before_the_procedure() {
    const ROUNDS: i32 = 20;
    handle_cancellation();
    static STARTED: Flag = Flag::new();
    static CALLER: Flag = Flag::new();
    let door = make(0, 0);
    let fd = door.fd();
    let server = serve(pin_to_first_cpu, |request| {
        STARTED.add(1);
        until("the caller leaves", has_left);
        request.bytes()
    });
    for _ in 0..ROUNDS {
        let before = STARTED.get();
        CALLER.set(0);
        let pest = std::thread::spawn(move || {
            pin_to_first_cpu();
            schedule(libc::SCHED_FIFO, 10);
            let caller = std::thread::spawn(move || {
                schedule(libc::SCHED_FIFO, 20);
                CALLER.set(thread_id());
                call(fd, b"").map(drop)
            });
            // Not asleep for a moment: the server would run. The caller, once it has told its number, runs until it
            // waits, before we run again.
            while CALLER.get() == 0 {
                std::thread::yield_now();
            }
            crate::support::threads::tgkill(CALLER.get(), libc::SIGUSR1);
            caller.join().expect("caller")
        });
        assert_eq!(pest.join().expect("pest"), Err(Errno::EINTR));
        until_parked(server);
        assert!(STARTED.get() - before <= 1);
        // Told if, and only if, it had begun.
        until("it is told", || HANDLED.get() >= STARTED.get());
    }
    assert_eq!(HANDLED.get(), STARTED.get());
    assert!(
        STARTED.get() < ROUNDS,
        "the server always won, and nothing was tested"
    );
}

/// Callers are pestered while short calls come and go: the server is told of every call that failed after it began,
/// and of no other.
fn not_without_an_abort() {
    handle_cancellation();
    static BEGUN: Flag = Flag::new();
    static ENDED: Flag = Flag::new();
    let door = make(0, 0);
    let fd = door.fd();
    let server = serve(
        || (),
        |request| {
            BEGUN.add(1);
            request.bytes()
        },
    );
    let client = std::thread::spawn(move || {
        let (mut answered, mut interrupted) = (0, 0);
        for _ in 0..1000 {
            match call(fd, b"data") {
                Ok(reply) => {
                    assert_eq!(reply.data, b"data");
                    answered += 1;
                }
                Err(Errno::EINTR) => interrupted += 1,
                Err(error) => assert_eq!(error, Errno::EAGAIN),
            }
        }
        ENDED.set(1);
        // Signals to a thread that is gone would fail.
        until("nobody pesters any more", || ENDED.get() == 2);
        (answered, interrupted)
    });
    let thread = std::os::unix::thread::JoinHandleExt::as_pthread_t(&client);
    while ENDED.get() == 0 {
        // SAFETY: the thread waits for us before it ends.
        unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
        std::thread::sleep(std::time::Duration::from_micros(50));
    }
    ENDED.set(2);
    let (answered, interrupted) = client.join().expect("client");
    until_parked(server);
    assert!(
        HANDLED.get() <= interrupted,
        "told {} times of {interrupted} aborts",
        HANDLED.get()
    );
    assert!((answered..=answered + interrupted).contains(&BEGUN.get()));
}

fn harmless_signals_cancel_nobody() {
    handle_cancellation();
    let door = make(0, 0);
    let server = serve(|| (), lingers);
    let caller = Caller::start(door.fd(), b"data");
    ENTERED.await_set("the call is served");
    for signal in [libc::SIGWINCH, libc::SIGCHLD, libc::SIGURG] {
        caller.until_blocked();
        caller.signal(signal);
    }
    caller.until_blocked();
    LEAVE.set(1);
    assert_eq!(caller.result(), Ok(b"data".to_vec()));
    until_parked(server);
    assert_eq!(HANDLED.get(), 0);
}
