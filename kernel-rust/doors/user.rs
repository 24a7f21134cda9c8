// SPDX-License-Identifier: GPL-2.0

//! Data from one address space to another: small through the kernel, large straight (DA-1, DA-2,
//! DA-21, DA-22).

use crate::abi;
use kernel::{
    bindings,
    mm::MmWithUser,
    page::PAGE_SIZE,
    prelude::*,
    sync::aref::ARef,
    task::Task,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::UserSlice,
};

// SAFETY: The ABI types are integers without padding; every bit pattern is one.
unsafe impl FromBytes for abi::DoorArg {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorArg {}
// SAFETY: As above.
unsafe impl FromBytes for abi::DoorDesc {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorDesc {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorInfo {}
// SAFETY: As above.
unsafe impl AsBytes for abi::DoorUcred {}

/// What is read and written word by word: bytes at most.
pub(crate) const WORDS_MAX: usize = 64;

/// Reads `size` bytes of the current process at `address`, at most [`WORDS_MAX`] and as many as
/// there is room for. `EFAULT`.
#[inline]
pub(crate) fn read_words(words: &mut [u64], address: usize, size: usize) -> Result {
    let size = size.min(size_of_val(words));
    // SAFETY: There is room for that many bytes; the address may be anything.
    let status = unsafe {
        bindings::doors_read_words(
            words.as_mut_ptr(),
            UserPtr::from_addr(address).as_const_ptr(),
            size,
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// Writes the first `size` bytes to the current process at `address`. `EFAULT`.
#[inline]
pub(crate) fn write_words(address: usize, words: &[u64], size: usize) -> Result {
    let size = size.min(size_of_val(words));
    // SAFETY: There are that many bytes; the address may be anything.
    let status = unsafe {
        bindings::doors_write_words(
            UserPtr::from_addr(address).as_mut_ptr(),
            words.as_ptr(),
            size,
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(EFAULT)
    }
}

/// Does some work in which an access to memory that is not there fails with `EFAULT` at once.
#[inline]
pub(crate) fn without_faults<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: Undone below.
    unsafe { bindings::pagefault_disable() };
    let result = work();
    // SAFETY: Done above.
    unsafe { bindings::pagefault_enable() };
    result
}

/// Appends `size` bytes of the current process at `address`.
///
/// # Errors
///
/// `EFAULT`, or `ENOMEM`.
pub(crate) fn read(data: &mut KVVec<u8>, address: usize, size: usize) -> Result {
    UserSlice::new(UserPtr::from_addr(address), size)
        .read_all(data, GFP_KERNEL_ACCOUNT | __GFP_NOWARN)
}

/// Writes `data` to the current process at `address`. `EFAULT`.
pub(crate) fn write(address: usize, data: &[u8]) -> Result {
    if data.is_empty() {
        return Ok(());
    }
    UserSlice::new(UserPtr::from_addr(address), data.len())
        .writer()
        .write_slice(data)
}

/// Writes `data` to the stack of the current process at `address`, from high addresses to low ones,
/// so that a guard page is hit before what lies beyond (DA-16). `EFAULT`.
pub(crate) fn write_stack(address: usize, data: &[u8]) -> Result {
    let mut rest = data;
    while !rest.is_empty() {
        let start = (rest.len() - 1) / PAGE_SIZE * PAGE_SIZE;
        let (before, chunk) = rest.split_at(start);
        write(address.wrapping_add(start), chunk)?;
        rest = before;
    }
    Ok(())
}

/// Reads one object of the current process at `address`. `EFAULT`.
#[inline]
pub(crate) fn read_object<T: FromBytes>(address: usize) -> Result<T> {
    const { assert!(size_of::<T>() <= WORDS_MAX && align_of::<T>() <= align_of::<u64>()) };
    let mut words = [0u64; WORDS_MAX / size_of::<u64>()];
    read_words(&mut words, address, size_of::<T>())?;
    // SAFETY: The words are at least as large and as aligned as the object, of which every bit
    // pattern is one.
    Ok(unsafe { words.as_ptr().cast::<T>().read() })
}

/// Writes one object to the current process at `address`. `EFAULT`.
#[inline]
pub(crate) fn write_object<T: AsBytes>(address: usize, object: &T) -> Result {
    if align_of::<T>() < align_of::<u64>() || size_of::<T>() > WORDS_MAX {
        return UserSlice::new(UserPtr::from_addr(address), size_of::<T>())
            .writer()
            .write(object);
    }
    let words = core::ptr::from_ref(object).cast::<u64>();
    // SAFETY: The object is aligned for words, and is made of whole ones, as its size is a multiple
    // of its alignment; it has no bytes that are not initialized.
    let words = unsafe { core::slice::from_raw_parts(words, size_of::<T>() / size_of::<u64>()) };
    write_words(address, words, size_of::<T>())
}

/// The address space of another task, kept from going away.
pub(crate) fn address_space(task: &Task) -> Option<ARef<MmWithUser>> {
    // SAFETY: The task is valid.
    let mm = unsafe { bindings::get_task_mm(task.as_ptr()) };
    let mm = core::ptr::NonNull::new(mm)?;
    // SAFETY: `get_task_mm` has taken a reference, which the result owns; the types have the same
    // layout.
    Some(unsafe { ARef::from_raw(mm.cast()) })
}

/// Makes sure that memory of the current process is there to be copied by [`copy_across`]. `EFAULT`
/// if it cannot be.
pub(crate) fn fault_in(address: usize, size: usize) -> Result {
    // SAFETY: Only touches user memory, wherever the address points to.
    let rest = unsafe {
        bindings::fault_in_readable(UserPtr::from_addr(address).as_const_ptr().cast(), size)
    };
    if rest != 0 {
        return Err(EFAULT);
    }
    Ok(())
}

/// Which side of a copy cannot be reached.
pub(crate) enum Unreachable {
    /// The memory of the current process.
    Source,
    /// The memory of the other one.
    Target,
}

/// What to do when the memory of the current process is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Wait for it, as long as it takes.
    Fault,
    /// Give up: it is for [`fault_in`] to wait, when nobody else has to.
    Fail,
}

/// Pages that are pinned at a time.
const BATCH: usize = 16;

/// Copies `size` bytes of the current process at `from` to the address space `mm` at `to`, without
/// a stop in between.
///
/// It goes from high addresses to low ones, so that on a stack the guard page is hit before what
/// lies beyond (DA-16).
pub(crate) fn copy_across(
    mm: &MmWithUser,
    to: usize,
    from: usize,
    mut size: usize,
    absent: Absent,
) -> Result<(), Unreachable> {
    while size > 0 {
        let end = to.checked_add(size).ok_or(Unreachable::Target)?;
        let last_page = (end - 1) & !(PAGE_SIZE - 1);
        let first_page = last_page.saturating_sub((BATCH - 1) * PAGE_SIZE);
        let start = to.max(first_page);
        let pages = Pages::pin(mm, start & !(PAGE_SIZE - 1), end)?;
        let mut at = start;
        for page in pages.as_slice() {
            let offset = at % PAGE_SIZE;
            let length = (end - at).min(PAGE_SIZE - offset);
            copy_to_page(*page, offset, from.wrapping_add(at - to), length, absent)?;
            at += length;
        }
        size = start - to;
    }
    Ok(())
}

fn copy_to_page(
    page: *mut bindings::page,
    offset: usize,
    from: usize,
    length: usize,
    absent: Absent,
) -> Result<(), Unreachable> {
    let from = UserPtr::from_addr(from).as_const_ptr();
    // SAFETY: The page is pinned, and `offset + length` is at most its size. Others may write user
    // memory at any time, which is why only a raw pointer exists to it.
    let rest = unsafe {
        let target = bindings::kmap_local_page(page).cast::<u8>();
        if absent == Absent::Fail {
            bindings::pagefault_disable();
        }
        let rest = bindings::copy_from_user(target.add(offset).cast(), from, length);
        if absent == Absent::Fail {
            bindings::pagefault_enable();
        }
        bindings::kunmap_local(target.cast());
        rest
    };
    if rest != 0 {
        return Err(Unreachable::Source);
    }
    Ok(())
}

/// Some pages of an address space, pinned to be written.
///
/// # Invariants
///
/// The first `count` entries of `pages` are pinned pages.
struct Pages {
    pages: [*mut bindings::page; BATCH],
    count: usize,
}

impl Pages {
    /// Pins all pages from `first` to before `end`, at most [`BATCH`] of them.
    fn pin(mm: &MmWithUser, first: usize, end: usize) -> Result<Self, Unreachable> {
        let wanted = (end - first).div_ceil(PAGE_SIZE).min(BATCH);
        let mut pages = [core::ptr::null_mut(); BATCH];
        let mut locked: c_int = 1;
        // SAFETY: We hold the address space, and its lock as far as `locked` says; `wanted` is at
        // most the length of `pages`.
        let count = unsafe {
            if bindings::mmap_read_lock_killable(mm.as_raw()) != 0 {
                return Err(Unreachable::Target);
            }
            let count = bindings::pin_user_pages_remote(
                mm.as_raw(),
                first,
                wanted,
                bindings::FOLL_WRITE,
                pages.as_mut_ptr(),
                &mut locked,
            );
            if locked != 0 {
                bindings::mmap_read_unlock(mm.as_raw());
            }
            count
        };
        // INVARIANT: That many were pinned, and are unpinned again if they are not all.
        let pages = Self {
            pages,
            count: usize::try_from(count).unwrap_or(0),
        };
        if pages.count < wanted {
            return Err(Unreachable::Target);
        }
        Ok(pages)
    }

    fn as_slice(&self) -> &[*mut bindings::page] {
        self.pages.get(..self.count).unwrap_or(&[])
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::unpin_user_pages_dirty_lock(self.pages.as_mut_ptr(), self.count, true) };
    }
}
