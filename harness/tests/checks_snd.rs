//! Every check of a sending system is put to the test itself: a trace of the reference system
//! keeps the requirement, the same trace falsified in one place breaks it, and the violation says
//! what is wrong.

#![cfg(test)]

#[path = "../wire/tests/support/mod.rs"]
mod beside;
mod support;

#[path = "checks_snd/access.rs"]
mod access;
#[path = "checks_snd/conversation.rs"]
mod conversation;
#[path = "checks_snd/correlation.rs"]
mod correlation;
#[path = "checks_snd/custody.rs"]
mod custody;
#[path = "checks_snd/documents.rs"]
mod documents;
#[path = "checks_snd/envelope.rs"]
mod envelope;
#[path = "checks_snd/fairness.rs"]
mod fairness;
#[path = "checks_snd/fetched.rs"]
mod fetched;
#[path = "checks_snd/form.rs"]
mod form;
#[path = "checks_snd/hostile.rs"]
mod hostile;
#[path = "checks_snd/large.rs"]
mod large;
#[path = "checks_snd/outcome.rs"]
mod outcome;
#[path = "checks_snd/refusals.rs"]
mod refusals;
#[path = "checks_snd/resend.rs"]
mod resend;
#[path = "checks_snd/table.rs"]
mod table;

use std::collections::BTreeSet;

use gp2gp_model::verdict::{Assessment, Profile};

use table::Case;

fn cases() -> Vec<Case> {
    [
        envelope::cases(),
        conversation::cases(),
        refusals::cases(),
        hostile::cases(),
        documents::cases(),
        large::cases(),
        outcome::cases(),
        correlation::cases(),
        resend::cases(),
        custody::cases(),
        access::cases(),
        form::cases(),
        fetched::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_check_is_put_to_the_test() {
    let checks: BTreeSet<_> = gp2gp::check::snd::checks()
        .iter()
        .map(|check| check.requirement)
        .collect();
    let tested: BTreeSet<_> = cases()
        .iter()
        .filter(|case| !case.tamperings.is_empty())
        .map(|case| case.requirement)
        .collect();
    assert_eq!(tested, checks);
}

#[test]
fn checks_stand_in_the_order_of_the_catalogue_and_are_of_the_sending_system() {
    let catalogue = support::catalogue();
    let places: Vec<_> = gp2gp::check::snd::checks()
        .iter()
        .map(|check| {
            let row = catalogue
                .iter()
                .position(|row| row.id.as_str() == check.requirement);
            row.unwrap_or_else(|| panic!("{} is not in the catalogue", check.requirement))
        })
        .collect();
    assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
}

#[test]
fn a_trace_of_the_reference_system_keeps_each_requirement() {
    for case in cases() {
        let assessment = (case.held)().assess(case.requirement, Profile::Strict);
        let is_kept = matches!(assessment, Assessment::Held { occasions: 1.., .. });
        assert!(is_kept, "{}: {assessment:#?}", case.requirement);
    }
}

#[test]
fn a_falsified_trace_breaks_the_requirement_and_the_violation_says_how() {
    for case in cases() {
        for (seen, tampered) in &case.tamperings {
            let assessment = tampered().assess(case.requirement, Profile::Strict);
            let says_so = matches!(&assessment, Assessment::Broken(violations)
                if violations.iter().any(|found| found.seen.contains(seen)));
            let id = case.requirement;
            assert!(says_so, "{id} does not see `{seen}`: {assessment:#?}");
        }
    }
}
