// SPDX-License-Identifier: MIT OR Apache-2.0
//! `<ucred.h>`: credentials of a process, as somebody told them.
//!
//! There are three ways to come by them: [`crate::door::door_ucred`] for who calls a door,
//! [`getpeerucred`] for who is at the other end of a socket, [`ucred_get`] for any process. All of them
//! allocate what they return, or fill what they are given.

mod peer;
mod process;

pub use peer::getpeerucred;
pub use process::ucred_get;

use crate::errno::fail;
use core::ffi::{c_int, c_uint};
use core::mem::MaybeUninit;
use doors_uapi::abi::DoorUcred;
use doors_uapi::Errno;

/// How many groups a `ucred_t` can hold.
///
/// As many as a process of Solaris can have. One of Linux can have 65536; its credentials cannot be told. To leave
/// some out would be a lie about somebody who is kept away by a group, and structures large enough
/// would overflow stacks: programs put them there.
pub const GROUPS_MAX: usize = 1024;

/// What an id is when it is not known.
const UNKNOWN: u32 = u32::MAX;

/// `ucred_t`.
#[repr(C)]
pub struct Ucred {
    who: DoorUcred,
    /// As many as `who` says are initialised.
    groups: MaybeUninit<[u32; GROUPS_MAX]>,
}

/// Fills the credentials at `*slot`; if that is null, new ones, which the caller will free (UC-4).
///
/// `find` writes groups where it is told, if nothing can go wrong any more, and returns the rest: after an
/// error `*slot` is what it was.
///
/// # Safety
/// `slot` is null, or it points to null or to the address of `ucred_size()` bytes.
pub(crate) unsafe fn fill(
    slot: *mut *mut Ucred,
    find: impl FnOnce(*mut [u32; GROUPS_MAX]) -> Result<DoorUcred, Errno>,
) -> Result<(), Errno> {
    if slot.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: the caller's promise; a `Ucred` that this function allocates is large enough for one. The
    // groups may be uninitialised, which their type allows.
    unsafe {
        let given = *slot;
        let ucred = if given.is_null() { allocate()? } else { given };
        match find((&raw mut (*ucred).groups).cast()) {
            Ok(who) => (&raw mut (*ucred).who).write(who),
            Err(error) => {
                if given.is_null() {
                    libc::free(ucred.cast());
                }
                return Err(error);
            }
        }
        *slot = ucred;
    }
    Ok(())
}

fn allocate() -> Result<*mut Ucred, Errno> {
    // SAFETY: the size is not zero.
    let memory: *mut Ucred = unsafe { libc::malloc(size_of::<Ucred>()) }.cast();
    if memory.is_null() {
        return Err(Errno::ENOMEM);
    }
    Ok(memory)
}

/// Frees what one of the three ways allocated.
///
/// # Safety
/// `ucred` is null, or was allocated so, and is not used again.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn ucred_free(ucred: *mut Ucred) {
    // SAFETY: it came from malloc.
    unsafe { libc::free(ucred.cast()) }
}

/// How many bytes credentials need.
#[cfg_attr(feature = "c-library", no_mangle)]
pub extern "C" fn ucred_size() -> usize {
    size_of::<Ucred>()
}

/// Functions that tell an id, or -1 and `errno`, `EINVAL`, if it is not known.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $field:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        /// `ucred` points to credentials.
        #[cfg_attr(feature = "c-library", no_mangle)]
        pub unsafe extern "C" fn $name(ucred: *const Ucred) -> u32 {
            // SAFETY: the caller's promise.
            let id = unsafe { (*ucred).who.$field };
            if id == UNKNOWN {
                fail(libc::EINVAL);
            }
            id
        }
    )*};
}

ids! {
    /// The effective user id.
    ucred_geteuid: euid;
    /// The real user id.
    ucred_getruid: ruid;
    /// The saved user id.
    ucred_getsuid: suid;
    /// The effective group id.
    ucred_getegid: egid;
    /// The real group id.
    ucred_getrgid: rgid;
    /// The saved group id.
    ucred_getsgid: sgid;
}

/// The supplementary groups: their number, and at `*groups` their address, good for as long as the credentials
/// are.
///
/// # Safety
/// `ucred` points to credentials, `groups` is writable.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn ucred_getgroups(ucred: *const Ucred, groups: *mut *const u32) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        groups.write((&raw const (*ucred).groups).cast());
        // At most GROUPS_MAX.
        (*ucred).who.groups as c_int
    }
}

/// The process id; 0 for the kernel (UC-3), and for a process in a pid namespace that cannot be seen from here.
///
/// # Safety
/// `ucred` points to credentials.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn ucred_getpid(ucred: *const Ucred) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { (*ucred).who.pid }
}

/// The project id: Linux has no projects, so it is never known.
///
/// # Safety
/// Always safe.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn ucred_getprojid(_: *const Ucred) -> c_int {
    fail(libc::EINVAL)
}

/// The zone id: Linux has no zones, so everybody is in the global one.
///
/// # Safety
/// Always safe.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn ucred_getzoneid(_: *const Ucred) -> c_int {
    0
}

/// A flag of the process, of those in `<sys/priv.h>`: none is ever set on Linux. -1 and `EINVAL` for what is no flag.
///
/// # Safety
/// Always safe.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn ucred_getpflags(_: *const Ucred, flag: c_uint) -> c_uint {
    /// `PRIV_DEBUG`, `PRIV_AWARE`, `PRIV_AWARE_INHERIT`, `NET_MAC_AWARE`, `NET_MAC_AWARE_INHERIT`.
    const FLAGS: [c_uint; 5] = [0x01, 0x02, 0x04, 0x10, 0x20];
    if FLAGS.contains(&flag) {
        return 0;
    }
    fail(libc::EINVAL);
    c_uint::MAX
}
