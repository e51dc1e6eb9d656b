//! The load: connections that each send their next request when the last is answered. Every answer
//! is read to its end and looked at.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use gp2gp_benches::traffic::Traffic;

/// Bytes of an answer that are read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Sends for so long over so many connections, and says how many requests were answered as they
/// must be. The ids of messages are drawn from `numbers`.
#[expect(
    clippy::disallowed_methods,
    reason = "load is measured by the wall clock"
)]
pub(crate) async fn run(
    to: SocketAddr,
    traffic: &Arc<Traffic>,
    connections: usize,
    lasts: Duration,
    numbers: &Arc<AtomicU64>,
) -> io::Result<u64> {
    let until = Instant::now() + lasts;
    let mut talks = JoinSet::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let mut connection = Connection::new(stream, Arc::clone(traffic));
        let numbers = Arc::clone(numbers);
        talks.spawn(async move {
            let mut answered = 0;
            while Instant::now() < until {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                connection.exchange(number).await?;
                answered += 1;
            }
            Ok::<_, io::Error>(answered)
        });
    }
    let mut answered = 0;
    while let Some(talk) = talks.join_next().await {
        answered += talk.map_err(io::Error::other)??;
    }
    Ok(answered)
}

struct Connection {
    stream: TcpStream,
    traffic: Arc<Traffic>,
    request: Vec<u8>,
    piece: Vec<u8>,
}

impl Connection {
    fn new(stream: TcpStream, traffic: Arc<Traffic>) -> Self {
        Self {
            stream,
            request: traffic.copy(),
            traffic,
            piece: vec![0; PIECE_BYTES],
        }
    }

    async fn exchange(&mut self, number: u64) -> io::Result<()> {
        let named = self.traffic.renew(&mut self.request, number);
        self.stream.write_all(&self.request).await?;
        let mut read = 0;
        let head = loop {
            read += self.read(read).await?;
            if let Some(head) = Head::of(self.piece.get(..read).unwrap_or_default()) {
                break head;
            }
        };
        if head.status != self.traffic.status || head.body_bytes < self.traffic.least_bytes {
            let answer = self.piece.get(..read.min(2_000)).unwrap_or_default();
            return Err(wrong(&String::from_utf8_lossy(answer)));
        }
        let whole = head.bytes + head.body_bytes;
        if let Some(id) = named {
            while read < whole {
                read += self.read(read).await?;
            }
            let body = self.piece.get(head.bytes..read).unwrap_or_default();
            memmem::find(body, &id).ok_or_else(|| wrong("its answer does not name the message"))?;
        }
        while read < whole {
            read += self.read(0).await?;
        }
        Ok(())
    }

    async fn read(&mut self, at: usize) -> io::Result<usize> {
        let room = self.piece.get_mut(at..).unwrap_or_default();
        match self.stream.read(room).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => Ok(bytes),
        }
    }
}

/// What stands before the body of an answer.
struct Head {
    status: u16,
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// `None` while it is not all there.
    fn of(read: &[u8]) -> Option<Self> {
        const LENGTH: &str = "content-length:";
        let end = memmem::find(read, b"\r\n\r\n")?;
        let text = std::str::from_utf8(read.get(..end)?).ok()?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_at_checked(LENGTH.len())?;
            name.eq_ignore_ascii_case(LENGTH)
                .then(|| value.trim().parse().ok())?
        });
        Some(Self {
            status: text.get(9..12)?.parse().ok()?,
            bytes: end + 4,
            body_bytes: length.unwrap_or_default(),
        })
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::other(format!("not the answer that was wanted: {why}"))
}
