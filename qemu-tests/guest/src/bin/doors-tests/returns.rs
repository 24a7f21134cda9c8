// SPDX-License-Identifier: MIT OR Apache-2.0
//! Returning from unusual places, with results that cannot be given, and to clients that have left.

use crate::support::fds::{close, is_open, null, pipe};
use crate::support::process::until_others_sleep;
use crate::support::server::{descriptor, give_with, procedure};
use crate::support::threads::{interrupts, Caller};
use crate::support::{
    call, call_with, errno, fails, fork, give, give_nothing, open_descriptors, tests, thread_id,
    until, Door, Flag,
};
use doors_uapi::abi::{DoorDesc, DOOR_RELEASE};
use doors_uapi::Errno;
use solaris_doors::door::{door_call, door_return};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::ptr;
use std::sync::Mutex;

tests!(returns:
    unreadable_descriptors => "RE-5.6 RE-6 DX-2",
    client_is_full_and_the_reply_is_large => "RE-5.8 RE-6 DE-13",
    results_after_a_call_that_failed => "DX-1 CA-4",
    from_deep_within => "SI-53 DA-10",
    from_a_signal_handler => "SI-54",
    on_a_foreign_stack => "RE-2",
    descriptors_of_an_interrupted_call => "DE-15 SI-10",
);

static ERROR: Flag = Flag::new();
static OFFERED: Flag = Flag::new();

procedure!(
    /// Offers descriptors out of nowhere.
    offers_unreadable(_, _, _) {
        let nowhere: *mut DoorDesc = ptr::without_provenance_mut(4096);
        for data in [&b""[..], b"data", &[1; 20_000]] {
            // SAFETY: a bad address is an error.
            unsafe { door_return(data.as_ptr().cast_mut().cast(), data.len(), nowhere, 2) };
            ERROR.set(errno().number());
            if ERROR.get() != Errno::EFAULT.number() {
                break;
            }
        }
        give(b"none");
    }
);

fn unreadable_descriptors() {
    let door = Door::new(offers_unreadable, 0);
    assert_eq!(call(door.fd(), b"").expect("call").data, b"none");
    assert_eq!(ERROR.get(), Errno::EFAULT.number());
}

procedure!(
    /// Offers much data and many descriptors.
    offers_much(_, _, _) {
        let file = null();
        ERROR.set(give_with(&[1; 20_000], &[descriptor(&file, DOOR_RELEASE); 20]).number());
        OFFERED.set(i32::from(is_open(file.as_raw_fd())));
        give_nothing();
    }
);

fn client_is_full_and_the_reply_is_large() {
    let door = Door::new(offers_much, 0);
    fork(|| {
        let limit = libc::rlimit {
            rlim_cur: 12,
            rlim_max: 12,
        };
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        let open = open_descriptors();
        let reply = call(door.fd(), b"").expect("the server gives up and gives nothing");
        assert_eq!((reply.data.len(), reply.descriptors.len()), (0, 0));
        assert_eq!(open, open_descriptors());
    })
    .succeed();
    assert_eq!(ERROR.get(), Errno::EMFILE.number());
    assert_eq!(OFFERED.get(), 1, "nothing is released");
}

fn results_after_a_call_that_failed() {
    let door = Door::new(crate::support::echo, 0);
    for _ in 0..3 {
        // SAFETY: null is allowed.
        let called = unsafe { door_call(-1, ptr::null_mut()) };
        assert_eq!(fails(called), Errno::EBADF);
        assert_eq!(call(door.fd(), b"results").expect("call").data, b"results");
    }
}

static LOCK: Mutex<()> = Mutex::new(());

/// Returns from the door at the bottom of a recursion.
#[inline(never)]
fn descend(depth: u32) -> u32 {
    match depth {
        0 => {
            std::mem::forget(LOCK.lock());
            give(b"from below");
            0
        }
        _ => std::hint::black_box(descend(depth - 1) + 1),
    }
}

procedure!(
    /// Recurses with a lock held, unless it is.
    recurses(_, _, _) {
        if LOCK.try_lock().is_err() {
            give(b"still locked");
        }
        descend(500);
    }
);

fn from_deep_within() {
    let door = Door::new(recurses, 0);
    assert_eq!(call(door.fd(), b"").expect("call").data, b"from below");
    for _ in 0..20 {
        assert_eq!(call(door.fd(), b"").expect("call").data, b"still locked");
    }
}

extern "C" fn gives(_: libc::c_int) {
    give(b"handler");
}

procedure!(
    /// Has a signal handler reply, unless the signal is blocked: then it says who it is.
    signals_itself(_, data, _) {
        if data.is_empty() {
            give(b"warm");
        }
        // SAFETY: the set is initialised by the call; the signal goes to this very thread.
        unsafe {
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut blocked);
            if libc::sigismember(&blocked, libc::SIGUSR1) == 1 {
                give(&thread_id().to_ne_bytes());
            }
            OFFERED.set(thread_id());
            libc::raise(libc::SIGUSR1);
        }
        give(b"procedure");
    }
);

fn from_a_signal_handler() {
    // SAFETY: the handler leaves the procedure that raises its signal, and nothing of it is needed any more.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = gives as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
    }
    let door = Door::new(signals_itself, 0);
    // As many threads as there will be.
    call(door.fd(), b"").expect("call");
    until_others_sleep();
    assert_eq!(call(door.fd(), b"x").expect("call").data, b"handler");
    until_others_sleep();
    // The thread that parked last serves, and nobody has restored its signal mask.
    let thread = call(door.fd(), b"x").expect("call").data;
    assert_eq!(thread, OFFERED.get().to_ne_bytes());
}

extern "C" fn tries_to_park(_: libc::c_int) {
    // SAFETY: there is nothing to return.
    unsafe { door_return(ptr::null_mut(), 0, ptr::null_mut(), 0) };
    ERROR.set(errno().number());
}

fn on_a_foreign_stack() {
    let mut memory = vec![0_u8; 64 << 10];
    // SAFETY: the stack outlives the handler, which runs once, here.
    unsafe {
        let stack = libc::stack_t {
            ss_sp: memory.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: memory.len(),
        };
        let mut before: libc::stack_t = std::mem::zeroed();
        assert_eq!(libc::sigaltstack(&stack, &mut before), 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = tries_to_park as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()), 0);
        assert_eq!(libc::raise(libc::SIGUSR1), 0);
        assert_eq!(libc::sigaltstack(&before, ptr::null_mut()), 0);
    }
    assert_eq!(ERROR.get(), Errno::EINVAL.number());
}

static ENTERED: Flag = Flag::new();
static LEAVE: Flag = Flag::new();
static READ_END: Flag = Flag::new();

procedure!(
    /// Closes what it got, and gives a descriptor, but not before its client is gone.
    gives_late(_, _, descriptors) {
        ENTERED.set(1);
        LEAVE.await_set("the client is gone");
        descriptors.iter().for_each(|entry| close(entry.descriptor));
        let (read, write) = pipe();
        READ_END.set(read.into_raw_fd());
        let write = crate::support::fds::Raw(write.into_raw_fd());
        give_with(b"late", &[descriptor(&write, DOOR_RELEASE)]);
    }
);

/// Waits until nobody has the other end of a pipe.
#[track_caller]
fn until_closed(read: &impl AsRawFd) {
    let mut entry = libc::pollfd {
        fd: read.as_raw_fd(),
        events: 0,
        revents: 0,
    };
    until("the other end is closed", || {
        // SAFETY: there is one entry, and it is ours.
        unsafe { libc::poll(&mut entry, 1, 0) == 1 && entry.revents & libc::POLLHUP != 0 }
    });
}

fn descriptors_of_an_interrupted_call() {
    interrupts(libc::SIGUSR1);
    let door = Door::new(gives_late, 0);
    let (ours, sent) = pipe();
    let open = open_descriptors();
    let (fd, sent) = (door.fd(), sent.into_raw_fd());
    let client = std::thread::spawn(move || {
        let entries = [descriptor(&crate::support::fds::Raw(sent), DOOR_RELEASE)];
        ERROR.set(thread_id());
        call_with(fd, b"", &entries).map(|reply| reply.data)
    });
    ENTERED.await_set("the call is served");
    crate::support::threads::tgkill(ERROR.get(), libc::SIGUSR1);
    until("the client is back", || client.is_finished());
    assert_eq!(client.join().expect("client"), Err(Errno::EINTR));
    LEAVE.set(1);
    until_closed(&ours);
    let read = READ_END.await_set("the server returns");
    // SAFETY: the descriptor is new, and nobody else's.
    let late = unsafe { <std::fs::File as std::os::fd::FromRawFd>::from_raw_fd(read) };
    until_closed(&late);
    drop(late);
    let left: Vec<i32> = open.into_iter().filter(|fd| *fd != sent).collect();
    assert_eq!(open_descriptors(), left);
    let next = Caller::start(door.fd(), b"");
    assert_eq!(next.result().expect("call"), b"late");
}
