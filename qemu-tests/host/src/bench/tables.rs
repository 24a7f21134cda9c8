// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tables: which figures stand where.

use doors_protocol::bench::{Row, Section};

use super::figure::{Figure, Selection};
use super::report::{bytes, exact, percent, ratio, short, NONE};

/// One table.
pub(super) struct Tabled {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// What the others are compared with.
const REFERENCE: &str = "pipe";

/// What large data is compared with.
const LARGE_REFERENCE: &str = "unix-stream";

/// Where there are figures by the size of the argument.
const BY_SIZE: &[Section] = &[Section::Messages, Section::Sizes];
/// Where there are figures by the number of clients.
const BY_CLIENTS: &[Section] = &[Section::Messages, Section::Clients];
/// Where there are figures by the number of hogs.
const BY_HOGS: &[Section] = &[Section::Messages, Section::Hogs];

/// The tables that there are figures for.
pub(super) fn all(selection: &Selection<'_>) -> Vec<Tabled> {
    let Some(unit) = selection.unit() else {
        return Vec::new();
    };
    let unit = unit.name();
    let mut tables = vec![
        messages(selection, unit),
        sizes(selection, unit),
        replies(selection, unit),
        large(selection),
        descriptors(selection, unit),
        clients(selection, unit),
        hogs(selection, unit),
        fairness(selection),
        tail(selection, unit),
        pairs(selection),
        crowd(selection),
        memory(selection),
        chain(selection, unit),
    ];
    tables.retain(|table| !table.rows.is_empty());
    for table in &mut tables {
        let cpus = selection.cpus();
        table.title += &format!(" [{cpus} CPU{}]", if cpus == 1 { "" } else { "s" });
    }
    tables
}

fn strings(titles: &[&str]) -> Vec<String> {
    titles.iter().map(|title| (*title).to_owned()).collect()
}

fn p50(figure: Option<&Figure>) -> Option<f64> {
    Some(figure?.p50()? as f64)
}

fn messages(selection: &Selection<'_>, unit: &str) -> Tabled {
    let sections = &[Section::Messages];
    let sized = |path, size| selection.find(sections, path, |row| row.payload_bytes == size);
    let reference = p50(sized(REFERENCE, 8));
    let row = |path: &'static str| {
        let cell = |size| sized(path, size).and_then(Figure::p50);
        // What carries nothing has no row of 8 bytes.
        let eight = p50(sized(path, 8)).or(p50(sized(path, 0)));
        let times = sized(path, 8).and_then(|figure| figure.row.times);
        vec![
            path.to_owned(),
            cell(0).map_or(NONE.into(), exact),
            cell(8).map_or(NONE.into(), exact),
            ratio(eight, reference),
            ratio(reference, eight),
            times.map_or(NONE.into(), |times| exact(times.min)),
            times.map_or(NONE.into(), |times| exact(times.p99)),
        ]
    };
    Tabled {
        title: format!("Small messages: a round trip in {unit}, the median; then of 8 bytes"),
        header: strings(&["path", "0 B", "8 B", "it/pipe", "pipe/it", "min", "p99"]),
        rows: selection.paths(sections).into_iter().map(row).collect(),
    }
}

/// A table by two things: the path, and a number that the header shows. It has the paths of the last section; those
/// before it have the first columns.
fn grid<'a>(
    selection: &Selection<'a>,
    sections: &'a [Section],
    title: String,
    value: fn(&Row) -> u64,
    heading: fn(u64) -> String,
    cell: impl Fn(&Figure) -> String,
) -> Tabled {
    let values = selection.values(sections, value);
    let mut header = vec!["path".to_owned()];
    header.extend(values.iter().map(|value| heading(*value)));
    let paths = selection.paths(&sections[sections.len() - 1..]);
    let rows = paths.into_iter().map(|path| {
        let mut row = vec![path.to_owned()];
        row.extend(values.iter().map(|wanted| {
            let found = selection.find(sections, path, |row| value(row) == *wanted);
            found.map_or(NONE.into(), &cell)
        }));
        row
    });
    Tabled {
        title,
        header,
        rows: rows.collect(),
    }
}

fn sizes(selection: &Selection<'_>, unit: &str) -> Tabled {
    grid(
        selection,
        BY_SIZE,
        format!("Larger arguments, the reply is short: a round trip in {unit}, the median"),
        |row| row.payload_bytes,
        bytes,
        |figure| p50(Some(figure)).map_or(NONE.into(), short),
    )
}

fn replies(selection: &Selection<'_>, unit: &str) -> Tabled {
    grid(
        selection,
        &[Section::Replies],
        format!("Larger replies to 16 bytes: a round trip in {unit}, the median"),
        |row| row.reply_bytes,
        bytes,
        |figure| p50(Some(figure)).map_or(NONE.into(), short),
    )
}

fn large(selection: &Selection<'_>) -> Tabled {
    let argument = |path| {
        let large = |row: &Row| row.payload_bytes == 64 << 10;
        p50(selection.find(&[Section::Sizes], path, large))
    };
    let reply = |path| {
        let large = |row: &Row| row.reply_bytes == 1 << 20;
        p50(selection.find(&[Section::Replies], path, large))
    };
    let references = (argument(LARGE_REFERENCE), reply(LARGE_REFERENCE));
    let row = |path: &'static str| {
        vec![
            path.to_owned(),
            ratio(references.0, argument(path)),
            ratio(references.1, reply(path)),
        ]
    };
    let rows = selection.paths(&[Section::Replies]).into_iter().map(row);
    Tabled {
        title: format!("Large data: throughput, times that of {LARGE_REFERENCE}"),
        header: strings(&["path", "64 KiB argument", "1 MiB reply"]),
        rows: rows.collect(),
    }
}

fn descriptors(selection: &Selection<'_>, unit: &str) -> Tabled {
    let sections = &[Section::Descriptors];
    let row = |path: &'static str| {
        let with = p50(selection.find(sections, path, |_| true));
        let without = p50(selection.find(&[Section::Messages], path, |r| r.payload_bytes == 8));
        let more = with.zip(without).map(|(with, without)| with - without);
        let exactly = |number: Option<f64>| number.map_or(NONE.into(), |n| format!("{n:.0}"));
        vec![path.to_owned(), exactly(with), exactly(more)]
    };
    Tabled {
        title: format!("A descriptor goes along with 16 bytes: a round trip in {unit}, the median"),
        header: strings(&["path", "with it", "more than 8 bytes alone"]),
        rows: selection.paths(sections).into_iter().map(row).collect(),
    }
}

fn clients(selection: &Selection<'_>, unit: &str) -> Tabled {
    let per = match unit {
        "ns" => "second".to_owned(),
        unit => format!("10^9 {unit}"),
    };
    grid(
        selection,
        BY_CLIENTS,
        format!("Clients at once, 8 bytes: round trips of all together per {per}"),
        |row| u64::from(row.clients),
        |clients| clients.to_string(),
        |figure| figure.row.throughput.map_or(NONE.into(), short),
    )
}

fn hogs(selection: &Selection<'_>, unit: &str) -> Tabled {
    grid(
        selection,
        BY_HOGS,
        format!(
            "Hogs beside one client, 8 bytes: a round trip in {unit}, median / 99th percentile"
        ),
        |row| u64::from(row.hogs),
        |hogs| format!("{hogs} hog{}", if hogs == 1 { "" } else { "s" }),
        |figure| {
            figure.row.times.map_or(NONE.into(), |times| {
                format!("{} / {}", short(times.p50 as f64), short(times.p99 as f64))
            })
        },
    )
}

/// A column: its title, and what stands in it.
type Column<'a> = (&'a str, &'a dyn Fn(&Figure) -> String);

/// A table of what one section's rows have under these names.
fn special<'a>(
    selection: &Selection<'a>,
    sections: &'a [Section],
    title: &str,
    columns: &[Column<'_>],
) -> Tabled {
    let mut header = vec!["path".to_owned()];
    header.extend(columns.iter().map(|(title, _)| (*title).to_owned()));
    let paths = selection.paths(sections).into_iter();
    let rows = paths
        .flat_map(|path| selection.of(sections, path))
        .map(|figure| {
            let mut row = vec![figure.row.path.clone()];
            row.extend(columns.iter().map(|(_, cell)| cell(figure)));
            row
        });
    Tabled {
        title: title.to_owned(),
        header,
        rows: rows.collect(),
    }
}

fn fairness(selection: &Selection<'_>) -> Tabled {
    special(
        selection,
        &[Section::Fairness],
        "Client and server against one hog on one CPU: what each gets of it",
        &[
            ("the pair", &|f| percent(f.measure("pair_cpu_share"))),
            ("client", &|f| percent(f.measure("client_cpu_share"))),
            ("server", &|f| percent(f.measure("server_cpu_share"))),
            ("hog", &|f| percent(f.measure("hog_cpu_share"))),
            ("clocks' error", &|f| {
                let error = f.measure("pair_clock_error");
                error.map_or(NONE.into(), |e| format!("{:+.2} %", e * 100.0))
            }),
        ],
    )
}

fn tail(selection: &Selection<'_>, unit: &str) -> Tabled {
    let exactly = |number: Option<u64>| number.map_or(NONE.into(), exact);
    special(
        selection,
        &[Section::Tail],
        &format!("Rare calls beside two hogs: a round trip in {unit}"),
        &[
            ("calls", &|f| exact(f.row.samples)),
            ("median", &|f| exactly(f.p50())),
            ("p99", &|f| exactly(f.row.times.map(|t| t.p99))),
            ("worst", &|f| exactly(f.row.times.map(|t| t.max))),
            ("worst to median", &|f| {
                ratio(f.measure("worst_to_p50"), Some(1.0))
            }),
        ],
    )
}

fn pairs(selection: &Selection<'_>) -> Tabled {
    let rate = |number: Option<f64>| number.map_or(NONE.into(), short);
    special(
        selection,
        &[Section::Pairs],
        "Independent pairs, one on each CPU: round trips per second",
        &[
            ("one pair", &|f| rate(f.measure("one_pair_throughput"))),
            ("two pairs", &|f| rate(f.row.throughput)),
            ("two to one", &|f| {
                ratio(f.measure("two_pairs_to_one"), Some(1.0))
            }),
            ("by medians", &|f| {
                ratio(f.measure("two_pairs_to_one_by_median"), Some(1.0))
            }),
        ],
    )
}

fn crowd(selection: &Selection<'_>) -> Tabled {
    let rate = |number: Option<f64>| number.map_or(NONE.into(), short);
    special(
        selection,
        &[Section::Crowd],
        "A crowd: round trips of 64 clients against those of 4 (a door has 4 server threads)",
        &[
            ("of 4", &|f| rate(f.measure("throughput_of_4"))),
            ("of 64", &|f| rate(f.row.throughput)),
            ("64 to 4", &|f| ratio(f.measure("many_to_few"), Some(1.0))),
        ],
    )
}

fn memory(selection: &Selection<'_>) -> Tabled {
    let count = |number: Option<f64>| number.map_or(NONE.into(), |n| format!("{n:.0} B"));
    special(
        selection,
        &[Section::Memory],
        "Callers that wait: kernel memory",
        &[
            ("callers", &|f| exact(f.row.clients.into())),
            ("each, beyond a sleeping process", &|f| {
                count(f.measure("kernel_bytes_per_caller"))
            }),
            ("the process itself", &|f| {
                count(f.measure("kernel_bytes_per_process"))
            }),
        ],
    )
}

fn chain(selection: &Selection<'_>, unit: &str) -> Tabled {
    special(
        selection,
        &[Section::Chain],
        &format!("Servers that call servers: the whole call in {unit}, the median"),
        &[
            ("servers", &|f| {
                f.measure("depth")
                    .map_or(NONE.into(), |d| format!("{d:.0}"))
            }),
            ("call", &|f| f.p50().map_or(NONE.into(), exact)),
            ("for each more", &|f| {
                let level = f.measure("time_per_level");
                level.map_or(NONE.into(), |level| exact(level.round() as u64))
            }),
        ],
    )
}
