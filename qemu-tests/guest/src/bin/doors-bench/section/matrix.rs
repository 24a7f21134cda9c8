// SPDX-License-Identifier: MIT OR Apache-2.0
//! The questions that are put to every path in the same way: sizes, clients, hogs, descriptors.

use std::io;

use doors_protocol::bench::Section;

use super::{row, with_tally, Bench};
use crate::measure::Effort;
use crate::peer::{Path, Shape, REQUEST};
use crate::process::Cpus;

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    section: Section,
    pub(super) shape: Shape,
    cpus: Cpus,
    hogs: usize,
    /// How long to measure, in milliseconds.
    milliseconds: u64,
}

/// Arguments that are larger than a number.
const SIZES: [usize; 7] = [64, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// Replies that are larger than a number.
const REPLIES: [usize; 5] = [1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20];

const CLIENTS: [usize; 6] = [2, 4, 8, 16, 32, 64];

const HOGS: [usize; 4] = [1, 2, 3, 4];

impl Bench {
    /// The cells of one section.
    pub(super) fn cells(&self, section: Section) -> Vec<Cell> {
        let (number, request) = (Shape::of(8), Shape::of(REQUEST));
        let (shapes, hogs, milliseconds): (Vec<Shape>, &[usize], u64) = match section {
            Section::Messages => ([0, 8].map(Shape::of).into(), &[0], 10),
            Section::Sizes => (SIZES.map(Shape::of).into(), &[0], 12),
            Section::Replies => (
                REPLIES.map(|reply| Shape { reply, ..request }).into(),
                &[0],
                12,
            ),
            Section::Descriptors => {
                let shape = Shape {
                    descriptor: true,
                    ..request
                };
                (vec![shape], &[0], 10)
            }
            Section::Clients => (
                CLIENTS.map(|clients| Shape { clients, ..number }).into(),
                &[0],
                10,
            ),
            Section::Hogs => (vec![number], &HOGS, 40),
            _ => return Vec::new(),
        };
        let mut cells = Vec::new();
        for cpus in self.cpus() {
            for &shape in &shapes {
                cells.extend(hogs.iter().map(|&hogs| Cell {
                    section,
                    shape,
                    cpus,
                    hogs,
                    milliseconds,
                }));
            }
        }
        cells.retain(|cell| self.options.wants_payload(cell.shape.argument));
        cells
    }

    /// Measures one cell and tells it.
    pub(super) fn answer(&self, path: &dyn Path, cell: &Cell) -> io::Result<()> {
        let Cell {
            section,
            shape,
            cpus,
            hogs,
            milliseconds,
        } = *cell;
        let effort = Effort {
            // However many they are, each is to get around to something.
            budget: self.options.budget(milliseconds + 2 * shape.clients as u64),
            kept: 2000,
            // Who is finished would leave the others with less company.
            endless: shape.clients > 1,
            pause: None,
        };
        let tally = self.tally(path, &shape, cpus, hogs, &effort)?;
        let row = row(section, path, &shape, cpus, hogs);
        self.output.row(with_tally(row, &tally));
        Ok(())
    }
}
