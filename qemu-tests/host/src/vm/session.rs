// SPDX-License-Identifier: MIT OR Apache-2.0
//! One boot from beginning to end: the plan carried out, time limits kept, everything that happened on record.

use std::time::{Duration, Instant};

use anyhow::Result;
use doors_protocol::{Ending, Event, Order};

use super::machine_log::MachineLog;
use super::process::{News, Streams, Vm};
use super::qemu::{Accelerator, Machine};
use crate::paths::Paths;
use crate::ui;

/// How long PID 1 may take to kill a job and everything it has started. It names what will not die after 10 s.
const STOPPING: Duration = Duration::from_secs(20);

/// How long PID 1 may take between jobs, and for KUnit's results and kmemleak's scans.
const BETWEEN: Duration = Duration::from_secs(240);

/// Time limits, all of them on the host's clock.
pub struct Limits<'a> {
    /// From power-on until PID 1 reports.
    pub boot: Duration,
    /// From a job's start until it is stopped.
    pub job: &'a dyn Fn(usize) -> Option<Duration>,
}

/// One job's end.
#[derive(Debug, Clone)]
pub struct JobReport {
    /// How it ended.
    pub ending: Ending,
    /// What it printed, when captured.
    pub output: String,
    /// What the kernel complained about meanwhile.
    pub splats: Vec<String>,
    /// How long it took, on the host's clock.
    pub took: Duration,
}

/// Why there are fewer reports than there were jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// PID 1 did not report in time.
    NeverUp,
    /// The machine went away.
    Died,
    /// Neither the job nor PID 1 was heard of again.
    Hung,
    /// PID 1 could not do its own work.
    Init(String),
}

/// Everything that happened in one boot.
#[derive(Debug, Default)]
pub struct Record {
    /// The kernel's release; none when it never got that far.
    pub release: Option<String>,
    /// What the kernel complained about before the first job.
    pub boot_splats: Vec<String>,
    /// One for each job that was ended, in their order.
    pub jobs: Vec<JobReport>,
    /// KUnit's suites and their results.
    pub kunit: Vec<(String, String)>,
    /// kmemleak's report.
    pub kmemleak: Option<String>,
    /// Why the plan was not carried out to its end.
    pub lost: Option<Lost>,
    /// The job that was running when the machine was lost.
    pub interrupted: Option<usize>,
    /// The kernel's complaints on the console: the last word of a kernel that panicked.
    pub console_splats: Vec<String>,
}

impl Record {
    /// The machine was lost before PID 1 could do anything.
    fn never_came_up(&self) -> bool {
        self.release.is_none() && self.lost.is_some()
    }

    /// The first complaint of the kernel, whoever heard it.
    pub fn first_splat(&self) -> Option<&str> {
        let told = self
            .boot_splats
            .iter()
            .chain(self.jobs.iter().flat_map(|j| &j.splats));
        self.console_splats
            .first()
            .or(told.into_iter().next())
            .map(String::as_str)
    }
}

/// Boots `machine` and has PID 1 carry out the plan in its initramfs. `watch` sees every event as it comes.
///
/// Software emulation on a busy host now and then loses a processor, or makes the kernel complain of itself, before PID
/// 1 is there (three of some 300 boots with QEMU 10). Nobody's program has run then, so the machine is booted once
/// more: a fault of the kernel's own comes back.
pub fn play(
    machine: &Machine,
    limits: &Limits<'_>,
    log: &MachineLog,
    streams: impl Fn() -> Streams,
    mut watch: impl FnMut(&Event),
) -> Result<Record> {
    let emulated = machine.accelerator != Accelerator::Kvm;
    let record = boot(machine, limits, log, streams(), &mut watch, emulated)?;
    if !emulated || !record.never_came_up() {
        return Ok(record);
    }
    let first = log.file("console-first.log");
    let _ = std::fs::rename(log.console(), &first);
    ui::say(&format!(
        "the emulated machine did not come up{}: booting it once more (console: {})",
        record
            .first_splat()
            .map_or(String::new(), |splat| format!(" ({splat})")),
        Paths::show(&first)
    ));
    boot(machine, limits, log, streams(), &mut watch, false)
}

/// One attempt. A `critical` one ends where the kernel has complained by the time that PID 1 reports.
fn boot(
    machine: &Machine,
    limits: &Limits<'_>,
    log: &MachineLog,
    streams: Streams,
    watch: &mut impl FnMut(&Event),
    critical: bool,
) -> Result<Record> {
    let mut vm = Vm::boot(machine, log, streams)?;
    let mut record = Record::default();
    let mut deadline = Some(Instant::now() + limits.boot);
    // The job that is running, since when, and whether it has been told to stop.
    let mut running: Option<(usize, Instant, bool)> = None;

    let lost = loop {
        let event = match vm.next(deadline) {
            News::Event(event) => event,
            News::Gone => break Some(Lost::Died),
            News::Silence => match &mut running {
                _ if record.release.is_none() => break Some(Lost::NeverUp),
                Some((job, _, stopped @ false)) => {
                    *stopped = true;
                    vm.order(Order::Stop(*job));
                    deadline = Some(Instant::now() + STOPPING);
                    continue;
                }
                _ => break Some(Lost::Hung),
            },
        };
        watch(&event);
        match event {
            Event::Up { splats, .. } if critical && !splats.is_empty() => {
                break Some(Lost::NeverUp);
            }
            Event::Up { release, splats } => {
                record.release = Some(release);
                record.boot_splats = splats;
                deadline = Some(Instant::now() + BETWEEN);
            }
            Event::JobStarted(job) => {
                running = Some((job, Instant::now(), false));
                deadline = (limits.job)(job).map(|limit| Instant::now() + limit);
            }
            Event::JobEnded {
                ending,
                output,
                streamed,
                splats,
                ..
            } => {
                let took = running
                    .take()
                    .map_or(Duration::ZERO, |(_, since, _)| since.elapsed());
                vm.collect(streamed);
                record.jobs.push(JobReport {
                    ending,
                    output,
                    splats,
                    took,
                });
                deadline = Some(Instant::now() + BETWEEN);
            }
            Event::Kunit { suite, ktap } => record.kunit.push((suite, ktap)),
            Event::Kmemleak(report) => record.kmemleak = Some(report),
            Event::Failed(why) => record.lost = Some(Lost::Init(why)),
            Event::Done => break record.lost.take(),
        }
    };
    match lost {
        None | Some(Lost::Init(_)) => vm.power_off(),
        Some(_) => drop(vm),
    }
    record.lost = lost;
    record.interrupted = running.map(|(job, ..)| job);
    record.console_splats = log.splats();
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_booted_again_only_before_anything_has_run() {
        let record = |release: Option<&str>, lost| Record {
            release: release.map(str::to_owned),
            lost,
            ..Record::default()
        };
        assert!(record(None, Some(Lost::NeverUp)).never_came_up());
        assert!(record(None, Some(Lost::Died)).never_came_up());
        assert!(!record(Some("7.3"), Some(Lost::Died)).never_came_up());
        assert!(!record(Some("7.3"), None).never_came_up());
    }
}
