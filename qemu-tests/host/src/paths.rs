// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where everything is: the work tree, what is made from it, and the cache.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

/// The directories that the harness works with. All are absolute.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
    cache: PathBuf,
}

impl Paths {
    /// Finds the work tree from what cargo says, else from the current directory upwards.
    pub fn find() -> Result<Paths> {
        let start = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(directory) => PathBuf::from(directory),
            None => env::current_dir()?,
        };
        let Some(root) = start
            .ancestors()
            .find(|d| d.join("linux-patches").is_dir() && d.join("kernel-rust").is_dir())
        else {
            bail!(
                "{} is not inside the project's work tree: run this from there",
                start.display()
            );
        };
        let root = root.canonicalize()?;
        let cache = match env::var_os("DOORS_CACHE") {
            Some(cache) => env::current_dir()?.join(cache),
            None => root.join("target/cache"),
        };
        fs::create_dir_all(&cache)
            .with_context(|| format!("making the cache, {}", cache.display()))?;
        let cache = cache.canonicalize()?;
        Ok(Paths { root, cache })
    }

    /// The work tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Something in the work tree.
    pub fn source(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Something in the cache, which any command may fill and nobody misses when it is gone.
    pub fn cached(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.cache.join(relative)
    }

    /// Something that was made from the work tree for its user to look at.
    pub fn target(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join("target").join(relative)
    }

    /// The log of one step, in a directory that exists.
    pub fn log(&self, name: &str) -> Result<PathBuf> {
        let directory = self.target("logs");
        fs::create_dir_all(&directory)?;
        Ok(directory.join(format!("{name}.log")))
    }

    /// `path` as a user wants to read it: relative to where they are, when it lies below.
    pub fn show(path: &Path) -> String {
        let here = env::current_dir().unwrap_or_default();
        path.strip_prefix(&here)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}
