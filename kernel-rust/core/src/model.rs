// SPDX-License-Identifier: GPL-2.0

//! What a door call is, in states and numbers. Rule ids (`CA-2`, `DA-11`...) are those of the doors
//! specification.
//!
//! - [`call`]: the caller's side of one call, from delivery to the answer;
//! - [`activation`]: the server thread's side, from parking to being given a call;
//! - [`attributes`]: which attributes a door may have and who gets to see which;
//! - [`limits`]: what a request may carry;
//! - [`frame`]: where a request lies on the server thread's stack;
//! - [`reply`]: where an answer lies in the caller's buffer;
//! - [`losses`]: who tells that nobody refers to a door any more;
//! - [`errno`]: what can be said no with.

pub mod activation;
pub mod attributes;
pub mod call;
pub mod errno;
pub mod frame;
pub mod limits;
pub mod losses;
pub mod reply;
