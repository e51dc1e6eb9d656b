//! What nobody can see of a system behind a message handler, when the handler is ours.

use std::collections::BTreeSet;

use gp2gp_model::Dialect;
use gp2gp_model::fault::Effect;
use gp2gp_model::manner::{ContentIds, ReferenceIds};
use gp2gp_model::plan::{Plan, Role, Side};
use gp2gp_model::trace::Endpoint;

/// Why such a system does not answer for what every message has around it.
pub(super) const HANDLER_WRITES: &str =
    "the message handler writes the envelope, and it is ours in this binding";

/// Why a plan does not come to its point where these systems stand behind a handler; `None` if it does.
pub(super) fn cannot_show(plan: &Plan, behind: &BTreeSet<Endpoint>) -> Option<String> {
    full_disk(plan, behind)
        .or_else(|| dialect(plan, behind))
        .or_else(|| ids_of_parts(plan, behind))
}

fn full_disk(plan: &Plan, behind: &BTreeSet<Endpoint>) -> Option<String> {
    let full = (plan.faults.iter()).filter(|fault| fault.effect == Effect::FullDisk);
    let mut systems = full.filter_map(|fault| fault.hits_system());
    let system = systems.find(|system| behind.contains(system))?;
    Some(format!(
        "has the {system} system refuse messages for want of room; behind a message handler they stay on the queue"
    ))
}

/// A dialect of one of our systems is a point that is left.
fn dialect(plan: &Plan, behind: &BTreeSet<Endpoint>) -> Option<String> {
    let sides = [
        (Role::Requesting, &plan.requesting),
        (Role::Sending, &plan.sending),
    ];
    let is_other = |(_, side): &(Role, &Side)| side.dialect != Dialect::NationalMhs;
    let is_behind = |(role, _): &(Role, &Side)| behind.contains(&role.endpoint());
    let (lost, left): (Vec<_>, Vec<_>) = sides.into_iter().filter(is_other).partition(is_behind);
    let (role, side) = lost.iter().find(|(role, _)| plan.judges.contains(role))?;
    left.is_empty().then(|| {
        format!(
            "has the {role} system write as {}, and a message handler writes for it as the national one",
            side.dialect
        )
    })
}

fn ids_of_parts(plan: &Plan, behind: &BTreeSet<Endpoint>) -> Option<String> {
    if !behind.contains(&Endpoint::Sending) || !plan.judges.contains(&Role::Sending) {
        return None;
    }
    let named = match (plan.manner.content_ids, plan.manner.reference_ids) {
        (ContentIds::Encoded, ReferenceIds::Underscore | ReferenceIds::Bare) => "parts",
        (ContentIds::Plain, ReferenceIds::Bare) => "references",
        (ContentIds::Plain, ReferenceIds::Underscore) => return None,
    };
    Some(format!(
        "has the sending system name {named} in its own way, and a message handler names them for it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(id: &str) -> Plan {
        let catalogue = gp2gp_scenarios::catalogue().unwrap();
        let sources = gp2gp_scenarios::builtin().into_iter();
        let scenarios = sources.flat_map(|source| gp2gp_scenarios::parse(&source).unwrap());
        let scenario = scenarios.into_iter().find(|it| it.id().as_str() == id);
        gp2gp_scenarios::lower(&scenario.unwrap(), &catalogue, None).unwrap()
    }

    fn shown(id: &str, behind: &[Endpoint]) -> Option<String> {
        cannot_show(&plan(id), &behind.iter().copied().collect())
    }

    const BOTH: [Endpoint; 2] = [Endpoint::Requesting, Endpoint::Sending];

    #[test]
    fn a_dialect_is_lost_where_a_handler_writes_and_left_where_our_system_does() {
        let id = "transfer/small-record-emis-to-tpp";
        let why = shown(id, &BOTH).unwrap();
        let wanted = "has the requesting system write as tpp, and a message handler writes for it as the national one";
        assert_eq!(why, wanted);
        assert_eq!(shown(id, &[Endpoint::Sending]), None);
        assert_eq!(shown(id, &[]), None);
        assert_eq!(shown("transfer/small-record", &BOTH), None);
    }

    #[test]
    fn a_full_disk_is_seen_only_at_a_system_that_spine_reaches() {
        let id = "crash/sending-disk-full";
        let why = shown(id, &BOTH).unwrap();
        assert!(why.contains("stay on the queue"), "{why}");
        assert_eq!(shown(id, &[Endpoint::Requesting]), None);
        assert_eq!(shown("crash/sending-after-the-extract", &BOTH), None);
    }

    #[test]
    fn names_of_parts_are_those_of_whoever_writes_them() {
        let id = "transfer/percent-encoded-cid";
        assert!(shown(id, &BOTH).is_some());
        assert_eq!(shown(id, &[Endpoint::Requesting]), None);
        // Here the requesting system alone is judged, and ours sends.
        assert_eq!(shown("transfer/bare-reference-ids", &BOTH), None);
    }

    #[test]
    fn the_dialect_of_a_member_of_a_federation_is_not_that_of_its_messages() {
        let id = "federation/overtaken-by-its-repeat";
        assert_eq!(shown(id, &BOTH), None);
    }
}
