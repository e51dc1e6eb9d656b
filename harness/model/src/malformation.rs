//! The named ways in which a message can be broken on purpose. How it is done is the codec's
//! business; scenarios and reports need the names.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way of breaking a message.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Break {
    /// The body ends half-way.
    TruncatedMime,
    /// The Content-Type names a boundary that the body does not use.
    WrongBoundary,
    /// The body ends before its closing boundary.
    NoClosingBoundary,
    /// The envelope has no manifest.
    NoManifest,
    /// A part is added that the manifest does not name.
    UnreferencedPart,
    /// The last part is gone, its reference is not.
    DanglingCid,
    /// The last part is there twice.
    DoubledContentId,
    /// A character of the first base64 attachment is not base64.
    BadBase64,
    /// The first base64 attachment ends one character into a group of four.
    TruncatedBase64,
    /// The first `Length` of a description is not the attachment's.
    WrongLength,
    /// The payload declares entities that grow to gigabytes.
    EntityBomb,
    /// The payload declares an entity that names a local file.
    ExternalEntity,
    /// The payload has a document type declaration that declares nothing.
    Doctype,
    /// The payload nests a hundred thousand elements.
    DeepNesting,
    /// A hundred thousand empty parts are added.
    HundredThousandParts,
    /// A multipart message is added as a part.
    NestedMultipart,
    /// SOAPAction and `eb:Action` name another interaction than the payload.
    ActionMismatch,
    /// The payload is a sentence.
    NotXml,
    /// The payload holds bytes that are not UTF-8.
    NotUtf8,
    /// The first `Length` of a description is half the attachment's.
    HalfLength,
    /// Content ids and file names of the manifest are percent-encoded; parts and payload have them plain.
    PercentEncoded,
    /// The payload has no patient id.
    MissingNhsNumber,
    /// The check digit of the payload's NHS number is wrong.
    WrongCheckDigit,
    /// The payload's patient is another one, whose number is as good.
    AnotherPatient,
    /// The author of the extract is another practice.
    AnotherAuthor,
    /// The message id is in lower case, in the envelope and in the payload.
    LowerCaseMessageId,
    /// The conversation id and every UUID of the payload are in lower case.
    LowerCaseIds,
    /// The payload's sender has an ASID that no directory lists.
    UnknownAsid,
    /// The time to live ended a minute before the message was written.
    Expired,
    /// The first base64 attachment is a gzip stream that grows to a gigabyte.
    GzipBomb,
    /// The first part has a header line without a colon.
    HeaderWithoutColon,
    /// The body is empty.
    EmptyBody,
}

impl Break {
    /// Every break.
    pub const ALL: [Self; 32] = [
        Self::TruncatedMime,
        Self::WrongBoundary,
        Self::NoClosingBoundary,
        Self::NoManifest,
        Self::UnreferencedPart,
        Self::DanglingCid,
        Self::DoubledContentId,
        Self::BadBase64,
        Self::TruncatedBase64,
        Self::WrongLength,
        Self::HalfLength,
        Self::PercentEncoded,
        Self::EntityBomb,
        Self::ExternalEntity,
        Self::Doctype,
        Self::DeepNesting,
        Self::HundredThousandParts,
        Self::NestedMultipart,
        Self::ActionMismatch,
        Self::NotXml,
        Self::NotUtf8,
        Self::MissingNhsNumber,
        Self::WrongCheckDigit,
        Self::AnotherPatient,
        Self::AnotherAuthor,
        Self::LowerCaseMessageId,
        Self::LowerCaseIds,
        Self::UnknownAsid,
        Self::Expired,
        Self::GzipBomb,
        Self::HeaderWithoutColon,
        Self::EmptyBody,
    ];

    /// Name in scenario files and reports.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What is wrong with the message, in words.
    pub const fn describe(self) -> &'static str {
        self.row().1
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::TruncatedMime => ("truncated-mime", "the body ends half-way"),
            Self::WrongBoundary => (
                "wrong-boundary",
                "the content type names a boundary that the body does not use",
            ),
            Self::NoClosingBoundary => (
                "no-closing-boundary",
                "the body ends before its closing boundary",
            ),
            Self::NoManifest => ("no-manifest", "the envelope has no manifest"),
            Self::UnreferencedPart => (
                "unreferenced-part",
                "the manifest does not name one of the parts",
            ),
            Self::DanglingCid => (
                "dangling-cid",
                "the manifest names a part that is not there",
            ),
            Self::DoubledContentId => ("doubled-content-id", "two parts carry the same content id"),
            Self::BadBase64 => (
                "bad-base64",
                "an attachment holds a character that is not base64",
            ),
            Self::TruncatedBase64 => (
                "truncated-base64",
                "an attachment ends inside a group of four characters",
            ),
            Self::WrongLength => (
                "wrong-length",
                "a description's Length is not the attachment's",
            ),
            Self::HalfLength => (
                "half-length",
                "a description's Length is half the attachment's",
            ),
            Self::PercentEncoded => (
                "percent-encoded",
                "content ids and file names of the manifest are percent-encoded",
            ),
            Self::EntityBomb => (
                "entity-bomb",
                "the payload declares entities that grow to gigabytes",
            ),
            Self::ExternalEntity => (
                "external-entity",
                "the payload declares an entity that names a local file",
            ),
            Self::Doctype => ("doctype", "the payload has a document type declaration"),
            Self::DeepNesting => (
                "deep-nesting",
                "the payload nests a hundred thousand elements",
            ),
            Self::HundredThousandParts => (
                "hundred-thousand-parts",
                "the body has a hundred thousand empty parts",
            ),
            Self::NestedMultipart => ("nested-multipart", "a part is itself a multipart message"),
            Self::ActionMismatch => (
                "action-mismatch",
                "the action is not the interaction of the payload",
            ),
            Self::NotXml => ("not-xml", "the payload is a sentence, not XML"),
            Self::NotUtf8 => ("not-utf8", "the payload holds bytes that are not UTF-8"),
            Self::MissingNhsNumber => ("missing-nhs-number", "the payload has no patient id"),
            Self::WrongCheckDigit => (
                "wrong-check-digit",
                "the check digit of the NHS number is wrong",
            ),
            Self::AnotherPatient => ("another-patient", "the payload is of another patient"),
            Self::AnotherAuthor => ("another-author", "the extract is from another practice"),
            Self::LowerCaseMessageId => {
                ("lower-case-message-id", "the message id is in lower case")
            }
            Self::LowerCaseIds => (
                "lower-case-ids",
                "the conversation id and every id of the payload are in lower case",
            ),
            Self::UnknownAsid => (
                "unknown-asid",
                "the sender has an ASID that no directory lists",
            ),
            Self::Expired => ("expired", "the message is past its time to live"),
            Self::GzipBomb => (
                "gzip-bomb",
                "an attachment is a gzip stream that grows to a gigabyte",
            ),
            Self::HeaderWithoutColon => (
                "header-without-colon",
                "a part has a header line without a colon",
            ),
            Self::EmptyBody => ("empty-body", "the body is empty"),
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Break {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|how| how.name() == name)
            .ok_or_else(|| format!("unknown break `{name}`"))
    }
}
