// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the library says on standard error, when `SOLARIS_DOORS_DEBUG` is set.

use crate::door::pool;
use crate::process;
use core::sync::atomic::{AtomicBool, Ordering};
use doors_uapi::abi::{DoorInfo, DOOR_QUERY};
use doors_uapi::{syscalls, Errno};

/// Functions that say something once.
macro_rules! sayings {
    ($($(#[$doc:meta])* $name:ident: $message:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) fn $name() {
            static SAID: AtomicBool = AtomicBool::new(false);
            if enabled() && !SAID.swap(true, Ordering::Relaxed) {
                say(concat!($message, "\n"));
            }
        }
    )*};
}

sayings! {
    /// Why every function fails.
    no_doors: "the running kernel has no door system calls (CONFIG_DOORS): every function fails with ENOSYS";
    /// The default function was asked for a thread of a private door (TP-14).
    unbound_pool: "a door with DOOR_PRIVATE, but no door_server_create(): the default function's threads do not \
        door_bind(), so callers of the door wait for ever";
    /// A thread joins the shared pool, though no door needs it (TP-2).
    unbound_thread: "a thread waits in door_return() without a door_bind(), but every door of this process is \
        DOOR_PRIVATE: it will serve none of them";
    /// A reply could not be given for lack of descriptors (DE-13).
    no_room_for_descriptors: "door_return() failed with EMFILE: the caller has no room for the reply's descriptors and \
        still waits; it cannot tell an empty reply from one that lost them";
    /// Why the process is about to be aborted (XC-4).
    strange_result: "the thread creation function of door_xcreate() returned neither 1, 0 nor -1";
    /// Why the process is about to be aborted (TP-26).
    stray_thread: "the last thread of a door made by door_xcreate() has bound itself: nobody knows how to make \
        another, except with DOOR_NO_DEPLETION_CB";
}

/// The calling thread is about to serve for the first time: looks whether it can. That the default function's
/// threads cannot serve private doors is said when one is asked for.
pub(crate) fn first_return() {
    let mut info = DoorInfo::default();
    if enabled()
        && pool::is_the_programs()
        && process::makes_private_doors_only()
        // SAFETY: the structure outlives the call.
        && unsafe { syscalls::door_info(DOOR_QUERY, &mut info) } == Err(Errno::EBADF)
    {
        unbound_thread();
    }
}

fn enabled() -> bool {
    // SAFETY: the name is a C string; what it points to is not read.
    !unsafe { libc::getenv(c"SOLARIS_DOORS_DEBUG".as_ptr()) }.is_null()
}

/// One `write` per part: usable anywhere, in a signal handler too.
fn say(message: &str) {
    for part in ["libsolaris-doors: ", message] {
        // SAFETY: the buffer is a live string of that length. Nobody is left to tell about a failure.
        unsafe { libc::write(libc::STDERR_FILENO, part.as_ptr().cast(), part.len()) };
    }
}
