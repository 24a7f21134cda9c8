// SPDX-License-Identifier: MIT OR Apache-2.0
//! The library as C programs get it: what it exports, and that programs compile and link with it.

use object::elf::{FileHeader64, SHN_UNDEF, STB_LOCAL};
use object::read::elf::{Dyn, ElfFile, FileHeader, Sym};
use object::{elf, Endianness};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const VERSION: &str = "SOLARIS_DOORS_0.1";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory with `libdoor.a`, `libdoor.so.1` and `libdoor.so`, made as a distributor would.
fn library() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c-library");
        run(Command::new(env!("CARGO"))
            .current_dir(here())
            .args([
                "rustc",
                "--quiet",
                "--profile",
                "c-library",
                "--features",
                "c-library",
            ])
            .args(["--lib", "--crate-type", "staticlib", "--target-dir"])
            .arg(&target));
        let archive = target.join("c-library/libsolaris_doors.a");
        let directory = target.join("lib");
        std::fs::create_dir_all(&directory).expect("target directory is writable");
        std::fs::copy(&archive, directory.join("libdoor.a")).expect("archive was built");
        let shared = directory.join("libdoor.so.1");
        run(Command::new("cc")
            .args(["-shared", "-Wl,--whole-archive"])
            .arg(&archive)
            .args([
                "-Wl,--no-whole-archive",
                "-Wl,--gc-sections",
                "-Wl,--no-undefined",
            ])
            .args([
                "-Wl,-z,relro,-z,now,-z,nodelete",
                "-Wl,-soname,libdoor.so.1",
            ])
            .arg(format!(
                "-Wl,--version-script={}",
                here().join("door.map").display()
            ))
            .arg("-o")
            .arg(&shared));
        std::fs::copy(&shared, directory.join("libdoor.so")).expect("library was linked");
        directory
    })
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
}

/// The names between `global:` and `local:`.
fn mapped() -> BTreeSet<String> {
    let map = std::fs::read_to_string(here().join("door.map")).expect("door.map exists");
    let (_, map) = map
        .split_once("global:")
        .expect("door.map exports something");
    let (map, _) = map.split_once("local:").expect("door.map hides the rest");
    map.lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn exports_exactly_what_is_mapped() {
    let data = std::fs::read(library().join("libdoor.so.1")).expect("library was linked");
    let file = ElfFile::<FileHeader64<Endianness>>::parse(&*data).expect("library is ELF");
    let endian = file.endian();
    let sections = file.elf_section_table();
    let versions = sections
        .versions(endian, &*data)
        .expect("version sections are sound")
        .expect("symbols have versions");
    let symbols = file.elf_dynamic_symbol_table();
    let mut exported = BTreeSet::new();
    for (index, symbol) in symbols.enumerate() {
        if symbol.st_shndx(endian) == SHN_UNDEF || symbol.st_bind() == STB_LOCAL {
            continue;
        }
        let name = symbol
            .name(endian, symbols.strings())
            .expect("names are in the table");
        let name = str::from_utf8(name).expect("names are ASCII");
        if name == VERSION {
            continue;
        }
        let version = versions
            .version(versions.version_index(endian, index))
            .expect("version indices are sound")
            .unwrap_or_else(|| panic!("{name} has no version"));
        assert_eq!(version.name(), VERSION.as_bytes(), "the version of {name}");
        exported.insert(name.to_owned());
    }
    assert_eq!(exported, mapped());
}

#[test]
fn is_named_and_needs_only_the_c_library() {
    let data = std::fs::read(library().join("libdoor.so.1")).expect("library was linked");
    let header = FileHeader64::<Endianness>::parse(&*data).expect("library is ELF");
    let endian = header.endian().expect("library says its byte order");
    let sections = header.sections(endian, &*data).expect("sections are sound");
    let (dynamic, link) = sections
        .dynamic(endian, &*data)
        .expect("dynamic section is sound")
        .expect("library is dynamic");
    let strings = sections
        .strings(endian, &*data, link)
        .expect("strings are there");
    let all = |tag| -> Vec<&str> {
        dynamic
            .iter()
            .filter(|entry| entry.tag32(endian) == Some(tag))
            .map(|entry| entry.string(endian, strings).expect("string exists"))
            .map(|name| str::from_utf8(name).expect("names are ASCII"))
            .collect()
    };
    assert_eq!(all(elf::DT_SONAME), ["libdoor.so.1"]);
    let foreign: Vec<_> = all(elf::DT_NEEDED)
        .into_iter()
        .filter(|name| !["libc.so.6", "ld-linux-x86-64.so.2"].contains(name))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// Programs in the manner of Solaris, which must compile without a word from the compiler.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "all",
        r#"
        #include <sys/types.h>
        #include <sys/stat.h>
        #include <errno.h>
        #include <stdio.h>
        #include <string.h>
        #include <unistd.h>
        #include <fcntl.h>
        #include <door.h>

        static void
        serve(void *cookie, char *argp, size_t arg_size, door_desc_t *dp, uint_t n_desc)
        {
            (void) cookie; (void) dp; (void) n_desc;
            if (argp == DOOR_UNREF_DATA)
                arg_size = 0;
            (void) door_return(argp, arg_size, NULL, 0);
        }

        static void more_threads(door_info_t *info) { (void) info; }

        static int
        another_thread(door_info_t *info, void *(*startf)(void *), void *arg, void *cookie)
        {
            (void) info; (void) startf; (void) arg; (void) cookie;
            return (0);
        }

        static void set_up(void *cookie) { (void) cookie; }

        /* Succeeds if what failed, failed because there are no doors. */
        static boolean_t
        without_doors(int result)
        {
            return (result == -1 && errno == ENOSYS ? B_TRUE : B_FALSE);
        }

        int
        main(void)
        {
            door_arg_t arg;
            door_info_t info;
            struct stat st;
            ucred_t *ucred = NULL;
            door_cred_t cred;
            size_t limit;
            int failures = 0;

            (void) memset(&arg, 0, sizeof (arg));
            if (fstat(0, &st) == 0 && S_ISDOOR(st.st_mode))
                failures++;
            failures += !without_doors(door_create(serve, NULL, DOOR_REFUSE_DESC));
            failures += !without_doors(door_call(0, &arg));
            failures += !without_doors(door_return(NULL, 0, NULL, 0));
            failures += !without_doors(door_info(0, &info));
            failures += !without_doors(door_revoke(0));
            failures += !without_doors(door_info(DOOR_QUERY, &info));
            failures += !without_doors(door_bind(0));
            failures += !without_doors(door_unbind());
            failures += !without_doors(door_ucred(&ucred)) || ucred != NULL;
            failures += !without_doors(door_cred(&cred));
            failures += !without_doors(door_getparam(0, DOOR_PARAM_DATA_MAX, &limit));
            failures += !without_doors(door_setparam(0, DOOR_PARAM_DATA_MAX, 0));
            failures += !without_doors(door_xcreate(serve, NULL, DOOR_NO_DEPLETION_CB,
                another_thread, set_up, NULL, 1));
            failures += door_xcreate(serve, NULL, 0, another_thread, NULL, NULL, 0) != -1 ||
                errno != EINVAL;
            failures += door_xcreate(serve, NULL, 0, NULL, NULL, NULL, 1) != -1 ||
                errno != EINVAL;
            failures += !without_doors(fattach(0, "/"));
            failures += !without_doors(fdetach("/"));
            failures += isastream(-1) != -1 || errno != EBADF;
            failures += isastream(0) != 0;
            failures += door_create(serve, NULL, DOOR_PRIVCREATE) != -1 || errno != EINVAL;
            failures += door_server_create(more_threads) == NULL;
            failures += door_server_create(more_threads) != more_threads;
            return (failures);
        }
        "#,
    ),
    ("ucred", include_str!("programs/ucred.c")),
    ("ucred-only", "#include <ucred.h>\nint main(void) { return (ucred_size() == 0); }\n"),
    ("door-only", "#include <door.h>\nint main(void) { return (fattach(-1, \"\") == 0); }\n"),
    ("sys-door-only", "#include <sys/door.h>\nint main(void) { uint_t n = sizeof (door_cred_t); return (n != 36); }\n"),
    ("stropts-only", "#include <stropts.h>\nint main(void) { return (fdetach(\"\") == 0); }\n"),
    ("unistd-only", "#include <unistd.h>\nint main(void) { return (fattach(-1, \"\") == 0); }\n"),
    ("stat-only", "#include <sys/stat.h>\nint main(void) { return (!S_ISDOOR(S_IFDOOR | 0777)); }\n"),
];

/// Each way to compile and link a program, and the file to run.
fn compiled(language: &str, standard: &str, linking: &[&str]) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, text) in PROGRAMS {
        let stem = format!(
            "{name}-{standard}-{}",
            if linking.is_empty() {
                "shared"
            } else {
                "static"
            }
        );
        let source = directory.join(format!("{stem}.{language}"));
        let binary = directory.join(&stem);
        std::fs::write(&source, text).expect("target directory is writable");
        run(Command::new("cc")
            .args(["-Wall", "-Wextra", "-Werror", "-Wpedantic", "-pthread"])
            .args([format!("-std={standard}"), "-D_REENTRANT".to_owned()])
            .arg("-isystem")
            .arg(here().join("include"))
            .arg("-o")
            .args([&binary, &source])
            .arg(format!("-L{}", library().display()))
            .args(linking)
            .arg("-ldoor"));
        if *name == "ucred" || (*name == "all" && !kernel_has_doors()) {
            run(Command::new(&binary).env("LD_LIBRARY_PATH", library()));
        }
    }
}

/// On a kernel with doors the program would find them; the guest tests are for that.
fn kernel_has_doors() -> bool {
    std::fs::read_to_string("/proc/kallsyms").is_ok_and(|symbols| {
        symbols
            .lines()
            .any(|line| line.ends_with(" __x64_sys_door_call"))
    })
}

#[test]
fn c_programs_compile_and_link() {
    compiled("c", "gnu17", &[]);
}

/// The headers are written for the compilers of their time.
#[test]
fn old_c_programs_compile_and_link() {
    compiled("c", "gnu89", &[]);
}

#[test]
fn cxx_programs_compile_and_link() {
    compiled("cc", "gnu++17", &[]);
}

#[test]
fn programs_link_statically() {
    compiled("c", "gnu11", &["-static"]);
}

#[test]
fn says_why_nothing_works() {
    if kernel_has_doors() {
        return;
    }
    compiled("c", "gnu17", &[]);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("all-gnu17-shared");
    let stderr = |debug: bool| {
        let mut command = Command::new(&program);
        command
            .env_remove("SOLARIS_DOORS_DEBUG")
            .env("LD_LIBRARY_PATH", library());
        if debug {
            command.env("SOLARIS_DOORS_DEBUG", "1");
        }
        String::from_utf8(command.output().expect("program runs").stderr).expect("text")
    };
    assert_eq!(stderr(false), "");
    let said = stderr(true);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("no door system calls"), "{said}");
}
