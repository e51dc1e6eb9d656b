//! A transfer whose fragments arrive in another order than they were sent. The reference systems
//! talk to each other; what stands between them keeps every fragment back, outside memory, until
//! all are there.

use std::collections::BTreeMap;

use gp2gp_mocks::cast::Cast;
use gp2gp_mocks::peer::{AnswerId, HttpRequest, HttpResponse, Input, Output, Peer, PostId};
use gp2gp_mocks::spool::{Spool, SpoolError, Spooled};
use gp2gp_model::http::Headers;
use gp2gp_model::plan::Plan;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{Interaction, Sha256, Time};

use super::BenchError;
use crate::driver::DriverError;

/// In which order fragments arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The last one that was sent first.
    LastFirst,
    /// As they were sent, but the first, which is the index, at the end.
    IndexLast,
}

/// Transfers what the plan holds. An error unless the requesting system has every document.
pub(super) fn transfer(plan: &Plan, order: Order) -> Result<(), BenchError> {
    let cast = Cast::from_plan(plan, &[]).map_err(DriverError::from)?;
    let mut between = Between {
        cast,
        now: plan.starts_at,
        spool: Spool::new(),
        fragments: Vec::new(),
        requests: 0,
        asked: BTreeMap::new(),
    };
    for step in &plan.steps {
        between
            .cast
            .requesting
            .handle(plan.starts_at, Input::Act(step.act.clone()));
    }
    let all_arrived = between.carry(order).map_err(|error| BenchError::Io {
        what: "keeping fragments back",
        source: error.into(),
    })?;
    if all_arrived {
        return Ok(());
    }
    Err(BenchError::Verdict {
        what: plan.scenario.to_string(),
        verdict: Verdict::Fail,
    })
}

struct Between {
    cast: Cast,
    now: Time,
    spool: Spool,
    /// Fragments that were sent, without their bodies, and these.
    fragments: Vec<(HttpRequest, Spooled)>,
    requests: u64,
    /// Who waits for the answer of whom: posts that do not go through Spine.
    asked: BTreeMap<AnswerId, (Endpoint, PostId)>,
}

impl Between {
    fn carry(mut self, order: Order) -> Result<bool, SpoolError> {
        self.settle()?;
        let mut fragments = std::mem::take(&mut self.fragments);
        match order {
            Order::LastFirst => fragments.reverse(),
            Order::IndexLast => fragments.rotate_left(1),
        }
        for (fragment, body) in fragments {
            let body = body.read()?;
            self.deliver(Endpoint::Requesting, HttpRequest { body, ..fragment });
            self.settle()?;
        }
        Ok(self.all_arrived())
    }

    /// Carries messages until nobody has any more.
    fn settle(&mut self) -> Result<(), SpoolError> {
        const ENDPOINTS: [Endpoint; 5] = [
            Endpoint::Requesting,
            Endpoint::Sending,
            Endpoint::Store,
            Endpoint::Sds,
            Endpoint::Pds,
        ];
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for endpoint in ENDPOINTS {
                while let Some(output) = self.poll_output(endpoint) {
                    quiet = false;
                    self.take(endpoint, output)?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, from: Endpoint, output: Output) -> Result<(), SpoolError> {
        match output {
            Output::Post {
                id,
                to: Endpoint::Spine,
                request,
                ..
            } => {
                self.pass_on(from, request)?;
                self.peer_handles(
                    from,
                    Input::Response {
                        post: id,
                        response: taken_over(),
                    },
                );
            }
            Output::Post {
                id, to, request, ..
            } => {
                let answer = self.deliver(to, request);
                self.asked.insert(answer, (from, id));
            }
            Output::Answer { id, response, .. } => {
                if let Some((poster, post)) = self.asked.remove(&id) {
                    self.peer_handles(poster, Input::Response { post, response });
                }
            }
            Output::Notice(_) | Output::FaultFired(_) | Output::Crash { .. } => {}
        }
        Ok(())
    }

    /// What Spine would do, except that fragments wait.
    fn pass_on(&mut self, from: Endpoint, request: HttpRequest) -> Result<(), SpoolError> {
        let is_fragment = from == Endpoint::Sending
            && (request.soap_action.as_deref())
                .is_some_and(|action| action.ends_with(Interaction::Copc.id()));
        if is_fragment {
            let body = self.spool.keep(&request.body)?;
            let without_body = HttpRequest {
                body: "".into(),
                ..request
            };
            self.fragments.push((without_body, body));
            return Ok(());
        }
        let to = if from == Endpoint::Requesting {
            Endpoint::Sending
        } else {
            Endpoint::Requesting
        };
        self.deliver(to, request);
        Ok(())
    }

    fn deliver(&mut self, to: Endpoint, request: HttpRequest) -> AnswerId {
        self.requests += 1;
        let id = AnswerId(self.requests);
        self.peer_handles(to, Input::Request { id, request });
        id
    }

    fn peer_handles(&mut self, endpoint: Endpoint, input: Input) {
        let now = self.now;
        if let Some(peer) = self.cast.peer_mut(endpoint) {
            peer.handle(now, input);
        }
    }

    fn poll_output(&mut self, endpoint: Endpoint) -> Option<Output> {
        self.cast.peer_mut(endpoint)?.poll_output()
    }

    fn all_arrived(&self) -> bool {
        let observed = self.cast.requesting.observe();
        let stored: Vec<Sha256> = (observed.iter())
            .filter_map(|observation| match observation {
                Observation::Stored { sha256, .. } => Some(*sha256),
                Observation::Transfer { .. } | Observation::InStore { .. } => None,
            })
            .collect();
        let held = &self.cast.held;
        !held.is_empty()
            && held
                .iter()
                .all(|document| stored.contains(&document.sha256))
    }
}

fn taken_over() -> HttpResponse {
    HttpResponse {
        status: 202,
        content_type: None,
        headers: Headers::new(),
        body: "".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(size: &str) -> Plan {
        let text = format!(
            r#"
            title = "One document"
            judges = ["requesting", "sending"]
            requirements = ["RCV-43"]
            [sending]
            attachment_threshold = "100 KB"
            message_limit = "200 KB"
            [[patient]]
            name = "alice"
            record = "60 KB"
                [[patient.document]]
                type = "image/tiff"
                size = "{size}"
            [exercised]
            core_acknowledged = "AA"
            "#
        );
        let source = gp2gp_scenarios::load_str("bench/orders", &text).unwrap();
        let catalogue = super::super::catalogue().unwrap();
        super::super::plans(&source, &catalogue).unwrap().remove(0)
    }

    #[test]
    fn a_document_arrives_whatever_the_order_of_its_fragments() {
        for order in [Order::LastFirst, Order::IndexLast] {
            transfer(&plan("2 MB"), order).unwrap();
        }
    }

    #[test]
    fn a_document_that_does_not_arrive_is_no_success() {
        let mut plan = plan("2 MB");
        plan.steps.clear();
        let error = transfer(&plan, Order::LastFirst).unwrap_err();
        assert!(matches!(error, BenchError::Verdict { .. }), "{error}");
    }
}
