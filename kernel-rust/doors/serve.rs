// SPDX-License-Identifier: GPL-2.0

//! The server's side of a call: `door_return`.

use crate::{
    abi,
    call::{
        Answer,
        Buffer,
        Reply,
        Request, //
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
        frame::Stack,
        limits::COPY_MAX,
        reply::Shape, //
    },
    signals,
    thread::{
        Current,
        Thread, //
    },
    user::{
        self,
        Absent,
        Unreachable, //
    },
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc, //
    },
    task::Task, //
};

/// The call that a thread serves.
pub(crate) struct Serving {
    caller: Arc<Thread>,
    ticket: Ticket,
    results: Option<Buffer>,
    is_notification: bool,
}

impl Serving {
    /// The caller, unless it is the system itself (UC-3).
    pub(crate) fn caller(&self) -> Option<&Task> {
        (!self.is_notification).then(|| self.caller.task())
    }

    /// Does the caller still wait?
    pub(crate) fn is_open(&self) -> bool {
        self.caller.call.is_open(self.ticket)
    }
}

/// What a server says at the end of its procedure: where the data is, and the descriptors.
#[derive(Clone, Copy)]
pub(crate) struct Results {
    pub(crate) data: usize,
    pub(crate) data_size: usize,
    pub(crate) descs: usize,
    pub(crate) desc_num: u32,
}

/// An answer on its way to its caller.
struct Outgoing {
    serving: Serving,
    answer: Answer,
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
pub(crate) fn door_return(results: Results, stack: Stack) -> Result {
    let mut me = Current::get()?;
    let mut outgoing = reply(&me, results)?;
    loop {
        let request = park(&me, stack, outgoing.take())?;
        let serving = Serving {
            caller: request.caller.clone(),
            ticket: request.ticket,
            results: request.results,
            is_notification: request.is_notification,
        };
        if !serving.caller.call.accept(serving.ticket) {
            // The caller has left before we began (SI-14).
            continue;
        }
        match begin(&mut me, request) {
            Ok(()) => {
                me.serving(|slot| *slot = Some(serving));
                return Ok(());
            }
            Err(error) => outgoing = fail(serving, error),
        }
    }
}

/// The thread exits: a call that it serves fails (SI-30).
pub(crate) fn abandon(me: &Current) {
    if let Some(serving) = me.serving(Option::take) {
        if let Some(outgoing) = fail(serving, EINTR) {
            let caller = outgoing.serving.caller.clone();
            drop(send(outgoing));
            caller.task().wake_up();
        }
    }
}

/// The answer to a call that cannot be served; none if the caller has left.
fn fail(serving: Serving, error: Error) -> Option<Outgoing> {
    if !serving.caller.call.start_reply(serving.ticket) {
        signals::await_cancel();
        return None;
    }
    Some(Outgoing {
        serving,
        answer: Err(error),
    })
}

/// Makes the answer to the call that the thread serves. On an error the call stays open (RE-6).
fn reply(me: &Current, results: Results) -> Result<Option<Outgoing>> {
    let serving = me.serving(Option::take);
    let was_serving = serving.is_some();
    let Some(serving) = serving.filter(|serving| serving.caller.call.start_reply(serving.ticket))
    else {
        if was_serving {
            signals::await_cancel();
        }
        // Nobody waits for an answer: only what was to be released matters (RE-4).
        if results.desc_num > 0 {
            descriptors::release_array(results.descs, results.desc_num)?;
        }
        return Ok(None);
    };
    match compose(&serving, results) {
        Ok(answer) => Ok(Some(Outgoing { serving, answer })),
        Err(error) => {
            serving.caller.call.reopen(serving.ticket);
            // It may have waited for us in order to leave.
            serving.caller.task().wake_up();
            me.serving(|slot| *slot = Some(serving));
            Err(error)
        }
    }
}

/// Collects what the server replies. The order of the checks is that of RE-5. An `Err` is the
/// server's; one within the answer is the caller's.
fn compose(serving: &Serving, results: Results) -> Result<Answer> {
    let shape = Shape::new(results.data_size, results.desc_num);
    let Some(buffer) = serving.results else {
        if results.data_size != 0 || results.desc_num != 0 {
            return Err(E2BIG);
        }
        return Ok(Ok(Reply {
            shape: Shape::default(),
            data: KVVec::new(),
            files: Files::new(),
        }));
    };
    let shape = shape?;
    let fits = shape.fits(buffer.size);
    let has_room = || descriptors::has_room(serving.caller.task(), results.desc_num);
    if !fits && !has_room() {
        return Err(EMFILE);
    }
    let mut data = KVVec::new();
    if results.data_size <= COPY_MAX {
        data = user::read(results.data, results.data_size)?;
    } else {
        // Large data goes straight to the caller, into its buffer or the room that it makes (DA-22,
        // DA-23).
        let address = if fits {
            Some(buffer.address)
        } else {
            ask_for_room(serving, &shape)?
        };
        let mm = user::address_space(serving.caller.task());
        let (Some(address), Some(mm)) = (address, mm) else {
            // No room, or nobody there any more: the server has done its part (RE-5).
            let entries = descriptors::read(results.descs, results.desc_num)?;
            descriptors::release_all(&entries);
            return Ok(Err(EOVERFLOW));
        };
        user::copy_across(&mm, address, results.data, results.data_size, Absent::Fault).map_err(
            |unreachable| match unreachable {
                Unreachable::Source => EFAULT,
                Unreachable::Target => E2BIG,
            },
        )?;
    }
    if fits && !has_room() {
        return Err(EMFILE);
    }
    let entries = descriptors::read(results.descs, results.desc_num)?;
    let files = descriptors::send(&entries, &mut Released::new())?;
    Ok(Ok(Reply { shape, data, files }))
}

/// Has the caller map memory for a reply that does not fit its buffer (DA-23). `None` if it could
/// not, or has died.
///
/// # Errors
///
/// `EINTR` when the server thread is killed meanwhile.
fn ask_for_room(serving: &Serving, shape: &Shape) -> Result<Option<usize>> {
    let Ok(length) = shape.mapping_length(PAGE_SIZE) else {
        return Ok(None);
    };
    let caller = &serving.caller;
    caller.room_length.store(length, Relaxed);
    caller.room_address.store(0, Relaxed);
    if !caller.call.ask(serving.ticket) {
        return Ok(None);
    }
    let mut peer = Some(caller.task());
    loop {
        carrier::prepare(Sleep::Killable);
        if !caller.call.is_asking(serving.ticket) {
            carrier::resume();
        }
        carrier::transfer(peer.take());
        if !caller.call.is_asking(serving.ticket) {
            let address = caller.room_address.load(Relaxed);
            return Ok((address != 0).then_some(address));
        }
        if signals::fatal_pending() {
            return Err(EINTR);
        }
    }
}

/// Gives an answer to its caller; back comes what must be dropped where the thread may sleep, if
/// the caller has died.
fn send(outgoing: Outgoing) -> Option<Answer> {
    let Outgoing { serving, answer } = outgoing;
    serving.caller.call.answer(serving.ticket, answer).err()
}

/// Parks the current thread, tells the caller of its last call, and waits for the next.
///
/// # Errors
///
/// `EINTR` when a signal arrives before a call does.
fn park(me: &Current, stack: Stack, outgoing: Option<Outgoing>) -> Result<Request> {
    let bound = me.bound(|bound| bound.clone());
    let pool = bound.as_ref().map_or(&me.process.pool, |door| door.pool());
    let caller = outgoing
        .as_ref()
        .map(|outgoing| outgoing.serving.caller.clone());
    if outgoing.is_none() && signals::pending() {
        // It may be about a call that is over, and must not run its handler in the next one.
        return Err(EINTR);
    }
    me.lend(stack);
    carrier::settle();
    // The thread is in its pool before its caller runs, so that a next call finds it (SH-3).
    carrier::prepare(Sleep::Interruptible);
    let parked = pool.park(me);
    let undelivered = outgoing.and_then(send);
    if undelivered.is_some() {
        carrier::resume();
        drop(undelivered);
        carrier::settle();
    }

    let mut peer = caller.as_ref().map(|caller| caller.task());
    if !parked {
        carrier::resume();
        if let Some(caller) = peer {
            caller.wake_up();
        }
        return Err(EINTR);
    }
    loop {
        carrier::transfer(peer.take());
        let mut sleep = Sleep::Interruptible;
        match me.activation.look() {
            Parked::Called => {
                if let Some(request) = me.activation.take() {
                    return Ok(request);
                }
            }
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

/// Puts what was sent onto the thread's own stack and into its descriptor table, and sets its
/// registers to the start of the procedure.
///
/// # Errors
///
/// For the caller: `EMFILE`, `E2BIG` if the stack cannot be written (CA-2, rows 17 and 18).
fn begin(me: &mut Current, request: Request) -> Result {
    let frame = request.frame;
    let info = request.about.map(|door| (frame.info, door.info()));
    let desc_num = request.files.len();
    let arriving = Arriving::reserve(request.files)?;
    arriving
        .describe(frame.descs)
        .and_then(|()| user::write_stack(frame.data, &request.data))
        .and_then(|()| info.map_or(Ok(()), |(address, info)| user::write_object(address, &info)))
        .map_err(|_| E2BIG)?;
    arriving.install();

    // A new life: nothing of what the thread did before is left in its registers (DA-10).
    let registers = me.registers();
    registers.r15 = 0;
    registers.r14 = 0;
    registers.r13 = 0;
    registers.bp = 0;
    registers.bx = request.procedure;
    registers.di = request.cookie;
    registers.si = request.argument;
    registers.dx = request.data_size;
    registers.r10 = frame.descs;
    registers.r8 = desc_num;
    registers.r9 = if request.depleted {
        abi::DOOR_RETURN_DEPLETED as usize
    } else {
        0
    };
    registers.r12 = info.map_or(0, |(address, _)| address);
    registers.sp = frame.sp;
    Ok(())
}
