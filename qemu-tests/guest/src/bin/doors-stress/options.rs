// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

pub(crate) const USAGE: &str = "\
usage: doors-stress [--seconds N] [--seed S]
Has clients and servers call each other for N seconds (otherwise 5) while they are killed, stopped, moved between CPUs
and groups, and given other priorities. What is done to whom comes from seed S, a fresh number without --seed; when it
is done depends on who is faster. Ends with what was counted; fails when a reply was wrong or a call got stuck.";

pub(crate) struct Options {
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
}

impl Options {
    /// Nothing, if that makes no sense.
    pub(crate) fn of(arguments: &[String]) -> Option<Options> {
        let mut options = Options {
            seconds: 5,
            seed: fresh(),
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next()?.parse().ok()?;
            match name.as_str() {
                "--seconds" => options.seconds = value,
                "--seed" => options.seed = value,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// A number that nobody has had. Short, so that it can be typed.
fn fresh() -> u64 {
    let mut bytes = [0; 4];
    // SAFETY: fills as many bytes as there are.
    let filled = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    assert_eq!(filled, 4, "no random numbers");
    u32::from_ne_bytes(bytes).into()
}
