// SPDX-License-Identifier: MIT OR Apache-2.0
//! What has been measured, told to a program or to a person.

use doors_protocol::bench::{Line, Row};
use doors_protocol::encode;

/// Where results go: standard output, one line for each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    lines: bool,
}

impl Output {
    /// Messages with `lines`, else a table.
    pub(crate) fn new(lines: bool) -> Output {
        Output { lines }
    }

    /// Says how many rows there may be.
    pub(crate) fn total(self, rows: usize) {
        if self.lines {
            print!("{}", encode(&Line::Total(rows)));
        } else {
            println!(
                "{:<11} {:<18} {:>8} {:>8} {:>2} {:>4} {:>7} {:>4} {:>9} {:>9} {:>9} {:>10} {:>9}",
                "section",
                "path",
                "argument",
                "reply",
                "fd",
                "CPUs",
                "clients",
                "hogs",
                "min ns",
                "p50 ns",
                "p99 ns",
                "max ns",
                "calls/s"
            );
        }
    }

    /// Tells one row.
    pub(crate) fn row(self, row: Row) {
        if self.lines {
            print!("{}", encode(&Line::Row(Box::new(row))));
            return;
        }
        let times = row.times.unwrap_or_default();
        print!(
            "{:<11} {:<18} {:>8} {:>8} {:>2} {:>4} {:>7} {:>4} {:>9} {:>9} {:>9} {:>10} {:>9.0}",
            row.section.name(),
            row.path,
            row.payload_bytes,
            row.reply_bytes,
            row.descriptors,
            row.cpus,
            row.clients,
            row.hogs,
            times.min,
            times.p50,
            times.p99,
            times.max,
            row.throughput.unwrap_or_default(),
        );
        for (name, value) in &row.measures {
            print!("  {name} {value:.4}");
        }
        println!();
    }

    /// Says what is not measured, and why.
    pub(crate) fn omitted(self, what: String, why: String) {
        if self.lines {
            print!("{}", encode(&Line::Omitted { what, why }));
        } else {
            println!("left out: {what}: {why}");
        }
    }
}
