//! What happened in a run, each step by what led to it.

use std::collections::BTreeMap;

use gp2gp_model::run_diff::StepSeen;
use gp2gp_model::trace::{Bodies, BodyRef, Endpoint, Event, Lifecycle, Observation, Trace, What};
use gp2gp_model::{MessageKind, Time};

use super::aliases::Aliases;
use super::bodies::Content;
use super::calls;
use super::messages::{self, Naming, Pieces};
use crate::check::View;
use crate::check::store_calls::is_of_record_source;
use crate::check::view::Post;
use crate::story::{self, Names};

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What it is by what led to it; two runs call the same thing the same.
    pub(super) name: String,
    /// The name of what it refers to.
    pub(super) because_of: Option<String>,
    /// Who does it; nobody does what was planned, or the end.
    pub(super) from: Option<Endpoint>,
    /// To whom, if to anybody.
    pub(super) to: Option<Endpoint>,
    /// What it says, as far as it can be compared.
    pub(super) fields: Vec<Field>,
    /// What it carries, compared without ids and times.
    pub(super) contents: Vec<Content>,
    /// As it is shown.
    pub(super) seen: StepSeen,
}

/// Something that a step says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
}

impl Field {
    pub(super) fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
        }
    }
}

/// All of a run.
pub(super) struct Told {
    /// In the order of the run.
    pub(super) steps: Vec<Step>,
    /// What its ids stand for.
    pub(super) aliases: Aliases,
}

impl Told {
    /// Of a scenario that left no trace.
    pub(super) const fn nothing() -> Self {
        Self {
            steps: Vec::new(),
            aliases: Aliases::none(),
        }
    }
}

/// Every message, every call, what people did and were told, what went wrong, and how it ended.
pub(super) fn of(trace: &Trace, bodies: &dyn Bodies) -> Told {
    let view = View::new(trace, bodies);
    let aliases = Aliases::of(trace, bodies);
    let mut teller = Teller {
        view: &view,
        bodies,
        aliases: &aliases,
        names: Names::of(&view),
        said: story::messages(&view),
        naming: Naming::of(&view, &aliases),
        posts: view.posts.iter().map(|post| (post.seq, post)).collect(),
        told: BTreeMap::new(),
        latest: BTreeMap::new(),
        exchanges: BTreeMap::new(),
        open: BTreeMap::new(),
        reads: BTreeMap::new(),
        causes: BTreeMap::new(),
        pieces: messages::pieces_of_records(&view),
        steps: Vec::new(),
    };
    for event in &trace.events {
        teller.take(event);
    }
    for (by, observation) in &view.observed {
        teller.end(*by, observation);
    }
    Told {
        steps: teller.steps,
        aliases,
    }
}

struct Teller<'t> {
    view: &'t View,
    bodies: &'t dyn Bodies,
    aliases: &'t Aliases,
    names: Names<'t>,
    said: BTreeMap<u64, String>,
    naming: Naming,
    posts: BTreeMap<u64, &'t Post>,
    /// The last that each system was told, by a message or by people: the name of the step.
    told: BTreeMap<Endpoint, String>,
    /// The same, and what each was answered: what it asks next may follow from that.
    latest: BTreeMap<Endpoint, String>,
    /// Messages that carry pieces of the record itself.
    pieces: Pieces,
    /// The step that an exchange is, by name.
    exchanges: BTreeMap<u64, String>,
    /// Calls whose answer is awaited, by exchange: the place of the step.
    open: BTreeMap<u64, usize>,
    /// Reads that went well, by what was read and why: a document is read in as many pieces as a system likes.
    reads: BTreeMap<(String, Option<String>), usize>,
    /// What was told last to who asks, by the place of the step.
    causes: BTreeMap<usize, Option<String>>,
    steps: Vec<Step>,
}

impl Teller<'_> {
    fn take(&mut self, event: &Event) {
        match &event.what {
            What::Post { exchange, to, .. } => match self.posts.get(&event.seq).copied() {
                Some(post) => self.message(event, post, *exchange, *to),
                None => self.call(event),
            },
            What::Answer {
                exchange,
                status,
                body,
                ..
            } => self.answer(*exchange, *status, body),
            What::NoAnswer { exchange, .. } => {
                if let Some(step) = self.open.remove(exchange) {
                    self.ends(step, "no answer", Vec::new());
                }
            }
            What::Acted {
                on,
                act,
                not_supported,
            } => {
                let text = story::tell_act(act, *not_supported);
                let name = self
                    .naming
                    .counted(format!("people: {}", self.aliases.text(&text)));
                self.tell(*on, &name);
                self.at(event, Some(*on), (name, None), &text);
            }
            What::Declined { by, why, .. } => {
                let name = self
                    .naming
                    .counted(format!("{by} refuses what people want"));
                let cause = self.told.get(by).cloned();
                self.at(event, Some(*by), (name, cause), why);
            }
            What::Alerted { by, alert } => {
                let name = self.naming.counted(format!("{by} tells people"));
                let cause = self.told.get(by).cloned();
                self.at(event, Some(*by), (name, cause), &alert.about.to_string());
            }
            What::FaultFired { name, exchange } => {
                let of = exchange.and_then(|exchange| self.exchanges.get(&exchange).cloned());
                let text = match &of {
                    Some(of) => format!("acts on {of}"),
                    None => "acts".to_owned(),
                };
                let name = self.naming.counted(format!("planned fault: {name}"));
                self.at(event, None, (name, of), &text);
            }
            What::Lifecycle { system, change } => {
                let text = lifecycle(*change);
                let name = self.naming.counted(format!("{system} {text}"));
                self.at(event, Some(*system), (name, None), text);
            }
            What::Diverged { by, divergence } => {
                let name = self.naming.counted(format!("{by} leaves its recording"));
                self.at(event, Some(*by), (name, None), &divergence.to_string());
            }
            What::Ended { quiescent } => {
                let text = match quiescent {
                    true => "all has fallen silent",
                    false => "cut off",
                };
                let name = "how the run ends".to_owned();
                self.at(event, None, (name, None), text);
            }
            What::Patient { .. }
            | What::Held { .. }
            | What::Record { .. }
            | What::Observed { .. } => {}
        }
    }

    fn tell(&mut self, system: Endpoint, name: &str) {
        self.told.insert(system, name.to_owned());
        self.latest.insert(system, name.to_owned());
    }

    fn message(&mut self, event: &Event, post: &Post, exchange: u64, to: Endpoint) {
        if let Some(text) = self.said.get(&post.seq) {
            let (name, because_of) = self.naming.name(post);
            let is_piece = self.pieces.contains(post);
            let step = Step {
                name,
                because_of,
                from: Some(post.from),
                to: Some(to),
                fields: messages::fields(self.view, &self.names, (post, is_piece), self.aliases),
                contents: messages::contents(self.bodies, (post, is_piece)),
                seen: self.seen(event, text.clone()),
            };
            self.steps.push(step);
        }
        let Some(name) = self.naming.told(post).cloned() else {
            return;
        };
        // Which fragment was acknowledged last is a race.
        let is_word_of_a_fragment = post.kind() == Some(MessageKind::Acknowledgement)
            && name.contains(&format!("of {} ", MessageKind::Fragment));
        if post.from == Endpoint::Spine
            && !post.never_arrived()
            && !is_word_of_a_fragment
            && post.kind() != Some(MessageKind::Fragment)
        {
            self.tell(to, &name);
        }
        self.exchanges.insert(exchange, name);
    }

    fn call(&mut self, event: &Event) {
        let What::Post {
            exchange,
            from,
            to,
            method,
            path,
            headers,
            body,
            ..
        } = &event.what
        else {
            return;
        };
        // What a system knows by itself; only a foreign one has to be told it.
        if *to == Endpoint::Store && is_of_record_source(path) {
            return;
        }
        let cause = self.told.get(from).cloned();
        let what = calls::called(*to, *method, path, self.aliases);
        let called = format!("{from} {what}");
        if calls::is_read(*to, *method, path)
            && let Some(at) = self.reads.get(&(called.clone(), cause.clone()))
        {
            self.open.insert(*exchange, *at);
            return;
        }
        let name = self.naming.counted(called);
        self.exchanges.insert(*exchange, name.clone());
        self.tell(*to, &name);
        let mut fields = vec![Field::new(
            "asks",
            format!("{method} {}", self.aliases.text(path)),
        )];
        if calls::is_change(*method)
            && let Some(cause) = &cause
        {
            fields.push(Field::new("because of", cause.clone()));
        }
        fields.extend(calls::headers(headers, self.aliases));
        let mut contents = Vec::new();
        contents.extend(calls::content("body", body, self.bodies));
        let because_of = self.latest.get(from).cloned();
        let shown = path.split('?').next().unwrap_or_default();
        self.open.insert(*exchange, self.steps.len());
        self.causes.insert(self.steps.len(), cause);
        self.steps.push(Step {
            name,
            because_of,
            from: Some(*from),
            to: Some(*to),
            fields,
            contents,
            seen: self.seen(event, format!("{method} {shown}")),
        });
    }

    fn answer(&mut self, exchange: u64, status: u16, body: &BodyRef) {
        let Some(at) = self.open.remove(&exchange) else {
            return;
        };
        let content = calls::content("answer", body, self.bodies);
        let is_good = (200..300).contains(&status);
        // Another piece of what is read already.
        let is_piece = is_good
            && self.steps.get(at).is_some_and(|step| {
                step.fields
                    .iter()
                    .any(|field| field.name == "is answered" && field.value == "read")
            });
        if is_piece {
            return;
        }
        let said = self.read_name(at).filter(|_| is_good);
        match said {
            Some(key) => {
                self.reads.insert(key, at);
                self.ends(at, "read", Vec::new());
            }
            None => self.ends(at, &format!("HTTP {status}"), content.into_iter().collect()),
        }
    }

    /// Under which name a read of a document goes on, if it is one.
    fn read_name(&self, at: usize) -> Option<(String, Option<String>)> {
        let cause = self.causes.get(&at)?.clone();
        let step = self.steps.get(at)?;
        let asks = step.fields.first()?.value.strip_prefix("GET ")?;
        let is_document = step.to == Some(Endpoint::Store) && asks.contains("/Binary/");
        let (called, _) = step.name.split_once(" (no. ").unwrap_or((&step.name, ""));
        is_document.then(|| (called.to_owned(), cause))
    }

    fn ends(&mut self, at: usize, how: &str, contents: Vec<Content>) {
        if let Some(step) = self.steps.get_mut(at) {
            step.fields.retain(|field| field.name != "is answered");
            step.fields.push(Field::new("is answered", how));
            step.contents.extend(contents);
            let asks = step.seen.says.split(": ").next().unwrap_or_default();
            step.seen.says = format!("{asks}: {how}");
            if let Some(from) = step.from {
                self.latest.insert(from, step.name.clone());
            }
        }
    }

    fn at(
        &mut self,
        event: &Event,
        on: Option<Endpoint>,
        (name, because_of): (String, Option<String>),
        text: &str,
    ) {
        let step = Step {
            name,
            because_of,
            from: on,
            to: None,
            fields: vec![Field::new("says", self.aliases.text(text))],
            contents: Vec::new(),
            seen: self.seen(event, text.to_owned()),
        };
        self.steps.push(step);
    }

    /// What a system says of itself when all is over.
    fn end(&mut self, by: Endpoint, observation: &Observation) {
        let (name, fields) = match observation {
            Observation::Transfer {
                patient,
                state,
                print_state,
                left_in_store,
            } => {
                let print = print_state.map_or_else(|| "none".to_owned(), |it| it.to_string());
                let patient = self.aliases.patient(*patient);
                (
                    format!("how {by} ends, {patient}"),
                    vec![
                        Field::new("state", self.aliases.text(state)),
                        Field::new("print state", print),
                        Field::new("left in the store", left_in_store.to_string()),
                    ],
                )
            }
            Observation::Stored {
                patient,
                file_name,
                media_type,
                sha256,
                bytes,
                placeholder,
            } => {
                let file = story::stable(file_name);
                let mut fields = vec![Field::new("type", media_type.clone())];
                if file != "EhrExtract.xml" && file != "record.xml" && !placeholder {
                    fields.push(Field::new("content", content(*bytes, &sha256.to_string())));
                }
                fields.push(Field::new("placeholder", placeholder.to_string()));
                let patient = self.aliases.patient(*patient);
                (format!("{by} holds {file} of {patient}"), fields)
            }
            Observation::InStore {
                patient,
                file_name,
                state,
                sha256,
                bytes,
                document: _,
            } => {
                let (file, patient) = (story::stable(file_name), self.aliases.patient(*patient));
                let mut fields = vec![Field::new("state", state.to_string())];
                // The text of a placeholder names ids.
                if file != "placeholder" {
                    fields.push(Field::new("content", content(*bytes, &sha256.to_string())));
                }
                (format!("{file} of {patient} in the store"), fields)
            }
        };
        let says: Vec<String> = fields
            .iter()
            .map(|field| format!("{} {}", field.name, field.value))
            .collect();
        let name = self.naming.counted(name);
        let seen = self.seen_at(self.view.ended_at, u64::MAX, says.join(", "));
        self.steps.push(Step {
            name,
            because_of: None,
            from: Some(by),
            to: None,
            fields,
            contents: Vec::new(),
            seen,
        });
    }

    fn seen(&self, event: &Event, says: String) -> StepSeen {
        self.seen_at(event.at, event.seq, says)
    }

    fn seen_at(&self, at: Time, event: u64, says: String) -> StepSeen {
        let since = at.since(self.view.header.started).as_millis();
        StepSeen {
            says,
            at,
            since_start_ms: u64::try_from(since).unwrap_or(u64::MAX),
            event,
        }
    }
}

fn content(bytes: u64, sha256: &str) -> String {
    format!(
        "{bytes} bytes, sha256 {}",
        sha256.get(..12).unwrap_or_default()
    )
}

const fn lifecycle(change: Lifecycle) -> &'static str {
    match change {
        Lifecycle::Crashed => "crashes",
        Lifecycle::Restarted => "is up again",
        Lifecycle::DiskFull => "can store nothing",
        Lifecycle::DiskFree => "can store again",
        Lifecycle::ClockJumped { .. } => "shows another time",
    }
}
