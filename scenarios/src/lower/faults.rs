//! What goes wrong on purpose.

use gp2gp_model::plan::{Effect, Fault, MessagePick, Role};
use toml::Spanned;

use crate::error::Problem;
use crate::file::{self, File, Kind, Malform, Pick};

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
        faults.push(Fault {
            name,
            effect: effect(written, fault)?,
        });
    }
    Ok(faults)
}

fn effect(written: &Spanned<file::Fault>, fault: &file::Fault) -> Result<Effect, Problem> {
    let mut effects = Vec::new();
    if let Some(outage) = &fault.spine_outage {
        effects.push(Effect::SpineOutage {
            from: outage.from.0,
            lasts: outage.lasts.0,
        });
    }
    if let Some(pick) = &fault.lose {
        let message = message(pick)?;
        effects.push(Effect::Lose { message });
    }
    if let Some(pick) = &fault.deliver_twice {
        let message = message(pick)?;
        effects.push(Effect::DeliverTwice { message });
    }
    if let Some(malform) = &fault.malform {
        let Malform {
            from,
            kind,
            occurrence,
            how,
        } = *malform.get_ref();
        let pick = Pick {
            from,
            kind,
            occurrence,
        };
        let message = message(&Spanned::new(malform.span(), pick))?;
        effects.push(Effect::Malform { message, how });
    }
    match (effects.pop(), effects.is_empty()) {
        (Some(effect), true) => Ok(effect),
        (None, _) => Err(Problem::at(written.span(), "this fault does nothing")
            .help("add one of `spine_outage`, `lose`, `deliver_twice` and `malform`")),
        (Some(_), false) => Err(
            Problem::at(written.span(), "this fault does more than one thing")
                .help("write one [[fault]] for each thing"),
        ),
    }
}

fn message(written: &Spanned<Pick>) -> Result<MessagePick, Problem> {
    let pick = written.get_ref();
    sends(pick.from, pick.kind, written.span())?;
    if pick.occurrence == 0 {
        return Err(Problem::at(written.span(), "messages are counted from 1"));
    }
    Ok(MessagePick {
        from: pick.from,
        kind: pick.kind.into(),
        occurrence: pick.occurrence,
    })
}

/// Refuses a message that this role never sends.
pub(super) fn sends(role: Role, kind: Kind, span: std::ops::Range<usize>) -> Result<(), Problem> {
    let (kinds, help) = match role {
        Role::Requesting => (
            [Kind::Request, Kind::Continue, Kind::Acknowledgement],
            "it sends `request`, `continue` and `acknowledgement`",
        ),
        Role::Sending => (
            [Kind::Extract, Kind::Fragment, Kind::Acknowledgement],
            "it sends `extract`, `fragment` and `acknowledgement`",
        ),
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
