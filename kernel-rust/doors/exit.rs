// SPDX-License-Identifier: GPL-2.0

//! The end of threads, processes and calls: called by exit, exec, core dumps and signals through
//! `linux/doors.h`.

use crate::{
    binding,
    model::call::Reason,
    process::Process,
    serve,
    thread::Current,
    waiting, //
};
use kernel::{
    bindings,
    prelude::*,
    task::Task, //
};

/// Does the process of the current thread die, or is it replaced by another program?
fn process_ends() -> bool {
    // SAFETY: The signal struct of the current task is valid; all three are looked at without a
    // lock by others, too.
    unsafe {
        let signal = (*Task::current_raw()).signal;
        let flags = (&raw const (*signal).flags).read_volatile();
        let exec = (&raw const (*signal).group_exec_task).read_volatile();
        let alive = (&raw const (*signal).live.counter).read_volatile();
        flags & bindings::SIGNAL_GROUP_EXIT != 0 || !exec.is_null() || alive == 1
    }
}

/// The current thread exits. If its whole process does, the doors are revoked before any call
/// fails, so that a caller that tries again is told `EBADF` (SI-31).
#[export]
unsafe extern "C" fn __doors_exit_thread() {
    if process_ends() {
        revoke();
    }
    if let Some(me) = Current::get_existing() {
        leave(&me);
        me.forget();
    }
}

/// The last thread exits, or has become another program (SI-34).
#[export]
unsafe extern "C" fn __doors_exit_process() {
    Process::retire();
    if let Some(me) = Current::get_existing() {
        leave(&me);
        me.forget();
    }
}

/// The process is about to die and may dump core first: nobody shall wait for that (SI-33).
#[export]
unsafe extern "C" fn __doors_revoke_all() {
    revoke();
    if let Some(me) = Current::get_existing() {
        leave(&me);
    }
}

/// A handler is about to run in the current thread.
#[export]
unsafe extern "C" fn __doors_signal_delivered() {
    if let Some(me) = Current::get_existing() {
        waiting::interrupted(&me);
    }
}

/// A thread leaves its calls, on both sides, and the door that it is bound to (BI-6).
fn leave(me: &Current) {
    waiting::give_up(me, Reason::Dying);
    serve::abandon(me);
    drop(binding::replace(me, None));
}

fn revoke() {
    if let Some(process) = Process::existing() {
        process.revoke_all();
    }
}
