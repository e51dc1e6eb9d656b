//! What the answer of a store to a read is worth.

use std::ops::Range;

use bytes::Bytes;
use gp2gp_model::plan::MissingReason;

use crate::peer::HttpResponse;

/// A piece of a document, the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// Size of the whole document.
    pub(super) total: u64,
}

/// Why there is no piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Asking again would give the same.
    ForGood(MissingReason),
    /// The same piece may come another time.
    ForNow(MissingReason),
    /// What came is not the document: it has to be read from its beginning.
    Content,
}

/// The piece in an answer to a request for a range of a document of this type.
pub(super) fn piece(
    response: Option<&HttpResponse>,
    asked: &Range<u64>,
    media_type: &str,
) -> Result<Piece, Refused> {
    let Some(response) = response else {
        return Err(Refused::ForNow(MissingReason::Undetermined));
    };
    if !matches!(response.status, 200 | 206) {
        return Err(refusal(response.status));
    }
    if !is_of_type(response, media_type) {
        return Err(Refused::Content);
    }
    let bytes = response.body.clone();
    let len = bytes.len() as u64;
    let piece = match (response.status, content_range(response)) {
        (206, Some((given, total))) => {
            let due = asked.start..asked.end.min(total);
            (given == due && len == due.end - due.start).then_some(Piece { bytes, total })
        }
        // All of it, whatever was asked for.
        (200, None) => (asked.start == 0).then_some(Piece { bytes, total: len }),
        (_, _) => None,
    };
    piece.ok_or(Refused::Content)
}

const fn refusal(status: u16) -> Refused {
    match status {
        404 => Refused::ForGood(MissingReason::NotFound),
        410 => Refused::ForGood(MissingReason::Deleted),
        415 => Refused::ForGood(MissingReason::UnsupportedType),
        400 | 403 | 405 | 406 | 422 => Refused::ForGood(MissingReason::Undetermined),
        423 => Refused::ForNow(MissingReason::Locked),
        // The document has shrunk since its first piece.
        416 => Refused::Content,
        _ => Refused::ForNow(MissingReason::Undetermined),
    }
}

fn is_of_type(response: &HttpResponse, media_type: &str) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
    response
        .content_type
        .as_deref()
        .is_some_and(|given| essence(given).eq_ignore_ascii_case(&essence(media_type)))
}

/// `Content-Range: bytes a-b/total`, with the end excluded.
fn content_range(response: &HttpResponse) -> Option<(Range<u64>, u64)> {
    let text = response.headers.get("Content-Range")?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let last: u64 = last.parse().ok()?;
    Some((
        first.parse().ok()?..last.checked_add(1)?,
        total.parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use gp2gp_model::http::Headers;

    use super::*;

    const TYPE: &str = "image/tiff";

    fn response(status: u16, range: Option<&str>, body: &'static str) -> HttpResponse {
        let mut headers = Headers::new();
        if let Some(range) = range {
            headers.push("content-range", range);
        }
        HttpResponse {
            status,
            content_type: Some("image/TIFF; q=1".to_owned()),
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    fn of(response: &HttpResponse, asked: Range<u64>) -> Result<(u64, u64), Refused> {
        piece(Some(response), &asked, TYPE).map(|piece| (piece.bytes.len() as u64, piece.total))
    }

    #[test]
    fn a_piece_is_the_one_that_was_asked_for() {
        let given = |range, body| response(206, Some(range), body);
        assert_eq!(of(&given("bytes 0-3/4", "abcd"), 0..9), Ok((4, 4)));
        assert_eq!(of(&given("bytes 2-3/9", "ab"), 2..4), Ok((2, 9)));
        let odd = [
            ("bytes 0-3/4", "abc"),
            ("bytes 1-3/4", "abc"),
            ("bytes 0-2/4", "abc"),
            ("bytes 0-3/*", "abcd"),
            ("bytes 0-18446744073709551615/4", "abcd"),
            ("pages 0-3/4", "abcd"),
            ("bytes */4", ""),
        ];
        for (range, body) in odd {
            assert_eq!(
                of(&given(range, body), 0..9),
                Err(Refused::Content),
                "{range}"
            );
        }
        assert_eq!(
            of(&response(206, None, "abcd"), 0..9),
            Err(Refused::Content)
        );
    }

    #[test]
    fn a_store_without_ranges_gives_all_of_it_at_the_beginning() {
        assert_eq!(of(&response(200, None, "abcd"), 0..2), Ok((4, 4)));
        assert_eq!(
            of(&response(200, None, "abcd"), 2..4),
            Err(Refused::Content)
        );
        assert_eq!(of(&response(200, None, ""), 0..2), Ok((0, 0)));
    }

    #[test]
    fn another_type_is_not_the_document() {
        for content_type in [None, Some("application/fhir+json"), Some("")] {
            let other = HttpResponse {
                content_type: content_type.map(str::to_owned),
                ..response(206, Some("bytes 0-3/4"), "abcd")
            };
            assert_eq!(of(&other, 0..9), Err(Refused::Content), "{content_type:?}");
        }
    }

    #[test]
    fn every_refusal_has_a_reason_and_says_whether_to_ask_again() {
        let reason = |status| of(&response(status, None, ""), 0..9).unwrap_err();
        assert_eq!(reason(404), Refused::ForGood(MissingReason::NotFound));
        assert_eq!(reason(410), Refused::ForGood(MissingReason::Deleted));
        assert_eq!(
            reason(415),
            Refused::ForGood(MissingReason::UnsupportedType)
        );
        assert_eq!(reason(403), Refused::ForGood(MissingReason::Undetermined));
        assert_eq!(reason(423), Refused::ForNow(MissingReason::Locked));
        for status in [401, 408, 429, 500, 503, 302, 100] {
            assert_eq!(reason(status), Refused::ForNow(MissingReason::Undetermined));
        }
        assert_eq!(reason(416), Refused::Content);
        let silence = piece(None, &(0..9), TYPE).unwrap_err();
        assert_eq!(silence, Refused::ForNow(MissingReason::Undetermined));
    }
}
