// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pristine kernel source: Debian's package of it, or the user's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, Context, Result};

use crate::cache::{self, Key};
use crate::exec;
use crate::paths::Paths;
use crate::setup::{debian, prerequisites};
use crate::ui::Step;

/// The kernel that the series is for, and the Debian package of its source.
pub const VERSION: &str = "7.3";
const PACKAGE: &str = "linux-source-7.3";

/// An unpacked kernel source. Nobody but [`super::tree`] writes into it.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it lies.
    pub directory: PathBuf,
    /// Which it is; part of what a kernel image depends on.
    pub identity: String,
}

/// Unpacks the source, unless it lies there already. `own` is the user's directory or tar ball.
pub fn unpack(paths: &Paths, own: Option<&Path>) -> Result<Source> {
    let directory = paths.cached("linux");
    let stamp = paths.cached("linux.stamp");
    let stamped = fs::read_to_string(&stamp).unwrap_or_default();
    let wanted = own.map(identity_of).transpose()?;
    // Debian's may be of any age: an update of the archive does not make a cache stale.
    let fresh = match &wanted {
        Some(identity) => stamped == *identity,
        None => stamped.starts_with(PACKAGE),
    };
    if fresh && directory.join("Makefile").exists() {
        return Ok(Source {
            directory,
            identity: stamped,
        });
    }

    prerequisites::require(paths, prerequisites::SOURCE)?;
    cache::unstamp(&stamp)?;
    super::tree::forget(paths)?;
    let new = cache::workplace(&directory)?;
    let identity = unpack_into(paths, own, &new)?;
    cache::settle(&new, &directory)?;
    cache::stamp(&stamp, &identity)?;
    Ok(Source {
        directory,
        identity,
    })
}

/// Unpacks the source into the empty directory `new`; returns which it is.
pub fn unpack_into(paths: &Paths, own: Option<&Path>, new: &Path) -> Result<String> {
    let log = paths.log("linux-source")?;
    let identity = match own {
        None => fetch(paths, new, &log)?,
        Some(own) => {
            let _step = Step::begin(
                format!("taking the kernel source from {}", own.display()),
                Some(&log),
            );
            if own.is_dir() {
                copy_directory(own, new, &log)?;
            } else {
                untar(own, new, 1, &log)?;
            }
            identity_of(own)?
        }
    };
    check_version(new)?;
    Ok(identity)
}

/// Downloads Debian's package and unpacks the tar ball in it; returns which version it was.
fn fetch(paths: &Paths, new: &Path, log: &Path) -> Result<String> {
    let package = match debian::downloaded(paths, PACKAGE) {
        Some(package) => package,
        None => debian::Archive::open(paths)?.package(PACKAGE).with_context(|| {
            format!(
                "getting {PACKAGE} from Debian's {}-backports; \
                 with a source of Linux {VERSION}.y at hand, say --linux-source DIRECTORY or TARBALL",
                debian::SUITE
            )
        })?,
    };
    let _step = Step::begin("unpacking the kernel source", Some(log));
    let inner = cache::workplace(&paths.cached("downloads/linux-source-deb"))?;
    exec::run_logged(
        Command::new("dpkg-deb").arg("-x").arg(&package).arg(&inner),
        log,
    )?;
    let tar = inner.join(format!("usr/src/{PACKAGE}.tar.xz"));
    let tar = if tar.exists() {
        tar
    } else {
        inner.join(format!("usr/src/linux-source-{VERSION}.tar.xz"))
    };
    untar(&tar, new, 1, log)?;
    cache::remove_tree(&inner)?;
    Ok(package
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned())
}

fn untar(tar: &Path, to: &Path, strip: u32, log: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    // All processors, where xz can.
    command
        .env("XZ_DEFAULTS", "-T0")
        .arg("-xf")
        .arg(tar)
        .arg("-C")
        .arg(to);
    command.arg(format!("--strip-components={strip}"));
    exec::run_logged(&mut command, log).with_context(|| format!("unpacking {}", tar.display()))
}

/// A copy without the user's git history and without what they have built.
fn copy_directory(from: &Path, to: &Path, log: &Path) -> Result<()> {
    let pack = "tar -C \"$1\" --exclude=./.git --exclude='*.o' --exclude='*.cmd' --exclude='*.rmeta' \
                --exclude=./.config --exclude=./include/generated --exclude=./include/config -cf - . | tar -C \"$2\" -xf -";
    exec::run_logged(
        Command::new("sh")
            .args(["-c", pack, "copy"])
            .arg(from)
            .arg(to),
        log,
    )
}

/// A directory is identified by its version and place; an edit in it is not noticed, `cargo xtask` says so in --help.
fn identity_of(own: &Path) -> Result<String> {
    let own = own
        .canonicalize()
        .with_context(|| format!("looking for the kernel source {}", own.display()))?;
    let mut key = Key::new().with(own.to_string_lossy().as_bytes());
    if own.is_dir() {
        key = key.with(
            fs::read(own.join("Makefile"))
                .with_context(|| format!("{} is no kernel source", own.display()))?,
        );
    } else {
        let meta = fs::metadata(&own)?;
        key = key
            .with(meta.len().to_le_bytes())
            .with(format!("{:?}", meta.modified()?));
    }
    Ok(format!("own-{}", key.finish()))
}

fn check_version(linux: &Path) -> Result<()> {
    let makefile =
        fs::read_to_string(linux.join("Makefile")).context("the kernel source has no Makefile")?;
    let field = |name: &str| {
        let line = makefile
            .lines()
            .find_map(|l| l.strip_prefix(name)?.trim_start().strip_prefix('='));
        line.unwrap_or_default().trim().to_owned()
    };
    let version = format!("{}.{}", field("VERSION"), field("PATCHLEVEL"));
    if version != VERSION {
        bail!("this is the source of Linux {version}; the series in linux-patches/ is for {VERSION}.y");
    }
    Ok(())
}
