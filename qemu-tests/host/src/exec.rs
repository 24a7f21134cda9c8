// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running other programs: their output goes to a log, their failure becomes an error that says why.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

use crate::paths::Paths;

/// How much of a log an error quotes.
const QUOTED_LINES: usize = 20;

/// Runs `command`, all of its output appended to `log`; an error when it fails.
pub fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    run_watched(command, log, |_| {})
}

/// Like [`run_logged`]; each line of output is also shown to `watch`.
pub fn run_watched(command: &mut Command, log: &Path, mut watch: impl FnMut(&str)) -> Result<()> {
    let mut sink = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening the log {}", log.display()))?;
    writeln!(sink, "$ {}", show(command))?;
    let (reader, writer) = std::io::pipe()?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {}", name(command)))?;
    // The pipe's writing ends live in the command; without them the child's are the only ones.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    copy_lines(BufReader::new(reader), &mut sink, &mut watch)?;
    let status = child.wait()?;
    if !status.success() {
        bail!(
            "{} failed ({status}); it said:\n{}\nThe whole log: {}",
            name(command),
            quote(log),
            Paths::show(log)
        );
    }
    Ok(())
}

/// Runs `command` and returns what it printed; an error, with its standard error, when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", name(command)))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed ({}): {}",
            show(command),
            output.status,
            error.trim()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("reading what {} printed", name(command)))
}

/// Whether `command` can be started and succeeds; what it prints does not matter.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// Whether there is a program called `name` on the `PATH`, or where only root looks.
pub fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(name).is_file())
}

/// `command` as one would type it, with what it adds to the environment.
pub fn show(command: &Command) -> String {
    let assignments = command.get_envs().filter_map(|(name, value)| {
        let value = quoted(&value?.to_string_lossy());
        Some(format!("{}={value}", name.to_string_lossy()))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    assignments
        .chain(words.map(|w| quoted(&w.to_string_lossy())))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What a log says about its last command's failure: the first error, because those after it tend to follow from it;
/// without one, the last lines.
fn quote(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let command = lines
        .iter()
        .rposition(|line| line.starts_with("$ "))
        .map_or(0, |at| at + 1);
    let lines = &lines[command..];
    let is_error = |line: &&str| line.contains("error:") || line.contains("error[");
    let first = match lines.iter().position(is_error) {
        Some(error) => error,
        None => lines.len().saturating_sub(QUOTED_LINES),
    };
    let quoted = lines[first..].iter().take(QUOTED_LINES);
    quoted
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn copy_lines(mut from: impl BufRead, to: &mut File, watch: &mut impl FnMut(&str)) -> Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        watch(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("echo");
        command.args(["a b", "", "it's", "--x=y"]);
        assert_eq!(show(&command), r"echo 'a b' '' 'it'\''s' --x=y");
        command.env("A", "b c").env_remove("HOME");
        assert_eq!(show(&command), r"A='b c' echo 'a b' '' 'it'\''s' --x=y");
    }

    #[test]
    fn the_first_error_is_quoted() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let script = "echo fine; echo b.c:2: error: first; seq 100; exit 1";
        fs::write(log.path(), "$ before\na.c:1: error: of another command\n").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let error = run_logged(&mut command, log.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("error: first\n"), "{error}");
        assert!(
            !error.contains("another") && !error.contains("fine\n"),
            "{error}"
        );
    }

    #[test]
    fn a_failure_quotes_what_was_said() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo this went wrong >&2; exit 3"]);
        let error = run_logged(&mut command, log.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("this went wrong"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
    }
}
