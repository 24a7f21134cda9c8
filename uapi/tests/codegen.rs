// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! The texts for the kernel, in the kernel's own format.

use doors_uapi::codegen::{
    CommonTableRows, CondSyscalls, EntryPrototypes, Prototypes, Shims, X86TableRows,
};
use doors_uapi::syscalls::TABLE;
use doors_uapi::table::Returns;

#[test]
fn shims_call_into_rust() {
    let text = Shims.to_string();
    assert!(text.starts_with("// SPDX-License-Identifier: GPL-2.0\n/*\n"));
    assert!(
        text.contains(
            "/* Calls the procedure behind a door and waits for its result. */\n\
             SYSCALL_DEFINE2(door_call,\n\
             \t\tint, d,\n\
             \t\tstruct door_arg __user *, params)\n\
             {\n\
             \treturn doors_sys_door_call(d, params);\n\
             }\n"
        ),
        "{text}"
    );
}

#[test]
fn prototypes_stay_within_eighty_columns() {
    for text in [Prototypes.to_string(), EntryPrototypes.to_string()] {
        for line in text.lines() {
            assert!(line.replace('\t', "        ").len() <= 80, "{line}");
        }
    }
    assert!(Prototypes
        .to_string()
        .contains("long doors_sys_fdetach(const char __user *path);\n"));
}

#[test]
fn rows_line_up_with_their_neighbours() {
    assert!(CommonTableRows
        .to_string()
        .starts_with("473\tcommon\tdoor_create\t\t\tsys_door_create\n"));
    assert!(X86TableRows
        .to_string()
        .starts_with("473\tcommon\tdoor_create\t\tsys_door_create\n"));
    assert!(CommonTableRows
        .to_string()
        .contains("478\tcommon\tfattach\t\t\t\tsys_fattach\n"));
    assert!(X86TableRows
        .to_string()
        .contains("478\tcommon\tfattach\t\t\tsys_fattach\n"));
}

#[test]
fn a_kernel_without_doors_knows_their_names() {
    let text = CondSyscalls.to_string();
    assert_eq!(text.lines().count(), TABLE.len());
    assert!(text.contains("COND_SYSCALL(door_return);\n"));
}

#[test]
fn only_door_return_diverges() {
    let diverging: Vec<_> = TABLE
        .iter()
        .filter(|call| call.returns == Returns::Diverges)
        .map(|call| call.name)
        .collect();
    assert_eq!(diverging, ["door_return"]);
}
