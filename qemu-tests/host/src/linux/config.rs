// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel configurations: tinyconfig, the common fragment, one flavour's fragment; and proof that every line of the
//! fragments took effect, because Kconfig silently drops what depends on something that is off.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{bail, Context, Result};

use crate::paths::Paths;

/// The kernels there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// The representative one, which figures come from.
    #[default]
    Default,
    /// The one that finds mistakes: address sanitizer, lock checker, leak finder, KUnit.
    Debug,
}

impl FromStr for Flavour {
    type Err = String;

    fn from_str(text: &str) -> Result<Flavour, String> {
        match text {
            "default" => Ok(Flavour::Default),
            "debug" => Ok(Flavour::Debug),
            _ => Err("it is one of: default, debug".into()),
        }
    }
}

impl Flavour {
    /// Both.
    pub const ALL: [Flavour; 2] = [Flavour::Default, Flavour::Debug];

    /// Its name, in file names and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Default => "default",
            Flavour::Debug => "debug",
        }
    }

    /// How much memory it gets unless the user says otherwise, in MiB. KASAN's shadow takes an eighth, kmemleak as much.
    pub fn memory(self) -> u32 {
        match self {
            Flavour::Default => 512,
            Flavour::Debug => 2048,
        }
    }

    /// How long it may take to boot: ten times what it takes on an idle machine.
    pub fn boot_limit(self) -> Duration {
        match self {
            Flavour::Default => Duration::from_secs(120),
            Flavour::Debug => Duration::from_secs(300),
        }
    }

    /// About how many steps its build from nothing has.
    pub(crate) fn steps(self) -> u64 {
        match self {
            Flavour::Default => 2050,
            Flavour::Debug => 2260,
        }
    }

    /// By what factor things are slower in it, which time limits must know.
    pub fn slowness(self) -> u32 {
        match self {
            Flavour::Default => 1,
            Flavour::Debug => 4,
        }
    }

    /// The fragments that make it, in their order.
    pub fn fragments(self, paths: &Paths) -> [PathBuf; 2] {
        ["common", self.name()].map(|name| paths.source(format!("qemu-tests/config/{name}.config")))
    }
}

/// The fragments in one text, the later ones winning.
pub fn merged(fragments: &[PathBuf]) -> Result<String> {
    let mut merged = String::new();
    for fragment in fragments {
        merged += &fs::read_to_string(fragment)
            .with_context(|| format!("reading {}", fragment.display()))?;
        merged.push('\n');
    }
    Ok(merged)
}

/// Checks that the configuration `config` is what the fragments, `wanted`, ask for.
pub fn verify(config: &Path, wanted: &str, described: &str) -> Result<()> {
    let text =
        fs::read_to_string(config).with_context(|| format!("reading {}", config.display()))?;
    let missed = differences(&parse(wanted), &parse(&text));
    if missed.is_empty() {
        return Ok(());
    }
    bail!(
        "these lines of {described} did not take effect; look up what the options depend on, or remove the lines:\n{}",
        missed.join("\n")
    );
}

/// Whether an option is on in the configuration `config`.
pub fn is_on(config: &Path, option: &str) -> Result<bool> {
    let text =
        fs::read_to_string(config).with_context(|| format!("reading {}", config.display()))?;
    Ok(parse(&text).get(option) == Some(&"y"))
}

/// Option to value; an option that is off has the value `n`.
fn parse(text: &str) -> BTreeMap<&str, &str> {
    let mut options = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("# ")
            .and_then(|l| l.strip_suffix(" is not set"))
        {
            options.insert(name, "n");
        } else if let Some((name, value)) = line
            .split_once('=')
            .filter(|(name, _)| name.starts_with("CONFIG_"))
        {
            options.insert(name, value);
        }
    }
    options
}

fn differences(wanted: &BTreeMap<&str, &str>, found: &BTreeMap<&str, &str>) -> Vec<String> {
    let differing = wanted.iter().filter_map(|(name, want)| {
        let have = found.get(name).unwrap_or(&"n");
        (have != want).then(|| format!("    {name}={want} (it is {have})"))
    });
    differing.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_take_effect_is_listed() {
        let wanted =
            parse("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=n\nCONFIG_D=7\nCONFIG_E=y\n");
        let found = parse("CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\nCONFIG_D=8\n# CONFIG_UNRELATED is not set\n");
        let missed = differences(&wanted, &found);
        assert_eq!(missed.len(), 3, "{missed:?}");
        assert!(missed[0].contains("CONFIG_B=n (it is y)"));
        assert!(missed[1].contains("CONFIG_D=7 (it is 8)"));
        assert!(missed[2].contains("CONFIG_E=y (it is n)"));
    }

    #[test]
    fn the_later_fragment_wins() {
        assert_eq!(parse("CONFIG_A=y\nCONFIG_A=n\n")["CONFIG_A"], "n");
    }
}
