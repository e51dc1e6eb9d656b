//! Documents that did not get into the record as they were sent, and which rule that speaks of. That one is damaged or
//! lost is a matter of RCV-64. That the way in which it was written is the reason is said only where the harm looks like
//! it, and no document beside it speaks against it: who reads a report looks for a cause, not for everything that a
//! damaged document has to do with.

use std::collections::BTreeSet;

use gp2gp_model::Sha256;
use gp2gp_model::verdict::{Assessment, Violation};

use super::claims::is_above_declared_total;
use super::documents::percent_decoded;
use super::malformed::{fault, has_failed_before, is_of_another, pieces_of};
use super::ruling::Ruling;
use super::storage::{Filed, Stored, UNOBSERVED, filed, name_of};
use super::transfer::{Ack, Transfer, id_of, transfers};
use crate::check::documents::Document;
use crate::check::view::Post;
use crate::check::{View, violation};

/// What a system does to a document of which it does not understand how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Its pieces are in another order: as many bytes, but others.
    Shuffled,
    /// It is read otherwise than it was written: another number of bytes; or it is dropped, and those beside it are not.
    Misread,
    /// It is not found: nothing is stored, or what belongs to another document, or what stands for a missing one.
    Unfound,
}

/// A way of writing: of which sort a document of a core is, in words.
pub(super) trait Sort: Fn(&Transfer<'_>, &Post, &Document) -> Option<&'static str> {}

impl<F: Fn(&Transfer<'_>, &Post, &Document) -> Option<&'static str>> Sort for F {}

/// Every document of a sort must be taken, and stored as it was sent.
pub(super) fn identical(
    view: &View,
    unexercised: &'static str,
    sign: Sign,
    sort: impl Sort,
) -> Assessment {
    let mut ruling = Ruling::default();
    for transfer in transfers(view).iter().filter(|_| view.has_real_times()) {
        for core in transfer.attempts().iter().map(|attempt| attempt.core) {
            none_turned_away(view, transfer, core, sign, &sort, &mut ruling);
        }
    }
    let Some(records) = filed(view) else {
        return ruling.assess(UNOBSERVED);
    };
    identical_in(&records, &mut ruling, sign, sort);
    ruling.assess(unexercised)
}

/// Every document of a sort in these records was stored as it was sent.
pub(super) fn identical_in(
    records: &[Filed<'_>],
    ruling: &mut Ruling,
    sign: Sign,
    sort: impl Sort,
) {
    // Where nothing at all is stored, that is the fault, and none of reading (RCV-64).
    for record in records.iter().filter(|record| !record.stored.is_empty()) {
        let fates = fates(record, &sort);
        for fate in &fates {
            let (Some(form), Some((sha256, bytes))) = (fate.form, fate.content()) else {
                continue;
            };
            ruling.note(form);
            // Which of two is kept under one name says nothing of how either was written (RCV-36).
            if let Some(Harm::Overwritten) = fate.harm {
                continue;
            }
            let name = name_of(fate.document);
            match record.altered(&name, &sha256, bytes) {
                None => ruling.kept(),
                Some(breach) if fate.shows(sign, record) && !is_doubtful(fate, sign, record, &fates) => {
                    ruling.unless(Some(breach));
                }
                Some(_) => ruling.open(format!(
                    "`{name}` was not stored as it was sent (RCV-64), and nothing says that this is about {form}"
                )),
            }
        }
    }
}

/// What became of a document.
struct Fate<'v> {
    document: &'v Document,
    /// Of the sort that is asked about, and of which kind of it.
    form: Option<&'static str>,
    harm: Option<Harm<'v>>,
}

/// How a document was not stored as it was sent.
enum Harm<'v> {
    Missing,
    /// Stored under its name, with another content.
    Altered(Stored<'v>),
    /// Under its name is another document of the record that has the same one.
    Overwritten,
}

/// The documents of a record, without a skeleton's attachment: that is the record itself (RCV-34).
fn fates<'v>(record: &Filed<'v>, sort: &impl Sort) -> Vec<Fate<'v>> {
    let documents = record.documents.iter();
    let documents = documents.filter(|it| it.skeleton.is_none() && it.content.is_ok());
    let fates = documents.map(|document| Fate {
        document,
        form: sort(&record.transfer, record.core, document),
        harm: harm(record, document),
    });
    fates.collect()
}

/// Whether a document was not stored as it was sent.
pub(super) fn is_harmed(record: &Filed<'_>, document: &Document) -> bool {
    document.skeleton.is_none() && harm(record, document).is_some()
}

fn harm<'v>(record: &Filed<'v>, document: &Document) -> Option<Harm<'v>> {
    let (sha256, bytes) = document.content.as_ref().ok()?;
    if record.with_content(sha256).next().is_some() || record.is_openly_replaced(*bytes) {
        return None;
    }
    let names = names_of(record, document);
    let is_its = |stored: &&Stored<'_>| {
        let mut names = names.iter();
        names.any(|name| stored.file_name == name || stored.file_name == percent_decoded(name))
    };
    let under_its_name: Vec<&Stored<'v>> = record.stored.iter().filter(is_its).collect();
    // Beside whole namesakes, what nobody sent is what became of it.
    let mut altered = under_its_name.iter().filter(|it| !record.was_sent(it));
    let became = altered.next().or(under_its_name.first());
    let is_namesake = |stored: &Stored<'_>| {
        let mut sent = record.documents.iter();
        sent.any(|other| {
            matches!(&other.content, Ok((sha256, _)) if sha256 == stored.sha256)
                && names_of(record, other).iter().any(|it| names.contains(it))
        })
    };
    Some(match became {
        None => Harm::Missing,
        Some(stored) if is_namesake(stored) => Harm::Overwritten,
        Some(stored) => Harm::Altered(**stored),
    })
}

/// How many documents are stored under a name of one of these, with a content that nobody sent.
pub(super) fn altered_copies(record: &Filed<'_>, documents: &[&Document]) -> usize {
    let names = documents
        .iter()
        .flat_map(|document| names_of(record, document));
    let names: BTreeSet<String> = names.collect();
    let stored = record.stored.iter();
    let altered = stored.filter(|it| names.contains(it.file_name) && !record.was_sent(it));
    altered.count()
}

/// What a document may be called: by its description, and by its link in the record.
fn names_of(record: &Filed<'_>, document: &Document) -> Vec<String> {
    let core = record.core.seen();
    let id = core.and_then(|core| core.attachments.get(document.attachment)?.id.as_deref());
    let id = id.map(|id| id.trim_start_matches('_'));
    let links = core.and_then(|core| core.record.as_ref());
    let links = links.map_or(&[][..], |record| &record.documents);
    let link = links.iter().find(|link| Some(link.id.as_str()) == id);
    let described = document.style.filename().map(str::to_owned);
    described
        .into_iter()
        .chain(link.map(|link| link.file_name()))
        .collect()
}

impl Fate<'_> {
    fn content(&self) -> Option<(Sha256, u64)> {
        self.document.content.as_ref().ok().copied()
    }

    /// Whether it was harmed in this way.
    fn shows(&self, sign: Sign, record: &Filed<'_>) -> bool {
        let (Some(harm), Some((_, bytes))) = (&self.harm, self.content()) else {
            return false;
        };
        match (sign, harm) {
            (Sign::Shuffled, Harm::Missing) | (_, Harm::Overwritten) => false,
            (Sign::Misread | Sign::Unfound, Harm::Missing) => true,
            (Sign::Shuffled, Harm::Altered(stored)) => {
                stored.bytes == bytes && !record.was_sent(stored)
            }
            (Sign::Misread, Harm::Altered(stored)) => {
                stored.bytes != bytes && !record.was_sent(stored)
            }
            (Sign::Unfound, Harm::Altered(stored)) => {
                stored.bytes == 0 || stored.placeholder || record.was_sent(stored)
            }
        }
    }
}

/// Whether other documents of the record leave it open that the form is the reason: one without it was harmed in the same
/// way, or one of the same kind was not. The order of pieces may be right by chance.
fn is_doubtful(fate: &Fate<'_>, sign: Sign, record: &Filed<'_>, all: &[Fate<'_>]) -> bool {
    let is_alike_without = |other: &Fate<'_>| other.form.is_none() && other.shows(sign, record);
    let is_well_with = |other: &Fate<'_>| other.form == fate.form && other.harm.is_none();
    let by_chance = match sign {
        Sign::Shuffled => true,
        Sign::Misread | Sign::Unfound => false,
    };
    // A document that is missing may be missing for any reason.
    let is_well_without = |other: &Fate<'_>| other.form.is_none() && other.harm.is_none();
    let is_unproven = match (sign, &fate.harm) {
        (Sign::Misread, Some(Harm::Missing)) => !all.iter().any(is_well_without),
        (Sign::Misread | Sign::Shuffled | Sign::Unfound, _) => false,
    };
    is_unproven || all.iter().any(is_alike_without) || (!by_chance && all.iter().any(is_well_with))
}

/// No document of a sort that came whole and undamaged is refused as one that cannot be put together, or read.
pub(super) fn none_turned_away(
    view: &View,
    transfer: &Transfer<'_>,
    core: &Post,
    sign: Sign,
    sort: &impl Sort,
    ruling: &mut Ruling,
) {
    if is_above_declared_total(view, core) {
        return;
    }
    let documents = view.delivered_documents().iter();
    let of_core = documents.filter(|document| {
        let sent = view.posts.get(document.core);
        sent.is_some_and(|sent| sent.is_same_message(core) && sent.is_of(&transfer.id))
    });
    for document in of_core {
        let (Some(form), Some(refusal)) = (
            sort(transfer, core, document),
            refusal_of(transfer, core, document, sign),
        ) else {
            continue;
        };
        ruling.unless(Some(breach(core, document, form, &refusal)));
    }
}

fn breach(core: &Post, document: &Document, form: &str, refusal: &Ack<'_>) -> Violation {
    let expected = format!(
        "`{}` of core {} taken: it came whole, {form}",
        name_of(document),
        id_of(core)
    );
    violation(refusal.post, expected, refusal.show())
}

/// The refusal of a message that brings a document, though all of it came and makes that document. What cannot be put
/// together (29) was found; what is not found is no message of the right form (30).
fn refusal_of<'v>(
    transfer: &Transfer<'v>,
    core: &'v Post,
    document: &Document,
    sign: Sign,
) -> Option<Ack<'v>> {
    document.content.as_ref().ok()?;
    if is_of_another(core, document) {
        return None;
    }
    let codes: &[&str] = match sign {
        Sign::Shuffled => &["29"],
        Sign::Misread => &["29", "30"],
        Sign::Unfound => &["30"],
    };
    let pieces: Option<Vec<&Post>> = pieces_of(transfer, core, document)?.into_iter().collect();
    let pieces = pieces.filter(|pieces| pieces.iter().all(|piece| fault(piece).is_none()))?;
    let mut acks = pieces.iter().flat_map(|piece| transfer.acks_of(piece));
    acks.find(|ack| {
        let is_it = ack.code().is_some_and(|code| codes.contains(&code));
        is_it && !has_failed_before(transfer, ack.post)
    })
}
