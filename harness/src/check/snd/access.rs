//! How a sending system gets into its document store: with an access token made for each request
//! (spec 50).

use std::collections::BTreeMap;
use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use gp2gp_model::Time;
use gp2gp_model::plural::count;
use gp2gp_model::trace::{Endpoint, Lifecycle};
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use serde_json::{Map, Value};

use super::super::Tally;
use super::super::store_calls::StoreCall;
use super::super::view::View;

/// Longest token read, in bytes: several times that of any real one.
const TOKEN_BYTES: usize = 16_384;
/// How far the clock of a sending system may be off.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Times in a token are whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// SND-68.
pub(super) fn fresh_tokens(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut borne: BTreeMap<&str, &StoreCall> = BTreeMap::new();
    let calls = view.store_calls.iter();
    for call in calls.filter(|call| call.from == Endpoint::Sending) {
        let read = bearer(call).and_then(|text| Ok((text, claims(text)?)));
        let (text, claims) = match read {
            Ok(token) => token,
            Err(seen) => {
                let expected = "a JWT as bearer token in header Authorization".to_owned();
                tally.expect(false, || about(call, expected, &seen));
                continue;
            }
        };
        is_fresh(call, &claims, borne.get(text).copied(), &mut tally);
        borne.entry(text).or_insert(call);
        lives(call, &claims, may_have_expired(view, call), &mut tally);
        is_meant_for_a_place(call, &claims, &mut tally);
    }
    tally.assess("the sending system asked no document store for anything")
}

/// No request bears the token of an earlier one. Tokens that carry no id of their own and were
/// made in one second look alike, and nobody can tell them from one that is used twice.
fn is_fresh(
    call: &StoreCall,
    claims: &Map<String, Value>,
    earlier: Option<&StoreCall>,
    tally: &mut Tally,
) {
    let has_id = claims.contains_key("jti");
    let earlier = earlier.filter(|earlier| has_id || call.at.since(earlier.at) > SECOND);
    tally.expect(earlier.is_none(), || {
        let earlier = earlier.unwrap_or(call);
        let later = call.at.since(earlier.at).as_secs();
        about(
            call,
            "an access token made for this request alone".to_owned(),
            &format!(
                "the token of {} {} (event {}) again, {later} s later",
                earlier.method, earlier.path, earlier.seq
            ),
        )
    });
}

/// Issued and expiring at whole seconds, in this order, and not expired yet.
fn lives(call: &StoreCall, claims: &Map<String, Value>, is_late: bool, tally: &mut Tally) {
    let mut seconds = |name: &str| {
        let found = claims.get(name);
        let whole = found.and_then(Value::as_i64);
        tally.expect(whole.is_some(), || {
            let seen = found.map_or_else(|| "absent".to_owned(), Value::to_string);
            about(
                call,
                format!("`{name}` a whole number of seconds"),
                &format!("`{name}` {seen}"),
            )
        });
        whole
    };
    let (Some(issued), Some(expires)) = (seconds("iat"), seconds("exp")) else {
        return;
    };
    tally.expect(expires > issued, || {
        about(
            call,
            "`exp` after `iat`".to_owned(),
            &format!("`iat` {issued} and `exp` {expires}"),
        )
    });
    let now = seconds_of(call.at);
    let expired = expires.saturating_add_unsigned(CLOCK_SKEW.as_secs()) <= now;
    tally.expect(!(expired && is_late), || {
        about(
            call,
            format!("`exp` after {now}, the time of the request"),
            &format!("`exp` {expires}, {} s before it", now - expires),
        )
    });
}

fn seconds_of(time: Time) -> i64 {
    i64::try_from(time.as_micros() / 1_000_000).unwrap_or(i64::MAX)
}

/// Whether the sending system can know what time it is: nobody set its clock.
fn may_have_expired(view: &View, call: &StoreCall) -> bool {
    !view.lifecycle.iter().any(|lived| {
        lived.system == Endpoint::Sending
            && lived.seq < call.seq
            && matches!(lived.change, Lifecycle::ClockJumped { .. })
    })
}

fn is_meant_for_a_place(call: &StoreCall, claims: &Map<String, Value>, tally: &mut Tally) {
    let audience = claims.get("aud");
    let is_url = audience
        .and_then(Value::as_str)
        .is_some_and(is_absolute_url);
    tally.expect(is_url, || {
        let seen = audience.map_or_else(|| "absent".to_owned(), Value::to_string);
        about(
            call,
            "`aud` an absolute URL".to_owned(),
            &format!("`aud` {seen}"),
        )
    });
}

fn is_absolute_url(text: &str) -> bool {
    let behind_scheme = ["https://", "http://"].into_iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let host = behind_scheme.and_then(|rest| rest.split(['/', '?', '#']).next());
    host.is_some_and(|host| !host.is_empty()) && !text.contains(char::is_whitespace)
}

/// The token as it stands in the headers.
fn bearer(call: &StoreCall) -> Result<&str, String> {
    let header = call.headers.get("Authorization");
    let text = header.ok_or("no header Authorization")?;
    match text.trim().split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        Some((scheme, _)) => Err(format!("Authorization of scheme `{scheme}`")),
        None => Err("Authorization without a scheme".to_owned()),
    }
}

/// Whether it is signed, and by whom, is between the system and its store.
fn claims(token: &str) -> Result<Map<String, Value>, String> {
    if token.len() > TOKEN_BYTES {
        return Err(format!("a token of {} bytes", token.len()));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts.as_slice() else {
        return Err(format!(
            "a token of {}, not three",
            count(parts.len(), "part")
        ));
    };
    let json = URL_SAFE_NO_PAD
        .decode_to_vec(claims.trim_end_matches('='))
        .map_err(|_| "a token whose claims are not base64url".to_owned())?;
    serde_json::from_slice(&json)
        .map_err(|error| format!("a token whose claims are no JSON object: {error}"))
}

fn about(call: &StoreCall, expected: String, seen: &str) -> Violation {
    Violation::new(
        Some(call.seq),
        expected,
        format!("{seen} on {} {}", call.method, call.path),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_with_scheme_and_host_is_absolute() {
        for url in [
            "https://store.example/STU3/1",
            "http://127.0.0.1:8080",
            "HTTPS://a",
        ] {
            assert!(is_absolute_url(url), "{url}");
        }
        for text in [
            "store",
            "/STU3/1",
            "https://",
            "https:///x",
            "ftp://store",
            "https://a b",
            "",
            "\u{a3}\u{a3}\u{a3}\u{a3}",
        ] {
            assert!(!is_absolute_url(text), "{text}");
        }
    }

    #[test]
    fn a_token_that_cannot_be_read_is_named_by_its_fault() {
        let fault = |token: &str| claims(token).expect_err(token);
        assert_eq!(fault("abc"), "a token of 1 part, not three");
        assert_eq!(fault("a.!.c"), "a token whose claims are not base64url");
        let list = URL_SAFE_NO_PAD.encode_to_string("[1]");
        assert!(fault(&format!("a.{list}.")).contains("no JSON object"));
        assert_eq!(
            fault(&".".repeat(TOKEN_BYTES + 1)),
            "a token of 16385 bytes"
        );
    }
}
