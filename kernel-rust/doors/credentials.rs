// SPDX-License-Identifier: GPL-2.0

//! Who calls: `door_ucred`.

use crate::{
    abi::DoorUcred,
    request::Request,
    thread::Current,
    user, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*,
    task::Task, //
};

/// The credentials of a task, kept from going away.
///
/// # Invariants
///
/// Owns a reference.
struct Credentials(NonNull<bindings::cred>);

impl Credentials {
    fn of(task: &Task) -> Result<Self> {
        // SAFETY: The task is valid.
        let cred = unsafe { bindings::get_task_cred(task.as_ptr()) };
        // INVARIANT: `get_task_cred` has taken a reference.
        NonNull::new(cred.cast_mut()).map(Self).ok_or(EINVAL)
    }

    /// As the namespaces of the current task see them.
    fn describe(&self, pid: i32) -> DoorUcred {
        // SAFETY: By the type invariant. What is read of credentials never changes; the namespace
        // of the current task is that of its own ones, which only it can replace.
        unsafe {
            let cred = self.0.as_ref();
            let here = bindings::current_user_ns();
            let user = |id| bindings::from_kuid_munged(here, id);
            let group = |id| bindings::from_kgid_munged(here, id);
            let mut description = DoorUcred {
                euid: user(cred.euid),
                ruid: user(cred.uid),
                suid: user(cred.suid),
                egid: group(cred.egid),
                rgid: group(cred.gid),
                sgid: group(cred.sgid),
                pid,
                groups: (*cred.group_info).ngroups.unsigned_abs(),
                ..DoorUcred::default()
            };
            if reaches(cred.user_ns, here) {
                description.effective = cred.cap_effective.val;
                description.permitted = cred.cap_permitted.val;
                description.inheritable = cred.cap_inheritable.val;
            }
            description
        }
    }

    /// Writes the first supplementary groups to the current process at `address`, at most `max` of
    /// them. `EFAULT`.
    fn write_groups(&self, address: usize, max: u32) -> Result {
        // SAFETY: By the type invariant; `gid` has as many entries as `ngroups` says.
        unsafe {
            let info = self.0.as_ref().group_info;
            let count = (*info).ngroups.unsigned_abs().min(max) as usize;
            for (index, group) in (*info).gid.as_slice(count).iter().enumerate() {
                let group = bindings::from_kgid_munged(bindings::current_user_ns(), *group);
                user::write_object(address.wrapping_add(index * size_of::<u32>()), &group)?;
            }
        }
        Ok(())
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::put_cred(self.0.as_ptr()) };
    }
}

/// Do capabilities of the namespace `theirs` mean anything in the namespace `here`? Those of a
/// namespace within this one, or beside it, do not.
///
/// # Safety
///
/// Both must be valid.
unsafe fn reaches(
    theirs: *mut bindings::user_namespace,
    here: *mut bindings::user_namespace,
) -> bool {
    let mut ancestor = here;
    while !ancestor.is_null() {
        if core::ptr::eq(ancestor, theirs) {
            return true;
        }
        // SAFETY: A namespace keeps its parent; the initial one has none.
        ancestor = unsafe { (*ancestor).parent };
    }
    false
}

/// `door_ucred(2)`: who is the caller that the current thread serves? They are its credentials as
/// they are now, and as it waits, as they were when it called (UC-2).
///
/// # Errors
///
/// `EINVAL` if there is no caller, or it has given up (UC-1); `EFAULT`.
pub(crate) fn door_ucred(ucred: usize, groups: usize, groups_max: u32) -> Result {
    let me = Current::get_existing().ok_or(EINVAL)?;
    let (credentials, pid) = me.serving(|request| identify(request))?;
    user::write_object(ucred, &credentials.describe(pid))?;
    credentials.write_groups(groups, groups_max)
}

/// The credentials and the process id of the caller; for a notification those of the current
/// process, and 0 (UC-3).
fn identify(request: &Request) -> Result<(Credentials, i32)> {
    let caller = request.caller.as_ref().ok_or(EINVAL)?;
    let identity = if request.is_notification {
        (Credentials::of(current!())?, 0)
    } else {
        (
            Credentials::of(caller.task())?,
            caller.task().tgid_nr_ns(None),
        )
    };
    // A caller that is no longer waiting may have become somebody else meanwhile.
    if !caller.call.is_open(request.ticket) {
        return Err(EINVAL);
    }
    Ok(identity)
}
