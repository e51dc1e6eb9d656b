use gp2gp_model::Interaction;
use gp2gp_model::http::Headers;
use serde_json::{Value, json};

use super::{JSON, OutboundError, OutboundRequest, QueueMessage};
use crate::ebxml::Header;
use crate::message::Location;

const NEEDED: [(&str, &str); 2] = [
    ("Interaction-Id", "RCMR_IN010000UK05"),
    ("wait-for-response", "false"),
];

fn headers(of: &[(&str, &str)]) -> Headers {
    of.iter().copied().collect()
}

fn read(
    content_type: &str,
    of: &[(&str, &str)],
    body: &str,
) -> Result<OutboundRequest, OutboundError> {
    OutboundRequest::read(content_type, &headers(of), body.as_bytes())
}

fn refused(content_type: &str, of: &[(&str, &str)], body: &str) -> (u16, String) {
    let error = read(content_type, of, body).unwrap_err();
    (error.status(), error.to_string())
}

fn with_body(body: &Value) -> Result<OutboundRequest, OutboundError> {
    read(JSON, &NEEDED, &body.to_string())
}

#[test]
fn two_headers_and_a_payload_are_enough_and_header_names_have_no_case() {
    let body = json!({"payload": "<a/>"});
    let request = with_body(&body).unwrap();
    assert_eq!(request.interaction, Interaction::EhrRequestUk05);
    assert_eq!((&request.message_id, &request.recipient), (&None, &None));
    let shouted = [
        ("INTERACTION-ID", "RCMR_IN010000UK05"),
        ("WAIT-FOR-RESPONSE", "False"),
    ];
    assert_eq!(read(JSON, &shouted, &body.to_string()), Ok(request));
}

#[test]
fn a_missing_header_is_named() {
    let body = r#"{"payload": "<a/>"}"#;
    for (at, status, told) in [
        (
            0,
            404,
            "header `Interaction-Id` is missing: it names the interaction, e.g. `RCMR_IN010000UK05`",
        ),
        (
            1,
            400,
            "header `wait-for-response` is missing: gp2gp messages need `false`",
        ),
    ] {
        let mut left = NEEDED.to_vec();
        left.remove(at);
        assert_eq!(refused(JSON, &left, body), (status, told.to_owned()));
    }
    let told = "header `Content-Type` is missing: it must be `application/json`";
    assert_eq!(refused("", &NEEDED, body), (400, told.to_owned()));
}

#[test]
fn a_content_type_with_parameters_is_another_content_type() {
    for content_type in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "text/xml",
    ] {
        let told =
            format!("header `Content-Type` is `{content_type}`: it must be exactly `{JSON}`");
        assert_eq!(refused(content_type, &NEEDED, "{}"), (415, told));
    }
}

#[test]
fn an_interaction_of_another_service_is_not_found() {
    let of = [("Interaction-Id", "QUPA_IN000006UK02"), NEEDED[1]];
    let told = "header `Interaction-Id` is `QUPA_IN000006UK02`, which is no interaction of gp2gp";
    let refusal = refused(JSON, &of, r#"{"payload": "<a/>"}"#);
    assert_eq!(refusal, (404, told.to_owned()));
}

#[test]
fn nobody_waits_for_the_answer_to_a_message() {
    let body = r#"{"payload": "<a/>"}"#;
    let waiting = [NEEDED[0], ("wait-for-response", "true")];
    let (status, told) = refused(JSON, &waiting, body);
    assert_eq!(status, 400);
    assert_eq!(
        told,
        "header `wait-for-response` is `true`, but RCMR_IN010000UK05 has no synchronous answer"
    );
    let odd = [NEEDED[0], ("wait-for-response", "no")];
    let told = "header `wait-for-response` is `no`: it must be `true` or `false`";
    assert_eq!(refused(JSON, &odd, body), (400, told.to_owned()));
}

#[test]
fn an_id_that_is_none_is_refused_and_an_empty_one_counts_as_none() {
    let body = r#"{"payload": "<a/>"}"#;
    let of = [NEEDED[0], NEEDED[1], ("Message-Id", "a b")];
    let told =
        "header `Message-Id`: ebXML message id `a b` holds white space or a control character";
    let (status, said) = refused(JSON, &of, body);
    assert_eq!((status, said.to_lowercase()), (400, told.to_lowercase()));
    let of = [
        NEEDED[0],
        NEEDED[1],
        ("Message-Id", ""),
        ("Correlation-Id", ""),
    ];
    let request = read(JSON, &of, body).unwrap();
    assert_eq!((request.message_id, request.conversation_id), (None, None));
}

#[test]
fn what_the_body_must_not_be_is_said_with_its_place() {
    let attachment = |key: &str, value: Value| {
        let mut attachment = json!({
            "is_base64": true, "content_type": "text/plain", "payload": "QQ==", "description": "d"
        });
        attachment[key] = value;
        json!({"payload": "<a/>", "attachments": [attachment]})
    };
    let one = attachment("document_id", json!("_1"))["attachments"][0].clone();
    let many = json!({"payload": "<a/>", "attachments": vec![one; 99]});
    let promises = vec![json!({"message_id": "M", "description": "d"}); 2_658];
    let promising = json!({"payload": "<a/>", "external_attachments": promises});
    assert!(with_body(&promising).is_ok());
    for (body, told) in [
        (json!({"payload": ""}), "`payload` has 0 characters"),
        (json!({}), "missing field `payload`"),
        (
            json!({"payload": "<a/>", "surprise": 1}),
            "unknown field `surprise`",
        ),
        (
            json!({"payload": 7}),
            "invalid type: integer `7`, expected a string",
        ),
        (attachment("title", json!("t")), "unknown field `title`"),
        (
            attachment("is_base64", json!("True")),
            "invalid type: string \"True\", expected a boolean",
        ),
        (
            attachment("description", json!("")),
            "`attachments[0].description` has 0 characters",
        ),
        (
            attachment("payload", json!("")),
            "`attachments[0].payload` has 0 characters",
        ),
        (many, "`attachments` has 99 entries, at most 98 are taken"),
    ] {
        let error = with_body(&body).unwrap_err();
        assert_eq!(error.status(), 400);
        assert!(error.to_string().contains(told), "{error}\nis not\n{told}");
    }
    let told = "body: expected value at line 1 column 1";
    assert_eq!(refused(JSON, &NEEDED, "<xml/>"), (400, told.to_owned()));
    assert_eq!(
        refused(JSON, &NEEDED, ""),
        (400, "body is empty".to_owned())
    );
}

#[test]
fn the_largest_payload_is_counted_in_characters() {
    let of = |characters: usize| json!({"payload": "é".repeat(characters)});
    assert!(with_body(&of(5_000_000)).is_ok());
    let told = "body: `payload` has 5000001 characters, 1 to 5000000 are taken";
    assert_eq!(with_body(&of(5_000_001)).unwrap_err().to_string(), told);
}

#[test]
fn a_delivery_that_is_not_utf_8_or_not_multipart_cannot_be_queued() {
    let queued = |content_type: &str, body: &'static [u8]| {
        let error = QueueMessage::of_delivery(content_type, &body.into()).unwrap_err();
        error.to_string()
    };
    assert_eq!(
        queued("text/xml", b"\xff"),
        "json form: a delivery must be utf-8"
    );
    let told = "content type `text/xml` is not multipart/related";
    assert_eq!(queued("text/xml", b"<a/>"), told);
}

#[test]
fn two_attachments_of_one_id_are_still_two_parts() {
    let attachment = json!({
        "is_base64": true, "content_type": "text/plain", "payload": "QQ==", "description": "d",
        "document_id": "_9E8B0F31-1111-4111-8111-000000000001"
    });
    let body = json!({"payload": "<a/>", "attachments": [attachment, attachment]});
    let header = sample_header();
    let message = with_body(&body)
        .unwrap()
        .message(header, || "FRESH".to_owned());
    let ids = message.attachments.iter().map(|attachment| {
        let Location::Inline(inline) = &attachment.location else {
            panic!("{attachment:?}");
        };
        (
            attachment.id.as_deref().unwrap(),
            inline.content_id.as_str(),
        )
    });
    let id = "_9E8B0F31-1111-4111-8111-000000000001";
    let own = "9E8B0F31-1111-4111-8111-000000000001@spine.nhs.uk";
    assert_eq!(
        ids.collect::<Vec<_>>(),
        [(id, own), (id, "FRESH@spine.nhs.uk")]
    );
}

fn sample_header() -> Header {
    Header {
        from: "A11111-999999".parse().unwrap(),
        to: "B22222-999999".parse().unwrap(),
        cpa_id: "cpa".parse().unwrap(),
        conversation_id: "C".parse().unwrap(),
        service: gp2gp_model::interaction::SERVICE.to_owned(),
        action: "RCMR_IN010000UK05".to_owned(),
        message_id: "M".parse().unwrap(),
        timestamp: "2026-01-05T09:00:00Z".parse().unwrap(),
        time_to_live: None,
        ref_to_message_id: None,
        duplicate_elimination: true,
        ack_requested: None,
        sync_reply: None,
    }
}
