//! Known failures of a system: a file beside its code says what fails, why, who sees to it and until when.
//!
//! A failure that the file names is borne: it is told, it is no pass, and it does not fail the run. The file
//! itself fails the run where it is out of date: what passes now, what has expired, what nothing tests.

mod update;

use std::ops::Range;

use gp2gp_model::ScenarioId;
use gp2gp_model::baseline::{
    BaselineReport, Borne, CheckName, Date, KnownFailure, Stale, Staleness,
};
use gp2gp_model::report::{ScenarioReport, find};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_log::Scope;
use gp2gp_model::verdict::Verdict;
use miette::{Diagnostic, NamedSource, SourceSpan};
use serde::Deserialize;
use toml::Spanned;

use crate::run::verdict;

pub use update::{Said, Updated, update};

/// Known failures, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    entries: Vec<KnownFailure>,
}

/// Why a file is no baseline.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{what}")]
#[diagnostic(help("{help}"))]
pub struct BaselineError {
    what: String,
    help: String,
    #[source_code]
    file: NamedSource<String>,
    #[label("here")]
    at: Option<SourceSpan>,
}

/// An entry as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    check: Spanned<String>,
    scenario: Option<Spanned<String>>,
    reason: Spanned<String>,
    owner: Spanned<String>,
    expires: Spanned<toml::value::Datetime>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    known_failure: Vec<Written>,
}

const FORM: &str = "an entry is `[[known-failure]]` with `check` (a requirement, or \"end\"), `reason`, `owner`, `expires` (a day: 2027-01-31), and `scenario` unless it is known everywhere";

impl Baseline {
    /// Reads a file; `name` is how people find it.
    pub fn parse(
        name: &str,
        text: &str,
        catalogue: &[Requirement],
    ) -> Result<Self, Box<BaselineError>> {
        let error = |what: String, help: &str, at: Option<Range<usize>>| {
            Box::new(BaselineError {
                what,
                help: help.to_owned(),
                file: NamedSource::new(name, text.to_owned()),
                at: at.map(SourceSpan::from),
            })
        };
        let file: File = toml::from_str(text)
            .map_err(|wrong| error(wrong.message().to_owned(), FORM, wrong.span()))?;
        let mut entries: Vec<KnownFailure> = Vec::new();
        for written in file.known_failure {
            let at = written.check.span();
            let check = CheckName::try_from(written.check.as_ref().clone())
                .ok()
                .filter(|check| is_known(check, catalogue));
            let Some(check) = check else {
                let what = format!("there is no requirement {}", written.check.as_ref());
                let help = "`gp2gp list --requirements` shows them; \"end\" is how a scenario ends";
                return Err(error(what, help, Some(at)));
            };
            for (key, text) in [("reason", &written.reason), ("owner", &written.owner)] {
                if text.as_ref().trim().is_empty() {
                    let what = format!("`{key}` is empty");
                    let help = "say why the failure is borne, and who sees to it";
                    return Err(error(what, help, Some(text.span())));
                }
            }
            let expires = written.expires.as_ref().date.map(|date| date.to_string());
            let Some(expires) = expires.and_then(|date| date.parse::<Date>().ok()) else {
                let what = "`expires` has no day".to_owned();
                return Err(error(what, FORM, Some(written.expires.span())));
            };
            let scenario = match &written.scenario {
                None => None,
                Some(id) => Some(ScenarioId::try_from(id.as_ref().clone()).map_err(|wrong| {
                    let help = "`gp2gp list` shows the scenarios; a family, such as `transfer`, is all of its scenarios";
                    error(wrong.to_string(), help, Some(id.span()))
                })?),
            };
            let entry = KnownFailure {
                check,
                scenario,
                reason: written.reason.into_inner(),
                owner: written.owner.into_inner(),
                expires,
            };
            let mut others = entries.iter();
            if others
                .any(|other| (&other.check, &other.scenario) == (&entry.check, &entry.scenario))
            {
                let what = format!("{entry} is known twice");
                return Err(error(what, "take one of them out", Some(at)));
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }

    /// The entries, in the order of the file.
    pub fn entries(&self) -> &[KnownFailure] {
        &self.entries
    }

    /// Marks what is borne, and what passes though it is said to fail; tells what is out of date.
    ///
    /// `today` is the day of the run, so that the same run always gives the same report.
    pub fn apply(
        &self,
        scenarios: &mut [ScenarioReport],
        today: Date,
        scope: Scope,
    ) -> BaselineReport {
        let mut told = BaselineReport::default();
        for entry in &self.entries {
            let stale = |why| Stale {
                entry: entry.clone(),
                why,
            };
            if entry.expires < today {
                told.stale.push(stale(Staleness::Expired));
                continue;
            }
            let mut outcomes = outcomes(entry, scenarios);
            let failures = outcomes.iter().filter(|it| it.is_failure()).count();
            let passes = outcomes.iter().filter(|it| it.is_pass()).count();
            for outcome in &mut outcomes {
                match (outcome.is_failure(), outcome.is_pass()) {
                    (true, _) => outcome.bear(entry),
                    (false, true) if failures == 0 => outcome.mark(Verdict::UnexpectedPass, entry),
                    (false, _) => {}
                }
            }
            if failures > 0 {
                told.borne.push(Borne {
                    entry: entry.clone(),
                    failures,
                });
            } else if passes > 0 {
                told.stale.push(stale(Staleness::Passes));
            } else if let Some(why) = untested(entry, scenarios, scope) {
                told.stale.push(stale(why));
            }
        }
        scenarios.iter_mut().for_each(reconsider);
        told
    }
}

fn is_known(check: &CheckName, catalogue: &[Requirement]) -> bool {
    match check {
        CheckName::Requirement(id) => find(catalogue, id).is_some(),
        CheckName::End => true,
    }
}

/// Why an entry had nothing to bear, though it should have had; `None` where that is in order: its scenarios
/// were not asked for, or do not apply, or could not run.
fn untested(entry: &KnownFailure, scenarios: &[ScenarioReport], scope: Scope) -> Option<Staleness> {
    let is_about = |it: &&ScenarioReport| it.id.as_ref().is_some_and(|id| entry.is_about(id));
    let mut its = scenarios.iter().filter(is_about).peekable();
    match (its.peek(), scope) {
        (None, Scope::Suite) => Some(Staleness::NoSuchScenario),
        (None, Scope::Selection) => None,
        // A selection of the scenarios of an entry for all or many says nothing of the others.
        (Some(_), Scope::Selection) if entry.scenario.is_none() => None,
        (Some(_), _) => {
            let ran = |it: &ScenarioReport| match it.verdict {
                Verdict::NotApplicable
                | Verdict::CouldNotRun
                | Verdict::Unknown
                | Verdict::HarnessError => false,
                Verdict::Pass
                | Verdict::Fail
                | Verdict::Warn
                | Verdict::KnownFailure
                | Verdict::UnexpectedPass
                | Verdict::Flaky => true,
            };
            its.all(ran).then_some(Staleness::NeverTested)
        }
    }
}

/// Something that an entry speaks of.
struct Outcome<'r> {
    verdict: &'r mut Verdict,
    known: &'r mut Option<KnownFailure>,
}

impl Outcome<'_> {
    const fn is_failure(&self) -> bool {
        match self.verdict {
            Verdict::Fail | Verdict::Warn | Verdict::CouldNotRun | Verdict::Unknown => true,
            Verdict::Pass
            | Verdict::NotApplicable
            | Verdict::KnownFailure
            | Verdict::UnexpectedPass
            | Verdict::Flaky
            | Verdict::HarnessError => false,
        }
    }

    const fn is_pass(&self) -> bool {
        matches!(self.verdict, Verdict::Pass)
    }

    /// A breach becomes a known one; a gap stays one, and is borne.
    fn bear(&mut self, entry: &KnownFailure) {
        let is_breach = matches!(self.verdict, Verdict::Fail | Verdict::Warn);
        let verdict = if is_breach {
            Verdict::KnownFailure
        } else {
            *self.verdict
        };
        self.mark(verdict, entry);
    }

    fn mark(&mut self, verdict: Verdict, entry: &KnownFailure) {
        *self.verdict = verdict;
        *self.known = Some(entry.clone());
    }
}

fn outcomes<'r>(entry: &KnownFailure, scenarios: &'r mut [ScenarioReport]) -> Vec<Outcome<'r>> {
    let is_about = |it: &&mut ScenarioReport| it.id.as_ref().is_some_and(|id| entry.is_about(id));
    let mut outcomes = Vec::new();
    for scenario in scenarios.iter_mut().filter(is_about) {
        match &entry.check {
            CheckName::Requirement(id) => {
                let findings = scenario.findings.iter_mut();
                let named = findings.filter(|finding| finding.requirement == *id);
                outcomes.extend(named.map(|finding| Outcome {
                    verdict: &mut finding.verdict,
                    known: &mut finding.known,
                }));
            }
            CheckName::End => {
                // One end has several sides: it passes if all of them do.
                let is_broken = scenario.ended() == Some(Verdict::Fail);
                let expectations = scenario.expectations.iter_mut();
                let same = expectations.filter(|it| (it.verdict == Verdict::Fail) == is_broken);
                outcomes.extend(same.map(|expectation| Outcome {
                    verdict: &mut expectation.verdict,
                    known: &mut expectation.known,
                }));
            }
        }
    }
    outcomes
}

/// A scenario whose failures are borne does not fail.
fn reconsider(scenario: &mut ScenarioReport) {
    let is_marked = scenario.findings.iter().any(|it| it.known.is_some())
        || scenario.expectations.iter().any(|it| it.known.is_some());
    let is_judged = match scenario.verdict {
        Verdict::Fail
        | Verdict::Warn
        | Verdict::Pass
        | Verdict::CouldNotRun
        | Verdict::KnownFailure
        | Verdict::UnexpectedPass
        | Verdict::Flaky => true,
        // Open for another reason: a system that was gone, or hung.
        Verdict::Unknown => scenario.mishap.is_none(),
        Verdict::NotApplicable | Verdict::HarnessError => false,
    };
    if is_marked && is_judged {
        scenario.verdict = verdict(
            &scenario.findings,
            &scenario.expectations,
            &scenario.missing_facts,
        );
    }
}
