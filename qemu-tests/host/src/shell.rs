// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask shell`: a shell in the patched kernel, on this terminal.

use std::io::stdin;
use std::os::fd::AsRawFd;

use anyhow::Result;
use doors_protocol::{Event, Order, Plan, Shell};
use nix::libc;

use crate::demo;
use crate::guest::add::Added;
use crate::paths::Paths;
use crate::run::{prepare, MachineOptions, Prepared, STATUS_UNAVAILABLE};
use crate::ui;
use crate::vm::process::{News, Streams, Vm};
use crate::vm::qemu::Console;

mod ioctl {
    //! The macro makes public functions without documentation; here nobody outside sees them.
    nix::ioctl_read_bad!(get_window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize);
}

/// Boots and hands the terminal over, until the shell exits or the user ends the machine.
pub fn run(paths: &Paths, options: &MachineOptions, mut added: Vec<Added>) -> Result<i32> {
    let term = std::env::var("TERM").unwrap_or_else(|_| "vt100".into());
    let plan = Plan {
        shell: Some(Shell {
            size: window_size(),
            term,
        }),
        ..Plan::default()
    };
    added.extend(demo::programs(paths)?);
    let Prepared { mut machine, log } = prepare(paths, options, &plan, &added, "shell")?;
    machine.console = Console::Terminal;
    ui::say(&format!(
        "the demo's programs are in {}; `exit` powers off, Ctrl-A x pulls the plug",
        demo::GUEST
    ));
    let mut vm = Vm::boot(&machine, &log, Streams::nowhere())?;
    loop {
        match vm.next(None) {
            News::Event(Event::Done) => {
                vm.order(Order::PowerOff);
                // QEMU gives the terminal back in order only when it ends by itself.
                vm.power_off();
                return Ok(0);
            }
            News::Event(Event::Failed(why)) => ui::say(&why),
            News::Event(_) | News::Silence => {}
            News::Gone => {
                vm.wait()?;
                return Ok(STATUS_UNAVAILABLE);
            }
        }
    }
}

/// The terminal's lines and columns.
fn window_size() -> Option<(u16, u16)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the descriptor is open, and `size` is there to be written to.
    unsafe { ioctl::get_window_size(stdin().as_raw_fd(), &mut size) }.ok()?;
    (size.ws_row > 0).then_some((size.ws_row, size.ws_col))
}
