// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rare calls beside programs that need the CPU: how long does the unluckiest one take?

use std::io;
use std::time::Duration;

use doors_protocol::bench::Section;

use super::{row, with_tally, Bench};
use crate::measure::Effort;
use crate::peer::{Path, Shape};
use crate::process::Cpus;

const CALLS: usize = 1000;
const PAUSE: Duration = Duration::from_micros(500);
const HOGS: usize = 2;

pub(super) fn ask(bench: &Bench, path: &dyn Path) -> io::Result<()> {
    let (shape, cpus) = (Shape::of(8), Cpus::Only(0));
    let effort = Effort {
        // The number of calls ends it: a thousand of them, each with a pause, take no minute.
        budget: 60_000_000_000,
        kept: CALLS,
        endless: false,
        pause: Some(PAUSE),
    };
    let tally = bench.tally(path, &shape, cpus, HOGS, &effort)?;
    let mut row = with_tally(row(Section::Tail, path, &shape, cpus, HOGS), &tally);
    row.what = format!(
        "One client sleeps {} us before each of its calls, on the CPU of {HOGS} hogs. {}",
        PAUSE.as_micros(),
        row.what
    );
    let (worst, median) = (tally.times.max as f64, tally.times.p50 as f64);
    row.measures = [
        ("time_worst".to_owned(), worst),
        ("worst_to_p50".to_owned(), worst / median.max(1.0)),
    ]
    .into();
    // Mostly it slept.
    row.throughput = None;
    bench.output.row(row);
    Ok(())
}
