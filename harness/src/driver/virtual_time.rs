//! In process, under the virtual clock: a day passes in microseconds.

use std::collections::BTreeMap;

use gp2gp_mocks::peer::{AnswerId, Conduct, HttpRequest, HttpResponse, PATIENCE, TransportError};
use gp2gp_model::Time;
use gp2gp_model::plan::{Act, Plan};
use gp2gp_model::trace::Endpoint;
use gp2gp_sim::{Link, Queue};

use super::DriverError;
use super::stage::{Carry, Stage, Watch};
use crate::recorder::Recorder;

/// What lies in the queue.
enum Event {
    Act(Act),
    Deliver {
        exchange: u64,
        to: Endpoint,
        request: HttpRequest,
    },
    Ended {
        exchange: u64,
        result: Result<HttpResponse, TransportError>,
    },
}

/// Runs until nothing is left to do, the time limit is reached, or nobody comes to an end.
pub(super) fn run(plan: &Plan, mut stage: Stage) -> Result<Recorder, DriverError> {
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
        if stage.is_endless() {
            return Ok(stage.finish(queue.now(), false));
        }
        let carries = if queue.next_time() == Some(next) {
            let Some((now, event)) = queue.pop() else {
                continue;
            };
            match event {
                Event::Act(act) => stage.act(now, act)?,
                Event::Deliver { exchange, to, .. } if stage.is_down(to) => {
                    links.end(&mut queue, to, exchange, TransportError::Refused);
                    continue;
                }
                Event::Deliver {
                    exchange,
                    to,
                    request,
                } => stage.deliver(now, AnswerId(exchange), to, request)?,
                Event::Ended { exchange, result } => stage.result(now, exchange, result)?,
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

/// One link for each direction between two endpoints, and who waits for which answer.
struct Links<'a> {
    plan: &'a Plan,
    links: BTreeMap<(Endpoint, Endpoint), Link>,
    waiting: BTreeMap<u64, Waiting>,
}

/// Somebody who posted and waits for the answer.
struct Waiting {
    poster: Endpoint,
    /// Then they give the connection up.
    until: Time,
}

impl<'a> Links<'a> {
    const fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            links: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn carry(&mut self, queue: &mut Queue<Event>, carry: Carry) {
        match carry {
            Carry::Post {
                exchange,
                from,
                to,
                request,
                conduct,
            } => self.carry_post(queue, (exchange, from, to), request, conduct),
            Carry::Answer {
                id: AnswerId(exchange),
                from,
                response,
                conduct,
            } => self.carry_answer(queue, (exchange, from), response, conduct),
            // Whoever connects is refused at the time of arrival.
            Carry::Down(_) | Carry::Up(_) => {}
            // No system is foreign here.
            Carry::Act(..) | Carry::Disk(..) => {}
        }
    }

    fn carry_post(
        &mut self,
        queue: &mut Queue<Event>,
        (exchange, from, to): (u64, Endpoint, Endpoint),
        request: HttpRequest,
        conduct: Conduct,
    ) {
        let until = queue.now() + PATIENCE;
        self.waiting.insert(
            exchange,
            Waiting {
                poster: from,
                until,
            },
        );
        let takes = conduct.transmission(request.body.len());
        if takes >= PATIENCE {
            // Given up before it was whole: nobody has seen it.
            return self.end_at(queue, until, exchange, TransportError::TimedOut);
        }
        let at = self.arrival(queue.now(), from, to) + takes;
        let deliver = Event::Deliver {
            exchange,
            to,
            request,
        };
        match conduct {
            Conduct::Clean | Conduct::Slow { .. } | Conduct::Silent => queue.schedule(at, deliver),
            Conduct::Truncate { .. } => self.end_at(queue, at, exchange, TransportError::Reset),
            Conduct::Reset => {
                queue.schedule(at, deliver);
                self.end_at(queue, at, exchange, TransportError::Reset);
            }
        }
    }

    fn carry_answer(
        &mut self,
        queue: &mut Queue<Event>,
        (exchange, from): (u64, Endpoint),
        response: HttpResponse,
        conduct: Conduct,
    ) {
        let Some(Waiting { poster, until }) = self.waiting.get(&exchange) else {
            return;
        };
        let (poster, until) = (*poster, *until);
        let takes = conduct.transmission(response.body.len());
        let at = self.arrival(queue.now(), from, poster) + takes;
        match conduct {
            Conduct::Clean | Conduct::Slow { .. } if at <= until => {
                self.waiting.remove(&exchange);
                let result = Ok(response);
                queue.schedule(at, Event::Ended { exchange, result });
            }
            Conduct::Truncate { .. } | Conduct::Reset if at <= until => {
                self.end_at(queue, at, exchange, TransportError::Reset);
            }
            Conduct::Clean
            | Conduct::Slow { .. }
            | Conduct::Truncate { .. }
            | Conduct::Reset
            | Conduct::Silent => self.end_at(queue, until, exchange, TransportError::TimedOut),
        }
    }

    /// The poster learns, after the time of the link, that there is no answer.
    fn end(
        &mut self,
        queue: &mut Queue<Event>,
        from: Endpoint,
        exchange: u64,
        error: TransportError,
    ) {
        if let Some(poster) = self.waiting.get(&exchange).map(|waiting| waiting.poster) {
            let at = self.arrival(queue.now(), from, poster);
            self.end_at(queue, at, exchange, error);
        }
    }

    fn end_at(&mut self, queue: &mut Queue<Event>, at: Time, exchange: u64, error: TransportError) {
        self.waiting.remove(&exchange);
        let result = Err(error);
        queue.schedule(at, Event::Ended { exchange, result });
    }

    fn arrival(&mut self, now: Time, from: Endpoint, to: Endpoint) -> Time {
        self.links
            .entry((from, to))
            .or_insert_with(|| Link::new(self.plan.link_delay))
            .arrival(now)
    }
}
