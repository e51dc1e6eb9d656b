//! The people before the screens of a hub. What they record they hand over until the hub has it;
//! whoever cannot see something looks again a few times.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_model::federation::{FederationTerms, HubWish};
use gp2gp_model::plan::Act;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{EntryId, Time};
use gp2gp_sim::{Ids, Streams};
use gp2gp_wire::federation::Entry;
use gp2gp_wire::federation::hub::{Attendance, HubCall, ReportRequest};

use super::wire;
use crate::export::outbox::Outbox;
use crate::peer::{Deadline, Input, Output, Peer, PostId};

/// The pause before something is tried again.
const PAUSE: Duration = Duration::from_mins(5);

/// Looks at something that cannot be seen, before one gives up.
const LOOKS: u32 = 3;

/// Clinicians of every hub, in turn.
const CLINICIANS: [&str; 2] = ["Dr H. Hubble", "Nurse P. Tidewell"];

/// People at a hub.
pub struct Clinic {
    terms: FederationTerms,
    ids: Ids,
    written: usize,
    tasks: BTreeMap<u64, Task>,
    numbers: u64,
    open: BTreeMap<PostId, u64>,
    outbox: Outbox,
}

/// Something that somebody does.
struct Task {
    call: HubCall,
    tries: u32,
    wake: Option<Time>,
}

impl Clinic {
    /// People who have done nothing yet.
    pub fn new(terms: FederationTerms, streams: Streams) -> Self {
        Self {
            terms,
            ids: Ids::new(streams.stream("clinic")),
            written: 0,
            tasks: BTreeMap::new(),
            numbers: 0,
            open: BTreeMap::new(),
            outbox: Outbox::default(),
        }
    }

    fn wish(&mut self, now: Time, wish: HubWish) {
        let call = match wish {
            HubWish::Read { patient } => HubCall::Read(patient),
            HubWish::Write { patient, text } => {
                let Ok(id) = EntryId::parse(&self.ids.next_uuid()) else {
                    return;
                };
                let clinician = CLINICIANS[self.written % CLINICIANS.len()].to_owned();
                self.written += 1;
                let at = now.to_whole_second();
                let entry = Entry {
                    id,
                    at,
                    clinician,
                    text,
                };
                HubCall::Write { patient, entry }
            }
            HubWish::Attend { patient, slot } => HubCall::Attend(Attendance { patient, slot }),
            HubWish::LookAtBookings => HubCall::Bookings,
            HubWish::Report => HubCall::Report(ReportRequest {
                indicators: self.terms.kpis.clone(),
            }),
        };
        self.numbers += 1;
        let task = Task {
            call,
            tries: 0,
            wake: None,
        };
        self.tasks.insert(self.numbers, task);
        self.post(self.numbers);
    }

    fn post(&mut self, number: u64) {
        if let Some(task) = self.tasks.get_mut(&number) {
            task.tries += 1;
            task.wake = None;
            let request = wire::request(task.call.encode());
            let post = self.outbox.post(Endpoint::Hub, request);
            self.open.insert(post, number);
        }
    }

    fn settle(&mut self, now: Time, post: PostId, status: Option<u16>) {
        let Some(number) = self.open.remove(&post) else {
            return;
        };
        let Some(task) = self.tasks.get_mut(&number) else {
            return;
        };
        let is_for_later = status.is_none_or(|status| status >= 500);
        if is_for_later && (task.changes_something() || task.tries < LOOKS) {
            task.wake = Some(now + PAUSE);
        } else {
            self.tasks.remove(&number);
        }
    }
}

impl Task {
    const fn changes_something(&self) -> bool {
        match self.call {
            HubCall::Write { .. } | HubCall::Book(_) | HubCall::Attend(_) => true,
            HubCall::Read(_) | HubCall::Bookings | HubCall::Report(_) => false,
        }
    }
}

impl Peer for Clinic {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Act(Act::AtHub { wish }) => self.wish(now, wish),
            Input::Response { post, response } => self.settle(now, post, Some(response.status)),
            Input::Failed { post, .. } => self.settle(now, post, None),
            Input::Act(_) | Input::Request { .. } | Input::Condition(_) => {}
        }
    }

    fn handle_timeout(&mut self, now: Time) {
        let is_due = |task: &Task| task.wake.is_some_and(|at| at <= now);
        let due = self.tasks.iter().filter(|(_, task)| is_due(task));
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        due.into_iter().for_each(|number| self.post(number));
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let at = self.tasks.values().filter_map(|task| task.wake).min()?;
        Some(Deadline {
            at,
            why: "somebody at the hub tries again",
        })
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
