// SPDX-License-Identifier: GPL-2.0

//! Descriptors that a call carries across (specification 5).
//!
//! Each side does its own part in its own context: the sender turns numbers into files, the
//! receiver files into numbers. So nobody installs anything into somebody else's table.

use crate::{
    abi::{
        self,
        DoorArg,
        DoorDesc, //
    },
    doorfs,
    model::limits::DESC_MAX,
    signals,
    user, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    fs::file::{
        File,
        FileDescriptorReservation, //
    },
    prelude::*,
    sync::aref::ARef,
    task::Task, //
};

/// The files of one direction of one call. Those that do not arrive are closed.
pub(crate) struct Files(KVec<ARef<File>>);

impl Files {
    pub(crate) fn new() -> Self {
        Self(KVec::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        while let Some(file) = self.0.pop() {
            doorfs::put(file);
        }
    }
}

/// Reads the entries of a request of the current process.
///
/// # Errors
///
/// `E2BIG` beyond what may be sent at all, `EFAULT`, `ENOMEM`.
#[cold]
pub(crate) fn fetch(sent: &DoorArg) -> Result<KVVec<DoorDesc>> {
    if sent.desc_num > DESC_MAX {
        return Err(E2BIG);
    }
    read(sent.desc_ptr as usize, sent.desc_num)
}

/// Reads an array of entries of the current process.
///
/// # Errors
///
/// `EFAULT`, `ENOMEM`.
pub(crate) fn read(address: usize, count: u32) -> Result<KVVec<DoorDesc>> {
    let mut entries = KVVec::with_capacity(count as usize, GFP_KERNEL_ACCOUNT)?;
    for index in 0..count as usize {
        entries.push(read_one(address, index)?, GFP_KERNEL_ACCOUNT)?;
    }
    Ok(entries)
}

/// Files whose numbers the current process has given up, not closed yet: closing may wait for a
/// file system, and is left to where nobody else has to wait for that.
pub(crate) struct Released(KVec<*mut bindings::file>);

impl Released {
    pub(crate) fn new() -> Self {
        Self(KVec::new())
    }

    /// Is there nothing to close?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the file of an entry out of the table, if the sender wants it released. Allocates
    /// nothing.
    fn take(&mut self, entry: &DoorDesc) {
        let both = abi::DOOR_DESCRIPTOR | abi::DOOR_RELEASE;
        if entry.attributes & both != both {
            return;
        }
        let Ok(fd) = u32::try_from(entry.descriptor) else {
            return;
        };
        // SAFETY: Closing a number of one's own is always allowed; a bad one has no file.
        let file = unsafe { bindings::file_close_fd(fd) };
        if file.is_null() {
            return;
        }
        if let Err(error) = self.0.push_within_capacity(file) {
            close(error.0);
        }
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        self.0.iter().for_each(|file| close(*file));
    }
}

/// Ends the closing of a file that has no number any more.
fn close(file: *mut bindings::file) {
    // SAFETY: `file_close_fd` has handed the table's reference over; the current task's table is
    // whose locks are dropped.
    unsafe { bindings::filp_close(file, (*Task::current_raw()).files.cast()) };
}

/// Turns what the current process sends into files, and takes away the numbers that it wants
/// released (DE-1, DE-7).
///
/// # Errors
///
/// `EINVAL` if an entry holds no open descriptor; everything that was to be released is, then
/// (DE-10). `ENOMEM`, with nothing released.
pub(crate) fn send(entries: &[DoorDesc], released: &mut Released) -> Result<Files> {
    let mut files = Files(KVec::with_capacity(entries.len(), GFP_KERNEL_ACCOUNT)?);
    released.0.reserve(entries.len(), GFP_KERNEL_ACCOUNT)?;
    for (index, entry) in entries.iter().enumerate() {
        let Some(file) = file_of(entry) else {
            release(&entries[index..], released);
            return Err(EINVAL);
        };
        files.0.push(file, GFP_KERNEL_ACCOUNT)?;
        released.take(entry);
    }
    Ok(files)
}

fn file_of(entry: &DoorDesc) -> Option<ARef<File>> {
    if entry.attributes & abi::DOOR_DESCRIPTOR == 0 {
        return None;
    }
    let fd = u32::try_from(entry.descriptor).ok()?;
    // A descriptor that is only a path can be passed, too, as through a socket.
    // SAFETY: A bad number has no file.
    let file = NonNull::new(unsafe { bindings::fget_raw(fd) })?;
    // SAFETY: `fget_raw` has taken a reference. This is a system call of its own; the task is in
    // none that holds the file position of a descriptor.
    Some(unsafe { ARef::from_raw(file.cast::<File>()) })
}

/// Closes what the sender wants released.
pub(crate) fn release_all(entries: &[DoorDesc]) {
    release(entries, &mut Released::new());
}

/// Takes away what the sender wants released.
fn release(entries: &[DoorDesc], released: &mut Released) {
    entries.iter().for_each(|entry| released.take(entry));
}

/// Closes what the current process wants released of an array that goes nowhere, however long it is
/// (RE-4).
///
/// # Errors
///
/// `EFAULT`, `EINTR` when the thread is killed; what stands before is closed.
pub(crate) fn release_array(address: usize, count: u32) -> Result {
    // Without room to keep anything, each file is closed at once.
    let mut released = Released::new();
    for index in 0..count as usize {
        released.take(&read_one(address, index)?);
        if signals::fatal_pending() {
            return Err(EINTR);
        }
        // SAFETY: Process context; no lock is held.
        unsafe { bindings::cond_resched() };
    }
    Ok(())
}

/// Reads one entry of an array of the current process.
fn read_one(address: usize, index: usize) -> Result<DoorDesc> {
    user::read_object(address.wrapping_add(index * size_of::<DoorDesc>()))
}

/// Numbers of the current process, taken for files that have arrived but not yet given to them:
/// dropped, they are free again (DE-12, DE-14).
pub(crate) struct Arriving {
    numbers: KVec<FileDescriptorReservation>,
    files: Files,
}

impl Arriving {
    /// Takes the lowest free number for each file, in order (DE-3). They will not be closed by
    /// exec.
    ///
    /// # Errors
    ///
    /// `EMFILE`, what the security module says to a file, `ENOMEM`.
    pub(crate) fn reserve(files: Files) -> Result<Self> {
        let mut numbers = KVec::with_capacity(files.len(), GFP_KERNEL_ACCOUNT)?;
        for file in &files.0 {
            // SAFETY: The file is valid.
            kernel::error::to_result(unsafe { bindings::security_file_receive(file.as_ptr()) })?;
            numbers.push(
                FileDescriptorReservation::get_unused_fd_flags(0)?,
                GFP_KERNEL_ACCOUNT,
            )?;
        }
        Ok(Self { numbers, files })
    }

    /// Writes the entries for the receiver (DE-4, DE-5), the last one first (DA-16). `EFAULT`.
    pub(crate) fn describe(&self, address: usize) -> Result {
        for (index, (number, file)) in self.numbers.iter().zip(&self.files.0).enumerate().rev() {
            let mut entry = DoorDesc {
                attributes: abi::DOOR_DESCRIPTOR,
                descriptor: number.reserved_fd() as i32,
                ..DoorDesc::default()
            };
            if let Some(door) = doorfs::door_of(file) {
                entry.attributes |= door.shown_attributes();
                entry.id = door.uniquifier;
            }
            user::write_object(address.wrapping_add(index * size_of::<DoorDesc>()), &entry)?;
        }
        Ok(())
    }

    /// The numbers become descriptors. Cannot fail.
    pub(crate) fn install(mut self) {
        let files = core::mem::take(&mut self.files.0);
        for (number, file) in self.numbers.into_iter().zip(files) {
            number.fd_install(file);
        }
    }
}

/// Could `task` take `count` more descriptors? (DE-13) Only a forecast, as the table is somebody
/// else's.
pub(crate) fn has_room(task: &Task, count: u32) -> bool {
    if count == 0 {
        return true;
    }
    // SAFETY: The task is valid. Its lock keeps its table of descriptors from going away, the
    // table's own lock keeps the bitmap from changing, which has `max_fds` bits.
    unsafe {
        let limit = {
            let signal = (*task.as_ptr()).signal;
            let limits = &raw const (*signal).rlim[bindings::RLIMIT_NOFILE as usize].rlim_cur;
            limits.read_volatile() as usize
        };
        bindings::task_lock(task.as_ptr());
        let files = (*task.as_ptr()).files;
        let mut open = 0;
        if !files.is_null() {
            bindings::spin_lock(&raw mut (*files).file_lock);
            let table = bindings::files_fdtable(files);
            let words = ((*table).max_fds as usize)
                .min(limit)
                .div_ceil(usize::BITS as usize);
            for word in 0..words {
                open += (*(*table).open_fds.add(word)).count_ones() as usize;
            }
            bindings::spin_unlock(&raw mut (*files).file_lock);
        }
        bindings::task_unlock(task.as_ptr());
        open + count as usize <= limit
    }
}
