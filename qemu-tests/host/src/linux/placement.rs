// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the files that are *new* in the kernel go. They live as sources in `kernel-rust/` and `uapi/`; the tree that
//! is built gets copies, and the mailable series gets them as its last patches.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::paths::Paths;

/// One rule: what lies at or below `from`, in the work tree, goes to or below `to`, in the kernel's.
struct Rule {
    from: &'static str,
    to: &'static str,
}

/// `lib.rs` of the core is not here: it is the host's view of the model.
const RULES: &[Rule] = &[
    Rule {
        from: "kernel-rust/doors",
        to: "ipc/doors",
    },
    Rule {
        from: "kernel-rust/core/src/model.rs",
        to: "ipc/doors/model.rs",
    },
    Rule {
        from: "kernel-rust/core/src/model",
        to: "ipc/doors/model",
    },
    Rule {
        from: "kernel-rust/sched",
        to: "kernel/sched",
    },
    Rule {
        from: "kernel-rust/include/linux",
        to: "include/linux",
    },
    Rule {
        from: "kernel-rust/helpers",
        to: "rust/helpers",
    },
    Rule {
        from: "uapi/src/abi.rs",
        to: "ipc/doors/abi.rs",
    },
    Rule {
        from: "uapi/include/linux/doors.h",
        to: "include/uapi/linux/doors.h",
    },
];

/// Every new file: its path in the kernel source, and where its content comes from.
pub fn files(paths: &Paths) -> Result<BTreeMap<PathBuf, PathBuf>> {
    let mut files = BTreeMap::new();
    for rule in RULES {
        let from = paths.source(rule.from);
        if from.is_file() {
            files.insert(PathBuf::from(rule.to), from);
            continue;
        }
        for entry in WalkDir::new(&from)
            .sort_by_file_name()
            .into_iter()
            .filter_map(Result::ok)
        {
            if entry.file_type().is_file() && is_kernel_source(entry.path()) {
                let below = entry.path().strip_prefix(&from)?;
                files.insert(Path::new(rule.to).join(below), entry.path().to_owned());
            }
        }
    }
    Ok(files)
}

/// Reads the new files.
pub fn contents(paths: &Paths) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let read = |(to, from): (PathBuf, PathBuf)| {
        let content = fs::read(&from).with_context(|| format!("reading {}", from.display()))?;
        Ok((to, content))
    };
    files(paths)?.into_iter().map(read).collect()
}

/// Editors leave other things lying about, and a README is for people.
fn is_kernel_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = matches!(name.as_ref(), "Kconfig" | "Makefile" | ".kunitconfig");
    named
        || path
            .extension()
            .is_some_and(|e| ["rs", "c", "h"].iter().any(|k| e == *k))
}
