//! Tokens for the document store say when they were issued; they are not signed.

use base64_simd::URL_SAFE_NO_PAD;
use gp2gp_model::Time;
use gp2gp_model::http::Headers;
use gp2gp_wire::substitute::moved;
use serde_json::Value;

const HEADER: &str = "Authorization";

/// The same headers, with the times of the token moved as from one moment to another; as they are where
/// they carry none that can be read.
pub(super) fn with_moved_token(headers: &Headers, (from, to): (Time, Time)) -> Headers {
    let token = headers.get(HEADER).filter(|_| from != to);
    let Some(token) = token.and_then(|token| moved_token(token, (from, to))) else {
        return headers.clone();
    };
    let mut with = Headers::new();
    for (name, value) in headers.iter() {
        match name.eq_ignore_ascii_case(HEADER) {
            true => with.push(name, token.clone()),
            false => with.push(name, value),
        }
    }
    with
}

fn moved_token(token: &str, (from, to): (Time, Time)) -> Option<String> {
    let mut parts = token.splitn(3, '.');
    let (head, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = URL_SAFE_NO_PAD.decode_to_vec(claims).ok()?;
    let mut claims: Value = serde_json::from_slice(&claims).ok()?;
    for name in ["iat", "exp"] {
        let claim = claims.get_mut(name)?;
        let then = Time::from_micros(claim.as_u64()?.checked_mul(1_000_000)?);
        *claim = (moved(then, from, to).as_micros() / 1_000_000).into();
    }
    let claims = URL_SAFE_NO_PAD.encode_to_string(claims.to_string());
    Some(format!("{head}.{claims}.{signature}"))
}

#[cfg(test)]
mod tests {
    use gp2gp_model::OdsCode;

    use super::*;
    use crate::mhs::fixture::START;
    use crate::store::Requester;

    #[test]
    fn a_moved_token_is_the_one_of_then() {
        let requester = Requester {
            asid: "000000081001".parse().unwrap(),
            practice: OdsCode::parse("A81001").unwrap(),
            store: "000000081001".parse().unwrap(),
            base: "http://store.invalid".to_owned(),
        };
        let day = std::time::Duration::from_hours(24);
        let token = |now| format!("Bearer {}", requester.token(now, "trace"));
        let headers = Headers::new()
            .with("Ssp-From", "1")
            .with(HEADER, token(START));
        let moved = with_moved_token(&headers, (START, START + day));
        assert_eq!(moved.get("Ssp-From"), Some("1"));
        let times = |token: &str| {
            let claims = token.split('.').nth(1).unwrap();
            let claims = URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
            let claims: Value = serde_json::from_slice(&claims).unwrap();
            (
                claims["iat"].clone(),
                claims["exp"].clone(),
                claims["aud"].clone(),
            )
        };
        let now = token(START + day);
        assert_eq!(times(moved.get(HEADER).unwrap()), times(&now));
        assert_eq!(with_moved_token(&headers, (START, START)), headers);
        let other = Headers::new().with(HEADER, "Basic abc");
        assert_eq!(with_moved_token(&other, (START, START + day)), other);
    }
}
