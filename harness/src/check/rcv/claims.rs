//! What the directory says that the system can do, beside what it does (RCV-66).

use gp2gp_model::Interaction;
use gp2gp_model::directory::Practice;
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::malformed::{came_whole, is_damaged_core};
use super::ruling::Ruling;
use super::transfer::{Attempt, Transfer, id_of, transfers};
use crate::check::documents::Document;
use crate::check::view::{Post, Seen};
use crate::check::{View, violation};

/// RCV-66.
pub(super) fn does_what_it_claims(view: &View, _: Profile) -> Assessment {
    let practices = view.header.practices.as_ref();
    let own = practices.and_then(|known| view.header.directory.practice(&known.requesting));
    let Some(own) = own else {
        return Assessment::NotExercised("the directory of this trace is not known");
    };
    let mut ruling = Ruling::default();
    for request in view.sent_by(Role::Requesting) {
        judge_version(view, own, request, &mut ruling);
    }
    for transfer in transfers(view) {
        for attempt in transfer.attempts() {
            let claims = Claims {
                view,
                own,
                transfer: &transfer,
                attempt: &attempt,
            };
            claims.judge(&mut ruling);
        }
    }
    ruling.assess("nothing came that only some systems take")
}

/// Whether a request is in the newest version that both systems are listed for.
fn judge_version(view: &View, own: &Practice, post: &Post, ruling: &mut Ruling) {
    let Some(request) = post.seen().and_then(Seen::request) else {
        return;
    };
    let Some(asked) = view.header.directory.practice(&request.destination) else {
        return;
    };
    let listed = |practice: &Practice| {
        let requests = Interaction::REQUESTS.into_iter();
        let listed = requests.filter(|request| practice.interactions.contains(request));
        listed.collect::<Vec<_>>()
    };
    let (own_requests, theirs) = (listed(own), listed(asked));
    let newest = own_requests.iter().find(|request| theirs.contains(request));
    let found = request.version.interaction();
    let parties = format!("practices {} and {}", own.ods, asked.ods);
    if newest != Some(&found) {
        ruling.unless(Some(violation(
            post,
            match newest {
                Some(newest) => {
                    format!("{newest}, the newest request that {parties} are both listed for")
                }
                None => format!("no request: there is none that {parties} are both listed for"),
            },
            format!("{found} in message {}", id_of(post)),
        )));
    } else if own_requests.len() > 1 || theirs.len() > 1 {
        ruling.kept();
        ruling.note(format!("{found} is the newest request of both"));
    }
}

/// One core, and what the directory says of interactions that it needs.
struct Claims<'a, 'v> {
    view: &'v View,
    own: &'a Practice,
    transfer: &'a Transfer<'v>,
    attempt: &'a Attempt<'v>,
}

impl Claims<'_, '_> {
    fn judge(&self, ruling: &mut Ruling) {
        let core = self.attempt.core;
        let Some(extract) = core.seen().and_then(Seen::extract) else {
            return;
        };
        // Every system takes the oldest form; only a newer one is a claim.
        let newer = extract.version.interaction();
        let is_newer = newer != Interaction::EhrExtractUk06 && self.is_listed(newer);
        if is_newer && !is_damaged_core(self.view, core) {
            ruling.unless(self.refused(newer));
            ruling.note(format!("{} is listed and taken", newer.id()));
        }
        let promises = core
            .seen()
            .is_some_and(|seen| seen.promised().next().is_some());
        let copc = Interaction::Copc;
        match (promises, self.is_listed(copc)) {
            (true, true) => {
                let breach = self.without_continue().or_else(|| self.fragment_refused());
                ruling.unless(breach);
                ruling.note(format!("{} is listed and taken", copc.id()));
            }
            (_, false) => {
                ruling.unless(self.unlisted_continue());
                ruling.note(format!("{} is neither listed nor used", copc.id()));
            }
            (false, true) => {}
        }
    }

    fn is_listed(&self, interaction: Interaction) -> bool {
        let directory = &self.view.header.directory;
        directory
            .contract(&self.own.party_key, interaction)
            .is_some()
    }

    fn expected(&self, interaction: Interaction, message: &Post) -> String {
        format!(
            "message {} taken: the directory lists {} for practice {}",
            id_of(message),
            interaction.id(),
            self.own.ods
        )
    }

    /// The core, refused for what it is.
    fn refused(&self, interaction: Interaction) -> Option<Violation> {
        let answers = self.attempt.answers(self.transfer);
        let refusal = answers.iter().find(|ack| ack.code() == Some("21"))?;
        let expected = self.expected(interaction, self.attempt.core);
        Some(violation(refusal.post, expected, refusal.show()))
    }

    /// Promises that nobody asks for, where nothing else speaks against the core.
    fn without_continue(&self) -> Option<Violation> {
        let has_continued = self.attempt.continues(self.transfer).next().is_some();
        let is_answered = !self.attempt.answers(self.transfer).is_empty();
        let is_cut_off = self.view.has_real_times() && !self.view.quiescent;
        if has_continued || is_answered || is_cut_off || !self.view.has_real_times() {
            return None;
        }
        let expected = self.expected(Interaction::Copc, self.attempt.core);
        Some(violation(
            self.attempt.core,
            expected,
            "no Continue and no answer",
        ))
    }

    /// A fragment, refused though all of them are well.
    fn fragment_refused(&self) -> Option<Violation> {
        let view = self.view;
        if !came_whole(view, self.transfer) || is_above_declared_total(view, self.attempt.core) {
            return None;
        }
        let fragments = self.transfer.fragments();
        let promises = self.transfer.promises(self.attempt.core);
        let is_promised = |fragment: &Post| {
            let mut came = promises.iter().filter_map(|promise| promise.came);
            came.any(|came| came.seq == fragment.seq)
        };
        let own = fragments.filter(|it| self.attempt.has(it) && is_promised(it));
        own.flat_map(|fragment| {
            let acks = self.transfer.acks_of(fragment);
            acks.into_iter().map(move |ack| (fragment, ack))
        })
        // Nothing is taken after the end.
        .filter(|(_, ack)| {
            let failed = self.transfer.failed();
            failed.is_none_or(|failed| ack.post.seq < failed.post.seq)
        })
        .find(|(_, ack)| ack.code() == Some("30"))
        .map(|(fragment, refusal)| {
            let expected = self.expected(Interaction::Copc, fragment);
            violation(refusal.post, expected, refusal.show())
        })
    }

    /// A system that is not listed for COPC asks for some.
    fn unlisted_continue(&self) -> Option<Violation> {
        let continued = self.attempt.continues(self.transfer).next()?;
        let expected = format!(
            "no Continue: the directory does not list {} for practice {}",
            Interaction::Copc.id(),
            self.own.ods
        );
        let seen = format!("Continue {}", id_of(continued));
        Some(violation(continued, expected, seen))
    }
}

/// Whether the documents of a core are more than the system declares that it takes.
pub(super) fn is_above_declared_total(view: &View, core: &Post) -> bool {
    let caps = view
        .header
        .practices
        .as_ref()
        .map(|practices| practices.caps);
    let Some(most) = caps.and_then(|caps| caps.total_bytes) else {
        return false;
    };
    let is_of_core = |document: &&Document| {
        let sent = view.posts.get(document.core);
        sent.is_some_and(|sent| sent.is_same_message(core))
    };
    let documents = view.delivered_documents().iter().filter(is_of_core);
    let together: u64 = documents
        .filter(|document| document.skeleton.is_none())
        .filter_map(|document| document.content.as_ref().ok())
        .map(|(_, bytes)| bytes)
        .sum();
    together > most
}
