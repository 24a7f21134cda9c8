// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nothing is left behind by calls that fail: no descriptor, file, mapping or memory, on either side.

use crate::support::call::{arg, raw, take, unmap};
use crate::support::census::{
    holdings, keeps_what_was_freed, kernel_memory, open_files, until_open_files,
};
use crate::support::failing::{doors, Doors, FAILING_REPLIES, FOR_A_BAD_BUFFER, FULL, MANY};
use crate::support::fds::{close, is_open, Raw};
use crate::support::raw::{bind, make, revoke, unbind};
use crate::support::server::descriptor;
use crate::support::threads::interrupts;
use crate::support::{call, tests, Door};
use doors_uapi::abi::{DoorArg, DoorDesc, DOOR_MAX_DESC, DOOR_PRIVATE, DOOR_RELEASE, DOOR_UNREF};
use doors_uapi::Errno;
use std::os::fd::AsRawFd;
use std::ptr;

tests!(leaks:
    failed_requests => "CA-2.1 CA-2.3 CA-2.4 CA-2.5 CA-2.6 CA-2.7 CA-2.11 CA-2.12 CA-2.13 CA-2.14 CA-2.15 CA-2.16 CA-2.17 CA-2.18 DE-10 DE-11 DE-12",
    failed_replies => "RE-5.2 RE-5.3 RE-5.4 RE-5.5 RE-5.6 RE-5.7 RE-5.8 RE-5.10 RE-6 DE-10 DE-13 DA-27",
    interrupted_calls => "CA-2.10 CA-2.19 DE-15 DA-27 SI-1 SI-2",
    memory_of_requests => "CA-2.1 CA-2.3 CA-2.4 CA-2.5 CA-2.6 CA-2.7 CA-2.11 CA-2.12 CA-2.13 CA-2.14 CA-2.15 CA-2.16 CA-2.17 CA-2.18",
    memory_of_replies => "RE-6 DA-27",
    memory_of_doors => "BI-5 RV-3",
    memory_of_revoked_doors => "UN-8 UN-11",
);

/// A caller's failing requests, each with two descriptors: one to keep, one to release.
struct Client {
    kept: std::fs::File,
    rbuf: Vec<u8>,
}

impl Client {
    fn new() -> Self {
        Self {
            kept: crate::support::fds::null(),
            rbuf: vec![0; 17_000],
        }
    }

    /// One to be kept, and a fresh one to be released.
    fn entries(&self) -> [DoorDesc; 2] {
        // SAFETY: makes a descriptor.
        let fresh = unsafe { libc::dup(self.kept.as_raw_fd()) };
        [
            descriptor(&self.kept, 0),
            descriptor(&Raw(fresh), DOOR_RELEASE),
        ]
    }

    /// A call that must fail, and release what it should, or keep it.
    #[track_caller]
    fn fails(
        &mut self,
        door: &Door,
        change: impl FnOnce(&mut DoorArg),
        size: usize,
        released: bool,
        expected: Errno,
    ) {
        let entries = self.entries();
        let data = vec![0_u8; size];
        let mut parameters = arg(&data, &mut self.rbuf);
        parameters.desc_ptr = entries.as_ptr().expose_provenance() as u64;
        parameters.desc_num = 2;
        change(&mut parameters);
        assert_eq!(raw(door.fd(), &mut parameters), Err(expected));
        let fresh = entries[1].descriptor;
        assert_eq!(is_open(fresh), !released, "{expected}");
        if !released {
            close(fresh);
        }
    }

    /// Every row of CA-2 that needs no signal and no lucky moment.
    fn every_failure(&mut self, doors: &Doors) {
        let good = &doors.good;
        // SAFETY: a bad address is an error.
        let called = unsafe {
            doors_uapi::syscalls::door_call(good.fd(), ptr::without_provenance_mut(4096))
        };
        assert_eq!(called, Err(Errno::EFAULT));
        self.fails(&doors.revoked, |_| (), 10, false, Errno::EBADF);
        self.fails(&doors.limited, |_| (), 9, false, Errno::ENOBUFS);
        self.fails(&doors.limited, |_| (), 21, false, Errno::ENOBUFS);
        self.fails(&doors.refuses, |_| (), 10, false, Errno::EOPNOTSUPP);
        self.fails(
            &doors.limited,
            |arg| arg.desc_num = 3,
            10,
            false,
            Errno::ENFILE,
        );
        self.fails(
            good,
            |arg| arg.desc_num = DOOR_MAX_DESC + 1,
            10,
            false,
            Errno::E2BIG,
        );
        self.fails(&doors.small, |_| (), 600, false, Errno::E2BIG);
        self.fails(&doors.small, |_| (), 60_000, false, Errno::E2BIG);
        self.fails(good, |arg| arg.data_ptr = 4096, 10, false, Errno::EFAULT);
        self.fails(
            good,
            |arg| arg.data_ptr = 4096,
            60_000,
            false,
            Errno::EFAULT,
        );
        self.fails(&doors.unwritable, |_| (), 60_000, false, Errno::E2BIG);
        self.fails(good, |arg| arg.desc_ptr = 4096, 10, false, Errno::EFAULT);
        self.fails(
            good,
            |arg| arg.desc_ptr = 4096,
            60_000,
            false,
            Errno::EFAULT,
        );
        self.fails(&doors.unwritable, |_| (), 100, true, Errno::E2BIG);
        for size in [10, 60_000] {
            // A bad entry behind the others, and more descriptors than the server has room for.
            let entries = self.entries();
            let bad = [entries[0], entries[1], descriptor(&Raw(1000), DOOR_RELEASE)];
            self.refused(good, size, &bad, Errno::EINVAL);
            let entries = self.entries();
            let mut many = vec![entries[0]; FULL as usize];
            many[3] = entries[1];
            self.refused(good, size, &many, Errno::EMFILE);
        }
    }

    /// A call that must fail after its entries were taken.
    #[track_caller]
    fn refused(&mut self, door: &Door, size: usize, entries: &[DoorDesc], expected: Errno) {
        let data = vec![0_u8; size];
        let mut parameters = arg(&data, &mut self.rbuf);
        parameters.desc_ptr = entries.as_ptr().expose_provenance() as u64;
        parameters.desc_num = entries.len() as u32;
        assert_eq!(raw(door.fd(), &mut parameters), Err(expected));
        assert!(is_open(self.kept.as_raw_fd()));
        let released = entries
            .iter()
            .find(|entry| entry.attributes & DOOR_RELEASE != 0)
            .expect("there is one");
        assert!(!is_open(released.descriptor), "{expected}");
    }

    /// Every row of RE-5: the server fails, and replies with nothing then.
    fn every_failing_reply(&mut self, doors: &Doors) {
        for number in 0..FAILING_REPLIES.len() as u8 {
            let request = [number];
            let mut parameters = arg(&request, &mut self.rbuf);
            if number == FOR_A_BAD_BUFFER {
                parameters.rbuf = 4096;
            }
            raw(doors.good.fd(), &mut parameters).expect("the second reply is accepted");
            assert_eq!((parameters.data_size, parameters.desc_num), (0, 0));
        }
        // One that does not fit: into a mapping, with descriptors.
        let request = [MANY];
        let mut parameters = arg(&request, &mut self.rbuf[..100]);
        raw(doors.good.fd(), &mut parameters).expect("call");
        let reply = take(&parameters);
        reply
            .descriptors
            .iter()
            .for_each(|entry| close(entry.descriptor));
        unmap(&parameters);
    }
}

/// The caller may have this many descriptors: enough for its own, too few for a reply with 20.
fn limit_descriptors() {
    let most = crate::support::open_descriptors().len() as u64 + 10;
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: sets a limit of this process.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

/// Both sides have as much after many rounds as after a few.
fn counted(rounds: usize, mut round: impl FnMut(&mut Client, &Doors)) {
    let (child, doors) = doors();
    let mut client = Client::new();
    limit_descriptors();
    (0..3).for_each(|_| round(&mut client, &doors));
    let count = || (holdings("self"), holdings(&child.pid.to_string()));
    let (before, files) = (count(), open_files());
    (0..rounds).for_each(|_| round(&mut client, &doors));
    assert_eq!(count(), before);
    until_open_files(files);
}

fn failed_requests() {
    counted(30, |client, doors| client.every_failure(doors));
}

fn failed_replies() {
    counted(30, |client, doors| client.every_failing_reply(doors));
}

/// A timer interrupts calls at any moment: while they queue, on their way, served, on their way back.
fn interrupted_calls() {
    interrupts(libc::SIGALRM);
    let interrupted = crate::support::Flag::new();
    counted(40, |client, doors| {
        for door in [&doors.good, &doors.deserted] {
            let entries = client.entries();
            let mut data = vec![0_u8; 30_000];
            data[0] = MANY;
            let mut parameters = arg(&data, &mut []);
            parameters.desc_ptr = entries.as_ptr().expose_provenance() as u64;
            parameters.desc_num = 2;
            // Sooner and later.
            let microseconds = 20 + i64::from(interrupted.add(1)) * 7 % 400;
            let timer = libc::itimerval {
                it_interval: libc::timeval {
                    tv_sec: 0,
                    tv_usec: 5000,
                },
                it_value: libc::timeval {
                    tv_sec: 0,
                    tv_usec: microseconds,
                },
            };
            // SAFETY: starts a timer of this process.
            unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) };
            let result = raw(door.fd(), &mut parameters);
            // SAFETY: stops it.
            unsafe { libc::setitimer(libc::ITIMER_REAL, &std::mem::zeroed(), ptr::null_mut()) };
            match result {
                Ok(()) => {
                    let reply = take(&parameters);
                    reply
                        .descriptors
                        .iter()
                        .for_each(|entry| close(entry.descriptor));
                    unmap(&parameters);
                }
                Err(error) => assert!([Errno::EINTR, Errno::EAGAIN].contains(&error), "{error}"),
            }
            if is_open(entries[1].descriptor) {
                assert_eq!(
                    result,
                    Err(Errno::EAGAIN),
                    "only who has waited in vain keeps it"
                );
                close(entries[1].descriptor);
            }
        }
        // The server has come back from what was interrupted.
        assert_eq!(call(doors.good.fd(), b"").map(drop), Ok(()));
    });
}

/// Memory does not grow by as much as an object of so many bytes for each round.
///
/// It comes and goes by the page, so that many rounds are needed to see a small object. The leak finder of the debug
/// kernel sees a single one, if nothing refers to it.
fn no_growth(rounds: usize, object: usize, mut round: impl FnMut()) {
    const NOISE: usize = 96 << 10;
    assert!(rounds * object > NOISE);
    if keeps_what_was_freed() {
        (0..20).for_each(|_| round());
        return;
    }
    (0..rounds / 8).for_each(|_| round());
    let mut growth = Vec::new();
    // Caches fill, and what is freed late is still there: one quiet stretch is enough.
    for _ in 0..4 {
        let before = kernel_memory();
        (0..rounds).for_each(|_| round());
        growth.push(kernel_memory().saturating_sub(before));
        if growth.last().is_some_and(|bytes| *bytes < rounds * object) {
            return;
        }
    }
    panic!("in {rounds} rounds the kernel's memory grows by {growth:?} bytes");
}

fn memory_of_requests() {
    let (_child, doors) = doors();
    let mut client = Client::new();
    no_growth(400, 256, || client.every_failure(&doors));
}

fn memory_of_replies() {
    let (_child, doors) = doors();
    let mut client = Client::new();
    limit_descriptors();
    no_growth(200, 512, || client.every_failing_reply(&doors));
}

/// Doors come and go, bound and unreferenced.
fn memory_of_doors() {
    let files = open_files();
    no_growth(2000, 64, || {
        let door = make(DOOR_PRIVATE, 0);
        bind(door.fd()).expect("bind");
        drop(door);
        unbind().expect("unbind");
        let door = make(DOOR_UNREF, 0);
        revoke(door).expect("revoke");
    });
    until_open_files(files);
}

/// Notices that nobody waits for, of doors that are revoked.
fn memory_of_revoked_doors() {
    let files = open_files();
    no_growth(2000, 64, || {
        let door = make(DOOR_UNREF, 0);
        drop(door.dup());
        revoke(door).expect("revoke");
    });
    until_open_files(files);
}
