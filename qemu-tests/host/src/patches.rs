// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask patches`: working on the series.
//!
//! `apply` makes a git tree of the kernel in `target/linux`: one commit of the pristine source, tagged `base`, and one
//! for each patch. The files of `kernel-rust/` and `uapi/` are *links* in it, which git is told not to see: an edit
//! made there is an edit of this work tree, and no patch can come to contain them. `refresh` turns the commits after
//! `base` into the series again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, ensure, Context, Result};

use crate::cache;
use crate::exec;
use crate::linux::config::{self, Flavour};
use crate::linux::image::{Build, Origin};
use crate::linux::source::{self, Source};
use crate::linux::{placement, series, tree};
use crate::paths::Paths;
use crate::setup::prerequisites;
use crate::setup::toolchain::Toolchain;
use crate::ui::{self, Step};

/// Every flag is there to make a second export differ in nothing.
const EXPORT: &[&str] = &[
    "format-patch",
    "--quiet",
    "--zero-commit",
    "--no-signature",
    "--no-numbered",
    "--no-cover-letter",
    "--full-index",
    "--no-renames",
    "--diff-algorithm=myers",
    "--stat=80",
    "base..HEAD",
];

fn directory(paths: &Paths) -> PathBuf {
    paths.target("linux")
}

/// git in the kernel tree, deaf to the user's configuration, which could change what it writes.
fn git(paths: &Paths) -> Command {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(directory(paths))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null");
    git
}

/// Makes the git tree.
pub fn apply(paths: &Paths, origin: &Origin) -> Result<()> {
    prerequisites::require(paths, prerequisites::GIT)?;
    prerequisites::require(paths, prerequisites::SOURCE)?;
    let _lock = cache::lock(paths)?;
    let directory = directory(paths);
    ensure_nothing_is_lost(paths)?;
    let log = paths.log("patches")?;
    cache::replace(&log, b"")?;
    let new = cache::workplace(&directory)?;
    let identity = source::unpack_into(paths, origin.linux.as_deref(), &new)?;
    cache::settle(&new, &directory)?;

    let step = Step::begin("making a git tree of the kernel", Some(&log));
    let run = |arguments: &[&str]| exec::run_logged(git(paths).args(arguments), &log);
    run(&["init", "--quiet", "--initial-branch=doors"])?;
    run(&["config", "user.name", "doors"])?;
    run(&["config", "user.email", "doors@localhost"])?;
    run(&["config", "gc.auto", "0"])?;
    run(&["add", "--all", "--force"])?;
    run(&[
        "commit",
        "--quiet",
        "--message",
        &format!("Linux {} ({identity})", source::VERSION),
    ])?;
    run(&["tag", "base"])?;
    step.note("placing the new files");
    let mut exclude = String::from("# Links to the sources in the project's work tree.\n");
    for (to, from) in placement::files(paths)? {
        let link = directory.join(&to);
        fs::create_dir_all(link.parent().context("a file has a directory")?)?;
        symlink(&from, &link).with_context(|| format!("making {}", link.display()))?;
        exclude += &format!("/{}\n", to.display());
    }
    fs::write(directory.join(".git/info/exclude"), exclude)?;
    for patch in series::read(paths)? {
        step.note(&patch.name());
        let mut am = git(paths);
        am.args(["am", "--quiet", "--committer-date-is-author-date"])
            .arg(&patch.path);
        exec::run_logged(&mut am, &log).with_context(|| {
            format!(
                "{} does not apply. In {}: mend the conflict, `git am --continue`, `git am` the patches after it, \
                 and then `cargo xtask patches refresh`",
                patch.name(),
                Paths::show(&directory)
            )
        })?;
    }
    drop(step);
    println!(
        "{}: one commit for each patch; `cargo xtask patches refresh` makes the series of them",
        Paths::show(&directory)
    );
    Ok(())
}

/// Commits that are not in the series yet must not vanish.
fn ensure_nothing_is_lost(paths: &Paths) -> Result<()> {
    let directory = directory(paths);
    if !directory.join(".git").exists() {
        return Ok(());
    }
    let shown = Paths::show(&directory);
    let status = exec::output(git(paths).args(["status", "--porcelain"]))?;
    ensure!(
        status.is_empty(),
        "{shown} has changes that are not committed: commit them, or remove the directory"
    );
    let export = tempfile::tempdir()?;
    let names = export_to(paths, export.path())?;
    let known = |name: &String| {
        fs::read(export.path().join(name)).ok()
            == fs::read(series::directory(paths).join(name)).ok()
    };
    // What an earlier series had is in the project's history.
    let project = exec::output(Command::new("git").arg("-C").arg(paths.root()).args([
        "status",
        "--porcelain",
        "linux-patches",
    ]));
    ensure!(
        names.iter().all(known) || project.is_ok_and(|changes| changes.is_empty()) && refreshed(paths),
        "{shown} has commits that are not in the series: `cargo xtask patches refresh`, or remove the directory"
    );
    Ok(())
}

/// Whether the last thing done with the tree's commits was to export them.
fn refreshed(paths: &Paths) -> bool {
    let head = exec::output(git(paths).args(["rev-parse", "HEAD"])).unwrap_or_default();
    fs::read_to_string(directory(paths).join(".git/doors-exported"))
        .is_ok_and(|exported| exported == head)
}

fn export_to(paths: &Paths, to: &Path) -> Result<Vec<String>> {
    exec::output(git(paths).args(EXPORT).arg("--output-directory").arg(to))?;
    let mut names: Vec<String> = fs::read_dir(to)?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Makes the series of the git tree's commits.
pub fn refresh(paths: &Paths) -> Result<()> {
    let tree = directory(paths);
    ensure!(
        tree.join(".git").exists(),
        "there is no {}: `cargo xtask patches apply` makes it",
        Paths::show(&tree)
    );
    let status = exec::output(git(paths).args(["status", "--porcelain"]))?;
    ensure!(
        status.is_empty(),
        "{} has changes that are not committed:\n{status}",
        Paths::show(&tree)
    );
    let export = tempfile::tempdir()?;
    let names = export_to(paths, export.path())?;
    if names.is_empty() {
        bail!(
            "{} has no commit after `base`: that would remove the whole series",
            Paths::show(&tree)
        );
    }
    let directory = series::directory(paths);
    for old in series::read(paths)? {
        if !names.contains(&old.name()) {
            fs::remove_file(&old.path)?;
            println!("removed {}", old.name());
        }
    }
    for name in &names {
        let (from, to) = (fs::read(export.path().join(name))?, directory.join(name));
        if fs::read(&to).ok().as_deref() != Some(&from) {
            cache::replace(&to, &from)?;
            println!("wrote {name}");
        }
    }
    let list = directory.join("series");
    let before = fs::read_to_string(&list)?;
    let after = series_file(&before, &names);
    if after != before {
        cache::replace(&list, after.as_bytes())?;
    }
    fs::write(
        tree.join(".git/doors-exported"),
        exec::output(git(paths).args(["rev-parse", "HEAD"]))?,
    )?;
    Ok(())
}

/// The series file with these names; a comment stays above the patch that it stood above.
fn series_file(before: &str, names: &[String]) -> String {
    let (mut text, mut comment) = (String::new(), String::new());
    let mut comments = Vec::new();
    for line in before.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            comment += line;
            comment.push('\n');
        } else {
            comments.push((line.trim().to_owned(), std::mem::take(&mut comment)));
        }
    }
    for (index, name) in names.iter().enumerate() {
        // The file's head is above its first patch, whichever that is now.
        let above = comments
            .iter()
            .find(|(n, _)| n == name)
            .or(comments.first().filter(|_| index == 0));
        text += above.map_or("", |(_, comment)| comment);
        text += name;
        text.push('\n');
    }
    text + &comment
}

/// Proves that each patch applies to the pristine source, in order, with no fuzz.
pub fn check_fit(paths: &Paths, source: &Source) -> Result<()> {
    prerequisites::require(paths, prerequisites::SOURCE)?;
    let scratch = tempfile::tempdir()?;
    let log = paths.log("series-fit")?;
    cache::replace(&log, b"")?;
    let patches = series::read(paths)?;
    for path in patches.iter().flat_map(|patch| &patch.touches) {
        tree::copy_pristine(paths, source, path, &scratch.path().join(path))?;
    }
    for patch in patches {
        let mut command = Command::new("patch");
        command
            .args(["-p1", "--forward", "--fuzz=0", "-i"])
            .arg(&patch.path)
            .current_dir(scratch.path());
        exec::run_logged(&mut command, &log).with_context(|| {
            format!(
                "{} does not fit exactly: `cargo xtask patches apply`, then `refresh`",
                patch.name()
            )
        })?;
    }
    Ok(())
}

/// Builds after each patch, with doors off, and with doors on where there is such an option: every patch must be a
/// place that a bisection can stop at.
pub fn check(paths: &Paths, origin: &Origin) -> Result<()> {
    let _lock = cache::lock(paths)?;
    let source = source::unpack(paths, origin.linux.as_deref())?;
    check_fit(paths, &source)?;
    let toolchain = Toolchain::choose(paths, origin.toolchain, &source.directory)?;
    let patches = series::read(paths)?;
    let placed = placement::contents(paths)?;
    let fragments = config::merged(&Flavour::Default.fragments(paths))?;
    for count in 1..=patches.len() {
        tree::update_to(paths, &source, &patches[..count], &placed)?;
        let name = patches[count - 1].name();
        for (state, wanted) in [
            ("off", format!("{fragments}CONFIG_DOORS=n\n")),
            ("on", fragments.clone()),
        ] {
            let build = Build {
                paths,
                name: &format!("check-{state}"),
                steps: Flavour::Default.steps(),
                wanted: &wanted,
                described: None,
                linux: &source.directory,
                toolchain: &toolchain,
            };
            build.configure_now()?;
            if state == "on" && !config::is_on(&build.output().join(".config"), "CONFIG_DOORS")? {
                ui::say(&format!("{name}: doors cannot be turned on yet"));
                continue;
            }
            build
                .image()
                .with_context(|| format!("after {name}, with doors {state}"))?;
            println!("{name}: builds with doors {state}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_with_their_patches() {
        let before = "# head\n0001-a.patch\n\n# hooks\n0002-b.patch\n# end\n";
        let names = |n: &[&str]| n.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            series_file(before, &names(&["0001-a.patch", "0002-b.patch"])),
            before
        );
        assert_eq!(
            series_file(
                before,
                &names(&["0001-new.patch", "0002-b.patch", "0003-c.patch"])
            ),
            "# head\n0001-new.patch\n\n# hooks\n0002-b.patch\n0003-c.patch\n# end\n"
        );
    }
}
