// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    /// Gives what cannot cross.
    ///
    /// # Errors
    /// None.
    fn answer() -> u64 = 473;
}

fn main() {}
