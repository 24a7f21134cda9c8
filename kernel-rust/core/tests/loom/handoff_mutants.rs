// SPDX-License-Identifier: GPL-2.0

//! Each step that is left out or out of order is noticed, so what passes in `handoff.rs` means something.

use super::*;

/// Runs `mutant` through what it is to fail in.
fn mutated(mutant: Mutant, build: fn(&mut Machine), others: &'static [Act]) {
    in_all_ways(true, |setup| {
        explore(Setup { mutant, ..setup }, TWO, build, others);
    });
}

/// The one that is harmless; see `handoff.rs`.
#[test]
fn on_rq_may_be_published_before_the_edges_are_cleared() {
    mutated(Mutant::OnRqFirst, pair, &[signal_server]);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_sleeper_must_be_done_with_before_the_switch() {
    mutated(Mutant::AfterSwitch, pair, &[signal_server]);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_donor_must_be_woken_under_the_lock() {
    mutated(Mutant::AwakeUnlocked, pair, &[signal_caller]);
}

#[test]
#[should_panic(expected = "is queued, but off")]
fn the_loan_must_be_looked_at_under_the_lock() {
    mutated(Mutant::ReturnUnchecked, pair, &[signal_caller]);
}

#[test]
#[should_panic(expected = "the caller still sleeps")]
fn a_signal_must_be_looked_for_under_the_lock() {
    mutated(Mutant::SignalUnchecked, pair_with_nap, &[signal_caller]);
}

#[test]
#[should_panic(expected = "what runs lends nothing")]
fn a_woken_donor_must_not_lend_on() {
    mutated(Mutant::LoanKept, pair, &[signal_caller]);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_target_must_be_off_its_cpu() {
    mutated(Mutant::OnCpuIgnored, pair_apart, &[nothing]);
}
