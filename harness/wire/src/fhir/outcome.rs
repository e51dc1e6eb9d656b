//! Refusals.

use serde_json::{Value, json};

use super::{FhirError, resource};

/// An `OperationOutcome` with one issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// FHIR issue type, such as `not-found`.
    pub issue: String,
    /// System of the code.
    pub system: String,
    /// What kind of refusal, such as `RESOURCE_NOT_FOUND`.
    pub code: String,
    /// The same in words.
    pub display: String,
    /// What was found, for people.
    pub diagnostics: String,
}

impl Outcome {
    /// The resource.
    pub fn to_json(&self) -> Value {
        json!({
            "resourceType": "OperationOutcome",
            "issue": [{
                "severity": "error",
                "code": self.issue,
                "details": { "coding": [{
                    "system": self.system,
                    "version": "1",
                    "code": self.code,
                    "display": self.display,
                }]},
                "diagnostics": self.diagnostics,
            }],
        })
    }

    /// Reads the first issue. What is not said is empty.
    pub fn parse(body: &[u8]) -> Result<Self, FhirError> {
        let outcome = resource("OperationOutcome", body)?;
        let issue = &outcome["issue"][0];
        if !issue.is_object() {
            return Err(FhirError::Missing {
                resource: "OperationOutcome",
                what: "issue",
            });
        }
        let coding = &issue["details"]["coding"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            issue: text(&issue["code"]),
            system: text(&coding["system"]),
            code: text(&coding["code"]),
            display: text(&coding["display"]),
            diagnostics: text(&issue["diagnostics"]),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_refusal_is_read_as_it_was_written(texts: [String; 5]) {
            let [issue, system, code, display, diagnostics] = texts;
            let outcome = Outcome { issue, system, code, display, diagnostics };
            let body = outcome.to_json().to_string();
            prop_assert_eq!(Outcome::parse(body.as_bytes()), Ok(outcome));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            prop_assert!(Outcome::parse(&bytes).is_err());
        }
    }

    #[test]
    fn a_refusal_without_issues_is_none() {
        let error = Outcome::parse(br#"{"resourceType":"OperationOutcome"}"#).unwrap_err();
        assert_eq!(error.to_string(), "OperationOutcome has no issue");
    }
}
