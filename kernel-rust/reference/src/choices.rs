// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the rules leave something open, every possibility is followed.

/// One way through everything that is open in one operation.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// What is chosen, one after the other. Beyond the end, it is the first.
    made: Vec<usize>,
    /// Between how many it was.
    offered: Vec<usize>,
}

impl Choices {
    /// Chooses one of `count`.
    pub(crate) fn one_of(&mut self, count: usize) -> usize {
        if count < 2 {
            return 0;
        }
        let at = self.offered.len();
        self.offered.push(count);
        if at == self.made.len() {
            self.made.push(0);
        }
        self.made[at]
    }

    /// It may be, or may not; rather it is not.
    pub(crate) fn perhaps(&mut self) -> bool {
        self.one_of(2) == 1
    }

    /// Tries every way; the first result is that of always choosing the first.
    pub(crate) fn all<R>(mut attempt: impl FnMut(&mut Self) -> R) -> Vec<R> {
        let mut results = Vec::new();
        let mut to_try = vec![Vec::new()];
        while let Some(made) = to_try.pop() {
            let given = made.len();
            let mut choices = Self {
                made,
                offered: Vec::new(),
            };
            results.push(attempt(&mut choices));
            for at in given..choices.made.len() {
                for other in 1..choices.offered[at] {
                    let mut made = choices.made[..at].to_vec();
                    made.push(other);
                    to_try.push(made);
                }
            }
        }
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_is_tried_once() {
        let mut all = Choices::all(|choices| {
            let first = choices.one_of(2);
            let second = choices.one_of(if first == 0 { 3 } else { 1 });
            (first, second)
        });
        assert_eq!(all[0], (0, 0));
        all.sort_unstable();
        assert_eq!(all, [(0, 0), (0, 1), (0, 2), (1, 0)]);
    }
}
