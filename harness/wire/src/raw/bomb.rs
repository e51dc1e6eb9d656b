//! Small inputs that grow beyond all bounds in a careless reader.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A document type declaration whose entity `bomb` has ten references at each of nine levels:
/// ten gigabytes.
pub(super) fn entities() -> String {
    let level = |number: u32| {
        let below = format!("&bomb{};", number - 1).repeat(10);
        format!("<!ENTITY bomb{number} \"{below}\">")
    };
    let levels: String = (1..=8).map(level).collect();
    let top = "&bomb8;".repeat(10);
    format!("<!DOCTYPE payload [<!ENTITY bomb0 \"0123456789\">{levels}<!ENTITY bomb \"{top}\">]>")
}

/// One gzip member of about a megabyte that gives a gigabyte of zeros. A flushed deflate block
/// refers to nothing before itself, so one block is compressed and then repeated.
pub(super) fn gzip() -> io::Result<Vec<u8>> {
    const BLOCKS: u32 = 1 << 10;
    const BLOCK_BYTES: u32 = 1 << 20;
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    const LAST_EMPTY_BLOCK: [u8; 2] = [3, 0];

    let zeros = vec![0; 1 << 20];
    let block = flushed_block(&zeros)?;
    let mut block_crc = Crc::new();
    block_crc.update(&zeros);

    let mut crc = Crc::new();
    let mut stream = HEADER.to_vec();
    for _ in 0..BLOCKS {
        stream.extend_from_slice(&block);
        crc.combine(&block_crc);
    }
    stream.extend_from_slice(&LAST_EMPTY_BLOCK);
    stream.extend_from_slice(&crc.sum().to_le_bytes());
    stream.extend_from_slice(&(BLOCK_BYTES * BLOCKS).to_le_bytes());
    Ok(stream)
}

fn flushed_block(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.flush()?;
    Ok(std::mem::take(encoder.get_mut()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn a_gzip_bomb_is_a_valid_stream_of_one_gigabyte() {
        let bomb = gzip().unwrap();
        assert!(bomb.len() < 1_200_000, "{} bytes", bomb.len());
        let mut decoder = GzDecoder::new(bomb.as_slice());
        let mut buffer = vec![0; 1 << 20];
        let mut total = 0_u64;
        loop {
            match decoder.read(&mut buffer).unwrap() {
                0 => break,
                read => total += read as u64,
            }
        }
        assert_eq!(total, 1 << 30);
    }
}
