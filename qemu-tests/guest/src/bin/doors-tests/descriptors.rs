// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors, both ways.

use crate::support::call::{arg, raw, take, unmap};
use crate::support::fds::{close, is_open, null, pipe, Raw};
use crate::support::process::server;
use crate::support::server::{descriptor, give_with, procedure};
use crate::support::{
    call, call_with, fork, give, give_nothing, info, open_descriptors, tests, Door, Flag, PAGE,
};
use doors_uapi::abi::{
    DoorArg, DoorDesc, DOOR_DESCRIPTOR, DOOR_IS_UNREF, DOOR_LOCAL, DOOR_MAX_DESC, DOOR_REFUSE_DESC,
    DOOR_RELEASE,
};
use doors_uapi::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};

tests!(descriptors:
    to_the_server => "DE-2 DE-8",
    to_the_client => "CA-5 DE-2 DE-3 DA-20",
    received_as_lowest_and_not_close_on_exec => "DE-3",
    of_doors_say_so => "DE-4 DE-6",
    of_other_things_have_no_id => "DE-4 DE-5 DX-4",
    released_by_the_client => "DE-7 DE-8",
    released_by_the_server => "DE-7 DE-8",
    door_through_itself => "DE-18",
    same_twice => "DE-9",
    bad_entry => "CA-2.16 DE-1 DE-10",
    bad_entry_in_a_result => "RE-5.7 DE-10",
    refused => "CA-2.6 DE-11 DX-6",
    too_many => "CA-2.11 DE-11 DE-17 LA-6",
    unreadable => "CA-2.15 DE-11",
    server_is_full => "CA-2.17 DE-12",
    client_is_full => "RE-5.5 DE-13",
    with_data_that_overflows => "DX-3 DA-20 DA-23",
    nothing_leaks => "DE-10 DE-12 DE-13",
);

procedure!(
    /// Writes the data into each descriptor, and closes it.
    writes(_, data, descriptors) {
        for entry in descriptors {
            // SAFETY: the descriptor is ours; the file closes it.
            let mut file = unsafe { File::from_raw_fd(entry.descriptor) };
            file.write_all(data).expect("the client listens");
        }
        give(&(descriptors.len() as u32).to_ne_bytes());
    }
);

fn to_the_server() {
    let (_server, door) = server(|| Door::new(writes, 0));
    let (mut output, input) = pipe();
    let entries = [
        descriptor(&input, 0),
        descriptor(&input, 0),
        descriptor(&input, 0),
    ];
    let reply = call_with(door.fd(), b"abc", &entries).expect("call");
    assert_eq!(reply.data, 3_u32.to_ne_bytes());
    drop(input);
    let mut text = String::new();
    output.read_to_string(&mut text).expect("pipe");
    assert_eq!(text, "abcabcabc");
}

procedure!(
    /// Gives as many descriptors of /dev/null as the request says, with as much data.
    nulls(_, data, _) {
        let [count, size] = [0, 1].map(|at| u32::from_ne_bytes(data[4 * at..][..4].try_into().expect("four bytes")));
        let entries: Vec<DoorDesc> = (0..count)
            .map(|_| {
                use std::os::fd::IntoRawFd;
                descriptor(&Raw(null().into_raw_fd()), DOOR_RELEASE)
            })
            .collect();
        let error = give_with(&vec![b'n'; size as usize], &entries);
        ERROR.set(error.number());
        // Nobody took them.
        entries.iter().map(|entry| entry.descriptor).filter(|fd| is_open(*fd)).for_each(close);
        drop(entries);
        give_nothing();
    }
);

static ERROR: Flag = Flag::new();

fn order(count: u32, size: u32) -> [u8; 8] {
    let mut order = [0; 8];
    order[..4].copy_from_slice(&count.to_ne_bytes());
    order[4..].copy_from_slice(&size.to_ne_bytes());
    order
}

fn to_the_client() {
    let (_server, door) = server(|| Door::new(nulls, 0));
    for size in [0, 1, 23, 24, 25, 100] {
        let mut rbuf = [0_u8; 1024];
        let data = order(2, size);
        let mut parameters = arg(&data, &mut rbuf);
        let before = parameters;
        raw(door.fd(), &mut parameters).expect("call");
        assert_eq!(parameters.rbuf, before.rbuf);
        assert_eq!(parameters.desc_num, 2);
        let offset = u64::from(size.next_multiple_of(24));
        assert_eq!(
            parameters.desc_ptr,
            parameters.rbuf + offset,
            "{size} bytes"
        );
        let reply = take(&parameters);
        assert_eq!(reply.data, vec![b'n'; size as usize]);
        for entry in reply.descriptors {
            assert!(is_open(entry.descriptor));
            close(entry.descriptor);
        }
    }
}

procedure!(
    /// Says which descriptors it received, which of them are close-on-exec, and closes them.
    numbers(_, _, descriptors) {
        let mut text = Vec::new();
        for entry in descriptors {
            let fd = entry.descriptor;
            // SAFETY: looks at a descriptor.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
            write!(text, "{fd}:{flags} ").expect("vectors grow");
            close(fd);
        }
        give(text.leak());
    }
);

fn received_as_lowest_and_not_close_on_exec() {
    let (_server, door) = server(|| Door::new(numbers, 0));
    let file = null();
    let entries = [descriptor(&file, 0); 3];
    let first = call_with(door.fd(), b"", &entries).expect("call").data;
    let second = call_with(door.fd(), b"", &entries).expect("call").data;
    assert_eq!(first, second, "the lowest are free again");
    let text = String::from_utf8(first).expect("text");
    let numbers: Vec<i32> = text
        .split_whitespace()
        .map(|word| {
            word.strip_suffix(":0")
                .expect("close-on-exec is clear")
                .parse()
                .expect("a number")
        })
        .collect();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.is_sorted());

    // The other way round.
    let (_server, door) = server(|| Door::new(nulls, 0));
    let open = open_descriptors();
    let reply = call(door.fd(), &order(3, 0)).expect("call");
    for entry in reply.descriptors {
        let fd = entry.descriptor;
        assert!(!open.contains(&fd));
        // SAFETY: looks at a descriptor.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_GETFD) }, 0);
        close(fd);
    }
}

procedure!(
    /// Gives the entries back as they came, for the client to look at; keeps none.
    repeats(_, _, descriptors) {
        let mut text = Vec::new();
        for entry in descriptors {
            let (attributes, id, resv) = (entry.attributes, entry.id, entry.resv);
            writeln!(text, "{attributes:#x} {id} {resv:?}").expect("vectors grow");
            close(entry.descriptor);
        }
        give(text.leak());
    }
);

fn of_doors_say_so() {
    let (_server, theirs) = server(|| Door::new(repeats, 0));
    let ours = Door::new(repeats, DOOR_REFUSE_DESC);
    let id = |door: &Door| info(door.fd()).expect("info").uniquifier;
    let seen = |entry| {
        String::from_utf8(call_with(theirs.fd(), b"", &[entry]).expect("call").data).expect("text")
    };
    // Somebody else's door, with bits that the sender has no say in.
    let mut entry = descriptor(&ours.0, DOOR_LOCAL | DOOR_IS_UNREF);
    entry.id = 4711;
    let expected = DOOR_DESCRIPTOR | DOOR_REFUSE_DESC;
    assert_eq!(seen(entry), format!("{expected:#x} {} [0, 0]\n", id(&ours)));
    // The receiver's own.
    let expected = DOOR_DESCRIPTOR | DOOR_LOCAL;
    assert_eq!(
        seen(descriptor(&theirs.0, 0)),
        format!("{expected:#x} {} [0, 0]\n", id(&theirs))
    );
}

fn of_other_things_have_no_id() {
    let (_server, door) = server(|| Door::new(repeats, 0));
    let mut entry = descriptor(&null(), 0);
    let file = null();
    entry.descriptor = file.as_raw_fd();
    entry.id = 4711;
    let reply = call_with(door.fd(), b"", &[entry]).expect("call");
    assert_eq!(
        String::from_utf8_lossy(&reply.data),
        format!("{DOOR_DESCRIPTOR:#x} 0 [0, 0]\n")
    );
}

fn released_by_the_client() {
    let (_server, door) = server(|| Door::new(numbers, 0));
    let kept = null();
    let released = null();
    let number = released.as_raw_fd();
    std::mem::forget(released);
    let entries = [descriptor(&kept, 0), descriptor(&Raw(number), DOOR_RELEASE)];
    call_with(door.fd(), b"", &entries).expect("call");
    assert!(is_open(kept.as_raw_fd()));
    assert!(!is_open(number));
}

procedure!(
    /// Gives one descriptor to keep and one to release; says in the next reply which is still open.
    gives_two(_, data, _) {
        static KEPT: Flag = Flag::new();
        static RELEASED: Flag = Flag::new();
        if data.is_empty() {
            use std::os::fd::IntoRawFd;
            KEPT.set(null().into_raw_fd());
            RELEASED.set(null().into_raw_fd());
            give_with(b"", &[descriptor(&Raw(KEPT.get()), 0), descriptor(&Raw(RELEASED.get()), DOOR_RELEASE)]);
        }
        give(&[u8::from(is_open(KEPT.get())), u8::from(is_open(RELEASED.get()))]);
    }
);

fn released_by_the_server() {
    let (_server, door) = server(|| Door::new(gives_two, 0));
    let reply = call(door.fd(), b"").expect("call");
    assert_eq!(reply.descriptors.len(), 2);
    reply
        .descriptors
        .iter()
        .for_each(|entry| close(entry.descriptor));
    assert_eq!(call(door.fd(), b"?").expect("call").data, [1, 0]);
}

fn door_through_itself() {
    let (_server, door) = server(|| Door::new(repeats, 0));
    let reply = call_with(door.fd(), b"", &[descriptor(&door.0, 0)]).expect("call");
    assert!(String::from_utf8_lossy(&reply.data)
        .starts_with(&format!("{:#x} ", DOOR_DESCRIPTOR | DOOR_LOCAL)));
    assert!(call(door.fd(), b"").is_ok());
}

fn same_twice() {
    let (_server, door) = server(|| Door::new(numbers, 0));
    let file = null();
    assert!(call_with(door.fd(), b"", &[descriptor(&file, 0); 2]).is_ok());
    assert!(is_open(file.as_raw_fd()));
    // Released by the first entry, it is not open for the second.
    let entries = [descriptor(&file, DOOR_RELEASE), descriptor(&file, 0)];
    assert_eq!(
        call_with(door.fd(), b"", &entries).expect_err("closed"),
        Errno::EINVAL
    );
    assert!(!is_open(file.as_raw_fd()));
    std::mem::forget(file);
}

fn bad_entry() {
    let (_server, door) = server(|| Door::new(numbers, 0));
    for bad in [
        descriptor(&Raw(1000), 0),
        descriptor(&Raw(-1), 0),
        DoorDesc {
            attributes: 0,
            descriptor: 0,
            ..DoorDesc::default()
        },
        // What the kernel's own callers pass.
        DoorDesc {
            attributes: 0x2_0000,
            descriptor: 0,
            ..DoorDesc::default()
        },
    ] {
        let [first, last] = [null(), null()];
        let kept = null();
        let entries = [
            descriptor(&first, DOOR_RELEASE),
            descriptor(&kept, 0),
            bad,
            descriptor(&last, DOOR_RELEASE),
        ];
        assert_eq!(
            call_with(door.fd(), b"", &entries).expect_err("bad"),
            Errno::EINVAL
        );
        assert!(
            !is_open(first.as_raw_fd()),
            "those that were taken are released"
        );
        assert!(!is_open(last.as_raw_fd()), "and those that were not");
        assert!(is_open(kept.as_raw_fd()));
        std::mem::forget([first, last]);
    }
}

procedure!(
    /// Tries a result with a bad entry; then says the error, and which descriptors are left.
    gives_badly(_, _, _) {
        let [released, kept] = [null(), null()];
        let entries =
            [descriptor(&released, DOOR_RELEASE), descriptor(&kept, 0), descriptor(&Raw(1000), 0)];
        let error = give_with(b"", &entries);
        let open = [u8::from(is_open(released.as_raw_fd())), u8::from(is_open(kept.as_raw_fd()))];
        std::mem::forget(released);
        drop(kept);
        give(&[error.number() as u8, open[0], open[1]]);
    }
);

fn bad_entry_in_a_result() {
    let (_server, door) = server(|| Door::new(gives_badly, 0));
    let reply = call(door.fd(), b"").expect("call");
    assert_eq!(reply.data, [Errno::EINVAL.number() as u8, 0, 1]);
}

fn refused() {
    let (_server, door) = server(|| Door::new(numbers, DOOR_REFUSE_DESC));
    let file = null();
    let entries = [descriptor(&file, DOOR_RELEASE); 1];
    assert_eq!(
        call_with(door.fd(), b"", &entries).expect_err("refused"),
        Errno::EOPNOTSUPP
    );
    assert!(is_open(file.as_raw_fd()), "nothing is closed");
    assert!(call(door.fd(), b"").is_ok());
}

fn too_many() {
    let (_server, door) = server(|| Door::new(numbers, 0));
    let file = null();
    let entries = vec![descriptor(&file, DOOR_RELEASE); DOOR_MAX_DESC as usize + 1];
    assert_eq!(
        call_with(door.fd(), b"", &entries).expect_err("too many"),
        Errno::E2BIG
    );
    assert!(is_open(file.as_raw_fd()), "nothing is closed");
    let limit = libc::rlimit {
        rlim_cur: 4096,
        rlim_max: 4096,
    };
    let (_server, door) = server(|| {
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        Door::new(numbers, 0)
    });
    let entries = vec![descriptor(&file, 0); DOOR_MAX_DESC as usize];
    assert!(call_with(door.fd(), b"", &entries).is_ok());
}

fn unreadable() {
    let (_server, door) = server(|| Door::new(numbers, 0));
    let mut parameters = DoorArg {
        desc_ptr: 4096,
        desc_num: 2,
        ..DoorArg::default()
    };
    assert_eq!(raw(door.fd(), &mut parameters), Err(Errno::EFAULT));
    assert!(call(door.fd(), b"").is_ok());
}

static CALLS: std::sync::OnceLock<&'static Flag> = std::sync::OnceLock::new();

procedure!(
    /// Counts its calls, and closes what comes along.
    counts(_, _, descriptors) {
        CALLS.get().expect("the test made one").add(1);
        descriptors.iter().for_each(|entry| close(entry.descriptor));
        give(&(open_descriptors().len() as u32).to_ne_bytes());
    }
);

fn server_is_full() {
    let calls = CALLS.get_or_init(Flag::shared);
    let limit = libc::rlimit {
        rlim_cur: 12,
        rlim_max: 12,
    };
    let (_server, door) = server(|| {
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        Door::new(counts, 0)
    });
    let before = call(door.fd(), b"").expect("call").data;
    let file = null();
    let entries = [descriptor(&file, 0); 20];
    assert_eq!(
        call_with(door.fd(), b"", &entries).expect_err("full"),
        Errno::EMFILE
    );
    assert_eq!(calls.get(), 1, "the procedure is not run");
    assert!(is_open(file.as_raw_fd()));
    // Released ones are gone all the same.
    let released = null();
    let mut entries = [descriptor(&file, 0); 20];
    entries[0] = descriptor(&released, DOOR_RELEASE);
    assert_eq!(
        call_with(door.fd(), b"", &entries).expect_err("full"),
        Errno::EMFILE
    );
    assert!(!is_open(released.as_raw_fd()));
    std::mem::forget(released);
    assert_eq!(
        call(door.fd(), b"").expect("call").data,
        before,
        "nothing is left in the server"
    );
}

fn client_is_full() {
    let door = Door::new(nulls, 0);
    fork(|| {
        let limit = libc::rlimit {
            rlim_cur: 12,
            rlim_max: 12,
        };
        // SAFETY: sets a limit of this process.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
        let open = open_descriptors();
        let reply = call(door.fd(), &order(20, 0)).expect("the server gives up and gives nothing");
        assert!(reply.descriptors.is_empty());
        assert_eq!(open, open_descriptors());
    })
    .succeed();
    assert_eq!(ERROR.get(), Errno::EMFILE.number());
}

fn with_data_that_overflows() {
    let (_server, door) = server(|| Door::new(nulls, 0));
    for size in [4071, 4072, 4073, 4096, 16384, 100_000] {
        let data = order(1, size);
        let mut parameters = arg(&data, &mut []);
        raw(door.fd(), &mut parameters).unwrap_or_else(|error| panic!("{size} bytes: {error}"));
        let offset = u64::from(size.next_multiple_of(24));
        assert_eq!(
            parameters.rsize,
            (offset + 24).next_multiple_of(PAGE as u64)
        );
        assert_eq!(parameters.desc_ptr, parameters.rbuf + offset);
        let reply = take(&parameters);
        assert_eq!(reply.data.len(), size as usize);
        close(reply.descriptors[0].descriptor);
        unmap(&parameters);
    }
}

fn nothing_leaks() {
    let open = open_descriptors();
    bad_entry();
    bad_entry_in_a_result();
    refused();
    server_is_full();
    to_the_client();
    with_data_that_overflows();
    let left = open_descriptors();
    assert_eq!(open, left);
}
