// SPDX-License-Identifier: GPL-2.0

//! Hand-off scheduling: is a wake-up ever lost, or a task run twice?
//!
//! `switch` is `sched/handoff.h` and `core` what of `kernel/sched/core.c` it meets, each function under the C
//! function's name, with its loads, stores and locks in its order and with its memory orders. To be read side by side.
//! A raw spinlock is a [`loom::sync::Mutex`] (which acquires and releases, no more), `smp_mb()` a `SeqCst` fence, and
//! what C protects with the lock of the run queue is a plain field, so that loom fails on access without. The exception
//! is `->handoff_donor`, which `schedule_handoff()` peeks at. `script` has the tasks, which are no C code.
//!
//! A CPU is a thread of loom's; tasks are scripts that it executes step by step. It stops when it idles, and when all
//! have stopped, each goes on once more with what was queued on it meanwhile: that is the interrupt that a real one
//! would have been sent. Then all callers must be through, and all servers parked with no request and no signal left.
//!
//! That the model can fail is shown by the mutants at the end. One that one might expect among them is none: to publish
//! `on_rq` = 0 before the edges are cleared does no harm as long as both come before the switch, because whoever finds
//! `on_rq` = 0 waits for `on_cpu` = 0 as well before it touches more.

#[path = "handoff_core.rs"]
mod core;
#[path = "handoff_machine.rs"]
mod machine;
#[path = "handoff_mutants.rs"]
mod mutants;
#[path = "handoff_script.rs"]
mod script;
#[path = "handoff_switch.rs"]
mod switch;

use self::core::Cpu;
use loom::{sync::Arc, thread};
use machine::*;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Relaxed, Release},
};

/// With how many preemptions of loom's, at places where a thread need not stop, two and three threads are explored.
const TWO: usize = 3;
const THREE: usize = 2;
/// The same for a chain of calls, which is longer.
const CHAIN: usize = 2;

/// What a CPU does first.
type Act = fn(&Cpu<'_>);

const CALLER: TaskId = 0;
const SERVER: TaskId = 1;
const OTHER_CALLER: TaskId = 2;
const INNER_SERVER: TaskId = 2;

fn signal_caller(cpu: &Cpu<'_>) {
    cpu.signal_wake_up(CALLER);
}

fn signal_server(cpu: &Cpu<'_>) {
    cpu.signal_wake_up(SERVER);
}

fn signal_inner_server(cpu: &Cpu<'_>) {
    cpu.signal_wake_up(INNER_SERVER);
}

fn change_caller(cpu: &Cpu<'_>) {
    cpu.sched_change(CALLER);
}

fn change_server(cpu: &Cpu<'_>) {
    cpu.sched_change(SERVER);
}

fn tick(cpu: &Cpu<'_>) {
    cpu.sched_tick(0);
}

fn tick_and_signal_caller(cpu: &Cpu<'_>) {
    tick(cpu);
    signal_caller(cpu);
}

/// Ends the nap of the server.
fn end_nap(cpu: &Cpu<'_>) {
    cpu.machine.event.store(true, Release);
    cpu.try_to_wake_up(SERVER, TASK_NORMAL, false);
}

fn signal_caller_and_end_nap(cpu: &Cpu<'_>) {
    signal_caller(cpu);
    end_nap(cpu);
}

fn nothing(_: &Cpu<'_>) {}

/// Explores `build`'s machine with CPU 0 in the current thread and `others` as the further ones.
fn explore(setup: Setup, preemptions: usize, build: fn(&mut Machine), others: &'static [Act]) {
    let mut model = loom::model::Builder::new();
    // LOOM_MAX_PREEMPTIONS in the environment is for who has more time.
    model.preemption_bound = model.preemption_bound.or(Some(preemptions));
    model.check(move || {
        let mut machine = Machine::new(1 + others.len(), setup.clone());
        build(&mut machine);
        let machine = Arc::new(machine);
        let threads: Vec<_> = (1..)
            .zip(others)
            .map(|(id, act)| {
                let machine = Arc::clone(&machine);
                thread::spawn(move || {
                    let mut cpu = Cpu::new(&machine, id);
                    act(&cpu);
                    cpu.run();
                })
            })
            .collect();
        Cpu::new(&machine, 0).run();
        for thread in threads {
            thread.join().unwrap();
        }
        settle(&machine);
        if machine.tasks[SERVER].script.get().at == At::Nap {
            // Nobody has woken the server, so it is the signal that the caller has come back for.
            let caller = machine.tasks[CALLER].script.get();
            assert_eq!(caller.at, At::Gone, "the caller still sleeps");
            end_nap(&Cpu::new(&machine, 0));
            settle(&machine);
        }
        machine.check();
    });
}

/// Runs all CPUs, one at a time, until all idle.
fn settle(machine: &Machine) {
    // What one CPU does may be work for the other.
    for _ in 0..3 {
        for id in 0..machine.cpus() {
            Cpu::new(machine, id).run();
        }
    }
}

/// Loans, or plain hand-offs only.
fn setup(lends: bool) -> Setup {
    Setup {
        lends,
        picks_last: false,
        wakes_on: None,
        mutant: Mutant::No,
        seen: Default::default(),
    }
}

/// `scenario` with either end of the queue picked first, and with wake-ups that leave a task where it was or move it to
/// CPU 1. Returns what has happened.
fn in_all_ways(lends: bool, scenario: impl Fn(Setup)) -> std::sync::Arc<Seen> {
    let base = setup(lends);
    for picks_last in [false, true] {
        for wakes_on in [None, Some(1)] {
            scenario(Setup {
                picks_last,
                wakes_on,
                ..base.clone()
            });
        }
    }
    base.seen
}

fn happened(count: &AtomicUsize) -> bool {
    count.load(Relaxed) > 0
}

/// A caller that runs on CPU 0 and a server that has parked there.
fn pair(machine: &mut Machine) {
    assert_eq!(machine.caller(0, SERVER), CALLER);
    assert_eq!(machine.server(0, true, Role::Server), SERVER);
}

/// The same, with a server that sleeps in the middle of the call.
fn pair_with_nap(machine: &mut Machine) {
    assert_eq!(machine.caller(0, SERVER), CALLER);
    assert_eq!(machine.server(0, true, Role::Napper), SERVER);
}

/// Two callers, each on a CPU, and the server that both call; it has parked on the first.
fn rivals(machine: &mut Machine) {
    pair(machine);
    assert_eq!(machine.caller(1, SERVER), OTHER_CALLER);
}

/// A caller on CPU 0, and its server that is about to park on CPU 1.
fn pair_apart(machine: &mut Machine) {
    assert_eq!(machine.caller(0, SERVER), CALLER);
    assert_eq!(machine.server(1, false, Role::Server), SERVER);
}

/// A caller, its server, and the server that that one calls meanwhile, all on CPU 0.
fn chain(machine: &mut Machine) {
    assert_eq!(machine.caller(0, SERVER), CALLER);
    let relay = Role::Relay(INNER_SERVER);
    assert_eq!(machine.server(0, true, relay), SERVER);
    assert_eq!(machine.server(0, true, Role::Server), INNER_SERVER);
}

/// Runs `pair` with `act` on the other CPU in all ways.
fn disturbed(lends: bool, act: &'static [Act]) -> std::sync::Arc<Seen> {
    in_all_ways(lends, |setup| explore(setup, TWO, pair, act))
}

#[test]
fn lend_and_return() {
    let seen = disturbed(true, &[nothing]);
    assert!(happened(&seen.lent) && happened(&seen.returned));
    assert!(!happened(&seen.ended) && !happened(&seen.replaced));
}

#[test]
fn lend_and_return_with_a_signal_to_the_caller() {
    let seen = disturbed(true, &[signal_caller]);
    assert!(happened(&seen.lent) && happened(&seen.returned));
    assert!(happened(&seen.ended) && happened(&seen.refused));
}

#[test]
fn lend_and_return_with_a_signal_to_the_server() {
    let seen = disturbed(true, &[signal_server]);
    assert!(happened(&seen.lent) && happened(&seen.returned));
    assert!(happened(&seen.refused));
}

#[test]
fn lend_and_return_with_signals_to_both() {
    let seen = in_all_ways(true, |setup| {
        explore(setup, THREE, pair, &[signal_caller, signal_server]);
    });
    assert!(happened(&seen.lent) && happened(&seen.ended));
}

#[test]
fn plain() {
    let seen = disturbed(false, &[nothing]);
    assert!(happened(&seen.replaced) && !happened(&seen.lent));
}

#[test]
fn plain_with_a_signal_to_the_caller() {
    let seen = disturbed(false, &[signal_caller]);
    assert!(happened(&seen.replaced) && happened(&seen.refused));
}

#[test]
fn plain_with_a_signal_to_the_server() {
    let seen = disturbed(false, &[signal_server]);
    assert!(happened(&seen.replaced) && happened(&seen.refused));
}

/// One of the two takes the server along; the other finds it awake, or asleep again.
#[test]
fn two_cpus_hand_to_the_same_server() {
    for lends in [false, true] {
        let seen = in_all_ways(lends, |setup| explore(setup, TWO, rivals, &[nothing]));
        assert!(happened(&seen.replaced) && happened(&seen.refused));
        assert_eq!(happened(&seen.lent), lends);
    }
}

/// As above, and a caller is interrupted meanwhile.
fn rivals_disturbed(lends: bool) {
    let seen = in_all_ways(lends, |setup| {
        explore(setup, THREE, rivals, &[nothing, signal_caller]);
    });
    assert!(happened(&seen.replaced) && happened(&seen.refused));
    assert_eq!(happened(&seen.lent), lends);
}

#[test]
fn two_cpus_lend_to_the_same_server_with_a_signal() {
    rivals_disturbed(true);
}

#[test]
fn two_cpus_hand_to_the_same_server_with_a_signal() {
    rivals_disturbed(false);
}

/// The server is on its way to sleep, and may still be on its CPU when it is to be taken from there.
#[test]
fn hand_to_a_server_that_parks_elsewhere() {
    for lends in [false, true] {
        let seen = in_all_ways(lends, |setup| explore(setup, TWO, pair_apart, &[nothing]));
        assert!(happened(&seen.replaced) && happened(&seen.refused));
    }
}

/// The loan ends because the donee sleeps, or because the donor is woken, or because of both at once.
#[test]
fn a_donee_that_blocks_while_its_donor_is_woken() {
    let seen = in_all_ways(true, |setup| {
        explore(setup, TWO, pair_with_nap, &[signal_caller_and_end_nap]);
    });
    assert!(happened(&seen.lent) && happened(&seen.ended) && happened(&seen.deactivated));
}

/// The same with the two wake-ups on two CPUs.
#[test]
fn a_donee_that_blocks_while_its_donor_and_it_are_woken() {
    let seen = in_all_ways(true, |setup| {
        explore(setup, THREE, pair_with_nap, &[signal_caller, end_nap]);
    });
    assert!(happened(&seen.lent) && happened(&seen.ended) && happened(&seen.deactivated));
}

/// A caller that is interrupted does not wait for its server.
#[test]
fn a_signal_for_a_caller_whose_server_never_answers() {
    for lends in [false, true] {
        in_all_ways(lends, |setup| {
            explore(setup, TWO, pair_with_nap, &[signal_caller]);
        });
    }
}

/// Loans nest; each of the three is disturbed at any moment.
fn chained(act: &'static [Act]) {
    let seen = in_all_ways(true, |setup| explore(setup, CHAIN, chain, act));
    assert!(happened(&seen.lent) && happened(&seen.returned));
}

#[test]
fn a_chain_of_loans_with_a_signal_to_the_caller() {
    chained(&[signal_caller]);
}

#[test]
fn a_chain_of_loans_with_a_signal_to_its_middle() {
    chained(&[signal_server]);
}

#[test]
fn a_chain_of_loans_with_a_signal_to_its_end() {
    chained(&[signal_inner_server]);
}

/// The tick ends a loan, and the donor may be woken besides.
#[test]
fn lend_and_return_with_a_tick() {
    for act in [&[tick as Act], &[tick_and_signal_caller]] {
        let seen = disturbed(true, act);
        assert!(happened(&seen.lent) && happened(&seen.ended));
    }
}

/// A change of priority ends a loan, whichever end of it is concerned.
#[test]
fn lend_and_return_with_a_change_of_priority() {
    for act in [&[change_caller as Act], &[change_server]] {
        let seen = disturbed(true, act);
        assert!(happened(&seen.lent) && happened(&seen.ended));
    }
}
