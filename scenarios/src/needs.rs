//! What a scenario visibly asks of a system beyond the transfer of a small record.

use std::ops::Range;

use gp2gp_model::plan::Role;
use gp2gp_model::version::Returning;
use gp2gp_model::{Capability, Interaction};

use crate::file::{Document, File, Kind, Patient, Practice, RecordSent};
use crate::quantity::Size;
use crate::spanned::Spanned;

/// Attachments that one message may hold beside the record (spec 20).
const MOST_ATTACHMENTS: u64 = 98;

/// The capability that is used, and the place that shows it.
pub(crate) fn shown_by(file: &File, capability: Capability) -> Option<Range<usize>> {
    if file.judges.get_ref().contains(&Role::Exporting) {
        // Capabilities are those of transfers.
        return None;
    }
    match capability {
        Capability::LargeMessaging => large_messaging(file),
        Capability::Redactions => patient(file, |patient| patient.redactions),
        Capability::ReturningPatients => match file.requesting.version.returning() {
            Returning::ReplacesOrSuppresses => patient(file, |patient| patient.returning),
            Returning::FilesAsAttachment => None,
        },
    }
}

fn patient(file: &File, is_so: impl Fn(&Patient) -> bool) -> Option<Range<usize>> {
    let mut patients = file.patient.iter();
    patients
        .find(|patient| is_so(patient))
        .map(|patient| patient.name.span())
}

/// Fragments must have come, or a record behind a skeleton, or there is more than one message can hold. Between systems of which
/// one cannot take it, such a record is only refused.
fn large_messaging(file: &File) -> Option<Range<usize>> {
    let both = [&file.requesting, &file.sending];
    let is_able = |practice: &Practice| {
        let listed = practice.version.interactions();
        practice.large_messaging && listed.contains(&Interaction::Copc)
    };
    if !both.into_iter().all(is_able) {
        return None;
    }
    let mut accepted = file.exercised.accepted.iter();
    let fragments = accepted.find(|accepted| {
        let accepted = accepted.get_ref();
        let unless_said = u32::from(accepted.at_most.is_none());
        let least = accepted
            .exactly
            .or(accepted.at_least)
            .unwrap_or(unless_said);
        matches!(accepted.kind, Kind::Fragment | Kind::Continue) && least > 0
    });
    let packed = file.exercised.record_sent.as_ref();
    let packed = packed.filter(|sent| matches!(sent.get_ref(), RecordSent::Skeleton));
    fragments
        .map(Spanned::span)
        .or_else(|| packed.map(Spanned::span))
        .or_else(|| patient(file, |patient| is_too_large(patient, file)))
}

fn is_too_large(patient: &Patient, file: &File) -> bool {
    const USUAL_LIMIT: Size = Size(5_000_000);
    let limit = file.sending.message_limit.as_ref();
    let Size(limit) = limit.map_or(USUAL_LIMIT, |limit| *limit.get_ref());
    let Size(record) = patient
        .record
        .as_ref()
        .map_or(Size(0), |size| *size.get_ref());
    let documents = || patient.document.iter().map(Spanned::get_ref);
    let text: u64 = documents().map(characters).sum();
    let attachments: u64 = documents().map(count).sum();
    patient.held && (record + text > limit || attachments > MOST_ATTACHMENTS)
}

fn characters(document: &Document) -> u64 {
    match (document.missing, &document.size) {
        (None, Some(size)) => (size.get_ref().0)
            .div_ceil(3)
            .saturating_mul(4)
            .saturating_mul(count(document)),
        (Some(_), _) | (None, None) => 0,
    }
}

fn count(document: &Document) -> u64 {
    document
        .count
        .as_ref()
        .map_or(1, |count| u64::from(*count.get_ref()))
}
