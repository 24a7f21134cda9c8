// SPDX-License-Identifier: MIT OR Apache-2.0
doors_syscall_macros::system_calls! {
    #[inline]
    fn quick() -> () = 473;
}

fn main() {}
