//! Attachments: how a document becomes text in messages and a document again (spec 20).

mod base64;
mod description;
mod document;
mod entries;
mod fragment;
mod gzip;
mod placeholder;
mod reassemble;
mod skeleton;

use gp2gp_model::EbxmlMessageId;

pub use base64::{Base64Error, Wrap, decode, encode, encoded_len};
pub use description::{Description, DescriptionFault, DescriptionStyle};
pub use document::AttachmentError;
pub use fragment::{ChunkPlan, Cut, DocumentEncoder};
pub use gzip::{GzipError, compress, decompress, smaller};
pub use placeholder::{Placeholder, PlaceholderReason};
pub use reassemble::DocumentDecoder;
pub use skeleton::{SKELETON_DOMAIN, skeleton_record};

/// Media types that Spine carries; anything else travels as octet-stream (LM39).
pub const SPINE_MEDIA_TYPES: [&str; 15] = [
    "text/plain",
    "text/html",
    "text/xml",
    "text/rtf",
    "application/pdf",
    "application/xml",
    "application/msword",
    "application/octet-stream",
    "audio/basic",
    "audio/mpeg",
    "image/png",
    "image/gif",
    "image/jpeg",
    "image/tiff",
    "video/mpeg",
];

/// The type under which a document of this type travels in MIME.
pub fn spine_media_type(true_type: &str) -> &'static str {
    SPINE_MEDIA_TYPES
        .into_iter()
        .find(|allowed| allowed.eq_ignore_ascii_case(true_type.trim()))
        .unwrap_or("application/octet-stream")
}

/// The file name of chunk `n` (from 0) of the document whose index has this message id.
pub fn chunk_file_name(index: &EbxmlMessageId, n: u64) -> String {
    format!("{index}_{n}.messageattachment")
}

/// Real messages beside the repository, for tests.
#[cfg(test)]
mod corpus {
    use std::path::{Path, PathBuf};

    /// The shared folder, or `None` with a notice.
    pub(super) fn shared() -> Option<PathBuf> {
        let named = std::env::var_os("GP2GP_SHARED").map(PathBuf::from);
        let beside = || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .ancestors()
                .map(|folder| folder.join("shared"))
                .find(|shared| shared.join("corpus").is_dir())
        };
        let shared = named.or_else(beside);
        if shared.is_none() {
            eprintln!("skipped: no corpus beside the repository");
        }
        shared
    }

    /// A file of the corpus, or `None` with a notice where there is no corpus.
    pub(super) fn read(name: &str) -> Option<Vec<u8>> {
        let path = shared()?.join("corpus").join(name);
        Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }
}
