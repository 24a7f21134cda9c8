// SPDX-License-Identifier: MIT OR Apache-2.0
//! What became of each test: told as it happens, summed up at the end.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

/// One test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which group it belongs to, for instance `guest/default`.
    pub suite: String,
    /// Its name in the group.
    pub name: String,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// What it printed.
    pub output: String,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// One that passed.
    pub fn passed(suite: &str, name: &str) -> Outcome {
        Outcome {
            suite: suite.into(),
            name: name.into(),
            failure: None,
            output: String::new(),
            took: Duration::ZERO,
        }
    }

    /// One that failed.
    pub fn failed(suite: &str, name: &str, why: impl Into<String>) -> Outcome {
        Outcome {
            failure: Some(why.into()),
            ..Outcome::passed(suite, name)
        }
    }

    /// One that passed when there is nothing to say against it.
    pub fn of(suite: &str, name: &str, result: Result<()>) -> Outcome {
        Outcome {
            failure: result.err().map(|error| format!("{error:#}")),
            ..Outcome::passed(suite, name)
        }
    }
}

/// All tests so far.
#[derive(Debug, Default)]
pub struct Report {
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Adds the outcomes of one group; shows those that failed, with what they printed.
    pub fn add(&mut self, outcomes: Vec<Outcome>) {
        let mut suites: Vec<&str> = Vec::new();
        for outcome in &outcomes {
            if !suites.contains(&outcome.suite.as_str()) {
                suites.push(&outcome.suite);
            }
        }
        for outcome in outcomes.iter().filter(|o| o.failure.is_some()) {
            show_failure(outcome);
        }
        for suite in suites {
            let of_suite = || outcomes.iter().filter(|o| o.suite == suite);
            let failed = of_suite().filter(|o| o.failure.is_some()).count();
            let took: Duration = of_suite().map(|o| o.took).sum();
            let verdict = if failed == 0 {
                "ok".into()
            } else {
                format!("{failed} FAILED")
            };
            println!(
                "{suite}: {} tests, {verdict} ({:.1} s)",
                of_suite().count(),
                took.as_secs_f64()
            );
        }
        self.outcomes.extend(outcomes);
    }

    /// A suite that could not be run, because something could not be built, is a failed test.
    pub(super) fn note_failure(&mut self, suite: &str, result: Result<()>) {
        if result.is_err() {
            self.add(vec![Outcome::of(suite, "set-up", result)]);
        }
    }

    /// All of them.
    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Prints the last lines, `note` before the count; returns the exit status.
    pub fn conclude(&self, note: &str) -> i32 {
        let failed: Vec<&Outcome> = self
            .outcomes
            .iter()
            .filter(|o| o.failure.is_some())
            .collect();
        if !failed.is_empty() {
            println!("\nfailed:");
            for outcome in &failed {
                println!("    {}::{}", outcome.suite, outcome.name);
            }
        }
        if self.outcomes.is_empty() {
            println!("no test was selected");
        }
        println!(
            "{note}\n{} passed, {} failed",
            self.outcomes.len() - failed.len(),
            failed.len()
        );
        i32::from(!failed.is_empty() || self.outcomes.is_empty())
    }

    /// Writes the report as JUnit XML.
    pub fn write_junit(&self, path: &Path) -> Result<()> {
        let mut suites: Vec<TestSuite> = Vec::new();
        for outcome in &self.outcomes {
            let mut status = match &outcome.failure {
                None => TestCaseStatus::success(),
                Some(_) => TestCaseStatus::non_success(NonSuccessKind::Failure),
            };
            if let Some(why) = &outcome.failure {
                status.set_message(why.lines().next().unwrap_or_default());
                status.set_description(why.clone());
            }
            let mut case = TestCase::new(outcome.name.clone(), status);
            case.set_classname(outcome.suite.clone())
                .set_time(outcome.took);
            if !outcome.output.is_empty() {
                case.set_system_out(outcome.output.clone());
            }
            match suites
                .iter_mut()
                .find(|suite| suite.name.as_str() == outcome.suite)
            {
                Some(suite) => drop(suite.add_test_case(case)),
                None => {
                    let mut suite = TestSuite::new(outcome.suite.clone());
                    suite.add_test_case(case);
                    suites.push(suite);
                }
            }
        }
        let mut junit = JunitReport::new("solaris-doors");
        junit.add_test_suites(suites);
        let xml = junit.to_string().context("writing the report as XML")?;
        crate::cache::replace(path, xml.as_bytes())
            .with_context(|| format!("writing {}", path.display()))
    }
}

fn show_failure(outcome: &Outcome) {
    println!("\nFAILED {}::{}", outcome.suite, outcome.name);
    for line in outcome.output.lines() {
        println!("    | {line}");
    }
    for line in outcome.failure.as_deref().unwrap_or_default().lines() {
        println!("    {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_selected_is_no_success() {
        assert_eq!(Report::default().conclude(""), 1);
    }

    #[test]
    fn one_failure_fails_all() {
        let mut report = Report::default();
        report.add(vec![Outcome::passed("s", "a")]);
        assert_eq!(report.conclude(""), 0);
        report.add(vec![Outcome::failed("s", "b", "it broke")]);
        assert_eq!(report.conclude(""), 1);
    }

    #[test]
    fn junit_names_the_failure() {
        let mut report = Report::default();
        report.add(vec![
            Outcome::passed("s", "a"),
            Outcome::failed("s", "b", "it <broke>"),
        ]);
        let file = tempfile::NamedTempFile::new().unwrap();
        report.write_junit(file.path()).unwrap();
        let xml = std::fs::read_to_string(file.path()).unwrap();
        assert!(xml.contains(r#"tests="2""#), "{xml}");
        assert!(
            xml.contains("it &lt;broke>") || xml.contains("it &lt;broke&gt;"),
            "{xml}"
        );
    }
}
