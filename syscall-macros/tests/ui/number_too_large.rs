// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    /// Far out.
    ///
    /// # Errors
    /// None.
    fn far() -> () = 4294967296;
}

fn main() {}
