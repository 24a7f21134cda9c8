// SPDX-License-Identifier: GPL-2.0

//! The server's side of a call: `door_return`.

use crate::{
    abi,
    across::{
        self,
        Absent,
        Unreachable, //
    },
    carrier::{
        self,
        Sleep, //
    },
    descriptors::{
        self,
        Arriving,
        Files,
        Released, //
    },
    model::{
        activation::Parked,
        call::Ticket,
        frame::{
            Frame,
            Stack, //
        },
        limits::COPY_MAX,
        reply::Shape, //
    },
    parcel::Parcel,
    request::{
        Answer,
        Buffer,
        Extras, //
    },
    signals,
    thread::{
        Current,
        Thread, //
    },
    user,
};
use kernel::{
    bindings,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc, //
    },
};

/// What a server says at the end of its procedure: where the data is, and the descriptors.
#[derive(Clone, Copy)]
pub(crate) struct Results {
    pub(crate) data: usize,
    pub(crate) data_size: usize,
    pub(crate) descs: usize,
    pub(crate) desc_num: u32,
}

/// A call whose answer is in its place, and yet to be told to the caller.
struct Outgoing {
    caller: Arc<Thread>,
    ticket: Ticket,
}

/// `door_return(2)`: replies to the call that the thread serves, if it serves one, and waits for
/// the next.
///
/// On success the thread's registers are those of the procedure's start (see
/// `uapi/src/syscalls.rs`).
///
/// # Errors
///
/// Those of the reply (RE-5), after which the call is still open; `EINTR` when a signal reaches the
/// parked thread.
#[inline]
pub(crate) fn door_return(results: Results, stack: Stack) -> Result {
    let mut me = Current::get()?;
    let mut outgoing = reply(&me, results)?;
    loop {
        park(&me, stack, outgoing.take())?;
        let accepted = me.serving(|request| match &request.caller {
            Some(caller) => caller.call.accept(request.ticket),
            None => false,
        });
        if !accepted {
            // The caller has left before we began (SI-14).
            drop(me.serving(|request| (request.caller.take(), request.extras.take())));
            continue;
        }
        match begin(&me) {
            Ok(start) => {
                start.set(me.registers());
                return Ok(());
            }
            Err(error) => outgoing = fail(&me, error),
        }
    }
}

/// The thread exits: a call that it serves fails (SI-30).
pub(crate) fn abandon(me: &Current) {
    if me.activation.is_deserted() {
        // It serves nobody, and its place is that of the caller that had reserved it.
        return;
    }
    if let Some(outgoing) = fail(me, EINTR) {
        drop(send(&outgoing));
        outgoing.caller.task().wake_up();
    }
}

/// Fails the call that the thread serves, if it serves one and the caller has not left.
#[cold]
fn fail(me: &Current, error: Error) -> Option<Outgoing> {
    let (caller, ticket) = me.serving(|request| (request.caller.take(), request.ticket));
    let caller = caller?;
    if !caller.call.start_reply(ticket) {
        signals::await_cancel();
        return None;
    }
    // SAFETY: We have begun to reply.
    unsafe { caller.call.place(|answer| answer.outcome = Err(error)) };
    Some(Outgoing { caller, ticket })
}

/// Makes the answer to the call that the thread serves. On an error the call stays open (RE-6).
#[inline]
fn reply(me: &Current, results: Results) -> Result<Option<Outgoing>> {
    let (caller, ticket) = me.serving(|request| (request.caller.take(), request.ticket));
    let Some(caller) = caller else {
        return discard(results).map(|()| None);
    };
    if !caller.call.start_reply(ticket) {
        signals::await_cancel();
        return discard(results).map(|()| None);
    }
    let buffer = me.serving(|request| request.results);
    match compose(&caller, ticket, buffer, results) {
        Ok(()) => Ok(Some(Outgoing { caller, ticket })),
        Err(error) => {
            caller.call.reopen(ticket);
            // It may have waited for us in order to leave.
            caller.task().wake_up();
            me.serving(|request| request.caller = Some(caller));
            Err(error)
        }
    }
}

/// Nobody waits for an answer: only what was to be released matters (RE-4).
#[cold]
fn discard(results: Results) -> Result {
    if results.desc_num > 0 {
        descriptors::release_array(results.descs, results.desc_num)?;
    }
    Ok(())
}

/// Collects what the server replies, in the place of the caller. The order of the checks is that of
/// RE-5. An `Err` is the server's; one within the answer is the caller's.
#[inline]
fn compose(caller: &Thread, ticket: Ticket, buffer: Option<Buffer>, results: Results) -> Result {
    // SAFETY: Our caller has begun to reply, and nobody but us does that.
    let answer = |outcome, files| unsafe {
        caller.call.place(|answer| {
            answer.outcome = outcome;
            answer.files = files;
        });
    };
    let shape = Shape::new(results.data_size, results.desc_num);
    let Some(buffer) = buffer else {
        if results.data_size != 0 || results.desc_num != 0 {
            return Err(E2BIG);
        }
        answer(Ok(Shape::default()), None);
        return Ok(());
    };
    let shape = shape?;
    let fits = shape.fits(buffer.size);
    let has_room =
        || results.desc_num == 0 || descriptors::has_room(caller.task(), results.desc_num);
    if !fits && !has_room() {
        return Err(EMFILE);
    }
    if results.data_size <= COPY_MAX {
        if results.data_size != 0 {
            let pack = |answer: &mut Answer| answer.parcel.pack(results.data, results.data_size);
            // SAFETY: As above.
            unsafe { caller.call.place(pack) }?;
        }
    } else if !write_across(caller, ticket, &shape, fits, buffer, results)? {
        // No room, or nobody there any more: the server has done its part (RE-5).
        let entries = descriptors::read(results.descs, results.desc_num)?;
        descriptors::release_all(&entries);
        answer(Err(EOVERFLOW), None);
        return Ok(());
    }
    let files = if results.desc_num == 0 {
        None
    } else {
        if fits && !has_room() {
            return Err(EMFILE);
        }
        let entries = descriptors::read(results.descs, results.desc_num)?;
        Some(descriptors::send(&entries, &mut Released::new())?)
    };
    answer(Ok(shape), files);
    Ok(())
}

/// Large data goes straight to the caller, into its buffer or the room that it makes (DA-22,
/// DA-23). `false` if there is none.
#[cold]
fn write_across(
    caller: &Thread,
    ticket: Ticket,
    shape: &Shape,
    fits: bool,
    buffer: Buffer,
    results: Results,
) -> Result<bool> {
    let address = if fits {
        Some(buffer.address)
    } else {
        ask_for_room(caller, ticket, shape)?
    };
    let mm = across::address_space(caller.task());
    let (Some(address), Some(mm)) = (address, mm) else {
        return Ok(false);
    };
    across::copy_across(&mm, address, results.data, results.data_size, Absent::Fault).map_err(
        |unreachable| match unreachable {
            Unreachable::Source => EFAULT,
            Unreachable::Target => E2BIG,
        },
    )?;
    Ok(true)
}

/// Has the caller map memory for a reply that does not fit its buffer (DA-23). `None` if it could
/// not, or has died.
///
/// # Errors
///
/// `EINTR` when the server thread is killed meanwhile.
fn ask_for_room(caller: &Thread, ticket: Ticket, shape: &Shape) -> Result<Option<usize>> {
    let Ok(length) = shape.mapping_length(PAGE_SIZE) else {
        return Ok(None);
    };
    caller.room_length.store(length, Relaxed);
    caller.room_address.store(0, Relaxed);
    if !caller.call.ask(ticket) {
        return Ok(None);
    }
    let mut peer = Some(caller.task());
    loop {
        carrier::prepare(Sleep::Killable);
        if !caller.call.is_asking(ticket) {
            carrier::resume();
        }
        carrier::transfer(peer.take());
        if !caller.call.is_asking(ticket) {
            let address = caller.room_address.load(Relaxed);
            return Ok((address != 0).then_some(address));
        }
        if signals::fatal_pending() {
            return Err(EINTR);
        }
    }
}

/// Tells a caller that its answer is there; back comes what must be dropped where the thread may
/// sleep, if the caller has died.
#[inline]
fn send(outgoing: &Outgoing) -> Option<Files> {
    let mut undelivered = None;
    let take_back = |answer: &mut Answer| undelivered = answer.files.take();
    outgoing
        .caller
        .call
        .answer(outgoing.ticket, |_| (), take_back);
    undelivered
}

/// Parks the current thread, tells the caller of its last call, and waits for the next.
///
/// # Errors
///
/// `EINTR` when a signal arrives before a call does.
#[inline]
fn park(me: &Current, stack: Stack, outgoing: Option<Outgoing>) -> Result {
    let bound = me.bound(|bound| bound.clone());
    let pool = bound.as_ref().map_or(&me.process.pool, |door| door.pool());
    if outgoing.is_none() && signals::pending() {
        // It may be about a call that is over, and must not run its handler in the next one.
        return Err(EINTR);
    }
    me.lend(stack);
    carrier::settle();
    // The thread is in its pool before its caller runs, so that a next call finds it (SH-3).
    carrier::prepare(Sleep::Interruptible);
    let parked = pool.park(me);
    let undelivered = outgoing.as_ref().and_then(send);
    if undelivered.is_some() {
        carrier::resume();
        drop(undelivered);
        carrier::settle();
    }

    let mut peer = outgoing.as_ref().map(|outgoing| outgoing.caller.task());
    if !parked {
        carrier::resume();
        if let Some(caller) = peer {
            caller.wake_up();
        }
        return Err(EINTR);
    }
    loop {
        carrier::transfer(peer.take());
        if me.activation.take() {
            return Ok(());
        }
        let mut sleep = Sleep::Interruptible;
        match me.activation.look() {
            Parked::Called => continue,
            Parked::Waiting if signals::pending() => {
                if pool.unpark(me) {
                    return Err(EINTR);
                }
            }
            Parked::Reserved if signals::fatal_pending() => {
                if me.activation.desert() {
                    return Err(EINTR);
                }
            }
            // The caller that has taken us comes back soon, with a call or to let us go.
            Parked::Reserved => sleep = Sleep::Killable,
            Parked::Waiting => {}
        }
        carrier::prepare(sleep);
        // What may have happened since we looked, and before we were asleep for the peer to wake.
        let look = me.activation.look();
        if look == Parked::Called || (sleep == Sleep::Killable && look == Parked::Waiting) {
            carrier::resume();
        }
    }
}

/// Puts what was sent onto the thread's own stack and into its descriptor table.
///
/// # Errors
///
/// For the caller: `EMFILE`, `E2BIG` if the stack cannot be written (CA-2, rows 17 and 18).
#[inline]
fn begin(me: &Current) -> Result<Start> {
    me.serving(|request| {
        let (frame, data_size) = (request.frame, request.data_size);
        let mut start = Start {
            procedure: request.procedure,
            cookie: request.cookie,
            argument: if request.is_notification {
                abi::DOOR_UNREF_DATA as usize
            } else {
                frame.data
            },
            data_size,
            descs: frame.descs,
            desc_num: 0,
            info: 0,
            flags: if request.depleted {
                abi::DOOR_RETURN_DEPLETED as usize
            } else {
                0
            },
            sp: frame.sp,
        };
        let unpack = |parcel: &Parcel| {
            if data_size == 0 || data_size > COPY_MAX {
                return Ok(());
            }
            parcel.unpack_on_stack(frame.data, data_size)
        };
        match request.extras.take() {
            None => unpack(&request.parcel).map_err(|_| E2BIG)?,
            Some(extras) => place(&mut start, &frame, extras, || unpack(&request.parcel))?,
        }
        Ok(start)
    })
}

/// Places what few calls have, and the data in its turn.
#[cold]
fn place(
    start: &mut Start,
    frame: &Frame,
    extras: KBox<Extras>,
    data: impl FnOnce() -> Result,
) -> Result {
    let Extras { files, about } = KBox::into_inner(extras);
    start.desc_num = files.len();
    start.info = frame.info;
    let arriving = Arriving::reserve(files)?;
    arriving
        .describe(frame.descs)
        .and_then(|()| data())
        .and_then(|()| match about {
            Some(door) => user::write_object(frame.info, &door.info()),
            None => {
                start.info = 0;
                Ok(())
            }
        })
        .map_err(|_| E2BIG)?;
    arriving.install();
    Ok(())
}

/// With what a procedure starts.
struct Start {
    procedure: usize,
    cookie: usize,
    argument: usize,
    data_size: usize,
    descs: usize,
    desc_num: usize,
    info: usize,
    flags: usize,
    sp: usize,
}

impl Start {
    /// A new life: nothing of what the thread did before is left in its registers (DA-10).
    #[inline]
    fn set(self, registers: &mut bindings::pt_regs) {
        registers.r15 = 0;
        registers.r14 = 0;
        registers.r13 = 0;
        registers.bp = 0;
        registers.bx = self.procedure;
        registers.di = self.cookie;
        registers.si = self.argument;
        registers.dx = self.data_size;
        registers.r10 = self.descs;
        registers.r8 = self.desc_num;
        registers.r9 = self.flags;
        registers.r12 = self.info;
        registers.sp = self.sp;
    }
}
