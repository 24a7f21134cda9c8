// SPDX-License-Identifier: MIT OR Apache-2.0
//! A curve for each path, on two logarithmic scales, with its name where it ends.

use anyhow::{anyhow, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::bars::{Area, Drawn};
use super::style::{color, spread, text, width, GRID, INK, PALE, PAPER};

pub(super) struct Lines<'a> {
    pub(super) title: String,
    pub(super) x: Axis<'a>,
    pub(super) y_title: &'a str,
    /// How a height is written.
    pub(super) y_label: fn(f64) -> String,
    pub(super) curves: &'a [Curve],
}

pub(super) struct Axis<'a> {
    pub(super) title: &'a str,
    /// How a value is written.
    pub(super) label: fn(f64) -> String,
    /// Where the grid's lines are.
    pub(super) ticks: &'a [f64],
}

/// One path's points, from left to right; there are some.
pub(super) struct Curve {
    pub(super) path: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

const WIDTH: i32 = 980;
const HEIGHT: i32 = 600;
/// What lies around the curves: the names are on the right.
const LEFT: i32 = 84;
const RIGHT: i32 = 170;
const TOP: i32 = 64;
const BOTTOM: i32 = 64;
/// From name to name, at least.
const NAME: i32 = 18;

/// A logarithmic scale: values from the first to the last become pixels.
struct Scale {
    values: (f64, f64),
    pixels: (i32, i32),
}

impl Scale {
    fn at(&self, value: f64) -> i32 {
        let (low, high) = (self.values.0.ln(), self.values.1.ln());
        let part = (value.ln() - low) / (high - low).max(1e-9);
        let (first, last) = (f64::from(self.pixels.0), f64::from(self.pixels.1));
        (first + part * (last - first)).round() as i32
    }
}

/// Round values between two others: 1, 2 and 5 times the powers of ten, or all digits if those are few.
fn round_values(low: f64, high: f64) -> Vec<f64> {
    const ENOUGH: usize = 4;
    let coarse = multiples(&[1.0, 2.0, 5.0], low, high);
    if coarse.len() >= ENOUGH {
        return coarse;
    }
    multiples(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], low, high)
}

/// These times the powers of ten.
fn multiples(digits: &[f64], low: f64, high: f64) -> Vec<f64> {
    let mut values = Vec::new();
    let mut power = 10_f64.powf(low.log10().floor());
    while power <= high {
        let steps = digits.iter().map(|digit| digit * power);
        values.extend(steps.filter(|value| (low..=high).contains(value)));
        power *= 10.0;
    }
    values
}

impl Lines<'_> {
    pub(super) fn draw(&self) -> Result<String> {
        let mut svg = String::new();
        {
            let size = (WIDTH as u32, HEIGHT as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.draw_on(&area)
                .and_then(|()| area.present())
                .map_err(|error| anyhow!("{error}"))?;
        }
        Ok(svg)
    }

    fn scales(&self) -> (Scale, Scale) {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (low, high) = range(&mut points().map(|point| point.1));
        let across = Scale {
            values: range(&mut points().map(|point| point.0)),
            pixels: (LEFT + 12, WIDTH - RIGHT),
        };
        let up = Scale {
            // A little air.
            values: (low / 1.15, high * 1.15),
            pixels: (HEIGHT - BOTTOM, TOP),
        };
        (across, up)
    }

    fn draw_on(&self, area: &Area<'_>) -> Drawn {
        area.fill(&PAPER)?;
        let title = text(20, INK).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(self.title.as_str(), (20, 24), title))?;
        let (across, up) = self.scales();
        self.draw_grid(area, &across, &up)?;

        let ends: Vec<i32> = (self.curves.iter())
            .map(|curve| curve.points.last().map_or(TOP, |last| up.at(last.1)))
            .collect();
        let places = spread(&ends, NAME, TOP, HEIGHT - BOTTOM);
        // The first ones are the most important: they are drawn over the others.
        for ((curve, end), place) in self.curves.iter().zip(ends).zip(places).rev() {
            let color = color(curve.path);
            let at = |&(x, y): &(f64, f64)| (across.at(x), up.at(y));
            let pixels: Vec<(i32, i32)> = curve.points.iter().map(at).collect();
            let Some(&(last, _)) = pixels.last() else {
                continue;
            };
            let stroke = color.stroke_width(width(curve.path));
            area.draw(&PathElement::new(pixels.clone(), stroke))?;
            for point in pixels {
                area.draw(&Circle::new(point, width(curve.path), color.filled()))?;
            }
            // From the end of the curve to its name.
            let names = WIDTH - RIGHT + 26;
            let leader = vec![(last + 5, end), (names - 10, place), (names - 4, place)];
            let thin = color.mix(0.45).stroke_width(1);
            area.draw(&PathElement::new(leader, thin))?;
            let name = text(14, color).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(curve.path, (names, place), name))?;
        }
        Ok(())
    }

    fn draw_grid(&self, area: &Area<'_>, across: &Scale, up: &Scale) -> Drawn {
        let (top, bottom) = (TOP - 10, HEIGHT - BOTTOM);
        let (left, right) = (LEFT, WIDTH - RIGHT);
        let line = |from, to| PathElement::new(vec![from, to], GRID.stroke_width(1));
        let below = text(13, PALE).pos(Pos::new(HPos::Center, VPos::Top));
        let (first, last) = across.values;
        for &tick in self.x.ticks {
            if (first..=last).contains(&tick) {
                let x = across.at(tick);
                area.draw(&line((x, top), (x, bottom)))?;
                let label = (self.x.label)(tick);
                area.draw(&Text::new(label, (x, bottom + 8), below.clone()))?;
            }
        }
        let before = text(13, PALE).pos(Pos::new(HPos::Right, VPos::Center));
        for value in round_values(up.values.0, up.values.1) {
            let y = up.at(value);
            area.draw(&line((left, y), (right, y)))?;
            let label = (self.y_label)(value);
            area.draw(&Text::new(label, (left - 8, y), before.clone()))?;
        }
        let middle = (left + right) / 2;
        area.draw(&Text::new(self.x.title, (middle, bottom + 34), below))?;
        let above = text(13, PALE).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(self.y_title, (20, TOP - 18), above))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_logarithmic() {
        let scale = Scale {
            values: (1.0, 100.0),
            pixels: (0, 200),
        };
        assert_eq!(
            [1.0, 10.0, 100.0].map(|value| scale.at(value)),
            [0, 100, 200]
        );
    }

    #[test]
    fn grid_lines_are_at_round_values() {
        assert_eq!(
            round_values(300.0, 12_000.0),
            [500.0, 1000.0, 2000.0, 5000.0, 10_000.0]
        );
    }
}
