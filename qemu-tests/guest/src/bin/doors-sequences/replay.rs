// SPDX-License-Identifier: MIT OR Apache-2.0
//! One sequence, done by the reference and by the kernel.

use crate::machine::{Fit, Machine};
use crate::worker::Hall;
use doors_reference::names::SLOTS;
use doors_reference::system::{Next, State, System};
use doors_reference::{Action, Operation, Slot, ThreadId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long to wait for what may happen as well.
const GRACE: Duration = Duration::from_millis(50);

/// How long to wait for what must happen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Longer than anything takes on the slowest kernel.
    Long,
    /// Long enough to guess that it will not happen.
    Short,
}

impl Patience {
    fn limit(self) -> Duration {
        match self {
            Self::Long => Duration::from_secs(20),
            Self::Short => Duration::from_secs(2),
        }
    }
}

/// A sequence that is being done.
struct Replay {
    machine: Machine,
    /// What the reference takes for possible. These differ in what nobody has seen yet, such as the order of
    /// notifications that wait.
    systems: Vec<System>,
    patience: Patience,
    steps: usize,
}

/// Does it; says how many steps that was, or what is wrong.
pub(crate) fn replay(
    hall: &'static Hall,
    operations: &[Operation],
    patience: Patience,
) -> Result<usize, String> {
    let mut replay = Replay {
        machine: Machine::new(hall),
        systems: Vec::new(),
        patience,
        steps: 0,
    };
    replay.await_one_of(vec![Next {
        system: System::default(),
        happenings: BTreeMap::new(),
    }])?;
    for operation in operations {
        replay.step(operation)?;
        if replay.steps.is_multiple_of(8) {
            replay.machine.look_at_all();
        }
    }
    replay.machine.look_at_all();
    for operation in replay.last_looks() {
        replay.step(&operation)?;
    }
    Ok(replay.steps)
}

impl Replay {
    /// Does one operation, if it is possible. When not everything went the most natural way, it may not be any more.
    fn step(&mut self, operation: &Operation) -> Result<(), String> {
        if !self.systems.iter().all(|system| system.allows(operation)) {
            return Ok(());
        }
        let mut nexts: Vec<Next> = Vec::new();
        for next in self.systems.iter().flat_map(|it| it.after(operation)) {
            if !nexts.contains(&next) {
                nexts.push(next);
            }
        }
        self.machine.begin(&self.systems[0], operation);
        self.steps += 1;
        self.await_one_of(nexts)
            .map_err(|why| format!("{operation}\n{why}"))
    }

    /// Whoever still can, looks at all that there is.
    fn last_looks(&self) -> Vec<Operation> {
        let system = &self.systems[0];
        let idle = |thread: &ThreadId| system.threads[thread.0].state == State::Running;
        let threads = system.living();
        let threads = threads.filter_map(|process| system.threads_of(process).find(idle));
        let look = |thread, slot| Operation::Do(thread, Action::Info(Slot(slot)));
        threads
            .flat_map(|thread| (0..SLOTS).map(move |slot| look(thread, slot)))
            .collect()
    }

    /// Waits until the real system is as some of the possibilities have it.
    fn await_one_of(&mut self, nexts: Vec<Next>) -> Result<(), String> {
        let begun = Instant::now();
        let mut pauses = 0;
        let mut at_rest = None;
        loop {
            let mut fits = self.fits(&nexts);
            if fits.contains(&Fit::Exact) {
                // Some were looked at before everything came to rest.
                fits = self.fits(&nexts);
            } else {
                at_rest = None;
            }
            // What may happen and has not shall have its time.
            let may_come = fits.iter().any(|fit| matches!(fit, Fit::NotYet(_)));
            if may_come {
                // And nobody may be on the way to it, not even who seems to do the same as before.
                self.machine.look_at_all();
            }
            let chosen = fits.iter().position(|fit| *fit == Fit::Exact);
            let rest = *at_rest.get_or_insert_with(Instant::now);
            if let Some(chosen) = chosen.filter(|_| !may_come || rest.elapsed() > GRACE) {
                self.machine.accept(&nexts[chosen]);
                let possible = nexts.into_iter().zip(fits);
                let possible = possible.filter(|(_, fit)| *fit == Fit::Exact);
                self.systems = possible.map(|(next, _)| next.system).collect();
                return Ok(());
            }
            let wrong = fits.iter().all(|fit| matches!(fit, Fit::Wrong(_)));
            if wrong || begun.elapsed() > self.patience.limit() {
                return Err(self.explain(&nexts, &fits));
            }
            // Most things happen at once.
            pauses += 1;
            if pauses < 20 {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }

    fn fits(&mut self, nexts: &[Next]) -> Vec<Fit> {
        nexts.iter().map(|next| self.machine.fit(next)).collect()
    }

    /// Both sides.
    fn explain(&self, nexts: &[Next], fits: &[Fit]) -> String {
        let mut text = String::new();
        for (next, fit) in nexts.iter().zip(fits) {
            let what = match fit {
                Fit::Wrong(what) => format!("wrong: {what}"),
                Fit::NotYet(what) => format!("waited in vain until {what}"),
                Fit::Exact => "right".into(),
            };
            text += &format!("{what}\nthe reference says: {:?}\n", next.happenings);
        }
        text += "the kernel says:\n";
        text += &self.machine.describe();
        if let Some(before) = self.systems.first() {
            text += &format!("the reference, before: {before:?}");
        }
        text
    }
}
