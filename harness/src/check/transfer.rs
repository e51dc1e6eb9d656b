//! Transfers as the sending system saw them: what reached it and what it sent, each message with
//! the transfer that it belongs to, whatever conversation id it bears.

use std::collections::BTreeMap;

use gp2gp_model::plan::Role;
use gp2gp_model::{
    ConversationId, EbxmlMessageId, Hl7MessageId, Interaction, MessageKind, NhsNumber, Time,
};
use gp2gp_wire::hl7::{Acknowledgement, EhrRequest};

use super::documents::{Chunk, Document, Route};
use super::view::{AttachmentSeen, Ending, Place, Post, Seen, View};

/// One transfer from the point of view of the sending system.
pub(crate) struct Transfer<'v> {
    /// Conversation of the request; without a request, of the first message.
    pub(crate) conversation: &'v ConversationId,
    /// Requests that reached the sending system, repeated ones included.
    pub(crate) requests: Vec<&'v Post>,
    /// Everything new that the sending system sent.
    pub(crate) messages: Vec<&'v Post>,
    /// Extracts among these.
    pub(crate) cores: Vec<&'v Post>,
    /// Fragments among these.
    pub(crate) fragments: Vec<&'v Post>,
    /// Acknowledgements among these.
    pub(crate) answers: Vec<&'v Post>,
    /// Continues that reached the sending system, repeated ones included.
    pub(crate) continues: Vec<&'v Post>,
    /// Acknowledgements of the core that reached the sending system.
    pub(crate) outcomes: Vec<&'v Post>,
    /// Acknowledgements of fragments that reached the sending system.
    pub(crate) fragment_acks: Vec<&'v Post>,
}

/// A message that a core or an index promises.
pub(crate) struct Promise<'v> {
    /// The core or index.
    pub(crate) by: &'v Post,
    /// The reference.
    pub(crate) reference: &'v AttachmentSeen,
    /// The message that is to come.
    pub(crate) message: &'v EbxmlMessageId,
    /// The first message of that id, if it was sent.
    pub(crate) fragment: Option<&'v Post>,
}

/// A document together with the core that brings it.
pub(crate) struct Sent<'v> {
    /// The core.
    pub(crate) core: &'v Post,
    /// Whose record was asked for; without a request, whose record the core says it is.
    pub(crate) patient: NhsNumber,
    /// The document.
    pub(crate) document: &'v Document,
    /// It comes from a recording, from which contents may have been cut out.
    recorded: bool,
}

/// All transfers of a trace, in the order of their first message.
pub(crate) fn transfers(view: &View) -> Vec<Transfer<'_>> {
    let mut sorter = Sorter::default();
    let arrived: Vec<&Post> = arrived(view).collect();
    let of_kind = |kind| {
        let posts = arrived.iter().copied();
        posts
            .filter(move |post| post.kind() == Some(kind))
            .filter(|post| post.seen().is_some_and(Seen::may_be_what_it_claims))
    };
    for post in arrived.iter().copied().filter(|post| asks(post)) {
        sorter.request(post);
    }
    let sent: Vec<&Post> = view.sent_by(Role::Sending).collect();
    sorter.cores(sent.iter().copied());
    sorter.fragments(&sent);
    sorter.rest(&sent);
    of_kind(MessageKind::Continue).for_each(|post| sorter.continued(post));
    of_kind(MessageKind::Acknowledgement).for_each(|post| sorter.acknowledged(post));
    sorter.transfers
}

/// Documents of all cores.
pub(crate) fn sent_documents(view: &View) -> Vec<Sent<'_>> {
    transfers(view)
        .iter()
        .flat_map(|transfer| transfer.documents(view))
        .collect()
}

/// What the sending system may have taken over: all that it did not turn away. A recording does
/// not show deliveries: there, what the requesting system sent counts.
fn arrived(view: &View) -> impl Iterator<Item = &Post> {
    let recorded = !view.has_real_times();
    let from_requesting = view.sent_by(Role::Requesting).filter(move |_| recorded);
    view.delivered_to(Role::Sending)
        .filter(|post| !was_turned_away(post))
        .chain(from_requesting)
}

fn was_turned_away(post: &Post) -> bool {
    match post.ending {
        Ending::Answered { .. } => !post.was_accepted(),
        Ending::NoAnswer { .. } | Ending::Open => false,
    }
}

/// A request, even if its payload cannot be read.
fn asks(post: &Post) -> bool {
    post.seen().is_some_and(Seen::asks_for_record)
}

impl<'v> Transfer<'v> {
    /// Whether a request of its version that is served is also acknowledged; 2.2c lets the extract
    /// be the answer.
    pub(crate) fn is_acknowledged_if_served(&self) -> bool {
        let asked = self.requests.iter().find_map(|post| post.seen()?.claimed());
        asked.is_none_or(Interaction::is_acknowledged_if_served)
    }

    fn of(conversation: &'v ConversationId) -> Self {
        Self {
            conversation,
            requests: Vec::new(),
            messages: Vec::new(),
            cores: Vec::new(),
            fragments: Vec::new(),
            answers: Vec::new(),
            continues: Vec::new(),
            outcomes: Vec::new(),
            fragment_acks: Vec::new(),
        }
    }

    /// The request, if one came that can be read.
    pub(crate) fn request(&self) -> Option<&'v EhrRequest> {
        self.requests
            .iter()
            .find_map(|post| post.seen().and_then(Seen::request))
    }

    /// Acknowledgements that the sending system sent, with their posts.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&'v Post, &'v Acknowledgement)> {
        acknowledgements(&self.answers)
    }

    /// Negative acknowledgements that the sending system sent.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = (&'v Post, &'v Acknowledgement)> {
        self.answers().filter(|(_, ack)| ack.is_negative())
    }

    /// Acknowledgements of the core that reached the sending system; the first one counts.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = (&'v Post, &'v Acknowledgement)> {
        acknowledgements(&self.outcomes)
    }

    /// What cores and indexes promise, each message once.
    pub(crate) fn promises(&self) -> Vec<Promise<'v>> {
        let mut sent: BTreeMap<&EbxmlMessageId, &'v Post> = BTreeMap::new();
        for post in &self.fragments {
            if let Some(id) = post.message_id() {
                sent.entry(id).or_insert(post);
            }
        }
        let mut promised: BTreeMap<&EbxmlMessageId, ()> = BTreeMap::new();
        self.cores
            .iter()
            .chain(&self.fragments)
            .flat_map(|post| references(post).map(move |reference| (*post, reference)))
            .filter_map(|(by, reference)| match &reference.place {
                Place::External(message) => Some((by, reference, message)),
                Place::Inline { .. } | Place::Dangling(_) | Place::Other(_) => None,
            })
            .filter(|(_, _, message)| promised.insert(message, ()).is_none())
            .map(|(by, reference, message)| Promise {
                by,
                reference,
                message,
                fragment: sent.get(message).copied(),
            })
            .collect()
    }

    /// Documents that the cores bring.
    pub(crate) fn documents(&self, view: &'v View) -> Vec<Sent<'v>> {
        let requested = self.request().map(|request| request.patient);
        self.cores
            .iter()
            .filter_map(|core| Some((*core, core.seen()?.extract()?)))
            .flat_map(|(core, extract)| {
                view.documents
                    .iter()
                    .filter(move |document| is_at(view, document.core, core))
                    .map(move |document| Sent {
                        core,
                        patient: requested.unwrap_or(extract.patient),
                        document,
                        recorded: !view.has_real_times(),
                    })
            })
            .collect()
    }
}

impl Sent<'_> {
    /// The file name that the core gives, if it gives one.
    pub(crate) fn file_name(&self) -> Option<&str> {
        self.document.style.filename()
    }

    /// The file name, or words in its place.
    pub(crate) fn label(&self) -> String {
        self.file_name().map_or_else(
            || "an unnamed attachment".to_owned(),
            |name| format!("`{name}`"),
        )
    }

    /// Every message that it travelled in is there, with its text.
    pub(crate) fn came_whole(&self) -> bool {
        self.document.route != Route::Absent
            && self
                .document
                .chunks
                .iter()
                .all(|chunk| self.has_text(chunk))
    }

    /// The text is there. Recordings are published with contents cut out.
    pub(crate) fn has_text(&self, chunk: &Chunk) -> bool {
        chunk.message.is_some() && !(self.recorded && chunk.text_characters == 0)
    }

    /// The messages in which it travelled, beside the core.
    pub(crate) fn pieces(&self, view: &View) -> Vec<u64> {
        let chunks = self.document.chunks.iter();
        chunks.filter_map(|chunk| self.piece(view, chunk)).collect()
    }

    /// The message in which a chunk of it travelled.
    pub(crate) fn piece(&self, view: &View, chunk: &Chunk) -> Option<u64> {
        let id = chunk.message.as_ref()?;
        let mut sent = view.sent_by(Role::Sending);
        sent.find(|post| post.message_id() == Some(id))
            .map(|post| post.seq)
    }

    /// It is the content behind a skeleton.
    pub(crate) fn is_skeleton(&self) -> bool {
        self.document
            .description()
            .is_some_and(gp2gp_wire::attachment::Description::is_skeleton)
    }

    /// Base64 characters of all its texts.
    pub(crate) fn characters(&self) -> u64 {
        let chunks = self.document.chunks.iter();
        chunks.map(|chunk| chunk.text_characters).sum()
    }
}

/// Attachment references of a message.
pub(crate) fn references(post: &Post) -> impl Iterator<Item = &AttachmentSeen> {
    post.seen().into_iter().flat_map(|seen| &seen.attachments)
}

/// Kind and id of a message, for evidence.
pub(crate) fn name(post: &Post) -> String {
    match (post.kind(), post.message_id()) {
        (Some(kind), Some(id)) => format!("{kind} {id}"),
        (None, Some(id)) => format!("message {id}"),
        (_, None) => "a message that cannot be opened".to_owned(),
    }
}

/// Whether a message demonstrably came later: by the order of a run; by what the messages say of
/// themselves in a recording.
pub(crate) fn is_after(view: &View, later: &Post, earlier: &Post) -> bool {
    if view.has_real_times() {
        later.seq > earlier.seq
    } else {
        later
            .seen()
            .zip(earlier.seen())
            .is_some_and(|(later, earlier)| later.header.timestamp > earlier.header.timestamp)
    }
}

/// Every post of a message, in order.
pub(crate) fn attempts<'v>(view: &'v View, message: &'v Post) -> impl Iterator<Item = &'v Post> {
    view.posted_by(Role::Sending)
        .filter(move |post| post.is_same_message(message))
}

/// When Spine took a message over, if it did. A recording shows no answers.
pub(crate) fn accepted_at(view: &View, message: &Post) -> Option<Time> {
    attempts(view, message)
        .find(|post| post.was_accepted())
        .and_then(|post| match &post.ending {
            Ending::Answered { at, .. } => Some(*at),
            Ending::NoAnswer { .. } | Ending::Open => None,
        })
}

fn acknowledgements<'v>(
    posts: &[&'v Post],
) -> impl Iterator<Item = (&'v Post, &'v Acknowledgement)> {
    posts
        .iter()
        .filter_map(|post| Some((*post, post.seen()?.acknowledgement()?)))
}

fn is_at(view: &View, index: usize, post: &Post) -> bool {
    view.posts
        .get(index)
        .is_some_and(|found| found.seq == post.seq)
}

/// What an id names.
#[derive(Clone, Copy)]
enum Named {
    Request(usize),
    Core(usize),
    Fragment(usize),
}

impl Named {
    const fn transfer(self) -> usize {
        match self {
            Self::Request(at) | Self::Core(at) | Self::Fragment(at) => at,
        }
    }
}

/// Transfers by the messages that they promise. Ids may collide between conversations (RCV-37).
type Homes<'v> = BTreeMap<&'v EbxmlMessageId, Vec<usize>>;

/// The transfer that promises this message: that of its own conversation, if that one does.
fn home_of(
    seen: &Seen,
    homes: &Homes<'_>,
    by_conversation: &BTreeMap<&ConversationId, usize>,
) -> Option<usize> {
    let own = by_conversation.get(&seen.header.conversation_id);
    let homes = homes.get(&seen.header.message_id)?;
    let of_own = homes.iter().find(|at| Some(*at) == own);
    of_own.or_else(|| homes.first()).copied()
}

/// Gives each message to its transfer.
#[derive(Default)]
struct Sorter<'v> {
    transfers: Vec<Transfer<'v>>,
    by_conversation: BTreeMap<&'v ConversationId, usize>,
    by_id: BTreeMap<Hl7MessageId, Vec<Named>>,
}

impl<'v> Sorter<'v> {
    fn request(&mut self, post: &'v Post) {
        if let Some(seen) = post.seen() {
            let at = self.conversation(&seen.header.conversation_id);
            self.name(seen, Named::Request(at));
            self.transfer(at, |transfer| transfer.requests.push(post));
        }
    }

    /// A core belongs to the conversation that it names; if nobody asked in that one, to the
    /// request that it says it fulfils.
    fn cores(&mut self, sent: impl Iterator<Item = &'v Post>) {
        for post in sent {
            let Some((seen, extract)) = post.seen().and_then(|seen| Some((seen, seen.extract()?)))
            else {
                continue;
            };
            let conversation = &seen.header.conversation_id;
            let fulfilled = || {
                self.transfers.iter().position(|transfer| {
                    transfer
                        .request()
                        .is_some_and(|request| Some(&request.id) == extract.prior_request.as_ref())
                })
            };
            let at = match self.by_conversation.get(conversation).copied() {
                Some(at) => at,
                None => match fulfilled() {
                    Some(at) => at,
                    None => self.conversation(conversation),
                },
            };
            self.name(seen, Named::Core(at));
            self.transfer(at, |transfer| {
                transfer.cores.push(post);
                transfer.messages.push(post);
            });
        }
    }

    /// A fragment belongs to the core that promises it, directly or through an index; if none
    /// does, to the conversation that it names.
    fn fragments(&mut self, sent: &[&'v Post]) {
        let homes = self.promised(sent);
        for post in sent {
            let Some(seen) = post.seen().filter(|seen| seen.fragment().is_some()) else {
                continue;
            };
            let at = match home_of(seen, &homes, &self.by_conversation) {
                Some(at) => at,
                None => self.conversation(&seen.header.conversation_id),
            };
            self.name(seen, Named::Fragment(at));
            self.transfer(at, |transfer| {
                transfer.fragments.push(post);
                transfer.messages.push(post);
            });
        }
    }

    /// The transfers that promise each message.
    fn promised(&self, sent: &[&'v Post]) -> Homes<'v> {
        let mut homes = Homes::new();
        let promise = |seen: &'v Seen, at: usize, homes: &mut Homes<'v>| {
            for message in seen.promised() {
                homes.entry(message).or_default().push(at);
            }
        };
        for (at, transfer) in self.transfers.iter().enumerate() {
            for seen in transfer.cores.iter().filter_map(|core| core.seen()) {
                promise(seen, at, &mut homes);
            }
        }
        for seen in sent.iter().filter_map(|post| post.seen()) {
            let home = home_of(seen, &homes, &self.by_conversation);
            if let Some(at) = home.filter(|_| seen.fragment().is_some()) {
                promise(seen, at, &mut homes);
            }
        }
        homes
    }

    /// Acknowledgements belong to the request that they name; they and what cannot be read, else
    /// to the conversation that they name.
    fn rest(&mut self, sent: &[&'v Post]) {
        for post in sent {
            let Some(seen) = post.seen() else { continue };
            if seen.extract().is_some() || seen.fragment().is_some() {
                continue;
            }
            let ack = seen.acknowledgement();
            let at = match ack.and_then(|ack| self.named(&ack.message_ref, seen)) {
                Some(Named::Request(at)) => at,
                Some(Named::Core(_) | Named::Fragment(_)) | None => {
                    self.conversation(&seen.header.conversation_id)
                }
            };
            self.transfer(at, |transfer| {
                if ack.is_some() {
                    transfer.answers.push(post);
                }
                transfer.messages.push(post);
            });
        }
    }

    fn continued(&mut self, post: &'v Post) {
        let Some(seen) = post.seen() else { return };
        let core = || match self.named(&seen.continue_message()?.message_ref, seen)? {
            Named::Core(at) => Some(at),
            Named::Request(_) | Named::Fragment(_) => None,
        };
        let conversation = self.by_conversation.get(&seen.header.conversation_id);
        if let Some(at) = conversation.copied().or_else(core) {
            self.transfer(at, |transfer| transfer.continues.push(post));
        }
    }

    fn acknowledged(&mut self, post: &'v Post) {
        let named = post.seen().and_then(|seen| {
            let ack = seen.acknowledgement()?;
            self.named(&ack.message_ref, seen)
        });
        match named {
            Some(Named::Core(at)) => self.transfer(at, |transfer| transfer.outcomes.push(post)),
            Some(Named::Fragment(at)) => {
                self.transfer(at, |transfer| transfer.fragment_acks.push(post));
            }
            Some(Named::Request(_)) | None => {}
        }
    }

    fn conversation(&mut self, conversation: &'v ConversationId) -> usize {
        if let Some(at) = self.by_conversation.get(conversation) {
            return *at;
        }
        let at = self.transfers.len();
        self.transfers.push(Transfer::of(conversation));
        self.by_conversation.insert(conversation, at);
        at
    }

    /// A message is named by either of its ids (spec 10, Ids).
    fn name(&mut self, seen: &'v Seen, named: Named) {
        let ids = [
            seen.hl7_id().cloned(),
            Some(Hl7MessageId::from(&seen.header.message_id)),
        ];
        for id in ids.into_iter().flatten() {
            self.by_id.entry(id).or_default().push(named);
        }
    }

    /// What a message means by an id: something of its own conversation, if that has it.
    fn named(&self, id: &Hl7MessageId, by: &Seen) -> Option<Named> {
        let own = self.by_conversation.get(&by.header.conversation_id);
        let named = self.by_id.get(id)?;
        let mut of_own = named.iter().filter(|named| Some(&named.transfer()) == own);
        of_own.next().or_else(|| named.first()).copied()
    }

    fn transfer(&mut self, at: usize, change: impl FnOnce(&mut Transfer<'v>)) {
        if let Some(transfer) = self.transfers.get_mut(at) {
            change(transfer);
        }
    }
}
