//! SDS, the directory of Spine, and beside it the registry of practices and GPs.
//!
//! # HTTP interface
//!
//! | request | answer |
//! |---|---|
//! | `GET /Device?organization=...&identifier=...` | searchset of the systems of a practice that take part in an interaction |
//! | `GET /Endpoint?` and two of organisation, interaction, party key | searchset of addresses and contracts |
//! | `GET /Organization/{ods}` | the practice, see [`gp2gp_wire::registry`] |
//! | `GET /PractitionerRole?practitioner.identifier=...` | where a GP works and worked |
//!
//! [`gp2gp_wire::sds`] has the parameters. Headers and refusals are those of [`crate::fhir`]: 400
//! names the parameter, 404 is a path or a practice that is not there, 405 any method but GET. A good
//! search that finds nothing is answered 200 with an empty set.
//!
//! A practice that is not listed is not found by its code, but by its party key.

mod acts;
mod register;

#[cfg(test)]
mod tests;

use gp2gp_model::Time;
use gp2gp_model::directory::Directory;
use gp2gp_model::fault::{DirectoryOperation, Fault, Target};
use gp2gp_model::http::Method;
use gp2gp_model::registry::Registry;
use gp2gp_model::trace::Observation;
use gp2gp_sim::Streams;
use gp2gp_wire::fhir::QueryError;
use gp2gp_wire::{registry, sds};

use crate::fhir::{Code, Counter, Fate, Found, Refusal};
use crate::peer::{AnswerId, Deadline, HttpRequest, Input, Notice, Output, Peer};

pub use register::{MANUFACTURER, address};

/// What SDS and the registry know.
#[derive(Debug, Clone)]
pub struct SdsConfig {
    /// Practices, their systems and contracts.
    pub directory: Directory,
    /// Practices, GPs and who works where.
    pub registry: Registry,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// When the run began: times of faults count from here.
    pub started: Time,
}

/// SDS and the registry.
#[derive(Debug)]
pub struct Sds {
    directory: Directory,
    registry: Registry,
    counter: Counter,
}

/// A question that can be answered.
#[derive(Debug)]
enum Question {
    Sds(sds::Query),
    Registry(registry::Query),
}

impl Sds {
    /// SDS and the registry at the beginning of a run.
    pub fn new(config: SdsConfig, streams: Streams) -> Self {
        Self {
            directory: config.directory,
            registry: config.registry,
            counter: Counter::of_directory(config.faults, config.started, streams),
        }
    }

    fn take(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let mut fate = Fate::default();
        let served = self.serve(now, request, &mut fate);
        self.counter.answer(now, id, request, served, fate);
    }

    fn serve(
        &mut self,
        now: Time,
        request: &HttpRequest,
        fate: &mut Fate,
    ) -> Result<Found, Refusal> {
        let asker = Counter::identify(request)?;
        let operation = operation(request)?;
        self.counter.check_headers(request)?;
        let question = Question::parse(operation, &request.path);
        *fate = self.counter.fate(now, asker, |on| is_meant(on, operation));
        fate.meet()?;
        match question {
            Ok(question) => self.answer(question),
            // A good question that nobody here is the answer to.
            Err(QueryError::ForeignInteraction { .. }) => {
                Ok(Found::new(gp2gp_wire::fhir::searchset(&[])))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn answer(&self, question: Question) -> Result<Found, Refusal> {
        let body = match question {
            Question::Sds(query @ sds::Query::Device { .. }) => {
                sds::write_devices(&register::devices(&self.directory, &query))
            }
            Question::Sds(query @ sds::Query::Endpoint { .. }) => {
                sds::write_endpoints(&register::endpoints(&self.directory, &query))
            }
            Question::Registry(registry::Query::Organisation(ods)) => {
                let organisation =
                    register::organisation(&self.registry, &ods).ok_or_else(|| {
                        Refusal::new(Code::NotFound, format!("no organisation {ods}"))
                    })?;
                organisation.to_json()
            }
            Question::Registry(registry::Query::Roles(gp)) => {
                registry::write_roles(&register::roles(&self.registry, gp))
            }
        };
        Ok(Found::new(body))
    }
}

/// What a request is, by its path and method.
fn operation(request: &HttpRequest) -> Result<DirectoryOperation, Refusal> {
    let path = request.path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let operation = match segments.as_slice() {
        ["Device"] => DirectoryOperation::Device,
        ["Endpoint"] => DirectoryOperation::Endpoint,
        ["Organization", _] => DirectoryOperation::Organisation,
        ["PractitionerRole"] => DirectoryOperation::Roles,
        _ => return Err(Refusal::no_such_path(path)),
    };
    match request.method {
        Method::Get => Ok(operation),
        Method::Post | Method::Put | Method::Patch | Method::Delete | Method::Head => {
            Err(Refusal::method_not_allowed(request.method, "GET"))
        }
    }
}

fn is_meant(on: &Target, asked: DirectoryOperation) -> bool {
    match on {
        Target::Directory { operation, .. } => {
            *operation == DirectoryOperation::Any || *operation == asked
        }
        Target::Demographics { .. }
        | Target::Posting(_)
        | Target::Delivery(_)
        | Target::System { .. }
        | Target::Store { .. }
        | Target::Federation { .. } => false,
    }
}

impl Question {
    fn parse(operation: DirectoryOperation, path: &str) -> Result<Self, QueryError> {
        match operation {
            DirectoryOperation::Device | DirectoryOperation::Endpoint | DirectoryOperation::Any => {
                sds::Query::parse(path).map(Self::Sds)
            }
            DirectoryOperation::Organisation | DirectoryOperation::Roles => {
                registry::Query::parse(path).map(Self::Registry)
            }
        }
    }
}

impl Peer for Sds {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.take(now, id, &request),
            // It asks nobody.
            Input::Response { .. } | Input::Failed { .. } | Input::Condition(_) => {}
            Input::Act(act) => {
                if let Err(act) = self.act(now, act) {
                    self.counter.tell(Output::Notice(Notice::NotSupported(act)));
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        self.counter.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        self.counter.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.counter.poll_output()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
