//! Reads what clinicians would know again out of the XML of a record: who wrote it, what happened
//! on which day, what was seen and said and given, which documents were filed.
//!
//! Plans, referrals and the links between problems are left out.

use std::borrow::Cow;

use gp2gp_model::DocumentId;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Something that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// The practice.
    Organization(Agent),
    /// Somebody who wrote in the record.
    Practitioner(Agent),
    /// One occasion. Comes before what happened on it.
    Encounter(Encounter),
    /// What was seen, said, given or filed.
    Statement(Statement),
}

/// Who took part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Agent {
    pub(super) id: String,
    /// ODS code, or number of the professional.
    pub(super) number: String,
    /// Of a person: prefix, given, family; of an organization: its one name.
    pub(super) name: Vec<String>,
    /// What the person is.
    pub(super) job: Option<Coding>,
}

/// An occasion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Encounter {
    pub(super) id: String,
    pub(super) code: Option<Coding>,
    pub(super) day: String,
    pub(super) author: Option<String>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) codings: Vec<Coding>,
    pub(super) day: String,
    /// Number and unit.
    pub(super) value: Option<(String, String)>,
    pub(super) text: String,
    pub(super) performer: Option<String>,
    /// The document that the statement files.
    pub(super) document: Option<DocumentId>,
}

/// What kind of statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Observation,
    Narrative,
    /// A drug: authorised (`INT`) or issued and stopped (`ORD`).
    Medication {
        is_plan: bool,
    },
}

/// A code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coding {
    /// OID of the coding system.
    pub(super) system: String,
    pub(super) code: String,
    pub(super) term: String,
}

/// Why a record cannot be given.
#[derive(Debug, thiserror::Error)]
#[error("record cannot be read: {0}")]
pub(super) struct Unreadable(#[from] quick_xml::Error);

/// Walks through the record and hands over each item as it ends.
pub(super) fn items(xml: &[u8], mut take: impl FnMut(Item)) -> Result<(), Unreadable> {
    let mut reader = Reader::from_reader(xml);
    let mut walk = Walk::default();
    loop {
        match reader.read_event()? {
            Event::Start(tag) => walk.open(&tag),
            Event::Empty(tag) => {
                walk.open(&tag);
                walk.close().into_iter().for_each(&mut take);
            }
            Event::End(_) => walk.close().into_iter().for_each(&mut take),
            Event::Text(text) => walk.text(&text.xml10_content()),
            Event::GeneralRef(name) => {
                walk.text(&resolved(&name.xml10_content()));
            }
            Event::Eof => return Ok(()),
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

/// Where in the record we are.
#[derive(Default)]
struct Walk {
    /// Local names from the root to here.
    path: Vec<String>,
    agent: Option<Agent>,
    encounter: Option<Encounter>,
    statement: Option<Statement>,
}

impl Walk {
    fn open(&mut self, tag: &BytesStart<'_>) {
        let name = tag.local_name().as_ref().to_owned();
        match name.as_str() {
            "Agent" => self.agent = Some(Agent::default()),
            "ehrComposition" => self.encounter = Some(Encounter::default()),
            "ObservationStatement" => self.begin(Kind::Observation),
            "NarrativeStatement" => self.begin(Kind::Narrative),
            "MedicationStatement" => self.begin(Kind::Medication {
                is_plan: attribute(tag, "moodCode") == "INT",
            }),
            _ => {}
        }
        self.path.push(name);
        let place = Place(&self.path);
        if let Some(agent) = &mut self.agent {
            agent.take(place, tag);
        } else if let Some(statement) = &mut self.statement {
            statement.take(place, tag);
        } else if let Some(encounter) = &mut self.encounter {
            encounter.take(place, tag);
        }
    }

    fn begin(&mut self, kind: Kind) {
        self.statement = Some(Statement {
            kind,
            id: String::new(),
            codings: Vec::new(),
            day: String::new(),
            value: None,
            text: String::new(),
            performer: None,
            document: None,
        });
    }

    fn text(&mut self, text: &str) {
        let place = Place(&self.path);
        if let Some(agent) = &mut self.agent {
            agent.take_text(place, text);
        } else if let Some(statement) = &mut self.statement {
            statement.take_text(place, text);
        }
    }

    /// The items that are complete when the innermost element ends.
    fn close(&mut self) -> Vec<Item> {
        let name = self.path.pop();
        // An occasion is told before what happened on it, so as soon as its head is over.
        match name.as_deref() {
            Some("Agent") => (self.agent.take().into_iter())
                .map(|agent| match agent.job {
                    Some(_) => Item::Practitioner(agent),
                    None => Item::Organization(agent),
                })
                .collect(),
            Some("Participant2") => self
                .encounter
                .take()
                .map(Item::Encounter)
                .into_iter()
                .collect(),
            Some("ObservationStatement" | "NarrativeStatement" | "MedicationStatement") => self
                .statement
                .take()
                .map(Item::Statement)
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The path to an element.
#[derive(Clone, Copy)]
struct Place<'a>(&'a [String]);

impl Place<'_> {
    /// Whether the path ends so.
    fn is(self, end: &[&str]) -> bool {
        let from = self.0.len().checked_sub(end.len());
        from.and_then(|from| self.0.get(from..))
            .is_some_and(|names| names == end)
    }
}

impl Agent {
    fn take(&mut self, place: Place<'_>, tag: &BytesStart<'_>) {
        if place.is(&["Agent", "id"]) || place.is(&["agentOrganization", "id"]) {
            match attribute(tag, "extension") {
                number if !number.is_empty() => self.number = number,
                _ => self.id = attribute(tag, "root"),
            }
        } else if place.is(&["agentPerson"]) {
            self.job = self.job.take().or(Some(Coding::unknown()));
        } else if place.is(&["Agent", "code"]) {
            let job = Coding::of(tag);
            self.job = (job.code != GENERAL_PRACTICE).then_some(job);
        }
    }

    fn take_text(&mut self, place: Place<'_>, text: &str) {
        if place.is(&["agentOrganization", "name"]) {
            match self.name.first_mut() {
                Some(name) => name.push_str(text),
                None => self.name.push(text.to_owned()),
            }
        } else if place.is(&["name", "prefix"])
            || place.is(&["name", "given"])
            || place.is(&["name", "family"])
        {
            self.name.push(text.to_owned());
        }
    }
}

/// Code of a practice among the agents.
const GENERAL_PRACTICE: &str = "394745000";

impl Encounter {
    fn take(&mut self, place: Place<'_>, tag: &BytesStart<'_>) {
        if place.is(&["ehrComposition", "id"]) {
            self.id = attribute(tag, "root");
        } else if place.is(&["ehrComposition", "code"]) {
            self.code = Some(Coding::of(tag));
        } else if place.is(&["ehrComposition", "availabilityTime"]) {
            self.day = day(tag);
        } else if place.is(&["ehrComposition", "author", "agentRef", "id"]) {
            self.author = Some(attribute(tag, "root"));
        }
    }
}

impl Statement {
    fn take(&mut self, place: Place<'_>, tag: &BytesStart<'_>) {
        let of_statement = |name: &str| match self.kind {
            Kind::Observation => place.is(&["ObservationStatement", name]),
            Kind::Narrative => place.is(&["NarrativeStatement", name]),
            Kind::Medication { .. } => place.is(&["MedicationStatement", name]),
        };
        if of_statement("id") {
            self.id = attribute(tag, "root");
        } else if of_statement("availabilityTime") {
            self.day = day(tag);
        } else if of_statement("value") {
            self.value = Some((attribute(tag, "value"), String::new()));
        } else if of_statement("code")
            || place.is(&["ObservationStatement", "code", "translation"])
            || place.is(&["manufacturedMaterial", "code"])
            || place.is(&["manufacturedMaterial", "code", "translation"])
        {
            self.codings.push(Coding::of(tag));
        } else if place.is(&["Participant", "agentRef", "id"]) {
            self.performer = Some(attribute(tag, "root"));
        } else if place.is(&["referredToExternalDocument", "id"]) {
            self.document = DocumentId::parse(&attribute(tag, "root")).ok();
        }
    }

    fn take_text(&mut self, place: Place<'_>, text: &str) {
        if place.is(&["NarrativeStatement", "text"])
            || place.is(&["pertinentAnnotation", "text"])
            || place.is(&["pertinentMedicationDosage", "text"])
        {
            self.text.push_str(text);
        } else if let (true, Some((_, unit))) = (place.is(&UNIT), &mut self.value) {
            unit.push_str(text);
        }
    }
}

const UNIT: [&str; 4] = [
    "ObservationStatement",
    "value",
    "translation",
    "originalText",
];

impl Coding {
    fn of(tag: &BytesStart<'_>) -> Self {
        Self {
            system: attribute(tag, "codeSystem"),
            code: attribute(tag, "code"),
            term: attribute(tag, "displayName"),
        }
    }

    const fn unknown() -> Self {
        Self {
            system: String::new(),
            code: String::new(),
            term: String::new(),
        }
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    let found = tag.try_get_attribute(name).ok().flatten();
    found
        .and_then(|found| found.normalized_value(XmlVersion::Implicit1_0).ok())
        .map_or_else(String::new, Cow::into_owned)
}

/// The day of an HL7 time, as FHIR writes it.
fn day(tag: &BytesStart<'_>) -> String {
    let time = attribute(tag, "value");
    match (time.get(..4), time.get(4..6), time.get(6..8)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => String::new(),
    }
}

/// The text of a reference such as `amp` or `#10`.
fn resolved(name: &str) -> String {
    let escaped = format!("&{name};");
    quick_xml::escape::unescape(&escaped).map_or_else(|_| String::new(), Cow::into_owned)
}
