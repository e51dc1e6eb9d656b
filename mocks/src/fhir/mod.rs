//! What the national services over FHIR, [`sds`](crate::sds) and [`pds`](crate::pds), share: who may
//! ask, how is answered, and what goes wrong on purpose.
//!
//! # Headers of every request
//!
//! - `apikey`: who asks. 401 without, or with one that nobody was given.
//! - `X-Correlation-Id`: a UUID; 400 without. The answer repeats it.
//! - `X-Request-ID`, of PDS alone: the same for one request.
//! - `Accept`: `application/fhir+json`, or anything that includes it; 406 otherwise. It may be left out.
//!
//! Every refusal is an `OperationOutcome` that says in `diagnostics` what was found. 429 and 503 say
//! in `Retry-After` after how many seconds another try can help.

mod faults;
mod outcome;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::Time;
use gp2gp_model::fault::{Fault, Target};
use gp2gp_model::http::Headers;
use gp2gp_model::plan::Role;
use gp2gp_sim::Streams;
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, FHIR_JSON, REQUEST_ID};
use serde_json::{Value, json};

use self::faults::{Faults, ServiceFault};
use crate::peer::{AnswerId, Conduct, Deadline, HttpRequest, HttpResponse, Output};

pub(crate) use outcome::{Code, Refusal};

/// The key that was given to the system of a role.
pub const fn api_key(role: Role) -> &'static str {
    match role {
        Role::Requesting => "key-of-the-requesting-system",
        Role::Sending => "key-of-the-sending-system",
        Role::Exporting => "key-of-the-exporting-system",
        Role::Hub => "key-of-the-hub",
    }
}

/// Who asks: the role to which a key was given.
fn holder(key: &str) -> Option<Role> {
    Role::ALL.into_iter().find(|role| api_key(*role) == key)
}

/// How a service as a whole behaves, whatever it knows.
#[derive(Debug)]
pub(crate) struct Counter {
    faults: Faults,
    /// Headers with a UUID that are wanted and repeated.
    echoed: &'static [&'static str],
    outputs: VecDeque<Output>,
    late: BTreeMap<(Time, AnswerId), Output>,
}

/// An answer that was not refused.
#[derive(Debug)]
pub(crate) struct Found {
    body: Value,
    headers: Headers,
}

/// A request that may be served, and what was planned to go wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    name: Option<String>,
    fault: Option<ServiceFault>,
}

impl Found {
    pub(crate) const fn new(body: Value) -> Self {
        Self {
            body,
            headers: Headers::new(),
        }
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }
}

impl Fate {
    /// Whether somebody else was quicker.
    pub(crate) fn is_race(&self) -> bool {
        self.fault == Some(ServiceFault::Race)
    }

    /// What a fault does before anything is done.
    pub(crate) fn meet(&self) -> Result<(), Refusal> {
        match self.fault {
            Some(ServiceFault::Refuse(status)) => {
                let why = format!("the service answers {status}");
                Err(Refusal::new(Code::Planned(status), why))
            }
            // Nobody will read it.
            Some(ServiceFault::Reset | ServiceFault::Silence) => {
                Err(Refusal::new(Code::Planned(503), "nothing was taken"))
            }
            Some(
                ServiceFault::LoseAnswer
                | ServiceFault::Truncate(_)
                | ServiceFault::Slow(_)
                | ServiceFault::Delay(_)
                | ServiceFault::Garble(_)
                | ServiceFault::Race,
            )
            | None => Ok(()),
        }
    }
}

impl Counter {
    /// The counter of SDS and of the registry.
    pub(crate) fn of_directory(faults: Vec<Fault>, started: Time, streams: Streams) -> Self {
        Self::new(Faults::new(faults, started, streams), &[CORRELATION_ID])
    }

    /// The counter of PDS.
    pub(crate) fn of_demographics(faults: Vec<Fault>, started: Time, streams: Streams) -> Self {
        let echoed = &[CORRELATION_ID, REQUEST_ID];
        Self::new(Faults::new(faults, started, streams), echoed)
    }

    const fn new(faults: Faults, echoed: &'static [&'static str]) -> Self {
        Self {
            faults,
            echoed,
            outputs: VecDeque::new(),
            late: BTreeMap::new(),
        }
    }

    /// Who asks, if their key is one.
    pub(crate) fn identify(request: &HttpRequest) -> Result<Role, Refusal> {
        let unauthorised = |why: &str| Refusal::new(Code::Unauthorised, why);
        let key = (request.headers.get(API_KEY))
            .ok_or_else(|| unauthorised("header apikey is missing"))?;
        holder(key).ok_or_else(|| unauthorised("nobody was given this apikey"))
    }

    /// Whether the headers say what they have to.
    pub(crate) fn check_headers(&self, request: &HttpRequest) -> Result<(), Refusal> {
        for name in self.echoed {
            let Some(value) = request.headers.get(name) else {
                let why = format!("header {name} is missing");
                return Err(Refusal::new(Code::MissingValue, why));
            };
            if !is_uuid(value) {
                let value: String = value.chars().take(60).collect();
                let why = format!("header {name} is `{value}`, which is no UUID");
                return Err(Refusal::new(Code::InvalidValue, why));
            }
        }
        let accepted = request.headers.get("Accept");
        match accepted.is_none_or(takes_fhir_json) {
            true => Ok(()),
            false => Err(Refusal::new(
                Code::NotAcceptable,
                format!("only {FHIR_JSON} is given"),
            )),
        }
    }

    /// What was planned to go wrong with a request of this kind; `kinds` is what it is.
    pub(crate) fn fate(&mut self, now: Time, by: Role, is_meant: impl Fn(&Target) -> bool) -> Fate {
        let fired = self.faults.fired(now, by, is_meant);
        let (name, fault) = fired.unzip();
        Fate { name, fault }
    }

    /// Answers a request.
    pub(crate) fn answer(
        &mut self,
        now: Time,
        id: AnswerId,
        request: &HttpRequest,
        served: Result<Found, Refusal>,
        fate: Fate,
    ) {
        self.outputs.extend(fate.name.map(Output::FaultFired));
        let mut response = served.map_or_else(Refusal::into_response, |found| HttpResponse {
            status: 200,
            content_type: Some(FHIR_JSON.to_owned()),
            headers: found.headers,
            body: Bytes::from(found.body.to_string()),
        });
        for name in self.echoed {
            if let Some(value) = request.headers.get(name).filter(|value| is_uuid(value)) {
                response.headers.push(name, value);
            }
        }
        let (conduct, delay) = carry(&mut response, fate.fault);
        let answer = Output::Answer {
            id,
            response,
            conduct,
        };
        match delay.is_zero() {
            true => self.outputs.push_back(answer),
            false => {
                self.late.insert((now + delay, id), answer);
            }
        }
    }

    /// Tells something to the people, or to the harness.
    pub(crate) fn tell(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        while let Some(entry) = self.late.first_entry()
            && entry.key().0 <= now
        {
            self.outputs.push_back(entry.remove());
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        let ((at, _), _) = self.late.first_key_value()?;
        Some(Deadline {
            at: *at,
            why: "late answer of a national service",
        })
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
}

/// What a fault makes of an answer on its way.
fn carry(response: &mut HttpResponse, fault: Option<ServiceFault>) -> (Conduct, Duration) {
    let clean = (Conduct::Clean, Duration::ZERO);
    match fault {
        Some(ServiceFault::Reset | ServiceFault::LoseAnswer) => (Conduct::Reset, Duration::ZERO),
        Some(ServiceFault::Silence) => (Conduct::Silent, Duration::ZERO),
        Some(ServiceFault::Truncate(percent)) => (Conduct::Truncate { percent }, Duration::ZERO),
        Some(ServiceFault::Slow(bytes_per_second)) => {
            (Conduct::Slow { bytes_per_second }, Duration::ZERO)
        }
        Some(ServiceFault::Delay(by)) => (Conduct::Clean, by),
        Some(ServiceFault::Garble(how)) => {
            garble(response, how);
            clean
        }
        Some(ServiceFault::Refuse(_) | ServiceFault::Race) | None => clean,
    }
}

fn garble(response: &mut HttpResponse, how: gp2gp_model::fault::Garble) {
    use gp2gp_model::fault::Garble;
    response.status = 200;
    match how {
        Garble::Html => {
            response.content_type = Some("text/html".to_owned());
            response.body = Bytes::from_static(b"<html><body>Service unavailable</body></html>");
        }
        Garble::Half => response.body.truncate(response.body.len() / 2),
        Garble::AnotherResource => {
            let resource = json!({ "resourceType": "Basic", "id": "1" });
            response.body = Bytes::from(resource.to_string());
        }
        Garble::NoVersion => {
            response.headers = (response.headers.iter())
                .filter(|(name, _)| *name != "etag")
                .map(|(name, value)| (name, value.to_owned()))
                .collect();
            if let Ok(mut patient) = serde_json::from_slice::<Value>(&response.body) {
                patient["meta"]["versionId"] = Value::Null;
                response.body = Bytes::from(patient.to_string());
            }
        }
    }
}

/// Whether one of the media types of an `Accept` header includes ours.
fn takes_fhir_json(accept: &str) -> bool {
    accept.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_ours = matches!(
            media_type.as_str(),
            "*/*" | "application/*" | "application/fhir+json" | "application/json"
        );
        let is_excluded = parts.any(|parameter| {
            (parameter.strip_prefix("q="))
                .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0))
        });
        is_ours && !is_excluded
    })
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_media_type_is_found_among_others_and_can_be_excluded() {
        for accept in [
            "application/fhir+json",
            "text/html, application/fhir+json;q=0.5",
            "*/*",
            "Application/FHIR+JSON; fhirVersion=4.0",
            "application/json",
        ] {
            assert!(takes_fhir_json(accept), "{accept}");
        }
        for accept in [
            "text/html",
            "application/fhir+xml",
            "",
            "application/fhir+json;q=0",
        ] {
            assert!(!takes_fhir_json(accept), "{accept}");
        }
    }
}
