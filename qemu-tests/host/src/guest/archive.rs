// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file tree in memory, written out as the newc cpio archive that the kernel unpacks as its root file system.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use anyhow::{bail, Context, Result};
use cpio::newc::{trailer, Builder, ModeFileType};
use walkdir::WalkDir;

/// What is at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Directory {
        mode: u32,
    },
    File {
        mode: u32,
        mtime: u32,
        content: Vec<u8>,
    },
    Link {
        target: String,
    },
    Device {
        mode: u32,
        major: u32,
        minor: u32,
    },
}

/// The tree. Paths are absolute; directories that lead to a path are made as needed; what is added later wins.
///
/// Links to directories are followed when something is added below them, so that `/lib/x` and `/usr/lib/x` are one
/// file here as they are in the guest.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    nodes: BTreeMap<PathBuf, Node>,
}

impl Archive {
    /// Adds a directory.
    pub fn directory(&mut self, path: impl AsRef<Path>, mode: u32) -> Result<()> {
        let path = self.place(path.as_ref())?;
        self.nodes.insert(path, Node::Directory { mode });
        Ok(())
    }

    /// Adds a file with this content.
    pub fn file(
        &mut self,
        path: impl AsRef<Path>,
        mode: u32,
        content: impl Into<Vec<u8>>,
    ) -> Result<()> {
        let path = self.place(path.as_ref())?;
        self.nodes.insert(
            path,
            Node::File {
                mode,
                mtime: 0,
                content: content.into(),
            },
        );
        Ok(())
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: impl AsRef<Path>, target: impl Into<String>) -> Result<()> {
        let path = self.place(path.as_ref())?;
        self.nodes.insert(
            path,
            Node::Link {
                target: target.into(),
            },
        );
        Ok(())
    }

    /// Adds a character device.
    pub fn device(
        &mut self,
        path: impl AsRef<Path>,
        mode: u32,
        major: u32,
        minor: u32,
    ) -> Result<()> {
        let path = self.place(path.as_ref())?;
        self.nodes.insert(path, Node::Device { mode, major, minor });
        Ok(())
    }

    /// Whether there is something at this path.
    pub fn contains(&self, path: impl AsRef<Path>) -> bool {
        self.resolve(path.as_ref())
            .is_ok_and(|path| self.nodes.contains_key(&path))
    }

    /// Adds a file of the host's, or a directory with everything in it; permissions and times are kept, owners are
    /// not: it is root's in the guest.
    pub fn copy(&mut self, host: &Path, guest: &Path) -> Result<()> {
        for entry in WalkDir::new(host).sort_by_file_name() {
            let entry = entry.with_context(|| format!("reading {}", host.display()))?;
            let below = entry.path().strip_prefix(host)?;
            let to = if below.as_os_str().is_empty() {
                guest.to_owned()
            } else {
                guest.join(below)
            };
            // What the user names is followed; links inside a directory stay links.
            let followed = entry.depth() == 0;
            if entry.file_type().is_symlink() && !followed {
                let target = fs::read_link(entry.path())?;
                self.link(to, target.to_string_lossy())?;
                continue;
            }
            let meta = fs::metadata(entry.path())
                .with_context(|| format!("looking at {}", entry.path().display()))?;
            let mode = meta.permissions().mode() & 0o7777;
            if meta.is_dir() {
                if !self.contains(&to) {
                    self.directory(to, mode)?;
                }
            } else if meta.is_file() {
                let content = fs::read(entry.path())
                    .with_context(|| format!("reading {}", entry.path().display()))?;
                let mtime = u32::try_from(meta.mtime()).unwrap_or(0);
                let to = self.place(&to)?;
                self.nodes.insert(
                    to,
                    Node::File {
                        mode,
                        mtime,
                        content,
                    },
                );
            } else {
                bail!(
                    "{} is neither a file nor a directory",
                    entry.path().display()
                );
            }
        }
        Ok(())
    }

    /// The archive, as bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        for (inode, (path, node)) in (1_u32..).zip(&self.nodes) {
            let name = path
                .strip_prefix("/")?
                .to_str()
                .with_context(|| format!("{} is not UTF-8", path.display()))?;
            let entry = Builder::new(name).ino(inode).nlink(1);
            match node {
                Node::Directory { mode } => {
                    put(
                        &mut out,
                        entry
                            .mode(*mode)
                            .set_mode_file_type(ModeFileType::Directory),
                        &[],
                    )?;
                }
                Node::File {
                    mode,
                    mtime,
                    content,
                } => {
                    let entry = entry
                        .mode(*mode)
                        .mtime(*mtime)
                        .set_mode_file_type(ModeFileType::Regular);
                    put(&mut out, entry, content)?;
                }
                Node::Link { target } => {
                    let entry = entry.mode(0o777).set_mode_file_type(ModeFileType::Symlink);
                    put(&mut out, entry, target.as_bytes())?;
                }
                Node::Device { mode, major, minor } => {
                    let entry = entry.mode(*mode).set_mode_file_type(ModeFileType::Char);
                    put(&mut out, entry.rdev_major(*major).rdev_minor(*minor), &[])?;
                }
            }
        }
        trailer(&mut out)?;
        // Archives may follow one another, each beginning on a four byte boundary.
        out.resize(out.len().next_multiple_of(4), 0);
        Ok(out)
    }

    /// Where a new node for `path` goes: links in its directory part followed, that directory made.
    fn place(&mut self, path: &Path) -> Result<PathBuf> {
        let path = self.resolve(path)?;
        for directory in path.ancestors().skip(1).filter(|d| *d != Path::new("/")) {
            match self
                .nodes
                .entry(directory.to_owned())
                .or_insert(Node::Directory { mode: 0o755 })
            {
                Node::Directory { .. } => {}
                _ => bail!(
                    "{} cannot be below {}, which is not a directory",
                    path.display(),
                    directory.display()
                ),
            }
        }
        Ok(path)
    }

    /// `path` without `.` and `..`, and with links in its directory part followed.
    fn resolve(&self, path: &Path) -> Result<PathBuf> {
        if !path.is_absolute() {
            bail!("{} must be an absolute path in the guest", path.display());
        }
        let mut resolved = PathBuf::from("/");
        let mut components = path.components().peekable();
        while let Some(component) = components.next() {
            match component {
                Component::Normal(name) => resolved.push(name),
                Component::ParentDir => drop(resolved.pop()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
            }
            if components.peek().is_none() {
                break;
            }
            if let Some(Node::Link { target }) = self.nodes.get(&resolved) {
                let directory = resolved.parent().unwrap_or(Path::new("/"));
                resolved = directory.join(target);
            }
        }
        if resolved == Path::new("/") {
            bail!("{} is the root directory", path.display());
        }
        Ok(resolved)
    }
}

fn put(out: &mut Vec<u8>, entry: Builder, content: &[u8]) -> Result<()> {
    let size = u32::try_from(content.len())
        .context("a file of 4 GiB or more does not fit into an initramfs")?;
    let mut writer = entry.write(out, size);
    writer.write_all(content)?;
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_and_links_followed() {
        let mut archive = Archive::default();
        archive.directory("/usr/lib", 0o755).unwrap();
        archive.link("/lib", "usr/lib").unwrap();
        archive.file("/lib/x/libx.so", 0o644, "x").unwrap();
        assert!(archive.contains("/usr/lib/x/libx.so"));
        assert!(archive.contains("/usr/lib/x"));
        assert!(archive.contains("/lib/x/../x/libx.so"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut archive = Archive::default();
        archive.file("/a", 0o644, "").unwrap();
        assert!(archive.file("/a/b", 0o644, "").is_err());
        assert!(archive.file("relative", 0o644, "").is_err());
        assert!(archive.file("/", 0o644, "").is_err());
    }

    #[test]
    fn archives_can_follow_one_another() {
        let mut archive = Archive::default();
        archive.file("/five", 0o755, "12345").unwrap();
        let bytes = archive.to_bytes().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        let reader = cpio::NewcReader::new(bytes.as_slice()).unwrap();
        assert_eq!(reader.entry().name(), "five");
        assert_eq!(reader.entry().mode(), 0o100_755);
    }
}
