// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! The list of system calls as data.

/// One entry point of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct SystemCall {
    /// Its number on every architecture that has it.
    pub number: usize,
    /// Its name, as in `sys_name`.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Its arguments, in the order of the registers.
    pub arguments: &'static [Argument],
    /// What it returns.
    pub returns: Returns,
}

/// One argument of a system call.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Its type in the kernel's C; ends in `*` for a pointer.
    pub c_type: &'static str,
}

/// What a system call returns when nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// Zero.
    Nothing,
    /// A new file descriptor.
    Descriptor,
    /// It does not: success continues somewhere else.
    Diverges,
}
