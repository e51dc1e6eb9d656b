//! Versions: the table that people see, and what the checks say of traces in which the directory,
//! or the version of a system, is another one than it was.

#![cfg(test)]

mod support;

use std::collections::BTreeSet;

use gp2gp::driver::Sut;
use gp2gp::matrix;
use gp2gp::run::usual_jobs;
use gp2gp_mocks::RequestingDefect;
use gp2gp_model::matrix::{MatrixReport, Pairing, RecordKind, System};
use gp2gp_model::trace::Header;
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{Interaction, Version};

use support::tamper::Taken;
use support::trace_of;

fn run(sut: Sut, wanted: impl Fn(&Pairing) -> bool) -> MatrixReport {
    let mut pairings = gp2gp_scenarios::pairings().expect("the table is whole");
    pairings.retain(wanted);
    matrix::run(&pairings, &support::catalogue(), sut, usual_jobs())
}

/// As it is where there are no colours.
fn shown(report: &MatrixReport) -> String {
    anstream::adapter::strip_str(&gp2gp_reports::matrix(report)).to_string()
}

#[test]
fn every_pair_ends_as_the_table_says() {
    let report = run(Sut::Reference, |_| true);
    assert_eq!(report.differences, 0, "{}", shown(&report));
    assert_eq!(report.cells.len(), 7 * 7 * 4 + 4 * 4 * 2);
    insta::assert_snapshot!("table", shown(&report));
}

#[test]
fn a_difference_is_marked_and_explained() {
    let broken = Sut::broken(RequestingDefect::AsksInNewestVersion.into());
    let report = run(broken, |pairing| {
        pairing.requesting == System::Version(Version::V2_2c)
            && pairing.record == RecordKind::Small
            && pairing.sending != System::Version(Version::V1_1a)
            && pairing.sending != System::Version(Version::V2_2a)
    });
    assert_eq!(report.differences, 2);
    insta::assert_snapshot!("differences", shown(&report));
}

#[test]
fn json_has_every_cell_with_what_is_expected_and_what_was_seen() {
    let report = run(Sut::Reference, |pairing| {
        pairing.requesting == System::Version(Version::V2_2a)
            && pairing.sending == System::Version(Version::V2_2b)
            && pairing.record == RecordKind::Returning
    });
    insta::assert_json_snapshot!("cell", report.cells);
}

/// What breaks a requirement, and what was expected and seen.
fn breaks(taken: &Taken, requirement: &str, expected: &str, seen: &str) {
    let Assessment::Broken(violations) = taken.assess(requirement, Profile::Strict) else {
        panic!("{requirement} is not broken");
    };
    let is_it = violations
        .iter()
        .any(|violation| violation.expected.contains(expected) && violation.seen.contains(seen));
    assert!(is_it, "{requirement}: {violations:#?}");
}

fn holds(taken: &Taken, requirement: &str) {
    let assessment = taken.assess(requirement, Profile::Strict);
    let is_held = matches!(assessment, Assessment::Held { occasions: 1.., .. });
    assert!(is_held, "{requirement}: {assessment:#?}");
}

fn with_header(mut taken: Taken, change: impl FnOnce(&mut Header)) -> Taken {
    change(&mut taken.trace.header);
    taken
}

fn listing(taken: Taken, change: impl Fn(&mut BTreeSet<Interaction>)) -> Taken {
    with_header(taken, |header| {
        for practice in &mut header.directory.practices {
            change(&mut practice.interactions);
        }
    })
}

fn in_version(taken: Taken, version: Version) -> Taken {
    with_header(taken, |header| {
        let practices = header.practices.as_mut().expect("a run knows them");
        practices.requesting_version = version;
    })
}

#[test]
fn an_extract_that_the_requester_is_not_listed_for_breaks_snd_20() {
    let taken = trace_of("versions/newest-of-both/record=small");
    holds(&taken, "SND-20");
    let unlisted = listing(taken, |listed| {
        listed.remove(&Interaction::EhrExtractUk08);
    });
    breaks(
        &unlisted,
        "SND-20",
        "RCMR_IN030000UK08 in answer to RCMR_IN010000UK06, one that SDS lists practice Z99901 for",
        "RCMR_IN030000UK08 in EHR extract",
    );
}

#[test]
fn a_request_older_than_need_be_breaks_rcv_66() {
    let taken = trace_of("versions/older-of-two/pair=2.2c-asks-2.2b");
    holds(&taken, "RCV-66");
    let newer = listing(taken, |listed| {
        listed.insert(Interaction::EhrRequestUk06);
    });
    breaks(
        &newer,
        "RCV-66",
        "RCMR_IN010000UK06, the newest request that practices Z99901 and Z99902 are both listed for",
        "RCMR_IN010000UK05 in message",
    );
}

#[test]
fn marked_entries_to_a_requester_that_is_not_listed_for_them_break_snd_22() {
    let taken = trace_of("transfer/redactions");
    holds(&taken, "SND-22");
    let unlisted = listing(taken, |listed| {
        listed.remove(&Interaction::EhrExtractUk07);
    });
    breaks(
        &unlisted,
        "SND-22",
        "entries kept from the patient, which no form that both systems have can mark",
        "was sent",
    );
    holds(
        &trace_of("versions/hidden-entries-stay-home/pair=2.2b-asks-2.2b-uk07"),
        "SND-22",
    );
}

#[test]
fn code_26_is_due_before_2_2b_and_forbidden_after() {
    let filed = trace_of("versions/returns-to-an-old-system/version=2.2a/decision=suppress");
    holds(&filed, "RCV-47");
    holds(&filed, "RCV-45");
    let modern = in_version(filed, Version::V2_2b);
    breaks(&modern, "RCV-47", "never code 26", "refusal with 26");
    breaks(&modern, "RCV-45", "with 15", "refusal with 26");
    let integrated = trace_of("people/integrate-returning-patient");
    holds(&integrated, "RCV-47");
    let old = in_version(integrated, Version::V1_1a);
    breaks(&old, "RCV-47", "refusal with 26: before version 2.2b", "AA");
}

#[test]
fn the_newest_request_is_served_without_a_positive_acknowledgement() {
    let taken = trace_of("versions/newest-of-both/record=small");
    holds(&taken, "SND-15");
    let assessment = taken.assess("SND-14", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::NotExercised(_)),
        "{assessment:#?}"
    );
}
