//! Bytes set aside by a peer: in memory while they are few, else in an anonymous temporary file.
//!
//! A [`Spool`] belongs to one system and has one file, whatever number of texts lie in it: 2 658
//! fragments in the wrong order must not need 2 658 file handles.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// What a spool keeps in memory before it takes a file.
const MEMORY_BYTES: usize = 1024 * 1024;

/// What a writer gathers before it takes more room, in memory or in the file.
const PIECE_BYTES: usize = 64 * 1024;

/// Where a system sets bytes aside. Clones are the same spool.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Mutex<Room>>);

#[derive(Debug)]
struct Room {
    /// Bytes that may still be kept in memory.
    memory_left: usize,
    /// Bytes that the file may still take; `None`: as many as the disk does.
    disk_left: Option<u64>,
    file: Option<File>,
    /// Where the file's next bytes go.
    end: u64,
    /// Contents that lie in the file, in whole or in part.
    in_file: usize,
}

/// Why bytes could not be set aside, or not be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{doing} of a temporary file: {kind}")]
pub struct SpoolError {
    doing: &'static str,
    kind: io::ErrorKind,
}

impl Spool {
    /// An empty spool.
    pub fn new() -> Self {
        Self::with_room(MEMORY_BYTES, None)
    }

    /// An empty spool that keeps so many bytes in memory.
    pub fn with_memory(bytes: usize) -> Self {
        Self::with_room(bytes, None)
    }

    /// An empty spool that keeps nothing in memory and whose disk is full after so many bytes.
    pub fn on_disk_of(bytes: u64) -> Self {
        Self::with_room(0, Some(bytes))
    }

    fn with_room(memory_left: usize, disk_left: Option<u64>) -> Self {
        Self(Arc::new(Mutex::new(Room {
            memory_left,
            disk_left,
            file: None,
            end: 0,
            in_file: 0,
        })))
    }

    /// Begins to set a content aside, piece by piece.
    pub fn writer(&self) -> SpoolWriter {
        SpoolWriter {
            head: Vec::new(),
            memory: Pieces {
                spool: self.clone(),
                pieces: Vec::new(),
            },
            extents: Extents {
                spool: self.clone(),
                ranges: Vec::new(),
            },
            bytes: 0,
        }
    }

    /// Sets a content aside that is there in one piece.
    pub fn keep(&self, content: &[u8]) -> Result<Spooled, SpoolError> {
        let mut writer = self.writer();
        writer.write(content)?;
        writer.finish()
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self::new()
    }
}

/// A content that is being set aside. Dropped unfinished, it is gone.
#[derive(Debug)]
pub struct SpoolWriter {
    /// What has no room yet, at most [`PIECE_BYTES`].
    head: Vec<u8>,
    /// All before it, or nothing.
    memory: Pieces,
    /// All before it, or nothing.
    extents: Extents,
    bytes: u64,
}

impl SpoolWriter {
    /// Adds the next piece.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), SpoolError> {
        if self.head.len() + piece.len() > PIECE_BYTES {
            self.give_room_to_head()?;
        }
        self.bytes += piece.len() as u64;
        if piece.len() <= PIECE_BYTES {
            self.head.extend_from_slice(piece);
            return Ok(());
        }
        match self.is_in_file() || !self.memory.take(piece.len()) {
            true => self.write_out(piece),
            false => {
                self.memory.pieces.push(Bytes::copy_from_slice(piece));
                Ok(())
            }
        }
    }

    /// Adds the next piece. As long as it stays in memory it is not copied.
    pub fn write_shared(&mut self, piece: Bytes) -> Result<(), SpoolError> {
        self.give_room_to_head()?;
        self.bytes += piece.len() as u64;
        self.give_room(piece)
    }

    /// The finished content.
    pub fn finish(mut self) -> Result<Spooled, SpoolError> {
        self.give_room_to_head()?;
        Ok(Spooled {
            bytes: self.bytes,
            kept: Arc::new(Kept {
                memory: self.memory,
                extents: self.extents,
            }),
        })
    }

    fn give_room_to_head(&mut self) -> Result<(), SpoolError> {
        match std::mem::take(&mut self.head) {
            head if head.is_empty() => Ok(()),
            head => self.give_room(head.into()),
        }
    }

    fn give_room(&mut self, piece: Bytes) -> Result<(), SpoolError> {
        if self.is_in_file() || !self.memory.take(piece.len()) {
            return self.write_out(&piece);
        }
        self.memory.pieces.push(piece);
        Ok(())
    }

    fn write_out(&mut self, piece: &[u8]) -> Result<(), SpoolError> {
        for before in self.memory.leave() {
            self.extents.append(&before)?;
        }
        self.extents.append(piece)
    }

    const fn is_in_file(&self) -> bool {
        !self.extents.ranges.is_empty()
    }
}

impl Write for SpoolWriter {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        Self::write(self, piece)?;
        Ok(piece.len())
    }

    /// Nothing to do: nobody reads what is not finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<SpoolError> for io::Error {
    fn from(error: SpoolError) -> Self {
        Self::new(error.kind, error)
    }
}

/// A content that was set aside. Clones are cheap; the last one that is dropped frees the place.
#[derive(Debug, Clone)]
pub struct Spooled {
    bytes: u64,
    kept: Arc<Kept>,
}

/// All of a content, in memory or in the file.
#[derive(Debug)]
struct Kept {
    memory: Pieces,
    extents: Extents,
}

impl Spooled {
    /// Length of the content.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The content from its beginning; any number of readers may be under way.
    pub fn open(&self) -> SpoolReader {
        self.open_at(0)
    }

    /// The content behind its first so many bytes.
    pub fn open_at(&self, at: u64) -> SpoolReader {
        SpoolReader {
            content: self.clone(),
            at,
        }
    }

    /// The whole content. For what may stand in memory.
    pub fn read(&self) -> Result<Bytes, SpoolError> {
        if let ([piece], []) = (&*self.kept.memory.pieces, &*self.kept.extents.ranges) {
            return Ok(piece.clone());
        }
        let mut content = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or_default());
        self.open()
            .read_to_end(&mut content)
            .map_err(failed("reading"))?;
        Ok(content.into())
    }
}

/// Reads a content that was set aside.
#[derive(Debug)]
pub struct SpoolReader {
    content: Spooled,
    at: u64,
}

impl Read for SpoolReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Kept { memory, extents } = &*self.content.kept;
        let read = if extents.ranges.is_empty() {
            memory.at(self.at).read(buffer)?
        } else {
            extents.read_at(self.at, buffer)?
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// A content in memory, in order, counted against the room of its spool.
#[derive(Debug)]
struct Pieces {
    spool: Spool,
    pieces: Vec<Bytes>,
}

impl Pieces {
    /// Whether there is room for so many more bytes; if so, it is taken.
    fn take(&self, bytes: usize) -> bool {
        let mut room = self.spool.room();
        let left = room.memory_left.checked_sub(bytes);
        room.memory_left = left.unwrap_or(room.memory_left);
        left.is_some()
    }

    /// All pieces, which leave the memory.
    fn leave(&mut self) -> Vec<Bytes> {
        let pieces = std::mem::take(&mut self.pieces);
        self.spool.room().memory_left += pieces.iter().map(Bytes::len).sum::<usize>();
        pieces
    }

    /// What is left from this byte on of the piece that it is in.
    fn at(&self, at: u64) -> &[u8] {
        let mut at = usize::try_from(at).unwrap_or(usize::MAX);
        for piece in &self.pieces {
            match piece.get(at..) {
                Some(rest) if !rest.is_empty() => return rest,
                Some(_) | None => at -= piece.len(),
            }
        }
        &[]
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Where in the file a content lies, in order.
#[derive(Debug)]
struct Extents {
    spool: Spool,
    ranges: Vec<Extent>,
}

#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    bytes: u64,
}

impl Extents {
    fn append(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut room = self.spool.room();
        let start = room.append(bytes)?;
        let bytes = bytes.len() as u64;
        match self.ranges.last_mut() {
            Some(last) if last.start + last.bytes == start => last.bytes += bytes,
            Some(_) => self.ranges.push(Extent { start, bytes }),
            None => {
                room.in_file += 1;
                self.ranges.push(Extent { start, bytes });
            }
        }
        Ok(())
    }

    fn read_at(&self, mut at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        for extent in &self.ranges {
            if at < extent.bytes {
                let left = usize::try_from(extent.bytes - at).unwrap_or(usize::MAX);
                let wanted = buffer.len().min(left);
                let buffer = buffer.get_mut(..wanted).unwrap_or_default();
                return self.spool.room().read(extent.start + at, buffer);
            }
            at -= extent.bytes;
        }
        Ok(0)
    }
}

impl Drop for Extents {
    fn drop(&mut self) {
        if !self.ranges.is_empty() {
            self.spool.room().leave_file();
        }
    }
}

impl Room {
    fn append(&mut self, bytes: &[u8]) -> Result<u64, SpoolError> {
        let length = bytes.len() as u64;
        if self.disk_left.is_some_and(|left| left < length) {
            return Err(failed("writing")(io::ErrorKind::StorageFull.into()));
        }
        let file = match &mut self.file {
            Some(file) => file,
            none @ None => none.insert(tempfile::tempfile().map_err(failed("making"))?),
        };
        let start = self.end;
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.write_all(bytes))
            .map_err(failed("writing"))?;
        self.end += length;
        self.disk_left = self.disk_left.map(|left| left - length);
        Ok(start)
    }

    fn read(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(at))?;
        let read = file.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }

    /// A content no longer lies in the file. Once nothing does, the disk gets its place back: for
    /// holes between others nobody has to keep books.
    fn leave_file(&mut self) {
        self.in_file -= 1;
        if self.in_file > 0 {
            return;
        }
        let truncated = self.file.as_ref().map(|file| file.set_len(0));
        if matches!(truncated, Some(Ok(()))) {
            self.disk_left = self.disk_left.map(|left| left + self.end);
            self.end = 0;
        }
    }
}

const fn failed(doing: &'static str) -> impl Fn(io::Error) -> SpoolError {
    move |error| SpoolError {
        doing,
        kind: error.kind(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: usize, seed: u8) -> Vec<u8> {
        (0..bytes)
            .map(|at| u8::try_from(at % 251).unwrap().wrapping_add(seed))
            .collect()
    }

    fn read(spooled: &Spooled) -> Vec<u8> {
        let mut all = Vec::new();
        spooled.open().read_to_end(&mut all).unwrap();
        assert!(spooled.read().unwrap() == all);
        all
    }

    fn file_bytes(spool: &Spool) -> Option<u64> {
        let room = spool.room();
        room.file
            .as_ref()
            .map(|file| file.metadata().unwrap().len())
    }

    #[test]
    fn small_contents_stay_in_memory_until_there_are_many() {
        let spool = Spool::new();
        let few: Vec<_> = (0..16)
            .map(|seed| spool.keep(&content(PIECE_BYTES, seed)).unwrap())
            .collect();
        assert_eq!(file_bytes(&spool), None);
        let more = spool.keep(&content(PIECE_BYTES, 99)).unwrap();
        assert_eq!(file_bytes(&spool), Some(PIECE_BYTES as u64));
        assert_eq!(read(&more), content(PIECE_BYTES, 99));
        drop(few);
        let again = spool.keep(&content(10, 1)).unwrap();
        assert_eq!(file_bytes(&spool), Some(PIECE_BYTES as u64));
        assert_eq!(read(&again), content(10, 1));
    }

    #[test]
    fn contents_written_in_turns_are_read_apart_any_number_of_times() {
        let spool = Spool::new();
        let (one, other) = (content(500_000, 1), content(300_001, 2));
        let (mut first, mut second) = (spool.writer(), spool.writer());
        for (a, b) in one.chunks(70_000).zip(other.chunks(42_000)) {
            first.write(a).unwrap();
            second.write(b).unwrap();
        }
        let (first, second) = (first.finish().unwrap(), second.finish().unwrap());
        assert_eq!((first.bytes(), second.bytes()), (500_000, 300_001));
        let mut half = first.open();
        let mut head = vec![0; 250_000];
        half.read_exact(&mut head).unwrap();
        assert!(read(&first) == one && read(&second) == other && read(&first) == one);
        let mut rest = Vec::new();
        half.read_to_end(&mut rest).unwrap();
        assert!([head, rest].concat() == one);
    }

    #[test]
    fn a_content_is_read_from_anywhere() {
        let bytes = content(200_000, 1);
        for spool in [Spool::new(), Spool::on_disk_of(1_000_000)] {
            let other = spool.keep(&content(70_000, 9)).unwrap();
            for length in [0, 1, 60_000, 200_000] {
                let spooled = spool.keep(&bytes[..length]).unwrap();
                for at in [0, 1, length / 2, length, length + 1] {
                    let mut rest = Vec::new();
                    spooled.open_at(at as u64).read_to_end(&mut rest).unwrap();
                    assert!(rest == bytes[at.min(length)..length], "{at} of {length}");
                }
            }
            drop(other);
        }
    }

    #[test]
    fn the_disk_gets_its_place_back_when_nothing_lies_in_the_file() {
        let spool = Spool::on_disk_of(200_000);
        let first = spool.keep(&content(150_000, 1)).unwrap();
        let clone = first.clone();
        drop(first);
        assert_eq!(read(&clone), content(150_000, 1));
        drop(clone);
        assert_eq!(file_bytes(&spool), Some(0));
        let unfinished = {
            let mut writer = spool.writer();
            writer.write(&content(200_000, 1)).unwrap();
            writer
        };
        drop(unfinished);
        assert_eq!(
            read(&spool.keep(&content(200_000, 3)).unwrap()).len(),
            200_000
        );
    }

    #[test]
    fn a_full_disk_is_an_error_and_harms_nobody_else() {
        let spool = Spool::on_disk_of(200_000);
        let kept = spool.keep(&content(150_000, 1)).unwrap();
        let error = spool.keep(&content(70_000, 2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "writing of a temporary file: no storage space"
        );
        assert_eq!(read(&kept), content(150_000, 1));
        assert_eq!(
            read(&spool.keep(&content(50_000, 4)).unwrap()).len(),
            50_000
        );
    }

    #[test]
    fn nothing_can_be_set_aside_too() {
        let spooled = Spool::new().writer().finish().unwrap();
        assert_eq!(spooled.bytes(), 0);
        assert!(read(&spooled).is_empty());
    }
}
