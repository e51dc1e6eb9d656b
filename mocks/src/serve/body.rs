//! Bodies into memory, up to [`BODY_BYTES`].

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::BODY_BYTES;

/// Why a body was not taken.
#[derive(Debug)]
pub(super) enum BodyError {
    /// Longer than [`BODY_BYTES`].
    TooLarge,
    /// The connection broke before its end.
    Broken,
}

/// The whole body in one piece of memory, reserved once if its length was announced.
pub(super) async fn collect(mut body: Incoming) -> Result<Bytes, BodyError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > BODY_BYTES {
        return Err(BodyError::TooLarge);
    }
    let mut collected = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        if collected.len() + data.len() > BODY_BYTES {
            return Err(BodyError::TooLarge);
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.freeze())
}
