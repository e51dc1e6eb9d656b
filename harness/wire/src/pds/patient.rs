//! A patient as PDS tells of them.

use gp2gp_model::pds::{GeneralPractitioner, RecordVersion};
use gp2gp_model::{GpCode, NhsNumber, OdsCode};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::fhir::{FhirError, Field, identifier, resource, shortened, system};

/// A patient, as far as GP2GP asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patient {
    /// Number. PDS answers for a number that was replaced with the patient of the new one.
    pub nhs_number: NhsNumber,
    /// Version of the record.
    pub version: RecordVersion,
    /// Who may know where the patient is.
    pub confidentiality: Confidentiality,
    /// With whom the patient is registered. PDS does not tell it of a restricted record.
    pub general_practitioner: GeneralPractitioner,
    /// Who the patient is, if it says so.
    pub person: Option<Person>,
}

/// Name and birth date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Date of birth.
    pub birth_date: Date,
}

/// Who may know where a patient is (`meta.security`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidentiality {
    /// U: whoever may ask.
    Unrestricted,
    /// R: nobody who asks.
    Restricted,
    /// V: nobody who asks, and not whether there is a patient.
    VeryRestricted,
    /// The number stands for nobody any more.
    Redacted,
}

impl Confidentiality {
    const ALL: [Self; 4] = [
        Self::Unrestricted,
        Self::Restricted,
        Self::VeryRestricted,
        Self::Redacted,
    ];

    /// The code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unrestricted => "U",
            Self::Restricted => "R",
            Self::VeryRestricted => "V",
            Self::Redacted => "REDACTED",
        }
    }

    /// In words.
    pub const fn display(self) -> &'static str {
        match self {
            Self::Unrestricted => "unrestricted",
            Self::Restricted => "restricted",
            Self::VeryRestricted => "very restricted",
            Self::Redacted => "redacted",
        }
    }
}

const PATIENT: &str = "Patient";

impl Patient {
    /// Reads the resource. Who says nothing of confidentiality is not taken to say that there is none.
    pub fn parse(body: &[u8]) -> Result<Self, FhirError> {
        Self::read(&resource(PATIENT, body)?)
    }

    /// The resource.
    pub fn to_json(&self) -> Value {
        let number = self.nhs_number.as_str();
        let mut patient = json!({
            "resourceType": PATIENT,
            "id": number,
            "identifier": [{ "system": system::NHS_NUMBER, "value": number }],
            "meta": {
                "versionId": self.version.to_string(),
                "security": [{
                    "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
                    "code": self.confidentiality.code(),
                    "display": self.confidentiality.display(),
                }],
            },
        });
        if let Some(practitioner) = reference(&self.general_practitioner) {
            patient["generalPractitioner"] = json!([practitioner]);
        }
        if let Some(person) = &self.person {
            patient["name"] = json!([{
                "use": "usual",
                "given": [person.given],
                "family": person.family,
            }]);
            patient["birthDate"] = json!(person.birth_date.to_string());
        }
        patient
    }

    pub(super) fn read(patient: &Value) -> Result<Self, FhirError> {
        let number = identifier(patient, system::NHS_NUMBER).or(patient["id"].as_str());
        let security = patient["meta"]["security"][0]["code"].as_str();
        Ok(Self {
            nhs_number: field("NHS number").read(number, NhsNumber::parse)?,
            version: field("meta.versionId")
                .read(patient["meta"]["versionId"].as_str(), |text| {
                    text.parse().map(RecordVersion)
                })?,
            confidentiality: field("meta.security").read(security, |text| {
                (Confidentiality::ALL.into_iter())
                    .find(|it| it.code() == text)
                    .ok_or_else(|| format!("`{}` is none of U, R, V, REDACTED", shortened(text)))
            })?,
            general_practitioner: practitioner(patient)?,
            person: person(patient)?,
        })
    }
}

/// An entry of `generalPractitioner`; none for nobody.
pub(super) fn reference(practitioner: &GeneralPractitioner) -> Option<Value> {
    let (kind, system, value) = match practitioner {
        GeneralPractitioner::Practice(ods) => ("Organization", system::ODS, ods.as_str()),
        GeneralPractitioner::Gp(gp) => ("Practitioner", system::GP_CODE, gp.as_str()),
        GeneralPractitioner::Nobody => return None,
    };
    Some(json!({ "type": kind, "identifier": { "system": system, "value": value } }))
}

fn practitioner(patient: &Value) -> Result<GeneralPractitioner, FhirError> {
    const WHAT: Field = field("generalPractitioner");
    let listed = match &patient["generalPractitioner"] {
        Value::Null => return Ok(GeneralPractitioner::Nobody),
        Value::Array(listed) => listed,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(WHAT.wrong("it is no list"));
        }
    };
    let identifier = match listed.as_slice() {
        [] => return Ok(GeneralPractitioner::Nobody),
        [only] => &only["identifier"],
        [_, _, ..] => return Err(WHAT.wrong(format!("there are {} at once", listed.len()))),
    };
    let value = identifier["value"].as_str();
    match identifier["system"].as_str() {
        Some(system::ODS) => {
            let ods = WHAT.read(value, OdsCode::parse)?;
            Ok(GeneralPractitioner::Practice(ods))
        }
        Some(system::GP_CODE) => {
            let gp = WHAT.read(value, GpCode::parse)?;
            Ok(GeneralPractitioner::Gp(gp))
        }
        system => Err(WHAT.wrong(format!(
            "it is of the system `{}`",
            shortened(system.unwrap_or_default())
        ))),
    }
}

/// A patient without a name is none that anybody can be shown.
fn person(patient: &Value) -> Result<Option<Person>, FhirError> {
    let name = &patient["name"][0];
    let Some(family) = name["family"].as_str() else {
        return Ok(None);
    };
    let birth_date = patient["birthDate"].as_str();
    Ok(Some(Person {
        given: name["given"][0].as_str().unwrap_or_default().to_owned(),
        family: family.to_owned(),
        birth_date: field("birthDate").read(birth_date, str::parse::<Date>)?,
    }))
}

const fn field(what: &'static str) -> Field {
    Field {
        resource: PATIENT,
        what,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::pds) fn general_practitioner() -> impl Strategy<Value = GeneralPractitioner> {
        prop_oneof![
            "[A-Z0-9]{3,10}"
                .prop_map(|text| { GeneralPractitioner::Practice(OdsCode::parse(&text).unwrap()) }),
            "G[01234589][0-9]{6}"
                .prop_map(|text| GeneralPractitioner::Gp(GpCode::parse(&text).unwrap())),
            Just(GeneralPractitioner::Nobody),
        ]
    }

    pub(in crate::pds) fn patient() -> impl Strategy<Value = Patient> {
        let person = (
            "\\PC{0,12}",
            "\\PC{0,12}",
            -9999..9999_i16,
            1..13_i8,
            1..29_i8,
        )
            .prop_map(|(given, family, year, month, day)| Person {
                given,
                family,
                birth_date: Date::new(year.abs(), month, day).unwrap(),
            });
        (
            (0..100_000_u32).prop_filter_map("no check digit", NhsNumber::synthetic),
            any::<u32>(),
            prop::sample::select(&Confidentiality::ALL[..]),
            general_practitioner(),
            prop::option::of(person),
        )
            .prop_map(
                |(nhs_number, version, confidentiality, general_practitioner, person)| Patient {
                    nhs_number,
                    version: RecordVersion(version),
                    confidentiality,
                    general_practitioner,
                    person,
                },
            )
    }

    proptest! {
        #[test]
        fn a_patient_survives_the_resource(patient in patient()) {
            let body = patient.to_json().to_string();
            prop_assert_eq!(Patient::parse(body.as_bytes()), Ok(patient));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            prop_assert!(Patient::parse(&bytes).is_err());
        }
    }

    type Change = Box<dyn FnOnce(&mut Value)>;

    #[test]
    fn what_is_missing_or_makes_no_sense_is_named() {
        let whole = Patient {
            nhs_number: NhsNumber::synthetic(1).unwrap(),
            version: RecordVersion(3),
            confidentiality: Confidentiality::Unrestricted,
            general_practitioner: GeneralPractitioner::Practice(OdsCode::parse("Z99901").unwrap()),
            person: None,
        };
        let practice = |value: Value| {
            move |patient: &mut Value| {
                patient["generalPractitioner"] = value;
            }
        };
        let both = json!([
            reference(&whole.general_practitioner),
            reference(&whole.general_practitioner)
        ]);
        let other =
            json!([{ "identifier": { "system": "https://fhir.nhs.uk/Id/x", "value": "1" } }]);
        let changes: [(Change, &str); 7] = [
            (
                Box::new(|patient| patient["meta"]["security"] = Value::Null),
                "Patient has no meta.security",
            ),
            (
                Box::new(|patient| patient["meta"]["security"][0]["code"] = json!("N")),
                "Patient has a wrong meta.security: `N` is none of U, R, V, REDACTED",
            ),
            (
                Box::new(|patient| patient["meta"]["versionId"] = json!("two")),
                "Patient has a wrong meta.versionId: invalid digit found in string",
            ),
            (
                Box::new(|patient| patient["identifier"][0]["value"] = json!("12")),
                "Patient has a wrong NHS number: nhs number `12` is not ten digits",
            ),
            (
                Box::new(practice(both)),
                "Patient has a wrong generalPractitioner: there are 2 at once",
            ),
            (
                Box::new(practice(other)),
                "Patient has a wrong generalPractitioner: it is of the system `https://fhir.nhs.uk/Id/x`",
            ),
            (
                Box::new(practice(json!("Z99901"))),
                "Patient has a wrong generalPractitioner: it is no list",
            ),
        ];
        for (change, error) in changes {
            let mut patient = whole.to_json();
            change(&mut patient);
            let body = patient.to_string();
            assert_eq!(
                Patient::parse(body.as_bytes()).unwrap_err().to_string(),
                error
            );
        }
    }
}
