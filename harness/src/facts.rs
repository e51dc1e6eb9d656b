//! Whether a run did what its scenario is about. A scenario that passes without having
//! exercised its point is worth nothing.

use std::collections::BTreeSet;

use gp2gp_model::MessageKind;
use gp2gp_model::fault::Fault;
use gp2gp_model::plan::{Act, Fact, Plan, Role};
use gp2gp_model::report::FaultReport;

use crate::check::exp::history::Happened;
use crate::check::view::{Seen, View};

/// What a scenario is about and a trace does not show, in words: facts, and faults that never
/// acted, whether the scenario asks for them or not.
pub fn missing(plan: &Plan, view: &View) -> Vec<String> {
    let facts = plan.exercised_when.iter();
    let facts = facts.filter_map(|fact| check(fact, view).err());
    let asked_for = |name: &str| {
        (plan.exercised_when.iter()).any(|fact| {
            *fact
                == Fact::FaultFired {
                    name: name.to_owned(),
                }
        })
    };
    let faults = fired(&plan.faults, view)
        .into_iter()
        .filter(|fault| fault.fired == 0 && !asked_for(&fault.name))
        .map(|FaultReport { name, planned, .. }| format!("fault `{name}` never acted: {planned}"));
    // What a recorded system never sent was no part of the run.
    let gaps = view.divergences.iter().filter(|it| it.is_a_gap());
    let gaps = gaps.map(ToString::to_string);
    facts.chain(faults).chain(gaps).collect()
}

/// Planned faults, and how often each acted.
pub fn fired(faults: &[Fault], view: &View) -> Vec<FaultReport> {
    faults
        .iter()
        .map(|fault| FaultReport {
            name: fault.name.clone(),
            planned: fault.to_string(),
            fired: (view.faults.iter())
                .filter(|name| **name == fault.name)
                .count(),
        })
        .collect()
}

fn check(fact: &Fact, view: &View) -> Result<(), String> {
    match fact {
        Fact::Accepted {
            from,
            kind,
            at_least,
            at_most,
        } => {
            let found = view
                .accepted_from(*from)
                .filter(|post| post.kind() == Some(*kind))
                .count();
            let low = *at_least as usize;
            let high = at_most.map_or(usize::MAX, |most| most as usize);
            hold((low..=high).contains(&found), || {
                let wanted = match at_most {
                    Some(most) if most == at_least => format!("exactly {most}"),
                    Some(most) => format!("{at_least} to {most}"),
                    None => format!("at least {at_least}"),
                };
                format!(
                    "Spine accepted {found} {kind} messages from the {from} system, the scenario needs {wanted}"
                )
            })
        }
        Fact::RequestRefused { code } => {
            let codes = ack_codes(view, Role::Sending, |seen| seen.request().is_some());
            hold(codes.contains(&Some(code.to_string())), || {
                format!(
                    "the request was not refused with {code}; acknowledgements of it: {}",
                    show(&codes)
                )
            })
        }
        Fact::CoreAcknowledged { code } => {
            let codes = ack_codes(view, Role::Requesting, |seen| seen.extract().is_some());
            let wanted = code.as_ref().map(ToString::to_string);
            hold(codes.contains(&wanted), || {
                format!(
                    "the core was not acknowledged with {}; acknowledgements of it: {}",
                    show(std::slice::from_ref(&wanted)),
                    show(&codes)
                )
            })
        }
        Fact::CoreNeverAcknowledged => {
            let reached = view
                .delivered_to(Role::Sending)
                .filter_map(|post| post.seen()?.acknowledgement())
                .filter(|ack| cores(view).any(|core| core.is_named_by(&ack.message_ref)))
                .count();
            hold(reached == 0, || {
                format!("{reached} acknowledgements of the core reached the sending system")
            })
        }
        Fact::SkeletonSent => hold(
            view.documents
                .iter()
                .any(|document| matches!(document.skeleton, Some(Ok(_)))),
            || "no skeleton was sent that could be restored".to_owned(),
        ),
        Fact::WholeRecordSent => hold(whole_record_sent(view), || {
            "every record that was sent was a skeleton, or none was sent".to_owned()
        }),
        Fact::MessageIdsShared => hold(message_ids_shared(view), || {
            "no message had the id of one in another conversation".to_owned()
        }),
        Fact::DocumentOf { at_least_bytes } => {
            let largest = view
                .documents
                .iter()
                .filter_map(|document| document.content.as_ref().ok())
                .map(|(_, bytes)| *bytes)
                .max()
                .unwrap_or_default();
            hold(largest >= *at_least_bytes, || {
                format!(
                    "the largest document put together is {largest} bytes, the scenario needs {at_least_bytes}"
                )
            })
        }
        Fact::FaultFired { name } => hold(view.faults.contains(name), || {
            format!("fault `{name}` never acted")
        }),
        Fact::Decided { decision } => hold(
            view.acts.iter().any(|acted| {
                !acted.not_supported
                    && matches!(&acted.act, Act::Decide { decision: made, .. } if made == decision)
            }),
            || format!("the people never decided {decision:?}"),
        ),
        Fact::CaseWas { state } => {
            let export = view.export.as_ref();
            let mut cases = export.into_iter().flat_map(|it| it.ledger.cases().values());
            hold(cases.any(|case| case.visited.contains(state)), || {
                format!("no export was ever {state}")
            })
        }
        Fact::Declined { wish } => {
            let export = view.export.as_ref();
            let mut happenings = export.into_iter().flat_map(|it| &it.happenings);
            let is_it = |what: &Happened| matches!(what, Happened::Declined { wish: declined, .. } if declined == wish);
            hold(happenings.any(|happening| is_it(&happening.what)), || {
                format!(
                    "the document system never refused to {}",
                    crate::story::tell_wish(*wish)
                )
            })
        }
        Fact::Happened { what } => {
            let federation = view.federation.as_ref();
            let happened = federation.is_some_and(|it| it.happened(*what, view));
            hold(happened, || format!("it never happened that {what}"))
        }
        Fact::Retransmitted { by } => hold(
            view.posted_by(*by).any(|post| post.is_retransmission),
            || format!("the {by} system never posted a message a second time"),
        ),
    }
}

fn whole_record_sent(view: &View) -> bool {
    let mut cores = view
        .accepted_from(Role::Sending)
        .filter(|post| post.kind() == Some(MessageKind::EhrExtract));
    cores.any(|core| {
        let skeletons = view.documents.iter().filter(|it| it.skeleton.is_some());
        let mut of_core = skeletons.filter_map(|document| view.posts.get(document.core));
        !of_core.any(|sent| sent.is_same_message(core))
    })
}

fn message_ids_shared(view: &View) -> bool {
    Role::ALL.into_iter().any(|role| {
        let mut known = BTreeSet::new();
        let mut ids = view.accepted_from(role).map(|post| post.message_id());
        ids.any(|id| !known.insert(id))
    })
}

/// Codes (`None` for AA) with which a role acknowledged messages of a sort.
fn ack_codes(view: &View, from: Role, of: impl Fn(&Seen) -> bool) -> Vec<Option<String>> {
    let targets: Vec<&Seen> = view
        .sent_by(from.other())
        .filter_map(|post| post.seen())
        .filter(|seen| of(seen))
        .collect();
    view.accepted_from(from)
        .filter_map(|post| post.seen()?.acknowledgement())
        .filter(|ack| {
            targets
                .iter()
                .any(|seen| seen.is_named_by(&ack.message_ref))
        })
        .map(|ack| ack.code().map(ToString::to_string))
        .collect()
}

fn cores(view: &View) -> impl Iterator<Item = &Seen> {
    view.sent_by(Role::Sending)
        .filter(|post| post.kind() == Some(MessageKind::EhrExtract))
        .filter_map(|post| post.seen())
}

fn hold(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn show(codes: &[Option<String>]) -> String {
    if codes.is_empty() {
        return "none".to_owned();
    }
    codes
        .iter()
        .map(|code| code.as_deref().unwrap_or("AA"))
        .collect::<Vec<_>>()
        .join(", ")
}
