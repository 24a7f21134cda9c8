// SPDX-License-Identifier: MIT OR Apache-2.0
//! Showing what is going on: a bar with the time on a terminal, plain lines elsewhere. Always on standard error.
//!
//! A [`Step`] is made only when there is work to do, so a command whose artefacts are all in the cache says nothing.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::paths::Paths;

/// How often a log that nobody watches is told that work goes on.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// One piece of work that takes long enough to be shown.
pub struct Step {
    what: String,
    begun: Instant,
    face: Face,
}

enum Face {
    Terminal(ProgressBar),
    Plain { last: Mutex<Instant> },
}

impl Step {
    /// Says that `what` begins, and where its log is.
    pub fn begin(what: impl Into<String>, log: Option<&Path>) -> Step {
        let what = what.into();
        let shown = match log {
            Some(log) => format!("{what} (log: {})", Paths::show(log)),
            None => what.clone(),
        };
        let face = if io::stderr().is_terminal() {
            let bar = ProgressBar::new_spinner().with_message(shown);
            bar.set_style(style("{spinner} {elapsed:>4} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_millis(120));
            Face::Terminal(bar)
        } else {
            eprintln!("xtask: {shown}");
            Face::Plain {
                last: Mutex::new(Instant::now()),
            }
        };
        Step {
            what,
            begun: Instant::now(),
            face,
        }
    }

    /// Says how far the work is: `done` of about `total`.
    pub fn advance(&self, done: u64, total: u64) {
        match &self.face {
            Face::Terminal(bar) => {
                if bar.length().is_none() {
                    bar.set_style(style(
                        "{spinner} {elapsed:>4} [{bar:24}] {pos}/{len} {wide_msg}",
                    ));
                }
                bar.set_length(total.max(done));
                bar.set_position(done);
            }
            Face::Plain { .. } => self.heartbeat(&format!("{done} of about {}", total.max(done))),
        }
    }

    /// Says what is being worked on just now.
    pub fn note(&self, note: &str) {
        match &self.face {
            Face::Terminal(bar) => bar.set_message(format!("{}: {note}", self.what)),
            Face::Plain { .. } => self.heartbeat(note),
        }
    }

    fn heartbeat(&self, note: &str) {
        if let Face::Plain { last } = &self.face {
            let mut last = last.lock().expect("printing does not panic");
            if last.elapsed() >= HEARTBEAT {
                *last = Instant::now();
                eprintln!(
                    "xtask: {}: {note}, after {} s",
                    self.what,
                    self.begun.elapsed().as_secs()
                );
            }
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        match &self.face {
            Face::Terminal(bar) => {
                bar.finish_and_clear();
                // What took no time worth a line leaves none.
                if took >= Duration::from_secs(2) {
                    eprintln!("  {} ({})", self.what, HumanDuration(took));
                }
            }
            Face::Plain { .. } if took >= Duration::from_secs(10) => {
                eprintln!("xtask: {}: {} s", self.what, took.as_secs());
            }
            Face::Plain { .. } => {}
        }
    }
}

/// One line to the user.
pub fn say(line: &str) {
    eprintln!("xtask: {line}");
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates in this file are well formed")
}
