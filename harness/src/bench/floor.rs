//! What no implementation of the document path can do without: every byte hashed at both ends,
//! made base64 and taken back, and copied through the loopback interface on its way out of the store
//! and on both hops of its message.

use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use base64_simd::{Out, STANDARD};
use gp2gp_model::Sha256;
use serde::Serialize;

use super::measure::on_this_thread;

/// Bytes written to a socket before they are read again: no more than its buffers take.
const BURST_BYTES: usize = 65_536;

/// The floor, by component, in milliseconds of a processor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Floor {
    /// SHA-256 of the document, twice.
    pub sha256_ms: f64,
    /// Document to base64.
    pub encode_ms: f64,
    /// Base64 to document.
    pub decode_ms: f64,
    /// The document through a loopback connection, and its base64 text twice.
    pub loopback_ms: f64,
}

impl Floor {
    /// All components.
    pub fn total_ms(&self) -> f64 {
        self.sha256_ms + self.encode_ms + self.decode_ms + self.loopback_ms
    }
}

/// Does the work of the floor for documents of one size, with memory and connection at hand: all
/// that is left is the work itself.
pub(super) struct Bench {
    document: Vec<u8>,
    text: Vec<u8>,
    sender: TcpStream,
    receiver: TcpStream,
}

impl Bench {
    pub(super) fn new(document: Vec<u8>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let sender = TcpStream::connect(listener.local_addr()?)?;
        let (receiver, _) = listener.accept()?;
        sender.set_nodelay(true)?;
        let text = STANDARD.encode_type::<Vec<u8>>(&document);
        Ok(Self {
            document,
            text,
            sender,
            receiver,
        })
    }

    /// The floor for this number of documents, each component in one go: the clock of a thread
    /// moves in steps of milliseconds.
    pub(super) fn measure(&mut self, documents: u32) -> io::Result<Floor> {
        let ((), sha256) = on_this_thread(|| {
            for _ in 0..2 * documents {
                black_box(Sha256::of(black_box(&self.document)));
            }
        });
        let ((), encode) = on_this_thread(|| {
            for _ in 0..documents {
                let text = Out::from_slice(&mut self.text);
                black_box(STANDARD.encode(black_box(&self.document), text));
            }
        });
        let (decoded, decode) = on_this_thread(|| {
            (0..documents).all(|_| {
                let document = Out::from_slice(&mut self.document);
                STANDARD.decode(black_box(&self.text), document).is_ok()
            })
        });
        let (copied, loopback) =
            on_this_thread(|| (0..documents).try_for_each(|_| self.copy_hops()));
        copied?;
        if !decoded {
            return Err(io::Error::other("base64 of the floor does not decode"));
        }
        Ok(Floor {
            sha256_ms: milliseconds(sha256.cpu),
            encode_ms: milliseconds(encode.cpu),
            decode_ms: milliseconds(decode.cpu),
            loopback_ms: milliseconds(loopback.cpu),
        })
    }

    /// Out of the store, to Spine, and on to the requesting practice.
    fn copy_hops(&mut self) -> io::Result<()> {
        let mut burst = [0; BURST_BYTES];
        for bytes in [&self.document, &self.text, &self.text] {
            for piece in bytes.chunks(BURST_BYTES) {
                self.sender.write_all(piece)?;
                let arrived = burst.get_mut(..piece.len()).unwrap_or_default();
                self.receiver.read_exact(arrived)?;
            }
        }
        Ok(())
    }
}

pub(super) fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_moves_every_byte_and_leaves_the_document_as_it_was() {
        let document: Vec<u8> = (0..=255).cycle().take(300_001).collect();
        let mut bench = Bench::new(document.clone()).unwrap();
        let floor = bench.measure(3).unwrap();
        assert_eq!(bench.document, document);
        let parts = floor.sha256_ms + floor.encode_ms + floor.decode_ms + floor.loopback_ms;
        assert!((floor.total_ms() - parts).abs() < 1e-6);
    }
}
