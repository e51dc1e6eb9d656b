//! The suite against its own systems in another process: what is found must be what is found in process.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::num::NonZeroUsize;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run};
use gp2gp::score::Scope;
use gp2gp::sut::control::{Control, HttpControl};
use gp2gp::sut::{Attachment, Described, Party, Patience, Reach, meet};
use gp2gp_mocks::serve::Client;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::RunReport;
use gp2gp_model::verdict::Profile;

/// A served system, which ends with this.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(what: &str) -> (Served, Attachment) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .args(["serve", what])
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

fn judge(plans: &[Plan], sut: Sut, attached: Option<&Attachment>) -> RunReport {
    let catalogue = gp2gp_scenarios::catalogue().unwrap();
    let options = Options {
        catalogue: &catalogue,
        sut,
        transport: Transport::Virtual,
        attached,
        not_claimed: &[],
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: None,
        left_out: &[],
        jobs: NonZeroUsize::MIN,
    };
    run(plans, &options, &|plan| {
        if std::env::var("GP2GP_TELL").is_ok() {
            eprintln!("{}", plan.scenario);
        }
    })
}

/// What was found in each scenario: verdicts by requirement, and what was wrong.
fn findings(report: &RunReport) -> BTreeMap<String, Vec<String>> {
    let scenarios = report.scenarios.iter();
    scenarios
        .map(|scenario| {
            let found = scenario.findings.iter();
            let mut found: Vec<String> = found
                .map(|it| format!("{} {:?}", it.requirement, it.verdict))
                .collect();
            found.push(format!("{:?}", scenario.verdict));
            found.extend(scenario.missing_facts.clone());
            found.extend(scenario.error.clone());
            found.extend(scenario.mishap.as_ref().map(ToString::to_string));
            (scenario.id.as_ref().unwrap().to_string(), found)
        })
        .collect()
}

fn same(plans: &[Plan], attached: &Attachment, sut: Sut) -> Vec<String> {
    let inside = findings(&judge(plans, sut, None));
    let outside = judge(plans, sut, Some(attached));
    if std::env::var("GP2GP_TELL").is_ok() {
        for scenario in &outside.scenarios {
            eprintln!("{}", scenario.story.join("\n"));
            for finding in &scenario.findings {
                if finding.verdict == gp2gp_model::verdict::Verdict::Fail {
                    eprintln!("{finding:#?}");
                }
            }
        }
    }
    let outside = findings(&outside);
    let differ = inside
        .iter()
        .filter(|(id, found)| outside.get(*id) != Some(found));
    differ
        .map(|(id, found)| {
            let other = outside.get(id).cloned().unwrap_or_default();
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                let mine = these.iter().filter(|it| !those.contains(it));
                mine.cloned().collect()
            };
            format!(
                "{id}: in process {:?}, served {:?}",
                only(found, &other),
                only(&other, found)
            )
        })
        .collect()
}

#[test]
fn a_served_reference_is_found_to_be_what_it_is_in_process() {
    let (_served, attached) = serve("reference");
    let selected: Vec<Plan> = match std::env::var("GP2GP_ONLY") {
        Ok(prefix) => plans(&prefix),
        Err(_) => plans("named"),
    };
    let differ = same(&selected, &attached, Sut::Reference);
    assert!(
        differ.is_empty(),
        "{} of {} differ:\n{}",
        differ.len(),
        selected.len(),
        differ.join("\n")
    );
}

fn plans(prefix: &str) -> Vec<Plan> {
    let catalogue = gp2gp_scenarios::catalogue().unwrap();
    let mut all = Vec::new();
    for source in gp2gp_scenarios::builtin() {
        for scenario in gp2gp_scenarios::parse(&source).unwrap() {
            let plan = gp2gp_scenarios::lower(&scenario, &catalogue, None).unwrap();
            if !plan.heavy && plan.scenario.as_str().starts_with(prefix) {
                all.push(plan);
            }
        }
    }
    all
}
