// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making doors, asking about them, binding threads to them.

use crate::names::{DoorId, ProcessId, Slot, ThreadId};
use crate::outcome::{Info, Outcome};
use crate::pool::Pool;
use crate::step::{Progress, Step};
use crate::system::{Caller, Descriptor, Door};
use doors_uapi::abi::{
    DOOR_CREATE_MASK, DOOR_IS_UNREF, DOOR_LOCAL, DOOR_PARAM_DATA_MAX, DOOR_PARAM_DATA_MIN,
    DOOR_PARAM_DESC_MAX, DOOR_PRIVATE, DOOR_REFUSE_DESC, DOOR_REVOKED, DOOR_UNREF,
    DOOR_UNREF_MULTI,
};
use doors_uapi::Errno;

const INT_MAX: usize = 0x7fff_ffff;

impl Step<'_> {
    pub(crate) fn create(&mut self, me: ThreadId, attributes: u32) -> Result<Progress, Errno> {
        // CR-3.
        let both = DOOR_UNREF | DOOR_UNREF_MULTI;
        if attributes & !DOOR_CREATE_MASK != 0 || attributes & both == both {
            return Err(Errno::EINVAL);
        }
        // CR-4, CR-5.
        let process = self.process_of(me);
        let slot = self.lowest_free(process).ok_or(Errno::EMFILE)?;
        let door = DoorId(self.system.doors.len());
        // CR-8.
        let refuses = attributes & DOOR_REFUSE_DESC != 0;
        self.system.doors.push(Door {
            target: process,
            attributes,
            revoked: false,
            data_min: 0,
            data_max: usize::MAX,
            desc_max: if refuses { 0 } else { INT_MAX },
            pool: Pool::default(),
            in_flight: 0,
            postponed: false,
        });
        self.process(process).slots[slot.0] = Some(Descriptor {
            door,
            close_on_exec: true,
        });
        Ok(Progress::Over(Outcome::Made(slot)))
    }

    pub(crate) fn info(&mut self, me: ThreadId, slot: Slot) -> Result<Progress, Errno> {
        // IN-2.
        let door = self.lookup(me, slot)?;
        let process = self.process_of(me);
        let mut info = self.seen_by(process, door);
        info.close_on_exec = self.process(process).slots[slot.0].map(|open| open.close_on_exec);
        if self.system.references(door) == 1 && !self.is_called(door) {
            // IF-5.
            info.attributes |= DOOR_IS_UNREF;
        }
        Ok(Progress::Over(Outcome::Info(info)))
    }

    pub(crate) fn query(&mut self, me: ThreadId) -> Result<Progress, Errno> {
        // IN-1.
        let door = self.thread(me).bound.ok_or(Errno::EBADF)?;
        let mut info = self.seen_by(self.process_of(me), door);
        // IF-6. What is said of a door that has no descriptors any more is nowhere written (UN-17).
        let unsaid = self.system.references(door) == 0 && self.choices.perhaps();
        if !self.is_called(door) && !unsaid {
            info.attributes |= DOOR_IS_UNREF;
        }
        Ok(Progress::Over(Outcome::Info(info)))
    }

    fn is_called(&self, door: DoorId) -> bool {
        self.system.callers(door).next().is_some()
    }

    /// What a process sees of a door, but for `DOOR_IS_UNREF`.
    pub(crate) fn seen_by(&self, process: ProcessId, door: DoorId) -> Info {
        let target = self.system.doors[door.0].target;
        Info {
            // IF-1, RV-7.
            target: self.system.is_alive(target).then_some(target),
            door,
            attributes: self.shown_attributes(process, door),
            close_on_exec: None,
        }
    }

    /// IF-4, DE-4.
    pub(crate) fn shown_attributes(&self, process: ProcessId, door: DoorId) -> u32 {
        let door = &self.system.doors[door.0];
        let revoked = if door.revoked { DOOR_REVOKED } else { 0 };
        let local = if door.target == process {
            DOOR_LOCAL
        } else {
            0
        };
        door.attributes | revoked | local
    }

    pub(crate) fn bind(&mut self, me: ThreadId, slot: Slot) -> Result<Progress, Errno> {
        // BI-1.
        let door = self.lookup(me, slot)?;
        let process = self.process_of(me);
        let it = self.door(door);
        if it.attributes & DOOR_PRIVATE == 0 || it.target != process {
            return Err(Errno::EINVAL);
        }
        // BI-2.
        self.thread(me).bound = Some(door);
        Ok(Progress::Over(Outcome::Done))
    }

    pub(crate) fn unbind(&mut self, me: ThreadId) -> Result<Progress, Errno> {
        // BI-4.
        self.thread(me).bound.take().ok_or(Errno::EBADF)?;
        Ok(Progress::Over(Outcome::Done))
    }

    pub(crate) fn get_parameter(
        &mut self,
        me: ThreadId,
        slot: Slot,
        parameter: i32,
    ) -> Result<Progress, Errno> {
        // PA-1.
        let door = self.lookup(me, slot)?;
        let door = self.door(door);
        let value = match parameter {
            DOOR_PARAM_DESC_MAX => door.desc_max,
            DOOR_PARAM_DATA_MAX => door.data_max,
            DOOR_PARAM_DATA_MIN => door.data_min,
            _ => return Err(Errno::EINVAL),
        };
        Ok(Progress::Over(Outcome::Parameter(value)))
    }

    pub(crate) fn set_parameter(
        &mut self,
        me: ThreadId,
        slot: Slot,
        parameter: i32,
        value: usize,
    ) -> Result<Progress, Errno> {
        // PA-2, in its order.
        let door = self.lookup(me, slot)?;
        let process = self.process_of(me);
        let door = self.door(door);
        if door.revoked {
            return Err(Errno::EBADF);
        }
        if door.target != process {
            return Err(Errno::EPERM);
        }
        match parameter {
            DOOR_PARAM_DESC_MAX => {
                if value > INT_MAX {
                    return Err(Errno::ERANGE);
                }
                if door.attributes & DOOR_REFUSE_DESC != 0 && value != 0 {
                    return Err(Errno::EOPNOTSUPP);
                }
                door.desc_max = value;
            }
            DOOR_PARAM_DATA_MIN if value <= door.data_max => door.data_min = value,
            DOOR_PARAM_DATA_MAX if value >= door.data_min => door.data_max = value,
            _ => return Err(Errno::EINVAL),
        }
        Ok(Progress::Over(Outcome::Done))
    }

    pub(crate) fn credentials(&mut self, me: ThreadId) -> Result<Progress, Errno> {
        // UC-1, UC-2, UC-3.
        let caller = match self.thread(me).serving.ok_or(Errno::EINVAL)?.caller {
            Caller::Thread(caller) => Some(self.process_of(caller)),
            Caller::Kernel(_) => None,
        };
        Ok(Progress::Over(Outcome::Caller(caller)))
    }
}
