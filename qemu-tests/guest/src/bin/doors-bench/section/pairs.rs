// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two clients with a server each, on a CPU each: do they get twice as much done as one?

use std::io;

use doors_protocol::bench::Section;

use super::{row, Bench};
use crate::measure::{Effort, Group, Tally};
use crate::peer::{Path, Shape};
use crate::process::{cpus_online, Cpus};

/// The best of so many is what the machine can do when nobody disturbs it.
const ATTEMPTS: usize = 3;

/// Round trips in a second.
#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    /// As many as were made.
    counted: f64,
    /// As many as would be made if all were like the median: what a busy host keeps from an emulated CPU now and then is
    /// not in it.
    by_median: f64,
}

impl Rate {
    fn of(tally: &Tally) -> Rate {
        Rate {
            counted: tally.throughput(),
            by_median: 1e9 / tally.times.p50.max(1) as f64,
        }
    }

    fn plus(self, other: Rate) -> Rate {
        Rate {
            counted: self.counted + other.counted,
            by_median: self.by_median + other.by_median,
        }
    }

    fn improve(&mut self, other: Rate) {
        self.counted = self.counted.max(other.counted);
        self.by_median = self.by_median.max(other.by_median);
    }
}

pub(super) fn ask(bench: &Bench, path: &dyn Path) -> io::Result<()> {
    if cpus_online() < 2 || bench.options.cpus == Some(1) {
        return Ok(());
    }
    let shape = Shape::of(8);
    let effort = Effort {
        budget: bench.options.budget(100),
        kept: 2000,
        endless: true,
        pause: None,
    };
    let start = |cpu| {
        Cpus::Only(cpu).keep_to()?;
        Group::start(path.lay_out(&shape)?, shape.clients, &effort, bench.clock)
    };
    let (mut one, mut two) = (Rate::default(), Rate::default());
    for _ in 0..ATTEMPTS {
        let group = start(0)?;
        group.go(effort.budget);
        one.improve(Rate::of(&group.finish()?));
        let groups = [start(0)?, start(1)?];
        groups.iter().for_each(|group| group.go(effort.budget));
        let mut sum = Rate::default();
        for group in groups {
            sum = sum.plus(Rate::of(&group.finish()?));
        }
        two.improve(sum);
    }
    let both = Shape {
        clients: 2,
        ..shape
    };
    let mut row = row(Section::Pairs, path, &both, Cpus::First(2), 0);
    row.what = format!(
        "Two clients, each with a server of its own on a CPU of its own, against one such pair. {}",
        row.what
    );
    row.throughput = Some(two.counted);
    row.measures = [
        ("one_pair_throughput", one.counted),
        ("two_pairs_to_one", two.counted / one.counted.max(1e-9)),
        (
            "two_pairs_to_one_by_median",
            two.by_median / one.by_median.max(1e-9),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    bench.output.row(row);
    Ok(())
}
