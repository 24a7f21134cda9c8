// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where descriptors, threads and processes come from, and how they end.

use crate::names::{DoorId, ProcessId, Slot, ThreadId};
use crate::outcome::Outcome;
use crate::pool::Pool;
use crate::step::{Progress, Step};
use crate::system::{Caller, Descriptor, Notifications, Serving, State};
use doors_uapi::Errno;

impl Step<'_> {
    pub(crate) fn duplicate(&mut self, me: ThreadId, slot: Slot) -> Result<Progress, Errno> {
        let door = self.lookup(me, slot)?;
        let process = self.process_of(me);
        let copy = self.lowest_free(process).ok_or(Errno::EMFILE)?;
        self.process(process).slots[copy.0] = Some(Descriptor {
            door,
            close_on_exec: false,
        });
        Ok(Progress::Over(Outcome::Made(copy)))
    }

    pub(crate) fn close(&mut self, me: ThreadId, slot: Slot) -> Result<Progress, Errno> {
        self.lookup(me, slot)?;
        self.remove(self.process_of(me), slot);
        Ok(Progress::Over(Outcome::Done))
    }

    /// Takes a descriptor that is open out of its table.
    pub(crate) fn remove(&mut self, process: ProcessId, slot: Slot) {
        if let Some(descriptor) = self.process(process).slots[slot.0].take() {
            self.reference_dropped(descriptor.door);
        }
    }

    pub(crate) fn spawn(&mut self, me: ThreadId) -> Result<Progress, Errno> {
        let process = self.process_of(me);
        self.system.add_thread(process);
        Ok(Progress::Over(Outcome::Done))
    }

    pub(crate) fn fork(&mut self, me: ThreadId) -> Result<Progress, Errno> {
        // SI-40: the same open files. The one thread serves nobody and is bound to nothing; nobody's call is
        // interrupted (SI-4).
        let process = self.process_of(me);
        let slots = self.process(process).slots;
        let child = self.system.add_process(slots);
        self.system.add_thread(child);
        Ok(Progress::Over(Outcome::Done))
    }

    pub(crate) fn exit(&mut self, me: ThreadId) -> Result<Progress, Errno> {
        let process = self.process_of(me);
        if self.system.threads_of(process).count() == 1 {
            self.end_process(process);
        } else {
            self.end_thread(me);
        }
        Ok(Progress::Waits)
    }

    /// A thread ends that waits for nothing, while others of its process go on.
    fn end_thread(&mut self, thread: ThreadId) {
        let it = self.thread(thread);
        it.state = State::Gone;
        // BI-6.
        it.bound = None;
        if let Some(serving) = it.serving.take() {
            // SI-30.
            self.end_call(serving.caller, Err(Errno::EINTR));
        }
    }

    /// SI-31. Its own threads notice nothing of each other's end.
    pub(crate) fn end_process(&mut self, process: ProcessId) {
        // UN-11: from now on it is told nothing.
        self.process(process).alive = false;
        let threads: Vec<ThreadId> = self.system.threads_of(process).collect();
        let mut calls = Vec::new();
        for thread in &threads {
            let state = std::mem::replace(&mut self.thread(*thread).state, State::Gone);
            if let State::Calling(call) = state {
                calls.push((*thread, call));
            }
        }
        // Who is queued for its doors is told first.
        for (thread, call) in &calls {
            let pool = self.pool_of_door(call.door);
            self.pool(pool).unqueue(Caller::Thread(*thread));
        }
        for door in self.doors_of(process) {
            self.perhaps_notify_in_vain(door);
            self.revoke_door(door);
        }
        // Then those who are served.
        for thread in &threads {
            let it = self.thread(*thread);
            it.bound = None;
            if let Some(Serving {
                caller: Caller::Thread(caller),
                ..
            }) = it.serving.take()
            {
                if self.system.exists(caller) {
                    self.end_call(Caller::Thread(caller), Err(Errno::EINTR));
                }
            }
        }
        // SI-7: and those who serve it learn it in their way.
        for (thread, call) in &calls {
            if call.server.is_some_and(|server| self.system.exists(server)) {
                self.leave(*thread, call);
            }
            self.call_ended(call.door);
        }
        let it = self.process(process);
        it.pool = Pool::default();
        it.notifications = Notifications::default();
        for door in self.doors_of(process) {
            self.door(door).pool = Pool::default();
        }
        let open: Vec<Slot> = self.system.open_slots(process).collect();
        for slot in open {
            self.remove(process, slot);
        }
    }

    fn doors_of(&self, process: ProcessId) -> Vec<DoorId> {
        let doors = self.system.doors.iter().enumerate();
        doors
            .filter(|(_, door)| door.target == process)
            .map(|(number, _)| DoorId(number))
            .collect()
    }

    pub(crate) fn revoke(&mut self, me: ThreadId, slot: Slot) -> Result<Progress, Errno> {
        // RV-1, RV-2.
        let door = self.lookup(me, slot)?;
        let process = self.process_of(me);
        if self.door(door).target != process {
            return Err(Errno::EPERM);
        }
        // RV-3, RV-5.
        self.revoke_door(door);
        self.remove(process, slot);
        Ok(Progress::Over(Outcome::Done))
    }

    /// Calls in progress go on (RV-4), parked threads stay (RV-6), whoever waits for a thread is told.
    fn revoke_door(&mut self, door: DoorId) {
        if std::mem::replace(&mut self.door(door).revoked, true) {
            return;
        }
        let pool = self.pool_of_door(door);
        for waiter in self.pool(pool).unqueue_door(door) {
            self.end_call(waiter.caller, Err(Errno::EBADF));
        }
    }
}
