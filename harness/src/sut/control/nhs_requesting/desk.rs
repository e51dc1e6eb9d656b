//! Registers a patient, and finds the system that has the record: what people and their desktop do before a
//! facade is asked.

use std::time::Duration;

use gp2gp_mocks::peer::{Conduct, HttpRequest, HttpResponse};
use gp2gp_mocks::serve::{Base, Client, ask};
use gp2gp_model::control::SystemSetting;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::{Asid, GpCode, Interaction, NhsNumber, OdsCode, Time};
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, FHIR_JSON, REQUEST_ID};
use gp2gp_wire::pds::{Confidentiality, JSON_PATCH, Patch, Patient, etag, patient_path};
use gp2gp_wire::{registry, sds};

/// How often a service is asked that does not answer as it should.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// Whoever has the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addressee {
    pub(super) ods: OdsCode,
    pub(super) asid: Asid,
}

/// Why nobody is asked for a record, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NobodyToAsk(pub(super) String);

/// The desk of a practice.
pub(super) struct Desk<'a> {
    client: &'a Client,
    own: &'a SystemSetting,
    now: Time,
}

impl<'a> Desk<'a> {
    pub(super) const fn new(client: &'a Client, own: &'a SystemSetting, now: Time) -> Self {
        Self { client, own, now }
    }

    /// Registers a patient on PDS, and finds who had them before.
    pub(super) async fn register(
        &self,
        patient: NhsNumber,
        gp: Option<&GpCode>,
    ) -> Result<Addressee, NobodyToAsk> {
        let before = self.read(patient).await?;
        if before.confidentiality != Confidentiality::Unrestricted {
            return no("the record of the patient is sensitive");
        }
        let here = gp.map_or_else(
            || GeneralPractitioner::Practice(self.own.practice.ods.clone()),
            |gp| GeneralPractitioner::Gp(*gp),
        );
        self.update(&before, &here).await?;
        let previous = match &before.general_practitioner {
            GeneralPractitioner::Nobody => return no("the patient had no practice"),
            GeneralPractitioner::Practice(ods) => ods.clone(),
            GeneralPractitioner::Gp(gp) => self.practice_of(gp).await?,
        };
        if previous == self.own.practice.ods {
            return no("the patient was here before");
        }
        if self.own.practice.shares_database_with.contains(&previous) {
            return no(format!("{previous} has the same database"));
        }
        self.system_of(previous).await
    }

    async fn read(&self, patient: NhsNumber) -> Result<Patient, NobodyToAsk> {
        let response = self
            .ask("pds", Method::Get, patient_path(patient), None)
            .await?;
        match response.status {
            200 => Patient::parse(&response.body).or_else(|error| no(format!("pds: {error}"))),
            status => no(format!("pds answers {status}")),
        }
    }

    async fn update(
        &self,
        before: &Patient,
        here: &GeneralPractitioner,
    ) -> Result<(), NobodyToAsk> {
        let Some(patch) = Patch::registration(&before.general_practitioner, here) else {
            return Ok(());
        };
        let change = (patch.to_json().to_string(), etag(before.version));
        let path = patient_path(before.nhs_number);
        let response = self.ask("pds", Method::Patch, path, Some(change)).await?;
        match response.status {
            200 => Ok(()),
            status => no(format!("pds refuses the registration with {status}")),
        }
    }

    /// The one practice at which a GP works now.
    async fn practice_of(&self, gp: &GpCode) -> Result<OdsCode, NobodyToAsk> {
        let path = registry::Query::Roles(*gp).path();
        let response = self.ask("sds", Method::Get, path, None).await?;
        let roles =
            registry::roles(&response.body).or_else(|error| no(format!("registry: {error}")))?;
        let mut now = roles.into_iter().filter(|role| role.holds(self.now));
        match (now.next(), now.next()) {
            (Some(role), None) => Ok(role.practice),
            (None, _) => no(format!("24: GP {gp} works nowhere")),
            (Some(_), Some(_)) => no(format!("24: GP {gp} works at several practices")),
        }
    }

    async fn system_of(&self, ods: OdsCode) -> Result<Addressee, NobodyToAsk> {
        let path = sds::Query::device(ods.clone(), Interaction::EhrRequestUk05).path();
        let response = self.ask("sds", Method::Get, path, None).await?;
        let devices = sds::devices(&response.body).or_else(|error| no(format!("sds: {error}")))?;
        match devices.as_slice() {
            [only] => Ok(Addressee {
                ods,
                asid: only.asid.clone(),
            }),
            [] => no(format!("sds lists no system of {ods}")),
            [_, _, ..] => no(format!("24: sds lists {} systems of {ods}", devices.len())),
        }
    }

    /// Asks a service until it answers, with a change and the version that it is for if there is one.
    async fn ask(
        &self,
        service: &str,
        method: Method,
        path: String,
        change: Option<(String, String)>,
    ) -> Result<HttpResponse, NobodyToAsk> {
        let base = (self.own.services.get(service)).and_then(|base| base.parse::<Base>().ok());
        let Some(base) = base else {
            return no(format!("`prepare` gave no address of {service}"));
        };
        let mut headers = Headers::new()
            .with(API_KEY, self.own.api_key.as_str())
            .with(CORRELATION_ID, "0B0F7A6C-3A5E-4E6F-9B1C-2F3D4E5A6B7C")
            .with(REQUEST_ID, "0B0F7A6C-3A5E-4E6F-9B1C-2F3D4E5A6B7D")
            .with("Accept", FHIR_JSON);
        let (body, content_type) = match change {
            Some((body, version)) => {
                headers.push("If-Match", version);
                (body, JSON_PATCH)
            }
            None => (String::new(), ""),
        };
        let request = HttpRequest {
            method,
            path,
            soap_action: None,
            content_type: content_type.to_owned(),
            headers,
            body: body.into(),
        };
        let mut why = String::new();
        for _ in 0..TRIES {
            let asked = ask(self.client, base.clone(), request.clone(), Conduct::Clean);
            match asked.await {
                Ok(response) if response.status != 429 && response.status < 500 => {
                    return Ok(response);
                }
                Ok(response) => why = format!("20: {service} answers {}", response.status),
                Err(cause) => why = format!("20: {service}: {cause}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(NobodyToAsk(why))
    }
}

fn no<T>(why: impl Into<String>) -> Result<T, NobodyToAsk> {
    Err(NobodyToAsk(why.into()))
}
