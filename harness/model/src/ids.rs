//! Identifiers, parsed once at the door. Each is a type of its own, so that an ebXML
//! message id can never be handed over where an HL7 message id is meant.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a text is not an identifier of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty or only white space.
    #[error("{kind} is empty")]
    Empty {
        /// The kind of identifier, in words.
        kind: &'static str,
    },
    /// The text is longer than any identifier of this kind.
    #[error("{kind} is {found} bytes long, at most {limit} are allowed")]
    TooLong {
        /// The kind of identifier, in words.
        kind: &'static str,
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The text holds white space or a control character.
    #[error("{kind} `{text}` holds white space or a control character")]
    Unprintable {
        /// The kind of identifier, in words.
        kind: &'static str,
        /// The text, escaped.
        text: String,
    },
    /// The text is not ten digits.
    #[error("nhs number `{text}` is not ten digits")]
    NotTenDigits {
        /// The text, shortened.
        text: String,
    },
    /// The text does not look like a national GP code.
    #[error("gp code `{text}` is not G, one of 0 to 5, 8 or 9, and six digits")]
    NotAGpCode {
        /// The text, shortened.
        text: String,
    },
}

/// Longest identifier accepted from outside, in bytes: well above any real one, low enough
/// that a hostile message cannot make a report unreadable.
const LONGEST: usize = 256;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        ///
        /// Compares without regard to ASCII case and shows itself as it was written
        /// (spec 10: UUIDs compare case-insensitively, are emitted upper case).
        #[derive(Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a trimmed, non-empty text without white space or control characters.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                printable($kind, text).map(|text| Self(text.into()))
            }

            /// The text as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the text is an upper-case UUID.
            pub fn is_upper_uuid(&self) -> bool {
                is_upper_uuid(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl PartialEq for $name {
            /// Judging a transfer of thousands of messages compares millions of ids. Most differ in
            /// their first characters, or are written alike.
            fn eq(&self, other: &Self) -> bool {
                self.0.len() == other.0.len()
                    && (self.0 == other.0 || upper(&self.0).eq(upper(&other.0)))
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                match self.0 == other.0 {
                    true => Ordering::Equal,
                    false => upper(&self.0).cmp(upper(&other.0)),
                }
            }
        }

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                for byte in upper(&self.0) {
                    state.write_u8(byte);
                }
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

id!(
    /// Organisation code of a practice, e.g. `B86041`.
    OdsCode,
    "ods code"
);
id!(
    /// Accredited system id of one system at one practice: 12 digits, used for HL7 routing.
    Asid,
    "asid"
);
id!(
    /// Id of a message handling server, used for ebXML routing, e.g. `B86041-822103`.
    PartyKey,
    "party key"
);
id!(
    /// Contract id of (party key, interaction), from SDS.
    CpaId,
    "cpa id"
);
id!(
    /// Id of one contract's entry of a message handling server in SDS (`nhsMHSId`).
    MhsId,
    "mhs id"
);
id!(
    /// UUID of one transfer, the same in every message of it.
    ConversationId,
    "conversation id"
);
id!(
    /// `eb:MessageId`: names one logical message; a transport retry reuses it.
    EbxmlMessageId,
    "ebxml message id"
);
id!(
    /// `id/@root` of an HL7 message. May differ from the ebXML message id (spec 10, Ids).
    Hl7MessageId,
    "hl7 message id"
);
id!(
    /// `EhrRequest/id/@root`, repeated by the extract in `priorEhrRequest/id`.
    EhrRequestId,
    "ehr request id"
);
id!(
    /// `EhrExtract/id/@root`: the same in a skeleton and in the extract it stands for.
    EhrExtractId,
    "ehr extract id"
);
id!(
    /// Id of a document: `referredToExternalDocument/id`, and `eb:id` without its `_`.
    DocumentId,
    "document id"
);
id!(
    /// Id of what a clinician wrote at a hub: a UUID, the same in every record that it reaches.
    EntryId,
    "entry id"
);
id!(
    /// Id of an appointment that a hub offers, e.g. `sat-0900`.
    SlotId,
    "slot id"
);
id!(
    /// Id of a booking, chosen by the practice that books.
    BookingId,
    "booking id"
);
id!(
    /// Id in the product's requirement catalogue, e.g. `SND-31`.
    RequirementId,
    "requirement id"
);
id!(
    /// Id of a scenario: its path below `scenarios/` without `.toml`, e.g. `transfer/small-record`.
    ScenarioId,
    "scenario id"
);
id!(
    /// Content id of a MIME part, without angle brackets, percent-decoded.
    ContentId,
    "content id"
);

impl From<&EbxmlMessageId> for Hl7MessageId {
    /// The usual case: one UUID serves both (spec 10, Ids).
    fn from(id: &EbxmlMessageId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

impl From<&Hl7MessageId> for EbxmlMessageId {
    /// For asking which message an HL7 `messageRef` would name if both ids are equal.
    fn from(id: &Hl7MessageId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

/// A patient's number as it stands on the wire: ten digits. Whether its check digit fits is
/// a question of its own ([`NhsNumber::check_digit_fits`]), because a sending system must be
/// shown wrong ones too (SND-80).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct NhsNumber([u8; 10]);

impl NhsNumber {
    /// Parses ten ASCII digits.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let digits: [u8; 10] = text
            .as_bytes()
            .try_into()
            .map_err(|_| not_ten_digits(text))?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(not_ten_digits(text))
        }
    }

    /// The synthetic number `999` + `serial` + check digit, or `None` where modulus 11 leaves
    /// no check digit for this serial. Only the last six digits of `serial` are used.
    pub fn synthetic(serial: u32) -> Option<Self> {
        let mut digits = *b"9990000000";
        let mut rest = serial % 1_000_000;
        for digit in digits[3..9].iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        digits[9] = b'0' + check_digit(&digits)?;
        Some(Self(digits))
    }

    /// Whether the tenth digit is the one that modulus 11 asks for (spec 40).
    pub fn check_digit_fits(&self) -> bool {
        check_digit(&self.0) == Some(self.0[9] - b'0')
    }

    /// Whether the number lies in the range kept free for tests, 999 000 0000 and up.
    pub fn is_synthetic(&self) -> bool {
        self.0.starts_with(b"999")
    }

    /// The ten digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NhsNumber({self})")
    }
}

impl FromStr for NhsNumber {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for NhsNumber {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<NhsNumber> for String {
    fn from(number: NhsNumber) -> Self {
        number.as_str().to_owned()
    }
}

/// National code of a GP (GNC): `G`, one of 0 to 5, 8 or 9, and six digits. Their check digits are
/// often wrong in practice, so none is looked at (spec 40).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct GpCode([u8; 8]);

impl GpCode {
    /// Parses the eight characters.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let error = || IdError::NotAGpCode {
            text: text.chars().take(32).collect(),
        };
        let code: [u8; 8] = text.as_bytes().try_into().map_err(|_| error())?;
        match code {
            [b'G', b'0'..=b'5' | b'8' | b'9', digits @ ..]
                if digits.iter().all(u8::is_ascii_digit) =>
            {
                Ok(Self(code))
            }
            _ => Err(error()),
        }
    }

    /// The eight characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for GpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for GpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GpCode({self})")
    }
}

impl FromStr for GpCode {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for GpCode {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<GpCode> for String {
    fn from(code: GpCode) -> Self {
        code.as_str().to_owned()
    }
}

fn printable<'a>(kind: &'static str, text: &'a str) -> Result<&'a str, IdError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdError::Empty { kind });
    }
    if text.len() > LONGEST {
        return Err(IdError::TooLong {
            kind,
            found: text.len(),
            limit: LONGEST,
        });
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(IdError::Unprintable {
            kind,
            text: text.escape_debug().to_string(),
        });
    }
    Ok(text)
}

fn is_upper_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte),
        })
}

fn upper(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().map(|byte| byte.to_ascii_uppercase())
}

fn check_digit(digits: &[u8; 10]) -> Option<u8> {
    let sum: u32 = digits[..9]
        .iter()
        .zip((2..=10).rev())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .sum();
    match 11 - sum % 11 {
        11 => Some(0),
        10 => None,
        digit => u8::try_from(digit).ok(),
    }
}

fn not_ten_digits(text: &str) -> IdError {
    IdError::NotTenDigits {
        text: text.chars().take(32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_compare_without_case_and_keep_their_text() {
        let lower = ConversationId::parse("1800becd-710c-4e6e-871b-1f1844c32d00").unwrap();
        let upper = ConversationId::parse("1800BECD-710C-4E6E-871B-1F1844C32D00").unwrap();
        assert_eq!(lower, upper);
        assert_eq!(lower.to_string(), "1800becd-710c-4e6e-871b-1f1844c32d00");
        assert!(upper.is_upper_uuid());
        assert!(!lower.is_upper_uuid());
    }

    #[test]
    fn an_id_with_white_space_inside_is_refused_by_name() {
        let error = OdsCode::parse("B86 041").unwrap_err();
        assert_eq!(
            error.to_string(),
            "ods code `B86 041` holds white space or a control character"
        );
    }

    #[test]
    fn published_nhs_number_example_fits_and_a_changed_digit_does_not() {
        assert!(NhsNumber::parse("9446363101").unwrap().check_digit_fits());
        assert!(!NhsNumber::parse("9446363102").unwrap().check_digit_fits());
        assert!(NhsNumber::parse("944636310").is_err());
        assert!(NhsNumber::parse("94463631O1").is_err());
    }

    #[test]
    fn a_gp_code_is_g_and_seven_digits_whatever_its_check_digit() {
        for right in ["G0000001", "G5999999", "G8012345", " G9999990 "] {
            assert_eq!(GpCode::parse(right).unwrap().as_str(), right.trim());
        }
        for wrong in [
            "G6000001",
            "G7000001",
            "g0000001",
            "G000001",
            "G00000012",
            "GX000001",
            "",
        ] {
            assert!(GpCode::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            GpCode::parse("G7654321").unwrap_err().to_string(),
            "gp code `G7654321` is not G, one of 0 to 5, 8 or 9, and six digits"
        );
    }

    #[test]
    fn synthetic_numbers_are_in_range_and_fit() {
        let numbers: Vec<_> = (0..10_000).filter_map(NhsNumber::synthetic).collect();
        assert!(numbers.len() > 9_000);
        for number in numbers {
            assert!(
                number.is_synthetic() && number.check_digit_fits(),
                "{number}"
            );
        }
    }
}
