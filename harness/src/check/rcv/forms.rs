//! Unusual ways of writing that change nothing of what is meant (RCV-28, 31, 33, 59).

use gp2gp_model::plan::Decision;
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::documents::percent_decoded;
use super::harm::{Sign, identical_in, none_turned_away};
use super::malformed::{came_whole, fault, is_damaged_core};
use super::ruling::Ruling;
use super::storage::{Filed, UNOBSERVED, filed, filed_content_of};
use super::transfer::{Ack, Attempt, Transfer, id_of, show_all, transfers};
use crate::check::documents::{Chunk, Document};
use crate::check::view::{Place, Post, Seen};
use crate::check::{View, violation};

/// A way of writing: what to call it, where a document of a core is written so.
type Form = fn(&Seen, &Document) -> Option<&'static str>;

/// RCV-28.
pub(super) fn base64_of_base64(view: &View, _: Profile) -> Assessment {
    let form: Form = |core, document| match document.description()?.original_base64 {
        true => Some("OriginalBase64=Yes"),
        // Only beside one that says Yes: each has to be read as its flag says.
        false if core.has_original_base64 => Some("OriginalBase64=No beside it"),
        false => None,
    };
    let unexercised = "no document came whose source was base64 text";
    harmless(view, unexercised, Sign::Misread, form, |_, _| None)
}

/// RCV-31.
pub(super) fn percent_encoded(view: &View, _: Profile) -> Assessment {
    let form: Form = |core, document| match encoded_name(core, document) {
        Some(_) => Some("a percent-encoded file name"),
        None if has_encoded_id(core, document) => Some("a percent-encoded content id"),
        None => None,
    };
    let unexercised = "no document came whose reference or file name was percent-encoded";
    harmless(
        view,
        unexercised,
        Sign::Unfound,
        form,
        |record, document| {
            let name = encoded_name(record.core.seen()?, document)?;
            let (sha256, _) = document.content.as_ref().ok()?;
            let mut stored = record.with_content(sha256).peekable();
            let found = stored.peek()?.file_name;
            let is_decoded = stored.any(|stored| stored.file_name == name);
            (!is_decoded).then(|| {
                record.violation(
                    format!("stored as `{name}`, the name in the extract"),
                    format!("stored as `{found}`"),
                )
            })
        },
    )
}

/// The name that a percent-encoded one in the description stands for: the extract links a document
/// of that name, and none of the name as written.
fn encoded_name(core: &Seen, document: &Document) -> Option<String> {
    let written = document.style.filename()?;
    let decoded = percent_decoded(written);
    let links = &core.record.as_ref()?.documents;
    let is_linked = |name: &str| links.iter().any(|link| link.file_name() == name);
    (decoded != written && is_linked(&decoded) && !is_linked(written)).then_some(decoded)
}

fn has_encoded_id(core: &Seen, document: &Document) -> bool {
    let reference = core.attachments.get(document.attachment);
    match reference.map(|reference| &reference.place) {
        Some(Place::Inline { content_id, .. }) => core.encoded_cids.contains(content_id),
        Some(Place::External(_) | Place::Dangling(_) | Place::Other(_)) | None => false,
    }
}

/// RCV-33.
pub(super) fn wrong_length(view: &View, _: Profile) -> Assessment {
    let form: Form = |_, document| {
        let said = document.description()?.length?;
        let sum = |of: fn(&Chunk) -> u64| document.chunks.iter().map(of).sum::<u64>();
        let (bytes, characters) = (
            sum(|chunk| chunk.text_bytes),
            sum(|chunk| chunk.text_characters),
        );
        match (said < characters, said > bytes) {
            (true, _) => Some("a Length that is too small"),
            (_, true) => Some("a Length that is too big"),
            // Line ends may count or not (spec 20).
            (false, false) => None,
        }
    };
    let unexercised = "every Length that came was right";
    harmless(view, unexercised, Sign::Misread, form, |_, _| None)
}

/// A core with a document in this form is taken, and the document filed as it was sent.
fn harmless(
    view: &View,
    unexercised: &'static str,
    sign: Sign,
    form: Form,
    breach: impl Fn(&Filed<'_>, &Document) -> Option<Violation>,
) -> Assessment {
    let mut ruling = Ruling::default();
    let sort = |_: &Transfer<'_>, core: &Post, document: &Document| form(core.seen()?, document);
    for transfer in transfers(view).iter().filter(|_| view.has_real_times()) {
        for attempt in transfer.attempts() {
            none_turned_away(view, transfer, attempt.core, sign, &sort, &mut ruling);
            if let Some(form) = form_of(view, transfer, &attempt, form) {
                judge_refusal(transfer, &attempt, form, &mut ruling);
            }
        }
    }
    let Some(records) = filed(view) else {
        return ruling.assess(UNOBSERVED);
    };
    identical_in(&records, &mut ruling, sign, sort);
    for record in &records {
        for document in &record.documents {
            if let Some(breach) = breach(record, document) {
                ruling.unless(Some(breach));
            }
        }
    }
    ruling.assess(unexercised)
}

/// The form of a document of a core that came whole and undamaged.
fn form_of(
    view: &View,
    transfer: &Transfer<'_>,
    attempt: &Attempt<'_>,
    form: Form,
) -> Option<&'static str> {
    if is_damaged_core(view, attempt.core) || !came_whole(view, transfer) {
        return None;
    }
    let core = attempt.core.seen()?;
    documents_of(view, attempt.core).find_map(|document| form(core, document))
}

/// Documents that a delivered core brings.
fn documents_of<'v>(view: &'v View, core: &'v Post) -> impl Iterator<Item = &'v Document> {
    view.delivered_documents().iter().filter(|document| {
        let sent = view.posts.get(document.core);
        sent.is_some_and(|sent| sent.is_same_message(core))
    })
}

/// Nothing is wrong with the core, nor was anything with its fragments, and yet it is refused for what it is.
fn judge_refusal(
    transfer: &Transfer<'_>,
    attempt: &Attempt<'_>,
    form: &'static str,
    ruling: &mut Ruling,
) {
    let mut of_fragments = transfer
        .fragments()
        .filter(|fragment| attempt.has(fragment))
        .flat_map(|fragment| transfer.acks_of(fragment));
    if of_fragments.any(|ack| ack.ack.is_negative()) {
        return;
    }
    let mut of_core = attempt.answers(transfer).into_iter();
    if let Some(refusal) = of_core.find(|ack| is_for_its_form(transfer, attempt, ack)) {
        let expected = format!(
            "core {} taken: everything came, and {form} is no fault",
            id_of(attempt.core)
        );
        ruling.unless(Some(violation(refusal.post, expected, refusal.show())));
    }
}

fn is_for_its_form(transfer: &Transfer<'_>, attempt: &Attempt<'_>, ack: &Ack<'_>) -> bool {
    match ack.code() {
        Some("21" | "29" | "30" | "31") => true,
        Some("11") => !matches!(
            attempt.decision(transfer),
            Some((_, Decision::FailToIntegrate))
        ),
        Some(_) | None => false,
    }
}

/// RCV-59.
pub(super) fn conversation_in_any_case(view: &View, _: Profile) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show what was delivered");
    }
    let mut ruling = Ruling::default();
    for transfer in transfers(view) {
        let asked = transfer.requests().find_map(conversation);
        let is_other = |post: &&Post| asked.is_some() && conversation(post) != asked;
        for attempt in transfer.attempts() {
            if is_other(&attempt.core) {
                judge_core(view, &transfer, &attempt, &mut ruling);
            }
        }
        for fragment in transfer.fragments().filter(is_other) {
            judge_fragment(view, &transfer, fragment, &mut ruling);
        }
    }
    ruling.assess("every conversation id came as the request had it")
}

/// As written.
fn conversation(post: &Post) -> Option<&str> {
    post.seen().map(|seen| seen.header.conversation_id.as_str())
}

fn judge_core(view: &View, transfer: &Transfer<'_>, attempt: &Attempt<'_>, ruling: &mut Ruling) {
    let core = attempt.core;
    let expected = format!(
        "core {} of conversation `{}` taken as an answer to the request of `{}`",
        id_of(core),
        conversation(core).unwrap_or_default(),
        transfer
            .requests()
            .find_map(conversation)
            .unwrap_or_default()
    );
    let acks = transfer.acks_of(core);
    let unrequested = acks.iter().find(|ack| ack.code() == Some("09"));
    if let Some(refusal) = unrequested {
        return ruling.unless(Some(violation(refusal.post, expected, refusal.show())));
    }
    let is_taken = !acks.is_empty()
        || attempt.continues(transfer).next().is_some()
        || attempt.decision(transfer).is_some()
        || filed_content_of(view, transfer, core).is_some();
    if is_taken {
        ruling.kept();
        ruling.note("a core in another case");
    } else {
        let seen = "no Continue, nobody was asked, no answer";
        ruling.absent(view, violation(core, expected, seen));
    }
}

fn judge_fragment(view: &View, transfer: &Transfer<'_>, fragment: &Post, ruling: &mut Ruling) {
    let failed = transfer.failed().map_or(u64::MAX, |failed| failed.post.seq);
    let is_promised = fragment.message_id().is_some_and(|id| {
        let attempts = transfer.attempts();
        let mut cores = attempts.iter().map(|attempt| attempt.core);
        cores.any(|core| {
            let mut promises = transfer.promises(core).into_iter();
            promises.any(|promise| promise.id == id)
        })
    });
    if fragment.seq > failed || fault(fragment).is_some() || !is_promised {
        return;
    }
    let expected = format!(
        "fragment {} of conversation `{}` accepted as promised by its core",
        id_of(fragment),
        conversation(fragment).unwrap_or_default()
    );
    let acks = transfer.acks_of(fragment);
    match acks.first() {
        Some(first) if first.ack.is_negative() => {
            ruling.unless(Some(violation(first.post, expected, first.show())));
        }
        Some(_) => {
            ruling.kept();
            ruling.note("a fragment in another case");
        }
        None => ruling.absent(view, violation(fragment, expected, show_all(&acks))),
    }
}
