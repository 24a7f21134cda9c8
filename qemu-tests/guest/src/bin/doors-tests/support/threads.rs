// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads of a test: servers that are known to be parked, callers that are known to wait, and signals for both.

use super::call::call;
use super::raw::{Call, Server};
use super::wait::{until, until_ok, Flag};
use super::{process_id, thread_id};
use doors_uapi::syscalls::{SYS_DOOR_CALL, SYS_DOOR_RETURN};
use doors_uapi::Errno;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::thread::JoinHandle;

/// Starts a thread; a panic in it ends the test at once. Returns its number.
pub(crate) fn start(body: impl FnOnce() + Send + 'static) -> i32 {
    let id = std::sync::Arc::new(Flag::new());
    let told = id.clone();
    std::thread::spawn(move || {
        told.set(thread_id());
        if catch_unwind(AssertUnwindSafe(body)).is_err() {
            // SAFETY: ends the process.
            unsafe { libc::_exit(101) };
        }
    });
    id.await_set("a thread runs")
}

/// Starts a thread that runs `setup` and then serves, and waits until it is parked.
pub(crate) fn serve(
    setup: impl FnOnce() + Send + 'static,
    procedure: impl FnMut(&Call) -> Vec<u8> + Send + 'static,
) -> i32 {
    let id = start(move || {
        setup();
        Server::new().serve(procedure);
    });
    until_parked(id);
    id
}

/// Waits until a thread of this process sleeps in `door_return`.
#[track_caller]
pub(crate) fn until_parked(thread: i32) {
    until_in(process_id(), thread, SYS_DOOR_RETURN);
}

/// Waits until a thread sleeps in a system call. The kernel tells the number only of threads that sleep.
#[track_caller]
pub(crate) fn until_in(process: i32, thread: i32, number: usize) {
    let path = format!("/proc/{process}/task/{thread}/syscall");
    let number = number.to_string();
    let mut times = 0;
    until_ok("a thread sleeps in its system call", || {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| error.to_string());
        let inside = text.split_whitespace().next() == Some(&number);
        // Twice: on its way it may have slept for something else.
        times = if inside { times + 1 } else { 0 };
        if times == 2 {
            Ok(())
        } else {
            Err(format!("{number}, not {text}"))
        }
    });
}

/// A caller in a thread of its own.
pub(crate) struct Caller {
    thread: JoinHandle<Result<Vec<u8>, Errno>>,
    pub(crate) id: i32,
}

impl Caller {
    /// Calls; it may be that nobody serves.
    pub(crate) fn start(door: i32, data: &[u8]) -> Self {
        Self::prepared(door, data, || ())
    }

    /// Calls, and waits until it is asleep in its call.
    pub(crate) fn blocked(door: i32, data: &[u8]) -> Self {
        let caller = Self::start(door, data);
        caller.until_blocked();
        caller
    }

    /// Calls after `prepare`, in the caller's thread.
    pub(crate) fn prepared(
        door: i32,
        data: &[u8],
        prepare: impl FnOnce() + Send + 'static,
    ) -> Self {
        let id = std::sync::Arc::new(Flag::new());
        let (told, data) = (id.clone(), data.to_vec());
        let thread = std::thread::spawn(move || {
            prepare();
            told.set(thread_id());
            call(door, &data).map(|reply| reply.data)
        });
        Self {
            thread,
            id: id.await_set("the caller runs"),
        }
    }

    pub(crate) fn until_blocked(&self) {
        until_in(process_id(), self.id, SYS_DOOR_CALL);
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    pub(crate) fn signal(&self, signal: i32) {
        tgkill(self.id, signal);
    }

    /// What it came back with.
    pub(crate) fn result(self) -> Result<Vec<u8>, Errno> {
        until("the caller is back", || self.thread.is_finished());
        self.thread.join().expect("callers do not panic")
    }
}

/// Signals a thread of this process.
#[track_caller]
pub(crate) fn tgkill(thread: i32, signal: i32) {
    // SAFETY: the thread exists as long as the test waits for it.
    let failed = unsafe { libc::syscall(libc::SYS_tgkill, process_id(), thread, signal) };
    assert_eq!(failed, 0, "{:?}", super::errno());
}

/// Sets what a signal does: a handler with its three arguments, `SIG_DFL` or `SIG_IGN`.
pub(crate) fn handle(signal: i32, handler: usize) {
    // SAFETY: the handlers of the tests do no more than store numbers.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
    }
}

/// A handler that does nothing, so that a signal just interrupts.
pub(crate) extern "C" fn nothing(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// Makes a signal interrupt, and do nothing else.
pub(crate) fn interrupts(signal: i32) {
    handle(signal, nothing as *const () as usize);
}
