// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual machine: how it is started, talked to, and judged.

pub mod accelerator;
pub mod machine_log;
pub mod process;
pub mod qemu;
pub mod session;
pub mod tsc;
