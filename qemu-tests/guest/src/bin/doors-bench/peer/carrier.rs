// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which way the kernel carries calls of doors. Programs cannot tell, except by the clock; the benchmark can choose.

use std::fs;
use std::io;
use std::path::Path;

use super::checked;

const DEBUGFS: &str = "/sys/kernel/debug";
const FILE: &str = "/sys/kernel/debug/doors/carrier";

/// The carrier that a kernel has which offers no choice.
pub(super) const ONLY: &str = "wake";

/// Has the kernel carry calls by `name` from now on. Answers false when it does not know that carrier, or offers no
/// choice.
pub(super) fn select_carrier(name: &str) -> io::Result<bool> {
    if !is_there() {
        return Ok(false);
    }
    match fs::write(FILE, name) {
        Ok(()) => Ok(true),
        // That is how files of the kernel's refuse a word.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the kernel offers a choice.
pub(super) fn is_there() -> bool {
    if Path::new(FILE).exists() {
        return true;
    }
    if !Path::new("/sys/kernel/debug/sched").exists() {
        // Where PID 1 has not done it; a kernel without it has no such file.
        let _ = mount();
    }
    Path::new(FILE).exists()
}

fn mount() -> io::Result<()> {
    let (kind, target) = (c"debugfs", std::ffi::CString::new(DEBUGFS)?);
    // SAFETY: the strings outlive the call.
    checked(unsafe {
        libc::mount(
            kind.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    })
    .map(drop)
}
