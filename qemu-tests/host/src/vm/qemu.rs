// SPDX-License-Identifier: MIT OR Apache-2.0
//! The QEMU command line. One place, because figures and time-outs depend on every word of it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use command_fds::{CommandFdExt, FdMapping};
use doors_protocol::{CONTROL_PORT, STDERR_PORT, STDOUT_PORT};

use super::tsc;
use crate::setup::emulator::Emulator;

/// What runs the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor itself.
    Kvm,
    /// QEMU, in software.
    Tcg,
    /// QEMU, in software and with a clock that counts instructions instead of time: two runs agree.
    Icount,
}

/// Where the guest's serial console goes.
#[derive(Debug, Clone)]
pub enum Console {
    /// Into this file.
    Log(PathBuf),
    /// To the user's terminal. Ctrl-A x ends the machine, Ctrl-A c shows QEMU's monitor.
    Terminal,
}

/// A machine to boot.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The QEMU that it is made of.
    pub emulator: Emulator,
    /// The kernel image.
    pub kernel: PathBuf,
    /// The initramfs.
    pub initramfs: PathBuf,
    /// How many processors.
    pub smp: u32,
    /// How much memory, in MiB.
    pub memory: u32,
    /// What runs it.
    pub accelerator: Accelerator,
    /// Where its console goes.
    pub console: Console,
    /// What else the kernel is told. The last word counts, so these outrank ours.
    pub kernel_arguments: Vec<String>,
}

/// The guest's ends of the lines that the host listens on, in the order of [`PORTS`].
pub type PortEnds = [OwnedFd; 3];

/// The names of the guest's ports.
pub const PORTS: [&str; 3] = [CONTROL_PORT, STDOUT_PORT, STDERR_PORT];

/// The first descriptor that QEMU gets a port's line as.
const FIRST_PORT: i32 = 10;

impl Machine {
    /// The command that boots this machine.
    pub fn command(&self, ports: PortEnds) -> Result<Command> {
        let mut qemu = self.emulator.command();
        qemu.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
        ]);
        match self.accelerator {
            Accelerator::Kvm => qemu.args(["-M", "q35", "-accel", "kvm", "-cpu", "host"]),
            // Five levels of page tables are one too many to walk in software. And while the kernel identifies its
            // processor it forgets for a moment that it has them: an interrupt just then makes KASAN complain.
            Accelerator::Tcg => qemu.args([
                "-M",
                "q35",
                "-accel",
                "tcg,thread=multi",
                "-cpu",
                "max,la57=off",
            ]),
            // `rep movsb` would count as one instruction whatever its length; without ERMS the kernel copies in a loop.
            Accelerator::Icount => qemu
                .args([
                    "-M",
                    "q35,hpet=off",
                    "-accel",
                    "tcg,thread=single",
                    "-icount",
                    "shift=0,sleep=off",
                ])
                .args(["-cpu", "max,la57=off,erms=off,fsrm=off"]),
        };
        qemu.args([
            "-smp",
            &self.smp.to_string(),
            "-m",
            &self.memory.to_string(),
        ]);
        qemu.arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.initramfs);
        qemu.args(["-append", &self.kernel_command_line()]);
        // The clock follows the host's; programs inside may look at the date.
        qemu.args(["-rtc", "base=utc"]);
        match &self.console {
            Console::Log(path) => qemu.args(["-serial", &format!("file:{}", escape(path))]),
            Console::Terminal => qemu
                .args(["-chardev", "stdio,id=console,mux=on,signal=off"])
                .args([
                    "-serial",
                    "chardev:console",
                    "-mon",
                    "chardev=console,mode=readline",
                ]),
        };
        qemu.args(["-device", "virtio-serial-pci,max_ports=8"]);
        let mut mappings = Vec::new();
        for ((name, end), fd) in PORTS.iter().zip(ports).zip(FIRST_PORT..) {
            qemu.args(["-chardev", &format!("socket,id={name},fd={fd}")]);
            qemu.args([
                "-device",
                &format!("virtserialport,chardev={name},name={name}"),
            ]);
            mappings.push(FdMapping {
                parent_fd: end,
                child_fd: fd,
            });
        }
        qemu.fd_mappings(mappings)?;
        Ok(qemu)
    }

    /// Every word of the kernel's command line: what goes wrong is to be seen, and to end the machine at once.
    fn kernel_command_line(&self) -> String {
        let mut words = vec!["console=ttyS0", "panic=-1", "oops=panic"];
        match self.console {
            // Everything: it costs a tenth of a second, and whoever reads a console log needs it.
            Console::Log(_) => words.push("loglevel=7"),
            // Warnings only: the user is typing there.
            Console::Terminal => words.push("loglevel=5"),
        }
        if self.accelerator != Accelerator::Kvm {
            // A busy host can keep a processor of the guest's waiting for longer than the usual 21 s.
            words.push("rcupdate.rcu_cpu_stall_timeout=60");
            // The processors share one TSC. Comparing theirs, the kernel can wait for ever: while the clock is still
            // the timer's interrupt, stop_machine() has the other processor wait for this one, and nobody's time runs
            // out.
            words.push("tsc=reliable");
        }
        let frequency;
        match self.accelerator {
            Accelerator::Kvm => {}
            Accelerator::Tcg => {
                // A busy host delivers the timer's interrupts late: too late to try it out, or to measure by it.
                frequency = format!("tsc_early_khz={}", tsc::khz());
                words.extend(["no_timer_check", &frequency]);
            }
            // It counts instructions here; calibrating it against another clock makes no sense and costs some.
            Accelerator::Icount => words.push("clocksource=tsc"),
        }
        words.extend(self.kernel_arguments.iter().map(String::as_str));
        words.join(" ")
    }
}

/// A path in a QEMU option: commas separate what follows, so a comma is written twice.
fn escape(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}
