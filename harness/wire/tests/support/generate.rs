//! Messages of every kind, with the nastiest values that a message can carry.

use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::interaction::SERVICE;
use gp2gp_model::{Asid, ContentId, Hl7MessageId, NhsNumber, OdsCode, ResponseCode, Time};
use gp2gp_wire::ebxml::{AckRequested, Header, TO_PARTY_MSH};
use gp2gp_wire::hl7::{
    AckDetail, AckReason, AckType, Acknowledgement, CONTINUE_SUBJECT, Continue, EhrExtract,
    EhrRequest, ExtractVersion, Fragment, Gp2gpFragment, Payload, RequestVersion, Wrapper,
};
use gp2gp_wire::message::{Attachment, Inline, Location};
use gp2gp_wire::mime::TransferEncoding;
use gp2gp_wire::{Dialect, Message};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// A message of any kind, and a dialect to write it in. `body` gives the attachments' contents.
pub(crate) fn message(
    body: impl Strategy<Value = Bytes> + Clone + 'static,
) -> impl Strategy<Value = (Message, Dialect)> {
    let written = select(&Dialect::ALL[..]).prop_flat_map(|dialect| (payload(), Just(dialect)));
    (written, header(), attachments(body)).prop_map(|((payload, dialect), header, attachments)| {
        let action = payload.interaction().id().to_owned();
        let header = Header { action, ..header };
        (
            Message {
                header,
                payload,
                attachments,
            },
            dialect,
        )
    })
}

/// Any bytes, and texts that look like boundaries.
pub(crate) fn any_body() -> impl Strategy<Value = Bytes> + Clone {
    prop_oneof![
        text_body(),
        vec(any::<u8>(), 0..200).prop_map(Bytes::from).boxed()
    ]
    .boxed()
}

/// Texts that look like boundaries, headers, base64 or XML.
pub(crate) fn text_body() -> BoxedStrategy<Bytes> {
    let line = prop_oneof![
        "[A-Za-z0-9+/]{0,76}",
        "[ -~éß漢💉]{0,20}",
        "--[!-~]{0,10}",
        select(vec![
            "----=_MIME-Boundary",
            "----=_MIME-Boundary--",
            "--",
            "",
            "A: b",
            "<a/>"
        ])
        .prop_map(str::to_owned),
    ];
    let line_end = select(vec!["\n", "\r\n", "\r", ""]);
    vec((line, line_end), 0..8)
        .prop_map(|lines| {
            Bytes::from(
                lines
                    .into_iter()
                    .map(|(line, end)| line + end)
                    .collect::<String>(),
            )
        })
        .boxed()
}

fn header() -> impl Strategy<Value = Header> {
    let party = || "[A-Z0-9]{3,6}-[0-9]{6,7}".prop_map(parsed);
    let ids = (
        "[0-9a-fA-F]{20}".prop_map(parsed),
        uuid().prop_map(parsed),
        uuid().prop_map(parsed),
    );
    // From 2001 to 2033; half of the times are whole seconds.
    let time = (
        1_000_000_000_u64..2_000_000_000,
        prop_oneof![Just(0), 0..1_000_000_u64],
    )
        .prop_map(|(second, micros)| Time::from_micros(second * 1_000_000 + micros));
    let time_to_live = option::of((60..1_000_000_u64).prop_map(Duration::from_secs));
    let ack_requested = option::of((name(), any::<bool>()));
    let rest = (
        option::of(uuid().prop_map(parsed)),
        any::<bool>(),
        ack_requested,
        option::of(Just(TO_PARTY_MSH.to_owned())),
    );
    (party(), party(), ids, time, time_to_live, rest).prop_map(
        |(from, to, (cpa_id, conversation_id, message_id), timestamp, time_to_live, rest)| {
            let (ref_to_message_id, duplicate_elimination, ack_requested, sync_reply) = rest;
            Header {
                from,
                to,
                cpa_id,
                conversation_id,
                service: SERVICE.to_owned(),
                action: String::new(),
                message_id,
                timestamp,
                time_to_live: time_to_live.map(|after| timestamp + after),
                ref_to_message_id,
                duplicate_elimination,
                ack_requested: ack_requested.map(|(actor, signed)| AckRequested { actor, signed }),
                sync_reply,
            }
        },
    )
}

fn attachments(
    body: impl Strategy<Value = Bytes> + Clone + 'static,
) -> impl Strategy<Value = Vec<Attachment>> {
    let id = option::of(prop_oneof![
        uuid().prop_map(|uuid| format!("_{uuid}")),
        uuid(),
        name()
    ]);
    let each = (id, option::of(description()), location(body));
    vec(each, 0..=8).prop_map(|each| {
        let number = |(index, (id, description, location))| Attachment {
            id,
            description,
            location: numbered(location, index),
        };
        each.into_iter().enumerate().map(number).collect()
    })
}

fn location(
    body: impl Strategy<Value = Bytes> + Clone + 'static,
) -> impl Strategy<Value = Location> {
    let content_id = || "[!-~é漢]{1,12}".prop_map(|id| ContentId::parse(&id).unwrap());
    let encoding = select(vec![TransferEncoding::Base64, TransferEncoding::Identity]);
    let content_type = prop_oneof![
        select(vec![
            "text/plain",
            "text/plain; charset=\"utf-8\"",
            "image/tiff",
            ""
        ])
        .prop_map(str::to_owned),
        "application/[!-~é]{1,20}",
    ];
    let inline = (content_id(), content_type, encoding, body).prop_map(
        |(content_id, content_type, encoding, body)| {
            Location::Inline(Inline {
                content_id,
                content_type,
                encoding,
                body,
            })
        },
    );
    let promised = prop_oneof![uuid(), "[!-~é]{1,12}"];
    prop_oneof![
        4 => inline,
        4 => promised.prop_map(|id| Location::External(parsed(id))),
        1 => content_id().prop_map(Location::Dangling),
        1 => "http://[!-~]{1,10}".prop_map(Location::Other),
    ]
}

/// Content ids must differ, from the payload's too.
fn numbered(location: Location, index: usize) -> Location {
    let number = |id: &ContentId| ContentId::parse(&format!("{id}{index}@attachment")).unwrap();
    match location {
        Location::Inline(inline) => Location::Inline(Inline {
            content_id: number(&inline.content_id),
            ..inline
        }),
        Location::Dangling(id) => Location::Dangling(number(&id)),
        other @ (Location::External(_) | Location::Other(_)) => other,
    }
}

fn description() -> impl Strategy<Value = String> {
    let grammar = ("[ -!#-~é漢]{1,20}", any::<bool>(), any::<u32>()).prop_map(
        |(name, compressed, length)| {
            let compressed = if compressed { "Yes" } else { "No" };
            format!(
                "Filename=\"{name}\" ContentType=text/plain Compressed={compressed} \
                 LargeAttachment=No\nOriginalBase64=No\tLength={length}"
            )
        },
    );
    prop_oneof![
        grammar,
        text(),
        Just("Attachment".to_owned()),
        Just(String::new())
    ]
}

/// Text as it comes out of an XML element: outer white space trimmed.
fn text() -> impl Strategy<Value = String> {
    "[ -~\r\n\té漢💉\u{a0}]{0,30}"
        .prop_map(|text| text.trim_matches([' ', '\t', '\r', '\n']).to_owned())
}

/// A text that is not empty and stands on one line.
fn name() -> impl Strategy<Value = String> {
    "[!-~é漢💉]([ -~é]{0,20}[!-~é漢💉])?"
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        request().prop_map(Payload::EhrRequest),
        extract().prop_map(Payload::EhrExtract),
        continue_message().prop_map(Payload::Continue),
        fragment().prop_map(Payload::Fragment),
        acknowledgement().prop_map(Payload::Acknowledgement),
    ]
    .prop_map(|mut payload| {
        let interaction = payload.interaction().id();
        let wrapper = match &mut payload {
            Payload::EhrRequest(request) => &mut request.wrapper,
            Payload::EhrExtract(extract) => &mut extract.wrapper,
            Payload::Continue(message) => &mut message.wrapper,
            Payload::Fragment(fragment) => &mut fragment.wrapper,
            Payload::Acknowledgement(ack) => &mut ack.wrapper,
        };
        interaction.clone_into(&mut wrapper.root);
        interaction.clone_into(&mut wrapper.interaction_id);
        payload
    })
}

fn wrapper() -> impl Strategy<Value = Wrapper> {
    let asid = || "[0-9]{12}".prop_map(parsed::<Asid>);
    (
        hl7_id(),
        hl7_time(),
        name(),
        asid(),
        asid(),
        option::of(asid()),
    )
        .prop_map(
            |(id, creation_time, version_code, recipient, sender, author)| Wrapper {
                id,
                creation_time,
                version_code,
                root: String::new(),
                interaction_id: String::new(),
                recipient,
                sender,
                author,
            },
        )
}

fn request() -> impl Strategy<Value = EhrRequest> {
    let version = select(vec![RequestVersion::Uk05, RequestVersion::Uk06]);
    (wrapper(), version, uuid(), patient(), ods(), ods()).prop_map(
        |(wrapper, version, id, patient, author, destination)| EhrRequest {
            wrapper,
            version,
            id: parsed(id),
            patient,
            author,
            destination,
        },
    )
}

fn extract() -> impl Strategy<Value = EhrExtract> {
    let version = select(ExtractVersion::ALL.to_vec());
    let parties = (patient(), ods(), option::of(ods()));
    let prior_request = option::of(uuid().prop_map(parsed));
    (
        wrapper(),
        version,
        uuid(),
        hl7_time(),
        parties,
        prior_request,
        record(),
    )
        .prop_map(
            |(wrapper, version, id, availability_time, parties, prior_request, record)| {
                let (patient, author, destination) = parties;
                EhrExtract {
                    wrapper,
                    version,
                    id: parsed(id),
                    availability_time,
                    patient,
                    author,
                    destination,
                    prior_request,
                    record,
                }
            },
        )
}

/// One or two folders, with whatever a narrative may say.
fn record() -> impl Strategy<Value = Bytes> {
    let narrative = text().prop_map(|text| {
        let text = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('\r', "&#13;");
        format!(
            "<component typeCode=\"COMP\">\n<NarrativeStatement classCode=\"OBS\">\
             <!-- </ehrFolder> --><text><![CDATA[</component>]]>{text}</text>\
             </NarrativeStatement></component>"
        )
    });
    let folder = (uuid(), vec(narrative, 0..3)).prop_map(|(id, narratives)| {
        format!(
            "<component typeCode=\"COMP\"><ehrFolder classCode=\"FOLDER\" moodCode=\"EVN\">\
             <id root=\"{id}\"/>{}</ehrFolder></component>",
            narratives.concat()
        )
    });
    vec(folder, 1..3).prop_map(|folders| Bytes::from(folders.join("\n")))
}

fn continue_message() -> impl Strategy<Value = Continue> {
    let acknowledged = (hl7_id(), option::of(hl7_id()));
    let subject = Just(CONTINUE_SUBJECT.to_owned());
    (wrapper(), gp2gp_fragment(subject), acknowledged).prop_map(
        |(wrapper, fragment, (message_ref, acknowledged_message))| Continue {
            wrapper,
            information_code: "GP2GP_PI".to_owned(),
            fragment,
            ack_type: "AA".to_owned(),
            detail_type: "IF".to_owned(),
            detail_code: "0".to_owned(),
            message_ref,
            acknowledged_message,
        },
    )
}

fn fragment() -> impl Strategy<Value = Fragment> {
    let code = select(vec!["GP2GPLMATTACHMENTINFO", "GP2GP_PI"]).prop_map(str::to_owned);
    let subject = name().prop_map(|name| format!("Attachment: {name}"));
    (
        wrapper(),
        code,
        hl7_id(),
        gp2gp_fragment(subject),
        option::of(name()),
    )
        .prop_map(
            |(wrapper, information_code, information_id, fragment, file_reference)| Fragment {
                wrapper,
                information_code,
                information_id,
                fragment,
                file_reference,
            },
        )
}

fn gp2gp_fragment(subject: impl Strategy<Value = String>) -> impl Strategy<Value = Gp2gpFragment> {
    (vec(ods(), 1..3), ods(), subject, hl7_id()).prop_map(
        |(recipients, from, subject, message_id)| Gp2gpFragment {
            version: "01".to_owned(),
            recipients,
            from,
            subject,
            message_id,
            in_order: true,
        },
    )
}

fn acknowledgement() -> impl Strategy<Value = Acknowledgement> {
    let type_code = select(vec![AckType::Aa, AckType::Ae, AckType::Ar]);
    let code = || "[0-9]{2}".prop_map(ResponseCode::new);
    let reason = (
        code(),
        option::of(name()),
        option::of(name()),
        option::of("[A-Z]{2}"),
    )
        .prop_map(|(code, code_system, display_name, qualifier)| AckReason {
            code,
            code_system,
            display_name,
            qualifier,
        });
    let detail = (
        option::of("[A-Z]{2}"),
        code(),
        option::of(name()),
        option::of(name()),
    )
        .prop_map(|(type_code, code, code_system, display_name)| AckDetail {
            type_code,
            code,
            code_system,
            display_name,
        });
    (
        wrapper(),
        type_code,
        hl7_id(),
        option::of(reason),
        option::of(detail),
    )
        .prop_map(
            |(wrapper, type_code, message_ref, reason, detail)| Acknowledgement {
                wrapper,
                type_code,
                message_ref,
                reason,
                detail,
            },
        )
}

fn patient() -> impl Strategy<Value = NhsNumber> {
    "[0-9]{10}".prop_map(|digits| NhsNumber::parse(&digits).unwrap())
}

fn ods() -> impl Strategy<Value = OdsCode> {
    "[A-Z][0-9]{5}".prop_map(parsed)
}

fn hl7_id() -> impl Strategy<Value = Hl7MessageId> {
    uuid().prop_map(parsed)
}

fn hl7_time() -> impl Strategy<Value = String> {
    "20[0-9]{12}([0-9]{3})?"
}

fn uuid() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-A[0-9A-F]{3}-[0-9A-F]{12}",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}",
    ]
}

fn parsed<T: FromStr<Err: Debug>>(text: impl AsRef<str>) -> T {
    text.as_ref().parse().unwrap()
}
