// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replacing lines that a patch adds, with the line counts of the hunks kept right.

use anyhow::{Context, Result};

/// What kind of line is replaced. Lines of other kinds in the same hunk are the patch author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `473 common door_create sys_door_create`, with tabs.
    TableRow,
    /// `asmlinkage long sys_door_create(...);`, perhaps over several lines.
    Prototype,
    /// `COND_SYSCALL(door_create);`
    CondSyscall,
}

impl Kind {
    fn begins(self, added: &str) -> bool {
        match self {
            Kind::TableRow => {
                added.starts_with(|c: char| c.is_ascii_digit()) && added.contains("\tcommon\t")
            }
            Kind::Prototype => added.starts_with("asmlinkage long sys_"),
            Kind::CondSyscall => added.starts_with("COND_SYSCALL("),
        }
    }

    fn goes_on(self, added: &str) -> bool {
        self.begins(added) || self == Kind::Prototype && added.starts_with("\t\t")
    }
}

/// `patch` with `lines` in place of those of this kind that it adds to `file`.
pub(super) fn replace(patch: &str, file: &str, kind: Kind, lines: &str) -> Result<String> {
    let header = format!("diff --git a/{file} b/{file}\n");
    let start = patch
        .find(&header)
        .with_context(|| format!("the patch does not touch {file}"))?;
    let end = patch[start + 1..]
        .find("\ndiff --git ")
        .map_or(patch.len(), |n| start + n + 2);
    let (before, rest) = patch.split_at(start);
    let (section, after) = rest.split_at(end - start);

    let old: Vec<&str> = section.lines().collect();
    let first = old
        .iter()
        .position(|l| added(l).is_some_and(|l| kind.begins(l)))
        .with_context(|| format!("the patch adds no such line to {file}"))?;
    let length = old[first..]
        .iter()
        .take_while(|l| added(l).is_some_and(|l| kind.goes_on(l)))
        .count();
    let new = lines.lines().map(|l| format!("+{l}"));
    let mut body: Vec<String> = old[..first].iter().map(ToString::to_string).collect();
    body.extend(new);
    body.extend(old[first + length..].iter().map(ToString::to_string));
    recount(&mut body);
    Ok(format!("{before}{}\n{after}", body.join("\n")))
}

fn added(line: &str) -> Option<&str> {
    line.strip_prefix('+')
        .filter(|rest| !rest.starts_with("++ "))
}

/// Makes the hunk headers say what their hunks hold.
fn recount(lines: &mut [String]) {
    let headers: Vec<usize> = (0..lines.len())
        .filter(|&i| lines[i].starts_with("@@ "))
        .collect();
    let mut shift = 0_i64;
    for (nth, &at) in headers.iter().enumerate() {
        let end = headers.get(nth + 1).copied().unwrap_or(lines.len());
        let count = |signs: &[char]| {
            lines[at + 1..end]
                .iter()
                .filter(|l| l.starts_with(signs))
                .count()
        };
        let (old, new) = (count(&[' ', '-']), count(&[' ', '+']));
        let Some((ranges, context)) = lines[at][3..].split_once(" @@") else {
            continue;
        };
        let from = ranges
            .trim_start_matches('-')
            .split([',', ' '])
            .next()
            .and_then(|n| n.parse::<i64>().ok());
        let Some(from) = from else { continue };
        lines[at] = format!("@@ -{from},{old} +{},{new} @@{context}", from + shift);
        shift += i64::try_from(new).unwrap_or(0) - i64::try_from(old).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "\
Subject: x
---
diff --git a/a.tbl b/a.tbl
--- a/a.tbl
+++ b/a.tbl
@@ -1,3 +1,5 @@
 1\tcommon\tread\tsys_read
+2\tcommon\told\tsys_old
+3\tcommon\tolder\tsys_older
 
 # end
@@ -10,2 +12,3 @@ context
 a
+b
 c
diff --git a/b b/b
--- a/b
+++ b/b
@@ -1 +1,2 @@
 x
+COND_SYSCALL(old);
";

    #[test]
    fn the_right_lines_are_replaced_and_counted() {
        let new = replace(PATCH, "a.tbl", Kind::TableRow, "2\tcommon\tnew\tsys_new\n").unwrap();
        assert!(new.contains("+2\tcommon\tnew\tsys_new\n \n"), "{new}");
        assert!(new.contains("@@ -1,3 +1,4 @@\n"), "{new}");
        assert!(new.contains("@@ -10,2 +11,3 @@ context\n"), "{new}");
        assert!(new.contains("+COND_SYSCALL(old);\n"), "{new}");
        assert!(!new.contains("older"), "{new}");
    }

    #[test]
    fn the_same_lines_change_nothing() {
        let same = "2\tcommon\told\tsys_old\n3\tcommon\tolder\tsys_older\n";
        assert_eq!(
            replace(PATCH, "a.tbl", Kind::TableRow, same).unwrap(),
            PATCH
        );
    }

    #[test]
    fn nothing_to_replace_is_an_error() {
        assert!(replace(PATCH, "c", Kind::TableRow, "").is_err());
        assert!(replace(PATCH, "a.tbl", Kind::Prototype, "").is_err());
    }
}
