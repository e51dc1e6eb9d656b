//! The story of an export, in the words of a practice.

use std::collections::BTreeMap;

use gp2gp_model::export::Ruling;
use gp2gp_model::plan::Wish;
use gp2gp_model::plural::count;
use gp2gp_model::trace::Endpoint;
use gp2gp_wire::export::{DeskOutcome, Fate, Opening, Ticket, Word};

use super::{Line, size, stable};
use crate::check::View;
use crate::check::exp::Export;
use crate::check::exp::history::{Filed, Happened, Happening, Package, Seen};

/// A line for whatever people would tell of it.
pub(super) fn lines(view: &View, export: &Export) -> Vec<Line> {
    let mut teller = Teller::default();
    (export.happenings.iter())
        .filter_map(|happening| teller.line(view, happening))
        .collect()
}

/// What people of a practice want, in one clause.
pub(super) const fn tell_wish(wish: Wish) -> &'static str {
    match wish {
        Wish::Export => "export the patient, with GP2GP information",
        Wish::ExportDocuments => "export the patient, documents only",
        Wish::Delete => "delete a document by hand",
        Wish::Restore => "restore a document",
        Wish::SendAgain => "(mock) send what is left once more, around the rules",
    }
}

#[derive(Default)]
struct Teller {
    /// Numbers of packages, in order.
    packages: BTreeMap<String, usize>,
    /// The next look of the practice is the refresh after an export.
    is_refresh: bool,
}

impl Teller {
    fn line(&mut self, view: &View, happening: &Happening) -> Option<Line> {
        let (who, text) = self.tell(happening)?;
        Some(Line {
            seq: happening.seq,
            at: happening.at.since(view.header.started),
            who: who.to_string(),
            text,
            bulk: None,
            says: None,
        })
    }

    fn tell(&mut self, happening: &Happening) -> Option<(Endpoint, String)> {
        Some(match &happening.what {
            Happened::Filed(filed) if filed.late => (Endpoint::Store, tell_arrival(filed)),
            Happened::Declined { why, .. } => (Endpoint::Office, format!("refuses: {why}")),
            Happened::Listed { by, documents, .. } => (*by, self.look(*by, documents)?),
            Happened::Opened {
                by,
                package,
                opening,
            } => (*by, self.begins(package, opening)),
            Happened::Sealed { by, package, fate } => {
                self.is_refresh |= *by == Endpoint::Office && *fate == Fate::Accepted;
                let contents = self.contents(package);
                (*by, format!("{contents}: {}", tell_fate(*fate)))
            }
            Happened::GivenUp { by, .. } => (*by, "the export failed".to_owned()),
            Happened::Delivered(package) => {
                let contents = self.contents(package);
                (Endpoint::ClearingHouse, format!("delivers {contents}"))
            }
            Happened::Audited { refused, .. } => {
                let text = format!("audit trail: {} refused attempts", refused.len());
                (Endpoint::Store, text)
            }
            Happened::Ticket { ticket, taken } => (Endpoint::Office, tell_ticket(ticket, *taken)),
            Happened::PermissionAsked(asked) => {
                let documents = count_documents(asked.documents.len());
                let text = format!("asks for permission to delete by hand: {documents}");
                (Endpoint::Desk, text)
            }
            Happened::Ruled { on, .. } => {
                let ruling = match on.ruling {
                    Ruling::Granted => "granted",
                    Ruling::Refused => "refused",
                };
                (Endpoint::Board, format!("permission {ruling}"))
            }
            Happened::RulingTaken { taken: false, .. } => {
                (Endpoint::Desk, "does not take this permission".to_owned())
            }
            Happened::RestoreOrdered(order) => {
                let documents = count_documents(order.documents.len());
                let text = format!("a duplicate is stopped: orders to restore {documents}");
                (Endpoint::ClearingHouse, text)
            }
            Happened::Told { word, .. } => (Endpoint::Desk, tell_word(word)),
            Happened::Filed(_)
            | Happened::Wished { .. }
            | Happened::Store(_)
            | Happened::State { .. }
            | Happened::RulingTaken { .. }
            | Happened::Ended => return None,
        })
    }

    /// Looks that show nothing, morning after morning, are not worth a line.
    fn look(&mut self, by: Endpoint, documents: &[Seen]) -> Option<String> {
        let is_refresh = by == Endpoint::Office && std::mem::take(&mut self.is_refresh);
        match (is_refresh, documents.len()) {
            (true, 0) => Some("record refreshed: nothing left".to_owned()),
            (true, left) => {
                let names: Vec<String> = documents.iter().take(4).map(name).collect();
                let more = if left > names.len() { ", ..." } else { "" };
                let names = names.join(", ");
                Some(format!(
                    "record refreshed: {} LEFT: {names}{more}",
                    count_documents(left)
                ))
            }
            (false, 0) => None,
            (false, left) => Some(format!("the record shows {}", count_documents(left))),
        }
    }

    fn begins(&mut self, package: &str, opening: &Opening) -> String {
        let number = self.number(package);
        let with = match opening.gp2gp_information {
            true => "with GP2GP information",
            false => "documents only",
        };
        let ticket = opening.ticket.as_ref();
        let ticket = ticket.map_or_else(String::new, |ticket| format!(", for ticket {ticket}"));
        format!("export begins, {with}{ticket}: package {number}")
    }

    fn contents(&mut self, package: &Package) -> String {
        let number = self.number(&package.id);
        let bytes: u64 = package.documents.iter().map(|carried| carried.bytes).sum();
        let record = if package.record {
            " and the clinical record"
        } else {
            ""
        };
        let documents = count_documents(package.documents.len());
        format!("package {number}, {documents} ({}){record}", size(bytes))
    }

    fn number(&mut self, package: &str) -> usize {
        let next = self.packages.len() + 1;
        *self.packages.entry(package.to_owned()).or_insert(next)
    }
}

fn name(seen: &Seen) -> String {
    stable(&seen.file_name)
}

fn tell_arrival(filed: &Filed) -> String {
    let (name, bytes) = (stable(&filed.file_name), size(filed.bytes));
    format!("a letter is filed: {name} ({bytes})")
}

const fn tell_fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Accepted => "accepted",
        Fate::Delivered => "delivered before",
        Fate::Held => "flagged as a duplicate, and held",
        Fate::Recalled => "flagged as a duplicate: nothing of this patient is delivered",
    }
}

fn tell_ticket(ticket: &Ticket, taken: bool) -> String {
    let about = match (ticket.patient, ticket.exported_at) {
        (Some(patient), Some(at)) => {
            format!("patient {patient}, export of {}", at.to_ebxml())
        }
        (Some(patient), None) => format!("patient {patient}, no time of export"),
        (None, _) => "no patient reference".to_owned(),
    };
    let left = count_documents(ticket.left.len());
    let taken = if taken { "" } else { " [not taken]" };
    format!("ticket: {about}, {left} left{taken}")
}

fn count_documents(number: usize) -> String {
    count(number, "document")
}

fn tell_word(word: &Word) -> String {
    let outcome = match word.outcome {
        DeskOutcome::Closed => "closes the ticket",
        DeskOutcome::Kept => "closes the ticket, documents stay",
        DeskOutcome::NeverMade => "the export was never made",
        DeskOutcome::Restored => "the record is restored",
    };
    format!("{outcome}: {}", word.why)
}
