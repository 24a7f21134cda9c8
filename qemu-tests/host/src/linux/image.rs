// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel image of one flavour, built when one of its inputs has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

use super::config::{self, Flavour};
use super::{placement, series, source, tree};
use crate::cache::{self, Key};
use crate::exec;
use crate::paths::Paths;
use crate::setup::toolchain::{Choice, Toolchain};
use crate::ui::Step;

/// Where the kernel comes from: what all commands that need one share.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The user's own kernel source.
    pub linux: Option<PathBuf>,
    /// Who compiles it.
    pub toolchain: Choice,
    /// An image that is ready: nothing is built.
    pub image: Option<PathBuf>,
}

/// Makes the image of `flavour`, if it is not there, and returns where it is.
pub fn build(paths: &Paths, flavour: Flavour, origin: &Origin) -> Result<PathBuf> {
    if let Some(image) = &origin.image {
        return image
            .canonicalize()
            .with_context(|| format!("looking for the kernel image {}", image.display()));
    }
    let directory = paths.cached(format!("kernel-{}", flavour.name()));
    let (image, stamp) = (directory.join("bzImage"), directory.join("stamp"));
    let source = source::unpack(paths, origin.linux.as_deref())?;
    let key = key(paths, flavour, origin, &source)?;
    if cache::is_fresh(&stamp, &key) && image.exists() {
        return Ok(image);
    }
    fs::create_dir_all(&directory)?;
    cache::unstamp(&stamp)?;
    let toolchain = Toolchain::choose(paths, origin.toolchain, &source.directory)?;
    tree::update(paths, &source)?;
    let fragments = flavour.fragments(paths);
    let build = Build {
        paths,
        name: flavour.name(),
        steps: flavour.steps(),
        wanted: &config::merged(&fragments)?,
        described: Some(&fragments.each_ref().map(|f| Paths::show(f)).join(" and ")),
        linux: &source.directory,
        toolchain: &toolchain,
    };
    let built = build.image()?;
    cache::replace(&image, &fs::read(built)?)?;
    cache::replace(
        &directory.join("config"),
        &fs::read(build.output().join(".config"))?,
    )?;
    cache::stamp(&stamp, &key)?;
    Ok(image)
}

fn key(
    paths: &Paths,
    flavour: Flavour,
    origin: &Origin,
    source: &source::Source,
) -> Result<String> {
    let mut key = Key::new()
        .with(&source.identity)
        .with(origin.toolchain.name());
    for patch in series::read(paths)? {
        key = key.with(fs::read(&patch.path)?);
    }
    for (path, content) in placement::contents(paths)? {
        key = key.with(path.to_string_lossy().as_bytes()).with(content);
    }
    Ok(key
        .with(config::merged(&flavour.fragments(paths))?)
        .finish())
}

/// One build directory: a kernel source, compilers, and what its configuration is to be.
pub(crate) struct Build<'a> {
    pub(crate) paths: &'a Paths,
    /// Names the directory and the log.
    pub(crate) name: &'a str,
    /// About how many steps a build from nothing has, when nothing better is known.
    pub(crate) steps: u64,
    /// The fragments in one text.
    pub(crate) wanted: &'a str,
    /// What the fragments are called when a line of them did not take effect; none: that is no error.
    pub(crate) described: Option<&'a str>,
    pub(crate) linux: &'a Path,
    pub(crate) toolchain: &'a Toolchain,
}

impl Build<'_> {
    /// Where everything that is compiled goes.
    pub(crate) fn output(&self) -> PathBuf {
        self.paths.cached(format!("build-{}", self.name))
    }

    /// Builds the image; returns where make left it.
    pub(crate) fn image(&self) -> Result<PathBuf> {
        let name = self.name;
        let log = self.paths.log(&format!("kernel-{name}"))?;
        cache::replace(&log, b"")?;
        fs::create_dir_all(self.output())?;
        let step = Step::begin(format!("building the {name} kernel"), Some(&log));
        self.configure(&log)?;

        let count = self.output().join(".doors-steps");
        let usual = fs::read_to_string(&count)
            .ok()
            .and_then(|c| c.trim().parse().ok())
            .unwrap_or(self.steps);
        let mut done = 0;
        let jobs = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut make = self.make();
        make.arg(format!("-j{jobs}")).arg("bzImage");
        exec::run_watched(&mut make, &log, |line| {
            if is_step(line) {
                done += 1;
                step.advance(done, usual);
            }
        })
        .with_context(|| format!("the {name} kernel does not build"))?;
        // An incremental build says nothing about how long a whole one is.
        if done >= usual / 2 {
            fs::write(count, done.to_string())?;
        }
        Ok(self.output().join("arch/x86/boot/bzImage"))
    }

    /// Configures, and does not build.
    pub(crate) fn configure_now(&self) -> Result<()> {
        fs::create_dir_all(self.output())?;
        self.configure(&self.paths.log(&format!("kernel-{}", self.name))?)
    }

    /// Writes `.config` when something that it is made from has changed.
    fn configure(&self, log: &Path) -> Result<()> {
        let (config, stamp) = (
            self.output().join(".config"),
            self.output().join(".doors-config"),
        );
        let key = self.configuration_key()?;
        if cache::is_fresh(&stamp, &key) && config.exists() {
            return Ok(());
        }
        cache::unstamp(&stamp)?;
        exec::run_logged(self.make().arg("tinyconfig"), log)?;
        let tiny = fs::read_to_string(&config)?;
        fs::write(&config, format!("{tiny}\n{}", self.wanted))?;
        exec::run_logged(self.make().arg("olddefconfig"), log)?;
        if let Some(described) = self.described {
            config::verify(&config, self.wanted, described)?;
        }
        cache::stamp(&stamp, &key)
    }

    /// The fragments, and every Kconfig file that a patch or a new file of ours may have changed.
    fn configuration_key(&self) -> Result<String> {
        let mut key = Key::new().with(self.wanted);
        let patched = series::read(self.paths)?
            .into_iter()
            .flat_map(|patch| patch.touches);
        for path in patched.chain(placement::files(self.paths)?.into_keys()) {
            let here = self.linux.join(&path);
            if path.to_string_lossy().contains("Kconfig") && here.exists() {
                key = key.with_path(&here)?;
            }
        }
        Ok(key.finish())
    }

    fn make(&self) -> std::process::Command {
        let mut make = self.toolchain.command("make");
        make.arg("-C")
            .arg(self.linux)
            .arg(format!("O={}", self.output().display()))
            .arg("LLVM=1");
        // Two builds of the same inputs are the same.
        make.args([
            "KBUILD_BUILD_USER=doors",
            "KBUILD_BUILD_HOST=doors",
            "KBUILD_BUILD_TIMESTAMP=@0",
        ]);
        make
    }
}

/// Whether a line of make's output announces one step: two spaces, a capitalised verb, the file.
fn is_step(line: &str) -> bool {
    line.strip_prefix("  ")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
}
