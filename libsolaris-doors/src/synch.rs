// SPDX-License-Identifier: MIT OR Apache-2.0
//! `<synch.h>`: Solaris locks, which are POSIX locks by other names.
//!
//! Every function returns an error number. The differences that matter: a wait that takes too long is `ETIME`,
//! where POSIX says `ETIMEDOUT`; and types are flags.

pub mod cond;
pub mod mutex;
pub mod rwlock;
pub mod sema;

use core::ffi::c_int;

pub(crate) const USYNC_PROCESS: c_int = 0x01;
pub(crate) const LOCK_RECURSIVE: c_int = 0x02;
pub(crate) const LOCK_ERRORCHECK: c_int = 0x04;
pub(crate) const USYNC_PROCESS_ROBUST: c_int = 0x08;
pub(crate) const LOCK_PRIO_INHERIT: c_int = 0x10;
pub(crate) const LOCK_ROBUST: c_int = 0x40;

/// Whether several processes share what has this type.
fn is_shared(kind: c_int) -> c_int {
    if kind & (USYNC_PROCESS | USYNC_PROCESS_ROBUST) != 0 {
        libc::PTHREAD_PROCESS_SHARED
    } else {
        libc::PTHREAD_PROCESS_PRIVATE
    }
}

/// An error number as Solaris has it.
fn solaris(error: c_int) -> c_int {
    match error {
        libc::ETIMEDOUT => libc::ETIME,
        other => other,
    }
}
