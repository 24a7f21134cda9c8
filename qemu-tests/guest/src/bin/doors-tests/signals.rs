// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals, on either side of a call.

use crate::support::process::until_others_sleep;
use crate::support::server::{descriptor, give_with, procedure};
use crate::support::threads::{tgkill, until_parked, Caller};
use crate::support::{
    call, echo, fails, fork, give, process_id, tests, thread_id, until, Door, Flag,
};
use doors_uapi::abi::{DOOR_PRIVATE, DOOR_RELEASE};
use doors_uapi::Errno;
use solaris_doors::door::door_return;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::Duration;

tests!(signals:
    queued_caller_is_told_eagain => "CA-2.8 CA-2.10 SI-1",
    served_caller_is_told_eintr => "CA-1 CA-2.19 SI-2",
    restarting_handlers_do_not_restart_calls => "CA-1 SI-2",
    harmless_signals_do_not_abort => "SI-3",
    stopped_caller_goes_on => "SI-3 SH-11",
    fork_does_not_abort => "SI-4 DX-7",
    server_goes_on_after_an_abort => "SI-10 RE-4",
    parked_thread_handles_signals => "RE-7",
    parked_thread_of_a_client => "RE-8",
    returning_without_a_client => "RE-4 DE-16",
);

static HANDLED_BY: Flag = Flag::new();

extern "C" fn handler(_: libc::c_int) {
    HANDLED_BY.set(thread_id());
}

fn handle(signal: libc::c_int, flags: libc::c_int) {
    // SAFETY: the handler only stores a number.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(signal, &action, ptr::null_mut()), 0);
    }
}

static ENTERED: Flag = Flag::new();
static LEAVE: Flag = Flag::new();
static RETURNED: Flag = Flag::new();

procedure!(
    /// Serves until the test says so.
    lingers(_, data, _) {
        ENTERED.set(thread_id());
        LEAVE.await_set("the test lets the server go on");
        RETURNED.add(1);
        give(data);
    }
);

/// A door that nobody serves: private, with a pool that no thread joins (TP-14).
fn unserved() -> Door {
    Door::new(echo, DOOR_PRIVATE)
}

fn queued_caller_is_told_eagain() {
    handle(libc::SIGUSR1, 0);
    let door = unserved();
    let client = Caller::blocked(door.fd(), b"data");
    client.signal(libc::SIGUSR1);
    assert_eq!(client.result(), Err(Errno::EAGAIN));
}

fn aborted(flags: libc::c_int) {
    handle(libc::SIGUSR1, flags);
    let door = Door::new(lingers, 0);
    let client = Caller::blocked(door.fd(), b"data");
    ENTERED.await_set("the call is served");
    client.signal(libc::SIGUSR1);
    let id = client.id;
    assert_eq!(client.result(), Err(Errno::EINTR));
    assert_eq!(HANDLED_BY.get(), id);
    LEAVE.set(1);
    until("the server returns to nobody", || RETURNED.get() == 1);
    assert_eq!(call(door.fd(), b"next").expect("call").data, b"next");
}

fn served_caller_is_told_eintr() {
    aborted(0);
}

fn restarting_handlers_do_not_restart_calls() {
    aborted(libc::SA_RESTART);
}

fn harmless_signals_do_not_abort() {
    let door = Door::new(lingers, 0);
    let client = Caller::blocked(door.fd(), b"data");
    // Ignored by default.
    client.signal(libc::SIGWINCH);
    client.signal(libc::SIGCHLD);
    std::thread::sleep(Duration::from_millis(50));
    LEAVE.set(1);
    assert_eq!(client.result(), Ok(b"data".to_vec()));
}

fn stopped_caller_goes_on() {
    let served = Flag::shared();
    SERVED.get_or_init(|| served);
    let door = Door::new(lingers_shared, 0);
    let client = fork(|| {
        assert_eq!(call(door.fd(), b"data").expect("call").data, b"data");
    });
    until("the call is served", || served.get() == 1);
    client.kill(libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(50));
    served.set(2);
    std::thread::sleep(Duration::from_millis(50));
    client.kill(libc::SIGCONT);
    client.succeed();
}

static SERVED: std::sync::OnceLock<&'static Flag> = std::sync::OnceLock::new();

procedure!(
    /// As `lingers`, for clients in other processes.
    lingers_shared(_, data, _) {
        let served = SERVED.get().expect("the test made it");
        served.set(1);
        until("the test lets the server go on", || served.get() == 2);
        give(data);
    }
);

fn fork_does_not_abort() {
    let door = Door::new(lingers, 0);
    let client = Caller::blocked(door.fd(), b"data");
    fork(|| ()).succeed();
    LEAVE.set(1);
    assert_eq!(client.result(), Ok(b"data".to_vec()));
}

fn server_goes_on_after_an_abort() {
    let served = Flag::shared();
    SERVED.get_or_init(|| served);
    let door = Door::new(lingers_shared, 0);
    let client = fork(|| {
        let _ = call(door.fd(), b"data");
    });
    until("the call is served", || served.get() == 1);
    client.kill(libc::SIGKILL);
    assert_eq!(
        client.wait(),
        crate::support::process::End::Killed(libc::SIGKILL)
    );
    served.set(2);
    for _ in 0..3 {
        let next = fork(|| {
            assert_eq!(call(door.fd(), b"next").expect("call").data, b"next");
        });
        until("the next call is served", || served.get() == 1);
        served.set(2);
        next.succeed();
    }
}

procedure!(
    /// Says who serves.
    tells_thread(_, _, _) {
        give(&thread_id().to_ne_bytes());
    }
);

fn parked_thread_handles_signals() {
    handle(libc::SIGUSR1, 0);
    let door = Door::new(tells_thread, 0);
    let serving = || {
        let data = call(door.fd(), b"").expect("call").data;
        i32::from_ne_bytes(data.try_into().expect("four bytes"))
    };
    // Once the second thread has come, the pool is LIFO.
    serving();
    until_others_sleep();
    let thread = serving();
    for _ in 0..10 {
        until_parked(thread);
        HANDLED_BY.set(0);
        tgkill(thread, libc::SIGUSR1);
        assert_eq!(HANDLED_BY.await_set("the handler runs"), thread);
        until_parked(thread);
        assert_eq!(serving(), thread, "it is parked again, and first in line");
    }
}

fn parked_thread_of_a_client() {
    handle(libc::SIGUSR1, 0);
    let main = process_id();
    let waker = std::thread::spawn(move || {
        until_parked(main);
        tgkill(main, libc::SIGUSR1);
    });
    // SAFETY: there is nothing to return.
    let returned = unsafe { door_return(ptr::null_mut(), 0, ptr::null_mut(), 0) };
    assert_eq!(fails(returned), Errno::EINTR);
    waker.join().expect("waker");
}

procedure!(
    /// Waits for its client to go, and then returns a descriptor to nobody.
    returns_to_nobody(_, _, descriptors) {
        if descriptors.is_empty() {
            ENTERED.set(thread_id());
            LEAVE.await_set("the client goes");
            let file = File::open("/dev/null").expect("open");
            let kept = File::open("/dev/null").expect("open");
            RETURNED.set(file.as_raw_fd());
            KEPT.set(kept.as_raw_fd());
            // The data is not looked at.
            let entries = [descriptor(&file, DOOR_RELEASE), descriptor(&kept, 0)];
            give_with(b"", &entries);
        }
    }
);

static KEPT: Flag = Flag::new();

fn returning_without_a_client() {
    handle(libc::SIGUSR1, 0);
    let door = Door::new(returns_to_nobody, 0);
    let client = Caller::blocked(door.fd(), b"data");
    let server = ENTERED.await_set("the call is served");
    client.signal(libc::SIGUSR1);
    assert_eq!(client.result(), Err(Errno::EINTR));
    LEAVE.set(1);
    let released = RETURNED.await_set("the server returns");
    until_parked(server);
    // SAFETY: these look at descriptors.
    unsafe {
        assert_eq!(
            libc::fcntl(released, libc::F_GETFD),
            -1,
            "released although nobody took it"
        );
        assert_ne!(libc::fcntl(KEPT.get(), libc::F_GETFD), -1);
    }
}
