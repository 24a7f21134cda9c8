// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests that run in the guest: one boot of each kernel serves them all.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use doors_protocol::{Ending, Event, Job, Output, Plan};

use super::c_programs::{self, CProgram};
use super::ktap;
use super::report::{Outcome, Report};
use super::Options;
use crate::cache;
use crate::exec;
use crate::guest::add::Added;
use crate::guest::programs;
use crate::linux::config::Flavour;
use crate::paths::Paths;
use crate::run::{prepare, MachineOptions, Prepared};
use crate::ui::Step;
use crate::vm::machine_log::MachineLog;
use crate::vm::process::Streams;
use crate::vm::session::{self, JobReport, Limits, Lost, Record};

/// How long a test may take that does not say; times the flavour's slowness.
const USUAL_LIMIT: Duration = Duration::from_secs(30);

const TESTS_PROGRAM: &str = "doors-tests";
pub(super) const C_TESTS: &str = "qemu-tests/guest/c";

/// Random sequences, which the image brings along (`qemu-tests/guest/src/bin/doors-sequences`): those that have once
/// failed, and some from seeds. They are the same every time, and as many: a change that is right is not refused for a
/// seed that somebody else could have found. Fresh seeds are for people, who run the program as long as they like. What
/// fails says its seed.
const SEQUENCES: &[Sequences] = &[
    // Each so often, as what happens in it depends on who is faster.
    Sequences {
        name: "sequences/known",
        arguments: &["--known"],
        times: 40,
    },
    // Some twenty seconds.
    Sequences {
        name: "sequences/seeds",
        arguments: &["--seed", "1", "--cases"],
        times: 300,
    },
];

/// How long they may take on a machine that is busy with other things.
const SEQUENCES_LIMIT: Duration = Duration::from_secs(240);

/// Calls that are disturbed in every way, which the image brings along, too (`qemu-tests/guest/src/bin/doors-stress`).
const STRESS: (&str, &[&str]) = ("stress", &["doors-stress", "--seconds", "5", "--seed", "1"]);

/// Sequences that are one test.
struct Sequences {
    name: &'static str,
    /// Of the program, before the number of times.
    arguments: &'static [&'static str],
    /// In the default kernel; the others get fewer as they are slower.
    times: u32,
}

/// One test that is a job in the guest.
struct GuestTest {
    name: String,
    argv: Vec<String>,
    limit: Duration,
}

/// Runs the guest tests of one kernel.
pub(super) fn run(
    paths: &Paths,
    options: &Options,
    flavour: Flavour,
    report: &mut Report,
) -> Result<()> {
    let suite = format!("guest/{}", flavour.name());
    let wants = |name: &str| options.wants(&format!("{suite}::{name}"));
    let (mut tests, mut added, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    {
        let _lock = cache::lock(paths)?;
        let [program] = programs::build(paths, &[TESTS_PROGRAM])?
            .try_into()
            .expect("one program was asked for");
        // It is static: it runs here as well, to say what there is.
        let list = exec::output(Command::new(&program).arg("--list"))?;
        let guest_path = format!("/usr/lib/doors/{TESTS_PROGRAM}");
        for name in list.lines().map(str::trim).filter(|name| wants(name)) {
            let argv = [&guest_path, "--exact", name].map(String::from).to_vec();
            tests.push(GuestTest {
                name: name.to_owned(),
                argv,
                limit: USUAL_LIMIT,
            });
        }
        added.push(Added::at(program, guest_path));
        for sequences in SEQUENCES.iter().filter(|it| wants(it.name)) {
            let times = (sequences.times / flavour.slowness()).to_string();
            let argv = std::iter::once(&"doors-sequences").chain(sequences.arguments);
            let argv = argv.copied().chain([times.as_str()]);
            tests.push(GuestTest {
                name: sequences.name.to_owned(),
                argv: argv.map(str::to_owned).collect(),
                limit: SEQUENCES_LIMIT,
            });
        }
        let (name, argv) = STRESS;
        if wants(name) {
            tests.push(GuestTest {
                name: name.to_owned(),
                argv: argv.iter().map(|word| (*word).to_owned()).collect(),
                limit: USUAL_LIMIT * 2,
            });
        }
        for CProgram {
            name,
            program,
            limit,
        } in c_programs::build(paths, C_TESTS, |name| wants(&format!("c/{name}")))?
        {
            let name = format!("c/{name}");
            match program {
                Ok(program) => {
                    let guest_path = format!("/usr/lib/doors/{name}");
                    tests.push(GuestTest {
                        name,
                        argv: vec![guest_path.clone()],
                        limit: limit.unwrap_or(USUAL_LIMIT),
                    });
                    added.push(Added::at(program, guest_path));
                }
                Err(error) => outcomes.push(Outcome::failed(&suite, &name, error)),
            }
        }
    }
    let debug = flavour == Flavour::Debug;
    let (kunit, kmemleak) = (debug && wants("kunit"), debug && wants("kmemleak"));
    if tests.is_empty() && !kunit && !kmemleak {
        if !outcomes.is_empty() {
            report.add(outcomes);
        }
        return Ok(());
    }

    let job = |test: &GuestTest| Job {
        argv: test.argv.clone(),
        env: environment(),
        output: Output::Capture,
    };
    let plan = Plan {
        jobs: tests.iter().map(job).collect(),
        kunit,
        kmemleak,
        shell: None,
    };
    let machine = MachineOptions {
        flavour,
        smp: 2,
        memory: None,
        icount: false,
        origin: options.origin.clone(),
    };
    let Prepared { machine, log } = prepare(
        paths,
        &machine,
        &plan,
        &added,
        &format!("test-{}", flavour.name()),
    )?;

    let step = Step::begin(
        format!("{suite}: {} tests in one boot", tests.len()),
        Some(&log.console()),
    );
    let limits = Limits {
        boot: flavour.boot_limit(),
        job: &|job| tests.get(job).map(|test| test.limit * flavour.slowness()),
    };
    let total = tests.len() as u64;
    let record = session::play(&machine, &limits, &log, Streams::nowhere, |event| {
        if let Event::JobStarted(job) = event {
            step.advance(*job as u64, total);
            step.note(&tests[*job].name);
        }
    })?;
    drop(step);
    std::fs::remove_file(&machine.initramfs)?;

    outcomes.extend(judge(&suite, &tests, &plan, &record, &log));
    report.add(outcomes);
    Ok(())
}

fn environment() -> Vec<(String, String)> {
    vec![("RUST_BACKTRACE".into(), "1".into())]
}

/// Turns what happened into outcomes: one for the boot, one for each test, one for each KUnit case, one for leaks.
fn judge(
    suite: &str,
    tests: &[GuestTest],
    plan: &Plan,
    record: &Record,
    log: &MachineLog,
) -> Vec<Outcome> {
    let mut outcomes = vec![judge_boot(suite, record, log)];
    let reason = lost_reason(record, log);
    for (index, test) in tests.iter().enumerate() {
        let mut outcome = Outcome::passed(suite, &test.name);
        match record.jobs.get(index) {
            Some(report) => {
                outcome.took = report.took;
                outcome.failure = judge_job(report, test.limit, log);
                outcome.output.clone_from(&report.output);
            }
            None if record.interrupted == Some(index) => {
                outcome.failure = Some(format!("the machine was lost during this test: {reason}"));
            }
            None => outcome.failure = Some("not run: the machine was lost before".into()),
        }
        outcomes.push(outcome);
    }
    if plan.kunit {
        outcomes.extend(judge_kunit(suite, record));
    }
    if plan.kmemleak {
        outcomes.push(match record.kmemleak.as_deref() {
            Some("") => Outcome::passed(suite, "kmemleak"),
            Some(leaks) => Outcome::failed(
                suite,
                "kmemleak",
                format!("memory was lost during the tests:\n{leaks}"),
            ),
            None => Outcome::failed(suite, "kmemleak", format!("not asked: {reason}")),
        });
    }
    outcomes
}

fn judge_boot(suite: &str, record: &Record, log: &MachineLog) -> Outcome {
    let name = "boot and power off";
    let console = Paths::show(&log.console());
    if record.lost.is_some() {
        let tail = log.tail(20);
        return Outcome::failed(
            suite,
            name,
            format!("{}\n{tail}\nconsole: {console}", lost_reason(record, log)),
        );
    }
    if !record.boot_splats.is_empty() {
        return Outcome::failed(
            suite,
            name,
            format!("{}\nconsole: {console}", record.boot_splats.join("\n")),
        );
    }
    // What nobody was charged with: it came after the last job.
    let charged = |splat: &String| record.jobs.iter().any(|job| job.splats.contains(splat));
    match record.console_splats.iter().find(|splat| !charged(splat)) {
        Some(splat) if record.jobs.iter().all(|job| job.splats.is_empty()) => Outcome::failed(
            suite,
            name,
            format!("after the last test: {splat}\nconsole: {console}"),
        ),
        _ => Outcome::passed(suite, name),
    }
}

fn judge_job(report: &JobReport, limit: Duration, log: &MachineLog) -> Option<String> {
    let console = Paths::show(&log.console());
    if !report.splats.is_empty() {
        return Some(format!(
            "the kernel complained:\n{}\nconsole: {console}",
            report.splats.join("\n")
        ));
    }
    match &report.ending {
        Ending::Exited(0) => None,
        Ending::Exited(status) => Some(format!("exit status {status}; console: {console}")),
        Ending::Signalled(signal) => Some(format!("killed by signal {signal}; console: {console}")),
        Ending::Stopped => Some(format!(
            "stopped after {:.0} s, its limit is {} s",
            report.took.as_secs_f64(),
            limit.as_secs()
        )),
        Ending::CannotStart(error) => Some(format!(
            "not started: {}",
            std::io::Error::from_raw_os_error(*error)
        )),
    }
}

fn judge_kunit(suite: &str, record: &Record) -> Vec<Outcome> {
    let cases: Vec<Outcome> = record
        .kunit
        .iter()
        .flat_map(|(name, results)| ktap::parse(&format!("{suite}/kunit/{name}"), results))
        .collect();
    if cases.is_empty() {
        return vec![Outcome::failed(
            suite,
            "kunit",
            "no KUnit test ran: is CONFIG_DOORS_KUNIT_TEST on?",
        )];
    }
    cases
}

fn lost_reason(record: &Record, log: &MachineLog) -> String {
    let splat = record
        .console_splats
        .last()
        .map(|splat| format!("; the kernel's last complaint: {splat}"));
    let why = match &record.lost {
        None => return "nothing was lost".into(),
        Some(Lost::NeverUp) => "the kernel did not boot in time".into(),
        Some(Lost::Died) => "the machine went away".into(),
        Some(Lost::Hung) => "the guest did not answer any more".into(),
        Some(Lost::Init(why)) => format!("PID 1 failed: {why}"),
    };
    format!(
        "{why}{}; console: {}",
        splat.unwrap_or_default(),
        Paths::show(&log.console())
    )
}
