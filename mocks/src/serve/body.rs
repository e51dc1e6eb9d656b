//! Bodies: into memory, up to [`BODY_BYTES`], and out of it as their connection carries them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::BODY_BYTES;
use crate::peer::Conduct;
use crate::store;

/// How often a slow body lets a piece go.
const TICK: Duration = Duration::from_millis(20);

/// A body that leaves as its connection carries it, from memory or made while it leaves. Its
/// announced length is always the whole.
pub(super) struct Carried {
    piece: Bytes,
    /// What comes behind the piece.
    more: Option<Box<store::Content>>,
    /// Bytes that have not left yet, in this piece and behind it.
    unsent: u64,
    /// Then the connection breaks, with so much of the body unsent.
    breaks_with: Option<u64>,
    /// At most so many leave after each pause.
    piece_bytes: Option<usize>,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The connection is to break here.
#[derive(Debug, thiserror::Error)]
#[error("connection breaks as planned")]
pub(super) struct BreaksOff;

impl Carried {
    pub(super) fn new(body: impl Into<store::Body>, conduct: Conduct) -> Self {
        let body = body.into();
        let bytes = body.len();
        let (breaks_with, piece_bytes) = match conduct {
            Conduct::Clean | Conduct::Reset | Conduct::Silent => (None, None),
            Conduct::Truncate { percent } => {
                let kept = bytes / 100 * u64::from(percent.min(99));
                (Some(bytes - kept), None)
            }
            Conduct::Slow { bytes_per_second } => {
                let ticks_per_second = 1_000 / TICK.as_millis() as usize;
                let piece_bytes = (bytes_per_second as usize / ticks_per_second).max(1);
                (None, Some(piece_bytes))
            }
        };
        let (piece, more) = match body {
            store::Body::Whole(bytes) => (bytes, None),
            store::Body::Content(content) => (Bytes::new(), Some(content)),
        };
        Self {
            piece,
            more,
            unsent: bytes,
            breaks_with,
            piece_bytes,
            pause: None,
        }
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = BreaksOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BreaksOff>>> {
        let this = &mut *self;
        let at_most = this.unsent - this.breaks_with.unwrap_or_default().min(this.unsent);
        if at_most == 0 {
            if this.breaks_with.is_none() {
                return Poll::Ready(None);
            }
            // What was sent must be on its way first: an error drops what is still buffered.
            let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(TICK)));
            ready!(pause.as_mut().poll(context));
            return Poll::Ready(Some(Err(BreaksOff)));
        }
        if this.piece.is_empty() {
            let next = this.more.as_mut().and_then(|more| more.next());
            this.piece = next.unwrap_or_default();
        }
        let mut bytes = (this.piece.len()).min(usize::try_from(at_most).unwrap_or(usize::MAX));
        if let Some(piece_bytes) = this.piece_bytes {
            let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(TICK)));
            ready!(pause.as_mut().poll(context));
            this.pause = None;
            bytes = bytes.min(piece_bytes);
        }
        this.unsent -= bytes as u64;
        Poll::Ready((bytes > 0).then(|| Ok(Frame::data(this.piece.split_to(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.unsent == 0 && self.breaks_with.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent)
    }
}

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
