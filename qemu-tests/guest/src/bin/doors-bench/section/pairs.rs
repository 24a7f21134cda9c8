// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two clients with a server each, on a CPU each: do they get twice as much done as one?

use std::io;

use doors_protocol::bench::Section;

use super::{row, Bench};
use crate::measure::{Effort, Group};
use crate::peer::{Path, Shape};
use crate::process::{cpus_online, Cpus};

/// The best of so many is what the machine can do when nobody disturbs it.
const ATTEMPTS: usize = 3;

pub(super) fn ask(bench: &Bench, path: &dyn Path) -> io::Result<()> {
    if cpus_online() < 2 || bench.options.cpus == Some(1) {
        return Ok(());
    }
    let shape = Shape::of(8);
    let effort = Effort {
        budget: bench.options.budget(100),
        kept: 1,
        endless: true,
        pause: None,
    };
    let start = |cpu| {
        Cpus::Only(cpu).keep_to()?;
        Group::start(path.lay_out(&shape)?, shape.clients, &effort, bench.clock)
    };
    let (mut one, mut two) = (0.0_f64, 0.0_f64);
    for _ in 0..ATTEMPTS {
        let group = start(0)?;
        group.go(effort.budget);
        one = one.max(group.finish()?.throughput());
        let groups = [start(0)?, start(1)?];
        groups.iter().for_each(|group| group.go(effort.budget));
        let mut sum = 0.0;
        for group in groups {
            sum += group.finish()?.throughput();
        }
        two = two.max(sum);
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
    row.throughput = Some(two);
    row.measures = [
        ("one_pair_throughput".to_owned(), one),
        ("two_pairs_to_one".to_owned(), two / one.max(1e-9)),
    ]
    .into();
    bench.output.row(row);
    Ok(())
}
