// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the driver and a thread talk to each other: memory that all processes share.
//!
//! Each thread has a seat. The driver leaves an order there and the thread a report; whoever waits, waits with a
//! futex, so that no descriptor is needed, and a thread that has nothing to do can be told from one that is in a
//! system call of doors.

use doors_reference::system::THREADS;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// Words of an order or a report.
pub(crate) const WORDS: usize = 16;

/// One side's message.
pub(crate) type Words = [u64; WORDS];

/// The place of one thread. All zero is a seat that nobody has taken.
#[derive(Default)]
pub(crate) struct Seat {
    /// How many orders the driver has given. The thread waits for it to change.
    orders: AtomicU32,
    /// How many reports the thread has made.
    reports: AtomicU32,
    order: [AtomicU64; WORDS],
    report: [AtomicU64; WORDS],
    /// How often the thread was told that its caller has left.
    pub(crate) cancels: AtomicU32,
    /// The thread as the kernel counts them; 0 until it is there.
    pub(crate) thread: AtomicI32,
    /// Its process.
    pub(crate) process: AtomicI32,
}

fn put(place: &[AtomicU64; WORDS], words: &Words) {
    for (place, word) in place.iter().zip(words) {
        place.store(*word, Ordering::Relaxed);
    }
}

fn get(place: &[AtomicU64; WORDS]) -> Words {
    std::array::from_fn(|index| place[index].load(Ordering::Relaxed))
}

impl Seat {
    /// Thread: says that it is there.
    pub(crate) fn take(&self) {
        // SAFETY: neither has preconditions.
        let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
        self.process.store(process, Ordering::Relaxed);
        self.thread.store(thread, Ordering::Release);
    }

    /// Thread: the next order, of which it has had `had` so far.
    pub(crate) fn next_order(&self, had: u32) -> Words {
        while self.orders.load(Ordering::Acquire) == had {
            // SAFETY: the word is in memory that stays mapped; a wake-up without a reason does no harm.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    self.orders.as_ptr(),
                    libc::FUTEX_WAIT,
                    had,
                    std::ptr::null::<libc::timespec>(),
                )
            };
        }
        get(&self.order)
    }

    /// Thread: the order has been carried out.
    pub(crate) fn report(&self, words: &Words) {
        put(&self.report, words);
        self.reports.fetch_add(1, Ordering::Release);
    }

    /// Driver: gives an order. The thread must have reported on the last one.
    pub(crate) fn give_order(&self, words: &Words) {
        put(&self.order, words);
        self.orders.fetch_add(1, Ordering::Release);
        // SAFETY: as in `next_order`.
        unsafe { libc::syscall(libc::SYS_futex, self.orders.as_ptr(), libc::FUTEX_WAKE, 1) };
    }

    /// Driver: the report on the last order, if there is one.
    pub(crate) fn last_report(&self) -> Option<Words> {
        let done = self.reports.load(Ordering::Acquire) == self.orders.load(Ordering::Relaxed);
        done.then(|| get(&self.report))
    }

    /// Driver: how many reports there have been.
    pub(crate) fn reports(&self) -> u32 {
        self.reports.load(Ordering::Acquire)
    }

    /// Driver: nobody has taken it any more.
    fn clear(&self) {
        put(&self.order, &[0; WORDS]);
        put(&self.report, &[0; WORDS]);
        for word in [&self.orders, &self.reports, &self.cancels] {
            word.store(0, Ordering::Relaxed);
        }
        for word in [&self.thread, &self.process] {
            word.store(0, Ordering::Relaxed);
        }
    }
}

/// All seats.
pub(crate) struct Seats(&'static [Seat; THREADS]);

impl Seats {
    /// Memory for them, which the processes that are forked later share.
    pub(crate) fn new() -> Self {
        // SAFETY: a new mapping disturbs nothing. Zeroed memory is an array of seats, and is never unmapped.
        let seats = unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                size_of::<[Seat; THREADS]>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(memory, libc::MAP_FAILED, "no memory for the seats");
            &*memory.cast::<[Seat; THREADS]>()
        };
        Self(seats)
    }

    /// The seat of the thread with this number.
    pub(crate) fn of(&self, thread: usize) -> &'static Seat {
        &self.0[thread]
    }

    /// Makes all of them free. Nobody may be left who had one.
    pub(crate) fn clear(&self) {
        self.0.iter().for_each(Seat::clear);
    }
}
