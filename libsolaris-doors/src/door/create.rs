// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making doors.

use super::{cancel, pool, unref, ServerFunction, ServerProcedure};
use crate::errno::ReturnToC;
use crate::process::{self, Process};
use core::ffi::{c_int, c_uint, c_void};
use core::ptr;
use doors_uapi::abi::{DoorInfo, DOOR_NO_DEPLETION_CB, DOOR_PRIVATE, DOOR_PRIVCREATE};
use doors_uapi::syscalls;
use doors_uapi::Errno;

/// Makes a door: its descriptor, or -1 and `errno` (CR-1 to CR-10).
///
/// The first shared door of a process starts its pool with one thread (TP-10). Every private door asks for
/// a thread of its own (TP-11), before the caller knows the descriptor. A thread that cannot be had is not
/// reported (CR-9).
///
/// # Safety
/// `proc` may be run, with `cookie`, on any server thread of the process until the door is revoked.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn door_create(
    proc: Option<ServerProcedure>,
    cookie: *mut c_void,
    attributes: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { create(proc, cookie, attributes) }.or_minus_one()
}

/// # Safety
/// As for [`door_create`].
unsafe fn create(
    proc: Option<ServerProcedure>,
    cookie: *mut c_void,
    attributes: u32,
) -> Result<c_int, Errno> {
    // These belong to door_xcreate (CR-1).
    if attributes & (DOOR_NO_DEPLETION_CB | DOOR_PRIVCREATE) != 0 {
        return Err(Errno::EINVAL);
    }
    // SAFETY: the caller's promise.
    let (d, process) = unsafe { make(proc, cookie, attributes) }?;
    if attributes & DOOR_PRIVATE != 0 {
        private_pool(d).inspect_err(|_| {
            // The door goes with its descriptor, which nobody has seen (DX-10).
            // SAFETY: the descriptor was made above.
            unsafe { libc::close(d) };
        })?;
    } else if process.claims_shared_pool() {
        pool::needs_thread(ptr::null_mut());
    }
    Ok(d)
}

/// Makes a door that has no threads yet, and what the process needs for doors of this kind.
///
/// # Safety
/// As for [`door_create`].
pub(super) unsafe fn make(
    proc: Option<ServerProcedure>,
    cookie: *mut c_void,
    attributes: u32,
) -> Result<(c_int, &'static Process), Errno> {
    let process = process::about_to_make_a_door()?;
    // A null procedure is as good as any to the kernel (CR-6).
    let proc = proc.map_or(ptr::null_mut(), |proc| proc as *mut c_void);
    // SAFETY: the caller's promise.
    let d = unsafe { syscalls::door_create(proc, cookie, attributes) }?.into_raw();
    process.made_a_door();
    cancel::door_was_made(attributes);
    unref::door_was_made(process, attributes);
    Ok((d, process))
}

/// Asks for the first thread of a private door.
fn private_pool(d: c_int) -> Result<(), Errno> {
    let mut info = DoorInfo::default();
    // SAFETY: the structure outlives the call.
    unsafe { syscalls::door_info(d, &mut info) }?;
    // Programs hand the address to the thread that they create, which reads it when this function has long
    // returned: it has to outlive the door, and nothing tells when that is. One such block per private
    // door is never freed.
    // SAFETY: the size is not zero.
    let block: *mut DoorInfo = unsafe { libc::malloc(size_of::<DoorInfo>()) }.cast();
    if block.is_null() {
        return Err(Errno::ENOMEM);
    }
    // SAFETY: malloc's memory is aligned for everything, and large enough.
    unsafe { block.write(info) };
    pool::needs_thread(block);
    Ok(())
}

/// Chooses what makes server threads from now on, and returns what did before (SC-1).
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn door_server_create(
    create_proc: Option<ServerFunction>,
) -> Option<ServerFunction> {
    pool::replace(create_proc)
}
