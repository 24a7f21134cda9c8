// SPDX-License-Identifier: GPL-2.0

//! Who tells a process that its door is unreferenced? (UN-1, UN-14)
//!
//! References are counted elsewhere, by something that calls nobody when one of them goes. So
//! whoever gives one up does three things in this order: [`Losses::note`]s it, gives it up, and
//! [`Losses::claim`]s what it then sees. Of any number that do so at once, the last one to give up
//! sees a single reference, and exactly one of those who see it tells.

use crate::platform::Word;

const NONE: u64 = 0;
const SOME: u64 = 1;

/// Have references gone that nobody has told of?
pub struct Losses(Word);

impl Default for Losses {
    fn default() -> Self {
        Self::new()
    }
}

impl Losses {
    /// None so far.
    pub fn new() -> Self {
        Self(Word::new(NONE))
    }

    /// Before a reference is given up.
    pub fn note(&self) {
        // If one is noted already, that does for both.
        let _ = self.0.replace(NONE, SOME);
    }

    /// After a reference was given up: is it for us to tell? `is_single` says whether one reference
    /// is left.
    pub fn claim(&self, is_single: impl FnOnce() -> bool) -> bool {
        self.0.load() == SOME && is_single() && self.0.replace(SOME, NONE).is_ok()
    }
}
