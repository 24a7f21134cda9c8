// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real processes and threads of one sequence, as the driver sees them.

use crate::look::{Glass, Watch};
use crate::wire::{Order, Report};
use crate::worker::{self, Hall};
use crate::{cookie_of, translate};
use doors_reference::operation::Operation;
use doors_reference::system::{Next, State, System};
use doors_reference::{Happening, Outcome, ProcessId, ThreadId};
use doors_uapi::abi::DOOR_IS_UNREF;
use doors_uapi::syscalls::{SYS_DOOR_CALL, SYS_DOOR_RETURN, SYS_DOOR_UNREF};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// What the driver knows of the real system.
pub(crate) struct Machine {
    hall: &'static Hall,
    /// By the numbers of the reference.
    processes: Vec<Real>,
    threads: Vec<Seen>,
    /// The uniquifier of each door that has been asked about.
    uniquifiers: BTreeMap<usize, u64>,
}

struct Real {
    id: i32,
    watch: Watch,
}

/// What has been seen of a thread so far.
#[derive(Default)]
struct Seen {
    reports: u32,
    cancels: u32,
    /// None before it is there.
    glass: Option<Glass>,
    /// What it did when it was last looked at through that.
    state: Option<State>,
}

/// How well the real system is described by something that the reference says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is just so.
    Exact,
    /// Something has not happened yet.
    NotYet(String),
    /// Something has happened that must not.
    Wrong(String),
}

impl Machine {
    /// Forks the first process.
    pub(crate) fn new(hall: &'static Hall) -> Self {
        hall.seats.clear();
        // SAFETY: this process has one thread, and the child can go on.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                let worker = || worker::first(hall);
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(worker));
                // SAFETY: ends the child without the driver's exit handlers.
                unsafe { libc::_exit(101) }
            }
            _ => {}
        }
        Self {
            hall,
            processes: Vec::new(),
            threads: Vec::new(),
            uniquifiers: BTreeMap::new(),
        }
    }

    /// Does an operation, up to the point where it has been asked for.
    pub(crate) fn begin(&mut self, before: &System, operation: &Operation) {
        match *operation {
            Operation::Do(thread, action) => {
                let order = Order {
                    action,
                    newborn: before.threads.len(),
                    cookie: cookie_of(before.doors.len()),
                };
                self.hall.seats.of(thread.0).give_order(&order.encode());
            }
            Operation::Interrupt(thread) => self.signal(before, thread, libc::SIGUSR1),
            Operation::Disturb(thread) => self.signal(before, thread, libc::SIGWINCH),
            Operation::Kill(process) => {
                // SAFETY: the process is one of ours, and has not been waited for.
                unsafe { libc::kill(self.processes[process.0].id, libc::SIGKILL) };
            }
        }
    }

    fn signal(&self, before: &System, thread: ThreadId, signal: libc::c_int) {
        let process = self.processes[before.threads[thread.0].process.0].id;
        let thread = self.hall.seats.of(thread.0).thread.load(Ordering::Acquire);
        // SAFETY: as in `begin`.
        unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
    }

    /// Gets to know processes that have been born, once they are there.
    fn meet(&mut self, system: &System) -> Result<(), String> {
        for number in self.processes.len()..system.processes.len() {
            let process = ProcessId(number);
            let first = system.threads_of(process).next();
            let seat = first.map(|thread| self.hall.seats.of(thread.0));
            let seat = seat.filter(|seat| seat.thread.load(Ordering::Acquire) != 0);
            let Some(seat) = seat else {
                return Err(format!("{process} is born"));
            };
            let id = seat.process.load(Ordering::Relaxed);
            let watch = Watch::new(id);
            self.processes.push(Real { id, watch });
        }
        self.threads
            .resize_with(system.threads.len(), Seen::default);
        for (number, seen) in self.threads.iter_mut().enumerate() {
            let thread = ThreadId(number);
            if seen.glass.is_some() || !system.exists(thread) {
                continue;
            }
            let seat = self.hall.seats.of(number);
            let id = seat.thread.load(Ordering::Acquire);
            let process = seat.process.load(Ordering::Relaxed);
            seen.glass = (id != 0).then(|| Glass::new(process, id)).flatten();
            if seen.glass.is_none() {
                return Err(format!("{thread} is born"));
            }
        }
        Ok(())
    }

    /// Compares with what the reference says. Cheap while something is missing.
    pub(crate) fn fit(&mut self, next: &Next) -> Fit {
        if let Err(missing) = self.meet(&next.system) {
            return Fit::NotYet(missing);
        }
        let nothing = Happening::default();
        let mut missing = None;
        for number in 0..next.system.threads.len() {
            let thread = ThreadId(number);
            if next.system.exists(thread) {
                let expected = next.happenings.get(&thread).unwrap_or(&nothing);
                match self.fit_happening(thread, expected) {
                    Fit::Exact => {}
                    Fit::NotYet(what) => missing = missing.or(Some(what)),
                    wrong => return wrong,
                }
            }
        }
        match missing.or_else(|| self.stirring(next)) {
            None => Fit::Exact,
            Some(what) => Fit::NotYet(what),
        }
    }

    fn fit_happening(&self, thread: ThreadId, expected: &Happening) -> Fit {
        let seat = self.hall.seats.of(thread.0);
        let seen = &self.threads[thread.0];
        let cancels = seat.cancels.load(Ordering::Acquire) - seen.cancels;
        let news = seat.reports() - seen.reports;
        let wanted = u32::from(expected.cancelled);
        if cancels > wanted {
            return Fit::Wrong(format!("{thread} is told that its caller has left"));
        }
        let report = if news == 0 { None } else { seat.last_report() };
        match (&expected.outcome, report) {
            (None, None) => {}
            (Some(outcome), None) => return Fit::NotYet(format!("{thread}: {outcome:?}")),
            (expected, Some(words)) => {
                let actual = self.translate(&Report::decode(&words));
                match actual {
                    Ok(actual) if expected.as_ref().is_some_and(|it| alike(it, &actual)) => {}
                    Ok(actual) => {
                        let expected = match expected {
                            Some(expected) => format!("{expected:?}"),
                            None => "nothing".into(),
                        };
                        return Fit::Wrong(format!("{thread}: {actual:?} instead of {expected}"));
                    }
                    Err(wrong) => return Fit::Wrong(format!("{thread}: {wrong}")),
                }
            }
        }
        if cancels < wanted {
            return Fit::NotYet(format!("{thread} is told that its caller has left"));
        }
        Fit::Exact
    }

    fn translate(&self, report: &Report) -> Result<Outcome, String> {
        translate::outcome(report, &self.process_ids(), &self.uniquifiers)
    }

    fn process_ids(&self) -> Vec<i32> {
        self.processes.iter().map(|process| process.id).collect()
    }

    /// What has not come to rest yet, if anything has not. Of a thread that did the same before nothing is to be
    /// expected but reports: looking at all of them is for [`Self::look_at_all`].
    fn stirring(&self, next: &Next) -> Option<String> {
        let system = &next.system;
        for (number, real) in self.processes.iter().enumerate() {
            let process = ProcessId(number);
            let (alive, ended) = (system.is_alive(process), real.watch.has_ended());
            if alive == ended {
                let what = if alive { "lives" } else { "has ended" };
                return Some(format!("{process} {what}"));
            }
        }
        for (number, thread) in system.threads.iter().enumerate() {
            let name = ThreadId(number);
            let seen = &self.threads[number];
            let same = seen.state == Some(thread.state) && !next.happenings.contains_key(&name);
            let Some(glass) = seen.glass.as_ref().filter(|_| !same) else {
                continue;
            };
            let Some(call) = call_of(&thread.state) else {
                // When the process has ended, so have its threads.
                if system.is_alive(thread.process) && !glass.has_ended() {
                    return Some(format!("{name} has ended"));
                }
                continue;
            };
            if glass.sleeps_in() != Some(call) {
                return Some(format!("{name} sleeps in {call}, being {:?}", thread.state));
            }
        }
        None
    }

    /// The next comparison looks at every thread.
    pub(crate) fn look_at_all(&mut self) {
        for seen in &mut self.threads {
            seen.state = None;
        }
    }

    /// Goes on from there. What has happened since is for the next comparison.
    pub(crate) fn accept(&mut self, next: &Next) {
        for (number, seen) in self.threads.iter_mut().enumerate() {
            seen.state = Some(next.system.threads[number].state);
        }
        for (thread, happening) in &next.happenings {
            let seen = &mut self.threads[thread.0];
            seen.cancels += u32::from(happening.cancelled);
            if happening.outcome.is_none() {
                continue;
            }
            seen.reports += 1;
            if let Some(words) = self.hall.seats.of(thread.0).last_report() {
                translate::learn(&Report::decode(&words), &mut self.uniquifiers);
            }
        }
    }

    /// What there is to see, for people.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        for (number, seen) in self.threads.iter().enumerate() {
            let seat = self.hall.seats.of(number);
            let report = match seat.last_report() {
                Some(words) if seat.reports() > seen.reports => {
                    format!("has reported {:?}", self.translate(&Report::decode(&words)))
                }
                _ => "has reported nothing".into(),
            };
            let where_it_is = match seen.glass.as_ref().and_then(Glass::sleeps_in) {
                Some(call) => format!("sleeps in system call {call}"),
                None => "does not sleep".into(),
            };
            text += &format!("  thread {number} {report}, {where_it_is}\n");
        }
        text
    }
}

/// The system call that a thread is in; none if it is not any more.
fn call_of(state: &State) -> Option<usize> {
    match state {
        State::Running => Some(libc::SYS_futex as usize),
        State::Parked => Some(SYS_DOOR_RETURN),
        State::Calling(_) => Some(SYS_DOOR_CALL),
        State::Awaiting => Some(SYS_DOOR_UNREF),
        State::Gone => None,
    }
}

impl Drop for Machine {
    /// Ends all that is left, and waits until it is gone.
    fn drop(&mut self) {
        let mut left = Vec::new();
        for number in 0..doors_reference::system::THREADS {
            left.push(self.hall.seats.of(number).process.load(Ordering::Acquire));
        }
        left.sort_unstable();
        left.dedup();
        for process in left.into_iter().filter(|process| *process > 0) {
            // SAFETY: this process is their reaper: none of these numbers is somebody else's before it has waited
            // for them.
            unsafe { libc::kill(process, libc::SIGKILL) };
        }
        // Those whose parents end become ours.
        // SAFETY: waits for children.
        while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
    }
}

/// Is this what was expected? What the information for a depletion call-back says of references is nowhere written.
fn alike(expected: &Outcome, actual: &Outcome) -> bool {
    let (mut expected, mut actual) = (expected.clone(), actual.clone());
    for outcome in [&mut expected, &mut actual] {
        if let Outcome::Invoked(invocation) = outcome {
            if let Some(info) = &mut invocation.info {
                info.attributes &= !DOOR_IS_UNREF;
            }
        }
    }
    expected == actual
}
