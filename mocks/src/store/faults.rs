//! Which planned fault acts on a request.

use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_sim::{Stream, Streams};
use rand::RngExt;

use super::route::Operation;

/// Something that goes wrong in the store on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFault {
    /// Name in reports.
    pub name: String,
    /// What happens.
    pub fault: StoreFault,
    /// To which operation.
    pub operation: Operation,
    /// On which documents.
    pub documents: Documents,
    /// How often.
    pub often: Often,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
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
    /// The list says more bytes than there are.
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

/// Which documents are meant: all that fit every field that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Documents {
    /// Smallest document, in bytes.
    pub at_least_bytes: Option<u64>,
    /// Largest document, in bytes.
    pub at_most_bytes: Option<u64>,
    /// Its file name.
    pub file_name: Option<String>,
}

/// How often something happens among its occasions, which are counted from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Often {
    /// On every occasion.
    #[default]
    Always,
    /// On these occasions.
    On(Vec<u32>),
    /// On the first so many.
    First(u32),
    /// On each with this chance in a hundred, drawn from the fault's own stream.
    Percent(u8),
}

impl Documents {
    fn fit(&self, file_name: &str, bytes: u64) -> bool {
        self.file_name.as_ref().is_none_or(|name| name == file_name)
            && self.at_least_bytes.is_none_or(|least| bytes >= least)
            && self.at_most_bytes.is_none_or(|most| bytes <= most)
    }

    fn are_all(&self) -> bool {
        *self == Self::default()
    }
}

/// The planned faults of a store, with their counts.
#[derive(Debug)]
pub(super) struct Faults(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    planned: PlannedFault,
    occasions: u32,
    stream: Stream,
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
    pub(super) fn new(planned: Vec<PlannedFault>, streams: Streams) -> Self {
        let rule = |planned: PlannedFault| Rule {
            stream: streams.stream(&format!("store/fault/{}", planned.name)),
            occasions: 0,
            planned,
        };
        Self(planned.into_iter().map(rule).collect())
    }

    /// The first fault that acts on a request. Every fault that could act counts the occasion.
    pub(super) fn on_request(&mut self, _now: Time, occasion: Occasion<'_>) -> Option<Fired> {
        self.fired(occasion, |fault| match fault {
            StoreFault::WrongSize => false,
            StoreFault::WrongType
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
    pub(super) fn on_listed(&mut self, _now: Time, document: (&str, u64)) -> Option<Fired> {
        let occasion = Occasion {
            operation: Operation::List,
            document: Some(document),
            is_past_the_start: false,
        };
        self.fired(occasion, |fault| match fault {
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
        occasion: Occasion<'_>,
        can_act: impl Fn(StoreFault) -> bool,
    ) -> Option<Fired> {
        let mut fired = None;
        for rule in &mut self.0 {
            if rule.is_meant(occasion) && can_act(rule.planned.fault) && rule.takes_its_turn() {
                fired.get_or_insert_with(|| Fired {
                    name: rule.planned.name.clone(),
                    fault: rule.planned.fault,
                });
            }
        }
        fired
    }
}

impl Rule {
    fn is_meant(&self, occasion: Occasion<'_>) -> bool {
        let documents = &self.planned.documents;
        self.planned.operation == occasion.operation
            && match occasion.document {
                Some((file_name, bytes)) => documents.fit(file_name, bytes),
                None => documents.are_all(),
            }
    }

    fn takes_its_turn(&mut self) -> bool {
        self.occasions = self.occasions.saturating_add(1);
        match &self.planned.often {
            Often::Always => true,
            Often::On(occasions) => occasions.contains(&self.occasions),
            Often::First(count) => self.occasions <= *count,
            Often::Percent(percent) => self.stream.random_range(0..100) < u32::from(*percent),
        }
    }
}
