// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists that must not compile, and what the compiler says about them.
//!
//! `TRYBUILD=overwrite cargo test -p doors-syscall-macros` blesses new messages.

#[test]
fn refusals() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
