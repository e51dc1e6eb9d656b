//! A practice's system in the style of EMIS: names in capitals, numbered pages, times as texts, one
//! text for an entry.

use bytes::Bytes;
use gp2gp_model::http::Method;
use gp2gp_model::{EntryId, OdsCode, Time};
use serde::{Deserialize, Serialize};

use super::hub::RecordState;
use super::member::{Filed, MemberCall, Page};
use super::{
    Call, Entry, FederationError, Item, Reply, Written, from_json, no_such_place, number, patient,
    split_query,
};

pub(super) const PREFIX: &str = "/emis/";

/// Free texts on a page.
pub(super) const PAGE: usize = 10;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Consultation {
    consultation_guid: EntryId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recorded: Option<Time>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_in_role: Option<String>,
    free_text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registered: Option<Time>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MedicalRecord {
    has_record: bool,
    page: usize,
    is_last_page: bool,
    consultations: Vec<Consultation>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Deducted {
    current_practice: OdsCode,
}

pub(super) fn encode(call: &MemberCall) -> Call {
    match call {
        // A reader goes from page to page; what it has is always whole pages.
        MemberCall::Read { patient, skip } => Call::get(format!(
            "{PREFIX}patients/{patient}/medical-record?page={}",
            skip / PAGE + 1
        )),
        MemberCall::File {
            patient,
            entry,
            registered_at,
        } => {
            let body = Consultation {
                consultation_guid: entry.id.clone(),
                recorded: Some(entry.at),
                user_in_role: Some(entry.clinician.clone()),
                free_text: entry.text.clone(),
                registered: Some(*registered_at),
            };
            let path = format!("{PREFIX}patients/{patient}/consultations");
            Call::with_json(Method::Post, path, &body)
        }
    }
}

pub(super) fn decode(
    method: Method,
    path: &str,
    body: &Bytes,
) -> Result<MemberCall, FederationError> {
    let (place, mut query) = split_query(path);
    let below = place.strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<&str> = below.split('/').collect();
    match (method, segments.as_slice()) {
        (Method::Get, ["patients", nhs_number, "medical-record"]) => {
            let page = query.find(|(name, _)| *name == "page");
            let page: usize = page.map_or(Ok(1), |(_, page)| number(page, "page"))?;
            Ok(MemberCall::Read {
                patient: patient(nhs_number)?,
                skip: page.saturating_sub(1).saturating_mul(PAGE),
            })
        }
        (Method::Post, ["patients", nhs_number, "consultations"]) => {
            let body: Consultation = from_json(body, "consultation")?;
            let (Some(at), Some(clinician), Some(registered_at)) =
                (body.recorded, body.user_in_role, body.registered)
            else {
                return Err(no_such_place(method, path));
            };
            Ok(MemberCall::File {
                patient: patient(nhs_number)?,
                entry: Entry {
                    id: body.consultation_guid,
                    at,
                    clinician,
                    text: body.free_text,
                },
                registered_at,
            })
        }
        (_, _) => Err(no_such_place(method, path)),
    }
}

pub(super) fn encode_page(page: &Page) -> Reply {
    match page {
        Page::Part { state, items, more } => {
            let body = MedicalRecord {
                has_record: *state == RecordState::Held,
                page: items.len().div_ceil(PAGE),
                is_last_page: !more,
                consultations: items.iter().map(consultation).collect(),
            };
            Reply::with_json(200, &body)
        }
        Page::NotOurs => Reply::bare(404),
    }
}

pub(super) fn decode_page(reply: &Reply) -> Result<Page, FederationError> {
    match reply.status {
        200 => {
            let body: MedicalRecord = from_json(&reply.body, "medical record")?;
            Ok(Page::Part {
                state: if body.has_record {
                    RecordState::Held
                } else {
                    RecordState::Awaited
                },
                items: body.consultations.into_iter().map(item).collect(),
                more: !body.is_last_page,
            })
        }
        404 => Ok(Page::NotOurs),
        status => Err(FederationError::Status {
            to: "a read",
            status,
        }),
    }
}

pub(super) fn encode_filed(filed: &Filed) -> Reply {
    match filed {
        Filed::Now => Reply::bare(201),
        Filed::Before => Reply::bare(200),
        Filed::Moved(to) => Reply::with_json(
            409,
            &Deducted {
                current_practice: to.clone(),
            },
        ),
        Filed::NotOurs => Reply::bare(404),
    }
}

pub(super) fn decode_filed(reply: &Reply) -> Result<Filed, FederationError> {
    match reply.status {
        201 => Ok(Filed::Now),
        200 => Ok(Filed::Before),
        409 => {
            let body: Deducted = from_json(&reply.body, "word that the patient has left")?;
            Ok(Filed::Moved(body.current_practice))
        }
        404 => Ok(Filed::NotOurs),
        status => Err(FederationError::Status {
            to: "an entry",
            status,
        }),
    }
}

fn consultation(item: &Item) -> Consultation {
    let written = item.written.as_ref();
    Consultation {
        consultation_guid: item.id.clone(),
        recorded: written.map(|written| written.at),
        user_in_role: written.map(|written| written.clinician.clone()),
        free_text: item.text.clone(),
        registered: None,
    }
}

fn item(consultation: Consultation) -> Item {
    let Consultation {
        consultation_guid,
        recorded,
        user_in_role,
        free_text,
        ..
    } = consultation;
    let written = recorded.zip(user_in_role);
    Item {
        id: consultation_guid,
        text: free_text,
        written: written.map(|(at, clinician)| Written { at, clinician }),
    }
}
