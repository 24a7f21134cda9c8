// SPDX-License-Identifier: MIT OR Apache-2.0
//! An attached name, as a name.

use crate::support::files::{
    c_path, directory, drop_privilege, fattach, fdetach, file, is_door, mode, open, owner, stat,
    NOBODY,
};
use crate::support::{call, echo, errno, fork, tests, Door};
use doors_uapi::abi::S_IFDOOR;
use doors_uapi::Errno;
use std::path::PathBuf;

tests!(names:
    attributes => "FA-10 LA-5",
    attributes_through_a_descriptor => "FA-11",
    open_modes => "CA-6 FA-12",
    permission => "FA-12 FA-19",
    every_open_is_its_own => "FA-12",
    chmod_and_chown => "FA-14 FA-15",
    chmod_by_somebody_else => "FA-14",
    removed => "FA-16",
    removed_by_somebody_else => "FA-16",
    no_links => "FA-17",
    truncation => "FA-13",
);

/// A door and its name.
fn attached(name: &str) -> (Door, PathBuf) {
    let path = file(name);
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    (door, path)
}

fn attributes() {
    let path = file("name");
    mode(&path, 0o640);
    owner(&path, 42);
    let under = stat(&path);
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    let over = stat(&path);
    assert_eq!(over.st_mode, S_IFDOOR | 0o640, "{:o}", over.st_mode);
    assert_eq!((over.st_uid, over.st_gid), (42, 42));
    assert_eq!((over.st_nlink, over.st_size), (1, 0));
    assert_eq!(
        (over.st_mtime, over.st_mtime_nsec),
        (under.st_mtime, under.st_mtime_nsec)
    );
    assert_ne!(over.st_dev, under.st_dev);
    fdetach(&path).expect("detach");
    assert_eq!(stat(&path).st_mode, libc::S_IFREG | 0o640);
}

fn attributes_through_a_descriptor() {
    let (_door, path) = attached("name");
    let opened = open(&path, libc::O_RDONLY).expect("open");
    // SAFETY: the structure is made of integers, and ours.
    let through = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        assert_eq!(libc::fstat(opened.fd(), &mut stat), 0, "{:?}", errno());
        stat
    };
    let named = stat(&path);
    assert_eq!(through.st_mode, named.st_mode);
    assert_eq!(
        (through.st_dev, through.st_ino),
        (named.st_dev, named.st_ino)
    );
    fdetach(&path).expect("detach");
}

fn open_modes() {
    let (_door, path) = attached("name");
    for flags in [
        libc::O_RDONLY,
        libc::O_WRONLY,
        libc::O_RDWR,
        libc::O_RDWR | libc::O_CREAT,
    ] {
        let opened = open(&path, flags).unwrap_or_else(|error| panic!("{flags:#o}: {error}"));
        assert_eq!(
            call(opened.fd(), b"x").expect("call").data,
            b"x",
            "{flags:#o}"
        );
        // SAFETY: asks about a descriptor.
        let mode = unsafe { libc::fcntl(opened.fd(), libc::F_GETFL) } & libc::O_ACCMODE;
        assert_eq!(mode, flags & libc::O_ACCMODE);
    }
    let exclusive = open(&path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL);
    assert_eq!(exclusive.expect_err("it is there"), Errno::EEXIST);
    fdetach(&path).expect("detach");
}

fn permission() {
    let (_door, path) = attached("name");
    fork(|| {
        drop_privilege();
        assert!(open(&path, libc::O_RDONLY).is_ok());
        assert_eq!(open(&path, libc::O_RDWR).expect_err("0644"), Errno::EACCES);
        // SAFETY: the path is a C string.
        unsafe {
            assert_eq!(libc::access(c_path(&path).as_ptr(), libc::R_OK), 0);
            assert_eq!(libc::access(c_path(&path).as_ptr(), libc::W_OK), -1);
        }
    })
    .succeed();
    mode(&path, 0o600);
    fork(|| {
        drop_privilege();
        assert_eq!(
            open(&path, libc::O_RDONLY).expect_err("0600"),
            Errno::EACCES
        );
        assert_eq!(
            open(&path, libc::O_WRONLY).expect_err("0600"),
            Errno::EACCES
        );
    })
    .succeed();
    fdetach(&path).expect("detach");
}

fn every_open_is_its_own() {
    let (_door, path) = attached("name");
    let (one, two) = (
        open(&path, libc::O_RDONLY).expect("open"),
        open(&path, libc::O_RDWR).expect("open"),
    );
    // SAFETY: changes a descriptor of ours, and asks about another.
    unsafe {
        assert_eq!(libc::fcntl(one.fd(), libc::F_SETFL, libc::O_NONBLOCK), 0);
        assert_eq!(libc::fcntl(two.fd(), libc::F_GETFL) & libc::O_NONBLOCK, 0);
    }
    drop(one);
    assert_eq!(call(two.fd(), b"x").expect("call").data, b"x");
    fdetach(&path).expect("detach");
}

fn chmod_and_chown() {
    let (_door, path) = attached("name");
    mode(&path, 0o606);
    assert_eq!(stat(&path).st_mode, S_IFDOOR | 0o606);
    owner(&path, NOBODY);
    assert_eq!(stat(&path).st_uid, NOBODY);
    // The owner of the name may take it away, though not of the file.
    fork(|| {
        drop_privilege();
        fdetach(&path).expect("detach");
    })
    .succeed();
    let under = stat(&path);
    assert_eq!((under.st_mode, under.st_uid), (libc::S_IFREG | 0o644, 0));
}

fn chmod_by_somebody_else() {
    let (_door, path) = attached("name");
    fork(|| {
        drop_privilege();
        // SAFETY: the path is a C string.
        assert_eq!(unsafe { libc::chmod(c_path(&path).as_ptr(), 0o777) }, -1);
        assert_eq!(errno(), Errno::EPERM);
    })
    .succeed();
    fdetach(&path).expect("detach");
}

fn removed() {
    let (door, path) = attached("name");
    std::fs::remove_file(&path).expect("unlink detaches, and removes the file");
    assert!(!path.exists());
    assert_eq!(call(door.fd(), b"x").expect("call").data, b"x");
    // The usual way to start again.
    let path = file("name");
    fattach(door.fd(), &path).expect("attach");
    fdetach(&path).expect("detach");
}

fn removed_by_somebody_else() {
    let (_door, path) = attached("name");
    fork(|| {
        drop_privilege();
        // In a directory where anybody may remove files.
        // SAFETY: the path is a C string.
        assert_eq!(unsafe { libc::unlink(c_path(&path).as_ptr()) }, -1);
        assert_eq!(errno(), Errno::EPERM);
    })
    .succeed();
    assert!(is_door(&path));
    fdetach(&path).expect("detach");
}

fn no_links() {
    let (_door, path) = attached("name");
    let error =
        std::fs::hard_link(&path, directory().join("link")).expect_err("another file system");
    assert_eq!(error.raw_os_error(), Some(libc::EXDEV));
    fdetach(&path).expect("detach");
}

fn truncation() {
    let (_door, path) = attached("name");
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::truncate(c_path(&path).as_ptr(), 100) }, -1);
    assert_eq!(errno(), Errno::EINVAL);
    assert_eq!(stat(&path).st_size, 0);
    fdetach(&path).expect("detach");
    assert_eq!(std::fs::read(&path).expect("read"), b"underneath");
}
