// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library remembers about a thread.

use crate::door::xcreate::Pool;
use crate::stack::Bounds;
use core::arch::{asm, global_asm};

/// One per thread; all zero in a fresh one.
#[repr(C)]
pub(crate) struct Local {
    /// Where on its stack the thread takes its calls; a null base in a thread that never did.
    pub(crate) stack: Bounds,
    /// The door that the thread was made for, if its program makes threads by `door_xcreate` (XC-6);
    /// else null.
    pub(crate) pool: *const Pool,
}

// The language's own thread-locals need the standard library or a key, which costs a call; initial-exec
// storage costs an addition.
global_asm!(
    ".pushsection .tbss.solaris_doors_local, \"awT\", @nobits",
    ".globl solaris_doors_local",
    ".hidden solaris_doors_local",
    ".type solaris_doors_local, @object",
    ".size solaris_doors_local, {size}",
    ".p2align 3",
    "solaris_doors_local:",
    ".zero {size}",
    ".popsection",
    size = const size_of::<Local>(),
);

/// The calling thread's own.
///
/// The address is good for as long as the thread lives, and zero is a valid value of every field. No other
/// thread knows it, so whoever makes no reference of it that outlives a call may read and write there.
pub(crate) fn here() -> *mut Local {
    let cell;
    // SAFETY: this is how the ABI addresses initial-exec thread-local storage: the thread pointer is
    // stored where fs points, and the variable's offset from it is in the global offset table.
    unsafe {
        asm!(
            "mov {cell}, qword ptr fs:[0]",
            "add {cell}, qword ptr [rip + solaris_doors_local@GOTTPOFF]",
            cell = out(reg) cell,
            options(pure, nomem, nostack),
        );
    }
    cell
}
