//! The custody ledger: where every document of a sending practice was, from the store through the
//! transfer to the record of the new practice and, where it is cleaned up, out of the store again.
//!
//! It is made from the trace alone: what the store was asked and answered, what crossed the wire, and
//! what the requesting system says that it filed. A document is the same wherever its digest is.

mod instead;

use std::collections::BTreeMap;

use gp2gp_model::http::Method;
use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::report::{CustodyReport, CustodyStep, FiledInstead};
use gp2gp_model::store::DocumentState;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{DocumentId, NhsNumber, Sha256, Time};
use gp2gp_wire::export::Fate;

use super::documents::{Document, Route};
use super::exp::Export;
use super::exp::history::{Happened, Package};
use super::store_calls::StoreCall;
use super::transfer::{Transfer, transfers};
use super::view::{Ending, Held, Post, View};

/// The life of one document of the store.
pub struct Life<'v> {
    /// The document, as the store held it when the run began.
    pub held: &'v Held,
    /// Its number in the store, where a store told it.
    pub id: Option<&'v DocumentId>,
    /// What happened to it, in order.
    pub steps: Vec<Step<'v>>,
}

/// Something that happened to a document.
pub struct Step<'v> {
    /// When.
    pub at: Time,
    /// Event of the trace, for evidence.
    pub event: u64,
    /// What.
    pub what: StepKind<'v>,
}

/// What happened.
pub enum StepKind<'v> {
    /// The sending system read it from the store.
    Read(&'v StoreCall),
    /// A core that carries or promises it left.
    Sent {
        /// The core.
        core: &'v Post,
        /// The document as it travelled.
        document: &'v Document,
    },
    /// The final positive acknowledgement of the record that carried it reached the sending system.
    Acknowledged(&'v Post),
    /// The record that carried it was turned away.
    TurnedAway(&'v Post),
    /// The store made a copy, or refused to.
    Archive(&'v StoreCall),
    /// The store deleted it, or refused to.
    Delete(&'v StoreCall),
    /// The store brought it back, or refused to.
    Restore(&'v StoreCall),
    /// It is in a package that the clearing house has, or has stopped.
    Packed(Fate),
    /// The clearing house has delivered such a package.
    Delivered,
    /// The new practice says that it has it.
    Filed,
}

/// Who has a document at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holders {
    /// It is in the record of the old practice.
    pub record: bool,
    /// The old practice has a copy from which it can be restored.
    pub copy: bool,
    /// The new practice has said that it has it, or it was delivered there.
    pub new_practice: bool,
}

impl Life<'_> {
    /// Events that tell its story: all but how it was read, and what a system says of it at the end.
    pub(super) fn events(&self) -> impl Iterator<Item = u64> {
        let is_told = |step: &&Step<'_>| match step.what {
            StepKind::Read(_) | StepKind::Filed => false,
            StepKind::Sent { .. }
            | StepKind::Acknowledged(_)
            | StepKind::TurnedAway(_)
            | StepKind::Archive(_)
            | StepKind::Delete(_)
            | StepKind::Restore(_)
            | StepKind::Packed(_)
            | StepKind::Delivered => true,
        };
        self.steps.iter().filter(is_told).map(|step| step.event)
    }
}

impl Holders {
    /// Before anything happened.
    const FIRST: Self = Self {
        record: true,
        copy: false,
        new_practice: false,
    };

    /// Who has it after something happened. A refusal changes nothing.
    fn after(self, what: &StepKind<'_>) -> Self {
        match what {
            StepKind::Archive(call) if call.was_done() => Self { copy: true, ..self },
            StepKind::Delete(call) if call.was_done() => Self {
                record: false,
                ..self
            },
            StepKind::Restore(call) if call.was_done() => Self {
                record: true,
                ..self
            },
            StepKind::Acknowledged(_) | StepKind::Delivered | StepKind::Filed => Self {
                new_practice: true,
                ..self
            },
            StepKind::Archive(_)
            | StepKind::Delete(_)
            | StepKind::Restore(_)
            | StepKind::Read(_)
            | StepKind::Sent { .. }
            | StepKind::TurnedAway(_)
            | StepKind::Packed(_) => self,
        }
    }

    /// It is lost.
    pub const fn is_nobody(self) -> bool {
        !self.record && !self.copy && !self.new_practice
    }
}

impl std::fmt::Display for Holders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let old = match (self.record, self.copy) {
            (true, _) => Some("the old practice"),
            (false, true) => Some("the archive of the old practice"),
            (false, false) => None,
        };
        match (old, self.new_practice) {
            (Some(old), true) => write!(f, "{old} and the new one"),
            (Some(old), false) => f.write_str(old),
            (None, true) => f.write_str("the new practice alone"),
            (None, false) => f.write_str("NOBODY"),
        }
    }
}

/// The life of every document that the store held.
pub fn lives(view: &View) -> Vec<Life<'_>> {
    let ids = ids(view);
    let mut calls: BTreeMap<&str, Vec<&StoreCall>> = BTreeMap::new();
    for call in &view.store_calls {
        if let Some(document) = call.document() {
            calls.entry(document).or_default().push(call);
        }
    }
    let transfers = transfers(view);
    view.held
        .iter()
        .map(|held| {
            let id = ids.get(&(held.patient, held.file_name.as_str())).copied();
            let mut steps = Vec::new();
            let calls = id.and_then(|id| calls.get(id.as_str()));
            steps.extend(in_store(calls.map_or(&[][..], Vec::as_slice)));
            for transfer in transfers.iter().filter(|transfer| {
                transfer
                    .request()
                    .is_some_and(|request| request.patient == held.patient)
            }) {
                steps.extend(in_transfer(view, transfer, held));
            }
            steps.extend(
                view.export
                    .iter()
                    .flat_map(|export| in_export(export, held)),
            );
            steps.extend(filed(view, held));
            steps.sort_by_key(|step| step.event);
            Life { held, id, steps }
        })
        .collect()
}

/// Numbers in the store, by patient and file name.
fn ids(view: &View) -> BTreeMap<(NhsNumber, &str), &DocumentId> {
    view.observed
        .iter()
        .filter_map(|(_, observation)| match observation {
            Observation::InStore {
                patient,
                document,
                file_name,
                ..
            } => Some(((*patient, file_name.as_str()), document)),
            Observation::Stored { .. } | Observation::Transfer { .. } => None,
        })
        .collect()
}

/// What the store was asked to do with it. Of its reads the first is enough.
fn in_store<'v>(calls: &[&'v StoreCall]) -> Vec<Step<'v>> {
    let mut was_read = false;
    (calls.iter())
        .filter_map(|call| {
            let what = match (call.method, call.operation()) {
                (Method::Get, None) if call.was_done() && !was_read => {
                    was_read = true;
                    StepKind::Read(call)
                }
                (Method::Delete, None) => StepKind::Delete(call),
                (Method::Post, Some("$archive")) => StepKind::Archive(call),
                (Method::Post, Some("$restore")) => StepKind::Restore(call),
                (_, _) => return None,
            };
            Some(Step {
                at: call.at,
                event: call.seq,
                what,
            })
        })
        .collect()
}

/// The packages that carried it.
fn in_export<'v>(export: &Export, held: &Held) -> Vec<Step<'v>> {
    let carries = |package: &Package| {
        let mut documents = package.documents.iter();
        package.patient == held.patient && documents.any(|carried| carried.sha256 == held.sha256)
    };
    let steps = export.happenings.iter().filter_map(|happening| {
        let what = if let Happened::Sealed { package, fate, .. } = &happening.what
            && carries(package)
        {
            StepKind::Packed(*fate)
        } else if let Happened::Delivered(package) = &happening.what
            && carries(package)
        {
            StepKind::Delivered
        } else {
            return None;
        };
        Some(Step {
            at: happening.at,
            event: happening.seq,
            what,
        })
    });
    steps.collect()
}

/// How it travelled, and what became of the record that carried it.
fn in_transfer<'v>(view: &'v View, transfer: &Transfer<'v>, held: &Held) -> Vec<Step<'v>> {
    let mut steps = Vec::new();
    for sent in transfer.documents(view) {
        if sent
            .document
            .content
            .as_ref()
            .ok()
            .map(|(sha256, _)| *sha256)
            != Some(held.sha256)
        {
            continue;
        }
        let (core, document) = (sent.core, sent.document);
        steps.push(step(core, StepKind::Sent { core, document }));
    }
    if steps.is_empty() {
        return steps;
    }
    for (post, ack) in transfer.outcomes() {
        let what = if ack.is_negative() {
            StepKind::TurnedAway(post)
        } else {
            StepKind::Acknowledged(post)
        };
        steps.push(step(post, what));
    }
    steps
}

const fn step<'v>(post: &Post, what: StepKind<'v>) -> Step<'v> {
    Step {
        at: post.at,
        event: post.seq,
        what,
    }
}

/// Systems say at the end what they hold.
fn filed<'v>(view: &View, held: &Held) -> Option<Step<'v>> {
    let is_it = |observation: &Observation| match observation {
        Observation::Stored {
            patient, sha256, ..
        } => *patient == held.patient && *sha256 == held.sha256,
        Observation::InStore { .. } | Observation::Transfer { .. } => false,
    };
    view.observed
        .iter()
        .any(|(by, observation)| is_new_practice(*by) && is_it(observation))
        .then_some(Step {
            at: view.ended_at,
            event: u64::MAX,
            what: StepKind::Filed,
        })
}

fn is_new_practice(by: Endpoint) -> bool {
    matches!(by, Endpoint::Requesting | Endpoint::Importing)
}

impl<'v> Life<'v> {
    /// Where it stands in the store at the end, where the store says so.
    pub fn state(&self, view: &View) -> Option<DocumentState> {
        view.observed
            .iter()
            .find_map(|(_, observation)| match observation {
                Observation::InStore {
                    document, state, ..
                } => (Some(document) == self.id).then_some(*state),
                Observation::Stored { .. } | Observation::Transfer { .. } => None,
            })
    }

    /// When the final positive acknowledgement of a record that carried it came.
    pub fn acknowledged_at(&self) -> Option<u64> {
        self.steps
            .iter()
            .find(|step| matches!(step.what, StepKind::Acknowledged(_)))
            .map(|step| step.event)
    }

    /// When a record of its patient was acknowledged for good, whether it had travelled by then or not: who is told that the
    /// whole record is filed may believe it.
    pub fn record_acknowledged_at(&self, view: &View) -> Option<u64> {
        let transfers = transfers(view).into_iter();
        let own = transfers.filter(|transfer| {
            (transfer.request()).is_some_and(|request| request.patient == self.held.patient)
        });
        let outcomes = own.flat_map(|transfer| transfer.outcomes().collect::<Vec<_>>());
        let proofs = outcomes.filter(|(_, ack)| !ack.is_negative());
        proofs.map(|(post, _)| post.seq).min()
    }

    /// What the sending system asked the store to delete before it was told that the new practice has the record.
    pub fn deletes_too_soon<'l>(&'l self, view: &View) -> impl Iterator<Item = &'v StoreCall> {
        let acknowledged = self
            .acknowledged_at()
            .or_else(|| self.record_acknowledged_at(view));
        deletes(std::slice::from_ref(self))
            .map(|(_, call)| call)
            .filter(move |call| acknowledged.is_none_or(|event| event >= call.seq))
    }

    /// The sending system had it deleted too soon, and in the end it is in the archive alone.
    fn was_removed_too_soon(&self, view: &View) -> bool {
        let is_in_archive_alone = self.state(view) == Some(DocumentState::Deleted);
        is_in_archive_alone
            && !self.was_filed()
            && self.deletes_too_soon(view).any(|call| call.was_done())
    }

    /// Whether it travelled.
    pub fn was_sent(&self) -> bool {
        (self.steps.iter()).any(|step| matches!(step.what, StepKind::Sent { .. }))
    }

    /// Every step with who has the document after it.
    pub fn moments(&self) -> impl Iterator<Item = (&Step<'v>, Holders)> {
        self.steps.iter().scan(Holders::FIRST, |holders, step| {
            *holders = holders.after(&step.what);
            Some((step, *holders))
        })
    }

    fn was_filed(&self) -> bool {
        (self.steps.iter()).any(|step| matches!(step.what, StepKind::Filed))
    }

    /// Nobody holds it: neither the store, nor a copy, nor the new practice.
    pub fn is_lost(&self, view: &View) -> bool {
        self.state(view) == Some(DocumentState::Destroyed) && !self.was_filed()
    }

    /// It travelled as it was, the new practice acknowledged the record, says what it has, and this is not among it.
    fn is_missing_where_acknowledged(&self, view: &View) -> bool {
        let says = view.observed.iter().any(|(by, _)| is_new_practice(*by));
        let travelled = (self.steps.iter()).any(|step| match step.what {
            StepKind::Sent { document, .. } => {
                (document.content.as_ref()).is_ok_and(|(sha256, _)| *sha256 == self.held.sha256)
            }
            StepKind::Read(_)
            | StepKind::Acknowledged(_)
            | StepKind::TurnedAway(_)
            | StepKind::Archive(_)
            | StepKind::Delete(_)
            | StepKind::Restore(_)
            | StepKind::Packed(_)
            | StepKind::Delivered
            | StepKind::Filed => false,
        });
        says && travelled && self.acknowledged_at().is_some() && !self.was_filed()
    }

    /// How often more than the old practice held it the new one has it.
    pub fn copies_too_many(&self, view: &View) -> usize {
        let is_it = |patient: NhsNumber, sha256: Sha256| {
            patient == self.held.patient && sha256 == self.held.sha256
        };
        let held = (view.held.iter())
            .filter(|held| is_it(held.patient, held.sha256))
            .count();
        let filed = view
            .observed
            .iter()
            .filter(|(by, observation)| match observation {
                Observation::Stored {
                    patient, sha256, ..
                } => is_new_practice(*by) && is_it(*patient, *sha256),
                Observation::InStore { .. } | Observation::Transfer { .. } => false,
            })
            .count();
        filed.saturating_sub(held)
    }

    /// For a report.
    pub fn report(&self, view: &View) -> CustodyReport {
        let filed_instead = self.filed_instead(view);
        let is_replaced = filed_instead.is_some_and(FiledInstead::is_placeholder);
        let missing = self.is_missing_where_acknowledged(view) && !is_replaced;
        let mut steps = self.told(missing || is_replaced);
        if is_replaced {
            let held_by = steps.last().map(|step| step.held_by.clone());
            steps.push(CustodyStep {
                at: view.ended_at,
                event: None,
                what: "a placeholder stands for it in the record of the new practice, as planned"
                    .to_owned(),
                held_by: held_by.unwrap_or_else(|| Holders::FIRST.to_string()),
            });
        }
        CustodyReport {
            patient: self.held.patient,
            file_name: self.held.file_name.clone(),
            bytes: self.held.bytes,
            sha256: self.held.sha256,
            steps,
            whereabouts: self.whereabouts(view, missing, is_replaced).to_owned(),
            missing_where_acknowledged: missing,
            removed_too_soon: self.was_removed_too_soon(view),
            filed_instead,
        }
    }

    fn told(&self, is_not_with_new_practice: bool) -> Vec<CustodyStep> {
        let moments = self.moments().map(|(step, holders)| CustodyStep {
            at: step.at,
            event: Some(step.event).filter(|event| *event != u64::MAX),
            what: step.what.to_string(),
            held_by: Holders {
                new_practice: holders.new_practice && !is_not_with_new_practice,
                ..holders
            }
            .to_string(),
        });
        moments.collect()
    }

    fn whereabouts(&self, view: &View, missing: bool, is_replaced: bool) -> &'static str {
        let state = self.state(view);
        match (state.map(DocumentState::is_in_record), self.was_filed()) {
            (Some(true), false) if missing => {
                "with the old practice; the new one acknowledged it and does NOT have it"
            }
            (Some(false), false) if missing && !self.is_lost(view) => {
                "in the archive of the old practice; the new one acknowledged it and does NOT have it"
            }
            (Some(true), true) => "with both practices",
            (Some(true), false) if is_replaced => {
                "with the old practice; a placeholder stands for it in the new record, as planned"
            }
            (Some(true), false) => "with the old practice",
            (Some(false), true) => "with the new practice",
            (Some(false), false) if self.is_lost(view) => CustodyReport::LOST,
            (Some(false), false) if self.was_removed_too_soon(view) => {
                "in the archive of the old practice alone; removed from its record before an acknowledgement allowed it"
            }
            (Some(false), false) if is_replaced => {
                "in the archive of the old practice; a placeholder stands for it in the new record, as planned"
            }
            (Some(false), false) => "in the archive of the old practice",
            (None, true) => "with the new practice, and the store does not say",
            (None, false) => "nobody says",
        }
    }
}

impl std::fmt::Display for StepKind<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(call) => match call.from.role() {
                Some(role) => write!(f, "read from the store by the {role} system"),
                None => f.write_str("read from the store"),
            },
            Self::Packed(fate) => f.write_str(match fate {
                Fate::Accepted | Fate::Delivered => "in a package that the clearing house accepts",
                Fate::Held => "in a duplicate that the clearing house holds",
                Fate::Recalled => "in a duplicate, for which the clearing house stops the record",
            }),
            Self::Delivered => f.write_str("delivered by the clearing house"),
            Self::Sent { document, .. } => write!(f, "sent: {}", travelled(document)),
            Self::Acknowledged(_) => {
                f.write_str("record acknowledged: AA reached the old practice")
            }
            Self::TurnedAway(post) => {
                write!(f, "record turned away with {}", refusal_code(post))
            }
            Self::Archive(call) => write!(f, "archive: {}", said(call)),
            Self::Delete(call) => write!(f, "delete: {}", said(call)),
            Self::Restore(call) => write!(f, "restore: {}", said(call)),
            Self::Filed => {
                f.write_str("seen in the record of the new practice at the end of the run")
            }
        }
    }
}

/// The code of a negative acknowledgement, in words where it has none.
pub(super) fn refusal_code(post: &Post) -> String {
    let ack = post.seen().and_then(|seen| seen.acknowledgement());
    ack.and_then(|ack| ack.code())
        .map_or_else(|| "no code".to_owned(), ToString::to_string)
}

fn travelled(document: &Document) -> String {
    match &document.route {
        Route::Inline => "inside the extract".to_owned(),
        Route::OwnCopc => "in a message of its own".to_owned(),
        Route::Index(chunks) => format!("in {}", count(*chunks, "piece")),
        Route::Absent => "promised, and it never came".to_owned(),
    }
}

fn said(call: &StoreCall) -> String {
    match &call.ending {
        Ending::Answered { status, .. } if call.was_done() => format!("done ({status})"),
        Ending::Answered { status, .. } => format!("refused with HTTP {status}"),
        Ending::NoAnswer { why, .. } => format!("no answer: {why}"),
        Ending::Open => "no answer in the trace".to_owned(),
    }
}

/// Calls of the sending system that delete a document, with its life.
pub fn deletes<'v, 'l>(
    lives: &'l [Life<'v>],
) -> impl Iterator<Item = (&'l Life<'v>, &'v StoreCall)> {
    lives.iter().flat_map(|life| {
        life.steps.iter().filter_map(move |step| match step.what {
            StepKind::Delete(call) if call.from == Endpoint::from(Role::Sending) => {
                Some((life, call))
            }
            StepKind::Delete(_)
            | StepKind::Read(_)
            | StepKind::Sent { .. }
            | StepKind::Acknowledged(_)
            | StepKind::TurnedAway(_)
            | StepKind::Archive(_)
            | StepKind::Restore(_)
            | StepKind::Packed(_)
            | StepKind::Delivered
            | StepKind::Filed => None,
        })
    })
}
