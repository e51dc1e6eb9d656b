//! A synthetic record: the folder of an EHR extract.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::{EntryId, OdsCode, Time};

use super::agents::Agents;
use super::composition::{self, Kind, Memory};
use super::document::DocumentSpec;
use super::draw::Draw;
use super::names;
use super::patient::Patient;
use super::statement::{Event, Pen, put};
use super::truth::RecordTruth;
use super::xml::Escaped;

/// What a record is; its text follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSpec {
    /// Whose record it is. The extract around the record names the patient; the record itself
    /// starts no earlier than the date of birth.
    pub patient: Patient,
    /// The practice that kept the record.
    pub practice: OdsCode,
    /// Size wanted, in bytes: 5 KB to 20 MB. The record has exactly this size, unless its
    /// header, agents and documents alone need more.
    pub target_bytes: u64,
    /// Documents that the record refers to.
    pub documents: Vec<DocumentSpec>,
    /// What the links name in the place of each document, if not the documents themselves. The
    /// rest of the record stays as it is, and the record may then miss its size.
    pub linked: Option<Vec<DocumentSpec>>,
    /// What was written into the record from outside since, in order. It comes after everything else,
    /// and the record is longer by it.
    pub entries: Vec<RecordEntry>,
    /// Whether some acts are marked as not to be shown to the patient (`NOPAT`). Such a record
    /// is valid in an extract UK07 only: the schema of UK06 has no place for the mark.
    pub redactions: bool,
    /// Seed of the content.
    pub seed: u64,
    /// When the record was made: nothing in it is later.
    pub recorded_at: Time,
}

impl RecordSpec {
    /// The record as XML text in UTF-8: one `component` with an `ehrFolder`, without a prefix,
    /// to stand where `urn:hl7-org:v3` is the default namespace. Declares the prefix `xsi`
    /// itself.
    pub fn record(&self) -> Bytes {
        let pen = Pen::new(Draw::new(self.seed, "record"), self.redactions);
        self.write(pen).xml.into()
    }

    /// What is true of this record.
    pub fn truth(&self) -> RecordTruth {
        let pen = Pen::new(Draw::new(self.seed, "record"), self.redactions).remembering();
        self.write(pen).take_truth()
    }

    fn write(&self, pen: Pen) -> Pen {
        let mut folder = Folder::open(self, pen);
        let documents = folder.document_compositions();
        folder.add_compositions(documents);
        folder.close()
    }
}

/// A note that was written into a record from outside, under an id of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    /// Id of its narrative statement.
    pub id: EntryId,
    /// When it was written.
    pub at: Time,
    /// What it says.
    pub text: String,
}

/// A folder while it is written.
struct Folder<'a> {
    spec: &'a RecordSpec,
    pen: Pen,
    memory: Memory,
    place: String,
    agents: Agents,
    first_day: Time,
    /// Bytes by which the links written so far are longer than those of the documents held.
    surplus: isize,
}

/// The composition that files a document, and when it was filed.
struct Filed {
    at: Time,
    xml: String,
    truth: RecordTruth,
    /// Its length if it links the document that is held.
    held_bytes: usize,
}

const FOLDER_END: &str = "</ehrFolder></component>";

/// Room kept for the last composition, which fills the record up to its size.
const CLOSING_BYTES: usize = 2_800;

/// Size above which no room is set aside in advance.
const LARGEST_BYTES: usize = 32 << 20;

const SPAN_YEARS: u64 = 30;

impl<'a> Folder<'a> {
    /// Writes all that stands before the first composition.
    fn open(spec: &'a RecordSpec, mut pen: Pen) -> Self {
        pen.xml.reserve(target_len(spec).min(LARGEST_BYTES));
        let place = format!("{} & District Surgery", names::town(&mut pen.draw));
        let first_day = first_day(spec);
        write_header(&mut pen, spec, first_day);
        let people = 2 + (spec.target_bytes / 200_000).min(18);
        let agents = Agents::write(&mut pen, &spec.practice, &place, people);
        put!(pen, "</agentDirectory></responsibleParty>");
        Self {
            spec,
            pen,
            memory: Memory::default(),
            place,
            agents,
            first_day,
            surplus: 0,
        }
    }

    /// The compositions of the documents, spread evenly over the years of the record.
    fn document_compositions(&self) -> VecDeque<Filed> {
        let draw = Draw::new(self.spec.seed, "record/documents");
        let mut pen = Pen::new(draw, self.spec.redactions).remembering();
        let of = self.spec.documents.len() as u64 + 1;
        let linked = self.spec.linked.as_ref().unwrap_or(&self.spec.documents);
        (1..of)
            .zip(self.spec.documents.iter().zip(linked))
            .map(|(nth, (held, linked))| {
                let at = self.point(nth, of);
                let event = Event {
                    time: &at.to_hl7(),
                    agent: self.agents.draw(&mut pen.draw),
                };
                let before = pen.mark();
                composition::document(&mut pen, held, &self.place, event);
                let held_bytes = pen.xml.len();
                if linked != held {
                    pen.go_back(before);
                    composition::document(&mut pen, linked, &self.place, event);
                }
                Filed {
                    at,
                    xml: std::mem::take(&mut pen.xml),
                    truth: pen.take_truth(),
                    held_bytes,
                }
            })
            .collect()
    }

    /// Writes compositions as long as they fit, the documents among them by their time.
    fn add_compositions(&mut self, mut documents: VecDeque<Filed>) {
        let mut waiting: usize = documents.iter().map(|filed| filed.held_bytes).sum();
        let mut kinds = [
            Kind::Consultation,
            Kind::Medication,
            Kind::Report,
            Kind::Registration,
        ]
        .into_iter();
        loop {
            let now = self.point(self.written() as u64, self.spec.target_bytes);
            while let Some(filed) = documents.pop_front_if(|filed| filed.at <= now) {
                waiting -= filed.held_bytes;
                self.add_document(filed);
            }
            let kind = kinds.next().unwrap_or_else(|| self.draw_kind());
            let full = target_len(self.spec).saturating_sub(waiting + CLOSING_BYTES);
            if !self.add_composition(kind, now, full)
                && !self.add_composition(Kind::Note, now, full)
            {
                break;
            }
        }
        for filed in documents {
            self.add_document(filed);
        }
    }

    fn add_document(&mut self, filed: Filed) {
        self.pen.xml.push_str(&filed.xml);
        self.pen.remember(filed.truth);
        self.surplus += filed.xml.len() as isize - filed.held_bytes as isize;
    }

    /// Length of what is written, as if it linked the documents that are held: what else a record
    /// says must not depend on what stands in for a document.
    const fn written(&self) -> usize {
        self.pen.xml.len().saturating_add_signed(-self.surplus)
    }

    /// Writes a composition, or nothing and gives false if the text would grow beyond `full`.
    fn add_composition(&mut self, kind: Kind, now: Time, full: usize) -> bool {
        let before = (self.pen.mark(), self.memory);
        let event = Event {
            time: &now.to_hl7(),
            agent: self.agents.draw(&mut self.pen.draw),
        };
        composition::write(kind, &mut self.pen, &mut self.memory, &self.place, event);
        let fits = self.written() <= full;
        if !fits {
            self.pen.go_back(before.0);
            self.memory = before.1;
        }
        fits
    }

    /// Fills the record up with free text and ends it.
    fn close(mut self) -> Pen {
        let time = self.spec.recorded_at.to_hl7();
        let event = Event {
            time: &time,
            agent: self.agents.draw(&mut self.pen.draw),
        };
        let before = self.pen.mark();
        composition::closing_note(&mut self.pen, 0, &self.place, event);
        let without_text = self.written() + FOLDER_END.len();
        self.pen.go_back(before);
        let text = target_len(self.spec).saturating_sub(without_text).max(1);
        composition::closing_note(&mut self.pen, text, &self.place, event);
        for entry in &self.spec.entries {
            self.add_entry(entry);
        }
        self.pen.xml.push_str(FOLDER_END);
        self.pen
    }

    fn add_entry(&mut self, entry: &RecordEntry) {
        let time = entry.at.to_hl7();
        let event = Event {
            time: &time,
            agent: self.agents.draw(&mut self.pen.draw),
        };
        let (id, text) = (entry.id.as_str(), entry.text.as_str());
        composition::entry(&mut self.pen, (id, text), &self.place, event);
    }

    fn draw_kind(&mut self) -> Kind {
        match self.pen.draw.below(100) {
            0..50 => Kind::Consultation,
            50..80 => Kind::Medication,
            80..95 => Kind::Report,
            95..98 => Kind::Registration,
            _ => Kind::Note,
        }
    }

    /// The `nth` of `of` equal steps from the first day to the last.
    fn point(&self, nth: u64, of: u64) -> Time {
        let span = self.spec.recorded_at.since(self.first_day).as_secs();
        let share = u128::from(span) * u128::from(nth.min(of)) / u128::from(of.max(1));
        self.first_day + Duration::from_secs(share as u64)
    }
}

fn write_header(pen: &mut Pen, spec: &RecordSpec, first_day: Time) {
    let (id, practice) = (pen.draw.uuid(), Escaped(spec.practice.as_str()));
    let (first, now) = (first_day.to_hl7(), spec.recorded_at.to_hl7());
    put!(
        pen,
        r#"<component xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" typeCode="COMP"><ehrFolder classCode="FOLDER" moodCode="EVN"><id root="{id}"/><statusCode code="COMPLETE"/><effectiveTime><low value="{first}"/><high value="{now}"/></effectiveTime><availabilityTime value="{now}"/><author typeCode="AUT"><time value="{now}"/><AgentOrgSDS classCode="AGNT"><agentOrganizationSDS classCode="ORG" determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.1.10" extension="{practice}"/></agentOrganizationSDS></AgentOrgSDS></author><responsibleParty typeCode="RESP"><agentDirectory classCode="AGNT">"#
    );
}

/// Thirty years before the last day, or the date of birth if that is later.
fn first_day(spec: &RecordSpec) -> Time {
    let span = SPAN_YEARS * 365 * 86_400 * 1_000_000;
    let earliest = Time::from_micros(spec.recorded_at.as_micros().saturating_sub(span));
    let birth = format!("{}T12:00:00Z", spec.patient.birth_date).parse();
    birth.unwrap_or(earliest).clamp(earliest, spec.recorded_at)
}

fn target_len(spec: &RecordSpec) -> usize {
    usize::try_from(spec.target_bytes).unwrap_or(usize::MAX)
}
