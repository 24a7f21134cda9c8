// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the Rust that a valid list stands for.

use crate::ast::{List, Returns, SystemCall};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

/// Numbers, wrappers and the table.
pub(crate) fn list(list: &List) -> TokenStream {
    let numbers = list.calls.iter().map(number);
    let wrappers = list
        .calls
        .iter()
        .filter(|call| call.returns != Returns::Diverges)
        .map(wrapper);
    let rows = list.calls.iter().map(row);
    quote! {
        #(#numbers)*
        #(#wrappers)*
        /// Every system call of the list, in the order of their numbers.
        pub const TABLE: &[crate::table::SystemCall] = &[#(#rows),*];
    }
}

fn number_name(call: &SystemCall) -> Ident {
    format_ident!("SYS_{}", call.name.to_string().to_uppercase())
}

fn number(call: &SystemCall) -> TokenStream {
    let constant = number_name(call);
    let number = Literal::u32_unsuffixed(call.number);
    let doc = format!("The number of `{}`.", call.name);
    quote! {
        #[doc = #doc]
        pub const #constant: usize = #number;
    }
}

fn wrapper(call: &SystemCall) -> TokenStream {
    let SystemCall {
        docs,
        name,
        arguments,
        returns,
        ..
    } = call;
    let constant = number_name(call);
    let enter = format_ident!("syscall{}", arguments.len());
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let types = arguments.iter().map(|argument| &argument.rust_type);
    let output = match returns {
        Returns::Descriptor => quote!(crate::raw::Descriptor),
        Returns::Nothing | Returns::Diverges => quote!(()),
    };
    quote! {
        #(#[doc = #docs])*
        ///
        /// # Safety
        /// What the arguments point to must be what the description above says, and stay so until
        /// the call returns; the kernel writes through the pointers that are `*mut`.
        #[inline]
        pub unsafe fn #name(#(#names: #types),*) -> Result<#output, crate::Errno> {
            // SAFETY: the arguments are those of this system call; the caller vouches for the memory.
            let result = unsafe {
                crate::raw::#enter(#constant, #(crate::raw::ToRegister::to_register(#names)),*)
            };
            crate::raw::FromRegister::from_register(result)
        }
    }
}

fn row(call: &SystemCall) -> TokenStream {
    let constant = number_name(call);
    let name = call.name.to_string();
    let summary = call.summary();
    let arguments = call.arguments.iter().map(|argument| {
        let name = argument.name.to_string();
        let c_type = argument.c_type;
        quote!(crate::table::Argument { name: #name, c_type: #c_type })
    });
    let returns = match call.returns {
        Returns::Nothing => quote!(Nothing),
        Returns::Descriptor => quote!(Descriptor),
        Returns::Diverges => quote!(Diverges),
    };
    quote! {
        crate::table::SystemCall {
            number: #constant,
            name: #name,
            summary: #summary,
            arguments: &[#(#arguments),*],
            returns: crate::table::Returns::#returns,
        }
    }
}
