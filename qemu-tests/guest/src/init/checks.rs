// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel can say about itself: KUnit's results and kmemleak's findings.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};

const KUNIT: &str = "/sys/kernel/debug/kunit";
const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";

/// kmemleak takes nothing for lost that was allocated in the last five seconds.
const LEAK_AGE: Duration = Duration::from_secs(6);

/// Hands each suite's results on.
pub(crate) fn kunit_results(mut each: impl FnMut(String, String) -> Result<()>) -> Result<()> {
    // No directory: the kernel has no KUnit, and the host's list of suites will come out empty.
    let Ok(suites) = fs::read_dir(KUNIT) else {
        return Ok(());
    };
    let mut suites = suites.collect::<Result<Vec<_>, _>>()?;
    suites.sort_by_key(fs::DirEntry::file_name);
    for suite in suites {
        let name = suite.file_name().to_string_lossy().into_owned();
        let ktap = fs::read_to_string(suite.path().join("results"))
            .with_context(|| format!("reading the results of the KUnit suite {name}"))?;
        each(name, ktap)?;
    }
    Ok(())
}

/// What was lost before the jobs began is not theirs.
pub(crate) fn forget_old_leaks() -> Result<()> {
    fs::write(KMEMLEAK, "scan")
        .and_then(|()| fs::write(KMEMLEAK, "clear"))
        .context("starting kmemleak")
}

/// What kmemleak has to say about the time since [`forget_old_leaks`].
///
/// Two scans: a pointer that only lived in a register during the first is found by the second.
pub(crate) fn leaks() -> Result<String> {
    sleep(LEAK_AGE);
    fs::write(KMEMLEAK, "scan")?;
    fs::write(KMEMLEAK, "scan")?;
    fs::read_to_string(KMEMLEAK).context("reading kmemleak's report")
}
