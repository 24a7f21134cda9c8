// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refuses lists that parse and still cannot be right.

use crate::ast::{List, SystemCall};
use syn::Error;

/// x86-64 passes this many arguments in registers, and a system call has no others.
const REGISTERS: usize = 6;

/// Reports everything that is wrong with a list, all at once.
pub(crate) fn list(list: &List) -> syn::Result<()> {
    let mut errors = Vec::new();
    for (index, call) in list.calls.iter().enumerate() {
        documentation(call, &mut errors);
        arguments(call, &mut errors);
        order(call, &list.calls[..index], &mut errors);
    }
    match errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    }) {
        Some(all) => Err(all),
        None => Ok(()),
    }
}

/// The list is where people look a call up, so it says what the call does and how it fails.
fn documentation(call: &SystemCall, errors: &mut Vec<Error>) {
    if call.summary().is_empty() {
        errors.push(Error::new(
            call.name.span(),
            format!(
                "`{}` has no doc comment: say in a line what it does",
                call.name
            ),
        ));
    } else if !call
        .docs
        .iter()
        .any(|line| line.value().trim() == "# Errors")
    {
        errors.push(Error::new(
            call.name.span(),
            format!(
                "the doc comment of `{}` has no `# Errors` section",
                call.name
            ),
        ));
    }
}

fn arguments(call: &SystemCall, errors: &mut Vec<Error>) {
    if let Some(surplus) = call.arguments.get(REGISTERS) {
        errors.push(Error::new(
            surplus.name.span(),
            format!(
                "`{}` takes {} arguments; a system call has registers for {REGISTERS}: pass a structure",
                call.name,
                call.arguments.len(),
            ),
        ));
    }
}

/// Rows of the kernel's tables are sorted by number, and a number or a name means one call.
fn order(call: &SystemCall, earlier: &[SystemCall], errors: &mut Vec<Error>) {
    if let Some(other) = earlier.iter().find(|other| other.name == call.name) {
        let mut error = Error::new(
            call.name.span(),
            format!("`{}` is declared twice", call.name),
        );
        error.combine(Error::new(
            other.name.span(),
            "the first declaration is here",
        ));
        errors.push(error);
    }
    if let Some(other) = earlier.iter().find(|other| other.number == call.number) {
        errors.push(Error::new(
            call.number_token.span(),
            format!("number {} already belongs to `{}`", call.number, other.name),
        ));
    } else if let Some(before) = earlier.last().filter(|before| before.number > call.number) {
        errors.push(Error::new(
            call.number_token.span(),
            format!(
                "out of order: {} stands after `{}` = {}",
                call.number, before.name, before.number
            ),
        ));
    }
}
