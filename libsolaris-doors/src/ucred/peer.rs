// SPDX-License-Identifier: MIT OR Apache-2.0
//! Credentials of who is at the other end of a socket.

use super::{fill, Ucred, GROUPS_MAX, UNKNOWN};
use crate::errno::ReturnToC;
use core::ffi::c_int;
use doors_uapi::abi::DoorUcred;
use doors_uapi::Errno;
use libc::socklen_t;

/// Tells who is at the other end of a socket in this machine, as of when it was connected: 0, or -1 and `errno`.
///
/// Linux remembers of a peer its process, its effective ids and its groups. The other ids are not known.
///
/// - `EBADF`: not open. `EINVAL`: not a socket.
/// - `EOPNOTSUPP`, Solaris' `ENOTSUP`: a socket whose peer may be on another machine.
/// - `ENOTCONN`: nobody is at the other end, or nobody in particular.
/// - `ENOMEM`: no memory, or the peer has more groups than Solaris allows.
///
/// # Safety
/// `ucred` points to null, or to the address of `ucred_size()` bytes.
#[cfg_attr(feature = "c-library", no_mangle)]
pub unsafe extern "C" fn getpeerucred(fd: c_int, ucred: *mut *mut Ucred) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { fill(ucred, |groups| peer(fd, groups)) }.or_minus_one()
}

fn peer(fd: c_int, groups: *mut [u32; GROUPS_MAX]) -> Result<DoorUcred, Errno> {
    let (mut domain, mut listens) = (0, 0);
    // SAFETY: an option that is an integer.
    unsafe { option::<c_int>(fd, libc::SO_DOMAIN, &mut domain) }?;
    if domain != libc::AF_UNIX {
        return Err(Errno::EOPNOTSUPP);
    }
    // SAFETY: an option that is an integer.
    unsafe { option::<c_int>(fd, libc::SO_ACCEPTCONN, &mut listens) }?;
    let mut peer = libc::ucred {
        pid: 0,
        uid: UNKNOWN,
        gid: UNKNOWN,
    };
    // SAFETY: the option has this structure.
    unsafe { option(fd, libc::SO_PEERCRED, &mut peer) }?;
    if listens != 0 || peer.uid == UNKNOWN {
        return Err(ENOTCONN);
    }
    // SAFETY: the option is an array of group ids; the kernel writes nothing if there is too little room.
    let bytes =
        unsafe { option(fd, libc::SO_PEERGROUPS, groups) }.map_err(|error| match error {
            Errno::ERANGE => Errno::ENOMEM,
            other => other,
        })?;
    Ok(DoorUcred {
        euid: peer.uid,
        egid: peer.gid,
        ruid: UNKNOWN,
        rgid: UNKNOWN,
        suid: UNKNOWN,
        sgid: UNKNOWN,
        pid: peer.pid,
        // At most GROUPS_MAX.
        groups: (bytes / size_of::<u32>()) as u32,
        ..DoorUcred::default()
    })
}

const ENOTCONN: Errno = Errno::new(libc::ENOTCONN);

/// Reads a socket option; returns how many bytes it has.
///
/// # Safety
/// `value` is writable, and the option may be stored there.
unsafe fn option<T>(fd: c_int, name: c_int, value: *mut T) -> Result<usize, Errno> {
    // Four KiB at most.
    let mut size = size_of::<T>() as socklen_t;
    // SAFETY: the caller's promise.
    let failed =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, value.cast(), &mut size) != 0 };
    if failed {
        return Err(match Errno::new(crate::errno::last()) {
            error if error.number() == libc::ENOTSOCK => Errno::EINVAL,
            error => error,
        });
    }
    Ok(size as usize)
}
