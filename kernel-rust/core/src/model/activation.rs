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

/// The place of a server thread for the call that it is given.
///
/// # Invariants
///
/// The request is the reserving caller's to write in `Reserved` and `Deserted`, and the thread's in
/// all other phases.
pub struct Activation<Q> {
    word: Word,
    request: Slot<Option<Q>>,
}

impl<Q> Default for Activation<Q> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Q> Activation<Q> {
    /// A thread that is in no pool.
    pub fn new() -> Self {
        Self {
            word: Word::new(Phase::Idle as u64),
            request: Slot::new(None),
        }
    }

    fn step(&self, from: Phase, to: Phase) -> bool {
        self.word.replace(from as u64, to as u64).is_ok()
    }

    /// Thread, with the lock of the pool that it enters.
    pub fn park(&self) -> bool {
        self.step(Phase::Idle, Phase::Parked)
    }

    /// Thread, with the lock of the pool that it leaves. `false` if a caller was faster.
    pub fn unpark(&self) -> bool {
        self.step(Phase::Parked, Phase::Idle)
    }

    /// Thread: what has happened since it parked?
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

    /// Thread: takes the call that was delivered.
    pub fn take(&self) -> Option<Q> {
        if self.look() != Parked::Called {
            return None;
        }
        // SAFETY: In `Delivered` the request is the thread's, which is us, and only we leave that
        // phase.
        let request = unsafe { self.request.with(Option::take) };
        self.step(Phase::Delivered, Phase::Idle);
        request
    }

    /// Thread: dies although a caller has reserved it. `false` if there is nothing to desert: not
    /// reserved, or the call has just been delivered.
    pub fn desert(&self) -> bool {
        self.step(Phase::Reserved, Phase::Deserted)
    }

    /// Caller, with the lock of the pool that it takes the thread out of.
    pub fn reserve(&self) -> bool {
        self.step(Phase::Parked, Phase::Reserved)
    }

    /// Caller, with the lock of the pool that it gives the thread back to. `false` if the thread
    /// has died.
    pub fn put_back(&self) -> bool {
        self.step(Phase::Reserved, Phase::Parked)
    }

    /// Caller: gives the thread that it has reserved its call; gets it back if the thread has died,
    /// or has a call.
    pub fn deliver(&self, request: Q) -> Result<(), Q> {
        // A call that was delivered is the thread's; a second one must not take its place.
        if self.look() != Parked::Reserved {
            return Err(request);
        }
        // SAFETY: The thread is `Reserved` by us or has become `Deserted`; in both the request is
        // ours.
        unsafe { self.request.with(|place| *place = Some(request)) };
        if self.step(Phase::Reserved, Phase::Delivered) {
            return Ok(());
        }
        // SAFETY: The thread is `Deserted`, so the request is still ours.
        match unsafe { self.request.with(Option::take) } {
            Some(request) => Err(request),
            // We have just put it there; but a kernel path asserts nothing.
            None => Ok(()),
        }
    }
}
