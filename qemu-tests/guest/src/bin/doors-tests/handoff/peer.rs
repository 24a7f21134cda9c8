// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server process that is kept in the middle of a call for as long as the test likes, and tells where it runs.

use super::hogs::{burn, count, here, FIRST};
use crate::support::process::server;
use crate::support::raw::{make, Call};
use crate::support::threads::{serve, Caller};
use crate::support::{call, thread_id, Child, Door, Flag};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a server does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Manner {
    /// Replies at once.
    Echo = 0,
    /// Computes until it is let go.
    Busy = 1,
    /// Sleeps, over and over again, until it is let go.
    Asleep = 2,
    /// Computes for as many milliseconds of its own time as the second byte says.
    Burn = 3,
}

/// How far a procedure has come that computes for some time.
pub(super) const BEGUN: i32 = 1;
pub(super) const ENDED: i32 = 2;

pub(super) struct Peer {
    pub(super) child: Child,
    pub(super) door: Door,
    /// The only thread that serves.
    pub(super) thread: i32,
    /// How far the busy thread has come. It goes on while that runs.
    pub(super) progress: &'static Flag,
    /// Lets a thread go that is busy or asleep.
    let_go: &'static Flag,
    /// Whether it has been on the first CPU, and on another one, since these were last 0.
    seen: [&'static Flag; 2],
}

impl Peer {
    pub(super) fn new() -> Peer {
        let [thread, progress, let_go, first, second] = [(); 5].map(|()| Flag::shared());
        let seen = [first, second];
        let (child, door) = server(|| {
            serve(
                move || thread.set(thread_id()),
                move |call| {
                    carry_out(call, progress, let_go, seen);
                    call.bytes()
                },
            );
            make(0, 0)
        });
        Peer {
            child,
            door,
            thread: thread.get(),
            progress,
            let_go,
            seen,
        }
    }

    /// Calls, and waits until the procedure runs.
    pub(super) fn begin(&self, manner: Manner) -> Caller {
        self.let_go.set(0);
        self.progress.set(0);
        let caller = Caller::start(self.door.fd(), &[manner as u8]);
        self.progress.await_set("the procedure runs");
        caller
    }

    /// The same, with a client that does more than that.
    pub(super) fn begin_with<T: Send + 'static>(
        &self,
        manner: Manner,
        client: impl FnOnce(Vec<u8>) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.let_go.set(0);
        self.progress.set(0);
        let client = std::thread::spawn(move || client(vec![manner as u8]));
        self.progress.await_set("the procedure runs");
        client
    }

    /// Lets the procedure go; the caller must get its answer.
    #[track_caller]
    pub(super) fn end(&self, caller: Caller, manner: Manner) {
        self.release();
        assert_eq!(caller.result(), Ok(vec![manner as u8]));
    }

    /// Lets the procedure go.
    pub(super) fn release(&self) {
        self.let_go.set(1);
    }

    /// Makes the next call last.
    pub(super) fn hold(&self) {
        self.let_go.set(0);
    }

    /// Makes a call in this process that lasts until somebody else lets the procedure go.
    #[track_caller]
    pub(super) fn end_of_a_call(&self, manner: Manner) {
        let reply = call(self.door.fd(), &[manner as u8]);
        assert_eq!(reply.expect("call").data, [manner as u8]);
    }

    /// The CPUs that the procedure is seen on from now on, after it has gone on for a while.
    pub(super) fn cpus(&self) -> u64 {
        // Where it was before it may be told only now.
        self.await_progress();
        self.seen[0].set(0);
        self.seen[1].set(0);
        self.await_progress();
        (self.seen[0].get() | self.seen[1].get() << 1) as u64
    }

    fn await_progress(&self) {
        let before = self.progress.get();
        crate::support::until("the procedure goes on", || {
            self.progress.get().wrapping_sub(before) > 5
        });
    }

    /// A call that is answered at once.
    #[track_caller]
    pub(super) fn echo(&self) {
        let data = [Manner::Echo as u8, 7, 8, 9];
        assert_eq!(call(self.door.fd(), &data).expect("call").data, data);
    }

    /// Some calls, until both are where they stay and calls are carried in the usual way.
    #[track_caller]
    pub(super) fn settle(&self) {
        (0..20).for_each(|_| self.echo());
    }

    /// Has the server compute.
    #[track_caller]
    pub(super) fn burn(&self, milliseconds: u8) {
        let data = [Manner::Burn as u8, milliseconds];
        assert_eq!(call(self.door.fd(), &data).expect("call").data, data);
    }
}

fn carry_out(call: &Call, progress: &Flag, let_go: &Flag, seen: [&Flag; 2]) {
    let request = call.bytes();
    let go_on = |step: &dyn Fn()| {
        while let_go.get() == 0 {
            step();
            seen[usize::from(here() != FIRST)].set(1);
            progress.add(1);
        }
    };
    match request.first() {
        Some(1) => go_on(&|| count(500)),
        Some(2) => go_on(&|| std::thread::sleep(Duration::from_micros(200))),
        Some(3) => {
            progress.set(BEGUN);
            burn(Duration::from_millis(request[1].into()));
            progress.set(ENDED);
        }
        _ => {}
    }
}
