// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask demo`: Solaris door programs, compiled unchanged, talking through doors of the patched kernel.

use std::path::Path;
use std::time::Duration;

use anyhow::{bail, Result};

use crate::cache;
use crate::guest::add::Added;
use crate::paths::Paths;
use crate::run::{self, MachineOptions};
use crate::test::c_programs;

/// The script and the C programs beside it.
const SOURCES: &str = "qemu-tests/guest/demo";

/// Where they are in the guest.
pub(crate) const GUEST: &str = "/demo";

/// The demo takes seconds; this is for a machine that does not get on.
const LIMIT: Duration = Duration::from_secs(300);

/// Compiles the demo's programs; what to bring along so that they are in [`GUEST`].
pub(crate) fn programs(paths: &Paths) -> Result<Vec<Added>> {
    let _lock = cache::lock(paths)?;
    let guest = Path::new(GUEST);
    let mut added = vec![Added::at(
        paths.source(SOURCES).join("demo.sh"),
        guest.join("demo.sh"),
    )];
    for built in c_programs::build(paths, SOURCES, |_| true)? {
        match built.program {
            Ok(program) => added.push(Added::at(program, guest.join(&built.name))),
            Err(error) => bail!("{error}"),
        }
    }
    Ok(added)
}

/// Plays it; returns its exit status.
pub fn play(paths: &Paths, machine: MachineOptions) -> Result<i32> {
    let options = run::Options {
        machine,
        timeout: Some(LIMIT),
        added: programs(paths)?,
        kernel_arguments: Vec::new(),
        command: vec!["sh".into(), format!("{GUEST}/demo.sh")],
    };
    run::run(paths, &options)
}
