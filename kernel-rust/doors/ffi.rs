// SPDX-License-Identifier: GPL-2.0

//! Tables of C function pointers, as statics.

use core::{
    cell::UnsafeCell,
    ops::Deref, //
};

/// A table that is only read.
#[repr(transparent)]
pub(crate) struct Table<T>(T);

// SAFETY: Nothing in this crate writes to a table, and C has it through pointers to const only.
// What it points to are functions and other such tables.
unsafe impl<T> Sync for Table<T> {}

impl<T> Table<T> {
    pub(crate) const fn new(table: T) -> Self {
        Self(table)
    }
}

impl<T> Deref for Table<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A C structure that C also writes to, with locks of its own.
#[repr(transparent)]
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: Rust only hands out raw pointers to it.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub(crate) const fn as_ptr(&self) -> *mut T {
        self.0.get()
    }
}
