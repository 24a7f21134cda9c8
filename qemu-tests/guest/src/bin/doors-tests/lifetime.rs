// SPDX-License-Identifier: MIT OR Apache-2.0
//! The end of doors, threads and processes, at each moment of a call.

use crate::support::process::{server, End};
use crate::support::server::{create, procedure};
use crate::support::threads::{until_in, Caller};
use crate::support::{
    call, echo, errno, fails, fork, give, info, open_descriptors, process_id, tests, thread_id,
    until, Door, Flag, IDLE,
};
use doors_uapi::abi::{DOOR_LOCAL, DOOR_PRIVATE, DOOR_REVOKED};
use doors_uapi::syscalls::SYS_DOOR_CALL;
use doors_uapi::Errno;
use solaris_doors::door::door_revoke;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::ptr;
use std::sync::OnceLock;

tests!(lifetime:
    revoked => "CA-2.3 RV-3 RV-5 RV-7",
    revoking_what_is_no_door => "RV-1",
    revoking_what_is_not_ours => "RV-2 SI-40",
    revoked_during_a_call => "RV-4 SI-20",
    revoked_with_callers_queued => "RV-3 SI-20 CA-2.9",
    server_thread_exits => "SI-30 TP-31",
    procedure_returns => "RE-9 SI-30",
    last_thread_exits => "TP-31",
    server_killed_while_idle => "SI-31 IF-1 IN-2",
    server_killed_during_a_call => "SI-31 SI-32",
    server_killed_with_callers_queued => "SI-31 CA-2.9",
    server_exits_during_a_call => "SI-31",
    server_executes_another_program => "SI-34",
    server_fails_to_execute => "SI-34",
    client_killed_during_a_call => "SI-7 SI-10",
    client_killed_while_queued => "SI-7",
    child_outlives_the_server => "SI-40 SI-31",
    child_of_vfork => "CR-2 SI-42",
);

fn attributes(door: i32) -> u32 {
    info(door).expect("info").attributes
}

fn revoked() {
    let door = Door::new(echo, 0);
    let (second, third) = (door.dup(), door.dup());
    let number = door.into_raw();
    assert_eq!(door_revoke(number), 0);
    assert_eq!(info(number), Err(Errno::EBADF), "the descriptor is closed");
    assert_eq!(call(second.fd(), b"").expect_err("revoked"), Errno::EBADF);
    assert_eq!(attributes(second.fd()) & DOOR_REVOKED, DOOR_REVOKED);
    assert_eq!(info(second.fd()).expect("info").target, process_id());
    let number = second.into_raw();
    assert_eq!(door_revoke(number), 0, "again, through another descriptor");
    assert_eq!(info(number), Err(Errno::EBADF));
    assert_eq!(attributes(third.fd()) & DOOR_REVOKED, DOOR_REVOKED);
}

fn revoking_what_is_no_door() {
    let file = std::fs::File::open("/dev/null").expect("open");
    for number in [-1, 1000, file.as_raw_fd()] {
        assert_eq!(fails(door_revoke(number)), Errno::EBADF);
    }
}

fn revoking_what_is_not_ours() {
    let door = Door::new(echo, 0);
    fork(|| {
        assert_eq!(fails(door_revoke(door.fd())), Errno::EPERM);
        assert_eq!(call(door.fd(), b"still").expect("call").data, b"still");
    })
    .succeed();
    assert_eq!(call(door.fd(), b"still").expect("call").data, b"still");

    let (server, door) = server(|| Door::new(echo, 0));
    drop(server);
    until("the server is gone", || {
        info(door.fd()).expect("info").target == -1
    });
    assert_eq!(fails(door_revoke(door.fd())), Errno::EPERM);
    assert!(info(door.fd()).is_ok(), "the descriptor stays open");
}

static ENTERED: Flag = Flag::new();
static LEAVE: Flag = Flag::new();

procedure!(
    /// Serves until the test says so.
    lingers(_, data, _) {
        ENTERED.set(thread_id());
        LEAVE.await_set("the test lets the server go on");
        give(data);
    }
);

fn revoked_during_a_call() {
    let door = Door::new(lingers, 0);
    let (other, number) = (door.dup(), door.into_raw());
    let fd = other.fd();
    let client = std::thread::spawn(move || call(fd, b"data").map(|reply| reply.data));
    ENTERED.await_set("the call is served");
    assert_eq!(door_revoke(number), 0);
    assert_eq!(call(other.fd(), b"").expect_err("revoked"), Errno::EBADF);
    LEAVE.set(1);
    assert_eq!(client.join().expect("client"), Ok(b"data".to_vec()));
}

/// Threads that call a door which nobody serves.
fn queue(fd: i32, length: usize) -> Vec<Caller> {
    (0..length).map(|_| Caller::blocked(fd, b"data")).collect()
}

fn revoked_with_callers_queued() {
    let door = Door::new(echo, DOOR_PRIVATE);
    let other = door.dup();
    let clients = queue(other.fd(), 3);
    assert_eq!(door_revoke(door.into_raw()), 0);
    for client in clients {
        assert_eq!(client.result(), Err(Errno::EBADF));
    }
}

procedure!(
    /// Ends its thread when it is told to.
    exits(_, data, _) {
        if data == b"exit" {
            // SAFETY: there is nothing on this thread to clean up.
            unsafe { libc::pthread_exit(ptr::null_mut()) };
        }
        give(data);
    }
);

procedure!(
    /// Forgets to return when it is told to.
    forgets(_, data, _) {
        if data != b"exit" {
            give(data);
        }
    }
);

fn threads_end(door: &Door) {
    for _ in 0..20 {
        assert_eq!(
            call(door.fd(), b"exit").expect_err("the thread ends"),
            Errno::EINTR
        );
        assert_eq!(call(door.fd(), b"fine").expect("call").data, b"fine");
    }
    assert_eq!(
        attributes(door.fd()) & DOOR_REVOKED,
        0,
        "the door stays valid"
    );
}

fn server_thread_exits() {
    let (_server, door) = server(|| Door::new(exits, 0));
    threads_end(&door);
}

fn procedure_returns() {
    let (_server, door) = server(|| Door::new(forgets, 0));
    threads_end(&door);
    // In the client's own process too.
    threads_end(&Door::new(forgets, 0));
}

fn last_thread_exits() {
    extern "C" fn no_more(_: *mut doors_uapi::abi::DoorInfo) {}
    let door = Door::new(forgets, 0);
    solaris_doors::door::door_server_create(Some(no_more));
    assert_eq!(
        call(door.fd(), b"exit").expect_err("the thread ends"),
        Errno::EINTR
    );
    let clients = queue(door.fd(), 1);
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!clients[0].is_finished(), "nobody serves");
    assert_eq!(door_revoke(door.into_raw()), 0);
    for client in clients {
        assert_eq!(client.result(), Err(Errno::EBADF));
    }
}

#[track_caller]
fn assert_dead(door: &Door) {
    until("the server is gone", || {
        info(door.fd()).expect("info").target == -1
    });
    assert_eq!(
        attributes(door.fd()) & (DOOR_REVOKED | DOOR_LOCAL),
        DOOR_REVOKED
    );
    assert_eq!(call(door.fd(), b"").expect_err("dead"), Errno::EBADF);
}

fn server_killed_while_idle() {
    let (server, door) = server(|| Door::new(echo, 0));
    assert_eq!(info(door.fd()).expect("info").target, server.pid);
    assert_eq!(call(door.fd(), b"alive").expect("call").data, b"alive");
    server.kill(libc::SIGKILL);
    assert_eq!(server.wait(), End::Killed(libc::SIGKILL));
    assert_dead(&door);
}

static SERVING: OnceLock<&'static Flag> = OnceLock::new();

procedure!(
    /// Says that it serves, and does not return.
    never_returns(_, _, _) {
        SERVING.get().expect("the test made it").add(1);
        loop {
            std::thread::park();
        }
    }
);

fn server_killed_during_a_call() {
    let serving = SERVING.get_or_init(Flag::shared);
    let (server, door) = server(|| Door::new(never_returns, 0));
    let fd = door.fd();
    let clients: Vec<_> = (0..4)
        .map(|_| std::thread::spawn(move || call(fd, b"").map(drop)))
        .collect();
    until("all are served", || serving.get() == 4);
    server.kill(libc::SIGKILL);
    for client in clients {
        assert_eq!(client.join().expect("client"), Err(Errno::EINTR));
    }
    assert_dead(&door);
}

fn server_killed_with_callers_queued() {
    let (server, door) = server(|| Door::new(echo, DOOR_PRIVATE));
    let clients = queue(door.fd(), 3);
    server.kill(libc::SIGKILL);
    for client in clients {
        assert_eq!(client.result(), Err(Errno::EBADF));
    }
    assert_dead(&door);
}

procedure!(
    /// Ends its process.
    exits_altogether(_, _, _) {
        // SAFETY: ends the process without exit handlers.
        unsafe { libc::_exit(3) };
    }
);

fn server_exits_during_a_call() {
    let (server, door) = server(|| Door::new(exits_altogether, 0));
    assert_eq!(
        call(door.fd(), b"").expect_err("the server exits"),
        Errno::EINTR
    );
    assert_eq!(server.wait(), End::Exited(3));
    assert_dead(&door);
}

procedure!(
    /// Becomes another program, or tries.
    executes(_, data, _) {
        let program = std::str::from_utf8(data).expect("a path");
        let error = std::process::Command::new(program).arg(IDLE).exec();
        give(&error.raw_os_error().unwrap_or(0).to_ne_bytes());
    }
);

fn server_executes_another_program() {
    let (server, door) = server(|| {
        let door = Door::new(executes, 0);
        // A descriptor that survives shows a revoked door of nobody's.
        let survivor = door.dup();
        // SAFETY: changes a descriptor of ours.
        unsafe { libc::fcntl(survivor.into_raw(), libc::F_SETFD, 0) };
        door
    });
    assert_eq!(
        call(door.fd(), b"/proc/self/exe").expect_err("the server execs"),
        Errno::EINTR
    );
    assert_dead(&door);
    // The process itself goes on.
    // SAFETY: signal 0 only asks.
    assert_eq!(unsafe { libc::kill(server.pid, 0) }, 0);
}

fn server_fails_to_execute() {
    let (_server, door) = server(|| Door::new(executes, 0));
    let reply = call(door.fd(), b"/nonexistent").expect("call");
    assert_eq!(reply.data, Errno::ENOENT.number().to_ne_bytes());
    assert_eq!(attributes(door.fd()) & DOOR_REVOKED, 0);
}

fn client_killed_during_a_call() {
    let door = Door::new(lingers, 0);
    let client = fork(|| {
        let _ = call(door.fd(), b"data");
    });
    ENTERED.await_set("the call is served");
    client.kill(libc::SIGKILL);
    assert_eq!(
        client.wait(),
        End::Killed(libc::SIGKILL),
        "while the server is still at it"
    );
    LEAVE.set(1);
    assert_eq!(call(door.fd(), b"next").expect("call").data, b"next");
}

fn client_killed_while_queued() {
    let door = Door::new(echo, DOOR_PRIVATE);
    let client = fork(|| {
        let _ = call(door.fd(), b"data");
    });
    until_in(client.pid, client.pid, SYS_DOOR_CALL);
    client.kill(libc::SIGKILL);
    assert_eq!(client.wait(), End::Killed(libc::SIGKILL));
}

fn child_outlives_the_server() {
    let result = Flag::shared();
    let parent = fork(|| {
        let door = Door::new(echo, 0);
        let child = fork(|| {
            assert_eq!(call(door.fd(), b"x").expect("call").data, b"x");
            result.set(1);
            until("the parent is gone", || {
                info(door.fd()).expect("info").target == -1
            });
            assert_eq!(call(door.fd(), b"x").expect_err("dead"), Errno::EBADF);
            result.set(2);
        });
        // Not killed when this process ends.
        std::mem::forget(child);
        result.await_set("the child has called");
    });
    parent.succeed();
    until("the child is done", || result.get() == 2);
}

/// What a child of `vfork` finds out: 1 if `door_create` refuses, and the parent's descriptor works.
extern "C" fn in_vfork(argument: *mut libc::c_void) -> libc::c_int {
    let door = argument.addr() as i32;
    let refused = create(Some(echo), 0, 0) == Err(Errno::EOPNOTSUPP);
    let works = info(door).is_ok();
    // SAFETY: ends the child, which must not run the parent's exit handlers.
    unsafe { libc::_exit(i32::from(refused && works)) }
}

fn child_of_vfork() {
    let door = Door::new(echo, 0);
    let open = open_descriptors();
    let mut stack = vec![0_u8; 256 << 10];
    let mut status = 0;
    // SAFETY: as vfork does, the child borrows this memory while this thread waits; it has a stack of its
    // own, aligned to 16.
    unsafe {
        let top = stack.as_mut_ptr().add(stack.len() & !15);
        let top = top.wrapping_sub(top.addr() % 16);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let argument = ptr::without_provenance_mut(door.fd() as usize);
        let pid = libc::clone(in_vfork, top.cast(), flags, argument);
        assert!(pid > 0, "{:?}", errno());
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
    }
    assert_eq!(libc::WEXITSTATUS(status), 1);
    assert_eq!(open, open_descriptors());
    assert_eq!(call(door.fd(), b"after").expect("call").data, b"after");
}
