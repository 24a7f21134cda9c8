// SPDX-License-Identifier: MIT OR Apache-2.0
//! What plots look like.

use plotters::style::{Color, IntoFont, RGBAColor, RGBColor, TextStyle};

/// The paper.
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Text that is read first.
pub(super) const INK: RGBColor = RGBColor(33, 37, 41);
/// Text that is read when it is needed.
pub(super) const PALE: RGBColor = RGBColor(108, 117, 125);
/// Lines that only lead the eye.
pub(super) const GRID: RGBColor = RGBColor(233, 236, 239);

/// Text of this height, in pixels.
pub(super) fn text(height: u32, color: RGBColor) -> TextStyle<'static> {
    ("sans-serif", height).into_font().color(&color)
}

/// Doors are coloured, the cheapest carrier the strongest; what most people use today is dark, and the rest is quiet.
pub(super) fn color(path: &str) -> RGBColor {
    match path {
        "door-visit" => RGBColor(192, 28, 40),
        "door-handoff" => RGBColor(230, 97, 0),
        "door-wake" => RGBColor(229, 165, 10),
        "door-visit-demoted" => RGBColor(205, 140, 130),
        "pipe" => RGBColor(26, 95, 180),
        "unix-stream" => RGBColor(38, 162, 105),
        "unix-seqpacket" => RGBColor(110, 190, 160),
        "binder" => RGBColor(129, 61, 156),
        "onc-rpc" => RGBColor(99, 69, 44),
        "posix-mq" => RGBColor(87, 160, 210),
        "sysv-msg" => RGBColor(150, 150, 200),
        "sysv-sem" => RGBColor(170, 170, 170),
        "eventfd" => RGBColor(120, 140, 150),
        "futex" => RGBColor(90, 90, 90),
        _ => RGBColor(173, 181, 189),
    }
}

/// How wide a path's line is: doors are the subject.
pub(super) fn width(path: &str) -> u32 {
    if path.starts_with("door-") {
        3
    } else {
        2
    }
}

/// Where a name stands beside each bar, colour only says what to compare: the doors, and the pipe.
pub(super) fn accent(path: &str) -> RGBAColor {
    match path {
        "pipe" => color(path).mix(0.7),
        path if path.starts_with("door-") => color(path).mix(0.9),
        _ => RGBColor(173, 181, 189).mix(0.8),
    }
}

/// Lays labels out that want to stand at `wanted` heights: in their order, no two closer than `height`, all between
/// `top` and `bottom`. Returns where each stands.
pub(super) fn spread(wanted: &[i32], height: i32, top: i32, bottom: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&index| wanted[index]);
    let mut placed = wanted.to_vec();
    let mut free = top;
    for &index in &order {
        placed[index] = placed[index].max(free);
        free = placed[index] + height;
    }
    // What was pushed out at the bottom pushes back.
    let mut free = bottom;
    for &index in order.iter().rev() {
        placed[index] = placed[index].min(free);
        free = placed[index] - height;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_overlap() {
        let placed = spread(&[100, 101, 102, 300], 10, 0, 305);
        assert_eq!(placed, [100, 110, 120, 300]);
        let crowded = spread(&[300, 299, 298], 10, 0, 305);
        assert_eq!(crowded, [305, 295, 285]);
    }
}
