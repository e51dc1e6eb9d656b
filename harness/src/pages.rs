//! How many pages a record is. Nobody prints here: these are rules of thumb, all of them ours and
//! none from a specification, so that a practice can see the size of what a failure costs.

/// Characters on a printed page: fifty lines of sixty.
const CHARACTERS: u64 = 3_000;
/// Bytes of a structured record for each character that a person reads. A twentieth of our synthetic
/// records is free text; what codes, dates and names say is about as much again.
const RECORD_BYTES_PER_CHARACTER: u64 = 10;
/// A scanned page in black and white, as faxes are packed.
const SCAN: u64 = 50_000;
/// A page of a file with letters and pictures.
const MIXED: u64 = 75_000;
/// A page of a word processor's file.
const WORD: u64 = 20_000;
/// Bytes for each character of a text with markup.
const MARKUP_BYTES_PER_CHARACTER: u64 = 2;

/// Pages of a structured record.
pub(crate) const fn of_record(bytes: u64) -> u64 {
    bytes.div_ceil(CHARACTERS * RECORD_BYTES_PER_CHARACTER)
}

/// Pages of a document.
pub(crate) fn of_document(media_type: &str, bytes: u64) -> u64 {
    Page::of(media_type).pages(bytes)
}

/// How a document of some type fills pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// It only sounds or moves.
    None,
    /// It is a picture.
    One,
    /// A page for so many bytes.
    Every(u64),
}

impl Page {
    /// How documents of this type fill pages.
    pub(crate) fn of(media_type: &str) -> Self {
        Self::Every(match media_type {
            "image/tiff" => SCAN,
            "text/plain" => CHARACTERS,
            "text/rtf" | "application/rtf" | "text/html" | "text/xml" => {
                CHARACTERS * MARKUP_BYTES_PER_CHARACTER
            }
            "application/msword" => WORD,
            it if it.starts_with("audio/") || it.starts_with("video/") => return Self::None,
            it if it.starts_with("image/") => return Self::One,
            _ => MIXED,
        })
    }

    /// Pages of so many bytes.
    pub(crate) fn pages(self, bytes: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::One => 1,
            Self::Every(per_page) => bytes.div_ceil(per_page).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_the_pages_of_its_type_and_size() {
        for (media_type, bytes, pages) in [
            ("image/tiff", 1, 1),
            ("image/tiff", 50_001, 2),
            ("image/tiff", 25_000_000, 500),
            ("application/pdf", 150_000, 2),
            ("text/plain", 3_001, 2),
            ("text/rtf", 3_001, 1),
            ("image/jpeg", 4_000_000, 1),
            ("audio/basic", 4_000_000, 0),
            ("video/mpeg", 1, 0),
            ("text/plain", 0, 1),
        ] {
            assert_eq!(
                of_document(media_type, bytes),
                pages,
                "{media_type} {bytes}"
            );
        }
    }

    #[test]
    fn a_record_has_a_page_for_thirty_thousand_bytes() {
        assert_eq!((of_record(0), of_record(1), of_record(60_000)), (0, 1, 2));
        assert_eq!(of_record(60_001), 3);
    }
}
