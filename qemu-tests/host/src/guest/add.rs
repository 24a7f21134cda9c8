// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that the user brings along, `--add HOST[:GUEST]`, and the shared libraries that programs among them need.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{bail, Context, Result};
use lddtree::DependencyAnalyzer;
use walkdir::WalkDir;

use super::archive::Archive;

/// What the C library opens by name when a thread exits or is cancelled: no program says that it needs it.
const UNWINDER: &str = "libgcc_s.so.1";

/// Where the dynamic linker looks without being told.
const STANDARD_DIRECTORIES: &[&str] = &[
    "/lib",
    "/usr/lib",
    "/lib64",
    "/usr/lib64",
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
];

/// One `--add`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    host: PathBuf,
    guest: PathBuf,
    /// A second name: the host's, so that a program finds itself where it was.
    alias: Option<PathBuf>,
}

impl FromStr for Added {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Added> {
        // A colon may be part of the host's name: the longest one that exists is meant.
        if let Some((host, guest)) = text.rsplit_once(':').filter(|_| !Path::new(text).exists()) {
            if !guest.starts_with('/') {
                bail!("the guest path in --add {text} must be absolute");
            }
            return Ok(Added {
                host: existing(host)?,
                guest: guest.into(),
                alias: None,
            });
        }
        let host = existing(text)?;
        let name = host
            .file_name()
            .with_context(|| format!("--add {text}: give the guest path, as in {text}:/PATH"))?;
        let guest = Path::new("/").join(name);
        let alias = Path::new(text)
            .is_absolute()
            .then(|| PathBuf::from(text))
            .filter(|a| *a != guest);
        Ok(Added { host, guest, alias })
    }
}

fn existing(host: &str) -> Result<PathBuf> {
    Path::new(host)
        .canonicalize()
        .map(|resolved| {
            // The name is the one the user gave, not the one that a link leads to.
            let named = Path::new(host).file_name().map(ToOwned::to_owned);
            match (
                named,
                Path::new(host).parent().map(|p| {
                    if p.as_os_str().is_empty() {
                        Path::new(".")
                    } else {
                        p
                    }
                }),
            ) {
                (Some(name), Some(directory)) => {
                    directory.canonicalize().map_or(resolved, |d| d.join(name))
                }
                _ => resolved,
            }
        })
        .with_context(|| format!("--add {host}"))
}

impl Added {
    /// Brings `host` to the path `guest` in the guest.
    pub fn at(host: impl Into<PathBuf>, guest: impl Into<PathBuf>) -> Added {
        Added {
            host: host.into(),
            guest: guest.into(),
            alias: None,
        }
    }

    /// Puts it, and what it needs, into `archive`.
    pub fn add_to(&self, archive: &mut Archive) -> Result<()> {
        archive.copy(&self.host, &self.guest)?;
        if let Some(alias) = &self.alias {
            if !archive.contains(alias) {
                archive.link(alias, self.guest.to_string_lossy())?;
            }
        }
        for entry in WalkDir::new(&self.host).follow_root_links(true) {
            let entry = entry?;
            if fs::metadata(entry.path()).is_ok_and(|m| m.is_file()) && is_elf(entry.path()) {
                add_libraries(entry.path(), archive)?;
            }
        }
        Ok(())
    }
}

/// Adds the interpreter and the shared libraries of the ELF file `program`, at the host's paths.
///
/// A library that lies where the guest's dynamic linker would not look unasked, because the host has a cache of such
/// places or the program says `$ORIGIN` and has moved, gets a second name in `/usr/lib`.
fn add_libraries(program: &Path, archive: &mut Archive) -> Result<()> {
    let tree = DependencyAnalyzer::default()
        .analyze(program)
        .with_context(|| format!("finding the shared libraries of {}", program.display()))?;
    if let Some(interpreter) = tree.interpreter.as_deref().map(Path::new) {
        // By the name that the kernel looks for; the C library may know it by another.
        if !archive.contains(interpreter) {
            archive.copy(interpreter, interpreter)?;
        }
    }
    let mut unwinder = None;
    for (name, library) in &tree.libraries {
        if !library.found() {
            bail!(
                "{} needs {name}, which is nowhere that the dynamic linker looks; \
                 --add it to /usr/lib/{name}, or set LD_LIBRARY_PATH",
                program.display()
            );
        }
        add_library(&library.path, name, archive)?;
        if name.starts_with("libc.so") {
            unwinder = library
                .path
                .parent()
                .map(|directory| directory.join(UNWINDER));
        }
    }
    match unwinder {
        Some(path) if path.exists() => add_library(&path, UNWINDER, archive),
        _ => Ok(()),
    }
}

fn add_library(path: &Path, name: &str, archive: &mut Archive) -> Result<()> {
    if !archive.contains(path) {
        archive.copy(path, path)?;
    }
    let standard = path
        .parent()
        .is_some_and(|d| STANDARD_DIRECTORIES.iter().any(|s| d == Path::new(s)));
    let second = Path::new("/usr/lib").join(name);
    if !standard && !archive.contains(&second) {
        archive.link(second, path.to_string_lossy())?;
    }
    Ok(())
}

fn is_elf(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0_u8; 4];
    fs::File::open(path)
        .and_then(|mut f| f.read_exact(&mut magic))
        .is_ok()
        && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_path_is_the_name_below_the_root() {
        let added: Added = "/bin/sh".parse().unwrap();
        assert_eq!(added.guest, Path::new("/sh"));
        assert_eq!(added.alias.as_deref(), Some(Path::new("/bin/sh")));
        let added: Added = "/bin/sh:/x/y".parse().unwrap();
        assert_eq!(
            (added.guest.as_path(), added.alias),
            (Path::new("/x/y"), None)
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert!("/nowhere/at/all".parse::<Added>().is_err());
        assert!("/bin/sh:relative"
            .parse::<Added>()
            .unwrap_err()
            .to_string()
            .contains("absolute"));
    }

    #[test]
    fn a_dynamic_program_comes_with_its_libraries() {
        let mut archive = Archive::default();
        let me = std::env::current_exe().unwrap();
        Added::at(&me, "/me").add_to(&mut archive).unwrap();
        assert!(archive.contains("/me"));
        assert!(archive.contains("/lib64/ld-linux-x86-64.so.2"));
        assert!(archive.contains("/lib/x86_64-linux-gnu/libc.so.6"));
    }
}
