//! A call to a service as a step: to the store, SDS, PDS, the registry, and between those who take part in an
//! export or a federation.

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::{Bodies, BodyRef, Endpoint};

use super::aliases::Aliases;
use super::bodies::Content;
use super::steps::Field;
use crate::check::national::Asked;
use crate::story;

/// Headers that are another for every call, or say how and not what.
const NOT_COMPARED: [&str; 12] = [
    "authorization",
    "apikey",
    "ssp-traceid",
    "x-request-id",
    "x-correlation-id",
    "range",
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "content-length",
    "date",
];

/// Bodies above this are compared by their digests.
const READ_BYTES: u64 = 1_000_000;

/// What is asked of whom, without ids: `asks sds: Z99902 for RCMR_IN010000UK05`.
pub(super) fn called(to: Endpoint, method: Method, path: &str, aliases: &Aliases) -> String {
    let below = path.split('?').next().unwrap_or_default();
    let told = aliases.text(below);
    match to {
        Endpoint::Sds | Endpoint::Pds => {
            let asked = Asked::of(to, method, path);
            if asked == Asked::Unknown {
                return format!("asks {to}: {method} {}", aliases.text(path));
            }
            match &asked {
                Asked::Trace(patient) => {
                    format!("asks pds where {} is registered", aliases.patient(*patient))
                }
                Asked::Update(patient) => {
                    format!("asks pds to register {} here", aliases.patient(*patient))
                }
                Asked::Systems { .. }
                | Asked::Contracts(_)
                | Asked::Gp(_)
                | Asked::Practice(_)
                | Asked::Unknown => {
                    let (service, question) = story::question(&asked);
                    format!("asks {service}: {question}")
                }
            }
        }
        Endpoint::Store => {
            let document = told.split_once("/Binary/").map(|(_, document)| document);
            match (method, document) {
                (Method::Get, Some(document)) => format!("reads {document} in the store"),
                (Method::Delete, Some(document)) => format!("deletes {document} in the store"),
                (Method::Post, Some(document)) => match document.split_once("/$") {
                    Some((document, operation)) => {
                        format!("asks the store to {operation} {document}")
                    }
                    None => format!("asks the store: {method} {told}"),
                },
                // Whose documents is in the query.
                (_, _) => format!("asks the store: {method} {}", aliases.text(path)),
            }
        }
        Endpoint::Requesting
        | Endpoint::Spine
        | Endpoint::Sending
        | Endpoint::Office
        | Endpoint::Desk
        | Endpoint::Board
        | Endpoint::ClearingHouse
        | Endpoint::Importing
        | Endpoint::Hub
        | Endpoint::Clinic
        | Endpoint::Mailbox => format!("asks the {to} system: {method} {told}"),
    }
}

/// Whether the content of a document is read: in one piece or in many.
pub(super) fn is_read(to: Endpoint, method: Method, path: &str) -> bool {
    to == Endpoint::Store && method == Method::Get && path.contains("/Binary/")
}

/// Whether something is another afterwards: then it matters what it was done for.
pub(super) const fn is_change(method: Method) -> bool {
    match method {
        Method::Delete | Method::Put | Method::Patch | Method::Post => true,
        Method::Get | Method::Head => false,
    }
}

/// Headers that say what is meant.
pub(super) fn headers<'h>(
    headers: &'h Headers,
    aliases: &'h Aliases,
) -> impl Iterator<Item = Field> + 'h {
    headers
        .iter()
        .filter(|(name, _)| !NOT_COMPARED.contains(name))
        .map(|(name, value)| Field::new(&format!("header {name}"), aliases.text(value)))
}

/// A body, as far as it is read: what it is is seen in it, whatever its type says.
pub(super) fn content(of: &str, body: &BodyRef, bodies: &dyn Bodies) -> Option<Content> {
    if body.bytes == 0 {
        return None;
    }
    let bytes = match body.bytes <= READ_BYTES {
        true => bodies.body(&body.sha256)?,
        false => Bytes::from(format!("{} bytes, sha256 {}", body.bytes, body.sha256)),
    };
    Some(Content {
        of: of.to_owned(),
        bytes,
        is_text: true,
    })
}
