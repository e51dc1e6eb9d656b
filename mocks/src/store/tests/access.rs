use base64_simd::URL_SAFE_NO_PAD;

use super::*;

/// The usual list request with its claims changed.
fn with_claims(bench: &Bench, change: impl FnOnce(&mut Value)) -> HttpRequest {
    let mut request = bench.asker.list(NOW, "t", "patient-1");
    let token = bench.asker.token(NOW, "test");
    let mut parts = token.split('.');
    let head = parts.next().unwrap();
    let claims = URL_SAFE_NO_PAD
        .decode_to_vec(parts.next().unwrap())
        .unwrap();
    let mut claims: Value = serde_json::from_slice(&claims).unwrap();
    change(&mut claims);
    let claims = URL_SAFE_NO_PAD.encode_to_string(claims.to_string());
    request.headers = without(&request.headers, "authorization")
        .with("Authorization", format!("Bearer {head}.{claims}."));
    request
}

#[test]
fn every_claim_is_asked_for_and_its_fault_is_told() {
    let mut bench = Bench::new();
    let now = NOW.as_micros() / 1_000_000;
    let expired = format!("token expired at {now}, it is {now} now");
    let cases: [(&str, Value, u16, &str); 14] = [
        ("iss", Value::Null, 401, "claim iss is missing or no text"),
        ("sub", json!(7), 401, "claim sub is missing or no text"),
        ("aud", Value::Null, 401, "claim aud is missing or no text"),
        (
            "aud",
            json!("https://other.invalid"),
            403,
            "token is meant for https://other.invalid, this store is https://store.invalid",
        ),
        ("exp", json!(now), 401, &expired),
        (
            "exp",
            json!(now as f64 + 300.5),
            401,
            "claim exp is 1800000300.5, not a whole number of seconds",
        ),
        (
            "exp",
            json!("1800000300"),
            401,
            "claim exp is \"1800000300\", not a whole number of seconds",
        ),
        (
            "exp",
            Value::Null,
            401,
            "claim exp is null, not a whole number of seconds",
        ),
        (
            "iat",
            json!(now + 61),
            401,
            "token was issued at 1800000061, it is 1800000000 now",
        ),
        (
            "reason_for_request",
            json!("research"),
            403,
            "reason_for_request is research, not directcare or migration",
        ),
        (
            "reason_for_request",
            json!(""),
            401,
            "claim reason_for_request is missing or no text",
        ),
        (
            "requesting_device",
            json!({"resourceType": "Patient"}),
            401,
            "claim requesting_device is no Device",
        ),
        (
            "requesting_organization",
            json!("B83002"),
            401,
            "claim requesting_organization is no Organization",
        ),
        (
            "requesting_practitioner",
            Value::Null,
            401,
            "claim requesting_practitioner is no Practitioner",
        ),
    ];
    for (claim, value, status, why) in cases {
        let request = with_claims(&bench, |claims| claims[claim] = value);
        let answer = bench.ask(&request);
        let refusal = answer.refusal();
        assert_eq!(
            refusal,
            (status, "ACCESS_DENIED".to_owned(), why.to_owned())
        );
        assert_eq!(answer.header("WWW-Authenticate").is_some(), status == 401);
    }
    let request = with_claims(&bench, |claims| {
        claims["aud"] = json!("https://store.invalid/");
    });
    assert_eq!(bench.ask(&request).status(), 200);
}

#[test]
fn a_token_that_cannot_be_read_is_told_so() {
    let mut bench = Bench::new();
    let good = bench.asker.token(NOW, "test");
    for (header, why) in [
        ("", "header Authorization is no bearer token"),
        ("Basic eDp5", "header Authorization is no bearer token"),
        ("£££ token", "header Authorization is no bearer token"),
        (
            "Bearer some_token",
            "token has not the three parts of a JWT",
        ),
        (
            "Bearer a.b.",
            "header of the token is not base64url without padding",
        ),
        (
            "Bearer e30.e30.",
            "token is not unsigned: `alg` is to be `none`, the signature empty",
        ),
        (
            &format!("Bearer {good}c2ln"),
            "token is not unsigned: `alg` is to be `none`, the signature empty",
        ),
        (
            &format!("Bearer {}", "a".repeat(20_000)),
            "token is 20000 bytes long, at most 16384 are read",
        ),
    ] {
        let mut request = bench.asker.list(NOW, "t", "patient-1");
        request.headers = without(&request.headers, "authorization").with("Authorization", header);
        let (status, _, seen) = bench.ask(&request).refusal();
        assert_eq!((status, seen.as_str()), (401, why));
    }
    let mut request = bench.asker.list(NOW, "t", "patient-1");
    request.headers = without(&request.headers, "authorization");
    assert_eq!(
        bench.ask(&request).refusal().2,
        "header Authorization is missing"
    );
}

#[test]
fn a_token_lasts_five_minutes() {
    let mut bench = Bench::new();
    let request = bench.asker.list(NOW, "t", "patient-1");
    bench.now = NOW + (TOKEN_LIFETIME - std::time::Duration::from_secs(1));
    assert_eq!(bench.ask(&request).status(), 200);
    bench.now = NOW + TOKEN_LIFETIME;
    assert_eq!(bench.ask(&request).status(), 401);
}

#[test]
fn the_headers_of_the_proxy_are_required_and_must_mean_this_store_and_request() {
    let mut bench = Bench::new();
    for name in ["Ssp-TraceID", "Ssp-From", "Ssp-To", "Ssp-InteractionID"] {
        let mut request = bench.asker.list(NOW, "t", "patient-1");
        request.headers = without(&request.headers, &name.to_lowercase());
        let refusal = bench.ask(&request).refusal();
        let why = format!("header {name} is missing");
        assert_eq!(refusal, (400, "BAD_REQUEST".to_owned(), why));
    }
    let other = "urn:nhs:names:services:gpconnect:documents:fhir:rest:search:patient-1";
    for (name, value) in [("ssp-to", "200000000205"), ("ssp-interactionid", other)] {
        let mut request = bench.asker.list(NOW, "t", "patient-1");
        request.headers = without(&request.headers, name).with(name, value);
        let (status, _, why) = bench.ask(&request).refusal();
        assert_eq!(status, 400);
        assert!(why.contains(value), "{why}");
    }
}

#[test]
fn methods_and_paths_that_there_are_not_are_told() {
    let mut bench = Bench::new();
    let id = bench.id(0);
    for (method, path, status, allow) in [
        (Method::Post, "/Patient".to_owned(), 405, Some("GET, HEAD")),
        (
            Method::Get,
            "/Patient/$gpc.migratestructuredrecord".to_owned(),
            405,
            Some("POST"),
        ),
        (
            Method::Put,
            format!("/Binary/{id}"),
            405,
            Some("GET, HEAD, DELETE"),
        ),
        (
            Method::Get,
            format!("/Binary/{id}/$archive"),
            405,
            Some("POST"),
        ),
        (Method::Delete, "/$audit".to_owned(), 405, Some("GET, HEAD")),
        (Method::Get, format!("/Binary/{id}/$nothing"), 404, None),
        (Method::Get, "/".to_owned(), 404, None),
        (Method::Get, String::new(), 404, None),
        (Method::Get, "/Patient?name=x".to_owned(), 400, None),
        (Method::Get, "/Patient?identifier=%FF".to_owned(), 400, None),
        (Method::Get, "/Binary/a%20b".to_owned(), 422, None),
    ] {
        let mut request = bench.asker.list(NOW, "t", "patient-1");
        (request.method, request.path) = (method, path);
        let answer = bench.ask(&request);
        assert_eq!(
            (answer.refusal().0, answer.header("Allow")),
            (status, allow),
            "{method} {}",
            request.path
        );
    }
}

#[test]
fn the_record_source_speaks_to_the_practice_itself_alone() {
    let mut bench = Bench::new();
    let patient = Patient::generate(1, 0).nhs_number;
    let mut request = bench.asker.record_source("t", patient);
    let why = "header Ssp-From is 200000000205, the record is kept by 918999198738";
    let refused = (403, "NO_RELATIONSHIP".to_owned(), why.to_owned());
    assert_eq!(bench.ask(&request).refusal(), refused);
    request.headers = without(&request.headers, "ssp-traceid");
    let refused = (
        400,
        "BAD_REQUEST".to_owned(),
        "header Ssp-TraceID is missing".to_owned(),
    );
    assert_eq!(bench.ask(&request).refusal(), refused);
    request.path = "/records/9990000010".to_owned();
    assert_eq!(bench.ask(&request).refusal().1, "INVALID_NHS_NUMBER");
}

#[test]
fn what_goes_wrong_with_records_goes_wrong_at_the_record_source_too() {
    let effect = Effect::Refuse(503);
    let mut bench = Bench::with_fault(effect, StoreOperation::Record, Often::First(1));
    bench.asker.asid = bench.asker.store.clone();
    let request = (bench.asker).record_source("t", Patient::generate(1, 0).nhs_number);
    assert_eq!(bench.ask(&request).status(), 503);
    assert_eq!(bench.ask(&request).status(), 200);
}
