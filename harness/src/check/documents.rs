//! Documents of every core extract, put together again from what the sending system posted,
//! streaming: one chunk in memory at a time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::report::DocumentReport;
use gp2gp_model::trace::{Bodies, Endpoint};
use gp2gp_model::{EbxmlMessageId, Sha256};
use gp2gp_wire::Received;
use gp2gp_wire::attachment::{
    AttachmentError, Description, DescriptionStyle, DocumentDecoder, GzipError, Placeholder,
};
use gp2gp_wire::hl7::{Departure, Payload};
use gp2gp_wire::limits::RESTORED_EXTRACT_BYTES;
use gp2gp_wire::message::{Inline, Location};
use gp2gp_wire::mime::TransferEncoding;

use super::seen::departures_of;
use super::texts::{self, Narratives};
use super::view::{AttachmentSeen, Place, Post, View, open};

/// A placeholder has four lines; of anything that only bears such a name, the beginning is kept.
const PLACEHOLDER_BYTES: usize = 65_536;

/// A document as the manifest of a core promises it, with what came of the promise.
pub struct Document {
    /// Index of the core's post in the view.
    pub core: usize,
    /// Index of the reference among the core's attachments.
    pub attachment: usize,
    /// What its description says.
    pub style: DescriptionStyle,
    /// How it travelled.
    pub route: Route,
    /// The base64 texts in manifest order.
    pub chunks: Vec<Chunk>,
    /// Digest and size after reassembly and decompression, or what is wrong.
    pub content: Result<(Sha256, u64), String>,
    /// Decompression was stopped: it grew beyond what any document does.
    pub is_bomb: bool,
    /// For a skeleton: the interaction and extract id of the message inside, or what is wrong.
    pub skeleton: Option<Result<Restored, String>>,
    /// For a placeholder: its text.
    pub placeholder: Option<String>,
}

/// How a document travelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// Inside the core.
    Inline,
    /// In one COPC of its own.
    OwnCopc,
    /// As an index COPC with this many chunks.
    Index(usize),
    /// The promised message is not in the trace, or the `cid:` dangles.
    Absent,
}

/// One base64 text of a document.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The message that carried it; `None` if it never came.
    pub message: Option<EbxmlMessageId>,
    /// Length of the text, line ends included.
    pub text_bytes: u64,
    /// Base64 characters of the text, line ends not counted.
    pub text_characters: u64,
    /// It is base64 that decodes without its neighbours.
    pub decodes_alone: bool,
}

/// A message restored from a skeleton attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Root element.
    pub root: String,
    /// `EhrExtract/id`.
    pub extract_id: gp2gp_model::EhrExtractId,
    /// Document links inside.
    pub documents: Vec<gp2gp_wire::hl7::DocumentLink>,
    /// `confidentialityCode/@code="NOPAT"` occurs inside.
    pub marks: usize,
    /// Free texts of the record inside.
    pub narratives: Narratives,
    /// Where it departs from the form of its version: the first few places.
    pub departures: Vec<Departure>,
    /// Bytes of the message.
    pub bytes: u64,
}

impl Document {
    /// For a report.
    pub fn report(&self) -> DocumentReport {
        let (file_name, content_type) = match &self.style {
            DescriptionStyle::Grammar(Description {
                filename,
                content_type,
                ..
            }) => (filename.clone(), content_type.clone()),
            DescriptionStyle::FilenameOnly(name) => (name.clone(), "not said".to_owned()),
            DescriptionStyle::Word | DescriptionStyle::Empty => {
                ("not said".to_owned(), "not said".to_owned())
            }
        };
        let mut travelled = match &self.route {
            Route::Inline => "inline in the extract".to_owned(),
            Route::OwnCopc => "own COPC".to_owned(),
            Route::Index(chunks) => format!("index COPC + {}", count(*chunks, "fragment")),
            Route::Absent => "promised, never came".to_owned(),
        };
        if self.is_compressed() {
            travelled.push_str(", gzip");
        }
        DocumentReport {
            file_name,
            content_type,
            travelled,
            bytes: self.content.as_ref().ok().map(|(_, bytes)| *bytes),
            sha256: self.content.as_ref().ok().map(|(sha256, _)| *sha256),
            problem: self.content.as_ref().err().cloned(),
        }
    }

    /// What the grammar says, if the description is one.
    pub fn description(&self) -> Option<&Description> {
        match &self.style {
            DescriptionStyle::Grammar(description) => Some(description),
            DescriptionStyle::FilenameOnly(_)
            | DescriptionStyle::Word
            | DescriptionStyle::Empty => None,
        }
    }

    /// The description promises gzip.
    pub fn is_compressed(&self) -> bool {
        self.description()
            .is_some_and(|description| description.compressed)
    }
}

/// Where messages are looked at.
#[derive(Clone, Copy)]
enum Leg {
    FromSending,
    ToRequesting,
}

/// Puts the documents of every core together.
pub(super) fn assemble(view: &View, bodies: &dyn Bodies) -> Vec<Document> {
    assemble_on(Leg::FromSending, view, bodies)
}

/// Puts together what was delivered, if anything came otherwise than it was sent.
pub(super) fn assemble_altered(view: &View, bodies: &dyn Bodies) -> Vec<Document> {
    let sent = view.posted_by(Role::Sending);
    let sent: BTreeSet<Sha256> = sent.map(|post| post.body.sha256).collect();
    let mut delivered = view.delivered_to(Role::Requesting);
    let is_altered = |post: &Post| post.seen().is_some() && !sent.contains(&post.body.sha256);
    match delivered.any(is_altered) {
        true => assemble_on(Leg::ToRequesting, view, bodies),
        false => Vec::new(),
    }
}

fn assemble_on(leg: Leg, view: &View, bodies: &dyn Bodies) -> Vec<Document> {
    let fragments = fragments_by_id(leg, view);
    let assembler = Assembler {
        view,
        bodies,
        fragments,
        last: RefCell::new(None),
    };
    view.posts
        .iter()
        .enumerate()
        .filter(|(_, post)| is_core(leg, post))
        .flat_map(|(core, post)| {
            let attachments = post.seen().map_or(&[][..], |seen| &seen.attachments);
            attachments
                .iter()
                .enumerate()
                .map(|(at, attachment)| assembler.document(core, at, attachment))
                .collect::<Vec<_>>()
        })
        .collect()
}

impl Leg {
    fn has(self, post: &Post) -> bool {
        match self {
            Self::FromSending => post.from == Endpoint::Sending,
            Self::ToRequesting => post.to == Endpoint::Requesting,
        }
    }
}

fn is_core(leg: Leg, post: &Post) -> bool {
    leg.has(post)
        && !post.is_retransmission
        && post.seen().is_some_and(|seen| seen.extract().is_some())
}

/// Fragments by id. Ids may collide between conversations (RCV-37).
fn fragments_by_id(leg: Leg, view: &View) -> BTreeMap<EbxmlMessageId, Vec<usize>> {
    let mut found: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, post) in view.posts.iter().enumerate() {
        if let Some(seen) = post
            .seen()
            .filter(|seen| leg.has(post) && seen.fragment().is_some())
        {
            found
                .entry(seen.header.message_id.clone())
                .or_default()
                .push(at);
        }
    }
    found
}

/// Where a text is: post and reference within it.
type TextAt = (usize, usize);

struct Assembler<'v> {
    view: &'v View,
    bodies: &'v dyn Bodies,
    fragments: BTreeMap<EbxmlMessageId, Vec<usize>>,
    /// The message opened last, by its post.
    last: RefCell<Option<(usize, Rc<Received>)>>,
}

impl Assembler<'_> {
    fn document(&self, core: usize, at: usize, attachment: &AttachmentSeen) -> Document {
        let style = DescriptionStyle::read(attachment.description.as_deref().unwrap_or_default());
        let (route, texts) = self.route(core, at, attachment);
        let mut document = Document {
            core,
            attachment: at,
            style,
            route,
            chunks: Vec::new(),
            content: Err(String::new()),
            is_bomb: false,
            skeleton: None,
            placeholder: None,
        };
        document.content = self.decode(&texts, &mut document);
        document
    }

    fn route(
        &self,
        core: usize,
        at: usize,
        attachment: &AttachmentSeen,
    ) -> (Route, Vec<Result<TextAt, EbxmlMessageId>>) {
        match &attachment.place {
            Place::Inline { .. } => (Route::Inline, vec![Ok((core, at))]),
            Place::Dangling(_) | Place::Other(_) => (Route::Absent, Vec::new()),
            Place::External(promised) => match self.fragment(core, promised) {
                None => (Route::Absent, vec![Err(promised.clone())]),
                Some((post, references)) if is_index(references) => {
                    let texts: Vec<_> = references
                        .iter()
                        .enumerate()
                        .map(|(at, reference)| self.chunk(post, at, reference))
                        .collect();
                    (Route::Index(texts.len()), texts)
                }
                Some((post, _)) => (Route::OwnCopc, vec![Ok((post, 0))]),
            },
        }
    }

    fn chunk(
        &self,
        index: usize,
        at: usize,
        reference: &AttachmentSeen,
    ) -> Result<TextAt, EbxmlMessageId> {
        match &reference.place {
            Place::Inline { .. } | Place::Dangling(_) | Place::Other(_) => Ok((index, at)),
            Place::External(promised) => match self.fragment(index, promised) {
                Some((post, _)) => Ok((post, 0)),
                None => Err(promised.clone()),
            },
        }
    }

    /// The promised fragment: the one of the promise's own conversation; a system that writes
    /// another conversation into it is blamed elsewhere (SND-04).
    fn fragment(
        &self,
        promised_by: usize,
        id: &EbxmlMessageId,
    ) -> Option<(usize, &[AttachmentSeen])> {
        let conversation_of = |post: usize| {
            let seen = self.view.posts.get(post)?.seen()?;
            Some(&seen.header.conversation_id)
        };
        let candidates = self.fragments.get(id)?;
        let own = conversation_of(promised_by);
        let post = *candidates
            .iter()
            .find(|post| conversation_of(**post) == own)
            .or_else(|| candidates.first())?;
        let seen = self.view.posts.get(post)?.seen()?;
        Some((post, &seen.attachments))
    }

    fn decode(
        &self,
        texts: &[Result<TextAt, EbxmlMessageId>],
        document: &mut Document,
    ) -> Result<(Sha256, u64), String> {
        let is_skeleton = document.description().is_some_and(Description::is_skeleton);
        let is_placeholder = document
            .style
            .filename()
            .is_some_and(Placeholder::is_file_name);
        let mut decoder = DocumentDecoder::new(document.is_compressed());
        let mut hasher = Sha256::hasher();
        let mut whole = Vec::new();
        let keep_bytes = match (is_skeleton, is_placeholder) {
            (true, _) => RESTORED_EXTRACT_BYTES,
            (false, true) => PLACEHOLDER_BYTES,
            (false, false) => 0,
        };
        let mut sink = |bytes: &[u8]| {
            hasher.update(bytes);
            if whole.len() < keep_bytes {
                whole.extend_from_slice(bytes);
            }
        };
        if texts.is_empty() {
            return Err("the manifest names a part that no message carries".to_owned());
        }
        for text in texts {
            let (post, at) = match text {
                Ok(place) => *place,
                Err(promised) => {
                    document.chunks.push(Chunk {
                        message: None,
                        text_bytes: 0,
                        text_characters: 0,
                        decodes_alone: false,
                    });
                    return Err(format!(
                        "mid:{promised} was promised and is not in the trace"
                    ));
                }
            };
            let inline = self.inline(post, at)?;
            let began_whole = decoder.is_between_groups();
            let pushed = match inline.encoding {
                TransferEncoding::Base64 => decoder.push(&inline.body, &mut sink),
                TransferEncoding::Identity => decoder.push_identity(&inline.body, &mut sink),
            };
            let decodes_alone = match inline.encoding {
                TransferEncoding::Identity => false,
                TransferEncoding::Base64 if began_whole && pushed.is_ok() => {
                    decoder.is_between_groups()
                }
                TransferEncoding::Base64 => gp2gp_wire::attachment::decode(&inline.body).is_ok(),
            };
            document
                .chunks
                .push(self.describe(post, at, &inline, decodes_alone));
            pushed.map_err(|error| {
                document.is_bomb = matches!(error, AttachmentError::Gzip(GzipError::Bomb { .. }));
                error.to_string()
            })?;
        }
        decoder
            .finish(&mut sink)
            .map_err(|error| error.to_string())?;
        if is_skeleton {
            document.skeleton = Some(restore(whole));
        } else if is_placeholder {
            document.placeholder = Some(String::from_utf8_lossy(&whole).into_owned());
        }
        Ok(hasher.finish())
    }

    fn inline(&self, post: usize, at: usize) -> Result<Inline, String> {
        let received = self.opened(post)?;
        let attachment = received
            .attachments
            .get(at)
            .ok_or_else(|| "the promised message carries no attachment".to_owned())?;
        match &attachment.location {
            Location::Inline(inline) => Ok(inline.clone()),
            Location::External(message) => {
                Err(format!("mid:{message} stands where content is due"))
            }
            Location::Dangling(content_id) => Err(format!(
                "manifest names cid:{content_id}, but no part carries it"
            )),
            Location::Other(href) => Err(format!(
                "manifest reference `{href}` is neither cid: nor mid:"
            )),
        }
    }

    /// The message of a post. The one opened last is kept: a core with a hundred documents is
    /// opened once, not a hundred times.
    fn opened(&self, post: usize) -> Result<Rc<Received>, String> {
        if let Some((_, received)) = self.last.borrow().as_ref().filter(|(at, _)| *at == post) {
            return Ok(Rc::clone(received));
        }
        let place = self.view.posts.get(post).ok_or("post is gone")?;
        let received = open(self.bodies, &place.content_type, &place.body)
            .map(Rc::new)
            .map_err(|error| error.to_string())?;
        *self.last.borrow_mut() = Some((post, Rc::clone(&received)));
        Ok(received)
    }

    fn describe(&self, post: usize, at: usize, inline: &Inline, decodes_alone: bool) -> Chunk {
        let seen = self.view.posts.get(post).and_then(Post::seen);
        Chunk {
            message: seen.map(|seen| seen.header.message_id.clone()),
            text_bytes: inline.body.len() as u64,
            text_characters: seen
                .and_then(|seen| seen.attachments.get(at))
                .map_or(0, |attachment| attachment.place.characters()),
            decodes_alone,
        }
    }
}

/// An index promises at least one more message; a COPC that carries one text is no index (spec 20).
fn is_index(references: &[AttachmentSeen]) -> bool {
    references
        .iter()
        .any(|reference| matches!(reference.place, Place::External(_)))
}

fn restore(xml: Vec<u8>) -> Result<Restored, String> {
    let xml = bytes::Bytes::from(xml);
    match gp2gp_wire::hl7::parse(&xml) {
        Ok(Payload::EhrExtract(extract)) => {
            let facts = gp2gp_wire::hl7::scan(&xml).map_err(|error| error.to_string())?;
            Ok(Restored {
                root: extract.wrapper.root,
                extract_id: extract.id,
                documents: facts.documents,
                marks: facts.marks,
                narratives: texts::of_payload(&xml),
                departures: departures_of(Some(extract.version), &xml),
                bytes: xml.len() as u64,
            })
        }
        Ok(
            other @ (Payload::EhrRequest(_)
            | Payload::Continue(_)
            | Payload::Fragment(_)
            | Payload::Acknowledgement(_)),
        ) => Err(format!(
            "skeleton attachment holds a {}, not an EHR extract",
            other.kind()
        )),
        Err(error) => Err(format!("skeleton attachment: {error}")),
    }
}
