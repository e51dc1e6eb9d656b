//! Where a system takes what is sent to it.

use std::collections::BTreeMap;

use gp2gp_mocks::peer::{HttpRequest, HttpResponse};
use gp2gp_mocks::serve::{Base, Client, Probed, Scheme, Trust, probe};
use gp2gp_mocks::spine;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::Role;
use gp2gp_wire::ebxml::{self, Envelope};

use super::{Diagnosis, clock, harmless, mend};
use crate::sut::config::{Binding, Config, OwnTls};
use crate::sut::process::get;

/// `told` is where it takes messages by its own word, for roles of which the file does not say it;
/// `None` where it could not be asked.
pub(super) async fn examine(
    config: &Config,
    tls: Option<&OwnTls>,
    told: Option<&BTreeMap<Role, Base>>,
    diagnosis: &mut Diagnosis,
) {
    for role in &config.system.roles {
        let role = *role;
        let of_file = config.environment.wire.get(&role);
        let known = of_file.or_else(|| told.and_then(|told| told.get(&role)));
        let Some(base) = known else {
            nowhere(config, role, told.is_some(), diagnosis);
            continue;
        };
        let line = Line {
            config,
            tls,
            role,
            base,
        };
        line.examine(diagnosis).await;
    }
}

fn nowhere(config: &Config, role: Role, was_asked: bool, diagnosis: &mut Diagnosis) {
    let name = format!("wire {role}");
    match (&config.environment.binding, role) {
        (Binding::MhsJson(_), Role::Requesting | Role::Sending) => {
            diagnosis.skipped(name, "it reads what arrives from its queue");
        }
        (Binding::Spine, Role::Requesting | Role::Sending) if !was_asked => {
            diagnosis.skipped(name, "it says where it listens when it is prepared");
        }
        (Binding::Spine, Role::Requesting | Role::Sending) => diagnosis.broken(
            name,
            format!("nobody says where the {role} system takes what is sent to it"),
            format!("write `{role} = \"http://...\"` below [environment.wire], or let its answer to `prepare` have {{\"addresses\": {{\"{role}\": \"http://...\"}}}}"),
        ),
        (Binding::Spine | Binding::MhsJson(_), Role::Exporting | Role::Hub) => {
            diagnosis.skipped(name, "it says where it listens when it is prepared");
        }
    }
}

/// The way to one of its systems.
struct Line<'a> {
    config: &'a Config,
    tls: Option<&'a OwnTls>,
    role: Role,
    base: &'a Base,
}

impl Line<'_> {
    async fn examine(&self, diagnosis: &mut Diagnosis) {
        let Self { role, base, .. } = self;
        let trust = self.tls.and_then(|tls| tls.trust().ok());
        let name = format!("wire {role}");
        let Probed { response, date } =
            match probe(&self.client(trust.clone()), *base, self.request()).await {
                Ok(answered) => answered,
                Err(cause) => {
                    let key = format!("`{role}` in [environment.wire]");
                    return diagnosis.broken(name, cause.to_string(), mend::of(&cause, base, &key));
                }
            };
        diagnosis.ok(name, format!("{base} answers"));
        self.client_certificate(trust.as_ref(), diagnosis).await;
        self.answer(&response, diagnosis);
        clock::examine(format!("clock {role}"), date.as_deref(), diagnosis);
    }

    fn client(&self, trust: Option<Trust>) -> Client {
        let client = Client::with_patience(self.config.environment.answer_within);
        match trust {
            Some(trust) => client.trusting(trust),
            None => client,
        }
    }

    /// A system that is no GP2GP system is asked for what lies at its base.
    fn request(&self) -> HttpRequest {
        let harmless = match self.role {
            Role::Requesting | Role::Sending => harmless::message(crate::sut::wall::now()).ok(),
            Role::Exporting | Role::Hub => None,
        };
        match harmless {
            Some(message) => HttpRequest {
                method: Method::Post,
                path: spine::PATH.to_owned(),
                soap_action: Some(message.soap_action),
                content_type: message.content_type,
                headers: Headers::new(),
                body: message.body,
            },
            None => get(),
        }
    }

    /// Mutual TLS: who shows no certificate is not let in.
    async fn client_certificate(&self, ours: Option<&Trust>, diagnosis: &mut Diagnosis) {
        let probe_name = format!("client certificate {}", self.role);
        let (Some(tls), Some(ours), Scheme::Https) = (self.tls, ours, self.base.scheme()) else {
            return diagnosis.skipped(probe_name, "plain HTTP");
        };
        if !ours.was_asked_for_certificate() {
            return diagnosis.broken(
                probe_name,
                "the system does not ask for a client certificate",
                "switch mutual TLS on: message handlers let nobody in without one; `ca.pem` is whom to trust",
            );
        }
        let Ok(nobody) = Trust::new(&tls.authority, None) else {
            return;
        };
        match probe(&self.client(Some(nobody)), self.base, get()).await {
            Err(_) => diagnosis.ok(probe_name, "ours is accepted, and none is refused"),
            Ok(_) => diagnosis.broken(
                probe_name,
                "the system asks for a client certificate, and answers who shows none",
                "let it demand one: it is optional there",
            ),
        }
    }

    /// An acknowledgment or a message error is as it should be; what is no ebXML is not.
    fn answer(&self, response: &HttpResponse, diagnosis: &mut Diagnosis) {
        let probe = format!("answer {}", self.role);
        match self.role {
            Role::Requesting | Role::Sending => {}
            Role::Exporting | Role::Hub => {
                return diagnosis.skipped(probe, "nothing harmless can be sent to it");
            }
        }
        let key = format!("`{}` in [environment.wire]", self.role);
        let status = response.status;
        let envelope = ebxml::parse(&response.body).ok();
        match (status, envelope) {
            (200..300, Some(Envelope::Acknowledgment(_))) => {
                diagnosis.ok(probe, format!("{status} with an ebXML acknowledgment"));
            }
            (_, Some(Envelope::ErrorList(_))) => {
                diagnosis.ok(probe, format!("{status} with an ebXML error list: it refuses what is not for it"));
            }
            (_, Some(Envelope::Fault(_))) => {
                diagnosis.ok(probe, format!("{status} with a SOAP fault: it refuses what is not for it"));
            }
            (202 | 204, None) if response.body.is_empty() => {
                diagnosis.ok(probe, format!("{status} without a body"));
            }
            (404 | 405, None) => diagnosis.broken(
                probe,
                format!("{status} for POST {}{}", self.base, spine::PATH),
                format!("correct the path of {key}: messages are posted to {} below it", spine::PATH),
            ),
            (400, None) if self.base.scheme() == Scheme::Http => diagnosis.broken(
                probe,
                format!("400 with {}, which is no ebXML", shown(response)),
                format!("the port may speak TLS, which is refused so: write https:// in {key}"),
            ),
            (401 | 403, None) => diagnosis.broken(
                probe,
                format!("{status}: it lets nobody in"),
                "switch off what stands before the endpoint: Spine has its certificate and nothing else",
            ),
            (500..600, None) => diagnosis.broken(
                probe,
                format!("{status} without ebXML for a message that is not for it"),
                "look into the system's log: it failed on a well-formed ebXML message",
            ),
            (_, Some(Envelope::Acknowledgment(_))) => diagnosis.broken(
                probe,
                format!("an ebXML acknowledgment with status {status}"),
                "let the system answer with 200: by any other status the message was not delivered",
            ),
            (_, Some(Envelope::Message(..)) | None) => diagnosis.broken(
                probe,
                format!("{status} with {}, which is no ebXML", shown(response)),
                format!("something else may listen there: correct {key}; a message handler answers with text/xml and an ebXML acknowledgment"),
            ),
        }
    }
}

fn shown(response: &HttpResponse) -> String {
    let kind = response
        .content_type
        .as_deref()
        .unwrap_or("no Content-Type");
    format!("{} bytes of {kind}", response.body.len())
}
