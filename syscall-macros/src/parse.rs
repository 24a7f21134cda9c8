// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads declarations of system calls.

use crate::ast::{Argument, List, Returns, SystemCall};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{parenthesized, Attribute, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Token, Type};

/// The types that may cross the boundary, and how the kernel's C spells them.
///
/// A type enters this table with the first system call that needs it.
const C_TYPES: &[(&str, &str)] = &[
    ("i32", "int"),
    ("u32", "unsigned int"),
    ("usize", "size_t"),
    ("*mut usize", "size_t __user *"),
    ("*mut u32", "u32 __user *"),
    ("*const c_char", "const char __user *"),
    ("*const u8", "const u8 __user *"),
    ("*mut c_void", "void __user *"),
    ("*mut DoorArg", "struct door_arg __user *"),
    ("*const DoorDesc", "const struct door_desc __user *"),
    ("*mut DoorInfo", "struct door_info __user *"),
    ("*mut DoorUcred", "struct door_ucred __user *"),
];

impl Parse for List {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut calls = Vec::new();
        while !input.is_empty() {
            calls.push(input.parse()?);
        }
        Ok(Self { calls })
    }
}

impl Parse for SystemCall {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let docs = input
            .call(Attribute::parse_outer)?
            .iter()
            .map(doc_line)
            .collect::<syn::Result<_>>()?;
        input.parse::<Token![fn]>()?;
        let name = input.parse()?;
        let arguments;
        parenthesized!(arguments in input);
        let arguments = Punctuated::<Argument, Token![,]>::parse_terminated(&arguments)?;
        input.parse::<Token![->]>()?;
        let returns = input.parse()?;
        input.parse::<Token![=]>()?;
        let number_token: LitInt = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self {
            docs,
            name,
            arguments: arguments.into_iter().collect(),
            returns,
            number: number_token.base10_parse()?,
            number_token,
        })
    }
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name: Ident = input.parse()?;
        input.parse::<Token![:]>()?;
        let rust_type: Type = input.parse()?;
        let c_type = c_type(&rust_type)?;
        Ok(Self {
            name,
            rust_type,
            c_type,
        })
    }
}

impl Parse for Returns {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let written: Type = input.parse()?;
        match spelling(&written).as_str() {
            "()" => Ok(Self::Nothing),
            "Descriptor" => Ok(Self::Descriptor),
            "!" => Ok(Self::Diverges),
            other => Err(syn::Error::new_spanned(
                written,
                format!("a system call does not return `{other}`: write `()`, `Descriptor` or `!`"),
            )),
        }
    }
}

fn doc_line(attribute: &Attribute) -> syn::Result<LitStr> {
    if let Meta::NameValue(meta) = &attribute.meta {
        if let Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) = &meta.value
        {
            if meta.path.is_ident("doc") {
                return Ok(text.clone());
            }
        }
    }
    Err(syn::Error::new_spanned(
        attribute,
        "only doc comments may precede a system call",
    ))
}

fn c_type(rust_type: &Type) -> syn::Result<&'static str> {
    let spelling = spelling(rust_type);
    C_TYPES
        .iter()
        .find(|(rust, _)| *rust == spelling)
        .map(|(_, c)| *c)
        .ok_or_else(|| {
            let known: Vec<_> = C_TYPES
                .iter()
                .map(|(rust, _)| format!("`{rust}`"))
                .collect();
            syn::Error::new_spanned(
                rust_type,
                format!(
                    "`{spelling}` has no C type that could cross into the kernel; known are {}",
                    known.join(", "),
                ),
            )
        })
}

/// A type as people write it: `*mut T`, not `* mut T`.
fn spelling(written: &Type) -> String {
    written
        .to_token_stream()
        .to_string()
        .replace("* ", "*")
        .replace("& ", "&")
}
