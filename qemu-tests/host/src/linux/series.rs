// SPDX-License-Identifier: MIT OR Apache-2.0
//! The series in `linux-patches/`: its order, and what each patch touches.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

use crate::paths::Paths;

/// One patch of the series.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Its file.
    pub path: PathBuf,
    /// The files that it changes, makes or removes; relative to the kernel source.
    pub touches: BTreeSet<PathBuf>,
}

impl Patch {
    /// The name of its file.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }
}

/// The directory of the series.
pub fn directory(paths: &Paths) -> PathBuf {
    paths.source("linux-patches")
}

/// Reads the series in its order.
pub fn read(paths: &Paths) -> Result<Vec<Patch>> {
    let directory = directory(paths);
    let list = directory.join("series");
    let names = fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    let patches: Vec<Patch> = names
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|name| !name.is_empty())
        .map(|name| read_patch(&directory.join(name)))
        .collect::<Result<_>>()?;
    check_complete(&directory, &patches)?;
    Ok(patches)
}

/// A patch that nobody applies is a mistake, not an archive.
fn check_complete(directory: &Path, patches: &[Patch]) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_patch = path.extension().is_some_and(|e| e == "patch");
        if is_patch && !patches.iter().any(|p| p.path == path) {
            bail!(
                "{} is not in linux-patches/series: add it there or remove it",
                path.display()
            );
        }
    }
    Ok(())
}

fn read_patch(path: &Path) -> Result<Patch> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let touches = touched(&text);
    if touches.is_empty() {
        bail!("{} changes no file", path.display());
    }
    Ok(Patch {
        path: path.to_owned(),
        touches,
    })
}

/// The files named by the headers of a patch in git's format.
fn touched(patch: &str) -> BTreeSet<PathBuf> {
    // A removed line that begins with "-- " looks like a header, but only headers come in pairs before a hunk.
    let lines: Vec<&str> = patch.lines().collect();
    let pairs = lines.windows(3).filter(|w| w[2].starts_with("@@ "));
    pairs
        .flat_map(|w| [w[0].strip_prefix("--- a/"), w[1].strip_prefix("+++ b/")])
        .flatten()
        .map(|name| PathBuf::from(name.split('\t').next().unwrap_or(name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_touched_files() {
        let patch = "Subject: x\n---\n a | 1 +\n\n\
                     diff --git a/fs/file.c b/fs/file.c\n--- a/fs/file.c\n+++ b/fs/file.c\n@@ -1 +1 @@\n--- a/no\n+x\n\
                     diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n";
        let touched: Vec<_> = touched(patch).into_iter().collect();
        assert_eq!(touched, [PathBuf::from("fs/file.c"), PathBuf::from("new")]);
    }
}
