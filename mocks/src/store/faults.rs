//! Which planned fault acts on a request.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::fault::{DocumentPattern, Effect, Fault, Spoil, StoreOperation, Target};
use gp2gp_model::store::DocumentOperation;
use gp2gp_sim::{Streams, Trigger};

use super::route::Operation;

/// What can go wrong in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreFault {
    /// It is refused with this status.
    Refuse(u16),
    /// Somebody has the document open.
    Locked,
    /// The desk has archived and deleted the document since it was listed.
    DeletedMeanwhile,
    /// The content has another type than the list says.
    WrongType,
    /// The content is empty.
    ZeroBytes,
    /// What is given is a FHIR `Binary` that breaks off.
    BadBinary,
    /// The token expires while the document is read: it is good for no request any more.
    TokenExpired,
    /// The list says more bytes than there are, or there are fewer than it said.
    WrongSize,
    /// Nothing is done, and the connection is reset.
    Reset,
    /// It is done, and the connection is reset before the answer.
    LoseAnswer,
    /// Nothing is done, and no answer comes.
    Silence,
    /// The connection breaks after so many percent of the body.
    Truncate(u8),
    /// The body travels at so many bytes in a second.
    Slow(u32),
    /// The answer takes so much longer.
    Delay(Duration),
}

/// The planned faults of a store, with their counts.
#[derive(Debug)]
pub(super) struct Faults(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    name: String,
    fault: StoreFault,
    operation: Operation,
    documents: DocumentPattern,
    trigger: Trigger,
}

/// What a request is about, as far as faults ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occasion<'a> {
    pub(super) operation: Operation,
    /// File name and size of the document; `None` for a request that is about none or many.
    pub(super) document: Option<(&'a str, u64)>,
    /// It reads on in the midst of a document, or all of one in one go.
    pub(super) is_past_the_start: bool,
}

impl Occasion<'_> {
    /// A request that is about no document, or many.
    pub(super) const fn without_document(operation: Operation) -> Self {
        Self {
            operation,
            document: None,
            is_past_the_start: false,
        }
    }
}

/// A fault that acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fired {
    pub(super) name: String,
    pub(super) fault: StoreFault,
}

impl Faults {
    /// The faults of a plan that are the store's to act out.
    pub(super) fn new(planned: Vec<Fault>, started: Time, streams: Streams) -> Self {
        let rule = |planned: Fault| {
            let stream = streams.stream(&format!("fault/{}", planned.name));
            match planned.on {
                Target::Store {
                    operation,
                    documents,
                } => Some(Rule {
                    fault: StoreFault::of(&planned.effect)?,
                    name: planned.name,
                    operation: Operation::from(operation),
                    documents,
                    trigger: Trigger::new(planned.when, started, stream),
                }),
                Target::Posting(_)
                | Target::Delivery(_)
                | Target::System { .. }
                | Target::Directory { .. }
                | Target::Demographics { .. }
                | Target::Federation { .. } => None,
            }
        };
        Self(planned.into_iter().filter_map(rule).collect())
    }

    /// The first fault that acts on a request. Every fault that could act counts the occasion.
    pub(super) fn on_request(&mut self, now: Time, occasion: Occasion<'_>) -> Option<Fired> {
        self.fired(now, occasion, |fault| match fault {
            StoreFault::WrongType
            | StoreFault::WrongSize
            | StoreFault::ZeroBytes
            | StoreFault::BadBinary
            | StoreFault::DeletedMeanwhile => occasion.operation.is_read(),
            StoreFault::Locked => occasion.document.is_some(),
            StoreFault::TokenExpired => occasion.is_past_the_start,
            StoreFault::Refuse(_)
            | StoreFault::Reset
            | StoreFault::LoseAnswer
            | StoreFault::Silence
            | StoreFault::Truncate(_)
            | StoreFault::Slow(_)
            | StoreFault::Delay(_) => true,
        })
    }

    /// The first fault that acts on how one document is listed.
    pub(super) fn on_listed(&mut self, now: Time, document: (&str, u64)) -> Option<Fired> {
        let occasion = Occasion {
            operation: Operation::List,
            document: Some(document),
            is_past_the_start: false,
        };
        self.fired(now, occasion, |fault| match fault {
            StoreFault::WrongSize | StoreFault::WrongType | StoreFault::ZeroBytes => true,
            StoreFault::Refuse(_)
            | StoreFault::Locked
            | StoreFault::DeletedMeanwhile
            | StoreFault::BadBinary
            | StoreFault::TokenExpired
            | StoreFault::Reset
            | StoreFault::LoseAnswer
            | StoreFault::Silence
            | StoreFault::Truncate(_)
            | StoreFault::Slow(_)
            | StoreFault::Delay(_) => false,
        })
    }

    fn fired(
        &mut self,
        now: Time,
        occasion: Occasion<'_>,
        can_act: impl Fn(StoreFault) -> bool,
    ) -> Option<Fired> {
        let mut fired = None;
        for rule in &mut self.0 {
            if rule.is_meant(occasion) && can_act(rule.fault) && rule.trigger.fires(now) {
                fired.get_or_insert_with(|| Fired {
                    name: rule.name.clone(),
                    fault: rule.fault,
                });
            }
        }
        fired
    }
}

impl Rule {
    fn is_meant(&self, occasion: Occasion<'_>) -> bool {
        self.operation == occasion.operation
            && match occasion.document {
                Some((file_name, bytes)) => self.documents.fits(file_name, bytes),
                None => self.documents == DocumentPattern::default(),
            }
    }
}

impl StoreFault {
    /// What an effect is in a store; `None` for those that [`Effect::fits`] keeps from it.
    fn of(effect: &Effect) -> Option<Self> {
        let fault = match effect {
            Effect::Drop => Self::Silence,
            Effect::Delay(by) => Self::Delay(*by),
            Effect::Truncate(percent) => Self::Truncate(*percent),
            Effect::Refuse(status) => Self::Refuse(*status),
            Effect::Reset => Self::Reset,
            Effect::LoseAnswer => Self::LoseAnswer,
            Effect::Slow(bytes_per_second) => Self::Slow(*bytes_per_second),
            // Insufficient storage.
            Effect::FullDisk => Self::Refuse(507),
            Effect::Spoil(Spoil::Locked) => Self::Locked,
            Effect::Spoil(Spoil::DeletedMeanwhile) => Self::DeletedMeanwhile,
            Effect::Spoil(Spoil::WrongType) => Self::WrongType,
            Effect::Spoil(Spoil::ZeroBytes) => Self::ZeroBytes,
            Effect::Spoil(Spoil::BadBinary) => Self::BadBinary,
            Effect::Spoil(Spoil::TokenExpired) => Self::TokenExpired,
            Effect::Spoil(Spoil::WrongSize) => Self::WrongSize,
            Effect::Duplicate
            | Effect::Reorder(_)
            | Effect::HoldUntil(_)
            | Effect::Corrupt(_)
            | Effect::SoapFault(_)
            | Effect::ErrorList(_)
            | Effect::Crash(_)
            | Effect::ClockJump(_)
            | Effect::Garble(_)
            | Effect::Race => return None,
        };
        Some(fault)
    }
}

impl From<StoreOperation> for Operation {
    fn from(operation: StoreOperation) -> Self {
        match operation {
            StoreOperation::List => Self::List,
            StoreOperation::Read => Self::Document(DocumentOperation::Read),
            StoreOperation::Record => Self::Record,
            StoreOperation::Archive => Self::Document(DocumentOperation::Archive),
            StoreOperation::Delete => Self::Document(DocumentOperation::Delete),
            StoreOperation::Restore => Self::Document(DocumentOperation::Restore),
        }
    }
}
