// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Solaris doors library for Linux.
//!
//! C programs see `libdoor.so.1`, `libdoor.a` and the headers in `include/`; the modules here are named
//! after those headers. Rust programs may call the same functions directly.
//!
//! The kernel does the work of every call. What is left to the library is what Solaris also leaves to it:
//!
//! - [`door::create`], [`door::xcreate`]: the pools of server threads, and when they grow;
//! - [`door::ret`]: where on its stack a server thread takes its next call, what happens to a procedure
//!   that returns, and to a signal that finds the thread idle;
//! - [`door::call`]: that a call is a cancellation point;
//! - [`mod@errno`]: `-1` and `errno`.
//!
//! It is built without `std`, allocates nothing on the way of a call, takes no lock, and never unwinds.
//! Identifiers such as CR-1 are rules of the doors specification.

#![no_std]

pub mod door;
pub mod stropts;
pub mod synch;
pub mod thread;
pub mod ucred;

mod debug;
mod errno;
mod futex;
mod local;
mod process;
mod pthread;
mod stack;

#[cfg(all(feature = "c-library", panic = "abort", not(test)))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: abort has no preconditions. There is nothing left to say: the library has no code that
    // panics on purpose.
    unsafe { libc::abort() }
}
