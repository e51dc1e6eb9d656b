//! What an acknowledgement looks like, and where it goes (RCV-08, RCV-47 to 51, RCV-55).

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::hl7::{AckType, Acknowledgement};

use super::ruling::Ruling;
use super::transfer::{Ack, Transfer, arrivals, id_of, named, transfers};
use crate::check::view::Post;
use crate::check::{View, violation};

/// Code system of the response codes (spec 10).
const RESPONSE_CODES: &str = "2.16.840.1.113883.2.1.3.2.4.17.101";

/// Every acknowledgement that the system posted. Of a recorded one it must be sure that it is the
/// requesting system's: by what it names, or by what else its sender sent.
fn acks(view: &View) -> impl Iterator<Item = Ack<'_>> {
    let came = arrivals(view);
    view.sent_by(Role::Requesting)
        .filter_map(Ack::of)
        .filter(move |ack| {
            view.has_real_times() || came.iter().any(|post| ack.names(post)) || has_asked(view, ack)
        })
}

/// The sender of an acknowledgement also sent a request or a Continue.
fn has_asked(view: &View, ack: &Ack<'_>) -> bool {
    let sender = |post: &Post| post.seen().map(|seen| seen.header.from.clone());
    view.sent_by(Role::Requesting)
        .filter(|post| Ack::of(post).is_none() && post.kind().is_some())
        .any(|post| sender(post) == sender(ack.post))
}

/// RCV-08.
pub(super) fn name_what_came(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        // What a recording does not hold may have come all the same, and what cannot be read may
        // have had this id.
        let may_be_unseen = !view.has_real_times()
            || view.posts.iter().any(|post| post.message.is_err())
            || transfer.came.iter().any(|post| post.kind().is_none());
        for ack in transfer.acks() {
            let target = transfer.named_by(&ack);
            if target.is_none() && may_be_unseen {
                continue;
            }
            let in_time =
                target.is_some_and(|target| !view.has_real_times() || target.seq < ack.post.seq);
            ruling.expect(in_time, || {
                let came = match target {
                    Some(target) => format!(", which came only at {}", target.at),
                    None => ", which never came".to_owned(),
                };
                violation(
                    ack.post,
                    "a messageRef that names a message which had come in this conversation",
                    format!("{} names {}{came}", ack.show(), ack.ack.message_ref),
                )
            });
        }
    }
    ruling.assess("the system acknowledged no message that is in the trace")
}

/// RCV-47.
pub(super) fn no_filing_as_attachment(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        for ack in transfer.answers() {
            let is_26 = ack.code() == Some("26");
            if transfer.files_as_attachment() {
                ruling.expect(is_26 || !ack.is_success(), || {
                    let expected = "refusal with 26: before version 2.2b the record of a patient who returns can only be filed as an attachment";
                    violation(ack.post, expected, ack.show())
                });
                ruling.note(format!("{}, before version 2.2b", ack.show()));
            } else if !is_26 {
                ruling.kept();
            } else if view.has_real_times() && is_known(&transfer) {
                ruling.unless(Some(violation(
                    ack.post,
                    "never code 26, filed as attachment",
                    ack.show(),
                )));
            } else {
                ruling.open(format!(
                    "{}, and neither version of the system nor history of the patient is known",
                    ack.show()
                ));
            }
        }
    }
    ruling.assess("no core was answered")
}

/// Whether the trace says which version the system has, or that the patient is new to it.
fn is_known(transfer: &Transfer<'_>) -> bool {
    transfer.view.header.practices.is_some() || !transfer.is_returning()
}

/// RCV-48.
pub(super) fn no_deprecated_code(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for ack in acks(view) {
        if let Some(code) = ack.ack.code() {
            let is_deprecated =
                gp2gp_model::ResponseCode::new(format!("{:0>2}", code.as_str())).is_deprecated();
            ruling.expect(!is_deprecated, || {
                violation(ack.post, "a code that is in use", ack.show())
            });
        }
    }
    ruling.assess("the system sent no response code")
}

/// RCV-49.
pub(super) fn form_of_a_refusal(view: &View, profile: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for ack in acks(view).filter(|ack| ack.ack.is_negative()) {
        let faults = match profile {
            Profile::Strict => strict_faults(ack.ack),
            Profile::Field => field_faults(ack.ack),
        };
        ruling.expect(faults.is_empty(), || {
            let (expected, seen): (Vec<_>, Vec<_>) = faults.into_iter().unzip();
            let seen = format!("{} in {}", seen.join(", "), ack.show());
            violation(ack.post, expected.join(", "), seen)
        });
        if profile == Profile::Field {
            ruling.note(place(ack.ack));
        }
    }
    ruling.assess("the system refused nothing")
}

/// What the specification asks for: (expected, seen).
fn strict_faults(ack: &Acknowledgement) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    match ack.type_code {
        AckType::Ae => {}
        AckType::Aa => faults.push(("type AE".to_owned(), "type AA".to_owned())),
        AckType::Ar => faults.push(("type AE".to_owned(), "type AR".to_owned())),
    }
    let Some(reason) = &ack.reason else {
        let place = place(ack).to_owned();
        faults.push(("a reason with the code".to_owned(), place));
        return faults;
    };
    for (what, due, found) in [
        ("code system", RESPONSE_CODES, &reason.code_system),
        ("qualifier", "ER", &reason.qualifier),
    ] {
        if found.as_deref() != Some(due) {
            let found = found.as_deref().unwrap_or("none");
            faults.push((format!("{what} {due}"), format!("{what} {found}")));
        }
    }
    faults
}

/// What deployed systems do: AE or AR, the code in either place (spec 30).
fn field_faults(ack: &Acknowledgement) -> Vec<(String, String)> {
    match ack.code() {
        Some(_) => Vec::new(),
        None => vec![("a code".to_owned(), "no code".to_owned())],
    }
}

fn place(ack: &Acknowledgement) -> &'static str {
    match (&ack.reason, &ack.detail) {
        (Some(_), Some(_)) => "code in reason and detail",
        (Some(_), None) => "code in reason only",
        (None, Some(_)) => "code in detail only",
        (None, None) => "no code",
    }
}

/// RCV-50.
pub(super) fn form_of_an_acceptance(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for ack in acks(view).filter(|ack| !ack.ack.is_negative()) {
        ruling.expect(ack.ack.reason.is_none(), || {
            let code = ack.ack.reason.as_ref().map(|reason| &reason.code);
            let code = code.map_or_else(String::new, ToString::to_string);
            violation(
                ack.post,
                "AA without a reason",
                format!("{} with reason {code}", ack.show()),
            )
        });
    }
    ruling.assess("the system accepted nothing")
}

/// RCV-51.
pub(super) fn text_of_the_register(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for ack in acks(view).filter(|ack| ack.ack.is_negative()) {
        // A code that the register does not have has no text there.
        let Some(row) = ack.ack.code().and_then(|code| code.registered()) else {
            continue;
        };
        let reason = ack.ack.reason.as_ref();
        let detail = ack.ack.detail.as_ref();
        let name = reason
            .and_then(|reason| reason.display_name.as_deref())
            .or(detail.and_then(|detail| detail.display_name.as_deref()));
        ruling.expect(name.map(words) == Some(words(row.text)), || {
            violation(
                ack.post,
                format!("display name `{}` for code {}", row.text, row.code),
                name.map_or_else(|| "no display name".to_owned(), |name| format!("`{name}`")),
            )
        });
    }
    ruling.assess("the system sent no code of the register")
}

/// A full stop at the end is no other wording.
fn words(text: &str) -> &str {
    text.trim().trim_end_matches('.')
}

/// RCV-55.
pub(super) fn go_back_to_the_sender(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    let came = arrivals(view);
    for ack in acks(view) {
        let conversation = ack.post.seen().map(|seen| &seen.header.conversation_id);
        let target = conversation.and_then(|id| named(&came, id, &ack.ack.message_ref));
        let payload = target
            .and_then(Post::seen)
            .and_then(|seen| seen.payload.as_ref().ok());
        let (Some(target), Some(payload)) = (target, payload) else {
            continue;
        };
        let (due, found) = (payload.wrapper(), &ack.ack.wrapper);
        let is_swapped = found.recipient == due.sender && found.sender == due.recipient;
        ruling.expect(is_swapped, || {
            violation(
                ack.post,
                format!(
                    "to ASID {} from ASID {}, those of message {} exchanged",
                    due.sender,
                    due.recipient,
                    id_of(target)
                ),
                format!("to ASID {} from ASID {}", found.recipient, found.sender),
            )
        });
    }
    ruling.assess("the system acknowledged no message that is in the trace")
}
