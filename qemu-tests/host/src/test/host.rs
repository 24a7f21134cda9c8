// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests that need no guest: cargo's, of every crate.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::report::{Outcome, Report};
use super::Options;
use crate::exec;
use crate::paths::Paths;
use crate::ui::Step;

const SUITE: &str = "host";
const LOOM: &str = "loom";

/// Runs them.
pub(super) fn run(paths: &Paths, options: &Options, report: &mut Report) -> Result<()> {
    if options.wants_suite(SUITE) {
        let log = paths.log("cargo-test")?;
        let mut cargo = cargo(paths);
        cargo.args(["test", "--workspace", "--no-fail-fast"]);
        run_cargo(cargo, &log, SUITE, options, report)?;
    }

    // What runs under loom is its own program: every atomic and lock in it is loom's.
    let core = fs::read_to_string(paths.source("kernel-rust/core/Cargo.toml"))?;
    if core.contains("loom") && options.wants_suite(LOOM) {
        let log = paths.log("cargo-test-loom")?;
        let mut cargo = self::cargo(paths);
        cargo.args([
            "test",
            "-p",
            "doors-core",
            "--release",
            "--tests",
            "--no-fail-fast",
            "--target-dir",
        ]);
        cargo
            .arg(paths.target("loom"))
            .env("RUSTFLAGS", "--cfg loom");
        run_cargo(cargo, &log, LOOM, options, report)?;
    }
    Ok(())
}

fn cargo(paths: &Paths) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // This process' own crate must not look like the one under test.
    cargo
        .current_dir(paths.root())
        .env_remove("CARGO_MANIFEST_DIR")
        .env("CARGO_TERM_COLOR", "never");
    cargo
}

fn run_cargo(
    mut cargo: Command,
    log: &Path,
    suite: &str,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    crate::cache::replace(log, b"")?;
    let step = Step::begin(format!("{suite}: cargo test"), Some(log));
    let begun = Instant::now();
    let mut parser = Parser::default();
    let result = exec::run_watched(&mut cargo, log, |line| {
        step.note(line);
        parser.line(line);
    });
    drop(step);
    let mut outcomes = parser.finish(suite);
    if let Err(error) = result {
        // A test that failed has said so; a test program that did not compile, or died, has not.
        if outcomes.iter().all(|o| o.failure.is_none()) {
            outcomes.push(Outcome::failed(suite, "cargo test", format!("{error:#}")));
        }
    }
    outcomes.retain(|o| options.wants(&format!("{}::{}", o.suite, o.name)));
    if let Some(first) = outcomes.first_mut() {
        // cargo does not say how long each took.
        first.took = begun.elapsed();
    }
    if !outcomes.is_empty() {
        report.add(outcomes);
    }
    Ok(())
}

/// Understands what `cargo test` prints.
#[derive(Default)]
struct Parser {
    /// The test program that is running.
    program: String,
    outcomes: Vec<(String, String, bool)>,
    /// Of each failed test, what it printed.
    outputs: Vec<(String, String, String)>,
    in_output: bool,
}

impl Parser {
    fn line(&mut self, line: &str) {
        let text = line.trim();
        if let Some(rest) = text.strip_prefix("Running ") {
            // `unittests src/lib.rs (target/debug/deps/doors_core-0123456789abcdef)`
            let file = rest
                .rsplit(['/', '('])
                .next()
                .unwrap_or(rest)
                .trim_end_matches(')');
            self.program = file
                .rsplit_once('-')
                .map_or(file, |(name, _)| name)
                .to_owned();
        } else if let Some(name) = text.strip_prefix("Doc-tests ") {
            self.program = format!("{name} (doc)");
        } else if let Some((name, verdict)) = text
            .strip_prefix("test ")
            .and_then(|t| t.rsplit_once(" ... "))
        {
            self.in_output = false;
            let verdict = verdict.split(',').next().unwrap_or(verdict);
            if matches!(verdict, "ok" | "FAILED") {
                self.outcomes
                    .push((self.program.clone(), name.to_owned(), verdict == "ok"));
            }
        } else if let Some(name) = text
            .strip_prefix("---- ")
            .and_then(|t| t.strip_suffix(" stdout ----"))
        {
            self.outputs
                .push((self.program.clone(), name.to_owned(), String::new()));
            self.in_output = true;
        } else if text == "failures:" || text.starts_with("test result:") {
            self.in_output = false;
        } else if self.in_output {
            if let Some((_, _, output)) = self.outputs.last_mut() {
                output.push_str(line);
                output.push('\n');
            }
        }
    }

    fn finish(self, suite: &str) -> Vec<Outcome> {
        let outputs = self.outputs;
        let outcome = |(program, name, passed): (String, String, bool)| {
            let mut outcome = Outcome::passed(suite, &format!("{program}::{name}"));
            if !passed {
                let output = outputs.iter().find(|(p, n, _)| *p == program && *n == name);
                outcome.output = output
                    .map(|(_, _, o)| o.trim_end().to_owned())
                    .unwrap_or_default();
                outcome.failure = Some("the test failed".into());
            }
            outcome
        };
        self.outcomes.into_iter().map(outcome).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_words_are_understood() {
        let mut parser = Parser::default();
        let text = "     Running unittests src/lib.rs (target/debug/deps/doors_core-0123)\n\nrunning 3 tests\n\
                    test model::opens ... ok\ntest model::closes ... FAILED\ntest slow ... ignored, too slow\n\n\
                    failures:\n\n---- model::closes stdout ----\nthread panicked\nleft: 1\n\n\nfailures:\n    \
                    model::closes\n\ntest result: FAILED. 1 passed; 1 failed\n   Doc-tests doors_core\n\
                    test src/lib.rs - x (line 3) ... ok\n";
        text.lines().for_each(|line| parser.line(line));
        let outcomes = parser.finish("host");
        let names: Vec<_> = outcomes
            .iter()
            .map(|o| (o.name.as_str(), o.failure.is_none()))
            .collect();
        let expected = [
            ("doors_core::model::opens", true),
            ("doors_core::model::closes", false),
            ("doors_core (doc)::src/lib.rs - x (line 3)", true),
        ];
        assert_eq!(names, expected);
        assert_eq!(outcomes[1].output, "thread panicked\nleft: 1");
    }
}
