// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who calls.

use crate::support::process::End;
use crate::support::raw::{make, Server};
use crate::support::threads::{interrupts, serve, start, until_parked, Caller};
use crate::support::{call, fork, process_id, tests, until, Door, Flag};
use doors_uapi::abi::DoorUcred;
use doors_uapi::{syscalls, Errno};
use std::ptr;

tests!(credentials:
    without_a_caller => "UC-1",
    of_the_caller => "UC-2",
    of_a_privileged_caller => "UC-2",
    as_of_the_call => "UC-2",
    of_the_thread_not_the_process => "UC-2",
    of_the_immediate_caller => "UC-2 UC-6",
    after_a_failed_return => "UC-6 RE-6",
    after_the_caller_left => "UC-1 SI-10 SI-15",
    after_the_caller_died => "UC-1 SI-7",
    groups_that_do_not_fit => "UC-2",
    bad_addresses => "DX-9 RE-6",
);

/// `door_ucred`: the credentials, and as many groups as there is room for.
pub(crate) fn credentials(room: usize) -> Result<(DoorUcred, Vec<u32>), Errno> {
    let mut told = DoorUcred::default();
    let mut groups = vec![u32::MAX; room];
    // SAFETY: both are ours, and as large as we say.
    unsafe { syscalls::door_ucred(&mut told, groups.as_mut_ptr(), room as u32) }?;
    groups.truncate(told.groups as usize);
    Ok((told, groups))
}

fn caller() -> DoorUcred {
    credentials(0).expect("there is a caller").0
}

/// `setresuid` of one thread; the C library's would change all of them.
fn thread_uid(real: u32, effective: u32, saved: u32) {
    // SAFETY: changes the identity of this thread.
    let failed = unsafe { libc::syscall(libc::SYS_setresuid, real, effective, saved) };
    assert_eq!(failed, 0, "{:?}", crate::support::errno());
}

/// Becomes somebody with many names.
fn become_somebody(groups: &[u32]) {
    // SAFETY: changes the identity of this process, which has one thread.
    unsafe {
        assert_eq!(libc::setgroups(groups.len(), groups.as_ptr()), 0);
        assert_eq!(libc::setresgid(31, 32, 33), 0);
        assert_eq!(libc::setresuid(21, 22, 23), 0);
    }
}

/// Effective, permitted and inheritable capabilities, as /proc tells them.
fn capabilities() -> [u64; 3] {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("/proc is mounted");
    ["CapEff", "CapPrm", "CapInh"].map(|name| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .expect("it is there");
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).expect("a number")
    })
}

/// What the server saw, for the client to compare: the credentials as they are, and the groups.
fn tells(_: &crate::support::raw::Call) -> Vec<u8> {
    let (told, groups) = credentials(16).expect("there is a caller");
    let caps = [told.effective, told.permitted, told.inheritable]
        .into_iter()
        .flat_map(u64::to_ne_bytes);
    let ids = [
        told.ruid,
        told.euid,
        told.suid,
        told.rgid,
        told.egid,
        told.sgid,
        told.pid as u32,
        told.groups,
    ];
    caps.chain(ids.into_iter().chain(groups).flat_map(u32::to_ne_bytes))
        .collect()
}

/// What `tells` told: capabilities and numbers.
#[track_caller]
fn told(door: &Door) -> ([u64; 3], Vec<u32>) {
    let data = call(door.fd(), b"").expect("call").data;
    let caps =
        [0, 8, 16].map(|at| u64::from_ne_bytes(data[at..at + 8].try_into().expect("eight bytes")));
    let numbers = data[24..]
        .chunks(4)
        .map(|four| u32::from_ne_bytes(four.try_into().expect("four bytes")));
    (caps, numbers.collect())
}

fn without_a_caller() {
    assert_eq!(
        credentials(0).map(drop),
        Err(Errno::EINVAL),
        "a thread that has never used a door"
    );
    let door = make(0, 0);
    assert_eq!(credentials(0).map(drop), Err(Errno::EINVAL));
    interrupts(libc::SIGUSR1);
    static DONE: Flag = Flag::new();
    let thread = start(|| {
        let mut server = Server::new();
        server.park().expect("a call");
        assert!(credentials(0).is_ok());
        assert_eq!(server.park().expect_err("a signal"), Errno::EINTR);
        assert_eq!(
            credentials(0).map(drop),
            Err(Errno::EINVAL),
            "it has replied"
        );
        DONE.set(1);
    });
    call(door.fd(), b"").expect("call");
    until_parked(thread);
    crate::support::threads::tgkill(thread, libc::SIGUSR1);
    DONE.await_set("the server looks");
}

fn of_the_caller() {
    let door = make(0, 0);
    serve(|| (), tells);
    fork(|| {
        become_somebody(&[5, 300, 70_000]);
        let (caps, numbers) = told(&door);
        assert_eq!(caps, capabilities());
        assert_eq!(caps[0], 0, "it has given its privileges up");
        assert_eq!(numbers[..6], [21, 22, 23, 31, 32, 33]);
        assert_eq!(numbers[6], process_id() as u32);
        assert_eq!(numbers[7..], [3, 5, 300, 70_000]);
    })
    .succeed();
}

fn of_a_privileged_caller() {
    let door = make(0, 0);
    serve(|| (), tells);
    fork(|| {
        // SAFETY: changes the identity of this process.
        unsafe { assert_eq!(libc::setgroups(0, ptr::null()), 0) };
        let (caps, numbers) = told(&door);
        assert_eq!(caps, capabilities());
        assert_ne!(caps[0], 0, "this is root");
        assert_eq!(numbers[..6], [0; 6]);
        assert_eq!(numbers[7..], [0], "no groups");
    })
    .succeed();
}

/// Each call has the identity that its caller has then.
fn as_of_the_call() {
    let door = make(0, 0);
    serve(|| (), tells);
    fork(|| {
        assert_eq!(told(&door).1[..3], [0, 0, 0]);
        thread_uid(0, 1000, 0);
        assert_eq!(told(&door).1[..3], [0, 1000, 0]);
        thread_uid(0, 0, 0);
        assert_eq!(told(&door).1[..3], [0, 0, 0]);
        thread_uid(1001, 1001, 1001);
        assert_eq!(told(&door).1[..3], [1001, 1001, 1001]);
    })
    .succeed();
}

/// One thread waits in its call while another becomes somebody else.
fn of_the_thread_not_the_process() {
    let changed = Flag::shared();
    let serving = Flag::shared();
    let door = make(0, 0);
    for _ in 0..2 {
        serve(
            || (),
            move |request| {
                if request.size > 0 {
                    serving.set(1);
                    changed.await_set("the other thread is somebody else");
                }
                caller().euid.to_ne_bytes().to_vec()
            },
        );
    }
    fork(|| {
        let fd = door.fd();
        let waiting = Caller::start(fd, b"wait");
        serving.await_set("the call is served");
        thread_uid(1000, 1000, 1000);
        assert_eq!(call(fd, b"").expect("call").data, 1000_u32.to_ne_bytes());
        changed.set(1);
        assert_eq!(waiting.result(), Ok(0_u32.to_ne_bytes().to_vec()));
    })
    .succeed();
}

/// In a chain of calls each server sees the one before it, before and after its own call.
fn of_the_immediate_caller() {
    let inner = make(0, 0);
    serve(|| (), |_| caller().euid.to_ne_bytes().to_vec());
    let (_middle, outer) = crate::support::process::server(|| {
        let door = make(0, 0);
        let inner = inner.fd();
        serve(
            || thread_uid(1000, 1000, 0),
            move |_| {
                let before = caller();
                let mut seen = call(inner, b"").expect("nested call").data;
                assert_eq!(caller(), before);
                seen.extend(before.euid.to_ne_bytes());
                seen
            },
        );
        door
    });
    fork(|| {
        thread_uid(2000, 2000, 2000);
        let seen = call(outer.fd(), b"").expect("call").data;
        assert_eq!(seen, [1000_u32, 2000].map(u32::to_ne_bytes).concat());
    })
    .succeed();
}

fn after_a_failed_return() {
    let door = make(0, 0);
    start(|| {
        let mut server = Server::new();
        server.park().expect("a call");
        let before = caller();
        // SAFETY: a bad address is an error.
        let failed = unsafe { server.give_raw(4096, 10, 0, 0) }.expect_err("a bad address");
        assert_eq!(failed, Errno::EFAULT);
        assert_eq!(caller(), before);
        server.serve(|_| Vec::new());
    });
    call(door.fd(), b"").expect("call");
}

fn leaves(client: impl FnOnce(i32, &'static Flag)) {
    let gone = Flag::shared();
    let serving = Flag::shared();
    let door = make(0, 0);
    serve(
        || (),
        move |_| {
            assert!(credentials(0).is_ok());
            serving.set(1);
            until("the caller has left", || {
                credentials(0).map(drop) == Err(Errno::EINVAL)
            });
            gone.set(1);
            Vec::new()
        },
    );
    client(door.fd(), serving);
    gone.await_set("the server notices");
}

fn after_the_caller_left() {
    interrupts(libc::SIGUSR1);
    leaves(|fd, serving| {
        let caller = Caller::start(fd, b"");
        serving.await_set("the call is served");
        caller.until_blocked();
        caller.signal(libc::SIGUSR1);
        assert_eq!(caller.result(), Err(Errno::EINTR));
    });
}

fn after_the_caller_died() {
    leaves(|fd, serving| {
        let client = fork(|| {
            let _ = call(fd, b"");
        });
        serving.await_set("the call is served");
        client.kill(libc::SIGKILL);
        assert_eq!(client.wait(), End::Killed(libc::SIGKILL));
    });
}

fn groups_that_do_not_fit() {
    let door = make(0, 0);
    serve(
        || (),
        |_| {
            let mut told = DoorUcred::default();
            let mut groups = [u32::MAX; 4];
            for room in [0, 1, 2, 4] {
                groups.fill(u32::MAX);
                // SAFETY: there is room for as many as we say.
                unsafe { syscalls::door_ucred(&mut told, groups.as_mut_ptr(), room) }
                    .expect("there is a caller");
                assert_eq!(told.groups, 4, "how many there are, not how many fit");
                let expected: Vec<u32> = [11, 12, 13, 14].into_iter().take(room as usize).collect();
                assert_eq!(groups[..room as usize], expected);
                assert!(
                    groups[room as usize..]
                        .iter()
                        .all(|group| *group == u32::MAX),
                    "nothing behind the room"
                );
            }
            // SAFETY: no groups are asked for.
            unsafe { syscalls::door_ucred(&mut told, ptr::null_mut(), 0) }
                .expect("there is a caller");
            assert_eq!(told.groups, 4);
            Vec::new()
        },
    );
    fork(|| {
        become_somebody(&[11, 12, 13, 14]);
        call(door.fd(), b"").expect("call");
    })
    .succeed();
}

fn bad_addresses() {
    let door = make(0, 0);
    serve(
        || (),
        |_| {
            let nowhere: *mut u32 = ptr::without_provenance_mut(4096);
            let mut told = DoorUcred::default();
            // SAFETY: bad addresses are errors.
            unsafe {
                assert_eq!(
                    syscalls::door_ucred(ptr::null_mut(), ptr::null_mut(), 0),
                    Err(Errno::EFAULT)
                );
                assert_eq!(
                    syscalls::door_ucred(nowhere.cast(), ptr::null_mut(), 0),
                    Err(Errno::EFAULT)
                );
                assert_eq!(
                    syscalls::door_ucred(&mut told, nowhere, 4),
                    Err(Errno::EFAULT)
                );
            }
            assert!(credentials(4).is_ok(), "the caller is still there");
            b"fine".to_vec()
        },
    );
    fork(|| {
        become_somebody(&[11]);
        assert_eq!(call(door.fd(), b"").expect("call").data, b"fine");
    })
    .succeed();
}
