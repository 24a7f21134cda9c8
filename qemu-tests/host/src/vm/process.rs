// SPDX-License-Identifier: MIT OR Apache-2.0
//! A running QEMU: the lines to the guest, and the certainty that it does not outlive us.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use doors_protocol::{decode, encode, Event, Order};

use super::machine_log::MachineLog;
use super::qemu::{Console, Machine};
use crate::exec;

/// How long the machine may take to power off before it is ended.
const POWER_OFF: Duration = Duration::from_secs(5);

/// How long bytes may be under way that the guest says it has sent.
const IN_FLIGHT: Duration = Duration::from_secs(30);

/// Where a streamed job's output goes.
pub struct Streams {
    /// Its standard output.
    pub stdout: Box<dyn Write + Send>,
    /// Its standard error.
    pub stderr: Box<dyn Write + Send>,
}

impl Streams {
    /// For boots without a streamed job.
    pub fn nowhere() -> Streams {
        Streams {
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
        }
    }
}

/// What came from the guest.
#[derive(Debug)]
pub enum News {
    /// An event.
    Event(Event),
    /// Nothing, until the deadline.
    Silence,
    /// The machine is gone: powered off, rebooted after a panic, or QEMU died.
    Gone,
}

/// A QEMU process. Dropping it ends it.
pub struct Vm {
    qemu: Child,
    control: UnixStream,
    events: Receiver<Event>,
    received: [Arc<AtomicU64>; 2],
    passing: Vec<JoinHandle<()>>,
}

impl Vm {
    /// Boots `machine`.
    pub fn boot(machine: &Machine, log: &MachineLog, streams: Streams) -> Result<Vm> {
        let (control, control_end) = UnixStream::pair()?;
        let (stdout, stdout_end) = UnixStream::pair()?;
        let (stderr, stderr_end) = UnixStream::pair()?;
        let mut command =
            machine.command([control_end, stdout_end, stderr_end].map(OwnedFd::from))?;
        std::fs::write(log.file("command-line"), exec::show(&command) + "\n")?;
        if matches!(machine.console, Console::Log(_)) {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(log.file("qemu.log"))?);
        }
        die_with_parent(&mut command);
        let qemu = command.spawn().context("starting QEMU")?;
        // Our copies of the guest's ends: with them open we would never see the machine hang up.
        drop(command);

        let (received_out, passing_out) = pass_on(stdout, streams.stdout);
        let (received_err, passing_err) = pass_on(stderr, streams.stderr);
        let (sender, events) = mpsc::channel();
        let listener = control.try_clone()?;
        thread::spawn(move || {
            for line in BufReader::new(listener).lines() {
                // A line that is cut short is the last word of a guest that died saying it.
                let Some(event) = line.ok().and_then(|l| decode(&l).ok()) else {
                    return;
                };
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Ok(Vm {
            qemu,
            control,
            events,
            received: [received_out, received_err],
            passing: vec![passing_out, passing_err],
        })
    }

    /// The next event, waited for until `deadline`, or for ever.
    pub fn next(&self, deadline: Option<Instant>) -> News {
        let Some(deadline) = deadline else {
            return self.events.recv().map_or(News::Gone, News::Event);
        };
        match self
            .events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(event) => News::Event(event),
            Err(RecvTimeoutError::Timeout) => News::Silence,
            Err(RecvTimeoutError::Disconnected) => News::Gone,
        }
    }

    /// Tells PID 1 to do something. A guest that is gone cannot be told; that shows in what comes next.
    pub fn order(&mut self, order: Order) {
        let _ = self.control.write_all(encode(&order).as_bytes());
    }

    /// Waits until as many bytes have arrived on the streams as the guest says it has sent.
    pub fn collect(&self, streamed: (u64, u64)) {
        let deadline = Instant::now() + IN_FLIGHT;
        let arrived = |stream: usize| self.received[stream].load(Ordering::Acquire);
        while (arrived(0) < streamed.0 || arrived(1) < streamed.1) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets the machine power off; ends it when it does not.
    pub fn power_off(mut self) {
        self.order(Order::PowerOff);
        let deadline = Instant::now() + POWER_OFF;
        while Instant::now() < deadline {
            if !matches!(self.qemu.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a QEMU that the user is in charge of.
    pub fn wait(mut self) -> Result<()> {
        self.qemu.wait()?;
        Ok(())
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
        // The lines have come to their ends now. What is still in them is output, too.
        for thread in self.passing.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Copies what comes from `stream` to `sink`; the count says how much that was.
///
/// When the sink breaks the rest is dropped, and counted, so that the guest can finish.
fn pass_on(
    mut stream: UnixStream,
    mut sink: Box<dyn Write + Send>,
) -> (Arc<AtomicU64>, JoinHandle<()>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let thread = thread::spawn(move || {
        let mut buffer = [0_u8; 64 * 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            let _ = sink
                .write_all(&buffer[..length])
                .and_then(|()| sink.flush());
            counted.fetch_add(length as u64, Ordering::Release);
        }
    });
    (count, thread)
}

/// However this process ends, the machine ends with it.
fn die_with_parent(command: &mut Command) {
    // SAFETY: prctl is a plain system call, which the child of a fork may make.
    unsafe {
        command.pre_exec(|| {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
            Ok(())
        });
    }
}
