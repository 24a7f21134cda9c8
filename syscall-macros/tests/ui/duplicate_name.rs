// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    /// One.
    ///
    /// # Errors
    /// None.
    fn one() -> () = 473;

    /// One again.
    ///
    /// # Errors
    /// None.
    fn one() -> () = 474;
}

fn main() {}
