// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which accelerator works here. `/dev/kvm` being there says little: in a virtual machine it may open, create a guest,
//! and die on that guest's first unusual instruction. So a guest is booted, once, and the answer is remembered.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::time::Duration;

use super::machine_log::MachineLog;
use super::process::Streams;
use super::qemu::{Accelerator, Console, Machine};
use super::session::{play, Limits};
use crate::cache::{self, Key};
use crate::paths::Paths;
use crate::setup::emulator::Emulator;
use crate::ui;
use anyhow::Result;

/// Hardware that works boots our kernel in less than a second.
const PROBE: Duration = Duration::from_secs(10);

/// The fastest accelerator that can run `kernel`. `idle` is an initramfs whose plan is empty.
pub fn choose(
    paths: &Paths,
    emulator: &Emulator,
    kernel: &Path,
    idle: impl FnOnce() -> Result<tempfile::NamedTempFile>,
) -> Result<Accelerator> {
    if OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_err()
    {
        return Ok(Accelerator::Tcg);
    }
    // The answer is about this processor, this host kernel and this QEMU.
    let key = Key::new()
        .with(fs::read("/proc/sys/kernel/osrelease")?)
        .with(processor())
        .with(emulator.version()?)
        .finish();
    let (works, fails) = (paths.cached("kvm-works"), paths.cached("kvm-fails"));
    if cache::is_fresh(&works, &key) {
        return Ok(Accelerator::Kvm);
    }
    if cache::is_fresh(&fails, &key) {
        return Ok(Accelerator::Tcg);
    }
    let initramfs = idle()?;
    let log = MachineLog::create(&paths.target("logs/kvm"))?;
    let machine = Machine {
        emulator: emulator.clone(),
        kernel: kernel.to_owned(),
        initramfs: initramfs.path().to_owned(),
        smp: 2,
        memory: 512,
        accelerator: Accelerator::Kvm,
        console: Console::Log(log.console()),
        kernel_arguments: Vec::new(),
    };
    let step = ui::Step::begin("trying whether /dev/kvm can run a guest", None);
    let limits = Limits {
        boot: PROBE,
        job: &|_| None,
    };
    let record = play(&machine, &limits, &log, Streams::nowhere, |_| {})?;
    drop(step);
    if record.release.is_some() && record.lost.is_none() {
        cache::stamp(&works, &key)?;
        return Ok(Accelerator::Kvm);
    }
    ui::say("/dev/kvm cannot run a guest on this machine: software emulation (TCG) from now on");
    cache::stamp(&fails, &key)?;
    Ok(Accelerator::Tcg)
}

/// The processor's name.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .find(|l| l.starts_with("model name"))
        .unwrap_or_default()
        .to_owned()
}
