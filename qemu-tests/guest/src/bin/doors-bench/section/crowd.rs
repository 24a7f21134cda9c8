// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many more clients than the server has threads: is as much done as with few?

use std::io;

use doors_protocol::bench::Section;

use super::{row, with_tally, Bench};
use crate::measure::Effort;
use crate::peer::{Path, Shape};

const FEW: usize = 4;
const MANY: usize = 64;

/// The best of so many is what the machine can do when nobody disturbs it.
const ATTEMPTS: usize = 3;

pub(super) fn ask(bench: &Bench, path: &dyn Path) -> io::Result<()> {
    let effort = Effort {
        budget: bench.options.budget(150),
        kept: 500,
        endless: true,
        pause: None,
    };
    for cpus in bench.cpus() {
        let best = |clients| {
            let shape = Shape {
                clients,
                ..Shape::of(8)
            };
            let mut best = bench.tally(path, &shape, cpus, 0, &effort)?;
            for _ in 1..ATTEMPTS {
                let tally = bench.tally(path, &shape, cpus, 0, &effort)?;
                if tally.throughput() > best.throughput() {
                    best = tally;
                }
            }
            io::Result::Ok((shape, best))
        };
        let (_, few) = best(FEW)?;
        let (shape, many) = best(MANY)?;
        let mut row = with_tally(row(Section::Crowd, path, &shape, cpus, 0), &many);
        row.what = format!(
            "{MANY} clients at once against {FEW} (a door's server has 4 threads for either). {}",
            row.what
        );
        row.measures = [
            (format!("throughput_of_{FEW}"), few.throughput()),
            (
                "many_to_few".to_owned(),
                many.throughput() / few.throughput().max(1e-9),
            ),
        ]
        .into();
        bench.output.row(row);
    }
    Ok(())
}
