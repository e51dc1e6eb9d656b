//! Servers that do what no server can do without, and nothing else: hyper with a canned reply, with
//! the message taken apart, and with a body from memory.

use std::io;
use std::net::SocketAddr;

use base64_simd::STANDARD;
use bytes::Bytes;
use gp2gp_benches::delivering::message_id;
use gp2gp_benches::traffic::DOCUMENT_BYTES;
use gp2gp_model::Sha256;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpListener;

/// Size of the acknowledgment that is echoed.
const REPLY_BYTES: usize = 1_500;

/// What a floor does with a request.
#[derive(Clone, Copy)]
pub(crate) enum Floor {
    /// Reads it, answers the same to all.
    Canned,
    /// Splits its parts, finds its id, answers with it.
    Echo,
    /// Splits its parts, decodes and digests its attachment.
    Digest,
    /// Gives a document from memory.
    Document,
}

/// Serves on a free port of the loopback interface, until the process ends.
pub(crate) async fn serve(floor: Floor) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let document = Bytes::from(vec![
        7;
        match floor {
            Floor::Document => DOCUMENT_BYTES,
            Floor::Canned | Floor::Echo | Floor::Digest => REPLY_BYTES,
        }
    ]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let document = document.clone();
            let service = service_fn(move |request| answer(floor, document.clone(), request));
            // Small answers wait for nobody.
            let _ = stream.set_nodelay(true);
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(addr)
}

async fn answer(
    floor: Floor,
    document: Bytes,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let content_type = head.headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let reply = match floor {
        Floor::Canned | Floor::Document => Some(document),
        Floor::Echo => content_type.and_then(|content_type| echo(content_type, &body)),
        Floor::Digest => content_type.and_then(|content_type| digest(content_type, &body)),
    };
    let status = match (&reply, floor) {
        (None, _) => StatusCode::BAD_REQUEST,
        (Some(_), Floor::Document) => StatusCode::OK,
        (Some(_), Floor::Canned | Floor::Echo | Floor::Digest) => StatusCode::ACCEPTED,
    };
    let mut response = Response::new(Full::new(reply.unwrap_or_default()));
    *response.status_mut() = status;
    Ok(response)
}

fn echo(content_type: &str, body: &Bytes) -> Option<Bytes> {
    let parts = parts(content_type, body)?;
    let id = message_id(parts.first()?)?;
    let mut reply = Vec::with_capacity(REPLY_BYTES);
    reply.extend_from_slice(id);
    reply.resize(REPLY_BYTES, b' ');
    Some(reply.into())
}

fn digest(content_type: &str, body: &Bytes) -> Option<Bytes> {
    let parts = parts(content_type, body)?;
    let (_, text) = split_once(parts.get(2)?, b"\n\n")?;
    let content = STANDARD.decode_to_vec(text).ok()?;
    let mut hasher = Sha256::hasher();
    hasher.update(&content);
    let id = message_id(parts.first()?)?;
    Some(
        [id, hasher.finish().0.to_string().as_bytes()]
            .concat()
            .into(),
    )
}

/// The parts of a body with their headers, by nothing but the search for the boundary.
fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let (_, rest) = content_type.split_once("boundary=")?;
    let boundary = rest.split(';').next()?.trim_matches('"');
    let delimiter = format!("\n--{boundary}");
    let mut from = delimiter.len();
    let mut parts = Vec::new();
    for at in memmem::find_iter(body, delimiter.as_bytes()) {
        parts.push(body.get(from..at)?);
        from = at + delimiter.len();
    }
    Some(parts)
}

fn split_once<'a>(text: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = memmem::find(text, at)?;
    Some((text.get(..found)?, text.get(found + at.len()..)?))
}
