// SPDX-License-Identifier: MIT OR Apache-2.0
//! Giving names to doors, and taking them away.

use crate::support::files::{
    directory, drop_privilege, fattach, fdetach, file, is_door, mode, open, owner, NOBODY,
};
use crate::support::process::server;
use crate::support::{call, echo, fails, fork, info, tests, until, Door};
use doors_uapi::abi::DOOR_REVOKED;
use doors_uapi::Errno;
use solaris_doors::stropts::{self, isastream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;

tests!(attach:
    attached_and_called => "FA-8 FA-12 IF-3",
    detached => "FA-21 FA-23",
    several_names => "FA-7 FA-24",
    no_stacking => "FA-3",
    name_of_a_name => "FA-3",
    what_can_be_attached => "FA-1",
    path_errors => "FA-1 FA-2",
    through_symbolic_links => "FA-2 FA-21",
    relative_paths => "FA-1",
    detaching_what_is_not_attached => "FA-21",
    by_the_owner => "FA-4 FA-22",
    by_somebody_else => "FA-3 FA-22",
    without_write_permission => "FA-3",
    keeps_the_door_alive => "FA-8",
    detached_while_open => "FA-23",
    outlives_its_server => "FA-25 FA-12 IN-2",
    restarted_server => "FA-26",
    revoked_door_stays => "FA-25",
    is_no_stream => "FA-33",
);

fn attached_and_called() {
    let path = file("name");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    assert!(is_door(&path));
    let opened = open(&path, libc::O_RDONLY).expect("open");
    assert_eq!(
        call(opened.fd(), b"by name").expect("call").data,
        b"by name"
    );
    let id = |door: &Door| info(door.fd()).expect("info").uniquifier;
    assert_eq!(id(&opened), id(&door));
    fork(|| {
        let opened = open(&path, libc::O_RDWR).expect("open");
        assert_eq!(call(opened.fd(), b"abroad").expect("call").data, b"abroad");
    })
    .succeed();
    fdetach(&path).expect("detach");
}

fn detached() {
    let path = file("name");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    fdetach(&path).expect("detach");
    assert!(!is_door(&path));
    assert_eq!(std::fs::read(&path).expect("read"), b"underneath");
    let file = open(&path, libc::O_RDONLY).expect("open");
    assert_eq!(call(file.fd(), b"").expect_err("a file"), Errno::EBADF);
    assert_eq!(call(door.fd(), b"x").expect("call").data, b"x");
}

fn several_names() {
    let (first, second) = (file("first"), file("second"));
    let door = Door::new(echo, 0);
    fattach(door.fd(), &first).expect("attach");
    fattach(door.fd(), &second).expect("attach");
    fdetach(&first).expect("detach");
    assert!(!is_door(&first));
    assert!(is_door(&second));
    let opened = open(&second, libc::O_RDONLY).expect("open");
    assert_eq!(call(opened.fd(), b"x").expect("call").data, b"x");
    fdetach(&second).expect("detach");
}

fn no_stacking() {
    let path = file("name");
    let (one, two) = (Door::new(echo, 0), Door::new(echo, 0));
    fattach(one.fd(), &path).expect("attach");
    assert_eq!(fattach(two.fd(), &path), Err(Errno::EBUSY));
    assert_eq!(fattach(one.fd(), &path), Err(Errno::EBUSY));
    fdetach(&path).expect("detach");
    fattach(two.fd(), &path).expect("attach");
    fdetach(&path).expect("detach");
}

fn name_of_a_name() {
    let (path, other) = (file("name"), file("other"));
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    let opened = open(&path, libc::O_RDWR).expect("open");
    assert_eq!(fattach(opened.fd(), &other), Err(Errno::EBUSY));
    fdetach(&path).expect("detach");
}

fn what_can_be_attached() {
    let path = file("name");
    assert_eq!(fattach(-1, &path), Err(Errno::EBADF));
    assert_eq!(fattach(1000, &path), Err(Errno::EBADF));
    let file = std::fs::File::open("/proc/self/exe").expect("open");
    assert_eq!(fattach(file.as_raw_fd(), &path), Err(Errno::EINVAL));
    let directory = std::fs::File::open("/").expect("open");
    assert_eq!(fattach(directory.as_raw_fd(), &path), Err(Errno::EINVAL));
    assert!(!is_door(&path));
}

fn path_errors() {
    let door = Door::new(echo, 0);
    let path = file("name");
    let directory = directory();
    assert_eq!(
        fattach(door.fd(), &directory.join("missing")),
        Err(Errno::ENOENT)
    );
    assert_eq!(fattach(door.fd(), Path::new("")), Err(Errno::ENOENT));
    assert_eq!(fattach(door.fd(), &path.join("below")), Err(Errno::ENOTDIR));
    assert_eq!(
        fattach(door.fd(), &directory.join("x".repeat(300))),
        Err(Errno::ENAMETOOLONG)
    );
    let circle = directory.join("circle");
    std::os::unix::fs::symlink(&circle, &circle).expect("symlink");
    assert_eq!(fattach(door.fd(), &circle), Err(Errno::ELOOP));
    assert_eq!(fdetach(&directory.join("missing")), Err(Errno::ENOENT));
    assert_eq!(fdetach(&circle), Err(Errno::ELOOP));
    // SAFETY: a null path is an error.
    unsafe {
        assert_eq!(
            fails(stropts::fattach(door.fd(), ptr::null())),
            Errno::ENOENT
        );
        assert_eq!(fails(stropts::fattach(1000, ptr::null())), Errno::EBADF);
        assert_eq!(fails(stropts::fattach(0, ptr::null())), Errno::EINVAL);
    }
    // The descriptor is looked at first.
    assert_eq!(fattach(1000, &directory.join("missing")), Err(Errno::EBADF));
}

fn through_symbolic_links() {
    let (path, link) = (file("name"), directory().join("link"));
    std::os::unix::fs::symlink(&path, &link).expect("symlink");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &link).expect("attach");
    assert!(is_door(&path));
    fdetach(&link).expect("detach");
    assert!(!is_door(&path));
}

fn relative_paths() {
    let path = file("name");
    std::env::set_current_dir(directory()).expect("chdir");
    let door = Door::new(echo, 0);
    fattach(door.fd(), Path::new("name")).expect("attach");
    assert!(is_door(&path));
    fdetach(Path::new("./name")).expect("detach");
    assert!(!is_door(&path));
}

fn detaching_what_is_not_attached() {
    let path = file("name");
    assert_eq!(fdetach(&path), Err(Errno::EINVAL));
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    fdetach(&path).expect("detach");
    assert_eq!(fdetach(&path), Err(Errno::EINVAL));
    assert_eq!(fdetach(&directory()), Err(Errno::EINVAL));
}

fn by_the_owner() {
    let path = file("name");
    owner(&path, NOBODY);
    fork(|| {
        drop_privilege();
        let door = Door::new(echo, 0);
        fattach(door.fd(), &path).expect("no privilege is needed");
        let opened = open(&path, libc::O_RDONLY).expect("open");
        assert_eq!(call(opened.fd(), b"x").expect("call").data, b"x");
        fdetach(&path).expect("detach");
    })
    .succeed();
}

fn by_somebody_else() {
    let path = file("name");
    mode(&path, 0o666);
    let door = Door::new(echo, 0);
    fork(|| {
        drop_privilege();
        assert_eq!(fattach(door.fd(), &path), Err(Errno::EPERM));
    })
    .succeed();
    fattach(door.fd(), &path).expect("attach");
    fork(|| {
        drop_privilege();
        assert_eq!(fdetach(&path), Err(Errno::EPERM));
    })
    .succeed();
    fdetach(&path).expect("detach");
}

fn without_write_permission() {
    let path = file("name");
    mode(&path, 0o444);
    owner(&path, NOBODY);
    fork(|| {
        drop_privilege();
        let door = Door::new(echo, 0);
        assert_eq!(fattach(door.fd(), &path), Err(Errno::EACCES));
    })
    .succeed();
    // Who may do anything may do this.
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    fdetach(&path).expect("detach");
}

fn keeps_the_door_alive() {
    let path = file("name");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    drop(door);
    let opened = open(&path, libc::O_RDONLY).expect("open");
    assert_eq!(call(opened.fd(), b"alive").expect("call").data, b"alive");
    fdetach(&path).expect("detach");
    assert_eq!(call(opened.fd(), b"alive").expect("call").data, b"alive");
}

fn detached_while_open() {
    let path = file("name");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    let opened = open(&path, libc::O_RDONLY).expect("open");
    fdetach(&path).expect("never busy");
    assert_eq!(call(opened.fd(), b"held").expect("call").data, b"held");
    assert!(!is_door(&path));
    // And again over the same file.
    fattach(door.fd(), &path).expect("attach");
    assert_eq!(call(opened.fd(), b"held").expect("call").data, b"held");
    fdetach(&path).expect("detach");
}

fn outlives_its_server() {
    let path = file("name");
    let (server, door) = server(|| {
        let door = Door::new(echo, 0);
        fattach(door.fd(), &path).expect("attach");
        door
    });
    let early = open(&path, libc::O_RDONLY).expect("open");
    drop((server, door));
    for flags in [libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR] {
        assert!(is_door(&path));
        let opened = open(&path, flags).expect("open succeeds all the same");
        for door in [&opened, &early] {
            until("the server is gone", || {
                info(door.fd()).expect("info").target == -1
            });
            let attributes = info(door.fd()).expect("info").attributes;
            assert_eq!(attributes & DOOR_REVOKED, DOOR_REVOKED);
            assert_eq!(call(door.fd(), b"").expect_err("dead"), Errno::EBADF);
        }
    }
    fdetach(&path).expect("detach");
    assert!(!is_door(&path));
}

fn restarted_server() {
    let path = file("name");
    for generation in 0..3 {
        let (server, _door) = server(|| {
            let door = Door::new(echo, 0);
            if generation > 0 {
                assert_eq!(fattach(door.fd(), &path), Err(Errno::EBUSY));
            }
            let _ = fdetach(&path);
            fattach(door.fd(), &path).expect("attach");
            door
        });
        let opened = open(&path, libc::O_RDONLY).expect("open");
        assert_eq!(info(opened.fd()).expect("info").target, server.pid);
        assert_eq!(call(opened.fd(), b"x").expect("call").data, b"x");
    }
    fdetach(&path).expect("detach");
}

fn revoked_door_stays() {
    let path = file("name");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    assert_eq!(solaris_doors::door::door_revoke(door.into_raw()), 0);
    assert!(is_door(&path));
    let opened = open(&path, libc::O_RDONLY).expect("open");
    assert_eq!(call(opened.fd(), b"").expect_err("revoked"), Errno::EBADF);
    fdetach(&path).expect("detach");
}

fn is_no_stream() {
    let door = Door::new(echo, 0);
    assert_eq!(isastream(door.fd()), 0);
    assert_eq!(isastream(0), 0);
    assert_eq!(fails(isastream(1000)), Errno::EBADF);
}
