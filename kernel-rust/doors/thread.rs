// SPDX-License-Identifier: GPL-2.0

//! What a thread is to doors: a caller, a server, both at once (SI-50).

use crate::{
    door::Door,
    model::{
        activation::Activation,
        call::CallSlot,
        frame::Stack, //
    },
    platform::Slot,
    process::Process,
    request::{
        Answer,
        Request, //
    },
    waiting::Suspended,
};
use core::{
    mem::ManuallyDrop,
    ops::Deref, //
};
use kernel::{
    bindings,
    list::{
        impl_list_arc_safe,
        impl_list_item,
        AtomicTracker,
        ListLinks,
        TryNewListArc, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            ordering::Relaxed,
            Atomic, //
        },
        Arc, //
    },
    task::Task,
    types::NotThreadSafe,
};

/// The state of a thread that has used a door. `task_struct::doors` owns a reference to it.
#[pin_data]
pub(crate) struct Thread {
    task: ARef<Task>,
    /// The process of the thread.
    pub(crate) process: Arc<Process>,
    /// As a server: free, parked, given a call?
    pub(crate) activation: Activation<Request>,
    /// As a caller: the call that it makes.
    pub(crate) call: CallSlot<Answer>,
    /// The stack that it lends while it is parked; written before it parks, read by whoever has
    /// reserved it. The lock of the pool orders the two.
    stack_base: Atomic<usize>,
    stack_size: Atomic<usize>,
    /// As a caller: the room that a reply needs, for which its server asks, and the address where
    /// it is, 0 for nowhere. Who may write which, and when, is the state word's: the server before
    /// it asks, the caller before it grants.
    pub(crate) room_length: Atomic<usize>,
    pub(crate) room_address: Atomic<usize>,
    /// The call that it makes, while it is stopped in the middle of it. Only the thread itself
    /// looks at it.
    suspended: Slot<Option<KBox<Suspended>>>,
    /// The private door that it serves (BI-1). Only the thread itself looks at it.
    bound: Slot<Option<Arc<Door>>>,
    /// As a caller that waits for a thread: for which door, by its address, and how urgently. The
    /// lock of the pool orders what the thread writes and others read.
    pub(crate) queued_for: Atomic<usize>,
    pub(crate) queued_priority: Atomic<i32>,
    #[pin]
    parked_links: ListLinks<PARKED>,
    #[pin]
    parked_tracker: AtomicTracker<PARKED>,
    #[pin]
    queued_links: ListLinks<QUEUED>,
    #[pin]
    queued_tracker: AtomicTracker<QUEUED>,
}

/// The list of the threads that are parked in a pool.
pub(crate) const PARKED: u64 = 0;
/// The list of the callers that wait for one.
pub(crate) const QUEUED: u64 = 1;

impl_list_arc_safe! {
    impl ListArcSafe<{ PARKED }> for Thread {
        tracked_by parked_tracker: AtomicTracker<PARKED>;
    }
    impl ListArcSafe<{ QUEUED }> for Thread {
        tracked_by queued_tracker: AtomicTracker<QUEUED>;
    }
}

impl_list_item! {
    impl ListItem<{ PARKED }> for Thread {
        using ListLinks { self.parked_links };
    }
    impl ListItem<{ QUEUED }> for Thread {
        using ListLinks { self.queued_links };
    }
}

// One for each thread that uses doors, in a slab of 512 bytes with the count of its references.
const _: () = assert!(size_of::<Thread>() <= 504);

impl Thread {
    /// The task.
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// How urgent the thread is to the scheduler; smaller is more urgent.
    pub(crate) fn priority(&self) -> i32 {
        // SAFETY: The task is valid. The scheduler may write the field at any time.
        unsafe { (&raw const (*self.task.as_ptr()).prio).read_volatile() }
    }

    /// The stack that the thread lends while it is parked.
    pub(crate) fn stack(&self) -> Stack {
        Stack {
            base: self.stack_base.load(Relaxed),
            size: self.stack_size.load(Relaxed),
        }
    }
}

/// The current thread: a [`Thread`] that only its own task can hold.
///
/// # Invariants
///
/// The reference is the one that `task_struct::doors` owns, and stays there until
/// [`Current::forget`].
pub(crate) struct Current {
    thread: ManuallyDrop<Arc<Thread>>,
    _not_send: NotThreadSafe,
}

impl Deref for Current {
    type Target = Arc<Thread>;

    fn deref(&self) -> &Self::Target {
        &self.thread
    }
}

impl Current {
    /// The current thread, which now uses a door if it never has before.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub(crate) fn get() -> Result<Self> {
        match Self::get_existing() {
            Some(current) => Ok(current),
            None => Self::make(),
        }
    }

    #[cold]
    fn make() -> Result<Self> {
        let task: &Task = current!();
        let process = Process::current()?;
        let thread = Arc::pin_init(
            pin_init!(Thread {
                task: ARef::from(task),
                process,
                activation: Activation::new(Request::none()),
                call: CallSlot::new(Answer::none()),
                stack_base: Atomic::new(0),
                stack_size: Atomic::new(0),
                room_length: Atomic::new(0),
                room_address: Atomic::new(0),
                suspended: Slot::new(None),
                bound: Slot::new(None),
                queued_for: Atomic::new(0),
                queued_priority: Atomic::new(0),
                parked_links <- ListLinks::new(),
                parked_tracker <- AtomicTracker::new(),
                queued_links <- ListLinks::new(),
                queued_tracker <- AtomicTracker::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        // SAFETY: Only the task itself uses the field, and it owns the reference that we put there.
        unsafe { (*task.as_ptr()).doors = Arc::into_raw(thread).cast_mut().cast() };
        Self::get_existing().ok_or(ENOMEM)
    }

    /// The current thread, if it has used a door before.
    #[inline]
    pub(crate) fn get_existing() -> Option<Self> {
        // SAFETY: Only the task itself uses the field.
        let doors = unsafe { (*Task::current_raw()).doors };
        if doors.is_null() {
            return None;
        }
        // INVARIANT: The reference is not ours to drop.
        // SAFETY: The field owns a reference that `Arc::into_raw` made.
        let thread = ManuallyDrop::new(unsafe { Arc::from_raw(doors.cast::<Thread>()) });
        Some(Self {
            thread,
            _not_send: NotThreadSafe,
        })
    }

    /// The thread will never use a door again.
    pub(crate) fn forget(self) {
        // SAFETY: Only the task itself uses the field.
        unsafe { (*Task::current_raw()).doors = core::ptr::null_mut() };
        drop(ManuallyDrop::into_inner(self.thread));
    }

    /// The call that the thread serves, if there is a caller in it.
    #[inline]
    pub(crate) fn serving<R>(&self, work: impl FnOnce(&mut Request) -> R) -> R {
        // SAFETY: The thread runs, so it is not parked, and nobody but it uses its request; nor
        // does it do so from within `work`.
        unsafe { self.thread.activation.request(work) }
    }

    /// The answer that the thread has collected.
    #[inline]
    pub(crate) fn answer<R>(&self, work: impl FnOnce(&mut Answer) -> R) -> R {
        // SAFETY: Every caller of this function has left the call, and begun no other one.
        unsafe { self.thread.call.place(work) }
    }

    /// The call that the thread makes and was stopped in.
    pub(crate) fn suspended<R>(&self, work: impl FnOnce(&mut Option<KBox<Suspended>>) -> R) -> R {
        // SAFETY: Only the thread itself calls this, and not from within `work`, which every caller
        // of this function keeps to a few moves.
        unsafe { self.thread.suspended.with(work) }
    }

    /// The private door that the thread is bound to.
    pub(crate) fn bound<R>(&self, work: impl FnOnce(&mut Option<Arc<Door>>) -> R) -> R {
        // SAFETY: As above.
        unsafe { self.thread.bound.with(work) }
    }

    /// Lends a stack.
    pub(crate) fn lend(&self, stack: Stack) {
        self.thread.stack_base.store(stack.base, Relaxed);
        self.thread.stack_size.store(stack.size, Relaxed);
    }

    /// The registers with which the thread returns to user mode.
    pub(crate) fn registers(&mut self) -> &mut bindings::pt_regs {
        // SAFETY: A thread in a system call has saved its registers on its kernel stack, where only
        // it uses them.
        unsafe { &mut *bindings::current_pt_regs() }
    }
}
