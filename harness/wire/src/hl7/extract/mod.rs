//! EHR extract, `RCMR_IN030000UK06`, `UK07` and `UK08`. The record itself stays bytes: only what the
//! transfer needs is read, by streaming.

mod facts;
mod form;
mod narratives;
mod steps;

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use gp2gp_model::{EhrExtractId, EhrRequestId, Interaction, NhsNumber, OdsCode};
use roxmltree::Node;
use sha2::{Digest, Sha256};

use super::request::{write_practice, write_record_target, write_subject};
use super::writer::Writer;
use super::{Hl7Error, Wrapper, oid, path, xml};
use crate::Dialect;
use steps::Name;

pub use facts::{DocumentLink, RecordFacts, scan};
pub use form::{Departure, departures};
pub use narratives::{Narrative, narratives};
pub(super) use steps::{Step, Steps};

/// Version of an extract. No schema of UK08 is published: it is read, written and judged in the
/// form of UK06, under its own name. That form has no place for marks of confidentiality, which
/// are documented for UK07 alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtractVersion {
    /// `RCMR_IN030000UK06`.
    Uk06,
    /// `RCMR_IN030000UK07`: can carry redactions.
    Uk07,
    /// `RCMR_IN030000UK08`.
    Uk08,
}

impl ExtractVersion {
    /// Every version.
    pub const ALL: [Self; 3] = [Self::Uk06, Self::Uk07, Self::Uk08];

    /// The interaction of this version.
    pub const fn interaction(self) -> Interaction {
        match self {
            Self::Uk06 => Interaction::EhrExtractUk06,
            Self::Uk07 => Interaction::EhrExtractUk07,
            Self::Uk08 => Interaction::EhrExtractUk08,
        }
    }

    /// Whether it has a place for the mark of entries that the patient must not see.
    pub const fn carries_redactions(self) -> bool {
        match self {
            Self::Uk07 => true,
            Self::Uk06 | Self::Uk08 => false,
        }
    }
}

impl fmt::Display for ExtractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uk06 => "UK06",
            Self::Uk07 => "UK07",
            Self::Uk08 => "UK08",
        })
    }
}

/// An EHR extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EhrExtract {
    /// Transmission wrapper.
    pub wrapper: Wrapper,
    /// UK06, UK07 or UK08.
    pub version: ExtractVersion,
    /// `EhrExtract/id/@root`.
    pub id: EhrExtractId,
    /// `EhrExtract/availabilityTime/@value`, as written.
    pub availability_time: String,
    /// `recordTarget/patient/id/@extension`.
    pub patient: NhsNumber,
    /// `author`: practice of the sending system.
    pub author: OdsCode,
    /// `destination`: practice of the requesting system; `None` for `nullFlavor`.
    pub destination: Option<OdsCode>,
    /// `inFulfillmentOf/priorEhrRequest/id/@root`; `None` if absent.
    pub prior_request: Option<EhrRequestId>,
    /// The `component` elements with the folders, as they stand: XML text without a prefix, in
    /// the HL7 default namespace. On reading, a slice of the payload.
    pub record: Bytes,
}

/// Reads on from the start tag of the root element.
pub(super) fn read(
    xml: &Bytes,
    steps: Steps<'_>,
    version: ExtractVersion,
) -> Result<EhrExtract, Hl7Error> {
    let text = steps.text();
    let record = locate(steps)?;
    let record_text = text.get(record.clone()).unwrap_or_default();
    // Everything but the record is small: it is read like any other message.
    let around = [
        text.get(..record.start).unwrap_or_default(),
        text.get(record.end..).unwrap_or_default(),
    ]
    .concat();
    let tree = xml::tree(around.as_bytes())?;
    let root = super::root(&tree)?;
    Ok(EhrExtract {
        wrapper: Wrapper::read(&root)?,
        version,
        id: path::id(&root, "ControlActEvent/subject/EhrExtract/id/@root")?,
        availability_time: path::required(
            &root,
            "ControlActEvent/subject/EhrExtract/availabilityTime/@value",
        )?
        .into_owned(),
        patient: path::id(
            &root,
            "ControlActEvent/subject/EhrExtract/recordTarget/patient/id/@extension",
        )?,
        author: path::id(
            &root,
            "ControlActEvent/subject/EhrExtract/author/AgentOrgSDS/agentOrganizationSDS/id/@extension",
        )?,
        destination: read_destination(&root)?,
        prior_request: path::optional_id(
            &root,
            "ControlActEvent/subject/EhrExtract/inFulfillmentOf/priorEhrRequest/id/@root",
        )?,
        record: xml.slice_ref(record_text.as_bytes()),
    })
}

/// Where in the text the components of the extract are: from the first to the last.
pub(super) fn locate(mut steps: Steps<'_>) -> Result<Range<usize>, Hl7Error> {
    let path = "ControlActEvent/subject/EhrExtract/component";
    let mut record: Option<Range<usize>> = None;
    let mut other_since: Option<&str> = None;
    while let Some(step) = steps.next()? {
        match (step, steps.path()) {
            (Step::Open(element), [_, _, _, Name::EhrExtract, Name::Component]) => {
                if let Some(found) = other_since {
                    let found: String = found.chars().take(64).collect();
                    return Err(Hl7Error::Value {
                        path,
                        found: format!("split by {found}"),
                    });
                }
                record.get_or_insert(element.start..element.start);
            }
            (Step::Open(element), [_, _, _, Name::EhrExtract, _]) if record.is_some() => {
                other_since.get_or_insert(element.local_name());
            }
            (Step::Close(Name::Component), [_, _, _, Name::EhrExtract]) => {
                if let Some(record) = &mut record {
                    record.end = steps.position();
                }
            }
            (Step::Open(_) | Step::Close(_), _) => {}
        }
    }
    record.ok_or(Hl7Error::Missing(path))
}

fn read_destination(root: &Node<'_, '_>) -> Result<Option<OdsCode>, Hl7Error> {
    let id = "ControlActEvent/subject/EhrExtract/destination/AgentOrgSDS/agentOrganizationSDS/id/@extension";
    let null_flavor = "ControlActEvent/subject/EhrExtract/destination/AgentOrgSDS/agentOrganizationSDS/id/@nullFlavor";
    match path::optional_id(root, id)? {
        None if path::optional(root, null_flavor).is_none() => Err(Hl7Error::Missing(id)),
        destination => Ok(destination),
    }
}

/// Spine makes no extracts, and a record cannot take its prefix: it gets the national style.
pub(super) fn write(extract: &EhrExtract, dialect: Dialect) -> Bytes {
    let mut writer = Writer::untyped(match dialect {
        Dialect::Spine => Dialect::NationalMhs,
        Dialect::NationalMhs | Dialect::Tpp | Dialect::Emis | Dialect::Vision => dialect,
    });
    writer.reserve(extract.record.len());
    extract.wrapper.write(
        writer,
        |_| {},
        |w| {
            write_subject(w, |w| {
                let attributes = [("classCode", "EXTRACT"), ("moodCode", "EVN")];
                w.element("EhrExtract", "", &attributes, |w| write_extract(w, extract));
            });
        },
    )
}

fn write_extract(w: &mut Writer, extract: &EhrExtract) {
    let time = extract.availability_time.as_str();
    w.leaf("id", &[("root", extract.id.as_str())]);
    w.leaf("statusCode", &[("code", "COMPLETE")]);
    w.leaf("availabilityTime", &[("value", time)]);
    write_record_target(w, &extract.patient);
    write_practice(w, "author", "AUT", Some(time), Some(&extract.author));
    write_practice(w, "destination", "DST", None, extract.destination.as_ref());
    w.splice(&extract.record);
    if let Some(request) = &extract.prior_request {
        w.element("inFulfillmentOf", "", &[("typeCode", "FLFS")], |w| {
            let attributes = [("classCode", "EXTRACT"), ("moodCode", "RQO")];
            w.element("priorEhrRequest", "", &attributes, |w| {
                w.leaf("id", &[("root", request.as_str())]);
            });
        });
    }
    write_limitation(w, &extract.id);
}

/// The extract is the whole record.
fn write_limitation(w: &mut Writer, id: &EhrExtractId) {
    let attributes = [("typeCode", "LIMIT"), ("inversionInd", "true")];
    w.element("limitation", "", &attributes, |w| {
        let attributes = [("classCode", "OBS"), ("moodCode", "DEF")];
        w.element("limitingEhrExtractSpecification", "", &attributes, |w| {
            w.leaf("id", &[("root", &limitation_id(id))]);
            let code = [
                ("code", "37241000000102"),
                ("codeSystem", oid::SNOMED_CT),
                (
                    "displayName",
                    "Entire record available to originator (administrative concept)",
                ),
            ];
            w.leaf("code", &code);
        });
    });
}

/// A UUID that follows from the id of the extract: the same extract is always the same bytes.
fn limitation_id(extract: &EhrExtractId) -> String {
    let digest = Sha256::digest(format!(
        "limitation {}",
        extract.as_str().to_ascii_uppercase()
    ));
    let mut id = String::with_capacity(36);
    for (at, byte) in digest.iter().take(16).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.push_str(&format!("{byte:02X}"));
    }
    id
}
