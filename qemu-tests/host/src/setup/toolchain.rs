// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which compilers build the kernel: the host's, if the kernel's own build accepts them, else the build root's.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::str::FromStr;

use anyhow::{bail, Result};

use super::build_root::BuildRoot;
use super::prerequisites;
use crate::exec;
use crate::paths::Paths;
use crate::ui;

/// What the host must have besides a compiler to build a kernel.
const HOST_TOOLS: &[&str] = &[
    "flex", "bison", "bc", "make", "lz4", "clang", "ld.lld", "rustc", "bindgen",
];

/// What the user asked for: `--toolchain` or `DOORS_TOOLCHAIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The host's if it is accepted, else the build root's.
    #[default]
    Auto,
    /// The host's; an error when it is not accepted.
    Host,
    /// The build root's.
    Root,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Choice, String> {
        match text {
            "auto" => Ok(Choice::Auto),
            "host" => Ok(Choice::Host),
            "root" => Ok(Choice::Root),
            _ => Err("it is one of: auto, host, root".into()),
        }
    }
}

impl Choice {
    /// The choice as it was written; part of what a kernel image depends on.
    pub fn name(self) -> &'static str {
        match self {
            Choice::Auto => "auto",
            Choice::Host => "host",
            Choice::Root => "root",
        }
    }
}

/// Compilers that build the kernel.
#[derive(Debug, Clone)]
pub enum Toolchain {
    /// Those on the `PATH`.
    Host,
    /// Those in a build root.
    Root(BuildRoot),
}

impl Toolchain {
    /// The toolchain to build the kernel source at `linux` with.
    pub fn choose(paths: &Paths, choice: Choice, linux: &Path) -> Result<Toolchain> {
        match choice {
            Choice::Root => {}
            Choice::Auto => {
                if refusal(linux).is_none() {
                    return Ok(Toolchain::Host);
                }
            }
            Choice::Host => match refusal(linux) {
                None => return Ok(Toolchain::Host),
                Some(why) => bail!(
                    "this host's toolchain cannot build the kernel: {why}\n\
                     Let `--toolchain root` make a build root, or see Documentation/rust/quick-start.rst in {}",
                    linux.display()
                ),
            },
        }
        prerequisites::require(paths, prerequisites::ROOT)?;
        let mut root = BuildRoot::open(paths)?;
        root.bind(linux);
        Ok(Toolchain::Root(root))
    }

    /// A command that runs with these compilers.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Toolchain::Host => Command::new(program),
            Toolchain::Root(root) => root.command(program),
        }
    }
}

/// Why the host's toolchain will not do, if it will not.
fn refusal(linux: &Path) -> Option<String> {
    if let Some(missing) = HOST_TOOLS.iter().find(|tool| !exec::on_path(tool)) {
        return Some(format!("there is no {missing}"));
    }
    let mut make = Command::new("make");
    make.arg("-C").arg(linux).args(["LLVM=1", "rustavailable"]);
    match exec::output(&mut make) {
        Ok(_) => {
            ui::say("this host's own toolchain can build the kernel: using it");
            None
        }
        Err(error) => Some(error.to_string()),
    }
}
