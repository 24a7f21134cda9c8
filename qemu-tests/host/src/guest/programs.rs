// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's Rust programs: PID 1 and the tests, statically linked, so that the guest needs no library.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::exec;
use crate::paths::Paths;

/// The only target that every rustup has here. glibc can be linked statically.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Has cargo build the programs called `names`; returns their paths. cargo knows what is fresh.
pub fn build(paths: &Paths, names: &[&str]) -> Result<Vec<PathBuf>> {
    let log = paths.log("guest-programs")?;
    // A target directory of their own: other flags than the host's programs have, and no waiting for cargo's lock.
    let target = paths.target("guest");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths.root()).args([
        "build",
        "--quiet",
        "--release",
        "-p",
        "doors-guest",
        "--target",
        TARGET,
    ]);
    cargo.arg("--target-dir").arg(&target);
    for name in names {
        cargo.args(["--bin", name]);
    }
    cargo
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    exec::run_logged(&mut cargo, &log).context("building the guest's programs")?;
    Ok(names
        .iter()
        .map(|name| target.join(TARGET).join("release").join(name))
        .collect())
}
