// SPDX-License-Identifier: MIT OR Apache-2.0
//! Turns the one list of door system calls into everything that is made from it.
//!
//! The way of a list through this crate: [`parse`] reads it into the types of [`ast`], [`validate`] refuses
//! what no kernel could have, [`expand`] writes Rust. Every message points at the tokens it is about,
//! and all mistakes of a list are reported at once.

mod ast;
mod expand;
mod parse;
#[cfg(test)]
mod tests;
mod validate;

use proc_macro::TokenStream;

/// Declares system calls.
///
/// ```text
/// system_calls! {
///     /// What it does, in a line.
///     ///
///     /// # Errors
///     /// - `EBADF`: when that is.
///     fn door_call(d: i32, params: *mut DoorArg) -> () = 474;
/// }
/// ```
///
/// Each declaration is an entry point of the kernel: its name, its arguments in the order of the
/// registers, what it returns, its number. Declarations stand in the order of their numbers.
///
/// | return type | in C | in Rust |
/// |---|---|---|
/// | `()` | 0 or a negated errno | `Result<(), Errno>` |
/// | `Descriptor` | a new file descriptor or a negated errno | `Result<Descriptor, Errno>` |
/// | `!` | comes back only to report a negated errno | no wrapper: it takes more than a function call to make one |
///
/// Made from it: a constant `SYS_NAME` for each number, an `unsafe fn` wrapper for each call that
/// returns, and `TABLE`, the list as data, from which the kernel's C declarations are written.
/// The expansion names `crate::raw`, `crate::table` and `crate::Errno` of the `doors-uapi` crate.
#[proc_macro]
pub fn system_calls(input: TokenStream) -> TokenStream {
    expand_list(input.into()).into()
}

fn expand_list(input: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    syn::parse2::<ast::List>(input)
        .and_then(|list| validate::list(&list).map(|()| expand::list(&list)))
        .unwrap_or_else(|error| error.to_compile_error())
}
