// SPDX-License-Identifier: MIT OR Apache-2.0
//! No call of a door may quietly become dearer: instructions are counted and held against the baseline.

use std::time::Instant;

use anyhow::Result;

use super::report::{Outcome, Report};
use super::Options;
use crate::bench::baseline;
use crate::linux::config::Flavour;
use crate::paths::Paths;
use crate::ui;

/// The suite's name.
pub(super) const SUITE: &str = "bench";

/// Runs it, on the default kernel: the one that figures come from.
pub(super) fn run(paths: &Paths, options: &Options, report: &mut Report) -> Result<()> {
    if options.flavour == Some(Flavour::Debug) || !options.wants_suite(SUITE) {
        return Ok(());
    }
    let old = baseline::read(paths)?;
    // Names are known before anything is measured: most filters mean other tests.
    let wants = |name: &str| options.wants(&format!("{SUITE}::{name}"));
    if !baseline::compare(&old, &old).iter().any(|c| wants(&c.name)) {
        return Ok(());
    }
    let begun = Instant::now();
    let new = baseline::measure_now(paths, &baseline::machine(&options.origin))?;
    let mut outcomes = Vec::new();
    for change in baseline::compare(&old, &new) {
        if !wants(&change.name) {
            continue;
        }
        if let Some(hint) = change.hint {
            ui::say(&hint);
        }
        outcomes.push(match change.failure {
            Some(failure) => Outcome::failed(SUITE, &change.name, failure),
            None => Outcome::passed(SUITE, &change.name),
        });
    }
    if let Some(first) = outcomes.first_mut() {
        // One boot served them all.
        first.took = begun.elapsed();
    }
    report.add(outcomes);
    Ok(())
}
