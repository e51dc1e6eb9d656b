//! Markdown for job summaries and comments: what failed first, and why it matters.

use gp2gp_model::plural::count;
use gp2gp_model::report::{Grade, RunReport, Share};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Verdict;

use crate::problem::{Detail, Gravity, Problem, binding, joined, problems};
use crate::text::{id_of, in_a_line};

/// How much fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The summary of a job: GitHub takes 1 MiB for all steps.
    Summary,
    /// A comment: GitHub takes 65 536 characters.
    Comment,
}

/// By which whoever posts comments finds the one to replace.
const MARKER: &str = "<!-- gp2gp -->\n";

/// Lines of a table say what they can in so many characters.
const CELL: usize = 160;
/// A line of expected and seen.
const DETAIL: usize = 1_000;

/// Renders a run. What did not fit is counted at the end.
pub fn markdown(report: &RunReport, catalogue: &[Requirement], room: Room) -> String {
    let problems = problems(report, catalogue);
    let (failed, open): (Vec<_>, Vec<_>) = problems
        .iter()
        .partition(|it| it.gravity <= Gravity::Unsteady);
    let (warnings, open): (Vec<_>, Vec<_>) = open
        .into_iter()
        .partition(|it| it.gravity == Gravity::Warning);
    let mut page = Page::new(room);
    page.add(&head(report, &failed));
    page.all("## What failed\n\n", "failures", &failed, |it| failure(it));
    let row = |it: &&Problem<'_>| row(it);
    page.table("## Not decided", "open questions", TABLE, &open, row);
    page.table("## Warnings", "warnings", TABLE, &warnings, row);
    let known = known(report);
    page.table(
        "## Known failures",
        "known failures",
        "| requirement | scenario | why |\n|---|---|---|\n",
        &known,
        Clone::clone,
    );
    page.close(report)
}

/// Columns of what is told in a line.
const TABLE: &str = "| what | where | seen |\n|---|---|---|\n";

fn head(report: &RunReport, failed: &[&Problem<'_>]) -> String {
    let grade = match report.score.grade {
        Grade::Conforms => "conforms",
        Grade::DoesNotConform => "does not conform",
        Grade::Unsafe => "unsafe",
        Grade::Incomplete => "incomplete",
    };
    let roles: Vec<_> = report.roles.iter().map(|role| role.name()).collect();
    let unsafe_because = match report.score.unsafe_because.as_slice() {
        [] => String::new(),
        ids => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("**Broken safety invariants: {}.** ", ids.join(", "))
        }
    };
    let failures = match failed.len() {
        0 => "Nothing failed.".to_owned(),
        more => format!("{} to mend.", count(more, "thing")),
    };
    format!(
        "# gp2gp: {} {grade}\n\n{unsafe_because}{failures} {}\n\n\
        | MUST | SHOULD | roles | profile | time | suite | exit status |\n|---|---|---|---|---|---|---|\n\
        | {} | {} | {} | {} | {} | {} | {} |\n\n",
        escaped(&in_a_line(&report.sut, CELL)),
        counted(report),
        share(report.score.must),
        share(report.score.should),
        roles.join(", "),
        report.profile,
        report.time_mode,
        escaped(&in_a_line(&report.suite, CELL)),
        report.exit.code,
    )
}

/// `3 of 120 scenarios failed, 110 passed, ...`: every verdict that there is.
fn counted(report: &RunReport) -> String {
    const ORDER: [(Verdict, &str); 10] = [
        (Verdict::Fail, "failed"),
        (Verdict::HarnessError, "could not be judged"),
        (Verdict::UnexpectedPass, "passed unexpectedly"),
        (Verdict::Flaky, "came out now so, now so"),
        (Verdict::Unknown, "not decided"),
        (Verdict::CouldNotRun, "could not run"),
        (Verdict::KnownFailure, "failed as known"),
        (Verdict::Warn, "passed with warnings"),
        (Verdict::Pass, "passed"),
        (Verdict::NotApplicable, "do not apply"),
    ];
    let with = |verdict| {
        report
            .scenarios
            .iter()
            .filter(move |it| it.verdict == verdict)
    };
    let parts: Vec<String> = ORDER
        .into_iter()
        .map(|(verdict, words)| (with(verdict).count(), words))
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!("{number} {words}"))
        .collect();
    let all = count(report.scenarios.len(), "scenario");
    format!("{all}: {}.", parts.join(", "))
}

/// What failed, with everything that a person needs to act on it.
fn failure(problem: &Problem<'_>) -> String {
    let mut text = format!("### {}\n\n", escaped(&in_a_line(&problem.title, CELL)));
    if let Some((finding, requirement)) = problem.finding {
        text.push_str(&format!("{}. ", binding(finding, requirement)));
        if let Some(requirement) = requirement {
            text.push_str(&format!(
                "{}\n\n**Why it matters:** {}\n\n- clause: {}\n",
                escaped(&in_a_line(&requirement.wording, DETAIL)),
                escaped(&in_a_line(&requirement.rationale, DETAIL)),
                escaped(&in_a_line(&requirement.clause.join(", "), CELL)),
            ));
        } else {
            text.push_str("\n\n");
        }
    }
    text.push_str(&format!("- where: {}\n", code(&problem.scenarios())));
    for detail in &problem.details {
        text.push_str(&self::detail(detail));
    }
    let reproduce = in_a_line(&problem.first.reproduce, DETAIL);
    text.push_str(&format!("- reproduce: {}\n\n", code(&reproduce)));
    text
}

fn detail(detail: &Detail) -> String {
    let line = |text: &str| escaped(&in_a_line(text, DETAIL));
    match detail {
        Detail::Breach { expected, seen } => {
            format!("- expected: {}\n- seen: {}\n", line(expected), line(seen))
        }
        Detail::Note(text) => format!("- note: {}\n", line(text)),
    }
}

fn row(problem: &Problem<'_>) -> String {
    let seen = joined(&problem.details, "; ");
    format!(
        "| {} | {} | {} |\n",
        escaped(&in_a_line(&problem.title, CELL)),
        escaped(&in_a_line(&problem.scenarios(), CELL)),
        escaped(&in_a_line(&seen, CELL)),
    )
}

/// A row for each known failure: what is accepted stays in sight.
fn known(report: &RunReport) -> Vec<String> {
    let findings = report.scenarios.iter().flat_map(|scenario| {
        let findings = scenario.findings.iter();
        let known = findings.filter(|it| it.verdict == Verdict::KnownFailure);
        known.map(move |finding| (scenario, finding))
    });
    findings
        .map(|(scenario, finding)| {
            format!(
                "| {} | {} | {} |\n",
                finding.requirement,
                escaped(id_of(scenario)),
                escaped(&in_a_line(finding.note.as_deref().unwrap_or("-"), CELL)),
            )
        })
        .collect()
}

fn share(share: Share) -> String {
    share.percent().map_or_else(
        || "-".to_owned(),
        |percent| format!("{} of {} ({percent:.1} %)", share.passed, share.applicable),
    )
}

/// Text that is nothing but text, also in a cell of a table.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // `@` and `#` would call people and issues.
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '|' | '~' | '!'
            | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '@' => escaped.push_str("&#64;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Text in the letters of code, whatever backticks it holds.
fn code(text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A text that grows as far as there is room.
struct Page {
    text: String,
    /// For all that stands before the last lines, in bytes: never less than characters.
    most: usize,
    /// `12 warnings`.
    left_out: Vec<String>,
}

/// For the last lines.
const LAST_LINES: usize = 2_000;

impl Page {
    fn new(room: Room) -> Self {
        let (text, most) = match room {
            Room::Summary => (String::new(), 1 << 20),
            Room::Comment => (MARKER.to_owned(), 65_536),
        };
        Self {
            text,
            most: most - LAST_LINES,
            left_out: Vec::new(),
        }
    }

    fn add(&mut self, block: &str) {
        self.text.push_str(block);
    }

    /// Blocks below a heading, as many as fit; how many of which kind did not is kept.
    fn all<T>(&mut self, heading: &str, kind: &str, items: &[T], block: impl Fn(&T) -> String) {
        let mut heading = heading;
        for (at, item) in items.iter().enumerate() {
            let block = block(item);
            if self.text.len() + heading.len() + block.len() > self.most {
                self.left_out.push(format!("{} {kind}", items.len() - at));
                return;
            }
            self.text.push_str(heading);
            self.text.push_str(&block);
            heading = "";
        }
    }

    fn table<T>(
        &mut self,
        heading: &str,
        kind: &str,
        columns: &str,
        items: &[T],
        row: impl Fn(&T) -> String,
    ) {
        self.all(&format!("{heading}\n\n{columns}"), kind, items, row);
        if !items.is_empty() {
            self.text.push('\n');
        }
    }

    fn close(mut self, report: &RunReport) -> String {
        if !self.left_out.is_empty() {
            self.text.push_str(&format!(
                "**Not shown here, because there was no room: {}.** `report.json` has all.\n\n",
                self.left_out.join(", ")
            ));
        }
        if !report.left_out.is_empty() {
            self.text.push_str(&format!(
                "Left out: {} (`gp2gp run --heavy`).\n\n",
                count(report.left_out.len(), "heavy scenario")
            ));
        }
        self.text.push_str(&format!(
            "<sub>{}</sub>\n",
            escaped(&in_a_line(&report.notice, CELL))
        ));
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn what_failed_is_said_first_and_nothing_breaks_out() {
        let text = markdown(&fixture::report(), &fixture::catalogue(), Room::Summary);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_good_run_is_short() {
        let text = markdown(&fixture::conforming(), &fixture::catalogue(), Room::Comment);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut report = fixture::report();
        let broken = report.scenarios[0].clone();
        for number in 0..8_000 {
            let mut another = broken.clone();
            another.expectations[0].seen = format!("ended in way {number}");
            let name = format!("many/number-{number}");
            another.id = gp2gp_model::ScenarioId::parse(&name).ok();
            another.findings.clear();
            report.scenarios.push(another);
        }
        let catalogue = fixture::catalogue();
        for (room, limit) in [(Room::Summary, 1 << 20), (Room::Comment, 65_536)] {
            let text = markdown(&report, &catalogue, room);
            assert!(text.len() <= limit, "{}", text.len());
            let (_, said) = text.split_once("**Not shown here").expect("it says so");
            assert!(
                said.contains(" failures, ") && said.contains("1 known failures"),
                "{said}"
            );
            assert!(text.ends_with("real practice</sub>\n"), "the notice stays");
            assert_eq!(text, markdown(&report, &catalogue, room), "the same again");
        }
        let whole = markdown(&fixture::report(), &catalogue, Room::Comment);
        assert!(!whole.contains("Not shown here"));
    }

    #[test]
    fn code_ends_where_it_should() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("plain"), "`plain`");
    }
}
