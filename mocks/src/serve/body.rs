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

/// How often a slow body lets a piece go.
const TICK: Duration = Duration::from_millis(20);

/// A body that leaves as its connection carries it. Its announced length is always the whole.
#[derive(Debug)]
pub(super) struct Carried {
    rest: Bytes,
    announced: u64,
    /// Then the connection breaks, with so much of the body unsent.
    breaks_with: Option<usize>,
    pace: Option<Pace>,
}

/// So much, and then a pause.
#[derive(Debug)]
struct Pace {
    piece_bytes: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

/// The connection is to break here.
#[derive(Debug, thiserror::Error)]
#[error("connection breaks as planned")]
pub(super) struct BreaksOff;

impl Carried {
    pub(super) fn new(body: Bytes, conduct: Conduct) -> Self {
        let announced = body.len() as u64;
        let (breaks_with, pace) = match conduct {
            Conduct::Clean | Conduct::Reset | Conduct::Silent => (None, None),
            Conduct::Truncate { percent } => {
                let kept = body.len() / 100 * usize::from(percent.min(99));
                (Some(body.len() - kept), None)
            }
            Conduct::Slow { bytes_per_second } => {
                let ticks_per_second = 1_000 / TICK.as_millis() as usize;
                let piece_bytes = (bytes_per_second as usize / ticks_per_second).max(1);
                let pause = None;
                (None, Some(Pace { piece_bytes, pause }))
            }
        };
        Self {
            rest: body,
            announced,
            breaks_with,
            pace,
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
        if let Some(unsent) = this.breaks_with {
            let kept = this.rest.len().saturating_sub(unsent);
            if kept == 0 {
                return Poll::Ready(Some(Err(BreaksOff)));
            }
            return Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(kept)))));
        }
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece_bytes = match &mut this.pace {
            None => this.rest.len(),
            Some(pace) => {
                let pause = pace.pause.get_or_insert_with(|| Box::pin(sleep(TICK)));
                ready!(pause.as_mut().poll(context));
                pace.pause = None;
                pace.piece_bytes.min(this.rest.len())
            }
        };
        Poll::Ready(Some(Ok(Frame::data(this.rest.split_to(piece_bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.breaks_with.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let sent = self.announced - self.rest.len() as u64;
        SizeHint::with_exact(self.announced - sent)
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
