// SPDX-License-Identifier: GPL-2.0

//! Who refers to a door, and when to tell its process that a single reference is left
//! (specification 7).
//!
//! A door is referred to through the one file that `door_create` made: by descriptors, by files in
//! flight, by attached names and by calls in progress, each of which holds a reference to it. Files
//! that were opened through a name are counted apart. So are calls of a door to which it matters:
//! theirs is not the one reference that is left.
//!
//! Nothing in the kernel calls back when the count of a file falls from two to one, and a look at
//! it before the fall cannot be trusted, as two may close at once. So whoever gives a reference up
//! notes that, and looks at what is left *afterwards* ([`look`]): see [`crate::model::losses`]. A
//! reference that is given up unnoticed, such as one in a message that no socket ever receives, is
//! not told of.

use crate::{
    door::Door,
    model::{
        attributes,
        losses::Losses, //
    },
};
use kernel::{
    bindings,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            ordering::{
                Acquire,
                Full,
                Relaxed,
                Release, //
            },
            Atomic,
        },
        Arc,
        SpinLock, //
    },
    task::Task, //
};

/// Who refers to a door.
#[pin_data]
pub(crate) struct References {
    /// The file of `door_create`, until it is released.
    #[pin]
    file: SpinLock<Option<RawFile>>,
    /// Files that were opened through a name. Of a private door, and of one whose process wants to
    /// be told, also the system calls that work on it.
    users: Atomic<usize>,
    /// Those that have gone since the last notification.
    losses: Losses,
    /// The process is being told.
    telling: Atomic<bool>,
}

/// # Invariants
///
/// The file is not released.
struct RawFile(*mut bindings::file);

// SAFETY: Only the reference count of the file is used, which is atomic.
unsafe impl Send for RawFile {}

impl References {
    /// Those of a door without a file.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            file <- new_spinlock!(None, "References::file"),
            users: Atomic::new(0),
            losses: Losses::new(),
            telling: Atomic::new(false),
        })
    }

    /// The door has got its file.
    ///
    /// # Safety
    ///
    /// [`Self::released`] must be called before the file is freed.
    pub(crate) unsafe fn opened(&self, file: *mut bindings::file) {
        // INVARIANT: By the contract.
        *self.file.lock() = Some(RawFile(file));
    }

    /// The file is about to be freed.
    pub(crate) fn released(&self) {
        *self.file.lock() = None;
    }

    /// The door is opened through a name, or a system call begins to work on it.
    pub(crate) fn add_user(&self) {
        self.users.fetch_add(1, Relaxed);
    }

    /// What was opened through a name is closed, which is no reason for a notification (UN-6), or
    /// the system call ends.
    pub(crate) fn remove_user(&self) {
        self.users.fetch_sub(1, Release);
    }

    /// Does nobody use the door, through however many descriptors of its one file? (IF-6)
    pub(crate) fn is_unused(&self) -> bool {
        self.users.load(Acquire) == 0
    }

    /// The process is being told from now on.
    pub(crate) fn begin_telling(&self) {
        self.telling.store(true, Release);
    }

    /// It is not any more. Who has looked until now has left it at that: a [`look`] is due.
    pub(crate) fn end_telling(&self) {
        self.telling.xchg(false, Full);
    }

    /// A reference to the file is about to go.
    pub(crate) fn note_loss(&self) {
        self.losses.note();
    }

    /// Is there a single reference? (UN-1)
    fn is_single(&self) -> bool {
        self.is_unused() && self.count() == 1
    }

    /// Is there a single reference besides the asking thread's, of which there are `ours`, and
    /// which may be `counted` as a user? (IF-5)
    pub(crate) fn is_single_but(&self, counted: bool, ours: usize) -> bool {
        self.users.load(Acquire) == usize::from(counted) && self.count() == 1 + ours
    }

    /// The references to the file; 0 when it is gone.
    fn count(&self) -> usize {
        let file = self.file.lock();
        // SAFETY: By its type invariant and the lock, the file is not released.
        file.as_ref()
            .map_or(0, |file| unsafe { bindings::file_count(file.0) })
    }
}

/// Looks whether the door has become unreferenced, and tells its process (UN-1, UN-14).
pub(crate) fn look(door: &Arc<Door>) {
    let references = &door.references;
    if attributes::wants_unreferenced(door.attributes())
        && !references.telling.load(Acquire)
        && references.losses.claim(|| references.is_single())
        && door.use_notification()
    {
        door.target.notifications.push(door.clone());
    }
}

/// Looks that wait until the current task has dropped what it is about to drop.
#[repr(C)]
struct Later {
    work: bindings::callback_head,
    /// In the order in which they were closed.
    doors: KVVec<Arc<Door>>,
}

impl Later {
    /// The one that the current task has queued already, or a new one. Work that is queued later is
    /// done earlier, so one item for each door would turn their order round.
    fn get() -> Result<KBox<Self>> {
        // SAFETY: The current task is valid.
        let queued = unsafe {
            bindings::task_work_cancel_func(Task::current_raw(), Some(look_later)).cast::<Self>()
        };
        if !queued.is_null() {
            // SAFETY: Items with this function are ours, and nobody else has it now.
            return Ok(unsafe { KBox::from_raw(queued) });
        }
        Ok(KBox::new(
            Self {
                // SAFETY: All zeroes is a work item that is not in use.
                work: unsafe { core::mem::zeroed() },
                doors: KVVec::new(),
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// A task that closes files does its work afterwards, even when it exits. A task that never
    /// will looks at once; what it does not see yet, the next look finds.
    fn queue(mut self: KBox<Self>) {
        self.work.func = Some(look_later);
        let later = KBox::into_raw(self);
        let mode = bindings::task_work_notify_mode_TWA_RESUME;
        // SAFETY: The item is ours until `look_later` gets it, or we do when it is refused.
        unsafe {
            if bindings::task_work_add(Task::current_raw(), later.cast(), mode) != 0 {
                look_later(later.cast());
            }
        }
    }
}

/// Notes that the current task is closing a descriptor of the door, and looks at the door when that
/// is done.
pub(crate) fn look_after_close(door: &Arc<Door>) {
    if !attributes::wants_unreferenced(door.attributes()) {
        return;
    }
    door.references.note_loss();
    // Without memory, the next look finds what this one would have.
    let Ok(mut later) = Later::get() else { return };
    let is_last = |last: &Arc<Door>| Arc::ptr_eq(last, door);
    if !later.doors.last().is_some_and(is_last) {
        let _ = later
            .doors
            .push(door.clone(), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
    }
    later.queue();
}

unsafe extern "C" fn look_later(work: *mut bindings::callback_head) {
    // SAFETY: `Later::queue` has made it of a box, and nobody else has it.
    let later = unsafe { KBox::from_raw(work.cast::<Later>()) };
    later.doors.iter().for_each(look);
}
