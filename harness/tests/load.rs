//! Systems under load, in processes of their own: what counts, and what does not.

#![cfg(test)]

mod support;

use std::num::NonZeroUsize;

use gp2gp::driver::Sut;
use gp2gp::load::{Bench, Profile, Subject, bench, compare};
use gp2gp_mocks::Defect;
use gp2gp_model::bench::{BenchReport, Change, Drive, Ratio, RemarkKind, Stage};
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::Profile as Against;

fn measured(system: &Sut, profile: &Profile) -> BenchReport {
    let logs = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_gp2gp").as_ref();
    let subject = |system: &Sut| {
        Subject::served(program, system, &[], &Role::OF_TRANSFERS, logs.path()).unwrap()
    };
    let catalogue = support::catalogue();
    let wanted = Bench {
        profile,
        catalogue: &catalogue,
        against: Against::Strict,
        rounds: NonZeroUsize::MIN,
        open_per_second: Some(50.0),
        sustained_within: None,
        soak: None,
        sizes: false,
        seed: 1,
        reproduce: "gp2gp bench own.toml".to_owned(),
    };
    bench(
        &wanted,
        &subject(system),
        &subject(&Sut::Reference),
        &|_| {},
    )
    .unwrap()
}

fn profile(rest: &str) -> Profile {
    let text = format!("about = \"A few.\"\ntransfers = 6\nat_once = 3\nrecord = \"8 KB\"\n{rest}");
    Profile::parse("own", &text).unwrap()
}

#[test]
fn every_transfer_of_the_reference_counts_and_is_timed() {
    let document = "[[document]]\ntype = \"image/tiff\"\nsize = \"6 MB\"\n";
    let report = measured(&Sut::Reference, &profile(document));
    let drives: Vec<Drive> = report.system.laps.iter().map(|lap| lap.drive).collect();
    assert_eq!(drives, [Drive::Alone, Drive::Full, Drive::Open]);
    for measured in [&report.system, &report.reference] {
        assert_eq!(
            (measured.transfers, measured.conformant),
            (18, 18),
            "{:#?}",
            measured.breaches
        );
        let full = measured
            .laps
            .iter()
            .find(|lap| lap.drive == Drive::Full)
            .unwrap();
        // Three of whom nobody has decided, and those whose last word is on its way.
        assert!(
            (3..=6).contains(&full.most_under_way),
            "{}",
            full.most_under_way
        );
        assert_eq!(full.ends.len(), 6);
        for stage in Stage::ALL {
            let mut stages = measured.stages.iter();
            let found = stages.find(|it| it.stage == stage && it.drive == Drive::Full);
            assert_eq!(found.map(|it| it.count), Some(6), "{}", stage.name());
        }
    }
    assert!(report.score.is_some());
    let picture = gp2gp_reports::bench_latency(&report);
    for measured in [&report.system, &report.reference] {
        let mut stages = measured.stages.iter();
        let whole = stages.find(|it| it.stage == Stage::Whole && it.drive == Drive::Full);
        assert!(!whole.unwrap().buckets.is_empty());
    }
    assert!(picture.matches("class=\"bar\"").count() >= 2, "{picture}");
    let tick = "y=\"266\" text-anchor=\"middle\"";
    assert!(picture.contains(tick), "no ticks: {picture}");
    let again: BenchReport =
        serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(again, report);
}

#[test]
fn a_transfer_that_breaks_a_must_does_not_count() {
    let defect = Defect::from_name("no-final-ack").unwrap();
    let report = measured(&Sut::broken(defect), &profile(""));
    assert_eq!(
        (report.system.conformant, report.reference.conformant),
        (0, 18)
    );
    assert_eq!(report.score, None);
    assert!(
        report
            .remarks
            .iter()
            .any(|it| it.kind == RemarkKind::NotConformant)
    );
}

/// Transfers that nobody will ever decide on do not keep the others out for ever.
#[test]
fn whoever_does_not_come_to_an_end_makes_room() {
    let defect = Defect::from_name("never-answers").unwrap();
    let report = measured(&Sut::broken(defect), &profile(""));
    assert_eq!(report.system.conformant, 0);
    for lap in &report.system.laps {
        assert_eq!(lap.transfers, 6, "{}", lap.drive.name());
    }
    assert!(report.system.breaches.len() + report.remarks.len() > 0);
}

fn ratio(ratio: f64) -> Option<Ratio> {
    Some(Ratio {
        ratio,
        low: ratio / 1.05,
        high: ratio * 1.05,
        rounds: 5,
    })
}

#[test]
fn a_bench_is_compared_drawn_and_held_against_a_gate() {
    let mut old = measured(&Sut::Reference, &profile(""));
    assert!(old.system.all_count());
    old.score = ratio(1.0);
    assert!(!old.is_certainly_below(1.04) && old.is_certainly_below(1.06));
    let mut new = old.clone();
    let change = |new: &BenchReport| compare(&old, new).change;
    assert_eq!(change(&new), Some(Change::NoDifference));
    new.score = ratio(0.5);
    assert_eq!(change(&new), Some(Change::Worse));
    new.score = ratio(2.0);
    assert_eq!(change(&new), Some(Change::Better));
    new.at_once = 4;
    assert_eq!(change(&new), None, "other work");
    new.environment.processors += 1;
    let doubts = compare(&old, &new).doubts;
    assert!(
        doubts.len() == 1 && doubts[0].starts_with("the machine was"),
        "{doubts:?}"
    );

    let table = gp2gp_reports::bench(&old);
    for said in [
        "conformant transfers a second",
        "open arrivals, 50.0 a second",
        "18/18",
        "1.00 of the reference",
    ] {
        assert!(table.contains(said), "{said}: {table}");
    }
    for picture in [
        gp2gp_reports::bench_latency(&old),
        gp2gp_reports::bench_time(&old),
    ] {
        let svg = roxmltree::Document::parse(&picture).unwrap();
        assert_eq!(svg.root_element().tag_name().name(), "svg");
    }
    let time = gp2gp_reports::bench_time(&old);
    // Six transfers of each system, and two in the legend.
    assert_eq!(time.matches("<circle").count(), 14);
}

#[test]
fn the_profile_on_the_page_is_one() {
    let page = include_str!("../../docs/bench.md");
    let profile = page.split("```toml\n").nth(1).unwrap();
    let profile = profile.split("```").next().unwrap();
    let profile = Profile::parse("page", profile).unwrap();
    assert_eq!((profile.transfers, profile.at_once), (100, 8));
    for name in Profile::names() {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}
