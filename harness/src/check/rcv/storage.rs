//! What the requesting system filed, beside what was sent to it.

use std::collections::BTreeSet;

use gp2gp_model::Sha256;
use gp2gp_model::plan::{Caps, Role};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::Violation;

use super::malformed::pieces_of;
use super::transfer::{Ack, Transfer, transfers};
use crate::check::documents::Document;
use crate::check::view::Post;
use crate::check::{View, violation};

/// Stored documents shown in a violation.
const SHOWN: usize = 4;

/// Why nothing can be said about stored documents.
pub(super) const UNOBSERVED: &str = "what the system stored was not observed (that needs level L2)";

/// A record that the system told to have stored.
pub(super) struct Filed<'v> {
    pub(super) transfer: Transfer<'v>,
    /// AA or 15.
    pub(super) ack: Ack<'v>,
    /// The core that it names.
    pub(super) core: &'v Post,
    /// Documents as they were sent.
    pub(super) documents: Vec<&'v Document>,
    /// Documents as they were stored.
    pub(super) stored: Vec<Stored<'v>>,
    /// How much the system declares that it takes.
    caps: Caps,
}

/// A document as the system reports it.
#[derive(Clone, Copy)]
pub(super) struct Stored<'v> {
    pub(super) file_name: &'v str,
    pub(super) media_type: &'v str,
    pub(super) sha256: &'v Sha256,
    pub(super) bytes: u64,
    pub(super) placeholder: bool,
}

/// Records that were filed; `None` where the system says nothing of itself.
pub(super) fn filed(view: &View) -> Option<Vec<Filed<'_>>> {
    is_observed(view).then(|| {
        transfers(view)
            .into_iter()
            .filter_map(|transfer| Filed::of(view, transfer))
            .collect()
    })
}

/// Whether the system says anything of itself.
pub(super) fn is_observed(view: &View) -> bool {
    let mut observed = view.observed.iter();
    observed.any(|(by, _)| *by == Endpoint::Requesting)
}

/// The name of something of this core that is stored for the patient of the transfer, whether it
/// was acknowledged or not. What other cores bring as well says nothing.
pub(super) fn filed_content_of<'v>(
    view: &'v View,
    transfer: &Transfer<'v>,
    core: &Post,
) -> Option<&'v str> {
    let is_of_core = |document: &&Document| {
        let sent = view.posts.get(document.core);
        sent.is_some_and(|sent| sent.is_same_message(core) && sent.is_of(&transfer.id))
    };
    let documents = view.delivered_documents().iter();
    let (own, others): (Vec<_>, Vec<_>) = documents.partition(is_of_core);
    let contents = |documents: Vec<&Document>| {
        let contents = documents.into_iter();
        contents
            .filter_map(|document| document.content.as_ref().ok())
            .map(|(sha256, _)| *sha256)
            .collect::<BTreeSet<_>>()
    };
    let (mut own, others) = (contents(own), contents(others));
    own.extend(core.seen().map(|seen| seen.payload_sha256));
    let stored = view
        .observed
        .iter()
        .filter(|(by, _)| *by == Endpoint::Requesting);
    stored
        .filter_map(|(_, observation)| match observation {
            Observation::Stored {
                patient,
                file_name,
                sha256,
                ..
            } if Some(*patient) == transfer.patient => Some((file_name.as_str(), sha256)),
            Observation::Stored { .. }
            | Observation::Transfer { .. }
            | Observation::InStore { .. } => None,
        })
        .find(|(_, sha256)| own.contains(sha256) && !others.contains(sha256))
        .map(|(file_name, _)| file_name)
}

impl<'v> Filed<'v> {
    fn of(view: &'v View, transfer: Transfer<'v>) -> Option<Self> {
        let (ack, core) = transfer.filed()?;
        let patient = transfer.patient?;
        let documents = view.delivered_documents().iter().filter(|document| {
            let sent = view.posts.get(document.core);
            sent.is_some_and(|sent| sent.is_same_message(core) && sent.is_of(&transfer.id))
        });
        let stored = view
            .observed
            .iter()
            .filter_map(|(by, observation)| match observation {
                Observation::Stored {
                    patient: whose,
                    file_name,
                    media_type,
                    sha256,
                    bytes,
                    placeholder,
                } if *by == Endpoint::from(Role::Requesting) && *whose == patient => Some(Stored {
                    file_name,
                    media_type,
                    sha256,
                    bytes: *bytes,
                    placeholder: *placeholder,
                }),
                Observation::Stored { .. }
                | Observation::InStore { .. }
                | Observation::Transfer { .. } => None,
            });
        Some(Self {
            ack,
            core,
            documents: documents.collect(),
            stored: stored.collect(),
            caps: (view.header.practices.as_ref()).map_or_else(Caps::default, |it| it.caps),
            transfer,
        })
    }

    /// What is stored with this content.
    pub(super) fn with_content(&self, sha256: &Sha256) -> impl Iterator<Item = &Stored<'v>> {
        self.stored
            .iter()
            .filter(move |stored| stored.sha256 == sha256)
    }

    /// Whether it is the content of a document that was sent.
    pub(super) fn was_sent(&self, stored: &Stored<'_>) -> bool {
        let mut sent = self.documents.iter();
        sent.any(|document| matches!(&document.content, Ok((own, _)) if own == stored.sha256))
    }

    /// What speaks against content having been stored as it was.
    pub(super) fn altered(&self, name: &str, sha256: &Sha256, bytes: u64) -> Option<Violation> {
        if self.with_content(sha256).next().is_some() || self.is_openly_replaced(bytes) {
            return None;
        }
        // Of several under one name, what nobody sent is what became of it.
        let namesakes = || self.stored.iter().filter(|stored| stored.file_name == name);
        let altered = namesakes().find(|stored| !self.was_sent(stored));
        let seen = match altered.or(namesakes().next()) {
            Some(stored) if self.was_sent(stored) => format!(
                "under its name is only another document of the record, of {} bytes, digest {}",
                stored.bytes, stored.sha256
            ),
            Some(stored) => format!(
                "stored with {} bytes, digest {}",
                stored.bytes, stored.sha256
            ),
            None => format!("not stored; stored are {}", self.show_stored()),
        };
        let mut expected = format!("`{name}` stored with {bytes} bytes, digest {sha256}");
        if self.caps.is_too_large(bytes) {
            expected += ", or a placeholder in its place: it is above the declared limit";
        }
        let carriers = self.carriers(sha256);
        Some(self.violation(expected, seen).with(carriers))
    }

    /// The messages in which a document came.
    fn carriers(&self, sha256: &Sha256) -> Vec<u64> {
        let is_it = |document: &&&Document| {
            let content = document.content.as_ref();
            content.is_ok_and(|(found, _)| found == sha256)
        };
        let document = self.documents.iter().find(is_it);
        let pieces = document.and_then(|it| pieces_of(&self.transfer, self.core, it));
        let came = pieces.into_iter().flatten().flatten();
        came.map(|post| post.seq).collect()
    }

    /// A document above the limit that the system declares may be replaced by a placeholder, if
    /// each of them is (RCV-64).
    pub(super) fn is_openly_replaced(&self, bytes: u64) -> bool {
        let sent: Vec<(Sha256, u64)> = (self.documents.iter())
            .filter(|document| document.skeleton.is_none())
            .filter_map(|document| document.content.as_ref().ok().copied())
            .collect();
        let too_large = (sent.iter()).filter(|(_, bytes)| self.caps.is_too_large(*bytes));
        let own_notes = (self.stored.iter()).filter(|stored| {
            stored.placeholder && !sent.iter().any(|(sha256, _)| sha256 == stored.sha256)
        });
        self.caps.is_too_large(bytes) && own_notes.count() >= too_large.count()
    }

    /// A violation shown by the acknowledgement that claims success.
    pub(super) fn violation(
        &self,
        expected: impl Into<String>,
        seen: impl Into<String>,
    ) -> Violation {
        let seen = format!("{}, after {}", seen.into(), self.ack.show());
        violation(self.ack.post, expected, seen).with([self.core.seq])
    }

    fn show_stored(&self) -> String {
        let names = self
            .stored
            .iter()
            .map(|stored| format!("`{}`", stored.file_name));
        let mut names: Vec<_> = names.take(SHOWN).collect();
        if self.stored.len() > SHOWN {
            names.push(format!("and {} more", self.stored.len() - SHOWN));
        }
        match names.is_empty() {
            true => "no documents at all".to_owned(),
            false => names.join(", "),
        }
    }
}

/// The name under which a violation speaks of a document.
pub(super) fn name_of(document: &Document) -> String {
    let name = document.style.filename().map(str::to_owned);
    name.unwrap_or_else(|| format!("attachment {}", document.attachment + 1))
}
