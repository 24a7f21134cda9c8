// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names in unusual places, and what else can be done to a name or a door's descriptor.

use crate::support::files::{
    c_path, directory, drop_privilege, fattach, fdetach, file, is_door, mode, open, owner, stat,
    NOBODY,
};
use crate::support::{call, echo, errno, fails, fork, process_id, tests, Door};
use doors_uapi::Errno;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

tests!(places:
    read_only_file_system => "FA-5 FA-3 FA-4",
    what_can_be_covered => "FA-6",
    kernels_own_files => "FA-3",
    renaming => "FA-18",
    removal_that_fails => "FA-16",
    listed_as_a_mount => "FA-20",
    seen_by_others => "FA-20 FA-9",
    holds_the_file_system => "FA-28 FA-23",
    shown_by_ls => "FA-30",
    file_operations => "IF-10",
);

/// A directory with a file system of its own.
struct Mounted(PathBuf);

impl Mounted {
    fn new(name: &str) -> Self {
        let path = directory().join(name);
        std::fs::create_dir_all(&path).expect("mkdir");
        mount(c"tmpfs", &path, 0).expect("mount");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, b"underneath").expect("write");
        path
    }

    fn unmount(&self) -> Result<(), Errno> {
        // SAFETY: the path is a C string.
        match unsafe { libc::umount2(c_path(&self.0).as_ptr(), 0) } {
            0 => Ok(()),
            _ => Err(errno()),
        }
    }
}

fn mount(kind: &CStr, path: &Path, flags: libc::c_ulong) -> Result<(), Errno> {
    // SAFETY: all of them are C strings, or null where that is allowed.
    let failed = unsafe {
        libc::mount(
            c"none".as_ptr(),
            c_path(path).as_ptr(),
            kind.as_ptr(),
            flags,
            ptr::null(),
        )
    };
    match failed {
        0 => Ok(()),
        _ => Err(errno()),
    }
}

fn read_only_file_system() {
    let place = Mounted::new("read-only");
    let (writable, forbidden) = (place.file("writable"), place.file("forbidden"));
    for (path, bits) in [(&writable, 0o600), (&forbidden, 0o400)] {
        mode(path, bits);
        owner(path, NOBODY);
    }
    mode(&place.0, 0o755);
    mount(c"tmpfs", &place.0, libc::MS_REMOUNT | libc::MS_RDONLY).expect("remount");
    assert!(std::fs::write(&writable, b"").is_err(), "it is read-only");
    let door = Door::new(echo, 0);
    fork(|| {
        drop_privilege();
        assert_eq!(fattach(door.fd(), &forbidden), Err(Errno::EACCES));
        fattach(door.fd(), &writable).expect("by owner and mode");
        assert!(is_door(&writable));
        fdetach(&writable).expect("detach");
    })
    .succeed();
    place.unmount().expect("unmount");
}

fn what_can_be_covered() {
    let door = Door::new(echo, 0);
    let place = directory();
    assert_eq!(fattach(door.fd(), &place), Err(Errno::ENOTDIR));
    let (fifo, socket) = (place.join("fifo"), place.join("socket"));
    // SAFETY: the path is a C string.
    assert_eq!(unsafe { libc::mkfifo(c_path(&fifo).as_ptr(), 0o600) }, 0);
    let _bound = std::os::unix::net::UnixListener::bind(&socket).expect("bind");
    for (path, kind) in [(fifo, libc::S_IFIFO), (socket, libc::S_IFSOCK)] {
        fattach(door.fd(), &path).expect("attach");
        assert!(is_door(&path));
        fdetach(&path).expect("detach");
        assert_eq!(stat(&path).st_mode & libc::S_IFMT, kind);
        std::fs::remove_file(&path).expect("unlink");
    }
}

fn kernels_own_files() {
    let door = Door::new(echo, 0);
    for path in ["/proc/self/comm", "/sys/kernel/uevent_seqnum"] {
        let attached = fattach(door.fd(), Path::new(path));
        assert_eq!(attached, Err(Errno::EOPNOTSUPP), "{path}");
    }
}

fn renaming() {
    let (name, other, third) = (file("name"), file("other"), directory().join("third"));
    let door = Door::new(echo, 0);
    fattach(door.fd(), &name).expect("attach");
    fork(|| {
        drop_privilege();
        for (from, to) in [(&name, &third), (&other, &name)] {
            let error = std::fs::rename(from, to).expect_err("it is root's");
            assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{from:?}");
        }
    })
    .succeed();
    std::fs::rename(&name, &third).expect("rename");
    assert!(is_door(&third) && !name.exists());
    let opened = open(&third, libc::O_RDONLY).expect("open");
    assert_eq!(call(opened.fd(), b"x").expect("call").data, b"x");
    std::fs::rename(&other, &third).expect("rename");
    assert!(!is_door(&third), "replaced");
    assert_eq!(fdetach(&third), Err(Errno::EINVAL));
}

fn removal_that_fails() {
    let path = file("name");
    owner(&path, NOBODY);
    mode(&directory(), 0o755);
    let door = Door::new(echo, 0);
    fork(|| {
        drop_privilege();
        fattach(door.fd(), &path).expect("attach");
        // SAFETY: the path is a C string.
        let removed = unsafe { libc::unlink(c_path(&path).as_ptr()) };
        assert_eq!(fails(removed), Errno::EACCES);
        assert!(is_door(&path));
        // SAFETY: as above.
        let removed = unsafe { libc::rmdir(c_path(&path).as_ptr()) };
        assert!([Errno::ENOTDIR, Errno::EACCES].contains(&fails(removed)));
    })
    .succeed();
    // SAFETY: as above.
    let removed = unsafe { libc::rmdir(c_path(&path).as_ptr()) };
    assert_eq!(fails(removed), Errno::ENOTDIR);
    fdetach(&path).expect("detach");
}

/// The lines of mountinfo for a path.
fn mounts(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    let is_there = |line: &&str| {
        line.split(' ')
            .nth(4)
            .is_some_and(|at| Path::new(at) == path)
    };
    text.lines().filter(is_there).map(str::to_owned).collect()
}

fn listed_as_a_mount() {
    let path = file("name");
    assert_eq!(mounts(&path), [""; 0]);
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    let [line] = &mounts(&path)[..] else {
        panic!("{:?}", mounts(&path));
    };
    let (_, kind) = line.split_once(" - ").expect("type and source");
    let words: Vec<&str> = kind.split(' ').collect();
    let source = format!("door:{}", process_id());
    assert_eq!(words[..2], ["namefs", &source], "{line}");
    fdetach(&path).expect("detach");
    assert_eq!(mounts(&path), [""; 0]);
}

fn seen_by_others() {
    let path = file("name");
    let door = Door::new(echo, 0);
    fork(|| fattach(door.fd(), &path).expect("attach")).succeed();
    assert!(is_door(&path), "attached by a process that is gone");
    fork(|| {
        assert!(is_door(&path));
        fdetach(&path).expect("detach");
    })
    .succeed();
    assert!(!is_door(&path));
}

fn holds_the_file_system() {
    let place = Mounted::new("held");
    let path = place.file("name");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    assert_eq!(place.unmount(), Err(Errno::EBUSY));
    let opened = open(&path, libc::O_RDONLY).expect("open");
    fdetach(&path).expect("detach");
    // What was opened through the name does not hold it.
    place.unmount().expect("unmount");
    assert_eq!(call(opened.fd(), b"x").expect("call").data, b"x");
}

fn shown_by_ls() {
    let path = file("name");
    let door = Door::new(echo, 0);
    fattach(door.fd(), &path).expect("attach");
    let ls = |option: &str| {
        let output = Command::new("ls").arg(option).arg(&path).output();
        String::from_utf8(output.expect("ls").stdout).expect("text")
    };
    assert!(ls("-l").starts_with("Drw-r--r--"), "{}", ls("-l"));
    assert!(ls("-F").trim_end().ends_with('>'), "{}", ls("-F"));
    fdetach(&path).expect("detach");
}

fn file_operations() {
    let door = Door::new(echo, 0);
    let fd = door.fd();
    let mut byte = 0_u8;
    let refused = |what: &str, result: libc::c_int| {
        assert_eq!(fails(result), Errno::ENOSYS, "{what}");
    };
    // SAFETY: the buffers are ours, and the descriptor is not used otherwise.
    unsafe {
        refused("read", libc::read(fd, (&raw mut byte).cast(), 1) as i32);
        refused("write", libc::write(fd, (&raw const byte).cast(), 1) as i32);
        refused("lseek", libc::lseek(fd, 0, libc::SEEK_SET) as i32);
        refused("ioctl", libc::ioctl(fd, libc::FIONREAD, &mut 0));
        let (length, shared) = (4096, libc::MAP_SHARED);
        let mapped = libc::mmap(ptr::null_mut(), length, libc::PROT_READ, shared, fd, 0);
        assert_eq!(mapped, libc::MAP_FAILED);
        assert_eq!(errno(), Errno::ENOSYS, "mmap");
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = libc::F_WRLCK as libc::c_short;
        refused("F_SETLK", libc::fcntl(fd, libc::F_SETLK, &lock));
        refused("fchmod", libc::fchmod(fd, 0o600));
        refused("fchown", libc::fchown(fd, 1, 1));

        assert_eq!(libc::fcntl(fd, libc::F_SETFD, 0), 0);
        assert_eq!(libc::fcntl(fd, libc::F_GETFD), 0);
        for copy in [libc::dup(fd), libc::fcntl(fd, libc::F_DUPFD, 100)] {
            assert_eq!(call(copy, b"x").expect("call").data, b"x");
            assert_eq!(libc::close(copy), 0);
        }
    }
}
