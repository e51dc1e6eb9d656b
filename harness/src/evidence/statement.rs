//! What is stated of a run: an in-toto Statement with a test-result predicate, in a DSSE envelope.

use base64_simd::STANDARD;
use gp2gp_model::Sha256;
use gp2gp_model::report::{Grade, RunReport, Share};
use gp2gp_model::run_log::Fingerprint;
use gp2gp_model::trace::TimeMode;
use gp2gp_model::verdict::{Profile, Verdict};
use serde::{Deserialize, Serialize};

use super::key::{PrivateKey, PublicKey};

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A statement of files and what they show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// Every file of the archive but the statement.
    pub subject: Vec<Subject>,
    predicate_type: String,
    /// What they show.
    pub predicate: Predicate,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its path in the archive.
    pub name: String,
    /// Of its content.
    pub digest: Digest,
}

/// A digest by its algorithm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// SHA-256.
    pub sha256: Sha256,
}

/// What a run showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    /// `PASSED`, `WARNED` or `FAILED`; what could not be judged has not passed.
    pub result: String,
    /// The suite.
    pub configuration: Vec<Configuration>,
    /// Requirements that were kept.
    pub passed_tests: Vec<String>,
    /// Requirements of level SHOULD that were not.
    pub warned_tests: Vec<String>,
    /// Requirements that were broken, or of which that is not known.
    pub failed_tests: Vec<String>,
    /// The same in the words of this suite.
    pub gp2gp: Summary,
}

/// With what a run was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Name and version.
    pub name: String,
    /// Over catalogue and scenarios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A run in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// That the data are synthetic.
    pub notice: String,
    /// The system under test.
    pub sut: String,
    /// Judged against.
    pub profile: Profile,
    /// How time passed.
    pub time_mode: TimeMode,
    /// The grade.
    pub grade: Grade,
    /// MUSTs.
    pub must: Share,
    /// SHOULDs.
    pub should: Share,
    /// Exit status of the run.
    pub exit: u8,
    /// With what and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

/// A signed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct EnvelopeSignature {
    keyid: Sha256,
    sig: String,
}

impl Statement {
    /// Of a report and the files that it was made from.
    pub(super) fn of(report: &RunReport, subject: Vec<Subject>) -> Self {
        let of = |wanted: &dyn Fn(Verdict) -> bool| {
            let outcomes = report.requirements.iter();
            let wanted = outcomes.filter(|it| wanted(it.verdict));
            wanted.map(|it| it.id.to_string()).collect::<Vec<_>>()
        };
        let is_pass = |verdict| matches!(verdict, Verdict::Pass | Verdict::UnexpectedPass);
        let is_warning = |verdict| verdict == Verdict::Warn;
        let is_open = |verdict| verdict == Verdict::NotApplicable;
        let warned_tests = of(&is_warning);
        let result = match (report.score.grade, warned_tests.is_empty()) {
            (Grade::Conforms, true) => "PASSED",
            (Grade::Conforms, false) => "WARNED",
            (Grade::DoesNotConform | Grade::Unsafe | Grade::Incomplete, _) => "FAILED",
        };
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                result: result.to_owned(),
                configuration: vec![Configuration {
                    name: report.suite.clone(),
                    digest: (report.fingerprint.as_ref()).map(|it| Digest {
                        sha256: it.suite_sha256,
                    }),
                }],
                passed_tests: of(&is_pass),
                warned_tests,
                failed_tests: of(&|verdict| {
                    !is_pass(verdict) && !is_warning(verdict) && !is_open(verdict)
                }),
                gp2gp: Summary {
                    notice: report.notice.clone(),
                    sut: report.sut.clone(),
                    profile: report.profile,
                    time_mode: report.time_mode,
                    grade: report.score.grade,
                    must: report.score.must,
                    should: report.score.should,
                    exit: report.exit.code,
                    fingerprint: report.fingerprint.clone(),
                },
            },
        }
    }

    /// Signs it.
    pub(super) fn sealed(&self, key: &PrivateKey) -> serde_json::Result<Envelope> {
        let payload = serde_json::to_vec(self)?;
        let signature = key.sign(&encoded(PAYLOAD_TYPE, &payload));
        Ok(Envelope {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode_to_string(&payload),
            signatures: vec![EnvelopeSignature {
                keyid: key.public().id(),
                sig: STANDARD.encode_to_string(signature),
            }],
        })
    }
}

impl Envelope {
    /// The statement, if this key signed it.
    pub(super) fn open(&self, key: &PublicKey) -> Result<Statement, String> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(format!(
                "the statement is {}, not {PAYLOAD_TYPE}",
                self.payload_type
            ));
        }
        let decoded = |what: &str, text: &str| {
            let bytes = STANDARD.decode_to_vec(text);
            bytes.map_err(|_| format!("the {what} of the statement is not base64"))
        };
        let payload = decoded("payload", &self.payload)?;
        let message = encoded(&self.payload_type, &payload);
        let id = key.id();
        let mut is_signed = false;
        for signature in self.signatures.iter().filter(|it| it.keyid == id) {
            is_signed |= key.signed(&message, &decoded("signature", &signature.sig)?);
        }
        if !is_signed {
            return Err(format!("the statement is not signed by key {id}"));
        }
        let statement: Statement = serde_json::from_slice(&payload)
            .map_err(|error| format!("the statement cannot be read: {error}"))?;
        match (statement.kind.as_str(), statement.predicate_type.as_str()) {
            (STATEMENT_TYPE, PREDICATE_TYPE) => Ok(statement),
            (kind, predicate) => Err(format!("a statement of type {kind} with {predicate}")),
        }
    }
}

/// What is signed: type and payload with their lengths (DSSE, pre-authentication encoding).
fn encoded(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_as_the_envelope_specification_shows_it() {
        let example = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            example,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
