//! The registry of organisations and GPs over FHIR. The interface is the harness's own: spec 40
//! says what a registry knows, not how it is asked.
//!
//! | request | answer |
//! |---|---|
//! | `GET /Organization/{ods}` | `Organization`, or 404 |
//! | `GET /PractitionerRole?practitioner.identifier=https://fhir.hl7.org.uk/Id/gmp-number\|{code}` | searchset of `PractitionerRole`, past and present |
//!
//! A role's `period` says from when until when (exclusively) the GP works there; without an end the
//! link was not removed. An organisation whose list is pooled has the extension
//! `urn:gp2gp:registry/pooled-list` with `reason` (`valueCode`: `abeyance`, `salaried-gps`,
//! `senior-partner-leaves`) and `dealtWith` (`valueBoolean`: the helpdesk has), and so have all
//! roles at it.

use gp2gp_model::registry::PooledReason;
use gp2gp_model::{GpCode, OdsCode, Time};
use serde_json::{Value, json};

use crate::fhir::{
    FhirError, Field, Parameters, QueryError, encoded, extension, identifier, is_of, matches,
    path_and_query, resource, searchset, shortened, system,
};

/// What the registry is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// For an organisation.
    Organisation(OdsCode),
    /// Where a GP works and worked.
    Roles(GpCode),
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its code.
    pub ods: OdsCode,
    /// Its name.
    pub name: String,
    /// Its list has no single GP.
    pub pooled: Option<Pooled>,
}

/// A GP works at an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Who.
    pub gp: GpCode,
    /// Where.
    pub practice: OdsCode,
    /// From then on.
    pub from: Option<Time>,
    /// Until then, exclusively.
    pub until: Option<Time>,
    /// The list there has no single GP.
    pub pooled: Option<Pooled>,
}

/// A list without a single GP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pooled {
    /// Why.
    pub reason: PooledReason,
    /// The supplier's helpdesk has dealt with it: its GPs' codes can be resolved again.
    pub dealt_with: bool,
}

const ORGANIZATION: &str = "/Organization/";
const PRACTITIONER_ROLE: &str = "/PractitionerRole";
const PRACTITIONER: &str = "practitioner.identifier";
const POOLED: &str = "pooled-list";

impl Query {
    /// Path and query.
    pub fn path(&self) -> String {
        match self {
            Self::Organisation(ods) => format!("{ORGANIZATION}{}", segment(ods)),
            Self::Roles(gp) => path_and_query(
                PRACTITIONER_ROLE,
                &[(PRACTITIONER, system::GP_CODE, gp.as_str())],
            ),
        }
    }

    /// Reads path and query.
    pub fn parse(target: &str) -> Result<Self, QueryError> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path.trim_end_matches('/') == PRACTITIONER_ROLE {
            return Self::parse_roles(query);
        }
        let ods = path.strip_prefix(ORGANIZATION);
        let ods = ods.filter(|ods| !ods.is_empty() && !ods.contains('/'));
        let ods = ods.ok_or_else(|| QueryError::NoSuchPath {
            path: shortened(path),
        })?;
        Parameters::parse(query)?.finish(&[])?;
        let wrong = |why: String| QueryError::Value {
            parameter: "{ods} of the path".to_owned(),
            why,
        };
        let ods = percent_encoding::percent_decode_str(ods)
            .decode_utf8()
            .map_err(|_| wrong("it is not UTF-8".to_owned()))?;
        let ods = OdsCode::parse(&ods).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::Organisation(ods))
    }

    fn parse_roles(query: &str) -> Result<Self, QueryError> {
        let mut parameters = Parameters::parse(query)?;
        let gp = parameters.take(PRACTITIONER, system::GP_CODE)?;
        parameters.finish(&[(PRACTITIONER, &[system::GP_CODE])])?;
        let gp = gp.ok_or(QueryError::Missing {
            parameter: PRACTITIONER,
        })?;
        let gp = GpCode::parse(&gp).map_err(|error| QueryError::Value {
            parameter: PRACTITIONER.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self::Roles(gp))
    }
}

/// A slash in a code would begin another segment.
fn segment(ods: &OdsCode) -> String {
    encoded(ods.as_str()).replace('/', "%2F")
}

/// Reads the answer to [`Query::Roles`].
pub fn roles(body: &[u8]) -> Result<Vec<Role>, FhirError> {
    matches(ROLE, body)?.iter().map(Role::read).collect()
}

/// The answer to [`Query::Roles`].
pub fn write_roles(roles: &[Role]) -> Value {
    let resources: Vec<Value> = roles.iter().map(Role::to_json).collect();
    searchset(&resources)
}

const ORGANISATION: &str = "Organization";
const ROLE: &str = "PractitionerRole";

impl Organisation {
    /// Reads the answer to [`Query::Organisation`].
    pub fn parse(body: &[u8]) -> Result<Self, FhirError> {
        let organisation = resource(ORGANISATION, body)?;
        let field = |what| Field {
            resource: ORGANISATION,
            what,
        };
        Ok(Self {
            ods: field("ODS code").read(identifier(&organisation, system::ODS), OdsCode::parse)?,
            name: organisation["name"].as_str().unwrap_or_default().to_owned(),
            pooled: Pooled::read(ORGANISATION, &organisation)?,
        })
    }

    /// The answer to [`Query::Organisation`].
    pub fn to_json(&self) -> Value {
        let organisation = json!({
            "resourceType": ORGANISATION,
            "id": self.ods.as_str(),
            "identifier": [{ "system": system::ODS, "value": self.ods.as_str() }],
            "name": self.name,
        });
        with_pooled(organisation, self.pooled)
    }
}

impl Role {
    /// Whether the GP works there at this time.
    pub fn holds(&self, now: Time) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    fn to_json(&self) -> Value {
        let mut period = json!({});
        for (end, time) in [("start", self.from), ("end", self.until)] {
            if let Some(time) = time {
                period[end] = json!(time.to_string());
            }
        }
        let role = json!({
            "resourceType": ROLE,
            "period": period,
            "practitioner": { "identifier": { "system": system::GP_CODE, "value": self.gp.as_str() } },
            "organization": { "identifier": { "system": system::ODS, "value": self.practice.as_str() } },
        });
        with_pooled(role, self.pooled)
    }

    fn read(role: &Value) -> Result<Self, FhirError> {
        let field = |what| Field {
            resource: ROLE,
            what,
        };
        let named = |of: &str, system| {
            let identifier = &role[of]["identifier"];
            is_of(identifier, system)
                .then(|| identifier["value"].as_str())
                .flatten()
        };
        let end = |what, end| {
            let text = &role["period"][end];
            (!text.is_null())
                .then(|| field(what).read(text.as_str(), str::parse::<Time>))
                .transpose()
        };
        Ok(Self {
            gp: field("GP code").read(named("practitioner", system::GP_CODE), GpCode::parse)?,
            practice: field("ODS code").read(named("organization", system::ODS), OdsCode::parse)?,
            from: end("period.start", "start")?,
            until: end("period.end", "end")?,
            pooled: Pooled::read(ROLE, role)?,
        })
    }
}

fn with_pooled(mut value: Value, pooled: Option<Pooled>) -> Value {
    if let Some(pooled) = pooled {
        value["extension"] = json!([{
            "url": format!("urn:gp2gp:registry/{POOLED}"),
            "extension": [
                { "url": "reason", "valueCode": pooled.reason.name() },
                { "url": "dealtWith", "valueBoolean": pooled.dealt_with },
            ],
        }]);
    }
    value
}

impl Pooled {
    fn read(resource: &'static str, value: &Value) -> Result<Option<Self>, FhirError> {
        let Some(pooled) = extension(value, POOLED) else {
            return Ok(None);
        };
        let field = |what| Field { resource, what };
        let reason = extension(pooled, "reason").and_then(|it| it["valueCode"].as_str());
        let reason = field("reason of a pooled list").read(reason, |text| {
            (PooledReason::ALL.into_iter())
                .find(|reason| reason.name() == text)
                .ok_or_else(|| format!("`{}` is none", shortened(text)))
        })?;
        let dealt_with = extension(pooled, "dealtWith")
            .and_then(|it| it["valueBoolean"].as_bool())
            .ok_or(FhirError::Missing {
                resource,
                what: "dealtWith of a pooled list",
            })?;
        Ok(Some(Self { reason, dealt_with }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn ods() -> impl Strategy<Value = OdsCode> {
        "[A-Z0-9/|% äß]{1,10}".prop_filter_map("no code", |text| OdsCode::parse(&text).ok())
    }

    fn gp() -> impl Strategy<Value = GpCode> {
        "G[01234589][0-9]{6}".prop_map(|text| GpCode::parse(&text).unwrap())
    }

    fn pooled() -> impl Strategy<Value = Option<Pooled>> {
        let reason = prop::sample::select(&PooledReason::ALL[..]);
        option::of(
            (reason, any::<bool>()).prop_map(|(reason, dealt_with)| Pooled { reason, dealt_with }),
        )
    }

    fn time() -> impl Strategy<Value = Option<Time>> {
        option::of((0..4_000_000_000_000_000_u64).prop_map(Time::from_micros))
    }

    proptest! {
        #[test]
        fn a_query_survives_its_path(ods in ods(), gp in gp()) {
            for query in [Query::Organisation(ods), Query::Roles(gp)] {
                prop_assert_eq!(Query::parse(&query.path()), Ok(query));
            }
        }

        #[test]
        fn an_organisation_survives_its_resource(ods in ods(), name: String, pooled in pooled()) {
            let organisation = Organisation { ods, name, pooled };
            let body = organisation.to_json().to_string();
            prop_assert_eq!(Organisation::parse(body.as_bytes()), Ok(organisation));
        }

        #[test]
        fn roles_survive_their_bundle(
            written in prop::collection::vec(
                (gp(), ods(), time(), time(), pooled()).prop_map(
                    |(gp, practice, from, until, pooled)| Role { gp, practice, from, until, pooled },
                ),
                0..4,
            ),
        ) {
            let body = write_roles(&written).to_string();
            prop_assert_eq!(roles(body.as_bytes()), Ok(written));
        }

        #[test]
        fn no_path_makes_the_reader_panic(path in "/?(PractitionerRole|Organization/)?.{0,80}") {
            let _ = Query::parse(&path);
        }
    }

    #[test]
    fn whatever_asks_for_nothing_is_refused_by_name() {
        for (path, error) in [
            ("/Organization/", "nothing at /Organization/"),
            ("/Organization/A/B", "nothing at /Organization/A/B"),
            ("/", "nothing at /"),
            (
                "/Organization/A81001?name=x",
                "parameter name is not supported",
            ),
            (
                "/PractitionerRole",
                "parameter practitioner.identifier is missing",
            ),
            (
                "/PractitionerRole?practitioner.identifier=G0000001",
                "parameter practitioner.identifier is `G0000001`, not https://fhir.hl7.org.uk/Id/gmp-number|...",
            ),
            (
                "/PractitionerRole?practitioner.identifier=https://fhir.hl7.org.uk/Id/gmp-number|G7",
                "parameter practitioner.identifier: gp code `G7` is not G, one of 0 to 5, 8 or 9, and six digits",
            ),
        ] {
            assert_eq!(Query::parse(path).unwrap_err().to_string(), error);
        }
    }

    #[test]
    fn a_link_holds_from_its_start_until_before_its_end() {
        let at = Time::from_micros;
        let role = Role {
            gp: GpCode::parse("G0000001").unwrap(),
            practice: OdsCode::parse("Z99901").unwrap(),
            from: Some(at(10)),
            until: Some(at(20)),
            pooled: None,
        };
        let holding = [9, 10, 19, 20].map(|time| role.holds(at(time)));
        assert_eq!(holding, [false, true, true, false]);
    }
}
