//! A sequence diagram: a list of steps, each with an arrow between the lifelines of those who take part. The list is
//! its own text alternative; narrow screens and readers without pictures get the words.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use gp2gp_model::report::conversation::{
    Call, Conversation, Ending, Happening, Message, Occasion, Part, ScenarioMaterial, Step,
};
use gp2gp_model::report::{FaultReport, ScenarioReport};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{ConversationId, MessageKind, Sha256};

use super::words;

/// Lifelines from left to right.
const LANES: [Endpoint; 14] = [
    Endpoint::Clinic,
    Endpoint::Hub,
    Endpoint::Mailbox,
    Endpoint::Requesting,
    Endpoint::Spine,
    Endpoint::Sending,
    Endpoint::Office,
    Endpoint::Desk,
    Endpoint::Board,
    Endpoint::Store,
    Endpoint::ClearingHouse,
    Endpoint::Importing,
    Endpoint::Sds,
    Endpoint::Pds,
];

/// More fragments and acknowledgements in a row than these are folded, all but the first and last few.
const FOLD: usize = 12;
const KEPT_FIRST: usize = 3;
const KEPT_LAST: usize = 2;

/// Calls that are listed in a step.
const CALLS_SHOWN: usize = 40;

/// Why a body is not shown.
const OUT_OF_ROOM: &str = "Headers and content are left out here, to keep this page small: they are in the trace of this run, the body under its digest.";

/// Steps of a slice; what is more is left out in its middle.
const SLICE: usize = 14;
const SLICE_FIRST: usize = 4;

/// Steps of the same conversation that are shown behind what shows a failure.
const AFTERWARDS: usize = 3;

#[derive(Template)]
#[template(path = "sequence.html")]
pub(super) struct Sequence {
    pub(super) label: String,
    lanes: Vec<&'static str>,
    pub(super) items: Vec<Item>,
}

pub(super) enum Item {
    Row(Box<Row>),
    Fold { label: String, rows: Vec<Row> },
    Gap(String),
}

impl Item {
    fn row(row: Row) -> Self {
        Self::Row(Box::new(row))
    }
}

/// A step.
#[derive(Template)]
#[template(path = "row.html")]
pub(super) struct Row {
    /// Empty where the row is a copy.
    id: String,
    /// Of the row of which this is a copy.
    href: Option<String>,
    when: String,
    arrow: Arrow,
    who: String,
    text: String,
    end: String,
    is_bad: bool,
    is_focus: bool,
    is_afterwards: bool,
    /// What it is for a failure, in a copy.
    part: Option<String>,
    notes: Vec<Note>,
    detail: Option<Detail>,
}

/// A mark on a step.
struct Note {
    kind: &'static str,
    text: String,
    href: Option<String>,
}

/// Between which lanes, from the left.
struct Arrow {
    kind: &'static str,
    from: usize,
    to: usize,
}

/// What unfolds.
#[derive(Default)]
struct Detail {
    facts: Vec<(&'static str, String)>,
    headers: Vec<(String, String)>,
    parts: Vec<PartShown>,
    calls: Vec<CallShown>,
    more_calls: usize,
    /// Why parts are not here.
    without: Option<String>,
}

/// A call of a step; it unfolds where there are parts and others beside it.
struct CallShown {
    /// Empty where the row is the place of its event.
    id: String,
    what: String,
    ending: Ending,
    says: String,
    parts: Vec<PartShown>,
    /// Failures that it shows, where the step has others beside it.
    marks: Vec<(usize, String)>,
}

/// What is carried, as far as it is shown.
#[derive(Template)]
#[template(path = "part.html")]
struct PartShown {
    name: String,
    size: String,
    /// Empty where there is no body.
    sha256: String,
    headers: Vec<(String, String)>,
    excerpt: String,
    left_out: Option<String>,
}

/// A failure that an event shows.
pub(super) struct Mark {
    pub(super) trouble: usize,
    pub(super) words: String,
}

/// An event of a breach.
struct InBreach {
    event: u64,
    /// It shows the breach; otherwise its words name it.
    shows: bool,
}

/// How rows of one scenario are made.
pub(super) struct Drawer<'a> {
    pub(super) at: usize,
    pub(super) scenario: &'a ScenarioReport,
    pub(super) material: &'a ScenarioMaterial,
    pub(super) marks: &'a BTreeMap<u64, Vec<Mark>>,
    lanes: Vec<Endpoint>,
    /// Bytes of excerpts that may still be shown.
    budget: usize,
    /// Where each body was shown.
    shown: BTreeMap<Sha256, u64>,
}

impl<'a> Drawer<'a> {
    pub(super) fn new(
        at: usize,
        scenario: &'a ScenarioReport,
        material: &'a ScenarioMaterial,
        marks: &'a BTreeMap<u64, Vec<Mark>>,
        budget: usize,
    ) -> Self {
        Self {
            at,
            scenario,
            material,
            marks,
            lanes: Vec::new(),
            budget,
            shown: BTreeMap::new(),
        }
    }

    /// The diagram of a conversation.
    pub(super) fn conversation(&mut self, conversation: &Conversation) -> Sequence {
        let steps: Vec<&Step> = conversation.steps.iter().collect();
        self.enter(&steps);
        let label = match &conversation.id {
            Some(id) => format!("Conversation {id}"),
            None if self.material.conversations.len() > 1 => {
                "Outside these conversations".to_owned()
            }
            None => "Everything that crossed the wire".to_owned(),
        };
        let mut items = Vec::new();
        let mut rest = steps.as_slice();
        while let Some(first) = rest.first() {
            let run = rest.iter().take_while(|step| self.is_bulk(step)).count();
            if run > FOLD {
                let (bulk, others) = rest.split_at(run);
                self.fold(bulk, &mut items);
                rest = others;
            } else {
                items.push(Item::row(self.row(first)));
                rest = rest.get(1..).unwrap_or_default();
            }
        }
        self.sequence(label, items)
    }

    /// What led to a breach: to the event that shows it and to those that its words name, with these, and what came
    /// next in the same conversation.
    pub(super) fn slice(&mut self, event: Option<u64>, with: &[u64]) -> Option<Sequence> {
        let parts = self.parts_in(event, with);
        let events: Vec<u64> = parts.iter().map(|part| part.event).collect();
        let led_to = self.material.led_to(&events);
        let last = led_to.last()?.event;
        let shows = event.and_then(|event| self.material.step_of(event));
        let shows = shows.map_or(last, |step| step.event);
        let mut conversations = self.material.conversations.iter();
        let own = conversations.find(|it| it.steps.iter().any(|step| step.event == shows));
        let afterwards: Vec<&Step> = own
            .into_iter()
            .flat_map(|it| &it.steps)
            .filter(|step| step.event > last)
            .take(AFTERWARDS)
            .collect();
        let all: Vec<&Step> = led_to.iter().chain(&afterwards).copied().collect();
        self.enter(&all);
        let mut items = Vec::new();
        let is_kept = kept(&led_to, &parts);
        let mut left_out = 0;
        for (step, is_kept) in led_to.iter().zip(is_kept) {
            if is_kept {
                items.extend(gap(left_out));
                left_out = 0;
                items.push(Item::row(self.copy(step, &parts)));
            } else {
                left_out += 1;
            }
        }
        for step in &afterwards {
            items.push(Item::row(Row {
                is_afterwards: true,
                ..self.copy(step, &[])
            }));
        }
        let label = match event {
            Some(event) => format!("What led to event {event}"),
            None => "What it is about".to_owned(),
        };
        Some(self.sequence(label, items))
    }

    /// Events of a breach that are on the page.
    fn parts_in(&self, event: Option<u64>, with: &[u64]) -> Vec<InBreach> {
        let shows = event.map(|event| InBreach { event, shows: true });
        let named = with.iter().map(|event| InBreach {
            event: *event,
            shows: false,
        });
        let all = shows.into_iter().chain(named);
        all.filter(|part| self.material.step_of(part.event).is_some())
            .collect()
    }

    /// Where an event is in the diagram.
    pub(super) fn href(&self, event: u64) -> Option<String> {
        let step = self.material.step_of(event)?;
        match &step.what {
            Happening::Calls { calls, .. } if self.listed(calls).any(|it| it.event == event) => {
                Some(format!("#s{}e{event}", self.at + 1))
            }
            Happening::Calls { .. } | Happening::Message(_) | Happening::At { .. } => {
                Some(format!("#{}", self.id(step)))
            }
        }
    }

    /// What an event is, in a line.
    pub(super) fn words(&self, event: u64) -> Option<String> {
        let step = self.material.step_of(event)?;
        Some(match &step.what {
            Happening::Message(message) => {
                format!("{}: {}", between(message.from, message.to), message.says)
            }
            Happening::Calls { from, to, calls } => {
                let call = calls.iter().find(|it| it.event == event);
                let what = call.map_or("", |call| call.what.as_str());
                format!("{}: {what}", between(*from, *to))
            }
            Happening::At { text, .. } => text.clone(),
        })
    }

    /// Conversations that have one of these events.
    pub(super) fn conversations_of(
        &self,
        events: impl Iterator<Item = u64>,
    ) -> Vec<ConversationId> {
        let events: Vec<u64> = events.collect();
        let all = self.material.conversations.iter();
        let theirs = all.filter(|it| {
            let mut steps = it.steps.iter();
            steps.any(|step| events.iter().any(|event| step.holds(*event)))
        });
        theirs.filter_map(|it| it.id.clone()).collect()
    }

    fn enter(&mut self, steps: &[&Step]) {
        let there: BTreeSet<Endpoint> = steps.iter().flat_map(|step| step.endpoints()).collect();
        self.lanes = LANES
            .into_iter()
            .filter(|lane| there.contains(lane))
            .collect();
    }

    fn sequence(&self, label: String, items: Vec<Item>) -> Sequence {
        Sequence {
            label,
            lanes: self
                .lanes
                .iter()
                .map(|lane| words::endpoint(*lane))
                .collect(),
            items,
        }
    }

    fn fold(&mut self, bulk: &[&Step], items: &mut Vec<Item>) {
        let last = bulk.len() - KEPT_LAST;
        let (first, rest) = bulk.split_at(KEPT_FIRST);
        let (folded, last) = rest.split_at(last - KEPT_FIRST);
        items.extend(first.iter().map(|step| Item::row(self.row(step))));
        let bytes = folded.iter().map(|step| match &step.what {
            Happening::Message(message) => message.body.bytes,
            Happening::Calls { .. } | Happening::At { .. } => 0,
        });
        let label = format!(
            "{} of fragments and their acknowledgements, {}, none of them marked",
            words::count(folded.len(), "more post"),
            words::size(bytes.sum())
        );
        items.push(if words::is_troubled(self.scenario.verdict) {
            let rows = folded.iter().map(|step| self.row(step)).collect();
            Item::Fold { label, rows }
        } else {
            Item::Gap(format!("{label}: in the trace of this run"))
        });
        items.extend(last.iter().map(|step| Item::row(self.row(step))));
    }

    fn is_bulk(&self, step: &Step) -> bool {
        let is_kind = |message: &Message| match message.kind {
            Some(MessageKind::Fragment | MessageKind::Acknowledgement) => message.ending.is_good,
            Some(MessageKind::EhrRequest | MessageKind::EhrExtract | MessageKind::Continue)
            | None => false,
        };
        let is_message = match &step.what {
            Happening::Message(message) => is_kind(message),
            Happening::Calls { .. } | Happening::At { .. } => false,
        };
        is_message && step.faults.is_empty() && !self.marks.contains_key(&step.event)
    }

    fn id(&self, step: &Step) -> String {
        format!("s{}e{}", self.at + 1, step.event)
    }

    /// A row that points to its original, with what it is for a breach.
    fn copy(&self, step: &Step, parts: &[InBreach]) -> Row {
        let own: Vec<&InBreach> = parts.iter().filter(|it| step.holds(it.event)).collect();
        let bare = self.bare(step);
        let text = match (&step.what, own.first()) {
            (Happening::Calls { calls, .. }, Some(part)) if calls.len() > 1 => {
                let call = calls.iter().find(|call| call.event == part.event);
                let call = call.map_or_else(String::new, |call| {
                    format!(", among them {}: {}", call.what, call.ending.text)
                });
                format!("{}{call}", bare.text)
            }
            (Happening::Calls { .. } | Happening::Message(_) | Happening::At { .. }, _) => {
                bare.text
            }
        };
        let told = own.iter().map(|part| match part.shows {
            true => format!("event {}, shows it", part.event),
            false => format!("event {}, has to do with it", part.event),
        });
        Row {
            href: Some(format!("#{}", self.id(step))),
            id: String::new(),
            is_focus: own.iter().any(|part| part.shows),
            part: Some(told.collect::<Vec<_>>().join("; ")).filter(|told| !told.is_empty()),
            text,
            detail: None,
            ..bare
        }
    }

    fn row(&mut self, step: &Step) -> Row {
        let detail = match &step.what {
            Happening::Message(message) => Some(self.of_message(step, message)),
            Happening::Calls { calls, .. } => Some(self.of_calls(step, calls)),
            Happening::At { .. } => None,
        };
        Row {
            detail,
            ..self.bare(step)
        }
    }

    fn bare(&self, step: &Step) -> Row {
        let (who, text, end, is_bad) = match &step.what {
            Happening::Message(message) => {
                let repeat = if message.is_repeat { "again: " } else { "" };
                (
                    between(message.from, message.to),
                    format!("{repeat}{}", message.says),
                    message.ending.text.clone(),
                    !message.ending.is_good,
                )
            }
            Happening::Calls { from, to, calls } => {
                let bad = calls.iter().filter(|call| !call.ending.is_good).count();
                let text = match (calls.as_slice(), bad) {
                    ([only], _) => only.what.clone(),
                    (many, 0) => format!("{} calls", many.len()),
                    (many, bad) => format!(
                        "{}, {bad} of them without success",
                        words::count(many.len(), "call")
                    ),
                };
                let end = match calls.as_slice() {
                    [only] => only.ending.text.clone(),
                    _ => String::new(),
                };
                (between(*from, *to), text, end, bad > 0)
            }
            Happening::At { on, text, .. } => (
                on.map_or_else(String::new, |on| words::endpoint(on).to_owned()),
                text.clone(),
                String::new(),
                false,
            ),
        };
        Row {
            id: self.id(step),
            href: None,
            when: words::since(self.material.started, step.at),
            arrow: self.arrow(step),
            who,
            text,
            end,
            is_bad,
            is_focus: false,
            is_afterwards: false,
            part: None,
            notes: self.notes(step),
            detail: None,
        }
    }

    fn arrow(&self, step: &Step) -> Arrow {
        let lane = |endpoint: Endpoint| self.lanes.iter().position(|lane| *lane == endpoint);
        let ends: Vec<usize> = step.endpoints().into_iter().filter_map(lane).collect();
        let kind = match &step.what {
            Happening::At { kind, .. } => match kind {
                Occasion::People => "people",
                Occasion::Told => "told",
                Occasion::Fault | Occasion::Divergence => "strike",
            },
            Happening::Message(_) | Happening::Calls { .. } => "",
        };
        match ends.as_slice() {
            [from, to] if from <= to => Arrow {
                kind: "right",
                from: *from,
                to: *to,
            },
            [from, to] => Arrow {
                kind: "left",
                from: *to,
                to: *from,
            },
            [at] => Arrow {
                kind,
                from: *at,
                to: *at,
            },
            _ => Arrow {
                kind: "nowhere",
                from: 0,
                to: 0,
            },
        }
    }

    fn notes(&self, step: &Step) -> Vec<Note> {
        let faults = step.faults.iter().map(|name| Note {
            kind: "fault",
            text: match self.scenario.faults.iter().find(|it| it.name == *name) {
                Some(FaultReport { planned, .. }) => format!("planned fault “{name}”: {planned}"),
                None => format!("planned fault “{name}”"),
            },
            href: None,
        });
        let events = match &step.what {
            Happening::Calls { calls, .. } => calls.iter().map(|call| call.event).collect(),
            Happening::Message(_) | Happening::At { .. } => vec![step.event],
        };
        let marks = events.iter().filter_map(|event| self.marks.get(event));
        // Several calls of a step may show the same.
        let marks: BTreeMap<usize, &Mark> = marks.flatten().map(|it| (it.trouble, it)).collect();
        let marks = marks.into_values().map(|mark| Note {
            kind: "shows",
            text: format!("shows {}", mark.words),
            href: Some(format!("#f{}", mark.trouble)),
        });
        faults.chain(marks).collect()
    }

    fn of_message(&mut self, step: &Step, message: &Message) -> Detail {
        let mut facts = Vec::new();
        if let Some(id) = &message.message_id {
            facts.push(("ebXML message id", id.to_string()));
        }
        if let Some(id) = &message.hl7_id {
            facts.push(("HL7 message id", id.to_string()));
        }
        if let Some(id) = &message.refers_to {
            facts.push(("acknowledges", id.to_string()));
        }
        facts.push((
            "body",
            format!(
                "{}, sha256 {}",
                words::size(message.body.bytes),
                message.body.sha256
            ),
        ));
        facts.push(("event", step.event.to_string()));
        let (headers, parts, without) = match words::is_troubled(self.scenario.verdict) {
            true => self.parts(step, message),
            false => (Vec::new(), Vec::new(), None),
        };
        Detail {
            facts,
            headers,
            parts,
            without,
            ..Detail::default()
        }
    }

    /// Calls that are listed: the first, and all that show a failure.
    fn listed<'c>(&self, calls: &'c [Call]) -> impl Iterator<Item = &'c Call> {
        let is_shown =
            |(at, call): &(usize, &Call)| *at < CALLS_SHOWN || self.marks.contains_key(&call.event);
        let calls = calls.iter().enumerate();
        calls.filter(is_shown).map(|(_, call)| call)
    }

    fn of_calls(&mut self, step: &Step, calls: &[Call]) -> Detail {
        let listed: Vec<&Call> = self.listed(calls).collect();
        let all_marks = self.marks;
        let more_calls = calls.len() - listed.len();
        let shown = listed.into_iter().map(|call| {
            let marks = all_marks.get(&call.event).filter(|_| calls.len() > 1);
            let marks = marks.into_iter().flatten();
            CallShown {
                id: match call.event == step.event {
                    true => String::new(),
                    false => format!("s{}e{}", self.at + 1, call.event),
                },
                what: call.what.clone(),
                ending: call.ending.clone(),
                says: told_of(call),
                parts: self.parts_of(call),
                marks: marks.map(|it| (it.trouble, it.words.clone())).collect(),
            }
        });
        Detail {
            calls: shown.collect(),
            more_calls,
            ..Detail::default()
        }
    }

    /// What went with a call and what came back, each body once, as long as there is room.
    fn parts_of(&mut self, call: &Call) -> Vec<PartShown> {
        if !words::is_troubled(self.scenario.verdict) {
            return Vec::new();
        }
        let parts = [Some(&call.request), call.answer.as_ref()];
        let says_something = |part: &&Part| !part.headers.is_empty() || part.body.bytes > 0;
        let parts = parts.into_iter().flatten().filter(says_something);
        parts
            .map(|part| {
                let before = self.shown.get(&part.body.sha256).copied();
                let is_text = !part.excerpt.is_empty();
                let before = before.filter(|_| is_text);
                let bytes = match before {
                    Some(_) => written_headers(&part.headers),
                    None => written_part(part),
                };
                if bytes > self.budget {
                    return PartShown {
                        headers: Vec::new(),
                        excerpt: String::new(),
                        left_out: Some(OUT_OF_ROOM.to_owned()),
                        ..shown(part)
                    };
                }
                self.budget -= bytes;
                if let Some(event) = before {
                    return PartShown {
                        excerpt: String::new(),
                        left_out: Some(same_as(event)),
                        ..shown(part)
                    };
                }
                if is_text {
                    self.shown.insert(part.body.sha256, call.event);
                }
                shown(part)
            })
            .collect()
    }

    /// Headers, and the beginning of each part, once for each body, as long as there is room.
    fn parts(&mut self, step: &Step, message: &Message) -> Opened {
        let before = self.shown.get(&message.body.sha256).copied();
        let parts = message.parts.iter().filter(|_| before.is_none());
        let bytes = written_headers(&message.headers) + parts.map(written_part).sum::<usize>();
        if bytes > self.budget {
            return (Vec::new(), Vec::new(), Some(OUT_OF_ROOM.to_owned()));
        }
        self.budget -= bytes;
        let headers = message.headers.clone();
        if let Some(event) = before {
            return (headers, Vec::new(), Some(same_as(event)));
        }
        self.shown.insert(message.body.sha256, step.event);
        (headers, message.parts.iter().map(shown).collect(), None)
    }
}

/// Headers and parts of a message, and why they are not there.
type Opened = (Vec<(String, String)>, Vec<PartShown>, Option<String>);

fn same_as(event: u64) -> String {
    format!("The same body, to the byte, as at event {event}.")
}

/// Which steps of a slice are shown: those of the breach, the first, and what comes right before those of the breach.
fn kept(steps: &[&Step], parts: &[InBreach]) -> Vec<bool> {
    let is_part = |step: &&Step| parts.iter().any(|part| step.holds(part.event));
    let mut distance = usize::MAX;
    let mut ranks: Vec<(usize, usize)> = Vec::new();
    for (at, step) in steps.iter().enumerate().rev() {
        distance = match is_part(step) {
            true => 0,
            false => distance.saturating_add(1),
        };
        let is_first = at < SLICE_FIRST && distance > 0;
        ranks.push((if is_first { 1 } else { distance }, at));
    }
    ranks.sort_unstable();
    let mut kept = vec![false; steps.len()];
    for (_, at) in ranks.into_iter().take(SLICE) {
        if let Some(kept) = kept.get_mut(at) {
            *kept = true;
        }
    }
    kept
}

fn gap(left_out: usize) -> Option<Item> {
    let steps = gp2gp_model::plural::count(left_out, "step");
    let told = format!("{steps} left out; all are in the sequence diagram");
    (left_out > 0).then_some(Item::Gap(told))
}

/// What a text takes on the page, escaped.
fn written(text: &str) -> usize {
    let escaped = |byte: &u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
    text.len() + 4 * text.bytes().filter(|byte| escaped(byte)).count()
}

fn written_part(part: &Part) -> usize {
    written(&part.excerpt) + written_headers(&part.headers)
}

fn written_headers(headers: &[(String, String)]) -> usize {
    let each = headers.iter();
    each.map(|(name, value)| written(name) + written(value))
        .sum()
}

fn shown(part: &Part) -> PartShown {
    PartShown {
        name: part.name.clone(),
        size: match part.body.bytes {
            0 => "no body".to_owned(),
            bytes => words::size(bytes),
        },
        sha256: match part.body.bytes {
            0 => String::new(),
            _ => part.body.sha256.to_string(),
        },
        headers: part.headers.clone(),
        left_out: match (part.left_out_bytes, part.excerpt.is_empty()) {
            (0, _) => None,
            (bytes, true) => Some(format!(
                "{} that are no text are not shown.",
                words::size(bytes)
            )),
            (bytes, false) => Some(format!("{} more are not shown.", words::size(bytes))),
        },
        excerpt: part.excerpt.clone(),
    }
}

/// `event 12; sent 120 bytes, got 3400 bytes`.
fn told_of(call: &Call) -> String {
    let sent = Some(call.request.body.bytes).filter(|bytes| *bytes > 0);
    let sent = sent.map(|bytes| format!("sent {}", words::size(bytes)));
    let got = (call.answer.as_ref()).map(|answer| match answer.body.bytes {
        0 => "got no body".to_owned(),
        bytes => format!("got {}", words::size(bytes)),
    });
    let bodies: Vec<String> = sent.into_iter().chain(got).collect();
    match bodies.is_empty() {
        true => format!("event {}", call.event),
        false => format!("event {}; {}", call.event, bodies.join(", ")),
    }
}

fn between(from: Endpoint, to: Endpoint) -> String {
    format!("{} → {}", words::endpoint(from), words::endpoint(to))
}
