// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of `run` itself, the way a script uses it: a process with a status, a standard output and a standard error.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{ensure, Context, Result};

use super::report::{Outcome, Report};
use super::Options;
use crate::cache;
use crate::library;
use crate::linux::config::Flavour;
use crate::paths::Paths;
use crate::ui::Step;

const SUITE: &str = "run";

type Check = fn(&Xtask<'_>) -> Result<()>;

/// Each boots once or more.
const CHECKS: &[(&str, Check)] = &[
    ("the exit status is the command's", exit_status),
    ("a signal is 128 and its number", signal),
    ("a missing command is 127", missing),
    ("a file that cannot be executed is 126", not_executable),
    ("the streams arrive apart and unaltered", streams),
    ("leftover processes do not hold it up", leftovers),
    ("a time-out is 124", timeout),
    ("a panic is 70", panic),
    ("a warning is 70", warning),
    ("programs bring their libraries", libraries),
];

/// Runs them, on the default kernel.
pub(super) fn run(paths: &Paths, options: &Options, report: &mut Report) -> Result<()> {
    if options.flavour == Some(Flavour::Debug) {
        return Ok(());
    }
    let wanted: Vec<_> = CHECKS
        .iter()
        .filter(|(name, _)| options.wants(&format!("{SUITE}::{name}")))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let xtask = Xtask {
        paths,
        options,
        program: std::env::current_exe()?.into(),
    };
    let step = Step::begin("run: trying cargo xtask run itself", None);
    let mut outcomes = Vec::new();
    for (done, (name, check)) in wanted.iter().enumerate() {
        step.advance(done as u64, wanted.len() as u64);
        step.note(name);
        let begun = Instant::now();
        let mut outcome = Outcome::of(SUITE, name, check(&xtask));
        outcome.took = begun.elapsed();
        outcomes.push(outcome);
    }
    drop(step);
    report.add(outcomes);
    Ok(())
}

/// This program, as a command.
struct Xtask<'a> {
    paths: &'a Paths,
    options: &'a Options,
    program: OsString,
}

impl Xtask<'_> {
    /// `run OPTIONS -- COMMAND`
    fn run(&self, options: &[&str], command: &[&str]) -> Result<Output> {
        let mut xtask = Command::new(&self.program);
        xtask.arg("run");
        if let Some(linux) = &self.options.origin.linux {
            xtask.arg("--linux-source").arg(linux);
        }
        if let Some(image) = &self.options.origin.image {
            xtask.arg("--bzimage").arg(image);
        }
        xtask.args(["--toolchain", self.options.origin.toolchain.name()]);
        xtask
            .args(options)
            .arg("--")
            .args(command)
            .stdin(Stdio::null());
        xtask.output().context("starting cargo xtask run")
    }

    fn shell(&self, options: &[&str], script: &str) -> Result<Output> {
        self.run(options, &["sh", "-c", script])
    }
}

/// The status must be this one; what was said is shown when it is not.
fn expect_status(output: &Output, status: i32) -> Result<()> {
    ensure!(
        output.status.code() == Some(status),
        "exit status {status} was expected, this is {}; standard output: {:?}; standard error: {:?}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(())
}

fn exit_status(xtask: &Xtask<'_>) -> Result<()> {
    let output = xtask.shell(&[], "exit 7")?;
    expect_status(&output, 7)?;
    ensure!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "something was printed: {output:?}"
    );
    Ok(())
}

fn signal(xtask: &Xtask<'_>) -> Result<()> {
    expect_status(&xtask.shell(&[], "kill -SEGV $$")?, 128 + 11)
}

fn missing(xtask: &Xtask<'_>) -> Result<()> {
    expect_status(&xtask.run(&[], &["no-such-command"])?, 127)
}

fn not_executable(xtask: &Xtask<'_>) -> Result<()> {
    expect_status(&xtask.run(&[], &["/etc/passwd"])?, 126)
}

fn streams(xtask: &Xtask<'_>) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("bytes");
    // Every byte there is, many times over: more than any buffer on the way holds.
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(3_000_001).collect();
    fs::write(&file, &bytes)?;
    let add = file.to_string_lossy();
    let output = xtask.shell(
        &["--add", &add],
        "cat /bytes; echo only here >/dev/stderr; printf end",
    )?;
    expect_status(&output, 0)?;
    let expected = [bytes.as_slice(), b"end"].concat();
    ensure!(
        output.stdout == expected,
        "standard output is not what was written: {} bytes",
        output.stdout.len()
    );
    ensure!(
        output.stderr == b"only here\n",
        "standard error: {:?}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn leftovers(xtask: &Xtask<'_>) -> Result<()> {
    let output = xtask.shell(
        &["--timeout", "60"],
        "sleep 1000 & (setsid sleep 1000 &) ; echo out; exit 3",
    )?;
    expect_status(&output, 3)?;
    ensure!(output.stdout == b"out\n", "{output:?}");
    Ok(())
}

fn timeout(xtask: &Xtask<'_>) -> Result<()> {
    let output = xtask.shell(&["--timeout", "1"], "echo before; sleep 1000")?;
    expect_status(&output, 124)?;
    ensure!(output.stdout == b"before\n", "{output:?}");
    Ok(())
}

fn panic(xtask: &Xtask<'_>) -> Result<()> {
    let output = xtask.shell(
        &[],
        "echo before; sleep 0.2; echo c >/proc/sysrq-trigger; sleep 1000",
    )?;
    expect_status(&output, 70)?;
    ensure!(output.stdout == b"before\n", "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(
        error.contains("Kernel panic") && error.contains("console.log"),
        "the reason is not told: {error}"
    );
    Ok(())
}

fn warning(xtask: &Xtask<'_>) -> Result<()> {
    let output = xtask.shell(
        &[],
        "echo WARNING >/sys/kernel/debug/provoke-crash/DIRECT; exit 0",
    )?;
    expect_status(&output, 70)?;
    ensure!(
        String::from_utf8_lossy(&output.stderr).contains("WARNING"),
        "the reason is not told: {output:?}"
    );
    Ok(())
}

/// A program of the host's; and one built with `cc`, whose library is where only its run path leads to.
fn libraries(xtask: &Xtask<'_>) -> Result<()> {
    let output = xtask.run(
        &["--add", "/usr/bin/env"],
        &["/usr/bin/env", "printf", "%s", "linked"],
    )?;
    expect_status(&output, 0)?;
    ensure!(output.stdout == b"linked", "{output:?}");

    let directory = tempfile::tempdir()?;
    let (source, program) = (
        directory.path().join("door.c"),
        directory.path().join("door"),
    );
    fs::write(&source, DOOR_PROGRAM)?;
    let library = {
        let _lock = cache::lock(xtask.paths)?;
        library::build(xtask.paths)?
    };
    let arguments = [source.as_os_str(), "-o".as_ref(), program.as_os_str()].map(OsString::from);
    let compiled = library::cc(xtask.paths, &library, &arguments).output()?;
    ensure!(
        compiled.status.success(),
        "cc: {}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let path = |p: &Path| p.to_string_lossy().into_owned();
    expect_status(&xtask.run(&["--add", &path(&program)], &["/door"])?, 0)
}

/// Fails with EBADF on a kernel with doors, with ENOSYS on one without.
const DOOR_PROGRAM: &str = "\
#include <door.h>
#include <errno.h>
int main(void) { struct door_info i; return door_info(0, &i) == -1 && errno == EBADF ? 0 : 1; }
";
