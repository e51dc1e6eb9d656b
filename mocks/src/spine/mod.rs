//! Spine's message router: takes messages of practices, refuses what is wrong with them, and
//! brings the others to the practice that they name.
//!
//! The walk of a post: [`admission`] reads and checks it, [`faults`] says whether something is
//! planned to go wrong with it, [`delivery`] brings it to its recipient; [`answer`] has the words
//! of Spine itself.

mod admission;
mod answer;
mod answered;
mod delivery;
mod faults;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gp2gp_model::directory::Directory;
use gp2gp_model::http::Method;
use gp2gp_model::plan::Fault;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{Break, Interaction, PartyKey, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::{Encoded, raw};

use crate::peer::{AnswerId, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer};
use admission::{Arrival, Refusal};
use answer::{OwnMessage, Speaker};
use answered::Answered;
use delivery::{Copies, Delivery, Outbox, Persistence, Start, Step};
use faults::{Fate, Faults};

/// Path of the forward-reliable service.
pub const PATH: &str = "/reliablemessaging/forwardreliable";

/// What Spine is told about a run.
#[derive(Debug, Clone)]
pub struct SpineConfig {
    /// Who takes part, and under which contracts.
    pub directory: Directory,
    /// Which system is behind which party key. A party of the directory without a system is
    /// accepted as recipient and never reached.
    pub endpoints: BTreeMap<PartyKey, Endpoint>,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// When the run began: times of faults count from here.
    pub started: Time,
}

/// Spine as a peer. Accepts `POST /reliablemessaging/forwardreliable`.
#[derive(Debug)]
pub struct Spine {
    directory: Directory,
    endpoints: BTreeMap<PartyKey, Endpoint>,
    faults: Faults,
    speaker: Speaker,
    answered: Answered,
    outbox: Outbox,
    /// Deliveries wait for this end of an outage.
    held_until: Option<Time>,
    outputs: VecDeque<Output>,
}

impl Spine {
    /// Spine at the beginning of a run.
    pub fn new(config: SpineConfig, streams: Streams) -> Self {
        Self {
            faults: Faults::new(config.faults, config.started),
            directory: config.directory,
            endpoints: config.endpoints,
            speaker: Speaker::new(Ids::new(streams.stream("spine"))),
            answered: Answered::default(),
            outbox: Outbox::default(),
            held_until: None,
            outputs: VecDeque::new(),
        }
    }

    fn answer(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let response = match self.faults.outage_at(now) {
            _ if !request.method.is_post() => HttpResponse::method_not_allowed(&[Method::Post]),
            Some(outage) => {
                let fault = outage.name.clone();
                self.outputs.push_back(Output::FaultFired(fault));
                answer::out_of_order()
            }
            None => match self.admit(now, request) {
                Ok(acknowledgment) => answer::accepted(acknowledgment),
                Err(refusal) => self.speaker.refused(now, refusal),
            },
        };
        self.outputs.push_back(Output::Answer { id, response });
    }

    /// The acknowledgment of a good message. A repeated one gets the bytes of the first time and
    /// has no other effect, even if its time to live has passed meanwhile.
    fn admit(&mut self, now: Time, request: &HttpRequest) -> Result<Bytes, Refusal> {
        let arrival = admission::read(request)?;
        admission::check_header(&self.directory, request, &arrival)?;
        if let Some(acknowledgment) = self.answered.acknowledgment(arrival.header()) {
            return Ok(acknowledgment);
        }
        admission::check_new(now, &arrival)?;
        let acknowledgment = self.speaker.acknowledgment(now, arrival.header());
        self.answered
            .remember(arrival.header(), acknowledgment.clone());
        self.route(now, &arrival, request);
        Ok(acknowledgment)
    }

    fn route(&mut self, now: Time, arrival: &Arrival, request: &HttpRequest) {
        let (request, copies) = match self.fate(arrival) {
            Some(Fate::Lost(fault)) => return self.outputs.push_back(Output::FaultFired(fault)),
            Some(Fate::Doubled(fault)) => (request.clone(), Copies::Two { fault }),
            Some(Fate::Malformed(fault, how)) => (self.malformed(request, fault, how), Copies::One),
            None => (request.clone(), Copies::One),
        };
        match admission::misaddressed(&self.directory, arrival) {
            Some(wrapper) => {
                let sender = &arrival.header().from;
                let cpa_id = self
                    .directory
                    .contract(sender, Interaction::Acknowledgement)
                    .map_or_else(|| arrival.header().cpa_id.clone(), |own| own.cpa_id.clone());
                let nack = self
                    .speaker
                    .misaddressed(now, arrival.header(), &wrapper, cpa_id);
                self.notify(now, sender, nack);
            }
            None => self.forward(now, arrival, request, copies),
        }
    }

    /// The message as it would have come from a system that breaks it. A message that cannot be
    /// broken this way goes on whole, and the fault has not fired.
    fn malformed(&mut self, request: &HttpRequest, fault: String, how: Break) -> HttpRequest {
        let whole = Encoded {
            content_type: request.content_type.clone(),
            soap_action: request.soap_action.clone().unwrap_or_default(),
            body: request.body.clone(),
        };
        let Some(broken) = raw::break_message(&whole, how) else {
            return request.clone();
        };
        self.outputs.push_back(Output::FaultFired(fault));
        HttpRequest {
            method: request.method,
            path: request.path.clone(),
            soap_action: Some(broken.soap_action),
            content_type: broken.content_type,
            headers: request.headers.clone(),
            body: broken.body,
        }
    }

    fn fate(&mut self, arrival: &Arrival) -> Option<Fate> {
        let role = self.endpoints.get(&arrival.header().from)?.role()?;
        self.faults.next_message(role, arrival.kind?)
    }

    /// Sends a message on as it came.
    fn forward(&mut self, now: Time, arrival: &Arrival, request: HttpRequest, copies: Copies) {
        let header = arrival.header();
        let contract = arrival
            .message
            .interaction()
            .and_then(|interaction| self.directory.contract(&header.to, interaction));
        self.outbox.enqueue(Delivery {
            to: header.to.clone(),
            endpoint: self.endpoints.get(&header.to).copied(),
            message_id: header.message_id.clone(),
            request,
            copies,
            persistence: Persistence::new(now, contract, header.time_to_live),
            sent_with: Some(Box::new(header.clone())),
        });
    }

    /// Sends what Spine itself has to say to a sender, as persistently as an acknowledgement.
    fn notify(&mut self, now: Time, sender: &PartyKey, message: OwnMessage) {
        let contract = self
            .directory
            .contract(sender, Interaction::Acknowledgement);
        self.outbox.enqueue(Delivery {
            to: sender.clone(),
            endpoint: self.endpoints.get(sender).copied(),
            message_id: message.message_id,
            request: message.request,
            copies: Copies::One,
            persistence: Persistence::new(now, contract, None),
            sent_with: None,
        });
    }

    /// Posts what may be posted, and reports what will not be tried again.
    fn deliver(&mut self, now: Time) {
        if let Some(outage) = self.faults.outage_at(now) {
            self.held_until = self.outbox.is_waiting().then_some(outage.until);
            return;
        }
        self.held_until = None;
        while let Some(step) = self.outbox.next_step(now) {
            match step {
                Step::Post(start) => self.post(start),
                Step::GiveUp(delivery) => self.report(now, delivery),
            }
        }
    }

    fn post(&mut self, start: Start) {
        let Start {
            id,
            to,
            request,
            fault,
        } = start;
        self.outputs.extend(fault.map(Output::FaultFired));
        self.outputs.push_back(Output::Post { id, to, request });
    }

    fn report(&mut self, now: Time, failed: Delivery) {
        if let Some(header) = failed.sent_with {
            let failure = self.speaker.delivery_failure(now, &header);
            self.notify(now, &header.from, failure);
        }
    }
}

impl Peer for Spine {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.answer(now, id, &request),
            Input::Response { post, response } => self.outbox.answered(now, post, &response),
            Input::Failed { post, error: _ } => self.outbox.failed(now, post),
            Input::Act(act) => {
                let notice = Notice::NotSupported(act);
                self.outputs.push_back(Output::Notice(notice));
            }
        }
        self.deliver(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.outbox.handle_timeout(now);
        self.deliver(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let end_of_outage = self.held_until.map(|at| Deadline {
            at,
            why: "end of an outage of Spine",
        });
        [self.outbox.poll_timeout(), end_of_outage]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| deadline.at)
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
