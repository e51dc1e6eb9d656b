//! A document to base64 chunks and back, piece by piece: memory is one chunk, never the document.

use super::base64::LINE;
use super::{Base64Error, GzipError};

/// Bytes of content or of text that are worked on in one go. A multiple of what a wrapped line
/// holds.
pub(super) const PIECE: usize = 1024 * LINE / 4 * 3;

/// Why a document does not become chunks, or chunks do not give a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentError {
    /// A chunk is not base64.
    #[error("chunk {chunk}: {source}")]
    Base64 {
        /// Which chunk, from 0.
        chunk: usize,
        /// Why.
        source: Base64Error,
    },
    /// The joined chunks are not what they claim.
    #[error(transparent)]
    Gzip(#[from] GzipError),
    /// The source of the document failed.
    #[error("document source: {0}")]
    Source(String),
    /// Its gzip stream could not be set aside.
    #[error("gzip stream of a document: {0}")]
    Stream(String),
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::super::{compress, corpus, decode};
    use std::io::{self, Read, Write};

    use super::super::gzip::compressing;
    use super::super::{ChunkPlan, Cut, DocumentDecoder, DocumentEncoder, Wrap};
    use super::*;
    use crate::limits::ATTACHMENT_BASE64_BYTES;
    use crate::limits::GZIP_FREE_BYTES;
    use bytes::Bytes;
    use gp2gp_model::manner::ChunkEnds;

    const WRAPS: [Wrap; 3] = [Wrap::None, Wrap::Lf76, Wrap::CrLf76];
    const ENDS: [ChunkEnds; 3] = [ChunkEnds::Groups, ChunkEnds::Uneven, ChunkEnds::Padded];

    fn survey(document: &[u8], try_gzip: bool, wrap: Wrap, threshold: usize) -> ChunkPlan {
        surveyed(document, try_gzip, Cut::groups(wrap, threshold))
    }

    fn surveyed(document: &[u8], try_gzip: bool, cut: Cut) -> ChunkPlan {
        let mut nowhere = io::sink();
        let gzip = try_gzip.then_some(&mut nowhere as &mut dyn Write);
        ChunkPlan::survey(document, None, gzip, cut).unwrap()
    }

    fn fragment(document: &[u8], plan: ChunkPlan, wrap: Wrap, threshold: usize) -> Vec<Bytes> {
        cut_up(document, plan, Cut::groups(wrap, threshold))
    }

    /// The texts of a document that was surveyed.
    fn cut_up(document: &[u8], plan: ChunkPlan, cut: Cut) -> Vec<Bytes> {
        let mut stream = Vec::new();
        if plan.compressed {
            ChunkPlan::survey(document, None, Some(&mut stream), cut).unwrap();
        }
        let content = if plan.compressed { &stream } else { document };
        DocumentEncoder::new(content, plan, cut)
            .collect::<Result<_, _>>()
            .unwrap()
    }

    fn reassemble<'t>(
        compressed: bool,
        chunks: impl IntoIterator<Item = &'t [u8]>,
    ) -> Result<Vec<u8>, AttachmentError> {
        let mut document = Vec::new();
        let mut sink = |piece: &[u8]| {
            assert!(!piece.is_empty() && piece.len() <= 65_536);
            document.extend_from_slice(piece);
        };
        let mut decoder = DocumentDecoder::new(compressed);
        for chunk in chunks {
            decoder.push(chunk, &mut sink)?;
        }
        decoder.finish(&mut sink)?;
        Ok(document)
    }

    /// A document of this length, more or less compressible.
    fn document(length: usize, seed: u8, spread: u8) -> Vec<u8> {
        let mut state = u32::from(seed) + 1;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 & spread
        };
        (0..length).map(next).collect()
    }

    fn documents() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0..400_usize, 0..300_000_usize];
        (
            length,
            any::<u8>(),
            prop_oneof![Just(0xff), Just(0x07), Just(0)],
        )
            .prop_map(|(length, seed, spread)| document(length, seed, spread))
    }

    fn thresholds() -> impl Strategy<Value = usize> {
        prop_oneof![500..100_000_usize, 1_000_000..2_000_000_usize]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn chunks_give_the_document_back_and_are_what_the_plan_promised(
            document in documents(), threshold in thresholds(), try_gzip: bool,
        ) {
            for wrap in WRAPS {
                let plan = survey(&document, try_gzip, wrap, threshold);
                let chunks = fragment(&document, plan, wrap, threshold);
                prop_assert_eq!(plan.document_bytes, document.len() as u64);
                prop_assert_eq!(plan.chunks, chunks.len() as u64);
                prop_assert_eq!(plan.text_bytes, chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>());
                prop_assert!(chunks.iter().all(|chunk| chunk.len() <= threshold));
                prop_assert!(reassemble(plan.compressed, chunks.iter().map(|chunk| &chunk[..])).unwrap() == document);

                let alone: Vec<_> = chunks.iter().flat_map(|chunk| decode(chunk).unwrap()).collect();
                let content = if plan.compressed { compress(&document) } else { document.clone() };
                prop_assert!(alone == content);
            }
        }

        #[test]
        fn chunks_cut_in_any_way_give_the_document_back_and_are_what_the_plan_promised(
            document in documents(), threshold in prop_oneof![4..300_usize, 300..100_000_usize], try_gzip: bool,
        ) {
            for (wrap, ends) in WRAPS.into_iter().flat_map(|wrap| ENDS.map(|ends| (wrap, ends))) {
                let cut = Cut { wrap, threshold, ends };
                let plan = surveyed(&document, try_gzip, cut);
                let chunks = cut_up(&document, plan, cut);
                prop_assert_eq!(plan.chunks, chunks.len() as u64);
                prop_assert_eq!(plan.text_bytes, chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>());
                prop_assert!(chunks.iter().all(|chunk| chunk.len() <= threshold));
                let before_last = &chunks[..chunks.len() - 1];
                prop_assert!(before_last.iter().all(|chunk| chunk.len() as u64 == plan.chunk_text_bytes));
                let characters = |text: &Bytes| text.iter().filter(|byte| !byte.is_ascii_whitespace()).count() as u64;
                for (number, chunk) in (0..).zip(&chunks) {
                    prop_assert_eq!(plan.length_of(number), chunk.len() as u64);
                    prop_assert_eq!(plan.characters_of(number, cut), characters(chunk));
                }
                prop_assert_eq!(plan.characters(cut), chunks.iter().map(characters).sum::<u64>());
                prop_assert!(reassemble(plan.compressed, chunks.iter().map(|chunk| &chunk[..])).unwrap() == document);
            }
        }

        #[test]
        fn a_chunk_is_the_same_wherever_reading_begins_and_costs_no_more_than_itself(
            document in documents(), threshold in prop_oneof![4..300_usize, 300..100_000_usize], try_gzip: bool, first: prop::sample::Index,
        ) {
            for (wrap, ends) in WRAPS.into_iter().flat_map(|wrap| ENDS.map(|ends| (wrap, ends))) {
                let cut = Cut { wrap, threshold, ends };
                let plan = surveyed(&document, try_gzip, cut);
                let chunks = cut_up(&document, plan, cut);
                let mut content = document.clone();
                if plan.compressed {
                    content.clear();
                    ChunkPlan::survey(&document[..], None, Some(&mut content), cut).unwrap();
                }
                let first = first.index(chunks.len());
                let before = usize::try_from(plan.content_before(first as u64, cut)).unwrap();
                let mut rest = &content[before..];
                let mut encoder = DocumentEncoder::starting_at(first as u64, &mut rest, plan, cut);
                let one = encoder.next().unwrap().unwrap();
                prop_assert!(one == chunks[first]);
                prop_assert!(encoder.map(Result::unwrap).eq(chunks[first + 1..].iter().cloned()));

                let mut rest = &content[before..];
                let _ = DocumentEncoder::starting_at(first as u64, &mut rest, plan, cut).next();
                prop_assert!(content.len() - before - rest.len() <= threshold + 2 * PIECE);
            }
        }

        #[test]
        fn tiny_thresholds_neither_loop_nor_lose_a_byte(
            document in vec(any::<u8>(), 0..700), threshold in 0..200_usize,
        ) {
            for wrap in WRAPS {
                let plan = survey(&document, false, wrap, threshold);
                let chunks = fragment(&document, plan, wrap, threshold);
                prop_assert!(chunks.iter().all(|chunk| chunk.len() <= threshold.max(4)));
                prop_assert_eq!(plan.text_bytes, chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>());
                prop_assert!(reassemble(false, chunks.iter().map(|chunk| &chunk[..])).unwrap() == document);
            }
        }

        #[test]
        fn text_cut_at_any_character_gives_the_document(
            document in documents(), try_gzip: bool, cuts in vec(any::<prop::sample::Index>(), 0..8), blank in "[ \r\n\t]{0,3}",
        ) {
            for wrap in WRAPS {
                let plan = survey(&document, try_gzip, wrap, usize::MAX);
                let text = fragment(&document, plan, wrap, usize::MAX).concat();
                let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
                cuts.extend([0, text.len()]);
                cuts.sort_unstable();
                let chunks: Vec<_> = cuts.windows(2)
                    .map(|cut| [blank.as_bytes(), &text[cut[0]..cut[1]], blank.as_bytes()].concat())
                    .collect();
                prop_assert!(reassemble(plan.compressed, chunks.iter().map(|chunk| &chunk[..])).unwrap() == document);
            }
        }

        #[test]
        fn chunks_padded_on_their_own_give_the_document(document in vec(any::<u8>(), 1..3000), length in 1..500_usize) {
            let chunks: Vec<_> = document.chunks(length).map(|bytes| super::super::encode(bytes, Wrap::CrLf76)).collect();
            prop_assert_eq!(reassemble(false, chunks.iter().map(|chunk| &chunk[..])), Ok(document));
        }

        #[test]
        fn no_chunks_panic(chunks in vec(vec(any::<u8>(), 0..200), 0..5), compressed: bool) {
            let _ = reassemble(compressed, chunks.iter().map(|chunk| &chunk[..]));
        }

        #[test]
        fn no_compressed_content_panics(mut content in vec(any::<u8>(), 0..100), keep in 0..40_usize) {
            let stream = compress(&document(5000, 1, 3));
            content.splice(0..0, stream[..keep].iter().copied());
            let text = super::super::encode(&content, Wrap::None);
            let _ = reassemble(true, [&text[..]]);
        }
    }

    #[test]
    fn text_of_exactly_the_threshold_is_not_split() {
        for wrap in WRAPS {
            for (bytes, chunks) in [(3, 1), (0, 1), (4, 2)] {
                let plan = survey(&document(bytes, 0, 0xff), false, wrap, 4);
                assert_eq!(
                    (plan.chunks, plan.text_bytes),
                    (chunks, bytes.div_ceil(3) as u64 * 4)
                );
            }
        }
        // One line and a half: cut between lines it would be two chunks.
        for (threshold, chunks) in [(115, 2), (116, 1), (117, 1)] {
            let plan = survey(&document(87, 7, 0xff), false, Wrap::CrLf76, threshold + 2);
            assert_eq!(plan.chunks, chunks, "{threshold}");
        }
        let largest = ATTACHMENT_BASE64_BYTES / 4 * 3;
        for (bytes, chunks) in [(largest - 1, 1), (largest, 1), (largest + 1, 2)] {
            let document = document(bytes, 7, 0xff);
            let plan = survey(&document, false, Wrap::None, ATTACHMENT_BASE64_BYTES);
            let texts = fragment(&document, plan, Wrap::None, ATTACHMENT_BASE64_BYTES);
            assert_eq!(
                (texts.len(), texts[0].len()),
                (chunks, ATTACHMENT_BASE64_BYTES)
            );
            assert!(reassemble(false, texts.iter().map(|chunk| &chunk[..])).unwrap() == document);
        }
    }

    #[test]
    fn wrapped_text_is_cut_between_lines_and_counts_its_line_ends() {
        let document = document(57 * 10, 7, 0xff);
        let plan = survey(&document, false, Wrap::CrLf76, 4 * 78 - 2);
        let chunks = fragment(&document, plan, Wrap::CrLf76, 4 * 78 - 2);
        assert_eq!(
            chunks.iter().map(Bytes::len).collect::<Vec<_>>(),
            [310, 310, 154]
        );
        assert_eq!(plan.text_bytes, 774);
    }

    #[test]
    fn uneven_chunks_end_inside_a_group_and_padded_ones_after_padding() {
        let document = document(1_000, 7, 0xff);
        for wrap in WRAPS {
            let chunks = |ends| {
                let cut = Cut {
                    wrap,
                    threshold: 400,
                    ends,
                };
                cut_up(&document, surveyed(&document, false, cut), cut)
            };
            let uneven = chunks(ChunkEnds::Uneven);
            let first = Err(Base64Error::Truncated { over: 3 });
            assert_eq!(decode(&uneven[0]), first, "{wrap:?}");
            assert_eq!(uneven.concat(), super::super::encode(&document, wrap));
            let padded = chunks(ChunkEnds::Padded);
            assert!(padded[0].ends_with(b"=") && decode(&padded[0]).is_ok());
            assert!(padded.len() > 2 && padded[1].ends_with(b"="));
        }
    }

    #[test]
    fn an_empty_document_is_one_empty_chunk() {
        for wrap in WRAPS {
            let plan = survey(b"", true, wrap, 100);
            assert_eq!(
                plan,
                ChunkPlan {
                    compressed: false,
                    document_bytes: 0,
                    text_bytes: 0,
                    chunks: 1,
                    chunk_text_bytes: 0,
                }
            );
            assert_eq!(fragment(b"", plan, wrap, 100), [Bytes::new()]);
        }
        assert_eq!(reassemble(false, [&b""[..]]), Ok(Vec::new()));
    }

    #[test]
    fn gzip_is_used_only_where_it_makes_the_content_smaller() {
        assert!(survey(&document(10_000, 1, 3), true, Wrap::None, 1000).compressed);
        assert!(!survey(&document(10_000, 1, 0xff), true, Wrap::None, 1000).compressed);
        assert!(!survey(&document(10_000, 1, 3), false, Wrap::None, 1000).compressed);
    }

    #[test]
    fn gzip_is_not_tried_where_the_first_64_kib_do_not_shrink() {
        let dense = document(65_536, 1, 0xff);
        let late = [dense.clone(), document(500_000, 1, 3)].concat();
        let early = [document(500_000, 1, 3), dense].concat();
        assert!(!survey(&late, true, Wrap::None, 1000).compressed);
        assert!(survey(&early, true, Wrap::None, 1000).compressed);
    }

    #[test]
    fn a_document_of_known_length_that_is_not_compressed_is_not_read_to_its_end() {
        let dense = document(1_000_000, 1, 0xff);
        let mut nowhere = io::sink();
        for (gzip, read) in [(None, 0), (Some(&mut nowhere as &mut dyn Write), 65_536)] {
            let mut source = &dense[..];
            let known = Some(dense.len() as u64);
            let plan =
                ChunkPlan::survey(&mut source, known, gzip, Cut::groups(Wrap::None, 1000)).unwrap();
            assert_eq!(plan, survey(&dense, false, Wrap::None, 1000));
            assert_eq!(dense.len() - source.len(), read);
        }
    }

    #[test]
    fn gzip_is_not_used_where_a_reader_would_see_a_bomb() {
        let ample = GZIP_FREE_BYTES as usize;
        let blank = vec![0; ample + ample / 2];
        let stream = super::super::encode(&compress(&blank), Wrap::None);
        let mut decoder = DocumentDecoder::new(true);
        let refused = decoder.push(&stream, &mut |_| {});
        assert!(
            matches!(refused, Err(AttachmentError::Gzip(GzipError::Bomb { .. }))),
            "{refused:?}"
        );
        assert!(!survey(&blank, true, Wrap::None, 1_000_000).compressed);
        assert!(survey(&blank[..ample], true, Wrap::None, 1_000_000).compressed);
    }

    #[test]
    fn a_gzip_bomb_is_stopped_early() {
        let zeros = io::repeat(0).take(1_000_000_000);
        let mut stream = Vec::new();
        compressing(zeros).read_to_end(&mut stream).unwrap();
        let mut given = 0;
        let mut decoder = DocumentDecoder::new(true);
        let text = super::super::encode(&stream, Wrap::Lf76);
        let stopped = decoder.push(&text, &mut |piece| given += piece.len() as u64);
        let limit = GZIP_FREE_BYTES;
        assert_eq!(
            stopped,
            Err(AttachmentError::Gzip(GzipError::Bomb { limit }))
        );
        assert!(given <= limit, "{given}");
    }

    #[test]
    fn an_unfinished_group_or_stream_is_an_error_at_the_end() {
        let truncated = |chunk| {
            Err(AttachmentError::Base64 {
                chunk,
                source: Base64Error::Truncated { over: 2 },
            })
        };
        assert_eq!(reassemble(false, [&b"QUJD"[..], b"QU"]), truncated(1));
        let stream = compress(b"a document");
        let text = super::super::encode(&stream[..stream.len() - 1], Wrap::None);
        assert!(matches!(
            reassemble(true, [&text[..]]),
            Err(AttachmentError::Gzip(GzipError::Broken(_)))
        ));
        assert!(matches!(
            reassemble(true, []),
            Err(AttachmentError::Gzip(GzipError::Broken(_)))
        ));
    }

    #[test]
    fn an_error_names_its_chunk_and_the_offset_in_it() {
        let long = super::super::encode(&document(100_000, 3, 0xff), Wrap::Lf76);
        let mut bad = long.to_vec();
        bad[120_000] = b'!';
        let error = reassemble(false, [&long[..], &bad[..]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "chunk 1: byte 0x21 at offset 120000 is not base64"
        );
    }

    #[test]
    fn identity_parts_are_the_document_itself() {
        let mut document = Vec::new();
        let mut sink = |piece: &[u8]| document.extend_from_slice(piece);
        let mut decoder = DocumentDecoder::new(false);
        decoder.push_identity(b"plain = text ", &mut sink).unwrap();
        decoder.push(b"QUJD", &mut sink).unwrap();
        decoder.push_identity(b"!", &mut sink).unwrap();
        decoder.push(b"QU", &mut sink).unwrap();
        let error = decoder.push_identity(b"more", &mut sink).unwrap_err();
        assert_eq!(
            error.to_string(),
            "chunk 3: text ends 2 characters into a group of four"
        );
        assert_eq!(document, b"plain = text ABC!");
    }

    #[test]
    fn a_document_that_changed_since_its_survey_is_an_error() {
        let surveyed = document(50_000, 1, 0xff);
        let plan = survey(&surveyed, false, Wrap::None, 10_000);
        for length in [0, 7_499, 49_999, 50_001, 50_002, 90_000] {
            let changed = document(length, 1, 0xff);
            let chunks: Vec<_> =
                DocumentEncoder::new(&changed[..], plan, Cut::groups(Wrap::None, 10_000)).collect();
            assert_eq!(
                chunks.iter().filter(|chunk| chunk.is_err()).count(),
                1,
                "{length}"
            );
            assert!(chunks.last().unwrap().is_err(), "{length}");
        }
    }

    #[test]
    fn a_failing_source_is_an_error_once() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk is gone"))
            }
        }
        let error = AttachmentError::Source("disk is gone".to_owned());
        let mut stream = Vec::new();
        for gzip in [None, Some(&mut stream as &mut dyn Write)] {
            assert_eq!(
                ChunkPlan::survey(Failing, None, gzip, Cut::groups(Wrap::None, 100)),
                Err(error.clone())
            );
        }
        let plan = ChunkPlan {
            compressed: false,
            document_bytes: 300,
            text_bytes: 400,
            chunks: 4,
            chunk_text_bytes: 100,
        };
        let chunks: Vec<_> =
            DocumentEncoder::new(Failing, plan, Cut::groups(Wrap::None, 100)).collect();
        assert_eq!(chunks, [Err(error)]);
    }

    #[test]
    fn a_gzip_stream_that_cannot_be_set_aside_is_an_error() {
        for length in [1_000, 200_000] {
            let mut full: &mut [u8] = &mut [0; 10];
            assert!(matches!(
                ChunkPlan::survey(
                    &document(length, 1, 3)[..],
                    None,
                    Some(&mut full),
                    Cut::groups(Wrap::None, 100)
                ),
                Err(AttachmentError::Stream(_))
            ));
        }
    }

    /// The base64 text of a recorded request: its last MIME part.
    fn recorded_text(name: &str) -> Option<Vec<u8>> {
        let request = corpus::read(&format!("large-message-1/{name}.ebxml"))?;
        let request = String::from_utf8(request).unwrap().replace('\r', "");
        let body = request
            .rsplit_once("\n----=_MIME-Boundary--")?
            .0
            .rsplit_once("\n\n")?;
        // White space before the closing boundary belongs to the part.
        let text = if body.1.trim().is_empty() {
            body.0.trim_end().rsplit_once("\n\n")?.1
        } else {
            body.1
        };
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn recorded_documents_have_their_published_digests() {
        let digest = |compressed, names: &[&str]| {
            let texts: Option<Vec<_>> = names.iter().map(|name| recorded_text(name)).collect();
            let document = reassemble(compressed, texts?.iter().map(|text| &text[..])).unwrap();
            let digest: String = Sha256::digest(&document)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            Some((document.len(), digest))
        };
        let book = digest(
            false,
            &[
                "COPC_IN000001UK01_3F594B5F-3FAF-11E3-B10C-8BC15657569C_Fragment0",
                "COPC_IN000001UK01_3F35E4D9-3FAF-11E3-B10C-8BC15657569C_Fragment1",
            ],
        );
        let image = digest(
            true,
            &["COPC_IN000001UK01_27BFE0BA-3D93-11E3-A2CF-E1C5FFEB5098_compressed"],
        );
        let video = digest(
            false,
            &["COPC_IN000001UK01_27C75ACD-3D93-11E3-A2CF-E1C5FFEB5098_video"],
        );
        if let (Some(book), Some(image), Some(video)) = (book, image, video) {
            let published = |length, digest: &str| (length, digest.to_owned());
            assert_eq!(
                book,
                published(
                    1_271_430,
                    "e125a9852f9465e16c0d624d9d310382b0006fd0aaa243f8de35f5a60e1cade6"
                )
            );
            assert_eq!(
                image,
                published(
                    31_388,
                    "45c73a2fac9febd9b7fc0a21546cd9c1ce45cdf2d7a70685e3eed4ee5c065c89"
                )
            );
            assert_eq!(
                video,
                published(
                    245_779,
                    "53a5d36e734ac8e2825a02d877bc2c8ac323c98a585a1324cee2cd8149474027"
                )
            );
        }
    }
}
