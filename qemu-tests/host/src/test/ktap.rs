// SPDX-License-Identifier: MIT OR Apache-2.0
//! KUnit's results, which are in KTAP: nested by two spaces, each group's own result after its members'.

use super::report::Outcome;

/// The outcome of each test case in the `results` of one KUnit suite.
pub(super) fn parse(prefix: &str, ktap: &str) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    // What was printed since the last result belongs to the next one.
    let mut said: Vec<&str> = Vec::new();
    for line in ktap.lines() {
        let text = line.trim_start();
        let Some((passed, rest)) = result(text) else {
            said.push(line);
            continue;
        };
        let (name, directive) = rest.split_once('#').unwrap_or((rest, ""));
        let depth = line.len() - text.len();
        // The outermost result only sums up the others, and a skipped test has said nothing.
        if depth > 0 && !directive.trim_start().starts_with("SKIP") {
            let mut outcome = Outcome::passed(prefix, name.trim().trim_start_matches("- "));
            if !passed {
                outcome.failure = Some("not ok".into());
                outcome.output = said.join("\n");
            }
            outcomes.push(outcome);
        }
        said.clear();
    }
    outcomes
}

/// `ok 1 name`, `not ok 1 - name`: whether it passed, and the rest.
fn result(line: &str) -> Option<(bool, &str)> {
    let (passed, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, rest) = rest.split_once(' ')?;
    number
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then_some((passed, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_and_suites_are_not() {
        let ktap = "    KTAP version 1\n    # Subtest: doors\n    1..3\n    ok 1 opens\n    \
                    # closes: EXPECTATION FAILED at x.rs:1\n    not ok 2 closes\n    ok 3 later # SKIP not yet\n\
                    # doors: pass:1 fail:1 skip:1 total:3\nnot ok 1 doors\n";
        let outcomes = parse("kunit", ktap);
        assert_eq!(outcomes.len(), 2);
        assert_eq!(
            (outcomes[0].name.as_str(), outcomes[0].failure.is_none()),
            ("opens", true)
        );
        assert_eq!(
            (outcomes[1].name.as_str(), outcomes[1].failure.is_none()),
            ("closes", false)
        );
        assert!(outcomes[1].output.contains("EXPECTATION FAILED"));
    }
}
