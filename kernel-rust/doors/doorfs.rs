// SPDX-License-Identifier: GPL-2.0

//! Doors as files: a pseudo file system that nobody mounts, with an inode of type `S_IFDOOR` for
//! each door.

use crate::{
    abi::S_IFDOOR,
    door::Door,
    ffi::Table,
    model::attributes,
    namefs,
    pseudofs::PseudoFs,
    references, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        from_result, //
    },
    ffi::c_long,
    fs::file::{
        File,
        LocalFile, //
    },
    list::ListArc,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    },
};

/// "door", for statfs.
const MAGIC: usize = 0x646f6f72;

/// The file system.
pub(crate) static DOORFS: PseudoFs = PseudoFs::new(c"doorfs", init_fs_context);

static DENTRY_OPERATIONS: Table<bindings::dentry_operations> =
    Table::new(bindings::dentry_operations {
        d_dname: Some(dname),
        // SAFETY: All other fields may be zero.
        ..unsafe { core::mem::zeroed() }
    });

static INODE_OPERATIONS: Table<bindings::inode_operations> =
    Table::new(bindings::inode_operations {
        setattr: Some(setattr),
        // SAFETY: All other fields may be zero.
        ..unsafe { core::mem::zeroed() }
    });

static FILE_OPERATIONS: Table<bindings::file_operations> = Table::new(bindings::file_operations {
    flush: Some(flush),
    release: Some(release),
    ..NOT_A_FILE
});

/// A door has no contents: what reads and writes them is not there (IF-10).
///
/// Shared with the files that are opened through a name.
pub(crate) const NOT_A_FILE: bindings::file_operations = bindings::file_operations {
    llseek: Some(no_seek),
    read: Some(no_read),
    write: Some(no_write),
    unlocked_ioctl: Some(no_ioctl),
    mmap: Some(no_mmap),
    lock: Some(no_lock),
    flock: Some(no_lock),
    poll: Some(no_poll),
    show_fdinfo: Some(show_fdinfo),
    // SAFETY: All other fields may be zero.
    ..unsafe { core::mem::zeroed() }
};

/// A file for a new door. The target has the door until the file is closed for good.
///
/// # Errors
///
/// `ENOMEM`, `EMFILE` if there are no more files (CR-4).
pub(crate) fn open(door: ListArc<Door>) -> Result<ARef<File>> {
    let file = open_file(&door).map_err(|error| if error == ENFILE { EMFILE } else { error })?;
    let owned = door.clone_arc();
    owned.target.adopt(door);
    // SAFETY: The file is new and only ours. It owns the reference until `release`, which is also
    // where the door forgets the file.
    unsafe {
        owned.references.opened(file.as_ptr());
        (*file.as_ptr()).private_data = Arc::into_raw(owned).cast_mut().cast();
    }
    Ok(file)
}

fn open_file(door: &Door) -> Result<ARef<File>> {
    let (mount, sb) = (DOORFS.mount()?, DOORFS.super_block()?);
    // SAFETY: The super block lives for ever. The new inode is only ours until it has a file.
    // `alloc_file_pseudo` takes our reference to it when it succeeds.
    unsafe {
        let inode = bindings::new_inode(sb);
        if inode.is_null() {
            return Err(ENOMEM);
        }
        // Only `door_create` makes such files: the inode keeps the operations that refuse to open
        // it, so that nobody gets one without a door through /proc/PID/fd.
        (*inode).i_mode = (S_IFDOOR | 0o777) as u16;
        (*inode).i_op = &*INODE_OPERATIONS;
        (*inode).i_rdev = (*sb).s_dev;
        (*inode).i_private = door.uniquifier as *mut c_void;
        let file = from_err_ptr(bindings::alloc_file_pseudo(
            inode,
            mount,
            c"door".as_char_ptr(),
            bindings::O_RDWR as i32,
            &*FILE_OPERATIONS,
        ))
        .inspect_err(|_| bindings::iput(inode))?;
        Ok(ARef::from_raw(core::ptr::NonNull::new_unchecked(
            file.cast::<File>(),
        )))
    }
}

/// The door behind a file: one of `door_create`, or one that was opened through a name (DE-6).
pub(crate) fn door_of(file: &LocalFile) -> Option<&Door> {
    let raw = file.as_ptr();
    // SAFETY: The file is valid. One with either table of operations owns a reference to a door as
    // its private data, from before anybody else sees it until its release.
    unsafe {
        let operations = (*raw).f_op;
        if core::ptr::eq(operations, &*FILE_OPERATIONS) || namefs::is_name(operations) {
            (*raw).private_data.cast::<Door>().as_ref()
        } else {
            None
        }
    }
}

/// Another reference to a door that a file owns one to.
fn share(door: &Door) -> Arc<Door> {
    // SAFETY: Doors only exist in an `Arc`, and this one has a reference somewhere that is longer
    // lived than ours.
    unsafe { ArcBorrow::from_raw(door) }.into()
}

/// Is this the file that `door_create` has made, and not one that was opened through a name?
fn is_original(file: &LocalFile) -> bool {
    // SAFETY: The file is valid.
    unsafe { core::ptr::eq((*file.as_ptr()).f_op, &*FILE_OPERATIONS) }
}

/// Drops a reference to a file that stands for one that somebody held: if it is a door, its process
/// may have to be told.
pub(crate) fn put(file: ARef<File>) {
    let door = if is_original(&file) {
        door_of(&file).map(share)
    } else {
        None
    };
    if let Some(door) = &door {
        door.references.note_loss();
    }
    drop(file);
    if let Some(door) = &door {
        references::look(door);
    }
}

/// A descriptor that has been found to be a door. The file stays open meanwhile, whatever becomes
/// of the number (CA-7).
///
/// # Invariants
///
/// `file` is a valid file with a door. It is `owned`, or the descriptor keeps it: nobody but the
/// current task has the table in which that is, and the current task leaves it alone and runs no
/// task work.
pub(crate) struct DoorFile {
    file: NonNull<bindings::file>,
    /// We have a reference to the file.
    owned: bool,
    /// The door counts it as a user.
    counted: bool,
}

// SAFETY: What leaves its task is `owned` (see `Waiting::suspend`), and a reference to a file may
// be dropped anywhere.
unsafe impl Send for DoorFile {}

impl DoorFile {
    /// Looks a number of the current process up. `EBADF` if it is no door.
    pub(crate) fn get(fd: i32) -> Result<Self> {
        let mut file = Self::borrow(fd)?;
        file.keep();
        Ok(file)
    }

    /// The same for a system call that does nothing to the descriptors of the process: if the
    /// table is the current task's alone, the descriptor is reference enough. Before the system
    /// call returns it must be dropped, or [kept](Self::keep). `EBADF`.
    #[inline]
    pub(crate) fn borrow(fd: i32) -> Result<Self> {
        let fd = u32::try_from(fd).map_err(|_| EBADF)?;
        // SAFETY: A bad number has no file; the result is put back when it is dropped.
        let word = unsafe { bindings::doors_fdget(fd) };
        let owned = word & bindings::FDPUT_FPUT as usize != 0;
        let raw = (word & !((bindings::FDPUT_FPUT | bindings::FDPUT_POS_UNLOCK) as usize))
            as *mut bindings::file;
        let file = NonNull::new(raw).ok_or(EBADF)?;
        // INVARIANT: `fdget` has found it, and taken a reference if one is needed.
        let mut this = ManuallyDrop::new(Self {
            file,
            owned,
            counted: false,
        });
        let Some(door) = door_of(this.local()) else {
            if owned {
                // SAFETY: We own a reference, and `this` is not dropped.
                unsafe { bindings::fput(raw) };
            }
            return Err(EBADF);
        };
        if door.is_private() || attributes::wants_unreferenced(door.attributes()) {
            door.references.add_user();
            this.counted = true;
        }
        Ok(ManuallyDrop::into_inner(this))
    }

    /// Takes a reference to the file, if there is none yet.
    pub(crate) fn keep(&mut self) {
        if !self.owned {
            // SAFETY: By the type invariant.
            unsafe { bindings::get_file(self.file.as_ptr()) };
            self.owned = true;
        }
    }

    fn local(&self) -> &LocalFile {
        // SAFETY: By the type invariant. This is a system call of its own; the task is in none
        // that holds the file position of a descriptor.
        unsafe { LocalFile::from_raw_file(self.file.as_ptr()) }
    }

    /// Does nobody but the descriptor itself refer to the door? (IF-5)
    pub(crate) fn is_unreferenced(&self) -> bool {
        let ours = usize::from(self.owned);
        is_original(self.local()) && self.door().references.is_single_but(self.counted, ours)
    }

    /// Was it opened through a name?
    pub(crate) fn is_name(&self) -> bool {
        !is_original(self.local())
    }

    /// The file, to be kept.
    pub(crate) fn share_file(&self) -> ARef<File> {
        // SAFETY: This is a system call of its own; the task is in none that holds the file
        // position of a descriptor.
        unsafe { LocalFile::assume_no_fdget_pos(self.local().into()) }
    }

    /// The door, to be kept.
    pub(crate) fn share_door(&self) -> Arc<Door> {
        share(self.door())
    }

    /// The door.
    #[inline]
    pub(crate) fn door(&self) -> &Door {
        // SAFETY: `borrow` has found a door there, and a file's door is the same as long as the
        // file is open.
        unsafe { &*(*self.file.as_ptr()).private_data.cast::<Door>() }
    }
}

impl Drop for DoorFile {
    #[inline]
    fn drop(&mut self) {
        if !self.counted {
            if self.owned {
                // SAFETY: By the type invariant; nobody uses it afterwards.
                unsafe { bindings::fput(self.file.as_ptr()) };
            }
            return;
        }
        self.door().references.remove_user();
        let waited_for = attributes::wants_unreferenced(self.door().attributes());
        let door = waited_for.then(|| self.share_door());
        if self.owned {
            // SAFETY: By the type invariant; nobody uses it afterwards.
            unsafe { bindings::fput(self.file.as_ptr()) };
        }
        // Who closed the descriptor meanwhile has seen our reference (UN-14).
        if let Some(door) = door {
            references::look(&door);
        }
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
            (*context).dops = &*DENTRY_OPERATIONS;
        }
        Ok(0)
    })
}

/// What /proc/PID/fd says.
unsafe extern "C" fn dname(
    dentry: *mut bindings::dentry,
    buffer: *mut c_char,
    size: c_int,
) -> *mut c_char {
    // SAFETY: The VFS passes a valid dentry of this file system and a buffer of that size; the
    // format fits its argument.
    unsafe {
        let inode = (*dentry).d_inode;
        bindings::dynamic_dname(
            buffer,
            size,
            c"door:[%lu]".as_char_ptr(),
            (*inode).i_private,
        )
    }
}

/// A descriptor is closed.
unsafe extern "C" fn flush(file: *mut bindings::file, _id: bindings::fl_owner_t) -> c_int {
    // SAFETY: `open` has left a reference in every file that has this operation.
    let door = unsafe { ArcBorrow::from_raw((*file).private_data.cast::<Door>()) };
    references::look_after_close(&door.into());
    0
}

unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: `open` has left a reference in every file that has this operation, and this is its
    // last use.
    let door = unsafe { Arc::from_raw((*file).private_data.cast::<Door>()) };
    door.references.released();
    door.target.forget(&door);
    0
}

unsafe extern "C" fn setattr(
    _idmap: *mut bindings::mnt_idmap,
    _dentry: *mut bindings::dentry,
    _attributes: *mut bindings::iattr,
) -> c_int {
    ENOSYS.to_errno()
}

/// What /proc/PID/fdinfo says, in the numbers of whoever reads it.
unsafe extern "C" fn show_fdinfo(seq: *mut bindings::seq_file, file: *mut bindings::file) {
    // SAFETY: Both are valid; a file with this operation owns a reference to a door.
    let (seq, door) = unsafe {
        let door = (*file).private_data.cast::<Door>();
        (SeqFile::from_raw(seq), ArcBorrow::from_raw(door))
    };
    let info = door.info();
    let (procedure, data, uniquifier) = (info.procedure, info.data, info.uniquifier);
    let attributes = info.attributes;
    seq_print!(seq, "door-target:\t{}\n", { info.target });
    seq_print!(seq, "door-procedure:\t{procedure:#x}\n");
    seq_print!(seq, "door-cookie:\t{data:#x}\n");
    seq_print!(seq, "door-attributes:\t{attributes:#x}\n");
    seq_print!(seq, "door-uniquifier:\t{uniquifier}\n");
}

/// Nothing will ever happen on the descriptor: waiting for it is an error.
unsafe extern "C" fn no_poll(
    _file: *mut bindings::file,
    _table: *mut bindings::poll_table_struct,
) -> bindings::__poll_t {
    bindings::POLLERR
}

unsafe extern "C" fn no_seek(
    _file: *mut bindings::file,
    _offset: bindings::loff_t,
    _whence: c_int,
) -> bindings::loff_t {
    ENOSYS.to_errno().into()
}

unsafe extern "C" fn no_read(
    _file: *mut bindings::file,
    _buffer: *mut c_char,
    _size: usize,
    _offset: *mut bindings::loff_t,
) -> isize {
    ENOSYS.to_errno() as isize
}

unsafe extern "C" fn no_write(
    _file: *mut bindings::file,
    _buffer: *const c_char,
    _size: usize,
    _offset: *mut bindings::loff_t,
) -> isize {
    ENOSYS.to_errno() as isize
}

unsafe extern "C" fn no_ioctl(
    _file: *mut bindings::file,
    _command: c_uint,
    _argument: usize,
) -> c_long {
    ENOSYS.to_errno() as c_long
}

unsafe extern "C" fn no_lock(
    _file: *mut bindings::file,
    _command: c_int,
    _lock: *mut bindings::file_lock,
) -> c_int {
    ENOSYS.to_errno()
}

unsafe extern "C" fn no_mmap(
    _file: *mut bindings::file,
    _vma: *mut bindings::vm_area_struct,
) -> c_int {
    ENOSYS.to_errno()
}
