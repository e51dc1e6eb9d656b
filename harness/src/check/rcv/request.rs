//! The request, its answer, and the conversation that it opens (RCV-04 to 07, 54, 62).

use std::time::Duration;

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{ConversationId, Hl7MessageId, MessageKind};

use super::malformed::is_damaged_core;
use super::ruling::Ruling;
use super::transfer::{Ack, Transfer, arrivals, id_of, named, transfers};
use crate::check::registration::registrations;
use crate::check::view::{Post, Seen};
use crate::check::{View, violation};

/// Refusals of a core that have nothing to do with the order of messages: switched off, another
/// patient, no Continue possible, parts missing.
const NOT_ABOUT_ORDER: [&str; 6] = ["07", "17", "20", "25", "28", "31"];

/// Code of Spine's safe exchange framework (13 in the register of practices).
const BLOCKED: &str = "SEF001";

/// What a late acknowledgement causes shows within this time; what comes later has other causes.
const AT_ONCE: Duration = Duration::from_secs(60);

/// RCV-04.
pub(super) fn names_patient_and_practice(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show who registered");
    }
    let mut ruling = Ruling::default();
    for post in view.sent_by(Role::Requesting) {
        let Some(seen) = post.seen() else { continue };
        match seen.request() {
            Some(_) => ruling.unless(misdirected(view, post, seen)),
            None if seen.asks_for_record() => {
                ruling.unless(Some(violation(
                    post,
                    format!("a payload that reads as {}", seen.header.action),
                    unreadable(seen),
                )));
            }
            None => {}
        }
    }
    ruling.assess("the system sent no request")
}

/// What speaks against a request: no registration before it asked for just this.
fn misdirected(view: &View, post: &Post, seen: &Seen) -> Option<Violation> {
    let request = seen.request()?;
    let registered: Vec<_> = registrations(view)
        .into_iter()
        .filter(|registration| registration.seq < post.seq)
        .flat_map(|registration| {
            let practices = registration.named_practices().into_iter();
            practices.map(move |practice| (registration.patient, practice))
        })
        .collect();
    let is_right = registered
        .iter()
        .any(|(patient, practice)| *patient == request.patient && *practice == request.destination);
    let expected = registered
        .iter()
        .map(|(patient, practice)| format!("NHS number {patient} at practice {practice}"))
        .collect::<Vec<_>>()
        .join(", or ");
    (!is_right).then(|| {
        violation(
            post,
            format!("a request for what was registered: {expected}"),
            format!(
                "request {} asks for NHS number {} at practice {}",
                id_of(post),
                request.patient,
                request.destination
            ),
        )
    })
}

/// RCV-05.
pub(super) fn one_conversation_id(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    let came = arrivals(view);
    for post in view.sent_by(Role::Requesting) {
        let Some(seen) = post.seen() else { continue };
        let id = &seen.header.conversation_id;
        if seen.request().is_some() {
            ruling.expect(is_uuid(id), || {
                violation(
                    post,
                    "a UUID as conversation id",
                    format!("`{id}` in request {}", id_of(post)),
                )
            });
        }
        let target = reference(seen).and_then(|reference| named(&came, id, reference));
        if let Some((target, told)) = target.and_then(|target| Some((target, target.seen()?))) {
            let due = &told.header.conversation_id;
            ruling.expect(id == due, || {
                violation(
                    post,
                    format!("conversation {due}, that of the message which is answered"),
                    format!("message {} in conversation {id}", id_of(post)),
                )
                .with([target.seq])
            });
        }
    }
    ruling.assess("the system sent no request and answered nothing")
}

/// What a Continue or an acknowledgement is an answer to.
fn reference(seen: &Seen) -> Option<&Hl7MessageId> {
    let ack = seen.acknowledgement().map(|ack| &ack.message_ref);
    ack.or_else(|| Some(&seen.continue_message()?.message_ref))
}

fn is_uuid(id: &ConversationId) -> bool {
    ConversationId::parse(&id.as_str().to_ascii_uppercase()).is_ok_and(|id| id.is_upper_uuid())
}

/// RCV-06.
pub(super) fn extract_needs_no_acknowledgement(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let (Some(core), Some(_)) = (transfer.core(), transfer.requests().next()) else {
            continue;
        };
        let Some(order) = order_of(view, &transfer, core) else {
            continue;
        };
        let first = transfer.acks_of(core).into_iter().next();
        let is_unusable = is_damaged_core(view, core);
        let is_its_fault = |ack: &Ack<'_>| is_unusable && matches!(ack.code(), Some("11" | "21"));
        let about_order = first.filter(|ack| is_about_order(&transfer, ack));
        match about_order.filter(|ack| !is_its_fault(ack)) {
            Some(refusal) => ruling.unless(Some(violation(
                refusal.post,
                format!("core {} taken; {order}", id_of(core)),
                refusal.show(),
            ))),
            None if first.is_some()
                || transfer.decision().is_some()
                || transfer.continues().next().is_some() =>
            {
                ruling.kept();
                ruling.note(order);
            }
            // Nothing was said of the core, and nobody was asked: a forgotten record is none.
            None => {}
        }
    }
    ruling.assess("no requested extract came of which anything was said afterwards")
}

/// How the answer to the request came; `None` if it was a refusal.
fn order_of(view: &View, transfer: &Transfer<'_>, core: &Post) -> Option<&'static str> {
    let requests: Vec<_> = transfer.requests().collect();
    let answer = transfer
        .acks_received()
        .find(|ack| requests.iter().any(|request| ack.names(request)));
    match answer {
        Some(answer) if answer.ack.is_negative() => None,
        Some(_) if !view.has_real_times() => Some("request acknowledged, order not recorded"),
        Some(answer) if answer.post.seq < core.seq => {
            Some("acknowledgement of the request before the extract")
        }
        Some(_) => Some("acknowledgement of the request after the extract"),
        None => Some("no acknowledgement of the request"),
    }
}

/// A core that nobody has looked at is refused, for no reason of its own.
fn is_about_order(transfer: &Transfer<'_>, ack: &Ack<'_>) -> bool {
    let Some(code) = ack.code() else { return false };
    let before_people = transfer
        .decision()
        .is_none_or(|(acted, _)| acted.seq > ack.post.seq);
    code == "09" || (before_people && !NOT_ABOUT_ORDER.contains(&code))
}

/// RCV-07.
pub(super) fn refusal_ends_the_transfer(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let requests: Vec<_> = transfer.requests().collect();
        let refusal = transfer
            .acks_received()
            .find(|ack| ack.ack.is_negative() && requests.iter().any(|request| ack.names(request)));
        let Some(refusal) = refusal else { continue };
        if transfer
            .core()
            .is_some_and(|core| core.seq < refusal.post.seq)
        {
            continue;
        }
        let code = refusal.code().unwrap_or("no code");
        let after = transfer
            .said
            .iter()
            .filter(|_| view.has_real_times())
            .find(|post| post.seq > refusal.post.seq && goes_on(&transfer, post));
        ruling.unless(after.map(|post| {
            violation(
                post,
                format!("nothing more after the request was refused with {code}"),
                format!("{} {}", kind_of(post), id_of(post)),
            )
            .with([refusal.post.seq])
        }));
        let states = transfer.states();
        if states.is_empty() {
            ruling.note("the state was not observed");
        } else if transfer.broken_cores().next().is_some() {
            ruling.note("an extract that cannot be read came as well, and ended the transfer too");
        } else if let Some(code) = refusal.code() {
            let is_kept = states.iter().any(|state| state.contains(code));
            ruling.expect(is_kept, || {
                violation(
                    refusal.post,
                    format!("an observed state that keeps code {code}"),
                    format!("`{}`", states.join("`, `")),
                )
            });
        }
    }
    ruling.assess("no request was refused before an extract came")
}

/// RCV-62.
pub(super) fn block_is_seen(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let requests: Vec<_> = transfer.requests().collect();
        let block = transfer.acks_received().find(|ack| {
            ack.code() == Some(BLOCKED)
                && ack.ack.reason.is_none()
                && requests.iter().any(|request| ack.names(request))
        });
        let Some(block) = block else { continue };
        let after = transfer.said.iter().filter(|_| view.has_real_times());
        let after = after
            .filter(|post| post.seq > block.post.seq)
            .find(|post| goes_on(&transfer, post));
        if let Some(post) = after {
            let expected = format!("nothing more after Spine blocked the request ({BLOCKED})");
            let seen = format!("{} {}", kind_of(post), id_of(post));
            ruling.unless(Some(violation(post, expected, seen)));
            continue;
        }
        match transfer.shows(BLOCKED) {
            Some(is_shown) => ruling.expect(is_shown, || {
                violation(
                    block.post,
                    format!("an observed state that names the block, {BLOCKED}"),
                    format!("`{}`", transfer.states().join("`, `")),
                )
            }),
            None => ruling.open(
                "Spine blocked the request; whether people see it was not observed (that needs level L2)",
            ),
        }
    }
    ruling.assess("Spine blocked no request")
}

/// A message by which a transfer goes on: anything but an acknowledgement, and but a request
/// that the harness had repeated.
fn goes_on(transfer: &Transfer<'_>, post: &Post) -> bool {
    match post.kind() {
        Some(MessageKind::Acknowledgement) => false,
        Some(MessageKind::EhrRequest) => !transfer.has_repeated_request(),
        Some(MessageKind::Continue | MessageKind::EhrExtract | MessageKind::Fragment) | None => {
            true
        }
    }
}

/// RCV-54.
pub(super) fn late_acknowledgement_changes_nothing(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show in which order messages came");
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let Some(end) = transfer.answers().into_iter().next() else {
            continue;
        };
        let late = transfer
            .acks_received()
            .find(|ack| ack.post.seq > end.post.seq);
        let Some(late) = late else { continue };
        let is_about_old = |post: &Post| {
            Ack::of(post).is_some_and(|ack| {
                // Every fragment is acknowledged, also after the end (RCV-20).
                if transfer.fragments().any(|fragment| ack.names(fragment)) {
                    return false;
                }
                let old = transfer.came.iter().filter(|old| old.seq < late.post.seq);
                old.clone().any(|old| ack.names(old))
                    && !(transfer.came.iter()).any(|new| new.seq > late.post.seq && ack.names(new))
            })
        };
        let revived = transfer
            .said
            .iter()
            .filter(|post| post.seq > late.post.seq && post.at <= late.post.at + AT_ONCE)
            .find(|post| goes_on(&transfer, post) || is_about_old(post));
        ruling.unless(revived.map(|post| {
            violation(
                post,
                format!(
                    "nothing more after the transfer ended ({}), whatever the late {} says",
                    end.show(),
                    late.word()
                ),
                format!("{} {}", kind_of(post), id_of(post)),
            )
            .with([end.post.seq, late.post.seq])
        }));
        ruling.note(format!("a late {} came", late.word()));
    }
    ruling.assess("no acknowledgement came after a transfer had ended")
}

/// Why a payload cannot be read.
pub(super) fn unreadable(seen: &Seen) -> String {
    match &seen.payload {
        Ok(payload) => format!("a {}", payload.kind()),
        Err(error) => error.to_string(),
    }
}

fn kind_of(post: &Post) -> String {
    post.kind()
        .map_or_else(|| "message".to_owned(), |kind| kind.to_string())
}
