// SPDX-License-Identifier: GPL-2.0

//! The caller's side of a call: `door_call`.

use crate::{
    abi::{
        DoorArg,
        DoorDesc, //
    },
    across::{
        self,
        Absent,
        Unreachable, //
    },
    descriptors::{
        self,
        Arriving,
        Released, //
    },
    door::Door,
    doorfs::DoorFile,
    mapping::Mapping,
    model::{
        call::{
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
    pool::Reserved,
    request::{
        Buffer,
        Extras,
        Request, //
    },
    signals,
    thread::{
        Current,
        Thread, //
    },
    user,
    waiting::{
        give_up,
        take_call,
        wait,
        Callee,
        Waiting, //
    },
};
use kernel::{
    bindings,
    ffi::c_long,
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc, //
};

/// `door_call(2)`: calls the door behind `fd` with the arguments at `params`, which may be 0
/// (CA-4).
#[inline]
pub(crate) fn door_call(fd: i32, params: usize) -> Result {
    let arguments = if params == 0 {
        None
    } else {
        Some(user::read_object::<DoorArg>(params)?)
    };
    let mut file = DoorFile::borrow(fd)?;
    let sent = arguments.unwrap_or_default();
    file.door()
        .check_request(sent.data_size as usize, sent.desc_num)?;

    let me = Current::get()?;
    if sent.desc_num > 0 || me.suspended(|place| place.is_some()) {
        // The descriptor of the door may be among those that are released or closed meanwhile.
        file.keep();
    }
    // A debugger may have kept the thread from going back to a call that it was stopped in.
    give_up(&me, Reason::Interrupted);
    let started = start(&me, &file, &arguments)?;
    let waiting = Waiting::new(started, Callee::File(file));
    finish(&me, waiting, arguments, params)
}

/// Waits for the answer, and takes it in.
#[inline]
fn finish(me: &Current, mut waiting: Waiting, arguments: Option<DoorArg>, params: usize) -> Result {
    match wait(me, &mut waiting) {
        Some(end) => {
            end?;
            let outcome = me.answer(|answer| answer.outcome);
            match arguments {
                Some(arguments) => receive(me, outcome?, waiting.room, arguments, params),
                None => outcome.map(drop),
            }
        }
        None => {
            waiting.suspend(me, arguments, params)?;
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
        .and_then(|(call, me)| {
            let call = KBox::into_inner(call);
            finish(&me, call.waiting, call.arguments, call.params)
        });
    match resumed {
        Ok(()) => 0,
        Err(error) => error.to_errno() as c_long,
    }
}

/// Finds a server thread and gives it the call (CA-2, rows 8 to 16).
///
/// From the moment that a thread is reserved to the one that it has its call, nothing here waits
/// for anything that the caller's program has a hand in, such as its pages or the closing of its
/// files: the server could not be stopped or signalled meanwhile.
#[inline]
fn start(
    me: &Current,
    file: &DoorFile,
    arguments: &Option<DoorArg>,
) -> Result<(Ticket, Arc<Thread>)> {
    let door = file.door();
    let sent = arguments.unwrap_or_default();
    let (data_ptr, data_size) = (sent.data_ptr as usize, sent.data_size as usize);
    // What is fetched in advance may fail; that is reported in its turn.
    let entries = (sent.desc_num != 0).then(|| descriptors::fetch(&sent));

    // Dropped after the server, which is not to wait for what closing may take.
    let mut released = None;
    let (server, about, frame) = loop {
        let mut server = door.pool().reserve(me, door)?;
        if sent.desc_num > DESC_MAX {
            return Err(E2BIG);
        }
        let about = server.about(door, || file.share_door());
        let stack = server.thread().stack();
        // A private pool has room for the information with everything that takes room itself.
        let carries = data_size > 0 || sent.desc_num > 0;
        let informs = about.is_some() || (carries && door.is_private());
        let frame = Frame::new(stack, data_size, sent.desc_num, informs)?;
        if push(&mut server, frame.data, data_ptr, data_size)? {
            break (server, about, frame);
        }
        // The data must be paged in first. That can take long, and somebody else may need the
        // thread.
        drop(server);
        user::fault_in(data_ptr, data_size)?;
        if signals::pending() {
            return Err(signals::before_the_call());
        }
    };
    let extras = match (entries, about) {
        (None, None) => None,
        (entries, about) => Some(gather(entries, about, &mut released)?),
    };

    // The thread makes no other call, so there is always room for this one, unless it dies.
    let ticket = me.call.begin().ok_or(EINTR)?;
    let depleted = server.depleted;
    let server = hand_over(me, server, ticket, |request| {
        request.procedure = door.procedure;
        request.cookie = door.cookie;
        request.frame = frame;
        request.data_size = data_size;
        request.results = arguments.map(|arguments| Buffer {
            address: arguments.rbuf as usize,
            size: arguments.rsize as usize,
        });
        request.extras = extras;
        request.depleted = depleted;
        request.is_notification = false;
    })?;
    if released
        .as_ref()
        .is_some_and(|released| !released.is_empty())
    {
        // Closing can take as long as a file system likes, and the server need not wait for it.
        server.task().wake_up();
    }
    Ok((ticket, server))
}

/// Collects what few calls have. What is to be closed comes into `released`.
#[cold]
fn gather(
    entries: Option<Result<KVVec<DoorDesc>>>,
    about: Option<Arc<Door>>,
    released: &mut Option<Released>,
) -> Result<KBox<Extras>> {
    let entries = entries.unwrap_or_else(|| Ok(KVVec::new()))?;
    let files = descriptors::send(&entries, released.insert(Released::new()))?;
    Ok(KBox::new(Extras { files, about }, GFP_KERNEL_ACCOUNT)?)
}

/// Gives a server thread the call `ticket` of the current one, which `fill` describes. `EINTR` if
/// it has died.
#[inline]
pub(crate) fn hand_over(
    me: &Current,
    server: Reserved<'_>,
    ticket: Ticket,
    fill: impl FnOnce(&mut Request),
) -> Result<Arc<Thread>> {
    let delivered = server.deliver(|request| {
        request.caller = Some(Arc::clone(me));
        request.ticket = ticket;
        fill(request);
    });
    delivered.ok_or_else(|| {
        me.call.abort(ticket, Reason::Interrupted);
        EINTR
    })
}

/// Takes the data along, or if it is large, puts it straight onto the server's stack (DA-2).
/// `false` if some of it is not in memory.
#[inline]
fn push(server: &mut Reserved<'_>, to: usize, from: usize, size: usize) -> Result<bool> {
    if size == 0 {
        return Ok(true);
    }
    if size <= COPY_MAX {
        return match user::without_faults(|| {
            server.request(|request| request.parcel.pack(from, size))
        }) {
            Ok(()) => Ok(true),
            Err(EFAULT) => Ok(false),
            Err(error) => Err(error),
        };
    }
    let mm = across::address_space(server.thread().task()).ok_or(EINTR)?;
    match across::copy_across(&mm, to, from, size, Absent::Fail) {
        Ok(()) => Ok(true),
        Err(Unreachable::Source) => Ok(false),
        Err(Unreachable::Target) => Err(E2BIG),
    }
}

/// Takes a reply in, and tells the program where it is (CA-5, DA-21, DA-23). `room` is where the
/// server has put what did not fit.
#[inline]
fn receive(
    me: &Current,
    shape: Shape,
    room: Option<Mapping>,
    mut arguments: DoorArg,
    params: usize,
) -> Result {
    // Whatever goes wrong, they do not stay where they are.
    let files = me.answer(|answer| answer.files.take());
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
    if shape.data_size() != 0 && shape.data_size() <= COPY_MAX {
        me.answer(|answer| answer.parcel.unpack(rbuf, shape.data_size()))?;
    }
    let descs = rbuf.wrapping_add(shape.desc_offset());
    let arriving = match files {
        None => None,
        Some(files) => {
            let arriving = Arriving::reserve(files)?;
            arriving.describe(descs)?;
            Some(arriving)
        }
    };

    arguments.data_size = shape.data_size() as u64;
    if shape.data_size() > 0 {
        arguments.data_ptr = arguments.rbuf;
    }
    arguments.desc_num = shape.desc_num();
    if shape.desc_num() > 0 {
        arguments.desc_ptr = descs as u64;
    }
    user::write_object(params, &arguments)?;
    if let Some(arriving) = arriving {
        arriving.install();
    }
    if let Some(mapping) = mapping {
        mapping.keep();
    }
    Ok(())
}
