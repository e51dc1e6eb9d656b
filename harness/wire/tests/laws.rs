//! Laws of the codec: what is written is read back, and no input makes a reader panic.

#![cfg(test)]

#[path = "support/generate.rs"]
mod generate;

use bytes::Bytes;
use generate::{any_body, message, text_body};
use gp2gp_wire::{Dialect, Encoded, Message, message as wire, mhs_json, mime, recording};
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
        let json = serde_json::to_vec(&mhs_json::inbound(&message, dialect)).unwrap();
        let received = mhs_json::open(&json).unwrap();
        prop_assert_eq!(received.into_message().unwrap(), message);
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
