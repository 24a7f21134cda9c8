// SPDX-License-Identifier: GPL-2.0

//! Where a request lies on the stack of the server thread (DA-11).
//!
//! ```text
//!   base ->  +--------------------+   highest address that the thread lends
//!            | descriptors        |
//!            +--------------------+   each part begins at a multiple of 16
//!            | data               |
//!            +--------------------+
//!            | door_info_t        |   only for a depleted private pool
//!   sp   ->  +--------------------+   where the procedure's own frame begins
//! ```

use super::errno::Errno;

/// The alignment of a stack, and of every part on it.
pub const STACK_ALIGN: usize = 16;
/// `sizeof(door_desc_t)`.
pub const DESC_SIZE: usize = 24;
/// `sizeof(door_info_t)`.
pub const INFO_SIZE: usize = 48;

/// The stack that a parked thread lends: its highest address, and how many bytes below it may be
/// used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stack {
    /// One past the highest usable byte.
    pub base: usize,
    /// Usable bytes below `base`; 0 when nobody knows, then the first fault tells (DA-13).
    pub size: usize,
}

/// The addresses of the parts of a request; 0 for a part that is not there.
///
/// # Invariants
///
/// `base >= descs + its size`, `descs >= data + its size`, `data >= info + its size`, `info >= sp`,
/// for those that are there; all are multiples of [`STACK_ALIGN`] and lie within the stack that the
/// frame was made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Of the array of descriptors.
    pub descs: usize,
    /// Of the data.
    pub data: usize,
    /// Of the information on the door.
    pub info: usize,
    /// The new stack pointer.
    pub sp: usize,
}

impl Frame {
    /// Lays a request out; E2BIG when it does not fit (DA-13).
    #[inline]
    pub fn new(
        stack: Stack,
        data_size: usize,
        desc_num: u32,
        with_info: bool,
    ) -> Result<Self, Errno> {
        let mut sp = stack.base & !(STACK_ALIGN - 1);
        let mut push = |size: usize| -> Result<usize, Errno> {
            if size == 0 {
                return Ok(0);
            }
            sp = sp.checked_sub(size).ok_or(Errno::TooBig)? & !(STACK_ALIGN - 1);
            Ok(sp)
        };
        let desc_num = usize::try_from(desc_num).map_err(|_| Errno::TooBig)?;
        let desc_size = desc_num.checked_mul(DESC_SIZE).ok_or(Errno::TooBig)?;
        let descs = push(desc_size)?;
        let data = push(data_size)?;
        let info = push(if with_info { INFO_SIZE } else { 0 })?;
        // The address 0 stands for "not there", and no stack begins there.
        if sp == 0 || (stack.size != 0 && stack.base - sp > stack.size) {
            return Err(Errno::TooBig);
        }
        Ok(Self {
            descs,
            data,
            info,
            sp,
        })
    }
}
