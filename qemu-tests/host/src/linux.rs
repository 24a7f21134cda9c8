// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel: its source, our series on top, its configurations, its image.

pub mod config;
pub mod image;
pub mod placement;
pub mod series;
pub mod source;
pub mod tree;
