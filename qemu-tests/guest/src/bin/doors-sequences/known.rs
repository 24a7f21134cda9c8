// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sequences in which the kernel and the reference have once differed, whoever was wrong. They stay what they are when
//! seeds come to mean other sequences.

use doors_reference::Action::{
    AwaitUnreferenced, Bind, Call, Close, Create, Duplicate, Fork, Info, Return, Spawn,
};
use doors_reference::Operation::{self, Do, Interrupt, Kill};
use doors_reference::{Pass, ProcessId, Reply, Request, Slot, ThreadId};

/// All of them.
pub(crate) const KNOWN: &[&[Operation]] = &[NEXT_OR_NEW, DEATH_IN_A_CALL, RELEASED_BY_A_RETURN];

/// A request with nothing in it but parameters.
const ASK: Request = Request {
    size: 0,
    unreadable: false,
    pass: None,
    parameters: true,
};

/// Thread 0 returns from a notification to the private pool of door 1, where a call of thread 1 waits to fail. Its end
/// makes door 1 unreferenced, which may be noticed before or after thread 2 has taken the notification that waits, that
/// of door 0 (UN-9). From seed 2001230718.
const NEXT_OR_NEW: &[Operation] = &[
    Do(ThreadId(0), Create { attributes: 0x41 }),
    Do(ThreadId(0), Create { attributes: 0x92 }),
    Do(ThreadId(0), Create { attributes: 0x10 }),
    Do(ThreadId(0), Spawn),
    Do(ThreadId(0), Spawn),
    Do(ThreadId(0), Fork),
    Do(ThreadId(1), Duplicate(Slot(1))),
    Kill(ProcessId(1)),
    Do(
        ThreadId(2),
        Return(Reply {
            size: 100,
            ..Reply::EMPTY
        }),
    ),
    Do(ThreadId(0), Call(Slot(0), Request { size: 1, ..ASK })),
    Do(ThreadId(2), Call(Slot(1), ASK)),
    Do(ThreadId(1), Close(Slot(3))),
    Do(
        ThreadId(1),
        Call(
            Slot(1),
            Request {
                size: 100,
                unreadable: true,
                pass: Some(Pass {
                    slot: Slot(0),
                    release: true,
                }),
                parameters: true,
            },
        ),
    ),
    Interrupt(ThreadId(0)),
    Do(ThreadId(2), AwaitUnreferenced),
    Do(ThreadId(0), Return(Reply::EMPTY)),
    Do(ThreadId(0), Bind(Slot(1))),
    Do(ThreadId(0), Return(Reply::EMPTY)),
];

/// Process 0 is killed. Thread 1's call of its own door may end before the door is revoked, and use the one
/// notification up (UN-8), or not; process 1 sees what the door has left. From seed 31000688.
const DEATH_IN_A_CALL: &[Operation] = &[
    Do(ThreadId(0), Create { attributes: 0x1 }),
    Do(ThreadId(0), Spawn),
    Do(ThreadId(0), Fork),
    Do(ThreadId(1), Call(Slot(0), ASK)),
    Do(ThreadId(0), Close(Slot(0))),
    Kill(ProcessId(0)),
    Do(ThreadId(2), Info(Slot(0))),
];

/// Thread 0 releases the last descriptor but one on its way into the pool. Thread 2, which is there already, is told of
/// that, unless thread 0 has parked by then. From seed 880002348.
const RELEASED_BY_A_RETURN: &[Operation] = &[
    Do(ThreadId(0), Create { attributes: 0x2 }),
    Do(ThreadId(0), Spawn),
    Do(ThreadId(0), Spawn),
    Do(ThreadId(1), AwaitUnreferenced),
    Do(ThreadId(2), Return(Reply::EMPTY)),
    Do(ThreadId(0), Duplicate(Slot(0))),
    Do(
        ThreadId(0),
        Return(Reply {
            pass: Some(Pass {
                slot: Slot(1),
                release: true,
            }),
            ..Reply::EMPTY
        }),
    ),
];
