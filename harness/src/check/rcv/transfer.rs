//! A transfer as the requesting system had part in it: what came to it, and what it said.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::plan::{Act, Decision, Role};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::version::Returning;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, Hl7MessageId, Interaction, MessageKind, NhsNumber,
    ResponseCode, Version,
};
use gp2gp_wire::hl7::Acknowledgement;

use crate::check::View;
use crate::check::view::{Acted, Post, Seen};

/// Messages shown in a violation.
const SHOWN: usize = 4;

/// One conversation.
pub(super) struct Transfer<'v> {
    pub(super) view: &'v View,
    pub(super) id: ConversationId,
    /// Whose record was asked for; of an unrequested core, whose record it says it is.
    pub(super) patient: Option<NhsNumber>,
    /// Messages that reached the system, each once, in order.
    pub(super) came: Vec<&'v Post>,
    /// Messages that the system posted, each once, in order.
    pub(super) said: Vec<&'v Post>,
    fragments: BTreeMap<&'v EbxmlMessageId, &'v Post>,
    /// The first message that came under each id by which an acknowledgement may name it.
    named: BTreeMap<Hl7MessageId, &'v Post>,
    /// The system's acknowledgements, by what they name.
    acks_by_ref: BTreeMap<&'v Hl7MessageId, Vec<Ack<'v>>>,
    /// From this event on, what people do is about another transfer of the same patient.
    until: Option<u64>,
}

/// An acknowledgement that the system posted.
#[derive(Clone, Copy)]
pub(super) struct Ack<'v> {
    pub(super) post: &'v Post,
    pub(super) ack: &'v Acknowledgement,
}

/// A core that was not a copy of an open one, with all that followed until the next such core.
pub(super) struct Attempt<'v> {
    pub(super) core: &'v Post,
    from: u64,
    until: u64,
}

/// A promised message.
pub(super) struct Promise<'v> {
    pub(super) id: &'v EbxmlMessageId,
    /// Its delivery, if it came.
    pub(super) came: Option<&'v Post>,
    /// An index promised it, not the core.
    pub(super) by_index: bool,
    /// The message that promised it.
    pub(super) by: &'v Post,
}

/// Every conversation in which the system had part, in order of its first message.
pub(super) fn transfers(view: &View) -> Vec<Transfer<'_>> {
    let mut order: Vec<ConversationId> = Vec::new();
    let mut found: BTreeMap<ConversationId, Transfer<'_>> = BTreeMap::new();
    let came = arrivals(view).into_iter().map(|post| (post, true));
    let said = view.sent_by(Role::Requesting).map(|post| (post, false));
    for (post, has_come) in came.chain(said) {
        let Some(seen) = post.seen() else { continue };
        let id = &seen.header.conversation_id;
        let transfer = found.entry(id.clone()).or_insert_with(|| {
            order.push(id.clone());
            Transfer::new(view, id)
        });
        match has_come {
            true => transfer.came.push(post),
            false => transfer.said.push(post),
        }
    }
    let mut transfers: Vec<_> = order.iter().filter_map(|id| found.remove(id)).collect();
    for transfer in &mut transfers {
        transfer.look_closer();
    }
    transfers.sort_by_key(Transfer::begins);
    let begins: Vec<_> = transfers
        .iter()
        .map(|transfer| (transfer.patient, transfer.begins()))
        .collect();
    for (at, transfer) in transfers.iter_mut().enumerate() {
        transfer.until = begins
            .iter()
            .skip(at + 1)
            .find(|(patient, _)| *patient == transfer.patient)
            .map(|(_, begins)| *begins);
    }
    transfers
}

/// Messages that the system took over, each once, in order. A recording shows only what the
/// sending system sent; there, everything counts as arrived.
pub(super) fn arrivals(view: &View) -> Vec<&Post> {
    if !view.has_real_times() {
        return view.sent_by(Role::Sending).collect();
    }
    let mut known = BTreeSet::new();
    view.delivered_to(Role::Requesting)
        .filter(|post| view.was_taken(post))
        .filter(|post| {
            post.seen().is_some_and(|seen| {
                let header = &seen.header;
                known.insert((&header.conversation_id, &header.message_id))
            })
        })
        .collect()
}

impl<'v> Transfer<'v> {
    fn new(view: &'v View, id: &ConversationId) -> Self {
        Self {
            view,
            id: id.clone(),
            patient: None,
            came: Vec::new(),
            said: Vec::new(),
            fragments: BTreeMap::new(),
            named: BTreeMap::new(),
            acks_by_ref: BTreeMap::new(),
            until: None,
        }
    }

    fn look_closer(&mut self) {
        let asked = self.requests().next();
        self.patient = asked
            .and_then(|post| Some(post.seen()?.request()?.patient))
            .or_else(|| Some(self.core()?.seen()?.extract()?.patient));
        self.fragments = self
            .fragments()
            .filter_map(|post| Some((post.message_id()?, post)))
            .collect();
        for post in &self.came {
            for name in names_of(post) {
                self.named.entry(name).or_insert(post);
            }
        }
        for ack in acks_in(&self.said) {
            let same = self.acks_by_ref.entry(&ack.ack.message_ref).or_default();
            same.push(ack);
        }
    }

    fn begins(&self) -> u64 {
        let first = |posts: &[&Post]| posts.first().map(|post| post.seq);
        let firsts = first(&self.came).into_iter().chain(first(&self.said));
        firsts.min().unwrap_or_default()
    }

    /// Requests that the system posted.
    pub(super) fn requests(&self) -> impl Iterator<Item = &'v Post> {
        of_kind(&self.said, MessageKind::EhrRequest)
    }

    /// Continues that the system posted.
    pub(super) fn continues(&self) -> impl Iterator<Item = &'v Post> {
        of_kind(&self.said, MessageKind::Continue)
    }

    /// Cores that came.
    pub(super) fn cores(&self) -> impl Iterator<Item = &'v Post> {
        of_kind(&self.came, MessageKind::EhrExtract).filter(|post| claims_core(post))
    }

    /// The first core that came.
    pub(super) fn core(&self) -> Option<&'v Post> {
        self.cores().next()
    }

    /// The first core, and every core that came when the one before it had been refused (S85).
    /// A recording does not show what came when: there, only the first.
    pub(super) fn attempts(&self) -> Vec<Attempt<'v>> {
        let refusals: Vec<_> = self
            .answers()
            .into_iter()
            .filter(|ack| self.view.has_real_times() && !ack.is_success())
            .map(|ack| ack.post.seq)
            .collect();
        let mut starts: Vec<&'v Post> = Vec::new();
        for core in self.cores() {
            let is_next = starts
                .last()
                .is_none_or(|last| refusals.iter().any(|at| (last.seq..core.seq).contains(at)));
            if is_next {
                starts.push(core);
            }
        }
        let ends = starts.iter().skip(1).map(|core| core.seq);
        let ends: Vec<_> = ends.chain([u64::MAX]).collect();
        let windows = starts.into_iter().zip(ends).enumerate();
        windows
            .map(|(at, (core, until))| Attempt {
                core,
                from: if at == 0 { 0 } else { core.seq },
                until,
            })
            .collect()
    }

    /// Messages that came as cores and cannot be read as such.
    pub(super) fn broken_cores(&self) -> impl Iterator<Item = &'v Post> {
        self.came
            .iter()
            .copied()
            .filter(|post| claims_core(post) && post.kind() != Some(MessageKind::EhrExtract))
    }

    /// Fragments that came, readable or not.
    pub(super) fn fragments(&self) -> impl Iterator<Item = &'v Post> {
        self.came.iter().copied().filter(|post| is_fragment(post))
    }

    /// The delivery of the fragment with this id.
    pub(super) fn fragment(&self, id: &EbxmlMessageId) -> Option<&'v Post> {
        self.fragments.get(id).copied()
    }

    /// Acknowledgements that came.
    pub(super) fn acks_received(&self) -> impl Iterator<Item = Ack<'v>> {
        acks_in(&self.came)
    }

    /// Acknowledgements that the system posted.
    pub(super) fn acks(&self) -> impl Iterator<Item = Ack<'v>> {
        acks_in(&self.said)
    }

    /// Acknowledgements of one message. The HL7 id of a message that cannot be read is not known,
    /// so what names nothing else may be meant for it.
    pub(super) fn acks_of(&self, message: &Post) -> Vec<Ack<'v>> {
        let is_unreadable = message.kind().is_none();
        let of_nothing = (self.acks_by_ref.iter())
            .filter(|(name, _)| is_unreadable && !self.named.contains_key(**name))
            .map(|(_, acks)| acks);
        let mut acks: Vec<Ack<'v>> = names_of(message)
            .iter()
            .filter_map(|name| self.acks_by_ref.get(name))
            .chain(of_nothing)
            .flatten()
            .copied()
            .collect();
        acks.sort_by_key(|ack| ack.post.seq);
        acks.dedup_by_key(|ack| ack.post.seq);
        acks
    }

    /// The message that came and that an acknowledgement names.
    pub(super) fn named_by(&self, ack: &Ack<'_>) -> Option<&'v Post> {
        self.named.get(&ack.ack.message_ref).copied()
    }

    /// The refusal of the core by which the transfer failed.
    pub(super) fn failed(&self) -> Option<Ack<'v>> {
        self.answers().into_iter().find(|ack| !ack.is_success())
    }

    /// Answers to the core, whichever copy they name. Code 12 is about a copy and no answer to
    /// the record (spec 30).
    pub(super) fn answers(&self) -> Vec<Ack<'v>> {
        let cores: Vec<_> = self.cores().collect();
        self.acks()
            .filter(|ack| cores.iter().any(|core| ack.names(core)))
            .filter(|ack| ack.code() != Some("12"))
            .collect()
    }

    /// The positive ones among the answers.
    pub(super) fn proofs(&self) -> Vec<Ack<'v>> {
        let mut answers = self.answers();
        answers.retain(|ack| !ack.ack.is_negative());
        answers
    }

    /// The answer by which the record counts as stored, AA or 15, and the core it names. A core
    /// that was sent again may share its HL7 id with the first.
    pub(super) fn filed(&self) -> Option<(Ack<'v>, &'v Post)> {
        let ack = self.answers().into_iter().find(Ack::is_success)?;
        let attempts = self.attempts().into_iter().rev();
        let taken = attempts
            .filter(|attempt| attempt.has(ack.post))
            .map(|attempt| attempt.core)
            .find(|core| ack.names(core));
        Some((
            ack,
            taken.or_else(|| self.cores().find(|core| ack.names(core)))?,
        ))
    }

    /// Everything that a core promises, directly or by an index that came.
    pub(super) fn promises(&self, core: &'v Post) -> Vec<Promise<'v>> {
        let mut promises: Vec<Promise<'v>> = Vec::new();
        let mut known = BTreeSet::new();
        let mut readers = vec![core];
        while let Some(reader) = readers.pop() {
            let by_index = !std::ptr::eq(reader, core);
            for id in reader.seen().into_iter().flat_map(|seen| seen.promised()) {
                if known.insert(id) {
                    let came = self.fragment(id);
                    readers.extend(came);
                    promises.push(Promise {
                        id,
                        came,
                        by_index,
                        by: reader,
                    });
                }
            }
        }
        promises
    }

    /// What people decided about this transfer first, once a core had come.
    pub(super) fn decision(&self) -> Option<(&'v Acted, Decision)> {
        self.decision_within(self.core()?.seq, u64::MAX)
    }

    fn decision_within(&self, from: u64, until: u64) -> Option<(&'v Acted, Decision)> {
        let patient = self.patient?;
        let acts = &self.view.acts;
        let first = acts.partition_point(|acted| acted.seq < from);
        acts.iter()
            .skip(first)
            .take_while(|acted| acted.seq < until)
            .take_while(|acted| self.until.is_none_or(|until| acted.seq < until))
            .filter_map(|acted| Some((acted, acted.act.decides()?)))
            .filter(|(_, (whose, _))| *whose == patient)
            .map(|(acted, (_, decision))| (acted, decision))
            .find(|(acted, _)| is_supported(self.view, acted))
    }

    /// Whether people of the requesting practice knew the patient before.
    pub(super) fn is_returning(&self) -> bool {
        self.view
            .patients
            .iter()
            .any(|truth| Some(truth.patient) == self.patient && truth.returning)
    }

    /// The patient came back to a system that cannot replace an old record: before 2.2b.
    pub(super) fn files_as_attachment(&self) -> bool {
        let practices = self.view.header.practices.as_ref();
        let version =
            practices.map_or_else(Version::default, |practices| practices.requesting_version);
        match version.returning() {
            Returning::FilesAsAttachment => self.is_returning(),
            Returning::ReplacesOrSuppresses => false,
        }
    }

    /// States that the system reports for the patient.
    pub(super) fn states(&self) -> Vec<&'v str> {
        use gp2gp_model::trace::Observation;
        self.view
            .observed
            .iter()
            .filter(|(by, _)| *by == Endpoint::Requesting)
            .filter_map(|(_, observation)| match observation {
                Observation::Transfer { patient, state, .. } if Some(*patient) == self.patient => {
                    Some(state.as_str())
                }
                Observation::Transfer { .. }
                | Observation::Stored { .. }
                | Observation::InStore { .. } => None,
            })
            .collect()
    }

    /// Whether the system shows a code or a number to people; `None` if it was not observed.
    pub(super) fn shows(&self, what: &str) -> Option<bool> {
        let states = self.states();
        let is_shown = states.iter().any(|state| state.contains(what));
        (!states.is_empty()).then_some(is_shown)
    }

    /// The harness asked for a request to be repeated, so a repetition is no fault of the system.
    pub(super) fn has_repeated_request(&self) -> bool {
        self.view.acts.iter().any(|acted| match &acted.act {
            Act::RepeatRequest { patient } => Some(*patient) == self.patient,
            Act::Register { .. }
            | Act::Decide { .. }
            | Act::RepeatExtract { .. }
            | Act::MoveOn { .. }
            | Act::Relink { .. }
            | Act::DealWithPooledList { .. }
            | Act::Relist { .. }
            | Act::AcknowledgeAgain { .. }
            | Act::Stray { .. }
            | Act::File { .. }
            | Act::AtOffice { .. }
            | Act::AtHub { .. }
            | Act::Book { .. }
            | Act::SendUnrequested { .. } => false,
        })
    }
}

impl<'v> Attempt<'v> {
    /// Whether a message falls into the time of this core.
    pub(super) fn has(&self, post: &Post) -> bool {
        (self.from..self.until).contains(&post.seq)
    }

    /// The event of the refusal that ended the attempt before it; 0 of the first.
    pub(super) fn refused_before(&self, transfer: &Transfer<'v>) -> u64 {
        let answers = transfer.answers().into_iter().rev();
        let mut before = answers.filter(|ack| !ack.is_success() && ack.post.seq < self.core.seq);
        before.next().map_or(0, |ack| ack.post.seq)
    }

    /// Answers to this core.
    pub(super) fn answers(&self, transfer: &Transfer<'v>) -> Vec<Ack<'v>> {
        let mut answers = transfer.answers();
        answers.retain(|ack| self.has(ack.post));
        answers
    }

    /// Continues for this core.
    pub(super) fn continues(&self, transfer: &Transfer<'v>) -> impl Iterator<Item = &'v Post> {
        transfer.continues().filter(|post| self.has(post))
    }

    /// What people decided about this core first.
    pub(super) fn decision(&self, transfer: &Transfer<'v>) -> Option<(&'v Acted, Decision)> {
        transfer.decision_within(self.core.seq, self.until)
    }
}

impl<'v> Ack<'v> {
    pub(super) fn of(post: &'v Post) -> Option<Self> {
        let ack = post.seen()?.acknowledgement()?;
        Some(Self { post, ack })
    }

    /// Whether this acknowledges the message.
    pub(super) fn names(&self, message: &Post) -> bool {
        message
            .seen()
            .is_some_and(|seen| seen.is_named_by(&self.ack.message_ref))
    }

    /// Its code, if it is negative.
    pub(super) fn code(&self) -> Option<&'v str> {
        let code = self.ack.code().filter(|_| self.ack.is_negative());
        code.map(ResponseCode::as_str)
    }

    /// AA, or 15 or 26 for a record that is stored beside another.
    pub(super) fn is_success(&self) -> bool {
        !self.ack.is_negative() || self.ack.code().is_some_and(ResponseCode::says_filed)
    }

    /// `AA`, or `refusal with 31`.
    pub(super) fn word(&self) -> String {
        match (self.ack.is_negative(), self.code()) {
            (false, _) => "AA".to_owned(),
            (true, Some(code)) => format!("refusal with {code}"),
            (true, None) => "refusal without a code".to_owned(),
        }
    }

    /// For a violation.
    pub(super) fn show(&self) -> String {
        format!(
            "{} in message {} at {}",
            self.word(),
            id_of(self.post),
            self.post.at
        )
    }
}

/// Acknowledgements in a few words.
pub(super) fn show_all(acks: &[Ack<'_>]) -> String {
    let mut shown: Vec<_> = acks.iter().take(SHOWN).map(Ack::show).collect();
    if acks.len() > SHOWN {
        shown.push(format!("and {} more", acks.len() - SHOWN));
    }
    match shown.is_empty() {
        true => "no acknowledgement".to_owned(),
        false => shown.join("; "),
    }
}

/// The message id of a post, for a violation.
pub(super) fn id_of(post: &Post) -> String {
    post.message_id()
        .map_or_else(|| "(unreadable)".to_owned(), ToString::to_string)
}

/// Whether the system knew the verb of an act.
pub(super) fn is_supported(view: &View, acted: &Acted) -> bool {
    !acted.not_supported
        && !view
            .acts
            .iter()
            .any(|other| other.not_supported && other.on == acted.on && other.act == acted.act)
}

/// The message that a reference names: one of this conversation before one of another.
pub(super) fn named<'v>(
    posts: &[&'v Post],
    conversation: &ConversationId,
    reference: &Hl7MessageId,
) -> Option<&'v Post> {
    let names = |post: &&&'v Post| post.seen().is_some_and(|seen| seen.is_named_by(reference));
    let here = posts.iter().filter(|post| post.is_of(conversation));
    here.clone()
        .find(names)
        .or_else(|| posts.iter().find(names))
        .copied()
}

fn claims_core(post: &Post) -> bool {
    let claimed = post.seen().and_then(Seen::claimed);
    claimed.and_then(Interaction::kind) == Some(MessageKind::EhrExtract)
}

/// A COPC that cannot be read is no Continue: those go the other way.
fn is_fragment(post: &Post) -> bool {
    match post.kind() {
        Some(kind) => kind == MessageKind::Fragment,
        None => post.seen().and_then(Seen::claimed) == Some(Interaction::Copc),
    }
}

fn of_kind<'v>(posts: &[&'v Post], kind: MessageKind) -> impl Iterator<Item = &'v Post> {
    posts
        .iter()
        .copied()
        .filter(move |post| post.kind() == Some(kind))
}

/// Ids by which an acknowledgement may name a message.
fn names_of(message: &Post) -> Vec<Hl7MessageId> {
    let Some(seen) = message.seen() else {
        return Vec::new();
    };
    let of_envelope = Hl7MessageId::from(&seen.header.message_id);
    let of_payload = seen.hl7_id().cloned();
    of_payload.into_iter().chain([of_envelope]).collect()
}

fn acks_in<'v>(posts: &[&'v Post]) -> impl Iterator<Item = Ack<'v>> {
    posts.iter().copied().filter_map(Ack::of)
}
