// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    /// One.
    ///
    /// # Errors
    /// None.
    fn one() -> () = 473;

    /// Two.
    ///
    /// # Errors
    /// None.
    fn two() -> () = 473;
}

fn main() {}
