//! A snapshot as a text, and back. There is one text for each snapshot, so that a text that was changed by hand,
//! or by a merge, is found at its line.

use std::fmt::Write as _;

use gp2gp_model::report::SYNTHETIC_NOTICE;
use gp2gp_model::snapshot::{FORMAT, Snapshot};
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{RequirementId, ScenarioId};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as DeError;

/// Why a text is no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct NotASnapshot {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Headings, in their order.
pub(super) const HEADINGS: [&str; 6] = [
    "why",
    "story",
    "faults",
    "ended",
    "documents",
    "requirements",
];

/// The text of a snapshot.
pub fn write(snapshot: &Snapshot) -> String {
    let Snapshot {
        scenario,
        title,
        verdict,
        why,
        story,
        faults,
        ended,
        documents,
        requirements,
    } = snapshot;
    let mut text = format!(
        "# {FORMAT}; {SYNTHETIC_NOTICE}\nscenario {scenario}\ntitle {title}\nverdict {verdict}\n"
    );
    let mut section = |heading: &str, lines: &mut dyn Iterator<Item = String>| {
        let mut lines = lines.peekable();
        if lines.peek().is_some() {
            let _ = writeln!(text, "\n{heading}");
        }
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    };
    section("why", &mut why.iter().cloned());
    section("story", &mut story.iter().cloned());
    section("faults", &mut faults.iter().cloned());
    let verdicts = |(verdict, line): &(Verdict, String)| format!("{verdict} {line}");
    section("ended", &mut ended.iter().map(verdicts));
    section("documents", &mut documents.iter().cloned());
    let verdicts = |(id, verdict): &(RequirementId, Verdict)| format!("{id} {verdict}");
    section("requirements", &mut requirements.iter().map(verdicts));
    text
}

/// Reads what [`write`] wrote.
///
/// # Errors
///
/// If [`write`] would have written another text; the first line that differs is named.
pub fn parse(text: &str) -> Result<Snapshot, NotASnapshot> {
    let text = text.replace("\r\n", "\n");
    let mut lines = Lines {
        lines: text.lines().collect(),
        at: 0,
    };
    let first = format!("# {FORMAT}; {SYNTHETIC_NOTICE}");
    if lines.next() != Some(&first) {
        return Err(lines.wrong(&format!("the first line of a snapshot is `{first}`")));
    }
    let scenario = lines.field("scenario ")?;
    let scenario = ScenarioId::parse(scenario).map_err(|error| lines.wrong(&error.to_string()))?;
    let title = lines.field("title ")?.to_owned();
    let verdict = lines.field("verdict ")?;
    let mut snapshot = Snapshot {
        scenario,
        title,
        verdict: lines.verdict(verdict)?,
        why: Vec::new(),
        story: Vec::new(),
        faults: Vec::new(),
        ended: Vec::new(),
        documents: Vec::new(),
        requirements: Vec::new(),
    };
    let mut heading = None;
    while let Some(line) = lines.next() {
        match (line.strip_prefix("  "), heading) {
            (Some(line), Some(heading)) => add(&mut snapshot, heading, line, &lines)?,
            (Some(_), None) => return Err(lines.wrong("this line stands below no heading")),
            (None, _) if line.is_empty() => {}
            (None, _) => {
                let known = HEADINGS.into_iter().find(|known| *known == line);
                heading = Some(known.ok_or_else(|| {
                    let headings = HEADINGS.join(", ");
                    lines.wrong(&format!("`{line}` is none of the headings {headings}"))
                })?);
            }
        }
    }
    let canonical = write(&snapshot);
    let at = differs_at(&text, &canonical);
    match at {
        None => Ok(snapshot),
        Some(line) => Err(NotASnapshot {
            line,
            what: format!(
                "gp2gp would have written `{}`",
                canonical.lines().nth(line - 1).unwrap_or_default()
            ),
        }),
    }
}

/// The first line, from 1, in which two texts differ.
fn differs_at(one: &str, other: &str) -> Option<usize> {
    let (mut one, mut other) = (one.split('\n'), other.split('\n'));
    (1..).find_map(|line| match (one.next(), other.next()) {
        (None, None) => Some(None),
        (one, other) => (one != other).then_some(Some(line)),
    })?
}

fn add(
    snapshot: &mut Snapshot,
    heading: &str,
    line: &str,
    lines: &Lines<'_>,
) -> Result<(), NotASnapshot> {
    match heading {
        "why" => snapshot.why.push(line.to_owned()),
        "story" => snapshot.story.push(line.to_owned()),
        "faults" => snapshot.faults.push(line.to_owned()),
        "documents" => snapshot.documents.push(line.to_owned()),
        "ended" => {
            let (verdict, rest) = line.split_once(' ').unwrap_or((line, ""));
            let verdict = lines.verdict(verdict)?;
            snapshot.ended.push((verdict, rest.to_owned()));
        }
        _ => {
            let (id, verdict) = line.split_once(' ').unwrap_or((line, ""));
            let id = RequirementId::parse(id).map_err(|error| lines.wrong(&error.to_string()))?;
            let verdict = lines.verdict(verdict)?;
            snapshot.requirements.push((id, verdict));
        }
    }
    Ok(())
}

struct Lines<'t> {
    lines: Vec<&'t str>,
    /// Lines that were read.
    at: usize,
}

impl<'t> Lines<'t> {
    fn next(&mut self) -> Option<&'t str> {
        let line = self.lines.get(self.at).copied();
        self.at += 1;
        line
    }

    fn field(&mut self, name: &str) -> Result<&'t str, NotASnapshot> {
        let line = self.next().unwrap_or_default();
        line.strip_prefix(name)
            .ok_or_else(|| self.wrong(&format!("this line begins with `{name}`")))
    }

    fn verdict(&self, name: &str) -> Result<Verdict, NotASnapshot> {
        let read: Result<Verdict, DeError> = Verdict::deserialize(name.into_deserializer());
        read.map_err(|_| self.wrong(&format!("`{name}` is no verdict")))
    }

    /// Of the line that was read last.
    fn wrong(&self, what: &str) -> NotASnapshot {
        NotASnapshot {
            line: self.at,
            what: what.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::snapshot) fn example() -> Snapshot {
        Snapshot {
            scenario: ScenarioId::parse("transfer/small-record").unwrap(),
            title: "A small record".to_owned(),
            verdict: Verdict::Fail,
            why: vec!["because".to_owned()],
            story: vec!["people      register the patient".to_owned()],
            faults: vec!["loss fired 2 times".to_owned()],
            ended: vec![(Verdict::Fail, "alice ends integrated".to_owned())],
            documents: vec!["scan.tif".to_owned()],
            requirements: vec![(RequirementId::parse("SND-14").unwrap(), Verdict::Fail)],
        }
    }

    #[test]
    fn a_snapshot_reads_as_it_was_written() {
        let text = write(&example());
        assert_eq!(parse(&text), Ok(example()));
        assert_eq!(parse(&text.replace('\n', "\r\n")), Ok(example()));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_text_that_was_changed_by_hand_is_refused_at_its_line() {
        let text = write(&example());
        for (was, is, said) in [
            (
                "# gp2gp-snapshot/1",
                "# gp2gp-snapshot/2",
                "line 1: the first line",
            ),
            ("verdict fail", "verdict bad", "line 4: `bad` is no verdict"),
            (
                "\nstory\n",
                "\nstories\n",
                "line 9: `stories` is none of the headings",
            ),
            ("SND-14 fail", "SND-14", "line 22: `` is no verdict"),
            ("  loss", " loss", "line 13: ` loss fired 2 times` is none"),
            (
                "\n\nended",
                "\nended",
                "line 14: gp2gp would have written ``",
            ),
            ("title ", "", "line 3: this line begins with `title `"),
            (
                "SND-14 fail\n",
                "SND-14 fail",
                "line 23: gp2gp would have written",
            ),
        ] {
            let changed = text.replacen(was, is, 1);
            assert_ne!(changed, text, "{was}");
            let error = parse(&changed).expect_err(was).to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
