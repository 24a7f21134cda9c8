// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    fn silent() -> () = 473;

    /// Never fails, it seems.
    fn flawless() -> () = 474;
}

fn main() {}
