// SPDX-License-Identifier: MIT OR Apache-2.0
//! An `ls` that knows doors. GNU coreutils have always shown one as `D`, where the system's headers say that there is
//! such a file type: so they are built here with an `S_ISDOOR`, statically, from Debian's source package.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use crate::cache::{self, Key};
use crate::exec;
use crate::paths::Paths;
use crate::setup::{debian, prerequisites};
use crate::ui::Step;

const PACKAGE: &str = "coreutils";

/// Included before every source file. `S_IFDOOR` as in uapi/include/linux/doors.h.
const HEADER: &str = "#define S_ISDOOR(mode) (((mode) & 0xF000) == 0xD000)\n";

/// The programs that look at files' types; for everything else busybox does.
pub const PROGRAMS: &[&str] = &[
    "cat", "chgrp", "chmod", "chown", "cp", "dir", "head", "ln", "ls", "mkdir", "mv", "readlink",
    "realpath", "rm", "rmdir", "stat", "sync", "tail", "touch", "vdir", "wc",
];

/// What configure is told: nothing that needs a library, one program for all names.
const CONFIGURE: &[&str] = &[
    "--enable-single-binary=symlinks",
    "--disable-nls",
    "--disable-acl",
    "--disable-xattr",
    "--disable-libcap",
    "--disable-libsmack",
    "--without-selinux",
    "--without-openssl",
    "--without-libgmp",
    "--disable-dependency-tracking",
    "--disable-rpath",
    "--disable-year2038",
];

/// A rule for coreutils' makefile; the recipe is expanded when the list is known.
const GENERATE: &str = "generate: ; $(MAKE) $(BUILT_SOURCES)";

/// Builds it, if it is not in the cache; returns where the one program lies.
pub fn build(paths: &Paths) -> Result<PathBuf> {
    let (directory, stamp) = (paths.cached(PACKAGE), paths.cached("coreutils.stamp"));
    let program = directory.join(PACKAGE);
    let key = Key::new().with(HEADER).with(CONFIGURE.join(" ")).finish();
    if cache::is_fresh(&stamp, &key) {
        return Ok(program);
    }
    prerequisites::require(paths, prerequisites::COMPILE)?;
    prerequisites::require(paths, prerequisites::SOURCE)?;
    let source = debian::Archive::open(paths)?.source(PACKAGE)?;
    let log = paths.log(PACKAGE)?;
    cache::replace(&log, b"")?;
    let step = Step::begin("building an ls that knows doors", Some(&log));
    let build = cache::workplace(&paths.cached("coreutils-build"))?;
    let mut untar = Command::new("tar");
    untar
        .arg("-xf")
        .arg(source)
        .arg("-C")
        .arg(&build)
        .arg("--strip-components=1");
    exec::run_logged(&mut untar, &log)?;

    step.note("configure");
    let header = build.join("is-door.h");
    fs::write(&header, HEADER)?;
    let mut configure = Command::new("./configure");
    configure.current_dir(&build).args(CONFIGURE).arg("--quiet");
    configure.env("FORCE_UNSAFE_CONFIGURE", "1");
    configure
        .env("CPPFLAGS", format!("-include {}", header.display()))
        .env("CFLAGS", "-O1 -w")
        .env("LDFLAGS", "-static");
    exec::run_logged(&mut configure, &log).context("configuring coreutils")?;
    step.note("make");
    let jobs = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut make = Command::new("make");
    // Only this program. What its makefile generates first, for `all` alone, has to be asked for.
    make.current_dir(&build)
        .arg(format!("-j{jobs}"))
        .arg(format!("--eval={GENERATE}"));
    exec::run_logged(make.arg("generate"), &log).context("generating coreutils' headers")?;
    let mut make = Command::new("make");
    make.current_dir(&build)
        .arg(format!("-j{jobs}"))
        .arg("src/coreutils");
    exec::run_logged(&mut make, &log).context("building coreutils")?;

    let new = cache::workplace(&directory)?;
    exec::run_logged(
        Command::new("strip")
            .arg("-o")
            .arg(new.join(PACKAGE))
            .arg(build.join("src/coreutils")),
        &log,
    )?;
    cache::settle(&new, &directory)?;
    cache::stamp(&stamp, &key)?;
    fs::remove_dir_all(build)?;
    Ok(program)
}
