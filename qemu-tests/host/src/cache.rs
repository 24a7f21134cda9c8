// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making each thing once: keys made of a thing's inputs, stamps written when it is whole, one maker at a time.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::paths::Paths;
use crate::ui;

/// Collects the inputs of a thing into the name of that thing's one right version.
#[derive(Default, Clone)]
pub struct Key(Sha256);

impl Key {
    /// No input yet.
    pub fn new() -> Key {
        Key::default()
    }

    /// One more input. Each is framed by its length, so that no two lists of inputs look alike.
    pub fn with(mut self, input: impl AsRef<[u8]>) -> Key {
        let input = input.as_ref();
        self.0.update((input.len() as u64).to_le_bytes());
        self.0.update(input);
        self
    }

    /// A file's content is an input, or a directory's: every file in it, with its name.
    pub fn with_path(mut self, path: &Path) -> Result<Key> {
        for entry in WalkDir::new(path).sort_by_file_name() {
            let entry = entry.with_context(|| format!("reading {}", path.display()))?;
            if entry.file_type().is_dir() {
                continue;
            }
            let name = entry
                .path()
                .strip_prefix(path)?
                .to_string_lossy()
                .into_owned();
            let content = fs::read(entry.path())
                .with_context(|| format!("reading {}", entry.path().display()))?;
            self = self.with(name).with(content);
        }
        Ok(self)
    }

    /// The key, to be used as a name or in a stamp.
    pub fn finish(self) -> String {
        self.0
            .finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Whether the stamp says that the thing made under `key` is whole and up to date.
pub fn is_fresh(stamp: &Path, key: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == key)
}

/// Writes the stamp. The last step of making a thing.
pub fn stamp(stamp: &Path, key: &str) -> Result<()> {
    replace(stamp, key.as_bytes())
}

/// Removes the stamp. The first step of making a thing anew.
pub fn unstamp(stamp: &Path) -> Result<()> {
    match fs::remove_file(stamp) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
}

/// Gives `path` this content in one step: a reader sees the old or the new, never a part.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let directory = path.parent().context("a file has a directory")?;
    fs::create_dir_all(directory)?;
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(content)?;
    new.persist(path)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}

/// A fresh, empty directory that becomes `path` when it is complete; see [`settle`].
pub fn workplace(path: &Path) -> Result<PathBuf> {
    let mut name = path
        .file_name()
        .context("a directory has a name")?
        .to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    remove_tree(&new)?;
    fs::create_dir_all(&new)?;
    Ok(new)
}

/// Turns a complete [`workplace`] into what it was to become.
pub fn settle(new: &Path, path: &Path) -> Result<()> {
    remove_tree(path)?;
    fs::rename(new, path)
        .with_context(|| format!("renaming {} to {}", new.display(), path.display()))
}

/// Removes a directory, if it is there.
pub fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The right to make things in the cache, until dropped.
pub struct Lock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

/// Waits for the right to make things in the cache.
pub fn lock(paths: &Paths) -> Result<Lock> {
    let path = paths.cached("lock");
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Lock(lock)),
        Err((file, _)) => {
            ui::say("waiting for another xtask that is building in the same cache");
            Flock::lock(file, FlockArg::LockExclusive)
                .map(Lock)
                .map_err(|(_, e)| e.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_inputs_apart() {
        let key = |inputs: &[&str]| inputs.iter().fold(Key::new(), |k, i| k.with(i)).finish();
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
        assert_ne!(key(&["a", "b"]), key(&["ab"]));
        assert_ne!(key(&["a", ""]), key(&["a"]));
    }

    #[test]
    fn a_directory_is_keyed_by_names_and_contents() {
        let directory = tempfile::tempdir().unwrap();
        let key = || Key::new().with_path(directory.path()).unwrap().finish();
        fs::write(directory.path().join("a"), "1").unwrap();
        let first = key();
        fs::write(directory.path().join("a"), "2").unwrap();
        let second = key();
        fs::rename(directory.path().join("a"), directory.path().join("b")).unwrap();
        assert!(first != second && second != key());
    }
}
