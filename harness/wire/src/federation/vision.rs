//! A practice's system in the style of Vision: names in small letters, a journal that is read on from
//! where one stands, times as seconds since 1970, texts as lists of lines.

use bytes::Bytes;
use gp2gp_model::http::Method;
use gp2gp_model::{EntryId, NhsNumber, OdsCode, Time};
use serde::{Deserialize, Serialize};

use super::hub::RecordState;
use super::member::{Filed, MemberCall, Page};
use super::{
    Call, Entry, FederationError, Item, Reply, Written, from_json, no_such_place, number, patient,
    split_query,
};

pub(super) const PREFIX: &str = "/vision/";

/// Free texts in one answer.
pub(super) const PAGE: usize = 12;

#[derive(Serialize, Deserialize)]
struct Line {
    key: EntryId,
    lines: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<By>,
}

#[derive(Serialize, Deserialize)]
struct By {
    staff: String,
    epoch_s: u64,
}

#[derive(Serialize, Deserialize)]
struct Journal {
    status: Status,
    journal: Vec<Line>,
    rest: bool,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Status {
    OnFile,
    InTransit,
}

#[derive(Serialize, Deserialize)]
struct Encounter {
    nhs_no: NhsNumber,
    lines: Vec<String>,
    by: By,
    /// Microseconds: the order of events within a second counts here.
    registered_epoch_us: u64,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_for: Option<OdsCode>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Added,
    Present,
    Left,
    Unknown,
}

pub(super) fn encode(call: &MemberCall) -> Call {
    match call {
        MemberCall::Read { patient, skip } => Call::get(format!(
            "{PREFIX}journal?nhs_no={patient}&from={skip}&limit={PAGE}"
        )),
        MemberCall::File {
            patient,
            entry,
            registered_at,
        } => {
            let body = Encounter {
                nhs_no: *patient,
                lines: lines(&entry.text),
                by: By {
                    staff: entry.clinician.clone(),
                    epoch_s: entry.at.as_micros() / 1_000_000,
                },
                registered_epoch_us: registered_at.as_micros(),
            };
            Call::with_json(
                Method::Put,
                format!("{PREFIX}encounters/{}", entry.id),
                &body,
            )
        }
    }
}

pub(super) fn decode(
    method: Method,
    path: &str,
    body: &Bytes,
) -> Result<MemberCall, FederationError> {
    let (place, query) = split_query(path);
    let below = place.strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<&str> = below.split('/').collect();
    match (method, segments.as_slice()) {
        (Method::Get, ["journal"]) => {
            let (mut whose, mut skip) = (None, 0);
            for (name, value) in query {
                match name {
                    "nhs_no" => whose = Some(patient(value)?),
                    "from" => skip = number(value, "place in a journal")?,
                    _ => {}
                }
            }
            let patient = whose.ok_or_else(|| no_such_place(method, path))?;
            Ok(MemberCall::Read { patient, skip })
        }
        (Method::Put, ["encounters", id]) => {
            let body: Encounter = from_json(body, "encounter")?;
            Ok(MemberCall::File {
                patient: body.nhs_no,
                entry: Entry {
                    id: EntryId::parse(id)?,
                    at: seconds(body.by.epoch_s),
                    clinician: body.by.staff,
                    text: body.lines.join("\n"),
                },
                registered_at: Time::from_micros(body.registered_epoch_us),
            })
        }
        (_, _) => Err(no_such_place(method, path)),
    }
}

pub(super) fn encode_page(page: &Page) -> Reply {
    match page {
        Page::Part { state, items, more } => {
            let body = Journal {
                status: match state {
                    RecordState::Held => Status::OnFile,
                    RecordState::Awaited => Status::InTransit,
                },
                journal: items.iter().map(line).collect(),
                rest: *more,
            };
            Reply::with_json(200, &body)
        }
        Page::NotOurs => Reply::with_json(
            404,
            &Answer {
                outcome: Outcome::Unknown,
                left_for: None,
            },
        ),
    }
}

pub(super) fn decode_page(reply: &Reply) -> Result<Page, FederationError> {
    match reply.status {
        200 => {
            let body: Journal = from_json(&reply.body, "journal")?;
            Ok(Page::Part {
                state: match body.status {
                    Status::OnFile => RecordState::Held,
                    Status::InTransit => RecordState::Awaited,
                },
                items: body.journal.into_iter().map(item).collect(),
                more: body.rest,
            })
        }
        404 => Ok(Page::NotOurs),
        status => Err(FederationError::Status {
            to: "a read",
            status,
        }),
    }
}

/// The status says only whether the encounter is on file; the rest is in the body.
pub(super) fn encode_filed(filed: &Filed) -> Reply {
    let (status, outcome, left_for) = match filed {
        Filed::Now => (200, Outcome::Added, None),
        Filed::Before => (200, Outcome::Present, None),
        Filed::Moved(to) => (410, Outcome::Left, Some(to.clone())),
        Filed::NotOurs => (404, Outcome::Unknown, None),
    };
    Reply::with_json(status, &Answer { outcome, left_for })
}

pub(super) fn decode_filed(reply: &Reply) -> Result<Filed, FederationError> {
    let no_answer = || FederationError::Status {
        to: "an entry",
        status: reply.status,
    };
    if !matches!(reply.status, 200 | 404 | 410) {
        return Err(no_answer());
    }
    let body: Answer = from_json(&reply.body, "answer to an encounter")?;
    match (reply.status, body.outcome, body.left_for) {
        (200, Outcome::Added, _) => Ok(Filed::Now),
        (200, Outcome::Present, _) => Ok(Filed::Before),
        (410, Outcome::Left, Some(to)) => Ok(Filed::Moved(to)),
        (404, Outcome::Unknown, _) => Ok(Filed::NotOurs),
        (_, _, _) => Err(no_answer()),
    }
}

fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

const fn seconds(epoch_s: u64) -> Time {
    Time::from_micros(epoch_s.saturating_mul(1_000_000))
}

fn line(item: &Item) -> Line {
    Line {
        key: item.id.clone(),
        lines: lines(&item.text),
        by: item.written.as_ref().map(|written| By {
            staff: written.clinician.clone(),
            epoch_s: written.at.as_micros() / 1_000_000,
        }),
    }
}

fn item(line: Line) -> Item {
    Item {
        id: line.key,
        text: line.lines.join("\n"),
        written: line.by.map(|by| Written {
            at: seconds(by.epoch_s),
            clinician: by.staff,
        }),
    }
}
