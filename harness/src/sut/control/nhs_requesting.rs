//! Control of a requesting system that is built on the national adaptor: its facade.
//!
//! Such a system registers nobody and looks nobody up. Whoever drives it does (here the [`Desk`]), and then
//! says `POST /Patient/$gpc.migratestructuredrecord` with the addresses of both practices. The same
//! again is a question: 204 as long as the record has not come, 200 once it has. What people decide is
//! `POST /$gpc.ack`.

mod desk;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gp2gp_mocks::peer::{Conduct, HttpRequest, HttpResponse, TransportError};
use gp2gp_mocks::serve::{Base, Client, ask};
use gp2gp_model::control::{
    Action, ActionStatus, CONTRACT, Claims, Command, NotAReply, Numbered, Prepared, Refusal, Reply,
    Screen, ScreenNotice, Setting, SystemSetting, Verb,
};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::plan::{Act, Decision, Role};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{Capability, NhsNumber, Sha256, Time};
use gp2gp_wire::fhir::system;
use serde_json::json;

use self::desk::{Addressee, Desk};
use super::{Calling, Control, ControlError};

const MIGRATE: &str = "/Patient/$gpc.migratestructuredrecord";
const ACKNOWLEDGE: &str = "/$gpc.ack";
const FHIR_JSON: &str = "application/fhir+json";

/// A facade, and the people before it.
#[derive(Debug)]
pub struct NhsRequestingControl {
    facade: Facade,
    /// Makes the conversations of this driver others than those of an earlier one: what is deployed remembers.
    salt: u128,
    run: Run,
}

/// Where the facade is.
#[derive(Debug)]
struct Facade {
    client: Client,
    base: Base,
    token: Option<String>,
    patience: Duration,
}

/// What belongs to one run.
#[derive(Debug, Default)]
struct Run {
    practice: Option<(SystemSetting, Time)>,
    transfers: Vec<Transfer>,
    actions: BTreeMap<String, ActionStatus>,
    notices: Vec<Numbered>,
}

/// A record that was asked for.
#[derive(Debug)]
struct Transfer {
    patient: NhsNumber,
    act: Act,
    conversation: String,
    to: Addressee,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    Over,
}

impl NhsRequestingControl {
    /// Operations are below `base`, asked with the token as bearer if there is one. `client` waits `patience`.
    pub fn new(client: Client, base: Base, token: Option<String>, patience: Duration) -> Self {
        Self {
            facade: Facade {
                client,
                base,
                token,
                patience,
            },
            salt: salt(),
            run: Run::default(),
        }
    }

    async fn exchange(&mut self, command: &Command) -> Result<Reply, ControlError> {
        match command {
            Command::Capabilities => Ok(Reply::Capabilities(claims())),
            Command::Prepare(setting) => {
                self.run = Run::of(setting);
                Ok(Reply::Prepared(Prepared::default()))
            }
            Command::Act(action) => self.act(command, action).await.map(Reply::Action),
            Command::Notices(after) => {
                self.look(command).await?;
                Ok(Reply::Screen(self.run.screen(after.after)))
            }
            Command::Reset => {
                self.run = Run::default();
                Ok(Reply::Nothing)
            }
            Command::Health
            | Command::Action(_)
            | Command::Observe(_)
            | Command::Clock(_)
            | Command::Lifecycle(_)
            | Command::Logs(_)
            | Command::Probe { .. } => Err(not_supported(command)),
        }
    }

    /// The same id again is the same action.
    async fn act(
        &mut self,
        command: &Command,
        action: &Action,
    ) -> Result<ActionStatus, ControlError> {
        if let Some(status) = self.run.actions.get(&action.id) {
            return Ok(status.clone());
        }
        let status = match &action.act {
            Act::Register { patient, gp } => {
                let gp = gp.as_ref();
                let practice = (self.run.practice.as_ref())
                    .ok_or_else(|| failed(command, "prepare comes first"))?;
                let desk = Desk::new(&self.facade.client, &practice.0, practice.1);
                match desk.register(*patient, gp).await {
                    Ok(to) => self.ask_for(command, &action.act, *patient, to).await?,
                    Err(why) => ActionStatus::Declined { why: why.0 },
                }
            }
            Act::Decide { patient, decision } => self.decide(command, *patient, *decision).await?,
            Act::RepeatRequest { .. }
            | Act::AcknowledgeAgain { .. }
            | Act::RepeatExtract { .. }
            | Act::SendUnrequested { .. }
            | Act::MoveOn { .. }
            | Act::Relink { .. }
            | Act::DealWithPooledList { .. }
            | Act::Relist { .. }
            | Act::Stray { .. }
            | Act::File { .. }
            | Act::AtOffice { .. }
            | Act::AtHub { .. }
            | Act::Book { .. } => return Err(not_supported(command)),
        };
        self.run.actions.insert(action.id.clone(), status.clone());
        Ok(status)
    }

    async fn ask_for(
        &mut self,
        command: &Command,
        act: &Act,
        patient: NhsNumber,
        to: Addressee,
    ) -> Result<ActionStatus, ControlError> {
        let transfer = Transfer {
            patient,
            act: act.clone(),
            conversation: self.conversation(),
            to,
            state: State::Waiting,
        };
        let response = self.migrate(command, &transfer).await?;
        Ok(match response.status {
            200 | 202 | 204 => {
                self.run.transfers.push(transfer);
                ActionStatus::Done
            }
            400..600 => ActionStatus::Declined {
                why: told(&response),
            },
            _ => return Err(strange(command, &response)),
        })
    }

    /// Asks of everything that has not come whether it has.
    async fn look(&mut self, command: &Command) -> Result<(), ControlError> {
        for at in 0..self.run.transfers.len() {
            let Some(transfer) = self.run.transfers.get(at) else {
                continue;
            };
            if transfer.state != State::Waiting {
                continue;
            }
            let response = self.migrate(command, transfer).await?;
            match response.status {
                202 | 204 => {}
                200 => self.run.settle(at, State::Ready, |transfer| {
                    ScreenNotice::ReadyToIntegrate {
                        patient: transfer.patient,
                    }
                }),
                400..600 => {
                    let why = told(&response);
                    self.run
                        .settle(at, State::Over, |transfer| ScreenNotice::Declined {
                            act: transfer.act.clone(),
                            why,
                        });
                }
                _ => return Err(strange(command, &response)),
            }
        }
        Ok(())
    }

    async fn decide(
        &mut self,
        command: &Command,
        patient: NhsNumber,
        decision: Decision,
    ) -> Result<ActionStatus, ControlError> {
        let is_meant = |it: &&mut Transfer| it.patient == patient && it.state == State::Ready;
        let is_returning =
            (self.run.practice.iter()).any(|(practice, _)| practice.patients.contains(&patient));
        let Some(transfer) = self.run.transfers.iter_mut().find(is_meant) else {
            return Ok(ActionStatus::Declined {
                why: "no record of this patient waits for a decision".to_owned(),
            });
        };
        let headers = Headers::new()
            .with("conversationId", transfer.conversation.as_str())
            .with("confirmationResponse", word(decision, is_returning));
        let response = self.facade.post(command, ACKNOWLEDGE, headers, "").await?;
        match response.status {
            200..300 => {
                transfer.state = State::Over;
                Ok(ActionStatus::Done)
            }
            400..600 => Err(failed(command, &told(&response))),
            _ => Err(strange(command, &response)),
        }
    }

    /// Asks for a record, or whether it has come.
    async fn migrate(
        &self,
        command: &Command,
        transfer: &Transfer,
    ) -> Result<HttpResponse, ControlError> {
        let Some((own, _)) = &self.run.practice else {
            return Err(failed(command, "prepare comes first"));
        };
        let headers = Headers::new()
            .with("to-asid", transfer.to.asid.as_str())
            .with("from-asid", own.practice.asid.as_str())
            .with("to-ods", transfer.to.ods.as_str())
            .with("from-ods", own.practice.ods.as_str())
            .with("ConversationId", transfer.conversation.as_str());
        let identifier = json!({
            "system": system::NHS_NUMBER,
            "value": transfer.patient.to_string(),
        });
        let parameters = json!({
            "resourceType": "Parameters",
            "parameter": [{ "name": "patientNHSNumber", "valueIdentifier": identifier }],
        });
        (self.facade)
            .post(command, MIGRATE, headers, &parameters.to_string())
            .await
    }

    /// A UUID that no earlier conversation had.
    fn conversation(&self) -> String {
        let count = self.run.transfers.len();
        let run = self.run.practice.as_ref().map(|(_, started)| *started);
        let name = format!("{} {run:?} {count} {}", self.salt, self.run.actions.len());
        let digest = Sha256::of(name.as_bytes()).to_string().to_ascii_uppercase();
        let mut id = String::with_capacity(36);
        for (at, digit) in digest.chars().take(32).enumerate() {
            let dash = if matches!(at, 8 | 12 | 16 | 20) {
                "-"
            } else {
                ""
            };
            let digit = match at {
                12 => '4',
                16 => '8',
                _ => digit,
            };
            let _ = write!(id, "{dash}{digit}");
        }
        id
    }
}

impl Control for NhsRequestingControl {
    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a> {
        Box::pin(self.exchange(command))
    }
}

impl Run {
    fn of(setting: &Setting) -> Self {
        let mut systems = setting.systems.iter();
        let own = systems.find(|it| it.system == Endpoint::Requesting);
        Self {
            practice: own.map(|own| (own.clone(), setting.clock.now)),
            ..Self::default()
        }
    }

    fn settle(&mut self, at: usize, state: State, tell: impl FnOnce(&Transfer) -> ScreenNotice) {
        if let Some(transfer) = self.transfers.get_mut(at) {
            transfer.state = state;
            self.notices.push(Numbered {
                number: self.notices.len() as u64 + 1,
                system: Endpoint::Requesting,
                notice: tell(transfer),
            });
        }
    }

    fn screen(&self, after: u64) -> Screen {
        let notices = self.notices.iter().filter(|it| it.number > after);
        Screen {
            notices: notices.cloned().collect(),
        }
    }
}

impl Facade {
    async fn post(
        &self,
        command: &Command,
        path: &str,
        mut headers: Headers,
        body: &str,
    ) -> Result<HttpResponse, ControlError> {
        if let Some(token) = &self.token {
            headers.push("authorization", format!("Bearer {token}"));
        }
        let request = HttpRequest {
            method: Method::Post,
            path: path.to_owned(),
            soap_action: None,
            content_type: FHIR_JSON.to_owned(),
            headers,
            body: body.to_owned().into(),
        };
        let answered = ask(&self.client, self.base.clone(), request, Conduct::Clean).await;
        let verb = command.verb().to_owned();
        answered.map_err(|cause| match cause.transport() {
            TransportError::Refused => ControlError::Unreachable {
                verb,
                why: cause.to_string(),
            },
            TransportError::Reset => ControlError::CutOff {
                verb,
                why: cause.to_string(),
            },
            TransportError::TimedOut => ControlError::Hung {
                verb,
                after: self.patience,
            },
        })
    }
}

/// What there is without an `observe`: level L1.
fn claims() -> Claims {
    Claims {
        contract: CONTRACT.to_owned(),
        name: "nhs-requesting".to_owned(),
        version: String::new(),
        roles: BTreeSet::from([Role::Requesting]),
        capabilities: Capability::ALL.into(),
        versions: BTreeSet::new(),
        verbs: BTreeSet::from([
            Verb::Capabilities,
            Verb::Prepare,
            Verb::Act,
            Verb::Notices,
            Verb::Reset,
        ]),
        reads_plans: false,
    }
}

/// `confirmationResponse` (spec 10).
const fn word(decision: Decision, is_returning: bool) -> &'static str {
    match (decision, is_returning) {
        (Decision::Integrate, _) => "ACCEPTED",
        (Decision::Suppress, _) => "SUPPRESSED",
        (Decision::FailToIntegrate, _) => "FAILED_TO_INTEGRATE",
        (Decision::Reject, true) => "ABA_INCORRECT_PATIENT",
        (Decision::Reject, false) => "NON_ABA_INCORRECT_PATIENT",
    }
}

fn not_supported(command: &Command) -> ControlError {
    ControlError::Refused {
        verb: command.verb().to_owned(),
        refusal: Refusal::NotSupported,
    }
}

fn failed(command: &Command, why: &str) -> ControlError {
    ControlError::Refused {
        verb: command.verb().to_owned(),
        refusal: Refusal::Failed {
            why: why.to_owned(),
        },
    }
}

/// The status, and the beginning of what is said with it.
fn told(response: &HttpResponse) -> String {
    const SHOWN: usize = 120;
    let body = String::from_utf8_lossy(&response.body);
    let shown: String = body.trim().chars().take(SHOWN).collect();
    format!("the facade answers {} with `{shown}`", response.status)
}

fn strange(command: &Command, response: &HttpResponse) -> ControlError {
    NotAReply {
        verb: command.verb().to_owned(),
        why: told(response),
    }
    .into()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a deployed system remembers the conversations of earlier runs; nothing in a run depends on it"
)]
fn salt() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos()) ^ u128::from(std::process::id()) << 96
}
