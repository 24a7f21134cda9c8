// SPDX-License-Identifier: GPL-2.0

//! What the model computes, against what the specification says, for many more values than one would think of.

#![cfg(not(loom))]

mod attributes;
mod frame;
mod limits;
mod reply;
mod values;
