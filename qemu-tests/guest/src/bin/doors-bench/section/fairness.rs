// SPDX-License-Identifier: MIT OR Apache-2.0
//! A client that calls without pause, its server and a hog want one CPU: who gets how much of it, and do the CPU
//! clocks of all three say so?

use std::io;
use std::thread;
use std::time::Duration;

use doors_protocol::bench::Section;

use super::{row, Bench};
use crate::hogs;
use crate::measure::{Effort, Group};
use crate::peer::{Path, Shape};
use crate::process::{Child, Cpus};

/// For how long: a few hundred slices.
const WATCHED: Duration = Duration::from_secs(1);

/// Until then the hog has come to terms with the others.
const SETTLING: Duration = Duration::from_millis(50);

/// Longer than this takes by any clock: the clients are ended, they do not end.
const WITHOUT_END: u64 = 3600 * 1_000_000_000;

/// Readings of the clocks, in nanoseconds.
struct Reading {
    now: u64,
    client: u64,
    server: u64,
    hog: u64,
}

pub(super) fn ask(bench: &Bench, path: &dyn Path) -> io::Result<()> {
    let (shape, cpus) = (Shape::of(8), Cpus::Only(0));
    let effort = Effort {
        budget: bench.options.budget(10),
        kept: 1,
        endless: true,
        pause: None,
    };
    cpus.keep_to()?;
    let group = Group::start(path.lay_out(&shape)?, shape.clients, &effort, bench.clock)?;
    let hogs = hogs::start(1)?;
    let read = || -> io::Result<Reading> {
        let (client, server) = group.cpu_times()?;
        Ok(Reading {
            now: bench.clock.now(),
            client,
            server,
            hog: hogs.iter().map(Child::cpu_time).sum::<io::Result<u64>>()?,
        })
    };
    group.go(WITHOUT_END);
    thread::sleep(SETTLING);
    let begun = read()?;
    thread::sleep(WATCHED);
    let ended = read()?;

    let elapsed = (ended.now - begun.now) as f64;
    let share = |of: fn(&Reading) -> u64| (of(&ended) - of(&begun)) as f64 / elapsed;
    let (client, server, hog) = (share(|r| r.client), share(|r| r.server), share(|r| r.hog));
    let mut row = row(Section::Fairness, path, &shape, cpus, 1);
    row.what = format!(
        "One client calls without pause for {} s on the CPU of one hog; shares of that time by the CPU clocks of the \
         three processes. {}",
        WATCHED.as_secs(),
        row.what
    );
    row.measures = [
        (
            "pair_cpu_share",
            (client + server) / (client + server + hog),
        ),
        ("client_cpu_share", client),
        ("server_cpu_share", server),
        ("hog_cpu_share", hog),
        // What no clock has counted, or two have: the pair's own time against what the hog has left of the whole.
        (
            "pair_clock_error",
            (client + server) / (1.0 - hog).max(1e-9) - 1.0,
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    bench.output.row(row);
    Ok(())
}
