// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that is told of its unreferenced doors.

use super::process_id;
use super::raw::{self, make, Call};
use super::server::Door;
use super::threads::{serve, start, until_in};
use super::wait::until;
use doors_uapi::abi::{DOOR_UNREF, DOOR_UNREF_MULTI};
use doors_uapi::syscalls::{self, SYS_DOOR_UNREF};
use doors_uapi::Errno;
use std::sync::Mutex;

/// The cookies of the doors that were unreferenced, in order.
static NOTICES: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// What [`quiet`] uses.
const SENTINEL: usize = 0x5E47;

/// `door_unref`, which comes back to fail.
pub(crate) fn unref() -> Errno {
    // SAFETY: has no preconditions.
    match unsafe { syscalls::door_unref() } {
        Ok(()) => panic!("door_unref never succeeds"),
        Err(error) => error,
    }
}

/// Starts the thread that waits for unreferenced doors, and waits until it does.
pub(crate) fn start_unref_thread() -> i32 {
    let thread = start(|| loop {
        assert_eq!(unref(), Errno::EINTR);
    });
    until_in(process_id(), thread, SYS_DOOR_UNREF);
    thread
}

/// A procedure: notes what is unreferenced, and returns the data of other calls.
pub(crate) fn notes(call: &Call) -> Vec<u8> {
    if call.is_notification() {
        note(call.cookie);
    }
    // A notification may not be answered with data, and has none.
    if call.size == 0 {
        Vec::new()
    } else {
        call.bytes()
    }
}

pub(crate) fn note(cookie: usize) {
    NOTICES
        .lock()
        .expect("nobody panics with the lock")
        .push(cookie);
}

/// A thread of the shared pool, and one that waits for unreferenced doors.
pub(crate) fn watch() {
    serve(|| (), notes);
    start_unref_thread();
}

/// The notices so far, other than those of [`quiet`].
pub(crate) fn seen() -> Vec<usize> {
    let notices = NOTICES.lock().expect("nobody panics with the lock");
    notices
        .iter()
        .copied()
        .filter(|cookie| *cookie != SENTINEL)
        .collect()
}

/// Waits until exactly these notices have come, and no more are on their way.
#[track_caller]
pub(crate) fn expect(expected: &[usize]) {
    until(&format!("the notices are {expected:?}"), || {
        seen().len() >= expected.len()
    });
    quiet();
    assert_eq!(seen(), expected);
}

/// Waits until everything that was on its way has come.
///
/// Notices come one after the other (UN-9). What was waiting when the first sentinel was queued has come when the
/// second one has, in whatever order the kernel takes them.
#[track_caller]
pub(crate) fn quiet() {
    let sentinels = || {
        let notices = NOTICES.lock().expect("nobody panics with the lock");
        notices.iter().filter(|cookie| **cookie == SENTINEL).count()
    };
    for _ in 0..2 {
        let before = sentinels();
        let door = make(DOOR_UNREF, SENTINEL);
        drop(door.dup());
        until("a sentinel's notice comes", || sentinels() > before);
    }
}

/// Whether the one notice of a `DOOR_UNREF` door has been queued: its bit is gone then (UN-8).
#[track_caller]
pub(crate) fn is_spent(door: &Door) -> bool {
    raw::attributes(door.fd()) & (DOOR_UNREF | DOOR_UNREF_MULTI) == 0
}
