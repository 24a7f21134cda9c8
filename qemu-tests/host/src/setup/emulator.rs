// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which QEMU boots the machines: the host's, if it is new enough, else the build root's.
//!
//! Before 8.1, QEMU's multi-threaded software emulation translated code without locking the pages that it read. The
//! kernel patches its jump labels while the other processors run: a breakpoint first, the rest behind it. A processor
//! that translated the breakpoint at the wrong moment kept it, and the kernel died of `Oops: int3`, once in some dozens
//! of boots. QEMU's commit deba78709a ("accel/tcg: Always lock pages before translation") ended that.
//!
//! A machine with one processor was never hit; it gets the same QEMU all the same, so that figures can be compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{ensure, Context, Result};

use super::build_root::BuildRoot;
use crate::exec;
use crate::paths::Paths;

/// The first QEMU, major and minor, that will do.
const MINIMUM: (u32, u32) = (8, 1);

const PROGRAM: &str = "qemu-system-x86_64";

/// What no PC starts without. QEMU's Debian package only recommends the one that it is in.
const BIOS: &str = "bios-256k.bin";

/// What the build root gets. Its release has QEMU 10.
const PACKAGES: &[&str] = &["qemu-system-x86", "seabios"];

/// Where its libraries are in the build root.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// A QEMU that is new enough.
#[derive(Debug, Clone)]
pub enum Emulator {
    /// The one on the `PATH`.
    Host,
    /// The one in the build root that is here.
    Root(PathBuf),
}

impl Emulator {
    /// The host's, else the build root's; installed there if need be.
    pub fn choose(paths: &Paths) -> Result<Emulator> {
        let Err(refusal) = Emulator::Host.check() else {
            return Ok(Emulator::Host);
        };
        Emulator::in_root(paths).with_context(|| {
            let (major, minor) = MINIMUM;
            format!(
                "QEMU {major}.{minor} or newer is needed, and this machine's cannot be used: {refusal:#}.\n\
                 Install one that can (Debian 13 or newer: apt-get install {}), or mend what kept it from the build root",
                PACKAGES.join(" ")
            )
        })
    }

    fn in_root(paths: &Paths) -> Result<Emulator> {
        let root = BuildRoot::open(paths)?;
        let emulator = Emulator::Root(root.directory().to_owned());
        let program = Path::new("usr/bin").join(PROGRAM);
        root.add(paths, "qemu", PACKAGES, &program, || emulator.check())?;
        Ok(emulator)
    }

    /// A command that runs it.
    ///
    /// The build root's runs outside of it, without root's help: it needs no more of its Debian than its own dynamic
    /// loader, its libraries and modules, and the files that it shows to the guest.
    pub fn command(&self) -> Command {
        let Emulator::Root(root) = self else {
            return Command::new(PROGRAM);
        };
        let libraries = root.join(LIBRARIES);
        let mut qemu = Command::new(root.join("lib64/ld-linux-x86-64.so.2"));
        // The host's libraries are of no use to it: neither those in its cache nor one that the user preloads.
        qemu.env_remove("LD_PRELOAD")
            .args(["--inhibit-cache", "--library-path"])
            .arg(&libraries);
        qemu.env("QEMU_MODULE_DIR", libraries.join("qemu"));
        qemu.arg(root.join("usr/bin").join(PROGRAM));
        for data in ["qemu", "seabios"] {
            qemu.arg("-L").arg(root.join("usr/share").join(data));
        }
        qemu
    }

    /// What it says about itself; the first line has the version.
    pub fn version(&self) -> Result<String> {
        exec::output(self.command().arg("--version"))
    }

    /// An error that says why it will not do, if it will not.
    fn check(&self) -> Result<()> {
        if let Emulator::Host = self {
            ensure!(exec::on_path(PROGRAM), "there is no {PROGRAM}");
        }
        let version = self.version()?;
        let line = version.lines().next().unwrap_or_default();
        ensure!(
            parse_version(line).is_some_and(|found| found >= MINIMUM),
            "{line} is too old"
        );
        let data = exec::output(self.command().args(["-L", "help"]))?;
        ensure!(
            data.lines().any(|dir| Path::new(dir).join(BIOS).exists()),
            "it has no BIOS, {BIOS}"
        );
        Ok(())
    }
}

/// The major and the minor number in the first line of what `--version` prints.
fn parse_version(line: &str) -> Option<(u32, u32)> {
    let version = line.strip_prefix("QEMU emulator version ")?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        let version = |rest: &str| parse_version(&format!("QEMU emulator version {rest}"));
        assert_eq!(
            version("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)"),
            Some((7, 2))
        );
        assert_eq!(
            version("10.0.6 (Debian 1:10.0.6+ds-0+deb13u2)"),
            Some((10, 0))
        );
        assert_eq!(version("8.1.0"), Some((8, 1)));
        assert_eq!(version("8.1.50 (v8.1.0-1-gdeba78709a)"), Some((8, 1)));
        assert_eq!(version("9"), None);
        assert_eq!(version(""), None);
        assert_eq!(parse_version("QEMU something else 10.0.6"), None);
    }

    #[test]
    fn the_first_version_that_locks_is_new_enough() {
        let enough = |version: &str| {
            parse_version(&format!("QEMU emulator version {version}")).unwrap() >= MINIMUM
        };
        assert!(!enough("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)"));
        assert!(!enough("8.0.5"));
        assert!(enough("8.1.0"));
        assert!(enough("10.0.6 (Debian 1:10.0.6+ds-0+deb13u2)"));
    }
}
