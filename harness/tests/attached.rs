//! The suite against its own systems in another process: what is found must be what is found in process.

#![cfg(test)]

#[path = "support/compared.rs"]
#[expect(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]
mod compared;
#[path = "support/judged.rs"]
mod judged;
#[path = "support/served.rs"]
mod served;
mod support;

use compared::differences;
use gp2gp::sut::config::Config;
use gp2gp::sut::control::{Calling, Control, NoControl};
use gp2gp::sut::{Attachment, Party};
use gp2gp_model::control::{Command, Level, LifecycleEvent, Verb};
use gp2gp_model::plan::Role;
use gp2gp_model::trace::TimeMode;
use gp2gp_model::verdict::Verdict;
use judged::judge;
use tokio::runtime::Runtime;

/// Of everything something: days of silence, crashes, a full disk, an export, a federation, both versions of
/// a directory. The whole suite is run with a served system by `cargo xtask ci`.
const FAMILIES: [&str; 7] = [
    "named",
    "crash",
    "outage",
    "people",
    "federation",
    "registration",
    "export/crash",
];

fn reference() -> (Runtime, Party) {
    let logs = tempfile::tempdir().unwrap();
    served::parts(&served::described("reference"), logs.path())
}

fn attached((runtime, party): (Runtime, Party)) -> Attachment {
    Attachment::new(runtime, vec![party], "sut.toml".to_owned())
}

#[test]
fn a_served_reference_is_found_to_be_what_it_is_in_process() {
    let mut plans = support::plans();
    plans.retain(|plan| {
        let id = plan.scenario.as_str();
        FAMILIES.iter().any(|family| id.starts_with(family))
    });
    let served = judge(&plans, Some(&attached(reference())));
    assert_eq!(served.level, Some(Level::L3));
    let differ = differences(&judge(&plans, None), &served);
    let (count, of) = (differ.len(), plans.len());
    assert!(
        differ.is_empty(),
        "{count} of {of} differ:\n{}",
        differ.join("\n")
    );
}

#[test]
fn two_systems_are_put_against_each_other() {
    let (runtime, mut sending) = reference();
    sending.claims.roles = [Role::Sending].into();
    let logs = tempfile::tempdir().unwrap();
    let described = served::described("broken:no-final-ack");
    let requesting = served::described("broken:no-final-ack").replace(
        "roles = [\"requesting\", \"sending\", \"exporting\", \"hub\"]",
        "roles = [\"requesting\"]",
    );
    assert_ne!(described, requesting);
    let requesting = served::party(&runtime, &requesting, logs.path());
    let pair = Attachment::new(runtime, vec![sending, requesting], "two files".to_owned());
    assert_eq!(
        pair.name(),
        "served reference with served broken:no-final-ack"
    );
    let report = judge(&[support::plan("transfer/small-record")], Some(&pair));
    let failed = report.scenarios.iter().flat_map(|it| &it.findings);
    let failed = failed.filter(|it| it.verdict == Verdict::Fail);
    let blamed: Vec<Role> = failed.map(|it| it.role).collect();
    assert!(
        !blamed.is_empty(),
        "a system that never acknowledges is one of the two"
    );
    assert!(
        blamed.iter().all(|role| *role == Role::Requesting),
        "{blamed:?}"
    );
}

/// People have no list to look at: they look when nothing has happened for a while.
#[test]
fn a_system_without_clock_and_notices_is_played_by_the_wall_clock() {
    let (runtime, mut party) = reference();
    for verb in [Verb::Clock, Verb::Lifecycle, Verb::Notices] {
        party.claims.verbs.remove(&verb);
    }
    party.patience.quiet = std::time::Duration::from_millis(300);
    let attached = attached((runtime, party));
    assert_eq!(attached.time_mode(), TimeMode::Wall);
    let plans = [
        "transfer/small-record",
        "crash/sending-disk-full",
        "crash/requesting-after-the-core",
    ];
    let plans = plans.map(support::plan);
    let report = judge(&plans, Some(&attached));
    assert_eq!(report.level, Some(Level::L2));
    let verdicts: Vec<Verdict> = report.scenarios.iter().map(|it| it.verdict).collect();
    let could_not = Verdict::CouldNotRun;
    assert_eq!(verdicts, [Verdict::Pass, could_not, could_not]);
    let mut why = report.scenarios.iter().flat_map(|it| &it.missing_facts);
    assert_eq!(why.clone().count(), 2);
    assert!(why.all(|why| why.contains("no verbs `lifecycle` and `clock`")));
}

/// It takes its time to come up.
struct SlowToRise(Box<dyn Control>);

impl Control for SlowToRise {
    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a> {
        Box::pin(async move {
            if let Command::Lifecycle(happening) = command
                && happening.event == LifecycleEvent::Restart
            {
                tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            }
            self.0.call(command).await
        })
    }
}

#[test]
fn nothing_is_delivered_to_a_system_before_it_says_that_it_is_up_again() {
    let (runtime, mut party) = reference();
    let control = std::mem::replace(&mut party.control, Box::new(NoControl));
    party.control = Box::new(SlowToRise(control));
    let plans = [support::plan("crash/requesting-between-pieces")];
    let report = judge(&plans, Some(&attached((runtime, party))));
    let [scenario] = report.scenarios.as_slice() else {
        panic!("one scenario");
    };
    let failed: Vec<_> = (scenario.findings.iter())
        .filter(|it| it.verdict == Verdict::Fail)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(scenario.verdict, Verdict::Pass);
}

/// Ten minutes without Spine, with a pause of five between attempts: too long for a test, and for a
/// system whose clock nobody moves.
#[test]
fn shorter_contracts_show_an_outage_to_a_system_without_a_clock() {
    let judged = |time: &str| {
        let environment = format!("[environment]\nbudget = \"12s\"\nquiet = \"3s\"\n{time}");
        let text = served::described("reference").replacen("[environment]", &environment, 1);
        let config = Config::parse("sut.toml", "".as_ref(), &text, []).unwrap();
        let logs = tempfile::tempdir().unwrap();
        let attached = attached(served::parts(&text, logs.path()));
        let plan = support::plan_under("outage/spine-10-minutes", &config.terms());
        let quoted = plan.directory.contracts[0].retry_interval.as_secs();
        let report = judge(&[plan], Some(&attached));
        let scenario = &report.scenarios[0];
        (
            attached.time_mode(),
            quoted,
            scenario.faults[0].fired,
            scenario.verdict,
        )
    };
    let shorter = judged("time = \"compressed\"\nrate = 150");
    // Twice: an answer of ours that is due does not wait until everything is quiet.
    assert_eq!(shorter, (TimeMode::Compressed, 2, 2, Verdict::Pass));
    let (mode, quoted, _, verdict) = judged("time = \"wall\"");
    assert_eq!((mode, quoted), (TimeMode::Wall, 300));
    assert_ne!(verdict, Verdict::Pass, "nobody waits that long");
}

/// What a deployed system is called cannot be told to it; the suite calls it what it is.
#[test]
fn a_deployed_system_stays_the_practice_that_it_is() {
    let identity = "[environment.identity.sending]\nods = \"B83002\"\nasid = \"918999199084\"\nparty_key = \"B83002-822233\"\n[control]";
    let text = served::described("reference").replacen("[control]", identity, 1);
    let config = Config::parse("sut.toml", "".as_ref(), &text, []).unwrap();
    let logs = tempfile::tempdir().unwrap();
    let attached = attached(served::parts(&text, logs.path()));
    let plans = [
        "transfer/small-record",
        "named/gp-at-two-practices",
        "late/final-ack-after-eight-days",
    ]
    .map(|name| support::plan_under(name, &config.terms()));
    for plan in &plans {
        let calls = |name: &str| format!("{plan:?}").contains(name);
        assert!(
            calls("B83002-822233") && !calls("Z99902"),
            "{}",
            plan.scenario
        );
    }
    let report = judge(&plans, Some(&attached));
    let verdicts: Vec<Verdict> = report.scenarios.iter().map(|it| it.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass; 3], "{:#?}", report.requirements);
}

#[test]
fn an_exempt_requirement_leaves_the_score_with_its_reason() {
    let exempt = "\n[[sut.exempt]]\nrequirement = \"RCV-43\"\nreason = \"the supplier never acknowledges\"\n[environment]";
    let described = served::described("broken:no-final-ack").replacen("[environment]", exempt, 1);
    let logs = tempfile::tempdir().unwrap();
    let plans = [support::plan("transfer/small-record")];
    let report = judge(
        &plans,
        Some(&attached(served::parts(&described, logs.path()))),
    );
    let findings = report.scenarios.iter().flat_map(|it| &it.findings);
    let mut exempt = findings.filter(|it| it.requirement.as_str() == "RCV-43");
    let finding = exempt.next().unwrap();
    assert_eq!(finding.verdict, Verdict::NotApplicable);
    let note = "exempt: the supplier never acknowledges";
    assert_eq!(finding.note.as_deref(), Some(note));
    let outcomes = report.requirements.iter();
    let mut outcomes = outcomes.filter(|it| it.id.as_str() == "RCV-43");
    assert_eq!(
        outcomes.next().map(|it| it.verdict),
        Some(Verdict::NotApplicable)
    );
}
