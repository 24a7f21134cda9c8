// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random sequences are worth something only if they come to where it is interesting.

use doors_reference::sequences::sequences;
use doors_reference::{Happening, Outcome, System};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;

fn kind(happening: &Happening) -> String {
    let what = match &happening.outcome {
        None => "nothing".to_owned(),
        Some(Outcome::Failed(errno)) => format!("{errno}"),
        Some(Outcome::Invoked(invocation)) => match &invocation.message {
            None => "notified".to_owned(),
            Some(message) if message.received.is_some() => "invoked with a descriptor".to_owned(),
            Some(_) if invocation.info.is_some() => {
                "invoked as the last of a private pool".to_owned()
            }
            Some(_) => "invoked".to_owned(),
        },
        Some(Outcome::Result(message)) if message.received.is_some() => {
            "result with a descriptor".to_owned()
        }
        Some(Outcome::Result(_)) => "result".to_owned(),
        Some(Outcome::Caller(None)) => "the kernel's credentials".to_owned(),
        Some(_) => "other".to_owned(),
    };
    if happening.cancelled {
        format!("{what}, cancelled")
    } else {
        what
    }
}

#[test]
fn sequences_get_everywhere() {
    // Enough for the rarest to come several times.
    const SEQUENCES: usize = 200;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = sequences(40..80);
    let mut counts = BTreeMap::<String, usize>::new();
    let (mut operations, mut open) = (0, 0);
    for _ in 0..SEQUENCES {
        let sequence = strategy
            .new_tree(&mut runner)
            .expect("a sequence")
            .current();
        let mut system = System::default();
        for operation in &sequence {
            assert!(system.allows(operation), "{operation} is not allowed");
            operations += 1;
            let mut nexts = system.after(operation);
            open += usize::from(nexts.len() > 1);
            let next = nexts.swap_remove(0);
            for happening in next.happenings.values() {
                *counts.entry(kind(happening)).or_default() += 1;
            }
            system = next.system;
        }
    }
    eprintln!("{operations} operations, {open} of them may go several ways: {counts:#?}");
    for wanted in [
        "invoked",
        "invoked with a descriptor",
        "invoked as the last of a private pool",
        "notified",
        "result",
        "result with a descriptor",
        "the kernel's credentials",
        "nothing, cancelled",
        "EINTR, cancelled",
        "EAGAIN, cancelled",
        "EAGAIN",
        "EALREADY",
        "EBADF",
        "E2BIG",
        "EFAULT",
        "EINVAL",
        "EMFILE",
        "ENFILE",
        "ENOBUFS",
        "EOPNOTSUPP",
        "EPERM",
        "ERANGE",
    ] {
        assert!(counts.contains_key(wanted), "{wanted} never happens");
    }
}
