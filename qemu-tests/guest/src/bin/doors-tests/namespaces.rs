// SPDX-License-Identifier: MIT OR Apache-2.0
//! Caller and server in different namespaces, or with different roots.

use crate::credentials::credentials;
use crate::support::call::result;
use crate::support::files::{c_path, directory, fattach, fdetach, file, is_door, open};
use crate::support::notices::{expect, is_spent, quiet, watch};
use crate::support::process::{receive_descriptor, send_descriptor, server};
use crate::support::raw::{info, make, Server};
use crate::support::threads::serve;
use crate::support::{call, fork, process_id, tests, until, Child, Door, Flag};
use doors_uapi::abi::{DOOR_LOCAL, DOOR_UNREF};
use doors_uapi::Errno;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::ptr;

tests!(namespaces:
    server_elsewhere => "IF-1 UC-2",
    caller_elsewhere => "IF-1 UC-2",
    dead_server_elsewhere => "IF-1 SI-31",
    caller_with_ids_of_its_own => "UC-2",
    caller_that_maps_nobody => "UC-2",
    privileges_of_its_own_do_not_count => "UC-2",
    server_that_maps_nobody => "UC-2",
    server_with_ids_of_its_own => "UC-2",
    name_in_one_mount_namespace => "FA-20",
    name_in_a_copy => "FA-20 FA-23 UN-7",
    another_root => "FA-2 FA-12 FA-20",
);

fn unshare(flags: i32) {
    // SAFETY: changes the namespaces of this process.
    result(unsafe { libc::unshare(flags) }).expect("unshare");
}

/// Runs `body` as the first process of a new pid namespace. `pid` is told its number here.
fn first_process(pid: &'static Flag, body: impl FnOnce()) -> Child {
    fork(|| {
        unshare(libc::CLONE_NEWPID);
        let first = fork(|| {
            assert_eq!(process_id(), 1);
            body();
        });
        pid.set(first.pid);
        first.succeed();
    })
}

/// What a server says: the process id of its caller, and of itself.
fn tells_processes(own: i32) -> Vec<u8> {
    let caller = credentials(0).expect("there is a caller").0.pid;
    [caller, own].map(i32::to_ne_bytes).concat()
}

fn two(data: &[u8]) -> [i32; 2] {
    [0, 4].map(|at| i32::from_ne_bytes(data[at..at + 4].try_into().expect("four bytes")))
}

fn server_elsewhere() {
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    let pid = Flag::shared();
    let stop = Flag::shared();
    let child = first_process(pid, || {
        let door = make(0, 0);
        send_descriptor(&theirs, door.fd());
        std::thread::spawn(move || {
            let fd = door.fd();
            Server::new().serve(|_| tells_processes(info(fd).expect("info").target));
        });
        stop.await_set("the test is done");
    });
    let door = Door(receive_descriptor(&ours));
    let told = info(door.fd()).expect("info");
    assert_eq!(
        told.target,
        pid.await_set("the server runs"),
        "as it is numbered here"
    );
    assert_eq!({ told.attributes } & DOOR_LOCAL, 0);
    // We are nobody there, and its number is another.
    assert_eq!(two(&call(door.fd(), b"").expect("call").data), [0, 1]);
    stop.set(1);
    child.succeed();
    until("the server is gone", || {
        info(door.fd()).expect("info").target == -1
    });
}

fn caller_elsewhere() {
    let door = make(0, 0);
    let fd = door.fd();
    serve(
        || (),
        move |_| tells_processes(info(fd).expect("info").target),
    );
    let own = process_id();
    let pid = Flag::shared();
    let seen = Flag::shared();
    first_process(pid, || {
        let told = info(door.fd()).expect("info");
        assert_eq!(told.target, 0, "the server cannot be seen from here");
        assert_eq!({ told.attributes } & DOOR_LOCAL, 0);
        let [caller, server] = two(&call(door.fd(), b"").expect("call").data);
        assert_eq!(server, own);
        seen.set(caller);
    })
    .succeed();
    assert_eq!(seen.get(), pid.get(), "as it is numbered here");
}

fn dead_server_elsewhere() {
    let (server, door) = server(|| make(0, 0));
    let (pid, looked) = (Flag::shared(), Flag::shared());
    let child = first_process(pid, || {
        assert_eq!(info(door.fd()).expect("info").target, 0);
        looked.set(1);
        until("the server is gone", || {
            info(door.fd()).expect("info").target == -1
        });
        assert_eq!(call(door.fd(), b"").map(drop), Err(Errno::EBADF));
    });
    looked.await_set("the child has looked");
    drop(server);
    child.succeed();
}

/// A server that says real and effective ids, whether there are capabilities, and the groups.
fn tells_ids() -> Vec<u8> {
    let (told, groups) = credentials(8).expect("there is a caller");
    let privileged = u32::from(told.effective | told.permitted | told.inheritable != 0);
    let numbers = [told.ruid, told.euid, told.rgid, told.egid, privileged];
    numbers
        .into_iter()
        .chain(groups)
        .flat_map(u32::to_ne_bytes)
        .collect()
}

#[track_caller]
fn ids(door: &Door) -> Vec<u32> {
    let data = call(door.fd(), b"").expect("call").data;
    data.chunks(4)
        .map(|four| u32::from_ne_bytes(four.try_into().expect("four bytes")))
        .collect()
}

fn become_user(uid: u32, gid: u32, groups: &[u32]) {
    // SAFETY: changes the identity of this process, which has one thread.
    unsafe {
        assert_eq!(libc::setgroups(groups.len(), groups.as_ptr()), 0);
        assert_eq!(libc::setresgid(gid, gid, gid), 0);
        assert_eq!(libc::setresuid(uid, uid, uid), 0);
        // A process that has changed its identity may not write its own maps.
        assert_eq!(libc::prctl(libc::PR_SET_DUMPABLE, 1), 0);
    }
}

/// A user namespace where `uid` and `gid`, which are ours, are called 0.
fn be_root_of_a_namespace(uid: u32, gid: u32) {
    unshare(libc::CLONE_NEWUSER);
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        std::fs::write(Path::new("/proc/self").join(file), text)
            .unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    // SAFETY: asks who we are.
    assert_eq!(unsafe { (libc::geteuid(), libc::getegid()) }, (0, 0));
}

/// The id of those who have none.
const OVERFLOW: u32 = 65534;

fn id_server() -> Door {
    let door = make(0, 0);
    serve(|| (), |_| tells_ids());
    door
}

fn caller_with_ids_of_its_own() {
    let door = id_server();
    fork(|| {
        become_user(1000, 1001, &[1002]);
        assert_eq!(ids(&door)[..4], [1000, 1000, 1001, 1001]);
        be_root_of_a_namespace(1000, 1001);
        let told = ids(&door);
        assert_eq!(
            told[..4],
            [1000, 1000, 1001, 1001],
            "it is root only for itself"
        );
        assert_eq!(told[5..], [1002]);
    })
    .succeed();
}

fn caller_that_maps_nobody() {
    let door = id_server();
    fork(|| {
        become_user(1000, 1001, &[]);
        unshare(libc::CLONE_NEWUSER);
        // SAFETY: asks who we are.
        assert_eq!(unsafe { libc::geteuid() }, OVERFLOW);
        assert_eq!(ids(&door)[..4], [1000, 1000, 1001, 1001]);
    })
    .succeed();
}

/// Whoever makes a user namespace has every capability in it, and none outside.
fn privileges_of_its_own_do_not_count() {
    let door = id_server();
    fork(|| {
        become_user(1000, 1000, &[]);
        assert_eq!(ids(&door)[4], 0);
        be_root_of_a_namespace(1000, 1000);
        assert_eq!(
            ids(&door)[4],
            0,
            "a server here must not take it for a privileged caller"
        );
    })
    .succeed();
}

fn server_that_maps_nobody() {
    let (_server, door) = server(|| {
        unshare(libc::CLONE_NEWUSER);
        id_server()
    });
    fork(|| {
        become_user(1000, 1001, &[1002, 1003]);
        let told = ids(&door);
        assert_eq!(told[..4], [OVERFLOW; 4]);
        assert_eq!(told[5..], [OVERFLOW; 2]);
    })
    .succeed();
    assert_eq!(ids(&door)[..4], [OVERFLOW; 4], "root is nobody there");
}

fn server_with_ids_of_its_own() {
    let (_server, door) = server(|| {
        become_user(1000, 1001, &[]);
        be_root_of_a_namespace(1000, 1001);
        id_server()
    });
    fork(|| {
        become_user(1000, 1001, &[1001, 5]);
        let told = ids(&door);
        assert_eq!(told[..4], [0; 4]);
        let mut groups = told[5..].to_vec();
        groups.sort_unstable();
        assert_eq!(groups, [0, OVERFLOW]);
    })
    .succeed();
    assert_eq!(ids(&door)[..4], [OVERFLOW; 4]);
}

/// A mount namespace whose mounts stay in it.
fn own_mounts() {
    unshare(libc::CLONE_NEWNS);
    // SAFETY: changes how mounts of this namespace propagate.
    let changed = unsafe {
        libc::mount(
            ptr::null(),
            c"/".as_ptr(),
            ptr::null(),
            libc::MS_REC | libc::MS_PRIVATE,
            ptr::null(),
        )
    };
    result(changed).expect("mounts can be made private");
}

fn name_in_one_mount_namespace() {
    let path = file("name");
    let (attached, looked) = (Flag::shared(), Flag::shared());
    let (_server, door) = server(id_server);
    let child = fork(|| {
        own_mounts();
        fattach(door.fd(), &path).expect("attach");
        assert!(is_door(&path));
        attached.set(1);
        looked.await_set("the test has looked");
        let opened = open(&path, libc::O_RDONLY).expect("open");
        assert!(call(opened.fd(), b"").is_ok());
    });
    attached.await_set("the child has attached the door");
    assert!(!is_door(&path), "not here");
    assert_eq!(fdetach(&path), Err(Errno::EINVAL));
    // The same file may have another door here.
    let other = make(0, 0);
    fattach(other.fd(), &path).expect("attach");
    let opened = open(&path, libc::O_RDONLY).expect("open");
    let number = |door: &Door| info(door.fd()).expect("info").uniquifier;
    assert_eq!(number(&opened), number(&other));
    looked.set(1);
    child.succeed();
    assert!(is_door(&path));
    fdetach(&path).expect("detach");
    std::fs::remove_dir_all(directory()).expect("/tmp is writable");
}

/// A copy of the namespace has the name as well; it goes with the last process there.
fn name_in_a_copy() {
    watch();
    let path = file("name");
    let door = make(DOOR_UNREF, 7);
    fattach(door.fd(), &path).expect("attach");
    let (ready, detached) = (Flag::shared(), Flag::shared());
    let child = fork(|| {
        // The child's descriptor is a reference, too.
        crate::support::fds::close(door.fd());
        own_mounts();
        ready.set(1);
        detached.await_set("the name is gone outside");
        assert!(is_door(&path));
        let opened = open(&path, libc::O_RDONLY).expect("open");
        assert_eq!(call(opened.fd(), b"inside").expect("call").data, b"inside");
        drop(opened);
        ready.set(2);
        until("the test is done", || detached.get() == 2);
    });
    ready.await_set("the child has its copy");
    fdetach(&path).expect("detach");
    assert!(!is_door(&path));
    detached.set(1);
    until("the child has looked", || ready.get() == 2);
    quiet();
    assert!(!is_spent(&door), "it has a name somewhere");
    detached.set(2);
    child.succeed();
    expect(&[7]);
    std::fs::remove_dir_all(directory()).expect("/tmp is writable");
}

fn another_root() {
    let (name, outside) = (file("name"), file("outside"));
    let inside = directory().join("root");
    std::fs::create_dir_all(&inside).expect("/tmp is writable");
    let below = inside.join("below");
    std::fs::write(&below, b"").expect("/tmp is writable");
    let door = make(0, 0);
    serve(|| (), |request| request.bytes());
    fattach(door.fd(), &name).expect("attach");
    fork(|| {
        // SAFETY: changes the root of this process.
        unsafe { assert_eq!(libc::chroot(c_path(&inside).as_ptr()), 0) };
        std::env::set_current_dir("/").expect("chdir");
        assert_eq!(open(&name, libc::O_RDONLY).map(drop), Err(Errno::ENOENT));
        assert_eq!(fattach(door.fd(), &outside), Err(Errno::ENOENT));
        assert_eq!(fdetach(&name), Err(Errno::ENOENT));
        fattach(door.fd(), Path::new("/below")).expect("attach");
        let opened = open(Path::new("/below"), libc::O_RDONLY).expect("open");
        assert_eq!(call(opened.fd(), b"jail").expect("call").data, b"jail");
    })
    .succeed();
    // It is the same file, by another path.
    let opened = open(&below, libc::O_RDONLY).expect("open");
    assert_eq!(call(opened.fd(), b"free").expect("call").data, b"free");
    fdetach(&below).expect("detach");
    fdetach(&name).expect("detach");
    std::fs::remove_dir_all(directory()).expect("/tmp is writable");
}
