// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whatever is done, in any order, some things are always so. They are checked from outside: on what there
//! is to see before and after each operation.

mod invariants;
mod ledger;
mod reach;

use doors_reference::sequences::sequences;
use doors_reference::system::Next;
use doors_reference::{Operation, System};
use ledger::Ledger;
use proptest::prelude::*;

/// A number that says which of several possibilities it shall be.
fn pick(seed: &mut u64, count: usize) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    (*seed >> 33) as usize % count
}

/// Does a sequence, along one of the ways that it may go.
fn walk(operations: &[Operation], mut seed: u64) -> Result<(System, Ledger), TestCaseError> {
    let mut system = System::default();
    let mut ledger = Ledger::default();
    for operation in operations {
        if system.allows(operation) {
            let mut nexts = system.after(operation);
            let next = nexts.swap_remove(pick(&mut seed, nexts.len()));
            system = check(system, &mut ledger, operation, next)?;
        }
    }
    Ok((system, ledger))
}

fn check(
    before: System,
    ledger: &mut Ledger,
    operation: &Operation,
    next: Next,
) -> Result<System, TestCaseError> {
    ledger.enter(&before, operation, &next);
    match invariants::broken(&before, operation, &next).or_else(|| ledger.broken(&next.system)) {
        Some(broken) => Err(TestCaseError::fail(format!(
            "{operation}: {broken}, with {:?}",
            next.happenings
        ))),
        None => Ok(next.system),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Each case is some fifty.
        cases: ProptestConfig::default().cases / 2,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    /// TP-1, TP-3, TP-6, RV-3, SI-31, UN-8 and those of `invariants.rs` and `ledger.rs`.
    #[test]
    fn what_is_always_so_is_so(operations in sequences(1..80), seed in any::<u64>()) {
        walk(&operations, seed)?;
    }

    /// When everybody has gone, nothing is left.
    #[test]
    fn everything_comes_to_an_end(operations in sequences(1..60), seed in any::<u64>()) {
        let (mut system, mut ledger) = walk(&operations, seed)?;
        // The last process cannot be killed by anybody; what is left of it is its own.
        let living: Vec<_> = system.living().skip(1).collect();
        for process in living {
            let operation = Operation::Kill(process);
            let next = system.after(&operation).swap_remove(0);
            system = check(system, &mut ledger, &operation, next)?;
        }
        let last = system.living().next();
        for thread in system.threads.iter().filter(|it| Some(it.process) != last) {
            prop_assert_eq!(thread.state, doors_reference::system::State::Gone);
        }
        for door in system.doors.iter().filter(|it| Some(it.target) != last) {
            prop_assert!(door.revoked && door.pool.parked.is_empty() && door.pool.waiting.is_empty());
        }
    }
}
