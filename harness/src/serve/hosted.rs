//! One system of ours in its place: a peer, its clock, and where it finds everybody.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use gp2gp_mocks::peer::{AnswerId, Deadline, Input, Output, Peer};
use gp2gp_mocks::serve::{Base, Server};
use gp2gp_model::Time;
use gp2gp_model::control::ClockRate;
use gp2gp_model::trace::{Endpoint, Observation};
use std::time::Duration;
use tokio::time::Instant;

/// A system that is served.
pub(super) struct Hosted {
    peer: Box<dyn Peer>,
    clock: Clock,
    services: BTreeMap<Endpoint, Base>,
    pub(super) addr: SocketAddr,
    /// None while it is down.
    pub(super) server: Option<Server>,
}

/// A clock that is told the time, and goes on from there.
#[derive(Clone, Copy)]
struct Clock {
    told: ClockRate,
    at: Instant,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a system on its own goes by the wall clock from where it was told the time"
)]
fn wall() -> Instant {
    Instant::now()
}

impl Hosted {
    pub(super) fn new(
        peer: Box<dyn Peer>,
        told: ClockRate,
        services: BTreeMap<Endpoint, Base>,
        server: Server,
    ) -> Self {
        Self {
            peer,
            clock: Clock { told, at: wall() },
            services,
            addr: server.addr(),
            server: Some(server),
        }
    }

    pub(super) const fn is_up(&self) -> bool {
        self.server.is_some()
    }

    pub(super) fn now(&self) -> Time {
        let passed = wall().duration_since(self.clock.at);
        self.clock.told.now + passed * self.clock.told.rate
    }

    pub(super) const fn rate(&self) -> u32 {
        self.clock.told.rate
    }

    pub(super) fn set_clock(&mut self, told: ClockRate) {
        self.clock = Clock { told, at: wall() };
    }

    /// Where it finds a service.
    pub(super) fn service(&self, service: Endpoint) -> Option<&Base> {
        self.services.get(&service)
    }

    pub(super) fn handle(&mut self, input: Input) {
        let now = self.now();
        self.peer.handle(now, input);
    }

    pub(super) fn deliver(&mut self, id: AnswerId, request: gp2gp_mocks::peer::HttpRequest) {
        self.handle(Input::Request { id, request });
    }

    /// Acts on everything that is due.
    pub(super) fn wake(&mut self) {
        let now = self.now();
        if self.deadline().is_some_and(|deadline| deadline.at <= now) {
            self.peer.handle_timeout(now);
        }
    }

    /// Its next deadline, while it is up.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self.is_up() {
            true => self.peer.poll_timeout(),
            false => None,
        }
    }

    /// How long that is away by the wall clock.
    pub(super) fn rest(&self) -> Option<Duration> {
        let deadline = self.deadline()?;
        Some(deadline.at.since(self.now()) / self.rate().max(1))
    }

    /// The next thing that it wants done. What it wants while it is down, it wants when it is up again.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        match self.is_up() {
            true => self.peer.poll_output(),
            false => None,
        }
    }

    pub(super) fn observe(&self) -> Vec<Observation> {
        self.peer.observe()
    }
}
