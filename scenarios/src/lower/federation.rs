//! A federation: who belongs to it, what its hub offers, and what people do there.

use std::ops::Range;

use gp2gp_model::federation::{
    FederationTerms, HubWish, Indicator, Kpi, Member, MemberStyle, Slot, endpoint_of,
};
use gp2gp_model::plan::{Act, Role, Side};
use gp2gp_model::{Dialect, NhsNumber, OdsCode, SlotId};

use super::{Practices, STARTS_AT};
use crate::error::Problem;
use crate::file::{self, Counts, File, HubWishChoice};
use crate::spanned::Spanned;

/// What a clinician writes where the author does not say it.
const USUAL_TEXT: &str = "Seen at the hub. Advice given, own practice to review.";

pub(super) fn lower(
    file: &File,
    practices: &Practices,
) -> Result<Option<FederationTerms>, Problem> {
    if !is_one(file) {
        return match &file.federation {
            None => Ok(None),
            Some(written) => Err(no_hub(written.span())),
        };
    }
    if file.judges.get_ref().contains(&Role::Exporting) {
        return Err(Problem::at(
            file.judges.span(),
            "an export and a federation are two scenarios",
        )
        .help("write `judges = [\"hub\"]` or `[\"exporting\"]`"));
    }
    let usual = file::Federation::default();
    let written = (file.federation.as_ref()).map_or(&usual, |it| it.get_ref());
    let mut slots: Vec<Slot> = Vec::new();
    for slot in &written.slot {
        slots.push(lower_slot(slot, &slots)?);
    }
    slots.sort_by_key(|slot| slot.starts);
    every_slot_is_offered(file, &slots)?;
    let kpis = written.kpi.iter().map(|kpi| lower_kpi(kpi, practices));
    Ok(Some(FederationTerms {
        members: members(file, written, practices)?,
        slots,
        kpis: kpis.collect::<Result<_, _>>()?,
    }))
}

/// Nobody books or keeps an appointment that there is not.
fn every_slot_is_offered(file: &File, slots: &[Slot]) -> Result<(), Problem> {
    for step in &file.step {
        let booked = step.get_ref().book.as_ref();
        let booked = booked.map(|it| (it.slot.get_ref().as_str(), it.slot.span()));
        let attended = step.get_ref().at_hub.as_ref();
        let attended = attended.and_then(|it| Some((it.slot.as_deref()?, step.span())));
        if let Some((id, span)) = booked.or(attended)
            && !slots.iter().any(|slot| slot.id.as_str() == id)
        {
            return Err(
                Problem::at(span, format!("the hub offers no appointment `{id}`"))
                    .help("add a [[federation.slot]] with this `id`"),
            );
        }
    }
    Ok(())
}

/// Whether this is a scenario of a federation.
pub(super) fn is_one(file: &File) -> bool {
    file.judges.get_ref().contains(&Role::Hub)
}

pub(super) fn belongs_to_a_hub(file: &File, span: Range<usize>) -> Result<(), Problem> {
    if is_one(file) {
        Ok(())
    } else {
        Err(no_hub(span))
    }
}

fn no_hub(span: Range<usize>) -> Problem {
    Problem::at(span, "there is no hub here").help("a federation has `judges = [\"hub\"]`")
}

fn members(
    file: &File,
    written: &file::Federation,
    practices: &Practices,
) -> Result<Vec<Member>, Problem> {
    let both = [Role::Requesting, Role::Sending];
    let span = written
        .members
        .as_ref()
        .map_or_else(|| file.judges.span(), Spanned::span);
    let named: &[Role] = (written.members.as_ref()).map_or(&both, |named| named.get_ref());
    if named.is_empty() {
        return Err(Problem::at(span, "a federation has at least one practice"));
    }
    let mut members: Vec<Member> = Vec::new();
    for role in named {
        let member = member(*role, practices, &span)?;
        if members.iter().any(|other| other.ods == member.ods) {
            return Err(Problem::at(span, format!("`{role}` is named twice")));
        }
        members.push(member);
    }
    Ok(members)
}

fn member(role: Role, practices: &Practices, span: &Range<usize>) -> Result<Member, Problem> {
    let no_practice = || {
        Problem::at(span.clone(), format!("`{role}` is no practice"))
            .help("write `requesting` or `sending`")
    };
    let endpoint = endpoint_of(role).ok_or_else(no_practice)?;
    let side = side(role, practices).ok_or_else(no_practice)?;
    let style = match side.dialect {
        Dialect::Emis => MemberStyle::Emis,
        Dialect::Vision => MemberStyle::Vision,
        Dialect::NationalMhs | Dialect::Tpp | Dialect::Spine => {
            return Err(Problem::at(
                span.clone(),
                format!("the {role} practice's system speaks with no hub"),
            )
            .help(format!(
                "write `dialect = \"emis\"` or `\"vision\"` below [{role}]"
            )));
        }
    };
    Ok(Member {
        ods: side.ods.clone(),
        endpoint,
        style,
    })
}

const fn side(role: Role, practices: &Practices) -> Option<&Side> {
    match role {
        Role::Requesting => Some(&practices.requesting),
        Role::Sending => Some(&practices.sending),
        Role::Exporting | Role::Hub => None,
    }
}

fn lower_slot(written: &Spanned<file::Slot>, before: &[Slot]) -> Result<Slot, Problem> {
    let slot = written.get_ref();
    let id = SlotId::parse(slot.id.get_ref())?;
    if before.iter().any(|other| other.id == id) {
        return Err(Problem::at(
            slot.id.span(),
            format!("two appointments are called `{id}`"),
        ));
    }
    Ok(Slot {
        id,
        starts: STARTS_AT + slot.starts.0,
    })
}

fn lower_kpi(written: &Spanned<file::Kpi>, practices: &Practices) -> Result<Kpi, Problem> {
    let kpi = written.get_ref();
    let says =
        |what: &'static str| Problem::at(written.span(), format!("this indicator has no `{what}`"));
    let practice: Option<OdsCode> = match kpi.practice {
        None => None,
        Some(role) => {
            let side = side(role, practices);
            Some(
                side.ok_or_else(|| says("practice of this name"))?
                    .ods
                    .clone(),
            )
        }
    };
    let indicator = match (kpi.counts, kpi.within) {
        (Counts::AppointmentsOffered, None) => Indicator::AppointmentsOffered,
        (Counts::AppointmentsBooked, None) => Indicator::AppointmentsBooked { practice },
        (Counts::AppointmentsAttended, None) => Indicator::AppointmentsAttended { practice },
        (Counts::ConsultationsRecorded, None) => Indicator::ConsultationsRecorded,
        (Counts::RecordsRead, None) => Indicator::RecordsRead { practice },
        (Counts::WrittenBackWithin, Some(within)) => {
            Indicator::WrittenBackWithin { within: within.0 }
        }
        (Counts::WrittenBackWithin, None) => {
            return Err(Problem::at(written.span(), "this does not say how soon")
                .help("add for instance `within = \"10m\"`"));
        }
        (
            Counts::AppointmentsOffered
            | Counts::AppointmentsBooked
            | Counts::AppointmentsAttended
            | Counts::ConsultationsRecorded
            | Counts::RecordsRead,
            Some(_),
        ) => return Err(says("within")),
    };
    if kpi.practice.is_some() && !is_of_a_practice(&indicator) {
        return Err(says("practice"));
    }
    Ok(Kpi {
        name: kpi.name.trim().to_owned(),
        indicator,
    })
}

const fn is_of_a_practice(indicator: &Indicator) -> bool {
    match indicator {
        Indicator::AppointmentsBooked { .. }
        | Indicator::AppointmentsAttended { .. }
        | Indicator::RecordsRead { .. } => true,
        Indicator::AppointmentsOffered
        | Indicator::ConsultationsRecorded
        | Indicator::WrittenBackWithin { .. } => false,
    }
}

/// What somebody at the hub does.
pub(super) fn at_hub(
    written: &file::AtHub,
    patient: Option<NhsNumber>,
    span: Range<usize>,
) -> Result<Act, Problem> {
    let whom = || {
        patient.ok_or_else(|| {
            Problem::at(span.clone(), "this does not say about whom")
                .help("add `patient = \"...\"`")
        })
    };
    let is_stray = match written.wish {
        HubWishChoice::Read => written.text.is_some() || written.slot.is_some(),
        HubWishChoice::Write => written.slot.is_some(),
        HubWishChoice::Attend => written.text.is_some(),
        HubWishChoice::LookAtBookings | HubWishChoice::Report => {
            written.text.is_some() || written.slot.is_some() || patient.is_some()
        }
    };
    if is_stray {
        return Err(
            Problem::at(span, "this wish has no use for all of this").help(
                "`text` goes with `write`, `slot` with `attend`, `patient` with these and `read`",
            ),
        );
    }
    let wish = match written.wish {
        HubWishChoice::Read => HubWish::Read { patient: whom()? },
        HubWishChoice::Write => HubWish::Write {
            patient: whom()?,
            text: (written.text.as_deref().unwrap_or(USUAL_TEXT)).to_owned(),
        },
        HubWishChoice::Attend => {
            let slot = written.slot.as_deref().ok_or_else(|| {
                Problem::at(span.clone(), "this does not say to which appointment")
                    .help("add `slot = \"...\"`")
            })?;
            HubWish::Attend {
                patient: whom()?,
                slot: SlotId::parse(slot)?,
            }
        }
        HubWishChoice::LookAtBookings => HubWish::LookAtBookings,
        HubWishChoice::Report => HubWish::Report,
    };
    Ok(Act::AtHub { wish })
}

/// What a receptionist does.
pub(super) fn book(written: &file::Book, patient: NhsNumber) -> Result<Act, Problem> {
    if endpoint_of(written.at).is_none() {
        let at = written.at;
        return Err(
            Problem::at(written.slot.span(), format!("nobody books at `{at}`"))
                .help("write `at = \"requesting\"` or `\"sending\"`"),
        );
    }
    Ok(Act::Book {
        patient,
        slot: SlotId::parse(written.slot.get_ref())?,
        at: written.at,
    })
}
