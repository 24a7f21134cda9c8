// SPDX-License-Identifier: MIT OR Apache-2.0
//! The README's table of functions is true: of what the library exports, and of the tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The whole interface of doors, as `<door.h>` and `<stropts.h>` have it on Solaris.
const INTERFACE: [&str; 16] = [
    "door_bind",
    "door_call",
    "door_create",
    "door_cred",
    "door_getparam",
    "door_info",
    "door_return",
    "door_revoke",
    "door_server_create",
    "door_setparam",
    "door_ucred",
    "door_unbind",
    "door_xcreate",
    "fattach",
    "fdetach",
    "isastream",
];

struct Row {
    function: String,
    state: String,
    missing: String,
    tests: Vec<String>,
}

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the table whose first column holds the name of a function.
fn table() -> Vec<Row> {
    let readme = read("README.md");
    let (_, section) = readme.split_once("## What works").expect("the section");
    section
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            Some(Row {
                function: cells.next()?.trim_end_matches('`').to_owned(),
                state: cells.next()?.to_owned(),
                missing: cells.next()?.to_owned(),
                tests: cells
                    .next()?
                    .split(", ")
                    .filter(|test| !test.is_empty())
                    .map(str::to_owned)
                    .collect(),
            })
        })
        .collect()
}

fn exported() -> BTreeSet<String> {
    read("libsolaris-doors/door.map")
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';').map(str::to_owned))
        .collect()
}

#[test]
fn every_function_has_a_row() {
    let rows: BTreeSet<String> = table().into_iter().map(|row| row.function).collect();
    assert_eq!(rows, INTERFACE.map(str::to_owned).into());
}

#[test]
fn states_are_those_of_the_library() {
    let exported = exported();
    for row in table() {
        let there = match row.state.as_str() {
            "works" => row.missing.is_empty(),
            "partly" => !row.missing.is_empty(),
            "not yet" => false,
            other => panic!("{}: {other} is no state", row.function),
        };
        assert!(
            row.state == "not yet" || there,
            "{}: say what is missing of what works partly, and of nothing else",
            row.function
        );
        assert_eq!(
            exported.contains(&row.function),
            there,
            "{} is said to be '{}', but door.map says otherwise",
            row.function,
            row.state
        );
    }
}

#[test]
fn tests_exist_and_call_the_function() {
    for row in table() {
        assert_eq!(
            row.tests.is_empty(),
            row.state == "not yet",
            "{}: what works has tests, what does not has none",
            row.function
        );
        let sources: String = row
            .tests
            .iter()
            .map(|test| {
                let module = format!("qemu-tests/guest/src/bin/doors-tests/{test}.rs");
                let program = format!("qemu-tests/guest/c/{test}.c");
                if project().join(&module).exists() {
                    read(&module)
                } else {
                    read(&program)
                }
            })
            .collect();
        assert!(
            row.tests.is_empty() || (sources + &helpers()).contains(&row.function),
            "{}: none of its tests calls it",
            row.function
        );
    }
}

/// What the tests call functions through.
fn helpers() -> String {
    let folder = project().join("qemu-tests/guest/src/bin/doors-tests/support");
    fs::read_dir(folder)
        .expect("the tests' helpers")
        .map(|entry| fs::read_to_string(entry.expect("a file").path()).unwrap_or_default())
        .collect()
}
