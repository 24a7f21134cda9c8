// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who calls.

use crate::errno::ReturnToC;
use crate::ucred::{self, Ucred, GROUPS_MAX};
use core::ffi::c_int;
use core::ptr;
use doors_uapi::abi::DoorUcred;
use doors_uapi::{syscalls, Errno};

/// `door_cred_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorCred {
    /// `dc_euid`: effective user id.
    pub euid: u32,
    /// `dc_egid`: effective group id.
    pub egid: u32,
    /// `dc_ruid`: real user id.
    pub ruid: u32,
    /// `dc_rgid`: real group id.
    pub rgid: u32,
    /// `dc_pid`: process id.
    pub pid: c_int,
    /// `dc_resv`: never touched (UC-5).
    pub resv: [c_int; 4],
}

/// Tells who the caller is, in few words: 0, or -1 and `errno` (UC-1 to UC-3, UC-5, UC-6).
///
/// # Safety
/// `info` is writable.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn door_cred(info: *mut DoorCred) -> c_int {
    let mut caller = DoorUcred::default();
    // SAFETY: the structure outlives the call, and there is no room for groups.
    unsafe { syscalls::door_ucred(&mut caller, ptr::null_mut(), 0) }
        .map(|()| {
            // SAFETY: the caller's promise.
            unsafe {
                (*info).euid = caller.euid;
                (*info).egid = caller.egid;
                (*info).ruid = caller.ruid;
                (*info).rgid = caller.rgid;
                (*info).pid = caller.pid;
            }
        })
        .or_minus_one()
}

/// Tells who the caller is: 0, or -1 and `errno` (UC-1 to UC-4, UC-6).
///
/// # Safety
/// `info` points to null, or to the address of `ucred_size()` bytes.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn door_ucred(info: *mut *mut Ucred) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ucred::fill(info, caller) }.or_minus_one()
}

/// The caller blocks as long as it is served, so two looks at it see the same (UC-2). The first is without
/// groups, so that nothing is overwritten if there are too many.
fn caller(groups: *mut [u32; GROUPS_MAX]) -> Result<DoorUcred, Errno> {
    let mut caller = DoorUcred::default();
    // SAFETY: the structure outlives the call, and there is no room for groups.
    unsafe { syscalls::door_ucred(&mut caller, ptr::null_mut(), 0) }?;
    if caller.groups as usize > GROUPS_MAX {
        return Err(Errno::ENOMEM);
    }
    if caller.groups > 0 {
        // SAFETY: there is room for so many groups.
        unsafe { syscalls::door_ucred(&mut caller, groups.cast(), GROUPS_MAX as u32) }?;
    }
    Ok(caller)
}
