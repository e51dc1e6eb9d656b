//! Envelope from bytes, from any prefix, white space and attribute order.

use gp2gp_model::time::TimeError;
use gp2gp_model::{ContentId, EbxmlMessageId, IdError, PartyKey, Time};
use percent_encoding::percent_decode_str;
use roxmltree::Node;

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
    let tree = xml::tree(xml).map_err(EnvelopeError::Xml)?;
    let envelope = tree.root_element();
    let root = envelope.tag_name().name();
    if root != "Envelope" {
        return Err(EnvelopeError::NotSoap(root.chars().take(64).collect()));
    }

    if let Some(fault) = xml::find(&envelope, &["Body", "Fault"]) {
        return parse_fault(&fault).map(Envelope::Fault);
    }
    let soap_header = child(&envelope, "Header", "soap:Header")?;
    let header = parse_header(&soap_header)?;
    if let Some(manifest) = xml::find(&envelope, &["Body", "Manifest"]) {
        let references: Result<_, _> = xml::children(&manifest, "Reference")
            .map(|node| parse_reference(&node))
            .collect();
        Ok(Envelope::Message(header, references?))
    } else if let Some(list) = xml::child(&soap_header, "ErrorList") {
        parse_error_list(header, &list).map(Envelope::ErrorList)
    } else if let Some(ack) = xml::child(&soap_header, "Acknowledgment") {
        parse_acknowledgment(header, &ack).map(Envelope::Acknowledgment)
    } else {
        Err(EnvelopeError::Missing("eb:Manifest"))
    }
}

fn parse_header(soap_header: &Node<'_, '_>) -> Result<Header, EnvelopeError> {
    let header = child(soap_header, "MessageHeader", "eb:MessageHeader")?;
    let data = child(&header, "MessageData", "eb:MessageData")?;
    Ok(Header {
        from: party(&header, "From", "eb:From/eb:PartyId")?,
        to: party(&header, "To", "eb:To/eb:PartyId")?,
        cpa_id: text(&header, "CPAId", "eb:CPAId")?.parse()?,
        conversation_id: text(&header, "ConversationId", "eb:ConversationId")?.parse()?,
        service: text(&header, "Service", "eb:Service")?,
        action: text(&header, "Action", "eb:Action")?,
        message_id: text(&data, "MessageId", "eb:MessageId")?.parse()?,
        timestamp: parse_time(&text(&data, "Timestamp", "eb:Timestamp")?)?,
        time_to_live: optional_text(&data, "TimeToLive")
            .map(|ttl| parse_time(&ttl))
            .transpose()?,
        ref_to_message_id: ref_to_message_id(&data)?,
        duplicate_elimination: xml::child(&header, "DuplicateElimination").is_some(),
        ack_requested: xml::child(soap_header, "AckRequested").map(|node| AckRequested {
            // Left out, it means the To party (ebMS 2.0, 6.3.1.1).
            actor: attribute(&node, "actor").unwrap_or_else(|| TO_PARTY_MSH.to_owned()),
            signed: matches!(xml::attribute(&node, "signed"), Some("true" | "1")),
        }),
        sync_reply: xml::child(soap_header, "SyncReply")
            .map(|node| attribute(&node, "actor").unwrap_or_default()),
    })
}

fn parse_reference(node: &Node<'_, '_>) -> Result<Reference, EnvelopeError> {
    Ok(Reference {
        id: attribute(node, "id"),
        href: parse_href(xml::attribute(node, "href").ok_or(EnvelopeError::Missing("xlink:href"))?),
        description: xml::child(node, "Description").map(|node| xml::text(&node).into_owned()),
        is_payload: xml::child(node, "Payload").is_some(),
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

fn parse_error_list(header: Header, list: &Node<'_, '_>) -> Result<ErrorList, EnvelopeError> {
    let errors: Vec<_> = xml::children(list, "Error")
        .map(|node| parse_error(&node))
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

fn parse_error(node: &Node<'_, '_>) -> Result<EbxmlError, EnvelopeError> {
    let code = attribute(node, "errorCode").filter(|code| !code.is_empty());
    Ok(EbxmlError {
        code: EbxmlErrorCode::from_text(&code.ok_or(EnvelopeError::Missing("eb:errorCode"))?),
        code_context: attribute(node, "codeContext").unwrap_or_else(|| ERRORS.to_owned()),
        is_error: xml::attribute(node, "severity") != Some("Warning"),
        location: attribute(node, "location"),
        description: optional_text(node, "Description").unwrap_or_default(),
    })
}

fn parse_acknowledgment(
    header: Header,
    ack: &Node<'_, '_>,
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

fn parse_fault(fault: &Node<'_, '_>) -> Result<Fault, EnvelopeError> {
    let errors = xml::find(fault, &["detail", "errorList"]);
    Ok(Fault {
        code: text(fault, "faultcode", "faultcode")?,
        string: optional_text(fault, "faultstring").unwrap_or_default(),
        errors: errors
            .iter()
            .flat_map(|list| xml::children(list, "error"))
            .map(|node| parse_nasp_error(&node))
            .collect(),
    })
}

fn parse_nasp_error(node: &Node<'_, '_>) -> NaspError {
    let field = |name| optional_text(node, name).unwrap_or_default();
    NaspError {
        code_context: field("codeContext"),
        code: field("errorCode"),
        severity: field("severity"),
        location: field("location"),
        description: field("description"),
    }
}

fn party(
    header: &Node<'_, '_>,
    side: &str,
    called: &'static str,
) -> Result<PartyKey, EnvelopeError> {
    let id = xml::find(header, &[side, "PartyId"]).ok_or(EnvelopeError::Missing(called))?;
    Ok(filled(xml::text(&id).into_owned())
        .ok_or(EnvelopeError::Missing(called))?
        .parse()?)
}

fn ref_to_message_id(node: &Node<'_, '_>) -> Result<Option<EbxmlMessageId>, IdError> {
    optional_text(node, "RefToMessageId")
        .map(|id| id.parse())
        .transpose()
}

/// Spine's own answers may leave out the zone; ebMS times are UTC.
fn parse_time(text: &str) -> Result<Time, TimeError> {
    text.parse()
        .or_else(|error| format!("{text}Z").parse().map_err(|_| error))
}

fn child<'a, 'input>(
    node: &Node<'a, 'input>,
    name: &str,
    called: &'static str,
) -> Result<Node<'a, 'input>, EnvelopeError> {
    xml::child(node, name).ok_or(EnvelopeError::Missing(called))
}

fn text(node: &Node<'_, '_>, name: &str, called: &'static str) -> Result<String, EnvelopeError> {
    optional_text(node, name).ok_or(EnvelopeError::Missing(called))
}

/// Text of a child; `None` if it is absent or empty.
fn optional_text(node: &Node<'_, '_>, name: &str) -> Option<String> {
    xml::child(node, name).and_then(|node| filled(xml::text(&node).into_owned()))
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn attribute(node: &Node<'_, '_>, name: &str) -> Option<String> {
    xml::attribute(node, name).map(str::to_owned)
}

#[cfg(test)]
mod tests;
