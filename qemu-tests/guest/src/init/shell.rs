// SPDX-License-Identifier: MIT OR Apache-2.0
//! An interactive shell on the serial console, as on any terminal: its own session, job control, Ctrl-C.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};
use doors_protocol::Shell;
use nix::libc;

use crate::job;

nix::ioctl_write_ptr_bad!(set_window_size, libc::TIOCSWINSZ, libc::winsize);
nix::ioctl_write_int_bad!(set_controlling_terminal, libc::TIOCSCTTY);

const CONSOLE: &str = "/dev/ttyS0";

/// Runs the shell until it exits.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let console = OpenOptions::new()
        .read(true)
        .write(true)
        .open(CONSOLE)
        .with_context(|| format!("opening {CONSOLE}"))?;
    if let Some((lines, columns)) = shell.size {
        let size = libc::winsize {
            ws_row: lines,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // SAFETY: the descriptor is open and `size` outlives the call.
        unsafe { set_window_size(console.as_raw_fd(), &size) }?;
    }
    let mut command = Command::new("sh");
    command
        .arg("-l")
        .env_clear()
        .envs(job::ENVIRONMENT.iter().copied())
        .env("TERM", &shell.term)
        .stdin(console.try_clone()?)
        .stdout(console.try_clone()?)
        .stderr(console);
    // SAFETY: both calls are async-signal-safe, the child is alone with its copy of this process, and descriptor 0 is
    // the console by then.
    unsafe {
        command.pre_exec(|| {
            nix::unistd::setsid()?;
            set_controlling_terminal(0, 0)?;
            Ok(())
        });
    }
    let child = command.spawn().context("starting the shell")?;
    job::reap_until(child.id())?;
    job::kill_everything();
    Ok(())
}
