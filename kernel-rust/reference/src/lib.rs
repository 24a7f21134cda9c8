// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole system of doors, as the specification has it: processes, threads, doors, descriptors, calls.
//!
//! This is a second opinion. It is written from the rules (their ids are in the comments) and shares no
//! decision with the kernel; it knows no locks, no memory and no time. One operation is done at a time, by
//! one thread or to one thread, and everything that follows from it has happened before the next one.
//! [`System::after`] says what there is to see then: who is told what, and who waits for what. Where the
//! rules leave open what happens, it says everything that may.
//!
//! - [`names`]: what processes, threads and doors are called;
//! - [`operation`]: what can be done;
//! - [`outcome`]: what can come of it;
//! - [`system`]: the state, and how an operation changes it;
//! - [`sequences`]: sequences of operations, for proptest.
//!
//! Its own tests hold it against invariants. The guest program `doors-sequences` does the same operations
//! with real processes and real system calls, and compares.

mod call;
mod choices;
mod door;
mod life;
pub mod names;
pub mod operation;
pub mod outcome;
mod pool;
mod reply;
pub mod sequences;
mod step;
pub mod system;
mod unreferenced;

pub use names::{DoorId, ProcessId, Slot, ThreadId};
pub use operation::{Action, Operation, Pass, Reply, Request};
pub use outcome::{Happening, Info, Invocation, Message, Outcome, Received};
pub use system::System;
