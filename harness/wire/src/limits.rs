//! How much of an outside input is taken before it is refused. Fixed, so that no input needs
//! memory beyond a small multiple of its size.

/// Size of a whole message that Spine accepts, in bytes (spec 20).
pub const SPINE_MESSAGE_BYTES: usize = 5_000_000;
/// Parts of a message that Spine accepts: envelope, payload and 98 or 99 attachments (SND-09).
pub const SPINE_PARTS: usize = 100;
/// Largest base64 text of one attachment that is sent in one message; one byte more is split.
pub const ATTACHMENT_BASE64_BYTES: usize = 4_500_000;

/// MIME parts read before a message is refused.
pub const MIME_PARTS: usize = 10_000;
/// References of a manifest read before a message is refused. The longest real one had 2 658.
pub const MANIFEST_REFERENCES: usize = 10_000;
/// Bytes of one MIME part's header block.
pub const MIME_HEADER_BYTES: usize = 16_384;
/// Nesting of XML elements.
pub const XML_DEPTH: usize = 256;
/// XML nodes of an envelope or of a small payload (not of an extract, which is streamed).
pub const XML_NODES: u32 = 400_000;
/// Bytes that a gzip stream may give for each byte that it takes; more is a bomb. Deflate cannot
/// exceed 1032, so clinical text stays far below and a bomb right at it.
pub const GZIP_RATIO: u64 = 400;
/// A gzip stream that gives no more than this is never called a bomb: a blank scanned page of 26 MB
/// shrinks by more than 400.
pub const GZIP_FREE_BYTES: u64 = 64_000_000;
/// Bytes kept of the extract that a skeleton stands for: far above any real record. What is cut
/// off there is no longer well-formed, and is refused as such.
pub const RESTORED_EXTRACT_BYTES: usize = 200_000_000;
