//! `COPC_IN000001UK01`: Continue and fragment.

use bytes::Bytes;
use gp2gp_model::{Hl7MessageId, Interaction, OdsCode};
use roxmltree::Node;

use super::request::write_subject;
use super::writer::{Attribute, Writer};
use super::{Hl7Error, Payload, Wrapper, oid, path, xml};
use crate::Dialect;

/// Subject of a Continue.
pub const CONTINUE_SUBJECT: &str = "Continue Acknowledgement";

/// `Gp2gpfragment` of the payload information.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gp2gpFragment {
    /// `Version`, always `01`.
    pub version: String,
    /// `Recipients/Recipient`.
    pub recipients: Vec<OdsCode>,
    /// `From`.
    pub from: OdsCode,
    /// `subject`, outer white space trimmed.
    pub subject: String,
    /// `message-id`.
    pub message_id: Hl7MessageId,
    /// Whether the five children are there once each and in the order of RCV-17.
    pub in_order: bool,
}

/// A Continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continue {
    /// Transmission wrapper.
    pub wrapper: Wrapper,
    /// `PayloadInformation/code/@code`, usually `GP2GP_PI`.
    pub information_code: String,
    /// The five children.
    pub fragment: Gp2gpFragment,
    /// Inner `acknowledgement/@typeCode`, `AA`.
    pub ack_type: String,
    /// Inner `acknowledgementDetail/@typeCode`, `IF`.
    pub detail_type: String,
    /// Inner `acknowledgementDetail/code/@code`, `0`.
    pub detail_code: String,
    /// Inner `messageRef/id/@root`: the core extract.
    pub message_ref: Hl7MessageId,
    /// `acknowledgedMessage/id/@root`: the core extract again; `None` if absent.
    pub acknowledged_message: Option<Hl7MessageId>,
}

/// A fragment: a whole document, an index or a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Transmission wrapper.
    pub wrapper: Wrapper,
    /// `PayloadInformation/code/@code`, usually `GP2GPLMATTACHMENTINFO`.
    pub information_code: String,
    /// `PayloadInformation/id/@root`.
    pub information_id: Hl7MessageId,
    /// The five children.
    pub fragment: Gp2gpFragment,
    /// `pertinentPayloadBody/value/reference/@value`, as written.
    pub file_reference: Option<String>,
}

impl Fragment {
    /// The file name of the subject, without `Attachment: `.
    pub fn file_name(&self) -> &str {
        let subject = self.fragment.subject.as_str();
        subject
            .strip_prefix("Attachment:")
            .unwrap_or(subject)
            .trim()
    }
}

/// The children of `Gp2gpfragment`, in the order of RCV-17.
const CHILDREN: [&str; 5] = ["Version", "Recipients", "From", "subject", "message-id"];

pub(super) fn read(root: &Node<'_, '_>) -> Result<Payload, Hl7Error> {
    let wrapper = Wrapper::read(root)?;
    let information_code = path::required(
        root,
        "ControlActEvent/subject/PayloadInformation/code/@code",
    )?
    .into_owned();
    let fragment = read_fragment(root)?;
    if fragment.subject.eq_ignore_ascii_case(CONTINUE_SUBJECT) {
        read_continue(root, wrapper, information_code, fragment).map(Payload::Continue)
    } else {
        Ok(Payload::Fragment(Fragment {
            wrapper,
            information_code,
            information_id: path::id(
                root,
                "ControlActEvent/subject/PayloadInformation/id/@root",
            )?,
            fragment,
            file_reference: path::optional(
                root,
                "ControlActEvent/subject/PayloadInformation/pertinentInformation/pertinentPayloadBody/value/reference/@value",
            )
            .map(Into::into),
        }))
    }
}

fn read_fragment(root: &Node<'_, '_>) -> Result<Gp2gpFragment, Hl7Error> {
    let value = find(root, "ControlActEvent/subject/PayloadInformation/value")?;
    let fragment = find(&value, "Gp2gpfragment")?;
    let children = fragment.children().filter(Node::is_element);
    Ok(Gp2gpFragment {
        version: path::required(&value, "Gp2gpfragment/Version")?.into_owned(),
        recipients: read_recipients(&value, &fragment)?,
        from: path::id(&value, "Gp2gpfragment/From")?,
        subject: path::required(&value, "Gp2gpfragment/subject")?.into_owned(),
        message_id: path::id(&value, "Gp2gpfragment/message-id")?,
        in_order: children.map(|child| child.tag_name().name()).eq(CHILDREN),
    })
}

/// At least one.
fn read_recipients(
    value: &Node<'_, '_>,
    fragment: &Node<'_, '_>,
) -> Result<Vec<OdsCode>, Hl7Error> {
    let path = "Gp2gpfragment/Recipients/Recipient";
    path::required(value, path)?;
    xml::children(fragment, "Recipients")
        .flat_map(|recipients| xml::children(&recipients, "Recipient"))
        .map(|recipient| path::parse(&xml::text(&recipient), path))
        .collect()
}

fn read_continue(
    root: &Node<'_, '_>,
    wrapper: Wrapper,
    information_code: String,
    fragment: Gp2gpFragment,
) -> Result<Continue, Hl7Error> {
    let body = find(
        root,
        "ControlActEvent/subject/PayloadInformation/pertinentInformation/pertinentPayloadBody/value",
    )?;
    let owned = |path| path::required(&body, path).map(Into::into);
    Ok(Continue {
        wrapper,
        information_code,
        fragment,
        ack_type: owned("Gp2gpfragment/Message/acknowledgement/@typeCode")?,
        detail_type: owned(
            "Gp2gpfragment/Message/acknowledgement/acknowledgementDetail/@typeCode",
        )?,
        detail_code: owned(
            "Gp2gpfragment/Message/acknowledgement/acknowledgementDetail/code/@code",
        )?,
        message_ref: path::id(
            &body,
            "Gp2gpfragment/Message/acknowledgement/messageRef/id/@root",
        )?,
        acknowledged_message: path::optional_id(
            &body,
            "Gp2gpfragment/acknowledgedMessage/id/@root",
        )?,
    })
}

fn find<'a, 'input>(
    node: &Node<'a, 'input>,
    path: &'static str,
) -> Result<Node<'a, 'input>, Hl7Error> {
    let steps: Vec<_> = path.split('/').collect();
    xml::find(node, &steps).ok_or(Hl7Error::Missing(path))
}

pub(super) fn write_continue(message: &Continue, dialect: Dialect) -> Bytes {
    let fragment = &message.fragment;
    let information = Information {
        wrapper: &message.wrapper,
        code: &message.information_code,
        id: &fragment.message_id,
        message_type: "RCMR_MT000002GB01",
        fragment,
    };
    information.write(dialect, |w| {
        w.fragment(|w| {
            w.inner_message(|w| write_inner_message(w, message));
            if let Some(id) = &message.acknowledged_message {
                w.fragment_element("acknowledgedMessage", |w| {
                    w.fragment_leaf("id", &[("root", id.as_str())]);
                });
            }
        });
    })
}

fn write_inner_message(w: &mut Writer, message: &Continue) {
    w.leaf("id", &[("root", message.fragment.message_id.as_str())]);
    write_detail_code(w, &message.detail_code);
    message
        .wrapper
        .write_codes(w, "V3NPfIT3.1.09", Interaction::Acknowledgement.id());
    w.element(
        "acknowledgement",
        "",
        &[("typeCode", &message.ack_type)],
        |w| {
            let attributes = [("typeCode", message.detail_type.as_str())];
            w.element("acknowledgementDetail", "", &attributes, |w| {
                write_detail_code(w, &message.detail_code);
            });
            w.element("messageRef", "", &[], |w| {
                w.leaf("id", &[("root", message.message_ref.as_str())]);
            });
        },
    );
    message.wrapper.write_functions(w);
}

fn write_detail_code(w: &mut Writer, code: &str) {
    let name = Some("Continue").filter(|_| code == "0");
    w.leaf("code", &coded(code, oid::RESPONSE_CODE, name));
}

pub(super) fn write_fragment(message: &Fragment, dialect: Dialect) -> Bytes {
    let information = Information {
        wrapper: &message.wrapper,
        code: &message.information_code,
        id: &message.information_id,
        message_type: "RCMR_MT000001GB01",
        fragment: &message.fragment,
    };
    information.write(dialect, |w| {
        if let Some(reference) = &message.file_reference {
            w.leaf("reference", &[("value", reference)]);
        }
    })
}

/// What Continue and fragment have in common.
struct Information<'a> {
    wrapper: &'a Wrapper,
    code: &'a str,
    id: &'a Hl7MessageId,
    message_type: &'a str,
    fragment: &'a Gp2gpFragment,
}

impl Information<'_> {
    /// Writes the whole message around the value of its payload body.
    fn write(&self, dialect: Dialect, body: impl FnOnce(&mut Writer)) -> Bytes {
        let (name, body_code, body_name) = match self.code {
            "GP2GPLMATTACHMENTINFO" => (
                Some("GP2GP Large Message Attachment Information"),
                "GP2GPLMATTACHMENT",
                "GP2GP Large Message Attachment",
            ),
            "GP2GP_PI" => (
                Some("GP2GP Payload Information"),
                "GP2GP_PB",
                "GP2GP Payload Body",
            ),
            _ => (None, "GP2GP_PB", "GP2GP Payload Body"),
        };
        let observation = [("classCode", "OBS"), ("moodCode", "EVN")];
        let nothing = |_: &mut Writer| {};
        self.wrapper.write(Writer::untyped(dialect), nothing, |w| {
            write_subject(w, |w| {
                w.element("PayloadInformation", "", &observation, |w| {
                    w.leaf("code", &coded(self.code, oid::COPC_CODE, name));
                    w.leaf("id", &[("root", self.id.as_str())]);
                    w.message_type(oid::COPC_MESSAGE_TYPE, self.message_type);
                    w.element("value", "", &[], |w| {
                        w.fragment(|w| write_children(w, self.fragment));
                    });
                    w.element("pertinentInformation", "", &[("typeCode", "PERT")], |w| {
                        w.leaf("sequenceNumber", &[("value", "1")]);
                        w.element("pertinentPayloadBody", "", &observation, |w| {
                            w.leaf("code", &coded(body_code, oid::COPC_CODE, Some(body_name)));
                            w.leaf("id", &[("root", self.id.as_str())]);
                            w.element("value", "", &[], body);
                        });
                    });
                });
            });
        })
    }
}

fn write_children(w: &mut Writer, fragment: &Gp2gpFragment) {
    w.fragment_text("Version", &fragment.version);
    w.fragment_element("Recipients", |w| {
        for recipient in &fragment.recipients {
            w.fragment_text("Recipient", recipient.as_str());
        }
    });
    let subject = ("subject", fragment.subject.as_str());
    let message_id = ("message-id", fragment.message_id.as_str());
    let rest = if fragment.in_order {
        [subject, message_id]
    } else {
        [message_id, subject]
    };
    w.fragment_text("From", fragment.from.as_str());
    for (name, text) in rest {
        w.fragment_text(name, text);
    }
}

fn coded<'a>(code: &'a str, code_system: &'a str, name: Option<&'a str>) -> Vec<Attribute<'a>> {
    let mut attributes = vec![("code", code), ("codeSystem", code_system)];
    attributes.extend(name.map(|name| ("displayName", name)));
    attributes
}
