//! What is wrong with the HTTP requests of a broken sending system.

use base64_simd::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gp2gp_model::trace::Endpoint;
use gp2gp_wire::raw::{Break, break_message};
use gp2gp_wire::{Encoded, mime};

use super::Flaws;
use crate::defect::SendingDefect as Broken;
use crate::peer::{HttpRequest, Output};

impl Flaws {
    /// Spoils a request on its way out.
    pub(in super::super) fn spoil(&mut self, mut output: Output) -> Output {
        if let Output::Post { to, request, .. } = &mut output
            && !self.defects.is_empty()
        {
            match to {
                Endpoint::Spine => self.spoil_message(request),
                Endpoint::Store => self.spoil_token(request),
                Endpoint::Requesting
                | Endpoint::Sending
                | Endpoint::Sds
                | Endpoint::Pds
                | Endpoint::Office
                | Endpoint::Desk
                | Endpoint::Board
                | Endpoint::ClearingHouse
                | Endpoint::Importing
                | Endpoint::Hub
                | Endpoint::Clinic
                | Endpoint::Mailbox => {}
            }
        }
        output
    }

    fn spoil_message(&self, request: &mut HttpRequest) {
        if self.has(Broken::BareSoapAction)
            && let Some((_, action)) =
                (request.soap_action.as_deref()).and_then(|whole| whole.rsplit_once('/'))
        {
            request.soap_action = Some(action.to_owned());
        }
        if self.has(Broken::AttachmentsFirst)
            && let Some(body) = with_attachments_first(&request.content_type, &request.body)
        {
            request.body = body;
        }
        if self.has(Broken::StrayPart) {
            let encoded = Encoded {
                content_type: request.content_type.clone(),
                soap_action: request.soap_action.clone().unwrap_or_default(),
                body: request.body.clone(),
            };
            if let Some(broken) = break_message(&encoded, Break::UnreferencedPart) {
                request.content_type = broken.content_type;
                request.body = broken.body;
            }
        }
    }

    fn spoil_token(&mut self, request: &mut HttpRequest) {
        let Some(header) = request.headers.get("Authorization").map(str::to_owned) else {
            return;
        };
        let mut spoiled = header.clone();
        if self.has(Broken::TokenKept) {
            spoiled = self.token.get_or_insert(header).clone();
        }
        if self.has(Broken::TokenWithFraction) {
            spoiled = with_fractions(&spoiled).unwrap_or(spoiled);
        }
        let others = request.headers.iter();
        request.headers = others
            .map(|(name, value)| match name {
                "authorization" => (name, spoiled.clone()),
                _ => (name, value.to_owned()),
            })
            .collect();
    }
}

/// The body with its second part behind all others.
fn with_attachments_first(content_type: &str, body: &Bytes) -> Option<Bytes> {
    let boundary = format!("--{}", mime::parameter(content_type, "boundary")?);
    let text = std::str::from_utf8(body).ok()?;
    let mut pieces: Vec<&str> = text.split(&boundary).collect();
    // What stands before the first boundary and behind the last is no part.
    let parts = pieces.len().checked_sub(1)?;
    pieces.get_mut(2..parts)?.rotate_left(1);
    Some(pieces.join(&boundary).into())
}

/// A bearer token that lives half a second longer.
fn with_fractions(header: &str) -> Option<String> {
    let (head, rest) = header.split_once('.')?;
    let (claims, signature) = rest.split_once('.')?;
    let claims = URL_SAFE_NO_PAD.decode_to_vec(claims).ok()?;
    let mut claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let expires = claims.get_mut("exp")?;
    *expires = serde_json::json!(expires.as_f64()? + 0.5);
    let claims = URL_SAFE_NO_PAD.encode_to_string(claims.to_string());
    Some(format!("{head}.{claims}.{signature}"))
}
