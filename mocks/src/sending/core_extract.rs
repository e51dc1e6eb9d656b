//! The core of a transfer: the extract, what travels in it, and what it promises.

use bytes::Bytes;
use gp2gp_model::manner::SkeletonWay;
use gp2gp_model::plan::{DescriptionChoice, DocumentPlan, MissingReason};
use gp2gp_model::{
    ConversationId, DocumentId, EbxmlMessageId, EhrRequestId, Hl7MessageId, NhsNumber, OdsCode,
    Time,
};
use gp2gp_sim::Ids;
use gp2gp_wire::attachment::{Description, Placeholder, PlaceholderReason, skeleton_record};
use gp2gp_wire::hl7::{EhrExtract, ExtractVersion, Payload};
use gp2gp_wire::message::{Attachment, Message};

use super::SizeLimits;
use super::fetch::Fetched;
use super::fragments::Writer;
use super::layout::{self, CoreTooLarge, Limits, Place};
use super::letters::{Correspondent, Office};
use super::parcel::{Content, Index, Label, Parcel, WholeExtract, next_text};
use super::survey::Surveyor;
use super::unsendable::Unsendable;
use crate::mhs::next_id;
use crate::spool::Spool;
use crate::synthetic::{DocumentSpec, RecordSpec};

/// Attachments beside envelope and payload that every Spine carries (spec 20).
const INLINE_ATTACHMENTS: usize = 98;

/// The core of a transfer.
pub(super) struct Core {
    pub(super) to: Correspondent,
    /// Practice of the requesting system.
    pub(super) requester: OdsCode,
    pub(super) attachments: Vec<Attached>,
    whole: WholeExtract,
    /// The record was too big: its place is taken by one that names this attachment.
    skeleton: Option<Label>,
}

/// An attachment and how it travels.
pub(super) struct Attached {
    pub(super) parcel: Parcel,
    pub(super) way: Way,
}

/// How an attachment travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// In the core.
    Inline,
    /// In the COPC with this id.
    OwnCopc(EbxmlMessageId),
    /// In chunks, listed by the COPC with this id.
    Indexed(EbxmlMessageId),
}

/// What is asked for, by whom, and how it may travel.
pub(super) struct Order<'a> {
    pub(super) now: Time,
    pub(super) to: Correspondent,
    pub(super) requester: OdsCode,
    pub(super) request: EhrRequestId,
    /// In which form the extract is written.
    pub(super) version: ExtractVersion,
    /// Who the extract says it is about.
    pub(super) record_target: NhsNumber,
    pub(super) record: &'a RecordSpec,
    /// What is attached. Replaces the documents of the record.
    pub(super) documents: Vec<Enclosed<'a>>,
    /// For what is too much for memory.
    pub(super) spool: &'a Spool,
    pub(super) limits: SizeLimits,
    /// Both practices can do large messaging.
    pub(super) large_messaging: bool,
}

/// A document of the record.
#[derive(Clone, Copy)]
pub(super) struct Enclosed<'a> {
    pub(super) plan: &'a DocumentPlan,
    /// As the record links it.
    pub(super) document: &'a DocumentSpec,
    pub(super) fetched: &'a Fetched,
}

impl<'a> Enclosed<'a> {
    /// What a record links, with what was fetched for each link.
    pub(super) fn all(
        linked: &'a [(DocumentPlan, DocumentSpec)],
        fetched: &'a [Fetched],
    ) -> Vec<Self> {
        (linked.iter().zip(fetched))
            .map(|((plan, document), fetched)| Self {
                plan,
                document,
                fetched,
            })
            .collect()
    }
}

impl Core {
    /// Plans a core: fills it as far as it goes, promises the rest, and takes to a skeleton if
    /// the record alone is too big (LM06, LM10, LM24).
    pub(super) fn plan(
        order: Order<'_>,
        office: &Office,
        ids: &mut Ids,
    ) -> Result<Self, Unsendable> {
        let (linked, contents) = contents(&order, office, ids);
        let around = around(&order, office, ids);
        let held = (order.documents.iter()).map(|enclosed| enclosed.document);
        let record = RecordSpec {
            documents: held.cloned().collect(),
            linked: Some(linked),
            ..order.record.clone()
        };
        let record = record.record();
        let whole = WholeExtract {
            around,
            record: order.spool.keep(&record)?,
        };
        let surveyor = Surveyor::new(
            order.writer(office),
            &whole.around,
            order.spool,
            order.limits,
            order.large_messaging,
        )?;
        let (mut parcels, mut growths) = (Vec::new(), Vec::new());
        for (label, content) in contents {
            let (parcel, growth) = surveyor.survey(label, content)?;
            parcels.push(parcel);
            growths.push(growth);
        }

        let limits = order.limits.of_core();
        let mut skeleton = None;
        let always_skeleton =
            order.large_messaging && office.manner.skeleton != SkeletonWay::AsNeeded;
        let places = match layout::place(surveyor.bare_bytes(&record), &growths, limits) {
            Ok(places) if !always_skeleton => places,
            Ok(_) | Err(CoreTooLarge { .. }) => {
                let label = skeleton_label(ids);
                let (parcel, growth) = surveyor.survey_original(label.clone(), whole.clone())?;
                parcels.insert(0, parcel);
                growths.insert(0, growth);
                let record = skeleton_record(&record, &label.id, &label.file_name)?;
                skeleton = Some(label);
                layout::place(surveyor.bare_bytes(&record), &growths, limits)?
            }
        };
        let attachments = (parcels.into_iter().zip(places))
            .map(|(parcel, place)| Attached {
                way: Way::of(place, &parcel, ids),
                parcel,
            })
            .collect();
        Ok(Self {
            to: order.to,
            requester: order.requester,
            attachments,
            whole,
            skeleton,
        })
    }

    /// The core as a message. The HL7 part is the same every time; only the header changes.
    pub(super) fn message(
        &self,
        now: Time,
        office: &Office,
        message_id: EbxmlMessageId,
    ) -> Result<Message, Unsendable> {
        let attachments = (self.attachments.iter())
            .map(|attached| attached.attachment(office))
            .collect::<Result<_, _>>()?;
        let payload = Payload::EhrExtract(self.extract()?);
        self.writer(now, office)
            .message(message_id, payload, attachments)
    }

    /// For the COPCs of this transfer.
    pub(super) const fn writer<'a>(&'a self, now: Time, office: &'a Office) -> Writer<'a> {
        Writer {
            now,
            office,
            to: &self.to,
            requester: &self.requester,
        }
    }

    /// The id of the HL7 part.
    pub(super) const fn hl7_id(&self) -> &Hl7MessageId {
        &self.whole.around.wrapper.id
    }

    /// Any of the triggers of LM06.
    pub(super) fn needs_large_messaging(&self) -> bool {
        self.attachments
            .iter()
            .any(|attached| attached.way != Way::Inline || attached.parcel.needs_large_messaging())
    }

    /// Documents of the store that travel, by their number there.
    pub(super) fn documents(&self) -> Vec<DocumentId> {
        (self.attachments.iter())
            .filter_map(|attached| attached.parcel.in_store().cloned())
            .collect()
    }

    /// Documents of this practice travel as placeholders.
    pub(super) fn has_placeholders(&self) -> bool {
        (self.attachments.iter()).any(|attached| attached.parcel.is_placeholder())
    }

    /// Promises everything under new ids, for a receiver that has given up the old ones.
    pub(super) fn promise_anew(&mut self, ids: &mut Ids) {
        for attached in &mut self.attachments {
            match &mut attached.way {
                Way::Inline => {}
                Way::OwnCopc(mid) | Way::Indexed(mid) => *mid = next_id(ids),
            }
        }
    }

    fn extract(&self) -> Result<EhrExtract, Unsendable> {
        let mut extract = self.whole.extract()?;
        if let Some(label) = &self.skeleton {
            extract.record = skeleton_record(&extract.record, &label.id, &label.file_name)?;
        }
        Ok(extract)
    }
}

impl Order<'_> {
    const fn writer<'a>(&'a self, office: &'a Office) -> Writer<'a> {
        Writer {
            now: self.now,
            office,
            to: &self.to,
            requester: &self.requester,
        }
    }
}

impl SizeLimits {
    const fn of_core(self) -> Limits {
        Limits {
            message_bytes: self.message_bytes as u64,
            inline_attachments: INLINE_ATTACHMENTS,
        }
    }
}

impl Way {
    fn of(place: Place, parcel: &Parcel, ids: &mut Ids) -> Self {
        match (place, parcel.index) {
            (Place::Inline, _) => Self::Inline,
            (Place::Promised, Index::None) => Self::OwnCopc(next_id(ids)),
            (Place::Promised, Index::OfAll | Index::HoldsFirst) => Self::Indexed(next_id(ids)),
        }
    }
}

impl Attached {
    fn attachment(&self, office: &Office) -> Result<Attachment, Unsendable> {
        match &self.way {
            Way::Inline => {
                let text = next_text(&mut self.parcel.texts()?, &self.parcel.label)?;
                let description = self.parcel.inline_description();
                Ok(self.parcel.label.inline(office, description, text)?)
            }
            Way::OwnCopc(mid) | Way::Indexed(mid) => Ok(self.parcel.promise(office, mid)),
        }
    }
}

/// What the record links, and what is attached for each link. A placeholder is linked under its
/// own name, and a document under one that its description can carry, so that links and manifest
/// agree (SND-27).
fn contents(
    order: &Order<'_>,
    office: &Office,
    ids: &mut Ids,
) -> (Vec<DocumentSpec>, Vec<(Label, Content)>) {
    let content = |enclosed: &Enclosed<'_>, ids: &mut Ids| match &enclosed.fetched.content {
        Ok(content) => {
            let content = Content::Document {
                in_store: enclosed.fetched.in_store.clone(),
                content: content.clone(),
            };
            let linked = enclosed.document.clone();
            let carried = Description::carried_name(&linked.file_name);
            (
                linked.with_file_name(carried),
                enclosed.plan.description,
                content,
            )
        }
        Err(reason) => {
            let name = Placeholder::file_name(&ids.next_uuid());
            let stand_in = (enclosed.document)
                .clone()
                .with_file_name(name)
                .with_media_type("text/plain");
            let conversation = &order.to.opening.conversation_id;
            let text = placeholder(enclosed.document, *reason, office, conversation);
            (
                stand_in,
                DescriptionChoice::Grammar,
                Content::Placeholder(text),
            )
        }
    };
    (order.documents.iter())
        .map(|enclosed| {
            let (linked, description, content) = content(enclosed, ids);
            let label = Label {
                part_id: if enclosed.plan.same_id {
                    next_id(ids)
                } else {
                    linked.id.clone()
                },
                id: linked.id.clone(),
                file_name: linked.file_name.clone(),
                media_type: linked.media_type.clone(),
                description,
            };
            (linked, (label, content))
        })
        .unzip()
}

fn placeholder(
    document: &DocumentSpec,
    reason: MissingReason,
    office: &Office,
    conversation: &ConversationId,
) -> Bytes {
    let placeholder = Placeholder {
        description: document.file_name.clone(),
        sender: office.identity.practice.ods.clone(),
        conversation: conversation.clone(),
        reason: reason_on_paper(reason),
    };
    placeholder.to_string().into()
}

/// The reason as a placeholder gives it.
pub(crate) const fn reason_on_paper(reason: MissingReason) -> PlaceholderReason {
    match reason {
        MissingReason::UnsupportedType => PlaceholderReason::UnsupportedType,
        MissingReason::Deleted => PlaceholderReason::Deleted,
        MissingReason::NotFound => PlaceholderReason::NotFound,
        MissingReason::Locked => PlaceholderReason::Locked,
        MissingReason::Undetermined => PlaceholderReason::Undetermined,
    }
}

/// The extract that answers the request, without its record (SND-20, SND-21).
fn around(order: &Order<'_>, office: &Office, ids: &mut Ids) -> EhrExtract {
    let version = order.version;
    EhrExtract {
        wrapper: office.wrapper(order.now, &order.to, version.interaction(), next_id(ids)),
        version,
        id: next_id(ids),
        availability_time: order.now.to_hl7(),
        patient: order.record_target,
        author: office.identity.practice.ods.clone(),
        destination: Some(order.requester.clone()),
        prior_request: Some(order.request.clone()),
        record: Bytes::new(),
    }
}

fn skeleton_label(ids: &mut Ids) -> Label {
    let id: DocumentId = next_id(ids);
    Label {
        file_name: format!("{id}_EhrExtract.xml"),
        part_id: id.clone(),
        id,
        media_type: "text/xml".to_owned(),
        description: DescriptionChoice::Grammar,
    }
}
