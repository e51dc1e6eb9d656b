//! The story of a transfer, a line per step, for people and for snapshots: ids become numbers,
//! times become spans since the start, so that a change of behaviour is a small difference.

mod export;
mod federation;
mod national;

pub(crate) use national::question;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gp2gp_model::http::Method;
use gp2gp_model::plan::{Act, Decision, Role, StrayMessage, Wish};
use gp2gp_model::plural::count;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{ConversationId, EbxmlMessageId, Hl7MessageId, MessageKind};
use gp2gp_wire::attachment::DescriptionStyle;

use crate::check::paper;
use crate::check::store_calls::StoreCall;
use crate::check::view::{Acted, AttachmentSeen, Ending, Place, Post, Seen, View};

/// A run of this many chunks and their acknowledgements becomes one line.
const FOLD: usize = 6;

/// Tells the story.
pub fn tell(view: &View) -> Vec<String> {
    let names = Names::of(view);
    let mut lines: Vec<Line> = Vec::new();
    let told = |act: &&Acted| !matches!(act.act, Act::File { .. });
    lines.extend(view.acts.iter().filter(told).map(|acted| Line {
        seq: acted.seq,
        at: acted.at.since(view.header.started),
        who: "people".to_owned(),
        text: tell_act(&acted.act, acted.not_supported),
        bulk: None,
        says: None,
    }));
    lines.extend(
        view.posts
            .iter()
            .filter(|post| post.from != Endpoint::Spine && !post.is_retransmission)
            .map(|post| names.line(view, post)),
    );
    lines.extend(
        view.posts
            .iter()
            .filter(|post| post.from == Endpoint::Spine && is_made_by_spine(view, post))
            .map(|post| names.line(view, post)),
    );
    lines.extend(view.alerts.iter().map(|alerted| Line {
        seq: alerted.seq,
        at: alerted.at.since(view.header.started),
        who: alerted.by.to_string(),
        text: format!("tells people: {}", alerted.alert.about),
        bulk: None,
        says: None,
    }));
    lines.extend(store_lines(view));
    lines.extend(national::lines(view));
    lines.extend((view.export.iter()).flat_map(|it| export::lines(view, it)));
    lines.extend((view.federation.iter()).flat_map(|it| federation::lines(view, it)));
    lines.sort_by_key(|line| line.seq);
    let mut story = fold(&lines);
    story.extend(
        view.observed
            .iter()
            .filter_map(|(by, observation)| tell_state(*by, observation)),
    );
    story.extend(gp2gp_model::paper::lines(&paper::papers(view)));
    if view.has_real_times() && !view.quiescent {
        story.push("the run was cut off before it fell silent".to_owned());
    }
    story
}

/// What each message says, by the event that posts it: those of systems, and those that Spine makes itself.
pub(crate) fn messages(view: &View) -> BTreeMap<u64, String> {
    let names = Names::of(view);
    let is_told = |post: &&Post| match post.from == Endpoint::Spine {
        true => is_made_by_spine(view, post),
        false => !post.is_retransmission,
    };
    let posts = view.posts.iter().filter(is_told);
    posts
        .map(|post| (post.seq, names.line(view, post).text))
        .collect()
}

/// What people of an exporting practice want, in one clause.
pub const fn tell_wish(wish: Wish) -> &'static str {
    export::tell_wish(wish)
}

/// What a system does in the document store: a line for all that it does in one go.
fn store_lines(view: &View) -> Vec<Line> {
    // What an export reads is told by its packages.
    let is_read = |call: &StoreCall| call.method == Method::Get || call.document().is_none();
    let mut calls = (view.store_calls.iter())
        .filter(|call| is_told(call) && !(view.export.is_some() && is_read(call)))
        .peekable();
    let mut lines = Vec::new();
    while let Some(first) = calls.next() {
        let mut visit = Visit::default();
        visit.take(first);
        let is_of_it =
            |call: &StoreCall| call.from == first.from && call.at.since(first.at) < IN_ONE_GO;
        while let Some(call) = calls.next_if(|call| is_of_it(call)) {
            visit.take(call);
        }
        lines.push(Line {
            seq: first.seq,
            at: first.at.since(view.header.started),
            who: first.from.to_string(),
            text: format!("document store: {}", visit.tell()),
            bulk: None,
            says: None,
        });
    }
    lines
}

/// Everything but a search that found something.
fn is_told(call: &StoreCall) -> bool {
    verb(call).is_some() && !(call.is_search() && call.was_done())
}

/// What a system does in the store in one go.
#[derive(Default)]
struct Visit<'v> {
    read: BTreeSet<&'v str>,
    read_bytes: u64,
    counts: BTreeMap<String, usize>,
}

impl<'v> Visit<'v> {
    fn take(&mut self, call: &'v StoreCall) {
        match (call.method, call.document(), &call.answer) {
            (Method::Get, Some(document), Some(answer)) if call.was_done() => {
                self.read.insert(document);
                self.read_bytes += answer.body.bytes;
            }
            (_, _, _) => *self.counts.entry(does(call)).or_default() += 1,
        }
    }

    fn tell(&self) -> String {
        let read = match self.read.len() {
            0 => None,
            read => Some(format!(
                "read {} ({})",
                count(read, "document"),
                size(self.read_bytes)
            )),
        };
        let others = self
            .counts
            .iter()
            .map(|(does, count)| format!("{does} {count}"));
        read.into_iter()
            .chain(others)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

fn verb(call: &StoreCall) -> Option<&'static str> {
    match (call.method, call.operation()) {
        (Method::Delete, None) => Some("delete"),
        (Method::Post, Some("$archive")) => Some("archive"),
        (Method::Post, Some("$restore")) => Some("restore"),
        (Method::Get, None) if call.is_search() => Some("search"),
        (Method::Get, None) => Some("read"),
        (_, _) => None,
    }
}

/// A call with how it ended.
fn does(call: &StoreCall) -> String {
    let verb = verb(call).unwrap_or_default();
    match &call.ending {
        Ending::Answered { .. } if call.was_done() => verb.to_owned(),
        Ending::Answered { status, .. } => format!("{verb} refused with {status}:"),
        Ending::NoAnswer { why, .. } => format!("{verb} without an answer ({why}):"),
        Ending::Open => format!("{verb} without an answer:"),
    }
}

/// Calls of one system within this time are told in one line.
const IN_ONE_GO: Duration = Duration::from_mins(1);

struct Line {
    seq: u64,
    at: Duration,
    who: String,
    text: String,
    /// A fragment or the acknowledgement of one, and its bytes.
    bulk: Option<(Bulk, u64)>,
    /// What an acknowledgement says, without its own name.
    says: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bulk {
    Fragment,
    Acknowledgement,
}

/// `EHR extract 1`, `fragment 12`: numbers by kind, in order of first sight.
pub(crate) struct Names<'v> {
    /// By conversation and message id: ids may collide between conversations (RCV-37).
    messages: BTreeMap<Name<'v>, String>,
    payloads: BTreeMap<(&'v ConversationId, Hl7MessageId), String>,
    /// Every post of a message.
    posts: BTreeMap<Name<'v>, Vec<&'v Post>>,
}

type Name<'v> = (&'v ConversationId, &'v EbxmlMessageId);

impl<'v> Names<'v> {
    pub(crate) fn of(view: &'v View) -> Self {
        let mut counts: BTreeMap<MessageKind, usize> = BTreeMap::new();
        let mut names = Self {
            messages: BTreeMap::new(),
            payloads: BTreeMap::new(),
            posts: BTreeMap::new(),
        };
        for post in &view.posts {
            let (Some(name), Some(seen)) = (post.name(), post.seen()) else {
                continue;
            };
            names.posts.entry(name).or_default().push(post);
            let (Some(kind), false) = (seen.kind(), names.messages.contains_key(&name)) else {
                continue;
            };
            let count = counts.entry(kind).or_default();
            *count += 1;
            let told = format!("{kind} {count}");
            if let Some(id) = seen.hl7_id() {
                let payload = (name.0, id.clone());
                names
                    .payloads
                    .entry(payload)
                    .or_insert_with(|| told.clone());
            }
            names.messages.insert(name, told);
        }
        names
    }

    /// What a post is and says, in one line.
    pub(crate) fn say(&self, view: &View, post: &Post) -> String {
        self.line(view, post).text
    }

    fn message(&self, post: &Post) -> String {
        post.name()
            .and_then(|name| self.messages.get(&name))
            .cloned()
            .unwrap_or_else(|| "a message".to_owned())
    }

    /// The message that another one names: of its own conversation, or else of any.
    fn reference(&self, by: &Seen, id: &Hl7MessageId) -> String {
        let message = EbxmlMessageId::from(id);
        let own = &by.header.conversation_id;
        let of_own = self.payloads.get(&(own, id.clone()));
        let of_own = of_own.or_else(|| self.messages.get(&(own, &message)));
        let of_any = || {
            let mut payloads = self.payloads.iter().filter(|((_, other), _)| other == id);
            let mut messages = self
                .messages
                .iter()
                .filter(|((_, other), _)| **other == message);
            let payload = payloads.next().map(|(_, told)| told);
            payload.or_else(|| messages.next().map(|(_, told)| told))
        };
        of_own
            .or_else(of_any)
            .cloned()
            .unwrap_or_else(|| "a message that nobody sent".to_owned())
    }

    fn line(&self, view: &View, post: &Post) -> Line {
        let (text, bulk) = match post.message.as_ref() {
            Ok(seen) => (self.tell(view, post, seen), self.bulk(view, post, seen)),
            Err(error) => (
                format!("something unreadable: {error}{}", self.fate(view, post)),
                None,
            ),
        };
        let is_ack = post
            .seen()
            .is_some_and(|seen| seen.acknowledgement().is_some());
        let says = text.split_once(": ").map(|(_, says)| says.to_owned());
        Line {
            seq: post.seq,
            at: post.at.since(view.header.started),
            who: post.from.to_string(),
            says: says.filter(|_| is_ack),
            text,
            bulk,
        }
    }

    fn tell(&self, view: &View, post: &Post, seen: &Seen) -> String {
        let name = self.message(post);
        let what = match (&seen.payload, seen.acknowledgement(), seen.extract()) {
            (Err(error), _, _) => format!("{}: {error}", seen.header.action),
            (Ok(_), Some(ack), _) => {
                let verdict = match ack.code() {
                    Some(code) if code.text().is_empty() => format!("refuses with {code}"),
                    Some(code) => format!(
                        "refuses with {code} ({})",
                        code.text().trim_end_matches('.')
                    ),
                    None => "accepts".to_owned(),
                };
                format!(
                    "{name}: {verdict}: {}",
                    self.reference(seen, &ack.message_ref)
                )
            }
            (Ok(_), None, Some(_)) => format!(
                "{name}: {} of record{}",
                size(seen.payload_bytes as u64),
                contents(seen)
            ),
            (Ok(_), None, None) => format!("{name}{}", contents(seen)),
        };
        format!("{what}{}", self.fate(view, post))
    }

    /// What became of a post beyond the usual: repeats, refusals, losses, double deliveries.
    pub(crate) fn fate(&self, view: &View, post: &Post) -> String {
        let mut notes = Vec::new();
        if let (Some(name), true) = (post.name(), post.from != Endpoint::Spine) {
            let same = self.posts.get(&name).map_or(&[][..], Vec::as_slice);
            let tried = || same.iter().filter(|other| other.from == post.from);
            let attempts = tried().count();
            if attempts > 1 {
                notes.push(format!("posted {attempts} times"));
            }
            let accepted = tried().any(|other| other.was_accepted());
            let by_spine = |other: &&&Post| other.from == Endpoint::Spine;
            match (accepted, same.iter().filter(by_spine).count()) {
                (false, _) if view.has_real_times() => notes.push(format!(
                    "not accepted by spine: {}",
                    tell_ending(&post.ending)
                )),
                (true, 0) if view.has_real_times() => notes.push("never delivered".to_owned()),
                (true, delivered @ 2..) => notes.push(format!("delivered {delivered} times")),
                (true | false, _) => {}
            }
        }
        if notes.is_empty() {
            String::new()
        } else {
            format!(" [{}]", notes.join(", "))
        }
    }

    fn bulk(&self, view: &View, post: &Post, seen: &Seen) -> Option<(Bulk, u64)> {
        if !self.fate(view, post).is_empty() {
            return None;
        }
        if seen.fragment().is_some() && seen.promised().next().is_none() {
            return Some((Bulk::Fragment, post.body.bytes));
        }
        let ack = seen.acknowledgement()?;
        let of_fragment = self
            .reference(seen, &ack.message_ref)
            .starts_with(&MessageKind::Fragment.to_string());
        (of_fragment && !ack.is_negative()).then_some((Bulk::Acknowledgement, post.body.bytes))
    }
}

fn contents(seen: &Seen) -> String {
    if seen.attachments.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = seen
        .attachments
        .iter()
        .take(8)
        .map(tell_attachment)
        .collect();
    let rest = seen.attachments.len().saturating_sub(shown.len());
    let rest = if rest > 0 {
        format!("; and {rest} more")
    } else {
        String::new()
    };
    format!("; {}{rest}", shown.join("; "))
}

pub(crate) fn tell_attachment(attachment: &AttachmentSeen) -> String {
    let style = DescriptionStyle::read(attachment.description.as_deref().unwrap_or_default());
    let (what, gzip) = match &style {
        DescriptionStyle::Grammar(description) if description.is_skeleton() => (
            "the record itself (skeleton)".to_owned(),
            description.compressed,
        ),
        DescriptionStyle::Grammar(description) => {
            (stable(&description.filename), description.compressed)
        }
        DescriptionStyle::FilenameOnly(name) => (stable(name), false),
        DescriptionStyle::Word => ("described by the word Attachment".to_owned(), false),
        DescriptionStyle::Empty => ("without description".to_owned(), false),
    };
    let gzip = if gzip { ", gzip" } else { "" };
    match &attachment.place {
        Place::Inline { text_bytes, .. } => format!("{what} inline ({}{gzip})", size(*text_bytes)),
        Place::External(_) => format!("{what} promised{gzip}"),
        Place::Dangling(_) | Place::Other(_) => format!("{what} missing"),
    }
}

pub(crate) fn tell_ending(ending: &Ending) -> String {
    match ending {
        Ending::Answered { status, .. } => format!("HTTP {status}"),
        Ending::NoAnswer { why, .. } => why.clone(),
        Ending::Open => "no answer seen".to_owned(),
    }
}

pub(crate) fn tell_act(act: &Act, not_supported: bool) -> String {
    let what = match act {
        Act::Register { gp, .. } => {
            let gp = gp.map_or_else(String::new, |gp| format!(" with GP {gp}"));
            format!("register the patient{gp}")
        }
        Act::Decide { decision, .. } => {
            format!("decide: {}", tell_decision(*decision))
        }
        // Told by what the store holds from then on.
        Act::File { .. } => "a letter comes".to_owned(),
        Act::AtOffice { wish, .. } => export::tell_wish(*wish).to_owned(),
        Act::AtHub { wish } => federation::tell_wish(wish),
        Act::Book { slot, at, .. } => format!("at the {at} practice: book {slot} at the hub"),
        Act::RepeatRequest { .. } => "(mock) request again".to_owned(),
        Act::AcknowledgeAgain {
            by, code, times, ..
        } => format!(
            "(mock) acknowledge the {} again{}: {}",
            match by {
                Role::Requesting => "record",
                Role::Sending | Role::Exporting | Role::Hub => "request",
            },
            match times {
                1 => String::new(),
                times => format!(", {times} times"),
            },
            code.as_ref().map_or("AA", |code| code.as_str())
        ),
        Act::SendUnrequested { .. } => "(mock) send an extract that nobody asked for".to_owned(),
        Act::RepeatExtract { .. } => "(mock) send the extract again".to_owned(),
        Act::Relink { gp, from, to } => {
            let from =
                (from.as_ref()).map_or_else(String::new, |from| format!(" no more to {from}"));
            let to = (to.as_ref()).map_or_else(String::new, |to| format!(" to {to} from now on"));
            format!("the code of GP {gp} is linked{from}{to}")
        }
        Act::DealWithPooledList { practice } => {
            format!("the helpdesk deals with the pooled list of {practice}")
        }
        Act::Relist { practice, entries } => {
            format!("SDS lists {practice} {}", count(*entries, "time"))
        }
        Act::MoveOn { practice, .. } => format!("the patient registers at {practice}"),
        Act::Stray { message, .. } => format!(
            "(mock) post {} of an unknown conversation",
            match message {
                StrayMessage::Continue => "a Continue",
                StrayMessage::Acknowledgement => "an acknowledgement",
            }
        ),
    };
    if not_supported {
        format!("{what}: the system does not know how")
    } else {
        what
    }
}

const fn tell_decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Integrate => "file the record",
        Decision::Suppress => "keep the own record, store this one suppressed",
        Decision::Reject => "reject it: wrong patient or wrong record",
        Decision::FailToIntegrate => "file the record, and the system fails to",
    }
}

fn tell_state(by: Endpoint, observation: &Observation) -> Option<String> {
    match observation {
        Observation::Transfer {
            state,
            print_state,
            left_in_store,
            patient: _,
        } => {
            let print =
                print_state.map_or_else(String::new, |print| format!(", print state {print}"));
            let left = match left_in_store {
                0 => String::new(),
                left => format!(", {} left behind in the store", count(*left, "document")),
            };
            Some(format!("{by} ends: {state}{print}{left}"))
        }
        Observation::Stored { .. } | Observation::InStore { .. } => None,
    }
}

pub(crate) fn is_made_by_spine(view: &View, post: &Post) -> bool {
    let was_posted = |other: &Post| other.from != Endpoint::Spine && other.is_same_message(post);
    post.seen().is_some() && !view.posts.iter().any(was_posted)
}

/// Folds long runs of chunks and their acknowledgements.
fn fold(lines: &[Line]) -> Vec<String> {
    let mut story = Vec::new();
    let mut rest = lines;
    while let Some(first) = rest.first() {
        let is_same = |line: &&Line| {
            line.bulk.is_none()
                && line.says.is_some()
                && (&line.says, &line.who) == (&first.says, &first.who)
        };
        let same = rest.iter().take_while(is_same).count();
        if let (Some(says), FOLD.., Some(last)) = (&first.says, same, rest[..same].last()) {
            story.push(format!(
                "{:>12}  {:<10}  {same} acknowledgements: {says}, until {}",
                span(first.at),
                first.who,
                span(last.at),
            ));
            rest = &rest[same..];
            continue;
        }
        let run = rest.iter().take_while(|line| line.bulk.is_some()).count();
        if run <= FOLD {
            story.push(format!(
                "{:>12}  {:<10}  {}",
                span(first.at),
                first.who,
                first.text
            ));
            rest = &rest[1..];
            continue;
        }
        let bulk = &rest[..run];
        let of = |kind| {
            bulk.iter()
                .filter_map(move |line| line.bulk.filter(|(bulk, _)| *bulk == kind))
        };
        let bytes: u64 = of(Bulk::Fragment).map(|(_, bytes)| bytes).sum();
        let last = bulk.last().map_or(first.at, |line| line.at);
        story.push(format!(
            "{:>12}  {:<10}  {} ({}), {} accepted, until {}",
            span(first.at),
            Role::Sending.name(),
            count(of(Bulk::Fragment).count(), "fragment"),
            size(bytes),
            of(Bulk::Acknowledgement).count(),
            span(last),
        ));
        rest = &rest[run..];
    }
    story
}

/// A file name without the UUID that a generator put before it.
pub(crate) fn stable(name: &str) -> String {
    match name.split_once('_') {
        Some((first, rest)) if first.len() == 36 => rest.to_owned(),
        Some(_) | None => {
            let is_placeholder = gp2gp_wire::attachment::Placeholder::is_file_name(name);
            if is_placeholder {
                "placeholder".to_owned()
            } else {
                name.to_owned()
            }
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..1_000_000 => format!("{} KB", bytes / 1_000),
        1_000_000.. => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

fn span(since: Duration) -> String {
    let seconds = since.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("+{}.{:03} s", seconds, since.subsec_millis()),
        (0, _, _) => format!("+{hours}h {minutes:02}m {:02}s", seconds % 60),
        (_, _, _) => format!("+{days}d {hours:02}h {minutes:02}m"),
    }
}
