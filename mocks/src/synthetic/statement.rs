//! The statements of a record as XML: each element in the order of its schema type
//! (`RCMR_MT030101UK04` for UK06, `UK05` for UK07).

use std::fmt;

use gp2gp_model::trace::HeldNarrative;

use super::code::{Code, Compound, NOPAT, PRESCRIPTION, Quantity, Tenths, day};
use super::document::DocumentSpec;
use super::draw::{Draw, Uuid};
use super::prose;
use super::truth::RecordTruth;
use super::vocabulary::{Concept, Drug, Measurement, SNOMED, SYSTEM_DRUG};
use super::xml::{Escaped, PercentEncoded};

/// Writes XML and draws what it writes about.
pub(super) struct Pen {
    pub(super) xml: String,
    pub(super) draw: Draw,
    redactions: bool,
    /// Acts written so far that could be redacted.
    acts: u32,
    /// What is true of all this, if somebody wants to know.
    truth: Option<RecordTruth>,
}

/// Appends formatted text. Writing to a `String` cannot fail.
macro_rules! put {
    ($pen:expr, $($text:tt)*) => {{
        let _ = std::fmt::Write::write_fmt(&mut $pen.xml, format_args!($($text)*));
    }};
}
pub(super) use put;

/// A state of a [`Pen`] to go back to.
pub(super) struct Mark {
    len: usize,
    acts: u32,
    narratives: usize,
    marks: usize,
    draw: Draw,
}

/// Who did something, and when.
#[derive(Clone, Copy)]
pub(super) struct Event<'a> {
    /// HL7 time.
    pub(super) time: &'a str,
    /// Id of an agent of the folder.
    pub(super) agent: Uuid,
}

/// A medication that was authorised: later supplies refer to it.
#[derive(Clone, Copy)]
pub(super) struct Authorised {
    id: Uuid,
    drug: Drug,
}

/// What an observation says beyond its code.
pub(super) enum Finding<'a> {
    /// Nothing.
    Present,
    /// It is the problem that the consultation is about.
    Problem,
    /// A measured value.
    Value(&'a Measurement),
    /// A laboratory result: a value with its reference range.
    Result(&'a Measurement),
    /// It is true of a relative of the patient.
    OfRelative,
}

impl Pen {
    pub(super) const fn new(draw: Draw, redactions: bool) -> Self {
        Self {
            xml: String::new(),
            draw,
            redactions,
            acts: 0,
            truth: None,
        }
    }

    /// The same pen, which remembers what it writes.
    pub(super) fn remembering(self) -> Self {
        Self {
            truth: Some(RecordTruth::default()),
            ..self
        }
    }

    /// What was remembered since the last time.
    pub(super) fn take_truth(&mut self) -> RecordTruth {
        self.truth.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Remembers what another pen wrote.
    pub(super) fn remember(&mut self, written: RecordTruth) {
        if let Some(truth) = &mut self.truth {
            truth.narratives.extend(written.narratives);
            truth.marks += written.marks;
        }
    }

    pub(super) fn mark(&self) -> Mark {
        let truth = self.truth.as_ref();
        Mark {
            len: self.xml.len(),
            acts: self.acts,
            narratives: truth.map_or(0, |truth| truth.narratives.len()),
            marks: truth.map_or(0, |truth| truth.marks),
            draw: self.draw.clone(),
        }
    }

    /// Forgets what was written and drawn since the mark.
    pub(super) fn go_back(&mut self, mark: Mark) {
        self.xml.truncate(mark.len);
        self.acts = mark.acts;
        if let Some(truth) = &mut self.truth {
            truth.narratives.truncate(mark.narratives);
            truth.marks = mark.marks;
        }
        self.draw = mark.draw;
    }

    /// The place for a `confidentialityCode`: in records with redactions, the first act and
    /// every eleventh after it are kept from the patient (SND-22). Only UK07 has this place.
    /// Gives whether this one is.
    pub(super) fn confidentiality(&mut self) -> bool {
        let is_marked = self.redactions && self.acts.is_multiple_of(11);
        if is_marked {
            self.xml.push_str(NOPAT);
            self.truth.iter_mut().for_each(|truth| truth.marks += 1);
        }
        self.acts += 1;
        is_marked
    }

    /// A compound statement around what `components` writes.
    pub(super) fn compound(
        &mut self,
        class: Compound,
        code: Code<'_>,
        event: Event<'_>,
        components: impl FnOnce(&mut Self),
    ) {
        let (id, time) = (self.draw.uuid(), event.time);
        put!(
            self,
            r#"<CompoundStatement classCode="{class}" moodCode="EVN"><id root="{id}"/>{code}<statusCode code="COMPLETE"/><effectiveTime><center nullFlavor="NI"/></effectiveTime><availabilityTime value="{time}"/>"#
        );
        self.confidentiality();
        if let Compound::Cluster = class {
            self.specimen(time);
        }
        components(self);
        put!(self, "</CompoundStatement>");
    }

    /// One statement of a composition.
    pub(super) fn entry<T>(&mut self, statement: impl FnOnce(&mut Self) -> T) -> T {
        put!(self, r#"<component typeCode="COMP">"#);
        let written = statement(self);
        put!(self, "</component>");
        written
    }

    /// One component of a compound statement.
    pub(super) fn component<T>(&mut self, statement: impl FnOnce(&mut Self) -> T) -> T {
        put!(
            self,
            r#"<component typeCode="COMP" contextConductionInd="true">"#
        );
        let written = statement(self);
        put!(self, "</component>");
        written
    }

    /// An observation; gives its id.
    pub(super) fn observation(
        &mut self,
        concept: &Concept,
        finding: &Finding<'_>,
        event: Event<'_>,
    ) -> Uuid {
        let (id, time) = (self.draw.uuid(), event.time);
        let code = match finding {
            Finding::Problem => Code::Problem(concept),
            Finding::Present | Finding::Value(_) | Finding::Result(_) | Finding::OfRelative => {
                Code::Concept(concept)
            }
        };
        put!(
            self,
            r#"<ObservationStatement classCode="OBS" moodCode="EVN"><id root="{id}"/>{code}<statusCode code="COMPLETE"/><effectiveTime><center value="{}"/></effectiveTime><availabilityTime value="{time}"/>"#,
            day(time)
        );
        self.confidentiality();
        match finding {
            Finding::Present | Finding::Problem => {}
            Finding::Value(measurement) => {
                self.value(measurement);
            }
            Finding::Result(measurement) => self.result(measurement),
            Finding::OfRelative => put!(
                self,
                r#"<subject typeCode="SBJ"><personalRelationship classCode="PRS">{}</personalRelationship></subject>"#,
                Code::Snomed("72705000", "Mother")
            ),
        }
        if self.draw.chance(40) {
            let mut note = String::new();
            prose::sentence(&mut self.draw, &mut note);
            put!(
                self,
                r#"<pertinentInformation typeCode="PERT"><sequenceNumber value="+1"/><pertinentAnnotation classCode="OBS" moodCode="EVN"><text>{}</text></pertinentAnnotation></pertinentInformation>"#,
                Escaped(note.trim_end())
            );
        }
        self.reference_range(finding);
        self.participant(event);
        put!(self, "</ObservationStatement>");
        id
    }

    /// Free text of `paragraphs` paragraphs.
    pub(super) fn narrative(&mut self, paragraphs: u32, event: Event<'_>) {
        let mut text = String::new();
        for _ in 0..paragraphs {
            prose::paragraph(&mut self.draw, &mut text);
        }
        let text = text.trim_end();
        self.open_narrative(event, text, |pen| put!(pen, "{}", Escaped(text)));
        self.participant(event);
        put!(self, "</NarrativeStatement>");
    }

    /// Free text with an id of its own.
    pub(super) fn note(&mut self, (id, text): (&str, &str), event: Event<'_>) {
        self.open_narrative_as(&Escaped(id), event, text, |pen| {
            put!(pen, "{}", Escaped(text));
        });
        self.participant(event);
        put!(self, "</NarrativeStatement>");
    }

    /// Free text of exactly `len` bytes.
    pub(super) fn narrative_of_length(&mut self, len: usize, event: Event<'_>) {
        let mut text = String::with_capacity(len + 1024);
        while text.len() < len {
            prose::paragraph(&mut self.draw, &mut text);
        }
        let mut text = text.replace(['&', '<', '>'], "+");
        text.truncate(text.floor_char_boundary(len));
        text.extend(std::iter::repeat_n('.', len - text.len()));
        self.open_narrative(event, &text, |pen| pen.xml.push_str(&text));
        put!(self, "</NarrativeStatement>");
    }

    /// The statement that refers to a document, in the form of spec 10.
    pub(super) fn document(&mut self, document: &DocumentSpec, event: Event<'_>) {
        let (id, name) = (document.id.as_str(), PercentEncoded(&document.file_name));
        let (id, media_type) = (Escaped(id), Escaped(&document.media_type));
        let title = self
            .draw
            .pick(&["Clinic letter", "Scanned report", "Image & notes"]);
        let day = day(event.time);
        let text = format!("Description: {title}\nfiled {day}");
        let title = Escaped(title);
        self.open_narrative(event, &text, |pen| {
            put!(pen, "Description: {title}&#10;filed {day}");
        });
        put!(
            self,
            r#"<reference typeCode="REFR"><referredToExternalDocument classCode="DOC" moodCode="EVN"><id root="{id}"/><code code="37251000000104" codeSystem="{SNOMED}" displayName="Other digital signal"><originalText>{title}</originalText></code><text mediaType="{media_type}"><reference value="file://localhost/{name}"/></text>"#
        );
        self.confidentiality();
        put!(
            self,
            "</referredToExternalDocument></reference></NarrativeStatement>"
        );
    }

    /// A plan for a later day.
    pub(super) fn plan(&mut self, concept: &Concept, event: Event<'_>) {
        let (id, time, code) = (self.draw.uuid(), event.time, Code::Concept(concept));
        put!(
            self,
            r#"<PlanStatement classCode="OBS" moodCode="INT"><id root="{id}"/>{code}<text>Recall in {} months</text><statusCode code="COMPLETE"/><effectiveTime><center value="{}"/></effectiveTime><availabilityTime value="{time}"/>"#,
            self.draw.between(1, 12),
            day(time)
        );
        self.confidentiality();
        self.participant(event);
        put!(self, "</PlanStatement>");
    }

    /// A referral.
    pub(super) fn request(&mut self, concept: &Concept, event: Event<'_>) {
        let (id, time, code) = (self.draw.uuid(), event.time, Code::Concept(concept));
        let mut reason = String::new();
        prose::sentence(&mut self.draw, &mut reason);
        put!(
            self,
            r#"<RequestStatement classCode="OBS" moodCode="RQO"><id root="{id}"/>{code}<text>{}</text><statusCode code="COMPLETE"/><effectiveTime><center value="{}"/></effectiveTime><availabilityTime value="{time}"/><priorityCode code="394848005" codeSystem="{SNOMED}" displayName="Normal priority"/>"#,
            Escaped(reason.trim_end()),
            day(time)
        );
        self.confidentiality();
        put!(
            self,
            r#"<responsibleParty typeCode="RESP"><agentRef classCode="AGNT"><id root="{}"/></agentRef></responsibleParty></RequestStatement>"#,
            event.agent
        );
    }

    /// That the patient was registered.
    pub(super) fn registration(&mut self, event: Event<'_>) {
        let (id, time) = (self.draw.uuid(), event.time);
        put!(
            self,
            r#"<RegistrationStatement classCode="OBS" moodCode="EVN"><id root="{id}"/><code code="25891000000102" codeSystem="{SNOMED}" displayName="GMS - Provisional"><originalText>Applied</originalText></code><statusCode code="COMPLETE"/><effectiveTime><low value="{}"/></effectiveTime><availabilityTime value="{time}"/>"#,
            day(time)
        );
        self.confidentiality();
        put!(
            self,
            r#"<responsibleParty typeCode="RESP"><agentRef classCode="AGNT"><id root="{}"/></agentRef></responsibleParty></RegistrationStatement>"#,
            event.agent
        );
    }

    /// That there is nothing to say.
    pub(super) fn empty(&mut self) {
        let id = self.draw.uuid();
        put!(
            self,
            r#"<EhrEmpty classCode="OBS" moodCode="EVN"><id root="{id}"/></EhrEmpty>"#
        );
    }

    /// Makes the observation `named` a problem and links an earlier one to it.
    pub(super) fn problem(&mut self, named: Uuid, earlier: Option<Uuid>, event: Event<'_>) {
        let (id, time) = (self.draw.uuid(), event.time);
        let (code, term) = *self.draw.pick(&[
            ("394774009", "Active problem"),
            ("394775005", "Inactive problem"),
        ]);
        put!(
            self,
            r#"<LinkSet classCode="OBS" moodCode="EVN"><id root="{id}"/><code code="{code}" codeSystem="{SNOMED}" displayName="{term}"><originalText>{term}, significant</originalText><qualifier inverted="false"><name code="386134007" codeSystem="{SNOMED}" displayName="Significant"/></qualifier></code><statusCode code="COMPLETE"/><effectiveTime><low value="{}"/></effectiveTime><availabilityTime value="{time}"/>"#,
            day(time)
        );
        self.confidentiality();
        if let Some(earlier) = earlier {
            put!(
                self,
                r#"<component typeCode="COMP"><statementRef classCode="OBS" moodCode="EVN"><id root="{earlier}"/></statementRef></component>"#
            );
        }
        put!(
            self,
            r#"<conditionNamed typeCode="NAME" inversionInd="true"><namedStatementRef classCode="OBS" moodCode="EVN"><id root="{named}"/></namedStatementRef></conditionNamed></LinkSet>"#
        );
    }

    /// A drug authorised to be given again.
    pub(super) fn authorise(&mut self, drug: Drug, event: Event<'_>) -> Authorised {
        let id = self.draw.uuid();
        let repeats = self.draw.between(1, 12);
        self.medication("INT", "ACTIVE", drug, event, |pen| {
            put!(
                pen,
                r#"<ehrSupplyAuthorise classCode="SPLY" moodCode="INT"><id root="{id}"/>{PRESCRIPTION}<statusCode code="ACTIVE"/><effectiveTime><low value="{}"/></effectiveTime><availabilityTime value="{}"/><repeatNumber value="{repeats}"/>{}</ehrSupplyAuthorise>"#,
                day(event.time),
                event.time,
                Quantity(drug)
            );
        });
        Authorised { id, drug }
    }

    /// An issue of an authorised drug.
    pub(super) fn prescribe(&mut self, authorised: Authorised, event: Event<'_>) {
        let (id, drug) = (self.draw.uuid(), authorised.drug);
        self.medication("ORD", "COMPLETE", drug, event, |pen| {
            put!(
                pen,
                r#"<ehrSupplyPrescribe classCode="SPLY" moodCode="RQO"><id root="{id}"/>{PRESCRIPTION}<statusCode code="COMPLETE"/><availabilityTime value="{}"/>{}<inFulfillmentOf typeCode="FLFS"><priorMedicationRef classCode="SBADM" moodCode="INT"><id root="{}"/></priorMedicationRef></inFulfillmentOf></ehrSupplyPrescribe>"#,
                event.time,
                Quantity(drug),
                authorised.id
            );
        });
    }

    /// The end of an authorised drug.
    pub(super) fn discontinue(&mut self, authorised: Authorised, event: Event<'_>) {
        let (id, drug) = (self.draw.uuid(), authorised.drug);
        self.medication("ORD", "COMPLETE", drug, event, |pen| {
            put!(
                pen,
                r#"<ehrSupplyDiscontinue classCode="SPLY" moodCode="RQO"><id root="{id}"/>{}<statusCode code="COMPLETE"/><availabilityTime value="{}"/><reversalOf typeCode="REV"><priorMedicationRef classCode="SBADM" moodCode="INT"><id root="{}"/></priorMedicationRef></reversalOf><pertinentInformation typeCode="PERT"><pertinentSupplyAnnotation classCode="OBS" moodCode="EVN"><text>No longer needed</text></pertinentSupplyAnnotation></pertinentInformation></ehrSupplyDiscontinue>"#,
                Code::Snomed("416406003", "Medication discontinued"),
                event.time,
                authorised.id
            );
        });
    }

    fn medication(
        &mut self,
        mood: &str,
        status: &str,
        drug: Drug,
        event: Event<'_>,
        supply: impl FnOnce(&mut Self),
    ) {
        let (id, name) = (self.draw.uuid(), Escaped(drug.name));
        put!(
            self,
            r#"<MedicationStatement classCode="SBADM" moodCode="{mood}"><id root="{id}"/><statusCode code="{status}"/><effectiveTime><center nullFlavor="NI"/></effectiveTime><availabilityTime value="{}"/>"#,
            event.time
        );
        self.confidentiality();
        put!(
            self,
            r#"<consumable typeCode="CSM"><manufacturedProduct classCode="MANU"><manufacturedMaterial classCode="MMAT" determinerCode="KIND"><code code="{}" codeSystem="{SYSTEM_DRUG}" displayName="{name}"><translation code="{}" codeSystem="{SNOMED}" displayName="{name}"/></code>{}</manufacturedMaterial></manufacturedProduct></consumable><component typeCode="COMP">"#,
            drug.system,
            drug.snomed,
            Quantity(drug)
        );
        supply(self);
        put!(
            self,
            r#"</component><pertinentInformation typeCode="PERT"><pertinentMedicationDosage classCode="SBADM" moodCode="RMD"><text>{}</text></pertinentMedicationDosage></pertinentInformation>"#,
            Escaped(drug.dose)
        );
        self.participant(event);
        put!(self, "</MedicationStatement>");
    }

    /// Writes a narrative up to where its participants stand: `xml` writes `text`.
    fn open_narrative(&mut self, event: Event<'_>, text: &str, xml: impl FnOnce(&mut Self)) {
        let id = self.draw.uuid();
        self.open_narrative_as(&id, event, text, xml);
    }

    fn open_narrative_as(
        &mut self,
        id: &dyn fmt::Display,
        event: Event<'_>,
        text: &str,
        xml: impl FnOnce(&mut Self),
    ) {
        put!(
            self,
            r#"<NarrativeStatement classCode="OBS" moodCode="EVN"><id root="{id}"/><text>"#
        );
        xml(self);
        put!(
            self,
            r#"</text><statusCode code="COMPLETE"/><availabilityTime value="{}"/>"#,
            event.time
        );
        let marked = self.confidentiality();
        if let Some(truth) = &mut self.truth {
            truth.narratives.push(HeldNarrative {
                id: id.to_string(),
                text: text.to_owned(),
                marked,
            });
        }
    }

    fn result(&mut self, measurement: &Measurement) {
        let tenths = self.value(measurement);
        let flag = if tenths < measurement.normal.0 {
            Some(("LO", "Below low reference limit"))
        } else if tenths > measurement.normal.1 {
            Some(("HI", "Above high reference limit"))
        } else {
            None
        };
        if let Some((code, term)) = flag {
            put!(
                self,
                r#"<interpretationCode code="{code}" codeSystem="2.16.840.1.113883.2.1.6.5" displayName="{term}"/>"#
            );
        }
    }

    /// Writes a value of the measurement and gives it, in tenths. From 50 on it is a whole number.
    fn value(&mut self, measurement: &Measurement) -> u32 {
        let (low, high) = measurement.tenths;
        let drawn = self.draw.between(low, high);
        let tenths = if drawn < 500 {
            drawn
        } else {
            drawn - drawn % 10
        };
        let (value, unit) = (Tenths(tenths), measurement.unit);
        put!(
            self,
            r#"<value xsi:type="PQ" value="{value}" unit="1"><translation value="{value}"><originalText>{unit}</originalText></translation></value>"#
        );
        tenths
    }

    fn reference_range(&mut self, finding: &Finding<'_>) {
        if let Finding::Result(measurement) = finding {
            put!(
                self,
                r#"<referenceRange typeCode="REFV"><referenceInterpretationRange classCode="OBS" moodCode="EVN.CRT"><text>Reference range for adults</text><value><low value="{}" unit="1"/><high value="{}" unit="1"/></value></referenceInterpretationRange></referenceRange>"#,
                Tenths(measurement.normal.0),
                Tenths(measurement.normal.1)
            );
        }
    }

    fn specimen(&mut self, time: &str) {
        let id = self.draw.uuid();
        let material = self.draw.pick(&["Blood", "Serum", "Venous blood"]);
        put!(
            self,
            r#"<specimen typeCode="SPC"><specimenRole classCode="SPEC"><id root="{id}"/><effectiveTime><center value="{time}"/></effectiveTime><specimenSpecimenMaterial classCode="MAT" determinerCode="INSTANCE"><desc>{material}</desc></specimenSpecimenMaterial></specimenRole></specimen>"#
        );
    }

    /// In one statement of three, who performed it.
    fn participant(&mut self, event: Event<'_>) {
        if self.draw.chance(33) {
            put!(
                self,
                r#"<Participant typeCode="PRF" contextControlCode="OP"><time><center value="{}"/></time><agentRef classCode="AGNT"><id root="{}"/></agentRef></Participant>"#,
                event.time,
                event.agent
            );
        }
    }
}
