//! Who may come in: the headers of the Spine secure proxy, and the bearer token of GP Connect.
//!
//! A token is a JWT that nobody signed. It is good if it names a requester, is meant for this
//! store, and has not expired; each of its faults is told by name.

use base64_simd::URL_SAFE_NO_PAD;
use gp2gp_model::http::Headers;
use gp2gp_model::store::ActingRole;
use gp2gp_model::{Asid, Time};
use serde_json::Value;

use super::outcome::{Code, Refusal};
use super::route::Operation;

/// Longest token read, in bytes: several times that of any real one.
const TOKEN_BYTES: usize = 16_384;

/// How far the clock of a requester may run ahead, in seconds.
const CLOCK_SKEW: i64 = 60;

/// For what a record is read.
const REASONS: [&str; 2] = ["directcare", "migration"];

/// Name of the header that says who acts.
pub const ACTING_ROLE: &str = "Acting-Role";

/// Sees that the proxy's headers are there and mean this store and this operation.
pub(super) fn check_proxy(
    headers: &Headers,
    own: &Asid,
    operation: Operation,
) -> Result<(), Refusal> {
    check_parties(headers, own)?;
    let interaction = required(headers, "Ssp-InteractionID")?;
    if !operation.interactions().contains(&interaction) {
        let why = format!(
            "header Ssp-InteractionID is {interaction}, this request is {}",
            operation.interactions().join(" or ")
        );
        return Err(Refusal::new(Code::BadRequest, why));
    }
    Ok(())
}

/// Sees that the practice itself asks.
pub(super) fn check_practice(headers: &Headers, own: &Asid) -> Result<(), Refusal> {
    let from = check_parties(headers, own)?;
    if !from.eq_ignore_ascii_case(own.as_str()) {
        let why = format!("header Ssp-From is {from}, the record is kept by {own}");
        return Err(Refusal::new(Code::NoRelationship, why));
    }
    Ok(())
}

/// Gives who asks.
fn check_parties<'a>(headers: &'a Headers, own: &Asid) -> Result<&'a str, Refusal> {
    required(headers, "Ssp-TraceID")?;
    let from = required(headers, "Ssp-From")?;
    let to = required(headers, "Ssp-To")?;
    if !to.eq_ignore_ascii_case(own.as_str()) {
        let why = format!("header Ssp-To is {to}, this store is {own}");
        return Err(Refusal::new(Code::BadRequest, why));
    }
    Ok(from)
}

fn required<'a>(headers: &'a Headers, name: &str) -> Result<&'a str, Refusal> {
    headers
        .get(name)
        .filter(|value| !value.trim().is_empty())
        .ok_or_else(|| Refusal::new(Code::BadRequest, format!("header {name} is missing")))
}

/// Sees that the token is good. Gives its text, by which it is known again.
pub(super) fn check_token<'a>(
    headers: &'a Headers,
    now: Time,
    audience: &str,
) -> Result<&'a str, Refusal> {
    let token = token(headers)?;
    check_claims(&claims(token)?, now, audience)?;
    Ok(token)
}

/// The token as it stands in the headers.
pub(super) fn token(headers: &Headers) -> Result<&str, Refusal> {
    let header = headers
        .get("Authorization")
        .ok_or_else(|| unauthorized("header Authorization is missing"))?;
    header
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("Bearer "))
        .and_then(|_| header.get(7..))
        .map(str::trim)
        .ok_or_else(|| unauthorized("header Authorization is no bearer token"))
}

/// Who acts. Reading is what systems do, so they need not say who they are.
pub(super) fn acting_role(headers: &Headers, operation: Operation) -> Result<ActingRole, Refusal> {
    match headers.get(ACTING_ROLE) {
        Some(text) => text.trim().parse::<ActingRole>().map_err(|error| {
            Refusal::new(Code::BadRequest, format!("header {ACTING_ROLE}: {error}"))
        }),
        None if operation.is_gp_connect() => Ok(ActingRole::System),
        None => Err(Refusal::new(
            Code::BadRequest,
            format!("header {ACTING_ROLE} is missing: who wants to {operation}?"),
        )),
    }
}

pub(super) fn unauthorized(why: impl Into<String>) -> Refusal {
    Refusal::new(Code::Unauthorized, why)
        .with_header("WWW-Authenticate", "Bearer error=\"invalid_token\"")
}

fn claims(token: &str) -> Result<Value, Refusal> {
    if token.len() > TOKEN_BYTES {
        let why = format!(
            "token is {} bytes long, at most {TOKEN_BYTES} are read",
            token.len()
        );
        return Err(unauthorized(why));
    }
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unauthorized("token has not the three parts of a JWT"));
    };
    let head = json_part(head, "header")?;
    if head.get("alg").and_then(Value::as_str) != Some("none") || !signature.is_empty() {
        return Err(unauthorized(
            "token is not unsigned: `alg` is to be `none`, the signature empty",
        ));
    }
    json_part(claims, "payload")
}

fn json_part(part: &str, what: &str) -> Result<Value, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode_to_vec(part).map_err(|_| {
        unauthorized(format!(
            "{what} of the token is not base64url without padding"
        ))
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| unauthorized(format!("{what} of the token is not JSON: {error}")))
}

fn check_claims(claims: &Value, now: Time, audience: &str) -> Result<(), Refusal> {
    for name in ["iss", "sub"] {
        text_claim(claims, name)?;
    }
    for (name, resource) in [
        ("requesting_device", "Device"),
        ("requesting_organization", "Organization"),
        ("requesting_practitioner", "Practitioner"),
    ] {
        let found = claims.get(name).and_then(|claim| claim.get("resourceType"));
        if found.and_then(Value::as_str) != Some(resource) {
            return Err(unauthorized(format!("claim {name} is no {resource}")));
        }
    }
    let (issued, expires) = (seconds_claim(claims, "iat")?, seconds_claim(claims, "exp")?);
    let now = (now.as_micros() / 1_000_000) as i64;
    if issued > now.saturating_add(CLOCK_SKEW) {
        return Err(unauthorized(format!(
            "token was issued at {issued}, it is {now} now"
        )));
    }
    if expires <= now {
        return Err(unauthorized(format!(
            "token expired at {expires}, it is {now} now"
        )));
    }
    let aud = text_claim(claims, "aud")?;
    if aud.trim_end_matches('/') != audience.trim_end_matches('/') {
        let why = format!("token is meant for {aud}, this store is {audience}");
        return Err(Refusal::new(Code::AccessDenied, why));
    }
    let reason = text_claim(claims, "reason_for_request")?;
    if !REASONS.contains(&reason) {
        let why = format!(
            "reason_for_request is {reason}, not {}",
            REASONS.join(" or ")
        );
        return Err(Refusal::new(Code::AccessDenied, why));
    }
    Ok(())
}

fn text_claim<'a>(claims: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| unauthorized(format!("claim {name} is missing or no text")))
}

fn seconds_claim(claims: &Value, name: &str) -> Result<i64, Refusal> {
    let claim = claims
        .get(name)
        .ok_or_else(|| unauthorized(format!("claim {name} is missing")))?;
    claim.as_i64().ok_or_else(|| {
        unauthorized(format!(
            "claim {name} is {claim}, not a whole number of seconds"
        ))
    })
}
