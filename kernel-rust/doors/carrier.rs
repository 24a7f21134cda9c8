// SPDX-License-Identifier: GPL-2.0

//! How the CPU gets from one side of a call to the other.
//!
//! Both sides do the same three things: say how they are going to sleep ([`prepare`]), publish what
//! the peer shall find, and [`transfer`] the CPU. A peer that acts between the first and the last
//! step makes the sleeper runnable again, so nothing is lost. The state comes before the
//! publication for a second reason: a carrier that switches straight to the peer needs to find this
//! thread asleep already.
//!
//! There are two carriers. The *hand-off* switches straight to the peer; the scheduler turns it
//! into the other one by itself where it must (see `kernel/sched/handoff.h`). The *wake-up* wakes
//! the peer and sleeps. Which one is tried first can be chosen in debugfs, to compare them.

use kernel::{
    bindings,
    debugfs,
    fmt,
    prelude::*,
    sync::atomic::{
        ordering::Relaxed,
        Atomic, //
    },
    task::Task,
    uaccess::UserSliceReader, //
};

/// Is the hand-off tried first?
static HAND_OFF: Atomic<u32> = Atomic::new(1);

/// The file `doors/carrier`: the name of the carrier that is tried first.
pub(crate) struct Choice;

impl Choice {
    const NAMES: [&str; 2] = ["wake", "hand-off"];
}

impl debugfs::Writer for Choice {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chosen = Self::NAMES.get(HAND_OFF.load(Relaxed) as usize);
        writeln!(f, "{}", chosen.unwrap_or(&""))
    }
}

impl debugfs::Reader for Choice {
    fn read_from_slice(&self, reader: &mut UserSliceReader) -> Result {
        let mut text = [0; 16];
        let text = text.get_mut(..reader.len()).ok_or(EINVAL)?;
        reader.read_slice(text)?;
        let chosen = Self::NAMES
            .iter()
            .position(|name| text.trim_ascii() == name.as_bytes());
        HAND_OFF.store(chosen.ok_or(EINVAL)? as u32, Relaxed);
        Ok(())
    }
}

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
#[inline]
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
#[inline]
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
#[inline]
pub(crate) fn transfer(peer: Option<&Task>) {
    // SAFETY: Process context; the doors subsystem holds no lock here (see `doors.rs`). The
    // reference keeps the peer's task alive.
    unsafe {
        match peer {
            Some(peer) if HAND_OFF.load(Relaxed) != 0 => {
                bindings::schedule_handoff(peer.as_ptr());
                return;
            }
            Some(peer) => peer.wake_up(),
            None => {}
        }
        bindings::schedule();
    }
}

/// Ends what [`prepare`] began.
pub(crate) fn resume() {
    // SAFETY: Only changes how the current task is seen by the scheduler.
    unsafe { bindings::__set_current_state(bindings::TASK_RUNNING) };
}
