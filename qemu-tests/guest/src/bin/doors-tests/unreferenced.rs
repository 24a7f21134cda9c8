// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notices of unreferenced doors: who waits for them, who is told, and how often.

use crate::support::notices::{
    expect, is_spent, note, notes, quiet, seen, start_unref_thread, unref, watch,
};
use crate::support::raw::{attributes, bind, info, make, revoke, Server};
use crate::support::threads::{interrupts, serve, start, tgkill, until_in, until_parked};
use crate::support::{call, fork, process_id, tests, until, Flag};
use doors_uapi::abi::{
    DOOR_IS_UNREF, DOOR_PARAM_DATA_MIN, DOOR_PRIVATE, DOOR_REFUSE_DESC, DOOR_UNREF,
    DOOR_UNREF_MULTI,
};
use doors_uapi::syscalls::SYS_DOOR_UNREF;
use doors_uapi::Errno;
use std::sync::Mutex;

tests!(unreferenced:
    one_thread_waits => "TP-12",
    waiting_thread_is_interrupted => "TP-12",
    waiting_thread_is_replaced => "TP-12",
    every_process_has_its_own => "TP-12 SI-41",
    once => "UN-1 UN-2 UN-4 UN-8 UN-9 UN-13",
    every_time => "UN-8 UN-13",
    not_of_ordinary_doors => "UN-1",
    never_two_in_the_queue => "UN-8",
    waits_for_a_server_thread => "UN-9",
    one_at_a_time => "UN-9",
    several_doors => "UN-9",
    handler_gives_no_data => "UN-10 RE-5.1 RE-6",
    handler_sees_the_state => "UN-12 IF-5",
    handler_is_not_called => "UN-11",
    limits_do_not_matter => "UN-11 PA-4",
    served_by_the_doors_own_pool => "UN-9 UN-16 TP-1",
    has_no_credentials_but_ones_own => "UC-3",
    handler_that_ends_its_thread => "UN-9 SI-30",
);

const OTHERS: u32 = DOOR_REFUSE_DESC;

fn one_thread_waits() {
    start_unref_thread();
    for _ in 0..3 {
        assert_eq!(unref(), Errno::EALREADY);
    }
    std::thread::spawn(|| assert_eq!(unref(), Errno::EALREADY))
        .join()
        .expect("thread");
}

fn waiting_thread_is_interrupted() {
    interrupts(libc::SIGUSR1);
    static ERROR: Flag = Flag::new();
    for _ in 0..3 {
        ERROR.set(0);
        let thread = start(|| ERROR.set(unref().number()));
        until_in(process_id(), thread, SYS_DOOR_UNREF);
        assert_eq!(ERROR.get(), 0);
        tgkill(thread, libc::SIGUSR1);
        assert_eq!(ERROR.await_set("it is interrupted"), Errno::EINTR.number());
    }
    // It left its place each time, and what is queued waits for the next one.
    let door = make(DOOR_UNREF, 1);
    drop(door.dup());
    watch();
    expect(&[1]);
}

fn waiting_thread_is_replaced() {
    interrupts(libc::SIGUSR1);
    serve(|| (), notes);
    // One that exits.
    let thread = start(|| assert_eq!(unref(), Errno::EINTR));
    until_in(process_id(), thread, SYS_DOOR_UNREF);
    assert_eq!(unref(), Errno::EALREADY);
    tgkill(thread, libc::SIGUSR1);
    let gone = format!("/proc/self/task/{thread}");
    until("the thread is gone", || {
        !std::path::Path::new(&gone).exists()
    });
    start_unref_thread();
    let door = make(DOOR_UNREF, 1);
    drop(door.dup());
    expect(&[1]);
}

fn every_process_has_its_own() {
    watch();
    let door = make(DOOR_UNREF_MULTI, 1);
    fork(|| {
        // Nothing is inherited, nor is anything in the way.
        watch();
        let own = make(DOOR_UNREF, 2);
        drop(own.dup());
        expect(&[2]);
        drop(door.dup());
    })
    .succeed();
    expect(&[1]);
}

fn once() {
    watch();
    let door = make(DOOR_UNREF | OTHERS, 7);
    assert_eq!(attributes(door.fd()) & DOOR_UNREF, DOOR_UNREF);
    drop(door.dup());
    assert!(is_spent(&door), "the bit goes when the notice is queued");
    assert_eq!(attributes(door.fd()) & OTHERS, OTHERS, "the others stay");
    expect(&[7]);
    assert_eq!(
        call(door.fd(), b"still there").expect("call").data,
        b"still there"
    );
    for _ in 0..5 {
        drop(door.dup());
    }
    expect(&[7]);
}

fn every_time() {
    watch();
    let door = make(DOOR_UNREF_MULTI, 7);
    for times in 1..=10 {
        let other = door.dup();
        let third = other.dup();
        drop(other);
        assert_eq!(seen().len(), times - 1);
        drop(third);
        until("the notice comes", || seen().len() == times);
        assert_eq!(
            attributes(door.fd()) & DOOR_UNREF_MULTI,
            DOOR_UNREF_MULTI,
            "the bit stays"
        );
    }
    expect(&[7; 10]);
}

fn not_of_ordinary_doors() {
    watch();
    let door = make(0, 7);
    drop(door.dup());
    assert_eq!(call(door.fd(), b"x").expect("call").data, b"x");
    expect(&[]);
}

fn never_two_in_the_queue() {
    // Nobody takes them out yet.
    let door = make(DOOR_UNREF_MULTI, 7);
    for _ in 0..5 {
        drop(door.dup());
    }
    watch();
    expect(&[7]);
    drop(door.dup());
    expect(&[7, 7]);
}

fn waits_for_a_server_thread() {
    start_unref_thread();
    let door = make(DOOR_UNREF, 7);
    drop(door.dup());
    assert!(is_spent(&door));
    assert!(seen().is_empty());
    serve(|| (), notes);
    expect(&[7]);
}

static ENTERED: Flag = Flag::new();
static LEAVE: Flag = Flag::new();

fn one_at_a_time() {
    static INSIDE: Flag = Flag::new();
    let handler = |request: &crate::support::raw::Call| {
        if request.cookie < 10 {
            assert_eq!(INSIDE.add(1), 1, "one at a time");
            ENTERED.set(1);
            LEAVE.await_set("the test lets the handler go on");
            INSIDE.add(-1);
        }
        notes(request)
    };
    let threads = [serve(|| (), handler), serve(|| (), handler)];
    start_unref_thread();
    let doors = [1, 2, 3].map(|cookie| make(DOOR_UNREF, cookie));
    drop(doors[0].dup());
    ENTERED.await_set("the first is told");
    drop(doors[1].dup());
    drop(doors[2].dup());
    // There is somebody who could, whom ordinary calls find.
    let ordinary = make(0, 10);
    for _ in 0..5 {
        assert_eq!(call(ordinary.fd(), b"x").expect("call").data, b"x");
    }
    assert_eq!((INSIDE.get(), seen()), (1, vec![]));
    LEAVE.set(1);
    until("all have been told", || seen().len() == 3);
    quiet();
    let mut all = seen();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3]);
    threads.into_iter().for_each(until_parked);
}

fn several_doors() {
    const DOORS: usize = 50;
    watch();
    let doors: Vec<_> = (0..DOORS).map(|cookie| make(DOOR_UNREF, cookie)).collect();
    std::thread::scope(|scope| {
        for half in doors.chunks(DOORS / 2) {
            scope.spawn(move || half.iter().for_each(|door| drop(door.dup())));
        }
    });
    until("all have been told", || seen().len() >= DOORS);
    quiet();
    let mut all = seen();
    all.sort_unstable();
    assert_eq!(all, (0..DOORS).collect::<Vec<_>>(), "each one once");
}

fn handler_gives_no_data() {
    static ERRORS: Mutex<Vec<Errno>> = Mutex::new(Vec::new());
    let file = std::fs::File::open("/dev/null").expect("open");
    start(move || {
        let mut server = Server::new();
        let request = server.park().expect("a notice");
        assert!(request.is_notification(), "{request:?}");
        let entry = crate::support::server::descriptor(&file, doors_uapi::abi::DOOR_RELEASE);
        let errors = [
            server.give(b"x").expect_err("no data"),
            server.give(&[0; 20_000]).expect_err("no data"),
            server.give_with(b"", &[entry]).expect_err("no descriptors"),
        ];
        assert!(crate::support::fds::is_open(entry.descriptor), "kept");
        ERRORS.lock().expect("lock").extend(errors);
        note(request.cookie);
        server.serve(notes);
    });
    start_unref_thread();
    let door = make(DOOR_UNREF, 7);
    drop(door.dup());
    expect(&[7]);
    assert_eq!(*ERRORS.lock().expect("lock"), [Errno::E2BIG; 3]);
}

fn handler_sees_the_state() {
    static STATES: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    let door = make(DOOR_UNREF_MULTI, 7);
    let fd = door.fd();
    serve(
        || (),
        move |request| {
            if request.cookie == 7 {
                // The first time nobody refers to the door, the second time somebody does again.
                ENTERED.add(1);
                until("the test goes on", || LEAVE.get() >= ENTERED.get());
                STATES
                    .lock()
                    .expect("lock")
                    .push(attributes(fd) & DOOR_IS_UNREF);
            }
            notes(request)
        },
    );
    start_unref_thread();
    drop(door.dup());
    until("it is told", || ENTERED.get() == 1);
    LEAVE.set(1);
    until("it has looked", || seen().len() == 1);
    drop(door.dup());
    until("it is told again", || ENTERED.get() == 2);
    let other = door.dup();
    LEAVE.set(2);
    until("it has looked", || seen().len() == 2);
    assert_eq!(*STATES.lock().expect("lock"), [DOOR_IS_UNREF, 0]);
    drop(other);
    LEAVE.set(3);
    expect(&[7; 3]);
}

fn handler_is_not_called() {
    let door = make(DOOR_UNREF, 7);
    drop(door.dup());
    assert!(is_spent(&door), "it is queued");
    revoke(door).expect("revoke");
    watch();
    expect(&[]);
    // One whose door does not exist any more when the thread comes: there is nobody to refer to it.
    let door = make(DOOR_UNREF, 8);
    assert_eq!(call(door.fd(), b"x").expect("call").data, b"x");
    drop(door);
    expect(&[]);
}

fn limits_do_not_matter() {
    watch();
    let door = make(DOOR_UNREF | DOOR_REFUSE_DESC, 7);
    crate::parameters::set(door.fd(), DOOR_PARAM_DATA_MIN, 100).expect("setparam");
    drop(door.dup());
    expect(&[7]);
    assert_eq!(call(door.fd(), b"").map(drop), Err(Errno::ENOBUFS));
}

fn served_by_the_doors_own_pool() {
    static SERVED_BY: Flag = Flag::new();
    let door = make(DOOR_UNREF | DOOR_PRIVATE, 7);
    let fd = door.fd();
    watch();
    drop(door.dup());
    assert!(is_spent(&door));
    // A binding is no reference: the thread comes before the decision, and after it.
    let thread = serve(
        move || bind(fd).expect("bind"),
        |request| {
            SERVED_BY.set(crate::support::thread_id());
            notes(request)
        },
    );
    assert_eq!(SERVED_BY.await_set("its own thread is told"), thread);
    until("it is noted", || seen() == [7]);
    let second = make(DOOR_UNREF | DOOR_PRIVATE, 8);
    let fd = second.fd();
    serve(move || bind(fd).expect("bind"), notes);
    assert_eq!(attributes(fd) & DOOR_IS_UNREF, DOOR_IS_UNREF);
    drop(second.dup());
    expect(&[7, 8]);
}

fn has_no_credentials_but_ones_own() {
    static SEEN: Mutex<Vec<(i32, u32, u32)>> = Mutex::new(Vec::new());
    fork(|| {
        // SAFETY: changes the identity of this process, which has one thread.
        unsafe {
            assert_eq!(libc::setresgid(31, 32, 33), 0);
            assert_eq!(libc::setresuid(21, 22, 23), 0);
            // The test looks at its threads in /proc.
            assert_eq!(libc::prctl(libc::PR_SET_DUMPABLE, 1), 0);
        }
        serve(
            || (),
            |request| {
                let (told, _) = crate::credentials::credentials(0).expect("the kernel calls");
                SEEN.lock()
                    .expect("lock")
                    .push((told.pid, told.euid, told.egid));
                notes(request)
            },
        );
        start_unref_thread();
        let door = make(DOOR_UNREF, 7);
        drop(door.dup());
        until("it is told", || seen() == [7]);
        assert_eq!(*SEEN.lock().expect("lock"), [(0, 22, 32)]);
    })
    .succeed();
}

fn handler_that_ends_its_thread() {
    static ENDED: Flag = Flag::new();
    start(|| {
        let request = Server::new().park().expect("a notice");
        assert!(request.is_notification());
        ENDED.set(1);
    });
    start_unref_thread();
    let (first, second) = (make(DOOR_UNREF, 1), make(DOOR_UNREF, 2));
    drop(first.dup());
    ENDED.await_set("the first is told");
    serve(|| (), notes);
    drop(second.dup());
    expect(&[2]);
    assert!(info(first.fd()).is_ok());
}
