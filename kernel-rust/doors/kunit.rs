// SPDX-License-Identifier: GPL-2.0

//! KUnit: the model, in the kernel's edition of it, on the kernel's atomics.

use crate::model::{
    activation::{
        Activation,
        Parked, //
    },
    attributes,
    call::{
        Aborted,
        CallSlot,
        Reason, //
    },
    errno::Errno,
    frame::{
        Frame,
        Stack, //
    },
    limits::Limits,
    reply::Shape,
};
use kernel::prelude::*;

#[kunit_tests(doors)]
mod tests {
    use super::*;

    /// Rules: SI-10 SI-14
    #[test]
    fn a_call_is_answered_once() {
        let slot = CallSlot::new(0);
        let first = slot.begin().unwrap();
        assert!(slot.begin().is_none());
        assert!(slot.accept(first) && slot.start_reply(first));
        assert!(slot.answer(first, |place| *place = 1, |_| ()));
        assert!(slot.collect(first));
        // SAFETY: The call is over, and there is no other thread.
        assert_eq!(unsafe { slot.place(|place| *place) }, 1);
        let second = slot.begin().unwrap();
        // The server of the first call cannot disturb the second.
        assert!(!slot.accept(first) && !slot.start_reply(first));
        assert_eq!(
            slot.abort(second, Reason::Interrupted),
            Aborted::BeforeStart
        );
        assert!(!slot.accept(second));
    }

    /// Rules: SI-6 RE-6
    #[test]
    fn a_caller_waits_for_a_reply_in_the_making() {
        let slot = CallSlot::new(());
        let call = slot.begin().unwrap();
        assert!(slot.accept(call) && slot.start_reply(call));
        assert_eq!(slot.abort(call, Reason::Interrupted), Aborted::Busy);
        slot.reopen(call);
        assert_eq!(slot.abort(call, Reason::Interrupted), Aborted::WhileServed);
        assert!(!slot.start_reply(call));
    }

    /// Rules: TP-3
    #[test]
    fn a_parked_thread_is_taken_once() {
        let thread = Activation::new(0);
        assert!(thread.park());
        assert!(thread.reserve() && !thread.reserve());
        assert!(!thread.unpark());
        assert!(thread.deliver(|place| *place = 7, |_| ()));
        assert_eq!(thread.look(), Parked::Called);
        assert!(thread.take());
        // SAFETY: The thread has not parked again, and there is no other.
        assert_eq!(unsafe { thread.request(|place| *place) }, 7);
        assert!(thread.park() && thread.unpark());
    }

    /// Rules: DA-11 DA-13
    #[test]
    fn a_frame_stays_within_the_stack() {
        let stack = Stack {
            base: 0x10000,
            size: 0x1000,
        };
        let frame = Frame::new(stack, 100, 1, true).unwrap();
        assert!(frame.descs > frame.data && frame.data > frame.info);
        assert!(frame.info >= frame.sp && frame.sp % 16 == 0);
        assert!(matches!(
            Frame::new(stack, 0x1001, 0, false),
            Err(Errno::TooBig)
        ));
        assert!(matches!(
            Frame::new(stack, usize::MAX, 0, false),
            Err(Errno::TooBig)
        ));
    }

    /// Rules: CA-2.3 CA-2.6
    #[test]
    fn limits_are_checked_in_order() {
        let limits = Limits::new(attributes::REFUSE_DESC);
        let refuse = attributes::REFUSE_DESC;
        assert_eq!(limits.check(refuse, 0, 1), Err(Errno::NotSupported));
        assert_eq!(
            limits.check(refuse | attributes::REVOKED, 0, 1),
            Err(Errno::BadDescriptor)
        );
    }

    /// 4071 bytes and one descriptor need two pages.
    ///
    /// Rules: DX-3
    #[test]
    fn a_mapping_has_room_for_the_descriptors() {
        let shape = Shape::new(4071, 1).unwrap();
        assert_eq!(shape.desc_offset(), 4080);
        assert_eq!(shape.mapping_length(4096), Ok(8192));
    }
}
