// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
//! The Rust types against the two C headers that declare the same structures, by way of a C compiler.

use doors_uapi::abi;
use doors_uapi::abi::{DoorArg, DoorDesc, DoorInfo, DoorUcred};
use std::fmt::Write as _;
use std::mem::{align_of, offset_of, size_of};
use std::path::Path;
use std::process::Command;

/// What a C expression must be, in the eyes of Rust.
struct Fact {
    c: String,
    rust: u64,
}

fn fact(c: &str, rust: impl TryInto<u64>) -> Fact {
    let rust = rust
        .try_into()
        .unwrap_or_else(|_| panic!("{c} is not a number of 64 bits"));
    Fact {
        c: c.to_owned(),
        rust,
    }
}

macro_rules! layout {
    ($facts:ident, $rust:ident = $tag:literal { $($field:ident = $member:literal),* $(,)? }) => {
        $facts.push(fact(&format!("sizeof(struct {})", $tag), size_of::<$rust>()));
        $facts.push(fact(&format!("__alignof__(struct {})", $tag), align_of::<$rust>()));
        $($facts.push(fact(
            &format!("__builtin_offsetof(struct {}, {})", $tag, $member),
            offset_of!($rust, $field),
        ));)*
    };
}

/// The structures that both headers declare.
fn layouts() -> Vec<Fact> {
    let mut facts = Vec::new();
    layout!(facts, DoorDesc = "door_desc" {
        attributes = "d_attributes",
        descriptor = "d_data.d_desc.d_descriptor",
        id = "d_data.d_desc.d_id",
        resv = "d_data.d_resv[3]",
    });
    layout!(facts, DoorInfo = "door_info" {
        target = "di_target",
        procedure = "di_proc",
        data = "di_data",
        attributes = "di_attributes",
        uniquifier = "di_uniquifier",
        resv = "di_resv",
    });
    layout!(facts, DoorArg = "door_arg" {
        data_ptr = "data_ptr",
        data_size = "data_size",
        desc_ptr = "desc_ptr",
        desc_num = "desc_num",
        rbuf = "rbuf",
        rsize = "rsize",
    });
    facts
}

fn constants() -> Vec<Fact> {
    macro_rules! constants {
        ($($name:ident),* $(,)?) => { vec![$(fact(stringify!($name), abi::$name)),*] };
    }
    let mut facts = constants![
        DOOR_UNREF,
        DOOR_PRIVATE,
        DOOR_LOCAL,
        DOOR_REVOKED,
        DOOR_UNREF_MULTI,
        DOOR_IS_UNREF,
        DOOR_REFUSE_DESC,
        DOOR_NO_CANCEL,
        DOOR_NO_DEPLETION_CB,
        DOOR_PRIVCREATE,
        DOOR_DEPLETION_CB,
        DOOR_DESCRIPTOR,
        DOOR_RELEASE,
        DOOR_CREATE_MASK,
        DOOR_ATTR_MASK,
        DOOR_UNREF_DATA,
        DOOR_PARAM_DESC_MAX,
        DOOR_PARAM_DATA_MAX,
        DOOR_PARAM_DATA_MIN,
        S_IFDOOR,
    ];
    facts.push(fact("-(DOOR_INVAL)", -abi::DOOR_INVAL));
    facts.push(fact("-(DOOR_QUERY)", -abi::DOOR_QUERY));
    facts
}

/// Compiles and runs a program that prints each fact's value, and compares.
fn prove(header: &str, includes: &[&str], facts: &[Fact]) {
    let mut program = format!("#include <stdio.h>\n#include <{header}>\nint main(void)\n{{\n");
    for Fact { c, .. } in facts {
        writeln!(program, "\tprintf(\"%llu\\n\", (unsigned long long)({c}));")
            .expect("String grows");
    }
    program.push_str("\treturn 0;\n}\n");

    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let stem = header.replace('/', "-");
    let source = directory.join(format!("{stem}.c"));
    let binary = directory.join(stem);
    std::fs::write(&source, program).expect("target directory is writable");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror"])
        .args(
            includes
                .iter()
                .map(|path| format!("-I{}", here.join(path).display())),
        )
        .arg("-o")
        .args([&binary, &source])
        .status()
        .expect("there is a C compiler");
    assert!(status.success(), "the probe of <{header}> does not compile");
    let output = Command::new(&binary).output().expect("the probe runs");
    let printed = String::from_utf8(output.stdout).expect("digits are UTF-8");
    let values: Vec<u64> = printed
        .lines()
        .map(|line| line.parse().expect("the probe prints numbers"))
        .collect();
    assert_eq!(values.len(), facts.len());
    for (Fact { c, rust }, value) in facts.iter().zip(values) {
        assert_eq!(value, *rust, "<{header}>: {c}");
    }
}

/// Rules: LA-1 LA-2 LA-3
#[test]
fn the_kernel_header_agrees() {
    let mut facts = layouts();
    layout!(facts, DoorUcred = "door_ucred" {
        effective = "duc_effective",
        permitted = "duc_permitted",
        inheritable = "duc_inheritable",
        euid = "duc_euid",
        ruid = "duc_ruid",
        suid = "duc_suid",
        egid = "duc_egid",
        rgid = "duc_rgid",
        sgid = "duc_sgid",
        pid = "duc_pid",
        groups = "duc_groups",
    });
    facts.extend(constants());
    facts.push(fact("DOOR_RETURN_DEPLETED", abi::DOOR_RETURN_DEPLETED));
    facts.push(fact("DOOR_SIGCANCEL", abi::DOOR_SIGCANCEL));
    prove("linux/doors.h", &["include"], &facts);
}

/// Rules: LA-1 LA-2 LA-3
#[test]
fn the_solaris_header_agrees() {
    let mut facts = layouts();
    facts.extend(constants().into_iter().filter(|fact| fact.c != "S_IFDOOR"));
    prove("door.h", &["../libsolaris-doors/include"], &facts);
    prove(
        "sys/stat.h",
        &["../libsolaris-doors/include"],
        &[fact("S_IFDOOR", abi::S_IFDOOR)],
    );
}
