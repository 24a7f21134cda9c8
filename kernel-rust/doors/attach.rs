// SPDX-License-Identifier: GPL-2.0

//! `fattach` and `fdetach`: who may put a door under a name, and who may take it away (FA-1 to
//! FA-5, FA-21, FA-22).

use crate::{
    doorfs::DoorFile,
    namefs::{
        self,
        Name, //
    },
};
use kernel::{
    bindings,
    error::to_result,
    fs::file::LocalFile,
    prelude::*, //
};

/// A path that was looked up.
///
/// # Invariants
///
/// Owns a reference to the mount and the dentry.
struct Path(bindings::path);

impl Path {
    /// Looks a path of the current process up, through symbolic links and to the topmost mount.
    fn lookup(name: *const c_char) -> Result<Self> {
        let mut path = bindings::path::default();
        // SAFETY: `name` is an address in user space, wherever it points to.
        to_result(unsafe {
            bindings::user_path_at(bindings::AT_FDCWD, name, bindings::LOOKUP_FOLLOW, &mut path)
        })?;
        // INVARIANT: The lookup has taken the references.
        Ok(Self(path))
    }

    fn inode(&self) -> *mut bindings::inode {
        // SAFETY: By the type invariant; a path that lookup has found has an inode.
        unsafe { (*self.0.dentry).d_inode }
    }

    fn idmap(&self) -> *mut bindings::mnt_idmap {
        // SAFETY: By the type invariant.
        unsafe { bindings::mnt_idmap(self.0.mnt) }
    }

    /// Is it the root of a mount?
    fn is_mounted(&self) -> bool {
        // SAFETY: By the type invariant.
        unsafe { (*self.0.mnt).mnt_root == self.0.dentry }
    }

    /// Is it an attached name?
    fn is_name(&self) -> bool {
        namefs::is_root(&self.0)
    }

    /// Is it a file in which the kernel itself speaks?
    fn is_kernels_own(&self) -> bool {
        // SAFETY: By the type invariant.
        let magic = unsafe { (*(*self.0.mnt).mnt_sb).s_magic } as u32;
        matches!(
            magic,
            bindings::PROC_SUPER_MAGIC | bindings::SYSFS_MAGIC | bindings::DEVPTS_SUPER_MAGIC
        )
    }

    /// Is it the current user's, or may the current user do as if it were?
    fn is_own(&self) -> bool {
        // SAFETY: Both belong to the path that we hold.
        unsafe { bindings::inode_owner_or_capable(self.idmap(), self.inode()) }
    }

    /// Does its mode allow the current user to write it? That the file system is read-only does not
    /// matter, as nothing is written (FA-5).
    fn check_writable(&self) -> Result {
        let mask = bindings::MAY_WRITE as c_int;
        // SAFETY: Both belong to the path that we hold.
        let allowed = unsafe { bindings::inode_permission(self.idmap(), self.inode(), mask) };
        if allowed == EROFS.to_errno() {
            // SAFETY: As above.
            return to_result(unsafe {
                bindings::generic_permission(self.idmap(), self.inode(), mask)
            });
        }
        to_result(allowed)
    }

    /// Owner, mode and times, as the current user sees them.
    fn attributes(&self) -> Result<bindings::kstat> {
        let mut attributes = bindings::kstat::default();
        // SAFETY: The path is valid, and `attributes` may be written.
        to_result(unsafe {
            bindings::vfs_getattr(
                &self.0,
                &mut attributes,
                bindings::STATX_BASIC_STATS,
                bindings::AT_STATX_SYNC_AS_STAT,
            )
        })?;
        Ok(attributes)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::path_put(&self.0) };
    }
}

/// `fattach(2)`: the file at `path` becomes a name of the door behind `fd`.
///
/// # Errors
///
/// In this order: `EBADF`; `EINVAL` if `fd` is no door; those of looking `path` up; `EBUSY` if
/// `path` is the root of a mount, or `fd` was opened through a name; `ENOTSUP` in /proc, /sys and
/// /dev/pts, where covering a file would blind programs that trust the kernel to answer; `ENOTDIR`
/// if `path` is a directory, which Linux cannot cover with a file; `EPERM` unless the caller owns
/// `path`; `EACCES` unless it may write it.
pub(crate) fn fattach(fd: i32, path: *const c_char) -> Result {
    drop(LocalFile::fget(u32::try_from(fd).map_err(|_| EBADF)?)?);
    let door = DoorFile::get(fd).map_err(|_| EINVAL)?;

    let path = Path::lookup(path)?;
    if path.is_mounted() || door.is_name() {
        return Err(EBUSY);
    }
    if path.is_kernels_own() {
        return Err(EOPNOTSUPP);
    }
    let attributes = path.attributes()?;
    if u32::from(attributes.mode) & bindings::S_IFMT == bindings::S_IFDIR {
        return Err(ENOTDIR);
    }
    if !path.is_own() {
        return Err(EPERM);
    }
    path.check_writable()?;
    Name::new(door.share_file(), &attributes)?.cover(&path.0)
}

/// `fdetach(2)`: takes the name at `path` away. Descriptors that were opened through it go on
/// working (FA-23).
///
/// # Errors
///
/// Those of looking `path` up; `EINVAL` if it is no attached name; `EPERM` unless the caller owns
/// the name.
pub(crate) fn fdetach(path: *const c_char) -> Result {
    let path = Path::lookup(path)?;
    if !path.is_name() {
        return Err(EINVAL);
    }
    if !path.is_own() {
        return Err(EPERM);
    }
    // SAFETY: The path is valid.
    to_result(unsafe { bindings::vfs_uncover_file(&path.0) })
}
