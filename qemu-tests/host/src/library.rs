// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C library, built from `libsolaris-doors`, and the C compiler with it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{self, Key};
use crate::exec;
use crate::paths::Paths;
use crate::setup::prerequisites;

/// The cargo profile and feature that make the library C's.
const C_LIBRARY: &str = "c-library";

/// The name that programs are linked to.
const SONAME: &str = "libdoor.so.1";

/// Other libraries that the build scripts of Solaris programs name. What is in them there is here in `libdoor` or in the
/// C library, so to the linker each is a script that says so.
const OTHER_NAMES: [(&str, &str); 3] = [
    ("thread", "/* GNU ld script */ INPUT ( -ldoor )\n"),
    ("socket", "/* GNU ld script */ INPUT ( -lc )\n"),
    ("nsl", "/* GNU ld script */ INPUT ( -lc )\n"),
];

/// The directory with `libdoor.a`, `libdoor.so.1` and `libdoor.so`.
pub fn build(paths: &Paths) -> Result<PathBuf> {
    prerequisites::require(paths, prerequisites::COMPILE)?;
    let log = paths.log("library")?;
    let target = paths.target("library");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(paths.root())
        .args(["rustc", "--quiet", "-p", "libsolaris-doors", "--lib"]);
    cargo.args([
        "--profile",
        C_LIBRARY,
        "--features",
        C_LIBRARY,
        "--crate-type",
        "staticlib",
    ]);
    cargo.arg("--target-dir").arg(&target);
    exec::run_logged(&mut cargo, &log).context("building the doors library")?;

    let archive = target.join(C_LIBRARY).join("libsolaris_doors.a");
    let map = paths.source("libsolaris-doors/door.map");
    let (directory, stamp) = (paths.target("lib"), paths.target("lib/stamp"));
    let key = Key::new()
        .with_path(&archive)?
        .with_path(&map)?
        .with(format!("{OTHER_NAMES:?}, ours only"))
        .finish();
    if cache::is_fresh(&stamp, &key) {
        return Ok(directory);
    }
    let new = cache::workplace(&directory)?;
    // A Rust cdylib with a version script comes out unversioned; this way exactly the symbols of the map come out.
    let mut link = compiler();
    link.args(["-shared", "-Wl,--whole-archive"])
        .arg(&archive)
        .args(["-Wl,--no-whole-archive", "-Wl,--gc-sections"]);
    link.args([
        "-Wl,--no-undefined",
        "-Wl,-z,relro,-z,now,-z,nodelete",
        &format!("-Wl,-soname,{SONAME}"),
    ]);
    link.arg(format!("-Wl,--version-script={}", map.display()))
        .arg("-o")
        .arg(new.join(SONAME));
    exec::run_logged(&mut link, &log).context("linking the doors library")?;
    symlink(SONAME, new.join("libdoor.so"))?;
    static_library(&archive, &new.join("libdoor.a"), &log)?;
    for (name, script) in OTHER_NAMES {
        fs::write(new.join(format!("lib{name}.so")), script)?;
        fs::write(new.join(format!("lib{name}.a")), script)?;
    }
    fs::write(new.join("stamp"), key)?;
    cache::settle(&new, &directory)?;
    Ok(directory)
}

/// The archive with our own code only. Rust adds copies of what is in the C library and the compiler's: they would be taken first when
/// a program is linked statically, and want what only Rust's runtime has.
fn static_library(archive: &Path, to: &Path, log: &Path) -> Result<()> {
    fs::copy(archive, to)?;
    let listed = Command::new("ar").arg("t").arg(to).output();
    let listed = listed.context("listing the doors library")?;
    let members = String::from_utf8_lossy(&listed.stdout);
    let copies = members
        .lines()
        .filter(|name| !name.starts_with("solaris_doors"));
    let mut delete = Command::new("ar");
    delete.arg("d").arg(to).args(copies);
    exec::run_logged(&mut delete, log).context("making the static doors library")
}

/// The host's C compiler.
fn compiler() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

/// The C compiler, told to do what `arguments` say, with this tree's headers and library.
///
/// The library is found again at run time where it is now, and `run --add` brings it along.
pub fn cc(paths: &Paths, library: &Path, arguments: &[OsString]) -> Command {
    let mut cc = compiler();
    cc.arg("-I")
        .arg(paths.source("libsolaris-doors/include"))
        .args(arguments);
    let links = !arguments.iter().any(|a| {
        ["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only"]
            .iter()
            .any(|stop| a == stop)
    });
    if links {
        cc.arg("-L")
            .arg(library)
            .arg(format!("-Wl,-rpath,{}", library.display()))
            .args(["-ldoor", "-lpthread"]);
    }
    cc
}

/// `cargo xtask cc`: returns the compiler's exit status.
pub fn compile(paths: &Paths, arguments: &[OsString]) -> Result<i32> {
    let library = {
        let _lock = cache::lock(paths)?;
        build(paths)?
    };
    let status = cc(paths, &library, arguments)
        .status()
        .context("starting the C compiler")?;
    Ok(status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}
