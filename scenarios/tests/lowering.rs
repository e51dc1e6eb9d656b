//! What a scenario file means.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by a panic"
)]

use std::sync::LazyLock;
use std::time::Duration;

use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::plan::{Act, Decision, Fact, Plan, Role};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::trace::TimeMode;
use gp2gp_model::{Dialect, Interaction, MessageKind, ResponseCode};
use gp2gp_scenarios::{ScenarioError, catalogue, load_str, lower, parse};

static CATALOGUE: LazyLock<Vec<Requirement>> = LazyLock::new(|| catalogue().unwrap());

const HEAD: &str = "title = 'T'\njudges = ['sending', 'requesting', 'sending']\n";

fn plans(text: &str) -> Result<Vec<Plan>, ScenarioError> {
    parse(&load_str("test/plan", text).unwrap())?
        .iter()
        .map(|scenario| lower(scenario, &CATALOGUE, None))
        .collect()
}

fn plan(text: &str) -> Plan {
    plans(text).unwrap().pop().unwrap()
}

fn refused(text: &str) -> String {
    plans(text).unwrap_err().to_string()
}

#[test]
fn what_is_left_out_is_as_in_real_systems() {
    let plan = plan(&format!("{HEAD}[[patient]]\nname = 'alice'\n"));
    assert_eq!(plan.starts_at.to_ebxml(), "2026-01-05T09:00:00Z");
    assert_eq!(plan.judges, [Role::Requesting, Role::Sending]);
    assert_eq!(plan.requesting.dialect, Dialect::NationalMhs);
    assert_eq!(
        (
            plan.sending.attachment_threshold,
            plan.sending.message_limit
        ),
        (4_500_000, 5_000_000)
    );
    let extract = plan
        .directory
        .contract(
            &plan.directory.practices[0].party_key,
            Interaction::EhrExtractUk06,
        )
        .unwrap();
    assert_eq!(extract.persist_duration, Duration::from_secs(15_000));
    assert_eq!(plan.patients[0].habit.decision, Some(Decision::Integrate));
    assert_eq!(plan.patients[0].current_practice, plan.requesting.ods);
    let [step] = plan.steps.as_slice() else {
        panic!("{:?}", plan.steps)
    };
    assert_eq!(step.at, Duration::ZERO);
    assert!(matches!(&step.act, Act::Register { gp: None, .. }));
    assert_eq!(
        plan.patients[0].pds.general_practitioner,
        GeneralPractitioner::Practice(plan.sending.ods.clone())
    );
}

#[test]
fn a_practice_without_large_messaging_has_no_contract_for_fragments() {
    let plan = plan(&format!(
        "{HEAD}[requesting]\nlarge_messaging = false\n[[patient]]\nname = 'alice'\n"
    ));
    let [requesting, sending] = plan.directory.practices.as_slice() else {
        panic!()
    };
    assert!(
        plan.directory
            .contract(&requesting.party_key, Interaction::Copc)
            .is_none()
    );
    assert!(
        plan.directory
            .contract(&sending.party_key, Interaction::Copc)
            .is_some()
    );
}

#[test]
fn steps_come_in_the_order_of_time() {
    let plan = plan(&format!(
        "{HEAD}[[patient]]\nname = 'alice'\n[[step]]\nat = '1h'\nrepeat_extract = 'alice'\n[[step]]\nregister = 'alice'\n"
    ));
    assert!(matches!(plan.steps[0].act, Act::Register { .. }));
    assert_eq!(plan.steps[1].at, Duration::from_secs(3600));
    assert!(matches!(plan.steps[1].act, Act::RepeatExtract { .. }));
}

#[test]
fn documents_alike_are_counted() {
    let plan = plan(&format!(
        "{HEAD}[[patient]]\nname = 'alice'\n[[patient.document]]\ntype = 'image/png'\nsize = '8 KB'\ncount = 150\n"
    ));
    assert_eq!(plan.patients[0].documents.len(), 150);
    assert_eq!(plan.patients[0].documents[149].bytes, 8_000);
}

#[test]
fn faults_and_facts_keep_their_meaning() {
    let plan = plan(&format!(
        "{HEAD}[[patient]]\nname = 'alice'\n[[fault]]\nname = 'f'\neffect = 'drop'\non = {{ message = 'fragment', from = 'sending' }}\n\
         [exercised]\nfault_fired = ['f']\ncore_acknowledged = ['31', 'AA']\nrequest_refused = '06'\n\
         accepted = [{{ from = 'sending', kind = 'extract', at_most = 0 }}]\n"
    ));
    assert_eq!(
        plan.faults[0].to_string(),
        "drop fragment of the sending system, delivered by Spine, on occasion 1"
    );
    assert_eq!(
        plan.exercised_when,
        [
            Fact::Accepted {
                from: Role::Sending,
                kind: MessageKind::EhrExtract,
                at_least: 0,
                at_most: Some(0)
            },
            Fact::RequestRefused {
                code: ResponseCode::from("06")
            },
            Fact::CoreAcknowledged {
                code: Some(ResponseCode::from("31"))
            },
            Fact::CoreAcknowledged { code: None },
            Fact::FaultFired {
                name: "f".to_owned()
            },
        ]
    );
}

#[test]
fn a_chosen_number_is_kept_and_nobody_else_gets_it() {
    let plan = plan(&format!(
        "{HEAD}[[patient]]\nname = 'a'\n[[patient]]\nname = 'b'\nnhs_number = '9990000018'\n"
    ));
    assert_eq!(plan.patients[1].nhs_number.as_str(), "9990000018");
    assert_ne!(plan.patients[0].nhs_number, plan.patients[1].nhs_number);
}

#[test]
fn a_fault_of_a_national_service_acts_every_time_and_on_everybody_unless_it_is_said() {
    let fault = |rest: &str| {
        let text = format!("{HEAD}[[patient]]\nname = 'a'\n[[fault]]\nname = 'f'\n{rest}\n");
        plan(&text).faults.remove(0).to_string()
    };
    assert_eq!(
        fault("effect = { refuse = 429 }\non = { directory = 'endpoint' }"),
        "answer with HTTP 429: a search for addresses in SDS"
    );
    assert_eq!(
        fault(
            "effect = 'race'\non = { demographics = 'update', from = 'requesting' }\nwhen = { first = 2 }"
        ),
        "change the record just before an update of PDS by the requesting system, the first 2 times"
    );
    assert_eq!(
        fault("effect = { garble = 'half' }\non = { demographics = 'any' }"),
        "answer with half of the answer: a request to PDS"
    );
}

#[test]
fn a_wrong_check_digit_is_wrong() {
    let plan = plan(&format!(
        "{HEAD}[[patient]]\nname = 'a'\nwrong_check_digit = true\n"
    ));
    let number = plan.patients[0].nhs_number;
    assert!(number.is_synthetic() && !number.check_digit_fits());
}

#[test]
fn a_code_of_a_third_practice_puts_it_into_the_directory() {
    let plan = plan(&format!(
        "{HEAD}[[patient]]\nname = 'a'\ncurrent_practice = 'Y00001'\n"
    ));
    assert_eq!(plan.directory.practices.len(), 3);
    assert_eq!(
        plan.directory.practices[2].ods,
        plan.patients[0].current_practice
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let alice = format!("{HEAD}[[patient]]\nname = 'alice'\n");
    let fault = |rest: &str| format!("{alice}[[fault]]\nname = 'f'\n{rest}\n");
    let cases = [
        (format!("{HEAD}seed = 1\n"), "the scenario has no patient"),
        (
            "title = 'T'\njudges = []\n[[patient]]\nname = 'a'\n".to_owned(),
            "nobody is judged",
        ),
        (
            format!("time_limit = '0s'\n{alice}"),
            "no run can last this long",
        ),
        (
            format!("{alice}[[patient]]\nname = 'alice'\n"),
            "two patients are called `alice`",
        ),
        (
            format!("{alice}record = '1 GB'\n"),
            "a structured record of 1 GB is out of range",
        ),
        (
            format!("{alice}nhs_number = '9446363101'\n"),
            "9446363101 may be the number of a real person",
        ),
        (
            format!("{alice}nhs_number = '9990000019'\n"),
            "the check digit of 9990000019 does not fit",
        ),
        (
            format!("{alice}nhs_number = '999'\n"),
            "nhs number `999` is not ten digits",
        ),
        (
            format!("{alice}current_practice = 'sendign'\n"),
            "`sendign` is no practice",
        ),
        (
            format!("{alice}people = {{ decision = 'suppress' }}\n"),
            "only the record of a returning patient can be suppressed",
        ),
        (
            format!("{alice}[[patient.document]]\ntype = 'tiff'\nsize = 1\n"),
            "`tiff` is not a media type",
        ),
        (
            format!("{alice}[[patient.document]]\ntype = 'a/b'\nsize = 1\nfile_name = ''\n"),
            "this is no name for a file",
        ),
        (
            format!("{alice}[[patient.document]]\ntype = 'a/b'\nsize = 1\ncount = 0\n"),
            "a count of 0 is out of range",
        ),
        (
            format!("{alice}[sending]\nmessage_limit = '1 KB'\n"),
            "no message fits into this limit",
        ),
        (
            format!("{alice}[[step]]\nat = '1h'\n"),
            "this step does nothing",
        ),
        (
            format!("{alice}[[step]]\nrepeat_request = 'alice'\n"),
            "`alice` is not registered by then",
        ),
        (
            format!("{alice}[[step]]\nat = '31d'\nregister = 'alice'\n"),
            "this step comes after the time limit of the run",
        ),
        (
            fault("effect = 'drop'\non = { message = 'extract', from = 'requesting' }"),
            "the requesting system sends no message of this kind",
        ),
        (
            fault("effect = 'duplicate'\non = { system = 'sending' }\nwhen = { from = '1m' }"),
            "`deliver twice` cannot happen here",
        ),
        (
            fault("effect = 'drop'\non = { system = 'sending', message = 'extract' }"),
            "this names more than one kind of place",
        ),
        (
            fault("effect = 'drop'\non = { directory = 'any', message = 'extract' }"),
            "this names more than one kind of place",
        ),
        (
            fault("effect = 'drop'\non = { directory = 'any', demographics = 'read' }"),
            "this names more than one kind of place",
        ),
        (
            fault("effect = 'drop'\non = { demographics = 'read', from = 'exporting' }"),
            "an exporting practice asks neither",
        ),
        (
            fault("effect = 'race'\non = { demographics = 'read' }"),
            "`change the record just before` cannot happen here",
        ),
        (
            fault("effect = { garble = 'no-version' }\non = { directory = 'device' }"),
            "`answer with no version:` cannot happen here",
        ),
        (
            fault("effect = { crash = '5m' }\non = { system = 'sending' }"),
            "this fault never begins",
        ),
        (
            fault(
                "effect = 'drop'\non = { message = 'extract' }\nwhen = { first = 2, percent = 10 }",
            ),
            "this says twice how often",
        ),
        (
            fault("effect = 'drop'\non = { message = 'extract' }\nwhen = { percent = 0 }"),
            "no chance is never",
        ),
        (
            fault("effect = 'drop'\non = { message = 'extract' }\nwhen = { some = [3, 2] }"),
            "so many cannot be hit among so few",
        ),
        (
            fault("effect = { truncate = 100 }\non = { message = 'extract' }"),
            "nothing is left to be cut off",
        ),
        (
            fault("effect = { refuse = 200 }\non = { message = 'extract' }"),
            "this status refuses nothing",
        ),
        (
            format!("{alice}[exercised]\ndocument_of = '1 KB'\n"),
            "no document of this scenario is so large",
        ),
        (
            format!("{alice}[exercised]\ncore_acknowledged = '06'\n"),
            "the requesting system has no response code `06`",
        ),
        (
            format!("{alice}[exercised]\nrequest_refused = '6'\n"),
            "the sending system has no response code `6`",
        ),
        (
            format!("{alice}[exercised]\ndecided = ['reject']\n"),
            "nobody in this scenario decides so",
        ),
        (
            format!(
                "{alice}[exercised]\ncore_acknowledged = 'AA'\ncore_never_acknowledged = true\n"
            ),
            "the core cannot be acknowledged and never be acknowledged",
        ),
        (
            format!(
                "{alice}[exercised]\naccepted = [{{ from = 'sending', kind = 'extract', at_least = 2, at_most = 1 }}]\n"
            ),
            "no number is this large and this small",
        ),
        (
            format!(
                "{alice}[[step]]\nregister = 'alice'\n[[step]]\nacknowledge_again = {{ patient = 'alice', times = 0 }}\n"
            ),
            "nothing is acknowledged 0 times",
        ),
        (
            format!(
                "{alice}[[step]]\nregister = 'alice'\n[[step]]\nacknowledge_again = {{ patient = 'alice', code = '06' }}\n"
            ),
            "the requesting system has no response code `06`",
        ),
        (
            format!("{alice}[[step]]\nacknowledge_again = {{ patient = 'alice' }}\n"),
            "`alice` is not registered by then",
        ),
        (
            format!("{alice}[sending]\nmessage_ids = 'repeated'\n"),
            "the ids of a sending system are part of its manner",
        ),
        (
            format!("{alice}[sending]\nlargest_document = '1 MB'\n"),
            "a sending system files no documents",
        ),
        (
            format!("{alice}[exercised]\nskeleton_sent = false\n"),
            "`false` says nothing",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(&text), expected, "{text}");
    }
}

#[test]
fn an_expectation_that_cannot_come_true_is_refused() {
    for (expect, message) in [
        ("print_state = 6", "there is no print state 6"),
        ("print_state = { alice = 0 }", "there is no print state 0"),
        ("documents_filed = 1", "`alice` has only 0 documents"),
        (
            "messages_at_most = 0",
            "a transfer has at least one message",
        ),
        ("outcome = { bob = 'failed' }", "unknown patient `bob`"),
        ("outcome = { alice = 'lost' }", "unknown value `lost`"),
        (
            "outcome = true",
            "found boolean `true`, expected one value for every patient, or a table with the names of patients",
        ),
    ] {
        let text = format!("{HEAD}[[patient]]\nname = 'alice'\n[expect]\n{expect}\n");
        assert_eq!(refused(&text), message, "{expect}");
    }
}

#[test]
fn a_scenario_without_a_time_is_refused() {
    let text = format!("{HEAD}time_modes = []\n[[patient]]\nname = 'alice'\n");
    assert_eq!(refused(&text), "the scenario makes sense at no time");
}

#[test]
fn unless_it_is_said_a_scenario_needs_nothing_and_makes_sense_at_any_time() {
    let plan = plan(&format!("{HEAD}[[patient]]\nname = 'alice'\n"));
    assert_eq!(plan.needs, []);
    assert_eq!(plan.time_modes, TimeMode::OF_RUNS);
    assert_eq!(plan.expects, []);
}
