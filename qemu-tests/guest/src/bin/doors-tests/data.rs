// SPDX-License-Identifier: MIT OR Apache-2.0
//! Data on its way to the server.

use crate::support::call::{arg, raw, take};
use crate::support::process::until_others_sleep;
use crate::support::server::procedure;
use crate::support::{call, echo, give, pattern, tests, Door, Flag};
use doors_uapi::abi::{DoorArg, DOOR_UNREF_DATA};
use doors_uapi::Errno;

tests!(data:
    sizes => "DA-1 DA-2 DA-11 DA-12 LA-6",
    no_data_is_a_null_pointer => "DA-5",
    forged_notification => "DA-6",
    snapshot => "DA-4",
    larger_than_the_stack => "CA-2.12 DA-13",
    nearly_as_large_as_the_stack => "DA-14 DA-15",
    absurd_sizes => "CA-2.12 CA-3 DA-13",
    unreadable => "CA-2.13 DA-1 DA-2 DA-3",
    buffers_may_overlap => "DA-29 DA-30",
    stack_is_reset => "DA-10",
);

/// Each size around which something changes.
pub(crate) const SIZES: &[usize] = &[
    0,
    1,
    2,
    15,
    16,
    17,
    4095,
    4096,
    4097,
    16383,
    16384,
    16385,
    65536,
    1 << 20,
];

/// What `measure` found out, in its reply.
fn digest(data: &[u8]) -> u64 {
    data.iter().fold(data.len() as u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    })
}

procedure!(measure(_, data, _) {
    let aligned = data.as_ptr().addr() & 15 == 0 || data.is_empty();
    let sum = if aligned { digest(data) } else { 0 };
    give(&sum.to_ne_bytes());
});

fn sizes() {
    let door = Door::new(measure, 0);
    // Twice, so that the second time meets a stack that was used.
    for size in SIZES.iter().chain(SIZES) {
        let data = pattern(*size);
        let reply = call(door.fd(), &data).unwrap_or_else(|error| panic!("{size} bytes: {error}"));
        assert_eq!(reply.data, digest(&data).to_ne_bytes(), "{size} bytes");
    }
}

static ADDRESS: Flag = Flag::new();

extern "C-unwind" fn look_at_argp(
    _: *mut std::ffi::c_void,
    argp: *mut std::ffi::c_char,
    size: usize,
    dp: *mut doors_uapi::abi::DoorDesc,
    n: std::ffi::c_uint,
) {
    let nothing = argp.is_null() && size == 0 && dp.is_null() && n == 0;
    ADDRESS.set(if nothing { 1 } else { 2 });
    give(b"seen");
}

fn no_data_is_a_null_pointer() {
    let door = Door::new(look_at_argp, 0);
    let mut rbuf = [0; 8];
    let mut parameters = arg(b"data that is not sent", &mut rbuf);
    parameters.data_size = 0;
    parameters.desc_ptr = 8;
    raw(door.fd(), &mut parameters).expect("call");
    assert_eq!(ADDRESS.get(), 1);
    assert_eq!(take(&parameters).data, b"seen");
}

fn forged_notification() {
    let door = Door::new(look_at_argp, 0);
    let mut parameters = DoorArg {
        data_ptr: DOOR_UNREF_DATA,
        ..DoorArg::default()
    };
    let mut rbuf = [0; 8];
    parameters.rbuf = arg(&[], &mut rbuf).rbuf;
    parameters.rsize = 8;
    raw(door.fd(), &mut parameters).expect("call");
    assert_eq!(ADDRESS.get(), 1);

    let mut parameters = DoorArg {
        data_ptr: DOOR_UNREF_DATA,
        data_size: 1,
        ..DoorArg::default()
    };
    assert_eq!(raw(door.fd(), &mut parameters), Err(Errno::EFAULT));
}

static ENTERED: Flag = Flag::new();
static CHANGED: Flag = Flag::new();

procedure!(looks_later(_, data, _) {
    ENTERED.set(1);
    CHANGED.await_set("the client changes its data");
    give(&digest(data).to_ne_bytes());
});

fn snapshot() {
    for size in [100, 100_000] {
        ENTERED.set(0);
        CHANGED.set(0);
        let door = Door::new(looks_later, 0);
        let data = vec![7_u8; size];
        let expected = digest(&data);
        let mut rbuf = [0; 8];
        let mut parameters = arg(&data, &mut rbuf);
        let address: *mut u8 = std::ptr::with_exposed_provenance_mut(parameters.data_ptr as usize);
        let fd = door.fd();
        let client =
            std::thread::spawn(move || raw(fd, &mut parameters).map(|()| take(&parameters).data));
        ENTERED.await_set("the call is served");
        // SAFETY: the vector is alive, and only read by the kernel, which has read it.
        unsafe { address.write_bytes(9, size) };
        CHANGED.set(1);
        let reply = client.join().expect("client").expect("call");
        assert_eq!(reply, expected.to_ne_bytes(), "{size} bytes");
        drop((data, rbuf));
    }
}

fn larger_than_the_stack() {
    let door = Door::new(measure, 0);
    for size in [2 << 20, (2 << 20) + 1, 8 << 20] {
        let data = pattern(size);
        assert_eq!(
            call(door.fd(), &data).expect_err("too large"),
            Errno::E2BIG,
            "{size} bytes"
        );
    }
    assert_eq!(
        call(door.fd(), b"ok").expect("call").data,
        digest(b"ok").to_ne_bytes()
    );
}

fn nearly_as_large_as_the_stack() {
    let door = Door::new(measure, 0);
    let data = pattern((2 << 20) - (64 << 10) - (24 << 10));
    let reply = call(door.fd(), &data).expect("call");
    assert_eq!(reply.data, digest(&data).to_ne_bytes());
}

fn absurd_sizes() {
    let door = Door::new(measure, 0);
    let data = [0_u8; 16];
    for size in [
        1 << 40,
        u64::MAX / 2,
        u64::MAX - 4096,
        u64::MAX - 1,
        u64::MAX,
    ] {
        let mut rbuf = [0; 8];
        let mut parameters = arg(&data, &mut rbuf);
        parameters.data_size = size;
        let before = parameters;
        let error = raw(door.fd(), &mut parameters).expect_err("absurd");
        assert_eq!(error, Errno::E2BIG, "{size:#x} bytes");
        assert_eq!(parameters, before, "CA-3");
    }
}

fn unreadable() {
    let door = Door::new(measure, 0);
    for size in [1, 4096, 16384, 16385, 100_000] {
        let mut rbuf = [0; 8];
        let mut parameters = arg(&[], &mut rbuf);
        parameters.data_ptr = 4096;
        parameters.data_size = size;
        assert_eq!(
            raw(door.fd(), &mut parameters),
            Err(Errno::EFAULT),
            "{size} bytes"
        );
        assert_eq!(
            call(door.fd(), b"ok").expect("call").data,
            digest(b"ok").to_ne_bytes()
        );
    }
}

fn buffers_may_overlap() {
    let door = Door::new(echo, 0);
    for size in [10, 20_000] {
        let data = pattern(size);
        let mut buffer = data.clone();
        let address = arg(&[], &mut buffer).rbuf;
        let mut parameters = DoorArg {
            data_ptr: address,
            data_size: size as u64,
            rbuf: address,
            rsize: size as u64,
            ..DoorArg::default()
        };
        raw(door.fd(), &mut parameters).expect("call");
        assert_eq!(parameters.data_ptr, address);
        assert_eq!(take(&parameters).data, data, "{size} bytes");
    }
}

procedure!(frame_address(_, data, _) {
    let here = 0_u8;
    // Deeper for some than for others.
    let ballast = [data.len() as u8; 2000];
    std::hint::black_box(&ballast);
    give(&(&raw const here).addr().to_ne_bytes());
});

fn stack_is_reset() {
    let door = Door::new(frame_address, 0);
    let address = || call(door.fd(), &[]).expect("call").data;
    // Once the second thread has come, the pool is LIFO: one call at a time is always the same thread's.
    address();
    until_others_sleep();
    let first = address();
    for _ in 0..100 {
        assert_eq!(address(), first);
    }
}
