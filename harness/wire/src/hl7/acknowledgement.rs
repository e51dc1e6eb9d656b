//! Application acknowledgement, `MCCI_IN010000UK13`.

use std::borrow::Cow;

use bytes::Bytes;
use gp2gp_model::{Hl7MessageId, ResponseCode};
use roxmltree::Node;

use super::writer::{Attribute, Writer};
use super::{Hl7Error, Wrapper, oid, path, xml};
use crate::Dialect;

/// An application acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Transmission wrapper.
    pub wrapper: Wrapper,
    /// `acknowledgement/@typeCode`.
    pub type_code: AckType,
    /// `acknowledgement/messageRef/id/@root`: what is acknowledged.
    pub message_ref: Hl7MessageId,
    /// `ControlActEvent/reason/justifyingDetectedIssueEvent/code`.
    pub reason: Option<AckReason>,
    /// `acknowledgement/acknowledgementDetail`.
    pub detail: Option<AckDetail>,
}

/// `acknowledgement/@typeCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckType {
    /// Accepted.
    Aa,
    /// Application error.
    Ae,
    /// Rejected.
    Ar,
}

/// `justifyingDetectedIssueEvent/code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckReason {
    /// `@code`.
    pub code: ResponseCode,
    /// `@codeSystem`.
    pub code_system: Option<String>,
    /// `@displayName`.
    pub display_name: Option<String>,
    /// `qualifier/value/@code`.
    pub qualifier: Option<String>,
}

/// `acknowledgementDetail`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckDetail {
    /// `@typeCode`, e.g. `ER` or `IF`.
    pub type_code: Option<String>,
    /// `code/@code`.
    pub code: ResponseCode,
    /// `code/@codeSystem`.
    pub code_system: Option<String>,
    /// `code/@displayName`.
    pub display_name: Option<String>,
}

impl Acknowledgement {
    /// A positive acknowledgement.
    pub fn positive(wrapper: Wrapper, message_ref: Hl7MessageId) -> Self {
        Self {
            wrapper,
            type_code: AckType::Aa,
            message_ref,
            reason: None,
            detail: None,
        }
    }

    /// A negative acknowledgement as this dialect writes it: type code and the places of the
    /// code differ (last row of the table in spec 10). `NationalMhs` is what the strict profile wants.
    pub fn negative(
        wrapper: Wrapper,
        message_ref: Hl7MessageId,
        code: ResponseCode,
        dialect: Dialect,
    ) -> Self {
        let text = Some(code.text().to_owned()).filter(|text| !text.is_empty());
        let reason = AckReason {
            code: code.clone(),
            code_system: Some(oid::RESPONSE_CODE.to_owned()),
            display_name: text.clone(),
            qualifier: Some("ER".to_owned()),
        };
        let detail = |code_system: Option<&str>| AckDetail {
            type_code: Some("ER".to_owned()),
            code,
            code_system: code_system.map(str::to_owned),
            display_name: text,
        };
        let (type_code, reason, detail) = match dialect {
            Dialect::NationalMhs => (
                AckType::Ae,
                Some(reason),
                Some(detail(Some(oid::RESPONSE_CODE))),
            ),
            Dialect::Tpp => (
                AckType::Ar,
                Some(reason),
                Some(detail(Some(oid::RESPONSE_CODE))),
            ),
            Dialect::Emis => (AckType::Ar, None, Some(detail(None))),
            Dialect::Vision => (AckType::Ae, Some(reason), None),
            Dialect::Spine => (AckType::Ar, None, Some(detail(Some(oid::SPINE_ERROR)))),
        };
        Self {
            wrapper,
            type_code,
            message_ref,
            reason,
            detail,
        }
    }

    /// The code, wherever it stands: `reason` first, then `acknowledgementDetail`.
    pub fn code(&self) -> Option<&ResponseCode> {
        match (&self.reason, &self.detail) {
            (Some(reason), _) => Some(&reason.code),
            (None, Some(detail)) => Some(&detail.code),
            (None, None) => None,
        }
    }

    /// AE and AR are failures, wherever their code is (SND-52).
    pub fn is_negative(&self) -> bool {
        match self.type_code {
            AckType::Aa => false,
            AckType::Ae | AckType::Ar => true,
        }
    }
}

impl AckType {
    const fn code(self) -> &'static str {
        match self {
            Self::Aa => "AA",
            Self::Ae => "AE",
            Self::Ar => "AR",
        }
    }
}

pub(super) fn read(root: &Node<'_, '_>) -> Result<Acknowledgement, Hl7Error> {
    Ok(Acknowledgement {
        wrapper: Wrapper::read(root)?,
        type_code: read_type_code(root)?,
        message_ref: path::id(root, "acknowledgement/messageRef/id/@root")?,
        reason: read_reason(root),
        detail: read_detail(root),
    })
}

fn read_type_code(root: &Node<'_, '_>) -> Result<AckType, Hl7Error> {
    let path = "acknowledgement/@typeCode";
    let found = path::required(root, path)?;
    [AckType::Aa, AckType::Ae, AckType::Ar]
        .into_iter()
        .find(|ack_type| ack_type.code() == found.trim())
        .ok_or_else(|| Hl7Error::Value {
            path,
            found: found.chars().take(32).collect(),
        })
}

/// Negative acknowledgements without any code are real (spec 90, 39): an element without one
/// says nothing, and the acknowledgement stays readable.
fn read_reason(root: &Node<'_, '_>) -> Option<AckReason> {
    let event = xml::child(root, "ControlActEvent")?;
    xml::children(&event, "reason").find_map(|reason| {
        let code = xml::find(&reason, &["justifyingDetectedIssueEvent", "code"])?;
        Some(AckReason {
            code: ResponseCode::new(path::optional(&code, "@code")?),
            code_system: owned(&code, "@codeSystem"),
            display_name: owned(&code, "@displayName"),
            qualifier: owned(&code, "qualifier/value/@code"),
        })
    })
}

fn read_detail(root: &Node<'_, '_>) -> Option<AckDetail> {
    let acknowledgement = xml::child(root, "acknowledgement")?;
    xml::children(&acknowledgement, "acknowledgementDetail").find_map(|detail| {
        Some(AckDetail {
            type_code: owned(&detail, "@typeCode"),
            code: ResponseCode::new(path::optional(&detail, "code/@code")?),
            code_system: owned(&detail, "code/@codeSystem"),
            display_name: owned(&detail, "code/@displayName"),
        })
    })
}

fn owned(node: &Node<'_, '_>, path: &'static str) -> Option<String> {
    path::optional(node, path).map(Cow::into_owned)
}

pub(super) fn write(ack: &Acknowledgement, dialect: Dialect) -> Bytes {
    let message_ref = match dialect {
        Dialect::Spine => ack.message_ref.as_str().to_ascii_lowercase(),
        Dialect::NationalMhs | Dialect::Tpp | Dialect::Emis | Dialect::Vision => {
            ack.message_ref.to_string()
        }
    };
    let acknowledgement = |w: &mut Writer| {
        let attributes = [("typeCode", ack.type_code.code())];
        w.element("acknowledgement", "Acknowledgement", &attributes, |w| {
            if let Some(detail) = &ack.detail {
                write_detail(w, detail);
            }
            w.element("messageRef", "Message", &[], |w| {
                w.leaf("id", &[("root", &message_ref)]);
            });
        });
    };
    ack.wrapper
        .write(Writer::new(dialect), acknowledgement, |w| {
            if let Some(reason) = &ack.reason {
                write_reason(w, reason);
            }
        })
}

fn write_detail(w: &mut Writer, detail: &AckDetail) {
    let type_code = detail
        .type_code
        .iter()
        .map(|code| ("typeCode", code.as_str()));
    let attributes: Vec<_> = type_code.collect();
    w.element(
        "acknowledgementDetail",
        "AcknowledgementDetail",
        &attributes,
        |w| {
            let attributes = coded(&detail.code, &detail.code_system, &detail.display_name);
            w.leaf("code", &attributes);
        },
    );
}

fn write_reason(w: &mut Writer, reason: &AckReason) {
    w.element("reason", "ActRelationship", &[("typeCode", "RSON")], |w| {
        let attributes = [("classCode", "ALRT"), ("moodCode", "EVN")];
        w.element(
            "justifyingDetectedIssueEvent",
            "Observation",
            &attributes,
            |w| {
                let attributes = coded(&reason.code, &reason.code_system, &reason.display_name);
                match reason.qualifier.as_deref() {
                    None => w.leaf("code", &attributes),
                    Some(qualifier) => w.element("code", "", &attributes, |w| {
                        w.element("qualifier", "", &[("inverted", "false")], |w| {
                            let value =
                                [("code", qualifier), ("codeSystem", oid::RESPONSE_QUALIFIER)];
                            w.leaf("value", &value);
                        });
                    }),
                }
            },
        );
    });
}

fn coded<'a>(
    code: &'a ResponseCode,
    code_system: &'a Option<String>,
    display_name: &'a Option<String>,
) -> Vec<Attribute<'a>> {
    [
        ("code", Some(code.as_str())),
        ("codeSystem", code_system.as_deref()),
        ("displayName", display_name.as_deref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}
