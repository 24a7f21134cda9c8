// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use doors_protocol::bench::{Section, PATHS};

pub(crate) const USAGE: &str = "\
usage: doors-bench [--path NAME[,NAME..]] [--section NAME[,NAME..]] [--payload BYTES[,BYTES..]] [--cpus N]
                   [--effort PERCENT] [--lines]
Measures round trips between processes. --cpus says on how many CPUs, 1 or 2 (otherwise on both numbers, if there are
two), --effort how long to measure; --lines is for programs that read the output.";

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// Only these paths, if there are any.
    paths: Vec<String>,
    /// Only these sections, if there are any.
    sections: Vec<String>,
    /// Only these sizes, if there are any.
    payloads: Vec<usize>,
    /// Only on so many CPUs.
    pub(crate) cpus: Option<usize>,
    /// How long to measure, in percent of the usual time.
    effort: u64,
    /// Messages instead of a table.
    pub(crate) lines: bool,
}

impl Options {
    /// Understands the arguments; an error says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options {
            paths: Vec::new(),
            sections: Vec::new(),
            payloads: Vec::new(),
            cpus: None,
            effort: 100,
            lines: false,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            if name == "--lines" {
                options.lines = true;
                continue;
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value"))?;
            let number = || {
                let number = value.parse::<u64>().ok().filter(|n| *n > 0);
                number.ok_or_else(|| format!("{name} needs a number, not {value}"))
            };
            let names = |known: &[&str]| {
                value
                    .split(',')
                    .map(|one| match known.contains(&one) {
                        true => Ok(one.to_owned()),
                        false => Err(format!(
                            "{one} is not known; {name} takes {}",
                            known.join(", ")
                        )),
                    })
                    .collect::<Result<Vec<_>, _>>()
            };
            match name.as_str() {
                "--path" => options.paths = names(&PATHS)?,
                "--section" => options.sections = names(&Section::ALL.map(Section::name))?,
                "--payload" => {
                    options.payloads = value
                        .split(',')
                        .map(|one| one.parse().map_err(|_| format!("{one} is not a size")))
                        .collect::<Result<_, _>>()?;
                }
                "--cpus" => options.cpus = Some(number()? as usize),
                "--effort" => options.effort = number()?,
                _ => return Err(format!("{name} is not known")),
            }
        }
        Ok(options)
    }

    /// Whether a path is wanted.
    pub(crate) fn wants_path(&self, name: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|path| path == name)
    }

    /// Whether a section is wanted.
    pub(crate) fn wants_section(&self, section: Section) -> bool {
        self.sections.is_empty() || self.sections.iter().any(|name| name == section.name())
    }

    /// Whether a size is wanted.
    pub(crate) fn wants_payload(&self, bytes: usize) -> bool {
        self.payloads.is_empty() || self.payloads.contains(&bytes)
    }

    /// How long to measure what usually takes so many milliseconds, in nanoseconds.
    pub(crate) fn budget(&self, milliseconds: u64) -> u64 {
        milliseconds * 10_000 * self.effort
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options, String> {
        let arguments: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn without_arguments_everything_is_wanted() {
        let options = parse("").unwrap();
        assert!(options.wants_path("pipe") && options.wants_section(Section::Tail));
        assert_eq!(options.budget(3), 3_000_000);
    }

    #[test]
    fn names_choose() {
        let options = parse("--path pipe,futex --section sizes --payload 8 --effort 50").unwrap();
        assert!(options.wants_path("futex") && !options.wants_path("binder"));
        assert!(options.wants_section(Section::Sizes) && !options.wants_section(Section::Tail));
        assert!(options.wants_payload(8) && !options.wants_payload(64));
        assert_eq!(options.budget(2), 1_000_000);
    }

    #[test]
    fn mistakes_are_told() {
        assert!(parse("--path teapot").unwrap_err().contains("pipe"));
        assert!(parse("--cpus 0").is_err());
        assert!(parse("--cpus").is_err());
        assert!(parse("--what 1").is_err());
    }
}
