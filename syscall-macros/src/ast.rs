// SPDX-License-Identifier: MIT OR Apache-2.0
//! A list of system calls as this crate sees it.

use proc_macro2::Ident;
use syn::{LitInt, LitStr, Type};

/// The list, in the order it was written.
pub(crate) struct List {
    pub(crate) calls: Vec<SystemCall>,
}

/// One entry point of the kernel.
pub(crate) struct SystemCall {
    /// The doc comment, line by line, each with its leading space.
    pub(crate) docs: Vec<LitStr>,
    pub(crate) name: Ident,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Returns,
    pub(crate) number: u32,
    /// Where the number was written.
    pub(crate) number_token: LitInt,
}

/// One register's worth of input.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) rust_type: Type,
    /// The same type as the kernel's C spells it.
    pub(crate) c_type: &'static str,
}

/// What the caller gets back when nothing went wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// Nothing but success.
    Nothing,
    /// A new file descriptor.
    Descriptor,
    /// Nothing at all: success does not come back.
    Diverges,
}

impl SystemCall {
    /// The first line of the doc comment.
    pub(crate) fn summary(&self) -> String {
        self.docs
            .first()
            .map(|line| line.value().trim().to_owned())
            .unwrap_or_default()
    }
}
