// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! The list of system calls, as the kernel's C wants to have it.
//!
//! Each type is one text, complete to the last newline; `cargo xtask codegen` puts them where they
//! belong and, with `--check`, proves that nobody edited them there.

use crate::syscalls::TABLE;
use crate::table::{Argument, SystemCall};
use core::fmt::{self, Display, Formatter};

/// Rows are declared with tabs of this width.
const TAB: usize = 8;

const BANNER: &str = "\
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Made by `cargo xtask codegen` from the list in uapi/src/syscalls.rs.
 * Do not edit.
 */
";

/// `ipc/doors/syscalls.c`: an entry point per system call, which calls into Rust.
///
/// Entry points in C keep system call tracing, metadata and compat as they are for every other call.
pub struct Shims;

impl Display for Shims {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // Files that are not headers have their licence in a line comment.
        f.write_str("// SPDX-License-Identifier: GPL-2.0\n")?;
        f.write_str(BANNER.split_once('\n').map_or("", |(_, rest)| rest))?;
        f.write_str("\n#include <linux/doors_syscalls.h>\n#include <linux/syscalls.h>\n")?;
        for call in TABLE {
            shim(call, f)?;
        }
        Ok(())
    }
}

fn shim(call: &SystemCall, f: &mut Formatter<'_>) -> fmt::Result {
    writeln!(f, "\n/* {} */", call.summary)?;
    write!(f, "SYSCALL_DEFINE{}({}", call.arguments.len(), call.name)?;
    for argument in call.arguments {
        write!(f, ",\n\t\t{}, {}", argument.c_type, argument.name)?;
    }
    write!(f, ")\n{{\n\treturn doors_sys_{}(", call.name)?;
    for (index, argument) in call.arguments.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{}", argument.name)?;
    }
    f.write_str(");\n}\n")
}

/// `include/linux/doors_syscalls.h`: the Rust functions that the entry points call.
pub struct Prototypes;

impl Display for Prototypes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(BANNER)?;
        f.write_str("#ifndef _LINUX_DOORS_SYSCALLS_H\n#define _LINUX_DOORS_SYSCALLS_H\n\n")?;
        f.write_str("#include <linux/types.h>\n#include <uapi/linux/doors.h>\n\n")?;
        for call in TABLE {
            writeln!(f, "long doors_sys_{}({});", call.name, Parameters(call))?;
        }
        f.write_str("\n#endif /* _LINUX_DOORS_SYSCALLS_H */\n")
    }
}

/// The rows of `scripts/syscall.tbl`.
pub struct CommonTableRows;

impl Display for CommonTableRows {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        TABLE.iter().try_for_each(|call| row(call, 32, f))
    }
}

/// The rows of `arch/x86/entry/syscalls/syscall_64.tbl`.
pub struct X86TableRows;

impl Display for X86TableRows {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        TABLE.iter().try_for_each(|call| row(call, 24, f))
    }
}

/// One row; the name's column is `width` wide, which differs between the two tables.
fn row(call: &SystemCall, width: usize, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{}\tcommon\t{}", call.number, call.name)?;
    let tabs = width.saturating_sub(call.name.len()).div_ceil(TAB).max(1);
    for _ in 0..tabs {
        f.write_str("\t")?;
    }
    writeln!(f, "sys_{}", call.name)
}

/// The lines of `include/linux/syscalls.h`.
pub struct EntryPrototypes;

impl Display for EntryPrototypes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        TABLE.iter().try_for_each(|call| {
            writeln!(
                f,
                "asmlinkage long sys_{}({});",
                call.name,
                Parameters(call)
            )
        })
    }
}

/// The lines of `kernel/sys_ni.c`: without doors, each of them is `ENOSYS`.
pub struct CondSyscalls;

impl Display for CondSyscalls {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        TABLE
            .iter()
            .try_for_each(|call| writeln!(f, "COND_SYSCALL({});", call.name))
    }
}

/// A parameter list; it breaks the line before it gets longer than the kernel likes.
struct Parameters<'a>(&'a SystemCall);

impl Display for Parameters<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const LONGEST_LINE: usize = 80;
        if self.0.arguments.is_empty() {
            return f.write_str("void");
        }
        let mut column = "asmlinkage long doors_sys_(".len() + self.0.name.len();
        for (index, argument) in self.0.arguments.iter().enumerate() {
            let width = argument.c_type.len() + argument.name.len() + ", ".len();
            match index {
                0 => {}
                _ if column + width > LONGEST_LINE => {
                    f.write_str(",\n\t\t")?;
                    column = 2 * TAB;
                }
                _ => f.write_str(", ")?,
            }
            column += width;
            write!(f, "{}", Declaration(argument))?;
        }
        Ok(())
    }
}

/// `int d`, but `struct door_info __user *info`.
struct Declaration<'a>(&'a Argument);

impl Display for Declaration<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let space = if self.0.c_type.ends_with('*') {
            ""
        } else {
            " "
        };
        write!(f, "{}{space}{}", self.0.c_type, self.0.name)
    }
}
