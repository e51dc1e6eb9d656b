//! What works and is still not good enough: a scenario that proves nothing, or that nobody
//! will understand.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use gp2gp_model::Capability;
use gp2gp_model::failure_mode::FailureMode;
use gp2gp_model::requirement::{Obliged, Requirement};
use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::error::{named, shown};
use crate::spanned::Spanned;
use crate::{Scenario, failure_modes, needs};

/// Longest title that fits a line of a list, in characters.
const LONGEST_TITLE: usize = 72;

/// A rule that a good scenario keeps. The number of a rule never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// GP001: it names no requirement.
    NoRequirement,
    /// GP002: it says of nothing that it must have happened.
    NoFact,
    /// GP003: it judges a role and names no requirement of that role.
    JudgedForNothing,
    /// GP004: it names a requirement of a role that it does not judge.
    NotJudged,
    /// GP005: it names a requirement or a failure mode twice.
    NamedTwice,
    /// GP006: it has a fault and does not ask whether the fault acted.
    FaultNotAskedFor,
    /// GP007: it names a requirement that no check covers.
    NoCheck,
    /// GP008: it has no story.
    NoStory,
    /// GP009: its title is empty, or too long for a line of a list.
    BadTitle,
    /// GP010: it has a patient for whom nothing is done.
    IdlePatient,
    /// GP011: it does not say which failure modes it puts to the test, not even that there are none.
    NoFailureMode,
    /// GP012: it cites a failure mode that only systems have to cope with which it does not judge.
    NobodyCopes,
    /// GP013: it needs a capability and makes no use of it.
    NeverNeeded,
    /// GP014: it makes use of a capability and does not say that it needs it.
    NeedNotSaid,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 14] = [
        Self::NoRequirement,
        Self::NoFact,
        Self::JudgedForNothing,
        Self::NotJudged,
        Self::NamedTwice,
        Self::FaultNotAskedFor,
        Self::NoCheck,
        Self::NoStory,
        Self::BadTitle,
        Self::IdlePatient,
        Self::NoFailureMode,
        Self::NobodyCopes,
        Self::NeverNeeded,
        Self::NeedNotSaid,
    ];

    /// `GP001` and so on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoRequirement => "GP001",
            Self::NoFact => "GP002",
            Self::JudgedForNothing => "GP003",
            Self::NotJudged => "GP004",
            Self::NamedTwice => "GP005",
            Self::FaultNotAskedFor => "GP006",
            Self::NoCheck => "GP007",
            Self::NoStory => "GP008",
            Self::BadTitle => "GP009",
            Self::IdlePatient => "GP010",
            Self::NoFailureMode => "GP011",
            Self::NobodyCopes => "GP012",
            Self::NeverNeeded => "GP013",
            Self::NeedNotSaid => "GP014",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A rule that is not kept. As a [`miette::Diagnostic`] it shows the line.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Diagnostic)]
#[error("{rule}: {message}")]
#[diagnostic(severity(Warning))]
pub struct Lint {
    /// Which rule.
    pub rule: Rule,
    message: String,
    #[source_code]
    text: NamedSource<Arc<str>>,
    #[label("here")]
    span: SourceSpan,
    #[help]
    help: &'static str,
}

impl Lint {
    fn order(&self) -> (usize, Rule, &str) {
        (self.span.offset(), self.rule, &self.message)
    }
}

/// Every rule that the scenarios of a file do not keep, in the order of lines. `checked` are the
/// requirements that a check covers, where that is known.
pub fn lint(
    scenarios: &[Scenario],
    catalogue: &[Requirement],
    checked: Option<&BTreeSet<&str>>,
) -> Vec<Lint> {
    let of_cells: Vec<Vec<Lint>> = scenarios
        .iter()
        .map(|scenario| lint_one(scenario, catalogue, checked))
        .collect();
    // What one cell needs is needed, though others do without.
    let is_of_all = |lint: &Lint| {
        let mut cells = of_cells.iter();
        lint.rule != Rule::NeverNeeded
            || cells.all(|lints| lints.iter().any(|other| other.order() == lint.order()))
    };
    let mut lints: Vec<Lint> = of_cells
        .iter()
        .flatten()
        .filter(|lint| is_of_all(lint))
        .cloned()
        .collect();
    lints.sort_by(|left, right| left.order().cmp(&right.order()));
    // Cells of a matrix mostly have the same faults, and always at the same places.
    lints.dedup_by(|left, right| left.order() == right.order());
    lints
}

fn lint_one(
    scenario: &Scenario,
    catalogue: &[Requirement],
    checked: Option<&BTreeSet<&str>>,
) -> Vec<Lint> {
    let mut linter = Linter {
        scenario,
        lints: Vec::new(),
    };
    linter.title_and_story();
    linter.requirements(catalogue, checked);
    linter.roles(catalogue);
    linter.failure_modes();
    linter.needs();
    linter.facts();
    linter.patients();
    linter.lints
}

struct Linter<'a> {
    scenario: &'a Scenario,
    lints: Vec<Lint>,
}

impl Linter<'_> {
    fn title_and_story(&mut self) {
        let file = &self.scenario.file;
        let title = file.title.get_ref().trim();
        if title.is_empty() || title.chars().count() > LONGEST_TITLE {
            self.report(
                Rule::BadTitle,
                file.title.span(),
                format!("the title has {} characters", title.chars().count()),
                "a title has 1 to 72 characters; the rest belongs into the story",
            );
        }
        if file.story.trim().is_empty() {
            self.report(
                Rule::NoStory,
                file.title.span(),
                "the scenario has no story".to_owned(),
                "say in `story` why this happens in a practice and what good systems do",
            );
        }
    }

    fn requirements(&mut self, catalogue: &[Requirement], checked: Option<&BTreeSet<&str>>) {
        let file = &self.scenario.file;
        if file.requirements.is_empty() {
            self.report(
                Rule::NoRequirement,
                file.title.span(),
                "the scenario names no requirement".to_owned(),
                "without `requirements` nothing has to be exercised, and nothing is proven",
            );
        }
        let mut seen = BTreeSet::new();
        for (written, row) in named_requirements(self.scenario, catalogue) {
            if !seen.insert(&row.id) {
                self.report(
                    Rule::NamedTwice,
                    written.span(),
                    format!("{} is named twice", row.id),
                    "leave one of them out",
                );
            }
            if checked.is_some_and(|checked| !checked.contains(row.id.as_str())) {
                self.report(
                    Rule::NoCheck,
                    written.span(),
                    format!("no check covers {}", row.id),
                    "a requirement without a check is never judged; leave it out until there is one",
                );
            }
        }
    }

    fn roles(&mut self, catalogue: &[Requirement]) {
        let judges = &self.scenario.file.judges;
        let named = named_requirements(self.scenario, catalogue);
        for role in judges.get_ref() {
            if !named.is_empty() && named.iter().all(|(_, row)| Some(*role) != row.role.role()) {
                self.report(
                    Rule::JudgedForNothing,
                    judges.span(),
                    format!("the {role} system is judged, but no requirement for it is named"),
                    "name a requirement that binds this role, or do not judge it here",
                );
            }
        }
        for (written, row) in named {
            let is_judged = match row.role {
                Obliged::Any => true,
                Obliged::Sending | Obliged::Requesting | Obliged::Exporting | Obliged::Hub => {
                    let mut judged = judges.get_ref().iter();
                    judged.any(|role| Some(*role) == row.role.role())
                }
            };
            if !is_judged {
                self.report(
                    Rule::NotJudged,
                    written.span(),
                    format!(
                        "{} binds the {} system, which is not judged here",
                        row.id, row.role
                    ),
                    "leave the requirement out, or judge its role",
                );
            }
        }
    }

    fn failure_modes(&mut self) {
        let file = &self.scenario.file;
        let Some(cited) = &file.failure_modes else {
            self.report(
                Rule::NoFailureMode,
                file.title.span(),
                "the scenario cites no failure mode".to_owned(),
                "say in `failure_modes` what has gone wrong in practices and is put to the test \
                 here, or `failure_modes = []` if nothing like it is known",
            );
            return;
        };
        // A catalogue that cannot be read is our defect, which a test of its own finds.
        let catalogue = failure_modes().unwrap_or_default();
        let mut seen = BTreeSet::new();
        for written in cited {
            let number = *written.get_ref();
            if !seen.insert(number) {
                self.report(
                    Rule::NamedTwice,
                    written.span(),
                    format!("failure mode {number} is named twice"),
                    "leave one of them out",
                );
            }
            let copes = |mode: &FailureMode| {
                let mut roles = mode.roles.iter().filter_map(|role| role.role());
                roles.any(|role| file.judges.get_ref().contains(&role))
            };
            if let Some(mode) = catalogue
                .iter()
                .find(|mode| u64::from(mode.number.get()) == number)
                && !copes(mode)
            {
                self.report(
                    Rule::NobodyCopes,
                    written.span(),
                    format!("no system that is judged here has to cope with failure mode {number}"),
                    "leave the number out, or judge a system that has to: `gp2gp list --coverage` names them",
                );
            }
        }
    }

    fn needs(&mut self) {
        let file = &self.scenario.file;
        for need in &file.needs {
            let capability = *need.get_ref();
            if needs::shown_by(file, capability).is_none() {
                self.report(
                    Rule::NeverNeeded,
                    need.span(),
                    format!("nothing in the scenario needs {capability}"),
                    "leave it out: a system without it would be spared a scenario that it can pass",
                );
            }
        }
        for capability in Capability::ALL {
            let is_said = file.needs.iter().any(|need| *need.get_ref() == capability);
            if let Some(place) = needs::shown_by(file, capability)
                && !is_said
            {
                self.report(
                    Rule::NeedNotSaid,
                    place,
                    format!("this needs {capability}, and `needs` does not say so"),
                    "add it to `needs`: a system that does not claim it cannot be judged here",
                );
            }
        }
    }

    fn facts(&mut self) {
        let file = &self.scenario.file;
        let facts = &file.exercised;
        let has_fact = !facts.accepted.is_empty()
            || facts.request_refused.is_some()
            || facts.core_acknowledged.is_some()
            || facts.core_never_acknowledged.is_some()
            || facts.skeleton_sent.is_some()
            || facts.record_sent.is_some()
            || facts.message_ids_shared.is_some()
            || facts.document_of.is_some()
            || !facts.fault_fired.is_empty()
            || !facts.decided.is_empty()
            || !facts.retransmitted_by.is_empty()
            || !facts.case_was.is_empty()
            || !facts.declined.is_empty()
            || !facts.happened.is_empty();
        if !has_fact {
            self.report(
                Rule::NoFact,
                file.title.span(),
                "the scenario does not say what must have happened".to_owned(),
                "add an [exercised] table: a run that misses its point must not pass",
            );
        }
        for fault in &file.fault {
            let name = &fault.get_ref().name;
            let is_asked_for = facts
                .fault_fired
                .iter()
                .any(|fired| fired.get_ref().trim() == name.get_ref().trim());
            if !is_asked_for {
                self.report(
                    Rule::FaultNotAskedFor,
                    name.span(),
                    format!("nothing asks whether `{}` acted", name.get_ref()),
                    "add its name to `fault_fired` in [exercised]",
                );
            }
        }
    }

    fn patients(&mut self) {
        let file = &self.scenario.file;
        for patient in &file.patient {
            let name = &patient.name;
            let acts = file.step.iter().flat_map(|step| step.get_ref().patients());
            let is_idle = !acts
                .map(|acted| acted.get_ref().trim())
                .any(|acted| acted == name.get_ref().trim());
            if is_idle && !file.step.is_empty() {
                self.report(
                    Rule::IdlePatient,
                    name.span(),
                    format!("no step has to do with `{}`", name.get_ref()),
                    "add a [[step]] for this patient, or take the patient out",
                );
            }
        }
    }

    fn report(&mut self, rule: Rule, span: Range<usize>, message: String, help: &'static str) {
        let source = &self.scenario.source;
        self.lints.push(Lint {
            rule,
            message,
            text: named(&source.file, &source.text),
            span: shown(&source.text, span),
            help,
        });
    }
}

/// The requirements that the catalogue knows, with the place where each is named.
fn named_requirements<'a>(
    scenario: &'a Scenario,
    catalogue: &'a [Requirement],
) -> Vec<(&'a Spanned<String>, &'a Requirement)> {
    let known = |written: &Spanned<String>| {
        catalogue.iter().find(|row| {
            row.id
                .as_str()
                .eq_ignore_ascii_case(written.get_ref().trim())
        })
    };
    let requirements = scenario.file.requirements.iter();
    requirements
        .filter_map(|written| Some((written, known(written)?)))
        .collect()
}
