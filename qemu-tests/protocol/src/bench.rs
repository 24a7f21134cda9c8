// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the benchmark in the guest says: one [`Line`] per line of its standard output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One message of the benchmark's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Line {
    /// The first one: how many rows are going to be measured, at most.
    Total(usize),
    /// A row that has been measured.
    Row(Box<Row>),
    /// Something that is not measured.
    Omitted {
        /// What.
        what: String,
        /// For what reason.
        why: String,
    },
}

/// What question a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What does the smallest useful call cost?
    Messages,
    /// What do larger arguments cost?
    Sizes,
    /// What do larger replies cost?
    Replies,
    /// What does a descriptor cost that comes along?
    Descriptors,
    /// What do many callers get?
    Clients,
    /// What do callers feel of programs that need the CPU?
    Hogs,
    /// What share of a CPU do caller and server get beside a hog?
    Fairness,
    /// How long does the unluckiest of rare calls take?
    Tail,
    /// Do independent pairs disturb each other?
    Pairs,
    /// What do more callers than server threads do to each other?
    Crowd,
    /// How much memory does the kernel need for a caller that waits?
    Memory,
    /// What does a server that calls another one cost?
    Chain,
}

impl Section {
    /// All of them, in the order in which they are measured. Last is the one after which the kernel is not as it was: a
    /// few thousand processes more have been there.
    pub const ALL: [Section; 12] = [
        Section::Messages,
        Section::Sizes,
        Section::Replies,
        Section::Descriptors,
        Section::Clients,
        Section::Hogs,
        Section::Fairness,
        Section::Tail,
        Section::Pairs,
        Section::Crowd,
        Section::Chain,
        Section::Memory,
    ];

    /// Its name, on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Section::Messages => "messages",
            Section::Sizes => "sizes",
            Section::Replies => "replies",
            Section::Descriptors => "descriptors",
            Section::Clients => "clients",
            Section::Hogs => "hogs",
            Section::Fairness => "fairness",
            Section::Tail => "tail",
            Section::Pairs => "pairs",
            Section::Crowd => "crowd",
            Section::Memory => "memory",
            Section::Chain => "chain",
        }
    }
}

/// Every path that there is a name for, in the order of tables.
pub const PATHS: [&str; 15] = [
    "null-syscall",
    "door-visit",
    "door-handoff",
    "door-wake",
    "door-visit-demoted",
    "pipe",
    "eventfd",
    "futex",
    "unix-stream",
    "unix-seqpacket",
    "sysv-sem",
    "sysv-msg",
    "posix-mq",
    "binder",
    "onc-rpc",
];

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is about.
    pub section: Section,
    /// What was called, one of [`PATHS`].
    pub path: String,
    /// What one round trip does, in one sentence.
    pub what: String,
    /// Bytes of argument.
    pub payload_bytes: u64,
    /// Bytes of reply.
    pub reply_bytes: u64,
    /// Descriptors that go with the argument.
    pub descriptors: u32,
    /// On how many CPUs.
    pub cpus: u32,
    /// How many processes call at once.
    pub clients: u32,
    /// How many processes need the CPU beside them.
    pub hogs: u32,
    /// How many round trips were measured.
    pub samples: u64,
    /// How long they took.
    pub times: Option<Times>,
    /// Round trips in a second of the guest's clock, of all clients together.
    pub throughput: Option<f64>,
    /// What else was found; names say the unit.
    pub measures: BTreeMap<String, f64>,
}

/// How long round trips took, in nanoseconds of the guest's clock, the clock's own cost taken off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The shortest.
    pub min: u64,
    /// Half of them took no longer.
    pub p50: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}
