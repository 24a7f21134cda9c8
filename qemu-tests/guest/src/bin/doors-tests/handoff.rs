// SPDX-License-Identifier: MIT OR Apache-2.0
//! Handing the CPU from thread to thread is the scheduler's business, and whatever else a scheduler can be asked for must
//! go on working in the middle of a call: fairness, clocks, affinity, priorities, signals, groups, CPUs that go.

pub(crate) mod busy;
pub(crate) mod clocks;
pub(crate) mod groups;
mod hogs;
pub(crate) mod inspection;
pub(crate) mod nested;
mod peer;
pub(crate) mod places;
pub(crate) mod priorities;
pub(crate) mod shares;
pub(crate) mod signals;
