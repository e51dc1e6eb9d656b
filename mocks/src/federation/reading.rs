//! A record on its way from the practice that keeps it to the clinician who wants to see it.

use std::collections::BTreeSet;

use gp2gp_model::federation::{FederationTerms, MemberStyle};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{NhsNumber, OdsCode};
use gp2gp_wire::federation::hub::{Record, RecordState};
use gp2gp_wire::federation::member::{MemberCall, Page};
use gp2gp_wire::federation::{Entry, Item};

use super::write_back::Outcome;
use super::{look_up, wire};
use crate::peer::{AnswerId, HttpRequest};

/// Free texts beyond which a record is taken for endless.
const MOST_ITEMS: usize = 100_000;

/// A record that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) answer: AnswerId,
    patient: NhsNumber,
    /// Who keeps it, once PDS has said so.
    practice: Option<OdsCode>,
    items: Vec<Item>,
    /// What had not reached a record when the reading began.
    under_way: Vec<Entry>,
}

/// What follows from an answer.
pub(super) enum Progress {
    /// This is to be posted.
    Post(Endpoint, HttpRequest),
    /// The record is whole.
    Done(Record),
    /// It cannot be shown, and why.
    Failed(String),
}

/// Ways in which a broken hub reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Misreading {
    pub(super) one_style: bool,
    pub(super) first_page: bool,
    pub(super) nothing_is_empty: bool,
}

impl Reading {
    /// A reading, and the look at PDS with which it begins.
    pub(super) fn begin(
        answer: AnswerId,
        patient: NhsNumber,
        under_way: Vec<Entry>,
    ) -> (Self, Endpoint, HttpRequest) {
        let reading = Self {
            answer,
            patient,
            practice: None,
            items: Vec::new(),
            under_way,
        };
        (reading, Endpoint::Pds, look_up::request(patient))
    }

    /// Takes the end of the open post.
    pub(super) fn settle(
        &mut self,
        outcome: Outcome<'_>,
        terms: &FederationTerms,
        misreading: Misreading,
    ) -> Progress {
        let Some(practice) = self.practice.clone() else {
            return self.found(outcome, terms, misreading);
        };
        let member = terms.member(&practice);
        let page = member.and_then(|member| {
            let reply = wire::reply(outcome.ok()?);
            Page::decode(member.style, &reply).ok()
        });
        match (page, member) {
            (Some(Page::Part { state, items, more }), Some(_)) => {
                let goes_on = more && !items.is_empty() && !misreading.first_page;
                self.items.extend(items);
                if goes_on && self.items.len() < MOST_ITEMS {
                    return self.read_on(&practice, terms, misreading);
                }
                Progress::Done(self.record(practice, state))
            }
            (Some(Page::NotOurs), Some(_)) => {
                Progress::Failed(format!("practice {practice} does not know the patient"))
            }
            (_, _) if misreading.nothing_is_empty => {
                Progress::Done(self.record(practice, RecordState::Held))
            }
            (_, _) => Progress::Failed(format!("practice {practice} cannot be reached")),
        }
    }

    fn found(
        &mut self,
        outcome: Outcome<'_>,
        terms: &FederationTerms,
        misreading: Misreading,
    ) -> Progress {
        let Some(practice) = outcome.ok().and_then(look_up::practice) else {
            return Progress::Failed("PDS does not say where the patient is registered".to_owned());
        };
        self.practice = Some(practice.clone());
        self.read_on(&practice, terms, misreading)
    }

    fn read_on(
        &self,
        practice: &OdsCode,
        terms: &FederationTerms,
        misreading: Misreading,
    ) -> Progress {
        match terms.member(practice) {
            Some(member) if misreading.one_style && member.style == MemberStyle::Vision => {
                Progress::Failed(format!("the system of practice {practice} is not known"))
            }
            Some(member) => {
                let call = MemberCall::Read {
                    patient: self.patient,
                    skip: self.items.len(),
                };
                Progress::Post(member.endpoint, wire::request(call.encode(member.style)))
            }
            None => Progress::Failed(format!("practice {practice} is not of the federation")),
        }
    }

    fn record(&mut self, practice: OdsCode, state: RecordState) -> Record {
        let items = std::mem::take(&mut self.items);
        let filed: BTreeSet<_> = items.iter().map(|item| item.id.clone()).collect();
        let mut under_way = std::mem::take(&mut self.under_way);
        under_way.retain(|entry| !filed.contains(&entry.id));
        Record {
            patient: self.patient,
            practice,
            state,
            items,
            under_way,
        }
    }
}
