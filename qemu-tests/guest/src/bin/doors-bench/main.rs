// SPDX-License-Identifier: MIT OR Apache-2.0
//! The benchmark: round trips between two processes by doors, and by every other way that Linux has.
//!
//! `section` has the questions, `peer` those who are asked, `measure` the loop that takes the samples; `process`,
//! `shared` and `hogs` are what a measurement is made of, `clock` and `statistics` what comes out of it.

mod clock;
mod hogs;
mod measure;
mod options;
mod output;
mod peer;
mod process;
mod section;
mod shared;
mod statistics;

use std::process::ExitCode;

use clock::Clock;
use options::{Options, USAGE};
use output::Output;
use section::Bench;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("doors-bench: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let bench = Bench {
        output: Output::new(options.lines),
        clock: Clock::calibrate(),
        options,
    };
    bench.run();
    ExitCode::SUCCESS
}
