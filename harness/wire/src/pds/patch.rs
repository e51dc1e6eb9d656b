//! Changes of a patient: JSON Patch (RFC 6902), in the frame that PDS wants around it.

use gp2gp_model::pds::GeneralPractitioner;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::patient::{self, Patient};
use crate::fhir::{FhirError, shortened};

/// Media type of a patch.
pub const JSON_PATCH: &str = "application/json-patch+json";

/// Steps that change a resource, all or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patch {
    /// In order.
    pub patches: Vec<PatchStep>,
}

/// A step. `move` and `copy` are not known to PDS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum PatchStep {
    /// There has to be this value.
    Test {
        /// JSON pointer.
        path: String,
        /// Which.
        value: Value,
    },
    /// Puts a value where there is none, or before an element of a list.
    Add {
        /// JSON pointer; `-` is behind the last element.
        path: String,
        /// Which.
        value: Value,
    },
    /// Puts a value in the place of another.
    Replace {
        /// JSON pointer.
        path: String,
        /// Which.
        value: Value,
    },
    /// Removes a value.
    Remove {
        /// JSON pointer.
        path: String,
    },
}

/// Why a patch is none, or does not fit the resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// It cannot be read.
    #[error("body is no patch: {0}")]
    NotAPatch(String),
    /// It has no steps.
    #[error("no patches found")]
    Empty,
    /// A value has to be there and is another, or none.
    #[error("test of {path} failed")]
    TestFailed {
        /// Where.
        path: String,
    },
    /// There is nothing at a path.
    #[error("nothing to {verb} at {path}")]
    NoSuchPlace {
        /// What was to be done.
        verb: &'static str,
        /// Where.
        path: String,
    },
    /// The patient would be none.
    #[error("patient would not be one any more: {0}")]
    Broken(#[from] FhirError),
    /// It changes something that this service does not let be changed.
    #[error("only generalPractitioner can be changed here")]
    NotTheRegistration,
}

impl Patch {
    /// Registers a patient who is registered there elsewhere. None where nothing changes.
    pub fn registration(now: &GeneralPractitioner, new: &GeneralPractitioner) -> Option<Self> {
        let path = || "/generalPractitioner/0".to_owned();
        let step = match (patient::reference(now), patient::reference(new)) {
            (None, None) => return None,
            (Some(now), Some(new)) if now == new => return None,
            (Some(_), Some(value)) => PatchStep::Replace {
                path: path(),
                value,
            },
            (Some(_), None) => PatchStep::Remove { path: path() },
            (None, Some(value)) => PatchStep::Add {
                path: "/generalPractitioner".to_owned(),
                value: json!([value]),
            },
        };
        Some(Self {
            patches: vec![step],
        })
    }

    /// Reads a body, with or without the frame of PDS.
    pub fn parse(body: &[u8]) -> Result<Self, PatchError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Framed {
            Whole(Patch),
            Bare(Vec<PatchStep>),
        }
        let framed = serde_json::from_slice(body);
        let patch = match framed.map_err(|error| PatchError::NotAPatch(error.to_string()))? {
            Framed::Whole(patch) => patch,
            Framed::Bare(patches) => Self { patches },
        };
        match patch.patches.is_empty() {
            true => Err(PatchError::Empty),
            false => Ok(patch),
        }
    }

    /// The body.
    pub fn to_json(&self) -> Value {
        json!(self)
    }

    /// With whom the patient is registered afterwards, if the patch changes nothing else.
    pub fn apply(&self, patient: &Patient) -> Result<GeneralPractitioner, PatchError> {
        let mut resource = patient.to_json();
        for step in &self.patches {
            step.apply(&mut resource)?;
        }
        let changed = Patient::read(&resource)?;
        let unchanged = Patient {
            general_practitioner: changed.general_practitioner.clone(),
            ..patient.clone()
        };
        // What stands in the resource and is not read must not change either.
        let mut expected = unchanged.to_json();
        for value in [&mut expected, &mut resource] {
            if let Some(members) = value.as_object_mut() {
                members.remove("generalPractitioner");
            }
        }
        match expected == resource {
            true => Ok(changed.general_practitioner),
            false => Err(PatchError::NotTheRegistration),
        }
    }
}

impl PatchStep {
    fn apply(&self, resource: &mut Value) -> Result<(), PatchError> {
        match self {
            Self::Test { path, value } => match resource.pointer(path) == Some(value) {
                true => Ok(()),
                false => Err(PatchError::TestFailed {
                    path: shortened(path),
                }),
            },
            Self::Add { path, value } => {
                add(resource, path, value.clone()).ok_or_else(|| no_such_place("add", path))
            }
            Self::Replace { path, value } => {
                let place = resource.pointer_mut(path);
                *place.ok_or_else(|| no_such_place("replace", path))? = value.clone();
                Ok(())
            }
            Self::Remove { path } => {
                remove(resource, path).ok_or_else(|| no_such_place("remove", path))
            }
        }
    }
}

fn no_such_place(verb: &'static str, path: &str) -> PatchError {
    PatchError::NoSuchPlace {
        verb,
        path: shortened(path),
    }
}

fn add(resource: &mut Value, path: &str, value: Value) -> Option<()> {
    let (parent, name) = path.rsplit_once('/')?;
    match resource.pointer_mut(parent)? {
        Value::Object(members) => {
            members.insert(unescaped(name), value);
        }
        Value::Array(elements) => {
            let at = match name {
                "-" => elements.len(),
                _ => index(name)?,
            };
            if at > elements.len() {
                return None;
            }
            elements.insert(at, value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    }
    Some(())
}

fn remove(resource: &mut Value, path: &str) -> Option<()> {
    let (parent, name) = path.rsplit_once('/')?;
    match resource.pointer_mut(parent)? {
        Value::Object(members) => {
            members.remove(&unescaped(name))?;
        }
        Value::Array(elements) => {
            let at = index(name).filter(|at| *at < elements.len())?;
            elements.remove(at);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    }
    Some(())
}

/// RFC 6901: no sign and no leading zero.
fn index(text: &str) -> Option<usize> {
    let is_number = text == "0" || (!text.starts_with('0') && !text.starts_with('+'));
    is_number.then(|| text.parse().ok()).flatten()
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use gp2gp_model::{GpCode, OdsCode};
    use proptest::prelude::*;

    use super::super::patient::tests::{general_practitioner, patient};
    use super::*;

    fn at(ods: &str) -> GeneralPractitioner {
        GeneralPractitioner::Practice(OdsCode::parse(ods).unwrap())
    }

    fn registered(general_practitioner: GeneralPractitioner) -> Patient {
        Patient {
            nhs_number: gp2gp_model::NhsNumber::synthetic(1).unwrap(),
            version: gp2gp_model::pds::RecordVersion(3),
            confidentiality: super::super::Confidentiality::Unrestricted,
            general_practitioner,
            person: None,
        }
    }

    proptest! {
        #[test]
        fn a_registration_is_written_read_and_done(
            patient in patient(),
            new in general_practitioner(),
        ) {
            let now = &patient.general_practitioner;
            match Patch::registration(now, &new) {
                None => prop_assert_eq!(now, &new),
                Some(patch) => {
                    let body = patch.to_json().to_string();
                    let read = Patch::parse(body.as_bytes()).unwrap();
                    prop_assert_eq!(&read, &patch);
                    prop_assert_eq!(read.apply(&patient), Ok(new));
                }
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            prop_assert!(Patch::parse(&bytes).is_err());
        }

        #[test]
        fn no_step_makes_a_patch_panic(
            patient in patient(),
            op in prop::sample::select(&["test", "add", "replace", "remove", "move"][..]),
            path in "(/(generalPractitioner|identifier|meta|0|1|-|~1|~|18446744073709551616|.{0,3})){0,4}",
        ) {
            let body = json!([{ "op": op, "path": path, "value": [] }]).to_string();
            if let Ok(patch) = Patch::parse(body.as_bytes()) {
                let _ = patch.apply(&patient);
            }
        }
    }

    #[test]
    fn a_bare_patch_and_one_in_its_frame_are_the_same() {
        let patch = Patch::registration(&GeneralPractitioner::Nobody, &at("Z99901")).unwrap();
        let bare = json!(patch.patches).to_string();
        assert_eq!(Patch::parse(bare.as_bytes()), Ok(patch));
    }

    #[test]
    fn a_test_guards_the_steps_behind_it() {
        let gp = GpCode::parse("G0000001").unwrap();
        let path = "/generalPractitioner/0/identifier/value";
        let patch = json!([
            { "op": "test", "path": path, "value": "Z99902" },
            { "op": "remove", "path": "/generalPractitioner" },
        ]);
        let patch = Patch::parse(patch.to_string().as_bytes()).unwrap();
        assert_eq!(
            patch.apply(&registered(at("Z99902"))),
            Ok(GeneralPractitioner::Nobody)
        );
        assert_eq!(
            patch
                .apply(&registered(GeneralPractitioner::Gp(gp)))
                .unwrap_err()
                .to_string(),
            format!("test of {path} failed")
        );
    }

    #[test]
    fn a_patch_that_does_not_fit_is_refused_by_name() {
        let second = json!({ "identifier": {
            "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Z99903",
        }});
        for (step, error) in [
            (
                json!({ "op": "replace", "path": "/generalPractitioner/1", "value": second }),
                "nothing to replace at /generalPractitioner/1",
            ),
            (
                json!({ "op": "add", "path": "/generalPractitioner/-", "value": second }),
                "patient would not be one any more: Patient has a wrong generalPractitioner: there are 2 at once",
            ),
            (
                json!({ "op": "remove", "path": "/generalPractitioner/7" }),
                "nothing to remove at /generalPractitioner/7",
            ),
            (
                json!({ "op": "replace", "path": "/meta/versionId", "value": "9" }),
                "only generalPractitioner can be changed here",
            ),
            (
                json!({ "op": "add", "path": "/deceasedBoolean", "value": true }),
                "only generalPractitioner can be changed here",
            ),
            (
                json!({ "op": "replace", "path": "", "value": {} }),
                "patient would not be one any more: Patient has no NHS number",
            ),
        ] {
            let patch = Patch::parse(json!([step]).to_string().as_bytes()).unwrap();
            let refused = patch.apply(&registered(at("Z99902"))).unwrap_err();
            assert_eq!(refused.to_string(), error);
        }
        assert_eq!(Patch::parse(br#"{"patches":[]}"#), Err(PatchError::Empty));
        for none in ["{}", "[1]", r#"[{"op":"move","from":"/a","path":"/b"}]"#] {
            let error = Patch::parse(none.as_bytes()).unwrap_err();
            assert!(matches!(error, PatchError::NotAPatch(_)), "{none}: {error}");
        }
    }
}
