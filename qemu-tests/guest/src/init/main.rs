// SPDX-License-Identifier: MIT OR Apache-2.0
//! PID 1 of the virtual machine: furnishes it, carries out the host's plan, reports, powers off.
//!
//! It must never return or panic away: the kernel would panic with it, and the host would take that for the kernel's
//! own fault. So everything that can fail ends in [`main`], which reports it and powers off.

use std::fs;
use std::panic;

use anyhow::{Context, Result};
use doors_protocol::{Event, Output, Plan, PLAN_PATH};

mod checks;
mod control;
mod job;
mod kernel_log;
mod machine;
mod ports;
mod shell;

use control::Control;
use kernel_log::KernelLog;

fn main() {
    let outcome =
        panic::catch_unwind(serve).unwrap_or_else(|_| Err(anyhow::anyhow!("PID 1 panicked")));
    if let Err(error) = outcome {
        // The console is /dev/console, inherited from the kernel: the one place that is there however early this is.
        eprintln!("init: {error:#}");
    }
    machine::power_off();
}

/// Everything between the kernel's hand-over and the power switch.
fn serve() -> Result<()> {
    machine::furnish()?;
    let plan = fs::read_to_string(PLAN_PATH).with_context(|| format!("reading {PLAN_PATH}"))?;
    let plan: Plan =
        doors_protocol::decode(&plan).with_context(|| format!("understanding {PLAN_PATH}"))?;
    let control = Control::open()?;

    let outcome = carry_out(&plan, &control);
    if let Err(error) = &outcome {
        control.report(&Event::Failed(format!("{error:#}")))?;
    }
    control.report(&Event::Done)?;
    control.wait_for_power_off();
    outcome
}

fn carry_out(plan: &Plan, control: &Control) -> Result<()> {
    let mut log = KernelLog::open()?;
    control.report(&Event::Up {
        release: machine::release()?,
        splats: log.new_splats()?,
    })?;

    if let Some(shell) = &plan.shell {
        return shell::run(shell);
    }
    if plan.kmemleak {
        checks::forget_old_leaks()?;
    }
    for (index, job) in plan.jobs.iter().enumerate() {
        control.begin(index);
        control.report(&Event::JobStarted(index))?;
        let outcome = match job.output {
            Output::Stream => job::run_streamed(job)?,
            Output::Capture => job::run_captured(job)?,
        };
        let ending = control.end(index, outcome.ending);
        let mut splats = log.new_splats()?;
        splats.extend(outcome.survivors);
        control.report(&Event::JobEnded {
            job: index,
            ending,
            output: outcome.output,
            streamed: outcome.streamed,
            splats,
        })?;
    }
    if plan.kunit {
        checks::kunit_results(|suite, ktap| control.report(&Event::Kunit { suite, ktap }))?;
    }
    if plan.kmemleak {
        control.report(&Event::Kmemleak(checks::leaks()?))?;
    }
    Ok(())
}
