// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel says, in the words of the reference. What has no words there must be as it always is.

use crate::wire::{Arrival, Parcel, Report};
use crate::{door_of_cookie, procedure_of, slot_of};
use doors_reference::{DoorId, Info, Invocation, Message, Outcome, ProcessId, Received};
use doors_uapi::abi::{DoorInfo, DOOR_DESCRIPTOR, DOOR_RETURN_DEPLETED};
use std::collections::BTreeMap;

/// The uniquifiers that are known, by doors.
type Uniquifiers = BTreeMap<usize, u64>;

/// An outcome, or what is wrong with it.
pub(crate) fn outcome(
    report: &Report,
    processes: &[i32],
    uniquifiers: &Uniquifiers,
) -> Result<Outcome, String> {
    Ok(match report {
        Report::Done => Outcome::Done,
        Report::Failed(errno) => Outcome::Failed(*errno),
        Report::Made(descriptor) => Outcome::Made(slot_of(*descriptor)?),
        Report::Created(descriptor, it) => {
            info(it, processes, uniquifiers)?;
            Outcome::Made(slot_of(*descriptor)?)
        }
        Report::Info(it, flag) => {
            let mut info = info(it, processes, uniquifiers)?;
            info.close_on_exec = *flag;
            Outcome::Info(info)
        }
        Report::Parameter(value) => Outcome::Parameter(*value),
        // UC-3.
        Report::Caller(0) => Outcome::Caller(None),
        Report::Caller(process) => Outcome::Caller(Some(process_of(*process, processes)?)),
        Report::Result(parcel) => Outcome::Result(message(parcel, uniquifiers)?),
        Report::Invoked(arrival) => Outcome::Invoked(invocation(arrival, processes, uniquifiers)?),
    })
}

fn process_of(id: i32, processes: &[i32]) -> Result<ProcessId, String> {
    // The last one, should a number have been used twice.
    let number = processes.iter().rposition(|process| *process == id);
    number.map(ProcessId).ok_or(format!("process id {id}"))
}

/// A door by what must go together: cookie, procedure, uniquifier (CR-6, CR-7, IF-3).
fn info(it: &DoorInfo, processes: &[i32], uniquifiers: &Uniquifiers) -> Result<Info, String> {
    let door = door_of_cookie(it.data)?;
    if it.procedure != procedure_of(it.data) {
        return Err(format!("{it:?}: not the procedure of {door}"));
    }
    check_uniquifier(door, it.uniquifier, uniquifiers)?;
    Ok(Info {
        target: match it.target {
            -1 => None,
            id => Some(process_of(id, processes)?),
        },
        door,
        attributes: it.attributes,
        close_on_exec: None,
    })
}

fn check_uniquifier(door: DoorId, is: u64, uniquifiers: &Uniquifiers) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("uniquifier {is} of {door}: {why} {uniquifiers:?}"));
    match uniquifiers.get(&door.0) {
        Some(was) if *was != is => return wrong("it was another"),
        _ => {}
    }
    let older = uniquifiers.range(..door.0).next_back();
    let newer = uniquifiers.range(door.0 + 1..).next();
    if older.is_some_and(|(_, older)| *older >= is) || newer.is_some_and(|(_, newer)| *newer <= is)
    {
        return wrong("not in the order of creation");
    }
    Ok(())
}

fn message(parcel: &Parcel, uniquifiers: &Uniquifiers) -> Result<Message, String> {
    if !parcel.intact {
        return Err(format!("{parcel:?} is not what was sent"));
    }
    let received = match parcel.count {
        0 => None,
        1 => Some(received(parcel, uniquifiers)?),
        _ => return Err(format!("{parcel:?}: too many descriptors")),
    };
    Ok(Message {
        size: parcel.size,
        received,
    })
}

/// DE-4.
fn received(parcel: &Parcel, uniquifiers: &Uniquifiers) -> Result<Received, String> {
    let (attributes, descriptor, id) = {
        let it = parcel.descriptor;
        (it.attributes, it.descriptor, it.id)
    };
    if attributes & DOOR_DESCRIPTOR == 0 {
        return Err(format!("attributes {attributes:#x} of a descriptor"));
    }
    let door = uniquifiers
        .iter()
        .find(|(_, uniquifier)| **uniquifier == id);
    let door = door.map(|(door, _)| DoorId(*door));
    Ok(Received {
        slot: slot_of(descriptor)?,
        door: door.ok_or(format!("nobody knows uniquifier {id}"))?,
        attributes: attributes & !DOOR_DESCRIPTOR,
    })
}

fn invocation(
    arrival: &Arrival,
    processes: &[i32],
    uniquifiers: &Uniquifiers,
) -> Result<Invocation, String> {
    let door = door_of_cookie(arrival.cookie)?;
    if arrival.procedure != procedure_of(arrival.cookie) {
        return Err(format!("{arrival:?}: not the procedure of {door}"));
    }
    if arrival.flags & !DOOR_RETURN_DEPLETED != 0 {
        return Err(format!("{arrival:?}: unknown flags"));
    }
    let parcel = arrival.parcel.as_ref();
    let info = arrival.info.as_ref();
    Ok(Invocation {
        door,
        message: parcel.map(|it| message(it, uniquifiers)).transpose()?,
        depleted: arrival.flags != 0,
        info: info
            .map(|it| self::info(it, processes, uniquifiers))
            .transpose()?,
    })
}

/// Remembers the uniquifier of a new door.
pub(crate) fn learn(report: &Report, uniquifiers: &mut Uniquifiers) {
    if let Report::Created(_, info) = report {
        if let Ok(door) = door_of_cookie(info.data) {
            uniquifiers.insert(door.0, info.uniquifier);
        }
    }
}
