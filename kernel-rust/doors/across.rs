// SPDX-License-Identifier: GPL-2.0

//! Large data, straight from one address space to another (DA-2, DA-22).
//!
//! The quick way is to look at the other address space for a moment, with the pages of one's own at
//! hand, and to write to it as its own threads would. That works for memory that is there on both
//! sides; otherwise the pages of the other side are looked up, and brought in.

use core::mem::MaybeUninit;
use kernel::{
    bindings,
    mm::MmWithUser,
    page::PAGE_SIZE,
    prelude::*,
    sync::aref::ARef,
    task::Task, //
};

/// The address space of another task, kept from going away.
pub(crate) fn address_space(task: &Task) -> Option<ARef<MmWithUser>> {
    // SAFETY: The task is valid.
    let mm = unsafe { bindings::get_task_mm(task.as_ptr()) };
    let mm = core::ptr::NonNull::new(mm)?;
    // SAFETY: `get_task_mm` has taken a reference, which the result owns; the types have the same
    // layout.
    Some(unsafe { ARef::from_raw(mm.cast()) })
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
    /// Give up: it is for [`crate::user::fault_in`] to wait, when nobody else has to.
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
        if quickly(mm, start, from.wrapping_add(start - to), end - start) {
            size = start - to;
            continue;
        }
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

/// Copies `size` bytes of at most [`BATCH`] pages. `false` if some of them are not there, on
/// either side; what has been written then is written again.
fn quickly(mm: &MmWithUser, to: usize, from: usize, size: usize) -> bool {
    let mut own = OwnPages::none();
    if !own.get(from, size) {
        return false;
    }
    // SAFETY: We hold the address space. Undone below; in between nothing sleeps, and no access
    // that faults is resolved, so nobody takes the address space for that of the current task.
    let before = unsafe { bindings::doors_use_mm(mm.as_raw()) };
    let written = own.parts(from, size).all(|(page, offset, at, length)| {
        let to = UserPtr::from_addr(to.wrapping_add(at)).as_mut_ptr();
        // SAFETY: `offset + length` is at most the size of the page. Others may write user memory
        // at any time, which is why only a raw pointer exists to it.
        unsafe {
            let page = bindings::kmap_local_page(page).cast::<u8>();
            let rest = bindings::copy_to_user(to, page.add(offset).cast(), length);
            bindings::kunmap_local(page.cast());
            rest == 0
        }
    });
    // SAFETY: Done above.
    unsafe { bindings::doors_unuse_mm(before) };
    written
}

/// Some pages of the current process, to be read.
///
/// # Invariants
///
/// The first `count` pages are there, and we own a reference to each of them.
struct OwnPages {
    /// One more than pages can be written at a time: the two may lie differently in them.
    pages: [MaybeUninit<*mut bindings::page>; BATCH + 1],
    count: usize,
}

impl OwnPages {
    /// None yet.
    fn none() -> Self {
        // INVARIANT: There are no pages.
        Self {
            pages: [const { MaybeUninit::uninit() }; BATCH + 1],
            count: 0,
        }
    }

    /// Gets those that hold `size` bytes at `address`; `false` if some of them are not there.
    fn get(&mut self, address: usize, size: usize) -> bool {
        let first = address & !(PAGE_SIZE - 1);
        let Some(end) = address.checked_add(size) else {
            return false;
        };
        let wanted = (end - first).div_ceil(PAGE_SIZE);
        if wanted > self.pages.len() {
            return false;
        }
        let pages = self.pages.as_mut_ptr().cast();
        // SAFETY: There is room for that many.
        let count = unsafe { bindings::get_user_pages_fast_only(first, wanted as c_int, 0, pages) };
        // INVARIANT: So many we have got.
        self.count = usize::try_from(count).unwrap_or(0);
        self.count == wanted
    }

    /// From the last to the first: a page, where the data begins in it, how far that is from the
    /// beginning of the data, and how long it is there.
    fn parts(
        &self,
        address: usize,
        size: usize,
    ) -> impl Iterator<Item = (*mut bindings::page, usize, usize, usize)> + '_ {
        let shift = address % PAGE_SIZE;
        let pages = self.pages.iter().take(self.count).enumerate().rev();
        pages.map(move |(index, page)| {
            let begin = (index * PAGE_SIZE).max(shift);
            let end = ((index + 1) * PAGE_SIZE).min(shift + size);
            // SAFETY: By the type invariant, it is there.
            let page = unsafe { page.assume_init() };
            (page, begin % PAGE_SIZE, begin - shift, end - begin)
        })
    }
}

impl Drop for OwnPages {
    fn drop(&mut self) {
        let pages = self.pages.as_mut_ptr().cast();
        // SAFETY: By the type invariant.
        unsafe {
            bindings::release_pages(bindings::release_pages_arg { pages }, self.count as c_int)
        };
    }
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
