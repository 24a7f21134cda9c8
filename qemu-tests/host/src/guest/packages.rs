// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's shell and small tools: static programs out of Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};

use crate::cache;
use crate::exec;
use crate::paths::Paths;
use crate::setup::debian;

/// The shell. Not busybox's: that one prefers its own `ls` to any on the `PATH`, and it does not know doors.
pub fn shell(paths: &Paths) -> Result<PathBuf> {
    fetch(paths, "bash-static", "bash-static")
}

/// The small tools: the program, and the paths of its applets, for instance `/usr/bin/awk`.
pub fn busybox(paths: &Paths) -> Result<(PathBuf, Vec<PathBuf>)> {
    let program = fetch(paths, "busybox-static", "busybox")?;
    // It is static and made for this architecture: it can say itself what it can do.
    let list = exec::output(Command::new(&program).arg("--list-full"))
        .context("asking busybox for its applets")?;
    // Everything is in /usr; /bin and /sbin are links.
    let place = |line: &str| Path::new("/usr").join(line.trim_start_matches("usr/"));
    let others = |path: &PathBuf| !path.ends_with("busybox") && !path.ends_with("sh");
    let applets = list.lines().map(place).filter(others).collect();
    Ok((program, applets))
}

/// The program `name` out of `package`; any version will do.
fn fetch(paths: &Paths, package: &str, name: &str) -> Result<PathBuf> {
    let directory = paths.cached(package);
    let stamp = paths.cached(format!("{package}.stamp"));
    let program = directory.join(name);
    if cache::is_fresh(&stamp, package) {
        return Ok(program);
    }
    let archive = debian::Archive::open(paths)?.package(package)?;
    let log = paths.log(package)?;
    let new = cache::workplace(&directory)?;
    exec::run_logged(
        Command::new("dpkg-deb").arg("-x").arg(archive).arg(&new),
        &log,
    )?;
    let places = ["usr/bin", "bin"].map(|bin| new.join(bin).join(name));
    let Some(unpacked) = places.into_iter().find(|place| place.exists()) else {
        bail!(
            "Debian's {package} has no {name} in it; see {}",
            Paths::show(&new)
        );
    };
    fs::rename(unpacked, new.join(name))?;
    cache::settle(&new, &directory)?;
    cache::stamp(&stamp, package)?;
    Ok(program)
}
