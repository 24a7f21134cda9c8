// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packages and sources out of Debian's archive, without touching the host's own package state.
//!
//! The mirror, its proxies and credentials are those of the host's apt configuration. apt runs with lists and a cache
//! of its own below ours, so it needs no root and installs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{bail, Context, Result};

use super::prerequisites;
use crate::cache;
use crate::exec;
use crate::paths::Paths;
use crate::ui::Step;

/// The Debian release that the build root and every package come from.
pub const SUITE: &str = "trixie";

/// Says which mirror to use when apt's configuration does not.
const MIRROR_VARIABLE: &str = "DOORS_DEBIAN_MIRROR";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// How long package lists are good for: what they name stays in the archive for longer than that.
const LISTS_LIVE: Duration = Duration::from_secs(3600);

/// Everything of apt's configuration that says how to reach a mirror, and nothing that acts on the host.
const REACHING: &[&str] = &[
    "Acquire::http",
    "Acquire::https",
    "Acquire::Check-",
    "Acquire::Retries",
    "Acquire::ForceIPv4",
];

/// The archive's URI, from the host's apt.
pub fn mirror() -> Result<String> {
    if let Ok(mirror) = std::env::var(MIRROR_VARIABLE) {
        return Ok(mirror);
    }
    let by_hand = format!("set {MIRROR_VARIABLE} to the URI of a Debian mirror");
    // apt itself reads both kinds of sources files, and says what it made of them.
    let targets = exec::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(CREATED_BY) $(COMPONENT) $(REPO_URI)",
    ]))
    .with_context(|| format!("asking apt for the Debian mirror to use; or {by_hand}"))?;
    let main = targets
        .lines()
        .filter_map(|line| line.strip_prefix("Packages main "));
    match main
        .map(|uri| uri.trim_end_matches('/'))
        .find(|uri| uri.ends_with("/debian"))
    {
        Some(uri) => Ok(uri.to_owned()),
        None => bail!("this machine's apt has no Debian mirror configured: {by_hand}"),
    }
}

/// The lines of an apt configuration that reaches mirrors as the host's does.
pub fn reaching_configuration() -> Result<String> {
    let dump = exec::output(Command::new("apt-config").arg("dump"))?;
    let lines = dump
        .lines()
        .filter(|line| REACHING.iter().any(|key| line.starts_with(key)));
    // Values that are empty only repeat a tree's name.
    Ok(lines
        .filter(|line| !line.ends_with("\"\";"))
        .map(|line| format!("{line}\n"))
        .collect())
}

/// The sources of everything that we take from Debian; in the form that apt in the build root reads too.
pub fn sources(mirror: &str) -> String {
    format!(
        "deb {mirror} {SUITE} main\n\
         deb {mirror} {SUITE}-backports main\n\
         deb-src {mirror} {SUITE} main\n"
    )
}

/// The package `name`, if it has been downloaded before.
pub fn downloaded(paths: &Paths, name: &str) -> Option<PathBuf> {
    only(&paths.cached("downloads").join(name), |file| {
        file.ends_with(".deb")
    })
    .ok()
}

/// An apt that only downloads.
pub struct Archive<'a> {
    paths: &'a Paths,
    directory: PathBuf,
}

impl<'a> Archive<'a> {
    /// With fresh package lists.
    pub fn open(paths: &'a Paths) -> Result<Archive<'a>> {
        prerequisites::require(paths, &[("apt-get", "apt")])?;
        let archive = Archive {
            paths,
            directory: paths.cached("apt"),
        };
        let sources = sources(&mirror()?)
            .replace("deb ", &signed("deb"))
            .replace("deb-src ", &signed("deb-src"));
        for directory in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(archive.directory.join(directory))?;
        }
        let list = archive.directory.join("sources.list");
        let (unchanged, stamp) = (
            cache::is_fresh(&list, &sources),
            archive.directory.join("stamp"),
        );
        let age = fs::metadata(&stamp)
            .and_then(|m| m.modified())
            .ok()
            .and_then(|m| m.elapsed().ok());
        if unchanged && age.is_some_and(|age| age < LISTS_LIVE) {
            return Ok(archive);
        }
        cache::replace(&list, sources.as_bytes())?;
        cache::replace(&archive.directory.join("status"), b"")?;
        let log = paths.log("apt")?;
        let _step = Step::begin("reading Debian's package lists", Some(&log));
        exec::run_logged(archive.apt("apt-get").args(["-q", "update"]), &log)?;
        cache::stamp(&stamp, "")?;
        Ok(archive)
    }

    /// Downloads the package `name`, from the backports if it is there; returns where the .deb lies.
    pub fn package(&self, name: &str) -> Result<PathBuf> {
        let log = self.paths.log("apt")?;
        let directory = self.paths.cached("downloads").join(name);
        let new = cache::workplace(&directory)?;
        let _step = Step::begin(format!("downloading Debian's {name}"), Some(&log));
        let mut apt = self.apt("apt-get");
        apt.args(["-q", "-t", &format!("{SUITE}-backports"), "download", name])
            .current_dir(&new);
        exec::run_logged(&mut apt, &log)?;
        cache::settle(&new, &directory)?;
        only(&directory, |file| file.ends_with(".deb"))
    }

    /// Downloads the upstream tar ball of the source package `name`.
    pub fn source(&self, name: &str) -> Result<PathBuf> {
        let log = self.paths.log("apt")?;
        let directory = self
            .paths
            .cached("downloads")
            .join(format!("{name}-source"));
        let new = cache::workplace(&directory)?;
        let _step = Step::begin(
            format!("downloading the source of Debian's {name}"),
            Some(&log),
        );
        let mut apt = self.apt("apt-get");
        apt.args(["-q", "source", "--download-only", name])
            .current_dir(&new);
        exec::run_logged(&mut apt, &log)?;
        cache::settle(&new, &directory)?;
        only(&directory, |file| {
            file.contains(".orig.tar.") && !file.ends_with(".asc")
        })
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        let at = |name: &str| self.directory.join(name).display().to_string();
        for (key, value) in [
            ("Dir::Etc::SourceList", at("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".into()),
            ("Dir::Etc::Preferences", "/dev/null".into()),
            ("Dir::Etc::PreferencesParts", "/dev/null".into()),
            ("Dir::State", at("state")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("cache")),
            ("APT::Architecture", "amd64".into()),
            ("APT::Architectures", "amd64".into()),
            // apt's own user could not write below a private home directory.
            ("APT::Sandbox::User", "root".into()),
            ("Acquire::Languages", "none".into()),
        ] {
            apt.arg("-o").arg(format!("{key}={value}"));
        }
        apt
    }
}

fn signed(kind: &str) -> String {
    format!("{kind} [signed-by={KEYRING}] ")
}

/// The one file in `directory` that is `wanted`.
fn only(directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if wanted(&entry.file_name().to_string_lossy()) {
            return Ok(entry.path());
        }
    }
    bail!(
        "apt said that it had downloaded something, but {} has no such file",
        directory.display()
    )
}
