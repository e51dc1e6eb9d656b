//! What happened on one day: the compositions of a folder.

use super::code::{Code, Compound};
use super::document::DocumentSpec;
use super::draw::Uuid;
use super::statement::{Authorised, Event, Finding, Pen, put};
use super::vocabulary::{
    BATTERIES, DIASTOLIC, DRUGS, EXAMINATIONS, FAMILY_HISTORY, PLANS, PRESSURE, PROBLEMS,
    REFERRALS, SNOMED, SYMPTOMS, SYSTOLIC,
};
use super::xml::Escaped;

/// A kind of composition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A problem discussed: history, examination, plan, comment.
    Consultation,
    /// Drugs authorised, issued, stopped.
    Medication,
    /// Results from a laboratory.
    Report,
    /// Registration and family history.
    Registration,
    /// One observation.
    Note,
}

/// What later compositions refer back to.
#[derive(Clone, Copy, Default)]
pub(super) struct Memory {
    problem: Option<Uuid>,
    authorised: Option<Authorised>,
}

/// Writes a composition of this kind.
pub(super) fn write(kind: Kind, pen: &mut Pen, memory: &mut Memory, place: &str, event: Event<'_>) {
    match kind {
        Kind::Consultation => consultation(pen, memory, place, event),
        Kind::Medication => medication(pen, memory, place, event),
        Kind::Report => report(pen, place, event),
        Kind::Registration => registration(pen, place, event),
        Kind::Note => note(pen, place, event),
    }
}

/// Writes the composition that files a document: at its top, or deep inside, as suppliers differ.
pub(super) fn document(pen: &mut Pen, document: &DocumentSpec, place: &str, event: Event<'_>) {
    composition(pen, OTHER_REPORT, place, event, |pen| {
        if pen.draw.chance(50) {
            pen.entry(|pen| pen.document(document, event));
            return;
        }
        pen.entry(|pen| {
            pen.compound(Compound::Topic, ADMINISTRATION, event, |pen| {
                category(pen, ADMINISTRATION, event, |pen| {
                    pen.component(|pen| pen.document(document, event));
                });
            });
        });
    });
}

/// Writes a composition of one observation and `len` bytes of free text.
pub(super) fn closing_note(pen: &mut Pen, len: usize, place: &str, event: Event<'_>) {
    composition(pen, NON_CONSULTATION, place, event, |pen| {
        pen.entry(|pen| examine(pen, event));
        pen.entry(|pen| pen.narrative_of_length(len, event));
    });
}

/// Writes the composition of a note with this id and text that was made elsewhere.
pub(super) fn entry(pen: &mut Pen, note: (&str, &str), place: &str, event: Event<'_>) {
    composition(pen, THIRD_PARTY, place, event, |pen| {
        pen.entry(|pen| pen.note(note, event));
    });
}

fn consultation(pen: &mut Pen, memory: &mut Memory, place: &str, event: Event<'_>) {
    let problem = pen.draw.pick(&PROBLEMS);
    let visit = *pen.draw.pick(&VISITS);
    let is_first = memory.problem.is_none();
    let mut named = None;
    composition(pen, visit, place, event, |pen| {
        pen.entry(|pen| {
            pen.compound(Compound::Topic, Code::Concept(problem), event, |pen| {
                category(pen, PROBLEM_TITLE, event, |pen| {
                    pen.component(|pen| {
                        named = Some(pen.observation(problem, &Finding::Problem, event));
                    });
                });
                category(pen, HISTORY, event, |pen| history(pen, event));
                category(pen, EXAMINATION, event, |pen| examination(pen, event));
                if is_first || pen.draw.chance(50) {
                    category(pen, FOLLOW_UP, event, |pen| follow_up(pen, is_first, event));
                }
                category(pen, COMMENT, event, |pen| {
                    let paragraphs = pen.draw.between(1, 3);
                    pen.component(|pen| pen.narrative(paragraphs, event));
                });
            });
        });
        if let Some(named) = named {
            pen.entry(|pen| pen.problem(named, memory.problem.replace(named), event));
        }
    });
}

fn history(pen: &mut Pen, event: Event<'_>) {
    pen.component(|pen| {
        let symptom = pen.draw.pick(&SYMPTOMS);
        pen.observation(symptom, &Finding::Present, event);
    });
    pen.component(|pen| pen.narrative(1, event));
}

fn examination(pen: &mut Pen, event: Event<'_>) {
    pen.component(|pen| {
        pen.compound(Compound::Battery, Code::Concept(&PRESSURE), event, |pen| {
            for reading in [&SYSTOLIC, &DIASTOLIC] {
                pen.component(|pen| {
                    pen.observation(&reading.concept, &Finding::Value(reading), event);
                });
            }
        });
    });
    for _ in 0..pen.draw.below(3) {
        pen.component(|pen| examine(pen, event));
    }
}

fn examine(pen: &mut Pen, event: Event<'_>) {
    let reading = pen.draw.pick(&EXAMINATIONS);
    pen.observation(&reading.concept, &Finding::Value(reading), event);
}

fn follow_up(pen: &mut Pen, is_first: bool, event: Event<'_>) {
    pen.component(|pen| {
        let plan = pen.draw.pick(&PLANS);
        pen.plan(plan, event);
    });
    if is_first || pen.draw.chance(50) {
        pen.component(|pen| {
            let referral = pen.draw.pick(&REFERRALS);
            pen.request(referral, event);
        });
    }
}

fn medication(pen: &mut Pen, memory: &mut Memory, place: &str, event: Event<'_>) {
    composition(pen, NON_CONSULTATION, place, event, |pen| {
        let going_on = memory.authorised.filter(|_| pen.draw.chance(50));
        let authorised = going_on.unwrap_or_else(|| change_drug(pen, memory.authorised, event));
        for _ in 0..pen.draw.between(1, 3) {
            pen.entry(|pen| pen.prescribe(authorised, event));
        }
        memory.authorised = Some(authorised);
    });
}

fn change_drug(pen: &mut Pen, earlier: Option<Authorised>, event: Event<'_>) -> Authorised {
    if let Some(earlier) = earlier {
        pen.entry(|pen| pen.discontinue(earlier, event));
    }
    let drug = *pen.draw.pick(&DRUGS);
    pen.entry(|pen| pen.authorise(drug, event))
}

fn report(pen: &mut Pen, place: &str, event: Event<'_>) {
    composition(pen, OTHER_REPORT, place, event, |pen| {
        pen.entry(|pen| {
            pen.compound(Compound::Cluster, LABORATORY, event, |pen| {
                let (battery, results) = pen.draw.pick(&BATTERIES);
                pen.component(|pen| {
                    pen.compound(Compound::Battery, Code::Concept(battery), event, |pen| {
                        for result in results {
                            pen.component(|pen| {
                                pen.observation(&result.concept, &Finding::Result(result), event);
                            });
                        }
                    });
                });
                pen.component(|pen| pen.narrative(1, event));
            });
        });
    });
}

fn registration(pen: &mut Pen, place: &str, event: Event<'_>) {
    composition(pen, NON_CONSULTATION, place, event, |pen| {
        pen.entry(|pen| pen.registration(event));
        pen.entry(|pen| {
            pen.observation(&FAMILY_HISTORY, &Finding::OfRelative, event);
        });
        pen.entry(Pen::empty);
    });
}

fn note(pen: &mut Pen, place: &str, event: Event<'_>) {
    composition(pen, NON_CONSULTATION, place, event, |pen| {
        pen.entry(|pen| examine(pen, event));
    });
}

fn category(pen: &mut Pen, code: Code<'_>, event: Event<'_>, components: impl FnOnce(&mut Pen)) {
    pen.component(|pen| pen.compound(Compound::Category, code, event, components));
}

/// An `ehrComposition` around what `entries` writes.
fn composition(
    pen: &mut Pen,
    code: Code<'_>,
    place: &str,
    event: Event<'_>,
    entries: impl FnOnce(&mut Pen),
) {
    let (id, place) = (pen.draw.uuid(), Escaped(place));
    let Event { time, agent } = event;
    put!(
        pen,
        r#"<component typeCode="COMP"><ehrComposition classCode="COMPOSITION" moodCode="EVN"><id root="{id}"/>{code}<statusCode code="COMPLETE"/><effectiveTime><center nullFlavor="NI"/></effectiveTime><availabilityTime value="{time}"/>"#
    );
    pen.confidentiality();
    put!(
        pen,
        r#"<author typeCode="AUT" contextControlCode="OP"><time value="{time}"/><agentRef classCode="AGNT"><id root="{agent}"/></agentRef></author><location typeCode="LOC"><locatedEntity classCode="LOCE"><code code="394730007" codeSystem="{SNOMED}" displayName="Healthcare related organisation"/><locatedPlace classCode="PLC" determinerCode="INSTANCE"><name>{place}</name></locatedPlace></locatedEntity></location><Participant2 typeCode="RESP" contextControlCode="OP"><agentRef classCode="AGNT"><id root="{agent}"/></agentRef></Participant2>"#
    );
    entries(pen);
    put!(pen, "</ehrComposition></component>");
}

const VISITS: [Code<'static>; 3] = [
    Code::Snomed("25671000000102", "Surgery Consultation Note"),
    Code::Snomed("24631000000103", "Residential Home Visit Note"),
    THIRD_PARTY,
];
const THIRD_PARTY: Code<'static> = Code::Snomed("25741000000100", "Third Party Consultation");
const NON_CONSULTATION: Code<'static> = Code::Snomed("196401000000100", "Non-consultation data");
const OTHER_REPORT: Code<'static> = Code::Snomed("24591000000103", "Other report");
const ADMINISTRATION: Code<'static> = Code::Snomed("394867009", "Health administration");
const PROBLEM_TITLE: Code<'static> = Code::Snomed("394841004", "Other category");
const HISTORY: Code<'static> = Code::Snomed("422625006", "History");
const EXAMINATION: Code<'static> = Code::Snomed("394831002", "Examination");
const FOLLOW_UP: Code<'static> = Code::Snomed("308273005", "Follow up");
const COMMENT: Code<'static> = Code::Snomed("394841004", "Comment");
const LABORATORY: Code<'static> = Code::Snomed("16488004", "Laboratory reporting");
