use gp2gp_model::Sha256;
use proptest::prelude::*;

use super::*;

#[test]
fn a_patient_is_found_by_nhs_number_and_the_documents_by_the_patient() {
    let mut bench = Bench::new();
    let patient = Patient::generate(1, 0);
    let request = bench.asker.find(NOW, "t", patient.nhs_number);
    let found = bench.ask(&request).json();
    assert_eq!(
        (&found["resourceType"], &found["total"]),
        (&json!("Bundle"), &json!(1))
    );
    let resource = &found["entry"][0]["resource"];
    assert_eq!(resource["id"], "patient-1");
    assert_eq!(resource["name"][0]["family"], patient.name.family);
    assert_eq!(resource["birthDate"], patient.birth_date.to_string());

    let list = bench.list().json();
    assert_eq!(list["total"], 3);
    for (nth, document) in bench.store.documents().iter().enumerate() {
        let attachment = &list["entry"][nth]["resource"]["content"][0]["attachment"];
        let content = document.spec.to_bytes();
        assert_eq!(
            attachment["url"],
            format!("{BASE}/Binary/{}", document.spec.id)
        );
        assert_eq!(attachment["contentType"], document.spec.media_type);
        assert_eq!(attachment["size"], document.spec.bytes);
        assert_eq!(attachment["title"], document.spec.file_name);
        let sha1: [u8; 20] = <sha1::Sha1 as sha1::Digest>::digest(&content).into();
        let is_small = document.spec.bytes <= 5_000_000;
        let hash = is_small.then(|| STANDARD.encode_to_string(sha1));
        assert_eq!(
            attachment.get("hash").and_then(Value::as_str),
            hash.as_deref()
        );
        let extension = &attachment["extension"][0];
        assert_eq!(extension["url"], SHA_256);
        assert_eq!(extension["valueString"], Sha256::of(&content).to_string());
    }
}

#[test]
fn an_unknown_patient_is_an_empty_search_and_no_list() {
    let mut bench = Bench::new();
    let request = bench
        .asker
        .find(NOW, "t", Patient::generate(1, 7).nhs_number);
    let found = bench.ask(&request);
    assert_eq!((found.status(), &found.json()["total"]), (200, &json!(0)));
    let request = bench.asker.list(NOW, "t", "patient-2");
    let refusal = bench.ask(&request).refusal();
    assert_eq!(
        refusal,
        (
            404,
            "PATIENT_NOT_FOUND".to_owned(),
            "no patient patient-2".to_owned()
        )
    );
}

#[test]
fn what_is_no_nhs_number_is_said_to_be_none() {
    let mut bench = Bench::new();
    for (identifier, why) in [
        (
            "https://fhir.nhs.uk/Id/nhs-number%7C999000000",
            "nhs number `999000000` is not ten digits",
        ),
        (
            "https://fhir.nhs.uk/Id/nhs-number%7C9990000010",
            "nhs number 9990000010 has a wrong check digit",
        ),
        (
            "urn:other%7C9990000018",
            "identifier is of system urn:other, not https://fhir.nhs.uk/Id/nhs-number",
        ),
    ] {
        let mut request = bench
            .asker
            .find(NOW, "t", Patient::generate(1, 0).nhs_number);
        request.path = format!("/Patient?identifier={identifier}");
        let refusal = bench.ask(&request).refusal();
        assert_eq!(
            refusal,
            (422, "INVALID_NHS_NUMBER".to_owned(), why.to_owned())
        );
    }
}

#[test]
fn a_filter_that_is_not_applied_is_refused() {
    let mut bench = Bench::new();
    let mut request = bench.asker.list(NOW, "t", "patient-1");
    request
        .path
        .push_str("?_include=DocumentReference:subject&created=ge2020-01-01");
    let (status, code, why) = bench.ask(&request).refusal();
    assert_eq!((status, code.as_str()), (422, "INVALID_PARAMETER"));
    assert_eq!(why, "parameter created is not supported");
}

#[test]
fn a_document_is_given_as_binary_and_as_its_bytes() {
    let mut bench = Bench::new();
    for nth in 0..3 {
        let content = bench.spec(nth).to_bytes();
        let media_type = bench.spec(nth).media_type.clone();
        let as_binary = bench.read(nth);
        assert_eq!(
            as_binary.response.content_type.as_deref(),
            Some("application/fhir+json;charset=utf-8")
        );
        let (content_type, decoded) = as_binary.binary();
        assert_eq!(content_type, media_type);
        assert!(decoded == content, "{media_type}");

        for accept in [
            media_type.as_str(),
            "application/octet-stream",
            "image/png;q=0, application/octet-stream",
        ] {
            let raw = bench.read_with(Method::Get, nth, &[("Accept", accept)]);
            assert_eq!(
                raw.response.content_type.as_deref(),
                Some(media_type.as_str())
            );
            assert!(raw.response.body == content, "{media_type}");
            let sha256 = bench.store.documents()[nth].digests.sha256;
            assert_eq!(raw.header("ETag"), Some(format!("\"{sha256}\"").as_str()));
        }
    }
    for accept in [None, Some("*/*"), Some("application/json")] {
        let headers: Vec<_> = accept.iter().map(|accept| ("Accept", *accept)).collect();
        let whole = bench.read_with(Method::Get, 1, &headers);
        assert_eq!(whole.binary().1, bench.spec(1).to_bytes());
    }
    let (status, _, why) = bench
        .read_with(Method::Get, 0, &[("Accept", "image/png")])
        .refusal();
    assert_eq!(status, 406);
    assert!(why.starts_with("Accept is image/png"), "{why}");
}

#[test]
fn the_head_of_a_document_tells_its_length_and_not_its_content() {
    let mut bench = Bench::new();
    let head = bench.read_with(Method::Head, 2, &[("Accept", "application/octet-stream")]);
    assert_eq!((head.status(), head.response.body.len()), (200, 0));
    assert_eq!(head.header("Content-Length"), Some("25000000"));
    assert_eq!(head.header("Accept-Ranges"), Some("bytes"));
    let head = bench.read_with(Method::Head, 1, &[]);
    let binary = bench.read(1).response.body.len().to_string();
    assert_eq!(head.header("Content-Length"), Some(binary.as_str()));
}

#[test]
fn ranges_are_those_of_rfc_9110() {
    let mut bench = Bench::new();
    let content = bench.spec(1).to_bytes();
    for (range, part, says) in [
        ("bytes=0-9", 0..10, "bytes 0-9/1000"),
        ("bytes=990-", 990..1000, "bytes 990-999/1000"),
        ("bytes=-5", 995..1000, "bytes 995-999/1000"),
        ("bytes=-5000", 0..1000, "bytes 0-999/1000"),
        ("bytes=900-5000", 900..1000, "bytes 900-999/1000"),
        ("Bytes=7-7", 7..8, "bytes 7-7/1000"),
    ] {
        let answer = bench.read_with(Method::Get, 1, &[("Accept", "text/*"), ("Range", range)]);
        assert_eq!(
            (answer.status(), answer.header("Content-Range")),
            (206, Some(says)),
            "{range}"
        );
        assert_eq!(answer.response.body, content[part], "{range}");
    }
    for range in [
        "bytes=9-1",
        "bytes=a-b",
        "lines=0-9",
        "bytes=0-1,5-6",
        "bytes",
        "bytes=+1-2",
    ] {
        let answer = bench.read_with(Method::Get, 1, &[("Accept", "text/*"), ("Range", range)]);
        assert_eq!(
            (answer.status(), answer.response.body.len()),
            (200, 1000),
            "{range}"
        );
    }
    for range in ["bytes=1000-", "bytes=1000-1001", "bytes=-0"] {
        let answer = bench.read_with(Method::Get, 1, &[("Accept", "text/*"), ("Range", range)]);
        assert_eq!(answer.refusal().0, 416, "{range}");
        assert_eq!(answer.header("Content-Range"), Some("bytes */1000"));
    }
}

#[test]
fn a_range_of_another_content_is_the_whole_of_this() {
    let mut bench = Bench::new();
    let tag = format!("\"{}\"", bench.store.documents()[1].digests.sha256);
    let mut status = |tag: &str| {
        let headers = [
            ("Accept", "text/plain"),
            ("Range", "bytes=0-9"),
            ("If-Range", tag),
        ];
        bench.read_with(Method::Get, 1, &headers).status()
    };
    assert_eq!((status(&tag), status("\"another\"")), (206, 200));
}

#[test]
fn an_empty_document_is_given_whole_whatever_range_is_asked_for() {
    let mut bench = Bench::with(vec![(document(0, DocumentKind::Text, 0), None)], Vec::new());
    let answer = bench.range(0, 0..1_000);
    assert_eq!((answer.status(), answer.response.body.len()), (200, 0));
    assert_eq!(bench.read(0).binary().1, b"");
}

#[test]
fn the_end_of_a_huge_document_is_read_at_once_and_the_whole_not_in_one_answer() {
    let mut config = config(
        vec![(document(0, DocumentKind::Tiff, 100_000_000), None)],
        Vec::new(),
    );
    config.patients[0].record.documents.clear();
    let mut bench = Bench::of(config);
    let last = bench.range(0, 99_999_990..100_000_000);
    assert_eq!((last.status(), last.response.body.len()), (206, 10));

    let request = bench.asker.act(
        NOW,
        "t",
        ActingRole::System,
        &bench.id(0),
        DocumentOperation::Read,
    );
    bench.store.handle(
        NOW,
        Input::Request {
            id: AnswerId(1),
            request,
        },
    );
    let Some(Output::Answer { response, .. }) = bench.store.poll_output() else {
        panic!("no answer");
    };
    assert_eq!(response.status, 422);
    assert!(String::from_utf8_lossy(&response.body).contains("use Range"));
}

#[test]
fn what_cannot_be_delivered_is_listed_and_refused_for_its_reason() {
    let missing = [
        (MissingReason::UnsupportedType, 415),
        (MissingReason::Deleted, 410),
        (MissingReason::NotFound, 404),
        (MissingReason::Locked, 423),
        (MissingReason::Undetermined, 500),
    ];
    let documents = (0..)
        .zip(missing)
        .map(|(index, (reason, _))| (document(index, DocumentKind::Pdf, 500), Some(reason)));
    let mut bench = Bench::with(documents.collect(), Vec::new());
    assert_eq!(bench.list().json()["total"], 5);
    for (nth, (reason, status)) in missing.into_iter().enumerate() {
        assert_eq!(bench.read(nth).refusal().0, status, "{reason:?}");
        assert_eq!(bench.range(nth, 0..10).refusal().0, status, "{reason:?}");
    }
}

#[test]
fn an_unknown_document_is_not_found() {
    let mut bench = Bench::new();
    let request = bench.asker.act(
        NOW,
        "t",
        ActingRole::System,
        "nobody",
        DocumentOperation::Read,
    );
    let refusal = bench.ask(&request).refusal();
    assert_eq!(
        refusal,
        (
            404,
            "NO_RECORD_FOUND".to_owned(),
            "no document nobody".to_owned()
        )
    );
}

#[test]
fn document_ids_are_found_without_case() {
    let mut bench = Bench::new();
    let id = bench.id(1).to_lowercase();
    let request = bench
        .asker
        .act(NOW, "t", ActingRole::System, &id, DocumentOperation::Read);
    assert_eq!(bench.ask(&request).status(), 200);
}

#[test]
fn the_structured_record_is_refused_for_what_is_wrong_with_the_request() {
    let mut bench = Bench::new();
    let good = bench
        .asker
        .record(NOW, "t", Patient::generate(1, 0).nhs_number);
    assert_eq!(bench.ask(&good).status(), 200);
    let text = String::from_utf8(good.body.to_vec()).unwrap();
    let number = Patient::generate(1, 0).nhs_number.to_string();
    let other = Patient::generate(1, 9).nhs_number.to_string();
    for (body, status, code) in [
        ("{".to_owned(), 422, "INVALID_RESOURCE"),
        ("[".repeat(5_000), 422, "INVALID_RESOURCE"),
        (
            text.replace("Parameters", "Patient"),
            422,
            "INVALID_RESOURCE",
        ),
        (
            text.replace("patientNHSNumber", "patient"),
            422,
            "INVALID_PARAMETER",
        ),
        (text.replace(&number, "123"), 422, "INVALID_NHS_NUMBER"),
        (
            text.replace("nhs-number", "other-number"),
            422,
            "INVALID_NHS_NUMBER",
        ),
        (text.replace(&number, &other), 404, "PATIENT_NOT_FOUND"),
    ] {
        let request = HttpRequest {
            body: body.into(),
            ..good.clone()
        };
        let (seen, seen_code, _) = bench.ask(&request).refusal();
        assert_eq!(
            (seen, seen_code.as_str()),
            (status, code),
            "{:?}",
            request.body
        );
    }
    let request = HttpRequest {
        content_type: "text/xml".to_owned(),
        ..good
    };
    assert_eq!(bench.ask(&request).refusal().0, 415);
}

#[test]
fn an_empty_record_is_no_record() {
    let mut config = config(Vec::new(), Vec::new());
    config.patients[0].record.target_bytes = 0;
    let mut bench = Bench::of(config);
    let request = bench
        .asker
        .record(NOW, "t", Patient::generate(1, 0).nhs_number);
    let (status, code, _) = bench.ask(&request).refusal();
    assert_eq!((status, code.as_str()), (404, "NO_RECORD_FOUND"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn ranges_put_together_are_the_document(step in 1_u64..70_000, bytes in 1_u64..200_000) {
        let mut bench = Bench::with(vec![(document(0, DocumentKind::Html, bytes), None)], Vec::new());
        let mut read = Vec::new();
        while (read.len() as u64) < bytes {
            let start = read.len() as u64;
            let answer = bench.range(0, start..start + step);
            prop_assert_eq!(answer.status(), 206);
            read.extend_from_slice(&answer.response.body);
        }
        prop_assert!(read == bench.spec(0).to_bytes());
        prop_assert_eq!(bench.read(0).binary().1, read);
    }

    #[test]
    fn whatever_is_asked_gets_an_answer_and_a_line_in_the_audit_trail(
        method in proptest::sample::select(Method::ALL.to_vec()),
        path in "(/(Patient|Binary|\\$audit|DocumentReference|\\$archive|patient-1|%[0-9a-f]{2}|\\PC{0,5})){0,4}(\\?\\PC{0,20})?",
        headers in proptest::collection::vec(("(ssp-to|ssp-from|range|accept|authorization|acting-role)", "\\PC{0,40}"), 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bench = Bench::with(vec![(document(0, DocumentKind::Pdf, 100), None)], Vec::new());
        let mut request = bench.asker.record(NOW, "t", Patient::generate(1, 0).nhs_number);
        request.method = method;
        request.path = path;
        request.body = body.into();
        for (name, value) in headers {
            request.headers = without(&request.headers, &name).with(&name, value);
        }
        let answer = bench.ask(&request);
        if answer.status() >= 400 && method != Method::Head {
            answer.refusal();
        }
        prop_assert_eq!(bench.store.audit().len(), 1);
    }
}

#[test]
fn the_record_source_gives_the_record_as_the_practice_has_it() {
    let mut config = config(three_documents(), Vec::new());
    config.patients[0].record.redactions = true;
    let record = config.patients[0].record.clone();
    let mut bench = Bench::of(config);
    bench.asker.asid = bench.asker.store.clone();
    let request = bench.asker.record_source("t", record.patient.nhs_number);
    let answer = bench.ask(&request);
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.response.content_type.as_deref(),
        Some("application/xml;charset=utf-8")
    );
    assert_eq!(answer.response.body, record.record());
    let text = String::from_utf8(answer.response.body.to_vec()).unwrap();
    assert!(text.starts_with("<component") && text.contains("<ehrFolder"));
    assert!(text.contains("NOPAT"), "its marks are in it");
    for (spec, _) in three_documents() {
        let link = format!("file://localhost/{}", spec.file_name.replace(' ', "%20"));
        assert!(text.contains(&link), "{link}");
    }
}

#[test]
fn the_record_source_has_nothing_of_strangers_and_of_empty_records() {
    let mut config = config(three_documents(), Vec::new());
    config.patients[0].record.target_bytes = 0;
    let mut bench = Bench::of(config);
    bench.asker.asid = bench.asker.store.clone();
    let ask = |bench: &mut Bench, index| {
        let patient = Patient::generate(1, index).nhs_number;
        let request = bench.asker.record_source("t", patient);
        let (status, code, _) = bench.ask(&request).refusal();
        (status, code)
    };
    assert_eq!(ask(&mut bench, 0), (404, "NO_RECORD_FOUND".to_owned()));
    assert_eq!(ask(&mut bench, 7), (404, "PATIENT_NOT_FOUND".to_owned()));
}
