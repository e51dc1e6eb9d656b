//! Messages that could stop a system, and the transfers behind them (RCV-58, RCV-63).

use std::collections::BTreeSet;

use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{ConversationId, MessageKind};
use gp2gp_wire::OpenError;
use gp2gp_wire::hl7::{Hl7Error, XmlError};
use gp2gp_wire::mime::MimeError;

use super::malformed::came_whole;
use super::ruling::Ruling;
use super::storage::{filed_content_of, is_observed};
use super::transfer::{Transfer, id_of, transfers};
use crate::check::view::{Ending, Post};
use crate::check::{View, violation};

/// A delivered message that cannot be processed.
struct Poison<'v> {
    post: &'v Post,
    what: String,
    /// It does not merely fail: it harms a careless reader.
    is_hostile: bool,
}

/// RCV-58.
pub(super) fn next_transfer_unaffected(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for poison in poisons(view) {
        poison.assess_next(view, &mut ruling);
    }
    ruling.assess("no other transfer came behind a message that cannot be processed")
}

/// RCV-63.
pub(super) fn refused_without_harm(view: &View, _: Profile) -> Assessment {
    let mut ruling = Ruling::default();
    for poison in poisons(view).iter().filter(|poison| poison.is_hostile) {
        poison.assess_refusal(view, &mut ruling);
        poison.assess_next(view, &mut ruling);
    }
    ruling.assess("no message with a DTD, a bomb or a nested multipart came")
}

/// Every message that cannot be processed, once each. A document that grows without end is as bad
/// as a message; its core stands for it.
fn poisons(view: &View) -> Vec<Poison<'_>> {
    let mut known = BTreeSet::new();
    let delivered = view.delivered_to(Role::Requesting);
    let messages = delivered
        .filter(|post| known.insert(post.body.sha256))
        .filter_map(Poison::of)
        .collect::<Vec<_>>();
    let bombs = view
        .altered_documents
        .iter()
        .filter(|document| document.is_bomb);
    let bombs = bombs.filter_map(|bomb| {
        Some(Poison {
            post: view.posts.get(bomb.core)?,
            what: bomb.content.as_ref().err()?.clone(),
            is_hostile: true,
        })
    });
    messages.into_iter().chain(bombs).collect()
}

impl<'v> Poison<'v> {
    fn of(post: &'v Post) -> Option<Self> {
        let (what, is_hostile) = match post.message.as_ref() {
            // What Spine says of itself.
            Err(OpenError::NotAMessage(_)) => return None,
            Err(error) => (
                error.to_string(),
                matches!(error, OpenError::Mime(MimeError::Nested { .. })),
            ),
            Ok(seen) => {
                let error = seen.payload.as_ref().err()?;
                let is_dtd = matches!(error, Hl7Error::Xml(XmlError::Doctype));
                (error.to_string(), is_dtd)
            }
        };
        Some(Self {
            post,
            what,
            is_hostile,
        })
    }

    /// Answered at once, and never accepted.
    fn assess_refusal(&self, view: &View, ruling: &mut Ruling) {
        let expected = format!("message {} refused: {}", id_of(self.post), self.what);
        let Ending::Answered { .. } = self.post.ending else {
            let breach = violation(self.post, expected, "no answer to its delivery");
            ruling.unless(Some(breach));
            return;
        };
        let transfers = transfers(view);
        let own = self.conversation();
        let own = transfers.iter().find(|transfer| Some(&transfer.id) == own);
        let accepted = own.and_then(|transfer| {
            let mut acks = transfer.acks_of(self.post).into_iter();
            acks.find(super::transfer::Ack::is_success)
        });
        ruling.unless(accepted.map(|ack| violation(ack.post, expected, ack.show())));
    }

    /// Every other record that came whole behind it got its answer.
    fn assess_next(&self, view: &View, ruling: &mut Ruling) {
        let transfers = transfers(view);
        let mut known = BTreeSet::new();
        let behind = view.delivered_to(Role::Requesting).filter(|post| {
            post.seq > self.post.seq && post.kind() == Some(MessageKind::EhrExtract)
        });
        for core in behind.filter(|post| known.insert(post.name())) {
            let Some(seen) = core.seen() else { continue };
            let conversation = &seen.header.conversation_id;
            if Some(conversation) == self.conversation() {
                continue;
            }
            let transfer = transfers
                .iter()
                .find(|transfer| transfer.id == *conversation)
                .filter(|transfer| transfer.core().is_some());
            self.assess_transfer(view, core, transfer, ruling);
        }
    }

    fn assess_transfer(
        &self,
        view: &View,
        core: &Post,
        transfer: Option<&Transfer<'_>>,
        ruling: &mut Ruling,
    ) {
        let expected = format!(
            "core {} taken and answered as usual, though this had come before: {}",
            id_of(core),
            self.what
        );
        let Some(transfer) = transfer else {
            ruling.absent(view, violation(core, expected, "it was never taken over"));
            return;
        };
        if !came_whole(view, transfer) {
            return;
        }
        match (transfer.answers().is_empty(), transfer.decision()) {
            (false, _) => ruling.kept(),
            (true, Some(_)) => ruling.absent(view, violation(core, expected, "no answer")),
            (true, None)
                if filed_content_of(view, transfer, core).is_some() || !is_observed(view) =>
            {
                ruling.open(format!("nobody decided about core {}", id_of(core)));
            }
            (true, None) => ruling.absent(
                view,
                violation(
                    core,
                    expected,
                    "no answer, nobody was asked, nothing of it stored",
                ),
            ),
        }
    }

    fn conversation(&self) -> Option<&'v ConversationId> {
        self.post.seen().map(|seen| &seen.header.conversation_id)
    }
}
