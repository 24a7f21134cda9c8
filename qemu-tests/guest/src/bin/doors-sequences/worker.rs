// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread that does as it is told, with the bare system calls. All processes of a sequence consist of these.

use crate::memory::{Room, Rooms};
use crate::seat::{Seat, Seats};
use crate::server::{self, Start};
use crate::wire::{Arrival, Order, Parcel, Report};
use crate::{descriptor_of, procedure_of, FIRST_DESCRIPTOR};
use doors_reference::names::SLOTS;
use doors_reference::operation::RESULT_ROOM;
use doors_reference::{Action, Pass, Reply, Request, Slot};
use doors_uapi::abi::{
    DoorArg, DoorDesc, DoorInfo, DoorUcred, DOOR_DESCRIPTOR, DOOR_QUERY, DOOR_RELEASE,
    DOOR_SIGCANCEL, DOOR_UNREF_DATA,
};
use doors_uapi::{syscalls, Errno};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::Ordering;

/// Where every process finds the seats and the memory of its threads.
pub(crate) struct Hall {
    pub(crate) seats: Seats,
    pub(crate) rooms: Rooms,
}

thread_local! {
    /// The seat of this thread, for its signal handler.
    static SEAT: Cell<Option<&'static Seat>> = const { Cell::new(None) };
}

/// What there is nothing at.
const NOWHERE: usize = 8;

/// The caller of the thread has left (SI-11).
extern "C" fn on_cancel(_: libc::c_int) {
    if let Some(seat) = SEAT.get() {
        seat.cancels.fetch_add(1, Ordering::Release);
    }
}

extern "C" fn on_signal(_: libc::c_int) {}

fn handle(signal: libc::c_int, handler: usize) {
    // SAFETY: the handlers do what handlers may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        // Calls are not restarted for all that (CA-1).
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &action, ptr::null_mut()), 0);
    }
}

/// Makes a process that was just forked the first one of a sequence.
pub(crate) fn first(hall: &'static Hall) -> ! {
    handle(libc::SIGUSR1, on_signal as *const () as usize);
    handle(DOOR_SIGCANCEL, on_cancel as *const () as usize);
    // Children are not waited for.
    handle(libc::SIGCHLD, libc::SIG_IGN);
    let limit = libc::rlimit {
        rlim_cur: (FIRST_DESCRIPTOR as usize + SLOTS) as libc::rlim_t,
        rlim_max: (FIRST_DESCRIPTOR as usize + SLOTS) as libc::rlim_t,
    };
    // SAFETY: all descriptors but the standard ones are the driver's, and none of them is used here.
    unsafe {
        assert_eq!(libc::close_range(FIRST_DESCRIPTOR as u32, u32::MAX, 0), 0);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    Worker::new(hall, 0).work()
}

struct Worker {
    hall: &'static Hall,
    seat: &'static Seat,
    room: Room,
}

/// What a new thread is told.
struct Newborn {
    hall: &'static Hall,
    number: usize,
}

extern "C" fn begin(newborn: *mut libc::c_void) -> *mut libc::c_void {
    // SAFETY: `spawn` has boxed it for us.
    let newborn = unsafe { Box::from_raw(newborn.cast::<Newborn>()) };
    let Newborn { hall, number } = *newborn;
    Worker::new(hall, number).work()
}

impl Worker {
    fn new(hall: &'static Hall, number: usize) -> Self {
        let seat = hall.seats.of(number);
        SEAT.set(Some(seat));
        Self {
            hall,
            seat,
            room: hall.rooms.of(number),
        }
    }

    /// Does one thing after the other.
    fn work(self) -> ! {
        self.seat.take();
        let mut done = 0;
        loop {
            let order = Order::decode(&self.seat.next_order(done));
            done += 1;
            let report = self.obey(&order).unwrap_or_else(Report::Failed);
            self.seat.report(&report.encode());
        }
    }

    fn obey(&self, order: &Order) -> Result<Report, Errno> {
        match order.action {
            Action::Create { attributes } => create(order.cookie, attributes),
            Action::Duplicate(slot) => {
                // SAFETY: makes a descriptor.
                let made =
                    unsafe { libc::fcntl(descriptor_of(slot), libc::F_DUPFD, FIRST_DESCRIPTOR) };
                check(made).map(Report::Made)
            }
            Action::Close(slot) => {
                // SAFETY: the descriptors are there to be closed.
                check(unsafe { libc::close(descriptor_of(slot)) }).map(|_| Report::Done)
            }
            Action::Fork => self.fork(order.newborn),
            Action::Spawn => self.spawn(order.newborn),
            Action::Exit => exit(),
            Action::Bind(slot) => {
                // SAFETY: it will serve the door's calls when it is told to return.
                unsafe { syscalls::door_bind(descriptor_of(slot)) }.map(|()| Report::Done)
            }
            // SAFETY: no preconditions.
            Action::Unbind => unsafe { syscalls::door_unbind() }.map(|()| Report::Done),
            Action::Call(slot, request) => self.call(slot, &request),
            Action::Return(reply) => self.give(&reply),
            Action::Revoke(slot) => {
                // SAFETY: no preconditions.
                unsafe { syscalls::door_revoke(descriptor_of(slot)) }.map(|()| Report::Done)
            }
            Action::Info(slot) => {
                let info = info(descriptor_of(slot))?;
                // SAFETY: looks at a descriptor.
                let flags = check(unsafe { libc::fcntl(descriptor_of(slot), libc::F_GETFD) })?;
                Ok(Report::Info(info, Some(flags & libc::FD_CLOEXEC != 0)))
            }
            Action::Query => Ok(Report::Info(info(DOOR_QUERY)?, None)),
            Action::GetParameter(slot, parameter) => {
                let mut value = 0;
                // SAFETY: the value is ours.
                unsafe { syscalls::door_getparam(descriptor_of(slot), parameter, &mut value) }?;
                Ok(Report::Parameter(value))
            }
            Action::SetParameter(slot, parameter, value) => {
                // SAFETY: no preconditions.
                unsafe { syscalls::door_setparam(descriptor_of(slot), parameter, value) }
                    .map(|()| Report::Done)
            }
            Action::Credentials => {
                let mut ucred = DoorUcred::default();
                // SAFETY: the structure is ours, and no groups are asked for.
                unsafe { syscalls::door_ucred(&mut ucred, ptr::null_mut(), 0) }?;
                Ok(Report::Caller(ucred.pid))
            }
            // SAFETY: no preconditions.
            Action::AwaitUnreferenced => unsafe { syscalls::door_unref() }.map(|()| Report::Done),
        }
    }

    /// The child goes on from here, in another seat.
    fn fork(&self, newborn: usize) -> Result<Report, Errno> {
        // SAFETY: the child has this one thread. Other threads of this process may be in the middle of making a
        // thread; the C library sees to its own locks.
        match unsafe { libc::fork() } {
            0 => Self::new(self.hall, newborn).work(),
            pid => check(pid).map(|_| Report::Done),
        }
    }

    fn spawn(&self, newborn: usize) -> Result<Report, Errno> {
        let newborn = Box::into_raw(Box::new(Newborn {
            hall: self.hall,
            number: newborn,
        }));
        // SAFETY: the new thread takes the box. Nobody joins it, and its stack goes with the process.
        let error = unsafe {
            let mut thread = std::mem::zeroed();
            libc::pthread_create(&mut thread, ptr::null(), begin, newborn.cast())
        };
        match error {
            0 => Ok(Report::Done),
            error => Err(Errno::new(error)),
        }
    }

    /// Where what is sent lies.
    fn content(&self, size: usize, unreadable: bool) -> *const u8 {
        if unreadable && size > 0 {
            ptr::without_provenance(NOWHERE)
        } else {
            self.hall.rooms.content(size).as_ptr()
        }
    }

    fn call(&self, slot: Slot, request: &Request) -> Result<Report, Errno> {
        let descriptor = descriptor_of(slot);
        if !request.parameters {
            // SAFETY: this is allowed (CA-4).
            unsafe { syscalls::door_call(descriptor, ptr::null_mut()) }?;
            return Ok(Report::Result(Parcel {
                intact: true,
                ..Parcel::default()
            }));
        }
        let sent = entry(request.pass);
        let data = self.content(request.size, request.unreadable);
        let room = self.room.result_place();
        let before = DoorArg {
            data_ptr: data.expose_provenance() as u64,
            data_size: request.size as u64,
            desc_ptr: sent.as_ptr().expose_provenance() as u64,
            desc_num: sent.len() as u32,
            pad: 0,
            rbuf: room.expose_provenance() as u64,
            rsize: RESULT_ROOM as u64,
        };
        let mut after = before;
        // SAFETY: what it points to is ours, or is nothing.
        unsafe { syscalls::door_call(descriptor, &mut after) }?;
        Ok(Report::Result(self.taken(&before, &after)))
    }

    fn give(&self, reply: &Reply) -> Result<Report, Errno> {
        let sent = entry(reply.pass);
        let data = self.content(reply.size, reply.unreadable);
        let start = server::door_return(&self.room, data, reply.size, &sent)?;
        Ok(Report::Invoked(self.arrival(&start)))
    }

    /// A result, held against what the parameters were before (CA-5, DA-23, DA-28).
    fn taken(&self, before: &DoorArg, after: &DoorArg) -> Parcel {
        let size = after.data_size as usize;
        let count = u64::from(after.desc_num);
        let entries = size_of::<DoorDesc>();
        let at = if count > 0 {
            size.next_multiple_of(entries)
        } else {
            size
        };
        let needed = at + count as usize * entries;
        let mapped = needed > before.rsize as usize;
        let places = [
            (after.rbuf != before.rbuf) == mapped,
            after.rsize
                == if mapped {
                    needed.next_multiple_of(4096) as u64
                } else {
                    before.rsize
                },
            after.data_ptr
                == if size > 0 {
                    after.rbuf
                } else {
                    before.data_ptr
                },
            after.desc_ptr
                == if count > 0 {
                    after.rbuf + at as u64
                } else {
                    before.desc_ptr
                },
        ];
        let right = places.iter().all(|right| *right);
        let parcel = Parcel {
            size,
            // SAFETY: the kernel says that so many bytes are there.
            intact: right && unsafe { self.hall.rooms.is_intact(after.data_ptr, size) },
            count,
            descriptor: if count > 0 && right {
                read(after.desc_ptr)
            } else {
                DoorDesc::default()
            },
        };
        if mapped && right {
            // SAFETY: the mapping was made for this call, and is looked at no more.
            unsafe {
                libc::munmap(
                    ptr::with_exposed_provenance_mut(after.rbuf as usize),
                    after.rsize as usize,
                )
            };
        }
        parcel
    }

    /// What an invocation began with (DA-5, DA-11).
    fn arrival(&self, start: &Start) -> Arrival {
        let notified = start.data == DOOR_UNREF_DATA;
        let size = start.size as usize;
        let aligned = [start.data, start.descriptors]
            .iter()
            .all(|it| it % 16 == 0);
        let there =
            (start.data != 0) == (size > 0) && (start.descriptors != 0) == (start.count > 0);
        let parcel = || Parcel {
            size,
            // SAFETY: the kernel says that so many bytes are there.
            intact: aligned && there && unsafe { self.hall.rooms.is_intact(start.data, size) },
            count: start.count,
            descriptor: if start.count > 0 {
                read(start.descriptors)
            } else {
                DoorDesc::default()
            },
        };
        Arrival {
            cookie: start.cookie,
            procedure: start.procedure,
            parcel: (!notified).then(parcel),
            flags: start.flags,
            info: (start.info != 0).then(|| read(start.info)),
        }
    }
}

fn create(cookie: u64, attributes: u32) -> Result<Report, Errno> {
    // SAFETY: the procedure is never called: what begins an invocation does not look at it.
    let made = unsafe {
        syscalls::door_create(
            ptr::without_provenance_mut(procedure_of(cookie) as usize),
            ptr::without_provenance_mut(cookie as usize),
            attributes,
        )
    }?
    .into_raw();
    Ok(Report::Created(made, info(made)?))
}

fn info(descriptor: i32) -> Result<DoorInfo, Errno> {
    let mut info = DoorInfo::default();
    // SAFETY: the structure is ours.
    unsafe { syscalls::door_info(descriptor, &mut info) }?;
    Ok(info)
}

fn exit() -> ! {
    // SAFETY: ends this thread, and the process with the last one; nothing of the C library's is in use.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("the thread has ended");
}

fn check(result: i32) -> Result<i32, Errno> {
    if result == -1 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::new(error.raw_os_error().unwrap_or_default()));
    }
    Ok(result)
}

fn entry(pass: Option<Pass>) -> Vec<DoorDesc> {
    let entry = |pass: Pass| DoorDesc {
        attributes: DOOR_DESCRIPTOR | if pass.release { DOOR_RELEASE } else { 0 },
        descriptor: descriptor_of(pass.slot),
        ..DoorDesc::default()
    };
    pass.map(entry).into_iter().collect()
}

fn read<T: Copy>(address: u64) -> T {
    let place: *const T = ptr::with_exposed_provenance(address as usize);
    // SAFETY: the kernel says that there is one.
    unsafe { place.read_unaligned() }
}
