//! The peers of a run and the trace of what they do. Both drivers stand on this: they differ only
//! in how a post gets from one peer to the other.

use std::collections::BTreeMap;
use std::io;

use gp2gp_mocks::cast::{Cast, HeldDocument};
use gp2gp_mocks::peer::{
    AnswerId, HttpRequest, HttpResponse, Input, Notice, Output, Peer, PostId, TransportError,
};
use gp2gp_model::Time;
use gp2gp_model::plan::{Act, PatientPlan, Plan};
use gp2gp_model::trace::{Endpoint, Header, Trace, What};

use super::DriverError;
use crate::bodies::BodyStore;
use crate::recorder::Recorder;

/// All endpoints, in the order in which they are served.
pub(super) const ENDPOINTS: [Endpoint; 4] = [
    Endpoint::Requesting,
    Endpoint::Spine,
    Endpoint::Sending,
    Endpoint::Store,
];

/// Peers and trace.
pub(super) struct Stage {
    cast: Cast,
    recorder: Recorder,
    /// Posts under way: who waits for the answer, under which number of its own.
    under_way: BTreeMap<u64, (Endpoint, PostId)>,
    exchanges: u64,
}

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
    },
    /// The answer of an endpoint to a delivered request.
    Answer {
        /// The number under which the request was delivered.
        id: AnswerId,
        /// Who answers.
        from: Endpoint,
        /// What.
        response: HttpResponse,
    },
}

impl Stage {
    /// Peers before the first event; the trace already tells what is true of the patients.
    pub(super) fn new(header: Header, plan: &Plan, cast: Cast, bodies: BodyStore) -> Self {
        let mut recorder = Recorder::new(header, bodies);
        for truth in plan
            .patients
            .iter()
            .map(truth)
            .chain(cast.held.iter().map(held))
        {
            recorder.truth(plan.starts_at, truth);
        }
        Self {
            cast,
            recorder,
            under_way: BTreeMap::new(),
            exchanges: 0,
        }
    }

    /// People or the harness do something.
    pub(super) fn act(&mut self, now: Time, act: Act) -> Result<Vec<Carry>, DriverError> {
        let on = target(&act);
        self.recorder.acted(now, on, act.clone(), false);
        self.peer(on).handle(now, Input::Act(act));
        self.drain(now)
    }

    /// A request arrives.
    pub(super) fn deliver(
        &mut self,
        now: Time,
        id: AnswerId,
        to: Endpoint,
        request: HttpRequest,
    ) -> Result<Vec<Carry>, DriverError> {
        self.peer(to).handle(now, Input::Request { id, request });
        self.drain(now)
    }

    /// A post comes to its end.
    pub(super) fn result(
        &mut self,
        now: Time,
        exchange: u64,
        result: Result<HttpResponse, TransportError>,
    ) -> Result<Vec<Carry>, DriverError> {
        self.recorder
            .result(now, exchange, &result)
            .map_err(keeping_a_body)?;
        let (from, post) = self
            .under_way
            .remove(&exchange)
            .ok_or_else(|| DriverError::Defect(format!("exchange {exchange} ended twice")))?;
        let input = match result {
            Ok(response) => Input::Response { post, response },
            Err(error) => Input::Failed { post, error },
        };
        self.peer(from).handle(now, input);
        self.drain(now)
    }

    /// The earliest time at which somebody wants to be woken.
    pub(super) fn deadline(&self) -> Option<Time> {
        let peers: [&dyn Peer; 4] = [
            &self.cast.requesting,
            &self.cast.spine,
            &self.cast.sending,
            &self.cast.store,
        ];
        peers
            .into_iter()
            .filter_map(|peer| peer.poll_timeout())
            .chain(self.cast.people.poll_timeout())
            .map(|deadline| deadline.at)
            .min()
    }

    /// Wakes everybody whose time has come.
    pub(super) fn wake(&mut self, now: Time) -> Result<Vec<Carry>, DriverError> {
        for endpoint in ENDPOINTS {
            let peer = self.peer(endpoint);
            if peer
                .poll_timeout()
                .is_some_and(|deadline| deadline.at <= now)
            {
                peer.handle_timeout(now);
            }
        }
        let mut carries = Vec::new();
        for act in self.cast.people.handle_timeout(now) {
            carries.extend(self.act(now, act)?);
        }
        carries.extend(self.drain(now)?);
        Ok(carries)
    }

    /// Asks every system for what it says of itself, and closes the trace.
    pub(super) fn finish(mut self, now: Time, quiescent: bool) -> (Trace, BodyStore) {
        for endpoint in [Endpoint::Requesting, Endpoint::Sending, Endpoint::Store] {
            for observation in self.peer(endpoint).observe() {
                self.recorder.observed(now, endpoint, observation);
            }
        }
        self.recorder.finish(now, quiescent)
    }

    fn drain(&mut self, now: Time) -> Result<Vec<Carry>, DriverError> {
        let mut carries = Vec::new();
        for from in ENDPOINTS {
            while let Some(output) = self.peer(from).poll_output() {
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
    ) -> Result<Option<Carry>, DriverError> {
        match output {
            Output::Post { id, to, request } => {
                self.exchanges += 1;
                let exchange = self.exchanges;
                self.recorder
                    .post(now, exchange, from, to, &request)
                    .map_err(keeping_a_body)?;
                self.under_way.insert(exchange, (from, id));
                Ok(Some(Carry::Post {
                    exchange,
                    from,
                    to,
                    request,
                }))
            }
            Output::Answer { id, response } => Ok(Some(Carry::Answer { id, from, response })),
            Output::Notice(Notice::NotSupported(act)) => {
                self.recorder.acted(now, from, act, true);
                Ok(None)
            }
            Output::Notice(notice @ Notice::ReadyToIntegrate { .. }) => {
                self.cast.people.notice(now, &notice);
                Ok(None)
            }
            Output::FaultFired(name) => {
                self.recorder.fault(now, name);
                Ok(None)
            }
        }
    }

    fn peer(&mut self, endpoint: Endpoint) -> &mut dyn Peer {
        match endpoint {
            Endpoint::Requesting => &mut self.cast.requesting,
            Endpoint::Spine => &mut self.cast.spine,
            Endpoint::Sending => &mut self.cast.sending,
            Endpoint::Store => &mut self.cast.store,
        }
    }
}

fn truth(patient: &PatientPlan) -> What {
    What::Patient {
        patient: patient.nhs_number,
        held: patient.held,
        current_practice: patient.current_practice.clone(),
        returning: patient.returning,
        record_bytes: patient.record_bytes,
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

const fn target(act: &Act) -> Endpoint {
    match act {
        Act::Register { .. } | Act::Decide { .. } | Act::RepeatRequest { .. } => {
            Endpoint::Requesting
        }
        Act::RepeatExtract { .. } => Endpoint::Sending,
    }
}

const fn keeping_a_body(source: io::Error) -> DriverError {
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
