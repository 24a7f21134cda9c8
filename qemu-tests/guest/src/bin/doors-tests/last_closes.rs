// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which close makes a door unreferenced, and which does not.

use crate::support::call::call_with;
use crate::support::fds::close;
use crate::support::files::{fattach, fdetach, file, open};
use crate::support::notices::{expect, is_spent, notes, quiet, seen, start_unref_thread, watch};
use crate::support::process::{receive_descriptor, send_descriptor};
use crate::support::raw::{attributes, info, make, Server};
use crate::support::server::descriptor;
use crate::support::threads::{interrupts, serve, Caller};
use crate::support::{call, fork, process_id, tests, until, Child, Door, Flag, IDLE};
use doors_uapi::abi::{DOOR_IS_UNREF, DOOR_RELEASE, DOOR_UNREF, DOOR_UNREF_MULTI};
use doors_uapi::Errno;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;

tests!(last_closes:
    fresh_door => "IF-5 UN-2",
    who_refers_shows => "IF-5",
    of_all_kinds => "UN-1 UN-3 UN-4",
    in_a_child => "UN-3 UN-5",
    uses_up_the_only_notice => "UN-5 UN-8",
    last_of_all => "UN-2",
    of_another_open => "UN-2 UN-6",
    through_a_name => "UN-6 UN-7",
    detached_while_open => "UN-7",
    of_the_servers_own => "UN-3",
    in_a_message => "UN-1 IF-5",
    of_a_message_nobody_reads => "IF-5 UN-2",
    of_a_stolen_descriptor => "UN-1 UN-3",
    passed_by_calls => "UN-1 UN-3 IF-5",
    released_by_a_call => "UN-1 DE-7",
    during_a_call => "UN-14 DX-5 IF-5",
    during_several_calls => "UN-14",
    during_an_aborted_call => "UN-15",
    during_a_call_by_name => "UN-6 UN-14",
);

fn is_unref(door: &Door) -> bool {
    attributes(door.fd()) & DOOR_IS_UNREF != 0
}

fn unref_door() -> Door {
    make(DOOR_UNREF, 7)
}

fn fresh_door() {
    watch();
    for kind in [0, DOOR_UNREF, DOOR_UNREF_MULTI] {
        assert!(is_unref(&make(kind, 7)), "{kind:#x}");
    }
    expect(&[]);
}

fn who_refers_shows() {
    serve(|| (), |call| call.bytes());
    let door = make(0, 7);
    let other = door.dup();
    assert!(!is_unref(&door) && !is_unref(&other), "a duplicate");
    drop(other);
    assert!(is_unref(&door));
    let child = fork(|| loop {
        std::thread::park();
    });
    assert!(!is_unref(&door), "a child's");
    drop(child);
    until("the child's descriptor is gone", || is_unref(&door));
    let path = file("name");
    fattach(door.fd(), &path).expect("attach");
    assert!(!is_unref(&door), "a name");
    let opened = open(&path, libc::O_RDONLY).expect("open");
    fdetach(&path).expect("detach");
    assert!(!is_unref(&door), "an open of what was a name");
    drop(opened);
    until("the open is gone", || is_unref(&door));
    // A call in progress, looked at by another thread.
    static ENTERED: Flag = Flag::new();
    static LEAVE: Flag = Flag::new();
    serve(
        || (),
        |_| {
            ENTERED.set(1);
            LEAVE.await_set("the test lets the call go on");
            Vec::new()
        },
    );
    let caller = Caller::start(door.fd(), b"");
    ENTERED.await_set("the call is served");
    assert!(!is_unref(&door), "a call");
    LEAVE.set(1);
    caller.result().expect("call");
    until("the call is over", || is_unref(&door));
}

/// Each way of closing in one process; all of them are the close of a duplicate.
fn of_all_kinds() {
    watch();
    let door = make(DOOR_UNREF_MULTI, 7);
    let ways: [fn(i32); 6] = [
        close,
        |fd| {
            // Something else takes its number.
            let null = crate::support::fds::null();
            // SAFETY: the number is ours.
            assert_eq!(unsafe { libc::dup2(null.as_raw_fd(), fd) }, fd);
            close(fd);
        },
        |fd| {
            // SAFETY: closes a number of ours.
            let failed = unsafe { libc::syscall(libc::SYS_close_range, fd, fd, 0) };
            assert_eq!(failed, 0);
        },
        |fd| {
            // SAFETY: as above; the table is shared with the threads of this process, and becomes this thread's own.
            let closed = std::thread::spawn(move || unsafe {
                libc::syscall(libc::SYS_close_range, fd, fd, libc::CLOSE_RANGE_UNSHARE)
            });
            assert_eq!(closed.join().expect("thread"), 0);
            // The process has it still; the thread's table is gone.
            close(fd);
        },
        |fd| {
            // A number moves: two close, one of them as the target.
            // SAFETY: the numbers are ours.
            unsafe {
                let third = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 100);
                assert!(third >= 100);
                assert_eq!(libc::dup2(fd, third), third);
                close(fd);
                close(third);
            }
        },
        |fd| {
            // In another thread.
            std::thread::spawn(move || close(fd))
                .join()
                .expect("thread");
        },
    ];
    for (times, way) in ways.into_iter().enumerate() {
        way(door.dup().into_raw());
        until("the notice comes", || seen().len() > times);
        quiet();
        assert_eq!(seen().len(), times + 1, "one for each way");
    }
    assert!(is_unref(&door));
}

fn idle_program() -> std::io::Error {
    std::process::Command::new("/proc/self/exe")
        .arg(IDLE)
        .exec()
}

fn in_a_child() {
    watch();
    let door = make(DOOR_UNREF_MULTI, 7);
    let exits: Child = fork(|| ());
    exits.succeed();
    expect(&[7]);

    let killed = fork(|| loop {
        std::thread::park();
    });
    assert!(!is_unref(&door));
    drop(killed);
    expect(&[7; 2]);

    let closes = fork(|| {
        close(door.fd());
        loop {
            std::thread::park();
        }
    });
    expect(&[7; 3]);
    drop(closes);

    // The descriptor is close-on-exec.
    let executes = fork(|| panic!("exec: {}", idle_program()));
    expect(&[7; 4]);
    drop(executes);
    expect(&[7; 4]);
}

fn uses_up_the_only_notice() {
    watch();
    let door = unref_door();
    fork(|| ()).succeed();
    expect(&[7]);
    drop(door.dup());
    expect(&[7]);
}

fn last_of_all() {
    watch();
    let door = unref_door();
    let uniquifier = info(door.fd()).expect("info").uniquifier;
    let number = door.into_raw();
    close(number);
    expect(&[]);
    assert_eq!(info(number), Err(Errno::EBADF));
    let multi = make(DOOR_UNREF_MULTI, 8);
    assert!(uniquifier < info(multi.fd()).expect("info").uniquifier);
    drop(multi);
    expect(&[]);
}

fn of_another_open() {
    watch();
    let door = unref_door();
    let path = file("name");
    fattach(door.fd(), &path).expect("attach");
    for _ in 0..3 {
        drop(open(&path, libc::O_RDONLY).expect("open"));
    }
    let kept = open(&path, libc::O_RDWR).expect("open");
    drop(kept.dup());
    quiet();
    assert!(
        !is_spent(&door),
        "nothing of that makes the door unreferenced"
    );
    drop(kept);
    quiet();
    assert!(!is_spent(&door));
    fdetach(&path).expect("detach");
    expect(&[7]);
}

fn through_a_name() {
    watch();
    let door = unref_door();
    let (path, second) = (file("name"), file("second"));
    fattach(door.fd(), &path).expect("attach");
    fattach(door.fd(), &second).expect("attach");
    drop(door.dup());
    assert!(!is_spent(&door), "the names refer to it");
    fdetach(&path).expect("detach");
    quiet();
    assert!(!is_spent(&door), "one name refers to it");
    std::fs::remove_file(&second).expect("unlink detaches");
    expect(&[7]);
    assert!(is_unref(&door));
}

fn detached_while_open() {
    watch();
    let door = unref_door();
    let path = file("name");
    fattach(door.fd(), &path).expect("attach");
    let opened = open(&path, libc::O_RDONLY).expect("open");
    fdetach(&path).expect("detach");
    quiet();
    assert!(!is_spent(&door), "it is still open by name");
    assert_eq!(call(opened.fd(), b"x").expect("call").data, b"x");
    drop(opened);
    expect(&[7]);
}

/// The one who is left need not be the server.
fn of_the_servers_own() {
    watch();
    let door = unref_door();
    let path = file("name");
    fattach(door.fd(), &path).expect("attach");
    drop(door);
    expect(&[7]);
    let opened = open(&path, libc::O_RDONLY).expect("open");
    assert_eq!(call(opened.fd(), b"x").expect("call").data, b"x");
    fdetach(&path).expect("detach");
}

fn in_a_message() {
    watch();
    let door = make(DOOR_UNREF_MULTI, 7);
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    send_descriptor(&ours, door.fd());
    assert!(!is_unref(&door), "a descriptor in flight");
    let received = receive_descriptor(&theirs);
    assert!(!is_unref(&door));
    expect(&[]);
    drop(received);
    expect(&[7]);
}

/// That a descriptor goes with the message that it is in, nobody notices on Linux. The next close is noticed.
fn of_a_message_nobody_reads() {
    watch();
    let door = unref_door();
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    send_descriptor(&ours, door.fd());
    quiet();
    assert!(!is_spent(&door));
    drop((ours, theirs));
    until("the message is gone", || is_unref(&door));
    drop(door.dup());
    expect(&[7]);
}

fn of_a_stolen_descriptor() {
    watch();
    let taken = Flag::shared();
    let main = process_id();
    let (child, door);
    let number = Flag::shared();
    child = fork(|| {
        let wanted = number.await_set("the door is made");
        // SAFETY: both make descriptors.
        unsafe {
            let process = libc::syscall(libc::SYS_pidfd_open, main, 0) as i32;
            assert!(process >= 0);
            let fd = libc::syscall(libc::SYS_pidfd_getfd, process, wanted, 0) as i32;
            assert!(fd >= 0, "{:?}", crate::support::errno());
            let door = Door(OwnedFd::from_raw_fd(fd));
            assert_eq!(libc::fcntl(fd, libc::F_GETFD), libc::FD_CLOEXEC);
            assert_eq!(call(door.fd(), b"stolen").expect("call").data, b"stolen");
            taken.set(1);
            until("the test has looked", || taken.get() == 2);
        }
    });
    door = unref_door();
    number.set(door.fd());
    taken.await_set("the child has it");
    assert!(!is_unref(&door) && !is_spent(&door));
    taken.set(2);
    child.succeed();
    expect(&[7]);
}

/// A client gets the door from one call, gives it back in another, and is told of by what it closes.
fn passed_by_calls() {
    static GIVEN: Flag = Flag::new();
    let desk = make(0, 1);
    let step = Flag::shared();
    // Made before the door, so that the child does not inherit that.
    let client = fork(|| {
        step.await_set("the door is made");
        let door = call(desk.fd(), b"please").expect("call").descriptors[0].descriptor;
        assert_eq!(call(door, b"passed").expect("call").data, b"passed");
        step.set(2);
        until("the test has looked", || step.get() == 3);
        // SAFETY: the descriptor is ours; it goes with the call.
        let back = unsafe { OwnedFd::from_raw_fd(door) };
        let entries = [descriptor(&back, DOOR_RELEASE)];
        call_with(desk.fd(), b"back", &entries).expect("call");
        assert!(!crate::support::fds::is_open(back.into_raw_fd()));
        step.set(4);
    });
    let door = make(DOOR_UNREF_MULTI, 7);
    let number = door.fd();
    crate::support::threads::start(move || {
        let mut server = Server::new();
        let mut next = server.park();
        loop {
            let request = next.expect("a call");
            // What came back is closed here.
            for entry in request.entries() {
                GIVEN.set(2);
                close(entry.descriptor);
            }
            next = if request.bytes() == b"please" {
                GIVEN.set(1);
                server.give_with(b"", &[descriptor(&crate::support::fds::Raw(number), 0)])
            } else {
                server.give(&notes(&request))
            };
        }
    });
    start_unref_thread();
    step.set(1);
    until("the client has it", || step.get() == 2);
    assert!(!is_unref(&door));
    expect(&[]);
    step.set(3);
    until("the client has given it back", || step.get() == 4);
    assert_eq!(GIVEN.get(), 2);
    client.succeed();
    expect(&[7]);
    assert!(is_unref(&door));
}

fn released_by_a_call() {
    watch();
    let refuses = make(0, 1);
    let door = unref_door();
    let other = door.dup();
    // A bad entry: the call fails, and everything is released (DE-10).
    let entries = [
        descriptor(&other.0, DOOR_RELEASE),
        descriptor(&crate::support::fds::Raw(1000), 0),
    ];
    assert_eq!(
        call_with(refuses.fd(), b"", &entries).map(drop),
        Err(Errno::EINVAL)
    );
    std::mem::forget(other);
    expect(&[7]);
}

static ENTERED: Flag = Flag::new();
static LEAVE: Flag = Flag::new();

/// Two threads that serve: one may be held up.
fn watch_held() {
    for _ in 0..3 {
        serve(
            || (),
            |request| {
                if request.size > 0 && request.bytes() == b"hold" {
                    ENTERED.add(1);
                    LEAVE.await_set("the test lets the call go on");
                }
                notes(request)
            },
        );
    }
    start_unref_thread();
}

fn during_a_call() {
    watch_held();
    let door = unref_door();
    let other = door.dup().into_raw();
    let caller = Caller::start(other, b"hold");
    ENTERED.await_set("the call is served");
    close(other);
    quiet();
    assert!(!is_spent(&door), "the call is still using it");
    assert!(!is_unref(&door));
    LEAVE.set(1);
    assert_eq!(caller.result(), Ok(b"hold".to_vec()));
    expect(&[7]);
    assert!(is_unref(&door));
}

fn during_several_calls() {
    watch_held();
    // The thread that is left takes the notices.
    let door = unref_door();
    let other = door.dup().into_raw();
    let callers = [other, door.fd()].map(|fd| Caller::start(fd, b"hold"));
    until("both are served", || ENTERED.get() == 2);
    close(other);
    quiet();
    assert!(!is_spent(&door));
    LEAVE.set(1);
    for caller in callers {
        assert_eq!(caller.result(), Ok(b"hold".to_vec()));
    }
    expect(&[7]);
}

fn during_an_aborted_call() {
    interrupts(libc::SIGUSR1);
    watch_held();
    let door = unref_door();
    let other = door.dup().into_raw();
    let caller = Caller::start(other, b"hold");
    ENTERED.await_set("the call is served");
    close(other);
    assert!(!is_spent(&door));
    caller.until_blocked();
    caller.signal(libc::SIGUSR1);
    assert_eq!(caller.result(), Err(Errno::EINTR));
    // The server works on, but nobody waits.
    expect(&[7]);
    assert_eq!(LEAVE.get(), 0);
    LEAVE.set(1);
}

fn during_a_call_by_name() {
    watch_held();
    let door = unref_door();
    let path = file("name");
    fattach(door.fd(), &path).expect("attach");
    let opened = open(&path, libc::O_RDONLY).expect("open").into_raw();
    let caller = Caller::start(opened, b"hold");
    ENTERED.await_set("the call is served");
    close(opened);
    fdetach(&path).expect("detach");
    quiet();
    assert!(!is_spent(&door));
    LEAVE.set(1);
    assert_eq!(caller.result(), Ok(b"hold".to_vec()));
    expect(&[7]);
}
