//! The national body through which packages go (PSD in Scotland): takes packages in, looks at them
//! for a while, stops duplicates, and delivers the rest to the importing practice.
//!
//! A package is a duplicate if it holds a document of an earlier one of the patient, or comes on
//! the day of an earlier one without a ticket of the support desk. If what it duplicates still waits,
//! whatever waits of the patient is stopped with it, and the restore of the record is ordered.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gp2gp_model::export::{is_on_a_later_day, may_export};
use gp2gp_model::http::Method;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{NhsNumber, Time};
use gp2gp_wire::export::{
    Action, ContentRange, Contents, Fate, Known, Opening, Place, RESTORE_ORDERS, Receipt,
    RestoreOrder, document_path, package_path, record_path, seal_path,
};

use super::inbox::{Inbox, RECORD, Taken};
use super::outbox::{Outbox, bare_answer, is_done, json_answer, json_request, refusal};
use super::packing::part;
use super::trail::{self, Trail};
use crate::defect::ExportingDefect;
use crate::peer::{
    AnswerId, Condition, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer, PostId,
};
use crate::spool::{Spool, Spooled};

/// The pause before a failed delivery or order is tried again.
const PAUSE: Duration = Duration::from_mins(5);

/// The clearing house.
#[derive(Debug)]
pub struct ClearingHouse {
    /// How long it looks at a package before it delivers it.
    processing: Duration,
    defects: Vec<ExportingDefect>,
    inbox: Inbox,
    trail: Trail,
    packages: BTreeMap<String, Sealed>,
    /// What is to be sent, one thing after the other.
    errands: VecDeque<Errand>,
    open: Option<PostId>,
    resting_until: Option<Time>,
    outbox: Outbox,
}

/// A package that is whole.
#[derive(Debug, Clone)]
struct Sealed {
    opening: Opening,
    contents: Contents,
    taken_at: Time,
    fate: Fate,
    /// Its delivery has begun.
    is_leaving: bool,
}

/// Something to send.
#[derive(Debug, Clone)]
enum Errand {
    Open(String),
    Part {
        path: String,
        range: ContentRange,
        content: Spooled,
    },
    Seal(String),
    Order(RestoreOrder),
}

impl ClearingHouse {
    /// A clearing house that has no package yet.
    pub fn new(processing: Duration, defects: Vec<ExportingDefect>) -> Self {
        Self {
            processing,
            defects,
            inbox: Inbox::new(Some(Spool::new())),
            trail: Trail::default(),
            packages: BTreeMap::new(),
            errands: VecDeque::new(),
            open: None,
            resting_until: None,
            outbox: Outbox::default(),
        }
    }

    fn take(&mut self, now: Time, id: AnswerId, request: &HttpRequest) {
        let response = match (request.method, Place::of(&request.path)) {
            (Method::Get, Some(Place::PackagesOf(patient))) => self.packages_of(patient),
            (Method::Delete, Some(Place::Package(package))) => self.give_up(package),
            (Method::Post, Some(Place::Seal(package))) if self.packages.contains_key(package) => {
                self.receipt(package)
            }
            (Method::Get, Some(Place::Audit)) => self.trail.told(),
            (Method::Put, Some(Place::Package(package))) => self.open(now, package, request),
            (_, Some(_)) => match self.inbox.take(request) {
                Taken::Answer(response) => response,
                Taken::Whole { package, contents } => {
                    self.seal(now, &package, contents);
                    self.receipt(&package)
                }
                Taken::NotMine => refusal(405, "this path knows other methods"),
            },
            (_, None) => refusal(404, "nothing is here"),
        };
        self.outbox.answer(id, response);
    }

    fn open(&mut self, now: Time, package: &str, request: &HttpRequest) -> HttpResponse {
        let role = trail::role(request);
        let opening: Option<Opening> = serde_json::from_slice(&request.body).ok();
        let is_for_a_ticket = opening.is_some_and(|opening| opening.ticket.is_some());
        let response = if role.is_some_and(|role| may_export(role, is_for_a_ticket)) {
            self.inbox.open(package, request)
        } else {
            refusal(
                403,
                "only the practice's system exports, or the desk for a ticket",
            )
        };
        (self.trail).record(now, Action::Export, package, request, &response);
        response
    }

    fn packages_of(&self, patient: &str) -> HttpResponse {
        let known = self.packages.iter().filter(|(_, sealed)| {
            let reference = sealed.opening.patient.to_string();
            reference == patient
        });
        let known: Vec<Known> = known
            .map(|(package, sealed)| Known {
                package: package.clone(),
                exported_at: sealed.opening.exported_at,
                fate: sealed.fate,
                contents: sealed.contents.clone(),
            })
            .collect();
        json_answer(200, &known)
    }

    fn give_up(&mut self, package: &str) -> HttpResponse {
        if self.packages.contains_key(package) {
            return refusal(409, "the package is sealed");
        }
        self.inbox.drop(package);
        bare_answer(204)
    }

    fn receipt(&self, package: &str) -> HttpResponse {
        match self.packages.get(package) {
            Some(sealed) => json_answer(
                200,
                &Receipt {
                    package: sealed.fate,
                },
            ),
            None => refusal(404, "nobody opened this package"),
        }
    }

    /// Takes a whole package, and decides what becomes of it.
    fn seal(&mut self, now: Time, package: &str, contents: Contents) {
        let Some(incoming) = self.inbox.package(package) else {
            return;
        };
        let opening = incoming.opening.clone();
        let patient = incoming.patient();
        let mut sealed = Sealed {
            opening,
            contents,
            taken_at: now,
            fate: Fate::Accepted,
            is_leaving: false,
        };
        let earlier = self.earlier_like(&sealed);
        if !earlier.is_empty() && !self.has(ExportingDefect::DeliversDuplicates) {
            sealed.fate = self.stop(patient, &earlier);
        }
        let is_recalled = sealed.fate == Fate::Recalled;
        self.packages.insert(package.to_owned(), sealed);
        if is_recalled {
            self.order_restore(patient);
        }
    }

    /// Earlier packages of which this one is a duplicate.
    fn earlier_like(&self, new: &Sealed) -> Vec<String> {
        let same = |earlier: &Sealed| {
            let mut documents = earlier.contents.documents.iter();
            documents.any(|document| {
                let mut own = new.contents.documents.iter();
                own.any(|own| own.sha256 == document.sha256)
            })
        };
        let too_soon = |earlier: &Sealed| {
            new.opening.ticket.is_none() && !is_on_a_later_day(new.taken_at, earlier.taken_at)
        };
        (self.packages.iter())
            .filter(|(_, earlier)| earlier.opening.patient == new.opening.patient)
            .filter(|(_, earlier)| matches!(earlier.fate, Fate::Accepted | Fate::Delivered))
            .filter(|(_, earlier)| same(earlier) || too_soon(earlier))
            .map(|(package, _)| package.clone())
            .collect()
    }

    /// Stops whatever waits of the patient, unless what the duplicate duplicates is on its way
    /// already; says what becomes of the duplicate.
    fn stop(&mut self, patient: NhsNumber, earlier: &[String]) -> Fate {
        let can_be_stopped = earlier.iter().all(|package| {
            let sealed = self.packages.get(package);
            sealed.is_some_and(Sealed::is_waiting)
        });
        if !can_be_stopped {
            return Fate::Held;
        }
        let waiting = self.packages.values_mut();
        waiting
            .filter(|sealed| sealed.opening.patient == patient && sealed.is_waiting())
            .for_each(|sealed| sealed.fate = Fate::Recalled);
        Fate::Recalled
    }

    fn order_restore(&mut self, patient: NhsNumber) {
        let recalled = self
            .packages
            .values()
            .filter(|sealed| sealed.opening.patient == patient && sealed.fate == Fate::Recalled);
        let mut documents: Vec<_> = recalled
            .flat_map(|sealed| &sealed.contents.documents)
            .map(|packed| packed.document.clone())
            .collect();
        documents.sort();
        documents.dedup();
        let order = RestoreOrder { patient, documents };
        self.errands.push_back(Errand::Order(order));
    }

    /// When the next package is to leave.
    fn next_departure(&self) -> Option<Time> {
        let waiting = self.packages.values().filter(|sealed| sealed.is_waiting());
        waiting
            .map(|sealed| sealed.taken_at + self.processing)
            .min()
    }

    fn dispatch_due(&mut self, now: Time) {
        let due: Vec<String> = (self.packages.iter())
            .filter(|(_, sealed)| sealed.is_waiting() && sealed.taken_at + self.processing <= now)
            .map(|(package, _)| package.clone())
            .collect();
        for package in due {
            self.dispatch(&package, &package);
            if self.has(ExportingDefect::DeliversTwice) {
                self.dispatch(&package, &format!("{package}-copy"));
            }
        }
    }

    /// Lines up all that has to be sent for a package.
    fn dispatch(&mut self, package: &str, under: &str) {
        let (Some(sealed), Some(incoming)) =
            (self.packages.get_mut(package), self.inbox.package(package))
        else {
            return;
        };
        sealed.is_leaving = true;
        self.errands.push_back(Errand::Open(under.to_owned()));
        let mut parts = Vec::new();
        if sealed.contents.record {
            parts.push((record_path(under), RECORD));
        }
        for packed in &sealed.contents.documents {
            let path = document_path(under, &packed.document);
            parts.push((path, packed.document.as_str()));
        }
        for (path, name) in parts {
            let pieces = incoming.pieces(name).iter();
            self.errands
                .extend(pieces.map(|(range, content)| Errand::Part {
                    path: path.clone(),
                    range: *range,
                    content: content.clone(),
                }));
        }
        self.errands.push_back(Errand::Seal(under.to_owned()));
    }

    fn go_on(&mut self, now: Time) {
        self.dispatch_due(now);
        if self.open.is_some() || self.resting_until.is_some() {
            return;
        }
        if let Some((to, request)) = self.errands.front().and_then(|errand| self.request(errand)) {
            self.open = Some(self.outbox.post(to, request));
        }
    }

    fn request(&self, errand: &Errand) -> Option<(Endpoint, HttpRequest)> {
        let importing = Endpoint::Importing;
        Some(match errand {
            Errand::Open(under) => {
                let opening = &self.sealed(under)?.opening;
                let request = json_request(Method::Put, package_path(under), opening);
                (importing, request)
            }
            Errand::Part {
                path,
                range,
                content,
            } => {
                let content = content.read().ok()?;
                (importing, part(path.clone(), *range, content))
            }
            Errand::Seal(under) => {
                let contents = &self.sealed(under)?.contents;
                let request = json_request(Method::Post, seal_path(under), contents);
                (importing, request)
            }
            Errand::Order(order) => {
                let path = RESTORE_ORDERS.to_owned();
                (Endpoint::Desk, json_request(Method::Post, path, order))
            }
        })
    }

    fn sealed(&self, under: &str) -> Option<&Sealed> {
        self.packages
            .get(under.strip_suffix("-copy").unwrap_or(under))
    }

    fn settle(&mut self, now: Time, post: PostId, response: Option<&HttpResponse>) {
        if self.open != Some(post) {
            return;
        }
        self.open = None;
        if !response.is_some_and(is_done) {
            self.resting_until = Some(now + PAUSE);
            return;
        }
        if let Some(Errand::Seal(package)) = self.errands.pop_front() {
            if let Some(sealed) = self.packages.get_mut(&package) {
                sealed.fate = Fate::Delivered;
            }
            self.inbox.drop(&package);
        }
    }

    fn has(&self, defect: ExportingDefect) -> bool {
        self.defects.contains(&defect)
    }
}

impl Sealed {
    fn is_waiting(&self) -> bool {
        self.fate == Fate::Accepted && !self.is_leaving
    }
}

impl Peer for ClearingHouse {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => self.take(now, id, &request),
            Input::Response { post, response } => self.settle(now, post, Some(&response)),
            Input::Failed { post, .. } => self.settle(now, post, None),
            Input::Act(act) => self.outbox.notice(Notice::NotSupported(act)),
            // What was open may have been done, and doing it again is no fault.
            Input::Condition(Condition::Restarted) => self.open = None,
            Input::Condition(Condition::DiskFull | Condition::DiskFree) => {}
        }
        self.go_on(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.resting_until.take_if(|until| *until <= now);
        self.go_on(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let rest = self.resting_until.map(|at| Deadline {
            at,
            why: "another try of a delivery",
        });
        let departure = self.next_departure().map(|at| Deadline {
            at,
            why: "delivery of a package",
        });
        rest.into_iter()
            .chain(departure)
            .min_by_key(|deadline| deadline.at)
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}
