//! The support desk of the document system: investigates tickets, one step after the other.
//!
//! Was the export made? Which documents are left that were not in it? Those are exported, and only
//! those. What is left is archived and deleted; where the archive step fails although a copy
//! exists, the desk asks for permission and deletes by hand. It looks at the record once more
//! before it closes a ticket, because letters come while it works.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use gp2gp_model::export::{ExportTerms, Ruling, may_permit};
use gp2gp_model::http::Method;
use gp2gp_model::store::{ActingRole, DocumentOperation};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{DocumentId, NhsNumber, Time};
use gp2gp_wire::export::{
    Action, DeskOutcome, Fate, Known, Opening, PERMISSIONS, PermissionRequest, Place, Raised,
    RestoreOrder, RulingOn, Ticket, Word, case_path, packages_of_path,
};

use super::listing::{self, Listed, Standing};
use super::outbox::{
    Outbox, bare_answer, bare_request, is_done, json_answer, json_request, refusal, said,
};
use super::packing::{Packing, Progress, give_up};
use super::trail::{self, Trail};
use crate::defect::ExportingDefect;
use crate::peer::{
    Condition, Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer, PostId,
};
use crate::store::Requester;

/// How long a ticket waits before somebody looks at it.
const ATTENTION: Duration = Duration::from_hours(1);

/// Tries of an archive step and the pause between two.
const ARCHIVE_TRIES: u32 = 3;
const ARCHIVE_PAUSE: Duration = Duration::from_mins(10);

/// Tries of a delete and the pause between two.
const DELETE_TRIES: u32 = 5;
const DELETE_PAUSE: Duration = Duration::from_hours(1);

/// Packages that are tried for one ticket, and the pause after one that failed.
const EXPORT_TRIES: u32 = 48;
const EXPORT_PAUSE: Duration = Duration::from_hours(1);

/// The pause before anything else that failed is tried again.
const PAUSE: Duration = Duration::from_mins(10);

/// A support desk.
#[derive(Debug)]
pub struct Desk {
    terms: ExportTerms,
    requester: Requester,
    defects: Vec<ExportingDefect>,
    tickets: Vec<Case>,
    trail: Trail,
    outbox: Outbox,
}

/// A ticket, or an order to restore, and how far the desk is with it.
#[derive(Debug)]
struct Case {
    number: String,
    patient: NhsNumber,
    /// When the export was made that is looked into; `None` of an order to restore.
    exported_at: Option<Time>,
    doing: Doing,
    resting_until: Option<Time>,
    open: Option<PostId>,
    /// Logical id of the patient in the store.
    logical: Option<String>,
    exported: BTreeSet<DocumentId>,
    /// Documents that stay, because nobody may delete them or nobody can.
    kept: BTreeSet<DocumentId>,
    /// Documents whose archive step fails although they have a copy.
    asking: Vec<DocumentId>,
    packages: u32,
    /// Of an order to restore: documents that are in the record again,
    restored: Vec<DocumentId>,
    /// and those of which the store has no copy.
    lost: Vec<DocumentId>,
    /// The ticket came when the investigation data were gone.
    is_expired: bool,
}

#[derive(Debug)]
enum Doing {
    /// Asks the clearing house which packages it has.
    Packages,
    /// Looks at the record.
    Look,
    Pack(Box<Packing>),
    GiveUp(String),
    /// Archives and deletes, document after document.
    Clean(Clean),
    /// Asks for permission.
    Ask,
    AwaitRuling,
    /// Restores what was deleted.
    Restore(Restoring),
    Tell(Word),
    Done,
}

/// Where the desk is with the documents that are left.
#[derive(Debug)]
struct Clean {
    left: VecDeque<DocumentId>,
    step: CleanStep,
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CleanStep {
    Archive,
    /// Whether there is a copy although the archive step fails.
    State,
    Delete,
    /// With permission.
    DeleteByHand,
}

/// Where the desk is with the documents that have to come back.
#[derive(Debug)]
struct Restoring {
    left: VecDeque<DocumentId>,
    step: RestoreStep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RestoreStep {
    Restore,
    /// Why the store refuses: what was never deleted need not come back, what was destroyed cannot.
    State,
}

impl Restoring {
    const fn new(left: VecDeque<DocumentId>) -> Self {
        Self {
            left,
            step: RestoreStep::Restore,
        }
    }
}

impl Clean {
    fn new(left: VecDeque<DocumentId>, step: CleanStep) -> Self {
        Self {
            left,
            step,
            tries: tries(step),
        }
    }
}

const fn tries(step: CleanStep) -> u32 {
    match step {
        CleanStep::Archive => ARCHIVE_TRIES,
        CleanStep::State => 1,
        CleanStep::Delete | CleanStep::DeleteByHand => DELETE_TRIES,
    }
}

impl Desk {
    /// A desk without a ticket. It sees the store of the practice as the practice does.
    pub fn new(terms: ExportTerms, requester: Requester, defects: Vec<ExportingDefect>) -> Self {
        Self {
            terms,
            requester,
            defects,
            tickets: Vec::new(),
            trail: Trail::default(),
            outbox: Outbox::default(),
        }
    }

    fn take(&mut self, now: Time, request: &HttpRequest) -> HttpResponse {
        match (request.method, Place::of(&request.path)) {
            (Method::Post, Some(Place::Tickets)) => self.raise(now, request),
            (Method::Post, Some(Place::Rulings)) => self.rule(now, request),
            (Method::Get, Some(Place::Audit)) => self.trail.told(),
            (Method::Post, Some(Place::RestoreOrders)) => self.order(now, request),
            (_, _) => refusal(404, "nothing is here"),
        }
    }

    fn raise(&mut self, now: Time, request: &HttpRequest) -> HttpResponse {
        let Ok(ticket) = serde_json::from_slice::<Ticket>(&request.body) else {
            return refusal(400, "this is no ticket");
        };
        let (Some(patient), Some(exported_at)) = (ticket.patient, ticket.exported_at) else {
            return refusal(
                422,
                "the ticket needs the patient reference and the date and time of the export",
            );
        };
        let same = |case: &&Case| case.patient == patient && case.exported_at == Some(exported_at);
        if let Some(case) = self.tickets.iter().find(same) {
            let ticket = case.number.clone();
            return json_answer(201, &Raised { ticket });
        }
        let number = format!("T-{}", self.tickets.len() + 1);
        let mut case = Case::new(number.clone(), patient, Doing::Packages);
        case.exported_at = Some(exported_at);
        if now.since(exported_at) > self.terms.retention {
            // Nothing can be proven of what was left then; what came since can still be exported.
            case.is_expired = true;
            case.kept = ticket.left.into_iter().collect();
            case.doing = Doing::Look;
        }
        case.resting_until = Some(now + ATTENTION);
        self.tickets.push(case);
        json_answer(201, &Raised { ticket: number })
    }

    fn rule(&mut self, now: Time, request: &HttpRequest) -> HttpResponse {
        let on: Option<RulingOn> = serde_json::from_slice(&request.body).ok();
        let response = match &on {
            _ if !trail::role(request).is_some_and(may_permit) => {
                refusal(403, "only the practice and the health board permit")
            }
            None => refusal(400, "this is no decision"),
            Some(on) => self.take_ruling(on),
        };
        let about = on.map_or_else(String::new, |on| on.ticket);
        (self.trail).record(now, Action::Permit, &about, request, &response);
        response
    }

    fn take_ruling(&mut self, on: &RulingOn) -> HttpResponse {
        let mut cases = self.tickets.iter_mut();
        let Some(case) = cases.find(|case| case.number == on.ticket) else {
            return refusal(404, "there is no such ticket");
        };
        if matches!(case.doing, Doing::AwaitRuling) {
            case.ruled(on);
        }
        bare_answer(200)
    }

    /// A duplicate was stopped: whatever the desk did for this patient, the record comes back first.
    fn order(&mut self, now: Time, request: &HttpRequest) -> HttpResponse {
        let Ok(order) = serde_json::from_slice::<RestoreOrder>(&request.body) else {
            return refusal(400, "this is no order");
        };
        for case in &mut self.tickets {
            if case.patient == order.patient {
                case.doing = Doing::Done;
                case.open = None;
            }
        }
        let number = format!("R-{}", self.tickets.len() + 1);
        let doing = Doing::Restore(Restoring::new(order.documents.into()));
        let mut case = Case::new(number, order.patient, doing);
        case.resting_until = Some(now + ATTENTION);
        self.tickets.push(case);
        bare_answer(202)
    }

    fn settle(&mut self, now: Time, post: PostId, response: Option<&HttpResponse>) {
        let mut cases = self.tickets.iter_mut();
        if let Some(case) = cases.find(|case| case.open == Some(post)) {
            case.open = None;
            case.settle(now, response, &self.defects);
        }
    }

    fn go_on(&mut self, now: Time) {
        for case in &mut self.tickets {
            if case.open.is_some() || case.resting_until.is_some_and(|until| until > now) {
                continue;
            }
            case.resting_until = None;
            if let Some((to, request)) = case.request(now, &self.requester) {
                case.open = Some(self.outbox.post(to, request));
            }
        }
    }
}

impl Case {
    const fn new(number: String, patient: NhsNumber, doing: Doing) -> Self {
        Self {
            number,
            patient,
            exported_at: None,
            doing,
            resting_until: None,
            open: None,
            logical: None,
            exported: BTreeSet::new(),
            kept: BTreeSet::new(),
            asking: Vec::new(),
            packages: 0,
            restored: Vec::new(),
            lost: Vec::new(),
            is_expired: false,
        }
    }

    fn tell(&mut self, outcome: DeskOutcome, why: &str) {
        self.doing = Doing::Tell(Word {
            outcome,
            why: why.to_owned(),
            documents: self.restored.clone(),
        });
    }

    fn request(&self, now: Time, store: &Requester) -> Option<(Endpoint, HttpRequest)> {
        let trace = &self.number;
        let role = ActingRole::SupportDesk;
        Some(match &self.doing {
            Doing::Packages => {
                let request = bare_request(Method::Get, packages_of_path(self.patient));
                (Endpoint::ClearingHouse, request)
            }
            Doing::Look => {
                let request = match &self.logical {
                    None => store.find(now, trace, self.patient),
                    Some(id) => store.list(now, trace, id),
                };
                (Endpoint::Store, request)
            }
            Doing::Pack(packing) => packing.request(now, store),
            Doing::GiveUp(package) => give_up(package),
            Doing::Clean(clean) => {
                let document = clean.left.front()?.as_str();
                let request = match clean.step {
                    CleanStep::Archive => {
                        store.act(now, trace, role, document, DocumentOperation::Archive)
                    }
                    CleanStep::State => store.state(now, trace, role, document),
                    CleanStep::Delete | CleanStep::DeleteByHand => {
                        store.act(now, trace, role, document, DocumentOperation::Delete)
                    }
                };
                (Endpoint::Store, request)
            }
            Doing::Ask => {
                let asked = PermissionRequest {
                    ticket: self.number.clone(),
                    patient: self.patient,
                    documents: self.asking.clone(),
                    exported: (self.asking.iter()).all(|asked| self.exported.contains(asked)),
                    restorable: true,
                };
                let request = json_request(Method::Post, PERMISSIONS.to_owned(), &asked);
                (Endpoint::Board, request)
            }
            Doing::Restore(restoring) => {
                let document = restoring.left.front()?.as_str();
                let request = match restoring.step {
                    RestoreStep::Restore => {
                        store.act(now, trace, role, document, DocumentOperation::Restore)
                    }
                    RestoreStep::State => store.state(now, trace, role, document),
                };
                (Endpoint::Store, request)
            }
            Doing::Tell(word) => {
                let request = json_request(Method::Post, case_path(self.patient), word);
                (Endpoint::Office, request)
            }
            Doing::AwaitRuling | Doing::Done => return None,
        })
    }

    fn settle(&mut self, now: Time, response: Option<&HttpResponse>, defects: &[ExportingDefect]) {
        match std::mem::replace(&mut self.doing, Doing::Done) {
            Doing::Packages => match said::<Vec<Known>>(response) {
                Some(known) => self.compare(&known),
                None => self.again(now, Doing::Packages),
            },
            Doing::Look => self.looked(now, response, defects),
            Doing::Pack(mut packing) => match packing.settle(response) {
                Progress::GoingOn => self.doing = Doing::Pack(packing),
                Progress::After(pause) => {
                    self.resting_until = Some(now + pause);
                    self.doing = Doing::Pack(packing);
                }
                Progress::Sealed(Fate::Accepted | Fate::Delivered) => {
                    self.exported.extend(packing.ids());
                    self.doing = Doing::Look;
                }
                // What the clearing house does not take is not deleted either.
                Progress::Sealed(Fate::Held | Fate::Recalled) => {
                    self.kept.extend(packing.ids());
                    self.doing = Doing::Look;
                }
                Progress::Failed => self.doing = Doing::GiveUp(packing.package().to_owned()),
            },
            // The ticket stays open for as long as something cannot be exported.
            Doing::GiveUp(_) if self.packages < EXPORT_TRIES => {
                self.resting_until = Some(now + EXPORT_PAUSE);
                self.doing = Doing::Look;
            }
            Doing::GiveUp(_) => {}
            Doing::Clean(clean) => self.cleaned(now, clean, response, defects),
            Doing::Ask if response.is_some_and(is_done) => self.doing = Doing::AwaitRuling,
            Doing::Ask => self.again(now, Doing::Ask),
            Doing::Restore(restoring) => self.restore(now, restoring, response),
            Doing::Tell(_) if response.is_some_and(is_done) => {}
            Doing::Tell(word) => match word.outcome {
                // The ticket is still open, and letters may have come meanwhile.
                DeskOutcome::Closed | DeskOutcome::Kept => self.again(now, Doing::Look),
                DeskOutcome::NeverMade | DeskOutcome::Restored => {
                    self.again(now, Doing::Tell(word));
                }
            },
            doing @ (Doing::AwaitRuling | Doing::Done) => self.doing = doing,
        }
    }

    fn again(&mut self, now: Time, doing: Doing) {
        self.resting_until = Some(now + PAUSE);
        self.doing = doing;
    }

    /// Was the full export made?
    fn compare(&mut self, known: &[Known]) {
        let is_good = |known: &&Known| matches!(known.fate, Fate::Accepted | Fate::Delivered);
        let was_made =
            (known.iter().filter(is_good)).any(|known| Some(known.exported_at) == self.exported_at);
        if !was_made {
            let why = "the clearing house has no package of this export: export documents only";
            return self.tell(DeskOutcome::NeverMade, why);
        }
        let documents = known.iter().filter(is_good);
        let documents = documents.flat_map(|known| &known.contents.documents);
        self.exported = documents.map(|packed| packed.document.clone()).collect();
        self.doing = Doing::Look;
    }

    fn looked(&mut self, now: Time, response: Option<&HttpResponse>, defects: &[ExportingDefect]) {
        if self.logical.is_none() {
            self.logical = response.and_then(listing::patient);
            if self.logical.is_none() {
                self.resting_until = Some(now + PAUSE);
            }
            self.doing = Doing::Look;
            return;
        }
        let Some(listed) = response.and_then(listing::documents) else {
            return self.again(now, Doing::Look);
        };
        self.work_on(now, listed, defects);
    }

    /// What is to be done with what the record shows.
    fn work_on(&mut self, now: Time, listed: Vec<Listed>, defects: &[ExportingDefect]) {
        let id = |listed: &Listed| listed.packed.document.clone();
        let left: VecDeque<DocumentId> = (listed.iter().map(id))
            .filter(|document| !self.kept.contains(document))
            .collect();
        let mut missing = listed;
        let packs_all =
            self.packages == 0 && defects.contains(&ExportingDefect::ExportsAllLeftovers);
        missing.retain(|listed| {
            let document = &listed.packed.document;
            (packs_all || !self.exported.contains(document)) && !self.kept.contains(document)
        });
        if !missing.is_empty() {
            self.packages += 1;
            let package = format!("{}-{}-{}", self.number, self.patient, self.packages);
            let opening = Opening {
                patient: self.patient,
                exported_at: now,
                gp2gp_information: false,
                ticket: Some(self.number.clone()),
            };
            self.doing = Doing::Pack(Box::new(Packing::new(package, opening, missing)));
        } else if !left.is_empty() {
            self.doing = Doing::Clean(Clean::new(left, CleanStep::Archive));
        } else if self.kept.is_empty() {
            self.tell(DeskOutcome::Closed, "nothing is left in the record");
        } else {
            let why = if self.is_expired {
                "the investigation data have expired: what was left then stays in the record"
            } else {
                "documents stay in the record: they may not or cannot be deleted"
            };
            self.tell(DeskOutcome::Kept, why);
        }
    }

    fn cleaned(
        &mut self,
        now: Time,
        mut clean: Clean,
        response: Option<&HttpResponse>,
        defects: &[ExportingDefect],
    ) {
        let is_done = response.is_some_and(is_done);
        let step = match (clean.step, is_done) {
            (CleanStep::Archive, true) => Some(CleanStep::Delete),
            (CleanStep::Delete | CleanStep::DeleteByHand, true) => None,
            (step, false) if clean.tries > 1 => {
                clean.tries -= 1;
                self.resting_until = Some(now + pause(step));
                self.doing = Doing::Clean(clean);
                return;
            }
            (CleanStep::Archive, false) => Some(
                if defects.contains(&ExportingDefect::DeletesWithoutPermission) {
                    CleanStep::DeleteByHand
                } else {
                    CleanStep::State
                },
            ),
            (CleanStep::State, true) if response.is_some_and(is_restorable) => {
                self.asking.extend(clean.left.front().cloned());
                None
            }
            (CleanStep::State, _) | (CleanStep::Delete | CleanStep::DeleteByHand, false) => {
                self.kept.extend(clean.left.front().cloned());
                None
            }
        };
        if let Some(step) = step {
            clean.step = step;
            clean.tries = tries(step);
            self.doing = Doing::Clean(clean);
            return;
        }
        clean.left.pop_front();
        self.next_document(clean.left, clean.step, defects);
    }

    fn next_document(
        &mut self,
        left: VecDeque<DocumentId>,
        step: CleanStep,
        defects: &[ExportingDefect],
    ) {
        if !left.is_empty() {
            let step = match step {
                CleanStep::DeleteByHand
                    if !defects.contains(&ExportingDefect::DeletesWithoutPermission) =>
                {
                    CleanStep::DeleteByHand
                }
                CleanStep::Archive
                | CleanStep::State
                | CleanStep::Delete
                | CleanStep::DeleteByHand => CleanStep::Archive,
            };
            self.doing = Doing::Clean(Clean::new(left, step));
        } else if !self.asking.is_empty() {
            self.doing = Doing::Ask;
        } else if defects.contains(&ExportingDefect::ForgetsArrivals) {
            self.tell(DeskOutcome::Closed, "everything on the ticket is done");
        } else {
            self.doing = Doing::Look;
        }
    }

    fn restore(&mut self, now: Time, mut restoring: Restoring, response: Option<&HttpResponse>) {
        let is_refused = |it: &HttpResponse| matches!(it.status, 409 | 423);
        let (is_done, standing) = match restoring.step {
            RestoreStep::Restore => (response.is_some_and(is_done), None),
            RestoreStep::State => (false, response.and_then(listing::standing)),
        };
        let Some(document) = restoring.left.front().cloned() else {
            return self.tell_restored();
        };
        match standing {
            Some(Standing {
                in_record: true, ..
            }) => self.restored.push(document),
            Some(Standing {
                restorable: false, ..
            }) => self.lost.push(document),
            // The copy is there, and the store did not take the restore: it may yet.
            Some(Standing { .. }) => {
                restoring.step = RestoreStep::Restore;
                return self.again(now, Doing::Restore(restoring));
            }
            None if is_done => self.restored.push(document),
            None if response.is_some_and(is_refused) => {
                restoring.step = RestoreStep::State;
                self.doing = Doing::Restore(restoring);
                return;
            }
            None => return self.again(now, Doing::Restore(restoring)),
        }
        restoring.left.pop_front();
        if restoring.left.is_empty() {
            self.tell_restored();
        } else {
            self.doing = Doing::Restore(Restoring::new(restoring.left));
        }
    }

    fn tell_restored(&mut self) {
        let why = match self.lost.as_slice() {
            [] => "a duplicate was stopped: the record is restored, export it again".to_owned(),
            lost => {
                let lost: Vec<&str> = lost.iter().map(DocumentId::as_str).collect();
                format!(
                    "a duplicate was stopped: the record is restored but for {}, deleted without a copy; \
                     export the rest again",
                    lost.join(", ")
                )
            }
        };
        self.tell(DeskOutcome::Restored, &why);
    }

    fn ruled(&mut self, on: &RulingOn) {
        let asking = std::mem::take(&mut self.asking);
        match on.ruling {
            Ruling::Granted => {
                let (covered, rest): (Vec<_>, Vec<_>) =
                    (asking.into_iter()).partition(|asked| on.documents.contains(asked));
                self.kept.extend(rest);
                let left = covered.into();
                self.doing = Doing::Clean(Clean::new(left, CleanStep::DeleteByHand));
            }
            Ruling::Refused => {
                self.kept.extend(asking);
                self.doing = Doing::Look;
            }
        }
    }
}

fn is_restorable(response: &HttpResponse) -> bool {
    listing::standing(response).is_some_and(|standing| standing.restorable)
}

const fn pause(step: CleanStep) -> Duration {
    match step {
        CleanStep::Archive => ARCHIVE_PAUSE,
        CleanStep::State => PAUSE,
        CleanStep::Delete | CleanStep::DeleteByHand => DELETE_PAUSE,
    }
}

impl Peer for Desk {
    fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Request { id, request } => {
                let response = self.take(now, &request);
                self.outbox.answer(id, response);
            }
            Input::Response { post, response } => self.settle(now, post, Some(&response)),
            Input::Failed { post, .. } => self.settle(now, post, None),
            Input::Act(act) => self.outbox.notice(Notice::NotSupported(act)),
            Input::Condition(Condition::Restarted) => {
                for case in &mut self.tickets {
                    case.open = None;
                }
            }
            Input::Condition(Condition::DiskFull | Condition::DiskFree) => {}
        }
        self.go_on(now);
    }

    fn handle_timeout(&mut self, now: Time) {
        self.go_on(now);
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let resting = self.tickets.iter().filter(|case| case.open.is_none());
        let at = resting.filter_map(|case| case.resting_until).min()?;
        Some(Deadline {
            at,
            why: "next step of an investigation",
        })
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
