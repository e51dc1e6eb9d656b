//! Packages: which may be begun, what may be in them, and what becomes of them.

use gp2gp_model::export::{ExportEvent, ExportState, is_on_a_later_day};
use gp2gp_model::plural::count;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{NhsNumber, Sha256};
use gp2gp_wire::export::{Fate, Opening, RestoreOrder};

use super::{Document, Ledger, Sent, explained, last};
use crate::check::exp::history::{Carried, Package};
use crate::check::exp::rule::Rule;

/// From here on documents are large.
const LARGE_BYTES: u64 = 20_000_000;

impl Ledger {
    pub(super) fn opened(&mut self, by: Endpoint, package: &str, opening: &Opening) {
        if by != Endpoint::Office {
            return;
        }
        let now = self.now;
        let case = self.cases.entry(opening.patient).or_default();
        if std::mem::take(&mut case.is_provoked) {
            case.provoked.insert(package.to_owned());
            return;
        }
        let (state, exported_at) = (case.state.0, case.exported_at);
        let trail = self.trail(opening.patient);
        let breach = match state {
            ExportState::ToRepeat => self.expect(
                Rule::RepeatWithoutTheBox,
                !opening.gp2gp_information,
                || "a failed export is run again with documents only".to_owned(),
                || "the box \"include GP2GP information\" is ticked".to_owned(),
            ),
            ExportState::Completed | ExportState::Closed => self.expect(
                Rule::FollowingDay,
                exported_at.is_some_and(|exported_at| is_on_a_later_day(now, exported_at)),
                || "what came since a good export goes on the following day".to_owned(),
                || match exported_at {
                    Some(at) => format!("exported at {at}, and again at {now}"),
                    None => "exported without an export before".to_owned(),
                },
            ),
            ExportState::Idle => None,
            ExportState::Exporting
            | ExportState::Exported
            | ExportState::Blocked
            | ExportState::UnderInvestigation
            | ExportState::AwaitingPermission
            | ExportState::Kept
            | ExportState::Recalled => self.broken(
                Rule::NoExportWhileLeft,
                format!("no export of {}: the case is {state}", opening.patient),
                format!("package {package} was begun"),
            ),
        };
        explained(breach, trail);
        self.step(opening.patient, ExportEvent::Begin);
    }

    pub(super) fn sealed(&mut self, by: Endpoint, package: &Package, fate: Fate) {
        let patient = package.patient;
        let is_repeat = self.packages.contains_key(&package.id);
        if is_repeat {
            return;
        }
        let documents: Vec<usize> = (package.documents.iter())
            .filter_map(|carried| self.carried(package.patient, carried))
            .collect();
        self.judge_contents(by, package, &documents, fate);
        documents.iter().for_each(|index| self.touch(*index));
        self.packages.insert(
            package.id.clone(),
            Sent {
                patient,
                documents,
                fate,
            },
        );
        let case = self.cases.entry(patient).or_default();
        let is_provoked = case.provoked.contains(&package.id);
        match (by, fate) {
            (Endpoint::Office, Fate::Accepted | Fate::Delivered) if !is_provoked => {
                case.exported_at = (package.opening.as_ref()).map(|opening| opening.exported_at);
                self.step(patient, ExportEvent::Accepted);
            }
            (_, Fate::Recalled) => self.step(patient, ExportEvent::DuplicateStopped),
            (_, Fate::Accepted | Fate::Delivered | Fate::Held) => {}
        }
    }

    /// The clearing house orders the restore of every package that it has stopped. Until the desk
    /// has the order, it takes what was accepted for exported.
    pub(super) fn restore_ordered(&mut self, order: &RestoreOrder) {
        let ordered: Vec<usize> = (order.documents.iter())
            .filter_map(|document| self.ids.get(document).copied())
            .collect();
        self.recall(order.patient, |sent| {
            let mut documents = sent.documents.iter();
            !sent.documents.is_empty() && documents.all(|index| ordered.contains(index))
        });
    }

    fn recall(&mut self, patient: NhsNumber, is_meant: impl Fn(&Sent) -> bool) {
        let accepted = self.packages.values_mut();
        accepted
            .filter(|sent| sent.patient == patient && sent.fate == Fate::Accepted)
            .filter(|sent| is_meant(sent))
            .for_each(|sent| sent.fate = Fate::Recalled);
    }

    /// What may be in a package, and what the clearing house has to say to it.
    fn judge_contents(&mut self, by: Endpoint, package: &Package, documents: &[usize], fate: Fate) {
        let is_provoked = self
            .cases
            .get(&package.patient)
            .is_some_and(|case| case.provoked.contains(&package.id));
        let doubled: Vec<String> = documents
            .iter()
            .filter(|index| self.is_exported(**index))
            .map(|index| self.name(*index))
            .collect();
        let before = documents.iter().filter(|index| self.is_exported(**index));
        let trail: Vec<u64> = before.flat_map(|index| self.trail_of(*index)).collect();
        if !doubled.is_empty() {
            let breach = self.expect(
                Rule::DuplicateStopped,
                matches!(fate, Fate::Held | Fate::Recalled),
                || "a package with documents that were sent before is stopped".to_owned(),
                || format!("{} was taken with {}", package.id, doubled.join(", ")),
            );
            explained(breach, trail.clone());
        }
        let breach = match by {
            Endpoint::Desk => self.expect(
                Rule::OnlyTheMissing,
                doubled.is_empty(),
                || "the desk exports only what the export lacked".to_owned(),
                || format!("{} were in the export", doubled.join(", ")),
            ),
            Endpoint::Office if !is_provoked => self.expect(
                Rule::RepeatWithoutTheBox,
                doubled.is_empty(),
                || "what was exported is not exported again".to_owned(),
                || format!("{} went a second time", doubled.join(", ")),
            ),
            Endpoint::Office
            | Endpoint::Requesting
            | Endpoint::Spine
            | Endpoint::Sending
            | Endpoint::Store
            | Endpoint::Sds
            | Endpoint::Pds
            | Endpoint::Board
            | Endpoint::ClearingHouse
            | Endpoint::Importing
            | Endpoint::Hub
            | Endpoint::Clinic
            | Endpoint::Mailbox => None,
        };
        explained(breach, trail);
    }

    /// The document that a carried one is, if it is whole.
    fn carried(&mut self, patient: NhsNumber, carried: &Carried) -> Option<usize> {
        let meant = self.ids.get(&carried.document).copied();
        let original = meant.and_then(|index| self.documents.get(index))?;
        let (name, sha256, bytes) = (
            original.filed.file_name.clone(),
            original.filed.sha256,
            original.filed.bytes,
        );
        let is_whole = original.filed.patient == patient && sha256 == carried.sha256;
        let rule = if bytes >= LARGE_BYTES {
            Rule::LargeAndWhole
        } else {
            Rule::NothingLostOrDoubled
        };
        self.expect(
            rule,
            is_whole,
            || format!("{name} travels whole: {bytes} bytes, {}", sha256.short()),
            || {
                let found = carried.sha256.short();
                format!("{} bytes, {found}", carried.bytes)
            },
        );
        meant.filter(|_| is_whole)
    }

    pub(super) fn delivered(&mut self, package: &Package) {
        if let Some(sent) = self.packages.get_mut(&package.id) {
            let fate = std::mem::replace(&mut sent.fate, Fate::Delivered);
            if matches!(fate, Fate::Held | Fate::Recalled) {
                self.broken(
                    Rule::DuplicateStopped,
                    format!("{} was stopped as a duplicate", package.id),
                    "it was delivered",
                );
            }
        }
        for carried in &package.documents {
            self.delivered_one(package.patient, carried);
        }
    }

    fn delivered_one(&mut self, patient: NhsNumber, carried: &Carried) {
        let like = |sha256: Sha256, document: &Document| {
            document.filed.patient == patient && document.filed.sha256 == sha256
        };
        let event = self.event;
        let originals = self.documents.iter_mut();
        let original = originals
            .filter(|document| like(carried.sha256, document))
            .min_by_key(|document| document.delivered);
        let Some(original) = original else {
            self.broken(
                Rule::NothingLostOrDoubled,
                format!("{} as the practice held it", carried.file_name),
                format!("a content that nobody held: {}", carried.sha256.short()),
            );
            return;
        };
        original.delivered += 1;
        let (name, times) = (original.filed.file_name.clone(), original.delivered);
        let trail = last(&original.trail);
        original.trail.push(event);
        let breach = self.expect(
            Rule::NothingLostOrDoubled,
            times == 1,
            || format!("{name} arrives once at the importing practice"),
            || format!("it arrived {}", count(times, "time")),
        );
        explained(breach, trail);
    }
}
