// SPDX-License-Identifier: MIT OR Apache-2.0
//! Unreferenced notifications (chapter 7).

use crate::names::{DoorId, ProcessId, ThreadId};
use crate::step::{Progress, Step};
use crate::system::{Caller, State};
use doors_uapi::abi::{DOOR_UNREF, DOOR_UNREF_MULTI};
use doors_uapi::Errno;

impl Step<'_> {
    /// A descriptor of the door was closed. Only when that leaves one is there anything to tell (UN-1, UN-2),
    /// whoever has that one (UN-3).
    pub(crate) fn reference_dropped(&mut self, door: DoorId) {
        if self.system.references(door) != 1 {
            return;
        }
        if self.is_in_use(door) {
            // UN-14.
            self.door(door).postponed = true;
        } else {
            self.unreferenced(door);
        }
    }

    /// A call is over that was postponing the notification, maybe.
    pub(crate) fn call_ended(&mut self, door: DoorId) {
        if self.door(door).postponed && !self.is_in_use(door) {
            self.door(door).postponed = false;
            if self.system.references(door) == 1 {
                self.unreferenced(door);
            }
        }
    }

    /// Is a call in progress, be it the kernel's own?
    fn is_in_use(&self, door: DoorId) -> bool {
        let target = self.system.doors[door.0].target;
        let current = self.system.processes[target.0].notifications.current;
        current == Some(door) || self.system.callers(door).next().is_some()
    }

    fn unreferenced(&mut self, door: DoorId) {
        let it = &self.system.doors[door.0];
        let target = it.target;
        if it.attributes & (DOOR_UNREF | DOOR_UNREF_MULTI) == 0 {
            return;
        }
        // UN-11: it would come too late.
        if it.revoked || !self.system.is_alive(target) {
            return;
        }
        // UN-8: one in the door's life, or one at a time.
        if self.door(door).attributes & DOOR_UNREF != 0 {
            self.door(door).attributes &= !DOOR_UNREF;
            self.used_up.push(door);
        }
        let pending = &self.process(target).notifications.pending;
        if !pending.contains(&door) && !self.unreferenced.contains(&door) {
            self.unreferenced.push(door);
        }
    }

    /// A thread that is about to park has closed something (DE-7, DE-14, RE-4). Whoever is told of that may be a thread
    /// that parked before, as if this one had not returned yet.
    pub(crate) fn perhaps_notify_first(&mut self) {
        if !self.unreferenced.is_empty() && self.choices.perhaps() {
            self.go_on();
        }
    }

    /// The target of the door dies, and with it its own calls. If they end before the door is revoked (SI-7, SI-31),
    /// that may be when the door is unreferenced: the one notification is used up (UN-8), and nobody gets it (UN-11).
    pub(crate) fn perhaps_notify_in_vain(&mut self, door: DoorId) {
        let it = &self.system.doors[door.0];
        let due = it.attributes & DOOR_UNREF != 0
            && it.postponed
            && !it.revoked
            && self.system.references(door) == 1
            && !self.is_in_use(door);
        if due && self.choices.perhaps() {
            self.door(door).attributes &= !DOOR_UNREF;
        }
    }

    /// What has become unreferenced goes on top of what waits (UN-9). If that was several doors at once, nobody
    /// knows in which order.
    pub(crate) fn queue_notifications(&mut self) -> bool {
        if self.unreferenced.is_empty() || self.others_are_faster() {
            return false;
        }
        let chosen = self.choices.one_of(self.unreferenced.len());
        let door = self.unreferenced.remove(chosen);
        // A process that ends closes everything at once: whether anybody has noticed that one descriptor was left for a
        // moment, the rules leave open.
        let gone = self.system.references(door) == 0;
        if !gone || self.choices.perhaps() {
            let target = self.door(door).target;
            self.process(target).notifications.pending.push(door);
        }
        true
    }

    /// Callers that have found threads go on at the same time. What such a call gives up, or its own end, can leave
    /// another door unreferenced, and nobody knows which of the notifications is on top then.
    fn others_are_faster(&mut self) -> bool {
        self.can_serve() && self.choices.perhaps()
    }

    /// A thread that waits for notifications takes the next one.
    pub(crate) fn start_notification(&mut self) -> bool {
        let mut processes = (0..self.system.processes.len()).map(ProcessId);
        let ready = |process: &ProcessId| {
            let it = &self.system.processes[process.0].notifications;
            it.thread.is_some() && it.current.is_none() && !it.pending.is_empty()
        };
        let Some(process) = processes.find(ready) else {
            return false;
        };
        if self.others_are_faster() {
            return false;
        }
        let next = self.process(process).notifications.pending.pop();
        // UN-11. That the last descriptor is closed by then does not matter.
        if let Some(door) = next.filter(|door| !self.system.doors[door.0].revoked) {
            self.process(process).notifications.current = Some(door);
            let pool = self.pool_of_door(door);
            self.pool(pool).queue(Caller::Kernel(process), door);
        }
        true
    }

    /// The procedure has returned from a notification, or it will never start.
    pub(crate) fn notification_ended(&mut self, process: ProcessId) {
        if let Some(door) = self.process(process).notifications.current.take() {
            self.call_ended(door);
        }
    }

    pub(crate) fn await_unreferenced(&mut self, me: ThreadId) -> Result<Progress, Errno> {
        // TP-12.
        let process = self.process_of(me);
        let notifications = &mut self.process(process).notifications;
        if notifications.thread.is_some() {
            return Err(Errno::EALREADY);
        }
        notifications.thread = Some(me);
        self.thread(me).state = State::Awaiting;
        Ok(Progress::Waits)
    }
}
