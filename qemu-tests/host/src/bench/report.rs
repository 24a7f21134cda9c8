// SPDX-License-Identifier: MIT OR Apache-2.0
//! The text that a person reads: one table for each question, and how numbers look in it.

use std::collections::BTreeMap;

use comfy_table::{presets, Cell, CellAlignment, ContentArrangement, Table};

use super::figure::{Figure, Selection};
use super::tables::{self, Tabled};

/// Everything that was measured, and what was left out.
pub(super) fn text(figures: &[Figure], omitted: &[(String, String)]) -> String {
    let mut text = String::new();
    for cpus in [1, 2] {
        for tabled in tables::all(&Selection::on(figures, cpus)) {
            text += &show(&tabled);
        }
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (why, what) in omitted {
        let whats = reasons.entry(why).or_default();
        // Two boots leave the same things out.
        if !whats.contains(&what.as_str()) {
            whats.push(what);
        }
    }
    for (why, whats) in reasons {
        text += &format!("left out: {}: {why}\n", whats.join(", "));
    }
    text
}

fn show(tabled: &Tabled) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(tabled.header.iter().map(|title| cell(title)));
    for row in &tabled.rows {
        table.add_row(row.iter().map(|text| cell(text)));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|l| l.trim_end().to_owned()).collect();
    format!("{}\n{}\n\n", tabled.title, lines.join("\n"))
}

fn cell(text: &str) -> Cell {
    Cell::new(text)
}

/// What stands where there is no number.
pub(super) const NONE: &str = "-";

/// All digits, in groups of three.
pub(super) fn exact(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// Three digits that count.
pub(super) fn short(number: f64) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        // Ten thousand is the first number that is long.
        if number >= unit && number >= 1e4 {
            return format!("{}{name}", three_digits(number / unit));
        }
    }
    format!("{number:.0}")
}

/// A round number, as scales have it.
pub(super) fn round(number: f64) -> String {
    for (unit, name) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if number >= unit {
            return format!("{}{name}", number / unit);
        }
    }
    number.to_string()
}

fn three_digits(number: f64) -> String {
    match number {
        n if n < 10.0 => format!("{n:.2}"),
        n if n < 100.0 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

/// How many times as much one is as the other.
pub(super) fn ratio(one: Option<f64>, other: Option<f64>) -> String {
    match (one, other) {
        (Some(one), Some(other)) if other > 0.0 => format!("{:.2}", one / other),
        _ => NONE.into(),
    }
}

/// A part of one, in percent.
pub(super) fn percent(part: Option<f64>) -> String {
    part.map_or(NONE.into(), |part| format!("{:.1} %", part * 100.0))
}

/// A number of bytes as people say it.
pub(super) fn bytes(count: u64) -> String {
    match count {
        c if c >= 1 << 20 && c % (1 << 20) == 0 => format!("{} MiB", c >> 20),
        c if c >= 1 << 10 && c % (1 << 10) == 0 => format!("{} KiB", c >> 10),
        c => format!("{c} B"),
    }
}

#[cfg(test)]
mod tests {
    use doors_protocol::bench::Section;

    use super::super::figure::tests::figure;
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(exact(1_234_567), "1,234,567");
        assert_eq!(exact(12), "12");
        assert_eq!(short(9876.0), "9876");
        assert_eq!(short(13_372.0), "13.4k");
        assert_eq!(short(1_310_000.0), "1.31M");
        assert_eq!([round(500.0), round(20_000.0)], ["500", "20k"]);
        assert_eq!(bytes(65536), "64 KiB");
        assert_eq!(bytes(8), "8 B");
        assert_eq!(ratio(Some(1.0), Some(2.0)), "0.50");
        assert_eq!(ratio(Some(1.0), None), "-");
        assert_eq!(percent(Some(0.5)), "50.0 %");
    }

    #[test]
    fn doors_are_compared_with_the_pipe() {
        let figures = [
            figure(Section::Messages, "door-handoff", 8, 3000),
            figure(Section::Messages, "pipe", 8, 12_000),
        ];
        let omitted = ["binder", "futex", "binder"].map(|what| ("not there".into(), what.into()));
        let text = text(&figures, &omitted);
        let line = text.lines().find(|l| l.starts_with("door-handoff"));
        assert!(line.unwrap().contains("3,000") && line.unwrap().contains("0.25"));
        assert!(text.ends_with("left out: binder, futex: not there\n"));
    }
}
