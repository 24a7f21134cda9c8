// SPDX-License-Identifier: GPL-2.0

//! Names for doors: a pseudo file system of which every file is the root of a mount of its own
//! (specification 9).
//!
//! An attached name is an inode that owns a reference to the attached file. It has the owner, mode
//! and times of the file that it covers, as they were (FA-10), and lives as long as it is mounted
//! somewhere or open.

use crate::{
    abi::S_IFDOOR,
    door::Door,
    doorfs,
    ffi::Table,
    pseudofs::PseudoFs, //
};
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        from_result, //
    },
    fs::file::{
        File,
        LocalFile, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    },
};

/// "name", for statfs.
const MAGIC: usize = 0x6e616d65;

/// The file system. Its own mount, which has no name, keeps the super block of all of them.
static NAMEFS: PseudoFs = PseudoFs::new(c"namefs", init_fs_context);

static SUPER_OPERATIONS: Table<bindings::super_operations> =
    Table::new(bindings::super_operations {
        statfs: Some(bindings::simple_statfs),
        evict_inode: Some(evict),
        // SAFETY: All other fields may be zero.
        ..unsafe { core::mem::zeroed() }
    });

static FILE_OPERATIONS: Table<bindings::file_operations> = Table::new(bindings::file_operations {
    open: Some(open),
    release: Some(release),
    ..doorfs::NOT_A_FILE
});

/// Makes the file system at boot.
pub(crate) fn init() -> Result {
    NAMEFS.init()?;
    // Its files are to be found under paths.
    // SAFETY: The super block lives for ever, and nobody uses it yet.
    unsafe { (*NAMEFS.super_block()?).s_flags &= !bindings::SB_NOUSER };
    Ok(())
}

/// Are these the operations of a file that was opened through a name?
pub(crate) fn is_name(operations: *const bindings::file_operations) -> bool {
    core::ptr::eq(operations, &*FILE_OPERATIONS)
}

/// Is this the super block of all names?
#[export]
pub(crate) unsafe extern "C" fn doors_is_name(sb: *const bindings::super_block) -> bool {
    NAMEFS
        .super_block()
        .is_ok_and(|names| core::ptr::eq(names, sb))
}

/// Is this the root of a mount with a name? The caller holds a reference to the path.
pub(crate) fn is_root(path: &bindings::path) -> bool {
    // SAFETY: The path is valid; the super block is only compared.
    unsafe { (*path.mnt).mnt_root == path.dentry && doors_is_name((*path.mnt).mnt_sb) }
}

/// A mount with one name for `file`, a door, attached nowhere yet.
pub(crate) struct Name(*mut bindings::vfsmount);

impl Name {
    /// Makes a name that looks like `covered`, of which only owner, mode and times count.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what the security module says.
    pub(crate) fn new(file: ARef<File>, covered: &bindings::kstat) -> Result<Self> {
        let door_target: c_int = doorfs::door_of(&file).ok_or(EINVAL)?.target.target();
        let sb = NAMEFS.super_block()?;
        // SAFETY: The super block lives for ever. Each step below owns what the
        // one before has made: the inode owns the file, the dentry the inode, the context the
        // dentry, the mount its own references.
        unsafe {
            let root = Self::root(sb, file, covered)?;
            let context = from_err_ptr(bindings::fs_context_for_mount(NAMEFS.kind(), 0))
                .inspect_err(|_| bindings::dput(root))?;
            // What get_tree would do: the context owns a dentry and an active reference to its
            // super block.
            bindings::sb_get_active(sb);
            (*context).root = root;
            // Shown in /proc/PID/mountinfo; without memory for it, there it says "none".
            (*context).source =
                bindings::kasprintf(bindings::GFP_KERNEL, c"door:%d".as_char_ptr(), door_target);
            let name = from_err_ptr(bindings::vfs_create_mount(context));
            bindings::put_fs_context(context);
            Ok(Self(name?))
        }
    }

    /// The root of the mount: a dentry without a place, for an inode that owns `file`.
    ///
    /// # Safety
    ///
    /// `sb` must be the super block of all names.
    unsafe fn root(
        sb: *mut bindings::super_block,
        file: ARef<File>,
        covered: &bindings::kstat,
    ) -> Result<*mut bindings::dentry> {
        // SAFETY: The super block is valid and lives for ever; inode and dentry are new and only
        // ours.
        unsafe {
            let inode = bindings::new_inode(sb);
            if inode.is_null() {
                return Err(ENOMEM);
            }
            (*inode).i_ino = bindings::get_next_ino().into();
            (*inode).i_mode = S_IFDOOR as u16 | (covered.mode & 0o7777);
            (*inode).i_uid = covered.uid;
            (*inode).i_gid = covered.gid;
            (*inode).i_atime_sec = covered.atime.tv_sec;
            (*inode).i_atime_nsec = covered.atime.tv_nsec as u32;
            (*inode).i_mtime_sec = covered.mtime.tv_sec;
            (*inode).i_mtime_nsec = covered.mtime.tv_nsec as u32;
            (*inode).i_ctime_sec = covered.ctime.tv_sec;
            (*inode).i_ctime_nsec = covered.ctime.tv_nsec as u32;
            (*inode).i_rdev = (*doorfs::DOORFS.super_block()?).s_dev;
            (*inode).__bindgen_anon_3.i_fop = &*FILE_OPERATIONS;
            let dentry = bindings::d_alloc_anon(sb);
            if dentry.is_null() {
                bindings::iput(inode);
                return Err(ENOMEM);
            }
            (*inode).i_private = ARef::into_raw(file).as_ptr().cast();
            bindings::d_instantiate(dentry, inode);
            Ok(dentry)
        }
    }

    /// Mounts it over `path` (see `vfs_cover_file`).
    pub(crate) fn cover(self, path: &bindings::path) -> Result {
        // SAFETY: The mount is ours and attached nowhere. On success the mount tree owns our
        // reference.
        kernel::error::to_result(unsafe { bindings::vfs_cover_file(self.0, path) })?;
        core::mem::forget(self);
        Ok(())
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // SAFETY: We own a reference.
        unsafe { bindings::mntput(self.0) };
    }
}

unsafe extern "C" fn init_fs_context(fc: *mut bindings::fs_context) -> c_int {
    from_result(|| {
        // SAFETY: The VFS passes a valid context to be filled.
        unsafe {
            let context = bindings::init_pseudo(fc, MAGIC);
            if context.is_null() {
                return Err(ENOMEM);
            }
            (*context).ops = &*SUPER_OPERATIONS;
        }
        Ok(0)
    })
}

unsafe extern "C" fn evict(inode: *mut bindings::inode) {
    // SAFETY: The VFS passes an inode of this file system that nobody uses any more. A name owns a
    // file in `i_private`, the root of the file system nothing.
    unsafe {
        bindings::truncate_inode_pages_final(&raw mut (*inode).i_data);
        bindings::clear_inode(inode);
        let file = (*inode).i_private;
        if let Some(file) = core::ptr::NonNull::new(file.cast::<File>()) {
            doorfs::put(ARef::from_raw(file));
        }
    }
}

/// Whoever may open the name gets the door (FA-12).
unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    from_result(|| {
        // SAFETY: The inode is that of a name, which owns a file as long as it exists. Its door is
        // kept by reference.
        let door: Arc<Door> = unsafe {
            let attached = LocalFile::from_raw_file((*inode).i_private.cast());
            let door = doorfs::door_of(attached).ok_or(ENXIO)?;
            ArcBorrow::from_raw(door).into()
        };
        door.references.add_user();
        // SAFETY: The file is being opened and only ours. It owns the reference until `release`.
        unsafe { (*file).private_data = Arc::into_raw(door).cast_mut().cast() };
        Ok(0)
    })
}

unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: `open` has left a reference in the file, and this is its last use.
    let door = unsafe { Arc::from_raw((*file).private_data.cast::<Door>()) };
    door.references.remove_user();
    0
}
