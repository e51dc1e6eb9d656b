use gp2gp_model::control::{After, ClockRate, PracticeSetting};
use gp2gp_model::registry::Era;
use gp2gp_model::version::Version;
use gp2gp_wire::pds::Patch;
use serde_json::Value;
use wiremock::matchers::{header, method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const PATIENT_PATH: &str = "^/Patient/[0-9]{10}$";
const PATIENCE: Duration = Duration::from_millis(300);

/// A facade, SDS and PDS on one server, and the driver before them.
struct Bench {
    server: MockServer,
    control: NhsRequestingControl,
    acts: u32,
}

impl Bench {
    async fn new() -> Self {
        let server = MockServer::start().await;
        let client = Client::with_patience(PATIENCE);
        let base: Base = server.uri().parse().unwrap();
        let control = NhsRequestingControl::new(client, base, Some("secret".to_owned()), PATIENCE);
        let mut bench = Self {
            server,
            control,
            acts: 0,
        };
        let setting = bench.setting();
        bench
            .call(&Command::Prepare(Box::new(setting)))
            .await
            .unwrap();
        bench
    }

    fn setting(&self) -> Setting {
        let services = ["sds", "pds"].map(|name| (name.to_owned(), self.server.uri()));
        Setting {
            run: "run".to_owned(),
            clock: ClockRate {
                now: Time::from_micros(1_767_603_600_000_000),
                rate: 1,
            },
            systems: vec![SystemSetting {
                system: Endpoint::Requesting,
                practice: PracticeSetting {
                    ods: "Z99901".parse().unwrap(),
                    asid: "200000099901".parse().unwrap(),
                    party_key: "Z99901-899901".parse().unwrap(),
                    version: Version::default(),
                    era: Era::default(),
                    shares_database_with: vec!["Z99903".parse().unwrap()],
                    enabled: true,
                    attachment_bytes: 4_500_000,
                    message_bytes: 5_000_000,
                    cleanup: gp2gp_model::plan::Cleanup::Never,
                },
                services: services.into(),
                api_key: "key".to_owned(),
                patients: BTreeSet::from([returning()]),
                awaits: BTreeSet::new(),
            }],
            plan: None,
        }
    }

    async fn call(&mut self, command: &Command) -> Result<Reply, ControlError> {
        self.control.call(command).await
    }

    async fn act(&mut self, act: Act) -> Result<ActionStatus, ControlError> {
        self.acts += 1;
        let command = Command::Act(Action {
            id: format!("act-{}", self.acts),
            system: Endpoint::Requesting,
            act,
        });
        let reply = self.call(&command).await?;
        let Reply::Action(status) = reply else {
            panic!("{reply:?}");
        };
        Ok(status)
    }

    async fn register(&mut self, patient: NhsNumber) -> Result<ActionStatus, ControlError> {
        self.act(Act::Register { patient, gp: None }).await
    }

    async fn notices(&mut self) -> Result<Vec<ScreenNotice>, ControlError> {
        let reply = self.call(&Command::Notices(After { after: 0 })).await?;
        let Reply::Screen(screen) = reply else {
            panic!("{reply:?}");
        };
        Ok(screen.notices.into_iter().map(|it| it.notice).collect())
    }

    /// PDS has the patient at another practice, which SDS lists so often.
    async fn patient_from_elsewhere(&self, systems: usize) {
        let patient = json!({
            "resourceType": "Patient", "id": new().to_string(),
            "meta": { "versionId": "7", "security": [{ "code": "U" }] },
            "generalPractitioner": [{ "identifier": { "system": system::ODS, "value": "Z99902" } }],
        });
        let found = ResponseTemplate::new(200).set_body_json(&patient);
        Mock::given(method("GET"))
            .and(path_regex(PATIENT_PATH))
            .respond_with(found.clone())
            .mount(&self.server)
            .await;
        (Mock::given(method("PATCH"))
            .and(path_regex(PATIENT_PATH))
            .and(header("If-Match", "W/\"7\"")))
        .respond_with(found)
        .mount(&self.server)
        .await;
        let device = |asid: String| {
            json!({ "resource": { "resourceType": "Device", "identifier": [
                { "system": system::ASID, "value": asid },
                { "system": system::PARTY_KEY, "value": "Z99902-899902" },
            ] }, "search": { "mode": "match" } })
        };
        let entries: Vec<Value> = (0..systems)
            .map(|nth| device(format!("20000009990{nth}")))
            .collect();
        let bundle = json!({ "resourceType": "Bundle", "type": "searchset", "total": systems, "entry": entries });
        (Mock::given(method("GET"))
            .and(path("/Device"))
            .and(header("apikey", "key")))
        .respond_with(ResponseTemplate::new(200).set_body_json(bundle))
        .mount(&self.server)
        .await;
    }

    /// The facade answers this for so many times.
    async fn facade(&self, operation: &str, response: ResponseTemplate, times: u64) {
        (Mock::given(method("POST"))
            .and(path(operation))
            .and(header("authorization", "Bearer secret")))
        .respond_with(response)
        .up_to_n_times(times)
        .mount(&self.server)
        .await;
    }

    async fn asked(&self, wanted: &str) -> Vec<wiremock::Request> {
        let all = self.server.received_requests().await.unwrap();
        all.into_iter()
            .filter(|it| it.url.path() == wanted)
            .collect()
    }
}

fn new() -> NhsNumber {
    NhsNumber::synthetic(1).unwrap()
}

fn returning() -> NhsNumber {
    NhsNumber::synthetic(2).unwrap()
}

fn status(code: u16) -> ResponseTemplate {
    ResponseTemplate::new(code)
}

#[tokio::test]
async fn a_patient_is_registered_looked_up_asked_for_and_filed() {
    let mut bench = Bench::new().await;
    bench.patient_from_elsewhere(1).await;
    bench.facade(MIGRATE, status(202), 1).await;
    bench.facade(MIGRATE, status(204), 2).await;
    bench.facade(MIGRATE, status(200), 9).await;
    bench.facade(ACKNOWLEDGE, status(200), 1).await;
    let patient = new();
    assert_eq!(bench.register(patient).await, Ok(ActionStatus::Done));
    let patches = bench.asked(&format!("/Patient/{patient}")).await;
    let patch = patches
        .iter()
        .find(|it| it.method.as_str() == "PATCH")
        .unwrap();
    let patch = Patch::parse(&patch.body).unwrap();
    assert!(format!("{patch:?}").contains("Z99901"), "{patch:?}");

    let decide = |decision| Act::Decide { patient, decision };
    let early = bench.act(decide(Decision::Integrate)).await.unwrap();
    assert!(matches!(early, ActionStatus::Declined { .. }), "{early:?}");
    for _ in 0..2 {
        assert_eq!(bench.notices().await, Ok(Vec::new()));
    }
    let ready = vec![ScreenNotice::ReadyToIntegrate { patient }];
    assert_eq!(bench.notices().await, Ok(ready.clone()));
    assert_eq!(bench.notices().await, Ok(ready), "it is told once");
    let asked = bench.asked(MIGRATE).await;
    assert_eq!(asked.len(), 4, "nobody asks for what has come");
    for request in &asked {
        let named = |name: &str| request.headers.get(name).unwrap().to_str().unwrap();
        assert_eq!(
            (named("to-asid"), named("to-ods")),
            ("200000099900", "Z99902")
        );
        assert_eq!(
            (named("from-asid"), named("from-ods")),
            ("200000099901", "Z99901")
        );
        assert_eq!(request.body, asked[0].body);
        assert_eq!(
            named("ConversationId"),
            asked[0].headers["ConversationId"].to_str().unwrap()
        );
    }
    let parameters: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(
        parameters["parameter"][0]["valueIdentifier"]["value"],
        patient.to_string()
    );

    assert_eq!(
        bench.act(decide(Decision::Integrate)).await,
        Ok(ActionStatus::Done)
    );
    let said = bench.asked(ACKNOWLEDGE).await;
    assert_eq!(said[0].headers["confirmationResponse"], "ACCEPTED");
    assert_eq!(
        said[0].headers["conversationId"],
        asked[0].headers["ConversationId"]
    );
}

#[test]
fn every_decision_has_a_word() {
    let words = [
        (Decision::Integrate, false, "ACCEPTED"),
        (Decision::Suppress, true, "SUPPRESSED"),
        (Decision::FailToIntegrate, false, "FAILED_TO_INTEGRATE"),
        (Decision::Reject, true, "ABA_INCORRECT_PATIENT"),
        (Decision::Reject, false, "NON_ABA_INCORRECT_PATIENT"),
    ];
    for (decision, is_returning, expected) in words {
        assert_eq!(word(decision, is_returning), expected);
    }
}

#[tokio::test]
async fn a_patient_who_returned_is_rejected_as_such() {
    let mut bench = Bench::new().await;
    bench.patient_from_elsewhere(1).await;
    bench.facade(MIGRATE, status(202), 1).await;
    bench.facade(MIGRATE, status(200), 9).await;
    bench.facade(ACKNOWLEDGE, status(204), 1).await;
    let patient = returning();
    assert_eq!(bench.register(patient).await, Ok(ActionStatus::Done));
    assert_eq!(bench.notices().await.unwrap().len(), 1);
    let decision = Decision::Reject;
    let rejected = bench.act(Act::Decide { patient, decision }).await;
    assert_eq!(rejected, Ok(ActionStatus::Done));
    let said = bench.asked(ACKNOWLEDGE).await;
    assert_eq!(
        said[0].headers["confirmationResponse"],
        "ABA_INCORRECT_PATIENT"
    );
}

#[tokio::test]
async fn two_systems_of_a_practice_are_asked_for_nothing() {
    for (systems, why) in [
        (0, "sds lists no system of Z99902"),
        (2, "24: sds lists 2 systems of Z99902"),
    ] {
        let mut bench = Bench::new().await;
        bench.patient_from_elsewhere(systems).await;
        let why = why.to_owned();
        assert_eq!(
            bench.register(new()).await,
            Ok(ActionStatus::Declined { why })
        );
        assert!(bench.asked(MIGRATE).await.is_empty());
    }
}

#[tokio::test]
async fn a_transfer_that_fails_is_told_once() {
    let mut bench = Bench::new().await;
    bench.patient_from_elsewhere(1).await;
    bench.facade(MIGRATE, status(202), 1).await;
    bench
        .facade(MIGRATE, status(500).set_body_string("no contract"), 1)
        .await;
    assert_eq!(bench.register(new()).await, Ok(ActionStatus::Done));
    let notices = bench.notices().await.unwrap();
    let [ScreenNotice::Declined { why, .. }] = notices.as_slice() else {
        panic!("{notices:?}");
    };
    assert_eq!(why, "the facade answers 500 with `no contract`");
    assert_eq!(bench.notices().await.unwrap().len(), 1);
    assert_eq!(bench.asked(MIGRATE).await.len(), 2);
}

#[tokio::test]
async fn the_same_action_is_done_once_and_reset_forgets_it() {
    let mut bench = Bench::new().await;
    bench.patient_from_elsewhere(1).await;
    bench.facade(MIGRATE, status(202), 9).await;
    for _ in 0..2 {
        bench.acts = 0;
        assert_eq!(bench.register(new()).await, Ok(ActionStatus::Done));
    }
    assert_eq!(bench.asked(MIGRATE).await.len(), 1);
    assert_eq!(bench.call(&Command::Reset).await, Ok(Reply::Nothing));
    bench.acts = 0;
    let error = bench.register(new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the system refused `act`: failed: prepare comes first"
    );
}

#[tokio::test]
async fn conversations_are_uuids_and_none_is_like_another() {
    let mut bench = Bench::new().await;
    bench.patient_from_elsewhere(1).await;
    bench.facade(MIGRATE, status(202), 9).await;
    for serial in 1..4 {
        bench
            .register(NhsNumber::synthetic(serial).unwrap())
            .await
            .unwrap();
    }
    let asked = bench.asked(MIGRATE).await;
    let ids: BTreeSet<&str> = (asked.iter())
        .map(|it| it.headers["ConversationId"].to_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 3);
    for id in ids {
        assert!(gp2gp_model::ConversationId::parse(id).is_ok(), "{id}");
    }
}

#[tokio::test]
async fn a_facade_that_hangs_talks_nonsense_or_is_gone_is_told_apart() {
    let mut bench = Bench::new().await;
    bench.patient_from_elsewhere(1).await;
    bench
        .facade(MIGRATE, status(202).set_delay(Duration::from_secs(2)), 1)
        .await;
    bench
        .facade(MIGRATE, status(302).set_body_string("elsewhere"), 1)
        .await;
    let hung = bench.register(new()).await.unwrap_err();
    assert_eq!(hung.to_string(), "`act` was not answered within 0.3 s");
    let strange = bench.register(new()).await.unwrap_err();
    assert_eq!(
        strange.to_string(),
        "the answer to `act` is not what the contract says: the facade answers 302 with `elsewhere`"
    );
    bench.control.facade.base = "http://127.0.0.1:1".parse().unwrap();
    let gone = bench.register(new()).await.unwrap_err();
    assert!(gone.is_gone(), "{gone}");
    assert!(
        gone.to_string().starts_with("`act` reached nobody: "),
        "{gone}"
    );
}

#[tokio::test]
async fn what_a_facade_cannot_do_is_not_supported() {
    let mut bench = Bench::new().await;
    let probe = Command::Probe {
        verb: "probe-1".to_owned(),
    };
    for command in [probe, Command::Health] {
        assert!(bench.call(&command).await.unwrap_err().is_not_supported());
    }
    let patient = new();
    let error = bench.act(Act::RepeatRequest { patient }).await.unwrap_err();
    assert!(error.is_not_supported(), "{error}");
}
