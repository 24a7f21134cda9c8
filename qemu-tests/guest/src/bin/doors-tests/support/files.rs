// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names in the file system.

use super::call::result;
use super::server::Door;
use doors_uapi::Errno;
use solaris_doors::stropts;
use std::ffi::CString;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Who is nobody special.
pub(crate) const NOBODY: u32 = 65534;

/// A directory of this test's own, where anybody may go.
pub(crate) fn directory() -> PathBuf {
    let path = PathBuf::from(format!("/tmp/doors-{}", std::process::id()));
    std::fs::create_dir_all(&path).expect("/tmp is writable");
    mode(&path, 0o777);
    path
}

/// A file to attach something to.
pub(crate) fn file(name: &str) -> PathBuf {
    let path = directory().join(name);
    std::fs::write(&path, b"underneath").expect("/tmp is writable");
    mode(&path, 0o644);
    path
}

pub(crate) fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
}

pub(crate) fn owner(path: &Path, id: u32) {
    std::os::unix::fs::chown(path, Some(id), Some(id)).expect("chown");
}

pub(crate) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("paths have no zero bytes")
}

pub(crate) fn fattach(fd: i32, path: &Path) -> Result<(), Errno> {
    // SAFETY: the path is a C string.
    result(unsafe { stropts::fattach(fd, c_path(path).as_ptr()) }).map(drop)
}

pub(crate) fn fdetach(path: &Path) -> Result<(), Errno> {
    // SAFETY: the path is a C string.
    result(unsafe { stropts::fdetach(c_path(path).as_ptr()) }).map(drop)
}

/// `open`, with flags as they are.
pub(crate) fn open(path: &Path, flags: i32) -> Result<Door, Errno> {
    // SAFETY: the path is a C string; the descriptor is new.
    let fd = result(unsafe { libc::open(c_path(path).as_ptr(), flags | libc::O_CLOEXEC, 0o600) })?;
    // SAFETY: as above.
    Ok(Door(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// `stat`.
pub(crate) fn stat(path: &Path) -> libc::stat {
    // SAFETY: the structure is made of integers, and ours.
    unsafe {
        let mut stat = std::mem::zeroed();
        result(libc::stat(c_path(path).as_ptr(), &mut stat)).expect("stat");
        stat
    }
}

/// Whether a name is a door's.
pub(crate) fn is_door(path: &Path) -> bool {
    stat(path).st_mode & libc::S_IFMT == doors_uapi::abi::S_IFDOOR
}

/// Becomes nobody special for the rest of the process.
pub(crate) fn drop_privilege() {
    // SAFETY: changes this process' identity.
    unsafe {
        assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
        assert_eq!(libc::setgid(NOBODY), 0);
        assert_eq!(libc::setuid(NOBODY), 0);
    }
}
