//! Envelope from bytes, from any prefix, white space and attribute order.

use std::borrow::Cow;

use gp2gp_model::time::TimeError;
use gp2gp_model::{ContentId, EbxmlMessageId, IdError, PartyKey, Time};
use percent_encoding::percent_decode_str;

use super::plain::{self, Element};
use super::{
    AckRequested, Acknowledgment, EbxmlError, EbxmlErrorCode, Envelope, EnvelopeError, ErrorList,
    Fault, Header, Href, NaspError, Reference, TO_PARTY_MSH,
};
use crate::hl7::xml;

/// `codeContext` of an error that names none (ebMS 2.0, 4.2.3.2.2).
const ERRORS: &str = "urn:oasis:names:tc:ebxml-msg:service:errors";

/// Reads a SOAP envelope: a message, an acknowledgment, an error list or a fault.
///
/// An envelope with a manifest is a message, even where an acknowledgment or warnings ride along;
/// one that holds nothing at all lacks its manifest.
pub fn parse(xml: &[u8]) -> Result<Envelope, EnvelopeError> {
    if let Some(plain) = plain::read(xml) {
        return parse_envelope(plain.root());
    }
    let tree = xml::tree(xml).map_err(EnvelopeError::Xml)?;
    parse_envelope(tree.root_element())
}

fn parse_envelope<'a>(envelope: impl Element<'a>) -> Result<Envelope, EnvelopeError> {
    let root = envelope.name();
    if root != "Envelope" {
        return Err(EnvelopeError::NotSoap(root.chars().take(64).collect()));
    }

    if let Some(fault) = envelope.find(&["Body", "Fault"]) {
        return parse_fault(fault).map(Envelope::Fault);
    }
    let soap_header = child(envelope, "Header", "soap:Header")?;
    let header = parse_header(soap_header)?;
    if let Some(manifest) = envelope.find(&["Body", "Manifest"]) {
        let references: Result<_, _> = children(manifest, "Reference")
            .map(|node| parse_reference(node))
            .collect();
        Ok(Envelope::Message(header, references?))
    } else if let Some(list) = soap_header.child("ErrorList") {
        parse_error_list(header, list).map(Envelope::ErrorList)
    } else if let Some(ack) = soap_header.child("Acknowledgment") {
        parse_acknowledgment(header, ack).map(Envelope::Acknowledgment)
    } else {
        Err(EnvelopeError::Missing("eb:Manifest"))
    }
}

fn parse_header<'a>(soap_header: impl Element<'a>) -> Result<Header, EnvelopeError> {
    let header = child(soap_header, "MessageHeader", "eb:MessageHeader")?;
    let data = child(header, "MessageData", "eb:MessageData")?;
    Ok(Header {
        from: party(header, "From", "eb:From/eb:PartyId")?,
        to: party(header, "To", "eb:To/eb:PartyId")?,
        cpa_id: text(header, "CPAId", "eb:CPAId")?.parse()?,
        conversation_id: text(header, "ConversationId", "eb:ConversationId")?.parse()?,
        service: text(header, "Service", "eb:Service")?.into_owned(),
        action: text(header, "Action", "eb:Action")?.into_owned(),
        message_id: text(data, "MessageId", "eb:MessageId")?.parse()?,
        timestamp: parse_time(&text(data, "Timestamp", "eb:Timestamp")?)?,
        time_to_live: optional_text(data, "TimeToLive")
            .map(|ttl| parse_time(&ttl))
            .transpose()?,
        ref_to_message_id: ref_to_message_id(data)?,
        duplicate_elimination: header.child("DuplicateElimination").is_some(),
        ack_requested: soap_header.child("AckRequested").map(|node| AckRequested {
            // Left out, it means the To party (ebMS 2.0, 6.3.1.1).
            actor: attribute(node, "actor").unwrap_or_else(|| TO_PARTY_MSH.to_owned()),
            signed: matches!(node.attribute("signed"), Some("true" | "1")),
        }),
        sync_reply: soap_header
            .child("SyncReply")
            .map(|node| attribute(node, "actor").unwrap_or_default()),
    })
}

fn parse_reference<'a>(node: impl Element<'a>) -> Result<Reference, EnvelopeError> {
    Ok(Reference {
        id: attribute(node, "id"),
        href: parse_href(
            node.attribute("href")
                .ok_or(EnvelopeError::Missing("xlink:href"))?,
        ),
        description: node
            .child("Description")
            .map(|node| node.text().into_owned()),
        is_payload: node.child("Payload").is_some(),
    })
}

fn parse_href(href: &str) -> Href {
    let href = xml::trim(href);
    let (scheme, target) = href.split_once(':').unwrap_or_default();
    let known = if scheme.eq_ignore_ascii_case("cid") {
        parse_url_id(target, ContentId::parse).map(Href::Cid)
    } else if scheme.eq_ignore_ascii_case("mid") {
        parse_url_id(target, EbxmlMessageId::parse).map(Href::Mid)
    } else {
        None
    };
    known.unwrap_or_else(|| Href::Other(href.to_owned()))
}

/// The id percent-decoded or, where decoding leaves no UTF-8 or no id, as written.
fn parse_url_id<T>(target: &str, parse: impl Fn(&str) -> Result<T, IdError>) -> Option<T> {
    let decoded = percent_decode_str(target).decode_utf8().ok();
    decoded
        .and_then(|id| parse(&id).ok())
        .or_else(|| parse(target).ok())
}

fn parse_error_list<'a>(
    header: Header,
    list: impl Element<'a>,
) -> Result<ErrorList, EnvelopeError> {
    let errors: Vec<_> = children(list, "Error")
        .map(|node| parse_error(node))
        .collect::<Result<_, _>>()?;
    if errors.is_empty() {
        return Err(EnvelopeError::Missing("eb:Error"));
    }
    Ok(ErrorList {
        from: header.from,
        to: header.to,
        cpa_id: header.cpa_id,
        conversation_id: header.conversation_id,
        message_id: header.message_id,
        ref_to_message_id: header.ref_to_message_id,
        timestamp: header.timestamp,
        errors,
    })
}

fn parse_error<'a>(node: impl Element<'a>) -> Result<EbxmlError, EnvelopeError> {
    let code = attribute(node, "errorCode").filter(|code| !code.is_empty());
    Ok(EbxmlError {
        code: EbxmlErrorCode::from_text(&code.ok_or(EnvelopeError::Missing("eb:errorCode"))?),
        code_context: attribute(node, "codeContext").unwrap_or_else(|| ERRORS.to_owned()),
        is_error: node.attribute("severity") != Some("Warning"),
        location: attribute(node, "location"),
        description: optional_text(node, "Description")
            .unwrap_or_default()
            .into_owned(),
    })
}

fn parse_acknowledgment<'a>(
    header: Header,
    ack: impl Element<'a>,
) -> Result<Acknowledgment, EnvelopeError> {
    Ok(Acknowledgment {
        from: header.from,
        to: header.to,
        cpa_id: header.cpa_id,
        conversation_id: header.conversation_id,
        message_id: header.message_id,
        ref_to_message_id: ref_to_message_id(ack)?
            .or(header.ref_to_message_id)
            .ok_or(EnvelopeError::Missing("eb:RefToMessageId"))?,
        timestamp: header.timestamp,
        actor: attribute(ack, "actor").unwrap_or_else(|| TO_PARTY_MSH.to_owned()),
    })
}

fn parse_fault<'a>(fault: impl Element<'a>) -> Result<Fault, EnvelopeError> {
    let errors = fault.find(&["detail", "errorList"]);
    Ok(Fault {
        code: text(fault, "faultcode", "faultcode")?.into_owned(),
        string: optional_text(fault, "faultstring")
            .unwrap_or_default()
            .into_owned(),
        errors: errors
            .into_iter()
            .flat_map(|list| children(list, "error"))
            .map(|node| parse_nasp_error(node))
            .collect(),
    })
}

fn parse_nasp_error<'a>(node: impl Element<'a>) -> NaspError {
    let field = |name| optional_text(node, name).unwrap_or_default().into_owned();
    NaspError {
        code_context: field("codeContext"),
        code: field("errorCode"),
        severity: field("severity"),
        location: field("location"),
        description: field("description"),
    }
}

fn party<'a>(
    header: impl Element<'a>,
    side: &str,
    called: &'static str,
) -> Result<PartyKey, EnvelopeError> {
    let id = header
        .find(&[side, "PartyId"])
        .ok_or(EnvelopeError::Missing(called))?;
    Ok(filled(id.text())
        .ok_or(EnvelopeError::Missing(called))?
        .parse()?)
}

fn ref_to_message_id<'a>(node: impl Element<'a>) -> Result<Option<EbxmlMessageId>, IdError> {
    optional_text(node, "RefToMessageId")
        .map(|id| id.parse())
        .transpose()
}

/// Spine's own answers may leave out the zone; ebMS times are UTC.
fn parse_time(text: &str) -> Result<Time, TimeError> {
    text.parse()
        .or_else(|error| format!("{text}Z").parse().map_err(|_| error))
}

fn child<'a, E: Element<'a>>(
    node: E,
    name: &str,
    called: &'static str,
) -> Result<E, EnvelopeError> {
    node.child(name).ok_or(EnvelopeError::Missing(called))
}

fn text<'a>(
    node: impl Element<'a>,
    name: &str,
    called: &'static str,
) -> Result<Cow<'a, str>, EnvelopeError> {
    optional_text(node, name).ok_or(EnvelopeError::Missing(called))
}

/// Text of a child; `None` if it is absent or empty.
fn optional_text<'a>(node: impl Element<'a>, name: &str) -> Option<Cow<'a, str>> {
    node.child(name).and_then(|node| filled(node.text()))
}

fn children<'a, E: Element<'a>>(node: E, name: &'static str) -> impl Iterator<Item = E> {
    node.children().filter(move |child| child.name() == name)
}

fn filled(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    Some(text).filter(|text| !text.is_empty())
}

fn attribute<'a>(node: impl Element<'a>, name: &str) -> Option<String> {
    node.attribute(name).map(str::to_owned)
}

#[cfg(test)]
mod tests;
