//! The suite against its own systems behind a message handler: in another process, with a real broker
//! between. What is found must be what is found in process, but for what a handler writes itself.

#![cfg(test)]
#![cfg(unix)]

#[path = "support/compared.rs"]
mod compared;
#[path = "support/judged.rs"]
mod judged;
#[path = "support/rabbit.rs"]
#[expect(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]
mod rabbit;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use compared::differences;
use gp2gp::sut::amqp::QueueAt;
use gp2gp::sut::control::{Control, HttpControl};
use gp2gp::sut::{Attachment, Described, Party, Patience, Reach, meet};
use gp2gp_mocks::serve::Client;
use gp2gp_model::plan::Plan;
use gp2gp_model::verdict::Verdict;
use judged::judge;
use rabbit::Rabbit;

/// A served system, which ends with this.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(what: &str, rabbit: &Rabbit) -> (Served, Attachment) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .args(["serve", what, "--binding", "mhs-json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("control ").unwrap().to_owned();
    let runtime = Attachment::runtime().unwrap();
    let party = runtime.block_on(async {
        let patience = Duration::from_secs(10);
        let client = Client::with_patience(patience);
        let base = url.parse().unwrap();
        let mut control = HttpControl::new(client, base, None, patience);
        let described = Described {
            name: what.to_owned(),
            ..Described::default()
        };
        let claims = meet(&mut control, &described).await.unwrap();
        let control: Box<dyn Control> = Box::new(control);
        Party {
            name: what.to_owned(),
            claims,
            control,
            wire: BTreeMap::new(),
            reach: Reach::default(),
            queue: Some(QueueAt {
                broker: rabbit.broker(),
                address: format!("/queue/{}", what.replace(':', "-")),
            }),
            trust: None,
            patience: Patience::default(),
            process: None,
            described: None,
        }
    });
    let asked_as = format!("served-{what}.toml");
    (
        Served(child),
        Attachment::new(runtime, vec![party], asked_as),
    )
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

/// Small and large, refused, expired, and cut off by a crash.
const SELECTED: [&str; 6] = [
    "crash/sending-between-pieces",
    "directory/no-entry",
    "late/expired-fragment",
    "refusal/requester-not-listed",
    "transfer/mixed",
    "transfer/skeleton-own-message",
];

#[test]
fn a_reference_behind_a_handler_is_found_to_be_what_it_is_in_process() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    let (_served, attached) = serve("reference", &rabbit);
    let selected = plans(|plan| {
        let id = plan.scenario.as_str();
        SELECTED.iter().any(|prefix| id.starts_with(prefix))
    });
    assert!(selected.len() >= SELECTED.len());
    let inside = judge(&selected, None);
    let differ = differences(&inside, &judge(&selected, Some(&attached)));
    let (found, all) = (differ.len(), selected.len());
    assert!(
        differ.is_empty(),
        "{found} of {all} differ:\n{}",
        differ.join("\n")
    );
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
        let (_served, attached) = serve(&what, &rabbit);
        let report = judge(&selected, Some(&attached));
        let mut found = report.scenarios.iter().flat_map(|it| &it.findings);
        let is_caught =
            found.any(|it| it.requirement.as_str() == requirement && it.verdict == Verdict::Fail);
        assert!(is_caught, "{what}");
    }
}
