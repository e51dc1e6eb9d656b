//! The practice that gets the packages: it files the documents, and the clinical record where one
//! came. Without one, people have to read the documents and summarise them by hand.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::trace::Observation;
use gp2gp_model::{NhsNumber, Time};
use gp2gp_wire::export::{Fate, Packed, Receipt};

use super::inbox::{Inbox, Taken};
use super::outbox::{Outbox, json_answer, refusal};
use crate::peer::{Deadline, HttpRequest, HttpResponse, Input, Notice, Output, Peer};

/// An importing practice.
#[derive(Debug)]
pub struct Importing {
    inbox: Inbox,
    filed: BTreeMap<NhsNumber, Filed>,
    packages: BTreeSet<String>,
    outbox: Outbox,
}

/// What was filed of a patient.
#[derive(Debug, Default)]
struct Filed {
    record: bool,
    documents: Vec<Packed>,
}

impl Importing {
    /// A practice that got nothing yet.
    pub fn new() -> Self {
        Self {
            inbox: Inbox::new(None),
            filed: BTreeMap::new(),
            packages: BTreeSet::new(),
            outbox: Outbox::default(),
        }
    }

    fn take(&mut self, request: &HttpRequest) -> HttpResponse {
        match self.inbox.take(request) {
            Taken::Answer(response) => response,
            Taken::Whole { package, contents } => {
                let patient = self.inbox.package(&package).map(|it| it.patient());
                if let Some(patient) = patient
                    && self.packages.insert(package)
                {
                    let filed = self.filed.entry(patient).or_default();
                    filed.record |= contents.record;
                    filed.documents.extend(contents.documents);
                }
                json_answer(
                    200,
                    &Receipt {
                        package: Fate::Delivered,
                    },
                )
            }
            Taken::NotMine => refusal(404, "nothing is here"),
        }
    }
}

impl Default for Importing {
    fn default() -> Self {
        Self::new()
    }
}

impl Peer for Importing {
    fn handle(&mut self, _: Time, input: Input) {
        match input {
            Input::Request { id, request } => {
                let response = self.take(&request);
                self.outbox.answer(id, response);
            }
            Input::Act(act) => self.outbox.notice(Notice::NotSupported(act)),
            // It posts nothing.
            Input::Response { .. } | Input::Failed { .. } | Input::Condition(_) => {}
        }
    }

    fn handle_timeout(&mut self, _: Time) {}

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outbox.next()
    }

    fn observe(&self) -> Vec<Observation> {
        let of = |(patient, filed): (&NhsNumber, &Filed)| {
            let patient = *patient;
            let state = match filed.record {
                true => "clinical record filed",
                false => "summarised by hand: no clinical record came",
            };
            let transfer = Observation::Transfer {
                patient,
                state: state.to_owned(),
                print_state: None,
                left_in_store: 0,
            };
            let stored = (filed.documents.iter()).map(move |packed| Observation::Stored {
                patient,
                file_name: packed.file_name.clone(),
                media_type: packed.media_type.clone(),
                sha256: packed.sha256,
                bytes: packed.bytes,
                placeholder: false,
            });
            std::iter::once(transfer).chain(stored).collect::<Vec<_>>()
        };
        self.filed.iter().flat_map(of).collect()
    }
}
