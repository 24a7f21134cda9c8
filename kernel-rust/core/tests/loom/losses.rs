// SPDX-License-Identifier: GPL-2.0

//! Rules: UN-1 UN-2 UN-14
//!
//! References that are given up at once, and one who tells of it.

use doors_core::model::losses::Losses;
use loom::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        Arc,
    },
    thread,
};

/// A door as far as references go.
struct Door {
    count: AtomicUsize,
    losses: Losses,
}

impl Door {
    fn with(count: usize) -> Arc<Self> {
        Arc::new(Self {
            count: AtomicUsize::new(count),
            losses: Losses::new(),
        })
    }

    /// Gives a reference up; does that make it for us to tell?
    fn close(&self) -> bool {
        self.losses.note();
        self.count.fetch_sub(1, Ordering::AcqRel);
        self.look()
    }

    fn look(&self) -> bool {
        self.losses
            .claim(|| self.count.load(Ordering::Acquire) == 1)
    }
}

#[test]
fn of_two_who_close_one_tells() {
    loom::model(|| {
        let door = Door::with(3);
        let other = thread::spawn({
            let door = Arc::clone(&door);
            move || door.close()
        });
        let told = door.close();
        assert!(told != other.join().unwrap());
        assert!(!door.look());
    });
}

#[test]
fn the_end_of_a_call_makes_up_for_a_close_during_it() {
    loom::model(|| {
        // The server's descriptor, the client's, and the call's reference.
        let door = Door::with(3);
        let call = thread::spawn({
            let door = Arc::clone(&door);
            move || {
                // The end of a call is no loss by itself, only a look.
                door.count.fetch_sub(1, Ordering::AcqRel);
                door.look()
            }
        });
        let closed = door.close();
        assert!(closed != call.join().unwrap());
    });
}

#[test]
fn who_duplicates_and_closes_meanwhile_is_not_missed() {
    loom::model(|| {
        let door = Door::with(2);
        let other = thread::spawn({
            let door = Arc::clone(&door);
            move || {
                door.count.fetch_add(1, Ordering::AcqRel);
                door.close()
            }
        });
        let told = [door.close(), other.join().unwrap()];
        // Once or twice: the count may have fallen to one before it rose again.
        assert!(told.contains(&true));
    });
}

#[test]
fn the_last_close_tells_nobody() {
    loom::model(|| {
        let door = Door::with(1);
        assert!(!door.close());
    });
}
