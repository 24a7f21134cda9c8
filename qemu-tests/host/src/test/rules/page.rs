// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of rules as a page for a browser, with everything that it needs in itself.

use super::{is_id, Column, Judged, Mark, Verdict};

const FRAME: &str = include_str!("page.html");

/// The page.
pub(super) fn render(judged: &[Judged<'_>]) -> String {
    let mut rows = String::new();
    let mut chapters = String::new();
    let mut chapter = "";
    for rule in judged {
        if rule.rule.chapter != chapter {
            chapter = &rule.rule.chapter;
            let title = chapter.replace('-', " ");
            chapters += &format!("<option value=\"{chapter}\">{title}</option>\n");
            rows += &format!(
                "<tr class=\"chapter\" data-chapter=\"{chapter}\"><th colspan=\"6\">\
                 <a href=\"../../uapi/rules/{chapter}.md\">{title}</a></th></tr>\n"
            );
        }
        rows += &row(rule);
    }
    let mut verdicts = String::new();
    for verdict in Verdict::ALL {
        let count = judged.iter().filter(|j| j.verdict == verdict).count();
        verdicts += &format!(
            "<label class=\"{}\"><input type=\"checkbox\" value=\"{verdict}\" checked>{count} {verdict}</label>\n",
            class(verdict)
        );
    }
    FRAME
        .replace("{{chapters}}", &chapters)
        .replace("{{verdicts}}", &verdicts)
        .replace("{{rows}}", &rows)
}

fn row(judged: &Judged<'_>) -> String {
    let Judged {
        rule,
        verdict,
        tests,
    } = judged;
    let text = match rule.summary() {
        all if all == rule.text => html(all),
        summary => format!(
            "<details><summary>{}</summary>{}</details>",
            html(summary),
            html(rule.text[summary.len()..].trim())
        ),
    };
    let tests = match &rule.mark {
        Some(Mark::NotObservable(why) | Mark::NoTest(why)) if tests.is_empty() => html(why),
        _ => tests
            .iter()
            .map(|tested| {
                let name = html(&tested.test.name);
                format!("<div class=\"{}\">{name}</div>", class(tested.verdict()))
            })
            .collect(),
    };
    let cells: String = Column::ALL
        .iter()
        .enumerate()
        .map(|(number, column)| match judged.column(number) {
            Verdict::NoTest => "<td></td>".into(),
            verdict => format!(
                "<td class=\"{}\" title=\"{}\">{verdict}</td>",
                class(verdict),
                column.name()
            ),
        })
        .collect();
    format!(
        "<tr id=\"{id}\" data-chapter=\"{chapter}\" data-verdict=\"{verdict}\"><td class=\"id {class}\">{id}</td>\
         <td>{text}</td><td class=\"tests\">{tests}</td>{cells}</tr>\n",
        id = rule.id,
        chapter = rule.chapter,
        class = class(*verdict),
    )
}

fn class(verdict: Verdict) -> String {
    verdict.to_string().replace(' ', "-")
}

/// Markdown of one line, as far as the rules use it; ids become links.
fn html(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut result = String::new();
    for (number, part) in escaped.split('`').enumerate() {
        if number % 2 == 1 {
            result += &format!("<code>{part}</code>");
            continue;
        }
        for (number, part) in part.split("**").enumerate() {
            match number % 2 {
                1 => result += &format!("<b>{part}</b>"),
                _ => result += &links(&part.replace('*', "")),
            }
        }
    }
    result
}

fn links(text: &str) -> String {
    text.split_inclusive(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.')))
        .map(|word| {
            let id = word.trim_end_matches(|c: char| !c.is_ascii_digit());
            match is_id(id) {
                true => format!("<a href=\"#{id}\">{id}</a>{}", &word[id.len()..]),
                false => word.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        assert_eq!(
            html("If `a < b`, **all** (CA-2.1, RE-4)."),
            "If <code>a &lt; b</code>, <b>all</b> (<a href=\"#CA-2.1\">CA-2.1</a>, <a href=\"#RE-4\">RE-4</a>)."
        );
    }
}
