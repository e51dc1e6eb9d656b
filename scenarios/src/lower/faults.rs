//! What goes wrong on purpose: effect, place and time are read apart, and must fit together.

use std::time::Duration;

use gp2gp_model::fault::{
    DocumentPattern, Effect, Fault, MessagePattern, Often, StoreOperation, Target, When,
};
use gp2gp_model::federation::FederationOperation;
use gp2gp_model::plan::Role;
use gp2gp_model::trace::Endpoint;

use crate::error::Problem;
use crate::file::{self, File, Kind, Leg, System};
use crate::spanned::Spanned;

pub(super) fn lower(file: &File) -> Result<Vec<Fault>, Problem> {
    let mut faults: Vec<Fault> = Vec::new();
    for written in &file.fault {
        let fault = written.get_ref();
        let name = fault.name.get_ref().trim().to_owned();
        if name.is_empty() {
            return Err(Problem::at(fault.name.span(), "a fault has an empty name"));
        }
        if faults.iter().any(|other| other.name == name) {
            return Err(
                Problem::at(fault.name.span(), format!("two faults are called `{name}`"))
                    .help("a report tells by its name which fault acted"),
            );
        }
        let effect = effect(&fault.effect)?;
        let on = target(&effect, &fault.on)?;
        effect.fits(&on).map_err(|help| {
            Problem::at(
                fault.effect.span(),
                format!("`{effect}` cannot happen here"),
            )
            .help(help)
        })?;
        let when = when(&on, fault.when.as_ref(), written.span())?;
        faults.push(Fault {
            name,
            effect,
            on,
            when,
        });
    }
    Ok(faults)
}

fn effect(written: &Spanned<file::Effect>) -> Result<Effect, Problem> {
    let span = || written.span();
    Ok(match written.get_ref() {
        file::Effect::Drop => Effect::Drop,
        file::Effect::Delay(by) => Effect::Delay(by.0),
        file::Effect::Duplicate => Effect::Duplicate,
        file::Effect::Reorder(behind) if *behind > 0 => Effect::Reorder(*behind),
        file::Effect::Reorder(_) => {
            return Err(Problem::at(span(), "nothing is overtaken by no message"));
        }
        file::Effect::HoldUntil(pattern) => Effect::HoldUntil(messages(pattern, span())?),
        file::Effect::Truncate(percent) => Effect::Truncate(percentage(*percent, span())?),
        file::Effect::Corrupt(how) => Effect::Corrupt(*how),
        file::Effect::Refuse(status) if (400..600).contains(status) => Effect::Refuse(*status),
        file::Effect::Refuse(_) => {
            return Err(Problem::at(span(), "this status refuses nothing")
                .help("write an HTTP status from 400 to 599"));
        }
        file::Effect::SoapFault(code) => Effect::SoapFault(code.clone()),
        file::Effect::ErrorList(code) => Effect::ErrorList(code.clone()),
        file::Effect::Reset => Effect::Reset,
        file::Effect::LoseAnswer => Effect::LoseAnswer,
        file::Effect::Slow(rate) => match u32::try_from(rate.0) {
            Ok(rate) if rate > 0 => Effect::Slow(rate),
            Ok(_) | Err(_) => {
                return Err(Problem::at(span(), "this is no speed")
                    .help("write how many bytes pass in a second, such as { slow = \"10 KB\" }"));
            }
        },
        file::Effect::Crash(down_for) => Effect::Crash(down_for.0),
        file::Effect::FullDisk => Effect::FullDisk,
        file::Effect::ClockJump(by) => Effect::ClockJump(clock_jump(by, span())?),
        file::Effect::Spoil(how) => Effect::Spoil(*how),
        file::Effect::Garble(how) => Effect::Garble(*how),
        file::Effect::Race => Effect::Race,
    })
}

fn percentage(percent: u8, span: std::ops::Range<usize>) -> Result<u8, Problem> {
    if percent < 100 {
        return Ok(percent);
    }
    Err(Problem::at(span, "nothing is left to be cut off").help("write a percentage below 100"))
}

/// `2h` or `-90s`.
fn clock_jump(text: &str, span: std::ops::Range<usize>) -> Result<i64, Problem> {
    let (sign, length) = match text.trim().strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, text),
    };
    let length: crate::quantity::Span = length
        .parse()
        .map_err(|error: crate::quantity::NotASpan| Problem::at(span, error.to_string()))?;
    let seconds = i64::try_from(length.0.as_secs()).unwrap_or(i64::MAX);
    Ok(sign * seconds)
}

fn target(effect: &Effect, written: &Spanned<file::On>) -> Result<Target, Problem> {
    let on = written.get_ref();
    let is_of_message =
        on.message.is_some() || on.from.is_some() || on.leg.is_some() || on.size_is_given();
    let is_of_document = on.file_name.is_some();
    if let Some(operation) = on.federation {
        return federation(operation, on, written.span());
    }
    if on.directory.is_some() || on.demographics.is_some() {
        return national(on, written.span());
    }
    match (on.system, on.store) {
        (None, None) if !is_of_document => messages_on_leg(effect, on, written.span()),
        (Some(system), None) if !is_of_message && !is_of_document => Ok(Target::System {
            system: match system {
                System::Requesting => Endpoint::Requesting,
                System::Sending => Endpoint::Sending,
                System::Spine => Endpoint::Spine,
                System::Practice => Endpoint::Office,
                System::Desk => Endpoint::Desk,
                System::Clearing => Endpoint::ClearingHouse,
                System::Hub => Endpoint::Hub,
            },
        }),
        (None, Some(operation)) if on.message.is_none() && on.from.is_none() && on.leg.is_none() => {
            store(operation, on, written.span())
        }
        (_, _) => Err(
            Problem::at(written.span(), "this names more than one kind of place").help(
                "name messages (`message`, `from`, `leg`), or one `system`, or an operation of the `store` (with `file_name`), or a request to `directory` or `demographics` (with `from`); sizes go with messages and with the store",
            ),
        ),
    }
}

/// A request to a national service, where you like only of one system.
fn national(on: &file::On, span: std::ops::Range<usize>) -> Result<Target, Problem> {
    let is_of_another_place = on.message.is_some()
        || on.leg.is_some()
        || on.size_is_given()
        || on.system.is_some()
        || on.store.is_some()
        || on.file_name.is_some();
    let by = on.from;
    if by == Some(Role::Exporting) {
        return Err(Problem::at(span, "an exporting practice asks neither"));
    }
    match (on.directory, on.demographics) {
        (Some(operation), None) if !is_of_another_place => Ok(Target::Directory { operation, by }),
        (None, Some(operation)) if !is_of_another_place => {
            Ok(Target::Demographics { operation, by })
        }
        (_, _) => Err(Problem::at(span, "this names more than one kind of place")
            .help("beside `directory` or `demographics` only `from` can stand")),
    }
}

fn store(
    operation: StoreOperation,
    on: &file::On,
    span: std::ops::Range<usize>,
) -> Result<Target, Problem> {
    let (at_least_bytes, at_most_bytes) = sizes(on, span)?;
    Ok(Target::Store {
        operation,
        documents: DocumentPattern {
            at_least_bytes,
            at_most_bytes,
            file_name: on.file_name.clone(),
        },
    })
}

fn federation(
    operation: FederationOperation,
    on: &file::On,
    span: std::ops::Range<usize>,
) -> Result<Target, Problem> {
    let is_of_others = on.message.is_some()
        || on.from.is_some()
        || on.leg.is_some()
        || on.size_is_given()
        || on.file_name.is_some()
        || on.system.is_some()
        || on.store.is_some();
    if is_of_others {
        return Err(
            Problem::at(span, "this names more than one kind of place").help(
                "with `federation` goes only `practice`: which one is asked, or which one books",
            ),
        );
    }
    match on.practice {
        None | Some(Role::Requesting | Role::Sending) => Ok(Target::Federation {
            operation,
            member: on.practice,
        }),
        Some(role) => Err(Problem::at(span, format!("{role} is no practice"))
            .help("write `practice = \"requesting\"` or `\"sending\"`")),
    }
}

/// Without a leg: the one on which the effect is usual.
fn messages_on_leg(
    effect: &Effect,
    on: &file::On,
    span: std::ops::Range<usize>,
) -> Result<Target, Problem> {
    let pattern = messages(on, span)?;
    let leg = on.leg.unwrap_or(match effect {
        Effect::Refuse(_) | Effect::SoapFault(_) | Effect::ErrorList(_) => Leg::Posting,
        Effect::Drop
        | Effect::Delay(_)
        | Effect::Duplicate
        | Effect::Reorder(_)
        | Effect::HoldUntil(_)
        | Effect::Truncate(_)
        | Effect::Corrupt(_)
        | Effect::Reset
        | Effect::LoseAnswer
        | Effect::Slow(_)
        | Effect::Crash(_)
        | Effect::FullDisk
        | Effect::ClockJump(_)
        | Effect::Spoil(_)
        | Effect::Garble(_)
        | Effect::Race => Leg::Delivery,
    });
    Ok(match leg {
        Leg::Posting => Target::Posting(pattern),
        Leg::Delivery => Target::Delivery(pattern),
    })
}

fn messages(on: &file::On, span: std::ops::Range<usize>) -> Result<MessagePattern, Problem> {
    if let (Some(from), Some(kind)) = (on.from, on.message) {
        sends(from, kind, span.clone())?;
    }
    let (at_least_bytes, at_most_bytes) = sizes(on, span)?;
    Ok(MessagePattern {
        from: on.from,
        kind: on.message.map(Into::into),
        at_least_bytes,
        at_most_bytes,
    })
}

fn sizes(
    on: &file::On,
    span: std::ops::Range<usize>,
) -> Result<(Option<u64>, Option<u64>), Problem> {
    let (least, most) = (
        on.at_least.map(|size| size.0),
        on.at_most.map(|size| size.0),
    );
    if let (Some(least), Some(most)) = (least, most)
        && most < least
    {
        return Err(Problem::at(span, "no size is this large and this small"));
    }
    Ok((least, most))
}

/// Messages are hit once unless it is said how often; everything else whenever it comes up.
fn when(
    on: &Target,
    written: Option<&Spanned<file::When>>,
    fault: std::ops::Range<usize>,
) -> Result<When, Problem> {
    let default = match on {
        Target::Posting(_) | Target::Delivery(_) => Often::On(vec![1]),
        Target::System { .. }
        | Target::Store { .. }
        | Target::Directory { .. }
        | Target::Demographics { .. }
        | Target::Federation { .. } => Often::Always,
    };
    let Some(written) = written else {
        return match on {
            Target::System { .. } => Err(Problem::at(fault, "this fault never begins")
                .help("add `when = { from = \"10m\" }`, counted from the start of the run")),
            Target::Posting(_)
            | Target::Delivery(_)
            | Target::Store { .. }
            | Target::Directory { .. }
            | Target::Demographics { .. }
            | Target::Federation { .. } => Ok(When {
                often: default,
                ..When::default()
            }),
        };
    };
    let when = written.get_ref();
    let span = || written.span();
    let ways = [
        when.occurrence.map(|number| Often::On(vec![number])),
        when.occurrences.clone().map(Often::On),
        when.first.map(Often::First),
        when.always.map(|_| Often::Always),
        when.some.map(|[hits, of]| Often::Some { hits, of }),
        when.percent.map(Often::Percent),
    ];
    let mut ways = ways.into_iter().flatten();
    let often = match (ways.next(), ways.next()) {
        (Some(_), Some(_)) => {
            return Err(Problem::at(span(), "this says twice how often").help(
                "write one of `occurrence`, `occurrences`, `first`, `always`, `some` and `percent`",
            ));
        }
        // A time without a number means all that time.
        (None, _) if when.from.is_some() || when.lasts.is_some() => Often::Always,
        (None, _) => default,
        (Some(often), None) => often,
    };
    if matches!(on, Target::System { .. }) && often != Often::Always {
        return Err(Problem::at(
            span(),
            "what happens to a whole system has a time, not a number",
        )
        .help("write `from` and, where it ends, `lasts`"));
    }
    let from = when.from.map_or(Duration::ZERO, |from| from.0);
    let often = sound(often, span())?;
    Ok(When {
        from,
        lasts: when.lasts.map(|lasts| lasts.0),
        often,
    })
}

/// A number that is never reached, or a chance that is none, would be a fault that cannot act.
fn sound(often: Often, span: std::ops::Range<usize>) -> Result<Often, Problem> {
    let complain = |message: &str| Err(Problem::at(span, message));
    match often {
        Often::On(mut occasions) => {
            occasions.sort_unstable();
            occasions.dedup();
            match occasions.first() {
                None => complain("this names no occasion"),
                Some(0) => complain("occasions are counted from 1"),
                Some(_) => Ok(Often::On(occasions)),
            }
        }
        Often::First(0) => complain("the first none is never"),
        Often::Some { hits: 0, .. } => complain("none of them is never"),
        Often::Some { hits, of } if hits > of => complain("so many cannot be hit among so few"),
        Often::Percent(0) => complain("no chance is never"),
        Often::Percent(101..) => complain("a chance is at most 100 in a hundred"),
        Often::Always | Often::First(_) | Often::Some { .. } | Often::Percent(_) => Ok(often),
    }
}

/// Refuses a message that this role never sends.
pub(super) fn sends(role: Role, kind: Kind, span: std::ops::Range<usize>) -> Result<(), Problem> {
    let (kinds, help): (&[Kind], _) = match role {
        Role::Requesting => (
            &[Kind::Request, Kind::Continue, Kind::Acknowledgement],
            "it sends `request`, `continue` and `acknowledgement`",
        ),
        Role::Sending => (
            &[Kind::Extract, Kind::Fragment, Kind::Acknowledgement],
            "it sends `extract`, `fragment` and `acknowledgement`",
        ),
        Role::Exporting => (&[], "nothing of an export passes through Spine"),
        Role::Hub => (&[], "nothing of a hub passes through Spine"),
    };
    if kinds.contains(&kind) {
        return Ok(());
    }
    Err(Problem::at(
        span,
        format!("the {role} system sends no message of this kind"),
    )
    .help(help))
}
