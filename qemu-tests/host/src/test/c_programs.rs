// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guest tests in C: each file of `qemu-tests/guest/c` is a program, built as a user would build it, and one test.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cache;
use crate::exec;
use crate::library;
use crate::paths::Paths;

/// One program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CProgram {
    /// The name of its file without the ending.
    pub(crate) name: String,
    /// The executable; none when it did not compile.
    pub(crate) program: std::result::Result<PathBuf, String>,
    /// The time limit that its source asks for, by a comment `timeout: N` in its first lines.
    pub(crate) limit: Option<Duration>,
}

/// Builds the C programs in `directory`, a path in the work tree; those that are `wanted`.
pub(crate) fn build(
    paths: &Paths,
    directory: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<CProgram>> {
    let sources = paths.source(directory);
    let Ok(entries) = fs::read_dir(&sources) else {
        return Ok(Vec::new());
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "c"));
    files.sort();
    let name = |path: &Path| {
        path.file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    files.retain(|path| wanted(&name(path)));
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let library = library::build(paths)?;
    let output = paths.target(directory);
    fs::create_dir_all(&output)?;
    let log = paths.log("c-programs")?;
    cache::replace(&log, b"")?;
    files
        .iter()
        .map(|source| {
            let text = fs::read_to_string(source)
                .with_context(|| format!("reading {}", source.display()))?;
            let program = output.join(name(source));
            let arguments: [OsString; 9] = [
                "-std=gnu11".into(),
                "-O1".into(),
                "-g".into(),
                "-Wall".into(),
                "-Wextra".into(),
                "-Werror".into(),
                "-o".into(),
                program.clone().into(),
                source.into(),
            ];
            let compiled = exec::run_logged(&mut library::cc(paths, &library, &arguments), &log);
            Ok(CProgram {
                name: name(source),
                program: compiled
                    .map(|()| program)
                    .map_err(|error| format!("{error:#}")),
                limit: limit(&text),
            })
        })
        .collect()
}

fn limit(text: &str) -> Option<Duration> {
    let stated = text
        .lines()
        .take(5)
        .find_map(|line| line.split_once("timeout:").map(|(_, rest)| rest))?;
    stated
        .split_whitespace()
        .next()?
        .parse()
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_may_ask_for_time() {
        assert_eq!(
            limit("/* timeout: 90 */\nint main"),
            Some(Duration::from_secs(90))
        );
        assert_eq!(
            limit("// SPDX\n// timeout: 5\n"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(limit("int main"), None);
    }
}
