// SPDX-License-Identifier: GPL-2.0

//! Where an answer lies in the buffer of the caller (DA-20 to DA-24).

use super::{
    errno::Errno,
    frame::DESC_SIZE,
    limits::DESC_MAX, //
};

/// The shape of an answer: data first, descriptors behind it at a multiple of their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Shape {
    data_size: usize,
    desc_num: u32,
    desc_offset: usize,
    needed: usize,
}

impl Shape {
    /// The shape for that much data and that many descriptors; E2BIG beyond what can pass at all
    /// (RE-5).
    #[inline]
    pub fn new(data_size: usize, desc_num: u32) -> Result<Self, Errno> {
        if desc_num > DESC_MAX {
            return Err(Errno::TooBig);
        }
        if desc_num == 0 {
            return Ok(Self {
                data_size,
                desc_num,
                desc_offset: 0,
                needed: data_size,
            });
        }
        let desc_offset = data_size
            .checked_next_multiple_of(DESC_SIZE)
            .ok_or(Errno::TooBig)?;
        // At most 1024 * 24, so the product cannot overflow.
        let needed = desc_offset
            .checked_add(desc_num as usize * DESC_SIZE)
            .ok_or(Errno::TooBig)?;
        Ok(Self {
            data_size,
            desc_num,
            desc_offset,
            needed,
        })
    }

    /// Bytes of data.
    pub fn data_size(&self) -> usize {
        self.data_size
    }

    /// Descriptors.
    pub fn desc_num(&self) -> u32 {
        self.desc_num
    }

    /// Where the descriptors begin, from the start of the buffer (CA-5).
    pub fn desc_offset(&self) -> usize {
        self.desc_offset
    }

    /// Nothing at all: the buffer is not touched and nothing is mapped (DA-28).
    pub fn is_empty(&self) -> bool {
        self.needed == 0
    }

    /// Does it fit a buffer of `rsize` bytes? (DA-20)
    pub fn fits(&self, rsize: usize) -> bool {
        self.needed <= rsize
    }

    /// The length of the mapping that takes it when it does not fit (DA-23). Unlike illumos this
    /// counts the gap before the descriptors (DX-3). E2BIG if no mapping can be that long.
    pub fn mapping_length(&self, page_size: usize) -> Result<usize, Errno> {
        self.needed
            .checked_next_multiple_of(page_size)
            .ok_or(Errno::TooBig)
    }
}
