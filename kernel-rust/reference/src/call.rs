// SPDX-License-Identifier: MIT OR Apache-2.0
//! `door_call`, from its arguments to the start of the server procedure, and how a caller leaves.

use crate::names::{DoorId, ProcessId, Slot, ThreadId, SLOTS};
use crate::operation::{Pass, Request, LENT_STACK};
use crate::outcome::{Invocation, Message, Outcome, Received};
use crate::pool::{PoolId, Waiter};
use crate::step::{Progress, Step};
use crate::system::{Call, Caller, Descriptor, Serving, State};
use doors_uapi::abi::{DOOR_NO_CANCEL, DOOR_PRIVATE, DOOR_REFUSE_DESC, DOOR_UNREF};
use doors_uapi::Errno;

impl Step<'_> {
    /// CA-2, rows 2 to 8.
    pub(crate) fn call(
        &mut self,
        me: ThreadId,
        slot: Slot,
        request: Request,
    ) -> Result<Progress, Errno> {
        let door = self.lookup(me, slot)?;
        self.check_request(door, &request)?;
        self.thread(me).state = State::Calling(Call {
            door,
            request,
            server: None,
        });
        let pool = self.pool_of_door(door);
        self.pool(pool).queue(Caller::Thread(me), door);
        Ok(Progress::Waits)
    }

    /// CA-2, rows 3 to 7.
    fn check_request(&mut self, door: DoorId, request: &Request) -> Result<(), Errno> {
        let door = self.door(door);
        if door.revoked {
            return Err(Errno::EBADF);
        }
        if request.size < door.data_min || request.size > door.data_max {
            return Err(Errno::ENOBUFS);
        }
        if request.pass.is_some() {
            if door.attributes & DOOR_REFUSE_DESC != 0 {
                return Err(Errno::EOPNOTSUPP);
            }
            if door.desc_max < 1 {
                return Err(Errno::ENFILE);
            }
        }
        Ok(())
    }

    /// A caller has found a thread: CA-2, rows 11 to 18, and then the procedure starts.
    pub(crate) fn begin(
        &mut self,
        waiter: &Waiter,
        server: ThreadId,
        depleted: bool,
    ) -> Result<(), Errno> {
        let door = waiter.door;
        let message = match waiter.caller {
            Caller::Thread(caller) => Some(self.convey_request(caller, server)?),
            Caller::Kernel(_) => None,
        };
        if let Caller::Thread(caller) = waiter.caller {
            if let State::Calling(call) = &mut self.thread(caller).state {
                call.server = Some(server);
            }
        }
        self.thread(server).serving = Some(Serving {
            caller: waiter.caller,
            door,
        });
        // TP-27: only then is there a use for it.
        let private = self.door(door).attributes & DOOR_PRIVATE != 0;
        let info = (depleted && private).then(|| self.seen_by(self.process_of(server), door));
        self.finish(
            server,
            Outcome::Invoked(Invocation {
                door,
                message,
                depleted,
                info,
            }),
        );
        Ok(())
    }

    /// CA-2, rows 12 to 17.
    fn convey_request(&mut self, caller: ThreadId, server: ThreadId) -> Result<Message, Errno> {
        let State::Calling(Call { request, .. }) = self.thread(caller).state else {
            unreachable!("{caller} queues and does not call");
        };
        if request.size > LENT_STACK {
            return Err(Errno::E2BIG);
        }
        if request.unreadable && request.size > 0 {
            return Err(Errno::EFAULT);
        }
        let received = match request.pass {
            Some(pass) => {
                let door = self.send(caller, pass)?;
                self.perhaps_land();
                Some(self.receive(server, door)?)
            }
            None => None,
        };
        Ok(Message {
            size: request.size,
            received,
        })
    }

    /// Takes a reference to a descriptor of a sender (DE-7).
    pub(crate) fn send(&mut self, sender: ThreadId, pass: Pass) -> Result<DoorId, Errno> {
        // DE-10: what is not open cannot be released either.
        let door = self.lookup(sender, pass.slot).map_err(|_| Errno::EINVAL)?;
        self.door(door).in_flight += 1;
        // The sender's is closed before the receiver has its own.
        if pass.release {
            self.remove(self.process_of(sender), pass.slot);
        }
        Ok(door)
    }

    /// Makes a descriptor of a reference that was sent.
    pub(crate) fn receive(&mut self, receiver: ThreadId, door: DoorId) -> Result<Received, Errno> {
        let process = self.process_of(receiver);
        self.door(door).in_flight -= 1;
        let Some(slot) = self.lowest_free(process) else {
            // DE-12, DE-14: nobody has it any more.
            self.reference_dropped(door);
            return Err(Errno::EMFILE);
        };
        // DE-3.
        self.process(process).slots[slot.0] = Some(Descriptor {
            door,
            close_on_exec: false,
        });
        let mut attributes = self.shown_attributes(process, door);
        // The sender closes its own on one processor, while the receiver is told of this one on another.
        if self.used_up.contains(&door) && self.choices.perhaps() {
            attributes |= DOOR_UNREF;
        }
        Ok(Received {
            slot,
            door,
            attributes,
        })
    }

    pub(crate) fn lowest_free(&mut self, process: ProcessId) -> Option<Slot> {
        let slots = &self.process(process).slots;
        (0..SLOTS).find(|slot| slots[*slot].is_none()).map(Slot)
    }

    /// A call is over for its caller.
    pub(crate) fn end_call(&mut self, caller: Caller, result: Result<Message, Errno>) {
        match caller {
            Caller::Thread(caller) => {
                let State::Calling(call) = self.thread(caller).state else {
                    unreachable!("{caller} does not call");
                };
                self.finish(
                    caller,
                    match result {
                        Ok(message) => Outcome::Result(message),
                        Err(errno) => Outcome::Failed(errno),
                    },
                );
                self.call_ended(call.door);
            }
            Caller::Kernel(process) => self.notification_ended(process),
        }
    }

    /// A signal with a handler, for a thread that may be waiting.
    pub(crate) fn interrupt(&mut self, thread: ThreadId) {
        match self.thread(thread).state {
            // The handler runs, and that is all.
            State::Running | State::Gone => {}
            // RE-7, as the library sees it.
            State::Parked => {
                let pool = self.pool_of_thread(thread);
                self.pool(pool).parked.retain(|parked| *parked != thread);
                self.finish(thread, Outcome::Failed(Errno::EINTR));
            }
            State::Calling(call) => {
                let errno = self.leave(thread, &call);
                self.end_call(Caller::Thread(thread), Err(errno));
            }
            State::Awaiting => {
                let process = self.process_of(thread);
                self.process(process).notifications.thread = None;
                self.finish(thread, Outcome::Failed(Errno::EINTR));
            }
        }
    }

    /// A caller gives up; says why its call fails.
    pub(crate) fn leave(&mut self, caller: ThreadId, call: &Call) -> Errno {
        let Some(server) = call.server else {
            // SI-1.
            let pool = self.pool_of_door(call.door);
            self.pool(pool).unqueue(Caller::Thread(caller));
            return Errno::EAGAIN;
        };
        // SI-10: the server goes on, and serves nobody.
        self.thread(server).serving = None;
        if self.door(call.door).attributes & DOOR_NO_CANCEL == 0 {
            self.cancel(server);
        }
        // SI-2.
        Errno::EINTR
    }

    /// The thread offers itself (TP-2).
    pub(crate) fn park(&mut self, thread: ThreadId) {
        self.thread(thread).state = State::Parked;
        let pool: PoolId = self.pool_of_thread(thread);
        self.pool(pool).parked.push(thread);
    }
}
