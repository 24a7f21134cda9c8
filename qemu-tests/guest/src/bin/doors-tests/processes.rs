// SPDX-License-Identifier: MIT OR Apache-2.0
//! fork, vfork, exec and core dumps, on either side and at each moment of a call.

use crate::support::files::directory;
use crate::support::process::{server, End};
use crate::support::raw::{attributes, bind, info, make, try_make, Server};
use crate::support::threads::{interrupts, serve, tgkill, Caller};
use crate::support::{call, errno, fork, process_id, tests, thread_id, until, Door, Flag, IDLE};
use doors_uapi::abi::{
    DoorArg, DOOR_LOCAL, DOOR_PARAM_DATA_MAX, DOOR_PRIVATE, DOOR_QUERY, DOOR_REVOKED, DOOR_UNREF,
};
use doors_uapi::{syscalls, Errno};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::ptr;

tests!(processes:
    vfork_child_makes_no_door => "CR-2",
    vfork_child_calls => "SI-42",
    child_has_no_rights => "SI-40",
    child_of_a_serving_thread => "SI-40 RE-4 UC-1",
    caller_forks => "SI-4 DX-7",
    survivor_of_an_exec => "SI-34 IF-1",
    exec_while_bound_and_waiting => "SI-34 TP-12 BI-6",
    exec_that_fails => "SI-34",
    core_dump => "SI-33 SI-31",
    raw_return_is_interrupted => "RE-7 RE-8",
    signals_to_servers_lose_no_call => "RE-7 SI-14 TP-3",
);

/// Runs `body` in a child that borrows this process' memory until it exits, as vfork's does. Returns what it says.
fn vfork(body: extern "C" fn(*mut libc::c_void) -> i32, argument: i32) -> i32 {
    let mut stack = vec![0_u128; 16 << 10];
    let mut status = 0;
    let top = stack.as_mut_ptr_range().end;
    // SAFETY: this thread waits while the child uses the memory; the child has a stack of its own, which is aligned.
    unsafe {
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let pid = libc::clone(
            body,
            top.cast(),
            flags,
            ptr::without_provenance_mut(argument as usize),
        );
        assert!(pid > 0, "{:?}", errno());
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
    }
    assert!(libc::WIFEXITED(status), "{status:#x}");
    libc::WEXITSTATUS(status)
}

fn vfork_child_makes_no_door() {
    extern "C" fn child(_: *mut libc::c_void) -> i32 {
        // The mistake in the attributes is not looked at.
        let refused = [0, DOOR_PRIVATE, DOOR_UNREF, u32::MAX]
            .map(|attributes| try_make(attributes, 0).map(drop));
        i32::from(refused == [Err(Errno::EOPNOTSUPP); 4])
    }
    let open = crate::support::open_descriptors();
    assert_eq!(vfork(child, 0), 1);
    assert_eq!(open, crate::support::open_descriptors());
    drop(make(0, 0));
}

/// What a child of vfork did to its parent's memory.
static BORROWED: Flag = Flag::new();

fn vfork_child_calls() {
    extern "C" fn child(argument: *mut libc::c_void) -> i32 {
        let fd = argument.addr() as i32;
        let mut rbuf = [0_u8; 64];
        let mut arg = DoorArg {
            data_ptr: b"vfork".as_ptr().expose_provenance() as u64,
            data_size: 5,
            rbuf: rbuf.as_mut_ptr().expose_provenance() as u64,
            rsize: 64,
            ..DoorArg::default()
        };
        // SAFETY: the parameters describe live buffers.
        let called = unsafe { syscalls::door_call(fd, &mut arg) };
        BORROWED.set(i32::from(rbuf[..5] == *b"vfork"));
        i32::from(called == Ok(()) && arg.data_size == 5)
    }
    let door = make(0, 0);
    serve(|| (), |request| request.bytes());
    assert_eq!(vfork(child, door.fd()), 1);
    assert_eq!(BORROWED.get(), 1);
    assert_eq!(call(door.fd(), b"after").expect("call").data, b"after");
}

fn child_has_no_rights() {
    let door = make(DOOR_PRIVATE, 0);
    fork(|| {
        assert_eq!(attributes(door.fd()) & DOOR_LOCAL, 0);
        assert_eq!(bind(door.fd()), Err(Errno::EINVAL));
        assert_eq!(
            crate::parameters::set(door.fd(), DOOR_PARAM_DATA_MAX, 0),
            Err(Errno::EPERM)
        );
        assert_eq!(crate::support::raw::revoke(door.dup()), Err(Errno::EPERM));
        assert!(info(door.fd()).is_ok());
    })
    .succeed();
    let fd = door.fd();
    serve(move || bind(fd).expect("bind"), |request| request.bytes());
    assert_eq!(call(door.fd(), b"ours").expect("call").data, b"ours");
}

/// A server procedure forks: the call stays the parent's.
fn child_of_a_serving_thread() {
    let door = make(0, 0);
    serve(
        || (),
        |request| {
            let child = fork(|| {
                assert_eq!(
                    crate::credentials::credentials(0).map(drop),
                    Err(Errno::EINVAL)
                );
                assert_eq!(info(DOOR_QUERY), Err(Errno::EBADF));
                // Its door_return replies to nobody, and parks until a signal comes.
                interrupts(libc::SIGALRM);
                let timer = libc::itimerval {
                    it_interval: libc::timeval {
                        tv_sec: 0,
                        tv_usec: 10_000,
                    },
                    it_value: libc::timeval {
                        tv_sec: 0,
                        tv_usec: 10_000,
                    },
                };
                // SAFETY: starts a timer of this process.
                unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) };
                let returned = Server::new().give(b"from the child");
                assert_eq!(returned.expect_err("nobody calls"), Errno::EINTR);
            });
            child.succeed();
            assert!(crate::credentials::credentials(0).is_ok());
            request.bytes()
        },
    );
    assert_eq!(call(door.fd(), b"parent").expect("call").data, b"parent");
}

static ENTERED: Flag = Flag::new();
static LEAVE: Flag = Flag::new();

/// The process of a caller forks, again and again; the child's end is noticed, too.
fn caller_forks() {
    let door = make(0, 0);
    serve(
        || (),
        |request| {
            ENTERED.set(1);
            LEAVE.await_set("the test lets the call go on");
            request.bytes()
        },
    );
    let caller = Caller::start(door.fd(), b"data");
    ENTERED.await_set("the call is served");
    for _ in 0..5 {
        fork(|| ()).succeed();
        caller.until_blocked();
    }
    LEAVE.set(1);
    assert_eq!(caller.result(), Ok(b"data".to_vec()));
}

fn idle_program() -> std::io::Error {
    std::process::Command::new("/proc/self/exe")
        .arg(IDLE)
        .exec()
}

/// Looks at a descriptor of another process through a copy of it.
fn stolen(process: i32, number: i32) -> Result<Door, Errno> {
    // SAFETY: both make descriptors.
    unsafe {
        let handle = libc::syscall(libc::SYS_pidfd_open, process, 0) as i32;
        assert!(handle >= 0, "{:?}", errno());
        let handle = OwnedFd::from_raw_fd(handle);
        use std::os::fd::AsRawFd;
        match libc::syscall(libc::SYS_pidfd_getfd, handle.as_raw_fd(), number, 0) as i32 {
            -1 => Err(errno()),
            fd => Ok(Door(OwnedFd::from_raw_fd(fd))),
        }
    }
}

/// A descriptor that survives the server's exec is a revoked door's, of nobody's; others are gone.
fn survivor_of_an_exec() {
    let numbers = [Flag::shared(), Flag::shared()];
    let child = fork(|| {
        let (gone, kept) = (make(0, 1), make(0, 2));
        // SAFETY: changes a descriptor of ours.
        unsafe { assert_eq!(libc::fcntl(kept.fd(), libc::F_SETFD, 0), 0) };
        numbers[0].set(gone.fd());
        numbers[1].set(kept.fd());
        panic!("exec: {}", idle_program());
    });
    let [gone, kept] = numbers.map(|number| number.await_set("the doors are made"));
    until("the program is another", || {
        std::fs::read(format!("/proc/{}/cmdline", child.pid))
            .is_ok_and(|line| line.ends_with(b"--idle\0"))
    });
    assert_eq!(stolen(child.pid, gone).map(drop), Err(Errno::EBADF));
    let kept = stolen(child.pid, kept).expect("it is there");
    let told = info(kept.fd()).expect("info");
    assert_eq!((told.target, { told.data }), (-1, 2));
    assert_eq!(
        { told.attributes } & (DOOR_REVOKED | DOOR_LOCAL),
        DOOR_REVOKED
    );
    assert_eq!(call(kept.fd(), b"").map(drop), Err(Errno::EBADF));
}

/// The threads that serve a private door and wait for unreferenced ones are gone with the old program.
fn exec_while_bound_and_waiting() {
    let serving = Flag::shared();
    let (child, door) = server(|| {
        let door = make(DOOR_PRIVATE | DOOR_UNREF, 0);
        let fd = door.fd();
        for _ in 0..2 {
            serve(
                move || bind(fd).expect("bind"),
                move |_| {
                    // The first call's thread stays, the second one's becomes another program.
                    if serving.add(1) == 2 {
                        panic!("exec: {}", idle_program());
                    }
                    loop {
                        std::thread::park();
                    }
                },
            );
        }
        crate::support::notices::start_unref_thread();
        door
    });
    let callers: Vec<_> = (1..=2)
        .map(|times| {
            let caller = Caller::start(door.fd(), b"");
            until("it is served", || serving.get() == times);
            caller
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.result(), Err(Errno::EINTR));
    }
    assert_eq!(call(door.fd(), b"").map(drop), Err(Errno::EBADF));
    until("the server is gone", || {
        info(door.fd()).expect("info").target == -1
    });
    // SAFETY: signal 0 only asks.
    assert_eq!(unsafe { libc::kill(child.pid, 0) }, 0);
}

fn exec_that_fails() {
    let (_server, door) = server(|| {
        let door = make(DOOR_PRIVATE, 0);
        let fd = door.fd();
        serve(
            move || bind(fd).expect("bind"),
            move |_| {
                let error = std::process::Command::new("/nonexistent").exec();
                assert_eq!(
                    info(DOOR_QUERY).map(|info| info.target),
                    Ok(process_id()),
                    "still bound"
                );
                error.raw_os_error().unwrap_or(0).to_ne_bytes().to_vec()
            },
        );
        door
    });
    for _ in 0..2 {
        assert_eq!(
            call(door.fd(), b"").expect("call").data,
            Errno::ENOENT.number().to_ne_bytes()
        );
    }
    assert_eq!(attributes(door.fd()) & DOOR_REVOKED, 0);
}

/// Where core dumps go, for a while.
struct CorePattern(Vec<u8>);

impl CorePattern {
    const FILE: &str = "/proc/sys/kernel/core_pattern";

    fn set(pattern: &str) -> Self {
        let before = std::fs::read(Self::FILE).expect("core_pattern");
        std::fs::write(Self::FILE, pattern).expect("core_pattern");
        Self(before)
    }
}

impl Drop for CorePattern {
    fn drop(&mut self) {
        std::fs::write(Self::FILE, &self.0).expect("core_pattern");
    }
}

/// The clients of a server that dumps core do not wait for the dump.
fn core_dump() {
    // A program that takes the dump, but not before the test lets it.
    let (begun, go_on) = (directory().join("begun"), directory().join("go-on"));
    let script = directory().join("core.sh");
    let text = format!(
        "#!/bin/sh\n: > {}\nread _ < {}\ncat > /dev/null\n",
        begun.display(),
        go_on.display()
    );
    let path = crate::support::files::c_path(&go_on);
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    std::fs::write(&script, text).expect("/tmp is writable");
    crate::support::files::mode(&script, 0o755);
    let serving = Flag::shared();
    let (child, door) = server(|| {
        let unlimited = libc::rlimit {
            rlim_cur: libc::RLIM_INFINITY,
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: sets a limit of this process.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_CORE, &unlimited) }, 0);
        serve(
            || (),
            move |_| {
                serving.set(1);
                loop {
                    std::thread::park();
                }
            },
        );
        make(0, 0)
    });
    let served = Caller::start(door.fd(), b"");
    serving.await_set("the call is served");
    let queued = Caller::blocked(door.fd(), b"");
    let pattern = CorePattern::set(&format!("|{}", script.display()));
    child.kill(libc::SIGQUIT);
    let results = (queued.result(), served.result());
    until("the dump has begun", || begun.exists());
    drop(pattern);
    let mut status = 0;
    // SAFETY: asks after a child.
    let waited = unsafe { libc::waitpid(child.pid, &mut status, libc::WNOHANG) };
    let later = call(door.fd(), b"").map(drop);
    let attributes = attributes(door.fd());
    std::fs::write(&go_on, b"go on\n").expect("the script listens");
    assert_eq!(results, (Err(Errno::EBADF), Err(Errno::EINTR)));
    assert_eq!(waited, 0, "the server is not dead yet");
    assert_eq!(later, Err(Errno::EBADF));
    assert_eq!(attributes & DOOR_REVOKED, DOOR_REVOKED);
    assert_eq!(child.wait(), End::Killed(libc::SIGQUIT));
    std::fs::remove_dir_all(directory()).expect("/tmp is writable");
}

/// To the kernel it makes no difference whether the process makes doors: the library does.
fn raw_return_is_interrupted() {
    interrupts(libc::SIGUSR1);
    for door in [None, Some(make(0, 0))] {
        static TIMES: Flag = Flag::new();
        TIMES.set(0);
        let thread = crate::support::threads::start(|| {
            let mut server = Server::new();
            for _ in 0..3 {
                assert_eq!(server.park().expect_err("a signal"), Errno::EINTR);
                TIMES.add(1);
            }
        });
        for times in 1..=3 {
            crate::support::threads::until_parked(thread);
            tgkill(thread, libc::SIGUSR1);
            until("the thread is interrupted", || TIMES.get() == times);
        }
        drop(door);
    }
}

/// Server threads are interrupted at every moment: parked, chosen, serving. Their callers notice nothing.
fn signals_to_servers_lose_no_call() {
    const CALLS: u32 = 400;
    interrupts(libc::SIGUSR1);
    let door = make(0, 0);
    let fd = door.fd();
    static SERVED: Flag = Flag::new();
    let threads = [(); 2].map(|()| {
        serve(
            || (),
            |request| {
                SERVED.add(1);
                request.bytes()
            },
        )
    });
    static STOP: Flag = Flag::new();
    let pest = std::thread::spawn(move || {
        let mut times = 0;
        while STOP.get() == 0 {
            tgkill(threads[times % 2], libc::SIGUSR1);
            times += 1;
            if times % 3 == 0 {
                std::thread::sleep(std::time::Duration::from_micros(20));
            }
        }
        times
    });
    for round in 0..CALLS {
        let data = if round % 10 == 0 {
            vec![round as u8; 20_000]
        } else {
            round.to_ne_bytes().to_vec()
        };
        assert_eq!(call(fd, &data).expect("no call is lost").data, data);
    }
    STOP.set(1);
    assert!(pest.join().expect("pest") > 20);
    assert_eq!(SERVED.get(), CALLS as i32, "and none is served twice");
    assert_ne!(thread_id(), threads[0]);
}
