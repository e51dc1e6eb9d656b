//! Envelope to text, in a supplier's dialect.
//!
//! This file names elements and attributes canonically; a [`Style`] says how a supplier prefixes,
//! orders and spaces them. A character that XML cannot hold becomes U+FFFD.

mod style;
mod template;
mod writer;

use gp2gp_model::{EbxmlMessageId, PartyKey, Time};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    Acknowledgment, EBXML_SERVICE, EbxmlError, ErrorList, Fault, Header, Href, NaspError, Reference,
};
use crate::Dialect;
use style::{REPLY, Style};
use writer::Writer;

/// Writes the envelope of a message.
pub fn message(header: &Header, manifest: &[Reference], dialect: Dialect) -> String {
    let style = Style::of(dialect);
    envelope(
        style,
        |w| write_header(w, header),
        |w| {
            let mut attributes = vec![VERSION];
            attributes.extend(style.manifest_must_understand.then_some(MUST_UNDERSTAND));
            attributes.extend(style.on_manifest);
            w.element("eb:Manifest", &attributes, |w| {
                for reference in manifest {
                    write_reference(w, reference, &header.action);
                }
            });
        },
    )
}

/// Writes an acknowledgment, `Content-Type` `text/xml`.
pub fn acknowledgment(ack: &Acknowledgment) -> String {
    template::filled(ack)
}

/// The same, element by element.
fn written_acknowledgment(ack: &Acknowledgment) -> String {
    let header = Header {
        from: ack.from.clone(),
        to: ack.to.clone(),
        cpa_id: ack.cpa_id.clone(),
        conversation_id: ack.conversation_id.clone(),
        service: EBXML_SERVICE.to_owned(),
        action: "Acknowledgment".to_owned(),
        message_id: ack.message_id.clone(),
        timestamp: ack.timestamp,
        time_to_live: None,
        ref_to_message_id: Some(ack.ref_to_message_id.clone()),
        duplicate_elimination: false,
        ack_requested: None,
        sync_reply: None,
    };
    let attributes = [MUST_UNDERSTAND, VERSION, ("soap:actor", &ack.actor)];
    envelope(
        &REPLY,
        |w| {
            write_header(w, &header);
            w.element("eb:Acknowledgment", &attributes, |w| {
                write_time(w, "eb:Timestamp", ack.timestamp);
                write_ref_to_message_id(w, &ack.ref_to_message_id);
                write_party(w, "eb:From", &ack.from);
            });
        },
        |_| {},
    )
}

/// Writes a `MessageError`, `Content-Type` exactly `text/xml`.
pub fn error_list(errors: &ErrorList) -> String {
    let header = Header {
        from: errors.from.clone(),
        to: errors.to.clone(),
        cpa_id: errors.cpa_id.clone(),
        conversation_id: errors.conversation_id.clone(),
        service: EBXML_SERVICE.to_owned(),
        action: "MessageError".to_owned(),
        message_id: errors.message_id.clone(),
        timestamp: errors.timestamp,
        time_to_live: None,
        ref_to_message_id: errors.ref_to_message_id.clone(),
        duplicate_elimination: false,
        ack_requested: None,
        sync_reply: None,
    };
    let highest = severity(errors.errors.iter().any(|error| error.is_error));
    let attributes = [MUST_UNDERSTAND, VERSION, ("eb:highestSeverity", highest)];
    envelope(
        &REPLY,
        |w| {
            write_header(w, &header);
            w.element("eb:ErrorList", &attributes, |w| {
                for error in &errors.errors {
                    write_error(w, error);
                }
            });
        },
        |_| {},
    )
}

/// Writes a SOAP fault: `faultcode` and `faultstring` without a namespace.
pub fn fault(fault: &Fault) -> String {
    envelope(
        &REPLY,
        |_| {},
        |w| {
            w.element("soap:Fault", &[], |w| {
                w.text("faultcode", &[], &fault.code);
                w.text("faultstring", &[], &fault.string);
                w.element("detail", &[], |w| {
                    w.element("nasp:errorList", &[("xmlns:nasp", NASP)], |w| {
                        for error in &fault.errors {
                            write_nasp_error(w, error);
                        }
                    });
                });
            });
        },
    )
}

const VERSION: (&str, &str) = ("eb:version", "2.0");
const MUST_UNDERSTAND: (&str, &str) = ("soap:mustUnderstand", "1");
const PARTY_TYPE: (&str, &str) = ("eb:type", "urn:nhs:names:partyType:ocs+serviceInstance");
const NASP: &str = "http://national.carerecords.nhs.uk/schema/";

/// What a `cid:` or `mid:` URL cannot hold as it is. `/` and `@` stay: no supplier encodes them.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

fn envelope(
    style: &'static Style,
    header: impl FnOnce(&mut Writer),
    body: impl FnOnce(&mut Writer),
) -> String {
    let mut writer = Writer::new(style);
    writer.element("soap:Envelope", style.on_envelope, |w| {
        w.element("soap:Header", &[], header);
        w.element("soap:Body", &[], body);
    });
    writer.finish()
}

fn write_header(w: &mut Writer, header: &Header) {
    w.element("eb:MessageHeader", &[MUST_UNDERSTAND, VERSION], |w| {
        write_party(w, "eb:From", &header.from);
        write_party(w, "eb:To", &header.to);
        w.text("eb:CPAId", &[], header.cpa_id.as_str());
        w.text("eb:ConversationId", &[], header.conversation_id.as_str());
        w.text("eb:Service", &[], &header.service);
        w.text("eb:Action", &[], &header.action);
        w.element("eb:MessageData", &[], |w| {
            w.text("eb:MessageId", &[], header.message_id.as_str());
            write_time(w, "eb:Timestamp", header.timestamp);
            if let Some(id) = &header.ref_to_message_id {
                write_ref_to_message_id(w, id);
            }
            if let Some(time) = header.time_to_live {
                write_time(w, "eb:TimeToLive", time);
            }
        });
        if header.duplicate_elimination {
            w.text(
                "eb:DuplicateElimination",
                &[],
                w.style.duplicate_elimination,
            );
        }
    });
    if let Some(ack) = &header.ack_requested {
        let signed = ("eb:signed", if ack.signed { "true" } else { "false" });
        let actor = ("soap:actor", ack.actor.as_str());
        w.text(
            "eb:AckRequested",
            &[MUST_UNDERSTAND, VERSION, signed, actor],
            "",
        );
    }
    if let Some(actor) = &header.sync_reply {
        w.text(
            "eb:SyncReply",
            &[MUST_UNDERSTAND, VERSION, ("soap:actor", actor)],
            "",
        );
    }
}

fn write_party(w: &mut Writer, side: &str, party: &PartyKey) {
    w.element(side, &[], |w| {
        w.text("eb:PartyId", &[PARTY_TYPE], party.as_str());
    });
}

fn write_ref_to_message_id(w: &mut Writer, id: &EbxmlMessageId) {
    w.text("eb:RefToMessageId", &[], id.as_str());
}

/// Whole seconds as every system writes them; a fraction, which some do, only where there is one.
fn write_time(w: &mut Writer, name: &str, time: Time) {
    w.text(name, &[], &time_text(time));
}

fn time_text(time: Time) -> String {
    if time == time.to_whole_second() {
        return time.to_ebxml();
    }
    let exact = time.to_string();
    let digits = exact.trim_end_matches('Z').trim_end_matches('0');
    format!("{digits}Z")
}

fn write_reference(w: &mut Writer, reference: &Reference, action: &str) {
    let style = w.style;
    let href = match &reference.href {
        Href::Cid(id) => format!("cid:{}", utf8_percent_encode(id.as_str(), ENCODED)),
        Href::Mid(id) => format!("mid:{}", utf8_percent_encode(id.as_str(), ENCODED)),
        Href::Other(href) => href.clone(),
    };
    let mut attributes = vec![("xlink:href", href.as_str())];
    attributes.extend(reference.id.as_deref().map(|id| ("eb:id", id)));
    attributes.extend(style.on_reference);
    w.element("eb:Reference", &attributes, |w| {
        if let Some(schema) = style.schema.filter(|_| reference.is_payload) {
            let location = schema.location.replace("{action}", action);
            let attributes = [
                ("eb:location", location.as_str()),
                ("eb:version", schema.version),
            ];
            w.text("eb:Schema", &attributes, "");
        }
        if let Some(description) = &reference.description {
            w.text(
                "eb:Description",
                &[("xml:lang", style.language)],
                description,
            );
        }
        if reference.is_payload {
            let attributes = [("style", "HL7"), ("encoding", "XML"), ("version", "3.0")];
            w.text("hl7ebxml:Payload", &attributes, "");
        }
    });
}

fn write_error(w: &mut Writer, error: &EbxmlError) {
    let mut attributes = vec![
        ("eb:codeContext", error.code_context.as_str()),
        ("eb:errorCode", error.code.as_str()),
        ("eb:severity", severity(error.is_error)),
    ];
    attributes.extend(
        error
            .location
            .as_deref()
            .map(|location| ("eb:location", location)),
    );
    w.element("eb:Error", &attributes, |w| {
        w.text(
            "eb:Description",
            &[("xml:lang", w.style.language)],
            &error.description,
        );
    });
}

const fn severity(is_error: bool) -> &'static str {
    if is_error { "Error" } else { "Warning" }
}

fn write_nasp_error(w: &mut Writer, error: &NaspError) {
    w.element("nasp:error", &[], |w| {
        w.text("nasp:codeContext", &[], &error.code_context);
        w.text("nasp:errorCode", &[], &error.code);
        w.text("nasp:severity", &[], &error.severity);
        w.text("nasp:location", &[], &error.location);
        w.text("nasp:description", &[], &error.description);
    });
}

#[cfg(test)]
mod tests;
