//! Writes the trace while a run goes on. What is in a body is found out after it: a digest costs more
//! than the whole way of the message through a socket.

mod unnamed;

use std::io;

use bytes::Bytes;
use gp2gp_mocks::peer::{HttpRequest, HttpResponse, TransportError};
use gp2gp_mocks::synthetic::RecordTruth;
use gp2gp_model::alert::Alert;
use gp2gp_model::plan::Act;
use gp2gp_model::replay::Divergence;
use gp2gp_model::trace::{BodyRef, Endpoint, Event, Header, Lifecycle, Observation, Trace, What};
use gp2gp_model::{NhsNumber, Time};

use self::unnamed::Unnamed;
use crate::bodies::BodyStore;

/// The trace so far, and its bodies.
pub struct Recorder {
    trace: Trace,
    bodies: BodyStore,
    unnamed: Unnamed,
}

impl Recorder {
    /// An empty trace.
    pub const fn new(header: Header, bodies: BodyStore) -> Self {
        Self {
            trace: Trace {
                header,
                events: Vec::new(),
            },
            bodies,
            unnamed: Unnamed::new(),
        }
    }

    /// A post leaves.
    pub fn post(
        &mut self,
        at: Time,
        exchange: u64,
        from: Endpoint,
        to: Endpoint,
        request: &HttpRequest,
    ) -> io::Result<()> {
        let body = self.body(&request.body)?;
        self.push(
            at,
            What::Post {
                exchange,
                from,
                to,
                method: request.method,
                path: match request.soap_action {
                    Some(_) => String::new(),
                    None => request.path.clone(),
                },
                headers: request.headers.clone(),
                soap_action: request.soap_action.clone(),
                content_type: request.content_type.clone(),
                body,
            },
        );
        Ok(())
    }

    /// A post comes to its end.
    pub fn result(
        &mut self,
        at: Time,
        exchange: u64,
        result: &Result<HttpResponse, TransportError>,
        never_arrived: bool,
    ) -> io::Result<()> {
        let what = match result {
            Ok(response) => What::Answer {
                exchange,
                status: response.status,
                content_type: response.content_type.clone(),
                headers: response.headers.clone(),
                body: self.body(&response.body)?,
            },
            Err(error) => What::NoAnswer {
                exchange,
                why: error.to_string(),
                never_arrived,
            },
        };
        self.push(at, what);
        Ok(())
    }

    /// The harness does something to a system.
    pub fn acted(&mut self, at: Time, on: Endpoint, act: Act, not_supported: bool) {
        self.push(
            at,
            What::Acted {
                on,
                act,
                not_supported,
            },
        );
    }

    /// A system refuses what people want of it.
    pub fn declined(&mut self, at: Time, by: Endpoint, act: Act, why: String) {
        self.push(at, What::Declined { by, act, why });
    }

    /// A system puts something before people.
    pub fn alerted(&mut self, at: Time, by: Endpoint, alert: Alert) {
        self.push(at, What::Alerted { by, alert });
    }

    /// A planned fault acts.
    pub fn fault(&mut self, at: Time, name: String) {
        self.push(
            at,
            What::FaultFired {
                name,
                exchange: None,
            },
        );
    }

    /// Something happens to a system as a whole.
    pub fn lifecycle(&mut self, at: Time, system: Endpoint, change: Lifecycle) {
        self.push(at, What::Lifecycle { system, change });
    }

    /// What is true before the first event.
    pub fn truth(&mut self, at: Time, what: What) {
        self.push(at, what);
    }

    /// What is true of a record before the first event.
    pub fn record(&mut self, at: Time, patient: NhsNumber, truth: &RecordTruth) -> io::Result<()> {
        let mut lines = Vec::new();
        for narrative in &truth.narratives {
            serde_json::to_writer(&mut lines, narrative)?;
            lines.push(b'\n');
        }
        let narratives = self.bodies.put(&lines.into())?;
        let marks = u32::try_from(truth.marks).unwrap_or(u32::MAX);
        self.push(
            at,
            What::Record {
                patient,
                marks,
                narratives,
            },
        );
        Ok(())
    }

    /// A system says something of itself.
    pub fn observed(&mut self, at: Time, by: Endpoint, observation: Observation) {
        self.push(at, What::Observed { by, observation });
    }

    /// A recorded system could not follow its recording.
    pub fn diverged(&mut self, at: Time, by: Endpoint, divergence: Divergence) {
        self.push(at, What::Diverged { by, divergence });
    }

    /// The run is over.
    pub fn finish(&mut self, at: Time, quiescent: bool) {
        self.push(at, What::Ended { quiescent });
    }

    /// The trace and its bodies, with the digest of each.
    pub fn into_trace(mut self) -> io::Result<(Trace, BodyStore)> {
        self.name_bodies()?;
        Ok((self.trace, self.bodies))
    }

    /// The body of the event that comes next.
    fn body(&mut self, body: &Bytes) -> io::Result<BodyRef> {
        if Unnamed::is_worth_waiting(body) {
            if !self.unnamed.has_room_for(body, &self.bodies) {
                self.name_bodies()?;
            }
            return Ok(self.unnamed.keep(body, self.trace.events.len()));
        }
        self.bodies.put(body)
    }

    fn name_bodies(&mut self) -> io::Result<()> {
        for (body, events) in self.unnamed.take() {
            let named = self.bodies.put(&body)?;
            for event in events {
                if let Some(event) = self.trace.events.get_mut(event) {
                    event.what.name_body(named);
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, at: Time, what: What) {
        let seq = self.trace.events.len() as u64 + 1;
        self.trace.events.push(Event { seq, at, what });
    }
}
