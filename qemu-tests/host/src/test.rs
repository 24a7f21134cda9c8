// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: every test there is, on the host and in the guest, counted in one report.

use std::path::PathBuf;

use anyhow::Result;

use crate::linux::config::Flavour;
use crate::linux::image::Origin;
use crate::paths::Paths;

mod bench;
pub(crate) mod c_programs;
mod guest;
mod harness;
mod host;
mod ktap;
mod report;
mod rules;
mod tree;

pub use report::{Outcome, Report};

/// What the full names of tests begin with.
const SUITES: &[&str] = &["host", "loom", "tree", "guest", "bench", "run"];

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only tests whose full name contains one of these; all, when there are none.
    pub filters: Vec<String>,
    /// Only this kernel's guest tests, and no host tests.
    pub flavour: Option<Flavour>,
    /// Also write the report there, as JUnit XML.
    pub junit: Option<PathBuf>,
    /// Where the kernels come from.
    pub origin: Origin,
}

impl Options {
    /// Whether the test with this full name is wanted.
    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|f| name.contains(f.as_str()))
    }

    /// Whether a test of this suite may be wanted: not when each filter names another suite.
    fn wants_suite(&self, suite: &str) -> bool {
        let named = |filter: &String| SUITES.iter().find(|s| filter.starts_with(*s));
        self.filters.is_empty()
            || self
                .filters
                .iter()
                .any(|f| named(f).is_none_or(|s| *s == suite))
    }
}

/// Runs them; returns the exit status.
pub fn run(paths: &Paths, options: &Options) -> Result<i32> {
    let mut report = Report::default();
    if options.flavour.is_none() {
        let result = host::run(paths, options, &mut report);
        report.note_failure("host", result);
        tree::run(paths, options, &mut report);
    }
    for flavour in Flavour::ALL {
        if options.flavour.is_none_or(|wanted| wanted == flavour) && options.wants_suite("guest") {
            let result = guest::run(paths, options, flavour, &mut report);
            report.note_failure(&format!("guest/{}", flavour.name()), result);
        }
    }
    let result = bench::run(paths, options, &mut report);
    report.note_failure(bench::SUITE, result);
    let result = harness::run(paths, options, &mut report);
    report.note_failure("run", result);
    if let Some(path) = &options.junit {
        report.write_junit(path)?;
    }
    // What follows the last test in the output: one line about the rules, one with the count.
    let rules =
        rules::write(paths, &report).unwrap_or_else(|error| format!("rules: no report: {error:#}"));
    Ok(report.conclude(&rules))
}
