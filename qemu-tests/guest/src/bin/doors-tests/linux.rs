// SPDX-License-Identifier: MIT OR Apache-2.0
//! What Linux has and Solaris has not, or calls otherwise: a door among it.

use crate::support::call::{call_with, result};
use crate::support::fds::close;
use crate::support::files::{directory, fattach, fdetach, file, open};
use crate::support::process::server;
use crate::support::raw::{bind, info, make, revoke, Server};
use crate::support::server::descriptor;
use crate::support::threads::{serve, start};
use crate::support::{call, errno, fork, tests, until, Child, Door, Flag};
use doors_uapi::abi::{
    DoorArg, DoorUcred, DOOR_IS_UNREF, DOOR_PARAM_DATA_MAX, DOOR_REFUSE_DESC, DOOR_REVOKED,
};
use doors_uapi::syscalls::{self, TABLE};
use doors_uapi::table::Returns;
use doors_uapi::Errno;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

tests!(linux:
    path_descriptors_are_no_doors => "CA-2.2 IN-2 RV-1 BI-1 PA-1 PA-2 FA-1",
    path_descriptors_can_be_passed => "DE-2",
    polling => "IF-10",
    selecting => "IF-10",
    attributes_cannot_be_changed => "IF-9 IF-10",
    locks => "IF-10",
    opened_again => "IF-3",
    fdinfo => "IF-13 IF-1 IF-2 IF-3 IF-4",
    fdinfo_of_the_dead => "IF-13 IF-1",
    stolen_descriptor => "CA-7 IF-4",
    calls_are_denied => "LA-4",
    every_call_can_be_denied => "LA-4",
    returns_are_denied => "RE-6 SI-30",
);

fn path_descriptors_are_no_doors() {
    let path = file("name");
    let door = make(0, 0);
    fattach(door.fd(), &path).expect("attach");
    let opened = open(&path, libc::O_PATH).expect("open");
    let fd = opened.fd();
    assert_eq!(call(fd, b"").map(drop), Err(Errno::EBADF));
    assert_eq!(info(fd), Err(Errno::EBADF));
    assert_eq!(bind(fd), Err(Errno::EBADF));
    assert_eq!(
        crate::parameters::get(fd, DOOR_PARAM_DATA_MAX),
        Err(Errno::EBADF)
    );
    assert_eq!(
        crate::parameters::set(fd, DOOR_PARAM_DATA_MAX, 1),
        Err(Errno::EBADF)
    );
    assert_eq!(fattach(fd, &file("other")), Err(Errno::EBADF));
    assert_eq!(revoke(opened), Err(Errno::EBADF));
    assert!(crate::support::fds::is_open(fd));
    close(fd);
    fdetach(&path).expect("detach");
    std::fs::remove_dir_all(directory()).expect("/tmp is writable");
}

fn path_descriptors_can_be_passed() {
    let door = make(0, 0);
    serve(
        || (),
        |request| {
            let fd = request.entries()[0].descriptor;
            // SAFETY: looks at a descriptor.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
            close(fd);
            vec![u8::from(flags & libc::O_PATH != 0)]
        },
    );
    let directory =
        open(std::path::Path::new("/"), libc::O_PATH | libc::O_DIRECTORY).expect("open");
    // As by SCM_RIGHTS.
    let reply = call_with(door.fd(), b"", &[descriptor(&directory.0, 0)])
        .expect("any descriptor can be passed");
    assert_eq!(reply.data, [1]);
}

fn polling() {
    let door = make(0, 0);
    for events in [libc::POLLIN | libc::POLLOUT, 0] {
        let mut entry = libc::pollfd {
            fd: door.fd(),
            events,
            revents: 0,
        };
        // SAFETY: the entry is ours.
        let ready = unsafe { libc::poll(&mut entry, 1, -1) };
        assert_eq!(ready, 1, "it does not wait");
        assert_ne!(entry.revents & libc::POLLERR, 0);
        assert_eq!(entry.revents & (libc::POLLIN | libc::POLLOUT), 0);
    }
    // SAFETY: makes a descriptor, and uses it with entries of ours.
    unsafe {
        let epoll =
            OwnedFd::from_raw_fd(result(libc::epoll_create1(libc::EPOLL_CLOEXEC)).expect("epoll"));
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 42,
        };
        if libc::epoll_ctl(
            epoll.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            door.fd(),
            &mut event,
        ) == 0
        {
            assert_eq!(
                libc::epoll_wait(epoll.as_raw_fd(), &mut event, 1, 10_000),
                1
            );
            let (events, data) = (event.events, event.u64);
            assert_eq!(data, 42);
            assert_eq!(
                events & (libc::EPOLLERR | libc::EPOLLIN) as u32,
                libc::EPOLLERR as u32
            );
        } else {
            assert_eq!(errno(), Errno::EPERM, "what cannot be polled");
        }
    }
}

fn selecting() {
    let door = make(0, 0);
    // SAFETY: the set is ours.
    unsafe {
        let mut set: libc::fd_set = std::mem::zeroed();
        libc::FD_SET(door.fd(), &mut set);
        let selected = libc::select(
            door.fd() + 1,
            &mut set,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        );
        assert_eq!(selected, 1, "an error is something to read");
    }
}

fn stat(fd: i32) -> (u32, u32, u32, i64) {
    // SAFETY: the structure is made of integers, and ours.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        assert_eq!(libc::fstat(fd, &mut stat), 0);
        (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_size)
    }
}

fn attributes_cannot_be_changed() {
    let door = make(0, 0);
    let before = stat(door.fd());
    // SAFETY: these do nothing to memory.
    unsafe {
        assert_eq!(libc::fchmod(door.fd(), 0o600), -1);
        assert_eq!(libc::fchown(door.fd(), 1000, 1000), -1);
        assert_eq!(libc::ftruncate(door.fd(), 100), -1);
        assert_eq!(libc::fallocate(door.fd(), 0, 0, 100), -1);
    }
    assert_eq!(stat(door.fd()), before);
    assert_eq!(stat(make(0, 0).fd()), before, "nor anybody else's");
}

fn locks() {
    let door = make(0, 0);
    // SAFETY: the structure is ours.
    unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = libc::F_WRLCK as i16;
        assert_eq!(
            libc::fcntl(door.fd(), libc::F_SETLK, &lock),
            -1,
            "a record lock"
        );
    }
}

/// Through /proc a door's descriptor is no way to another object: what opens is the same door, if anything.
fn opened_again() {
    let door = make(0, 0);
    for flags in [libc::O_RDONLY, libc::O_RDWR, libc::O_PATH] {
        let path = std::path::PathBuf::from(format!("/proc/self/fd/{}", door.fd()));
        let Ok(again) = open(&path, flags) else {
            continue;
        };
        match info(again.fd()) {
            Ok(told) => assert_eq!({ told.uniquifier }, {
                info(door.fd()).expect("info").uniquifier
            }),
            Err(error) => assert_eq!(error, Errno::EBADF),
        }
    }
    serve(|| (), |request| request.bytes());
    assert_eq!(
        call(door.fd(), b"unharmed").expect("call").data,
        b"unharmed"
    );
}

/// The lines of /proc that doors add.
fn lines(process: &str, fd: i32) -> HashMap<String, String> {
    let text =
        std::fs::read_to_string(format!("/proc/{process}/fdinfo/{fd}")).expect("/proc is mounted");
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.starts_with("door-"))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

#[track_caller]
fn hexadecimal(text: &str) -> u64 {
    let digits = text.strip_prefix("0x").expect("hexadecimal");
    u64::from_str_radix(digits, 16).expect("a number")
}

fn fdinfo() {
    let door = make(DOOR_REFUSE_DESC, 0xFEED_FACE_CAFE);
    let told = info(door.fd()).expect("info");
    let here = lines("self", door.fd());
    assert_eq!(here.len(), 5, "{here:?}");
    let check = |lines: &HashMap<String, String>| {
        assert_eq!(lines["door-target"], told.target.to_string());
        assert_eq!(hexadecimal(&lines["door-procedure"]), { told.procedure });
        assert_eq!(hexadecimal(&lines["door-cookie"]), { told.data });
        assert_eq!(lines["door-uniquifier"], { told.uniquifier }.to_string());
        let attributes = hexadecimal(&lines["door-attributes"]) as u32;
        assert_eq!(attributes & DOOR_REFUSE_DESC, DOOR_REFUSE_DESC);
    };
    check(&here);
    // Who reads it, is one more who refers to the door.
    let attributes = hexadecimal(&here["door-attributes"]) as u32;
    assert_eq!(
        attributes & !DOOR_IS_UNREF,
        { told.attributes } & !DOOR_IS_UNREF
    );
    // From outside, and of a descriptor that was opened by name.
    let main = crate::support::process_id().to_string();
    fork(|| check(&lines(&main, door.fd()))).succeed();
    let path = file("name");
    fattach(door.fd(), &path).expect("attach");
    let opened = open(&path, libc::O_RDONLY).expect("open");
    check(&lines("self", opened.fd()));
    fdetach(&path).expect("detach");
    std::fs::remove_dir_all(directory()).expect("/tmp is writable");
    // What is no door has none of these.
    let null = crate::support::fds::null();
    assert!(lines("self", null.as_raw_fd()).is_empty());
}

fn fdinfo_of_the_dead() {
    let (server, door) = server(|| make(0, 0));
    assert_eq!(
        lines("self", door.fd())["door-target"],
        server.pid.to_string()
    );
    drop(server);
    until("the server is gone", || {
        lines("self", door.fd())["door-target"] == "-1"
    });
    let attributes = hexadecimal(&lines("self", door.fd())["door-attributes"]) as u32;
    assert_eq!(attributes & DOOR_REVOKED, DOOR_REVOKED);
}

fn stolen_descriptor() {
    let (server, door) = server(|| {
        serve(|| (), |request| request.bytes());
        make(0, 0)
    });
    // The server has it under some number: the one that is the same door.
    // SAFETY: makes descriptors.
    let process = unsafe {
        OwnedFd::from_raw_fd(
            result(libc::syscall(libc::SYS_pidfd_open, server.pid, 0) as i32).expect("pidfd"),
        )
    };
    let number = info(door.fd()).expect("info").uniquifier;
    let copies = (0..64).filter_map(|fd| {
        // SAFETY: as above.
        unsafe {
            let copy = libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), fd, 0) as i32;
            (copy >= 0).then(|| Door(OwnedFd::from_raw_fd(copy)))
        }
    });
    let same: Vec<_> = copies
        .filter(|copy| info(copy.fd()).is_ok_and(|told| told.uniquifier == number))
        .collect();
    assert_eq!(same.len(), 1);
    // SAFETY: asks about a descriptor.
    let flags = unsafe { libc::fcntl(same[0].fd(), libc::F_GETFD) };
    assert_eq!(flags, libc::FD_CLOEXEC);
    assert_eq!(call(same[0].fd(), b"stolen").expect("call").data, b"stolen");
}

/// Lets system calls whose numbers are in the list fail with an error each, for this thread from now on.
fn deny(calls: &[(usize, i32)]) {
    let statement = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for (number, error) in calls {
        let mut jump = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *number as u32);
        jump.jf = 1;
        program.push(jump);
        program.push(statement(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | *error as u32,
        ));
    }
    program.push(statement(
        libc::BPF_RET | libc::BPF_K,
        libc::SECCOMP_RET_ALLOW,
    ));
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the program outlives the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter),
            0,
            "{:?}",
            errno()
        );
    }
}

fn calls_are_denied() {
    let door = make(0, 0);
    serve(|| (), |request| request.bytes());
    let client = |denied: bool| -> Child {
        fork(|| {
            if denied {
                deny(&[(syscalls::SYS_DOOR_CALL, libc::EPERM)]);
            }
            let expected = if denied {
                Err(Errno::EPERM)
            } else {
                Ok(b"data".to_vec())
            };
            assert_eq!(call(door.fd(), b"data").map(|reply| reply.data), expected);
            assert!(info(door.fd()).is_ok(), "other calls are as before");
        })
    };
    client(true).succeed();
    client(false).succeed();
}

/// Every system call of doors has a number of its own, under which a filter finds it.
fn every_call_can_be_denied() {
    const FIRST_ERROR: i32 = 200;
    fork(|| {
        let errors: Vec<_> = TABLE
            .iter()
            .map(|call| call.number)
            .zip(FIRST_ERROR..)
            .collect();
        deny(&errors);
        let mut arg = DoorArg::default();
        let mut value = 0;
        // SAFETY: none of these gets as far as to do anything.
        let results = unsafe {
            HashMap::from([
                (
                    "door_create",
                    syscalls::door_create(ptr::null_mut(), ptr::null_mut(), 0).map(drop),
                ),
                ("door_call", syscalls::door_call(-1, &mut arg)),
                ("door_return", Server::new().park().map(drop)),
                ("door_revoke", syscalls::door_revoke(-1)),
                ("door_info", info(-1).map(drop)),
                ("fattach", syscalls::fattach(-1, c"".as_ptr())),
                ("fdetach", syscalls::fdetach(c"".as_ptr())),
                ("door_bind", syscalls::door_bind(-1)),
                ("door_unbind", syscalls::door_unbind()),
                (
                    "door_ucred",
                    syscalls::door_ucred(&mut DoorUcred::default(), ptr::null_mut(), 0),
                ),
                ("door_getparam", syscalls::door_getparam(-1, 0, &mut value)),
                ("door_setparam", syscalls::door_setparam(-1, 0, 0)),
                ("door_unref", syscalls::door_unref()),
            ])
        };
        assert_eq!(results.len(), TABLE.len());
        for (call, error) in TABLE.iter().zip(FIRST_ERROR..) {
            assert_eq!(results[call.name], Err(Errno::new(error)), "{}", call.name);
            assert!(call.returns != Returns::Diverges || call.name == "door_return");
        }
    })
    .succeed();
}

/// A server thread that may not return: the call stays open until it ends.
fn returns_are_denied() {
    let door = make(0, 0);
    static DENIED: Flag = Flag::new();
    start(|| {
        let mut server = Server::new();
        server.park().expect("a call");
        deny(&[(syscalls::SYS_DOOR_RETURN, libc::EACCES)]);
        assert_eq!(server.give(b"x").expect_err("denied"), Errno::EACCES);
        assert!(
            crate::credentials::credentials(0).is_ok(),
            "the caller still waits"
        );
        DENIED.set(1);
    });
    assert_eq!(call(door.fd(), b"").map(drop), Err(Errno::EINTR));
    assert_eq!(DENIED.get(), 1);
}
