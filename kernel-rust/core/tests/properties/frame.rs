// SPDX-License-Identifier: GPL-2.0

//! Where a request lies on the server's stack.
//!
//! The oracle computes in 128 bits, where nothing wraps, and from the other end: because every part begins at a
//! multiple of 16, what a request needs is the sum of its parts, each rounded up to 16.

use crate::values;
use doors_core::model::{
    errno::Errno,
    frame::{Frame, Stack, DESC_SIZE, INFO_SIZE, STACK_ALIGN},
};
use proptest::prelude::*;

/// What there is to lay out.
#[derive(Clone, Copy, Debug)]
struct Request {
    data_size: usize,
    desc_num: u32,
    with_info: bool,
}

impl Request {
    fn desc_size(&self) -> u128 {
        u128::from(self.desc_num) * DESC_SIZE as u128
    }

    fn info_size(&self) -> u128 {
        if self.with_info {
            INFO_SIZE as u128
        } else {
            0
        }
    }

    /// The bytes that the request needs below an aligned base.
    fn needed(&self) -> u128 {
        [self.desc_size(), self.data_size as u128, self.info_size()]
            .map(|size| size.next_multiple_of(STACK_ALIGN as u128))
            .iter()
            .sum()
    }

    /// DA-13. The gap above an aligned base counts as used; the address 0 is not to be had.
    fn fits(&self, stack: Stack) -> bool {
        let gap = (stack.base % STACK_ALIGN) as u128;
        let used = gap + self.needed();
        used < stack.base as u128 && (stack.size == 0 || used <= stack.size as u128)
    }

    fn lay_out(&self, stack: Stack) -> Result<Frame, Errno> {
        Frame::new(stack, self.data_size, self.desc_num, self.with_info)
    }
}

prop_compose! {
    fn requests()(
        data_size in values::size(),
        desc_num in values::desc_num(),
        with_info in any::<bool>(),
    ) -> Request {
        Request { data_size, desc_num, with_info }
    }
}

/// A request and a stack of any kind; often one that it barely fits, or barely does not.
fn cases() -> impl Strategy<Value = (Request, Stack)> {
    requests().prop_flat_map(|request| {
        let base = prop_oneof![2 => values::around(request.needed()), 3 => values::size()];
        let size = prop_oneof![
            1 => Just(0),
            2 => values::around(request.needed()),
            2 => values::size(),
        ];
        (base, size).prop_map(move |(base, size)| (request, Stack { base, size }))
    })
}

/// A request and a stack that is large enough, its base anywhere up to the last address.
fn fitting_cases() -> impl Strategy<Value = (Request, Stack)> {
    requests()
        .prop_filter("larger than any stack", |request| {
            request.needed() < (usize::MAX - 2 * STACK_ALIGN) as u128
        })
        .prop_flat_map(|request| {
            let least = request.needed() as usize + 2 * STACK_ALIGN;
            let base = prop_oneof![
                2 => least..=usize::MAX,
                1 => Just(least),
                1 => Just(usize::MAX),
            ];
            (Just(request), base, any::<bool>(), 0..=64_usize)
        })
        .prop_map(|(request, base, declared, spare)| {
            let exact = base % STACK_ALIGN + request.needed() as usize;
            let size = if declared {
                exact.saturating_add(spare)
            } else {
                0
            };
            (request, Stack { base, size })
        })
}

/// All that the documentation of `Frame` promises (DA-11).
fn check(request: &Request, stack: Stack, frame: &Frame) -> Result<(), TestCaseError> {
    // From the top down; a part that is not there is at 0 and takes nothing.
    let parts = [
        (frame.descs, request.desc_size()),
        (frame.data, request.data_size as u128),
        (frame.info, request.info_size()),
    ];
    let mut limit = stack.base as u128;
    for (address, size) in parts {
        prop_assert_eq!(address == 0, size == 0);
        if size != 0 {
            prop_assert_eq!(address % STACK_ALIGN, 0);
            prop_assert!(address as u128 + size <= limit);
            limit = address as u128;
        }
    }
    prop_assert!(frame.sp != 0 && frame.sp % STACK_ALIGN == 0);
    prop_assert!(frame.sp as u128 <= limit);
    if stack.size != 0 {
        prop_assert!(stack.base - frame.sp <= stack.size);
    }
    // No byte more than rounding asks for.
    let top = (stack.base - stack.base % STACK_ALIGN) as u128;
    prop_assert_eq!(frame.sp as u128, top - request.needed());
    Ok(())
}

proptest! {
    #![proptest_config(values::config())]

    /// E2BIG exactly if the request does not fit, near both ends of the address space, too.
    ///
    /// Rules: DA-13
    #[test]
    fn refused_exactly_if_it_does_not_fit((request, stack) in cases()) {
        match request.lay_out(stack) {
            Ok(frame) => {
                prop_assert!(request.fits(stack));
                check(&request, stack, &frame)?;
            }
            Err(errno) => {
                prop_assert!(!request.fits(stack));
                prop_assert_eq!(errno, Errno::TooBig);
            }
        }
    }

    /// What fits is laid out in order, aligned, without overlap, within the stack.
    ///
    /// Rules: DA-11 DA-13
    #[test]
    fn what_fits_is_laid_out((request, stack) in fitting_cases()) {
        match request.lay_out(stack) {
            Ok(frame) => check(&request, stack, &frame)?,
            Err(errno) => prop_assert!(false, "refused with {errno:?}"),
        }
    }

    /// A declared size of 0 says nothing; any other is kept to the byte.
    ///
    /// Rules: DA-13
    #[test]
    fn the_declared_size_is_exact((request, stack) in fitting_cases()) {
        let exact = stack.base % STACK_ALIGN + request.needed() as usize;
        let declared = |size| request.lay_out(Stack { size, ..stack });
        prop_assert!(declared(0).is_ok());
        // Nothing at an aligned base needs nothing, and 0 cannot say so.
        if exact > 0 {
            prop_assert_eq!(declared(exact), declared(0));
        }
        if exact > 1 {
            prop_assert_eq!(declared(exact - 1), Err(Errno::TooBig));
        }
    }
}
