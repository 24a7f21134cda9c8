// SPDX-License-Identifier: GPL-2.0

//! A file system that the kernel mounts for itself, once, at boot.

use crate::ffi::Shared;
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    sync::atomic::{
        ordering::{
            Acquire,
            Release, //
        },
        Atomic,
    },
};

/// The type of such a file system, which is not registered: `mount(2)` cannot ask for it.
pub(crate) struct PseudoFs {
    kind: Shared<bindings::file_system_type>,
    /// The one mount, which no path leads to and which is never unmounted; null before boot.
    mount: Atomic<*mut bindings::vfsmount>,
}

impl PseudoFs {
    /// A file system with this name, whose super block `init_fs_context` describes.
    pub(crate) const fn new(
        name: &'static CStr,
        init_fs_context: unsafe extern "C" fn(*mut bindings::fs_context) -> c_int,
    ) -> Self {
        Self {
            kind: Shared::new(bindings::file_system_type {
                name: name.as_ptr().cast(),
                init_fs_context: Some(init_fs_context),
                kill_sb: Some(bindings::kill_anon_super),
                // SAFETY: All other fields may be zero.
                ..unsafe { core::mem::zeroed() }
            }),
            mount: Atomic::new(core::ptr::null_mut()),
        }
    }

    /// Mounts it.
    pub(crate) fn init(&'static self) -> Result {
        // SAFETY: The type is complete and lives for ever.
        let mount = from_err_ptr(unsafe { bindings::kern_mount(self.kind.as_ptr()) })?;
        self.mount.store(mount, Release);
        Ok(())
    }

    /// Its type.
    pub(crate) fn kind(&self) -> *mut bindings::file_system_type {
        self.kind.as_ptr()
    }

    /// Its mount; valid for ever.
    ///
    /// # Errors
    ///
    /// `ENODEV` before boot.
    pub(crate) fn mount(&self) -> Result<*mut bindings::vfsmount> {
        let mount = self.mount.load(Acquire);
        if mount.is_null() {
            return Err(ENODEV);
        }
        Ok(mount)
    }

    /// Its super block; valid for ever.
    ///
    /// # Errors
    ///
    /// `ENODEV` before boot.
    pub(crate) fn super_block(&self) -> Result<*mut bindings::super_block> {
        // SAFETY: The mount is never unmounted.
        self.mount().map(|mount| unsafe { (*mount).mnt_sb })
    }
}
