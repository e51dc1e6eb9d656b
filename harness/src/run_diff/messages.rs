//! A message as a step: what it is by what led to it, and what of it can be compared.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use gp2gp_model::trace::{Bodies, Endpoint};
use gp2gp_model::{ConversationId, EbxmlMessageId, MessageKind};
use gp2gp_wire::attachment::DescriptionStyle;
use gp2gp_wire::mime;

use super::aliases::Aliases;
use super::bodies::Content;
use super::steps::Field;
use crate::check::View;
use crate::check::view::{AttachmentSeen, Ending, Place, Post, RECORDED_FILE, Seen};
use crate::story::{self, Names};

/// What a message says and how it went, field by field.
pub(super) fn fields(
    view: &View,
    names: &Names<'_>,
    (post, is_piece): (&Post, bool),
    aliases: &Aliases,
) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String| fields.push(Field::new(name, value));
    match post.message.as_ref() {
        Err(error) => add("unreadable", aliases.text(&error.to_string())),
        Ok(seen) => {
            envelope(post, seen, &mut add);
            payload(seen, aliases, &mut add);
            for (number, attachment) in (1..).zip(&seen.attachments) {
                add(
                    &format!("attachment {number}"),
                    aliases.text(&attached(attachment, is_piece)),
                );
            }
            if let Some(before) = before(view, post, seen) {
                add("after", before);
            }
        }
    }
    let fate = names.fate(view, post);
    if !fate.is_empty() {
        add("became of it", fate.trim().to_owned());
    }
    let taken = deliveries(view, post);
    if !taken.is_empty() {
        add("recipient says", taken);
    }
    fields
}

fn envelope(post: &Post, seen: &Seen, add: &mut impl FnMut(&str, String)) {
    let header = &seen.header;
    add("SOAPAction", post.soap_action.clone().unwrap_or_default());
    add("service", header.service.clone());
    add("action", header.action.clone());
    add("from", header.from.to_string());
    add("to", header.to.to_string());
    add("CPAId", header.cpa_id.to_string());
    add(
        "message id",
        letters(&header.message_id.to_string()).to_owned(),
    );
    let conversation = header.conversation_id.to_string();
    add("conversation id", letters(&conversation).to_owned());
    add(
        "duplicate elimination",
        header.duplicate_elimination.to_string(),
    );
    add("SyncReply", header.sync_reply.clone().unwrap_or_default());
    let ack = header.ack_requested.as_ref();
    add(
        "AckRequested",
        ack.map_or_else(String::new, |it| {
            format!("{}, signed {}", it.actor, it.signed)
        }),
    );
    let lives = header
        .time_to_live
        .map(|until| match until < header.timestamp {
            true => "over when it is sent".to_owned(),
            false => format!("{} s", until.since(header.timestamp).as_secs()),
        });
    add("TimeToLive", lives.unwrap_or_else(|| "none".to_owned()));
    if !seen.parts_in_order {
        add(
            "order of parts",
            "not envelope, payload, attachments".to_owned(),
        );
    }
    if !seen.stray_parts.is_empty() {
        let count = seen.stray_parts.len();
        add("parts that the manifest does not name", count.to_string());
    }
}

fn payload(seen: &Seen, aliases: &Aliases, add: &mut impl FnMut(&str, String)) {
    if let Err(error) = &seen.payload {
        add("payload", aliases.text(&error.to_string()));
    }
    if let Some(request) = seen.request() {
        add("patient", aliases.patient(request.patient));
    }
    if let Some(extract) = seen.extract() {
        add("patient", aliases.patient(extract.patient));
    }
    if let Some(ack) = seen.acknowledgement() {
        let answer = match (ack.code(), ack.is_negative()) {
            (Some(code), _) => format!("refuses with {code}"),
            (None, true) => "refuses without a code".to_owned(),
            (None, false) => "accepts".to_owned(),
        };
        add("answer", answer);
    }
    if let Some(id) = seen.hl7_id() {
        let is_own = id
            .to_string()
            .eq_ignore_ascii_case(&seen.header.message_id.to_string());
        add(
            "HL7 id",
            match is_own {
                true => "that of the message".to_owned(),
                false => "another than that of the message".to_owned(),
            },
        );
    }
}

/// An attachment as the manifest and its part have it.
fn attached(attachment: &AttachmentSeen, is_piece: bool) -> String {
    let told = story::tell_attachment(attachment);
    let told = match is_piece || is_record(attachment) {
        // Its size is that of times, compressed.
        true => told.split(" inline").next().unwrap_or_default().to_owned(),
        false => told,
    };
    match &attachment.place {
        Place::Inline {
            content_type,
            encoding,
            ..
        } => format!("{told}, {content_type}, {encoding:?}"),
        Place::External(_) | Place::Dangling(_) | Place::Other(_) => told,
    }
}

/// The record itself: it holds the time at which it was made.
fn is_record(attachment: &AttachmentSeen) -> bool {
    let description = attachment.description.as_deref().unwrap_or_default();
    let is_skeleton = match DescriptionStyle::read(description) {
        DescriptionStyle::Grammar(it) => it.is_skeleton(),
        DescriptionStyle::FilenameOnly(_) | DescriptionStyle::Word | DescriptionStyle::Empty => {
            false
        }
    };
    is_skeleton || description.contains("EhrExtract")
}

/// Messages that carry pieces of the record itself: with its times, these are of another size in every run.
#[derive(Default)]
pub(super) struct Pieces(BTreeSet<(ConversationId, EbxmlMessageId)>);

impl Pieces {
    pub(super) fn contains(&self, post: &Post) -> bool {
        let name = post.name();
        name.is_some_and(|(conversation, id)| self.0.contains(&(conversation.clone(), id.clone())))
    }
}

/// What the attachment of a skeleton, or an index that it leads to, promises.
pub(super) fn pieces_of_records(view: &View) -> Pieces {
    let mut pieces = Pieces::default();
    for post in &view.posts {
        let Some(seen) = post.seen() else { continue };
        let is_piece = pieces.contains(post);
        for attachment in &seen.attachments {
            if let Place::External(promised) = &attachment.place
                && (is_piece || is_record(attachment))
            {
                let conversation = seen.header.conversation_id.clone();
                pieces.0.insert((conversation, promised.clone()));
            }
        }
    }
    pieces
}

/// What had to come before, and whether it had: a Continue before fragments, the fragments and people before the last word.
fn before(view: &View, post: &Post, seen: &Seen) -> Option<String> {
    let conversation = &seen.header.conversation_id;
    let earlier = || {
        let end = view.posts.partition_point(|it| it.seq < post.seq);
        view.posts.get(..end).unwrap_or_default().iter()
    };
    let delivered = |kind: MessageKind| {
        let mut names: Vec<_> = earlier()
            .filter(|it| it.from == Endpoint::Spine && it.kind() == Some(kind))
            .filter(|it| it.to == post.from && it.is_of(conversation) && !it.never_arrived())
            .filter_map(Post::message_id)
            .collect();
        names.sort();
        names.dedup();
        names.len()
    };
    let of_extract = || {
        let named = seen.acknowledgement().map(|ack| &ack.message_ref)?;
        let is_named = |it: &&Post| {
            it.kind() == Some(MessageKind::EhrExtract)
                && it.seen().is_some_and(|seen| seen.is_named_by(named))
        };
        view.posts.iter().find(is_named)
    };
    match seen.kind()? {
        MessageKind::Fragment => Some(match delivered(MessageKind::Continue) {
            0 => "no Continue".to_owned(),
            _ => "a Continue".to_owned(),
        }),
        MessageKind::Acknowledgement => {
            let extract = of_extract()?;
            let promised = extract.seen().map_or(0, |it| it.promised().count());
            let came = delivered(MessageKind::Fragment);
            let decided = view.acts.iter().any(|act| {
                act.seq < post.seq && act.on == post.from && act.act.decides().is_some()
            });
            let people = match decided {
                true => "people decided",
                false => "nobody decided",
            };
            Some(match promised {
                0 => people.to_owned(),
                _ if came >= promised => format!("all that was promised, {people}"),
                _ => format!("not all that was promised, {people}"),
            })
        }
        MessageKind::EhrRequest | MessageKind::EhrExtract | MessageKind::Continue => None,
    }
}

/// What the recipient said to deliveries, where it is not what it should.
fn deliveries(view: &View, post: &Post) -> String {
    let of_it = view.posts.iter().filter(|other| {
        other.from == Endpoint::Spine && post.from != Endpoint::Spine && other.is_same_message(post)
    });
    let mut said: Vec<String> = Vec::new();
    for delivery in of_it.filter(|it| !it.was_accepted()) {
        said.push(match &delivery.ending {
            Ending::Answered { status, .. } => format!("HTTP {status}"),
            Ending::NoAnswer { .. } | Ending::Open => "no answer".to_owned(),
        });
    }
    said.dedup();
    said.join(", ")
}

fn letters(id: &str) -> &'static str {
    match (
        id.bytes().any(|it| it.is_ascii_lowercase()),
        id.bytes().any(|it| it.is_ascii_uppercase()),
    ) {
        (true, false) => "in lower case",
        (true, true) => "in mixed case",
        (false, _) => "in upper case",
    }
}

/// Payload and attachments; none of what cannot be split.
pub(super) fn contents(bodies: &dyn Bodies, (post, is_piece): (&Post, bool)) -> Vec<Content> {
    let Some(bytes) = bodies.body(&post.body.sha256) else {
        return Vec::new();
    };
    let split = match post.content_type.as_str() {
        RECORDED_FILE => mime::split_bare(&bytes),
        other => mime::split(other, &bytes),
    };
    let Ok(multipart) = split else {
        return vec![content("body", bytes, true)];
    };
    let attachments = post.seen().map_or(&[][..], |seen| &seen.attachments);
    let holds = |header: &str, id: &str| header.trim_matches(['<', '>']) == id;
    let mut found = Vec::new();
    for (at, part) in multipart.parts.iter().enumerate().skip(1) {
        if at == 1 {
            found.push(content("payload", part.body.clone(), true));
            continue;
        }
        let id = part
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-id"))
            .map(|(_, id)| id.as_str())
            .unwrap_or_default();
        let named = attachments.iter().position(|it| match &it.place {
            Place::Inline { content_id, .. } => holds(id, &content_id.to_string()),
            Place::External(_) | Place::Dangling(_) | Place::Other(_) => false,
        });
        if let Some(number) = named
            && !is_piece
            && attachments.get(number).is_some_and(is_compared)
        {
            let of = format!("content of attachment {}", number + 1);
            found.push(content(&of, part.body.clone(), false));
        }
    }
    found
}

/// What names neither times nor ids in its content.
fn is_compared(attachment: &AttachmentSeen) -> bool {
    let is_placeholder = story::tell_attachment(attachment).starts_with("placeholder");
    !is_placeholder && !is_record(attachment)
}

fn content(of: &str, bytes: Bytes, is_text: bool) -> Content {
    Content {
        of: of.to_owned(),
        bytes,
        is_text,
    }
}

/// Names of messages: by the message that they answer or that promised them.
#[derive(Default)]
pub(super) struct Naming {
    /// Whose transfer a conversation is; empty where there is one patient alone.
    patients: BTreeMap<ConversationId, String>,
    /// How often a name was given.
    counts: BTreeMap<String, usize>,
    /// Names of messages, by conversation and id.
    messages: BTreeMap<(ConversationId, EbxmlMessageId), String>,
    /// Messages that were promised: by which message, in which place.
    promised: BTreeMap<(ConversationId, EbxmlMessageId), (String, usize)>,
    /// The last message of a kind in a conversation.
    latest: BTreeMap<(ConversationId, MessageKind), String>,
    /// Conversations of each patient, in the order of their first message.
    conversations: BTreeMap<String, Vec<ConversationId>>,
}

impl Naming {
    pub(super) fn of(view: &View, aliases: &Aliases) -> Self {
        let mut patients = BTreeMap::new();
        for seen in view.posts.iter().filter_map(Post::seen) {
            let of = seen.request().map(|it| it.patient);
            let of = of.or_else(|| seen.extract().map(|it| it.patient));
            if let Some(patient) = of {
                let conversation = seen.header.conversation_id.clone();
                patients
                    .entry(conversation)
                    .or_insert_with(|| aliases.patient(patient));
            }
        }
        let several: BTreeSet<&String> = patients.values().collect();
        if several.len() < 2 {
            patients.clear();
        }
        Self {
            patients,
            ..Self::default()
        }
    }

    /// The name of a message, and of what it refers to.
    pub(super) fn name(&mut self, post: &Post) -> (String, Option<String>) {
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

    /// The name of a message that was told before.
    pub(super) fn told(&self, post: &Post) -> Option<&String> {
        let (conversation, id) = post.name()?;
        self.messages.get(&(conversation.clone(), id.clone()))
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

    /// Nothing where there is one patient, with one transfer.
    fn transfer(&mut self, conversation: &ConversationId) -> String {
        let patient = self.patients.get(conversation).cloned().unwrap_or_default();
        let of = match patient.is_empty() {
            true => String::new(),
            false => format!(" of {patient}"),
        };
        let known = self.conversations.entry(patient).or_default();
        let at = known.iter().position(|it| it == conversation);
        let at = at.unwrap_or_else(|| {
            known.push(conversation.clone());
            known.len() - 1
        });
        match at {
            0 => of,
            more => format!("{of}, transfer {}", more + 1),
        }
    }

    /// The same name once more is another step.
    pub(super) fn counted(&mut self, name: String) -> String {
        let count = self.counts.entry(name.clone()).or_default();
        *count += 1;
        match *count {
            1 => name,
            more => format!("{name} (no. {more})"),
        }
    }
}
