// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which tests there are that say which rules they check: read from their sources, so that nothing need be built.

use std::fs;
use std::path::{Component, Path};

use anyhow::Result;
use walkdir::WalkDir;

use super::{ids, is_id, Outcome};
use crate::paths::Paths;

/// Where a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Here, by cargo.
    Host,
    /// In the guest, in user space.
    Guest,
    /// In the kernel.
    Kunit,
}

/// A test, and the rules that it checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Citation {
    pub(super) place: Place,
    /// As its outcome has it; of tests on the host, the end of that.
    pub(super) name: String,
    pub(super) rules: Vec<String>,
}

impl Citation {
    /// Whether this is the outcome of the test.
    pub(super) fn is(&self, outcome: &Outcome) -> bool {
        match self.place {
            Place::Host => outcome
                .name
                .strip_suffix(&self.name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with("::")),
            Place::Guest => !outcome.suite.contains("/kunit/") && outcome.name == self.name,
            Place::Kunit => outcome.suite.contains("/kunit/") && outcome.name == self.name,
        }
    }
}

/// All text files of the work tree that somebody wrote: their paths in it, and what they hold.
pub(super) fn files(paths: &Paths) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    let walk = WalkDir::new(paths.root()).sort_by_file_name();
    for entry in walk.into_iter().filter_entry(|entry| {
        let name = entry.file_name();
        name != "target" && name != ".git"
    }) {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        // What is not text cites nothing.
        if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
            let path = entry.path().strip_prefix(paths.root())?;
            files.push((path.to_string_lossy().into_owned(), text));
        }
    }
    Ok(files)
}

/// All tests that cite rules.
pub(super) fn collect(paths: &Paths) -> Result<Vec<Citation>> {
    let mut citations = Vec::new();
    for (path, text) in files(paths)? {
        citations.extend(match path.rsplit('.').next() {
            Some("rs") if path.contains("/doors-tests/") => guest_tests(&text),
            Some("rs") => rust_tests(Path::new(&path), &text),
            Some("c") if path.starts_with(crate::test::guest::C_TESTS) => {
                program(Path::new(&path), &text)
            }
            _ => Vec::new(),
        });
    }
    Ok(citations)
}

/// `tests!(module:` and then `name => "CA-1 CA-2",` for each.
fn guest_tests(text: &str) -> Vec<Citation> {
    let mut module = "";
    let mut citations = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("tests!(")
            .and_then(|l| l.strip_suffix(':'))
        {
            module = name;
        } else if let Some((name, rest)) = line.split_once(" => \"") {
            let rules = rest.trim_end_matches(',').trim_end_matches('"');
            if !module.is_empty() && rules.split(' ').all(is_id) {
                citations.push(Citation {
                    place: Place::Guest,
                    name: format!("{module}::{name}"),
                    rules: rules.split(' ').map(str::to_owned).collect(),
                });
            }
        }
    }
    citations
}

/// `/// Rules: CA-1 CA-2`, and then `fn name`.
fn rust_tests(path: &Path, text: &str) -> Vec<Citation> {
    let in_kernel = path.starts_with("kernel-rust/doors");
    let mut rules: Vec<String> = Vec::new();
    let mut citations = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(cited) = line.strip_prefix("/// Rules: ") {
            rules = ids(cited).map(str::to_owned).collect();
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| !rules.is_empty()) {
            let name = rest.split(['(', '<']).next().unwrap_or(rest);
            citations.push(Citation {
                place: if in_kernel { Place::Kunit } else { Place::Host },
                name: if in_kernel {
                    name.to_owned()
                } else {
                    format!("{}::{name}", module(path))
                },
                rules: std::mem::take(&mut rules),
            });
        }
    }
    citations
}

/// The module of a test as cargo names it: of `x/tests/a/b.rs` that is `a::b`, of `x/src/b.rs` the end, `b::tests`.
fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let names: Vec<&str> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .filter(|name| *name != "main")
        .collect();
    match names.iter().position(|name| *name == "tests") {
        Some(tests) => names[tests + 1..].join("::"),
        None => format!("{}::tests", names.last().unwrap_or(&"")),
    }
}

/// `Rules: CA-1 CA-2`, in the comment at the head of a program.
fn program(path: &Path, text: &str) -> Vec<Citation> {
    let head = text.split("#include").next().unwrap_or(text);
    let rules: Vec<String> = head
        .split_once("Rules: ")
        .map(|(_, rest)| ids(rest).map(str::to_owned).collect())
        .unwrap_or_default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let citation = Citation {
        place: Place::Guest,
        name: format!("c/{name}"),
        rules,
    };
    (!citation.rules.is_empty())
        .then_some(citation)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(citations: &[Citation]) -> Vec<(&str, String)> {
        citations
            .iter()
            .map(|c| (c.name.as_str(), c.rules.join(" ")))
            .collect()
    }

    #[test]
    fn every_kind_of_test_is_understood() {
        let guest =
            "use x;\ntests!(data:\n    sizes => \"DA-1 DA-2\",\n    none => \"DA-5\",\n);\n";
        let expected = [
            ("data::sizes", "DA-1 DA-2".into()),
            ("data::none", "DA-5".into()),
        ];
        assert_eq!(names(&guest_tests(guest)), expected);

        let rust = "/// It fits.\n///\n/// Rules: DA-13\n#[test]\nfn fits() {}\nfn other() {}\n";
        let of = |path| rust_tests(Path::new(path), rust)[0].clone();
        assert_eq!(
            of("kernel-rust/core/tests/properties/frame.rs").name,
            "properties::frame::fits"
        );
        assert_eq!(
            of("kernel-rust/core/tests/machine/main.rs").name,
            "machine::fits"
        );
        assert_eq!(of("uapi/src/errno.rs").name, "errno::tests::fits");
        assert_eq!(of("kernel-rust/doors/kunit.rs").place, Place::Kunit);

        let c = "/* SPDX */\n/*\n * It is so.\n * Rules: RE-10\n *  RE-6 */\n#include <a.h>\n/* CA-1 */";
        let found = program(Path::new("qemu-tests/guest/c/errno.c"), c);
        assert_eq!(names(&found), [("c/errno", "RE-10 RE-6".into())]);
    }

    #[test]
    fn a_test_knows_its_outcome() {
        let test = Citation {
            place: Place::Host,
            name: "layout::fits".into(),
            rules: Vec::new(),
        };
        assert!(test.is(&Outcome::passed("host", "layout::fits")));
        assert!(test.is(&Outcome::passed("host", "doors_core::layout::fits")));
        assert!(!test.is(&Outcome::passed("host", "new_layout::fits")));
    }
}
