// SPDX-License-Identifier: MIT OR Apache-2.0
//! A row together with its unit, and finding rows.

use doors_protocol::bench::{Row, Section, PATHS};

use super::boot::Unit;

/// One measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What its times are counted in.
    pub unit: Unit,
    /// What was measured.
    pub row: Row,
}

impl Figure {
    /// The median.
    pub(super) fn p50(&self) -> Option<u64> {
        self.row.times.map(|times| times.p50)
    }

    /// What else was found under this name.
    pub(super) fn measure(&self, name: &str) -> Option<f64> {
        self.row.measures.get(name).copied()
    }
}

/// All figures that fit a description.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selection<'a> {
    figures: &'a [Figure],
    cpus: u32,
}

impl<'a> Selection<'a> {
    /// Those that were measured on so many CPUs.
    pub(super) fn on(figures: &'a [Figure], cpus: u32) -> Selection<'a> {
        Selection { figures, cpus }
    }

    /// On how many CPUs they were measured.
    pub(super) fn cpus(&self) -> u32 {
        self.cpus
    }

    /// What their times are counted in, if there are any.
    pub(super) fn unit(&self) -> Option<Unit> {
        self.all().next().map(|figure| figure.unit)
    }

    fn all(&self) -> impl Iterator<Item = &'a Figure> + use<'a> {
        let cpus = self.cpus;
        self.figures.iter().filter(move |f| f.row.cpus == cpus)
    }

    /// Those of some sections, of one path.
    pub(super) fn of(
        &self,
        sections: &'a [Section],
        path: &'a str,
    ) -> impl Iterator<Item = &'a Figure> + use<'a> {
        self.all()
            .filter(move |f| sections.contains(&f.row.section) && f.row.path == path)
    }

    /// The first one of some sections and one path that fits.
    pub(super) fn find(
        &self,
        sections: &'a [Section],
        path: &'a str,
        fits: impl Fn(&Row) -> bool,
    ) -> Option<&'a Figure> {
        self.of(sections, path).find(|figure| fits(&figure.row))
    }

    /// The paths that have a figure in one of the sections, in the order of tables.
    pub(super) fn paths(&self, sections: &'a [Section]) -> Vec<&'static str> {
        PATHS
            .into_iter()
            .filter(|path| self.of(sections, path).next().is_some())
            .collect()
    }

    /// The different values of something, in order.
    pub(super) fn values(&self, sections: &'a [Section], value: impl Fn(&Row) -> u64) -> Vec<u64> {
        let of_sections = self.all().filter(|f| sections.contains(&f.row.section));
        let mut values: Vec<u64> = of_sections.map(|figure| value(&figure.row)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use doors_protocol::bench::Times;

    use super::*;

    /// A figure of one client, with this median.
    pub(crate) fn figure(section: Section, path: &str, payload: u64, p50: u64) -> Figure {
        Figure {
            unit: Unit::Instructions,
            row: Row {
                section,
                path: path.into(),
                what: "It does.".into(),
                payload_bytes: payload,
                reply_bytes: payload.min(8),
                descriptors: 0,
                cpus: 1,
                clients: 1,
                hogs: 0,
                samples: 100,
                times: Some(Times {
                    min: p50 - 1,
                    p50,
                    p99: p50 + 1,
                    max: p50 + 2,
                }),
                throughput: Some(1e9 / p50 as f64),
                measures: BTreeMap::new(),
            },
        }
    }

    #[test]
    fn figures_are_found() {
        let figures = [
            figure(Section::Messages, "pipe", 8, 10),
            figure(Section::Sizes, "pipe", 64, 20),
            figure(Section::Messages, "door-wake", 8, 5),
        ];
        let selection = Selection::on(&figures, 1);
        let both = &[Section::Messages, Section::Sizes];
        assert_eq!(selection.paths(both), ["door-wake", "pipe"]);
        assert_eq!(selection.values(both, |row| row.payload_bytes), [8, 64]);
        let found = selection.find(both, "pipe", |row| row.payload_bytes == 64);
        assert_eq!(found.unwrap().p50(), Some(20));
        assert_eq!(Selection::on(&figures, 2).unit(), None);
    }
}
