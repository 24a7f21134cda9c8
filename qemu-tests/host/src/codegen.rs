// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask codegen`: everything that is made from the one list of system calls, `uapi/src/syscalls.rs`. Two whole
//! files, and the lines that one patch of the series adds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};
use doors_uapi::codegen as made;

use crate::cache;
use crate::linux::series;
use crate::paths::Paths;

mod added_lines;

use added_lines::{replace, Kind};

/// Whether to write, or to find out what would be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Write what differs.
    Overwrite,
    /// Fail if anything differs.
    Check,
}

/// The patch that has lines made from the list.
const PATCH: &str = "wire-up-the-door-system-calls.patch";

/// Makes or checks everything.
pub fn run(paths: &Paths, mode: Mode) -> Result<()> {
    let patch = patch(paths)?;
    let results = [
        (
            paths.source("kernel-rust/doors/syscalls.c"),
            made::Shims.to_string(),
        ),
        (
            paths.source("kernel-rust/include/linux/doors_syscalls.h"),
            made::Prototypes.to_string(),
        ),
        (patch.clone(), patch_text(&patch)?),
    ];
    let mut stale = Vec::new();
    for (path, text) in results {
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        match mode {
            Mode::Check => stale.push(Paths::show(&path)),
            Mode::Overwrite => {
                cache::replace(&path, text.as_bytes())?;
                println!("wrote {}", Paths::show(&path));
            }
        }
    }
    if !stale.is_empty() {
        bail!(
            "not what uapi/src/syscalls.rs makes: {}\nrun `cargo xtask codegen`",
            stale.join(", ")
        );
    }
    Ok(())
}

fn patch(paths: &Paths) -> Result<PathBuf> {
    let patches = series::read(paths)?;
    let found = patches
        .into_iter()
        .find(|patch| patch.name().ends_with(PATCH));
    Ok(found
        .with_context(|| format!("no patch in linux-patches/series is called ...-{PATCH}"))?
        .path)
}

fn patch_text(path: &Path) -> Result<String> {
    let mut text =
        fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    for (file, kind, lines) in [
        (
            "arch/x86/entry/syscalls/syscall_64.tbl",
            Kind::TableRow,
            made::X86TableRows.to_string(),
        ),
        (
            "scripts/syscall.tbl",
            Kind::TableRow,
            made::CommonTableRows.to_string(),
        ),
        (
            "include/linux/syscalls.h",
            Kind::Prototype,
            made::EntryPrototypes.to_string(),
        ),
        (
            "kernel/sys_ni.c",
            Kind::CondSyscall,
            made::CondSyscalls.to_string(),
        ),
    ] {
        text =
            replace(&text, file, kind, &lines).with_context(|| format!("in {}", path.display()))?;
    }
    Ok(text)
}
