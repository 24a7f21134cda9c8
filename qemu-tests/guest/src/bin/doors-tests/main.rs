// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest tests: every rule of the specification that a program can observe, on the real system calls.
//!
//! PID 1 runs each test in a process of its own (`--exact NAME`), because tests fork, die and change the
//! process' limits. A test fails by panicking.

mod attach;
mod basic;
mod binding;
mod cancellation;
mod credentials;
mod crowd;
mod data;
mod depletion;
mod descriptors;
mod handoff;
mod last_closes;
mod leaks;
mod lifetime;
mod linux;
mod memory;
mod names;
mod namespaces;
mod parameters;
mod places;
mod pool;
mod processes;
mod queueing;
mod replies;
mod returns;
mod room;
mod signals;
mod support;
mod tracing;
mod unreferenced;

use std::process::ExitCode;
use support::Test;

const MODULES: &[&[Test]] = &[
    basic::TESTS,
    data::TESTS,
    replies::TESTS,
    descriptors::TESTS,
    pool::TESTS,
    signals::TESTS,
    lifetime::TESTS,
    attach::TESTS,
    names::TESTS,
    crowd::TESTS,
    memory::TESTS,
    returns::TESTS,
    places::TESTS,
    binding::TESTS,
    depletion::TESTS,
    credentials::TESTS,
    parameters::TESTS,
    unreferenced::TESTS,
    last_closes::TESTS,
    cancellation::TESTS,
    queueing::TESTS,
    tracing::TESTS,
    processes::TESTS,
    namespaces::TESTS,
    linux::TESTS,
    room::TESTS,
    leaks::TESTS,
    handoff::shares::TESTS,
    handoff::clocks::TESTS,
    handoff::nested::TESTS,
    handoff::places::TESTS,
    handoff::priorities::TESTS,
    handoff::signals::TESTS,
    handoff::busy::TESTS,
    handoff::groups::TESTS,
    handoff::inspection::TESTS,
];

const USAGE: &str = "\
usage: doors-tests --list         the names of all tests, one per line
       doors-tests --rules        the same, each with the rules it checks
       doors-tests --exact NAME   one test, in this process
       doors-tests [PART]         all tests whose names contain PART, each in a process of its own";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--list"] => all().for_each(|test| println!("{}", test.name)),
        ["--rules"] => all().for_each(|test| println!("{}\t{}", test.name, test.rules)),
        ["--exact", name] => match all().find(|test| test.name == name) {
            Some(test) => (test.run)(),
            None => {
                eprintln!("doors-tests: there is no test {name}");
                return ExitCode::from(2);
            }
        },
        // What a test that replaces its program becomes.
        [support::IDLE] => loop {
            std::thread::park();
        },
        [] => return every(""),
        [part] if !part.starts_with('-') => return every(part),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn all() -> impl Iterator<Item = &'static Test> {
    MODULES.iter().copied().flatten()
}

/// Runs tests as PID 1 does, for people in a shell.
fn every(part: &str) -> ExitCode {
    let mut passed = 0;
    let mut failed = 0;
    for test in all().filter(|test| test.name.contains(part)) {
        let status = std::process::Command::new("/proc/self/exe")
            .args(["--exact", test.name])
            .status();
        let ok = status.is_ok_and(|status| status.success());
        println!("{} {}", if ok { "ok    " } else { "FAILED" }, test.name);
        if ok {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
