// SPDX-License-Identifier: MIT OR Apache-2.0
//! The build root: a Debian with a toolchain that builds Rust kernels, for hosts whose own does not; and with a QEMU,
//! likewise.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::debian::{self, SUITE};
use super::prerequisites;
use super::privilege::{as_root, userspec};
use crate::cache::{self, Key};
use crate::exec;
use crate::paths::Paths;
use crate::ui::Step;

/// What the kernel's build calls. `rustc` here is exactly the kernel's minimum.
const PACKAGES: &[&str] = &[
    "bc",
    "bindgen",
    "bison",
    "build-essential",
    "clang",
    "cpio",
    "flex",
    "kmod",
    "libclang-dev",
    "libelf-dev",
    "libssl-dev",
    "lld",
    "llvm",
    "lz4",
    "python3",
    "rsync",
    "rust-clippy",
    "rust-src",
    "rustc",
    "rustfmt",
    "xz-utils",
];

/// Enters the root. Arguments: the root, the user, how many directories to bind, those directories, the command.
///
/// The mounts are made in a mount namespace of the command's own and vanish with it, however it ends.
const ENTER: &str = r#"
set -e
root=$1 user=$2 count=$3
shift 3
while [ "$count" -gt 0 ]; do
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    shift
    count=$((count - 1))
done
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot --userspec="$user" "$root" "$@"
"#;

/// A build root that is complete.
#[derive(Debug, Clone)]
pub struct BuildRoot {
    directory: PathBuf,
    bound: Vec<PathBuf>,
}

impl BuildRoot {
    /// The build root in the cache; made if it is not there.
    pub fn open(paths: &Paths) -> Result<BuildRoot> {
        let directory = paths.cached(format!("root-{SUITE}"));
        let bound = vec![paths.root().to_owned(), paths.cached(".").canonicalize()?];
        let root = BuildRoot { directory, bound };
        let stamp = paths.cached(format!("root-{SUITE}.stamp"));
        let key = Key::new().with(SUITE).with(PACKAGES.join(" ")).finish();
        if !cache::is_fresh(&stamp, &key) {
            cache::unstamp(&stamp)?;
            root.make(paths)?;
            cache::stamp(&stamp, &key)?;
        }
        Ok(root)
    }

    /// Makes these directories of the host's visible in the root, too.
    pub fn bind(&mut self, directory: &Path) {
        if !self.bound.iter().any(|b| directory.starts_with(b)) {
            self.bound.push(directory.to_owned());
        }
    }

    /// A command that runs in the root as the user that we are.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.enter(program, &userspec())
    }

    fn enter(&self, program: impl AsRef<OsStr>, user: &str) -> Command {
        let mut command = as_root("unshare");
        command.args(["--mount", "--", "sh", "-c", ENTER, "enter"]);
        command
            .arg(&self.directory)
            .arg(user)
            .arg(self.bound.len().to_string())
            .args(&self.bound);
        // What the host's Rust set for its own programs must not reach the root's.
        command.args([
            "env",
            "-i",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME=/tmp",
            "LC_ALL=C",
        ]);
        command.arg(program);
        command
    }

    fn make(&self, paths: &Paths) -> Result<()> {
        prerequisites::require(paths, prerequisites::ROOT)?;
        let log = paths.log("build-root")?;
        let mirror = debian::mirror()?;
        // What is left of an attempt that was interrupted may be root's.
        exec::run_logged(as_root("rm").arg("-rf").arg(&self.directory), &log)?;

        let step = Step::begin(format!("making a Debian {SUITE} build root"), Some(&log));
        let mut debootstrap = as_root("env");
        debootstrap
            .args(proxies()?)
            .args(["debootstrap", "--variant=minbase", SUITE]);
        debootstrap.arg(&self.directory).arg(&mirror);
        exec::run_logged(&mut debootstrap, &log).context("making the build root")?;

        step.note("reading its package lists");
        self.refresh(&mirror, &log)?;
        step.note("installing the toolchain");
        self.apt_install(PACKAGES, &log)
            .context("installing the toolchain in the build root")
    }

    /// Installs packages that not every root has, called `name` together. `file` is one of theirs, in the root; `check`
    /// is asked whether they work, once.
    ///
    /// They are not in [`PACKAGES`], so that a root, and what is built from it, outlives a change of theirs.
    pub fn add(
        &self,
        paths: &Paths,
        name: &str,
        packages: &[&str],
        file: &Path,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let log = paths.log(&format!("build-root-{name}"))?;
        let stamp = paths.cached(format!("root-{SUITE}.{name}.stamp"));
        let key = Key::new().with(SUITE).with(packages.join(" ")).finish();
        // A root that was made anew has lost them, whatever the stamp says.
        if cache::is_fresh(&stamp, &key) && self.directory.join(file).exists() {
            return Ok(());
        }
        cache::unstamp(&stamp)?;
        prerequisites::require(paths, prerequisites::ROOT)?;
        let step = Step::begin(
            format!("installing {name} in the Debian {SUITE} build root"),
            Some(&log),
        );
        if self.apt_install(packages, &log).is_err() {
            // What the lists of an old root name may have left the archive, and the way there may be another.
            step.note("reading its package lists");
            self.refresh(&debian::mirror()?, &log)?;
            step.note("installing");
            self.apt_install(packages, &log)
                .with_context(|| format!("installing {name} in the build root"))?;
        }
        check()?;
        cache::stamp(&stamp, &key)
    }

    /// Where the root is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Has the root's apt reach the archive as the host's does, and read what is there.
    fn refresh(&self, mirror: &str, log: &Path) -> Result<()> {
        let configuration = tempfile::tempdir()?;
        fs::write(
            configuration.path().join("sources.list"),
            debian::sources(mirror),
        )?;
        fs::write(
            configuration.path().join("99host"),
            debian::reaching_configuration()?,
        )?;
        let at = |name: &str| configuration.path().join(name);
        self.install_file(&at("sources.list"), "/etc/apt/sources.list", log)?;
        self.install_file(&at("99host"), "/etc/apt/apt.conf.d/99host", log)?;
        for file in [
            "/etc/resolv.conf",
            "/etc/hosts",
            "/etc/apt/auth.conf",
            "/etc/ssl/certs/ca-certificates.crt",
        ] {
            if Path::new(file).exists() {
                self.install_file(Path::new(file), file, log)?;
            }
        }
        for entry in fs::read_dir("/etc/apt/auth.conf.d")
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            self.install_file(&path, &path.to_string_lossy(), log)?;
        }
        exec::run_logged(self.enter("apt-get", "0:0").args(["-q", "update"]), log)
    }

    fn apt_install(&self, packages: &[&str], log: &Path) -> Result<()> {
        let mut install = self.enter("env", "0:0");
        install.args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-q",
            "-y",
            "--no-install-recommends",
            "install",
        ]);
        exec::run_logged(install.args(packages), log)?;
        // The toolchain's are 500 MB that nobody needs again.
        exec::run_logged(self.enter("apt-get", "0:0").arg("clean"), log)
    }

    fn install_file(&self, from: &Path, to: &str, log: &Path) -> Result<()> {
        let to = self.directory.join(to.trim_start_matches('/'));
        exec::run_logged(
            as_root("install")
                .args(["-D", "-m", "644"])
                .arg(from)
                .arg(to),
            log,
        )
    }
}

/// debootstrap does not read apt's configuration: it gets the proxies in its environment.
fn proxies() -> Result<Vec<String>> {
    let mut assignments = Vec::new();
    for scheme in ["http", "https"] {
        let key = format!("Acquire::{scheme}::Proxy");
        let value = exec::output(Command::new("apt-config").args(["shell", "VALUE", &key]))?;
        if let Some(value) = value
            .trim()
            .strip_prefix("VALUE='")
            .and_then(|v| v.strip_suffix('\''))
        {
            assignments.push(format!("{scheme}_proxy={value}"));
        }
    }
    Ok(assignments)
}
