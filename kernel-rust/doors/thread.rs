// SPDX-License-Identifier: GPL-2.0

//! What a thread is to doors: a caller, a server, both at once (SI-50).

use crate::{
    call::{
        Answer,
        Request,
        Waiting, //
    },
    door::Door,
    model::{
        activation::Activation,
        call::CallSlot,
        frame::Stack, //
    },
    platform::Slot,
    process::Process,
    serve::Serving,
};
use core::ops::Deref;
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
    /// The call that it serves. Only the thread itself looks at it.
    serving: Slot<Option<Serving>>,
    /// The call that it makes, while it is stopped in the middle of it. Only the thread itself
    /// looks at it.
    suspended: Slot<Option<Waiting>>,
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
pub(crate) struct Current {
    thread: Arc<Thread>,
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
    pub(crate) fn get() -> Result<Self> {
        if let Some(current) = Self::get_existing() {
            return Ok(current);
        }
        let task: &Task = current!();
        let process = Process::current()?;
        let thread = Arc::pin_init(
            pin_init!(Thread {
                task: ARef::from(task),
                process,
                activation: Activation::new(),
                call: CallSlot::new(),
                stack_base: Atomic::new(0),
                stack_size: Atomic::new(0),
                room_length: Atomic::new(0),
                room_address: Atomic::new(0),
                serving: Slot::new(None),
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
        unsafe { (*task.as_ptr()).doors = Arc::into_raw(thread.clone()).cast_mut().cast() };
        Ok(Self {
            thread,
            _not_send: NotThreadSafe,
        })
    }

    /// The current thread, if it has used a door before.
    pub(crate) fn get_existing() -> Option<Self> {
        // SAFETY: Only the task itself uses the field.
        let doors = unsafe { (*Task::current_raw()).doors };
        if doors.is_null() {
            return None;
        }
        // SAFETY: The field owns a reference that `Arc::into_raw` made; we take another one and
        // leave that alone.
        let thread = unsafe { kernel::sync::ArcBorrow::from_raw(doors.cast::<Thread>()) }.into();
        Some(Self {
            thread,
            _not_send: NotThreadSafe,
        })
    }

    /// The current thread, which will never use a door again.
    pub(crate) fn take() -> Option<Self> {
        let current = Self::get_existing()?;
        // SAFETY: Only the task itself uses the field. It owned a reference, which is dropped here.
        unsafe {
            let task = Task::current_raw();
            let doors = (*task).doors;
            (*task).doors = core::ptr::null_mut();
            drop(Arc::from_raw(doors.cast::<Thread>()));
        }
        Some(current)
    }

    /// The call that the thread serves.
    pub(crate) fn serving<R>(&self, work: impl FnOnce(&mut Option<Serving>) -> R) -> R {
        // SAFETY: Only the thread itself calls this, and not from within `work`, which every caller
        // of this function keeps to a few moves.
        unsafe { self.thread.serving.with(work) }
    }

    /// The call that the thread makes and was stopped in.
    pub(crate) fn suspended<R>(&self, work: impl FnOnce(&mut Option<Waiting>) -> R) -> R {
        // SAFETY: As above.
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
