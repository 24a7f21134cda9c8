// SPDX-License-Identifier: GPL-2.0

//! A server thread that leaves or dies while callers reserve it, deliver to it or let it go.
//!
//! The pool's lock, which covers some of the steps, is left out: the activation keeps its promises without.

use crate::{by_value::Receiver, Parcel};
use doors_core::model::activation::{Activation, Parked};
use loom::{sync::Arc, thread};

fn parked() -> Arc<Activation<Option<Parcel>>> {
    let thread = Arc::new(Activation::new(None));
    assert!(thread.park());
    thread
}

fn reserved() -> Arc<Activation<Option<Parcel>>> {
    let thread = parked();
    assert!(thread.reserve());
    thread
}

/// What a caller does, beside the current thread.
fn caller<T: 'static>(
    thread: &Arc<Activation<Option<Parcel>>>,
    act: impl FnOnce(&Activation<Option<Parcel>>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let thread = Arc::clone(thread);
    thread::spawn(move || act(&thread))
}

/// Either the thread leaves the pool or a caller takes it out; who takes it may rely on it.
///
/// Rules: TP-3
#[test]
fn leaving_or_being_reserved() {
    loom::model(|| {
        let me = parked();
        let caller = caller(&me, |thread| {
            let reserved = thread.reserve();
            if reserved {
                assert_eq!(thread.give(Parcel::new(1)), Ok(()));
            }
            reserved
        });
        let left = me.unpark();
        let early = me.receive();
        let reserved = caller.join().unwrap();

        assert_ne!(left, reserved);
        assert_eq!(
            early.or_else(|| me.receive()),
            reserved.then(|| Parcel::new(1))
        );
        assert_eq!(me.look(), Parked::Waiting);
        assert!(me.park());
    });
}

/// A thread that dies while its caller delivers has either deserted, and the caller has its call back, or been given
/// it.
///
/// Rules: SI-30
#[test]
fn deserting_or_being_given_a_call() {
    loom::model(|| {
        let me = reserved();
        let caller = caller(&me, |thread| thread.give(Parcel::new(1)));
        let deserted = me.desert();
        let taken = me.receive();
        let delivered = caller.join().unwrap();

        if deserted {
            assert_eq!((delivered, taken), (Err(Parcel::new(1)), None));
            assert!(!me.reserve() && !me.park());
        } else {
            assert_eq!((delivered, taken), (Ok(()), Some(Parcel::new(1))));
            assert!(me.park());
        }
    });
}

/// A thread that is still reserved neither leaves nor is reserved again.
///
/// Rules: TP-3 DA-3
#[test]
fn reserved_means_reserved() {
    loom::model(|| {
        let me = reserved();
        let owner = caller(&me, |thread| thread.give(Parcel::new(1)));
        let other = caller(&me, |thread| thread.reserve());
        assert!(!me.unpark());
        let early = me.receive();
        assert!(!other.join().unwrap());
        assert_eq!(owner.join().unwrap(), Ok(()));
        assert_eq!(early.or_else(|| me.receive()), Some(Parcel::new(1)));
    });
}

/// Of two callers one gets the thread, and the thread gets that one's call.
///
/// Rules: TP-3
#[test]
fn two_callers_for_one_thread() {
    loom::model(|| {
        let me = parked();
        let [first, second] = [1, 2].map(|number| {
            caller(&me, move |thread| {
                let reserved = thread.reserve();
                if reserved {
                    assert_eq!(thread.give(Parcel::new(number)), Ok(()));
                }
                reserved
            })
        });
        let early = me.receive();
        let (first, second) = (first.join().unwrap(), second.join().unwrap());

        assert_ne!(first, second);
        let winner = if first { 1 } else { 2 };
        assert_eq!(early.or_else(|| me.receive()), Some(Parcel::new(winner)));
    });
}

/// The thread parks again as soon as it has taken a call, and finds the next caller's one where the last was.
///
/// Rules: RE-1
#[test]
fn one_call_after_the_other() {
    loom::model(|| {
        let me = reserved();
        let first = caller(&me, |thread| thread.give(Parcel::new(1)));
        let second = caller(&me, |thread| {
            thread.reserve().then(|| thread.give(Parcel::new(2)))
        });
        let early = me.receive();
        if early.is_some() {
            assert!(me.park());
        }
        assert_eq!(first.join().unwrap(), Ok(()));
        let second = second.join().unwrap();

        match early {
            Some(request) => {
                assert_eq!(request, Parcel::new(1));
                assert_eq!(
                    me.receive(),
                    second.map(|delivered| {
                        assert_eq!(delivered, Ok(()));
                        Parcel::new(2)
                    })
                );
            }
            None => {
                // It did not park again, so there was nothing to reserve.
                assert_eq!(second, None);
                assert_eq!(me.receive(), Some(Parcel::new(1)));
            }
        }
    });
}

/// A caller that fails puts the thread back, unless that has died: exactly one of the two happens.
///
/// Rules: DA-3
#[test]
fn being_put_back_or_deserting() {
    loom::model(|| {
        let me = reserved();
        let caller = caller(&me, |thread| thread.put_back());
        let deserted = me.desert();
        let put_back = caller.join().unwrap();

        assert_ne!(deserted, put_back);
        assert_eq!(me.reserve(), put_back);
    });
}

/// A thread that dies, whatever it is being used for: put back and reserved again by the next caller. It leaves,
/// deserts or has the call, and the callers see just that.
///
/// Rules: DA-3 SI-30
#[test]
fn dying_while_being_put_back_and_reserved_again() {
    #[derive(Debug, PartialEq, Eq)]
    enum End {
        PutBackFailed,
        ReserveFailed,
        Delivery(Result<(), Parcel>),
    }

    loom::model(|| {
        let me = reserved();
        let caller = caller(&me, |thread| {
            if !thread.put_back() {
                return End::PutBackFailed;
            }
            if !thread.reserve() {
                return End::ReserveFailed;
            }
            End::Delivery(thread.give(Parcel::new(1)))
        });
        let deserted = me.desert();
        let left = !deserted && me.unpark();
        let end = caller.join().unwrap();
        // Neither: it was put back or reserved each time that it looked.
        let late = !deserted && !left && me.unpark();

        match (deserted, left || late) {
            (true, false) => assert!(
                end == End::PutBackFailed || end == End::Delivery(Err(Parcel::new(1))),
                "{end:?}"
            ),
            (false, true) => assert_eq!(end, End::ReserveFailed),
            (false, false) => {
                assert_eq!(end, End::Delivery(Ok(())));
                assert_eq!(me.receive(), Some(Parcel::new(1)));
            }
            (true, true) => panic!("deserted and left"),
        }
    });
}
