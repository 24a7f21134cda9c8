// SPDX-License-Identifier: MIT OR Apache-2.0
//! Telling a kernel's complaint from its chatter.
//!
//! Both sides judge: PID 1 reads `/dev/kmsg` and charges a complaint to the job that made it; the host reads the
//! console, which is all that is left when the kernel has panicked. A complaint is recognised by how its *first* line
//! begins, because what a user's program did wrong is reported with the same words further right
//! (`traps: prog[7] general protection fault`).

/// Beginnings of kernel messages that nothing healthy prints.
const BEGINNINGS: &[&str] = &[
    "Kernel panic - not syncing",
    "BUG: ",
    "BUG ",
    "WARNING: ",
    "Oops: ",
    "Oops[",
    "kernel BUG at ",
    "general protection fault",
    "stack segment: ",
    "divide error: ",
    "invalid opcode: ",
    "int3: ",
    "double fault: ",
    "Internal error",
    "Unable to handle kernel",
    "UBSAN: ",
    "KCSAN: ",
    "rcu: INFO: ",
    "INFO: rcu",
    "INFO: trying to register non-static key",
    "INFO: lockdep is turned off",
    "INFO: suspicious",
    "watchdog: BUG: ",
    "watchdog: Watchdog detected hard LOCKUP",
    "list_add corruption",
    "list_del corruption",
    "refcount_t: ",
    "DEBUG_LOCKS_WARN_ON",
    "ODEBUG: ",
    "Bad page map",
    "unreferenced object ",
    "rust_kernel: panicked at ",
    "workqueue: WARNING",
    "Out of memory and no killable processes",
    "psi: inconsistent task state",
    "psi: task underflow",
];

/// What a message contains when it is a complaint wherever the words stand.
const ANYWHERE: &[&str] = &["new suspected memory leaks", ": kernel thread panicked"];

/// The complaint that `line` of the kernel log opens, if it opens one; without its time stamp.
pub fn find(line: &str) -> Option<&str> {
    let message = message_of(line);
    let hung = message.starts_with("INFO: task ") && message.contains(" blocked for more than");
    let begins = BEGINNINGS.iter().any(|b| message.starts_with(b));
    let contains = ANYWHERE.iter().any(|b| message.contains(b));
    (hung || begins || contains).then_some(message)
}

/// All complaints in a log.
pub fn find_all(log: &str) -> Vec<String> {
    log.lines().filter_map(find).map(str::to_owned).collect()
}

/// `[    1.234567] text`, `[    1.234567][   T12] text` or `<4>[...] text` without what stands before the text.
fn message_of(line: &str) -> &str {
    let mut rest = line.trim_end();
    if let Some((level, tail)) = rest.strip_prefix('<').and_then(|r| r.split_once('>')) {
        if level.bytes().all(|b| b.is_ascii_digit()) {
            rest = tail;
        }
    }
    while let Some((stamp, tail)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        if !stamp
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'.' | b'T' | b'C'))
        {
            break;
        }
        rest = tail;
    }
    rest.trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_found_behind_their_time_stamp() {
        for line in [
            "[    1.512345] WARNING: drivers/misc/lkdtm/bugs.c:112 at lkdtm_WARNING+0x1f/0x30, CPU#0: sh/70",
            "[    2.000000][   T71] BUG: KASAN: slab-use-after-free in foo+0x1/0x2",
            "<0>[    9.1] Kernel panic - not syncing: sysrq triggered crash",
            "WARNING: possible circular locking dependency detected",
            "[   61.3] INFO: task doors:12 blocked for more than 60 seconds.",
            "[   61.3] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "[    3.3] Oops: general protection fault, maybe for address 0x0: 0000 [#1] SMP",
            "[    3.3] kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            "[    3.3] rust_kernel: panicked at ipc/doors/call.rs:1:1:",
        ] {
            assert!(find(line).is_some(), "{line}");
        }
    }

    #[test]
    fn what_user_programs_do_wrong_is_no_complaint() {
        for line in [
            "[    1.5] traps: prog[71] general protection fault ip:401136 sp:7ffd error:0 in prog[401000+1000]",
            "[    1.5] prog[71]: segfault at 0 ip 0000000000401136 sp 00007ffd error 6 in prog",
            "[    0.1] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
            "[    0.1] rcu: Preemptible hierarchical RCU implementation.",
            "[    0.1] [Firmware Bug]: something the firmware did",
            "[    0.1] debug: BUGS are fun",
            "",
        ] {
            assert_eq!(find(line), None, "{line}");
        }
    }

    #[test]
    fn the_time_stamp_is_not_part_of_the_complaint() {
        assert_eq!(find("[    1.5] BUG: bad"), Some("BUG: bad"));
        assert_eq!(find_all("[1.0] fine\n[2.0] BUG: bad\n"), ["BUG: bad"]);
    }
}
