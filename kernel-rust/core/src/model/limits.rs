// SPDX-License-Identifier: GPL-2.0

//! What a request may carry: the door's own parameters, and the limits of the kernel.

use super::{attributes, errno::Errno};

/// Arguments and replies up to this many bytes are copied through the kernel, larger ones straight
/// from one address space into the other (specification 0, `door_max_arg`).
pub const COPY_MAX: usize = 16384;

/// The most descriptors that pass in one direction (DE-17).
pub const DESC_MAX: u32 = 1024;

/// One of the parameters, by its number in `door_getparam` and `door_setparam`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// `DOOR_PARAM_DESC_MAX`.
    DescMax = 1,
    /// `DOOR_PARAM_DATA_MAX`.
    DataMax = 2,
    /// `DOOR_PARAM_DATA_MIN`.
    DataMin = 3,
}

impl Parameter {
    /// EINVAL for a number that means nothing (PA-1, PA-2).
    pub fn from_number(number: i32) -> Result<Self, Errno> {
        [Self::DescMax, Self::DataMax, Self::DataMin]
            .into_iter()
            .find(|parameter| *parameter as i32 == number)
            .ok_or(Errno::Invalid)
    }
}

/// The parameters of one door (CR-8, PA-2). They apply to requests only (PA-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The fewest bytes of data.
    pub data_min: usize,
    /// The most bytes of data.
    pub data_max: usize,
    /// The most descriptors; 0 and ENOTSUP instead of ENFILE with `DOOR_REFUSE_DESC`.
    pub desc_max: u32,
}

impl Limits {
    /// The parameters of a fresh door (CR-8).
    pub const fn new(door_attributes: u32) -> Self {
        Self {
            data_min: 0,
            data_max: usize::MAX,
            desc_max: if door_attributes & attributes::REFUSE_DESC != 0 {
                0
            } else {
                i32::MAX as u32
            },
        }
    }

    /// The value of a parameter (PA-1).
    pub fn get(&self, parameter: Parameter) -> usize {
        match parameter {
            Parameter::DescMax => self.desc_max as usize,
            Parameter::DataMax => self.data_max,
            Parameter::DataMin => self.data_min,
        }
    }

    /// These parameters with another value for one of them, for a door with `door_attributes`.
    /// ERANGE, ENOTSUP or EINVAL when it may not have it (PA-2).
    pub fn with(
        mut self,
        parameter: Parameter,
        value: usize,
        door_attributes: u32,
    ) -> Result<Self, Errno> {
        match parameter {
            Parameter::DescMax => {
                let value = i32::try_from(value).map_err(|_| Errno::Range)?;
                if value != 0 && door_attributes & attributes::REFUSE_DESC != 0 {
                    return Err(Errno::NotSupported);
                }
                self.desc_max = value.unsigned_abs();
            }
            Parameter::DataMax => self.data_max = value,
            Parameter::DataMin => self.data_min = value,
        }
        if self.data_min > self.data_max {
            return Err(Errno::Invalid);
        }
        Ok(self)
    }

    /// May a request be made of a door with `door_attributes`? The order of the checks is that of
    /// CA-2, rows 3 to 7.
    pub fn check(
        &self,
        door_attributes: u32,
        data_size: usize,
        desc_num: u32,
    ) -> Result<(), Errno> {
        if door_attributes & attributes::REVOKED != 0 {
            return Err(Errno::BadDescriptor);
        }
        if data_size < self.data_min || data_size > self.data_max {
            return Err(Errno::NoBufferSpace);
        }
        if desc_num > 0 && door_attributes & attributes::REFUSE_DESC != 0 {
            return Err(Errno::NotSupported);
        }
        if desc_num > self.desc_max {
            return Err(Errno::TooManyFiles);
        }
        Ok(())
    }
}
