//! Every check of an exporting system: a trace that keeps it, and traces that were falsified so
//! that it must turn red and say what was seen.

#![cfg(test)]

#[path = "checks_exp/falsify.rs"]
mod falsify;
mod support;

use std::collections::BTreeSet;

use gp2gp::driver::Sut;
use gp2gp_model::export::{NOT_EXERCISED, TRANSITIONS};
use gp2gp_model::http::Headers;

use falsify::{answered, body, drop_all, is_to, status, twice};
use gp2gp_model::trace::{Endpoint, What};
use gp2gp_model::verdict::{Assessment, Profile};
use support::tamper::Taken;
use support::trace_of;

/// A requirement, a scenario whose trace keeps it, what a falsified trace must be said to show,
/// and how it is falsified.
type Case = (&'static str, &'static str, &'static str, fn(Taken) -> Taken);

const CASES: &[Case] = &[
    ("EXP-01", "export/good", "nobody looked", |taken| {
        // Every list but the first: that is what the export began with.
        let lists = is_to(Endpoint::Store, "/DocumentReference");
        drop_all(taken, lists, 1)
    }),
    (
        "EXP-01",
        "export/leftovers",
        "a ticket was raised without one",
        |taken| {
            let lists = is_to(Endpoint::Store, "/DocumentReference");
            drop_all(taken, lists, 1)
        },
    ),
    (
        "EXP-02",
        "export/second-export-by-the-user",
        "was begun",
        |taken| {
            // The second export was made after all.
            let opening = is_to(Endpoint::ClearingHouse, "-1");
            let ticket = is_to(Endpoint::Desk, "/tickets");
            twice(taken, opening, ticket, "again")
        },
    ),
    ("EXP-03", "export/leftovers", "it says no time", |taken| {
        body(taken, is_to(Endpoint::Desk, "/tickets"), |ticket| {
            ticket["exported_at"] = serde_json::Value::Null;
        })
    }),
    (
        "EXP-03",
        "export/leftovers",
        "a ticket without it",
        |taken| {
            body(taken, is_to(Endpoint::Desk, "/tickets"), |ticket| {
                ticket["patient"] = serde_json::Value::Null;
            })
        },
    ),
    (
        "EXP-03",
        "export/leftovers",
        "raised after 0 h",
        |mut taken| {
            let terms = taken.trace.header.export.as_mut().expect("an export");
            terms.retention = std::time::Duration::from_secs(1);
            taken
        },
    ),
    ("EXP-03", "export/leftovers", "none was raised", |taken| {
        drop_all(taken, is_to(Endpoint::Desk, "/tickets"), 0)
    }),
    ("EXP-04", "export/good", "it has no archive copy", |taken| {
        drop_all(taken, is_to(Endpoint::Store, "$archive"), 0)
    }),
    ("EXP-04", "export/good", "it was never exported", |taken| {
        drop_all(taken, is_to(Endpoint::ClearingHouse, "$seal"), 0)
    }),
    ("EXP-05", "export/never-exported", "it is not", |taken| {
        drop_all(taken, is_to(Endpoint::ClearingHouse, "T-1"), 0)
    }),
    (
        "EXP-05",
        "export/never-exported",
        "were in the export",
        |taken| {
            // The desk's list of contents names a document of the first package too.
            falsify::desk_packs_again(taken)
        },
    ),
    (
        "EXP-06",
        "export/permission-granted",
        "nobody has permitted that",
        |taken| {
            body(taken, is_to(Endpoint::Desk, "/rulings"), |ruling| {
                ruling["ruling"] = "refused".into();
            })
        },
    ),
    (
        "EXP-06",
        "export/permission-granted",
        "nobody has permitted that",
        |taken| drop_all(taken, is_to(Endpoint::Desk, "/rulings"), 0),
    ),
    (
        "EXP-07",
        "export/arrival-during-the-ticket",
        "it is not",
        |taken| drop_all(taken, is_to(Endpoint::ClearingHouse, "T-1"), 0),
    ),
    (
        "EXP-08",
        "export/late-letter-the-same-day",
        "and again at",
        |mut taken| {
            // All of it happened within one day.
            let start = taken.trace.header.started;
            for event in &mut taken.trace.events {
                event.at = start + event.at.since(start) / 24;
            }
            taken
        },
    ),
    ("EXP-09", "export/failed-export", "is ticked", |taken| {
        body(taken, is_to(Endpoint::ClearingHouse, "-2"), |opening| {
            opening["gp2gp_information"] = true.into();
        })
    }),
    ("EXP-10", "export/good", "it arrived 2 times", |taken| {
        let delivery = is_to(Endpoint::Importing, "$seal");
        let end = |what: &What| matches!(what, What::Observed { .. });
        twice(taken, delivery, end, "")
    }),
    ("EXP-10", "export/good", "it is nowhere any more", |taken| {
        let taken = drop_all(taken, is_to(Endpoint::Store, "$archive"), 0);
        drop_all(taken, is_to(Endpoint::ClearingHouse, "$seal"), 0)
    }),
    ("EXP-10", "export/good", "0 bytes", |taken| {
        drop_all(taken, is_to(Endpoint::ClearingHouse, "/documents/"), 0)
    }),
    (
        "EXP-11",
        "export/large-scan-whole",
        "24000000 bytes",
        |taken| falsify::drop_last_piece(taken),
    ),
    (
        "EXP-12",
        "export/duplicate-after-delivery",
        "was taken with",
        |taken| {
            answered(
                taken,
                is_to(Endpoint::ClearingHouse, "$seal"),
                2,
                |receipt| {
                    receipt["package"] = "accepted".into();
                },
            )
        },
    ),
    (
        "EXP-12",
        "export/restore-after-a-duplicate",
        "nobody restored it",
        |taken| drop_all(taken, is_to(Endpoint::Store, "$restore"), 0),
    ),
    (
        "EXP-13",
        "export/delete-without-the-right",
        "was changed",
        |taken| status(taken, 403, 204),
    ),
    (
        "EXP-13",
        "export/delete-without-the-right",
        "it does not",
        |taken| {
            answered(taken, is_to(Endpoint::Store, "$audit"), 1, |trail| {
                trail["entry"] = serde_json::json!([]);
            })
        },
    ),
];

#[test]
fn every_check_is_put_to_the_test() {
    let checks: BTreeSet<_> = gp2gp::check::exp::checks()
        .iter()
        .map(|check| check.requirement)
        .collect();
    let tested: BTreeSet<_> = CASES.iter().map(|(requirement, ..)| *requirement).collect();
    assert_eq!(tested, checks);
}

#[test]
fn a_trace_of_the_reference_system_keeps_each_requirement() {
    for (requirement, scenario, ..) in CASES {
        let assessment = trace_of(scenario).assess(requirement, Profile::Strict);
        let is_kept = matches!(assessment, Assessment::Held { occasions: 1.., .. });
        assert!(is_kept, "{requirement} in {scenario}: {assessment:#?}");
    }
}

#[test]
fn a_falsified_trace_breaks_the_requirement_and_the_violation_says_how() {
    for (requirement, scenario, seen, falsify) in CASES {
        let assessment = falsify(trace_of(scenario)).assess(requirement, Profile::Strict);
        let says_so = matches!(&assessment, Assessment::Broken(violations)
            if violations.iter().any(|found| found.seen.contains(seen)));
        assert!(
            says_so,
            "{requirement} in {scenario} does not see `{seen}`: {assessment:#?}"
        );
    }
}

/// A way that no scenario takes proves nothing; one that is said not to be taken and is, says so.
#[test]
fn every_transition_is_exercised_by_a_scenario_or_listed_as_not_exercised() {
    let plans = support::plans();
    let exports = plans.iter().filter(|plan| plan.export.is_some());
    let mut taken = BTreeSet::new();
    for plan in exports {
        let view = support::run(plan, &Sut::Reference).view();
        let export = view.export.expect("an export");
        for case in export.ledger.cases().values() {
            taken.extend(case.transitions.iter().map(|row| (row.from, row.on)));
        }
    }
    let all: BTreeSet<_> = TRANSITIONS.iter().map(|row| (row.from, row.on)).collect();
    let not_taken: BTreeSet<_> = all.difference(&taken).copied().collect();
    assert_eq!(not_taken, BTreeSet::from(NOT_EXERCISED));
}

/// The desk says 200 to a permission that the document system gives itself.
#[test]
fn a_permission_of_somebody_without_the_right_must_not_be_taken() {
    let taken = trace_of("export/permission-granted").events(|events| {
        for event in events {
            if let What::Post { path, headers, .. } = &mut event.what
                && path == "/rulings"
            {
                *headers = Headers::new().with("Acting-Role", "system");
            }
        }
    });
    let Assessment::Broken(violations) = taken.assess("EXP-13", Profile::Strict) else {
        panic!("EXP-13 is kept");
    };
    assert_eq!(violations[0].seen, "somebody else's permission was taken");
    let unpermitted = taken.assess("EXP-06", Profile::Strict);
    assert!(
        matches!(unpermitted, Assessment::Broken(_)),
        "{unpermitted:#?}"
    );
}

#[test]
fn the_life_of_an_exported_document_ends_with_the_new_practice() {
    let view = trace_of("export/leftovers").view();
    for life in gp2gp::check::custody::lives(&view) {
        let report = life.report(&view);
        assert_eq!(report.whereabouts, "with the new practice");
        let steps: Vec<&str> = report.steps.iter().map(|step| step.what.as_str()).collect();
        assert_eq!(
            steps.first(),
            Some(&"read from the store by the exporting system")
        );
        assert!(
            steps.contains(&"in a package that the clearing house accepts"),
            "{steps:?}"
        );
        assert!(
            steps.contains(&"delivered by the clearing house"),
            "{steps:?}"
        );
        assert_eq!(
            steps.last(),
            Some(&"seen in the record of the new practice at the end of the run")
        );
    }
}

#[test]
fn a_broken_safety_invariant_names_event_document_and_rule() {
    let taken = drop_all(
        trace_of("export/good"),
        is_to(Endpoint::Store, "$archive"),
        0,
    );
    let Assessment::Broken(violations) = taken.assess("EXP-04", Profile::Strict) else {
        panic!("EXP-04 is kept");
    };
    let first = &violations[0];
    assert!(first.event.is_some());
    assert!(
        first.expected.ends_with("(safety invariant 1)"),
        "{first:?}"
    );
    assert!(
        first.expected.contains(".rtf") || first.expected.contains(".tif"),
        "{first:?}"
    );
}
