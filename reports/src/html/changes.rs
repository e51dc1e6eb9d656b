//! What is not as it was in an earlier run, and what is known.

use gp2gp_model::ScenarioId;
use gp2gp_model::baseline::CheckName;
use gp2gp_model::report::{ChangeKind, Changes, RunName, RunReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::Verdict;

use super::trouble::Trouble;
use super::{number_of, words};
use crate::beside::{alike, some};

/// Rows that are not folded. What is broken now never is.
const SHOWN: usize = 20;

/// Scenarios that are named for a change.
const NAMED: usize = 6;

pub(super) struct ChangesShown {
    pub(super) earlier: String,
    pub(super) must: String,
    /// All that is broken now, and others as long as these are few.
    pub(super) rows: Vec<ChangeRow>,
    /// The others, where there are many.
    pub(super) folded: Vec<ChangeRow>,
    /// Changes of the suite, in words.
    pub(super) of_suite: Vec<String>,
}

pub(super) struct ChangeRow {
    pub(super) colour: &'static str,
    pub(super) check: String,
    pub(super) words: &'static str,
    /// What the requirement asks.
    pub(super) wording: String,
    /// Number of the failure that it is.
    pub(super) number: Option<usize>,
    pub(super) was: String,
    pub(super) is: String,
    pub(super) scenarios: String,
}

impl ChangesShown {
    pub(super) fn of(
        report: &RunReport,
        catalogue: &[Requirement],
        troubles: &[Trouble<'_>],
    ) -> Option<Self> {
        let changes = report.changes.as_ref()?;
        let kinds = [
            ChangeKind::Broken,
            ChangeKind::Mended,
            ChangeKind::NoLongerJudged,
            ChangeKind::NewlyJudged,
            ChangeKind::Otherwise,
        ];
        let mut all = kinds
            .into_iter()
            .map(|kind| rows(changes, kind, catalogue, troubles));
        let mut shown = all.next().unwrap_or_default();
        let mut folded: Vec<ChangeRow> = all.flatten().collect();
        let room = SHOWN.saturating_sub(shown.len());
        if folded.len() <= room {
            shown.append(&mut folded);
        }
        Some(Self {
            earlier: changes.earlier.to_string(),
            must: format!(
                "MUST {} of {} then, {} of {} now",
                changes.must.passed,
                changes.must.applicable,
                report.score.must.passed,
                report.score.must.applicable
            ),
            rows: shown,
            folded,
            of_suite: of_suite(changes),
        })
    }
}

fn rows(
    changes: &Changes,
    kind: ChangeKind,
    catalogue: &[Requirement],
    troubles: &[Trouble<'_>],
) -> Vec<ChangeRow> {
    let of_kind = alike(&changes.findings, kind);
    let row = |(change, scenarios): (&gp2gp_model::report::Change, Vec<&ScenarioId>)| ChangeRow {
        colour: match kind {
            ChangeKind::Broken => "red",
            ChangeKind::Mended => "green",
            ChangeKind::NoLongerJudged => "orange",
            ChangeKind::NewlyJudged | ChangeKind::Otherwise => "grey",
        },
        check: change.check.to_string(),
        wording: match &change.check {
            CheckName::Requirement(id) => {
                find(catalogue, id).map_or_else(String::new, |it| it.wording.clone())
            }
            CheckName::End => "How the run ended".to_owned(),
        },
        number: match (&change.check, kind) {
            (CheckName::Requirement(id), ChangeKind::Broken | ChangeKind::Otherwise) => {
                number_of(troubles, id)
            }
            (
                CheckName::Requirement(_),
                ChangeKind::Mended | ChangeKind::NoLongerJudged | ChangeKind::NewlyJudged,
            )
            | (CheckName::End, _) => None,
        },
        words: kind.words(),
        was: name(change.was),
        is: name(change.is),
        scenarios: some(&scenarios, NAMED),
    };
    of_kind.into_iter().map(row).collect()
}

fn name(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(|| "not judged".to_owned(), words::verdict)
}

fn of_suite(changes: &Changes) -> Vec<String> {
    let of_scenarios = [
        (&changes.new_scenarios, "were not in that run"),
        (&changes.missing_scenarios, "are not in this run"),
        (&changes.changed_scenarios, "are written otherwise now"),
    ];
    let told = of_scenarios.into_iter().filter(|(ids, _)| !ids.is_empty());
    told.map(|(ids, what)| {
        let ids: Vec<&ScenarioId> = ids.iter().collect();
        format!("Scenarios that {what}: {}", some(&ids, NAMED))
    })
    .collect()
}

/// Since when something is as it is, in a word.
pub(super) fn since_when(report: &RunReport, since: Option<&RunName>) -> String {
    match since {
        None => "not known".to_owned(),
        Some(since) if Some(since) == report.name().as_ref() => "new".to_owned(),
        Some(since) => since.made_at.to_ebxml(),
    }
}

/// Since when something is as it is.
pub(super) fn since(report: &RunReport, since: Option<&RunName>) -> String {
    match (since, &report.changes) {
        (None, None) => "not known: this run was compared with no earlier one".to_owned(),
        (None, Some(_)) => "not known: it is not followed through earlier runs".to_owned(),
        (Some(since), Some(changes)) if Some(since) == report.name().as_ref() => {
            format!("new: it was not so in the run of {}", changes.earlier)
        }
        (Some(since), _) => format!("the run of {since}"),
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::report::Change;
    use gp2gp_model::run_log::Fingerprint;
    use gp2gp_model::{Sha256, Time};

    use super::*;
    use crate::fixture;

    /// So many requirements that broke, and so many that were mended.
    fn report(broken: usize, mended: usize) -> RunReport {
        let change = |number: usize, is_broken: bool| Change {
            scenario: "transfer/small".parse().unwrap(),
            check: CheckName::Requirement(format!("RCV-{number:02}").parse().unwrap()),
            was: Some(if is_broken {
                Verdict::Pass
            } else {
                Verdict::Fail
            }),
            is: Some(if is_broken {
                Verdict::Fail
            } else {
                Verdict::Pass
            }),
            kind: if is_broken {
                ChangeKind::Broken
            } else {
                ChangeKind::Mended
            },
        };
        let broken = (0..broken).map(|number| change(number, true));
        let mended = (0..mended).map(|number| change(number, false));
        let mut report = fixture::report();
        report.fingerprint = Some(Fingerprint {
            made_at: Time::from_micros(60_000_000),
            suite_sha256: Sha256::of(b"suite"),
            platform: "linux x86_64".to_owned(),
        });
        report.changes = Some(Changes {
            earlier: RunName {
                made_at: Time::from_micros(0),
                suite: report.suite.clone(),
                sut: "acme".to_owned(),
            },
            must: report.score.must,
            should: report.score.should,
            findings: broken.chain(mended).collect(),
            no_longer_judged: Vec::new(),
            new_scenarios: Vec::new(),
            missing_scenarios: Vec::new(),
            changed_scenarios: Vec::new(),
        });
        report
    }

    fn rows(broken: usize, mended: usize) -> (usize, usize) {
        let shown = ChangesShown::of(&report(broken, mended), &[], &[]).unwrap();
        (shown.rows.len(), shown.folded.len())
    }

    #[test]
    fn what_is_broken_now_is_never_folded_and_the_rest_is_where_it_is_much() {
        assert_eq!(rows(2, 18), (20, 0));
        assert_eq!(rows(2, 19), (2, 19));
        assert_eq!(rows(25, 1), (25, 1));
        assert_eq!(rows(0, 30), (0, 30));
    }

    #[test]
    fn since_when_in_a_word_says_new_a_time_or_that_nobody_knows() {
        let report = report(1, 0);
        let of = |since: Option<&RunName>| since_when(&report, since);
        assert_eq!(of(None), "not known");
        assert_eq!(of(Some(&report.name().unwrap())), "new");
        let earlier = &report.changes.as_ref().unwrap().earlier;
        assert_eq!(of(Some(earlier)), "1970-01-01T00:00:00Z");
    }
}
