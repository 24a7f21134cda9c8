// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's complaints, read where no console is lossy or slow: `/dev/kmsg`, and the taint word.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result};
use doors_protocol::splat;
use nix::errno::Errno;
use nix::fcntl::OFlag;

/// Set by KUnit whenever it runs: says nothing about the kernel's health.
const TAINT_TEST: u64 = 1 << 18;

/// A reader's place in the kernel log.
pub(crate) struct KernelLog {
    kmsg: File,
    taint: u64,
}

impl KernelLog {
    /// Begins at the log's beginning, so that what happened at boot is judged too.
    pub(crate) fn open() -> Result<KernelLog> {
        let kmsg = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open("/dev/kmsg")
            .context("opening /dev/kmsg")?;
        Ok(KernelLog { kmsg, taint: 0 })
    }

    /// What the kernel has complained about since the last call.
    pub(crate) fn new_splats(&mut self) -> Result<Vec<String>> {
        let mut splats = Vec::new();
        // The largest record that /dev/kmsg hands out.
        let mut record = [0_u8; 8192];
        loop {
            match self.kmsg.read(&mut record) {
                Ok(0) => break,
                Ok(length) => splats.extend(complaint(&record[..length])),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                // Records were overwritten before they were read; reading goes on with the oldest that is left.
                Err(e) if e.raw_os_error() == Some(Errno::EPIPE as i32) => {}
                Err(e) => return Err(e).context("reading /dev/kmsg"),
            }
        }
        let taint = taint()?;
        let fresh = taint & !self.taint;
        self.taint = taint;
        if fresh != 0 && splats.is_empty() {
            splats.push(format!(
                "the kernel is tainted: {fresh:#x} is new in /proc/sys/kernel/tainted"
            ));
        }
        Ok(splats)
    }
}

/// The complaint in one record, `level,sequence,time,flags;text\n KEY=value\n`, if it is the kernel's and is one.
fn complaint(record: &[u8]) -> Option<String> {
    let record = String::from_utf8_lossy(record);
    let (prefix, text) = record.split_once(';')?;
    let facility = prefix.split(',').next()?.parse::<u32>().ok()? >> 3;
    // Facility 0 is the kernel; anything else was written into the log by a program.
    (facility == 0)
        .then(|| text.lines().next().and_then(splat::find).map(str::to_owned))
        .flatten()
}

fn taint() -> Result<u64> {
    let word = fs::read_to_string("/proc/sys/kernel/tainted")
        .context("reading /proc/sys/kernel/tainted")?;
    Ok(word.trim().parse::<u64>()? & !TAINT_TEST)
}
