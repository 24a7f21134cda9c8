// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask`: the project's one command. Argument parsing only; what is done lives in `doors-host`.

use std::process::ExitCode;

use clap::Parser;
use doors_host::paths::Paths;
use doors_host::run::STATUS_UNAVAILABLE;

mod arguments;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exact = matches!(arguments.command, Command::Run(_));
    match Paths::find().and_then(|paths| arguments.command.carry_out(&paths)) {
        // A status is 8 bits wide; the guest's kernel has already made it so.
        Ok(status) => ExitCode::from(u8::try_from(status & 0xff).unwrap_or(1)),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(if exact {
                u8::try_from(STATUS_UNAVAILABLE).unwrap_or(1)
            } else {
                1
            })
        }
    }
}
