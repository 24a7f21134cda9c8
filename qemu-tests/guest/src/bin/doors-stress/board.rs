// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all processes count on and find each other by: memory that they share.

use crate::disturb::KINDS;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

/// Clients with one server each.
const PAIRS: usize = 12;

/// Clients whose server calls a server, and so on.
const CHAINS: usize = 3;

/// How many servers are in a chain.
pub(crate) const CHAIN: usize = 5;

pub(crate) const SEATS: usize = PAIRS + CHAINS;

/// How many servers the seat of this number has.
pub(crate) fn servers_of(number: usize) -> usize {
    if number < PAIRS {
        1
    } else {
        CHAIN
    }
}

/// One client and its servers.
pub(crate) struct Seat {
    /// The processes: the client, and then the servers from the one that it calls. 0: there is none.
    pub(crate) processes: [AtomicI32; CHAIN + 1],
    /// The threads that have called or served last.
    pub(crate) threads: [AtomicI32; CHAIN + 1],
    /// The descriptor of each server's door in its own process, plus 1; 0 until there is one.
    pub(crate) doors: [AtomicI32; CHAIN + 1],
    /// Answers since nobody disturbs any more.
    pub(crate) in_peace: AtomicU64,
}

pub(crate) struct Board {
    pub(crate) seats: [Seat; SEATS],
    peace: AtomicBool,
    /// Calls that have begun, and how they have ended.
    pub(crate) begun: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) interrupted: AtomicU64,
    pub(crate) gone: AtomicU64,
    pub(crate) wrong: AtomicU64,
    /// Calls that any server has been given.
    pub(crate) served: AtomicU64,
    /// Clients that have been started.
    pub(crate) clients: AtomicU64,
    /// Seats that have been.
    pub(crate) roots: AtomicU64,
    /// How often each disturbance has been.
    pub(crate) disturbances: [AtomicU64; KINDS.len()],
}

pub(crate) fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

pub(crate) fn get(number: &AtomicU64) -> u64 {
    number.load(Ordering::SeqCst)
}

impl Board {
    pub(crate) fn map() -> &'static Board {
        // SAFETY: a new mapping disturbs nothing; zeroed memory is a valid board of atomics, and is never unmapped.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                size_of::<Board>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(memory, libc::MAP_FAILED, "no memory to share");
            &*memory.cast::<Board>()
        }
    }

    pub(crate) fn begin_peace(&self) {
        self.peace.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_peace(&self) -> bool {
        self.peace.load(Ordering::Relaxed)
    }

    /// Whether what was counted can be: each call that has begun has ended, but for the last one of each client.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let ended = [&self.answered, &self.interrupted, &self.gone, &self.wrong];
        let ended: u64 = ended.into_iter().map(get).sum();
        let lost = get(&self.begun).checked_sub(ended);
        if get(&self.wrong) > 0 {
            return Err("replies were wrong".into());
        }
        if lost.is_none_or(|lost| lost > get(&self.clients)) {
            return Err("calls have ended that had not begun, or the other way round".into());
        }
        if get(&self.served) < get(&self.answered) {
            return Err("clients have got answers that no server has given".into());
        }
        Ok(())
    }

    pub(crate) fn summary(&self) -> String {
        let mut text = format!(
            "{} calls answered, {} interrupted, {} without a server, {} wrong; {} served; {} clients, {} seats",
            get(&self.answered),
            get(&self.interrupted),
            get(&self.gone),
            get(&self.wrong),
            get(&self.served),
            get(&self.clients),
            get(&self.roots),
        );
        for (kind, times) in KINDS.iter().zip(&self.disturbances) {
            text += &format!(", {} {}", get(times), kind.name);
        }
        text
    }
}
