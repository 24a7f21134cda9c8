// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits to what a door's callers may send.

use crate::support::call::raw;
use crate::support::fds::is_open;
use crate::support::process::server;
use crate::support::raw::{make, revoke};
use crate::support::server::descriptor;
use crate::support::threads::{serve, Caller};
use crate::support::{call, call_with, fork, pattern, tests, until, Door, Flag};
use doors_uapi::abi::{
    DoorArg, DOOR_PARAM_DATA_MAX, DOOR_PARAM_DATA_MIN, DOOR_PARAM_DESC_MAX, DOOR_PRIVATE,
    DOOR_QUERY, DOOR_REFUSE_DESC, DOOR_RELEASE,
};
use doors_uapi::{syscalls, Errno};
use std::os::fd::AsRawFd;

tests!(parameters:
    of_a_fresh_door => "CR-8",
    errors_of_getparam => "PA-1",
    anybody_may_ask => "PA-1",
    errors_of_setparam => "PA-2",
    order_of_errors => "PA-2",
    data_limits_keep_their_order => "PA-2",
    requests_are_held_against_them => "CA-2.4 CA-2.5 CA-2.7 CA-4 PA-3",
    order_of_limits => "CA-2.3 CA-2.5 CA-2.6 CA-2.7 CA-2.11 CA-2.13 DE-11 DE-17",
    replies_are_not => "PA-3",
    calls_in_progress_are_not => "PA-3",
);

const INT_MAX: usize = i32::MAX as usize;

pub(crate) fn set(door: i32, parameter: i32, value: usize) -> Result<(), Errno> {
    // SAFETY: has no preconditions.
    unsafe { syscalls::door_setparam(door, parameter, value) }
}

pub(crate) fn get(door: i32, parameter: i32) -> Result<usize, Errno> {
    let mut value = 0xDEAD;
    // SAFETY: the value is ours.
    unsafe { syscalls::door_getparam(door, parameter, &mut value) }.map(|()| value)
}

/// The least data, the most data, and the most descriptors.
fn all(door: &Door) -> [usize; 3] {
    [
        DOOR_PARAM_DATA_MIN,
        DOOR_PARAM_DATA_MAX,
        DOOR_PARAM_DESC_MAX,
    ]
    .map(|parameter| get(door.fd(), parameter).expect("getparam"))
}

fn of_a_fresh_door() {
    assert_eq!(all(&make(0, 0)), [0, usize::MAX, INT_MAX]);
    assert_eq!(
        all(&make(DOOR_REFUSE_DESC | DOOR_PRIVATE, 0)),
        [0, usize::MAX, 0]
    );
}

const UNKNOWN: [i32; 5] = [0, 4, -1, i32::MIN, i32::MAX];

fn errors_of_getparam() {
    let file = std::fs::File::open("/dev/null").expect("open");
    for no_door in [-1, DOOR_QUERY, 1000, file.as_raw_fd()] {
        assert_eq!(
            get(no_door, DOOR_PARAM_DATA_MAX),
            Err(Errno::EBADF),
            "{no_door}"
        );
        assert_eq!(
            get(no_door, 99),
            Err(Errno::EBADF),
            "the door is looked at first"
        );
    }
    let door = make(0, 0);
    for parameter in UNKNOWN {
        assert_eq!(get(door.fd(), parameter), Err(Errno::EINVAL), "{parameter}");
    }
    // SAFETY: bad addresses are errors.
    unsafe {
        let nowhere = std::ptr::without_provenance_mut(4096);
        assert_eq!(
            syscalls::door_getparam(door.fd(), DOOR_PARAM_DATA_MAX, nowhere),
            Err(Errno::EFAULT)
        );
        assert_eq!(
            syscalls::door_getparam(door.fd(), 99, nowhere),
            Err(Errno::EINVAL)
        );
    }
}

fn anybody_may_ask() {
    let door = make(0, 0);
    set(door.fd(), DOOR_PARAM_DATA_MAX, 100).expect("setparam");
    fork(|| assert_eq!(all(&door), [0, 100, INT_MAX])).succeed();
    let other = door.dup();
    revoke(door).expect("revoke");
    assert_eq!(all(&other), [0, 100, INT_MAX], "revoked");

    let (server, door) = server(|| make(DOOR_REFUSE_DESC, 0));
    drop(server);
    until("the server is gone", || {
        call(door.fd(), b"").map(drop) == Err(Errno::EBADF)
    });
    assert_eq!(all(&door), [0, usize::MAX, 0], "nobody's");
}

fn errors_of_setparam() {
    let door = make(0, 0);
    for parameter in UNKNOWN {
        assert_eq!(
            set(door.fd(), parameter, 0),
            Err(Errno::EINVAL),
            "{parameter}"
        );
    }
    for value in [INT_MAX + 1, u32::MAX as usize, 1 << 32, usize::MAX] {
        assert_eq!(
            set(door.fd(), DOOR_PARAM_DESC_MAX, value),
            Err(Errno::ERANGE),
            "{value:#x}"
        );
    }
    assert_eq!(all(&door), [0, usize::MAX, INT_MAX], "nothing has changed");
    for value in [0, 1, 1024, 1025, INT_MAX] {
        set(door.fd(), DOOR_PARAM_DESC_MAX, value).expect("setparam");
        assert_eq!(all(&door), [0, usize::MAX, value]);
    }

    let refuses = make(DOOR_REFUSE_DESC, 0);
    assert_eq!(
        set(refuses.fd(), DOOR_PARAM_DESC_MAX, 1),
        Err(Errno::EOPNOTSUPP)
    );
    assert_eq!(
        set(refuses.fd(), DOOR_PARAM_DESC_MAX, INT_MAX),
        Err(Errno::EOPNOTSUPP)
    );
    assert_eq!(
        set(refuses.fd(), DOOR_PARAM_DESC_MAX, INT_MAX + 1),
        Err(Errno::ERANGE),
        "is looked at first"
    );
    set(refuses.fd(), DOOR_PARAM_DESC_MAX, 0).expect("none is fine");
}

fn order_of_errors() {
    let file = std::fs::File::open("/dev/null").expect("open");
    for no_door in [-1, DOOR_QUERY, 1000, file.as_raw_fd()] {
        assert_eq!(set(no_door, 99, 0), Err(Errno::EBADF), "{no_door}");
    }
    let door = make(0, 0);
    fork(|| {
        assert_eq!(set(door.fd(), DOOR_PARAM_DATA_MAX, 100), Err(Errno::EPERM));
        assert_eq!(
            set(door.fd(), 99, 0),
            Err(Errno::EPERM),
            "whose it is, is looked at first"
        );
    })
    .succeed();
    assert_eq!(all(&door), [0, usize::MAX, INT_MAX]);
    let other = door.dup();
    revoke(door).expect("revoke");
    assert_eq!(set(other.fd(), DOOR_PARAM_DATA_MAX, 100), Err(Errno::EBADF));
    assert_eq!(set(other.fd(), 99, 0), Err(Errno::EBADF));
    fork(|| {
        assert_eq!(
            set(other.fd(), 99, 0),
            Err(Errno::EBADF),
            "revoked comes before foreign"
        )
    })
    .succeed();
}

fn data_limits_keep_their_order() {
    let door = make(0, 0);
    set(door.fd(), DOOR_PARAM_DATA_MAX, 20).expect("setparam");
    assert_eq!(set(door.fd(), DOOR_PARAM_DATA_MIN, 21), Err(Errno::EINVAL));
    set(door.fd(), DOOR_PARAM_DATA_MIN, 20).expect("as much as the most");
    assert_eq!(set(door.fd(), DOOR_PARAM_DATA_MAX, 19), Err(Errno::EINVAL));
    assert_eq!(all(&door), [20, 20, INT_MAX]);
    set(door.fd(), DOOR_PARAM_DATA_MIN, 0).expect("setparam");
    set(door.fd(), DOOR_PARAM_DATA_MAX, 0).expect("no data at all");
    set(door.fd(), DOOR_PARAM_DATA_MAX, usize::MAX).expect("setparam");
    set(door.fd(), DOOR_PARAM_DATA_MIN, usize::MAX).expect("setparam");
    assert_eq!(all(&door), [usize::MAX, usize::MAX, INT_MAX]);
}

/// A door with a thread that says how much came.
fn measures(attributes: u32) -> Door {
    let door = make(attributes, 0);
    serve(
        || (),
        |request| {
            request
                .entries()
                .iter()
                .for_each(|entry| crate::support::fds::close(entry.descriptor));
            vec![request.size as u8, request.count as u8]
        },
    );
    door
}

fn requests_are_held_against_them() {
    let door = measures(0);
    set(door.fd(), DOOR_PARAM_DATA_MIN, 10).expect("setparam");
    set(door.fd(), DOOR_PARAM_DATA_MAX, 20).expect("setparam");
    for size in [0, 9, 21, 100_000] {
        assert_eq!(
            call(door.fd(), &pattern(size)).map(drop),
            Err(Errno::ENOBUFS),
            "{size} bytes"
        );
    }
    for size in [10, 15, 20] {
        assert_eq!(
            call(door.fd(), &pattern(size)).expect("call").data,
            [size as u8, 0]
        );
    }
    // SAFETY: null is allowed.
    let called = unsafe { syscalls::door_call(door.fd(), std::ptr::null_mut()) };
    assert_eq!(called, Err(Errno::ENOBUFS), "no parameters are no data");
    set(door.fd(), DOOR_PARAM_DATA_MIN, 0).expect("setparam");
    assert_eq!(call(door.fd(), b"").expect("call").data, [0, 0]);

    set(door.fd(), DOOR_PARAM_DESC_MAX, 2).expect("setparam");
    let file = std::fs::File::open("/dev/null").expect("open");
    for (count, expected) in [
        (0, Ok(vec![1, 0])),
        (2, Ok(vec![1, 2])),
        (3, Err(Errno::ENFILE)),
    ] {
        let entries = vec![descriptor(&file, 0); count];
        assert_eq!(
            call_with(door.fd(), b"x", &entries).map(|reply| reply.data),
            expected,
            "{count} descriptors"
        );
    }
}

fn order_of_limits() {
    let file = std::fs::File::open("/dev/null").expect("open");
    let released = |count| vec![descriptor(&file, DOOR_RELEASE); count];
    let refused = |door: &Door, data: &[u8], count| {
        let error = call_with(door.fd(), data, &released(count)).expect_err("must fail");
        assert!(is_open(file.as_raw_fd()), "nothing is released");
        error
    };
    let door = measures(0);
    // More than the kernel takes, but the door's own limit comes first.
    assert_eq!(refused(&door, b"", 1025), Errno::E2BIG);
    set(door.fd(), DOOR_PARAM_DESC_MAX, 1024).expect("setparam");
    assert_eq!(refused(&door, b"", 1025), Errno::ENFILE);
    set(door.fd(), DOOR_PARAM_DATA_MAX, 10).expect("setparam");
    assert_eq!(
        refused(&door, &[0; 11], 1025),
        Errno::ENOBUFS,
        "data before descriptors"
    );
    let refuses = measures(DOOR_REFUSE_DESC);
    set(refuses.fd(), DOOR_PARAM_DATA_MIN, 1).expect("setparam");
    assert_eq!(refused(&refuses, b"", 1), Errno::ENOBUFS);
    assert_eq!(refused(&refuses, b"x", 1025), Errno::EOPNOTSUPP);

    // The limits before the addresses, and what is not a door before both.
    let mut bad = DoorArg {
        data_ptr: 4096,
        data_size: 11,
        desc_ptr: 4096,
        desc_num: 1025,
        ..DoorArg::default()
    };
    assert_eq!(raw(door.fd(), &mut bad), Err(Errno::ENOBUFS));
    bad.data_size = 10;
    assert_eq!(raw(door.fd(), &mut bad), Err(Errno::ENFILE));
    bad.desc_num = 1;
    assert_eq!(raw(door.fd(), &mut bad), Err(Errno::EFAULT));
    bad.data_size = 11;
    assert_eq!(raw(file.as_raw_fd(), &mut bad), Err(Errno::EBADF));
    let other = door.dup();
    revoke(door).expect("revoke");
    assert_eq!(
        raw(other.fd(), &mut bad),
        Err(Errno::EBADF),
        "revoked before the limits"
    );
}

fn replies_are_not() {
    let (_server, door) = server(|| {
        let door = make(0, 0);
        set(door.fd(), DOOR_PARAM_DATA_MAX, 4).expect("setparam");
        set(door.fd(), DOOR_PARAM_DESC_MAX, 0).expect("setparam");
        crate::support::threads::start(|| {
            let file = std::fs::File::open("/dev/null").expect("open");
            let mut server = crate::support::raw::Server::new();
            let mut request = server.park();
            loop {
                let size = u32::from_ne_bytes(
                    request.expect("a call").bytes().try_into().expect("a size"),
                );
                request = server.give_with(&pattern(size as usize), &[descriptor(&file, 0); 2]);
            }
        });
        door
    });
    for size in [5, 20_000, 512 << 10] {
        let reply = call(door.fd(), &(size as u32).to_ne_bytes()).expect("call");
        assert_eq!(reply.data, pattern(size));
        assert_eq!(reply.descriptors.len(), 2);
        reply
            .descriptors
            .iter()
            .for_each(|entry| crate::support::fds::close(entry.descriptor));
    }
}

fn calls_in_progress_are_not() {
    static SERVING: Flag = Flag::new();
    static GO_ON: Flag = Flag::new();
    let door = make(0, 0);
    serve(
        || (),
        |request| {
            SERVING.set(1);
            GO_ON.await_set("the limit has changed");
            request.bytes()
        },
    );
    let data = pattern(100);
    let served = Caller::start(door.fd(), &data);
    SERVING.await_set("the first is served");
    let queued = Caller::blocked(door.fd(), &data);
    set(door.fd(), DOOR_PARAM_DATA_MAX, 10).expect("setparam");
    assert_eq!(call(door.fd(), &data).map(drop), Err(Errno::ENOBUFS));
    GO_ON.set(1);
    assert_eq!(served.result(), Ok(data.clone()));
    assert_eq!(
        queued.result(),
        Ok(data),
        "limits are read when a call starts"
    );
}
