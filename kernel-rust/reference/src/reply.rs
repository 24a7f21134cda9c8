// SPDX-License-Identifier: MIT OR Apache-2.0
//! `door_return`.

use crate::names::{DoorId, ThreadId};
use crate::operation::{Reply, RESULT_ROOM};
use crate::outcome::Message;
use crate::step::{Progress, Step};
use crate::system::{Caller, State};
use doors_uapi::Errno;
use std::mem::size_of;

impl Step<'_> {
    /// Replies, if the thread serves somebody, and parks.
    pub(crate) fn give(&mut self, me: ThreadId, reply: Reply) -> Result<Progress, Errno> {
        match self.thread(me).serving {
            Some(serving) => {
                // RE-6: after an error, everything is as before.
                let sent = self.send_reply(me, serving.caller, reply)?;
                self.thread(me).serving = None;
                self.perhaps_notify_first();
                // SH-3: the server is parked before its caller goes on.
                self.park(me);
                self.landing = Some(Landing {
                    caller: serving.caller,
                    size: reply.size,
                    sent,
                });
            }
            None => {
                // RE-4: nobody hears it; but what is to be released is released.
                if let Some(pass) = reply.pass.filter(|pass| pass.release) {
                    if self.lookup(me, pass.slot).is_ok() {
                        self.remove(self.process_of(me), pass.slot);
                    }
                }
                self.perhaps_notify_first();
                self.park(me);
            }
        }
        Ok(Progress::Waits)
    }

    /// RE-5. What descriptor is on its way then.
    fn send_reply(
        &mut self,
        server: ThreadId,
        caller: Caller,
        reply: Reply,
    ) -> Result<Option<DoorId>, Errno> {
        let client = match caller {
            Caller::Thread(client) => Some(client).filter(|it| self.accepts_result(*it)),
            // UN-10.
            Caller::Kernel(_) => None,
        };
        let Some(client) = client else {
            if reply.size > 0 || reply.pass.is_some() {
                return Err(Errno::E2BIG);
            }
            return Ok(None);
        };
        let has_room = reply.pass.is_none() || self.lowest_free(self.process_of(client)).is_some();
        let fits = needed(&reply) <= RESULT_ROOM;
        if !fits && !has_room {
            return Err(Errno::EMFILE);
        }
        if reply.unreadable && reply.size > 0 {
            return Err(Errno::EFAULT);
        }
        if !has_room {
            return Err(Errno::EMFILE);
        }
        reply.pass.map(|pass| self.send(server, pass)).transpose()
    }

    /// The client takes its result in. If that is a descriptor, and a server is just being given one, too, nobody knows
    /// whose is first (CA-2, row 22).
    pub(crate) fn land(&mut self) -> bool {
        let races = self.landing.as_ref().is_some_and(|it| it.sent.is_some());
        if races && self.can_serve() && self.choices.perhaps() {
            return false;
        }
        self.land_now()
    }

    /// The same, between the two halves of giving a server its descriptor.
    pub(crate) fn perhaps_land(&mut self) {
        if self.landing.is_some() && self.choices.perhaps() {
            self.land_now();
        }
    }

    fn land_now(&mut self) -> bool {
        let Some(landing) = self.landing.take() else {
            return false;
        };
        let result = self.take_in(&landing);
        self.end_call(landing.caller, result);
        true
    }

    fn take_in(&mut self, landing: &Landing) -> Result<Message, Errno> {
        let received = match (landing.caller, landing.sent) {
            (Caller::Thread(client), Some(door)) => Some(self.receive(client, door)?),
            _ => None,
        };
        Ok(Message {
            size: landing.size,
            received,
        })
    }

    /// CA-4.
    fn accepts_result(&mut self, caller: ThreadId) -> bool {
        matches!(self.thread(caller).state, State::Calling(call) if call.request.parameters)
    }
}

/// A reply on its way to its caller.
pub(crate) struct Landing {
    caller: Caller,
    size: usize,
    sent: Option<DoorId>,
}

/// How much room the result takes (DA-20).
fn needed(reply: &Reply) -> usize {
    let entry = size_of::<doors_uapi::abi::DoorDesc>();
    match reply.pass {
        Some(_) => reply.size.next_multiple_of(entry) + entry,
        None => reply.size,
    }
}
