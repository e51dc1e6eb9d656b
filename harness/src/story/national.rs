//! What systems learned from SDS, PDS and the registry, as far as it decides anything.

use std::collections::BTreeMap;

use gp2gp_model::NhsNumber;
use gp2gp_model::trace::Endpoint;

use super::Line;
use crate::check::View;
use crate::check::national::{Asked, NationalCall, Told};

/// A line for each answer that says something new or stands in the way. Addresses that are found
/// need no words: the messages go there.
pub(super) fn lines(view: &View) -> Vec<Line> {
    let mut known: BTreeMap<(Endpoint, NhsNumber), String> = BTreeMap::new();
    let mut lines: Vec<Line> = Vec::new();
    // What a hub learns is told by the story of the federation.
    let calls = (view.national_calls.iter()).filter(|call| call.from != Endpoint::Hub);
    for call in calls {
        let Some(text) = tell(call, &mut known) else {
            continue;
        };
        lines.push(Line {
            seq: call.seq,
            at: call.at.since(view.header.started),
            who: call.from.to_string(),
            text,
            bulk: None,
            says: None,
        });
    }
    lines
}

fn tell(
    call: &NationalCall,
    known: &mut BTreeMap<(Endpoint, NhsNumber), String>,
) -> Option<String> {
    let (service, question) = question(&call.asked);
    let answer = match (&call.answer, &call.asked) {
        (
            Told::Patient {
                general_practitioner,
                is_sensitive,
            },
            Asked::Trace(patient) | Asked::Update(patient),
        ) => {
            let hidden = if *is_sensitive { ", sensitive" } else { "" };
            let told = format!("{general_practitioner}{hidden}");
            let before = known.insert((call.from, *patient), told.clone());
            let is_news = before.is_none_or(|before| before != told);
            let is_update = matches!(call.asked, Asked::Update(_));
            let since = if is_update { " from now on" } else { "" };
            return is_news.then(|| format!("pds: registered with {told}{since}"));
        }
        (Told::Entries(1..), Asked::Contracts(_)) | (Told::Entries(1), _) => return None,
        (Told::Entries(entries), Asked::Gp(_)) => format!("{entries} places of work"),
        (Told::Entries(entries), _) => format!("{entries} entries"),
        (Told::Practice { is_pooled: false }, _) => return None,
        (Told::Practice { is_pooled: true }, _) => "its list is pooled".to_owned(),
        (Told::Refused(status), _) => format!("refused with {status}"),
        (Told::Unreadable | Told::Patient { .. }, _) => "an answer that cannot be read".to_owned(),
        (Told::Nothing, _) => "no answer".to_owned(),
    };
    Some(format!("{service}: {question}: {answer}"))
}

pub(crate) fn question(asked: &Asked) -> (&'static str, String) {
    match asked {
        Asked::Systems {
            practice,
            interaction,
        } => ("sds", format!("{practice} for {interaction}")),
        Asked::Contracts(Some(practice)) => ("sds", format!("contracts of {practice}")),
        Asked::Contracts(None) => ("sds", "contracts".to_owned()),
        Asked::Gp(gp) => ("registry", format!("GP {gp}")),
        Asked::Practice(practice) => ("registry", practice.to_string()),
        Asked::Trace(_) => ("pds", "the patient".to_owned()),
        Asked::Update(_) => ("pds", "registration".to_owned()),
        Asked::Unknown => ("national services", "an unknown question".to_owned()),
    }
}
