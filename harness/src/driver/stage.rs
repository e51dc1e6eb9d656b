//! The peers of a run and the trace of what they do. Both drivers stand on this: they differ only
//! in how a post gets from one peer to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use gp2gp_mocks::cast::{Ensemble, HeldDocument};
use gp2gp_mocks::peer::{
    AnswerId, Condition, Conduct, HttpRequest, HttpResponse, Input, Notice, Output, Peer, PostId,
    TransportError,
};
use gp2gp_mocks::people::People;
use gp2gp_model::control::{LifecycleEvent, ScreenNotice};
use gp2gp_model::plan::{Act, PatientPlan, Plan};
use gp2gp_model::trace::{Endpoint, Header, Lifecycle, Observation, What};
use gp2gp_model::{NhsNumber, Time};

use super::DriverError;
use super::conditions::{Change, ChangeKind, Conditions};
use crate::bodies::BodyStore;
use crate::recorder::Recorder;

/// Peers and trace.
pub(super) struct Stage {
    peers: BTreeMap<Endpoint, Box<dyn Peer>>,
    /// Systems that are not ours: the driver reaches them.
    foreign: BTreeSet<Endpoint>,
    people: People,
    /// The truth about documents that come during the run, by the number of the arrival.
    arriving: Vec<HeldDocument>,
    recorder: Recorder,
    under_way: BTreeMap<u64, UnderWay>,
    exchanges: u64,
    most_exchanges: u64,
    bytes: u64,
    /// Patients whose records come, so that people will decide on them ...
    sent: BTreeSet<NhsNumber>,
    /// ... how many of them they began with, and of how many they decided.
    registered: usize,
    decided: usize,
    conditions: Conditions,
}

/// A post under way.
struct UnderWay {
    to: Endpoint,
    /// Who waits for the answer, under which number of its own. `None`: whoever waited went down
    /// meanwhile.
    poster: Option<(Endpoint, PostId)>,
    /// The connection lets it arrive whole.
    is_whole: bool,
}

/// Exchanges after which a run is cut off: two systems that answer each other for ever would go on to
/// the end of its time. The largest scenario has twenty thousand.
const MOST_EXCHANGES: u64 = 60_000;

/// The same with a foreign system, which takes a thousandth of a second for each: the largest scenario that
/// is not heavy has two thousand.
const MOST_ON_SOCKETS: u64 = 10_000;

/// What a patient may take of these where there are many patients: the largest record measured has 2 658
/// documents, each a fragment and its acknowledgements.
const MOST_OF_A_PATIENT: u64 = 500;

/// Bytes in bodies after which a run is cut off, before it fills the disk. The largest scenario has six
/// thousand million.
const MOST_BYTES: u64 = 16_000_000_000;

/// Wakes for one and the same moment before a peer counts as stuck: many peers may have many
/// deadlines at once, but each wake must deal with those that are due.
const WAKES_AT_ONE_MOMENT: u32 = 10_000;

/// Sees that waking peers gets somewhere: a peer whose deadline does not move after it was woken
/// would otherwise hold the run for ever.
#[derive(Default)]
pub(super) struct Watch {
    moment: Option<Time>,
    wakes: u32,
}

impl Watch {
    /// Somebody is woken for a deadline at this moment.
    pub(super) fn wake(&mut self, moment: Time) -> Result<(), DriverError> {
        if self.moment != Some(moment) {
            *self = Self {
                moment: Some(moment),
                wakes: 0,
            };
        }
        self.wakes += 1;
        if self.wakes > WAKES_AT_ONE_MOMENT {
            return Err(DriverError::Defect(format!(
                "a peer was woken {WAKES_AT_ONE_MOMENT} times for {moment} and still wants to be"
            )));
        }
        Ok(())
    }
}

/// Something that the driver has to carry.
#[derive(Debug)]
pub(super) enum Carry {
    /// A post from one endpoint to another.
    Post {
        /// Number of the exchange.
        exchange: u64,
        /// From whom.
        from: Endpoint,
        /// To whom.
        to: Endpoint,
        /// What.
        request: HttpRequest,
        /// How the connection carries it.
        conduct: Conduct,
    },
    /// The answer of an endpoint to a delivered request.
    Answer {
        /// The number under which the request was delivered.
        id: AnswerId,
        /// Who answers.
        from: Endpoint,
        /// What.
        response: HttpResponse,
        /// How the connection carries it.
        conduct: Conduct,
    },
    /// A system is down: whoever connects to it is refused.
    Down(Endpoint),
    /// It is up again.
    Up(Endpoint),
    /// People do something to a foreign system.
    Act(Endpoint, Act),
    /// A foreign system can, or cannot, store anything from now on.
    Disk(Endpoint, LifecycleEvent),
}

impl Stage {
    /// Peers before the first event; the trace already tells what is true of the patients.
    pub(super) fn new(
        header: Header,
        plan: &Plan,
        ensemble: Ensemble,
        bodies: BodyStore,
    ) -> Result<Self, DriverError> {
        let mut recorder = Recorder::new(header, bodies);
        for truth in plan
            .patients
            .iter()
            .map(truth)
            .chain(ensemble.held.iter().map(held))
        {
            recorder.truth(plan.starts_at, truth);
        }
        for (patient, truth) in &ensemble.records {
            recorder
                .record(plan.starts_at, *patient, truth)
                .map_err(keeping_a_body)?;
        }
        Ok(Self {
            peers: ensemble.peers,
            foreign: BTreeSet::new(),
            people: ensemble.people,
            arriving: ensemble.arriving,
            recorder,
            under_way: BTreeMap::new(),
            exchanges: 0,
            most_exchanges: MOST_EXCHANGES,
            bytes: 0,
            sent: (plan.patients.iter())
                .filter(|patient| plan.is_sent(patient))
                .map(|patient| patient.nhs_number)
                .collect(),
            registered: 0,
            decided: 0,
            conditions: Conditions::new(plan),
        })
    }

    /// The same stage, where these systems are not ours: their places are empty.
    pub(super) fn with_foreign(mut self, systems: &BTreeSet<Endpoint>, plan: &Plan) -> Self {
        if !plan.heavy {
            let patients = u64::try_from(plan.patients.len()).unwrap_or(u64::MAX);
            self.most_exchanges = patients
                .saturating_mul(MOST_OF_A_PATIENT)
                .max(MOST_ON_SOCKETS);
        }
        self.peers.retain(|endpoint, _| !systems.contains(endpoint));
        self.foreign.clone_from(systems);
        self
    }

    /// People or the harness do something.
    pub(super) fn act(&mut self, now: Time, act: Act) -> Result<Vec<Carry>, DriverError> {
        let on = act.at();
        if self.conditions.is_down(on) {
            // People find their system down, and come back when it is up.
            self.conditions.postpone(on, act);
            return Ok(Vec::new());
        }
        self.recorder.acted(now, on, act.clone(), false);
        let comes = act.registers().is_some_and(|it| self.sent.contains(&it));
        self.registered += usize::from(comes);
        self.decided += usize::from(act.decides().is_some());
        if let Act::File { arrival, .. } = act
            && let Some(document) = self.arriving.get(arrival)
        {
            self.recorder.truth(now, held(document));
        }
        if self.foreign.contains(&on) {
            return Ok(vec![Carry::Act(on, act)]);
        }
        self.handle(now, on, Input::Act(act));
        self.drain(now)
    }

    /// A foreign system posts; the number of the exchange. Its answer is a [`Stage::result`].
    pub(super) fn foreign_post(
        &mut self,
        now: Time,
        from: Endpoint,
        to: Endpoint,
        request: &HttpRequest,
    ) -> Result<u64, DriverError> {
        self.exchanges += 1;
        self.bytes += request.body.len() as u64;
        let exchange = self.exchanges;
        self.recorder
            .post(now, exchange, from, to, request)
            .map_err(keeping_a_body)?;
        let under_way = UnderWay {
            to,
            poster: None,
            is_whole: true,
        };
        self.under_way.insert(exchange, under_way);
        Ok(exchange)
    }

    /// What stands on a screen of a foreign system.
    pub(super) fn screen(&mut self, now: Time, on: Endpoint, notice: ScreenNotice) {
        match notice {
            ScreenNotice::ReadyToIntegrate { patient } => {
                let notice = Notice::ReadyToIntegrate { patient };
                self.people.notice(now, &notice);
            }
            ScreenNotice::Alert { alert } => self.recorder.alerted(now, on, alert),
            ScreenNotice::Declined { act, why } => self.recorder.declined(now, on, act, why),
            ScreenNotice::NotSupported { act } => self.recorder.acted(now, on, act, true),
            ScreenNotice::FaultActed { name } => self.recorder.fault(now, name),
        }
    }

    /// Everybody who takes part, in the order in which they are served.
    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        self.peers.keys().copied().collect()
    }

    /// The same stage with another limit of exchanges.
    #[cfg(test)]
    pub(super) fn with_most_exchanges(self, most_exchanges: u64) -> Self {
        Self {
            most_exchanges,
            ..self
        }
    }

    /// Transfers that people began and will decide on, and have not.
    pub(super) const fn transfers_under_way(&self) -> usize {
        self.registered.saturating_sub(self.decided)
    }

    /// Whether the run has to be cut off because nobody comes to an end.
    pub(super) const fn is_endless(&self) -> bool {
        self.exchanges >= self.most_exchanges || self.bytes >= MOST_BYTES
    }

    /// Whether a system is down, and so takes nothing.
    pub(super) fn is_down(&self, endpoint: Endpoint) -> bool {
        self.conditions.is_down(endpoint)
    }

    /// A request arrives.
    pub(super) fn deliver(
        &mut self,
        now: Time,
        id: AnswerId,
        to: Endpoint,
        request: HttpRequest,
    ) -> Result<Vec<Carry>, DriverError> {
        self.handle(now, to, Input::Request { id, request });
        self.drain(now)
    }

    /// A post comes to its end.
    pub(super) fn result(
        &mut self,
        now: Time,
        exchange: u64,
        result: Result<HttpResponse, TransportError>,
    ) -> Result<Vec<Carry>, DriverError> {
        let UnderWay {
            to,
            poster,
            is_whole,
        } = self
            .under_way
            .remove(&exchange)
            .ok_or_else(|| DriverError::Defect(format!("exchange {exchange} ended twice")))?;
        if let Ok(response) = &result
            && self.foreign.contains(&to)
        {
            self.note_full_disk(now, to, response.status);
        }
        let never_arrived = !is_whole || matches!(result, Err(TransportError::Refused));
        self.recorder
            .result(now, exchange, &result, never_arrived)
            .map_err(keeping_a_body)?;
        let Some((from, post)) = poster else {
            return Ok(Vec::new());
        };
        let input = match result {
            Ok(response) => Input::Response { post, response },
            Err(error) => Input::Failed { post, error },
        };
        self.handle(now, from, input);
        self.drain(now)
    }

    /// A full disk acts when something is refused for it.
    fn note_full_disk(&mut self, now: Time, by: Endpoint, status: u16) {
        if status >= 500
            && let Some(fault) = self.conditions.full_disk(by)
        {
            self.recorder.fault(now, fault.to_owned());
        }
    }

    /// The earliest time at which somebody wants to be woken.
    pub(super) fn deadline(&self) -> Option<Time> {
        let peers = self.peers.iter().filter_map(|(endpoint, peer)| {
            let deadline = peer.poll_timeout()?;
            self.conditions.true_time(*endpoint, deadline.at)
        });
        let people = self.people.poll_timeout();
        peers
            .chain(people.map(|deadline| deadline.at))
            .chain(self.conditions.next_time())
            .min()
    }

    /// When people next do something by themselves.
    pub(super) fn people_deadline(&self) -> Option<Time> {
        self.people.poll_timeout().map(|deadline| deadline.at)
    }

    /// What the clock of a system shows; `None` while it is down.
    pub(super) fn shown_time(&self, system: Endpoint, now: Time) -> Option<Time> {
        self.conditions.shown_time(system, now)
    }

    /// When the clock of a system will show this; `None` while it is down.
    pub(super) fn true_time(&self, system: Endpoint, shown: Time) -> Option<Time> {
        self.conditions.true_time(system, shown)
    }

    /// Wakes everybody whose time has come.
    pub(super) fn wake(&mut self, now: Time) -> Result<Vec<Carry>, DriverError> {
        let mut carries = Vec::new();
        while let Some(change) = self.conditions.pop_due(now) {
            carries.extend(self.change(now, change)?);
        }
        for (endpoint, peer) in &mut self.peers {
            let Some(shown) = self.conditions.shown_time(*endpoint, now) else {
                continue;
            };
            if peer
                .poll_timeout()
                .is_some_and(|deadline| deadline.at <= shown)
            {
                peer.handle_timeout(shown);
            }
        }
        for act in self.people.handle_timeout(now) {
            carries.extend(self.act(now, act)?);
        }
        carries.extend(self.drain(now)?);
        Ok(carries)
    }

    /// Carries out what a planned fault does to a system as a whole.
    fn change(&mut self, now: Time, change: Change) -> Result<Vec<Carry>, DriverError> {
        let Change {
            system,
            kind,
            fault,
        } = change;
        if let Some(fault) = fault {
            self.recorder.fault(now, fault);
        }
        match kind {
            ChangeKind::Crash(down_for) => Ok(self.crash(now, system, down_for)),
            ChangeKind::Restart => self.restart(now, system),
            ChangeKind::Disk { full } => {
                let (change, condition, event) = if full {
                    let event = LifecycleEvent::DiskFull;
                    (Lifecycle::DiskFull, Condition::DiskFull, event)
                } else {
                    let event = LifecycleEvent::DiskFree;
                    (Lifecycle::DiskFree, Condition::DiskFree, event)
                };
                self.recorder.lifecycle(now, system, change);
                if self.foreign.contains(&system) {
                    return Ok(vec![Carry::Disk(system, event)]);
                }
                self.handle(now, system, Input::Condition(condition));
                self.drain(now)
            }
            ChangeKind::ClockJump { seconds } => {
                let change = Lifecycle::ClockJumped { seconds };
                self.recorder.lifecycle(now, system, change);
                Ok(Vec::new())
            }
        }
    }

    /// What a system had open is gone: nobody waits any more for the answers to its posts.
    fn crash(&mut self, now: Time, system: Endpoint, down_for: Duration) -> Vec<Carry> {
        if !self.conditions.go_down(system, now + down_for) {
            return Vec::new();
        }
        self.recorder.lifecycle(now, system, Lifecycle::Crashed);
        for post in self.under_way.values_mut() {
            post.poster.take_if(|(from, _)| *from == system);
        }
        vec![Carry::Down(system)]
    }

    fn restart(&mut self, now: Time, system: Endpoint) -> Result<Vec<Carry>, DriverError> {
        self.recorder.lifecycle(now, system, Lifecycle::Restarted);
        let postponed = self.conditions.come_up(system);
        let mut carries = vec![Carry::Up(system)];
        self.handle(now, system, Input::Condition(Condition::Restarted));
        carries.extend(self.drain(now)?);
        for act in postponed {
            carries.extend(self.act(now, act)?);
        }
        Ok(carries)
    }

    /// Gives a peer an input at the time that its clock shows. A system that is down gets nothing.
    fn handle(&mut self, now: Time, endpoint: Endpoint, input: Input) {
        if let (Some(shown), Some(peer)) = (
            self.conditions.shown_time(endpoint, now),
            self.peers.get_mut(&endpoint),
        ) {
            peer.handle(shown, input);
        }
    }

    /// What a foreign system says of itself.
    pub(super) fn observed(&mut self, now: Time, by: Endpoint, observation: Observation) {
        self.recorder.observed(now, by, observation);
    }

    /// Asks every system of ours for what it says of itself, and closes the trace.
    pub(super) fn finish(mut self, now: Time, quiescent: bool) -> Recorder {
        for (endpoint, peer) in &self.peers {
            for observation in peer.observe() {
                self.recorder.observed(now, *endpoint, observation);
            }
            for divergence in peer.divergences() {
                self.recorder.diverged(now, *endpoint, divergence);
            }
        }
        self.recorder.finish(now, quiescent);
        self.recorder
    }

    fn drain(&mut self, now: Time) -> Result<Vec<Carry>, DriverError> {
        let mut carries = Vec::new();
        for from in self.endpoints() {
            // What a system wants done while it goes down, it wants again when it is up.
            while !self.conditions.is_down(from)
                && let Some(output) = self
                    .peers
                    .get_mut(&from)
                    .and_then(|peer| peer.poll_output())
            {
                carries.extend(self.take(now, from, output)?);
            }
        }
        Ok(carries)
    }

    fn take(
        &mut self,
        now: Time,
        from: Endpoint,
        output: Output,
    ) -> Result<Vec<Carry>, DriverError> {
        Ok(match output {
            Output::Post {
                id,
                to,
                request,
                conduct,
            } => {
                self.exchanges += 1;
                self.bytes += request.body.len() as u64;
                let exchange = self.exchanges;
                self.recorder
                    .post(now, exchange, from, to, &request)
                    .map_err(keeping_a_body)?;
                let under_way = UnderWay {
                    to,
                    poster: Some((from, id)),
                    is_whole: conduct.brings_whole(request.body.len()),
                };
                self.under_way.insert(exchange, under_way);
                vec![Carry::Post {
                    exchange,
                    from,
                    to,
                    request,
                    conduct,
                }]
            }
            Output::Answer {
                id,
                response,
                conduct,
            } => {
                self.note_full_disk(now, from, response.status);
                vec![Carry::Answer {
                    id,
                    from,
                    response,
                    conduct,
                }]
            }
            Output::Notice(Notice::NotSupported(act)) => {
                self.recorder.acted(now, from, act, true);
                Vec::new()
            }
            Output::Notice(notice @ Notice::ReadyToIntegrate { .. }) => {
                self.people.notice(now, &notice);
                Vec::new()
            }
            Output::Notice(Notice::Alert(alert)) => {
                self.recorder.alerted(now, from, alert);
                Vec::new()
            }
            Output::Notice(Notice::Declined { act, why }) => {
                self.recorder.declined(now, from, act, why);
                Vec::new()
            }
            Output::FaultFired(name) => {
                self.recorder.fault(now, name);
                Vec::new()
            }
            Output::Crash { system, down_for } => self.crash(now, system, down_for),
        })
    }
}

fn truth(patient: &PatientPlan) -> What {
    What::Patient {
        patient: patient.nhs_number,
        held: patient.held,
        current_practice: patient.current_practice.clone(),
        returning: patient.returning,
        record_bytes: patient.record_bytes,
        pds: Some(patient.pds.clone()),
        registers_with: patient.registers_with,
        awaited_from: patient.awaited_from.clone(),
    }
}

fn held(document: &HeldDocument) -> What {
    What::Held {
        patient: document.patient,
        file_name: document.file_name.clone(),
        media_type: document.media_type.clone(),
        sha256: document.sha256,
        bytes: document.bytes,
        deliverable: document.deliverable,
    }
}

pub(super) const fn keeping_a_body(source: io::Error) -> DriverError {
    DriverError::Io {
        what: "keeping a message body",
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_whose_deadline_never_moves_is_a_defect_of_ours() {
        let mut watch = Watch::default();
        let moment = Time::from_micros(5);
        for _ in 0..WAKES_AT_ONE_MOMENT {
            watch.wake(moment).unwrap();
        }
        assert!(matches!(watch.wake(moment), Err(DriverError::Defect(_))));
        watch.wake(Time::from_micros(6)).unwrap();
    }
}
