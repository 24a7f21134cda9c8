// SPDX-License-Identifier: GPL-2.0

//! The system calls: what `syscalls.c` calls into.

use crate::{
    abi::{
        DOOR_IS_UNREF,
        DOOR_QUERY, //
    },
    attach, binding, call, credentials,
    door::Door,
    doorfs::{
        self,
        DoorFile, //
    },
    model::frame::Stack,
    notifications, parameters,
    serve::{
        self,
        Results, //
    },
    thread::Current,
    user,
};
use kernel::{
    bindings,
    ffi::c_long,
    fs::file::FileDescriptorReservation,
    prelude::*,
    task::Task, //
};

/// What a system call returns.
fn status(result: Result<u32>) -> c_long {
    match result {
        Ok(value) => value as c_long,
        Err(error) => error.to_errno() as c_long,
    }
}

/// Creates a door to a procedure of the current process (CR-2 to CR-8).
fn door_create(procedure: usize, cookie: usize, attributes: u32) -> Result<u32> {
    // SAFETY: The current task is valid, and only it sets the field back.
    if !unsafe { (*Task::current_raw()).vfork_done }.is_null() {
        // The child of a vfork runs on its parent's memory: nobody could serve there.
        return Err(EOPNOTSUPP);
    }
    // The door comes first: one that finds no descriptor has used its number up (CR-7).
    let door = Door::create(procedure, cookie, attributes)?;
    let number = FileDescriptorReservation::get_unused_fd_flags(bindings::O_CLOEXEC)?;
    let file = doorfs::open(door)?;
    let fd = number.reserved_fd();
    number.fd_install(file);
    Ok(fd)
}

/// Revokes a door of the current process, and closes the descriptor (RV-1 to RV-5).
fn door_revoke(fd: i32) -> Result<u32> {
    let file = DoorFile::get(fd)?;
    if !file.door().target.is_current() {
        return Err(EPERM);
    }
    file.door().revoke();
    drop(file);
    // SAFETY: Closing a number of one's own is always allowed; a bad one is refused.
    kernel::error::to_result(unsafe { bindings::close_fd(fd as u32) })?;
    Ok(0)
}

/// Describes a door (IN-1, IN-2).
fn door_info(fd: i32, info: usize) -> Result<u32> {
    let (description, unreferenced) = if fd == DOOR_QUERY {
        let me = Current::get_existing().ok_or(EBADF)?;
        let door = me.bound(|bound| bound.clone()).ok_or(EBADF)?;
        (door.info(), door.references.is_unused())
    } else {
        let file = DoorFile::get(fd)?;
        (file.door().info(), file.is_unreferenced())
    };
    let mut description = description;
    if unreferenced {
        description.attributes |= DOOR_IS_UNREF;
    }
    user::write_object(info, &description)?;
    Ok(0)
}

#[export]
unsafe extern "C" fn doors_sys_door_create(
    proc_: *mut c_void,
    cookie: *mut c_void,
    attributes: c_uint,
) -> c_long {
    status(door_create(proc_ as usize, cookie as usize, attributes))
}

#[export]
unsafe extern "C" fn doors_sys_door_call(d: c_int, params: *mut bindings::door_arg) -> c_long {
    status(call::door_call(d, params as usize).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_return(
    data_ptr: *const u8,
    data_size: usize,
    desc_ptr: *const bindings::door_desc,
    desc_num: c_uint,
    stack_base: *mut c_void,
    stack_size: usize,
) -> c_long {
    let results = Results {
        data: data_ptr as usize,
        data_size,
        descs: desc_ptr as usize,
        desc_num,
    };
    let stack = Stack {
        base: stack_base as usize,
        size: stack_size,
    };
    status(serve::door_return(results, stack).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_revoke(d: c_int) -> c_long {
    status(door_revoke(d))
}

#[export]
unsafe extern "C" fn doors_sys_door_info(d: c_int, info: *mut bindings::door_info) -> c_long {
    status(door_info(d, info as usize))
}

#[export]
unsafe extern "C" fn doors_sys_fattach(fd: c_int, path: *const c_char) -> c_long {
    status(attach::fattach(fd, path).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_fdetach(path: *const c_char) -> c_long {
    status(attach::fdetach(path).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_bind(d: c_int) -> c_long {
    status(binding::door_bind(d).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_unbind() -> c_long {
    status(binding::door_unbind().map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_ucred(
    ucred: *mut bindings::door_ucred,
    groups: *mut u32,
    groups_max: c_uint,
) -> c_long {
    status(credentials::door_ucred(ucred as usize, groups as usize, groups_max).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_getparam(
    d: c_int,
    parameter: c_int,
    value: *mut usize,
) -> c_long {
    status(parameters::door_getparam(d, parameter, value as usize).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_setparam(d: c_int, parameter: c_int, value: usize) -> c_long {
    status(parameters::door_setparam(d, parameter, value).map(|()| 0))
}

#[export]
unsafe extern "C" fn doors_sys_door_unref() -> c_long {
    status(notifications::door_unref().map(|()| 0))
}
