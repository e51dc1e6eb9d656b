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
mod shelf;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::directory::Directory;
use gp2gp_model::fault::Fault;
use gp2gp_model::http::Method;
use gp2gp_model::plan::Role;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{Break, Interaction, PartyKey, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::{Encoded, raw};

use crate::peer::{
    AnswerId, Conduct, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer,
};
use admission::{Arrival, Refusal};
use answer::{OwnMessage, Speaker};
use answered::Answered;
use delivery::{Copies, Delivery, Outbox, Persistence, Start, Step};
use faults::{Fate, Faults, Mishap, Refused};

/// Path of the forward-reliable service.
pub const PATH: &str = "/reliablemessaging/forwardreliable";

/// Who posts more than a recipient takes waits no longer than this for an answer, far below the patience of
/// any system: what Spine acknowledged it keeps, and two systems that post to each other never wait for ever.
const SLOWED_AT_MOST: Duration = Duration::from_secs(5);

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
    /// Answers that a planned fault delays, by (time, number).
    late_answers: BTreeMap<(Time, u64), Output>,
    /// Answers to who posts faster than a recipient takes, by recipient: until there is room or this time has come.
    slowed_answers: BTreeMap<PartyKey, VecDeque<(Time, Output)>>,
    answers: u64,
    outputs: VecDeque<Output>,
}

impl Spine {
    /// Spine at the beginning of a run.
    pub fn new(config: SpineConfig, streams: Streams) -> Self {
        Self {
            faults: Faults::new(config.faults, config.started, streams),
            directory: config.directory,
            endpoints: config.endpoints,
            speaker: Speaker::new(Ids::new(streams.stream("spine"))),
            answered: Answered::default(),
            outbox: Outbox::default(),
            held_until: None,
            late_answers: BTreeMap::new(),
            slowed_answers: BTreeMap::new(),
            answers: 0,
            outputs: VecDeque::new(),
        }
    }

    fn answer(&mut self, now: Time, id: AnswerId, request: HttpRequest) {
        if !request.method.is_post() {
            let response = HttpResponse::method_not_allowed(&[Method::Post]);
            return self.put_answer(id, response, Conduct::Clean);
        }
        if let Some(outage) = self.faults.outage_at(now) {
            let (fault, refusal) = (outage.name.clone(), outage.refusal.clone());
            self.outputs.push_back(Output::FaultFired(fault));
            let response = self.refused_on_purpose(now, None, &refusal);
            return self.put_answer(id, response, Conduct::Clean);
        }
        let arrival = match admission::read(&request) {
            Ok(arrival) => arrival,
            Err(refusal) => {
                let response = self.speaker.refused(now, refusal);
                return self.put_answer(id, response, Conduct::Clean);
            }
        };
        match self.mishap(now, &arrival, &request) {
            None => {
                let to = arrival.header().to.clone();
                let response = self.admit(now, arrival, request);
                self.put_answer_in_time(now, id, response, to);
            }
            Some((fault, mishap)) => {
                self.outputs.push_back(Output::FaultFired(fault));
                self.answer_amiss(now, id, arrival, request, mishap);
            }
        }
    }

    /// Answers a post as a planned fault wants it.
    fn answer_amiss(
        &mut self,
        now: Time,
        id: AnswerId,
        arrival: Arrival,
        request: HttpRequest,
        mishap: Mishap,
    ) {
        let conduct = match mishap {
            Mishap::Refused(refusal) => {
                let response = self.refused_on_purpose(now, Some(&arrival), &refusal);
                return self.put_answer(id, response, Conduct::Clean);
            }
            Mishap::Silence => {
                return self.put_answer(id, answer::nothing(202), Conduct::Silent);
            }
            Mishap::Reset => return self.put_answer(id, answer::nothing(202), Conduct::Reset),
            Mishap::AnswerLate(by) => {
                let response = self.admit(now, arrival, request);
                self.answers += 1;
                let conduct = Conduct::Clean;
                let output = Output::Answer {
                    id,
                    response,
                    conduct,
                };
                self.late_answers.insert((now + by, self.answers), output);
                return;
            }
            Mishap::AnswerLost | Mishap::PosterCrashes(_) => Conduct::Reset,
            Mishap::AnswerCut { percent } => Conduct::Truncate { percent },
            Mishap::AnswerSlow { bytes_per_second } => Conduct::Slow { bytes_per_second },
        };
        let poster = self.endpoints.get(&arrival.header().from).copied();
        let response = self.admit(now, arrival, request);
        if let (Mishap::PosterCrashes(down_for), Some(system)) = (mishap, poster) {
            self.outputs.push_back(Output::Crash { system, down_for });
        }
        self.put_answer(id, response, conduct);
    }

    fn put_answer(&mut self, id: AnswerId, response: HttpResponse, conduct: Conduct) {
        self.outputs.push_back(Output::Answer {
            id,
            response,
            conduct,
        });
    }

    /// Answers at once, or later where too much waits for the recipient: whoever waits for the answer posts
    /// nothing meanwhile.
    fn put_answer_in_time(
        &mut self,
        now: Time,
        id: AnswerId,
        response: HttpResponse,
        to: PartyKey,
    ) {
        if !self.outbox.is_crowded(&to) {
            return self.put_answer(id, response, Conduct::Clean);
        }
        let conduct = Conduct::Clean;
        let output = Output::Answer {
            id,
            response,
            conduct,
        };
        let slowed = self.slowed_answers.entry(to).or_default();
        slowed.push_back((now + SLOWED_AT_MOST, output));
    }

    /// Gives the answers that were slowed and need not be any more.
    fn quicken(&mut self, now: Time) {
        self.slowed_answers.retain(|to, slowed| {
            let is_crowded = self.outbox.is_crowded(to);
            while let Some((_, answer)) = slowed.pop_front_if(|(at, _)| !is_crowded || *at <= now) {
                self.outputs.push_back(answer);
            }
            !slowed.is_empty()
        });
    }

    fn refused_on_purpose(
        &mut self,
        now: Time,
        arrival: Option<&Arrival>,
        refusal: &Refused,
    ) -> HttpResponse {
        match refusal {
            Refused::Status(status) => answer::nothing(*status),
            Refused::SoapFault(code) => answer::fault_on_purpose(code),
            Refused::ErrorList(code) => {
                let header = arrival.map(Arrival::header);
                self.speaker.error_on_purpose(now, header, code)
            }
        }
    }

    /// The answer to a readable message. A repeated one gets the bytes of the first time and has no
    /// other effect, even if its time to live has passed meanwhile.
    fn admit(&mut self, now: Time, arrival: Arrival, request: HttpRequest) -> HttpResponse {
        match self.acknowledge(now, arrival, request) {
            Ok(acknowledgment) => answer::accepted(acknowledgment),
            Err(refusal) => self.speaker.refused(now, refusal),
        }
    }

    fn acknowledge(
        &mut self,
        now: Time,
        arrival: Arrival,
        request: HttpRequest,
    ) -> Result<Bytes, Refusal> {
        admission::check_header(&self.directory, &request, &arrival)?;
        if let Some(acknowledgment) = self.answered.acknowledgment(arrival.header()) {
            return Ok(acknowledgment);
        }
        admission::check_new(now, &arrival)?;
        let acknowledgment = self.speaker.acknowledgment(now, arrival.header());
        self.answered
            .remember(arrival.header(), acknowledgment.clone());
        self.route(now, arrival, request);
        Ok(acknowledgment)
    }

    fn route(&mut self, now: Time, arrival: Arrival, request: HttpRequest) {
        let fate = self.fate(now, &arrival, &request);
        if let Some((fault, Fate::Lost)) = fate {
            return self.outputs.push_back(Output::FaultFired(fault));
        }
        match admission::obstacle(&self.directory, &arrival) {
            Some((why, wrapper)) => {
                let sender = &arrival.header().from;
                let cpa_id = self
                    .directory
                    .contract(sender, Interaction::Acknowledgement)
                    .map_or_else(|| arrival.header().cpa_id.clone(), |own| own.cpa_id.clone());
                let nack = self
                    .speaker
                    .refusal(now, arrival.header(), &wrapper, why, cpa_id);
                self.notify(now, sender, nack);
            }
            None => self.forward(now, arrival, request, fate),
        }
    }

    /// The message as it would have come from a system that breaks it. A message that cannot be
    /// broken this way goes on whole, and the fault has not fired.
    fn malformed(&mut self, request: HttpRequest, fault: String, how: Break) -> HttpRequest {
        let whole = Encoded {
            content_type: request.content_type.clone(),
            soap_action: request.soap_action.clone().unwrap_or_default(),
            body: request.body.clone(),
        };
        let Some(broken) = raw::break_message(&whole, how) else {
            return request;
        };
        self.outputs.push_back(Output::FaultFired(fault));
        HttpRequest {
            soap_action: Some(broken.soap_action),
            content_type: broken.content_type,
            body: broken.body,
            ..request
        }
    }

    fn role_of(&self, arrival: &Arrival) -> Option<Role> {
        self.endpoints.get(&arrival.header().from)?.role()
    }

    fn mishap(
        &mut self,
        now: Time,
        arrival: &Arrival,
        request: &HttpRequest,
    ) -> Option<(String, Mishap)> {
        let (role, bytes) = (self.role_of(arrival)?, request.body.len() as u64);
        self.faults.next_post(now, role, arrival.kind, bytes)
    }

    fn fate(
        &mut self,
        now: Time,
        arrival: &Arrival,
        request: &HttpRequest,
    ) -> Option<(String, Fate)> {
        let (role, bytes) = (self.role_of(arrival)?, request.body.len() as u64);
        self.faults.next_message(now, role, arrival.kind, bytes)
    }

    /// Sends a message on as it came, or as a planned fault wants it.
    fn forward(
        &mut self,
        now: Time,
        arrival: Arrival,
        request: HttpRequest,
        fate: Option<(String, Fate)>,
    ) {
        let about = self.role_of(&arrival).map(|role| (role, arrival.kind));
        let header = arrival.header();
        let contract = arrival
            .message
            .interaction()
            .and_then(|interaction| self.directory.contract(&header.to, interaction));
        let mut delivery = Delivery {
            to: header.to.clone(),
            endpoint: self.endpoints.get(&header.to).copied(),
            message_id: header.message_id.clone(),
            request,
            about,
            copies: Copies::One,
            stumble: None,
            number: None,
            persistence: Persistence::new(now, contract, header.time_to_live),
            sent_with: Some(Box::new(arrival.message.header)),
        };
        match fate {
            // Lost messages do not come this far.
            None | Some((_, Fate::Lost)) => {}
            Some((fault, Fate::Doubled)) => delivery.copies = Copies::Two { fault },
            Some((fault, Fate::Malformed(how))) => {
                delivery.request = self.malformed(delivery.request, fault, how);
            }
            Some((fault, Fate::Stumbles(stumble))) => delivery.stumble = Some((fault, stumble)),
            Some((fault, Fate::Kept(keeping))) => {
                self.outputs.push_back(Output::FaultFired(fault));
                return self.outbox.keep(now, delivery, keeping);
            }
        }
        self.outbox.enqueue(delivery);
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
            about: None,
            copies: Copies::One,
            stumble: None,
            number: None,
            persistence: Persistence::new(now, contract, None),
            sent_with: None,
        });
    }

    /// Posts what may be posted, and reports what will not be tried again.
    fn deliver(&mut self, now: Time) {
        if let Some(outage) = self.faults.outage_at(now) {
            self.held_until = outage.until.filter(|_| self.outbox.is_waiting());
            return;
        }
        self.held_until = None;
        while let Some(step) = self.outbox.next_step(now) {
            match step {
                Step::Post(start) => self.post(start),
                Step::GiveUp(delivery) => self.report(now, delivery),
                Step::Crash { system, down_for } => {
                    self.outputs.push_back(Output::Crash { system, down_for });
                }
            }
        }
    }

    fn post(&mut self, start: Start) {
        let Start {
            id,
            to,
            request,
            conduct,
            fault,
        } = start;
        self.outputs.extend(fault.map(Output::FaultFired));
        self.outputs.push_back(Output::Post {
            id,
            to,
            request,
            conduct,
        });
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
            Input::Request { id, request } => self.answer(now, id, request),
            Input::Response { post, response } => self.outbox.answered(now, post, &response),
            Input::Failed { post, error: _ } => self.outbox.failed(now, post),
            Input::Act(act) => {
                let notice = Notice::NotSupported(act);
                self.outputs.push_back(Output::Notice(notice));
            }
            // Spine itself does not go down: it has outages.
            Input::Condition(_) => {}
        }
        self.deliver(now);
        self.quicken(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        while let Some(late) = self.late_answers.first_entry()
            && late.key().0 <= now
        {
            self.outputs.push_back(late.remove());
        }
        self.outbox.handle_timeout(now);
        self.deliver(now);
        self.quicken(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let end_of_outage = self.held_until.map(|at| Deadline {
            at,
            why: "end of an outage of Spine",
        });
        let late_answer = self.late_answers.keys().next().map(|(at, _)| Deadline {
            at: *at,
            why: "an answer that was to be late",
        });
        let slowed = self.slowed_answers.values().filter_map(VecDeque::front);
        let slowed_answer = slowed.map(|(at, _)| *at).min().map(|at| Deadline {
            at,
            why: "an answer that waited for a recipient to take its messages",
        });
        let outbox = self.outbox.poll_timeout();
        [outbox, end_of_outage, late_answer, slowed_answer]
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
