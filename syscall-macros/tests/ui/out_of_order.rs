// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    /// Two.
    ///
    /// # Errors
    /// None.
    fn two() -> () = 474;

    /// One.
    ///
    /// # Errors
    /// None.
    fn one() -> () = 473;
}

fn main() {}
