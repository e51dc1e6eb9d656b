//! The suite against its own systems behind a message handler: in another process, with a real broker
//! between. What is found must be what is found in process, but for what a handler writes itself.

#![cfg(test)]
#![cfg(unix)]

#[path = "support/compared.rs"]
#[expect(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]
mod compared;
#[path = "support/judged.rs"]
mod judged;
#[path = "support/rabbit.rs"]
#[expect(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]
mod rabbit;
#[path = "support/served.rs"]
#[expect(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]
mod served;

#[path = "mhs_json/doctor.rs"]
mod doctor;

use compared::contradictions;
use gp2gp::sut::Attachment;
use gp2gp_model::plan::Plan;
use gp2gp_model::verdict::Verdict;
use judged::judge;
use rabbit::Rabbit;
use tempfile::TempDir;

/// How a served system and its broker are reached.
#[derive(Clone, Copy)]
enum Secured {
    No,
    ByTls,
}

/// The `sut.toml` of a served system that stands behind a message handler, with a queue of this name.
fn described(what: &str, queue: &str, rabbit: &Rabbit, secured: Secured) -> String {
    let certificates = rabbit.certificates();
    let certificates = certificates.display();
    let (url, tls, serve) = match secured {
        Secured::No => (
            format!("amqp://127.0.0.1:{}", rabbit.port()),
            String::new(),
            String::new(),
        ),
        Secured::ByTls => (
            format!("amqps://127.0.0.1:{}", rabbit.tls_port()),
            format!(
                "tls = {{ ca = \"{certificates}/ca.pem\", cert = \"{certificates}/harness.pem\", key = \"{certificates}/harness.key\" }}"
            ),
            format!(" --tls {certificates}"),
        ),
    };
    format!(
        r#"
[sut]
name = "served {what}"
roles = ["requesting", "sending", "exporting", "hub"]

[environment]
binding = "mhs-json"
broker = {{ url = "{url}", queue = "/queue/{queue}", user = "{}", password = {{ file = "{}" }} }}
{tls}

[control]
driver = "stdio"
command = "exec {} serve {what} --binding mhs-json --control stdio{serve}"
"#,
        rabbit::LOGIN.0,
        rabbit.password().display(),
        env!("CARGO_BIN_EXE_gp2gp")
    )
}

fn attached(what: &str, queue: &str, rabbit: &Rabbit, secured: Secured) -> (Attachment, TempDir) {
    let logs = tempfile::tempdir().unwrap();
    let described = described(what, queue, rabbit, secured);
    let (runtime, party) = served::parts(&described, logs.path());
    let attached = Attachment::new(runtime, vec![party], "sut.toml".to_owned());
    (attached, logs)
}

fn plans(wanted: impl Fn(&Plan) -> bool) -> Vec<Plan> {
    let catalogue = gp2gp_scenarios::catalogue().unwrap();
    let mut all = Vec::new();
    for source in gp2gp_scenarios::builtin() {
        for scenario in gp2gp_scenarios::parse(&source).unwrap() {
            let plan = gp2gp_scenarios::lower(&scenario, &catalogue, None).unwrap();
            if !plan.heavy && wanted(&plan) {
                all.push(plan);
            }
        }
    }
    all
}

/// Small and large, refused, expired, and cut off by a crash; what a handler cannot show; and what never
/// passes a handler.
const SELECTED: [&str; 10] = [
    "crash/sending-between-pieces",
    "crash/sending-disk-full",
    "directory/no-entry",
    "export/crash",
    "federation/overtaken",
    "late/expired-fragment",
    "refusal/requester-not-listed",
    "transfer/mixed",
    "transfer/skeleton-own-message",
    "transfer/small-record",
];

#[test]
fn a_reference_behind_a_handler_is_found_to_be_what_it_is_in_process() {
    let selected = plans(|plan| {
        let id = plan.scenario.as_str();
        SELECTED.iter().any(|prefix| id.starts_with(prefix))
    });
    assert!(selected.len() >= SELECTED.len());
    assert_as_in_process("sample", &selected, Secured::No);
}

#[test]
fn a_reference_behind_a_handler_is_the_same_where_everything_is_secured() {
    let selected = plans(|plan| plan.scenario.as_str() == "transfer/mixed");
    assert_as_in_process("secured", &selected, Secured::ByTls);
}

#[test]
#[ignore = "takes minutes"]
fn the_whole_suite_finds_behind_a_handler_what_it_finds_in_process() {
    let all = plans(|_| true);
    let left_out = assert_as_in_process("whole", &all, Secured::No);
    assert!(left_out * 20 < all.len(), "{left_out} are not run");
}

/// Gives how many of them do not apply to a system behind a handler.
fn assert_as_in_process(queue: &str, plans: &[Plan], secured: Secured) -> usize {
    let Some(rabbit) = rabbit::shared() else {
        return 0;
    };
    let (attached, _logs) = attached("reference", queue, &rabbit, secured);
    let found = judge(plans, Some(&attached));
    let differ = contradictions(plans, &judge(plans, None), &found);
    let (count, of) = (differ.len(), plans.len());
    assert!(
        differ.is_empty(),
        "{count} of {of} differ:\n{}",
        differ.join("\n")
    );
    let left_out = found.scenarios.iter();
    let left_out = left_out.filter_map(|scenario| scenario.not_applicable.as_ref());
    left_out
        .inspect(|why| assert!(why.contains("message handler"), "{why}"))
        .count()
}

#[test]
fn what_the_handler_writes_is_no_proof_of_the_system() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    let selected = plans(|plan| plan.scenario.as_str() == "transfer/mixed");
    let (attached, _logs) = attached("reference", "envelope", &rabbit, Secured::No);
    let report = judge(&selected, Some(&attached));
    let why = "the message handler writes the envelope, and it is ours in this binding";
    for (id, wanted) in [
        ("SND-01", Verdict::NotApplicable),
        ("SND-07", Verdict::NotApplicable),
        ("SND-14", Verdict::Pass),
    ] {
        let is_wanted = wanted == Verdict::NotApplicable;
        let findings = report.scenarios.iter().flat_map(|it| &it.findings);
        let mut findings = findings.filter(|it| it.requirement.as_str() == id);
        let finding = findings.next().unwrap();
        assert_eq!(finding.verdict, wanted, "{id}");
        assert_eq!(finding.note.as_deref() == Some(why), is_wanted, "{id}");
        let mut outcomes = report.requirements.iter();
        let outcome = outcomes.find(|it| it.id.as_str() == id);
        assert_eq!(outcome.map(|it| it.verdict), Some(wanted), "{id}");
        let mut excused = report.excused.iter();
        let is_excused = excused.any(|it| it.requirement.as_str() == id && it.why == why);
        assert_eq!(is_excused, is_wanted, "{id}");
    }
}

#[test]
fn what_is_broken_behind_a_handler_is_caught() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    for (name, scenario, requirement) in [
        ("acks-name-nothing", "transfer/mixed", "RCV-08"),
        ("continue-twice", "transfer/mixed", "RCV-15"),
        ("every-delivery-is-new", "duplicate/", "RCV-13"),
    ] {
        let what = format!("broken:{name}");
        let selected = plans(|plan| plan.scenario.as_str().starts_with(scenario));
        let (attached, _logs) = attached(&what, name, &rabbit, Secured::No);
        let report = judge(&selected, Some(&attached));
        let mut found = report.scenarios.iter().flat_map(|it| &it.findings);
        let is_caught =
            found.any(|it| it.requirement.as_str() == requirement && it.verdict == Verdict::Fail);
        assert!(is_caught, "{what}");
    }
}
