// SPDX-License-Identifier: MIT OR Apache-2.0
//! One boot of the machine in which the benchmark runs, and what it tells.

use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use anyhow::{bail, Result};
use doors_protocol::bench::{Line, Row};
use doors_protocol::{decode, Ending, Job, Output, Plan};

use super::figure::Figure;
use crate::paths::Paths;
use crate::run::{prepare, MachineOptions, Prepared, Verdict};
use crate::ui::Step;
use crate::vm::process::Streams;
use crate::vm::session::{self, Limits};

/// Many times what it takes on an idle machine.
const LIMIT: Duration = Duration::from_secs(1800);

const PROGRAM: &str = "doors-bench";

/// What times are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Instructions, which the guest takes for nanoseconds.
    Instructions,
    /// Nanoseconds: good for ratios within one boot.
    Nanoseconds,
}

impl Unit {
    /// Its name, as keys of the JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Instructions => "instructions",
            Unit::Nanoseconds => "ns",
        }
    }
}

/// What one boot has to tell.
#[derive(Debug)]
pub struct Measured {
    /// What times are counted in.
    pub unit: Unit,
    /// The rows.
    pub rows: Vec<Row>,
    /// What was left out: the reason, and what.
    pub omitted: Vec<(String, String)>,
}

impl Measured {
    /// The rows, each with its unit.
    pub fn figures(&self) -> impl Iterator<Item = Figure> + '_ {
        self.rows.iter().map(|row| Figure {
            unit: self.unit,
            row: row.clone(),
        })
    }
}

/// Boots, and has the guest measure what the arguments say; `what` is shown meanwhile.
pub fn measure(
    paths: &Paths,
    machine: &MachineOptions,
    arguments: &[String],
    what: &str,
) -> Result<Measured> {
    let unit = match machine.icount {
        true => Unit::Instructions,
        false => Unit::Nanoseconds,
    };
    let mut argv = vec![PROGRAM.to_owned(), "--lines".to_owned()];
    argv.extend_from_slice(arguments);
    let plan = Plan {
        jobs: vec![Job {
            argv,
            env: Vec::new(),
            output: Output::Stream,
        }],
        ..Plan::default()
    };
    let limit = LIMIT * machine.flavour.slowness();
    let boot_limit = machine.flavour.boot_limit();
    let Prepared { machine, log } = prepare(paths, machine, &plan, &[], "bench")?;

    let step = Step::begin(
        format!("measuring in {}, {what}", unit.name()),
        Some(&log.console()),
    );
    let (sender, lines) = mpsc::channel();
    let (mut measured, mut said) = (Measured::new(unit), String::new());
    let record = std::thread::scope(|scope| {
        // The lines end when the session does, and their sender with it.
        let (machine, log) = (&machine, &log);
        let session = scope.spawn(move || {
            let streams = || Streams {
                stdout: Box::new(Splitter::new(sender.clone(), Stream::Output)),
                stderr: Box::new(Splitter::new(sender.clone(), Stream::Error)),
            };
            let limits = Limits {
                boot: boot_limit,
                job: &|_| Some(limit),
            };
            session::play(machine, &limits, log, streams, |_| {})
        });
        let mut total = 0;
        for (stream, line) in lines {
            match stream {
                Stream::Output => measured.take(&line, &step, &mut total)?,
                Stream::Error => said += &format!("{line}\n"),
            }
        }
        session.join().expect("the session does not panic")
    })?;
    drop(step);
    std::fs::remove_file(&machine.initramfs)?;

    let verdict = Verdict::of(&record);
    if verdict != Verdict::Ended(Ending::Exited(0)) {
        bail!(
            "the benchmark did not end well: {verdict:?}\n{said}console: {}",
            Paths::show(&log.console())
        );
    }
    Ok(measured)
}

impl Measured {
    fn new(unit: Unit) -> Measured {
        Measured {
            unit,
            rows: Vec::new(),
            omitted: Vec::new(),
        }
    }

    /// Takes one line of the benchmark's in.
    fn take(&mut self, line: &str, step: &Step, total: &mut u64) -> Result<()> {
        match decode(line)? {
            Line::Total(rows) => *total = rows as u64,
            Line::Omitted { what, why } => self.omitted.push((why, what)),
            Line::Row(row) => {
                step.note(&format!("{}, {}", row.section.name(), row.path));
                self.rows.push(*row);
                step.advance(self.rows.len() as u64, *total);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Error,
}

/// Makes lines of what comes.
struct Splitter {
    sender: Sender<(Stream, String)>,
    stream: Stream,
    begun: Vec<u8>,
}

impl Splitter {
    fn new(sender: Sender<(Stream, String)>, stream: Stream) -> Splitter {
        Splitter {
            sender,
            stream,
            begun: Vec::new(),
        }
    }
}

impl Write for Splitter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = mem::take(&mut self.begun);
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                // Whoever listened has given up, and says why.
                let _ = self.sender.send((self.stream, line));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let (sender, lines) = mpsc::channel();
        let mut splitter = Splitter::new(sender, Stream::Output);
        for part in ["on", "e\ntwo\nth", "ree\n", "rest"] {
            splitter.write_all(part.as_bytes()).unwrap();
        }
        drop(splitter);
        let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, ["one", "two", "three"]);
    }
}
