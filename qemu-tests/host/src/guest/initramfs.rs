// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest's root file system. It is made anew for each boot: that takes milliseconds, and nothing can be stale.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use doors_protocol::{encode, Plan, PLAN_PATH};

use super::add::Added;
use super::archive::Archive;
use super::{coreutils, packages, programs};
use crate::paths::Paths;

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
user:x:1000:1000:user:/home/user:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
";

const GROUP: &str = "\
root:x:0:
daemon:x:1:
tty:x:5:
user:x:1000:
nogroup:x:65534:
";

const PROFILE: &str = "\
PS1='doors:\\w# '
PATH=/demo:$PATH
alias ll='ls -l'
export PS1
";

/// Files of /etc.
const ETC: &[(&str, &str)] = &[
    ("passwd", PASSWD),
    ("group", GROUP),
    ("hostname", "doors\n"),
    ("hosts", "127.0.0.1 localhost doors\n"),
    (
        "nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files\n",
    ),
    ("shells", "/bin/sh\n"),
    ("profile", PROFILE),
];

/// As in Debian: everything is in /usr, and /var/run is /run.
const LINKS: &[(&str, &str)] = &[
    ("/bin", "usr/bin"),
    ("/sbin", "usr/sbin"),
    ("/lib", "usr/lib"),
    ("/lib64", "usr/lib64"),
    ("/var/run", "/run"),
    ("/var/lock", "/run/lock"),
    ("/etc/mtab", "/proc/self/mounts"),
];

const DIRECTORIES: &[(&str, u32)] = &[
    ("/usr/bin", 0o755),
    ("/usr/sbin", 0o755),
    ("/usr/lib", 0o755),
    ("/usr/lib64", 0o755),
    ("/dev", 0o755),
    ("/proc", 0o555),
    ("/sys", 0o555),
    ("/run", 0o755),
    ("/run/lock", 0o1777),
    ("/tmp", 0o1777),
    ("/var/tmp", 0o1777),
    ("/var/log", 0o755),
    ("/mnt", 0o755),
    ("/root", 0o700),
    ("/home/user", 0o755),
];

/// Writes the initramfs for one boot to `path`.
pub fn write(paths: &Paths, plan: &Plan, added: &[Added], path: &Path) -> Result<()> {
    let mut archive = Archive::default();
    furnish(&mut archive)?;
    install_programs(paths, &mut archive)?;
    archive.file(PLAN_PATH, 0o644, encode(plan))?;
    // Last, because what is added later wins: the user's.
    for added in added {
        added.add_to(&mut archive)?;
    }
    fs::write(path, archive.to_bytes()?).with_context(|| format!("writing {}", path.display()))
}

/// Directories, links and configuration.
fn furnish(archive: &mut Archive) -> Result<()> {
    for (path, mode) in DIRECTORIES {
        archive.directory(path, *mode)?;
    }
    for (path, target) in LINKS {
        archive.link(path, *target)?;
    }
    for (name, content) in ETC {
        archive.file(Path::new("/etc").join(name), 0o644, *content)?;
    }
    // A console for PID 1 before it has mounted anything.
    archive.device("/dev/console", 0o600, 5, 1)
}

/// PID 1, the programs that try random sequences of calls and disturb calls at random, the benchmark, a shell, busybox
/// with its applets, and in the place of some of those, coreutils.
fn install_programs(paths: &Paths, archive: &mut Archive) -> Result<()> {
    let names = ["init", "doors-sequences", "doors-stress", "doors-bench"];
    let [init, sequences, stress, bench] = programs::build(paths, &names)?
        .try_into()
        .ok()
        .context("four programs were asked for")?;
    archive.copy(&init, Path::new("/init"))?;
    archive.copy(&sequences, Path::new("/usr/bin/doors-sequences"))?;
    archive.copy(&stress, Path::new("/usr/bin/doors-stress"))?;
    archive.copy(&bench, Path::new("/usr/bin/doors-bench"))?;
    let (busybox, applets) = packages::busybox(paths)?;
    archive.copy(&busybox, Path::new("/usr/bin/busybox"))?;
    for applet in applets {
        archive.link(applet, "/usr/bin/busybox")?;
    }
    archive.copy(&packages::shell(paths)?, Path::new("/usr/bin/bash"))?;
    archive.link("/usr/bin/sh", "bash")?;
    archive.copy(&coreutils::build(paths)?, Path::new("/usr/bin/coreutils"))?;
    for program in coreutils::PROGRAMS {
        archive.link(Path::new("/usr/bin").join(program), "coreutils")?;
    }
    Ok(())
}
