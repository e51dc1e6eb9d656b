use gp2gp_model::GpCode;
use gp2gp_model::fault::{Effect, Garble, Often, When};
use gp2gp_model::http::Headers;
use gp2gp_model::pds::RecordVersion;
use gp2gp_model::plan::Role;
use gp2gp_model::registry::PractitionerLink;
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, Outcome, REQUEST_ID};
use gp2gp_wire::pds::patient_path;
use serde_json::json;

use super::*;
use crate::fhir::api_key;
use crate::peer::HttpResponse;

/// 2026-01-05T09:00:00Z.
const NOW: Time = Time::from_micros(1_767_603_600_000_000);
const CORRELATION: &str = "1D7D8F0C-0F8E-4A6E-9B57-6F3A0B8C2D11";
const REQUEST: &str = "1d7d8f0c-0f8e-4a6e-9b57-6f3a0b8c2d12";

fn number(serial: u32) -> NhsNumber {
    (serial..).find_map(NhsNumber::synthetic).unwrap()
}

fn at(code: &str) -> GeneralPractitioner {
    GeneralPractitioner::Practice(OdsCode::parse(code).unwrap())
}

/// Patient 10 is an ordinary one, 20 a restricted one, 30 nobody any more, 40 registers nowhere.
fn records() -> Vec<PdsRecord> {
    vec![
        PdsRecord::new(number(10), at("Z99902")),
        PdsRecord {
            sensitive: true,
            ..PdsRecord::new(number(20), at("Z99902"))
        },
        PdsRecord {
            invalidated: true,
            ..PdsRecord::new(number(30), at("Z99902"))
        },
        PdsRecord::new(number(40), GeneralPractitioner::Nobody),
    ]
}

/// PDS and somebody who asks.
struct Bench {
    pds: Pds,
    posts: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(records(), Registry::default(), Vec::new())
    }

    fn with(records: Vec<PdsRecord>, registry: Registry, faults: Vec<Fault>) -> Self {
        let person = || Person {
            given: "Ellis".to_owned(),
            family: "Hollowbrook".to_owned(),
            birth_date: "1970-02-03".parse().unwrap(),
        };
        let config = PdsConfig {
            records: (records.into_iter())
                .map(|record| (record, Some(person())))
                .collect(),
            registry,
            faults,
            started: NOW,
        };
        Self {
            pds: Pds::new(config, Streams::new(1)),
            posts: 0,
        }
    }

    fn with_fault(effect: Effect, operation: DemographicsOperation) -> Self {
        let on = Target::Demographics {
            operation,
            by: None,
        };
        assert_eq!(effect.fits(&on), Ok(()));
        let fault = Fault {
            name: "planned".to_owned(),
            effect,
            on,
            when: When {
                often: Often::First(1),
                ..When::default()
            },
        };
        Self::with(records(), Registry::default(), vec![fault])
    }

    fn answer(&mut self, request: HttpRequest) -> HttpResponse {
        self.posts += 1;
        let id = AnswerId(self.posts);
        self.pds.handle(NOW, Input::Request { id, request });
        let outputs: Vec<_> = std::iter::from_fn(|| self.pds.poll_output()).collect();
        match outputs.into_iter().next_back() {
            Some(Output::Answer { response, .. }) => response,
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, serial: u32) -> Patient {
        let answer = self.answer(get(number(serial)));
        assert_eq!(answer.status, 200);
        let patient = Patient::parse(&answer.body).unwrap();
        assert_eq!(
            answer.headers.get("ETag"),
            Some(etag(patient.version).as_str())
        );
        patient
    }
}

fn get(patient: NhsNumber) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        path: patient_path(patient),
        soap_action: None,
        content_type: String::new(),
        headers: Headers::new()
            .with(API_KEY, api_key(Role::Requesting))
            .with(CORRELATION_ID, CORRELATION)
            .with(REQUEST_ID, REQUEST),
        body: bytes::Bytes::new(),
    }
}

fn patch(patient: NhsNumber, version: u32, to: &str) -> HttpRequest {
    let patch = Patch::registration(&at("Z99902"), &at(to)).unwrap();
    let mut request = get(patient);
    request.method = Method::Patch;
    request.content_type = JSON_PATCH.to_owned();
    request
        .headers
        .push("If-Match", etag(RecordVersion(version)));
    request.body = patch.to_json().to_string().into();
    request
}

fn outcome(response: &HttpResponse) -> (u16, String, String) {
    let outcome = Outcome::parse(&response.body).unwrap();
    (response.status, outcome.code, outcome.diagnostics)
}

#[test]
fn a_patient_is_told_with_the_version() {
    let mut bench = Bench::new();
    let patient = bench.read(10);
    assert_eq!(patient.nhs_number, number(10));
    assert_eq!(patient.version, RecordVersion(1));
    assert_eq!(patient.confidentiality, Confidentiality::Unrestricted);
    assert_eq!(patient.general_practitioner, at("Z99902"));
    assert_eq!(patient.person.unwrap().family, "Hollowbrook");
    assert_eq!(
        bench.read(40).general_practitioner,
        GeneralPractitioner::Nobody
    );
}

#[test]
fn nobody_learns_where_a_restricted_patient_is() {
    let mut bench = Bench::new();
    let patient = bench.read(20);
    assert_eq!(patient.confidentiality, Confidentiality::Restricted);
    assert_eq!(patient.general_practitioner, GeneralPractitioner::Nobody);
    let answer = bench.answer(patch(number(20), 1, "Z99901"));
    assert_eq!(answer.status, 200);
    let told = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(!told.contains("Z9990"), "{told}");
    assert_eq!(
        bench.pds.record(number(20)).unwrap().general_practitioner,
        at("Z99901")
    );
}

#[test]
fn an_update_of_the_current_version_makes_the_next_one() {
    let mut bench = Bench::new();
    let answer = bench.answer(patch(number(10), 1, "Z99901"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers.get("ETag"), Some("W/\"2\""));
    assert_eq!(answer.headers.get(CORRELATION_ID), Some(CORRELATION));
    assert_eq!(answer.headers.get(REQUEST_ID), Some(REQUEST));
    assert_eq!(
        Patient::parse(&answer.body).unwrap().general_practitioner,
        at("Z99901")
    );
    assert_eq!(bench.read(10).version, RecordVersion(2));

    let stale = bench.answer(patch(number(10), 1, "Z99903"));
    assert_eq!(
        outcome(&stale),
        (
            409,
            "RESOURCE_VERSION_MISMATCH".to_owned(),
            "version 1 is not the current one, 2".to_owned()
        )
    );
    assert_eq!(bench.read(10).general_practitioner, at("Z99901"));
}

#[test]
fn whoever_asks_wrongly_is_told_what_is_wrong_and_changes_nothing() {
    let mut bench = Bench::new();
    let good = || patch(number(10), 1, "Z99901");
    let changed = |name: &str, value: Option<&str>| {
        let mut request = good();
        request.headers = (request.headers.iter())
            .filter(|(own, _)| !own.eq_ignore_ascii_case(name))
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        if let Some(value) = value {
            request.headers.push(name, value);
        }
        request
    };
    let at_path = |path: &str| HttpRequest {
        path: path.to_owned(),
        ..good()
    };
    let with_body = |body: serde_json::Value| HttpRequest {
        body: body.to_string().into(),
        ..good()
    };
    let wrong_digit = {
        let digits = number(10);
        let last = digits.as_str().as_bytes()[9] - b'0';
        format!("{}{}", &digits.as_str()[..9], (last + 1) % 10)
    };
    let invalid = format!("/Patient/{wrong_digit}");
    let cases = [
        (
            changed(API_KEY, None),
            401,
            "ACCESS_DENIED",
            "header apikey is missing",
        ),
        (
            changed(REQUEST_ID, None),
            400,
            "MISSING_VALUE",
            "header X-Request-ID is missing",
        ),
        (
            changed(CORRELATION_ID, Some("x")),
            400,
            "INVALID_VALUE",
            "header X-Correlation-Id is `x`, which is no UUID",
        ),
        (
            changed("Accept", Some("text/plain")),
            406,
            "NOT_SUPPORTED",
            "only application/fhir+json",
        ),
        (
            changed("If-Match", None),
            412,
            "PRECONDITION_FAILED",
            "header If-Match is missing",
        ),
        (
            changed("If-Match", Some("1")),
            412,
            "PRECONDITION_FAILED",
            "header If-Match is `1`, which is no version like W/\"1\"",
        ),
        (
            changed("If-Match", Some("W/\"7\"")),
            409,
            "RESOURCE_VERSION_MISMATCH",
            "version 7",
        ),
        (
            at_path("/Patient"),
            404,
            "REFERENCE_NOT_FOUND",
            "nothing at /Patient",
        ),
        (
            at_path("/Patient/12"),
            400,
            "INVALID_RESOURCE_ID",
            "nhs number `12` is not ten digits",
        ),
        (
            at_path(&invalid),
            400,
            "INVALID_RESOURCE_ID",
            "the check digit of nhs number 999",
        ),
        (
            at_path(&patient_path(number(50))),
            404,
            "RESOURCE_NOT_FOUND",
            "no patient with nhs number 999",
        ),
        (
            at_path(&patient_path(number(30))),
            404,
            "INVALIDATED_RESOURCE",
            "nhs number 999",
        ),
        (
            HttpRequest {
                method: Method::Put,
                ..good()
            },
            405,
            "NOT_SUPPORTED",
            "method is PUT, this path knows GET, PATCH",
        ),
        (
            HttpRequest {
                content_type: "application/json".to_owned(),
                ..good()
            },
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "a patch is application/json-patch+json, not `application/json`",
        ),
        (
            with_body(json!({ "patches": [] })),
            400,
            "INVALID_UPDATE",
            "no patches found",
        ),
        (
            with_body(json!(7)),
            400,
            "INVALID_UPDATE",
            "body is no patch: ",
        ),
        (
            with_body(json!([{ "op": "replace", "path": "/birthDate", "value": "2000-01-01" }])),
            400,
            "INVALID_UPDATE",
            "only generalPractitioner can be changed here",
        ),
    ];
    for (request, status, code, why) in cases {
        let (got, said, diagnostics) = outcome(&bench.answer(request));
        assert_eq!((got, said.as_str()), (status, code), "{diagnostics}");
        assert!(diagnostics.starts_with(why), "{diagnostics}");
    }
    assert_eq!(bench.read(10).version, RecordVersion(1));
}

#[test]
fn who_moves_on_after_an_update_is_elsewhere_at_the_next_read() {
    let record = PdsRecord {
        moves_on_after_update: Some(at("Z99903")),
        ..PdsRecord::new(number(10), at("Z99902"))
    };
    let mut bench = Bench::with(vec![record], Registry::default(), Vec::new());
    let answer = bench.answer(patch(number(10), 1, "Z99901"));
    let told = Patient::parse(&answer.body).unwrap();
    assert_eq!(told.general_practitioner, at("Z99901"));
    assert_eq!(told.version, RecordVersion(2));
    let now = bench.read(10);
    assert_eq!(now.general_practitioner, at("Z99903"));
    assert_eq!(now.version, RecordVersion(3));
}

#[test]
fn a_move_is_told_in_the_code_of_its_era() {
    let gp = GpCode::parse("G1000003").unwrap();
    let practice = OdsCode::parse("Z99903").unwrap();
    let registry = |era| Registry {
        era,
        links: vec![PractitionerLink {
            gp,
            practice: practice.clone(),
            from: None,
            until: None,
        }],
        ..Registry::default()
    };
    for (era, expected) in [
        (Era::PracticeCode, at("Z99903")),
        (Era::GpCode, GeneralPractitioner::Gp(gp)),
    ] {
        let mut bench = Bench::with(records(), registry(era), Vec::new());
        let act = Act::MoveOn {
            patient: number(10),
            practice: practice.clone(),
        };
        bench.pds.handle(NOW, Input::Act(act));
        let patient = bench.read(10);
        assert_eq!(patient.general_practitioner, expected);
        assert_eq!(patient.version, RecordVersion(2));
    }
}

#[test]
fn a_race_is_lost_once_and_won_with_the_version_read_again() {
    let mut bench = Bench::with_fault(Effect::Race, DemographicsOperation::Update);
    let lost = bench.answer(patch(number(10), 1, "Z99901"));
    assert_eq!(lost.status, 409);
    let version = bench.read(10).version;
    assert_eq!(version, RecordVersion(2));
    assert_eq!(
        bench.answer(patch(number(10), version.0, "Z99901")).status,
        200
    );
}

#[test]
fn a_throttled_read_says_when_to_come_again() {
    let mut bench = Bench::with_fault(Effect::Refuse(429), DemographicsOperation::Read);
    let answer = bench.answer(get(number(10)));
    assert_eq!(answer.status, 429);
    assert_eq!(answer.headers.get("Retry-After"), Some("5"));
    assert_eq!(bench.read(10).version, RecordVersion(1));
}

#[test]
fn what_is_lost_on_the_way_back_was_done_and_what_is_reset_was_not() {
    for (effect, version) in [
        (Effect::LoseAnswer, 2),
        (Effect::Reset, 1),
        (Effect::Drop, 1),
    ] {
        let mut bench = Bench::with_fault(effect.clone(), DemographicsOperation::Update);
        bench.answer(patch(number(10), 1, "Z99901"));
        assert_eq!(bench.read(10).version, RecordVersion(version), "{effect}");
    }
}

#[test]
fn an_answer_can_lack_its_version() {
    let effect = Effect::Garble(Garble::NoVersion);
    let mut bench = Bench::with_fault(effect, DemographicsOperation::Read);
    let answer = bench.answer(get(number(10)));
    assert_eq!((answer.status, answer.headers.get("ETag")), (200, None));
    let error = Patient::parse(&answer.body).unwrap_err().to_string();
    assert_eq!(error, "Patient has no meta.versionId");
}
