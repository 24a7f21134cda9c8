// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the guest consists of besides its kernel: PID 1, tools, the files that the user brings.

pub mod add;
pub mod archive;
pub mod coreutils;
pub mod initramfs;
pub mod packages;
pub mod programs;
