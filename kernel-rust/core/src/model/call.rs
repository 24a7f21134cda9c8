// SPDX-License-Identifier: GPL-2.0

//! The caller's side of a call: one word that says how far the call is, and the place for its
//! answer.
//!
//! ```text
//!            begin          accept          start_reply          answer
//!   Free ----------> Pending ------> Serving <----------> Replying ------> Answered
//!    ^                  |               |      reopen      | ^ |               |
//!    +------------------+---------------+              ask | | | abort,        |
//!    |                abort                                v | | when dying    |
//!    |                                             Asking -+ | |               |
//!    |                                                 grant   v               |
//!    |                                                        Dead             |
//!    +--------------------------------- collect -------------------------------+
//! ```
//!
//! `begin`, `abort`, `grant` and `collect` belong to the caller, everything else to the server
//! thread. In `Asking` the server waits for the caller to make room for a reply that does not fit
//! its buffer. Both may act at any moment; a step that may collide with one of the other side is
//! one compare-and-exchange, so exactly one of the two happens. A call is named by a [`Ticket`], of
//! which every call of a slot has another one: a server that comes back to a caller that has gone
//! on to its next call finds its ticket void, and disturbs nothing.

use crate::platform::{Slot, Word};

/// How far a call is. The value is the low part of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Phase {
    Free = 0,
    Pending = 1,
    Serving = 2,
    Replying = 3,
    Answered = 4,
    Dead = 5,
    Asking = 6,
}

const PHASE_MASK: u64 = 7;
const NEXT_TICKET: u64 = PHASE_MASK + 1;

/// The name of one call of a [`CallSlot`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket(u64);

impl Ticket {
    fn at(self, phase: Phase) -> u64 {
        self.0 | phase as u64
    }
}

/// Why a caller gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A signal to be handled: if the server is in the middle of its reply, the caller waits for
    /// the end of that (SI-6).
    Interrupted,
    /// The thread dies: it waits for nobody, and never makes another call.
    Dying,
}

/// What came of giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aborted {
    /// The server had not begun: its procedure will not run (SI-14).
    BeforeStart,
    /// The server goes on alone; its reply will be dropped (SI-10).
    WhileServed,
    /// The caller dies while the server is replying: nothing is cancelled, and the reply will be
    /// dropped. A server that waits for room must be woken.
    DuringReply,
    /// Not yet: the server is replying.
    Busy,
    /// Too late: the answer is there, and counts (SI-5).
    Answered,
}

/// The place of a thread for the call that it makes; at most one at a time. The place for the
/// answer is never moved: the server fills it where it is.
///
/// # Invariants
///
/// The answer is the server's to use in `Replying` and, once it has begun to reply, in `Dead`; it
/// is the caller's in `Answered` and `Free`. Nobody touches it in `Pending`, `Serving` and
/// `Asking`.
pub struct CallSlot<R> {
    word: Word,
    answer: Slot<R>,
}

impl<R> CallSlot<R> {
    /// A slot without a call.
    pub fn new(answer: R) -> Self {
        Self {
            word: Word::new(Phase::Free as u64),
            answer: Slot::new(answer),
        }
    }

    /// Works on the answer.
    ///
    /// # Safety
    ///
    /// The answer must be the calling thread's, as the invariant says, until `work` returns.
    #[inline]
    pub unsafe fn place<T>(&self, work: impl FnOnce(&mut R) -> T) -> T {
        // SAFETY: By the contract and the invariant, nobody else uses it.
        unsafe { self.answer.with(work) }
    }

    #[inline]
    fn step(&self, ticket: Ticket, from: Phase, to: Phase) -> bool {
        self.word.replace(ticket.at(from), ticket.at(to)).is_ok()
    }

    /// Caller: a call begins. `None` if the slot has one already, or its thread is dying.
    #[inline]
    pub fn begin(&self) -> Option<Ticket> {
        let now = self.word.load();
        if now & PHASE_MASK != Phase::Free as u64 {
            return None;
        }
        let ticket = Ticket(now.wrapping_add(NEXT_TICKET));
        // Nobody but the caller leaves `Free`.
        self.word.store(ticket.at(Phase::Pending));
        Some(ticket)
    }

    /// Caller: is there anything for it to do? An answer, a question, or for one that wants to
    /// leave ([`Aborted::Busy`]): the end of a reply that failed.
    #[inline]
    pub fn needs_caller(&self, ticket: Ticket, leaving: bool) -> bool {
        self.is_answered(ticket) || self.is_asking(ticket) || (leaving && self.is_open(ticket))
    }

    /// Caller: the room that the server asked for is there, or is not to be had.
    pub fn grant(&self, ticket: Ticket) {
        self.step(ticket, Phase::Asking, Phase::Replying);
    }

    /// Caller: is the answer there?
    #[inline]
    pub fn is_answered(&self, ticket: Ticket) -> bool {
        self.word.load() == ticket.at(Phase::Answered)
    }

    /// Caller: ends the call, if the answer is there.
    #[inline]
    pub fn collect(&self, ticket: Ticket) -> bool {
        if !self.is_answered(ticket) {
            return false;
        }
        // Nobody but the caller leaves `Answered`.
        self.word.store(ticket.at(Phase::Free));
        true
    }

    /// Caller: gives the call up, if it still can.
    pub fn abort(&self, ticket: Ticket, reason: Reason) -> Aborted {
        loop {
            let now = self.word.load();
            let (next, outcome) = if now == ticket.at(Phase::Pending) {
                (Phase::Free, Aborted::BeforeStart)
            } else if now == ticket.at(Phase::Serving) {
                (Phase::Free, Aborted::WhileServed)
            } else if now == ticket.at(Phase::Replying) || now == ticket.at(Phase::Asking) {
                if reason == Reason::Interrupted {
                    return Aborted::Busy;
                }
                (Phase::Dead, Aborted::DuringReply)
            } else {
                return Aborted::Answered;
            };
            if self.word.replace(now, ticket.at(next)).is_ok() {
                return outcome;
            }
        }
    }

    /// Server: starts to serve. `false` if the caller has left: do not run the procedure (SI-14).
    #[inline]
    pub fn accept(&self, ticket: Ticket) -> bool {
        self.step(ticket, Phase::Pending, Phase::Serving)
    }

    /// Server: does the caller still wait?
    #[inline]
    pub fn is_open(&self, ticket: Ticket) -> bool {
        self.word.load() == ticket.at(Phase::Serving)
    }

    /// Server: starts to reply; the caller stays until [`Self::reopen`] or [`Self::answer`].
    /// `false` if it has left.
    #[inline]
    pub fn start_reply(&self, ticket: Ticket) -> bool {
        self.step(ticket, Phase::Serving, Phase::Replying)
    }

    /// Server, while it replies: asks the caller for room. `false` if the caller has died.
    pub fn ask(&self, ticket: Ticket) -> bool {
        self.step(ticket, Phase::Replying, Phase::Asking)
    }

    /// Both: has the server asked, and the caller not granted?
    #[inline]
    pub fn is_asking(&self, ticket: Ticket) -> bool {
        self.word.load() == ticket.at(Phase::Asking)
    }

    /// Server: the reply failed on the server's side; the call goes on (RE-6). A caller that died
    /// meanwhile is not missed before the next [`Self::start_reply`].
    pub fn reopen(&self, ticket: Ticket) {
        // Whether the caller grants between the two does not matter.
        if !self.step(ticket, Phase::Asking, Phase::Serving) {
            self.step(ticket, Phase::Replying, Phase::Serving);
        }
    }

    /// Server: `fill`s in the rest of the answer, and ends a call for which [`Self::start_reply`]
    /// said yes. `false` if the caller has died, with the answer `undo`ne, or if the call has
    /// ended otherwise.
    #[inline]
    pub fn answer(
        &self,
        ticket: Ticket,
        fill: impl FnOnce(&mut R),
        undo: impl FnOnce(&mut R),
    ) -> bool {
        // What the caller has yet to collect, of this call or the next, is not to be overwritten.
        let now = self.word.load();
        if now == ticket.at(Phase::Replying) {
            // SAFETY: `start_reply` made us the server of a call in `Replying`, in which the answer
            // is ours. A caller that dies meanwhile goes to `Dead` and leaves the answer alone.
            unsafe { self.answer.with(fill) };
            if self.step(ticket, Phase::Replying, Phase::Answered) {
                return true;
            }
        } else if now != ticket.at(Phase::Dead) {
            return false;
        }
        // SAFETY: The call is `Dead`; nobody but us knows of the answer.
        unsafe { self.answer.with(undo) };
        false
    }
}
