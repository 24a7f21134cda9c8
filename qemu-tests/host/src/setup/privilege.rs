// SPDX-License-Identifier: MIT OR Apache-2.0
//! Doing what only root may, as root or through sudo.

use std::ffi::OsStr;
use std::process::Command;

use nix::unistd::{Gid, Uid};

/// A command that root runs.
pub fn as_root(program: impl AsRef<OsStr>) -> Command {
    if Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.arg("--").arg(program);
    sudo
}

/// Who we are, as chroot(8) takes it: what is built as this user in a build root is this user's outside.
pub fn userspec() -> String {
    format!("{}:{}", Uid::effective(), Gid::effective())
}
