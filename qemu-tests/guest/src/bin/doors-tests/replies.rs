// SPDX-License-Identifier: MIT OR Apache-2.0
//! Data on its way back.

use crate::data::SIZES;
use crate::support::call::{arg, raw, take, unmap};
use crate::support::server::procedure;
use crate::support::{call, give, give_nothing, pattern, tests, Door, Flag, PAGE};
use doors_uapi::abi::DoorArg;
use doors_uapi::Errno;

tests!(replies:
    that_fit => "CA-5 DA-20 DA-21 DA-22",
    that_just_fit => "DA-20",
    that_do_not_fit => "DA-23 DA-24",
    original_buffer_is_left_alone => "DA-23",
    mapping_is_writable => "DA-25",
    without_buffer => "DA-24",
    empty => "CA-5 DA-28",
    many_mappings => "DA-23 DA-26",
    small_into_a_bad_buffer => "CA-2.21 CA-3 DA-21",
    large_into_a_bad_buffer => "DA-22 DX-11 RE-5.4 RE-6",
    unreadable_result => "RE-5.3 RE-5.10 RE-6",
);

procedure!(
    /// Replies with as many bytes as the request says.
    produce(_, data, _) {
        let size = usize::from_ne_bytes(data.try_into().expect("a size"));
        // Leaked: nothing is dropped when a procedure does not return.
        let reply = pattern(size).leak();
        give(reply);
    }
);

fn request(size: usize) -> [u8; 8] {
    size.to_ne_bytes()
}

fn that_fit() {
    let door = Door::new(produce, 0);
    let mut rbuf = vec![0_u8; 1 << 20];
    for size in SIZES {
        rbuf.fill(0xAA);
        let data = request(*size);
        let mut parameters = arg(&data, &mut rbuf);
        let before = parameters;
        raw(door.fd(), &mut parameters).unwrap_or_else(|error| panic!("{size} bytes: {error}"));
        assert_eq!(parameters.data_size, *size as u64);
        assert_eq!(
            (parameters.rbuf, parameters.rsize),
            (before.rbuf, before.rsize)
        );
        let place = if *size == 0 {
            before.data_ptr
        } else {
            before.rbuf
        };
        assert_eq!(parameters.data_ptr, place);
        assert_eq!(rbuf[..*size], pattern(*size), "{size} bytes");
        assert!(
            rbuf[*size..].iter().all(|byte| *byte == 0xAA),
            "{size} bytes"
        );
    }
}

fn that_just_fit() {
    let door = Door::new(produce, 0);
    for size in [1, 100, 16384, 16385, 50_000] {
        let mut rbuf = vec![0_u8; size];
        let data = request(size);
        let mut parameters = arg(&data, &mut rbuf);
        let before = parameters;
        raw(door.fd(), &mut parameters).expect("call");
        assert_eq!(
            (parameters.rbuf, parameters.rsize),
            (before.rbuf, before.rsize)
        );
        assert_eq!(rbuf, pattern(size));
    }
}

fn that_do_not_fit() {
    let door = Door::new(produce, 0);
    for size in SIZES.iter().filter(|size| **size > 1) {
        let mut rbuf = vec![0_u8; *size - 1];
        let data = request(*size);
        let mut parameters = arg(&data, &mut rbuf);
        let before = parameters;
        raw(door.fd(), &mut parameters).unwrap_or_else(|error| panic!("{size} bytes: {error}"));
        assert_ne!(parameters.rbuf, before.rbuf, "{size} bytes");
        assert_eq!(parameters.rbuf % PAGE as u64, 0);
        assert_eq!(
            parameters.rsize,
            size.next_multiple_of(PAGE) as u64,
            "{size} bytes"
        );
        assert_eq!(parameters.data_ptr, parameters.rbuf);
        assert_eq!(take(&parameters).data, pattern(*size), "{size} bytes");
        unmap(&parameters);
    }
}

fn original_buffer_is_left_alone() {
    let door = Door::new(produce, 0);
    let mut rbuf = [0x55_u8; 64];
    let data = request(65);
    let mut parameters = arg(&data, &mut rbuf);
    raw(door.fd(), &mut parameters).expect("call");
    unmap(&parameters);
    assert_eq!(rbuf, [0x55; 64]);
}

fn mapping_is_writable() {
    let door = Door::new(produce, 0);
    let data = request(3 * PAGE + 1);
    let mut parameters = arg(&data, &mut []);
    raw(door.fd(), &mut parameters).expect("call");
    let first: *mut u8 = std::ptr::with_exposed_provenance_mut(parameters.rbuf as usize);
    // SAFETY: the mapping is that long, and ours.
    let mapping = unsafe { std::slice::from_raw_parts_mut(first, parameters.rsize as usize) };
    assert!(
        mapping[3 * PAGE + 1..].iter().all(|byte| *byte == 0),
        "the rest is zero"
    );
    mapping.fill(1);
    unmap(&parameters);
}

fn without_buffer() {
    let door = Door::new(produce, 0);
    let data = request(1);
    let mut parameters = DoorArg {
        rbuf: 0,
        rsize: 0,
        ..arg(&data, &mut [])
    };
    raw(door.fd(), &mut parameters).expect("call");
    assert_eq!(parameters.rsize, PAGE as u64);
    assert_eq!(take(&parameters).data, pattern(1));
    unmap(&parameters);
}

fn empty() {
    let door = Door::new(produce, 0);
    let data = request(0);
    let mut rbuf = [0x55_u8; 16];
    let mut parameters = arg(&data, &mut rbuf);
    parameters.desc_ptr = 0x1234;
    let before = parameters;
    raw(door.fd(), &mut parameters).expect("call");
    assert_eq!(
        parameters,
        DoorArg {
            data_size: 0,
            ..before
        }
    );
    assert_eq!(rbuf, [0x55; 16]);
    let mut parameters = DoorArg {
        rbuf: 0,
        rsize: 0,
        ..before
    };
    raw(door.fd(), &mut parameters).expect("call");
    assert_eq!((parameters.rbuf, parameters.rsize), (0, 0));
}

fn many_mappings() {
    let door = Door::new(produce, 0);
    for _ in 0..200 {
        assert_eq!(
            call(door.fd(), &request(100_000)).expect("call").data.len(),
            100_000
        );
    }
    let mappings = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    assert!(
        mappings.lines().count() < 150,
        "mappings are left behind:\n{mappings}"
    );
}

fn small_into_a_bad_buffer() {
    let door = Door::new(produce, 0);
    let data = request(100);
    let mut parameters = DoorArg {
        rbuf: 4096,
        rsize: 4096,
        ..arg(&data, &mut [])
    };
    let before = parameters;
    assert_eq!(raw(door.fd(), &mut parameters), Err(Errno::EFAULT));
    assert_eq!(parameters, before, "CA-3");
    assert_eq!(call(door.fd(), &request(5)).expect("call").data, pattern(5));
}

static ERROR: Flag = Flag::new();

procedure!(
    /// Tries to give much, and then gives nothing.
    generous(_, _, _) {
        let reply = pattern(20_000).leak();
        ERROR.set(give(reply).number());
        give_nothing();
    }
);

fn large_into_a_bad_buffer() {
    let door = Door::new(generous, 0);
    let mut parameters = DoorArg {
        rbuf: 4096,
        rsize: 1 << 20,
        ..DoorArg::default()
    };
    raw(door.fd(), &mut parameters).expect("the second reply is accepted");
    assert_eq!(parameters.data_size, 0);
    assert_eq!(ERROR.get(), Errno::E2BIG.number());
}

procedure!(
    /// Tries to give what it has not.
    pretends(_, _, _) {
        for size in [100, 20_000] {
            // SAFETY: a bad address is an error.
            unsafe {
                solaris_doors::door::door_return(
                    std::ptr::without_provenance_mut(4096),
                    size,
                    std::ptr::null_mut(),
                    0,
                )
            };
            ERROR.set(crate::support::errno().number());
            if ERROR.get() != Errno::EFAULT.number() {
                break;
            }
        }
        give(b"sorry");
    }
);

fn unreadable_result() {
    let door = Door::new(pretends, 0);
    for room in [0, 100_000] {
        let mut rbuf = vec![0_u8; room];
        let mut parameters = arg(b"", &mut rbuf);
        raw(door.fd(), &mut parameters).expect("call");
        assert_eq!(take(&parameters).data, b"sorry");
        assert_eq!(ERROR.get(), Errno::EFAULT.number(), "with room for {room}");
        if room == 0 {
            unmap(&parameters);
        }
    }
}
