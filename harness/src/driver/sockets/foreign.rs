//! The foreign systems of a run: where they are, what they still have to be told, and what is wrong
//! with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gp2gp_mocks::peer::{Conduct, HttpResponse, TransportError};
use gp2gp_mocks::serve::{Answered, Base, Client, Incoming};
use gp2gp_model::control::{Agenda, Verb};
use gp2gp_model::plan::Plan;
use gp2gp_model::report::{Mishap, MishapKind};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{NhsNumber, Time};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Doors;
use crate::sut::control::{Control, NoControl};
use crate::sut::prepare::Unprepared;
use crate::sut::{Party, prepare};

/// The foreign systems of a run.
pub(super) struct Foreign<'a> {
    pub(super) parties: &'a mut [Party],
    systems: BTreeMap<Endpoint, System>,
    doors: Doors,
    /// Foreign systems that wait for another foreign system, by exchange.
    relays: BTreeMap<u64, oneshot::Sender<Answered>>,
    mishap: Option<Mishap>,
    /// Acts so far, for their ids.
    acts: u64,
    /// Number of the last notice read, by party.
    seen: BTreeMap<usize, u64>,
    /// Patients whose record nobody has looked at.
    unlooked_at: Vec<NhsNumber>,
    /// When something last passed between us and one of them.
    last_traffic: Instant,
    opened: Instant,
    /// When people last looked at screens.
    looked: Instant,
}

/// A foreign system.
struct System {
    party: usize,
    /// None: everything comes to it through its queue.
    base: Option<Base>,
    client: Arc<Client>,
    /// What it last said of itself, if it was idle then and nothing has happened to it since.
    agenda: Option<Agenda>,
    /// How often something happened to it.
    touched: u64,
    /// How often it was busy in a row.
    busy: u32,
    down: bool,
}

/// Where to post, and by whom.
pub(super) struct Place {
    pub(super) base: Base,
    pub(super) client: Arc<Client>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "foreign systems live by the wall clock"
)]
fn wall() -> Instant {
    Instant::now()
}

impl<'a> Foreign<'a> {
    /// Everybody is ours.
    pub(super) fn nobody() -> Self {
        Self {
            parties: &mut [],
            systems: BTreeMap::new(),
            doors: Doors::none(),
            relays: BTreeMap::new(),
            mishap: None,
            acts: 0,
            seen: BTreeMap::new(),
            unlooked_at: Vec::new(),
            last_traffic: wall(),
            opened: wall(),
            looked: wall(),
        }
    }

    /// Tells every party what it is in this run.
    pub(super) async fn prepare(
        plan: &Plan,
        rate: u32,
        parties: &'a mut [Party],
        doors: Doors,
    ) -> Result<Self, Unprepared> {
        let mut systems = BTreeMap::new();
        for (number, party) in parties.iter_mut().enumerate() {
            let plays = party.plays(plan);
            let services = |system| doors.services(system);
            let told = prepare::prepare(party, plan, rate, &services).await?;
            let client = Arc::new(party.client(rate));
            for system in plays {
                let system_here = System {
                    party: number,
                    base: match (told.base(party, system), &party.queue) {
                        (Err(_), Some(_)) => None,
                        (base, _) => Some(base?),
                    },
                    client: Arc::clone(&client),
                    agenda: None,
                    touched: 0,
                    busy: 0,
                    down: false,
                };
                systems.insert(system, system_here);
            }
        }
        Ok(Self {
            parties,
            systems,
            doors,
            unlooked_at: (plan.patients.iter())
                .map(|patient| patient.nhs_number)
                .collect(),
            ..Self::nobody()
        })
    }

    /// Which systems are foreign.
    pub(super) fn systems(&self) -> BTreeSet<Endpoint> {
        self.systems.keys().copied().collect()
    }

    pub(super) fn is_foreign(&self, endpoint: Endpoint) -> bool {
        self.systems.contains_key(&endpoint)
    }

    /// The next post of one of them; nothing if there are none.
    pub(super) async fn arrived(&mut self) -> Option<(Endpoint, Incoming)> {
        self.doors.arrived().await
    }

    /// Whether a post of one of them waits.
    pub(super) fn is_waiting(&self) -> bool {
        self.doors.is_waiting()
    }

    /// Where a foreign system takes what is posted to it.
    pub(super) fn place(&self, endpoint: Endpoint) -> Option<Place> {
        let system = self.systems.get(&endpoint)?;
        Some(Place {
            base: system.base.clone()?,
            client: Arc::clone(&system.client),
        })
    }

    /// Something happens to a system: what it said of itself holds no more.
    pub(super) fn touch(&mut self, endpoint: Endpoint) {
        if let Some(system) = self.systems.get_mut(&endpoint) {
            system.agenda = None;
            system.touched += 1;
            system.busy = 0;
            self.last_traffic = wall();
        }
    }

    /// Something may have happened to any of them.
    pub(super) fn touch_all(&mut self) {
        for system in self.systems.values_mut() {
            system.agenda = None;
            system.touched += 1;
        }
    }

    /// Somebody foreign waits for the answer of another foreign system.
    pub(super) fn relay(&mut self, exchange: u64, answer: oneshot::Sender<Answered>) {
        self.relays.insert(exchange, answer);
    }

    /// Whether somebody foreign waits for the answer of another foreign system.
    pub(super) fn is_relayed(&self, exchange: u64) -> bool {
        self.relays.contains_key(&exchange)
    }

    /// Hands on what another foreign system answered, if somebody foreign waits for it; otherwise the
    /// connection of whoever waits is closed.
    pub(super) fn pass_on(&mut self, exchange: u64, result: &Result<HttpResponse, TransportError>) {
        if let (Some(answer), Ok(response)) = (self.relays.remove(&exchange), result) {
            let response = response.clone();
            let conduct = Conduct::Clean;
            let _ = answer.send(Answered { response, conduct });
        }
    }

    /// The party that plays a system.
    pub(super) fn party_of(&self, endpoint: Endpoint) -> Option<usize> {
        self.systems.get(&endpoint).map(|system| system.party)
    }

    /// Whether the party of a system has a verb.
    pub(super) fn has(&self, endpoint: Endpoint, verb: Verb) -> bool {
        let party = self.party_of(endpoint).and_then(|at| self.parties.get(at));
        party.is_some_and(|party| party.has(verb))
    }

    /// Systems that are up and have this verb, or have it not.
    pub(super) fn up(&self, verb: Verb, has: bool) -> Vec<Endpoint> {
        let up = self.systems.iter().filter(|(_, system)| !system.down);
        up.map(|(endpoint, _)| *endpoint)
            .filter(|endpoint| self.has(*endpoint, verb) == has)
            .collect()
    }

    pub(super) fn set_down(&mut self, endpoint: Endpoint, down: bool) {
        if let Some(system) = self.systems.get_mut(&endpoint) {
            system.down = down;
            system.agenda = None;
        }
    }

    /// Whether a system has gone down, and has not said that it is up again.
    pub(super) fn is_down(&self, endpoint: Endpoint) -> bool {
        (self.systems.get(&endpoint)).is_some_and(|system| system.down)
    }

    /// What a system said of itself, if that still holds.
    pub(super) fn agenda(&self, endpoint: Endpoint) -> Option<&Agenda> {
        self.systems.get(&endpoint)?.agenda.as_ref()
    }

    /// How often something has happened to a system.
    pub(super) fn touched(&self, endpoint: Endpoint) -> u64 {
        let system = self.systems.get(&endpoint);
        system.map_or(0, |system| system.touched)
    }

    /// A system says what it will do, asked when so much had happened to it. Gives how long to leave it
    /// alone if it is busy, or if what it says may be of before.
    pub(super) fn keep(
        &mut self,
        endpoint: Endpoint,
        agenda: Agenda,
        touched: u64,
    ) -> Option<Duration> {
        const FIRST: Duration = Duration::from_millis(1);
        const LONGEST: Duration = Duration::from_millis(25);
        let system = self.systems.get_mut(&endpoint)?;
        if system.touched != touched {
            return Some(Duration::ZERO);
        }
        if agenda.idle {
            system.busy = 0;
            system.agenda = Some(agenda);
            return None;
        }
        system.busy += 1;
        system.agenda = None;
        Some((FIRST * (1 << system.busy.min(6))).min(LONGEST))
    }

    /// How long nothing has passed between us and any of them.
    pub(super) fn silence(&self) -> Duration {
        wall().duration_since(self.last_traffic)
    }

    /// Systems without a clock that show notices, and may have some for people.
    pub(super) fn with_screens_only(&self) -> Vec<Endpoint> {
        let mut systems = self.up(Verb::Notices, true);
        systems.retain(|it| *it == Endpoint::Requesting && !self.has(*it, Verb::Clock));
        systems
    }

    /// How long until people look at those again.
    pub(super) fn until_a_look(&self) -> Option<Duration> {
        const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
        match self.with_screens_only().is_empty() {
            true => None,
            false => Some(BETWEEN_LOOKS.saturating_sub(wall().duration_since(self.looked))),
        }
    }

    /// People look now.
    pub(super) fn look(&mut self) {
        self.looked = wall();
    }

    /// How long the run has taken.
    pub(super) fn lasted(&self) -> Duration {
        wall().duration_since(self.opened)
    }

    /// The id of the next act.
    pub(super) fn next_act(&mut self) -> String {
        self.acts += 1;
        format!("act-{}", self.acts)
    }

    /// What a system said of itself holds no more, though nothing happened to it.
    pub(super) fn forget_agenda(&mut self, endpoint: Endpoint) {
        if let Some(system) = self.systems.get_mut(&endpoint) {
            system.agenda = None;
        }
    }

    /// How long nothing may happen before a system without a clock counts as waiting, and how long a
    /// run may take in which one is waited for.
    pub(super) fn patience(&self) -> (Duration, Duration) {
        let quiet = self.parties.iter().map(|party| party.patience.quiet).max();
        let budget = self.parties.iter().map(|party| party.patience.budget).max();
        (quiet.unwrap_or_default(), budget.unwrap_or_default())
    }

    /// What a party is called in reports.
    pub(super) fn name_of(&self, endpoint: Endpoint) -> String {
        let party = self.party_of(endpoint).and_then(|at| self.parties.get(at));
        party.map_or_else(|| endpoint.to_string(), |party| party.name.clone())
    }

    /// Number of the last notice read from the party of a system.
    pub(super) fn seen(&self, endpoint: Endpoint) -> u64 {
        let party = self.party_of(endpoint);
        let seen = party.and_then(|party| self.seen.get(&party));
        seen.copied().unwrap_or_default()
    }

    /// Whether there are notices beyond those, and they can be read.
    pub(super) fn has_unread(&self, endpoint: Endpoint, notices: u64) -> bool {
        notices > self.seen(endpoint) && self.has(endpoint, Verb::Notices)
    }

    /// A notice is read; false if it was before.
    pub(super) fn see(&mut self, endpoint: Endpoint, number: u64) -> bool {
        let is_new = number > self.seen(endpoint);
        if let (true, Some(party)) = (is_new, self.party_of(endpoint)) {
            self.seen.insert(party, number);
        }
        is_new
    }

    /// Patients at whose record people look because nothing has happened for a while, once for each: a
    /// system that shows them nothing leaves them no other way.
    pub(super) fn assumed_ready(&mut self, endpoint: Endpoint) -> Vec<NhsNumber> {
        match endpoint == Endpoint::Requesting && self.has(endpoint, Verb::Act) {
            true => std::mem::take(&mut self.unlooked_at),
            false => Vec::new(),
        }
    }

    /// Lets every party forget the run, and looks for what it leaves behind.
    pub(super) async fn forget_run(&mut self) -> Option<Mishap> {
        for (number, party) in self.parties.iter_mut().enumerate() {
            let systems = self.systems.iter();
            let own = systems.filter(|(_, system)| system.party == number);
            let own: Vec<Endpoint> = own.map(|(endpoint, _)| *endpoint).collect();
            if let Some(mishap) = prepare::forget(party, &own).await {
                self.mishap.get_or_insert(mishap);
            }
        }
        if let Some(mut mishap) = self.mishap() {
            for party in self
                .parties
                .iter_mut()
                .filter(|it| it.name == mishap.system)
            {
                mishap.log = prepare::last_lines(party).await;
            }
            return Some(mishap);
        }
        let mut arrived = self.doors.left_over().into_iter();
        let (system, to) = arrived.next()?;
        Some(Mishap {
            kind: MishapKind::Residue,
            system: self.name_of(system),
            what: format!("{system} still posts to {to} after it was told to forget the run"),
            log: Vec::new(),
        })
    }

    /// What went wrong with one of them.
    pub(super) fn mishap(&mut self) -> Option<Mishap> {
        if self.mishap.is_none() {
            let mut parties = self.parties.iter_mut();
            self.mishap = parties.find_map(Party::has_ended);
        }
        self.mishap.clone()
    }

    /// The first of them is the one that is told.
    pub(super) fn set_mishap(&mut self, mishap: Mishap) {
        self.mishap.get_or_insert(mishap);
    }

    /// Takes the control of a party out, to call it while everything else goes on.
    pub(super) fn take_control(&mut self, party: usize) -> Box<dyn Control> {
        match self.parties.get_mut(party) {
            Some(party) => std::mem::replace(&mut party.control, Box::new(NoControl)),
            None => Box::new(NoControl),
        }
    }

    pub(super) fn put_back(&mut self, party: usize, control: Box<dyn Control>) {
        if let Some(party) = self.parties.get_mut(party) {
            party.control = control;
        }
    }
}

/// The earlier of two moments.
pub(super) fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    [one, other].into_iter().flatten().min()
}
