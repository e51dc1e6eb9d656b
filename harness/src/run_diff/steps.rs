//! What happened in a run, each step by what led to it.

use std::collections::BTreeMap;

use gp2gp_model::run_diff::StepSeen;
use gp2gp_model::trace::Observation;
use gp2gp_model::{ConversationId, EbxmlMessageId, MessageKind};

use crate::check::View;
use crate::check::view::{Post, Seen};
use crate::snapshot::unnumbered;
use crate::story;

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What it is by what led to it; two runs call the same thing the same.
    pub(super) name: String,
    /// The name of what it refers to.
    pub(super) because_of: Option<String>,
    /// What it says, as far as it can be compared.
    pub(super) compared: String,
    /// As it is shown.
    pub(super) seen: StepSeen,
}

/// Every message, what people did and were told, and how it ended, in the order of the run.
pub(super) fn of(view: &View) -> Vec<Step> {
    let mut naming = Naming::default();
    let said = story::messages(view);
    let mut steps: Vec<Step> = Vec::new();
    for post in &view.posts {
        let Some(text) = said.get(&post.seq) else {
            continue;
        };
        let (name, because_of) = naming.name(post);
        steps.push(step(view, (name, because_of), text, (post.at, post.seq)));
    }
    for acted in &view.acts {
        if let Some(text) = story::act(acted) {
            let name = naming.counted(format!("people: {text}"));
            steps.push(step(view, (name, None), &text, (acted.at, acted.seq)));
        }
    }
    for alerted in &view.alerts {
        let text = alerted.alert.about.to_string();
        let name = naming.counted(format!("{} tells people", alerted.by));
        steps.push(step(view, (name, None), &text, (alerted.at, alerted.seq)));
    }
    steps.sort_by_key(|step| step.seen.event);
    for (by, observation) in &view.observed {
        let Observation::Transfer {
            state, print_state, ..
        } = observation
        else {
            continue;
        };
        let print = print_state.map_or_else(String::new, |it| format!(", print state {it}"));
        let name = naming.counted(format!("how {by} ends"));
        let text = format!("{state}{print}");
        steps.push(step(view, (name, None), &text, (view.ended_at, u64::MAX)));
    }
    steps
}

fn step(
    view: &View,
    (name, because_of): (String, Option<String>),
    text: &str,
    (at, event): (gp2gp_model::Time, u64),
) -> Step {
    let since = at.since(view.header.started).as_millis();
    Step {
        name,
        because_of,
        compared: unnumbered(text),
        seen: StepSeen {
            says: text.to_owned(),
            at,
            since_start_ms: u64::try_from(since).unwrap_or(u64::MAX),
            event,
        },
    }
}

/// Names of messages: by the message that they answer or that promised them.
#[derive(Default)]
struct Naming {
    /// How often a name was given.
    counts: BTreeMap<String, usize>,
    /// Names of messages, by conversation and id.
    messages: BTreeMap<(ConversationId, EbxmlMessageId), String>,
    /// Messages that were promised: by which message, in which place.
    promised: BTreeMap<(ConversationId, EbxmlMessageId), (String, usize)>,
    /// The last message of a kind in a conversation.
    latest: BTreeMap<(ConversationId, MessageKind), String>,
    /// Conversations in the order of their requests.
    conversations: Vec<ConversationId>,
}

impl Naming {
    /// The name of a message, and of what it refers to.
    fn name(&mut self, post: &Post) -> (String, Option<String>) {
        let (Some(seen), Some((conversation, id))) = (post.seen(), post.name()) else {
            return (self.counted(format!("{}: unreadable", post.from)), None);
        };
        let own = (conversation.clone(), id.clone());
        let because_of = self.reference(seen, &own);
        let name = self.called(post, seen, &own, because_of.as_deref());
        for (place, promised) in (1..).zip(seen.promised()) {
            let promised = (own.0.clone(), promised.clone());
            let by = || (name.clone(), place);
            self.promised.entry(promised).or_insert_with(by);
        }
        if let Some(kind) = seen.kind() {
            self.latest.insert((own.0.clone(), kind), name.clone());
        }
        if let Some(hl7) = seen.hl7_id() {
            let by_payload = (own.0.clone(), EbxmlMessageId::from(hl7));
            self.messages
                .entry(by_payload)
                .or_insert_with(|| name.clone());
        }
        self.messages.insert(own, name.clone());
        (name, because_of)
    }

    /// What a message refers to: what it acknowledges, what promised it, or what comes before it in every transfer.
    fn reference(&self, seen: &Seen, own: &(ConversationId, EbxmlMessageId)) -> Option<String> {
        if let Some(ack) = seen.acknowledgement() {
            let named = (own.0.clone(), EbxmlMessageId::from(&ack.message_ref));
            return self.messages.get(&named).cloned();
        }
        let latest = |kind| self.latest.get(&(own.0.clone(), kind)).cloned();
        match seen.kind()? {
            MessageKind::EhrRequest | MessageKind::Acknowledgement => None,
            MessageKind::EhrExtract => latest(MessageKind::EhrRequest),
            MessageKind::Continue => latest(MessageKind::EhrExtract),
            MessageKind::Fragment => {
                let promised = self.promised.get(own).map(|(by, _)| by.clone());
                promised.or_else(|| latest(MessageKind::Continue))
            }
        }
    }

    fn called(
        &mut self,
        post: &Post,
        seen: &Seen,
        own: &(ConversationId, EbxmlMessageId),
        because_of: Option<&str>,
    ) -> String {
        let Some(kind) = seen.kind() else {
            return self.counted(format!("{} from {}", seen.header.action, post.from));
        };
        if let Some((by, place)) = self.promised.get(own) {
            let name = format!("fragment {place} of {by}");
            return self.counted(name);
        }
        let name = match (kind, because_of) {
            (MessageKind::Acknowledgement, Some(of)) => format!("{kind} of {of}"),
            (MessageKind::Acknowledgement, None) => format!("{kind} of what nobody sent"),
            (_, Some(_)) | (_, None) => {
                let transfer = self.transfer(&own.0);
                format!("{kind}{transfer}")
            }
        };
        self.counted(name)
    }

    /// Nothing of the first conversation, which most runs have alone.
    fn transfer(&mut self, conversation: &ConversationId) -> String {
        let known = self.conversations.iter().position(|it| it == conversation);
        let at = known.unwrap_or_else(|| {
            self.conversations.push(conversation.clone());
            self.conversations.len() - 1
        });
        match at {
            0 => String::new(),
            more => format!(" of transfer {}", more + 1),
        }
    }

    /// The same name once more is another step.
    fn counted(&mut self, name: String) -> String {
        let count = self.counts.entry(name.clone()).or_default();
        *count += 1;
        match *count {
            1 => name,
            more => format!("{name} (no. {more})"),
        }
    }
}
