// SPDX-License-Identifier: GPL-2.0

//! The server thread's side of a call: is the thread free to be given one, and what is it given?
//!
//! ```text
//!            park            reserve             deliver
//!   Idle -----------> Parked ------> Reserved -----------> Delivered
//!    ^  <-----------    ^ <------------ | |                    |
//!    |     unpark            put_back     | desert             |
//!    |                                    v                    |
//!    |                                Deserted                 |
//!    +------------------------- take --------------------------+
//! ```
//!
//! `park`, `unpark`, `desert` and `take` belong to the thread itself, `reserve`, `put_back` and
//! `deliver` to the caller that found it in a pool. A thread is in a pool exactly while it is
//! `Parked`: the pool's lock covers the steps into and out of that phase. From `reserve` to
//! `deliver` the thread belongs to one caller, which copies large arguments onto its stack; the
//! thread sleeps on, except to die.

use crate::platform::{Slot, Word};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Phase {
    Idle = 0,
    Parked = 1,
    Reserved = 2,
    Delivered = 3,
    Deserted = 4,
}

/// What a parked thread finds when it looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parked {
    /// Nothing has happened: it may sleep on, or leave the pool.
    Waiting,
    /// A caller has taken it and is about to deliver: it must not leave, unless it dies.
    Reserved,
    /// There is a call to [`Activation::take`].
    Called,
}

/// The place of a server thread for the call that it is given. The place itself is never moved:
/// the caller fills it where it is, and the thread uses what it finds.
///
/// # Invariants
///
/// The request is the reserving caller's to use in `Reserved` and `Deserted`, and the thread's in
/// all other phases.
pub struct Activation<Q> {
    word: Word,
    request: Slot<Q>,
}

impl<Q> Activation<Q> {
    /// A thread that is in no pool.
    pub fn new(request: Q) -> Self {
        Self {
            word: Word::new(Phase::Idle as u64),
            request: Slot::new(request),
        }
    }

    /// Works on the request.
    ///
    /// # Safety
    ///
    /// The request must be the calling thread's, as the invariant says, until `work` returns.
    #[inline]
    pub unsafe fn request<T>(&self, work: impl FnOnce(&mut Q) -> T) -> T {
        // SAFETY: By the contract and the invariant, nobody else uses it.
        unsafe { self.request.with(work) }
    }

    #[inline]
    fn step(&self, from: Phase, to: Phase) -> bool {
        self.word.replace(from as u64, to as u64).is_ok()
    }

    /// Thread, with the lock of the pool that it enters.
    #[inline]
    pub fn park(&self) -> bool {
        self.step(Phase::Idle, Phase::Parked)
    }

    /// Thread, with the lock of the pool that it leaves. `false` if a caller was faster.
    #[inline]
    pub fn unpark(&self) -> bool {
        self.step(Phase::Parked, Phase::Idle)
    }

    /// Thread: what has happened since it parked?
    #[inline]
    pub fn look(&self) -> Parked {
        let now = self.word.load();
        if now == Phase::Delivered as u64 {
            Parked::Called
        } else if now == Phase::Reserved as u64 {
            Parked::Reserved
        } else {
            Parked::Waiting
        }
    }

    /// Thread: takes the call that was delivered; `false` if there is none.
    #[inline]
    pub fn take(&self) -> bool {
        if self.look() != Parked::Called {
            return false;
        }
        // Nobody but the thread leaves `Delivered`.
        self.word.store(Phase::Idle as u64);
        true
    }

    /// Thread: dies although a caller has reserved it. `false` if there is nothing to desert: not
    /// reserved, or the call has just been delivered.
    pub fn desert(&self) -> bool {
        self.step(Phase::Reserved, Phase::Deserted)
    }

    /// Thread: has it deserted? Then its request is its caller's for ever.
    pub fn is_deserted(&self) -> bool {
        self.word.load() == Phase::Deserted as u64
    }

    /// Caller, with the lock of the pool that it takes the thread out of.
    #[inline]
    pub fn reserve(&self) -> bool {
        self.step(Phase::Parked, Phase::Reserved)
    }

    /// Caller, with the lock of the pool that it gives the thread back to. `false` if the thread
    /// has died.
    pub fn put_back(&self) -> bool {
        self.step(Phase::Reserved, Phase::Parked)
    }

    /// Caller: `fill`s in the request and gives it to the thread that it has reserved. `false`,
    /// with what was filled in `undo`ne, if the thread has died or has a call.
    #[inline]
    pub fn deliver(&self, fill: impl FnOnce(&mut Q), undo: impl FnOnce(&mut Q)) -> bool {
        // A call that was delivered is the thread's; a second one must not take its place.
        if self.look() != Parked::Reserved {
            return false;
        }
        // SAFETY: The thread is `Reserved` by us or has become `Deserted`; in both the request is
        // ours.
        unsafe { self.request.with(fill) };
        if self.step(Phase::Reserved, Phase::Delivered) {
            return true;
        }
        // SAFETY: The thread is `Deserted`, so the request is still ours.
        unsafe { self.request.with(undo) };
        false
    }
}
