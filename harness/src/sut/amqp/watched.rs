//! A connection that tells when it breaks: whoever waits for an answer on it need not wait on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

use super::{Broker, BrokerError};

/// The connection, and who is told.
pub(super) fn watched<Io>(stream: Io) -> (Watched<Io>, Broken) {
    let (breaks, broken) = watch::channel(false);
    (Watched { stream, breaks }, Broken(broken))
}

/// A connection that is watched while it is read.
#[derive(Debug)]
pub(super) struct Watched<Io> {
    stream: Io,
    breaks: watch::Sender<bool>,
}

/// Whether the connection is broken.
pub(super) struct Broken(watch::Receiver<bool>);

impl Broken {
    /// What comes of something that needs the connection, unless that breaks first.
    pub(super) async fn or<T>(
        &mut self,
        broker: &Broker,
        of: impl Future<Output = T>,
    ) -> Result<T, BrokerError> {
        tokio::select! {
            biased;
            done = of => Ok(done),
            _ = self.0.wait_for(|broken| *broken) => {
                Err(broker.lost(&"the broker closed it"))
            }
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Watched<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let is_over = match &polled {
            Poll::Ready(Ok(())) => room > 0 && buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if is_over {
            self.breaks.send_replace(true);
        }
        polled
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Watched<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
