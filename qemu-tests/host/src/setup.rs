// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the machine must have before anything can be built: programs of the host's, Debian's packages, a build root,
//! compilers, an emulator.

pub mod build_root;
pub mod debian;
pub mod emulator;
pub mod prerequisites;
pub mod privilege;
pub mod toolchain;
