// SPDX-License-Identifier: MIT OR Apache-2.0
//! A door as a descriptor, and what can be asked about it.

use crate::support::process::{self, receive_descriptor, send_descriptor};
use crate::support::server::{create, procedure};
use crate::support::{
    call, echo, errno, fails, fork, give, give_nothing, info, open_descriptors, process_id, tests,
    Door, Flag,
};
use doors_uapi::abi::{
    DoorArg, DOOR_INVAL, DOOR_IS_UNREF, DOOR_LOCAL, DOOR_NO_CANCEL, DOOR_NO_DEPLETION_CB,
    DOOR_PRIVATE, DOOR_PRIVCREATE, DOOR_QUERY, DOOR_REFUSE_DESC, DOOR_REVOKED, DOOR_UNREF,
    DOOR_UNREF_MULTI,
};
use doors_uapi::{syscalls, Errno};
use solaris_doors::door::{door_call, door_info};
use std::ffi::c_int;
use std::os::unix::net::UnixStream;
use std::ptr;

tests!(basic:
    echoes => "CA-5",
    calls_without_parameters => "CA-4",
    results_are_refused_without_parameters => "CA-4 RE-5.1 RE-6 DA-24",
    descriptor_is_close_on_exec_and_read_write => "CR-5",
    descriptor_is_the_lowest_free => "CR-5",
    attributes_are_checked => "CR-1 CR-3 CR-10",
    table_full => "CR-4",
    procedure_and_cookie_are_verbatim => "CR-6 IF-2",
    uniquifiers_are_unique => "CR-7 IF-3",
    information => "IF-1 IF-4 IF-7",
    information_in_another_process => "IF-4 SI-40",
    information_errors => "IN-1 IN-2",
    bad_descriptors_are_ebadf => "CA-2.2",
    unreadable_parameters_come_first => "CA-2.1",
    fstat_says_door => "IF-9 LA-5",
    proc_says_door => "FA-31",
    no_file_operations => "IF-10",
    calls_through_a_duplicate => "CA-7",
    calls_through_a_passed_descriptor => "CA-7 CR-5",
    closing_during_a_call => "CA-7",
    raw_system_calls => "CA-4 LA-4",
);

fn echoes() {
    let door = Door::new(echo, 0);
    let mut rbuf = [0_u8; 64];
    let mut arg = crate::support::call::arg(b"through the door", &mut rbuf);
    let before = arg;
    crate::support::call::raw(door.fd(), &mut arg).expect("call");
    assert_eq!(arg.data_ptr, before.rbuf);
    assert_eq!(arg.data_size, 16);
    assert_eq!((arg.desc_ptr, arg.desc_num), (0, 0));
    assert_eq!((arg.rbuf, arg.rsize), (before.rbuf, before.rsize));
    assert_eq!(&rbuf[..16], b"through the door");
    assert!(rbuf[16..].iter().all(|byte| *byte == 0));
}

static SEEN: Flag = Flag::new();

procedure!(sees_nothing(_, data, descriptors) {
    SEEN.set(if data.is_empty() && descriptors.is_empty() { 1 } else { 2 });
    give_nothing();
});

fn calls_without_parameters() {
    let door = Door::new(sees_nothing, 0);
    // SAFETY: null is allowed.
    assert_eq!(unsafe { door_call(door.fd(), ptr::null_mut()) }, 0);
    assert_eq!(SEEN.get(), 1);
}

procedure!(insists(_, _, _) {
    let error = give(b"take this");
    SEEN.set(error.number());
    give_nothing();
});

fn results_are_refused_without_parameters() {
    let door = Door::new(insists, 0);
    // SAFETY: null is allowed.
    assert_eq!(unsafe { door_call(door.fd(), ptr::null_mut()) }, 0);
    assert_eq!(SEEN.get(), Errno::E2BIG.number());
}

fn descriptor_is_close_on_exec_and_read_write() {
    let door = Door::new(echo, 0);
    // SAFETY: these look at a descriptor.
    unsafe {
        assert_eq!(libc::fcntl(door.fd(), libc::F_GETFD), libc::FD_CLOEXEC);
        assert_eq!(
            libc::fcntl(door.fd(), libc::F_GETFL) & libc::O_ACCMODE,
            libc::O_RDWR
        );
    }
}

fn descriptor_is_the_lowest_free() {
    let first = Door::new(echo, 0);
    let second = Door::new(echo, 0);
    let number = first.fd();
    assert!(number < second.fd());
    drop(first);
    assert_eq!(Door::new(echo, 0).fd(), number);
}

fn attributes_are_checked() {
    for good in [
        DOOR_UNREF,
        DOOR_PRIVATE,
        DOOR_UNREF_MULTI,
        DOOR_REFUSE_DESC,
        DOOR_NO_CANCEL,
        DOOR_UNREF | DOOR_PRIVATE | DOOR_REFUSE_DESC | DOOR_NO_CANCEL,
    ] {
        let door = Door::new(echo, good);
        let reported = info(door.fd()).expect("info").attributes;
        assert_eq!(reported & good, good, "{good:#x} became {reported:#x}");
    }
    for bad in [
        DOOR_UNREF | DOOR_UNREF_MULTI,
        DOOR_NO_DEPLETION_CB,
        DOOR_PRIVCREATE,
        DOOR_LOCAL,
        DOOR_REVOKED,
        DOOR_IS_UNREF,
        0x400,
        0x1_0000,
        0x8000_0000,
    ] {
        let open = open_descriptors();
        assert_eq!(create(Some(echo), 0, bad), Err(Errno::EINVAL), "{bad:#x}");
        assert_eq!(open, open_descriptors());
    }
}

fn table_full() {
    let limit = libc::rlimit {
        rlim_cur: 16,
        rlim_max: 16,
    };
    // SAFETY: sets a limit of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
    let mut doors = Vec::new();
    let error = loop {
        match create(Some(echo), 0, 0) {
            Ok(fd) => doors.push(fd),
            Err(error) => break error,
        }
        assert!(doors.len() < 17);
    };
    assert_eq!(error, Errno::EMFILE);
    assert_eq!(call(doors[0], b"still").expect("call").data, b"still");
}

fn procedure_and_cookie_are_verbatim() {
    let cookie = 0xFEDC_BA98_7654_3210_usize;
    let door = Door::with_cookie(echo, cookie, 0);
    let told = info(door.fd()).expect("info");
    let (procedure, data) = (told.procedure, told.data);
    assert_eq!(procedure, echo as *const () as u64);
    assert_eq!(data, cookie as u64);

    let null = create(None, 0, 0).expect("a null procedure is accepted");
    let procedure = info(null).expect("info").procedure;
    assert_eq!(procedure, 0);
}

fn uniquifiers_are_unique() {
    let number = |door: &Door| info(door.fd()).expect("info").uniquifier;
    let first = Door::new(echo, 0);
    let second = Door::new(echo, 0);
    assert!(number(&first) < number(&second));
    assert_eq!(number(&first), number(&first.dup()));
    let gone = number(&second);
    drop(second);
    assert!(gone < number(&Door::new(echo, 0)));
}

fn information() {
    let door = Door::new(echo, DOOR_REFUSE_DESC);
    let told = info(door.fd()).expect("info");
    assert_eq!(told.target, process_id());
    let attributes = told.attributes;
    assert_eq!(attributes & !DOOR_IS_UNREF, DOOR_REFUSE_DESC | DOOR_LOCAL);
    let resv = told.resv;
    assert_eq!(resv, [0; 4]);
}

fn information_in_another_process() {
    let door = Door::new(echo, 0);
    let here = process_id();
    fork(|| {
        let told = info(door.fd()).expect("info");
        assert_eq!(told.target, here);
        let attributes = told.attributes;
        assert_eq!(attributes & DOOR_LOCAL, 0);
        assert_eq!(call(door.fd(), b"child").expect("call").data, b"child");
    })
    .succeed();
}

fn information_errors() {
    for no_door in [0, 1000, DOOR_INVAL, DOOR_QUERY, c_int::MIN, c_int::MAX] {
        assert_eq!(info(no_door), Err(Errno::EBADF), "{no_door}");
    }
    let door = Door::new(echo, 0);
    // SAFETY: a null pointer is an error, not an access.
    let told = unsafe { door_info(door.fd(), ptr::null_mut()) };
    assert_eq!(fails(told), Errno::EFAULT);
}

fn bad_descriptors_are_ebadf() {
    let file = std::fs::File::open("/proc/self/exe").expect("open");
    let (socket, _other) = UnixStream::pair().expect("sockets");
    use std::os::fd::AsRawFd;
    for no_door in [
        -1,
        -2,
        1000,
        c_int::MAX,
        file.as_raw_fd(),
        socket.as_raw_fd(),
    ] {
        assert_eq!(
            call(no_door, b"x").expect_err("no door"),
            Errno::EBADF,
            "{no_door}"
        );
        // SAFETY: null is allowed.
        let called = unsafe { door_call(no_door, ptr::null_mut()) };
        assert_eq!(fails(called), Errno::EBADF);
    }
}

fn unreadable_parameters_come_first() {
    let nowhere: *mut DoorArg = ptr::without_provenance_mut(8);
    // SAFETY: an unreadable address is an error, not an access.
    assert_eq!(fails(unsafe { door_call(1000, nowhere) }), Errno::EFAULT);
    let door = Door::new(echo, 0);
    // SAFETY: as above.
    let called = unsafe { door_call(door.fd(), nowhere) };
    assert_eq!(fails(called), Errno::EFAULT);
    assert_eq!(call(door.fd(), b"fine").expect("call").data, b"fine");
}

fn fstat_says_door() {
    let door = Door::new(echo, 0);
    // SAFETY: a stat structure is made of integers, and ours.
    let stat = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        assert_eq!(libc::fstat(door.fd(), &mut stat), 0, "{:?}", errno());
        stat
    };
    assert_eq!(
        stat.st_mode,
        doors_uapi::abi::S_IFDOOR | 0o777,
        "{:o}",
        stat.st_mode
    );
    assert_eq!((stat.st_uid, stat.st_gid, stat.st_size), (0, 0, 0));
}

fn proc_says_door() {
    let door = Door::new(echo, 0);
    let link = std::fs::read_link(format!("/proc/self/fd/{}", door.fd())).expect("readlink");
    assert!(link.to_string_lossy().contains("door"), "{link:?}");
}

fn no_file_operations() {
    let door = Door::new(echo, 0);
    let mut byte = 0_u8;
    // SAFETY: the buffer is ours.
    unsafe {
        assert_eq!(libc::read(door.fd(), (&raw mut byte).cast(), 1), -1);
        assert_eq!(libc::write(door.fd(), (&raw const byte).cast(), 1), -1);
        assert_eq!(libc::lseek(door.fd(), 0, libc::SEEK_SET), -1);
        assert_eq!(libc::ioctl(door.fd(), libc::FIONREAD, &mut 0), -1);
        assert_eq!(
            libc::mmap(
                ptr::null_mut(),
                4096,
                libc::PROT_READ,
                libc::MAP_SHARED,
                door.fd(),
                0
            ),
            libc::MAP_FAILED,
        );
    }
}

fn calls_through_a_duplicate() {
    let door = Door::new(echo, 0);
    let other = door.dup();
    drop(door);
    assert_eq!(call(other.fd(), b"again").expect("call").data, b"again");
    let number = other.into_raw();
    // SAFETY: the number is ours.
    assert_eq!(unsafe { libc::close(number) }, 0);
    assert_eq!(call(number, b"again").expect_err("closed"), Errno::EBADF);
}

fn calls_through_a_passed_descriptor() {
    let (ours, theirs) = UnixStream::pair().expect("sockets");
    let door = Door::new(echo, 0);
    let client = fork(|| {
        let door = receive_descriptor(&theirs);
        use std::os::fd::AsRawFd;
        assert_eq!(call(door.as_raw_fd(), b"far").expect("call").data, b"far");
    });
    send_descriptor(&ours, door.fd());
    client.succeed();
}

static STARTED: Flag = Flag::new();
static GO_ON: Flag = Flag::new();

procedure!(waits(_, data, _) {
    STARTED.set(1);
    GO_ON.await_set("the test lets the call go on");
    give(data);
});

fn closing_during_a_call() {
    let door = Door::new(waits, 0);
    let number = door.fd();
    let client = std::thread::spawn(move || call(number, b"held").map(|reply| reply.data));
    STARTED.await_set("the call is served");
    drop(door);
    assert_eq!(info(number), Err(Errno::EBADF));
    GO_ON.set(1);
    assert_eq!(client.join().expect("client"), Ok(b"held".to_vec()));
}

/// Nothing depends on who makes the system calls.
fn raw_system_calls() {
    let (_server, door) = process::server(|| Door::new(echo, 0));
    // SAFETY: null is allowed.
    let called = unsafe { syscalls::door_call(door.fd(), ptr::null_mut()) };
    assert_eq!(called, Ok(()));
}
