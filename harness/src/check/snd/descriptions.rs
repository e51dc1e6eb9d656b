//! What is said of an attachment in the manifest, against what the attachment is.

use std::collections::BTreeSet;

use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::attachment::{Description, DescriptionStyle, SPINE_MEDIA_TYPES, spine_media_type};

use super::super::documents::Route;
use super::super::transfer::{
    Promise, Sent, Transfer, name, references, sent_documents, transfers,
};
use super::super::view::{AttachmentSeen, Place, Post, View};
use super::super::{Tally, violation};
use super::NO_ATTACHMENT;

/// SND-28.
pub(super) fn grammar(view: &View, profile: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut tolerated = BTreeSet::new();
    for (post, reference) in sent_references(view) {
        let Some(text) = reference.description.as_deref() else {
            tally.expect(false, || {
                violation(
                    post,
                    "eb:Description of each attachment reference",
                    format!("a reference of {} has none", name(post)),
                )
            });
            continue;
        };
        let other_style = match DescriptionStyle::read(text) {
            DescriptionStyle::Grammar(_) => None,
            DescriptionStyle::FilenameOnly(_) => Some("only a file name"),
            DescriptionStyle::Word => Some("the word `Attachment`"),
            DescriptionStyle::Empty => Some("nothing"),
        };
        let faults = match (other_style, profile) {
            (Some(style), Profile::Field) => {
                tolerated.insert(style);
                Vec::new()
            }
            (Some(style), Profile::Strict) => vec![style.to_owned()],
            (None, _) => Description::faults(text)
                .iter()
                .map(ToString::to_string)
                .collect(),
        };
        tally.expect(faults.is_empty(), || {
            violation(
                post,
                "a description in the key and value grammar",
                format!("`{text}` in {}: {}", name(post), faults.join(", ")),
            )
        });
    }
    if !tolerated.is_empty() {
        let styles: Vec<_> = tolerated.into_iter().collect();
        tally.note(format!("some descriptions say {}", styles.join(" or ")));
    }
    tally.assess(NO_ATTACHMENT)
}

/// SND-29.
pub(super) fn lengths(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let promises = transfer.promises();
        for post in transfer.cores.iter().chain(&transfer.fragments) {
            for reference in references(post) {
                let Some(said) = described(reference).and_then(|description| description.length)
                else {
                    continue;
                };
                let Some(texts) = texts_of(reference, &promises) else {
                    continue;
                };
                // Recordings are published with contents cut out.
                if texts.characters == 0 && !view.has_real_times() {
                    continue;
                }
                tally.expect(texts.can_be_said_to_be(said, view.has_real_times()), || {
                    violation(
                        post,
                        format!(
                            "Length={} without line ends or {} with them",
                            texts.characters, texts.bytes
                        ),
                        format!(
                            "Length={said} in `{}` of {}",
                            reference.description.as_deref().unwrap_or_default(),
                            name(post)
                        ),
                    )
                });
            }
        }
    }
    tally.assess("no description that gives a Length came with its content")
}

/// The texts behind a reference, together.
struct Texts {
    bytes: u64,
    characters: u64,
}

impl Texts {
    /// Line ends count or not. Those of a recording are not those of the wire.
    fn can_be_said_to_be(&self, said: u64, exact: bool) -> bool {
        const LINE: u64 = 76;
        let line_ends = if exact {
            0
        } else {
            2 * (self.characters / LINE + 1)
        };
        said == self.characters || (self.bytes..=self.bytes + line_ends).contains(&said)
    }
}

/// `None` if part of the content is not in the trace.
fn texts_of(reference: &AttachmentSeen, promises: &[Promise<'_>]) -> Option<Texts> {
    match &reference.place {
        Place::Inline {
            text_bytes,
            text_characters,
            ..
        } => Some(Texts {
            bytes: *text_bytes,
            characters: *text_characters,
        }),
        Place::External(message) => {
            let promise = promises.iter().find(|promise| promise.message == message)?;
            let texts = references(promise.fragment?).map(|inner| match &inner.place {
                // An index that promises itself would never end.
                Place::External(next) if next == message => None,
                Place::External(_)
                | Place::Inline { .. }
                | Place::Dangling(_)
                | Place::Other(_) => texts_of(inner, promises),
            });
            texts.into_iter().try_fold(
                Texts {
                    bytes: 0,
                    characters: 0,
                },
                |sum, text| {
                    let text = text?;
                    Some(Texts {
                        bytes: sum.bytes + text.bytes,
                        characters: sum.characters + text.characters,
                    })
                },
            )
        }
        Place::Dangling(_) | Place::Other(_) => None,
    }
}

/// SND-30.
pub(super) fn large_flag(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for sent in sent_documents(view) {
        let Some(description) = sent.document.description() else {
            continue;
        };
        let (in_chunks, way) = match sent.document.route {
            Route::Inline => (false, "inline".to_owned()),
            Route::OwnCopc => (false, "in one fragment".to_owned()),
            Route::Index(chunks) => (true, format!("in {}", count(chunks, "chunk"))),
            Route::Absent => continue,
        };
        tally.expect(description.large_attachment == in_chunks, || {
            violation(
                sent.core,
                format!(
                    "LargeAttachment={} for {}, sent {way}",
                    yes(in_chunks),
                    sent.label()
                ),
                format!("LargeAttachment={}", yes(description.large_attachment)),
            )
        });
    }
    tally.assess("no document with a description in the grammar came")
}

const fn yes(flag: bool) -> &'static str {
    if flag { "Yes" } else { "No" }
}

/// SND-36.
pub(super) fn chunk_names(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        for index in indexes(&transfer) {
            let Some(id) = index.message_id() else {
                continue;
            };
            for (n, reference) in references(index).enumerate() {
                let due = format!("{id}_{n}.messageattachment");
                let style =
                    DescriptionStyle::read(reference.description.as_deref().unwrap_or_default());
                let found = style.filename().unwrap_or("no file name");
                tally.expect(found.eq_ignore_ascii_case(&due), || {
                    violation(
                        index,
                        format!("chunk name `{due}`"),
                        format!("`{found}` for chunk {n} of {}", name(index)),
                    )
                });
            }
        }
    }
    tally.assess("no document was sent in chunks")
}

fn indexes<'v>(transfer: &Transfer<'v>) -> impl Iterator<Item = &'v Post> {
    transfer.fragments.iter().copied().filter(|post| {
        post.seen()
            .is_some_and(|seen| seen.promised().next().is_some())
    })
}

/// SND-42.
pub(super) fn media_types(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for (post, reference) in sent_references(view) {
        let Place::Inline { content_type, .. } = &reference.place else {
            continue;
        };
        let found = bare(content_type);
        let allowed = SPINE_MEDIA_TYPES
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(found));
        tally.expect(allowed, || {
            violation(
                post,
                "a Content-Type that Spine carries",
                format!("part of type `{content_type}` in {}", name(post)),
            )
        });
        // What a description says of a chunk is not said of the document.
        if let Some(said) = described(reference).filter(|_| allowed && !is_of_chunk(reference)) {
            let neutral = spine_media_type("").eq_ignore_ascii_case(found);
            let carried = SPINE_MEDIA_TYPES
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(bare(&said.content_type)));
            tally.expect(carried || neutral, || {
                violation(
                    post,
                    format!(
                        "part of type application/octet-stream for `{}`",
                        said.content_type
                    ),
                    format!(
                        "part of type `{content_type}` for `{}` in {}",
                        said.filename,
                        name(post)
                    ),
                )
            });
        }
    }
    for sent in sent_documents(view) {
        true_type(view, &sent, &mut tally);
    }
    tally.assess(NO_ATTACHMENT)
}

/// The description gives the type that the record source gives.
fn true_type(view: &View, sent: &Sent<'_>, tally: &mut Tally) {
    let (Some(said), Ok((digest, _))) = (sent.document.description(), &sent.document.content)
    else {
        return;
    };
    let known: Vec<&str> = view
        .held
        .iter()
        .filter(|held| held.sha256 == *digest)
        .map(|held| held.media_type.as_str())
        .collect();
    if let Some(due) = known.first() {
        let is_true = known
            .iter()
            .any(|known| bare(known).eq_ignore_ascii_case(bare(&said.content_type)));
        tally.expect(is_true, || {
            violation(
                sent.core,
                format!("ContentType={due} for {}", sent.label()),
                format!("ContentType={}", said.content_type),
            )
        });
    }
}

fn is_of_chunk(reference: &AttachmentSeen) -> bool {
    described(reference)
        .is_some_and(|description| description.filename.ends_with(".messageattachment"))
}

fn bare(content_type: &str) -> &str {
    content_type
        .split(';')
        .next()
        .unwrap_or(content_type)
        .trim()
}

fn described(reference: &AttachmentSeen) -> Option<Description> {
    match DescriptionStyle::read(reference.description.as_deref()?) {
        DescriptionStyle::Grammar(description) => Some(description),
        DescriptionStyle::FilenameOnly(_) | DescriptionStyle::Word | DescriptionStyle::Empty => {
            None
        }
    }
}

fn sent_references(view: &View) -> impl Iterator<Item = (&Post, &AttachmentSeen)> {
    view.sent_by(Role::Sending)
        .flat_map(|post| references(post).map(move |reference| (post, reference)))
}
