// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds, boots and judges the patched kernel. `cargo xtask` is this library's command line.
//!
//! - [`setup`]: what the host must have; [`linux`]: the kernel; [`guest`]: what runs on it;
//! - [`vm`]: the machine that puts the two together; [`library`]: what C programs are linked with;
//! - [`run`], [`mod@test`], [`mod@bench`], [`demo`], [`shell`], [`patches`], [`codegen`]: what users ask for;
//! - [`paths`], [`cache`], [`exec`], [`ui`]: where things are, when they are stale, running programs, showing progress.

pub mod bench;
pub mod cache;
pub mod codegen;
pub mod demo;
pub mod exec;
pub mod guest;
pub mod library;
pub mod linux;
pub mod patches;
pub mod paths;
pub mod run;
pub mod setup;
pub mod shell;
pub mod test;
pub mod ui;
pub mod vm;
