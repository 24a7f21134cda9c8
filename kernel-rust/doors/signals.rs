// SPDX-License-Identifier: GPL-2.0

//! What signals want of a thread that waits.

use crate::abi::DOOR_SIGCANCEL;
use kernel::{
    bindings,
    prelude::*,
    task::Task, //
};

/// Is a signal waiting for the current thread, or anything else that wants it out of the kernel?
pub(crate) fn pending() -> bool {
    current!().signal_pending()
}

/// Is the current thread about to be killed?
pub(crate) fn fatal_pending() -> bool {
    // SAFETY: The current task is valid.
    unsafe { bindings::fatal_signal_pending(Task::current_raw()) != 0 }
}

/// The signals which by default stop a process, continue it, or do nothing.
const HARMLESS: u64 = bit(bindings::SIGSTOP)
    | bit(bindings::SIGTSTP)
    | bit(bindings::SIGTTIN)
    | bit(bindings::SIGTTOU)
    | bit(bindings::SIGCONT)
    | bit(bindings::SIGCHLD)
    | bit(bindings::SIGWINCH)
    | bit(bindings::SIGURG);

const fn bit(signal: u32) -> u64 {
    1 << (signal - 1)
}

/// Will one of the waiting signals run a handler, or kill? If none will, as with a stop, a debugger
/// or the freezer, the program notices nothing, and neither may its calls (SI-3).
///
/// A glance without locks: a signal that arrives meanwhile is seen at the next one.
pub(crate) fn handler_or_death_pending() -> bool {
    // SAFETY: The current task owns its signal structures; all that is read are words that others
    // write as a whole.
    unsafe {
        let task = Task::current_raw();
        let own = (&raw const (*task).pending.signal.sig[0]).read_volatile();
        let shared = (&raw const (*(*task).signal).shared_pending.signal.sig[0]).read_volatile();
        let blocked = (&raw const (*task).blocked.sig[0]).read_volatile();
        let waiting = ((own | shared) & !blocked) as u64;
        (1..=u64::BITS)
            .filter(|signal| waiting & bit(*signal) != 0)
            .any(|signal| {
                let action =
                    &raw const (*(*task).sighand).action[signal as usize - 1].sa.sa_handler;
                // SIG_DFL and SIG_IGN are the addresses 0 and 1.
                match action.cast::<usize>().read_volatile() {
                    0 => HARMLESS & bit(signal) == 0,
                    1 => false,
                    _ => true,
                }
            })
    }
}

/// What a call that has not begun ends with because of what is [`pending`]: with nothing that the
/// program notices, it begins again (SI-3).
#[cold]
pub(crate) fn before_the_call() -> Error {
    if handler_or_death_pending() {
        EAGAIN
    } else {
        ERESTARTNOHAND
    }
}

/// Runs `leave`, which says whether `server` is left alone in the middle of its procedure; if so,
/// and if its process handles it, the server is sent the signal for that (SI-11).
///
/// Both happen under the lock of the server's signals, and a server that finds its caller gone goes
/// through the same lock ([`await_cancel`]) before it serves the next one: so the signal never
/// comes for the wrong call.
pub(crate) fn cancel<R>(server: &Task, leave: impl FnOnce() -> (R, bool)) -> R {
    let mut flags = 0;
    // SAFETY: The task is valid; nothing is locked if the result is null.
    let sighand = unsafe { bindings::lock_task_sighand(server.as_ptr(), &mut flags) };
    if sighand.is_null() {
        // The server has exited.
        return leave().0;
    }
    let (left, alone) = leave();
    // SAFETY: The lock is held, so the actions do not change. SIG_DFL and SIG_IGN are the addresses
    // 0 and 1. The number 1 in place of information means "from the kernel".
    unsafe {
        let action = &raw const (*sighand).action[DOOR_SIGCANCEL as usize - 1].sa.sa_handler;
        if alone && action.cast::<usize>().read() > 1 {
            bindings::send_signal_locked(
                DOOR_SIGCANCEL,
                core::ptr::without_provenance_mut(1),
                server.as_ptr(),
                bindings::pid_type_PIDTYPE_PID,
            );
        }
        bindings::unlock_task_sighand(server.as_ptr(), &mut flags);
    }
    left
}

/// The current thread has found that the caller that it served has left: waits until that caller
/// has sent what it had to send.
pub(crate) fn await_cancel() {
    let mut flags = 0;
    // SAFETY: The current task is valid and has signals until it has exited.
    unsafe {
        let task = Task::current_raw();
        if !bindings::lock_task_sighand(task, &mut flags).is_null() {
            bindings::unlock_task_sighand(task, &mut flags);
        }
    }
}
