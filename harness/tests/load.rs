//! Systems under load, in processes of their own: what counts, and what does not.

#![cfg(test)]

mod support;

use std::num::NonZeroUsize;

use gp2gp::driver::Sut;
use gp2gp::load::{Bench, Profile, Subject, bench};
use gp2gp_mocks::Defect;
use gp2gp_model::bench::{BenchReport, Drive, RemarkKind, Stage};
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::Profile as Against;

fn measured(system: Sut, profile: &Profile) -> BenchReport {
    let logs = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_gp2gp").as_ref();
    let subject =
        |system| Subject::served(program, system, &[], &Role::OF_TRANSFERS, logs.path()).unwrap();
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
    bench(&wanted, &subject(system), &subject(Sut::Reference), &|_| {}).unwrap()
}

fn profile(rest: &str) -> Profile {
    let text = format!("about = \"A few.\"\ntransfers = 6\nat_once = 3\nrecord = \"8 KB\"\n{rest}");
    Profile::parse("own", &text).unwrap()
}

#[test]
fn every_transfer_of_the_reference_counts_and_is_timed() {
    let document = "[[document]]\ntype = \"image/tiff\"\nsize = \"6 MB\"\n";
    let report = measured(Sut::Reference, &profile(document));
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
    let again: BenchReport =
        serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(again, report);
}

#[test]
fn a_transfer_that_breaks_a_must_does_not_count() {
    let defect = Defect::from_name("no-final-ack").unwrap();
    let report = measured(Sut::Broken(defect), &profile(""));
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
