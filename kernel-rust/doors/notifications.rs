// SPDX-License-Identifier: GPL-2.0

//! Telling a process that its doors are unreferenced: the notifications that wait, and
//! `door_unref`, whose caller delivers them.
//!
//! A notification is a call like any other, but without arguments, and from a thread of the door's
//! own process (UN-9). So it waits for a server thread, and is interrupted and stopped, as calls
//! are.

use crate::{
    call,
    descriptors::Files,
    door::{
        Door,
        UNREFERENCED, //
    },
    model::{
        call::Reason,
        frame::Frame, //
    },
    references,
    request::Extras,
    signals,
    thread::Current,
    waiting::{
        give_up,
        wait,
        Callee,
        Waiting, //
    },
};
use kernel::{
    list::{
        List,
        ListArc, //
    },
    new_condvar, new_spinlock,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        SpinLock, //
    },
};

/// The doors that a process is to be told of, and the thread that does it.
#[pin_data]
pub(crate) struct Notifications {
    #[pin]
    inner: SpinLock<Inner>,
    #[pin]
    arrival: CondVar,
}

struct Inner {
    /// The last one first (UN-9). No door is in it twice (UN-8).
    doors: List<Door, UNREFERENCED>,
    /// A thread attends to it.
    attended: bool,
    /// The process is gone: nobody will ever be told again (UN-11).
    closed: bool,
}

impl Notifications {
    /// None so far.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inner <- new_spinlock!(Inner {
                doors: List::new(),
                attended: false,
                closed: false,
            }, "Notifications::inner"),
            arrival <- new_condvar!("Notifications::arrival"),
        })
    }

    /// Queues a notification, unless there is one of this door already (UN-8).
    pub(crate) fn push(&self, door: Arc<Door>) {
        let Some(door) = ListArc::try_from_arc_or_drop(door) else {
            return;
        };
        let mut inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            return;
        }
        inner.doors.push_front(door);
        self.arrival.notify_one();
    }

    /// The door is revoked: nobody is to be told any more (UN-11).
    pub(crate) fn withdraw(&self, door: &Door) {
        let mut inner = self.inner.lock();
        // SAFETY: A door is only ever put into the list of its target, which this is.
        let withdrawn = unsafe { inner.doors.remove(door) };
        drop(inner);
        drop(withdrawn);
    }

    /// Takes the next door to be told of.
    ///
    /// # Errors
    ///
    /// `EINTR` when a signal arrives first.
    fn next(&self) -> Result<Telling> {
        let mut inner = self.inner.lock();
        loop {
            if let Some(door) = inner.doors.pop_front() {
                return Ok(Telling::new(door.into_arc()));
            }
            if self.arrival.wait_interruptible_freezable(&mut inner) {
                return Err(if signals::handler_or_death_pending() {
                    EINTR
                } else {
                    ERESTARTNOHAND
                });
            }
        }
    }

    /// The process is gone.
    pub(crate) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        while let Some(door) = inner.doors.pop_front() {
            drop(inner);
            drop(door);
            inner = self.inner.lock();
        }
    }
}

/// The process of a door is being told, until this is dropped. Like a call in progress, this puts
/// the next notification of the same door off to its end (UN-14).
pub(crate) struct Telling(Arc<Door>);

impl Telling {
    fn new(door: Arc<Door>) -> Self {
        door.references.begin_telling();
        Self(door)
    }

    /// The door.
    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.0
    }

    /// The procedure has not run: the notification is still due.
    pub(crate) fn put_back(&self) {
        self.0.target.notifications.push(self.0.clone());
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.references.end_telling();
        references::look(&self.0);
    }
}

/// The one thread that attends to the notifications of its process; until it is dropped.
struct Attendant<'a>(&'a Notifications);

impl<'a> Attendant<'a> {
    /// `EALREADY` if there is one.
    fn new(notifications: &'a Notifications) -> Result<Self> {
        let mut inner = notifications.inner.lock();
        if core::mem::replace(&mut inner.attended, true) {
            return Err(EALREADY);
        }
        Ok(Self(notifications))
    }
}

impl Drop for Attendant<'_> {
    fn drop(&mut self) {
        self.0.inner.lock().attended = false;
    }
}

/// Calls the procedure of a door to tell its process that nobody else refers to it (UN-9). If the
/// procedure has not run but still can, the notification is put back.
///
/// # Errors
///
/// Those with which the system call is to end because of a signal.
fn notify(me: &Current, telling: Telling) -> Result {
    give_up(me, Reason::Interrupted);
    let door = telling.door();
    let server = match door.pool().reserve(me, door) {
        Ok(server) => server,
        // It is too late to be told (UN-11).
        Err(EBADF) => return Ok(()),
        Err(error) => {
            telling.put_back();
            return Err(if error == EAGAIN { EINTR } else { error });
        }
    };
    let about = server.about(door, || door.clone());
    let frame = Frame::new(server.thread().stack(), 0, 0, about.is_some());
    let Ok(frame) = frame else {
        // This thread can never be told.
        return Ok(());
    };
    // Without memory for it, the procedure does without the information.
    let extras = about.and_then(|door| {
        let (files, about) = (Files::new(), Some(door));
        KBox::new(Extras { files, about }, GFP_KERNEL_ACCOUNT).ok()
    });
    let ticket = me.call.begin().ok_or(EINTR)?;
    let depleted = server.depleted;
    let handed_over = call::hand_over(me, server, ticket, |request| {
        request.procedure = door.procedure;
        request.cookie = door.cookie;
        request.frame = frame;
        request.data_size = 0;
        // No reply is allowed (UN-10).
        request.results = None;
        request.extras = extras;
        request.depleted = depleted;
        request.is_notification = true;
    });
    let Ok(server) = handed_over else {
        telling.put_back();
        return Ok(());
    };
    let callee = Callee::Unreferenced(telling);
    finish_notification(me, Waiting::new((ticket, server), callee))
}

/// Waits for the end of a notification.
fn finish_notification(me: &Current, mut waiting: Waiting) -> Result {
    if wait(me, &mut waiting).is_none() {
        waiting.suspend(me, None, 0)?;
        // `door_unref` begins again after the stop, with `resume_notification`.
        return Err(ERESTARTNOINTR);
    }
    if let (true, Callee::Unreferenced(telling)) = (waiting.unserved, &waiting.callee) {
        telling.put_back();
    }
    Ok(())
}

/// The thread goes on after a stop in the middle of a notification.
fn resume_notification(me: &Current) -> Result {
    match me.suspended(Option::take) {
        Some(call) if matches!(call.waiting.callee, Callee::Unreferenced(_)) => {
            finish_notification(me, KBox::into_inner(call).waiting)
        }
        other => {
            me.suspended(|place| *place = other);
            Ok(())
        }
    }
}

/// `door_unref(2)`: the current thread calls the procedures of unreferenced doors of its process,
/// one after the other, until a signal reaches it (TP-12, UN-9).
///
/// # Errors
///
/// `EALREADY` if the process has such a thread, `EINTR`.
pub(crate) fn door_unref() -> Result {
    let me = Current::get()?;
    let notifications = &me.process.notifications;
    resume_notification(&me)?;
    let _attendant = Attendant::new(notifications)?;
    loop {
        notify(&me, notifications.next()?)?;
        if signals::handler_or_death_pending() {
            return Err(EINTR);
        }
    }
}
