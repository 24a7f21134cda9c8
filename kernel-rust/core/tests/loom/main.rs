// SPDX-License-Identifier: GPL-2.0

//! The hand-over between caller and server, in every order in which the steps of several threads can come and with
//! everything that the memory model lets them see.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p doors-core --test loom --release --target-dir target/loom
//! ```
//!
//! What lies in the slots is watched by loom, too: two threads that both believe to own it fail a test. Each side keeps
//! to its part of the protocol; `tests/machine` has what must be harmless besides.

#![cfg(loom)]

#[path = "../by_value/mod.rs"]
mod by_value;

mod activation;
mod call;
mod handoff;
mod losses;
mod round_trip;

/// What is sent: neither `Copy` nor `Clone`, so that it has one owner, and dropping it is a use.
#[derive(Debug, PartialEq, Eq)]
struct Parcel(Box<u32>);

impl Parcel {
    fn new(number: u32) -> Self {
        Self(Box::new(number))
    }
}
