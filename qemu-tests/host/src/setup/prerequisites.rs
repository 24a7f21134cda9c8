// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of the host's that the harness calls, and the Debian packages that bring them.

use std::process::Command;

use anyhow::{bail, Result};

use super::privilege::as_root;
use crate::exec;
use crate::paths::Paths;
use crate::ui::Step;

/// A program, and the Debian package it comes in.
type Tool = (&'static str, &'static str);

/// What getting and patching the kernel's source takes.
pub const SOURCE: &[Tool] = &[
    ("patch", "patch"),
    ("tar", "tar"),
    ("xz", "xz-utils"),
    ("dpkg-deb", "dpkg"),
    ("make", "make"),
];

/// What making a build root takes.
pub const ROOT: &[Tool] = &[
    ("debootstrap", "debootstrap"),
    ("unshare", "util-linux"),
    ("chroot", "coreutils"),
    ("mount", "mount"),
];

/// What compiling C for the guest takes.
pub const COMPILE: &[Tool] = &[("cc", "gcc"), ("make", "make"), ("ar", "binutils")];

/// What working on the series takes.
pub const GIT: &[Tool] = &[("git", "git")];

/// Makes sure that these programs are there.
pub fn require(paths: &Paths, tools: &[Tool]) -> Result<()> {
    let missing: Vec<Tool> = tools
        .iter()
        .copied()
        .filter(|(program, _)| !exec::on_path(program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    packages.sort_unstable();
    packages.dedup();
    install(paths, &missing, &packages)
}

fn install(paths: &Paths, missing: &[Tool], packages: &[&str]) -> Result<()> {
    let names = missing
        .iter()
        .map(|(program, _)| *program)
        .collect::<Vec<_>>()
        .join(", ");
    let by_hand = format!("apt-get install {}", packages.join(" "));
    if !debian() {
        bail!("missing on this machine: {names}.\nInstall them; on Debian that is: {by_hand}");
    }
    let log = paths.log("prerequisites")?;
    let step = Step::begin(format!("installing {}", packages.join(", ")), Some(&log));
    let install = || {
        let mut apt = as_root("env");
        apt.args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-q",
            "-y",
            "--no-install-recommends",
            "install",
        ]);
        exec::run_logged(apt.args(packages), &log)
    };
    if install().is_ok() {
        return Ok(());
    }
    // A machine that is new has no package lists, one that is old has stale ones.
    step.note("refreshing the package lists");
    // One of several mirrors may be out of reach; what matters is whether the packages come.
    let _ = exec::run_logged(as_root("apt-get").args(["-q", "update"]), &log);
    step.note("installing");
    install().map_err(|error| {
        error.context(format!(
            "missing on this machine: {names}.\nInstall them as root: apt-get update && {by_hand}"
        ))
    })
}

fn debian() -> bool {
    exec::on_path("apt-get") && exec::succeeds(Command::new("apt-get").arg("--version"))
}
