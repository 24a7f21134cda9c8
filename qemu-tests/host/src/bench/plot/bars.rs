// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bar for each path, lying, with its name before it and its value behind it.

use anyhow::{anyhow, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{accent, text, GRID, INK, PALE, PAPER};

pub(super) struct Bars<'a> {
    pub(super) title: String,
    pub(super) bars: &'a [(&'a str, u64)],
    /// How a value is written.
    pub(super) value: fn(u64) -> String,
}

const WIDTH: i32 = 860;
/// What lies above and below the bars.
const HEAD: i32 = 56;
const FOOT: i32 = 20;
/// The names' column, and room for the value behind the longest bar.
const NAMES: i32 = 170;
const VALUES: i32 = 80;
/// From bar to bar, and how much of that the bar fills.
const STEP: i32 = 30;
const THICK: i32 = 20;

impl Bars<'_> {
    pub(super) fn draw(&self) -> Result<String> {
        let height = HEAD + FOOT + STEP * self.bars.len() as i32;
        let mut svg = String::new();
        {
            let size = (WIDTH as u32, height as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw_on(&area)
                .and_then(|()| area.present())
                .map_err(|error| anyhow!("{error}"))?;
        }
        Ok(svg)
    }

    fn draw_on(&self, area: &Area<'_>) -> Drawn {
        area.fill(&PAPER)?;
        let title = text(20, INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(self.title.as_str(), (20, 26), title))?;
        let longest = self.bars.iter().map(|(_, value)| *value).max().unwrap_or(1);
        let room = WIDTH - NAMES - VALUES;
        let names = text(15, INK).pos(Pos::new(HPos::Right, VPos::Center));
        let values = text(14, PALE).pos(Pos::new(HPos::Left, VPos::Center));
        for (index, (path, value)) in self.bars.iter().enumerate() {
            let middle = HEAD + STEP * index as i32 + STEP / 2;
            let length = (*value as f64 / longest.max(1) as f64 * f64::from(room)).round() as i32;
            let (top, bottom) = (middle - THICK / 2, middle + THICK / 2);
            let bar = [(NAMES, top), (NAMES + length.max(2), bottom)];
            area.draw(&Rectangle::new(bar, accent(path).filled()))?;
            area.draw(&Text::new(*path, (NAMES - 10, middle), names.clone()))?;
            let written = (self.value)(*value);
            let behind = (NAMES + length + 8, middle);
            area.draw(&Text::new(written, behind, values.clone()))?;
        }
        let axis = vec![(NAMES, HEAD), (NAMES, HEAD + STEP * self.bars.len() as i32)];
        area.draw(&PathElement::new(axis, GRID.stroke_width(1)))
    }
}

/// Where it is drawn.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// What drawing returns.
pub(super) type Drawn =
    Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;
