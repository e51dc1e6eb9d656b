//! Every recorded message is read. Facts about the corpus are counts and interactions only.

#![cfg(test)]

mod support;

use std::path::Path;

use bytes::Bytes;
use gp2gp_model::Interaction;
use gp2gp_wire::message::{Location, open};
use gp2gp_wire::mime::TransferEncoding;
use gp2gp_wire::recording::{self, Form, Recorded};
use gp2gp_wire::{Dialect, hl7};

/// Folder and file name (its beginning), interaction, attachments inline, attachments promised.
const RECORDINGS: [(&str, &str, Interaction, usize, usize); 22] = {
    use Interaction::{Acknowledgement, Copc, EhrExtractUk06, EhrRequestUk05};
    [
        ("large-message-1", "COPC_IN000001UK01_27BFE0BA", Copc, 1, 0),
        ("large-message-1", "COPC_IN000001UK01_27C75ACD", Copc, 1, 0),
        ("large-message-1", "COPC_IN000001UK01_3F35E4D9", Copc, 1, 0),
        ("large-message-1", "COPC_IN000001UK01_3F594B5F", Copc, 1, 0),
        ("large-message-1", "COPC_IN000001UK01_5548EA64", Copc, 0, 2),
        ("large-message-1", "COPC_IN000001UK01_FA039330", Copc, 0, 0),
        ("large-message-1", "RCMR_IN030000UK06", EhrExtractUk06, 1, 3),
        ("single", "continue", Copc, 0, 0),
        ("single", "emis-nack", Acknowledgement, 0, 0),
        ("single", "emis-request", EhrRequestUk05, 0, 0),
        ("single", "tpp-ack", Acknowledgement, 0, 0),
        ("single", "tpp-extract", EhrExtractUk06, 1, 0),
        ("mhs-json", "continue", Copc, 0, 0),
        (
            "mhs-json/large-with-external",
            "COPC_IN000001UK01_01",
            Copc,
            1,
            0,
        ),
        (
            "mhs-json/large-with-external",
            "COPC_IN000001UK01_02",
            Copc,
            1,
            0,
        ),
        (
            "mhs-json/large-with-external",
            "COPC_IN000001UK01_03",
            Copc,
            1,
            2,
        ),
        (
            "mhs-json/large-with-external",
            "COPC_IN000001UK01_04",
            Copc,
            1,
            0,
        ),
        (
            "mhs-json/large-with-external",
            "RCMR_IN030000UK06",
            EhrExtractUk06,
            3,
            2,
        ),
        ("mhs-json", "request", EhrRequestUk05, 0, 0),
        ("mhs-json", "small-extract", EhrExtractUk06, 0, 0),
        ("mhs-json", "spine-nack", Acknowledgement, 0, 0),
        ("mhs-json", "tpp-ack", Acknowledgement, 0, 0),
    ]
};

#[test]
fn every_recording_is_read_with_its_interaction_and_attachments() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    for (folder, begin, interaction, inline, promised) in RECORDINGS {
        let recorded = read(&corpus, folder, begin);
        let received = &recorded.received;
        let form = match folder {
            "large-message-1" => Form::RawHttp,
            "single" => Form::BareMime,
            _ => Form::MhsJson,
        };
        assert_eq!(recorded.form, form, "{begin}");
        assert_eq!(received.interaction(), Some(interaction), "{begin}");
        assert_eq!(
            received.header.conversation_id.as_str().len(),
            36,
            "{begin}"
        );
        let count = |is: fn(&Location) -> bool| {
            received
                .attachments
                .iter()
                .filter(|attachment| is(&attachment.location))
                .count()
        };
        assert_eq!(
            count(|at| matches!(at, Location::Inline(_))),
            inline,
            "{begin}"
        );
        assert_eq!(
            count(|at| matches!(at, Location::External(_))),
            promised,
            "{begin}"
        );
        assert_eq!(received.attachments.len(), inline + promised, "{begin}");
        assert_eq!(received.part_count, 2 + inline, "{begin}");
        assert!(
            received.stray_parts.is_empty() && received.doubled_parts.is_empty(),
            "{begin}"
        );
        assert!(received.parts_in_order, "{begin}");
    }
}

#[test]
fn no_recording_of_the_corpus_is_forgotten() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    let files: usize = ["large-message-1", "single", "mhs-json"]
        .iter()
        .map(|folder| support::files(&corpus.join(folder)).len())
        .sum();
    assert_eq!(files, RECORDINGS.len());
}

#[test]
fn raw_requests_keep_their_http_headers() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    for (folder, begin, interaction, ..) in RECORDINGS {
        if folder == "large-message-1" {
            let recorded = read(&corpus, folder, begin);
            let action = format!("urn:nhs:names:services:gp2gp/{interaction}");
            assert_eq!(recorded.soap_action, Some(action), "{begin}");
            assert!(
                recorded
                    .content_type
                    .unwrap()
                    .starts_with("multipart/related"),
                "{begin}"
            );
            assert!(recorded.body_bytes.unwrap() > 4_000, "{begin}");
        }
    }
}

#[test]
fn attachment_bodies_hold_base64_and_nothing_of_the_boundary() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    for (folder, begin, ..) in RECORDINGS {
        for attachment in read(&corpus, folder, begin).received.attachments {
            if let Location::Inline(inline) = attachment.location {
                assert_eq!(inline.encoding, TransferEncoding::Base64, "{begin}");
                let is_base64 =
                    |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(byte);
                assert!(inline.body.iter().all(is_base64), "{begin}");
            }
        }
    }
}

#[test]
fn every_recorded_message_survives_rewriting_in_every_dialect() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    for (folder, begin, interaction, ..) in RECORDINGS {
        let received = read(&corpus, folder, begin).received;
        let message = received
            .into_message()
            .unwrap_or_else(|error| panic!("{begin}: {error}"));
        assert_eq!(message.payload.interaction(), interaction, "{begin}");
        for dialect in Dialect::ALL {
            let encoded = message.encode(dialect);
            let again = open(&encoded.content_type, &encoded.body).unwrap();
            assert_eq!(
                again.into_message().as_ref(),
                Ok(&message),
                "{begin} in {dialect}"
            );
        }
    }
}

#[test]
fn bare_extract_payloads_are_scanned() {
    let Some(corpus) = support::corpus() else {
        return;
    };
    for path in support::files(&corpus.join("extracts")) {
        let facts = hl7::scan(&std::fs::read(&path).unwrap());
        let facts = facts.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(facts.folders, 1, "{path:?}");
        assert!(
            facts.compositions > 10,
            "{path:?}: {} compositions",
            facts.compositions
        );
    }
}

fn read(corpus: &Path, folder: &str, begin: &str) -> Recorded {
    let is_named = |path: &Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(begin))
    };
    let files = support::files(&corpus.join(folder));
    let file = files.iter().find(|path| is_named(path));
    let file = file.unwrap_or_else(|| panic!("no {folder}/{begin}* in the corpus"));
    recording::read(&Bytes::from(std::fs::read(file).unwrap()))
        .unwrap_or_else(|error| panic!("{begin}: {error}"))
}
