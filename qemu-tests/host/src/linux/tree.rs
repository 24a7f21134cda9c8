// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel source with our series in it, kept up to date *incrementally*.
//!
//! make decides by time stamps what to compile. So a file is written only when its content changes: the files that
//! patches touch are patched in a scratch directory, beginning from pristine copies, and compared. An edit of one of
//! our files costs the compilation of that file; an edit of a patch, that of the files it touches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};

use super::placement;
use super::series::{self, Patch};
use super::source::Source;
use crate::cache;
use crate::exec;
use crate::paths::Paths;

/// What in the tree is not pristine. Written before anything in the tree is, so that an interrupted update is
/// continued by the next.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Changed {
    /// Files that patches touch.
    patched: BTreeSet<PathBuf>,
    /// Files that were placed there.
    placed: BTreeSet<PathBuf>,
}

fn record(paths: &Paths) -> PathBuf {
    paths.cached("linux.changed.json")
}

/// Pristine copies of what patches have ever touched.
fn pristine(paths: &Paths) -> PathBuf {
    paths.cached("linux.pristine")
}

/// The source is about to be replaced: nothing known about the old one holds for the new.
pub fn forget(paths: &Paths) -> Result<()> {
    cache::unstamp(&record(paths))?;
    cache::remove_tree(&pristine(paths))
}

/// Brings the tree up to date with the series and the new files.
pub fn update(paths: &Paths, source: &Source) -> Result<()> {
    let series = series::read(paths)?;
    update_to(paths, source, &series, &placement::contents(paths)?)
}

/// Makes the tree hold exactly these patches and new files.
pub fn update_to(
    paths: &Paths,
    source: &Source,
    series: &[Patch],
    placed: &BTreeMap<PathBuf, Vec<u8>>,
) -> Result<()> {
    let before = read_record(&record(paths))?;
    let touched: BTreeSet<PathBuf> = series
        .iter()
        .flat_map(|p| p.touches.iter().cloned())
        .collect();
    if let Some(both) = placed.keys().find(|path| touched.contains(*path)) {
        bail!(
            "{} is both placed and patched: a new file belongs in kernel-rust/ or uapi/ only",
            both.display()
        );
    }

    let tree = &source.directory;
    let pristine = pristine(paths);
    keep_pristine(tree, &pristine, touched.difference(&before.patched))?;
    let scratch = tempfile::tempdir_in(paths.cached("."))?;
    for path in &touched {
        copy_if_there(&pristine.join(path), &scratch.path().join(path))?;
    }
    apply(paths, series, scratch.path())?;

    let after = Changed {
        patched: touched,
        placed: placed.keys().cloned().collect(),
    };
    let union = Changed {
        patched: before.patched.union(&after.patched).cloned().collect(),
        placed: before.placed.union(&after.placed).cloned().collect(),
    };
    cache::replace(&record(paths), &serde_json::to_vec_pretty(&union)?)?;
    for path in before
        .placed
        .difference(&after.placed)
        .filter(|p| !after.patched.contains(*p))
    {
        remove_if_there(&tree.join(path))?;
    }
    for path in before.patched.difference(&after.patched) {
        put(
            &tree.join(path),
            read_if_there(&pristine.join(path))?.as_deref(),
        )?;
    }
    for path in &after.patched {
        put(
            &tree.join(path),
            read_if_there(&scratch.path().join(path))?.as_deref(),
        )?;
    }
    for (path, content) in placed {
        put(&tree.join(path), Some(content))?;
    }
    cache::replace(&record(paths), &serde_json::to_vec_pretty(&after)?)
}

/// Copies a file of the source as it was before any patch of ours; there may be none.
pub fn copy_pristine(paths: &Paths, source: &Source, file: &Path, to: &Path) -> Result<()> {
    let changed = read_record(&record(paths))?;
    let from = if changed.patched.contains(file) {
        pristine(paths)
    } else {
        source.directory.clone()
    };
    copy_if_there(&from.join(file), to).map(drop)
}

/// Applies the series in `directory`.
fn apply(paths: &Paths, series: &[Patch], directory: &Path) -> Result<()> {
    let log = paths.log("series")?;
    // Only the last attempt is of interest.
    cache::replace(&log, b"")?;
    for patch in series {
        let mut command = Command::new("patch");
        command.args([
            "-p1",
            "--forward",
            "--no-backup-if-mismatch",
            "--reject-file=rejected",
            "-i",
        ]);
        command.arg(&patch.path).current_dir(directory);
        let Err(error) = exec::run_logged(&mut command, &log) else {
            continue;
        };
        let rejected = paths.target("logs/series.rej");
        let kept = copy_if_there(&directory.join("rejected"), &rejected)?;
        let hunks = match kept {
            true => format!("The hunks that do not fit: {}\n", Paths::show(&rejected)),
            false => String::new(),
        };
        bail!(
            "{} does not apply to this kernel source.\n{error}\n{hunks}\
             `cargo xtask patches apply` makes a git tree of the patches before it, to mend it in",
            patch.name()
        );
    }
    Ok(())
}

/// Saves those files of the tree, which are still as they came. A file that is not there will be made by a patch.
fn keep_pristine<'a>(
    tree: &Path,
    pristine: &Path,
    files: impl Iterator<Item = &'a PathBuf>,
) -> Result<()> {
    for file in files {
        let copy = pristine.join(file);
        if !copy.exists() {
            copy_if_there(&tree.join(file), &copy)?;
        }
    }
    Ok(())
}

fn read_record(path: &Path) -> Result<Changed> {
    match read_if_there(path)? {
        Some(content) => Ok(serde_json::from_slice(&content)?),
        None => Ok(Changed::default()),
    }
}

/// Gives the file this content, or none; leaves it alone when it has it.
fn put(path: &Path, content: Option<&[u8]>) -> Result<()> {
    let Some(content) = content else {
        return remove_if_there(path);
    };
    if read_if_there(path)?.as_deref() == Some(content) {
        return Ok(());
    }
    // Written in place: it keeps its permissions, some of these files are scripts.
    make_parent(path)?;
    fs::write(path, content).with_context(|| format!("writing {}", path.display()))
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("reading {}", path.display())),
    }
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(e).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Copies a file, with its permissions; says whether it was there.
fn copy_if_there(from: &Path, to: &Path) -> Result<bool> {
    if !from.exists() {
        return Ok(false);
    }
    make_parent(to)?;
    fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    Ok(true)
}

fn make_parent(path: &Path) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file has a directory")?)?;
    Ok(())
}
