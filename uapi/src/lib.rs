// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! The doors ABI, once.
//!
//! - [`abi`]: layouts and constants, shared with the kernel as a file;
//! - [`syscalls`]: the one list of system calls, and the raw wrappers made from it;
//! - [`codegen`]: the same list as the kernel's C shims, prototypes and table rows;
//! - [`Errno`]: why a system call failed.
//!
//! C programs have `include/linux/doors.h`.

#![no_std]

pub mod abi;
pub mod codegen;
mod errno;
mod raw;
pub mod syscalls;
pub mod table;

pub use errno::Errno;
pub use raw::Descriptor;
