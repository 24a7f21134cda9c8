// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a boot leaves behind for whoever wants to know: console, QEMU's own words, command line, plan.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use doors_protocol::splat;

/// How many boots of one kind are remembered.
const KEPT: usize = 20;

/// A younger one is never removed: it may still be running.
const YOUNG: Duration = Duration::from_secs(3600);

/// One boot's directory.
#[derive(Debug, Clone)]
pub struct MachineLog {
    directory: PathBuf,
}

impl MachineLog {
    /// A fresh directory in `kind`, for instance `target/logs/run`; the oldest ones go.
    pub fn create(kind: &Path) -> Result<MachineLog> {
        prune(kind);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let directory = kind.join(format!("{}-{}", now.as_millis(), std::process::id()));
        fs::create_dir_all(&directory)
            .with_context(|| format!("making {}", directory.display()))?;
        Ok(MachineLog { directory })
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The serial console's log.
    pub fn console(&self) -> PathBuf {
        self.file("console.log")
    }

    /// The kernel's complaints on the console.
    pub fn splats(&self) -> Vec<String> {
        splat::find_all(&self.read_console())
    }

    /// The console's last lines: what there is to show when nothing else is known.
    pub fn tail(&self, lines: usize) -> String {
        let console = self.read_console();
        let all: Vec<&str> = console.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn read_console(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.console()).unwrap_or_default()).into_owned()
    }
}

/// Removes the oldest boots. Failing to is no reason to fail: somebody else may be removing them too.
fn prune(kind: &Path) {
    let Ok(entries) = fs::read_dir(kind) else {
        return;
    };
    let mut boots: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
        .collect();
    boots.sort();
    let surplus = boots.len().saturating_sub(KEPT - 1);
    for (modified, path) in boots.into_iter().take(surplus) {
        if modified.elapsed().is_ok_and(|age| age > YOUNG) {
            let _ = fs::remove_dir_all(path);
        }
    }
}
