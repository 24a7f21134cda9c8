// SPDX-License-Identifier: GPL-2.0

//! What the two sides of a call give each other, each in the place of the other, where it is filled
//! in and used without being moved.

use crate::{
    descriptors::Files,
    door::Door,
    model::{
        call::Ticket,
        frame::Frame,
        reply::Shape, //
    },
    parcel::Parcel,
    thread::Thread, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What a caller hands to a server thread, in the place of that thread. The first part is there
/// until the thread replies.
pub(crate) struct Request {
    /// Who calls, if somebody does, and which call it is.
    pub(crate) caller: Option<Arc<Thread>>,
    pub(crate) ticket: Ticket,
    /// Where the answer may go.
    pub(crate) results: Option<Buffer>,
    /// It is a notification, and the caller's own identity does not matter (UC-3).
    pub(crate) is_notification: bool,
    /// The server thread was the last one of its pool (TP-20).
    pub(crate) depleted: bool,
    /// The procedure and its first argument.
    pub(crate) procedure: usize,
    pub(crate) cookie: usize,
    /// Where everything goes on the server's stack.
    pub(crate) frame: Frame,
    pub(crate) data_size: usize,
    /// The data, unless it is so large that it lies where it goes already.
    pub(crate) parcel: Parcel,
    /// What few calls have.
    pub(crate) extras: Option<KBox<Extras>>,
}

impl Request {
    /// The place of a thread that serves nobody.
    pub(crate) fn none() -> Self {
        Self {
            caller: None,
            ticket: Ticket::default(),
            results: None,
            is_notification: false,
            depleted: false,
            procedure: 0,
            cookie: 0,
            frame: Frame::default(),
            data_size: 0,
            parcel: Parcel::new(),
            extras: None,
        }
    }

    /// Takes back what was handed over to a thread that has died.
    pub(crate) fn withdraw(&mut self) {
        self.caller = None;
        self.extras = None;
    }
}

/// What few calls have.
pub(crate) struct Extras {
    pub(crate) files: Files,
    /// The door, if the server is to be given information on it (TP-27).
    pub(crate) about: Option<Arc<Door>>,
}

/// The buffer of a caller for results.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    pub(crate) address: usize,
    pub(crate) size: usize,
}

/// What a server hands to its caller, in the place of the caller.
pub(crate) struct Answer {
    /// What the call ends with.
    pub(crate) outcome: Result<Shape>,
    /// The data, unless the server has written it to where it belongs already.
    pub(crate) parcel: Parcel,
    pub(crate) files: Option<Files>,
}

impl Answer {
    /// The place of a caller without an answer.
    pub(crate) fn none() -> Self {
        Self {
            outcome: Err(EINTR),
            parcel: Parcel::new(),
            files: None,
        }
    }
}
