//! Negative acknowledgements of a request: when, with which code, and how it is written.

use gp2gp_model::response_code::{REGISTER, Registered};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{Interaction, NhsNumber, OdsCode, ResponseCode};
use gp2gp_wire::hl7::{AckType, Acknowledgement, EhrRequest, ExtractVersion, Hl7Error};
use gp2gp_wire::limits::SPINE_MESSAGE_BYTES;

use super::super::fetched::was_listed;
use super::super::registration::practices_of;
use super::super::transfer::{Transfer, is_after, name, transfers};
use super::super::view::{Post, View};
use super::super::{Tally, violation};
use super::conversation::show;

/// Code system of the response codes (spec 10).
const RESPONSE_CODES: &str = "2.16.840.1.113883.2.1.3.2.4.17.101";

const NO_REFUSAL: &str = "the sending system refused no request";

/// SND-16.
pub(super) fn nothing_after_refusal(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some((refusal, ack)) = transfer.refusals().next() else {
            continue;
        };
        let later = record(&transfer).find(|post| is_after(view, post, refusal));
        tally.expect(later.is_none(), || {
            let code = ack.code().map_or("without a code", ResponseCode::as_str);
            let post = later.unwrap_or(refusal);
            violation(
                post,
                format!(
                    "no extract and no fragment after {} with {code}",
                    name(refusal)
                ),
                format!("{} after it", name(post)),
            )
        });
    }
    tally.assess(NO_REFUSAL)
}

/// SND-17.
pub(super) fn incomplete_request(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view)
        .iter()
        .filter(|transfer| transfer.request().is_none())
    {
        let Some((request, what)) = transfer
            .requests
            .iter()
            .find_map(|post| Some((*post, lack(post)?)))
        else {
            continue;
        };
        refused_with(view, transfer, request, &["18"], &what, &mut tally);
    }
    tally.assess("no request without a mandatory field reached the sending system")
}

/// What a request lacks, if it is otherwise readable.
fn lack(post: &Post) -> Option<String> {
    match &post.seen()?.payload {
        Err(error @ (Hl7Error::Missing(_) | Hl7Error::Id { .. } | Hl7Error::Value { .. })) => {
            Some(error.to_string())
        }
        Err(Hl7Error::Xml(_) | Hl7Error::UnknownInteraction(_)) | Ok(_) => None,
    }
}

/// SND-26.
pub(super) fn empty_record(view: &View, _: Profile) -> Assessment {
    refused_where(
        view,
        "no request for an empty record reached the sending system",
        |reasons| (reasons == ["10"]).then(|| vec!["10"]),
    )
}

/// SND-70.
pub(super) fn switched_off(view: &View, _: Profile) -> Assessment {
    refused_where(
        view,
        "no request reached a sending system on which GP2GP is switched off",
        |reasons| reasons.contains(&"07").then(|| vec!["07"]),
    )
}

/// SND-71.
pub(super) fn not_current_practice(view: &View, _: Profile) -> Assessment {
    refused_where(
        view,
        "no practice asked that is not the patient's current one",
        |reasons| {
            let others = ["06", "07", "18", "24"];
            (reasons.contains(&"19") && !others.iter().any(|other| reasons.contains(other)))
                .then(|| vec!["19"])
        },
    )
}

/// SND-72.
pub(super) fn requester_not_found_once(view: &View, _: Profile) -> Assessment {
    refused_where(
        view,
        "every requester of the trace is in the directory once",
        |reasons| {
            let others = ["06", "07", "18"];
            (reasons.contains(&"24") && !others.iter().any(|other| reasons.contains(other)))
                .then(|| vec!["24"])
        },
    )
}

/// SND-80.
pub(super) fn wrong_check_digit(view: &View, _: Profile) -> Assessment {
    refused_where(
        view,
        "no request for a number with a wrong check digit reached the sending system",
        |reasons| (reasons.contains(&"18") && !reasons.contains(&"07")).then(|| vec!["18", "06"]),
    )
}

/// Every request with this reason to be refused is refused with one of these codes.
fn refused_where(
    view: &View,
    unexercised: &'static str,
    codes: impl Fn(&[&'static str]) -> Option<Vec<&'static str>>,
) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let reasons = reasons_to_refuse(view, &transfer);
        if let (Some(codes), Some(request)) = (codes(&reasons), transfer.requests.first()) {
            let what = format!("reason to refuse {}", reasons.join(" and "));
            refused_with(view, &transfer, request, &codes, &what, &mut tally);
        }
    }
    tally.assess(unexercised)
}

/// One refusal with one of these codes, and no record.
pub(super) fn refused_with(
    view: &View,
    transfer: &Transfer<'_>,
    request: &Post,
    codes: &[&str],
    what: &str,
    tally: &mut Tally,
) {
    let due = || {
        format!(
            "{} of {} refused with {}, and no extract",
            what,
            name(request),
            codes.join(" or ")
        )
    };
    if let Some(post) = record(transfer).next() {
        tally.expect(false, || {
            violation(post, due(), format!("{} was sent", name(post)))
        });
    }
    let answers: Vec<_> = transfer.answers().collect();
    if let Some((post, _)) = answers.last() {
        let kept = answers.len() == 1
            && answers
                .iter()
                .all(|(_, ack)| ack.is_negative() && is_one_of(ack, codes));
        tally.expect(kept, || violation(post, due(), show(&answers)));
        tally.note(show(&answers));
    } else if request.was_accepted() && view.quiescent {
        tally.expect(false, || {
            violation(
                request,
                due(),
                "no acknowledgement until everything fell silent",
            )
        });
    }
}

fn is_one_of(ack: &Acknowledgement, codes: &[&str]) -> bool {
    ack.code()
        .is_some_and(|code| codes.contains(&code.as_str()))
}

/// Cores and fragments.
fn record<'t, 'v>(transfer: &'t Transfer<'v>) -> impl Iterator<Item = &'v Post> + use<'t, 'v> {
    transfer.cores.iter().chain(&transfer.fragments).copied()
}

/// Codes of everything that is true of the request and forbids to send the record. Empty where
/// the trace does not know the truth.
pub(super) fn reasons_to_refuse(view: &View, transfer: &Transfer<'_>) -> Vec<&'static str> {
    let (Some(request), Some(practices)) = (transfer.request(), &view.header.practices) else {
        return Vec::new();
    };
    let truth = view
        .patients
        .iter()
        .find(|truth| truth.patient == request.patient);
    let practice = transfer
        .requests
        .first()
        .and_then(|post| view.current_practice(request.patient, post.at));
    let is_held = truth.is_some_and(|truth| truth.held);
    // By a code that stands for no practice or several nobody can tell whose patient this is.
    let gp = truth.and_then(|truth| truth.registers_with);
    let asked_at = transfer.requests.first().map(|post| (post.seq, post.at));
    let is_ambiguous =
        (gp.zip(asked_at)).is_some_and(|(gp, at)| practices_of(view, gp, at).len() != 1);
    let is_empty = truth.is_some_and(|truth| truth.record_bytes == 0);
    let is_awaited = truth.is_some_and(|truth| truth.awaited_from.is_some());
    let reasons = [
        ("07", !practices.sending_enabled),
        ("18", !request.patient.check_digit_fits()),
        ("06", !is_held && !view.patients.is_empty()),
        ("24", !is_found_once(view, request) || is_ambiguous),
        (
            "19",
            practice.is_some_and(|practice| practice != request.author),
        ),
        ("10", is_held && is_empty && !is_awaited),
        ("99", is_held && is_empty && is_awaited),
    ];
    reasons
        .into_iter()
        .filter(|(_, applies)| *applies)
        .map(|(code, _)| code)
        .collect()
}

/// SND-48.
pub(super) fn code_fits(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let reasons = reasons_to_refuse(view, &transfer);
        for (post, ack) in transfer.refusals() {
            let found = ack.code().map_or("no code", ResponseCode::as_str);
            if found == "21" {
                tally.note("21 is used by a sending system");
            }
            let allowed = allowed_codes(view, &transfer, &reasons);
            tally.expect(allowed.contains(&found), || {
                violation(
                    post,
                    format!("one of the codes {}", allowed.join(", ")),
                    format!("code `{found}` in {}", name(post)),
                )
            });
        }
        // Reasons with a requirement of their own are judged there; a record that is not held has none.
        if let (["06"], Some(request)) = (reasons.as_slice(), transfer.requests.first())
            && transfer.refusals().next().is_none()
        {
            refused_with(
                view,
                &transfer,
                request,
                &["06"],
                "an NHS number that is not held",
                &mut tally,
            );
        }
    }
    tally.assess(NO_REFUSAL)
}

/// Codes that fit what is true; where nothing is known to be wrong, those that the truth does not
/// contradict. Always two digits.
pub(super) fn allowed_codes(
    view: &View,
    transfer: &Transfer<'_>,
    reasons: &[&'static str],
) -> Vec<&'static str> {
    if !reasons.is_empty() {
        let either = reasons.contains(&"18").then_some("06");
        return reasons.iter().copied().chain(either).collect();
    }
    if source_failed(view, transfer) {
        return vec!["10"];
    }
    let marks = (transfer.request()).is_some_and(|request| marks_cannot_travel(view, request));
    if marks {
        // The register has no code for it; large messaging may be wanting as well.
        let also = ["10", "99", "14", "23"].into_iter();
        return also
            .filter(|code| !is_contradicted(view, transfer, code))
            .collect();
    }
    let by_sending = REGISTER
        .iter()
        .filter(|row| row.by_sending)
        .map(|row| row.code)
        .chain(["21"]);
    by_sending
        .filter(|code| !is_contradicted(view, transfer, code))
        .collect()
}

/// The patient left the practice that asked after it had asked.
fn moved_on(view: &View, transfer: &Transfer<'_>, patient: NhsNumber) -> bool {
    let practice_at = |post: &Post| view.current_practice(patient, post.at);
    let asked = transfer.requests.first().map(|post| practice_at(post));
    let refused = transfer
        .refusals()
        .next()
        .map(|(post, _)| practice_at(post));
    asked.is_some() && refused.is_some() && asked != refused
}

/// The store of the sending practice did not even say what documents there are.
fn source_failed(view: &View, transfer: &Transfer<'_>) -> bool {
    let (Some(request), Some((refusal, _))) =
        (transfer.requests.first(), transfer.refusals().next())
    else {
        return false;
    };
    was_listed(view, &(request.seq..refusal.seq)) == Some(false)
}

fn is_contradicted(view: &View, transfer: &Transfer<'_>, code: &str) -> bool {
    let Some(request) = transfer
        .request()
        .filter(|_| view.header.practices.is_some())
    else {
        return false;
    };
    match code {
        "06" | "07" => true,
        "19" => !moved_on(view, transfer, request.patient),
        "14" => !cannot_take_large(view, &request.author),
        "23" => !cannot_take_large(view, &request.destination),
        "24" => is_found_once(view, request),
        _ => false,
    }
}

/// There are entries that the patient must not see, and the two practices share no extract that
/// can mark them.
pub(super) fn marks_cannot_travel(view: &View, request: &EhrRequest) -> bool {
    let directory = &view.header.directory;
    let is_marked =
        (view.records.iter()).any(|record| record.patient == request.patient && record.marks > 0);
    let answers = request.version.interaction().answered_by();
    let is_listed = |practice: &OdsCode, interaction: &Interaction| {
        let listed = directory.practice(practice);
        listed.is_some_and(|practice| practice.interactions.contains(interaction))
    };
    let mut carriers = (ExtractVersion::ALL.into_iter())
        .filter(|version| version.carries_redactions())
        .map(ExtractVersion::interaction)
        .filter(|carrier| answers.contains(carrier));
    is_marked
        && !carriers.any(|carrier| {
            is_listed(&request.author, &carrier) && is_listed(&request.destination, &carrier)
        })
}

/// SDS lists the requesting practice once, and for an extract that may answer its request.
fn is_found_once(view: &View, request: &EhrRequest) -> bool {
    let directory = &view.header.directory;
    let answers = request.version.interaction().answered_by();
    let entries: Vec<_> = directory.entries(&request.author).collect();
    match entries.as_slice() {
        [only] => {
            (answers.iter()).any(|extract| directory.contract(&only.party_key, *extract).is_some())
        }
        [] | [..] => false,
    }
}

/// SND-49.
pub(super) fn code_in_place(view: &View, profile: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for (post, ack) in transfer.refusals() {
            let (due, kept) = match profile {
                Profile::Strict => (
                    format!(
                        "AE with the code in reason and acknowledgementDetail, both of code system {RESPONSE_CODES}"
                    ),
                    is_strict(ack),
                ),
                Profile::Field => (
                    "AE or AR with a code in reason or acknowledgementDetail".to_owned(),
                    ack.code().is_some(),
                ),
            };
            tally.expect(kept, || {
                violation(post, due, format!("{} in {}", places(ack), name(post)))
            });
            if profile == Profile::Field {
                tally.note(places(ack));
            }
        }
    }
    tally.assess(NO_REFUSAL)
}

fn is_strict(ack: &Acknowledgement) -> bool {
    let (Some(reason), Some(detail)) = (&ack.reason, &ack.detail) else {
        return false;
    };
    ack.type_code == AckType::Ae
        && reason.code == detail.code
        && [&reason.code_system, &detail.code_system]
            .into_iter()
            .all(|system| system.as_deref() == Some(RESPONSE_CODES))
}

fn places(ack: &Acknowledgement) -> String {
    let kind = match ack.type_code {
        AckType::Aa => "AA",
        AckType::Ae => "AE",
        AckType::Ar => "AR",
    };
    let place = |what: &str, found: Option<(&ResponseCode, &Option<String>)>| match found {
        Some((code, Some(system))) => format!("{what} {code} of {system}"),
        Some((code, None)) => format!("{what} {code} without code system"),
        None => format!("no code in {what}"),
    };
    let reason = place(
        "reason",
        ack.reason
            .as_ref()
            .map(|reason| (&reason.code, &reason.code_system)),
    );
    let detail = place(
        "acknowledgementDetail",
        ack.detail
            .as_ref()
            .map(|detail| (&detail.code, &detail.code_system)),
    );
    format!("{kind}, {reason}, {detail}")
}

/// SND-50.
pub(super) fn display_name(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for (post, ack) in transfer.refusals() {
            let reason = ack
                .reason
                .as_ref()
                .map(|reason| (&reason.code, &reason.display_name));
            let detail = ack
                .detail
                .as_ref()
                .map(|detail| (&detail.code, &detail.display_name));
            for (code, found) in reason.into_iter().chain(detail) {
                let Some(Registered { text, .. }) = code.registered() else {
                    continue;
                };
                tally.expect(found.as_deref() == Some(*text), || {
                    let found = found.as_deref().unwrap_or("no displayName");
                    violation(
                        post,
                        format!("`{text}` for code {code}"),
                        format!("`{found}` in {}", name(post)),
                    )
                });
            }
        }
    }
    tally.assess(NO_REFUSAL)
}

/// SND-69.
pub(super) fn large_messaging_agreed(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some(request) = transfer.request() else {
            continue;
        };
        let codes: Vec<&str> = [("14", &request.author), ("23", &request.destination)]
            .into_iter()
            .filter(|(_, practice)| cannot_take_large(view, practice))
            .map(|(code, _)| code)
            .collect();
        let Some(post) = transfer.requests.first().filter(|_| !codes.is_empty()) else {
            continue;
        };
        let named = transfer
            .refusals()
            .any(|(_, ack)| is_one_of(ack, &["14", "23"]));
        let is_large = needs_large_messaging(view, request.patient)
            && reasons_to_refuse(view, &transfer).is_empty()
            && !marks_cannot_travel(view, request);
        if named || is_large || !transfer.promises().is_empty() {
            refused_with(
                view,
                &transfer,
                post,
                &codes,
                "a record that needs large messaging",
                &mut tally,
            );
        }
    }
    tally
        .assess("no record that needs large messaging was asked for by or of a practice without it")
}

fn cannot_take_large(view: &View, practice: &OdsCode) -> bool {
    view.header
        .directory
        .practice(practice)
        .is_some_and(|practice| !practice.large_messaging())
}

/// Whether a record is larger than any message, if nothing is compressed: compression is large
/// messaging too (LM27).
fn needs_large_messaging(view: &View, whose: NhsNumber) -> bool {
    let record = view
        .patients
        .iter()
        .filter(|truth| truth.patient == whose)
        .map(|truth| truth.record_bytes);
    let documents = view
        .held
        .iter()
        .filter(|held| held.patient == whose && held.deliverable);
    let texts = documents.map(|held| held.bytes.div_ceil(3) * 4);
    record.chain(texts).sum::<u64>() > SPINE_MESSAGE_BYTES as u64
}
