// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of doors, from `uapi/rules`, and what the tests say of them.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::fs;

use anyhow::{bail, ensure, Context, Result};

use crate::cache;
use crate::linux::config::Flavour;
use crate::paths::Paths;

mod citations;
mod page;

use super::report::{Outcome, Report};
use citations::{Citation, Place};

/// Where the rules are, in the work tree.
const FOLDER: &str = "uapi/rules";

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    id: String,
    /// The file that it is in, without the ending.
    chapter: String,
    /// What it says, as Markdown on one line.
    text: String,
    mark: Option<Mark>,
}

/// Why no test cites a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    /// No program can tell.
    NotObservable(String),
    /// A program could, but there is none.
    NoTest(String),
}

/// Reads all rules, in the order of their chapters in the index.
fn read(paths: &Paths) -> Result<Vec<Rule>> {
    let chapter = |name: &str| {
        let path = paths.source(FOLDER).join(format!("{name}.md"));
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let index = chapter("README")?;
    let mut rules = Vec::new();
    // `| [names](names.md) | FA | ... |`
    for name in index.lines().filter_map(|line| {
        let (_, link) = line.strip_prefix("| [")?.split_once("](")?;
        Some(link.split_once(".md)")?.0)
    }) {
        rules.extend(parse(name, &chapter(name)?));
    }
    let files = fs::read_dir(paths.source(FOLDER))?.count();
    let chapters: BTreeSet<&str> = rules.iter().map(|rule| rule.chapter.as_str()).collect();
    // The index itself and the list of pitfalls have no rules.
    ensure!(
        chapters.len() + 2 == files,
        "{FOLDER}: {files} files, but the index names {} with rules",
        chapters.len()
    );
    Ok(rules)
}

/// A rule is a list item, or a row of a table, that begins with an id in bold.
fn parse(chapter: &str, text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        let begun = (line.strip_prefix("- **"))
            .or_else(|| line.strip_prefix("| **"))
            .and_then(|rest| rest.split_once("** "))
            .filter(|(id, _)| is_id(id));
        if let Some((id, rest)) = begun {
            rules.push(Rule {
                id: id.to_owned(),
                chapter: chapter.to_owned(),
                text: rest.trim_matches(['|', ' ']).replace(" | ", " · "),
                mark: None,
            });
            inside = line.starts_with('-');
        } else if inside && line.starts_with("  ") {
            let rule = rules.last_mut().expect("we are inside one");
            rule.text.push(' ');
            rule.text.push_str(line.trim());
        } else {
            inside = false;
        }
    }
    for rule in &mut rules {
        let reason = |of: &str| {
            let (_, rest) = rule.text.split_once(of)?;
            Some(rest.split_once(')')?.0.to_owned())
        };
        rule.mark = (reason("(not observable: ").map(Mark::NotObservable))
            .or_else(|| reason("(no test: ").map(Mark::NoTest));
    }
    rules
}

impl Rule {
    /// The first sentence.
    fn summary(&self) -> &str {
        let end = self.text.find(". ").map_or(self.text.len(), |dot| dot + 1);
        &self.text[..end]
    }

    /// Whether who cites `id` cites this rule: a row of its table stands for the rule.
    fn is_cited_by(&self, id: &str) -> bool {
        id.strip_prefix(&self.id)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// The ids in a text.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_')))
        .map(|word| word.trim_matches(['-', '.']))
        .filter(|word| is_id(word))
}

/// Two capitals, a dash and a number; the row of a table has a point and a second number.
fn is_id(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    word.split_once('-').is_some_and(|(letters, numbers)| {
        letters.len() == 2
            && letters.bytes().all(|b| b.is_ascii_uppercase())
            && numbers.splitn(2, '.').all(is_number)
    })
}

/// Where tests run: one column of the table each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Host,
    Kernel(Flavour),
}

impl Column {
    const ALL: [Column; 3] = [
        Column::Host,
        Column::Kernel(Flavour::Default),
        Column::Kernel(Flavour::Debug),
    ];

    fn name(self) -> &'static str {
        match self {
            Column::Host => "host",
            Column::Kernel(flavour) => flavour.name(),
        }
    }

    /// What became of a test there.
    fn judge(self, test: &Citation, outcomes: &[Outcome]) -> Verdict {
        if !self.has(test.place) {
            return Verdict::NoTest;
        }
        let ran = outcomes
            .iter()
            .filter(|outcome| self.has_run(outcome) && test.is(outcome));
        // Some run twice there: as they are, and under loom.
        let verdicts = ran.map(|outcome| match outcome.failure {
            None => Verdict::Passed,
            Some(_) => Verdict::Failed,
        });
        verdicts.min().unwrap_or(Verdict::NotRun)
    }

    fn has(self, place: Place) -> bool {
        match self {
            Column::Host => place == Place::Host,
            Column::Kernel(Flavour::Default) => place == Place::Guest,
            Column::Kernel(Flavour::Debug) => place != Place::Host,
        }
    }

    fn has_run(self, outcome: &Outcome) -> bool {
        match self {
            Column::Host => matches!(outcome.suite.as_str(), "host" | "loom"),
            Column::Kernel(flavour) => outcome.suite.split('/').nth(1) == Some(flavour.name()),
        }
    }
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Failed,
    Passed,
    NotRun,
    NoTest,
    NotObservable,
}

impl Verdict {
    const ALL: [Verdict; 5] = [
        Verdict::Failed,
        Verdict::NoTest,
        Verdict::NotRun,
        Verdict::Passed,
        Verdict::NotObservable,
    ];

    /// Of several: one failure fails, and what did not run says nothing.
    fn of(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
        verdicts.min().unwrap_or(Verdict::NoTest)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Failed => "failed",
            Verdict::Passed => "passed",
            Verdict::NotRun => "not run",
            Verdict::NoTest => "no test",
            Verdict::NotObservable => "not observable",
        })
    }
}

/// A rule, its tests and what became of them.
struct Judged<'a> {
    rule: &'a Rule,
    verdict: Verdict,
    tests: Vec<Tested<'a>>,
}

impl Judged<'_> {
    /// What became of the tests in one column.
    fn column(&self, column: usize) -> Verdict {
        Verdict::of(self.tests.iter().map(|test| test.columns[column]))
    }
}

/// What became of a test, in the order of [`Column::ALL`].
struct Tested<'a> {
    test: &'a Citation,
    columns: [Verdict; 3],
}

impl Tested<'_> {
    fn verdict(&self) -> Verdict {
        Verdict::of(self.columns.into_iter())
    }
}

fn judge<'a>(rule: &'a Rule, citations: &'a [Citation], outcomes: &[Outcome]) -> Judged<'a> {
    let cites = |citation: &&Citation| citation.rules.iter().any(|id| rule.is_cited_by(id));
    let tests: Vec<Tested<'_>> = citations
        .iter()
        .filter(cites)
        .map(|test| Tested {
            test,
            columns: Column::ALL.map(|column| column.judge(test, outcomes)),
        })
        .collect();
    let verdict = match &rule.mark {
        Some(Mark::NotObservable(_)) if tests.is_empty() => Verdict::NotObservable,
        _ => Verdict::of(tests.iter().map(Tested::verdict)),
    };
    Judged {
        rule,
        verdict,
        tests,
    }
}

/// Writes the table of rules; returns one line about it.
pub(super) fn write(paths: &Paths, report: &Report) -> Result<String> {
    let (rules, citations) = (read(paths)?, citations::collect(paths)?);
    let judged: Vec<Judged<'_>> = rules
        .iter()
        .map(|rule| judge(rule, &citations, report.outcomes()))
        .collect();
    let path = paths.target("report/rules.html");
    fs::create_dir_all(paths.target("report"))?;
    cache::replace(&path, page::render(&judged).as_bytes())?;
    Ok(sum_up(&judged, &Paths::show(&path)))
}

fn sum_up(judged: &[Judged<'_>], path: &str) -> String {
    let count = |verdict| judged.iter().filter(|j| j.verdict == verdict).count();
    let mut line = format!(
        "rules: {} of {} checked by a passing test",
        count(Verdict::Passed),
        judged.len()
    );
    for (verdict, words) in [
        (Verdict::Failed, "FAILED"),
        (Verdict::NotRun, "not tried now"),
        (Verdict::NotObservable, "not observable here"),
        (Verdict::NoTest, "without a test"),
    ] {
        if count(verdict) > 0 {
            line += &format!(", {} {words}", count(verdict));
        }
    }
    format!("{line}: {path}")
}

/// No two rules have the same id.
pub(super) fn check_unique(paths: &Paths) -> Result<()> {
    let mut seen = HashSet::new();
    for rule in read(paths)? {
        ensure!(
            seen.insert(rule.id.clone()),
            "{FOLDER}: {} is there twice",
            rule.id
        );
    }
    Ok(())
}

/// Whatever the tree cites is a rule.
pub(super) fn check_cited(paths: &Paths) -> Result<()> {
    let known: HashSet<String> = read(paths)?.into_iter().map(|rule| rule.id).collect();
    let mut unknown = Vec::new();
    for (file, text) in citations::files(paths)? {
        for (number, line) in text.lines().enumerate() {
            let wrong = ids(line).filter(|id| !known.contains(*id));
            unknown.extend(wrong.map(|id| format!("{file}:{}: {id}", number + 1)));
        }
    }
    ensure!(
        unknown.is_empty(),
        "these are no rules of {FOLDER}:\n{}",
        unknown.join("\n")
    );
    Ok(())
}

/// A rule has a test or a reason to have none, and not both.
pub(super) fn check_tested(paths: &Paths) -> Result<()> {
    let citations = citations::collect(paths)?;
    let mut wrong = Vec::new();
    for rule in read(paths)? {
        let Judged { tests, .. } = judge(&rule, &citations, &[]);
        match (tests.first(), &rule.mark) {
            (None, None) => wrong.push(format!("{} has no test: {}", rule.id, rule.summary())),
            (Some(test), Some(_)) => wrong.push(format!(
                "{} is said to have no test, but {} cites it",
                rule.id, test.test.name
            )),
            _ => (),
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Calls\n\n- **CA-1** A point. And\n  more.\n- **CA-2** In order.\n\n\
        | rule | errno |\n|---|---|\n| **CA-2.1** | EFAULT | unreadable (no test: a race) |\n\n\
        - **SH-1** They sleep. (not\n  observable: internal)\n\nThe end, not of SH-1.\n";

    #[test]
    fn rules_are_items_and_rows() {
        let rules = parse("calls", TEXT);
        let found: Vec<_> = rules
            .iter()
            .map(|r| (r.id.as_str(), r.text.as_str()))
            .collect();
        let expected = [
            ("CA-1", "A point. And more."),
            ("CA-2", "In order."),
            ("CA-2.1", "EFAULT · unreadable (no test: a race)"),
            ("SH-1", "They sleep. (not observable: internal)"),
        ];
        assert_eq!(found, expected);
        assert_eq!(rules[0].summary(), "A point.");
        assert_eq!(rules[0].mark, None);
        assert_eq!(rules[2].mark, Some(Mark::NoTest("a race".into())));
        assert_eq!(rules[3].mark, Some(Mark::NotObservable("internal".into())));
    }

    #[test]
    fn ids_are_found_in_prose() {
        let text =
            "as RE-7 and (CA-2.19) say, DE-3's too: DX-3.\nNot UTF-8, A-1, x_CA-1 or CA-1-2.";
        let found: Vec<_> = ids(text).collect();
        assert_eq!(found, ["RE-7", "CA-2.19", "DE-3", "DX-3"]);
    }

    #[test]
    fn tests_decide_what_becomes_of_rules() {
        let rules = parse("calls", TEXT);
        let test = |place, name: &str, id: &str| Citation {
            place,
            name: name.into(),
            rules: vec![id.into()],
        };
        let citations = [
            test(Place::Guest, "basic::errors", "CA-2.1"),
            test(Place::Host, "limits::rows", "CA-2"),
        ];
        let outcomes = [
            Outcome::passed("guest/default", "basic::errors"),
            Outcome::failed("guest/debug", "basic::errors", "it broke"),
            Outcome::passed("host", "properties::limits::rows"),
        ];
        let verdict =
            |rule: usize, outcomes: &[Outcome]| judge(&rules[rule], &citations, outcomes).verdict;
        use Verdict::*;
        assert_eq!(verdict(0, &outcomes), NoTest);
        assert_eq!(verdict(1, &outcomes), Failed);
        assert_eq!(verdict(2, &outcomes[..1]), Passed);
        assert_eq!(verdict(2, &outcomes[2..]), NotRun);
        assert_eq!(verdict(3, &outcomes), NotObservable);
        let row = judge(&rules[1], &citations, &outcomes);
        assert_eq!([0, 1, 2].map(|c| row.column(c)), [Passed, Passed, Failed]);
        let all: Vec<_> = rules
            .iter()
            .map(|r| judge(r, &citations, &outcomes))
            .collect();
        assert_eq!(
            sum_up(&all, "x.html"),
            "rules: 0 of 4 checked by a passing test, 2 FAILED, 1 not observable here, 1 without a test: x.html"
        );
    }
}
