// SPDX-License-Identifier: GPL-2.0

//! How the CPU gets from one side of a call to the other.
//!
//! Both sides do the same three things: say how they are going to sleep ([`prepare`]), publish what
//! the peer shall find, and [`transfer`] the CPU. A peer that acts between the first and the last
//! step makes the sleeper runnable again, so nothing is lost. The state comes before the
//! publication for a second reason: a carrier that switches straight to the peer needs to find this
//! thread asleep already.
//!
//! There is one carrier today: wake the peer, then sleep.

use kernel::{
    bindings,
    task::Task, //
};

/// What may end a sleep besides the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// Any signal.
    Interruptible,
    /// A signal that kills.
    Killable,
}

/// Has the current task put work off until it returns to user mode? Closing a file for good is such
/// work.
pub(crate) fn is_unsettled() -> bool {
    // SAFETY: The current task is valid; others may add to the list at any time.
    !unsafe { (&raw const (*Task::current_raw()).task_works).read_volatile() }.is_null()
}

/// Does the work that the current task has put off: before a sleep that may be long, because
/// somebody may wait for the end of what it has closed.
pub(crate) fn settle() {
    if is_unsettled() {
        // SAFETY: Process context; the doors subsystem holds no lock here (see `doors.rs`).
        unsafe { bindings::task_work_run() };
    }
}

/// Marks the current thread as asleep; it runs on until [`transfer`].
///
/// Until [`resume`], the thread must do nothing that may sleep, nor drop what might.
pub(crate) fn prepare(sleep: Sleep) {
    let state = match sleep {
        Sleep::Interruptible => bindings::TASK_INTERRUPTIBLE | bindings::TASK_FREEZABLE,
        Sleep::Killable => {
            bindings::TASK_WAKEKILL | bindings::TASK_UNINTERRUPTIBLE | bindings::TASK_FREEZABLE
        }
    };
    // SAFETY: Only changes how the current task is seen by the scheduler.
    unsafe { bindings::set_current_state(state) };
}

/// Gives the CPU to `peer`, if there is one, and sleeps until the peer or a signal wakes this
/// thread; does not sleep at all if that has happened since [`prepare`].
pub(crate) fn transfer(peer: Option<&Task>) {
    // SAFETY: Process context; the doors subsystem holds no lock here (see `doors.rs`). The
    // reference keeps the peer's task alive.
    unsafe {
        match peer {
            Some(peer) => bindings::schedule_handoff(peer.as_ptr()),
            None => bindings::schedule(),
        }
    }
}

/// Ends what [`prepare`] began.
pub(crate) fn resume() {
    // SAFETY: Only changes how the current task is seen by the scheduler.
    unsafe { bindings::__set_current_state(bindings::TASK_RUNNING) };
}
