// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! The system calls of doors: the one place where they are declared.
//!
//! Wrappers come from here directly; `cargo xtask codegen` makes the kernel's declarations from
//! [`TABLE`] (see [`crate::codegen`]). Identifiers in brackets are rules of the specification.
//! On a kernel without doors every one of them fails with `ENOSYS`.

use crate::abi::{DoorArg, DoorInfo, DoorUcred};
#[cfg(doc)]
use crate::abi::{DoorDesc, DOOR_CREATE_MASK, DOOR_QUERY, DOOR_RETURN_DEPLETED, DOOR_UNREF_DATA};
use core::ffi::{c_char, c_void};
use doors_syscall_macros::system_calls;

system_calls! {
    /// Makes a door that stands for `proc` in the calling process.
    ///
    /// `proc` and `cookie` are kept verbatim for the calls to come and for `door_info` [CR-6]; the
    /// descriptor is close-on-exec [CR-5]. Server threads are the caller's business.
    ///
    /// # Errors
    /// - `EOPNOTSUPP`: called in the child of a `vfork` [CR-2].
    /// - `EINVAL`: attributes outside [`DOOR_CREATE_MASK`], or both kinds of unreferenced
    ///   notification [CR-3].
    /// - `EMFILE`: no descriptor to be had [CR-4].
    fn door_create(proc: *mut c_void, cookie: *mut c_void, attributes: u32) -> Descriptor = 473;

    /// Calls the procedure behind a door and waits for its result.
    ///
    /// `params` says what to send and where the result may go, and is rewritten to say where it went
    /// [CA-5]; without it the call carries nothing and accepts nothing [CA-4].
    ///
    /// # Errors
    /// In the order of their discovery [CA-2]; the most usual are
    /// - `EBADF`: no door, or it is revoked;
    /// - `EAGAIN`: interrupted before a server thread was found;
    /// - `E2BIG`: the argument does not fit the server thread's stack;
    /// - `EINTR`: interrupted, or the server thread or process ended, during the call;
    /// - `EOVERFLOW`: the result does not fit and no memory could be mapped for it.
    fn door_call(d: i32, params: *mut DoorArg) -> () = 474;

    /// Gives a result to the caller that the thread is serving, and waits for the next.
    ///
    /// The next invocation begins on a fresh stack below `stack_base`, of which it may use
    /// `stack_size` bytes (0: as much as is there), with registers as follows. Nothing of the thread's
    /// earlier stack frames or registers survives.
    ///
    /// | register | holds |
    /// |---|---|
    /// | `rax` | 0 |
    /// | `rsp` | the new stack, aligned to 16, below the arguments |
    /// | `rbx` | the server procedure |
    /// | `rdi`, `rsi`, `rdx` | cookie, address and size of the data |
    /// | `r10`, `r8` | address and number of the descriptors ([`DoorDesc`]) |
    /// | `r9` | flags: [`DOOR_RETURN_DEPLETED`] |
    /// | `r12` | a [`DoorInfo`] on the stack, for the depletion call-back of a private pool; else 0 |
    /// | others | 0 |
    ///
    /// # Errors
    /// The caller, if there is one, is still waiting after any of them [RE-6].
    /// - `E2BIG`, `EFAULT`, `EMFILE`, `EINVAL`: this result cannot be given [RE-5].
    /// - `EINVAL`: the thread was bound to a door that no longer exists [RE-3].
    /// - `EINTR`: a signal reached the waiting thread [RE-7].
    fn door_return(
        data_ptr: *const u8,
        data_size: usize,
        desc_ptr: *const DoorDesc,
        desc_num: u32,
        stack_base: *mut c_void,
        stack_size: usize,
    ) -> ! = 475;

    /// Makes a door take no more calls, and closes the descriptor.
    ///
    /// Calls in progress end as usual, queued ones fail [RV-3, RV-4].
    ///
    /// # Errors
    /// - `EBADF`: not a door [RV-1].
    /// - `EPERM`: not this process' door [RV-2].
    fn door_revoke(d: i32) -> () = 476;

    /// Describes a door, or with [`DOOR_QUERY`] the one that the thread is bound to.
    ///
    /// # Errors
    /// - `EBADF`: not a door, or not bound [IN-1, IN-2].
    /// - `EFAULT`: `info` cannot be written.
    fn door_info(d: i32, info: *mut DoorInfo) -> () = 477;

    /// Gives a door a name in the file system, covering the file that is there.
    ///
    /// # Errors
    /// - `EBADF`, `EINVAL`: nothing that can be attached [FA-1].
    /// - `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`: by looking `path` up [FA-2].
    /// - `EBUSY`: something is attached or mounted there [FA-3].
    /// - `EPERM`: the caller does not own the file; `EACCES`: may not write it [FA-3].
    fn fattach(fd: i32, path: *const c_char) -> () = 478;

    /// Takes a name that `fattach` gave away again.
    ///
    /// # Errors
    /// - `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`: by looking `path` up [FA-21].
    /// - `EINVAL`: nothing is attached there [FA-21].
    /// - `EPERM`: the caller does not own the name [FA-22].
    fn fdetach(path: *const c_char) -> () = 479;

    /// Makes the calling thread serve this private door's calls from its next `door_return` on.
    ///
    /// A thread that is bound already is unbound first [BI-2, BI-3].
    ///
    /// # Errors
    /// - `EBADF`: not a door [BI-1].
    /// - `EINVAL`: the door has no pool of its own, or is another process' [BI-1].
    fn door_bind(d: i32) -> () = 480;

    /// Undoes `door_bind`: the thread joins the shared pool at its next `door_return` [TP-32].
    ///
    /// # Errors
    /// - `EBADF`: the thread is not bound [BI-4].
    fn door_unbind() -> () = 481;

    /// Tells who the caller is that the thread serves.
    ///
    /// At most `groups_max` of its supplementary groups are written to `groups`. Ids are those of the server's user
    /// namespace, the process id that of its pid namespace: 0 if the caller is not visible there, and for
    /// an unreferenced notification [UC-2, UC-3].
    ///
    /// # Errors
    /// - `EINVAL`: no caller, or it gave up [UC-1].
    /// - `EFAULT`: `ucred` or `groups` cannot be written.
    fn door_ucred(ucred: *mut DoorUcred, groups: *mut u32, groups_max: u32) -> () = 482;

    /// Reads a limit on a door's requests [PA-1].
    ///
    /// # Errors
    /// - `EBADF`: not a door.
    /// - `EINVAL`: no such parameter.
    /// - `EFAULT`: `value` cannot be written.
    fn door_getparam(d: i32, parameter: i32, value: *mut usize) -> () = 483;

    /// Changes a limit on a door's requests, for calls yet to come [PA-2, PA-3].
    ///
    /// # Errors
    /// - `EBADF`: not a door, or it is revoked.
    /// - `EPERM`: not this process' door.
    /// - `ERANGE`: more descriptors than `INT_MAX`.
    /// - `EOPNOTSUPP`: descriptors for a door that refuses them.
    /// - `EINVAL`: the least would exceed the most, or no such parameter.
    fn door_setparam(d: i32, parameter: i32, value: usize) -> () = 484;

    /// Makes the calling thread the one that waits for the process' unreferenced doors.
    ///
    /// It calls their procedures with [`DOOR_UNREF_DATA`], one after the other, and comes back only to fail
    /// [TP-12, UN-9].
    ///
    /// # Errors
    /// - `EALREADY`: the process has such a thread.
    /// - `EINTR`: a signal arrived.
    fn door_unref() -> () = 485;
}
