// SPDX-License-Identifier: MIT OR Apache-2.0
//! The plots, as SVG.

use anyhow::{anyhow, Result};
use doors_protocol::bench::Section;

use super::boot::Unit;
use super::figure::{Figure, Selection};
use super::report::{bytes, exact, round};

mod bars;
mod lines;
mod style;

use bars::Bars;
use lines::{Axis, Curve, Lines};

/// One plot.
pub(super) struct Plot {
    /// The name of its file.
    pub(super) name: String,
    pub(super) svg: String,
}

/// All that there are figures for.
pub(super) fn all(figures: &[Figure]) -> Result<Vec<Plot>> {
    let mut plots = Vec::new();
    for cpus in [1, 2] {
        let selection = Selection::on(figures, cpus);
        let Some(unit) = selection.unit() else {
            continue;
        };
        let suffix = if cpus == 1 { "" } else { "-two-cpus" };
        let mut add = |name: &str, svg: Option<Result<String>>| -> Result<()> {
            if let Some(svg) = svg {
                plots.push(Plot {
                    name: format!("{name}{suffix}.svg"),
                    svg: svg.map_err(|error| anyhow!("drawing {name}: {error:#}"))?,
                });
            }
            Ok(())
        };
        add("round-trip", round_trip(&selection, unit, cpus))?;
        add("payload", payload(&selection, unit, cpus))?;
        add("clients", clients(&selection, unit, cpus))?;
    }
    Ok(plots)
}

fn on(cpus: u32) -> &'static str {
    match cpus {
        1 => "one CPU",
        _ => "two CPUs",
    }
}

fn counted_in(unit: Unit) -> &'static str {
    match unit {
        Unit::Instructions => "instructions",
        Unit::Nanoseconds => "nanoseconds",
    }
}

/// The 8-byte round trip of every path, the shortest first.
fn round_trip(selection: &Selection<'_>, unit: Unit, cpus: u32) -> Option<Result<String>> {
    let sections = &[Section::Messages];
    let mut bars: Vec<(&str, u64)> = selection
        .paths(sections)
        .into_iter()
        .filter_map(|path| {
            let found = selection.find(sections, path, |row| row.payload_bytes == 8);
            let empty = || selection.find(sections, path, |_| path == "null-syscall");
            Some((path, found.or_else(empty)?.p50()?))
        })
        .collect();
    bars.sort_by_key(|(_, value)| *value);
    (bars.len() > 1).then(|| {
        Bars {
            title: format!(
                "Calling another process with 8 bytes: {}, {}",
                counted_in(unit),
                on(cpus)
            ),
            bars: &bars,
            value: exact,
        }
        .draw()
    })
}

/// The round trip of every path by the size of its argument.
fn payload(selection: &Selection<'_>, unit: Unit, cpus: u32) -> Option<Result<String>> {
    let sections = &[Section::Messages, Section::Sizes];
    let curves = curves(selection, sections, |figure| {
        Some((figure.row.payload_bytes as f64, figure.p50()? as f64))
    });
    (!curves.is_empty()).then(|| {
        Lines {
            title: format!("A round trip by the size of its argument, {}", on(cpus)),
            x: Axis {
                title: "bytes of argument",
                label: |value| bytes(value.round() as u64),
                ticks: &[
                    8.0, 64.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0,
                ],
            },
            y_title: counted_in(unit),
            y_label: round,
            curves: &curves,
        }
        .draw()
    })
}

/// The round trips of many clients at once.
fn clients(selection: &Selection<'_>, unit: Unit, cpus: u32) -> Option<Result<String>> {
    let sections = &[Section::Messages, Section::Clients];
    let curves = curves(selection, sections, |figure| {
        let eight = figure.row.payload_bytes == 8;
        Some((f64::from(figure.row.clients), figure.row.throughput?)).filter(|_| eight)
    });
    (!curves.is_empty()).then(|| {
        Lines {
            title: format!("Clients that call at once, 8 bytes each way, {}", on(cpus)),
            x: Axis {
                title: "clients",
                label: |value| format!("{value:.0}"),
                ticks: &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
            },
            y_title: match unit {
                Unit::Instructions => "round trips in 10^9 instructions",
                Unit::Nanoseconds => "round trips in a second",
            },
            y_label: round,
            curves: &curves,
        }
        .draw()
    })
}

/// One curve for each path that has more than one point on a logarithmic scale.
fn curves<'a>(
    selection: &Selection<'a>,
    sections: &'a [Section],
    point: impl Fn(&Figure) -> Option<(f64, f64)>,
) -> Vec<Curve> {
    let curve = |path: &'static str| {
        let mut points: Vec<(f64, f64)> = selection
            .of(sections, path)
            .filter_map(&point)
            .filter(|(x, y)| *x > 0.0 && *y > 0.0)
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Curve { path, points }
    };
    let mut curves: Vec<Curve> = selection.paths(sections).into_iter().map(curve).collect();
    curves.retain(|curve| curve.points.len() > 1);
    curves
}

#[cfg(test)]
mod tests {
    use super::super::figure::tests::figure;
    use super::*;

    #[test]
    fn there_is_a_plot_where_there_are_figures() {
        let figures = [
            figure(Section::Messages, "null-syscall", 0, 250),
            figure(Section::Messages, "pipe", 8, 12_000),
            figure(Section::Sizes, "pipe", 1024, 13_000),
            figure(Section::Messages, "door-wake", 8, 11_000),
            figure(Section::Sizes, "door-wake", 1024, 11_500),
        ];
        let plots = all(&figures).unwrap();
        let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
        assert_eq!(names, ["round-trip.svg", "payload.svg"]);
        for plot in &plots {
            assert!(plot.svg.starts_with("<svg") && plot.svg.contains("door-wake"));
        }
        assert!(plots[0].svg.contains("12,000"));
    }

    #[test]
    fn nothing_measured_is_nothing_drawn() {
        assert!(all(&[]).unwrap().is_empty());
    }
}
