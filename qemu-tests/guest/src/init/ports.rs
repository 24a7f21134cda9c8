// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtio-serial ports, found by the names that the host gave them.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{bail, Result};

/// How long the ports may take to appear: they are announced by messages from the host after the driver has probed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the port called `name` for reading and writing.
pub(crate) fn open(name: &str) -> Result<File> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(device) = find(name)? {
            return Ok(OpenOptions::new().read(true).write(true).open(device)?);
        }
        if Instant::now() >= deadline {
            bail!("there is no virtio-serial port called {name}: does the kernel have CONFIG_VIRTIO_CONSOLE?");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn find(name: &str) -> Result<Option<PathBuf>> {
    let Ok(ports) = fs::read_dir("/sys/class/virtio-ports") else {
        return Ok(None);
    };
    for port in ports {
        let port = port?;
        let called = fs::read_to_string(port.path().join("name")).unwrap_or_default();
        if called.trim() == name {
            return Ok(Some(PathBuf::from("/dev").join(port.file_name())));
        }
    }
    Ok(None)
}
