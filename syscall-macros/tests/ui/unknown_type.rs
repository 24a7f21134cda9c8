// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    /// Takes what cannot cross.
    ///
    /// # Errors
    /// None.
    fn greet(name: &str) -> () = 473;
}

fn main() {}
