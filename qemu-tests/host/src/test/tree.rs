// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the work tree itself: what was generated is what would be generated, the series fits the source, and
//! whoever cites a rule cites one that exists.

use crate::codegen;
use crate::linux::source;
use crate::patches;
use crate::paths::Paths;

use super::report::{Outcome, Report};
use super::{rules, Options};

const SUITE: &str = "tree";

/// Runs them.
pub(super) fn run(paths: &Paths, options: &Options, report: &mut Report) {
    let mut outcomes = Vec::new();
    let mut check = |name: &str, test: &dyn Fn() -> anyhow::Result<()>| {
        if options.wants(&format!("{SUITE}::{name}")) {
            outcomes.push(Outcome::of(SUITE, name, test()));
        }
    };
    check("codegen --check", &|| {
        codegen::run(paths, codegen::Mode::Check)
    });
    check("the series applies without fuzz", &|| {
        let _lock = crate::cache::lock(paths)?;
        let source = source::unpack(paths, options.origin.linux.as_deref())?;
        patches::check_fit(paths, &source)
    });
    check("no two rules have one id", &|| rules::check_unique(paths));
    check("rules that are cited exist", &|| rules::check_cited(paths));
    check("every rule is tested or says why not", &|| {
        rules::check_tested(paths)
    });
    if !outcomes.is_empty() {
        report.add(outcomes);
    }
}
