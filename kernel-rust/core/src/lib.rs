// SPDX-License-Identifier: GPL-2.0

//! The pure model of Solaris doors: everything that the kernel *decides* about a door call, in code
//! that knows no kernel.
//!
//! `model/` is compiled twice: here, where proptest, loom and Miri reach it, and as part of the
//! kernel crate in `ipc/doors`, where the same files find another [`platform`] under the same path.
//! That is all the two builds differ in.

#![cfg_attr(not(any(test, loom)), no_std)]

pub mod model;
pub mod platform;
