// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! How values get into registers, into the kernel, and out of registers again.

use crate::Errno;
use core::arch::asm;

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("the system calls of doors are wired up on x86-64 Linux only");

/// A value that fits one register.
pub(crate) trait ToRegister {
    /// The register's contents: integers are extended as C does, pointers are exposed, because what
    /// happens behind them is out of the compiler's sight.
    fn to_register(self) -> usize;
}

impl ToRegister for i32 {
    fn to_register(self) -> usize {
        // Sign-extended, as C extends an `int`.
        self as usize
    }
}

impl ToRegister for u32 {
    fn to_register(self) -> usize {
        // usize has 64 bits here.
        self as usize
    }
}

impl ToRegister for usize {
    fn to_register(self) -> usize {
        self
    }
}

impl<T> ToRegister for *const T {
    fn to_register(self) -> usize {
        self.expose_provenance()
    }
}

impl<T> ToRegister for *mut T {
    fn to_register(self) -> usize {
        self.expose_provenance()
    }
}

/// What a system call has to show for itself.
pub(crate) trait FromRegister: Sized {
    /// The value of a result that is no error.
    fn from_success(result: usize) -> Self;

    /// Tells success from failure: the last 4095 values are negated error numbers.
    fn from_register(result: isize) -> Result<Self, Errno> {
        const LAST_ERRNO: isize = 4095;
        if (-LAST_ERRNO..0).contains(&result) {
            // 1..=4095 fits.
            Err(Errno::new(-result as i32))
        } else {
            Ok(Self::from_success(result.unsigned_abs()))
        }
    }
}

impl FromRegister for () {
    fn from_success(_: usize) -> Self {}
}

/// A file descriptor that a system call has just made, and that nobody owns yet.
#[must_use = "a descriptor that is dropped stays open"]
#[derive(Debug, PartialEq, Eq)]
pub struct Descriptor(i32);

impl Descriptor {
    /// The number; whoever takes it closes it.
    #[must_use]
    pub const fn into_raw(self) -> i32 {
        self.0
    }
}

impl FromRegister for Descriptor {
    fn from_success(result: usize) -> Self {
        // The kernel's `int`.
        Self(result as i32)
    }
}

/// One function per number of arguments, so that no register is loaded in vain.
macro_rules! enter {
    ($($name:ident($($argument:ident in $register:tt),*);)*) => {$(
        /// Enters the kernel.
        ///
        /// # Safety
        /// As whatever system call `number` is demands.
        #[inline]
        #[allow(dead_code, reason = "which of them are needed is up to the list of system calls")]
        pub(crate) unsafe fn $name(number: usize $(, $argument: usize)*) -> isize {
            let result: isize;
            // SAFETY: this is the system call convention of x86-64 Linux, in which the kernel
            // clobbers rcx and r11 and keeps every other register and the stack as they are. That the
            // arguments fit the system call is the caller's promise.
            unsafe {
                asm!(
                    "syscall",
                    inlateout("rax") number => result,
                    $(in($register) $argument,)*
                    lateout("rcx") _,
                    lateout("r11") _,
                    options(nostack),
                );
            }
            result
        }
    )*};
}

enter! {
    syscall0();
    syscall1(a in "rdi");
    syscall2(a in "rdi", b in "rsi");
    syscall3(a in "rdi", b in "rsi", c in "rdx");
    syscall4(a in "rdi", b in "rsi", c in "rdx", d in "r10");
    syscall5(a in "rdi", b in "rsi", c in "rdx", d in "r10", e in "r8");
    syscall6(a in "rdi", b in "rsi", c in "rdx", d in "r10", e in "r8", f in "r9");
}
