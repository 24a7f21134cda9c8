// SPDX-License-Identifier: MIT OR Apache-2.0
//! Orders and reports as words.

use crate::seat::{Words, WORDS};
use doors_reference::{Action, Pass, Reply, Request, Slot};
use doors_uapi::abi::{DoorDesc, DoorInfo};
use doors_uapi::Errno;

/// An order to a thread: the action, and what the driver has to add.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    pub(crate) action: Action,
    /// The seat of a thread that is born.
    pub(crate) newborn: usize,
    /// The cookie of a door that is made.
    pub(crate) cookie: u64,
}

/// What a thread reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    Done,
    Failed(Errno),
    /// A new descriptor.
    Made(i32),
    /// A new descriptor of a new door.
    Created(i32, DoorInfo),
    /// And `FD_CLOEXEC` of the descriptor, if there is one.
    Info(DoorInfo, Option<bool>),
    Parameter(usize),
    /// A process id.
    Caller(i32),
    Result(Parcel),
    Invoked(Arrival),
}

/// What arrived with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Parcel {
    pub(crate) size: usize,
    /// The bytes are those that were sent, and addresses and counts are as the rules say.
    pub(crate) intact: bool,
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) descriptor: DoorDesc,
}

/// How a procedure was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) cookie: u64,
    pub(crate) procedure: u64,
    /// None for an unreferenced notification.
    pub(crate) parcel: Option<Parcel>,
    pub(crate) flags: u64,
    pub(crate) info: Option<DoorInfo>,
}

/// Reads words one after the other.
struct Reader<'a>(std::slice::Iter<'a, u64>);

impl Reader<'_> {
    fn next(&mut self) -> u64 {
        *self
            .0
            .next()
            .expect("as many words are read as were written")
    }

    fn flag(&mut self) -> bool {
        self.next() != 0
    }

    fn size(&mut self) -> usize {
        self.next() as usize
    }

    fn slot(&mut self) -> Slot {
        Slot(self.size())
    }
}

/// Writes words one after the other.
#[derive(Default)]
struct Writer(Vec<u64>);

impl Writer {
    fn put(mut self, words: &[u64]) -> Self {
        self.0.extend_from_slice(words);
        self
    }

    fn finish(self) -> Words {
        let mut words = [0; WORDS];
        words[..self.0.len()].copy_from_slice(&self.0);
        words
    }
}

fn pass_words(pass: Option<Pass>) -> [u64; 3] {
    match pass {
        None => [0; 3],
        Some(Pass { slot, release }) => [1, slot.0 as u64, u64::from(release)],
    }
}

fn read_pass(reader: &mut Reader<'_>) -> Option<Pass> {
    let there = reader.flag();
    let pass = Pass {
        slot: reader.slot(),
        release: reader.flag(),
    };
    there.then_some(pass)
}

impl Order {
    pub(crate) fn encode(&self) -> Words {
        let words = Writer::default().put(&[self.newborn as u64, self.cookie]);
        let slot = |slot: Slot| slot.0 as u64;
        match self.action {
            Action::Create { attributes } => words.put(&[0, attributes.into()]),
            Action::Duplicate(it) => words.put(&[1, slot(it)]),
            Action::Close(it) => words.put(&[2, slot(it)]),
            Action::Fork => words.put(&[3]),
            Action::Spawn => words.put(&[4]),
            Action::Exit => words.put(&[5]),
            Action::Bind(it) => words.put(&[6, slot(it)]),
            Action::Unbind => words.put(&[7]),
            Action::Call(it, request) => words
                .put(&[8, slot(it), request.size as u64])
                .put(&[request.unreadable.into(), request.parameters.into()])
                .put(&pass_words(request.pass)),
            Action::Return(reply) => words
                .put(&[9, reply.size as u64, reply.unreadable.into()])
                .put(&pass_words(reply.pass)),
            Action::Revoke(it) => words.put(&[10, slot(it)]),
            Action::Info(it) => words.put(&[11, slot(it)]),
            Action::Query => words.put(&[12]),
            // As an `int` is extended.
            Action::GetParameter(it, parameter) => words.put(&[13, slot(it), parameter as u64]),
            Action::SetParameter(it, parameter, value) => {
                words.put(&[14, slot(it), parameter as u64, value as u64])
            }
            Action::Credentials => words.put(&[15]),
            Action::AwaitUnreferenced => words.put(&[16]),
        }
        .finish()
    }

    pub(crate) fn decode(words: &Words) -> Self {
        let mut reader = Reader(words.iter());
        let (newborn, cookie) = (reader.size(), reader.next());
        let action = match reader.next() {
            0 => Action::Create {
                attributes: reader.next() as u32,
            },
            1 => Action::Duplicate(reader.slot()),
            2 => Action::Close(reader.slot()),
            3 => Action::Fork,
            4 => Action::Spawn,
            5 => Action::Exit,
            6 => Action::Bind(reader.slot()),
            7 => Action::Unbind,
            8 => {
                let slot = reader.slot();
                let (size, unreadable, parameters) = (reader.size(), reader.flag(), reader.flag());
                let request = Request {
                    size,
                    unreadable,
                    pass: read_pass(&mut reader),
                    parameters,
                };
                Action::Call(slot, request)
            }
            9 => {
                let (size, unreadable) = (reader.size(), reader.flag());
                Action::Return(Reply {
                    size,
                    unreadable,
                    pass: read_pass(&mut reader),
                })
            }
            10 => Action::Revoke(reader.slot()),
            11 => Action::Info(reader.slot()),
            12 => Action::Query,
            13 => Action::GetParameter(reader.slot(), reader.next() as i32),
            14 => Action::SetParameter(reader.slot(), reader.next() as i32, reader.size()),
            15 => Action::Credentials,
            16 => Action::AwaitUnreferenced,
            other => unreachable!("order {other}"),
        };
        Self {
            action,
            newborn,
            cookie,
        }
    }
}

fn info_words(info: &DoorInfo) -> [u64; 5] {
    let DoorInfo {
        target,
        procedure,
        data,
        attributes,
        uniquifier,
        ..
    } = *info;
    [
        target as u64,
        procedure,
        data,
        attributes.into(),
        uniquifier,
    ]
}

fn read_info(reader: &mut Reader<'_>) -> DoorInfo {
    DoorInfo {
        target: reader.next() as i32,
        procedure: reader.next(),
        data: reader.next(),
        attributes: reader.next() as u32,
        uniquifier: reader.next(),
        resv: [0; 4],
    }
}

fn parcel_words(parcel: &Parcel) -> [u64; 6] {
    let DoorDesc {
        attributes,
        descriptor,
        id,
        ..
    } = parcel.descriptor;
    [
        parcel.size as u64,
        parcel.intact.into(),
        parcel.count,
        attributes.into(),
        descriptor as u64,
        id,
    ]
}

fn read_parcel(reader: &mut Reader<'_>) -> Parcel {
    Parcel {
        size: reader.size(),
        intact: reader.flag(),
        count: reader.next(),
        descriptor: DoorDesc {
            attributes: reader.next() as u32,
            descriptor: reader.next() as i32,
            id: reader.next(),
            resv: [0; 2],
        },
    }
}

impl Report {
    pub(crate) fn encode(&self) -> Words {
        let words = Writer::default();
        match self {
            Self::Done => words.put(&[0]),
            Self::Failed(errno) => words.put(&[1, errno.number() as u64]),
            Self::Made(descriptor) => words.put(&[2, *descriptor as u64]),
            Self::Created(descriptor, info) => {
                words.put(&[8, *descriptor as u64]).put(&info_words(info))
            }
            Self::Info(info, flag) => {
                let flag = flag.map_or(2, u64::from);
                words.put(&[3, flag]).put(&info_words(info))
            }
            Self::Parameter(value) => words.put(&[4, *value as u64]),
            Self::Caller(process) => words.put(&[5, *process as u64]),
            Self::Result(parcel) => words.put(&[6]).put(&parcel_words(parcel)),
            // A notification has no parcel, and needs one word to say so. Information comes last.
            Self::Invoked(arrival) => {
                let words = words.put(&[7, arrival.cookie, arrival.procedure, arrival.flags]);
                let there =
                    u64::from(arrival.parcel.is_some()) | u64::from(arrival.info.is_some()) << 1;
                words
                    .put(&[there])
                    .put(&parcel_words(&arrival.parcel.unwrap_or_default()))
                    .put(&info_words(&arrival.info.unwrap_or_default()))
            }
        }
        .finish()
    }

    pub(crate) fn decode(words: &Words) -> Self {
        let mut reader = Reader(words.iter());
        match reader.next() {
            0 => Self::Done,
            1 => Self::Failed(Errno::new(reader.next() as i32)),
            2 => Self::Made(reader.next() as i32),
            3 => {
                let flag = match reader.next() {
                    2 => None,
                    flag => Some(flag == 1),
                };
                Self::Info(read_info(&mut reader), flag)
            }
            4 => Self::Parameter(reader.size()),
            5 => Self::Caller(reader.next() as i32),
            6 => Self::Result(read_parcel(&mut reader)),
            7 => {
                let (cookie, procedure) = (reader.next(), reader.next());
                let (flags, there) = (reader.next(), reader.next());
                let parcel = read_parcel(&mut reader);
                let info = read_info(&mut reader);
                Self::Invoked(Arrival {
                    cookie,
                    procedure,
                    parcel: (there & 1 != 0).then_some(parcel),
                    flags,
                    info: (there & 2 != 0).then_some(info),
                })
            }
            8 => Self::Created(reader.next() as i32, read_info(&mut reader)),
            other => unreachable!("report {other}"),
        }
    }
}
