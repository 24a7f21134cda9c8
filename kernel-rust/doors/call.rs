// SPDX-License-Identifier: GPL-2.0

//! The caller's side of a call: `door_call`.

use crate::{
    abi::DoorArg,
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
        frame::Frame,
        limits::{
            COPY_MAX,
            DESC_MAX, //
        },
        reply::Shape,
    },
    notifications::Telling,
    pool::Reserved,
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
    bindings,
    ffi::c_long,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc, //
    },
};

/// What a caller hands to a server thread.
pub(crate) struct Request {
    /// Who calls, and which call it is.
    pub(crate) caller: Arc<Thread>,
    pub(crate) ticket: Ticket,
    /// The procedure and its first argument.
    pub(crate) procedure: usize,
    pub(crate) cookie: usize,
    /// Where everything goes on the server's stack.
    pub(crate) frame: Frame,
    /// What the procedure gets as the address of the data, and its size.
    pub(crate) argument: usize,
    pub(crate) data_size: usize,
    /// The data, unless it lies there already.
    pub(crate) data: KVVec<u8>,
    pub(crate) files: Files,
    /// The server thread was the last one of its pool (TP-20).
    pub(crate) depleted: bool,
    /// The door, if the server is to be given information on it (TP-27).
    pub(crate) about: Option<Arc<Door>>,
    /// It is a notification, and the caller's own identity does not matter (UC-3).
    pub(crate) is_notification: bool,
    /// Where the answer may go.
    pub(crate) results: Option<Buffer>,
}

/// The buffer of a caller for results.
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    pub(crate) address: usize,
    pub(crate) size: usize,
}

/// What a call ends with.
pub(crate) type Answer = Result<Reply>;

/// A server's reply, on its way to the caller.
pub(crate) struct Reply {
    pub(crate) shape: Shape,
    /// The data, unless the server has written it to where it belongs already.
    pub(crate) data: KVVec<u8>,
    pub(crate) files: Files,
}

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
    room: Option<Mapping>,
    arguments: Option<DoorArg>,
    params: usize,
    pub(crate) callee: Callee,
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
    pub(crate) fn new(
        (ticket, server): (Ticket, Arc<Thread>),
        callee: Callee,
        arguments: Option<DoorArg>,
        params: usize,
    ) -> Self {
        Self {
            ticket,
            server,
            untold: true,
            unserved: false,
            leaving: false,
            room: None,
            arguments,
            params,
            callee,
        }
    }
}

/// `door_call(2)`: calls the door behind `fd` with the arguments at `params`, which may be 0
/// (CA-4).
pub(crate) fn door_call(fd: i32, params: usize) -> Result {
    let arguments = if params == 0 {
        None
    } else {
        Some(user::read_object::<DoorArg>(params)?)
    };
    let file = DoorFile::get(fd)?;
    let sent = arguments.unwrap_or_default();
    file.door()
        .check_request(sent.data_size as usize, sent.desc_num)?;

    let me = Current::get()?;
    // A debugger may have kept the thread from going back to a call that it was stopped in.
    give_up(&me, Reason::Interrupted);
    let started = start(&me, &file, &arguments)?;
    let callee = Callee::File(file);
    finish(&me, Waiting::new(started, callee, arguments, params))
}

/// Waits for the answer, and takes it in.
fn finish(me: &Current, mut waiting: Waiting) -> Result {
    match wait(me, &mut waiting) {
        Some(answer) => match waiting.arguments {
            Some(arguments) => receive(answer?, waiting.room, arguments, waiting.params),
            None => answer.map(drop),
        },
        None => {
            me.suspended(|place| *place = Some(waiting));
            // SAFETY: The function is one of `restart_syscall(2)`.
            unsafe { bindings::set_restart_fn(Some(restart)) };
            Err(ERESTART_RESTARTBLOCK)
        }
    }
}

/// The thread goes on after a stop: so does its call (SI-3, SH-11).
unsafe extern "C" fn restart(_block: *mut bindings::restart_block) -> c_long {
    let resumed = Current::get_existing()
        .and_then(|me| Some((me.suspended(take_call)?, me)))
        .ok_or(EINTR)
        .and_then(|(waiting, me)| finish(&me, waiting));
    match resumed {
        Ok(()) => 0,
        Err(error) => error.to_errno() as c_long,
    }
}

/// Takes what the thread was stopped in, if that is a `door_call`.
fn take_call(place: &mut Option<Waiting>) -> Option<Waiting> {
    place.take_if(|waiting| matches!(waiting.callee, Callee::File(_)))
}

/// A handler is about to run. If the thread was stopped in a call, that has ended with `EINTR`: now
/// nobody writes to the buffers of the program any more (SI-2, SI-10).
pub(crate) fn interrupted(me: &Current) {
    if let Some(waiting) = me.suspended(take_call) {
        me.suspended(|place| *place = Some(waiting));
        give_up(me, Reason::Interrupted);
    }
}

/// Leaves a call that the thread was stopped in, if there is one.
pub(crate) fn give_up(me: &Current, reason: Reason) {
    let Some(mut waiting) = me.suspended(Option::take) else {
        return;
    };
    match (abort(me, &waiting, reason), &waiting.callee) {
        (Aborted::Busy, _) => waiting.leaving = true,
        (Aborted::BeforeStart, Callee::Unreferenced(telling)) => telling.put_back(),
        _ => {}
    }
    if me.call.is_answered(waiting.ticket) || waiting.leaving {
        // Nobody wants the answer, but it must be out of the way.
        drop(wait(me, &mut waiting));
        carrier::settle();
    }
}

/// Gives the call up, if that is still possible. A server that goes on alone is told so by a
/// signal, unless the door is `DOOR_NO_CANCEL` (SI-11).
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

/// Finds a server thread and gives it the call (CA-2, rows 8 to 16).
///
/// From the moment that a thread is reserved to the one that it has its call, nothing here waits
/// for anything that the caller's program has a hand in, such as its pages or the closing of its
/// files: the server could not be stopped or signalled meanwhile.
fn start(
    me: &Current,
    file: &DoorFile,
    arguments: &Option<DoorArg>,
) -> Result<(Ticket, Arc<Thread>)> {
    let door = file.door();
    let sent = arguments.unwrap_or_default();
    let (data_ptr, data_size) = (sent.data_ptr as usize, sent.data_size as usize);
    // What is fetched in advance may fail; that is reported in its turn.
    let small = if data_size <= COPY_MAX {
        user::read(data_ptr, data_size)
    } else {
        Ok(KVVec::new())
    };
    let entries = if sent.desc_num <= DESC_MAX {
        descriptors::read(sent.desc_ptr as usize, sent.desc_num)
    } else {
        Err(E2BIG)
    };
    let mut released = Released::new();

    let (server, about, frame) = loop {
        let server = door.pool().reserve(me, door)?;
        if sent.desc_num > DESC_MAX {
            return Err(E2BIG);
        }
        let about = server.about(door, || file.share_door());
        let stack = server.thread().stack();
        // A private pool has room for the information with everything that takes room itself.
        let carries = data_size > 0 || sent.desc_num > 0;
        let informs = about.is_some() || (carries && door.is_private());
        let frame = Frame::new(stack, data_size, sent.desc_num, informs)?;
        if data_size <= COPY_MAX || push(server.thread(), frame.data, data_ptr, data_size)? {
            break (server, about, frame);
        }
        // The data must be paged in first. That can take long, and somebody else may need the
        // thread.
        drop(server);
        user::fault_in(data_ptr, data_size)?;
        if signals::pending() {
            return Err(EAGAIN);
        }
    };
    let data = small?;
    let files = descriptors::send(&entries?, &mut released)?;

    // The thread makes no other call, so there is always room for this one, unless it dies.
    let ticket = me.call.begin().ok_or(EINTR)?;
    let request = Request {
        caller: Arc::clone(me),
        ticket,
        procedure: door.procedure,
        cookie: door.cookie,
        frame,
        argument: frame.data,
        data_size,
        data,
        files,
        depleted: server.depleted,
        about,
        is_notification: false,
        results: arguments.map(|arguments| Buffer {
            address: arguments.rbuf as usize,
            size: arguments.rsize as usize,
        }),
    };
    let (ticket, server) = hand_over(me, server, request)?;
    if !released.is_empty() {
        // Closing can take as long as a file system likes, and the server need not wait for it.
        server.task().wake_up();
    }
    Ok((ticket, server))
}

/// Gives a server thread its call. `EINTR` if it has died.
pub(crate) fn hand_over(
    me: &Current,
    server: Reserved<'_>,
    request: Request,
) -> Result<(Ticket, Arc<Thread>)> {
    let ticket = request.ticket;
    match server.deliver(request) {
        Ok(server) => Ok((ticket, server)),
        Err(_) => {
            me.call.abort(ticket, Reason::Interrupted);
            Err(EINTR)
        }
    }
}

/// Large data goes straight onto the server's stack (DA-2). `false` if some of it is not in memory.
fn push(server: &Thread, to: usize, from: usize, size: usize) -> Result<bool> {
    let mm = user::address_space(server.task()).ok_or(EINTR)?;
    match user::copy_across(&mm, to, from, size, Absent::Fail) {
        Ok(()) => Ok(true),
        Err(Unreachable::Source) => Ok(false),
        Err(Unreachable::Target) => Err(E2BIG),
    }
}

/// Tells the server, and sleeps until the answer is there or a signal is (SI-1 to SI-7). If the
/// server asks for it meanwhile, makes room for the reply. `None` if the thread is to be stopped,
/// and the call goes on afterwards.
pub(crate) fn wait(me: &Current, waiting: &mut Waiting) -> Option<Answer> {
    let ticket = waiting.ticket;
    if carrier::is_unsettled() {
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

        if me.call.is_asking(ticket) {
            waiting.room = Mapping::new(me.room_length.load(Relaxed)).ok();
            let address = waiting.room.as_ref().map_or(0, |room| room.address);
            me.room_address.store(address, Relaxed);
            me.call.grant(ticket);
            waiting.untold = true;
            continue;
        }
        if let Some(answer) = me.call.collect(ticket) {
            // A caller that wanted to leave during the reply leaves without it (SI-6).
            return Some(if waiting.leaving { Err(EINTR) } else { answer });
        }
        if !waiting.leaving && !signals::pending() {
            continue;
        }
        let reason = if signals::fatal_pending() {
            Reason::Dying
        } else if waiting.leaving || signals::handler_or_death_pending() {
            Reason::Interrupted
        } else {
            return None;
        };
        match abort(me, waiting, reason) {
            Aborted::BeforeStart => {
                waiting.unserved = true;
                return Some(Err(EINTR));
            }
            Aborted::WhileServed | Aborted::DuringReply => return Some(Err(EINTR)),
            Aborted::Busy => waiting.leaving = true,
            // The signal came too late, and is delivered on the way out (SI-5).
            Aborted::Answered => {}
        }
    }
}

/// Takes a reply in, and tells the program where it is (CA-5, DA-21, DA-23). `room` is where the
/// server has put what did not fit.
fn receive(reply: Reply, room: Option<Mapping>, mut arguments: DoorArg, params: usize) -> Result {
    let shape = reply.shape;
    let mapping = if shape.fits(arguments.rsize as usize) {
        None
    } else {
        let length = shape.mapping_length(PAGE_SIZE).map_err(|_| EOVERFLOW)?;
        let mapping = match room {
            Some(room) if room.length == length => room,
            _ => Mapping::new(length)?,
        };
        arguments.rbuf = mapping.address as u64;
        arguments.rsize = mapping.length as u64;
        Some(mapping)
    };
    let rbuf = arguments.rbuf as usize;
    user::write(rbuf, &reply.data)?;
    let arriving = Arriving::reserve(reply.files)?;
    let descs = rbuf.wrapping_add(shape.desc_offset());
    arriving.describe(descs)?;

    arguments.data_size = shape.data_size() as u64;
    if shape.data_size() > 0 {
        arguments.data_ptr = arguments.rbuf;
    }
    arguments.desc_num = shape.desc_num();
    if shape.desc_num() > 0 {
        arguments.desc_ptr = descs as u64;
    }
    user::write_object(params, &arguments)?;
    arriving.install();
    if let Some(mapping) = mapping {
        mapping.keep();
    }
    Ok(())
}
