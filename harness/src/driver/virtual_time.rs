//! In process, under the virtual clock: a day passes in microseconds.

use std::collections::BTreeMap;

use gp2gp_mocks::peer::{AnswerId, HttpRequest, HttpResponse};
use gp2gp_model::Time;
use gp2gp_model::plan::{Act, Plan};
use gp2gp_model::trace::{Endpoint, Trace};
use gp2gp_sim::{Link, Queue};

use super::DriverError;
use super::stage::{Carry, Stage, Watch};
use crate::bodies::BodyStore;

/// What lies in the queue.
enum Event {
    Act(Act),
    Deliver {
        exchange: u64,
        to: Endpoint,
        request: HttpRequest,
    },
    Answered {
        exchange: u64,
        response: HttpResponse,
    },
}

/// Runs until nothing is left to do or the time limit is reached.
pub(super) fn run(plan: &Plan, mut stage: Stage) -> Result<(Trace, BodyStore), DriverError> {
    let mut queue = Queue::new(plan.starts_at);
    let mut links = Links::new(plan);
    for step in &plan.steps {
        queue.schedule(plan.starts_at + step.at, Event::Act(step.act.clone()));
    }
    let limit = plan.starts_at + plan.time_limit;
    let mut watch = Watch::default();
    loop {
        let deadline = stage.deadline();
        let next = queue.next_time().into_iter().chain(deadline).min();
        let Some(next) = next.filter(|next| *next <= limit) else {
            let quiescent = next.is_none();
            let end = if quiescent { queue.now() } else { limit };
            return Ok(stage.finish(end, quiescent));
        };
        let carries = if queue.next_time() == Some(next) {
            let Some((now, event)) = queue.pop() else {
                continue;
            };
            match event {
                Event::Act(act) => stage.act(now, act)?,
                Event::Deliver {
                    exchange,
                    to,
                    request,
                } => stage.deliver(now, AnswerId(exchange), to, request)?,
                Event::Answered { exchange, response } => {
                    stage.result(now, exchange, Ok(response))?
                }
            }
        } else {
            queue.advance_to(next);
            watch.wake(queue.now())?;
            stage.wake(queue.now())?
        };
        for carry in carries {
            links.carry(&mut queue, carry);
        }
    }
}

/// One link for each direction between two endpoints, and who is at the other end of an answer.
struct Links<'a> {
    plan: &'a Plan,
    links: BTreeMap<(Endpoint, Endpoint), Link>,
    posters: BTreeMap<u64, Endpoint>,
}

impl<'a> Links<'a> {
    const fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            links: BTreeMap::new(),
            posters: BTreeMap::new(),
        }
    }

    fn carry(&mut self, queue: &mut Queue<Event>, carry: Carry) {
        match carry {
            Carry::Post {
                exchange,
                from,
                to,
                request,
            } => {
                self.posters.insert(exchange, from);
                let at = self.arrival(queue.now(), from, to);
                queue.schedule(
                    at,
                    Event::Deliver {
                        exchange,
                        to,
                        request,
                    },
                );
            }
            Carry::Answer {
                id: AnswerId(exchange),
                from,
                response,
            } => {
                let Some(to) = self.posters.remove(&exchange) else {
                    return;
                };
                let at = self.arrival(queue.now(), from, to);
                queue.schedule(at, Event::Answered { exchange, response });
            }
        }
    }

    fn arrival(&mut self, now: Time, from: Endpoint, to: Endpoint) -> Time {
        self.links
            .entry((from, to))
            .or_insert_with(|| Link::new(self.plan.link_delay))
            .arrival(now)
    }
}
