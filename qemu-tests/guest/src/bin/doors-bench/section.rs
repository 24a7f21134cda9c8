// SPDX-License-Identifier: MIT OR Apache-2.0
//! The questions that are asked, and of whom.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use doors_protocol::bench::{Row, Section};

use crate::clock::Clock;
use crate::measure::{Effort, Group, Tally};
use crate::options::Options;
use crate::output::Output;
use crate::peer::{is_door, Path, Shape};
use crate::process::{cpus_online, Cpus};
use crate::{hogs, peer};

mod chain;
mod crowd;
mod fairness;
mod matrix;
mod memory;
mod pairs;
mod tail;

/// What every section needs.
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) output: Output,
}

/// One section's question to one path. The rows that it has an answer to have been told when it returns.
type Question = fn(&Bench, &dyn Path) -> io::Result<()>;

/// Whom the questions that take long are put to.
fn is_compared_at_length(name: &str) -> bool {
    is_door(name) || name == "pipe"
}

/// A question that is not in the matrix.
struct Special {
    ask: Question,
    /// Whom it is for, by name.
    whom: fn(&str) -> bool,
    /// How many rows the answer has.
    rows: usize,
}

impl Special {
    fn of(section: Section) -> Option<Special> {
        let (ask, whom, rows): (Question, fn(&str) -> bool, usize) = match section {
            Section::Fairness => (fairness::ask, is_compared_at_length, 1),
            Section::Tail => (tail::ask, is_compared_at_length, 1),
            Section::Pairs => (pairs::ask, is_compared_at_length, 1),
            Section::Crowd => (crowd::ask, is_compared_at_length, 1),
            Section::Memory => (memory::ask, is_door, 1),
            Section::Chain => (chain::ask, is_door, chain::DEPTHS.len()),
            _ => return None,
        };
        Some(Special { ask, whom, rows })
    }
}

impl Bench {
    /// Asks everything that is wanted. What cannot be answered is left out, with the reason.
    pub(crate) fn run(&self) {
        let mut paths = peer::all();
        paths.retain(|path| self.options.wants_path(path.name()));
        let mut reasons = Vec::new();
        paths.retain(|path| match path.choose() {
            Ok(()) => true,
            Err(why) => {
                reasons.push((path.name().to_owned(), why));
                false
            }
        });
        let sections = Section::ALL.map(|section| (section, self.cells(section)));
        let wanted = || {
            sections
                .iter()
                .filter(|(section, _)| self.options.wants_section(*section))
        };
        let carried = |cells: &[matrix::Cell], path: &dyn Path| {
            let carried = cells.iter().filter(|c| path.refuses(&c.shape).is_none());
            carried.count()
        };
        let total = wanted().map(|(section, cells)| match Special::of(*section) {
            Some(Special { whom, rows, .. }) => {
                rows * paths.iter().filter(|p| whom(p.name())).count()
            }
            None => paths.iter().map(|p| carried(cells, p.as_ref())).sum(),
        });
        self.output.total(total.sum());
        reasons
            .into_iter()
            .for_each(|(what, why)| self.output.omitted(what, why));
        // A path refuses for the same reason in many cells.
        let mut told = BTreeSet::new();
        for (section, cells) in wanted() {
            for path in &paths {
                if let Err(error) = self.ask(*section, cells, path.as_ref(), &mut told) {
                    let (path, section) = (path.name(), section.name());
                    let what = format!("{path}, {section}");
                    self.output.omitted(what, error.to_string());
                }
            }
        }
    }

    fn ask(
        &self,
        section: Section,
        cells: &[matrix::Cell],
        path: &dyn Path,
        told: &mut BTreeSet<(&'static str, &'static str)>,
    ) -> io::Result<()> {
        path.choose().map_err(io::Error::other)?;
        if let Some(Special { ask, whom, .. }) = Special::of(section) {
            return match whom(path.name()) {
                true => ask(self, path),
                false => Ok(()),
            };
        }
        for cell in cells {
            match path.refuses(&cell.shape) {
                None => self.answer(path, cell).unwrap_or_else(|error| {
                    let (name, shape) = (path.name(), cell.shape);
                    let what = format!(
                        "{name}, {} bytes of argument, {} of reply, {} clients",
                        shape.argument, shape.reply, shape.clients
                    );
                    self.output.omitted(what, error.to_string());
                }),
                Some(why) => {
                    if told.insert((path.name(), why)) {
                        self.output.omitted(path.name().into(), why.into());
                    }
                }
            }
        }
        Ok(())
    }

    /// The machine's CPUs as the user wants them: on one, and on two.
    fn cpus(&self) -> Vec<Cpus> {
        let online = cpus_online();
        [1, 2]
            .into_iter()
            .filter(|count| *count <= online && self.options.cpus.is_none_or(|c| c == *count))
            .map(|count| match count {
                1 => Cpus::Only(0),
                count => Cpus::First(count),
            })
            .collect()
    }

    /// Measures one group beside `hogs`.
    fn tally(
        &self,
        path: &dyn Path,
        shape: &Shape,
        cpus: Cpus,
        hogs: usize,
        effort: &Effort,
    ) -> io::Result<Tally> {
        cpus.keep_to()?;
        let group = Group::start(path.lay_out(shape)?, shape.clients, effort, self.clock)?;
        let _hogs = hogs::start(hogs)?;
        group.go(effort.budget);
        group.finish()
    }
}

/// A row without figures.
fn row(section: Section, path: &dyn Path, shape: &Shape, cpus: Cpus, hogs: usize) -> Row {
    Row {
        section,
        path: path.name().to_owned(),
        what: path.what().to_owned(),
        payload_bytes: shape.argument as u64,
        reply_bytes: shape.reply as u64,
        descriptors: u32::from(shape.descriptor),
        cpus: cpus.count() as u32,
        clients: shape.clients as u32,
        hogs: hogs as u32,
        samples: 0,
        times: None,
        throughput: None,
        measures: BTreeMap::new(),
    }
}

/// The same row with what was measured.
fn with_tally(row: Row, tally: &Tally) -> Row {
    Row {
        samples: tally.samples,
        times: Some(tally.times),
        throughput: Some(tally.throughput()),
        ..row
    }
}
