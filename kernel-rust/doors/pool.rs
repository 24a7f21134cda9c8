// SPDX-License-Identifier: GPL-2.0

//! A pool: threads that wait for a call, and callers that wait for a thread (TP-1 to TP-6).

use crate::{
    carrier::{
        self,
        Sleep, //
    },
    door::Door,
    request::Request,
    signals,
    thread::{
        Current,
        Thread,
        PARKED,
        QUEUED, //
    },
};
use core::mem::ManuallyDrop;
use kernel::{
    list::{
        List,
        ListArc, //
    },
    new_spinlock,
    prelude::*,
    sync::{
        atomic::ordering::Relaxed,
        Arc,
        SpinLock, //
    },
};

/// The parked threads of a process, or those of one private door.
#[pin_data]
pub(crate) struct Pool {
    #[pin]
    inner: SpinLock<Inner>,
}

/// # Invariants
///
/// The activation of every thread in `parked` is in the phase "parked", and that of no other thread
/// of this pool. `available` is how many they are.
struct Inner {
    /// Most recently parked first (TP-3).
    parked: List<Thread, PARKED>,
    available: usize,
    /// Callers that have been woken because a thread was there, and have not looked yet; and how
    /// urgent the last one of them was.
    called_up: usize,
    called_up_priority: i32,
    /// Callers that sleep until a thread parks, the most urgent ones first (TP-4).
    callers: List<Thread, QUEUED>,
}

impl Inner {
    /// A thread is there: wakes the caller whose turn it is, unless one that was woken before and
    /// is as urgent has yet to look. It takes its chance with all others who look into the pool
    /// meanwhile.
    #[inline]
    fn announce(&mut self) {
        if self.available == 0 {
            return;
        }
        let mut front = self.callers.cursor_front();
        let Some(caller) = front.peek_next() else {
            return;
        };
        let priority = caller.queued_priority.load(Relaxed);
        if self.available > self.called_up || priority < self.called_up_priority {
            self.called_up += 1;
            self.called_up_priority = priority;
            caller.remove().task().wake_up();
        }
    }

    /// Queues the current thread for `door`: behind its equals, or if its turn has been `before`,
    /// ahead of them.
    fn queue(&mut self, caller: ListArc<Thread, QUEUED>, door: &Door, before: bool) {
        let priority = caller.priority();
        caller.queued_priority.store(priority, Relaxed);
        caller
            .queued_for
            .store(core::ptr::from_ref(door).addr(), Relaxed);
        let limit = priority.saturating_sub(before.into());
        let mut place = self.callers.cursor_back();
        // A smaller number is a higher priority.
        while place
            .peek_prev()
            .is_some_and(|other| other.queued_priority.load(Relaxed) > limit)
        {
            place.move_prev();
        }
        place.insert(caller);
    }
}

impl Pool {
    /// A pool without threads.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inner <- new_spinlock!(Inner {
                parked: List::new(),
                available: 0,
                called_up: 0,
                called_up_priority: 0,
                callers: List::new(),
            }, "Pool::inner"),
        })
    }

    /// The current thread offers itself. It must be about to sleep. `false` if a thread that once
    /// was killed while it was reserved comes back, which none does.
    pub(crate) fn park(&self, thread: &Current) -> bool {
        let mut inner = self.inner.lock();
        // INVARIANT: The phase and the membership change together, under the lock.
        thread.activation.park() && self.push(&mut inner, thread)
    }

    /// Puts a thread that has just become "parked" on top. It has one place in a list, and is in
    /// none: whoever takes it out of one changes its phase, and it has just changed back.
    fn push(&self, inner: &mut Inner, thread: &Arc<Thread>) -> bool {
        let Ok(place) = ListArc::try_from_arc(thread.clone()) else {
            return false;
        };
        inner.parked.push_front(place);
        inner.available += 1;
        inner.announce();
        true
    }

    /// The current thread wants to leave the pool again; `false` if a caller has taken it.
    pub(crate) fn unpark(&self, thread: &Thread) -> bool {
        let mut inner = self.inner.lock();
        // INVARIANT: The phase and the membership change together, under the lock.
        if !thread.activation.unpark() {
            return false;
        }
        // SAFETY: A thread that was parked is in the list of the pool that it parked in, which is
        // this one.
        drop(unsafe { inner.parked.remove(thread) });
        inner.available -= 1;
        true
    }

    /// Takes the most recently parked thread for the current one, and waits for it if need be.
    ///
    /// # Errors
    ///
    /// `EBADF` if `door` is or gets revoked, `EAGAIN` if a signal arrives first (CA-2, rows 9 and
    /// 10). A stop is no signal to the program: the system call begins again afterwards (SI-3).
    pub(crate) fn reserve(&self, me: &Current, door: &Door) -> Result<Reserved<'_>> {
        let mut before = false;
        let mut inner = self.inner.lock();
        loop {
            if door.is_revoked() {
                if before {
                    // It was our turn: now it is the next one's (TP-5).
                    inner.announce();
                }
                return Err(EBADF);
            }
            if let Some(thread) = inner.parked.pop_front() {
                inner.available -= 1;
                // INVARIANT: The phase and the membership change together, under the lock.
                thread.activation.reserve();
                return Ok(Reserved {
                    pool: self,
                    thread: thread.into_arc(),
                    depleted: inner.available == 0,
                });
            }
            // A thread waits in one queue at a time, so it has a place for this one.
            let caller = ListArc::try_from_arc(Arc::clone(me)).map_err(|_| EAGAIN)?;
            carrier::prepare(Sleep::Interruptible);
            inner.queue(caller, door, before);
            drop(inner);
            carrier::transfer(None);

            inner = self.inner.lock();
            // SAFETY: The thread is in the queue of this pool or in none.
            before = unsafe { inner.callers.remove(me) }.is_none();
            if before {
                inner.called_up -= 1;
            }
            if signals::pending() {
                if before {
                    inner.announce();
                }
                return Err(if door.is_revoked() {
                    EBADF
                } else {
                    signals::before_the_call()
                });
            }
        }
    }

    /// Every caller shall look at its door again: it may be revoked. With `door`, only those of
    /// that one.
    pub(crate) fn wake_callers(&self, door: Option<&Door>) {
        // Whoever has looked at its door before it was revoked is in the queue once the lock can be
        // had.
        let mut inner = self.inner.lock();
        let Inner {
            callers, called_up, ..
        } = &mut *inner;
        let mut place = callers.cursor_front();
        while let Some(caller) = place.peek_next() {
            let queued_for = caller.queued_for.load(Relaxed);
            if door.is_none_or(|door| core::ptr::from_ref(door).addr() == queued_for) {
                *called_up += 1;
                caller.remove().task().wake_up();
            } else {
                place.move_next();
            }
        }
    }
}

/// A thread that was taken out of its pool for a call. Goes back when dropped.
pub(crate) struct Reserved<'a> {
    pool: &'a Pool,
    thread: Arc<Thread>,
    /// It was the last one (TP-20).
    pub(crate) depleted: bool,
}

impl Reserved<'_> {
    /// The thread.
    pub(crate) fn thread(&self) -> &Thread {
        &self.thread
    }

    /// The door, if the thread is to be told of it: it is the last one of the private pool (TP-27).
    pub(crate) fn about(
        &self,
        door: &Door,
        share: impl FnOnce() -> Arc<Door>,
    ) -> Option<Arc<Door>> {
        (self.depleted && door.is_private()).then(share)
    }

    /// The place for the request.
    #[inline]
    pub(crate) fn request<R>(&mut self, work: impl FnOnce(&mut Request) -> R) -> R {
        // SAFETY: Until it gets its call, the thread leaves the place alone, and nobody but us has
        // reserved it.
        unsafe { self.thread.activation.request(work) }
    }

    /// Gives the thread its call; `None` if it has died.
    ///
    /// The thread does not run before it is woken.
    #[inline]
    pub(crate) fn deliver(self, fill: impl FnOnce(&mut Request)) -> Option<Arc<Thread>> {
        // A thread that has died does not go back to its pool either.
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used or dropped afterwards.
        let thread = unsafe { core::ptr::read(&this.thread) };
        let delivered = thread.activation.deliver(fill, Request::withdraw);
        delivered.then_some(thread)
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut inner = self.pool.inner.lock();
        // INVARIANT: The phase and the membership change together, under the lock.
        if self.thread.activation.put_back() {
            self.pool.push(&mut inner, &self.thread);
        }
        drop(inner);
        // A signal may have come while it could not leave.
        self.thread.task().wake_up();
    }
}
