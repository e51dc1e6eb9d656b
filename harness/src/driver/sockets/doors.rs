//! The doors of foreign systems: each has a port of its own for everybody whom it may ask, so that we
//! know who posts.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use gp2gp_mocks::cast::endpoints;
use gp2gp_mocks::serve::{Incoming, Security, Server, serve_guarded};
use gp2gp_model::plan::Plan;
use gp2gp_model::trace::Endpoint;
use tokio::sync::mpsc;

use super::{WAITING, opening};
use crate::driver::DriverError;
use crate::sut::Party;

/// Open doors, and what comes through them.
pub(in crate::driver) struct Doors {
    servers: Vec<Server>,
    /// Base address of a service as a system finds it, by (system, service).
    urls: BTreeMap<(Endpoint, Endpoint), String>,
    arrived: mpsc::Receiver<(Endpoint, Incoming)>,
    /// Where systems behind a message handler find what came.
    queues: BTreeMap<Endpoint, String>,
}

impl Doors {
    /// No doors.
    pub(super) fn none() -> Self {
        Self {
            servers: Vec::new(),
            urls: BTreeMap::new(),
            arrived: mpsc::channel(1).1,
            queues: BTreeMap::new(),
        }
    }

    /// Opens the doors of every system that a party plays in a plan.
    pub(in crate::driver) async fn open(
        plan: &Plan,
        parties: &[Party],
    ) -> Result<Self, DriverError> {
        let (arrive, arrived) = mpsc::channel(WAITING);
        let mut doors = Self {
            arrived,
            ..Self::none()
        };
        for party in parties {
            let queues = party.queues(plan).into_iter();
            (doors.queues).extend(queues.map(|(system, queue)| (system, queue.url())));
            for system in party.plays(plan) {
                let here = hand_on(system, arrive.clone());
                for service in endpoints(plan) {
                    if *service != system {
                        doors.open_one(party, (system, *service), &here).await?;
                    }
                }
            }
        }
        Ok(doors)
    }

    async fn open_one(
        &mut self,
        party: &Party,
        (system, service): (Endpoint, Endpoint),
        here: &mpsc::Sender<Incoming>,
    ) -> Result<(), DriverError> {
        let reach = &party.reach;
        let addr = SocketAddr::new(reach.listen, reach.port(system, service));
        let security = match service == Endpoint::Spine {
            true => &reach.spine,
            false => &reach.others,
        };
        let server = serve_guarded(addr, service, security.clone(), here.clone())
            .await
            .map_err(opening)?;
        let scheme = match security {
            Security::Plain => "http",
            Security::Tls(_) => "https",
        };
        let url = format!("{scheme}://{}:{}", reach.advertise, server.addr().port());
        self.urls.insert((system, service), url);
        self.servers.push(server);
        Ok(())
    }

    /// The next post of a foreign system, and which system's; nothing once no door is open.
    pub(super) async fn arrived(&mut self) -> Option<(Endpoint, Incoming)> {
        self.arrived.recv().await
    }

    /// Whether a post waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Who posted to whom, of what nobody has taken yet.
    pub(super) fn left_over(&mut self) -> Vec<(Endpoint, Endpoint)> {
        let mut left = Vec::new();
        while let Ok((system, incoming)) = self.arrived.try_recv() {
            left.push((system, incoming.endpoint));
        }
        left
    }

    /// Where a system finds everybody else, by name.
    pub(super) fn services(&self, system: Endpoint) -> BTreeMap<String, String> {
        let own = self.urls.iter().filter(|((of, _), _)| *of == system);
        let mut services: BTreeMap<String, String> = own
            .map(|((_, service), url)| (service.key().to_owned(), url.clone()))
            .collect();
        if let Some(store) = services.get("store") {
            services.insert("records".to_owned(), format!("{store}/records"));
        }
        if let Some(queue) = self.queues.get(&system) {
            services.insert("queue".to_owned(), queue.clone());
        }
        services
    }

    /// The address under which the system that owns the store finds it, if that system is foreign.
    pub(in crate::driver) fn store(&self) -> Option<&str> {
        let owners = [Endpoint::Sending, Endpoint::Office];
        let mut urls = owners
            .iter()
            .map(|owner| self.urls.get(&(*owner, Endpoint::Store)));
        urls.find_map(|url| url).map(String::as_str)
    }
}

/// Tells whose door it was.
fn hand_on(system: Endpoint, arrive: mpsc::Sender<(Endpoint, Incoming)>) -> mpsc::Sender<Incoming> {
    let (here, mut came) = mpsc::channel::<Incoming>(WAITING);
    tokio::spawn(async move {
        while let Some(incoming) = came.recv().await {
            if arrive.send((system, incoming)).await.is_err() {
                return;
            }
        }
    });
    here
}
