// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random sequences of operations on doors, done by real processes with the real system calls and by the reference
//! (`kernel-rust/reference`), and compared after every step: who is told what, and who sleeps in what.
//!
//! `main` makes sequences and tells what came of them, or takes those of `known`; `replay` does one; `machine` has the
//! real processes, of which each thread is a `worker` that does as it is told through its `seat`.

mod known;
mod leaks;
mod look;
mod machine;
mod memory;
mod replay;
mod seat;
mod server;
mod translate;
mod wire;
mod worker;

use doors_reference::names::SLOTS;
use doors_reference::sequences::{sequences, shortest};
use doors_reference::{DoorId, Operation, Slot};
use known::KNOWN;
use leaks::Ledger;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use replay::{replay, Patience};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use worker::Hall;

/// The number of the first slot of a table: the standard descriptors are before it.
pub(crate) const FIRST_DESCRIPTOR: i32 = 3;

/// How many random operations a sequence has.
const LENGTH: std::ops::Range<usize> = 10..70;

/// How long to look for a shorter sequence that fails.
const SHORTENING: Duration = Duration::from_secs(60);

pub(crate) fn descriptor_of(slot: Slot) -> i32 {
    slot.0 as i32 + FIRST_DESCRIPTOR
}

pub(crate) fn slot_of(descriptor: i32) -> Result<Slot, String> {
    let slot = usize::try_from(descriptor - FIRST_DESCRIPTOR).ok();
    let slot = slot.filter(|slot| *slot < SLOTS).map(Slot);
    slot.ok_or(format!("descriptor {descriptor}"))
}

/// Cookies are numbers that are nothing else.
const COOKIES: u64 = 0x00c0_041e_0000;

pub(crate) fn cookie_of(door: usize) -> u64 {
    COOKIES + door as u64
}

pub(crate) fn door_of_cookie(cookie: u64) -> Result<DoorId, String> {
    let door = cookie.checked_sub(COOKIES).filter(|door| *door < 1000);
    door.map(|door| DoorId(door as usize))
        .ok_or(format!("cookie {cookie:#x}"))
}

/// A procedure is an address, or anything else (CR-6).
pub(crate) fn procedure_of(cookie: u64) -> u64 {
    !cookie
}

const USAGE: &str = "\
usage: doors-sequences [--seconds N] [--cases N] [--seed S]
       doors-sequences --known N
Makes random sequences of operations on doors and holds what the kernel does against the reference, for as long or as
often as is said; otherwise 100 times. The first sequence comes from seed S, the next from S + 1. Without --seed, S is a
fresh number. With --known, does each sequence that has once failed N times, because what is right in it may depend on
who is faster.";

struct Options {
    /// How often to do what is known, instead of anything random.
    known: Option<u64>,
    seconds: Option<u64>,
    cases: Option<u64>,
    seed: u64,
}

fn options(arguments: &[String]) -> Option<Options> {
    let mut options = Options {
        known: None,
        seconds: None,
        cases: None,
        seed: fresh(),
    };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next()?.parse().ok()?;
        match name.as_str() {
            "--known" => options.known = Some(value),
            "--seconds" => options.seconds = Some(value),
            "--cases" => options.cases = Some(value),
            "--seed" => options.seed = value,
            _ => return None,
        }
    }
    if options.seconds.is_none() {
        options.cases.get_or_insert(100);
    }
    Some(options)
}

/// A number that nobody has had. Short, so that it can be typed.
fn fresh() -> u64 {
    let mut bytes = [0; 4];
    // SAFETY: fills as many bytes as there are.
    let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    assert_eq!(filled, 4, "no random numbers");
    u32::from_ne_bytes(bytes).into()
}

fn sequence(seed: u64) -> Vec<Operation> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = sequences(LENGTH).new_tree(&mut runner);
    tree.expect("there is always something to do").current()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Grandchildren come to us when their parents end.
    // SAFETY: changes who is the reaper of this process' descendants.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let hall: &'static Hall = Box::leak(Box::new(Hall {
        seats: seat::Seats::new(),
        rooms: memory::Room::map(),
    }));
    let mut session = Session {
        hall,
        begun: Instant::now(),
        cases: 0,
        steps: 0,
        ledger: Ledger::default(),
    };
    let done = match options.known {
        Some(times) => session.known(times),
        None => session.random(&options),
    };
    if done.is_err() {
        return ExitCode::FAILURE;
    }
    session.summarize();
    ExitCode::SUCCESS
}

/// Sequences, one after the other, until one fails.
struct Session {
    hall: &'static Hall,
    begun: Instant,
    cases: u64,
    steps: usize,
    ledger: Ledger,
}

/// Something was wrong, and has been reported.
struct Failed;

impl Session {
    /// Does each known sequence so often.
    fn known(&mut self, times: u64) -> Result<(), Failed> {
        for (number, operations) in KNOWN.iter().enumerate() {
            for _ in 0..times {
                let name = format!("the known sequence {number} (--known {times})");
                self.play(&name, operations)?;
            }
        }
        Ok(())
    }

    /// Does random ones.
    fn random(&mut self, options: &Options) -> Result<(), Failed> {
        println!("doors-sequences: from seed {}", options.seed);
        while !self.is_over(options) {
            let seed = options.seed.wrapping_add(self.cases);
            self.play(&format!("--seed {seed} --cases 1"), &sequence(seed))?;
        }
        Ok(())
    }

    fn is_over(&self, options: &Options) -> bool {
        let seconds = self.begun.elapsed().as_secs();
        options.cases.is_some_and(|limit| self.cases >= limit)
            || options.seconds.is_some_and(|limit| seconds >= limit)
    }

    fn play(&mut self, name: &str, operations: &[Operation]) -> Result<(), Failed> {
        let result = replay(self.hall, operations, Patience::Long);
        let done = result.and_then(|done| self.ledger.check().map(|()| done));
        self.steps += done.map_err(|why| {
            report(self.hall, name, operations, &why);
            Failed
        })?;
        self.cases += 1;
        Ok(())
    }

    fn summarize(&self) {
        println!(
            "doors-sequences: {} sequences, {} steps, {:.1} s, {}",
            self.cases,
            self.steps,
            self.begun.elapsed().as_secs_f64(),
            self.ledger.summary()
        );
    }
}

/// Says what went wrong, of the shortest sequence in which it does.
fn report(hall: &'static Hall, name: &str, operations: &[Operation], why: &str) {
    println!(
        "FAILED with {name}, after {} operations:\n{why}",
        operations.len()
    );
    println!("Looking for a shorter sequence...");
    let end = Instant::now() + SHORTENING;
    let mut last = None;
    let short = shortest(operations, |operations| {
        if Instant::now() >= end {
            return false;
        }
        match replay(hall, operations, Patience::Short) {
            Ok(_) => false,
            Err(why) => {
                last = Some(why);
                true
            }
        }
    });
    match last {
        Some(why) => {
            println!("The shortest that fails has {} operations:", short.len());
            short.iter().for_each(|operation| println!("  {operation}"));
            println!("{why}");
        }
        None => println!("There is none; it may not fail every time."),
    }
}
