// SPDX-License-Identifier: MIT OR Apache-2.0
//! What System V's semaphores and messages have in common: objects that outlive their makers.

/// Something that is to be removed by the one who made it; a process that was forked later leaves it alone when it ends
/// by `_exit`.
pub(super) enum Object {
    /// A set of semaphores.
    Semaphores(libc::c_int),
    /// A queue of messages.
    Queue(libc::c_int),
}

impl Object {
    /// Its number.
    pub(super) fn id(&self) -> libc::c_int {
        match *self {
            Object::Semaphores(id) | Object::Queue(id) => id,
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the object is ours. Whoever still sleeps in it is told.
        unsafe {
            match *self {
                Object::Semaphores(id) => libc::semctl(id, 0, libc::IPC_RMID),
                Object::Queue(id) => libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut()),
            };
        }
    }
}
