// SPDX-License-Identifier: GPL-2.0

//! A caller that waits for its answer, and what may come in between: a signal, a stop, a server
//! that asks for room.

use crate::{
    abi::DoorArg,
    carrier::{
        self,
        Sleep, //
    },
    door::Door,
    doorfs::DoorFile,
    mapping::Mapping,
    model::{
        attributes,
        call::{
            Aborted,
            Reason,
            Ticket, //
        },
    },
    notifications::Telling,
    signals,
    thread::{
        Current,
        Thread, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc, //
    },
};

/// A call that a server thread has been given, and whose answer is waited for.
pub(crate) struct Waiting {
    ticket: Ticket,
    server: Arc<Thread>,
    /// The server does not know yet.
    untold: bool,
    /// The procedure has not run, and will not any more.
    pub(crate) unserved: bool,
    /// The caller wants to leave, but the server is replying.
    leaving: bool,
    /// Memory for a reply that does not fit, if the server has asked for it.
    pub(crate) room: Option<Mapping>,
    pub(crate) callee: Callee,
}

/// A call that a thread was stopped in.
pub(crate) struct Suspended {
    pub(crate) waiting: Waiting,
    pub(crate) arguments: Option<DoorArg>,
    pub(crate) params: usize,
}

/// What is being called.
pub(crate) enum Callee {
    /// A descriptor; the call is a reference to the door (UN-14).
    File(DoorFile),
    /// A door that nobody refers to, and the call does not either (UN-12).
    Unreferenced(Telling),
}

impl Callee {
    fn door(&self) -> &Door {
        match self {
            Self::File(file) => file.door(),
            Self::Unreferenced(telling) => telling.door(),
        }
    }
}

impl Waiting {
    #[inline]
    pub(crate) fn new((ticket, server): (Ticket, Arc<Thread>), callee: Callee) -> Self {
        Self {
            ticket,
            server,
            untold: true,
            unserved: false,
            leaving: false,
            room: None,
            callee,
        }
    }

    /// Puts the call aside, while the thread is stopped in the middle of it. Without memory for
    /// that, the call is given up.
    ///
    /// # Errors
    ///
    /// `EINTR`, then.
    #[cold]
    pub(crate) fn suspend(
        mut self,
        me: &Current,
        arguments: Option<DoorArg>,
        params: usize,
    ) -> Result {
        let Ok(place) = KBox::<Suspended>::new_uninit(GFP_KERNEL_ACCOUNT) else {
            leave(me, self, Reason::Interrupted);
            return Err(EINTR);
        };
        if let Callee::File(file) = &mut self.callee {
            file.keep();
        }
        let suspended = KBox::write(
            place,
            Suspended {
                waiting: self,
                arguments,
                params,
            },
        );
        me.suspended(|place| *place = Some(suspended));
        Ok(())
    }
}

/// Takes what the thread was stopped in, if that is a `door_call`.
pub(crate) fn take_call(place: &mut Option<KBox<Suspended>>) -> Option<KBox<Suspended>> {
    place.take_if(|suspended| matches!(suspended.waiting.callee, Callee::File(_)))
}

/// A handler is about to run. If the thread was stopped in a call, that has ended with `EINTR`: now
/// nobody writes to the buffers of the program any more (SI-2, SI-10).
pub(crate) fn interrupted(me: &Current) {
    if let Some(call) = me.suspended(take_call) {
        leave(me, KBox::into_inner(call).waiting, Reason::Interrupted);
    }
}

/// Leaves a call that the thread was stopped in, if there is one.
#[inline]
pub(crate) fn give_up(me: &Current, reason: Reason) {
    if me.suspended(|place| place.is_some()) {
        if let Some(call) = me.suspended(Option::take) {
            leave(me, KBox::into_inner(call).waiting, reason);
        }
    }
}

#[cold]
fn leave(me: &Current, mut waiting: Waiting, reason: Reason) {
    match (abort(me, &waiting, reason), &waiting.callee) {
        (Aborted::Busy, _) => waiting.leaving = true,
        (Aborted::BeforeStart, Callee::Unreferenced(telling)) => telling.put_back(),
        _ => {}
    }
    if me.call.is_answered(waiting.ticket) || waiting.leaving {
        // Nobody wants the answer, but it must be out of the way.
        if let Some(Ok(())) = wait(me, &mut waiting) {
            drop(me.answer(|answer| answer.files.take()));
        }
        carrier::settle();
    }
}

/// Gives the call up, if that is still possible. A server that goes on alone is told so by a
/// signal, unless the door is `DOOR_NO_CANCEL` (SI-11).
#[cold]
fn abort(me: &Current, waiting: &Waiting, reason: Reason) -> Aborted {
    let abort = || {
        let aborted = me.call.abort(waiting.ticket, reason);
        if aborted == Aborted::DuringReply {
            // It may sleep until there is room for its reply, and there never will be.
            waiting.server.task().wake_up();
        }
        aborted
    };
    if waiting.callee.door().attributes() & attributes::NO_CANCEL != 0 {
        return abort();
    }
    signals::cancel(waiting.server.task(), || {
        let aborted = abort();
        (aborted, aborted == Aborted::WhileServed)
    })
}

/// Tells the server, and sleeps until the answer is there or a signal is (SI-1 to SI-7). If the
/// server asks for it meanwhile, makes room for the reply. `None` if the thread is to be stopped,
/// and the call goes on afterwards.
///
/// # Errors
///
/// `EINTR` if there is no answer and will be none.
#[inline]
pub(crate) fn wait(me: &Current, waiting: &mut Waiting) -> Option<Result> {
    let ticket = waiting.ticket;
    if carrier::is_unsettled() {
        // That may close any descriptor, and make a thread that shares the table.
        if let Callee::File(file) = &mut waiting.callee {
            file.keep();
        }
        // Whatever that takes, the server need not wait for it.
        if core::mem::take(&mut waiting.untold) {
            waiting.server.task().wake_up();
        }
        carrier::settle();
    }
    loop {
        carrier::prepare(if waiting.leaving {
            Sleep::Killable
        } else {
            Sleep::Interruptible
        });
        // What has happened since we looked last, before we were asleep for the peer to wake.
        if me.call.needs_caller(ticket, waiting.leaving) {
            carrier::resume();
        }
        let peer = core::mem::take(&mut waiting.untold).then(|| waiting.server.task());
        carrier::transfer(peer);

        if me.call.collect(ticket) {
            if waiting.leaving {
                // A caller that wanted to leave during the reply leaves without it (SI-6).
                drop(me.answer(|answer| answer.files.take()));
                return Some(Err(EINTR));
            }
            return Some(Ok(()));
        }
        if let Some(end) = look_up(me, waiting) {
            return end;
        }
    }
}

/// The caller is awake, and has no answer. `None`: it is to sleep on.
#[cold]
fn look_up(me: &Current, waiting: &mut Waiting) -> Option<Option<Result>> {
    let ticket = waiting.ticket;
    if me.call.is_asking(ticket) {
        waiting.room = Mapping::new(me.room_length.load(Relaxed)).ok();
        let address = waiting.room.as_ref().map_or(0, |room| room.address);
        me.room_address.store(address, Relaxed);
        me.call.grant(ticket);
        waiting.untold = true;
        return None;
    }
    if !waiting.leaving && !signals::pending() {
        return None;
    }
    let reason = if signals::fatal_pending() {
        Reason::Dying
    } else if waiting.leaving || signals::handler_or_death_pending() {
        Reason::Interrupted
    } else {
        return Some(None);
    };
    match abort(me, waiting, reason) {
        Aborted::BeforeStart => {
            waiting.unserved = true;
            return Some(Some(Err(EINTR)));
        }
        Aborted::WhileServed | Aborted::DuringReply => return Some(Some(Err(EINTR))),
        Aborted::Busy => waiting.leaving = true,
        // The signal came too late, and is delivered on the way out (SI-5).
        Aborted::Answered => {}
    }
    None
}
