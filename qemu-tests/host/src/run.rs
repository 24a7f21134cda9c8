// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask run`: one command in the patched kernel. Other people's scripts lean on it, so standard output is the
//! command's and nobody else's, and its exit status means what [`Verdict`] says.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use doors_protocol::{Ending, Job, Output, Plan};

use crate::cache;
use crate::guest::add::Added;
use crate::guest::initramfs;
use crate::linux::config::Flavour;
use crate::linux::image::{self, Origin};
use crate::paths::Paths;
use crate::setup::emulator::Emulator;
use crate::vm::accelerator;
use crate::vm::machine_log::MachineLog;
use crate::vm::process::Streams;
use crate::vm::qemu::{Accelerator, Console, Machine};
use crate::vm::session::{self, Limits, Lost, Record};

/// The machine could not be built or booted: the command has not run, or its status is not known.
pub const STATUS_UNAVAILABLE: i32 = 69;

/// The kernel panicked, oopsed or complained.
pub const STATUS_SPLAT: i32 = 70;

/// The command was out of time.
pub const STATUS_TIMED_OUT: i32 = 124;

/// What kind of machine is wanted.
#[derive(Debug, Clone)]
pub struct MachineOptions {
    /// Which kernel.
    pub flavour: Flavour,
    /// How many processors.
    pub smp: u32,
    /// How much memory, in MiB; the flavour's usual when not given.
    pub memory: Option<u32>,
    /// A clock that counts instructions.
    pub icount: bool,
    /// Where the kernel comes from.
    pub origin: Origin,
}

/// What `run` is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// On which machine.
    pub machine: MachineOptions,
    /// How long the command may take; none: as long as it likes.
    pub timeout: Option<Duration>,
    /// What is brought along.
    pub added: Vec<Added>,
    /// What else the kernel is told, one word each.
    pub kernel_arguments: Vec<String>,
    /// The command.
    pub command: Vec<String>,
}

/// A machine that is ready to boot.
#[derive(Debug)]
pub struct Prepared {
    /// The machine.
    pub machine: Machine,
    /// Where its logs go.
    pub log: MachineLog,
}

/// Builds what is missing and lays out the initramfs for `plan`. `kind` names the logs.
pub fn prepare(
    paths: &Paths,
    options: &MachineOptions,
    plan: &Plan,
    added: &[Added],
    kind: &str,
) -> Result<Prepared> {
    let lock = cache::lock(paths)?;
    let emulator = Emulator::choose(paths)?;
    let kernel = image::build(paths, options.flavour, &options.origin)?;
    let log = MachineLog::create(&paths.target("logs").join(kind))?;
    let initramfs = log.file("initramfs");
    initramfs::write(paths, plan, added, &initramfs)?;
    let accelerator = match options.icount {
        true => Accelerator::Icount,
        false => accelerator::choose(paths, &emulator, &kernel, || {
            let idle = tempfile::NamedTempFile::new()?;
            initramfs::write(paths, &Plan::default(), &[], idle.path())?;
            Ok(idle)
        })?,
    };
    // QEMU opens its files when it starts, by when the next xtask may replace the image: this boot has its own.
    let own: PathBuf = log.file("bzImage");
    std::fs::copy(&kernel, &own).with_context(|| format!("copying {}", kernel.display()))?;
    let config = kernel.with_file_name("config");
    if config.exists() {
        std::fs::copy(config, log.file("config"))?;
    }
    drop(lock);
    let machine = Machine {
        emulator,
        kernel: own,
        initramfs,
        // Instructions can only be counted on one processor.
        smp: if options.icount { 1 } else { options.smp },
        memory: options.memory.unwrap_or_else(|| options.flavour.memory()),
        accelerator,
        console: Console::Log(log.console()),
        kernel_arguments: Vec::new(),
    };
    Ok(Prepared { machine, log })
}

/// Runs the command; returns the exit status that tells its fate. The reason, when it is not the command's own doing,
/// is the last thing on standard error.
pub fn run(paths: &Paths, options: &Options) -> Result<i32> {
    let job = Job {
        argv: options.command.clone(),
        env: Vec::new(),
        output: Output::Stream,
    };
    let plan = Plan {
        jobs: vec![job],
        ..Plan::default()
    };
    let Prepared { mut machine, log } =
        prepare(paths, &options.machine, &plan, &options.added, "run")?;
    machine
        .kernel_arguments
        .clone_from(&options.kernel_arguments);
    let limits = Limits {
        boot: options.machine.flavour.boot_limit(),
        job: &|_| options.timeout,
    };
    let streams = || Streams {
        stdout: Box::new(Passed(io::stdout())),
        stderr: Box::new(Passed(io::stderr())),
    };
    let record = session::play(&machine, &limits, &log, streams, |_| {})?;
    // The largest thing in the log, and the one that nobody reads.
    std::fs::remove_file(&machine.initramfs).context("removing the initramfs")?;
    let verdict = Verdict::of(&record);
    if let Some(reason) = verdict.reason(options, &log) {
        eprintln!("xtask: {reason}");
    }
    Ok(verdict.status())
}

/// A stream of ours that the command's is passed to. When nobody reads it any more (`run ... | head`) this process ends
/// as the command would have on this machine, and the virtual machine with it.
struct Passed<W>(W);

impl<W: io::Write> Passed<W> {
    fn or_end<T>(result: io::Result<T>) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                std::process::exit(128 + nix::libc::SIGPIPE)
            }
            other => other,
        }
    }
}

impl<W: io::Write> io::Write for Passed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::or_end(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::or_end(self.0.flush())
    }
}

/// What became of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It ended, for better or worse.
    Ended(Ending),
    /// The kernel failed it, whatever it returned.
    Splat(String),
    /// The machine failed it.
    Unavailable(String),
    /// Neither it nor PID 1 was heard of again after its time was over.
    Hung,
}

impl Verdict {
    /// Judges a boot with one job.
    pub fn of(record: &Record) -> Verdict {
        if let Some(splat) = record.first_splat() {
            return Verdict::Splat(splat.to_owned());
        }
        match (&record.lost, record.jobs.first()) {
            (None, Some(job)) => Verdict::Ended(job.ending.clone()),
            (Some(Lost::Hung), _) => Verdict::Hung,
            (Some(Lost::NeverUp), _) => {
                Verdict::Unavailable("the kernel did not boot in time".into())
            }
            (Some(Lost::Died), _) => Verdict::Unavailable("the virtual machine went away".into()),
            (Some(Lost::Init(why)), _) => Verdict::Unavailable(format!("PID 1 failed: {why}")),
            (None, None) => Verdict::Unavailable("PID 1 did not run the command".into()),
        }
    }

    /// The exit status of `run`.
    pub fn status(&self) -> i32 {
        match self {
            Verdict::Ended(ending) => ending.status(),
            Verdict::Splat(_) => STATUS_SPLAT,
            Verdict::Unavailable(_) => STATUS_UNAVAILABLE,
            Verdict::Hung => STATUS_TIMED_OUT,
        }
    }

    /// What to tell the user, unless the command's own output has told it.
    fn reason(&self, options: &Options, log: &MachineLog) -> Option<String> {
        let console = Paths::show(&log.console());
        let limit = options.timeout.unwrap_or_default().as_secs();
        let name = options.command.first().map_or("", String::as_str);
        match self {
            Verdict::Ended(Ending::Exited(_) | Ending::Signalled(_)) => None,
            Verdict::Ended(Ending::Stopped) => Some(format!("{name} was stopped after {limit} s (--timeout)")),
            Verdict::Ended(Ending::CannotStart(error)) => {
                Some(format!("{name}: {}", io::Error::from_raw_os_error(*error)))
            }
            Verdict::Splat(splat) => Some(format!("the kernel complained: {splat}\nxtask: console: {console}")),
            Verdict::Hung => Some(format!(
                "{name} did not end within {limit} s (--timeout), and the guest did not answer any more\n\
                 xtask: console: {console}"
            )),
            Verdict::Unavailable(why) => {
                let tail = log.tail(10);
                Some(format!("{why}\n{tail}\nxtask: console: {console}, QEMU: {}", Paths::show(&log.file("qemu.log"))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::session::JobReport;

    fn record(ending: Ending) -> Record {
        let job = JobReport {
            ending,
            output: String::new(),
            splats: Vec::new(),
            took: Duration::ZERO,
        };
        Record {
            release: Some("7.3".into()),
            jobs: vec![job],
            ..Record::default()
        }
    }

    #[test]
    fn the_status_is_the_commands_own() {
        assert_eq!(Verdict::of(&record(Ending::Exited(7))).status(), 7);
        assert_eq!(Verdict::of(&record(Ending::Signalled(11))).status(), 139);
        assert_eq!(Verdict::of(&record(Ending::Stopped)).status(), 124);
    }

    #[test]
    fn a_complaint_outranks_it() {
        let mut complained = record(Ending::Exited(0));
        complained.jobs[0].splats.push("WARNING: x".into());
        assert_eq!(Verdict::of(&complained).status(), 70);
        let mut panicked = Record {
            lost: Some(Lost::Died),
            ..Record::default()
        };
        assert_eq!(Verdict::of(&panicked).status(), 69);
        panicked
            .console_splats
            .push("Kernel panic - not syncing: x".into());
        assert_eq!(Verdict::of(&panicked).status(), 70);
    }
}
