// SPDX-License-Identifier: MIT OR Apache-2.0
//! One measurement as the JSON file has it. Other people's scripts read that: names stay.

use std::collections::BTreeMap;

use doors_protocol::bench::Section;
use serde::Serialize;
use serde_json::Value;

use super::figure::Figure;

/// An object of the array.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    path: &'a str,
    section: Section,
    payload_bytes: u64,
    reply_bytes: u64,
    descriptors: u32,
    cpus: u32,
    clients: u32,
    hogs: u32,
    samples: u64,
    /// `instructions_p50` or `ns_p50`, and so on; `throughput` is round trips in 10^9 of the unit; what else there is.
    #[serde(flatten)]
    values: BTreeMap<String, Value>,
    what: &'a str,
}

/// What a measure's name begins with whose unit is the clock's.
const TIME: &str = "time_";

impl<'a> Record<'a> {
    /// That of one figure.
    pub(super) fn of(figure: &'a Figure) -> Record<'a> {
        let (row, unit) = (&figure.row, figure.unit.name());
        let mut values = BTreeMap::new();
        if let Some(times) = row.times {
            for (name, value) in [
                ("min", times.min),
                ("p50", times.p50),
                ("p99", times.p99),
                ("max", times.max),
            ] {
                values.insert(format!("{unit}_{name}"), Value::from(value));
            }
        }
        values.extend(
            row.throughput
                .map(|value| ("throughput".into(), value.into())),
        );
        for (name, value) in &row.measures {
            let name = match name.strip_prefix(TIME) {
                Some(rest) => format!("{unit}_{rest}"),
                None => name.clone(),
            };
            values.insert(name, Value::from(*value));
        }
        Record {
            path: &row.path,
            section: row.section,
            payload_bytes: row.payload_bytes,
            reply_bytes: row.reply_bytes,
            descriptors: row.descriptors,
            cpus: row.cpus,
            clients: row.clients,
            hogs: row.hogs,
            samples: row.samples,
            values,
            what: &row.what,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::boot::Unit;
    use super::super::figure::tests::figure;
    use super::*;

    #[test]
    fn the_keys_say_the_unit() {
        let mut figure = figure(Section::Tail, "pipe", 8, 100);
        figure.row.measures.insert("time_worst".into(), 7.0);
        let json = |figure: &Figure| serde_json::to_value(Record::of(figure)).unwrap();
        let counted = json(&figure);
        assert_eq!(counted["path"], "pipe");
        assert_eq!(counted["payload_bytes"], 8);
        assert_eq!(counted["instructions_p50"], 100);
        assert_eq!(counted["instructions_min"], 99);
        assert_eq!(counted["instructions_worst"], 7.0);
        figure.unit = Unit::Nanoseconds;
        let timed = json(&figure);
        assert_eq!(timed["ns_p50"], 100);
        assert_eq!(timed["ns_p99"], 101);
        assert!(timed.get("instructions_p50").is_none());
    }
}
