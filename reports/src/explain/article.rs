//! What is said, in which order, in which words. Not how it looks.

use gp2gp_model::explanation::{
    AboutBrokenSystem, AboutFailureMode, AboutRequirement, AboutResponseCode, AboutScenario,
    Explanation, Subject,
};
use gp2gp_model::glossary::{Term, Vocabulary};
use gp2gp_model::plan::Role;
use gp2gp_model::requirement::{Obliged, Requirement};
use gp2gp_model::{FailureModeId, ScenarioId};

/// An article: a name, what kind of thing it is, paragraphs, and facts.
pub(super) struct Article {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) paragraphs: Vec<String>,
    pub(super) facts: Vec<Fact>,
}

/// A line below the paragraphs: what it is about, and what there is.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) items: Vec<Item>,
    /// Whoever can follow a link needs no more than the names.
    pub(super) is_brief: bool,
}

/// One of the things of a fact.
pub(super) struct Item {
    pub(super) words: String,
    /// Where it leads.
    pub(super) to: Option<To>,
    /// It is typed as it stands.
    pub(super) is_code: bool,
    /// What it is, for who does not know it.
    pub(super) says: Option<String>,
}

/// Where an item leads.
pub(super) enum To {
    Article(Subject),
    Page(String),
}

impl Article {
    pub(super) fn of(explanation: &Explanation) -> Self {
        let name = explanation.subject().name();
        match explanation {
            Explanation::Requirement(about) => of_requirement(name, about),
            Explanation::Scenario(about) => of_scenario(about),
            Explanation::FailureMode(about) => of_failure_mode(name, about),
            Explanation::BrokenSystem(about) => of_broken_system(name, about),
            Explanation::ResponseCode(about) => of_response_code(name, about),
            Explanation::Term(term) => of_term(name, term),
        }
    }
}

fn of_requirement(name: String, about: &AboutRequirement) -> Article {
    let requirement = &about.requirement;
    let safety = if requirement.safety {
        ", safety invariant: breaking it makes the grade unsafe"
    } else {
        ""
    };
    let whose = match requirement.role {
        Obliged::Any => "every system".to_owned(),
        Obliged::Sending | Obliged::Requesting | Obliged::Exporting | Obliged::Hub => {
            format!("the {} system", requirement.role)
        }
    };
    let check = if about.checked {
        "yes, judged in every trace that exercises it"
    } else {
        "not yet checked"
    };
    let mut facts = vec![
        Fact::plain("clause", &requirement.clause.join(", ")),
        Fact::plain("evidence", &requirement.evidence),
        Fact::plain("check", check),
    ];
    if requirement.of_handler {
        facts.push(Fact::plain(
            "handler",
            "not asked of a system behind the binding mhs-json: there the message handler keeps it, and that is ours",
        ));
    }
    facts.push(scenarios(&about.scenarios));
    let red = about.seen_red_with.iter().map(|name| Item::broken(name));
    facts.push(Fact::new("seen red with", red));
    facts.push(Fact::new(
        "words",
        about.terms.iter().map(|term| Item::term(term)),
    ));
    Article {
        name,
        title: format!("{} for {whose}{safety}", requirement.level),
        paragraphs: vec![requirement.wording.clone(), requirement.rationale.clone()],
        facts: told(facts),
    }
}

fn of_scenario(about: &AboutScenario) -> Article {
    let judges: Vec<&str> = about.judges.iter().map(|role| role.name()).collect();
    let heavy = if about.heavy {
        "; heavy: only if it is named, or with --heavy"
    } else {
        ""
    };
    let modes = about.failure_modes.iter();
    let requirements = about.requirements.iter();
    let cells = about.cells.iter();
    let run = format!("gp2gp run {} --story", about.id);
    let title = match about.cells.len() {
        0 => about.title.clone(),
        cells => format!("{} (the first of {cells} cells)", about.title),
    };
    Article {
        name: about.id.clone(),
        title,
        paragraphs: vec![about.story.clone()],
        facts: told(vec![
            Fact::plain(
                "judges",
                &format!("the {} system{heavy}", judges.join(" and the ")),
            ),
            Fact::new(
                "goes wrong",
                modes.map(|mode| Item::failure_mode(mode.number, &mode.what)),
            ),
            Fact {
                is_brief: true,
                ..Fact::new("exercises", requirements.map(Item::requirement))
            },
            Fact::new("run it", [Item::code(&run)]),
            Fact::new(
                "cells",
                cells.map(|cell| Item {
                    says: Some(String::new()),
                    ..Item::code(&format!("gp2gp run {cell}"))
                }),
            ),
        ]),
    }
}

fn of_failure_mode(name: String, about: &AboutFailureMode) -> Article {
    let mode = &about.mode;
    let roles: Vec<String> = mode.roles.iter().map(ToString::to_string).collect();
    let played = about.scenarios.iter().map(|scenario| Item {
        says: Some(scenario.title.clone()),
        ..Item::scenario(&scenario.id)
    });
    let untested = mode.untested_because.iter();
    Article {
        name,
        title: mode.what.clone(),
        paragraphs: Vec::new(),
        facts: told(vec![
            Fact::plain("about", &mode.group),
            Fact::plain(
                "to cope",
                &format!("the {} system", roles.join(" and the ")),
            ),
            Fact::new("played by", played),
            Fact::new("not played", untested.map(|why| Item::plain(why))),
        ]),
    }
}

fn of_broken_system(name: String, about: &AboutBrokenSystem) -> Article {
    Article {
        title: about.what.to_owned(),
        paragraphs: Vec::new(),
        facts: told(vec![
            Fact::plain(
                "is",
                &format!("a {} system, broken on purpose", about.role.name()),
            ),
            Fact::new("caught by", [Item::requirement(&about.caught_by)]),
            Fact::new("run it", [Item::code(&format!("gp2gp run --sut {name}"))]),
        ]),
        name,
    }
}

fn of_response_code(name: String, about: &AboutResponseCode) -> Article {
    let used_by: Vec<&str> = about.used_by.iter().map(|role| Role::name(*role)).collect();
    Article {
        name,
        title: about.text.to_owned(),
        paragraphs: Vec::new(),
        facts: told(vec![
            Fact::plain(
                "used by",
                &format!("the {} system", used_by.join(" and the ")),
            ),
            Fact::new("words", [Item::term("response code")]),
        ]),
    }
}

fn of_term(name: String, term: &Term) -> Article {
    let title = match term.vocabulary {
        Vocabulary::Field => "a word of the field",
        Vocabulary::Harness => "a word of the harness",
    };
    let also = term.also.iter().map(|word| Item::plain(word));
    let ids = term.requirements.iter();
    let words = term.terms.iter();
    let pages = term.pages.iter();
    Article {
        name,
        title: title.to_owned(),
        paragraphs: vec![term.meaning.clone()],
        facts: told(vec![
            Fact::new("also", also),
            Fact::new("words", words.map(|word| Item::term(word))),
            Fact::new(
                "requirements",
                ids.map(|id| Item::to(Subject::Requirement(id.clone()))),
            ),
            Fact::new("more", pages.map(|page| Item::page(page))),
        ]),
    }
}

fn scenarios(ids: &[ScenarioId]) -> Fact {
    match ids {
        [] => Fact::plain("scenarios", "none yet"),
        [_, ..] => Fact::new("scenarios", ids.iter().map(Item::scenario)),
    }
}

/// The facts of which there is something to tell.
fn told(mut facts: Vec<Fact>) -> Vec<Fact> {
    facts.retain(|fact| !fact.items.is_empty());
    facts
}

impl Fact {
    fn new(label: &'static str, items: impl IntoIterator<Item = Item>) -> Self {
        Self {
            label,
            items: items.into_iter().collect(),
            is_brief: false,
        }
    }

    fn plain(label: &'static str, words: &str) -> Self {
        Self::new(label, [Item::plain(words)])
    }
}

impl Item {
    fn plain(words: &str) -> Self {
        Self {
            words: words.to_owned(),
            to: None,
            is_code: false,
            says: None,
        }
    }

    fn code(words: &str) -> Self {
        Self {
            is_code: true,
            ..Self::plain(words)
        }
    }

    fn to(subject: Subject) -> Self {
        Self {
            words: subject.name(),
            to: Some(To::Article(subject)),
            is_code: false,
            says: None,
        }
    }

    fn requirement(requirement: &Requirement) -> Self {
        Self {
            says: Some(requirement.wording.clone()),
            ..Self::to(Subject::Requirement(requirement.id.clone()))
        }
    }

    fn scenario(id: &ScenarioId) -> Self {
        Self::to(Subject::Scenario(id.clone()))
    }

    fn failure_mode(number: FailureModeId, what: &str) -> Self {
        Self {
            says: Some(what.to_owned()),
            ..Self::to(Subject::FailureMode(number))
        }
    }

    /// By its name with `broken:` before it.
    fn broken(name: &str) -> Self {
        Self {
            to: Some(To::Article(Subject::BrokenSystem(
                name.trim_start_matches("broken:").to_owned(),
            ))),
            ..Self::plain(name)
        }
    }

    fn term(name: &str) -> Self {
        Self::to(Subject::Term(name.to_owned()))
    }

    fn page(path: &str) -> Self {
        Self {
            to: Some(To::Page(path.to_owned())),
            ..Self::plain(path)
        }
    }
}
