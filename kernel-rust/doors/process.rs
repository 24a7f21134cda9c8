// SPDX-License-Identifier: GPL-2.0

//! What a process is to doors: a pool of threads, and the target of the doors that it created.

use crate::{
    door::Door,
    notifications::Notifications,
    pool::Pool, //
};
use kernel::{
    bindings,
    list::{
        List,
        ListArc, //
    },
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
        ArcBorrow,
        SpinLock, //
    },
    task::Task,
};

/// The state of a process that has used a door. `signal_struct::doors` owns a reference to it, from
/// the first use to the exit of the last thread or the next exec.
#[pin_data(PinnedDrop)]
pub(crate) struct Process {
    /// Its `struct pid`, of which it owns a reference.
    pid: *mut bindings::pid,
    /// The threads that serve the doors that have no pool of their own.
    #[pin]
    pub(crate) pool: Pool,
    #[pin]
    doors: SpinLock<Doors>,
    /// The doors that it is to be told of.
    #[pin]
    pub(crate) notifications: Notifications,
    /// The process has exited or become another program.
    gone: Atomic<bool>,
}

struct Doors {
    /// The doors whose files are open. Their final close takes them out.
    open: List<Door>,
    /// The process is dying: a door that it still creates is revoked from the start.
    revoked: bool,
}

// SAFETY: `struct pid` may be used and released by any thread; everything else is `Send` by itself.
unsafe impl Send for Process {}
// SAFETY: As above; `pid` is never written.
unsafe impl Sync for Process {}

#[pinned_drop]
impl PinnedDrop for Process {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: We own a reference.
        unsafe { bindings::put_pid(self.pid) };
    }
}

/// The field of the current process that owns its [`Process`].
fn owner() -> &'static Atomic<*mut c_void> {
    // SAFETY: A task's `signal` stays valid as long as the task lives, and the result is not kept.
    // `doors` is only ever used through this function, so all accesses are atomic.
    unsafe { Atomic::from_ptr(&raw mut (*(*Task::current_raw()).signal).doors) }
}

impl Process {
    /// The current process, which now uses a door if it never has before.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn current() -> Result<Arc<Self>> {
        if let Some(process) = Self::existing() {
            return Ok(process);
        }
        let process = Arc::pin_init(
            pin_init!(Self {
                // SAFETY: The current task is valid.
                pid: unsafe {
                    bindings::get_task_pid(Task::current_raw(), bindings::pid_type_PIDTYPE_TGID)
                },
                pool <- Pool::new(),
                doors <- new_spinlock!(Doors {
                    open: List::new(),
                    revoked: false,
                }, "Process::doors"),
                notifications <- Notifications::new(),
                gone: Atomic::new(false),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        let raw: *mut c_void = Arc::into_raw(process.clone()).cast_mut().cast();
        if owner().cmpxchg(core::ptr::null_mut(), raw, Full).is_ok() {
            return Ok(process);
        }
        // Another thread was faster.
        // SAFETY: The reference that we have just turned into a raw pointer.
        drop(unsafe { Arc::from_raw(raw.cast::<Self>()) });
        Self::existing().ok_or(ENOMEM)
    }

    /// The current process, if it has used a door before.
    pub(crate) fn existing() -> Option<Arc<Self>> {
        let process = owner().load(Acquire);
        if process.is_null() {
            return None;
        }
        // SAFETY: The field owns a reference that `Arc::into_raw` made. It gives that up in
        // `retire` only, which the last thread of the process calls.
        Some(unsafe { ArcBorrow::from_raw(process.cast::<Self>()) }.into())
    }

    /// Is this the current process?
    pub(crate) fn is_current(&self) -> bool {
        owner().load(Relaxed).cast_const().cast() == core::ptr::from_ref(self)
    }

    /// The last thread exits, or has become another program: whatever there is of doors is no more.
    pub(crate) fn retire() {
        let process = owner().xchg(core::ptr::null_mut(), Full);
        if process.is_null() {
            return;
        }
        // SAFETY: The field owned a reference that `Arc::into_raw` made, and we have just taken it.
        let process = unsafe { Arc::from_raw(process.cast::<Self>()) };
        process.revoke_all();
        process.notifications.close();
        process.gone.store(true, Release);
    }

    /// The process id as the current task sees it, or -1 when the process is gone (IF-1).
    pub(crate) fn target(&self) -> i32 {
        if self.gone.load(Acquire) {
            return -1;
        }
        // SAFETY: We own a reference to the pid.
        unsafe { bindings::pid_vnr(self.pid) }
    }

    /// The process becomes the target of `door`.
    pub(crate) fn adopt(&self, door: ListArc<Door>) {
        let mut doors = self.doors.lock();
        if doors.revoked {
            door.mark_revoked();
        }
        doors.open.push_back(door);
    }

    /// The last reference to the file of `door` is gone.
    pub(crate) fn forget(&self, door: &Door) {
        let mut doors = self.doors.lock();
        // SAFETY: A door is only ever put into the list of its target, which is this process.
        let door = unsafe { doors.open.remove(door) };
        // The list's reference may be the last one but one of a door with much behind it.
        drop(doors);
        drop(door);
    }

    /// All doors of the process are revoked, and queued callers told (SI-31). Doing so again does
    /// no harm.
    ///
    /// A caller holds a reference to the file of its door, so no queued caller is missed.
    pub(crate) fn revoke_all(&self) {
        let mut doors = self.doors.lock();
        doors.revoked = true;
        let mut cursor = doors.open.cursor_front();
        while let Some(door) = cursor.peek_next() {
            door.mark_revoked();
            if door.is_private() {
                door.pool().wake_callers(None);
            }
            cursor.move_next();
        }
        drop(doors);
        self.pool.wake_callers(None);
    }
}
