// SPDX-License-Identifier: MIT OR Apache-2.0
//! The machine as programs expect to find it: file systems, names, a loopback interface; and its power switch.

use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use nix::mount::{mount, MsFlags};
use nix::sys::reboot::{reboot, RebootMode};

/// One file system to mount. Those that a kernel may be built without are `optional`.
struct Mount {
    kind: &'static str,
    target: &'static str,
    options: Option<&'static str>,
    optional: bool,
}

const fn needed(kind: &'static str, target: &'static str, options: Option<&'static str>) -> Mount {
    Mount {
        kind,
        target,
        options,
        optional: false,
    }
}

/// In this order: a later one may lie in an earlier one.
const MOUNTS: &[Mount] = &[
    needed("proc", "/proc", None),
    needed("sysfs", "/sys", None),
    needed("devtmpfs", "/dev", None),
    needed("devpts", "/dev/pts", Some("mode=620,ptmxmode=666")),
    needed("tmpfs", "/dev/shm", Some("mode=1777")),
    Mount {
        kind: "mqueue",
        target: "/dev/mqueue",
        options: None,
        optional: true,
    },
    Mount {
        kind: "cgroup2",
        target: "/sys/fs/cgroup",
        options: None,
        optional: true,
    },
    needed("debugfs", "/sys/kernel/debug", None),
    Mount {
        kind: "tracefs",
        target: "/sys/kernel/tracing",
        options: None,
        optional: true,
    },
];

/// Names below /dev that are only other names for something in /proc.
const DEVICE_LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];

/// Turns the bare root file system into a machine that programs can live in.
///
/// `/tmp` and `/run` need no mount of their own: the root file system is a tmpfs already, and a mount would hide what
/// the user had put there with `--add`.
pub(crate) fn furnish() -> Result<()> {
    for m in MOUNTS {
        let outcome = fs::create_dir_all(m.target)
            .map_err(anyhow::Error::from)
            .and_then(|()| {
                mount(
                    Some(m.kind),
                    m.target,
                    Some(m.kind),
                    MsFlags::empty(),
                    m.options,
                )
                .map_err(anyhow::Error::from)
            });
        if !m.optional {
            outcome.with_context(|| format!("mounting {} on {}", m.kind, m.target))?;
        }
    }
    for (target, link) in DEVICE_LINKS {
        if !Path::new(link).exists() {
            symlink(target, link).with_context(|| format!("making {link}"))?;
        }
    }
    for directory in ["/tmp", "/var/tmp"] {
        fs::create_dir_all(directory)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o1777))?;
    }
    nix::unistd::sethostname("doors")?;
    // A kernel without IPv4 has no loopback to bring up; programs that need one will say so themselves.
    let _ = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .env("PATH", "/usr/bin:/usr/sbin")
        .status();
    std::env::set_current_dir("/")?;
    Ok(())
}

/// The kernel's release, as `uname -r` prints it.
pub(crate) fn release() -> Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/osrelease")?
        .trim()
        .to_owned())
}

/// Off. Does not return.
pub(crate) fn power_off() -> ! {
    let _ = reboot(RebootMode::RB_POWER_OFF);
    // Without ACPI there is no switch; the host ends the machine when it sees that nothing more comes.
    loop {
        std::thread::park();
    }
}
