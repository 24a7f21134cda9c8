// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask bench`: doors and every other way to call another process, side by side in one boot.
//!
//! The program that measures is in the guest, `qemu-tests/guest/src/bin/doors-bench`. Here it is started, and what it
//! tells becomes a table, plots, JSON, and a baseline that the tests hold later kernels against.

use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{bail, Result};
use doors_protocol::bench::{Section, PATHS};

use crate::cache;
use crate::linux::config::Flavour;
use crate::linux::image::Origin;
use crate::paths::Paths;
use crate::run::MachineOptions;
use crate::ui;

pub mod baseline;
mod boot;
mod figure;
mod plot;
mod record;
mod report;
mod tables;

pub use boot::{measure, Measured, Unit};

/// Where the plots go, below `target`.
const PLOTS: &str = "report/bench";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Count instructions, on one processor; what needs two is measured by time, in a boot of its own.
    pub icount: bool,
    /// Also write the figures there, as JSON.
    pub json: Option<PathBuf>,
    /// Which kernel.
    pub flavour: Flavour,
    /// Where it comes from.
    pub origin: Origin,
    /// Only what takes little time, and less of it.
    pub quick: bool,
    /// Only these paths; all, when there are none.
    pub only: Vec<String>,
    /// Write the baseline instead.
    pub update_baseline: bool,
}

/// The sections that need no patience.
const QUICK: [Section; 5] = [
    Section::Messages,
    Section::Sizes,
    Section::Replies,
    Section::Descriptors,
    Section::Chain,
];

/// The sections that say something else on two processors.
const ON_TWO: [Section; 4] = [
    Section::Messages,
    Section::Clients,
    Section::Pairs,
    Section::Crowd,
];

impl Options {
    fn check(&self) -> Result<()> {
        if let Some(odd) = self
            .only
            .iter()
            .find(|name| !PATHS.contains(&name.as_str()))
        {
            bail!("--only {odd}: the paths are {}", PATHS.join(", "));
        }
        if self.update_baseline && !self.icount {
            bail!("the baseline counts instructions: --icount --update-baseline");
        }
        Ok(())
    }

    fn machine(&self, icount: bool) -> MachineOptions {
        MachineOptions {
            flavour: self.flavour,
            smp: if icount { 1 } else { 2 },
            memory: None,
            icount,
            origin: self.origin.clone(),
        }
    }

    /// The guest program's arguments for these sections; `effort` is in percent.
    fn arguments(&self, sections: &[Section], effort: u32) -> Vec<String> {
        let wanted = sections
            .iter()
            .filter(|section| !self.quick || QUICK.contains(section));
        let names: Vec<&str> = wanted.map(|section| section.name()).collect();
        let effort = if self.quick { effort / 2 } else { effort };
        let mut arguments = vec![
            "--section".to_owned(),
            names.join(","),
            "--effort".to_owned(),
            effort.to_string(),
        ];
        if !self.only.is_empty() {
            arguments.extend(["--path".to_owned(), self.only.join(",")]);
        }
        arguments
    }
}

/// How much of the usual time to take where each nanosecond is an instruction to be emulated, and where it is not.
const EFFORT_ICOUNT: u32 = 40;
const EFFORT_TIME: u32 = 200;

/// Measures, and shows it; returns the exit status.
pub fn run(paths: &Paths, options: &Options) -> Result<i32> {
    options.check()?;
    if options.update_baseline {
        return baseline::update(paths, &options.machine(true));
    }
    let mut boots = Vec::new();
    if options.icount {
        let arguments = options.arguments(&Section::ALL, EFFORT_ICOUNT);
        boots.push(measure(
            paths,
            &options.machine(true),
            &arguments,
            "one processor",
        )?);
        let mut arguments = options.arguments(&ON_TWO, EFFORT_TIME);
        arguments.extend(["--cpus".to_owned(), "2".to_owned()]);
        boots.push(measure(
            paths,
            &options.machine(false),
            &arguments,
            "two processors",
        )?);
    } else {
        let arguments = options.arguments(&Section::ALL, EFFORT_TIME);
        boots.push(measure(paths, &options.machine(false), &arguments, "both")?);
    }
    let figures: Vec<figure::Figure> = boots.iter().flat_map(Measured::figures).collect();
    let omitted: Vec<_> = boots.iter().flat_map(|b| b.omitted.clone()).collect();
    print!("{}", report::text(&figures, &omitted));
    if let (true, Some(load)) = (figures.iter().any(|f| f.unit == Unit::Nanoseconds), busy()) {
        ui::say(&format!(
            "this machine is busy (a load of {load:.1}): only the figures in instructions are worth something"
        ));
    }

    for plot in plot::all(&figures)? {
        let path = paths.target(PLOTS).join(plot.name);
        cache::replace(&path, plot.svg.as_bytes())?;
        ui::say(&format!("plot: {}", Paths::show(&path)));
    }
    if let Some(json) = &options.json {
        let records: Vec<_> = figures.iter().map(record::Record::of).collect();
        let mut text = serde_json::to_string_pretty(&records)?;
        text.push('\n');
        cache::replace(json, text.as_bytes())?;
    }
    Ok(0)
}

/// How busy this machine has been of late, if others wanted its processors besides us.
fn busy() -> Option<f64> {
    let average = fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = average.split(' ').next()?.parse().ok()?;
    let processors = thread::available_parallelism().map_or(1, usize::from) as f64;
    // Ours are the two of the guest, and a little.
    (load > processors.max(2.0) + 0.7).then_some(load)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            icount: true,
            json: None,
            flavour: Flavour::Default,
            origin: Origin::default(),
            quick: false,
            only: Vec::new(),
            update_baseline: false,
        }
    }

    #[test]
    fn paths_that_do_not_exist_are_refused() {
        let mut options = options();
        assert!(options.check().is_ok());
        options.only = vec!["pipe".into(), "teapot".into()];
        let error = options.check().unwrap_err().to_string();
        assert!(
            error.contains("teapot") && error.contains("door-wake"),
            "{error}"
        );
    }

    #[test]
    fn a_baseline_is_not_made_of_time() {
        let options = Options {
            icount: false,
            update_baseline: true,
            ..options()
        };
        assert!(options.check().is_err());
    }

    #[test]
    fn quick_is_less_of_fewer_sections() {
        let options = Options {
            quick: true,
            only: vec!["pipe".into()],
            ..options()
        };
        let arguments = options.arguments(&Section::ALL, 40).join(" ");
        assert!(arguments.contains("messages") && !arguments.contains("fairness"));
        assert!(
            arguments.ends_with("--effort 20 --path pipe"),
            "{arguments}"
        );
    }
}
