// SPDX-License-Identifier: MIT OR Apache-2.0
//! Private doors whose threads the program makes, with the library's guidance.
//!
//! `door_xcreate` calls the program's function once for every thread that the door shall begin with, and
//! again whenever the pool runs empty. Each thread runs [`begin`], which binds it to the door and says so.
//!
//! Solaris keeps the state of a beginning thread on the stack of `door_xcreate`. Here it is in the [`Pool`],
//! which is never freed: nothing tells when the last thread of a door is gone, and a thread that begins
//! although the program said that it did not make one (XC-10) does no harm.

use super::{bind, create, door_return, ServerProcedure};
use crate::errno::ReturnToC;
use crate::pthread::{
    pthread_setcancelstate, pthread_setcanceltype, PTHREAD_CANCEL_DEFERRED, PTHREAD_CANCEL_DISABLE,
};
use crate::{debug, futex, local, stack};
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use doors_uapi::abi::{DoorInfo, DOOR_NO_DEPLETION_CB, DOOR_PRIVATE, DOOR_PRIVCREATE, DOOR_QUERY};
use doors_uapi::{syscalls, Errno};

/// What a thread of such a door has to run, once.
pub type Begin = extern "C" fn(argument: *mut c_void) -> *mut c_void;

/// `door_xcreate_server_func_t`: makes a thread that runs `startf(startfarg)`. Returns 1 if it did, 0 if it
/// would not, -1 if it could not (XC-4). It must return.
pub type CreateThread = unsafe extern "C" fn(
    info: *mut DoorInfo,
    startf: Begin,
    startfarg: *mut c_void,
    crcookie: *mut c_void,
) -> c_int;

/// `door_xcreate_thrsetup_func_t`: what a new thread does first. It must return.
pub type SetUpThread = unsafe extern "C" fn(crcookie: *mut c_void);

/// What the library remembers of such a door.
pub(crate) struct Pool {
    /// The program's, for as long as it likes: a thread may read it after the function that was given it has
    /// returned.
    info: UnsafeCell<DoorInfo>,
    uniquifier: u64,
    descriptor: c_int,
    create_thread: CreateThread,
    set_up_thread: Option<SetUpThread>,
    cookie: *mut c_void,
    /// How many threads are bound, or have found out that they cannot be.
    arrived: AtomicU32,
    /// One could not.
    failed: AtomicBool,
    /// What bound threads wait for: one of the three below.
    verdict: AtomicU32,
}

/// `door_xcreate` is not done yet.
const WAIT: u32 = 0;
/// Serve.
const SERVE: u32 = 1;
/// There will be no such door.
const LEAVE: u32 = 2;

/// What the program's function said.
enum Made {
    Thread,
    Declined,
    Failed,
}

/// Makes a private door and the threads that serve it: its descriptor, or -1 and `errno` (XC-1 to XC-10).
///
/// # Safety
/// `proc` may be run, with `cookie`, on any thread bound to the door until the door is revoked; the two other
/// functions, with `crcookie`, as long as the door has threads.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn door_xcreate(
    proc: Option<ServerProcedure>,
    cookie: *mut c_void,
    attributes: c_uint,
    thr_create_func: Option<CreateThread>,
    thr_setup_func: Option<SetUpThread>,
    crcookie: *mut c_void,
    nthread: c_int,
) -> c_int {
    let nthread = u32::try_from(nthread).unwrap_or(0);
    let create_thread = match thr_create_func {
        Some(function) if attributes & DOOR_PRIVCREATE == 0 && nthread > 0 => function,
        _ => return crate::errno::fail(libc::EINVAL),
    };
    let attributes = attributes | DOOR_PRIVATE | DOOR_PRIVCREATE;
    // SAFETY: the caller's promise.
    let made = unsafe { create::make(proc, cookie, attributes) };
    made.and_then(|(d, _)| {
        Pool::new(d, create_thread, thr_setup_func, crcookie)
            .and_then(|pool| pool.begin_with(nthread))
            .map(|()| d)
            .inspect_err(|_| {
                // SAFETY: the descriptor was made above. What it is by now, if the program closed it, is
                // the program's doing.
                let _ = unsafe { syscalls::door_revoke(d) };
            })
    })
    .or_minus_one()
}

impl Pool {
    fn new(
        descriptor: c_int,
        create_thread: CreateThread,
        set_up_thread: Option<SetUpThread>,
        cookie: *mut c_void,
    ) -> Result<&'static Self, Errno> {
        let mut info = DoorInfo::default();
        // SAFETY: the structure outlives the call.
        unsafe { syscalls::door_info(descriptor, &mut info) }?;
        // SAFETY: the size is not zero.
        let memory: *mut Self = unsafe { libc::malloc(size_of::<Self>()) }.cast();
        if memory.is_null() {
            return Err(Errno::ENOMEM);
        }
        // SAFETY: malloc's memory is aligned for everything, and large enough. It is never freed.
        unsafe {
            memory.write(Self {
                uniquifier: info.uniquifier,
                info: UnsafeCell::new(info),
                descriptor,
                create_thread,
                set_up_thread,
                cookie,
                arrived: AtomicU32::new(0),
                failed: AtomicBool::new(false),
                verdict: AtomicU32::new(WAIT),
            });
            Ok(&*memory)
        }
    }

    /// Has the first threads made, and lets them serve if all is well (XC-4, XC-5, XC-7, XC-9).
    fn begin_with(&self, nthread: u32) -> Result<(), Errno> {
        fits_stack(nthread)?;
        let mut made = 0;
        let mut result = Ok(());
        while made < nthread && result.is_ok() {
            match self.make_thread(self.info.get()) {
                Made::Thread => made += 1,
                Made::Declined => result = Err(Errno::EINVAL),
                Made::Failed => result = Err(EPIPE),
            }
        }
        // They may still be using what the program is about to free.
        let mut arrived = 0;
        while arrived < made {
            arrived = futex::wait_while(&self.arrived, arrived);
        }
        if result.is_ok() && self.failed.load(Ordering::Relaxed) {
            result = Err(Errno::EBADF);
        }
        let verdict = if result.is_ok() { SERVE } else { LEAVE };
        self.verdict.store(verdict, Ordering::Release);
        futex::wake(&self.verdict);
        result
    }

    /// Has one more thread made (XC-4).
    fn make_thread(&self, info: *mut DoorInfo) -> Made {
        let this = ptr::from_ref(self).cast_mut().cast();
        // SAFETY: the program says that this function makes the door's threads; `info` describes the door.
        match unsafe { (self.create_thread)(info, begin, this, self.cookie) } {
            1 => Made::Thread,
            0 => Made::Declined,
            -1 => Made::Failed,
            // SAFETY: has no preconditions.
            _ => unsafe {
                debug::strange_result();
                libc::abort()
            },
        }
    }

    /// The calling thread, the last of the pool, has another made, and waits until one has come (TP-24).
    fn make_up_for_me(&self, info: *mut DoorInfo) {
        let arrived = self.arrived.load(Ordering::Acquire);
        if let Made::Thread = self.make_thread(info) {
            futex::wait_while(&self.arrived, arrived);
        }
    }

    /// Binds the calling thread to this door, and to no other that has its descriptor by now.
    fn bind(&self) -> bool {
        let mut info = DoorInfo::default();
        // SAFETY: the structure outlives the calls.
        let bound = unsafe {
            syscalls::door_bind(self.descriptor)
                .and_then(|()| syscalls::door_info(DOOR_QUERY, &mut info))
        };
        if bound.is_ok() && info.uniquifier != self.uniquifier {
            bind::door_unbind();
            return false;
        }
        bound.is_ok()
    }

    /// Says that the calling thread has come, and waits for what to do.
    fn arrive(&self, bound: bool) -> u32 {
        if !bound {
            self.failed.store(true, Ordering::Relaxed);
        }
        self.arrived.fetch_add(1, Ordering::Release);
        futex::wake(&self.arrived);
        match bound {
            true => futex::wait_while(&self.verdict, WAIT),
            false => LEAVE,
        }
    }
}

/// What each thread runs; `argument` is its pool (XC-6). Returns only when the thread shall not serve.
extern "C" fn begin(argument: *mut c_void) -> *mut c_void {
    let pool: *const Pool = argument.cast_const().cast();
    // SAFETY: this is what `make_thread` passed on, and it is never freed.
    let pool = unsafe { &*pool };
    // SAFETY: the cell belongs to this thread.
    unsafe { (*local::here()).pool = pool };
    // SAFETY: the program says that this function sets threads up; cancellation is disabled before its type
    // is set, so that neither acts on one.
    unsafe {
        match pool.set_up_thread {
            Some(function) => function(pool.cookie),
            None => {
                pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, ptr::null_mut());
                pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, ptr::null_mut());
            }
        }
    }
    let bound = pool.bind();
    if pool.arrive(bound) == SERVE {
        // SAFETY: parking with nothing to return needs no memory, and no frame here owns anything.
        unsafe { door_return(ptr::null_mut(), 0, ptr::null_mut(), 0) };
    }
    if bound {
        bind::door_unbind();
    }
    // SAFETY: the cell belongs to this thread.
    unsafe { (*local::here()).pool = ptr::null() };
    ptr::null_mut()
}

/// The calling thread was the last of the pool of such a door, which `info` describes (TP-24 to TP-26).
pub(super) fn on_depletion(info: *mut DoorInfo) {
    // SAFETY: the kernel put the structure on this thread's stack; it is valid for the whole of the call.
    let DoorInfo {
        attributes,
        uniquifier,
        ..
    } = unsafe { *info };
    if attributes & DOOR_NO_DEPLETION_CB != 0 {
        return;
    }
    // SAFETY: the cell belongs to this thread, and what is in it was put there by `begin`.
    match unsafe { (*local::here()).pool.as_ref() } {
        Some(pool) if pool.uniquifier == uniquifier => pool.make_up_for_me(info),
        // It bound itself, and nobody knows how to make another (TP-26).
        // SAFETY: has no preconditions.
        _ => unsafe {
            debug::stray_thread();
            libc::abort()
        },
    }
}

/// Whether so many threads can be asked for at all. Solaris keeps a few words for each on the caller's
/// stack, which catches numbers that nobody can mean (XC-8).
fn fits_stack(nthread: u32) -> Result<(), Errno> {
    const RECORD: usize = 4 * size_of::<usize>();
    let here = ptr::from_ref(&nthread).addr();
    match stack::extent() {
        Some((low, high))
            if (low..high).contains(&here) && nthread as usize * RECORD > here - low =>
        {
            Err(Errno::E2BIG)
        }
        _ => Ok(()),
    }
}

const EPIPE: Errno = Errno::new(libc::EPIPE);
