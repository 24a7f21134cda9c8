// SPDX-License-Identifier: MIT OR Apache-2.0
//! One program, from its start until nothing of it is left.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use doors_protocol::{Ending, Job, STDERR_PORT, STDOUT_PORT};
use nix::errno::Errno;
use nix::sys::signal::{kill, Signal};
use nix::sys::wait::{waitpid, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use crate::ports;

/// What every program finds in its environment.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("HOME", "/root"),
    ("LOGNAME", "root"),
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/",
    ),
    ("SHELL", "/bin/sh"),
    ("TERM", "dumb"),
    ("USER", "root"),
];

/// A captured output longer than twice this loses its middle.
const CAPTURE_HALF: usize = 128 * 1024;

/// How long killed processes may take to go away before the kernel is at fault.
const DEATH: Duration = Duration::from_secs(10);

/// What there is to say about a job when it is over.
pub(crate) struct Outcome {
    pub(crate) ending: Ending,
    pub(crate) output: String,
    pub(crate) streamed: (u64, u64),
    /// Processes that SIGKILL did not end: the kernel's fault.
    pub(crate) survivors: Vec<String>,
}

/// Runs a job whose output goes to the host as it comes.
pub(crate) fn run_streamed(job: &Job) -> Result<Outcome> {
    let (out_reader, out_writer) = io::pipe()?;
    let (err_reader, err_writer) = io::pipe()?;
    let out = pump(out_reader, ports::open(STDOUT_PORT)?);
    let err = pump(err_reader, ports::open(STDERR_PORT)?);
    let (ending, survivors) = run(job, out_writer.into(), err_writer.into())?;
    // With a survivor around the pipes may never come to an end; what has been pumped by now is all there will be.
    let count = |pump: JoinHandle<u64>| {
        if survivors.is_empty() {
            pump.join().unwrap_or(0)
        } else {
            0
        }
    };
    let streamed = (count(out), count(err));
    Ok(Outcome {
        ending,
        output: String::new(),
        streamed,
        survivors,
    })
}

/// Runs a job whose output becomes part of the report.
pub(crate) fn run_captured(job: &Job) -> Result<Outcome> {
    let (reader, writer) = io::pipe()?;
    let capture = thread::spawn(move || capture(reader));
    let (ending, survivors) = run(job, writer.try_clone()?.into(), writer.into())?;
    let output = if survivors.is_empty() {
        capture.join().unwrap_or_default()
    } else {
        String::new()
    };
    Ok(Outcome {
        ending,
        output,
        streamed: (0, 0),
        survivors,
    })
}

/// Starts the program, waits for it, kills what it left behind.
fn run(job: &Job, stdout: Stdio, stderr: Stdio) -> Result<(Ending, Vec<String>)> {
    let (program, arguments) = job.argv.split_first().context("a job without a program")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT.iter().copied())
        .envs(job.env.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    // SAFETY: setsid is async-signal-safe, and the child is alone with its copy of this process.
    unsafe { command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?)) };
    let spawned = command.spawn();
    // The pipes' writing ends live in `command`: while it lives, no reader sees the end.
    drop(command);
    let ending = match spawned {
        Ok(child) => reap_until(child.id())?,
        Err(error) => Ending::CannotStart(error.raw_os_error().unwrap_or(Errno::EINVAL as i32)),
    };
    kill_everything();
    Ok((ending, survivors()))
}

/// Reaps whatever ends until the process `pid` has.
pub(crate) fn reap_until(pid: u32) -> Result<Ending> {
    let pid = Pid::from_raw(i32::try_from(pid)?);
    loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(who, status)) if who == pid => return Ok(Ending::Exited(status)),
            Ok(WaitStatus::Signaled(who, signal, _)) if who == pid => {
                return Ok(Ending::Signalled(signal as i32))
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("waiting for the job"),
        }
    }
}

/// SIGKILL for everything but PID 1.
pub(crate) fn kill_everything() {
    // There being nobody to kill is fine.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
}

/// Reaps what was killed; names what would not die.
fn survivors() -> Vec<String> {
    let deadline = Instant::now() + DEATH;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return Vec::new(),
            Ok(WaitStatus::StillAlive) if Instant::now() > deadline => return name_survivors(),
            // Something may have been forked just when its parent was killed.
            Ok(WaitStatus::StillAlive) => {
                kill_everything();
                thread::sleep(Duration::from_millis(2));
            }
            _ => {}
        }
    }
}

fn name_survivors() -> Vec<String> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return vec!["processes that cannot be killed".into()];
    };
    let numbered = processes
        .flatten()
        .filter_map(|p| p.file_name().to_str()?.parse::<u32>().ok());
    numbered
        .filter(|&pid| pid != 1)
        // Kernel threads have no command line.
        .filter(|pid| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|c| !c.is_empty()))
        .map(|pid| {
            let read =
                |what: &str| fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
            format!(
                "process {pid} ({}) cannot be killed:\n{}",
                read("comm").trim(),
                read("stack")
            )
        })
        .collect()
}

/// Copies everything from `from` to `to`, as it comes; returns how many bytes that were.
fn pump(mut from: io::PipeReader, mut to: fs::File) -> JoinHandle<u64> {
    thread::spawn(move || {
        let mut buffer = [0_u8; 16 * 1024];
        let mut total = 0;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return total,
                Ok(length) => {
                    if to.write_all(&buffer[..length]).is_err() {
                        return total;
                    }
                    total += length as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return total,
            }
        }
    })
}

/// Reads everything, keeps the beginning and the end.
fn capture(mut from: io::PipeReader) -> String {
    let mut kept = Vec::new();
    let mut dropped = 0_usize;
    let mut buffer = [0_u8; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..length]);
        if kept.len() > 2 * CAPTURE_HALF {
            let excess = kept.len() - 2 * CAPTURE_HALF;
            kept.drain(CAPTURE_HALF..CAPTURE_HALF + excess);
            dropped += excess;
        }
    }
    if dropped > 0 {
        let note = format!("\n[... {dropped} bytes left out ...]\n");
        kept.splice(CAPTURE_HALF..CAPTURE_HALF, note.into_bytes());
    }
    String::from_utf8_lossy(&kept).into_owned()
}
