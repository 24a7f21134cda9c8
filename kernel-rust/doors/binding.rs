// SPDX-License-Identifier: GPL-2.0

//! Threads that serve one private door: `door_bind` and `door_unbind`.
//!
//! A binding is a reference to the door, not to its file: it keeps the door's pool, and keeps
//! nobody from being told that the door is unreferenced (BI-5, UN-16).

use crate::{
    door::Door,
    doorfs::DoorFile,
    thread::Current, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// `door_bind(2)`: from its next `door_return` on, the current thread serves the door behind `fd`,
/// and no other (BI-3).
///
/// # Errors
///
/// `EBADF` if `fd` is no door; `EINVAL` if the door has no pool of its own, or is another process'
/// (BI-1).
pub(crate) fn door_bind(fd: i32) -> Result {
    let file = DoorFile::get(fd)?;
    if !file.door().is_private() || !file.door().target.is_current() {
        return Err(EINVAL);
    }
    // What the thread was bound to before is dropped afterwards (BI-2).
    drop(replace(&Current::get()?, Some(file.share_door())));
    Ok(())
}

/// `door_unbind(2)`: the current thread joins the shared pool at its next `door_return` (TP-32).
///
/// # Errors
///
/// `EBADF` if it is not bound (BI-4).
pub(crate) fn door_unbind() -> Result {
    let me = Current::get_existing().ok_or(EBADF)?;
    replace(&me, None).map(drop).ok_or(EBADF)
}

/// Binds a thread to another door, or to none, and returns the one that it was bound to.
pub(crate) fn replace(me: &Current, door: Option<Arc<Door>>) -> Option<Arc<Door>> {
    me.bound(|bound| core::mem::replace(bound, door))
}
