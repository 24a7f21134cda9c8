// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calling doors.

use doors_uapi::abi::{DoorArg, DoorDesc};
use doors_uapi::Errno;
use solaris_doors::door::door_call;
use std::ffi::c_int;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    /// A copy of the data.
    pub(crate) data: Vec<u8>,
    /// A copy of the descriptors.
    pub(crate) descriptors: Vec<DoorDesc>,
}

/// The `errno` of the calling thread.
pub(crate) fn errno() -> Errno {
    Errno::new(
        std::io::Error::last_os_error()
            .raw_os_error()
            .expect("errno is a number"),
    )
}

/// A C function's result as Rust has it.
pub(crate) fn result(value: c_int) -> Result<c_int, Errno> {
    if value == -1 {
        Err(errno())
    } else {
        Ok(value)
    }
}

/// The error of a C function that must fail.
#[track_caller]
pub(crate) fn fails(value: c_int) -> Errno {
    result(value).expect_err("this must fail")
}

/// Calls with these parameters, which the kernel rewrites.
pub(crate) fn raw(door: c_int, arg: &mut DoorArg) -> Result<(), Errno> {
    // SAFETY: tests build their parameters from live buffers, or mean them to be refused.
    result(unsafe { door_call(door, arg) }).map(drop)
}

/// Parameters that carry `data` and leave room for a result in `rbuf`.
pub(crate) fn arg(data: &[u8], rbuf: &mut [u8]) -> DoorArg {
    DoorArg {
        data_ptr: data.as_ptr().expose_provenance() as u64,
        data_size: data.len() as u64,
        rbuf: rbuf.as_mut_ptr().expose_provenance() as u64,
        rsize: rbuf.len() as u64,
        ..DoorArg::default()
    }
}

/// Calls with data and takes any result, be it in a mapping of its own.
pub(crate) fn call(door: c_int, data: &[u8]) -> Result<Reply, Errno> {
    call_with(door, data, &[])
}

/// Calls with data and descriptors.
pub(crate) fn call_with(
    door: c_int,
    data: &[u8],
    descriptors: &[DoorDesc],
) -> Result<Reply, Errno> {
    let mut rbuf = [0_u8; 1024];
    let own = rbuf.as_ptr().addr() as u64;
    let mut arg = arg(data, &mut rbuf);
    arg.desc_ptr = descriptors.as_ptr().expose_provenance() as u64;
    arg.desc_num = u32::try_from(descriptors.len()).expect("tests pass few descriptors");
    raw(door, &mut arg)?;
    let reply = take(&arg);
    if arg.rbuf != own {
        unmap(&arg);
    }
    Ok(reply)
}

/// Copies what parameters say after a call.
pub(crate) fn take(arg: &DoorArg) -> Reply {
    Reply {
        data: slice(arg.data_ptr, arg.data_size as usize),
        descriptors: slice(arg.desc_ptr, arg.desc_num as usize),
    }
}

fn slice<T: Copy>(address: u64, length: usize) -> Vec<T> {
    if length == 0 {
        return Vec::new();
    }
    let first: *const T = std::ptr::with_exposed_provenance(address as usize);
    // SAFETY: the kernel says that so many elements are there.
    unsafe { std::slice::from_raw_parts(first, length) }.to_vec()
}

/// Gives back the mapping that a large result came in.
pub(crate) fn unmap(arg: &DoorArg) {
    // SAFETY: the mapping was made for this call, and what was in it has been copied.
    let failed = unsafe {
        libc::munmap(
            std::ptr::with_exposed_provenance_mut(arg.rbuf as usize),
            arg.rsize as usize,
        )
    };
    assert_eq!(failed, 0, "munmap: {:?}", errno());
}
