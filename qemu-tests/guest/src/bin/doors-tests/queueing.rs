// SPDX-License-Identifier: MIT OR Apache-2.0
//! Callers that wait for a server thread, and the order in which they get one.

use crate::support::raw::{bind, make};
use crate::support::threads::{interrupts, serve, Caller};
use crate::support::{errno, tests, thread_id, Door};
use doors_uapi::abi::DOOR_PRIVATE;
use doors_uapi::Errno;
use std::sync::Mutex;

tests!(queueing:
    first_come_first_served => "TP-4",
    by_real_time_priority => "TP-4 SH-7",
    by_nice_value => "TP-4",
    real_time_before_the_rest => "TP-4",
    equal_priorities_in_order => "TP-4",
    in_the_shared_pool => "TP-4",
    who_leaves_is_not_missed => "TP-4 TP-5 SI-1 CA-2.10",
    nobody_is_forgotten => "TP-5",
);

/// How a caller is scheduled.
#[derive(Clone, Copy)]
enum Class {
    Ordinary { nice: i32 },
    RealTime { priority: i32 },
}

use Class::{Ordinary, RealTime};

fn become_one(class: Class) {
    // SAFETY: changes how this thread is scheduled.
    unsafe {
        let failed = match class {
            Ordinary { nice } => libc::setpriority(libc::PRIO_PROCESS, thread_id() as u32, nice),
            RealTime { priority } => {
                let mut parameters: libc::sched_param = std::mem::zeroed();
                parameters.sched_priority = priority;
                libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters)
            }
        };
        assert_eq!(failed, 0, "{:?}", errno());
    }
}

/// A caller that waits for a thread; it calls with its number.
fn waiting(door: &Door, number: u8, class: Class) -> Caller {
    let caller = Caller::prepared(door.fd(), &[number], move || become_one(class));
    caller.until_blocked();
    caller
}

static SERVED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// A thread that notes whom it serves.
fn serve_all(door: &Door) {
    let fd = door.fd();
    let private = crate::support::raw::attributes(fd) & DOOR_PRIVATE != 0;
    // Not waiting until it is parked: it is busy at once.
    crate::support::threads::start(move || {
        if private {
            bind(fd).expect("bind");
        }
        crate::support::raw::Server::new().serve(|request| {
            SERVED.lock().expect("lock").extend(request.bytes());
            request.bytes()
        });
    });
}

/// Callers of these classes, in the order of their arrival, are served in the order `expected`.
#[track_caller]
fn in_order(door: &Door, classes: &[Class], expected: &[u8]) {
    let callers: Vec<_> = classes
        .iter()
        .zip(0..)
        .map(|(class, number)| waiting(door, number, *class))
        .collect();
    serve_all(door);
    for (caller, number) in callers.into_iter().zip(0..) {
        assert_eq!(caller.result(), Ok(vec![number]));
    }
    assert_eq!(*SERVED.lock().expect("lock"), expected);
}

fn nobody() -> Door {
    make(DOOR_PRIVATE, 0)
}

fn first_come_first_served() {
    in_order(&nobody(), &[Ordinary { nice: 0 }; 6], &[0, 1, 2, 3, 4, 5]);
}

fn by_real_time_priority() {
    let classes = [10, 30, 20, 40].map(|priority| RealTime { priority });
    in_order(&nobody(), &classes, &[3, 1, 2, 0]);
}

fn by_nice_value() {
    let classes = [5, -10, 10, -5].map(|nice| Ordinary { nice });
    in_order(&nobody(), &classes, &[1, 3, 0, 2]);
}

fn real_time_before_the_rest() {
    let classes = [
        Ordinary { nice: -20 },
        Ordinary { nice: 0 },
        RealTime { priority: 1 },
        RealTime { priority: 50 },
    ];
    in_order(&nobody(), &classes, &[3, 2, 0, 1]);
}

fn equal_priorities_in_order() {
    let (low, high) = (RealTime { priority: 10 }, RealTime { priority: 20 });
    in_order(
        &nobody(),
        &[low, high, low, high, low, high],
        &[1, 3, 5, 0, 2, 4],
    );
}

fn in_the_shared_pool() {
    let classes = [10, 30, 20].map(|priority| RealTime { priority });
    in_order(&make(0, 0), &classes, &[1, 2, 0]);
}

fn who_leaves_is_not_missed() {
    interrupts(libc::SIGUSR1);
    let door = nobody();
    let mut callers: Vec<_> = [30, 10, 20, 40]
        .into_iter()
        .zip(0..)
        .map(|(priority, number)| waiting(&door, number, RealTime { priority }))
        .collect();
    // The first of all, and one in the middle.
    for leaver in [3, 2] {
        let caller = callers.remove(leaver);
        caller.signal(libc::SIGUSR1);
        assert_eq!(caller.result(), Err(Errno::EAGAIN));
    }
    serve_all(&door);
    for (caller, number) in callers.into_iter().zip([0, 1]) {
        assert_eq!(caller.result(), Ok(vec![number]));
    }
    assert_eq!(*SERVED.lock().expect("lock"), [0, 1]);
}

/// Callers are interrupted at the moment when they are woken for a thread: somebody else gets it.
fn nobody_is_forgotten() {
    interrupts(libc::SIGUSR1);
    let door = make(0, 0);
    let fd = door.fd();
    for round in 0..12 {
        let holder = serve_one_after(fd);
        let callers: Vec<_> = (0..3).map(|_| Caller::blocked(fd, b"x")).collect();
        // One of those who wait, while the thread is given back.
        let leaver = callers[round % 3].id;
        holder.release();
        // It may be gone already.
        // SAFETY: at worst, nobody has this number.
        unsafe {
            libc::syscall(
                libc::SYS_tgkill,
                crate::support::process_id(),
                leaver,
                libc::SIGUSR1,
            )
        };
        for (index, caller) in callers.into_iter().enumerate() {
            match caller.result() {
                Ok(data) => assert_eq!(data, b"x"),
                Err(error) => {
                    assert_eq!(index, round % 3, "the others were not interrupted");
                    assert!([Errno::EAGAIN, Errno::EINTR].contains(&error), "{error}");
                }
            }
        }
        assert_eq!(holder.caller.result(), Ok(b"hold".to_vec()));
    }
}

/// The only server thread, which is held by a call.
struct Holder {
    caller: Caller,
}

impl Holder {
    fn release(&self) {
        RELEASED.set(1);
    }
}

static HELD: crate::support::Flag = crate::support::Flag::new();
static RELEASED: crate::support::Flag = crate::support::Flag::new();
static THREAD: std::sync::Once = std::sync::Once::new();

fn serve_one_after(fd: i32) -> Holder {
    THREAD.call_once(|| {
        serve(
            || (),
            |request| {
                if request.bytes() == b"hold" {
                    HELD.set(1);
                    RELEASED.await_set("the test releases the thread");
                }
                request.bytes()
            },
        );
    });
    HELD.set(0);
    RELEASED.set(0);
    let caller = Caller::start(fd, b"hold");
    HELD.await_set("the thread is held");
    Holder { caller }
}
