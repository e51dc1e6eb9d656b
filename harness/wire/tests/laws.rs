//! Laws of the codec: what is written is read back, and no input makes a reader panic.

#![cfg(test)]

#[path = "support/generate.rs"]
mod generate;

use bytes::Bytes;
use generate::{any_body, message, text_body};
use gp2gp_wire::message::{self as wire, Attachment, Location};
use gp2gp_wire::mhs_json::{self, OutboundRequest};
use gp2gp_wire::mime::{self, TransferEncoding};
use gp2gp_wire::{Dialect, Encoded, Message, recording};
use proptest::prelude::*;
use proptest::sample::Index;

proptest! {
    #[test]
    fn a_message_survives_the_wire((message, dialect) in message(any_body())) {
        let encoded = message.encode(dialect);
        let received = wire::open(&encoded.content_type, &encoded.body).unwrap();
        prop_assert!(received.stray_parts.is_empty() && received.doubled_parts.is_empty());
        prop_assert!(received.parts_in_order);
        prop_assert_eq!(received.into_message().unwrap(), message);
    }

    #[test]
    fn a_message_survives_the_json_form((message, dialect) in message(text_body())) {
        let message = in_one_line(message);
        let json = serde_json::to_vec(&mhs_json::inbound(&message, dialect)).unwrap();
        let received = mhs_json::open(&json).unwrap();
        prop_assert_eq!(received.into_message().unwrap(), message);
    }

    #[test]
    fn a_delivery_survives_the_queue((message, dialect) in message(text_body())) {
        let message = in_one_line(message);
        let encoded = message.encode(dialect);
        let (queued, header) =
            mhs_json::QueueMessage::of_delivery(&encoded.content_type, &encoded.body).unwrap();
        prop_assert_eq!(&header, &message.header);
        prop_assert_eq!(&queued.message_id, &header.message_id);
        let again = queued.delivery().unwrap();
        prop_assert_eq!(&again.soap_action, &encoded.soap_action);
        let before = wire::open(&encoded.content_type, &encoded.body).unwrap();
        let after = wire::open(&again.content_type, &again.body).unwrap();
        prop_assert_eq!(after, before);
    }

    #[test]
    fn what_a_system_posts_through_its_handler_is_the_message_it_would_have_sent(
        (message, _) in message(text_body()),
    ) {
        let direct = message.encode(Dialect::NationalMhs);
        let direct = wire::open(&direct.content_type, &direct.body).unwrap();
        let request = OutboundRequest::of(&direct, "A11111".parse().ok(), None).unwrap();
        let body = serde_json::to_vec(&request.body).unwrap();
        let read = OutboundRequest::read(mhs_json::JSON, &request.headers(), &body);
        let cannot_be_said = request.body.attachments.iter().any(|attachment| {
            attachment.payload.is_empty() || attachment.description.is_empty()
        });
        prop_assert_eq!(read.is_err(), cannot_be_said);
        let Ok(read) = read else { return Ok(()) };
        prop_assert_eq!(&read, &request);
        let mut ids = (1..).map(|number: u32| number.to_string());
        let sent = read.message(direct.header.clone(), || ids.next().unwrap());
        let encoded = sent.encode(Dialect::NationalMhs);
        let sent = wire::open(&encoded.content_type, &encoded.body).unwrap();
        prop_assert_eq!(&sent.header, &direct.header);
        prop_assert_eq!(&sent.payload_xml, &direct.payload_xml);
        let (sent, direct) = (contents(&sent.attachments), contents(&direct.attachments));
        prop_assert_eq!(sent.len(), direct.len());
        for ((id, sent), (given, direct)) in sent.into_iter().zip(direct) {
            prop_assert_eq!(sent, direct);
            let given = given.filter(|id| !id.is_empty());
            let is_name = given.as_ref().is_some_and(|given| given.starts_with('_'));
            match given {
                Some(given) if is_name => prop_assert_eq!(id, Some(given)),
                Some(given) => prop_assert_eq!(id, Some(format!("_{given}"))),
                None => prop_assert!(id.is_some_and(|id| id.starts_with('_'))),
            }
        }
    }

    #[test]
    fn the_same_message_gives_the_same_bytes((message, dialect) in message(any_body())) {
        prop_assert_eq!(message.encode(dialect), message.encode(dialect));
    }

    #[test]
    fn a_recording_of_a_message_holds_it((message, dialect) in message(any_body())) {
        let encoded = message.encode(dialect);
        let recorded = recording::read(&raw_http(&encoded)).unwrap();
        prop_assert_eq!(recorded.soap_action.as_deref(), Some(encoded.soap_action.as_str()));
        prop_assert_eq!(recorded.body_bytes, Some(encoded.body.len()));
        prop_assert_eq!(&recorded.received.into_message().unwrap(), &message);
        let recorded = recording::read(&encoded.body).unwrap();
        prop_assert_eq!(recorded.received.into_message().unwrap(), message);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_every_way("multipart/related; boundary=b", &Bytes::from(bytes));
    }

    #[test]
    fn no_mutation_of_a_message_makes_a_reader_panic(
        (message, dialect) in message(any_body()),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let encoded = message.encode(dialect);
        let body = mutated(&encoded.body, &mutations);
        read_every_way(&encoded.content_type, &body);
        let request = Encoded { body, ..encoded };
        read_every_way("", &mutated(&raw_http(&request), &mutations));
        read_every_way("", &mutated(&json(&message, dialect), &mutations));
    }
}

/// What the JSON form keeps of attachments: all that is inline, then all that is promised; of each
/// its `eb:id`, and its description and content.
fn contents(attachments: &[Attachment]) -> Vec<(Option<String>, (String, String))> {
    let of = |inline: bool| {
        attachments.iter().filter_map(move |attachment| {
            let content = match &attachment.location {
                Location::Inline(it) if inline => {
                    format!("{} {:?} {:?}", it.content_type, it.encoding, it.body)
                }
                Location::External(id) if !inline => id.to_string(),
                Location::Inline(_)
                | Location::External(_)
                | Location::Dangling(_)
                | Location::Other(_) => return None,
            };
            let description = attachment.description.clone().unwrap_or_default();
            Some((attachment.id.clone(), (description, content)))
        })
    };
    of(true).chain(of(false)).collect()
}

/// A handler hands base64 on in one line, so that is what comes back.
fn in_one_line(mut message: Message) -> Message {
    for attachment in &mut message.attachments {
        if let Location::Inline(inline) = &mut attachment.location
            && inline.encoding == TransferEncoding::Base64
        {
            inline.body = (inline.body.iter().copied())
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
        }
    }
    message
}

fn read_every_way(content_type: &str, bytes: &Bytes) {
    let opened = wire::open(content_type, bytes).ok();
    let recorded = recording::read(bytes)
        .ok()
        .map(|recorded| recorded.received);
    for received in opened.into_iter().chain(recorded) {
        let _ = received.into_message();
    }
    let _ = mhs_json::open(bytes);
    let _ = mime::split_bare(bytes);
    let _ = mime::parameter(&String::from_utf8_lossy(bytes), "boundary");
}

#[derive(Debug, Clone)]
enum Mutation {
    Truncate(Index),
    Flip(Index, u8),
    /// Copies a piece to another place.
    Splice(Index, Index, usize),
    Remove(Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        1 => at().prop_map(Mutation::Truncate),
        4 => (at(), 1..=255_u8).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        4 => (at(), at(), 1..200_usize).prop_map(|(from, to, len)| Mutation::Splice(from, to, len)),
        4 => (at(), 1..200_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
    ]
}

fn mutated(bytes: &Bytes, mutations: &[Mutation]) -> Bytes {
    let mut bytes = bytes.to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let size = bytes.len();
        match mutation {
            Mutation::Truncate(at) => bytes.truncate(at.index(size)),
            Mutation::Flip(at, bits) => bytes[at.index(size)] ^= bits,
            Mutation::Splice(from, to, length) => {
                let from = from.index(size);
                let piece = bytes[from..size.min(from + length)].to_vec();
                let to = to.index(size);
                bytes.splice(to..to, piece);
            }
            Mutation::Remove(at, length) => {
                let at = at.index(size);
                bytes.drain(at..size.min(at + length));
            }
        }
    }
    bytes.into()
}

fn json(message: &Message, dialect: Dialect) -> Bytes {
    serde_json::to_vec(&mhs_json::inbound(message, dialect))
        .unwrap()
        .into()
}

fn raw_http(encoded: &Encoded) -> Bytes {
    let head = format!(
        "POST /reliablemessaging/forwardreliable HTTP/1.1\r\nContent-Length: {}\r\n\
         SOAPAction: \"{}\"\r\nContent-Type: {}\r\n\r\n",
        encoded.body.len(),
        encoded.soap_action,
        encoded.content_type
    );
    [head.as_bytes(), &encoded.body].concat().into()
}
