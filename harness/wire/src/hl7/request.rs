//! EHR request, `RCMR_IN010000UK05` and `UK06`.

use bytes::Bytes;
use gp2gp_model::{EhrRequestId, Interaction, NhsNumber, OdsCode};
use roxmltree::Node;

use super::writer::Writer;
use super::{Hl7Error, Wrapper, oid, path};
use crate::Dialect;

/// Version of a request. No schema of the newer one is published: it is read and written in the
/// form of the older one, under its own name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestVersion {
    /// `RCMR_IN010000UK05`.
    Uk05,
    /// `RCMR_IN010000UK06`.
    Uk06,
}

impl RequestVersion {
    /// The interaction of this version.
    pub const fn interaction(self) -> Interaction {
        match self {
            Self::Uk05 => Interaction::EhrRequestUk05,
            Self::Uk06 => Interaction::EhrRequestUk06,
        }
    }
}

/// An EHR request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EhrRequest {
    /// Transmission wrapper.
    pub wrapper: Wrapper,
    /// UK05 or UK06.
    pub version: RequestVersion,
    /// `EhrRequest/id/@root`.
    pub id: EhrRequestId,
    /// `recordTarget/patient/id/@extension`.
    pub patient: NhsNumber,
    /// `author`: practice of the requesting system.
    pub author: OdsCode,
    /// `destination`: practice of the sending system.
    pub destination: OdsCode,
}

pub(super) fn read(root: &Node<'_, '_>, version: RequestVersion) -> Result<EhrRequest, Hl7Error> {
    Ok(EhrRequest {
        wrapper: Wrapper::read(root)?,
        version,
        id: path::id(root, "ControlActEvent/subject/EhrRequest/id/@root")?,
        patient: path::id(
            root,
            "ControlActEvent/subject/EhrRequest/recordTarget/patient/id/@extension",
        )?,
        author: path::id(
            root,
            "ControlActEvent/subject/EhrRequest/author/AgentOrgSDS/agentOrganizationSDS/id/@extension",
        )?,
        destination: path::id(
            root,
            "ControlActEvent/subject/EhrRequest/destination/AgentOrgSDS/agentOrganizationSDS/id/@extension",
        )?,
    })
}

pub(super) fn write(request: &EhrRequest, dialect: Dialect) -> Bytes {
    let nothing = |_: &mut Writer| {};
    request.wrapper.write(Writer::new(dialect), nothing, |w| {
        write_subject(w, |w| {
            let attributes = [("classCode", "EXTRACT"), ("moodCode", "RQO")];
            w.element("EhrRequest", "ActHeir", &attributes, |w| {
                w.leaf("id", &[("root", request.id.as_str())]);
                write_record_target(w, &request.patient);
                write_practice(w, "author", "AUT", None, Some(&request.author));
                write_practice(w, "destination", "DST", None, Some(&request.destination));
            });
        });
    })
}

/// `ControlActEvent/subject`.
pub(super) fn write_subject(w: &mut Writer, body: impl FnOnce(&mut Writer)) {
    let attributes = [("typeCode", "SUBJ"), ("contextConductionInd", "false")];
    w.element("subject", "ActRelationship", &attributes, body);
}

pub(super) fn write_record_target(w: &mut Writer, patient: &NhsNumber) {
    w.element(
        "recordTarget",
        "Participation",
        &[("typeCode", "RCT")],
        |w| {
            w.element("patient", "Patient", &[("classCode", "PAT")], |w| {
                w.leaf(
                    "id",
                    &[("root", oid::NHS_NUMBER), ("extension", patient.as_str())],
                );
            });
        },
    );
}

/// A participating practice; `None` is unknown.
pub(super) fn write_practice(
    w: &mut Writer,
    name: &str,
    type_code: &str,
    time: Option<&str>,
    practice: Option<&OdsCode>,
) {
    w.element(name, "Participation", &[("typeCode", type_code)], |w| {
        if let Some(time) = time {
            w.leaf("time", &[("value", time)]);
        }
        w.element("AgentOrgSDS", "RoleHeir", &[("classCode", "AGNT")], |w| {
            let attributes = [("classCode", "ORG"), ("determinerCode", "INSTANCE")];
            w.element(
                "agentOrganizationSDS",
                "Organization",
                &attributes,
                |w| match practice {
                    Some(ods) => w.leaf("id", &[("root", oid::ODS), ("extension", ods.as_str())]),
                    None => w.leaf("id", &[("nullFlavor", "UNK")]),
                },
            );
        });
    });
}
