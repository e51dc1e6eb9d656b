//! What the record source held, and what the extract says of it.

use gp2gp_model::NhsNumber;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::hl7::ExtractVersion;

use super::super::texts::{NarrativeSeen, Narratives, TextSeen};
use super::super::transfer::{name, transfers};
use super::super::view::{Post, RecordHeld, View};
use super::super::{Tally, violation};

/// A core with the record that it carries, itself or behind a skeleton, and the truth.
pub(super) struct Told<'v> {
    pub(super) core: &'v Post,
    pub(super) version: ExtractVersion,
    /// What the source held.
    pub(super) held: &'v RecordHeld,
    /// What the extract says.
    pub(super) sent: &'v Narratives,
    /// Marks of confidentiality in the extract.
    pub(super) marks: usize,
}

/// Every core whose record can be read and whose source is known.
pub(super) fn told(view: &View) -> Vec<Told<'_>> {
    let mut told = Vec::new();
    for transfer in transfers(view) {
        let documents = transfer.documents(view);
        for core in &transfer.cores {
            let Some((seen, extract)) = core.seen().and_then(|seen| Some((seen, seen.extract()?)))
            else {
                continue;
            };
            let patient = transfer
                .request()
                .map_or(extract.patient, |request| request.patient);
            let skeleton = documents
                .iter()
                .find(|sent| sent.core.seq == core.seq && sent.is_skeleton());
            let said = match skeleton.map(|sent| &sent.document.skeleton) {
                None => seen
                    .record
                    .as_ref()
                    .map(|facts| (&seen.narratives, facts.marks)),
                Some(Some(Ok(whole))) => Some((&whole.narratives, whole.marks)),
                Some(Some(Err(_)) | None) => None,
            };
            if let (Some(held), Some((sent, marks))) = (record_of(view, patient), said) {
                told.push(Told {
                    core,
                    version: extract.version,
                    held,
                    sent,
                    marks,
                });
            }
        }
    }
    told
}

fn record_of(view: &View, patient: NhsNumber) -> Option<&RecordHeld> {
    view.records.iter().find(|held| held.patient == patient)
}

impl<'v> Told<'v> {
    /// Free texts that are in both, with the id of their statement: held, sent.
    fn pairs(&self) -> impl Iterator<Item = (&'v str, &'v TextSeen, &'v TextSeen)> + use<'v> {
        let sent = self.sent;
        let text = |seen: &'v NarrativeSeen| &seen.text;
        self.held
            .narratives
            .iter()
            .filter_map(move |(id, held)| Some((id.as_str(), text(held), text(sent.get(id)?))))
    }

    /// Ids of statements that were held and are not in the extract.
    pub(super) fn lost(&self) -> Vec<&'v str> {
        let held = self.held.narratives.keys();
        held.filter(|id| !self.sent.contains_key(*id))
            .map(String::as_str)
            .collect()
    }
}

/// SND-24.
pub(super) fn line_breaks_survive(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for told in told(view) {
        for (id, held, sent) in told.pairs().filter(|(_, held, _)| held.lines > 1) {
            // What a system adds or leaves out is another matter than its line breaks.
            if held.words == sent.words || held.letters == sent.letters {
                let kept = held.by_line == sent.by_line
                    || (held.words != sent.words && held.lines == sent.lines);
                tally.expect(kept, || {
                    violation(
                        told.core,
                        format!(
                            "{} in the text of statement {id}",
                            count(held.lines, "line")
                        ),
                        format!(
                            "the same words in {}, broken elsewhere or not at all, in {}",
                            count(sent.lines, "line"),
                            name(told.core)
                        ),
                    )
                });
            }
        }
    }
    tally.assess("no text of several lines that the record source held is in an extract")
}

/// The part of SND-10 that is about free texts.
pub(super) fn expect_characters_in_texts(view: &View, tally: &mut Tally) {
    for told in told(view) {
        for (id, held, sent) in told.pairs().filter(|(_, held, _)| held.beyond_ascii) {
            if held.words == sent.words || held.letters == sent.letters {
                tally.expect(held.words == sent.words, || {
                    violation(
                        told.core,
                        format!("every character of the text of statement {id}"),
                        format!(
                            "the same letters and digits, and other characters outside ASCII, in {}",
                            name(told.core)
                        ),
                    )
                });
            }
        }
    }
}

/// The part of SND-22 that is about the marks of the record source.
pub(super) fn expect_marks(view: &View, tally: &mut Tally) {
    for told in told(view)
        .iter()
        .filter(|told| told.version.carries_redactions() && told.held.marks > 0)
    {
        let bare: Vec<&str> = told
            .held
            .narratives
            .iter()
            .filter(|(id, held)| held.marked && told.sent.get(*id).is_some_and(|sent| !sent.marked))
            .map(|(id, _)| id.as_str())
            .collect();
        let kept = bare.is_empty() && told.marks >= told.held.marks;
        tally.expect(kept, || {
            let where_lost = match bare.as_slice() {
                [] => String::new(),
                [first, ..] => format!(", none on statement {first}"),
            };
            violation(
                told.core,
                format!(
                    "NOPAT on {} entries, as the record source says",
                    told.held.marks
                ),
                format!(
                    "NOPAT {} times{where_lost} in {}",
                    told.marks,
                    name(told.core)
                ),
            )
        });
    }
}

/// The part of SND-23 that is about the ids of the record source.
pub(super) fn expect_ids(view: &View, tally: &mut Tally) {
    for told in told(view)
        .iter()
        .filter(|told| !told.held.narratives.is_empty())
    {
        let lost = told.lost();
        tally.expect(lost.is_empty(), || {
            violation(
                told.core,
                format!(
                    "the ids of all {} statements with free text that the record source holds",
                    told.held.narratives.len()
                ),
                format!(
                    "no statement {}{} in {}",
                    lost.first().copied().unwrap_or_default(),
                    match lost.len() {
                        0 | 1 => String::new(),
                        more => format!(" and {} more", more - 1),
                    },
                    name(told.core)
                ),
            )
        });
    }
}
