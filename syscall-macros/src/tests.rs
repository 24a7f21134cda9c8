// SPDX-License-Identifier: MIT OR Apache-2.0
//! The expansion, token by token, and the messages that need no compiler to be seen.
//!
//! `tests/ui` shows where in a source file the messages point.

use crate::expand_list;
use proc_macro2::TokenStream;
use quote::quote;

/// Formats both sides alike, so that a failure shows two readable programs.
fn assert_expands(input: TokenStream, expected: TokenStream) {
    let pretty = |tokens: TokenStream| {
        prettyplease::unparse(&syn::parse2(tokens).expect("expansion is a file"))
    };
    assert_eq!(pretty(expand_list(input)), pretty(expected));
}

fn message(input: TokenStream) -> String {
    expand_list(input).to_string()
}

#[test]
fn a_call_that_returns_a_descriptor() {
    assert_expands(
        quote! {
            /// Opens.
            ///
            /// # Errors
            /// None.
            fn door_open(proc: *mut c_void, flags: u32) -> Descriptor = 500;
        },
        quote! {
            #[doc = "The number of `door_open`."]
            pub const SYS_DOOR_OPEN: usize = 500;
            #[doc = " Opens."]
            #[doc = ""]
            #[doc = " # Errors"]
            #[doc = " None."]
            #[doc = ""]
            #[doc = " # Safety"]
            #[doc = " What the arguments point to must be what the description above says, and stay so until"]
            #[doc = " the call returns; the kernel writes through the pointers that are `*mut`."]
            #[inline]
            pub unsafe fn door_open(
                proc: *mut c_void,
                flags: u32
            ) -> Result<crate::raw::Descriptor, crate::Errno> {
                let result = unsafe {
                    crate::raw::syscall2(
                        SYS_DOOR_OPEN,
                        crate::raw::ToRegister::to_register(proc),
                        crate::raw::ToRegister::to_register(flags)
                    )
                };
                crate::raw::FromRegister::from_register(result)
            }
            #[doc = " Every system call of the list, in the order of their numbers."]
            pub const TABLE: &[crate::table::SystemCall] = &[crate::table::SystemCall {
                number: SYS_DOOR_OPEN,
                name: "door_open",
                summary: "Opens.",
                arguments: &[
                    crate::table::Argument { name: "proc", c_type: "void __user *" },
                    crate::table::Argument { name: "flags", c_type: "unsigned int" }
                ],
                returns: crate::table::Returns::Descriptor,
            }];
        },
    );
}

#[test]
fn a_call_that_diverges_gets_no_wrapper() {
    assert_expands(
        quote! {
            /// Leaves.
            /// # Errors
            fn door_leave() -> ! = 1;
        },
        quote! {
            #[doc = "The number of `door_leave`."]
            pub const SYS_DOOR_LEAVE: usize = 1;
            #[doc = " Every system call of the list, in the order of their numbers."]
            pub const TABLE: &[crate::table::SystemCall] = &[crate::table::SystemCall {
                number: SYS_DOOR_LEAVE,
                name: "door_leave",
                summary: "Leaves.",
                arguments: &[],
                returns: crate::table::Returns::Diverges,
            }];
        },
    );
}

#[test]
fn an_empty_list_is_an_empty_table() {
    assert_expands(
        quote! {},
        quote! {
            #[doc = " Every system call of the list, in the order of their numbers."]
            pub const TABLE: &[crate::table::SystemCall] = &[];
        },
    );
}

#[test]
fn every_mistake_is_reported() {
    let text = message(quote! {
        fn a() -> () = 2;
        /// Documented, but not its errors.
        fn b() -> () = 1;
    });
    for part in [
        "`a` has no doc comment",
        "`b` has no `# Errors` section",
        "out of order: 1 stands after `a` = 2",
    ] {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
}

#[test]
fn unknown_types_are_answered_with_the_known_ones() {
    let text = message(quote!(fn a(x: *mut String) -> () = 1;));
    assert!(text.contains("`*mut String` has no C type"), "{text}");
    assert!(text.contains("`*mut DoorArg`"), "{text}");
}
