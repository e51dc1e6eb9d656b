//! Cases of access to the document store.

use std::sync::OnceLock;

use base64_simd::URL_SAFE_NO_PAD;
use gp2gp::driver::Sut;
use gp2gp_model::http::Headers;
use gp2gp_model::plan::Cleanup;
use gp2gp_model::trace::{Endpoint, Lifecycle, What};
use gp2gp_model::verdict::{Assessment, Profile};
use serde_json::{Map, Value, json};

use crate::support::tamper::Taken;
use crate::support::{plan, run, trace_of};
use crate::table::{Case, INLINE};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-68", cleaned)
            .broken("again, 0 s later on GET /Binary/", || {
                authorized(|_, tokens| tokens[0].clone())
            })
            .broken("no header Authorization on DELETE /Binary/", || {
                with_headers(|_, _| Headers::new())
            })
            .broken("Authorization of scheme `Basic`", || {
                with_headers(|_, _| Headers::new().with("Authorization", "Basic YTpi"))
            })
            .broken("a token of 1 part, not three", || {
                authorized(|_, _| "opaque".to_owned())
            })
            .broken("`exp` 1767607500.5 on ", || {
                claimed("exp", &json!(1_767_607_500.5))
            })
            .broken("`iat` \"1767607200\" on ", || {
                claimed("iat", &json!("1767607200"))
            })
            .broken("and `exp` 1767607200", || {
                claimed("exp", &json!(1_767_607_200))
            })
            .broken("s before it on ", || {
                let mut old = cleaned();
                for claim in [("iat", json!(1_700_000_000)), ("exp", json!(1_700_000_300))] {
                    old = with_claim(old, claim.0, &claim.1);
                }
                old
            })
            .broken("`aud` \"my-store\" on ", || {
                claimed("aud", &json!("my-store"))
            })
            .broken("`aud` absent on ", || claimed("aud", &Value::Null)),
    ]
}

#[test]
fn a_token_without_an_id_may_look_like_another_made_in_the_same_second() {
    let anonymous = with_claim(trace_of(INLINE), "jti", &Value::Null);
    let alike = readdressed(anonymous, |_, tokens| tokens[0].clone());
    let assessment = alike.assess("SND-68", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::Held { .. }),
        "{assessment:#?}"
    );
}

#[test]
fn a_token_without_an_id_is_used_twice_if_it_comes_again_a_minute_later() {
    let anonymous = with_claim(trace_of(INLINE), "jti", &Value::Null);
    let mut alike = readdressed(anonymous, |_, tokens| tokens[0].clone());
    let last = alike.trace.events.iter_mut().filter(|event| is_call(event));
    let last = last.last().expect("the store was asked");
    last.at += std::time::Duration::from_mins(1);
    let assessment = alike.assess("SND-68", Profile::Strict);
    let says_so = matches!(&assessment, Assessment::Broken(violations)
        if violations[0].seen.contains("again, 60 s later"));
    assert!(says_so, "{assessment:#?}");
}

#[test]
fn a_system_whose_clock_was_set_is_not_blamed_for_what_has_expired() {
    let mut old = cleaned();
    for claim in [("iat", json!(1_700_000_000)), ("exp", json!(1_700_000_300))] {
        old = with_claim(old, claim.0, &claim.1);
    }
    let first = old.trace.events[0].clone();
    let jumped = gp2gp_model::trace::Event {
        what: What::Lifecycle {
            system: Endpoint::Sending,
            change: Lifecycle::ClockJumped { seconds: -3_600 },
        },
        ..first
    };
    let old = old.events(|events| events.insert(0, jumped));
    let assessment = old.assess("SND-68", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::Held { .. }),
        "{assessment:#?}"
    );
}

/// Eleven documents are read, and archived and deleted after the transfer.
fn cleaned() -> Taken {
    static RUN: OnceLock<Taken> = OnceLock::new();
    let run = RUN.get_or_init(|| {
        let mut plan = plan(INLINE);
        plan.sending.cleanup = Cleanup::AfterFinalAck;
        run(&plan, &Sut::Reference)
    });
    run.clone()
}

/// Every token says this in one claim; null leaves it out.
fn claimed(name: &str, value: &Value) -> Taken {
    with_claim(cleaned(), name, value)
}

fn with_claim(taken: Taken, name: &str, value: &Value) -> Taken {
    readdressed(taken, |at, tokens| {
        let parts: Vec<&str> = tokens[at].split('.').collect();
        let claims = (URL_SAFE_NO_PAD.decode_to_vec(parts[1])).expect("it is base64url");
        let mut claims: Map<String, Value> =
            serde_json::from_slice(&claims).expect("claims are JSON");
        if value.is_null() {
            claims.remove(name);
        } else {
            claims.insert(name.to_owned(), value.clone());
        }
        let claims = URL_SAFE_NO_PAD.encode_to_string(Value::Object(claims).to_string());
        format!("{}.{claims}.{}", parts[0], parts[2])
    })
}

/// The nth request of all bears the token that is made of all tokens.
fn authorized(token: impl Fn(usize, &[String]) -> String) -> Taken {
    readdressed(cleaned(), token)
}

fn readdressed(taken: Taken, token: impl Fn(usize, &[String]) -> String) -> Taken {
    let tokens: Vec<String> = (taken.trace.events.iter())
        .filter(|event| is_call(event))
        .map(|event| {
            let What::Post { headers, .. } = &event.what else {
                panic!("a call is a post")
            };
            let header = headers.get("Authorization").expect("it has a token");
            let token = header.strip_prefix("Bearer ");
            token.expect("it is a bearer token").to_owned()
        })
        .collect();
    change_headers(taken, |at, headers| {
        let others = headers
            .iter()
            .filter(|(name, _)| *name != "authorization")
            .map(|(name, value)| (name, value.to_owned()));
        let mut headers: Headers = others.collect();
        headers.push("Authorization", format!("Bearer {}", token(at, &tokens)));
        headers
    })
}

fn with_headers(change: impl Fn(usize, &Headers) -> Headers) -> Taken {
    change_headers(cleaned(), change)
}

fn change_headers(mut taken: Taken, change: impl Fn(usize, &Headers) -> Headers) -> Taken {
    let calls = taken.trace.events.iter_mut().filter(|event| is_call(event));
    for (at, event) in calls.enumerate() {
        if let What::Post { headers, .. } = &mut event.what {
            *headers = change(at, headers);
        }
    }
    taken
}

fn is_call(event: &gp2gp_model::trace::Event) -> bool {
    matches!(
        event.what,
        What::Post {
            to: Endpoint::Store,
            ..
        }
    )
}
