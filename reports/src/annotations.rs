//! Workflow commands of GitHub Actions that annotate a run: few, the gravest first.

use gp2gp_model::plural::count;
use gp2gp_model::report::RunReport;
use gp2gp_model::requirement::Requirement;

use crate::problem::{Gravity, Problem, binding, problems};
use crate::text::visible;

/// GitHub shows ten annotations of a kind for each step, and drops the others without a word.
const SHOWN: usize = 10;

const LONGEST_TITLE: usize = 120;
const LONGEST_MESSAGE: usize = 2_000;

/// A line for each of the gravest problems; the last says of the others how many there are.
pub fn annotations(report: &RunReport, catalogue: &[Requirement]) -> String {
    let problems = problems(report, catalogue);
    let room = match problems.len() {
        0..=SHOWN => SHOWN,
        _ => SHOWN - 1,
    };
    let mut lines: String = problems.iter().take(room).map(annotation).collect();
    let more = problems.len().saturating_sub(room);
    if more > 0 {
        lines.push_str(&format!(
            "::notice title=gp2gp::{} to look at: see the job summary and report.json\n",
            count(more, "more thing")
        ));
    }
    lines
}

fn annotation(problem: &Problem<'_>) -> String {
    let command = match problem.gravity {
        Gravity::Unsafe | Gravity::Failure | Gravity::Unfit | Gravity::Unsteady => "error",
        Gravity::Open | Gravity::Warning => "warning",
    };
    let place = problem.place().map_or_else(String::new, |(file, line)| {
        format!("file={},line={line},", property(file))
    });
    let mut title = problem.title.clone();
    let mut message = String::new();
    if let Some((finding, requirement)) = problem.finding {
        title = format!("{title} ({})", binding(finding, requirement));
        if let Some(requirement) = requirement {
            message.push_str(&format!("{}\n", requirement.wording));
        }
    }
    for detail in &problem.details {
        message.push_str(&format!("{detail}\n"));
    }
    message.push_str(&format!(
        "in {}\nreproduce: {}",
        problem.scenarios(),
        problem.first.reproduce
    ));
    format!(
        "::{command} {place}title={}::{}\n",
        property(&shortened(&title, LONGEST_TITLE)),
        data(&shortened(&message, LONGEST_MESSAGE)),
    )
}

/// A text in which the runner finds no command: words of a system that is tested must not set an output, or hide a line.
///
/// The runner takes `::name` at the beginning of a line for one, behind any space, and `##[name]` anywhere in it. In JSON
/// nothing begins a line with `::`, and the other is written so that it means the same.
pub fn inert(text: &str, is_json: bool) -> String {
    let mark = if is_json { "#\\u0023[" } else { "# #[" };
    let text = text.replace("##[", mark);
    let line = |line: &str| match line.trim_start().strip_prefix("::") {
        None => line.to_owned(),
        Some(rest) => {
            let indent = &line[..line.len() - rest.len() - 2];
            format!("{indent}: :{rest}")
        }
    };
    text.split_inclusive(['\n', '\r']).map(line).collect()
}

fn shortened(text: &str, most: usize) -> String {
    let text = visible(text);
    match text.char_indices().nth(most) {
        None => text,
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}

/// Escaped as the runner reads messages.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escaped as the runner reads properties.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_gravest_comes_first_and_no_text_starts_a_command_of_its_own() {
        let text = annotations(&fixture::report(), &fixture::catalogue());
        insta::assert_snapshot!(text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), SHOWN);
        for line in lines {
            let kinds = ["::error ", "::warning ", "::notice "];
            assert!(kinds.iter().any(|kind| line.starts_with(kind)), "{line}");
        }
    }

    #[test]
    fn a_run_without_problems_annotates_nothing() {
        let text = annotations(&fixture::conforming(), &fixture::catalogue());
        assert_eq!(text, "");
    }

    #[test]
    fn no_line_of_the_terminal_is_a_command() {
        let text = inert(
            "says\n  ::add-mask::x\ra\r::set-output name=y::z\n  a :: b\n",
            false,
        );
        assert_eq!(
            text,
            "says\n  : :add-mask::x\ra\r: :set-output name=y::z\n  a :: b\n"
        );
        assert_eq!(
            inert("  said ##[error]no\n", false),
            "  said # #[error]no\n"
        );
    }

    #[test]
    fn json_still_means_the_same_to_others_than_the_runner() {
        let json = serde_json::to_string(&["a ##[add-mask]b", "###[", "::x"]).unwrap();
        let inert = inert(&json, true);
        assert!(!inert.contains("##["), "{inert}");
        let read: Vec<String> = serde_json::from_str(&inert).unwrap();
        assert_eq!(read, ["a ##[add-mask]b", "###[", "::x"]);
    }

    #[test]
    fn escapes_are_those_of_the_runner() {
        assert_eq!(data("100%: a,b\r\n::x"), "100%25: a,b%0D%0A::x");
        assert_eq!(property("a:b,c%"), "a%3Ab%2Cc%25");
    }
}
