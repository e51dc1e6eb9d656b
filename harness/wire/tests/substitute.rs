//! Recorded messages sent again: only fields of the message change.

#![cfg(test)]

#[path = "support/sample.rs"]
mod sample;

use gp2gp_model::Interaction;
use gp2gp_wire::hl7::{Acknowledgement, EhrExtract, Payload};
use gp2gp_wire::message::{self, Location};
use gp2gp_wire::substitute::Substitutions;
use gp2gp_wire::{Dialect, Encoded, Message};

const CONVERSATION: &str = "31FA3430-6E88-41EA-9384-E83935108FD5";
const REQUEST: &str = "BBBBBBBB-0000-4000-8000-000000000001";
const LIVE_REQUEST: &str = "CCCCCCCC-0000-4000-8000-000000000002";
const LIVE_CONVERSATION: &str = "DDDDDDDD-0000-4000-8000-000000000003";

/// An extract that names a request, in its record and in an attachment too.
fn extract() -> Message {
    let mut message = sample::extract();
    message.header.message_id = "AAAAAAAA-0000-4000-8000-000000000009".parse().unwrap();
    message.header.time_to_live = Some("2026-01-05T13:10:00Z".parse().unwrap());
    message.header.ref_to_message_id = Some(REQUEST.parse().unwrap());
    if let Payload::EhrExtract(extract) = &mut message.payload {
        extract.prior_request = Some(REQUEST.parse().unwrap());
        let record = format!(
            "<component typeCode=\"COMP\"><ehrFolder classCode=\"FOLDER\">\
             <id root=\"{REQUEST}\"/><messageRef><id root=\"{REQUEST}\"/></messageRef></ehrFolder></component>"
        );
        extract.record = record.into();
    }
    for attachment in &mut message.attachments {
        if let Location::Inline(inline) = &mut attachment.location {
            inline.body = format!("{REQUEST} {CONVERSATION}").into();
        }
    }
    message
}

fn substitutions() -> Substitutions {
    let mut known = Substitutions::default();
    known.put(REQUEST, LIVE_REQUEST);
    known.put(CONVERSATION, LIVE_CONVERSATION);
    known
}

fn with(message: &Encoded, known: &Substitutions) -> Message {
    let body = known.in_message(&message.content_type, &message.body);
    let received = message::open(&message.content_type, &body).unwrap();
    received.into_message().unwrap()
}

#[test]
fn ids_of_the_other_side_change_in_the_fields_of_the_message_and_nowhere_else() {
    for dialect in Dialect::ALL {
        let message = extract();
        let changed = with(&message.encode(dialect), &substitutions());
        let same = with(&message.encode(dialect), &Substitutions::default());
        assert_eq!(changed.header.conversation_id.as_str(), LIVE_CONVERSATION);
        let named = changed.header.ref_to_message_id.as_ref();
        assert_eq!(named.map(|id| id.as_str()), Some(LIVE_REQUEST));
        let (Payload::EhrExtract(then), Payload::EhrExtract(now)) =
            (&same.payload, &changed.payload)
        else {
            panic!("{changed:?}");
        };
        let expected = EhrExtract {
            prior_request: Some(LIVE_REQUEST.parse().unwrap()),
            ..then.clone()
        };
        assert_eq!(*now, expected, "{dialect:?}");
        assert_eq!(changed.header.message_id, same.header.message_id);
        assert_eq!(changed.header.timestamp, same.header.timestamp);
        assert_eq!(changed.attachments, same.attachments);
    }
}

#[test]
fn every_other_byte_stays() {
    let encoded = extract().encode(Dialect::Emis);
    let body = substitutions().in_message(&encoded.content_type, &encoded.body);
    assert_eq!(body.len(), encoded.body.len());
    let differ = body
        .iter()
        .zip(&encoded.body)
        .filter(|(a, b)| a != b)
        .count();
    // Two ids of the envelope and one of the payload, of which some characters are alike.
    assert!((3 * 8..=3 * 36).contains(&differ), "{differ}");
    let nothing = Substitutions::default();
    let same = nothing.in_message(&encoded.content_type, &encoded.body);
    assert_eq!(same, encoded.body);
}

#[test]
fn an_acknowledgement_names_what_the_live_side_sent() {
    let mut message = sample::extract();
    let Payload::EhrExtract(extract) = &message.payload else {
        panic!("an extract");
    };
    let mut wrapper = extract.wrapper.clone();
    let interaction = Interaction::Acknowledgement.id().to_owned();
    (wrapper.root, wrapper.interaction_id) = (interaction.clone(), interaction);
    let reference = REQUEST.parse().unwrap();
    message.payload = Payload::Acknowledgement(Acknowledgement::positive(wrapper, reference));
    message.attachments.clear();
    for (dialect, expected) in [
        (Dialect::NationalMhs, LIVE_REQUEST.to_owned()),
        // Spine writes it in small letters, whatever its owner wrote.
        (Dialect::Spine, LIVE_REQUEST.to_ascii_lowercase()),
    ] {
        let changed = with(&message.encode(dialect), &substitutions());
        let Payload::Acknowledgement(ack) = changed.payload else {
            panic!("{changed:?}");
        };
        assert_eq!(ack.message_ref.as_str(), expected);
    }
}

#[test]
fn stale_times_move_together() {
    let encoded = extract().encode(Dialect::NationalMhs);
    let (from, to) = ("2026-01-05T09:00:05Z", "2026-01-06T09:00:05Z");
    let (from, to) = (from.parse().unwrap(), to.parse().unwrap());
    let changed = with(&encoded, &Substitutions::default().moved(from, to));
    assert_eq!(changed.header.timestamp.to_ebxml(), "2026-01-06T09:00:00Z");
    let until = changed.header.time_to_live.map(|it| it.to_ebxml());
    assert_eq!(until.as_deref(), Some("2026-01-06T13:10:00Z"));
    let changed = with(&encoded, &Substitutions::default().moved(to, from));
    assert_eq!(changed.header.timestamp.to_ebxml(), "2026-01-04T09:00:00Z");
}

#[test]
fn what_is_no_message_stays_as_it_is() {
    let known = substitutions();
    let body = format!("no message of {REQUEST}").into();
    assert_eq!(known.in_message("text/plain", &body), body);
    assert_eq!(known.in_envelope(&body), body);
}
