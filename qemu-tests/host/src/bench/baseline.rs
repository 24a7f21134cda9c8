// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a call of a door cost when somebody last looked: a file in the work tree that later kernels are held against.

use std::fs;

use anyhow::{Context, Result};
use doors_protocol::bench::{Row, Section, PATHS};
use serde::{Deserialize, Serialize};

use super::boot::measure;
use crate::cache;
use crate::linux::config::Flavour;
use crate::linux::image::Origin;
use crate::paths::Paths;
use crate::run::MachineOptions;
use crate::ui;

/// Where it is, in the work tree.
pub const FILE: &str = "qemu-tests/bench-baseline.json";

/// How to write it anew.
pub const UPDATE: &str = "cargo xtask bench --icount --update-baseline";

/// The sizes that are watched: each way that the kernel has to move an argument.
const PAYLOADS: &str = "0,8,1024,16384,65536";

/// By how many thousandths a call may become dearer before that is a failure.
const TOLERATED: u64 = 20;

/// How much cheaper it must have become for a word about it.
const REMARKABLE: u64 = 20;

/// One call and its cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// By which path.
    pub path: String,
    /// Bytes of argument.
    pub payload_bytes: u64,
    /// Bytes of reply.
    pub reply_bytes: u64,
    /// The median, in instructions.
    pub instructions_p50: u64,
}

impl Entry {
    fn name(&self) -> String {
        format!(
            "{}, {} bytes of argument, {} of reply",
            self.path, self.payload_bytes, self.reply_bytes
        )
    }

    fn is_about(&self, other: &Entry) -> bool {
        (&self.path, self.payload_bytes, self.reply_bytes)
            == (&other.path, other.payload_bytes, other.reply_bytes)
    }
}

/// The machine whose instructions the baseline counts.
pub fn machine(origin: &Origin) -> MachineOptions {
    MachineOptions {
        flavour: Flavour::Default,
        smp: 1,
        memory: None,
        icount: true,
        origin: origin.clone(),
    }
}

/// Measures what the baseline is about.
pub fn measure_now(paths: &Paths, machine: &MachineOptions) -> Result<Vec<Entry>> {
    let doors: Vec<&str> = (PATHS.into_iter())
        .filter(|path| path.starts_with("door-"))
        .collect();
    let sections = [Section::Messages, Section::Sizes].map(Section::name);
    let arguments = [
        ("--path", doors.join(",")),
        ("--section", sections.join(",")),
        ("--payload", PAYLOADS.to_owned()),
        ("--effort", "40".to_owned()),
    ];
    let arguments: Vec<String> = arguments
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
    let measured = measure(paths, machine, &arguments, "doors only")?;
    measured.rows.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry> {
    let times = row.times.context("a row of the benchmark's has no times")?;
    Ok(Entry {
        path: row.path.clone(),
        payload_bytes: row.payload_bytes,
        reply_bytes: row.reply_bytes,
        instructions_p50: times.p50,
    })
}

/// Reads the file.
pub fn read(paths: &Paths) -> Result<Vec<Entry>> {
    let path = paths.source(FILE);
    let text =
        fs::read_to_string(&path).with_context(|| format!("reading {FILE}; {UPDATE} writes it"))?;
    serde_json::from_str(&text).with_context(|| format!("reading {FILE}; {UPDATE} writes it"))
}

/// Measures, and writes the file; returns the exit status.
pub fn update(paths: &Paths, machine: &MachineOptions) -> Result<i32> {
    let entries = measure_now(paths, machine)?;
    let old = read(paths).unwrap_or_default();
    for entry in &entries {
        let was = old.iter().find(|old| old.is_about(entry));
        let was = was.map_or("new".into(), |old| format!("was {}", old.instructions_p50));
        println!("{}: {} ({was})", entry.name(), entry.instructions_p50);
    }
    cache::replace(&paths.source(FILE), text(&entries)?.as_bytes())?;
    ui::say(&format!("wrote {FILE}"));
    Ok(0)
}

/// One line for each entry, so that a change of one is a change of one line.
fn text(entries: &[Entry]) -> Result<String> {
    let lines = entries
        .iter()
        .map(|entry| Ok(format!("  {}", serde_json::to_string(entry)?)))
        .collect::<Result<Vec<_>>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

/// What became of one call since the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which call.
    pub name: String,
    /// Why that is a failure, if it is.
    pub failure: Option<String>,
    /// What might be done about it otherwise.
    pub hint: Option<String>,
}

/// Holds what is against what was.
pub fn compare(old: &[Entry], new: &[Entry]) -> Vec<Change> {
    let mut changes: Vec<Change> = new
        .iter()
        .map(|entry| {
            let name = entry.name();
            let Some(was) = old.iter().find(|old| old.is_about(entry)) else {
                let hint = format!("{name}: not in {FILE} yet; {UPDATE} puts it there");
                return Change {
                    name,
                    failure: None,
                    hint: Some(hint),
                };
            };
            let (was, is) = (was.instructions_p50, entry.instructions_p50);
            let story = format!("{name}: {was} instructions in {FILE}, {is} now");
            let failure = (is * 1000 > was * (1000 + TOLERATED)).then(|| {
                format!(
                    "{story}: more than {}.{} percent up; if it must be so, {UPDATE} writes the file anew",
                    TOLERATED / 10,
                    TOLERATED % 10
                )
            });
            let shrunk = is * 1000 < was * (1000 - REMARKABLE);
            let hint = shrunk.then(|| format!("{story}: {UPDATE} would keep it there"));
            Change {
                name,
                failure,
                hint,
            }
        })
        .collect();
    let gone = old
        .iter()
        .filter(|old| !new.iter().any(|n| n.is_about(old)));
    changes.extend(gone.map(|old| Change {
        name: old.name(),
        failure: Some(format!(
            "{}: in {FILE}, but this kernel has no such call; if it must be so, {UPDATE} writes the file anew",
            old.name()
        )),
        hint: None,
    }));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(costs: &[(&str, u64)]) -> Vec<Entry> {
        let entry = |(path, cost): &(&str, u64)| Entry {
            path: (*path).into(),
            payload_bytes: 8,
            reply_bytes: 8,
            instructions_p50: *cost,
        };
        costs.iter().map(entry).collect()
    }

    fn one(was: u64, is: u64) -> Change {
        let changes = compare(
            &entries(&[("door-wake", was)]),
            &entries(&[("door-wake", is)]),
        );
        assert_eq!(changes.len(), 1);
        changes[0].clone()
    }

    #[test]
    fn two_percent_are_tolerated_and_no_more() {
        assert_eq!(one(1000, 1020).failure, None);
        let failure = one(1000, 1021).failure.unwrap();
        for word in ["door-wake", "1000", "1021", UPDATE] {
            assert!(failure.contains(word), "{failure}");
        }
    }

    #[test]
    fn shrinking_is_fine_and_remarkable() {
        assert_eq!(one(1000, 995).hint, None);
        let change = one(1000, 900);
        assert_eq!(change.failure, None);
        assert!(change.hint.unwrap().contains(UPDATE));
    }

    #[test]
    fn what_is_gone_fails_and_what_is_new_does_not() {
        let old = entries(&[("door-wake", 1), ("door-visit", 1)]);
        let new = entries(&[("door-wake", 1), ("door-handoff", 1)]);
        let changes = compare(&old, &new);
        let of = |path: &str| changes.iter().find(|c| c.name.starts_with(path)).unwrap();
        assert!(of("door-visit").failure.is_some());
        assert!(of("door-handoff").failure.is_none() && of("door-handoff").hint.is_some());
        assert!(of("door-wake").failure.is_none() && of("door-wake").hint.is_none());
    }

    #[test]
    fn the_file_survives_the_trip() {
        let entries = entries(&[("door-wake", 12), ("door-visit", 3)]);
        let text = text(&entries).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(serde_json::from_str::<Vec<Entry>>(&text).unwrap(), entries);
    }
}
