// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    /// Too much.
    ///
    /// # Errors
    /// None.
    fn seven(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32) -> () = 473;
}

fn main() {}
