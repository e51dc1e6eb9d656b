//! The requesting system before doubles of SDS and PDS that answer what they should not. Whatever
//! comes, the registration ends, in a request or in a recorded reason.

use super::answers::*;
use std::collections::BTreeSet;

use gp2gp_mocks::fhir::api_key;
use gp2gp_mocks::mhs::Identity;
use gp2gp_mocks::peer::{HttpRequest, Input, Output, Peer, PostId};
use gp2gp_mocks::requesting::{Requesting, RequestingConfig};
use gp2gp_mocks::serve::{Client, post};
use gp2gp_model::manner::MessageIds;
use gp2gp_model::pds::{GeneralPractitioner, RecordVersion};
use gp2gp_model::plan::{Act, Caps, Role};
use gp2gp_model::registry::Era;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{Dialect, NhsNumber, Version};
use gp2gp_sim::Streams;
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, REQUEST_ID};
use gp2gp_wire::{pds, registry, sds};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

const OWN: &str = "Z99901";
const OTHER: &str = "Z99902";

fn patient() -> NhsNumber {
    (1..).find_map(NhsNumber::synthetic).unwrap()
}

/// What becomes of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// A request goes to Spine.
    Asked,
    /// None does, and this is on record.
    Recorded(String),
}

/// A requesting system between two doubles. What is mounted first answers first.
struct Scene {
    sds: MockServer,
    pds: MockServer,
}

impl Scene {
    async fn new() -> Self {
        Self {
            sds: MockServer::start().await,
            pds: MockServer::start().await,
        }
    }

    /// A patient registers. Everything that was not said before is answered as it should be.
    async fn register(&self) -> End {
        self.mount_the_usual().await;
        let mut system = system();
        let act = Act::Register {
            patient: patient(),
            gp: None,
        };
        system.handle(NOW, Input::Act(act));
        let (client, mut now) = (Client::new(), NOW);
        // The longest way there has some ten questions with four tries each.
        for _ in 0..100 {
            while let Some(output) = system.poll_output() {
                let Output::Post {
                    id, to, request, ..
                } = output
                else {
                    panic!("{output:?}");
                };
                if to == Endpoint::Spine {
                    return End::Asked;
                }
                let input = self.carry(&client, id, to, request).await;
                system.handle(now, input);
            }
            match system.poll_timeout() {
                Some(deadline) => {
                    now = now.max(deadline.at);
                    system.handle_timeout(now);
                }
                None => return recorded(&system),
            }
        }
        panic!("a registration without an end");
    }

    async fn carry(
        &self,
        client: &Client,
        id: PostId,
        to: Endpoint,
        request: HttpRequest,
    ) -> Input {
        let double = if to == Endpoint::Sds {
            &self.sds
        } else {
            assert_eq!(to, Endpoint::Pds);
            &self.pds
        };
        match post(client, *double.address(), request).await {
            Ok(response) => Input::Response { post: id, response },
            Err(error) => Input::Failed { post: id, error },
        }
    }

    async fn mount_the_usual(&self) {
        let usual = [
            (method("GET"), patient_as(at(OTHER), 1)),
            (method("PATCH"), patient_as(at(OWN), 2)),
        ];
        for (method, answer) in usual {
            let mock = Mock::given(method).and(path(pds::patient_path(patient())));
            mock.respond_with(answer).mount(&self.pds).await;
        }
        let organisation = registry::Organisation {
            ods: ods(OTHER),
            name: "Hollow Lane Surgery".to_owned(),
            pooled: None,
        };
        for (path, answer) in [
            (path_regex("^/Organization/"), fhir(&organisation.to_json())),
            (
                path_regex("^/Device$"),
                fhir(&sds::write_devices(&[device(OTHER)])),
            ),
            (path_regex("^/Endpoint$"), fhir(&endpoints(OTHER))),
        ] {
            let mock = Mock::given(method("GET")).and(path);
            mock.respond_with(answer).mount(&self.sds).await;
        }
    }

    async fn sds_answers(self, at: &str, answer: ResponseTemplate) -> Self {
        let mock = Mock::given(method("GET")).and(path(at));
        mock.respond_with(answer).mount(&self.sds).await;
        self
    }

    async fn pds_answers(self, verb: &str, answer: ResponseTemplate, times: Option<u64>) -> Self {
        let mock = Mock::given(method(verb)).respond_with(answer);
        let mock = match times {
            Some(times) => mock.up_to_n_times(times),
            None => mock,
        };
        mock.mount(&self.pds).await;
        self
    }
}

fn system() -> Requesting {
    let config = RequestingConfig {
        identity: Identity {
            practice: practice(OWN),
            dialect: Dialect::NationalMhs,
        },
        version: Version::V2_2b,
        era: Era::PracticeCode,
        shares_database_with: Vec::new(),
        api_key: api_key(Role::Requesting).to_owned(),
        enabled: true,
        returning: BTreeSet::new(),
        caps: Caps::default(),
        message_ids: MessageIds::default(),
        defects: Vec::new(),
    };
    Requesting::new(config, Streams::new(1))
}

fn recorded(system: &Requesting) -> End {
    let states: Vec<String> = (system.observe().into_iter())
        .filter_map(|observation| match observation {
            Observation::Transfer { state, .. } => Some(state),
            Observation::Stored { .. } | Observation::InStore { .. } => None,
        })
        .collect();
    match states.as_slice() {
        [state] => End::Recorded(state.clone()),
        states => panic!("nothing is under way, and there is on record {states:?}"),
    }
}

fn patient_json(general_practitioner: GeneralPractitioner, version: u32) -> Value {
    registered(patient(), general_practitioner, version)
}

fn patient_as(general_practitioner: GeneralPractitioner, version: u32) -> ResponseTemplate {
    fhir(&patient_json(general_practitioner, version))
        .insert_header("ETag", pds::etag(RecordVersion(version)))
}

/// Asserts that nothing was requested, for this reason.
fn assert_recorded(end: &End, parts: &[&str]) {
    let End::Recorded(why) = end else {
        panic!("a request went out");
    };
    for part in ["not requested: "].iter().chain(parts) {
        assert!(why.contains(part), "`{why}` does not say `{part}`");
    }
}

#[tokio::test]
async fn with_good_answers_a_request_goes_out_and_every_question_has_its_headers() {
    let scene = Scene::new().await;
    assert_eq!(scene.register().await, End::Asked);
    let asked = scene.pds.received_requests().await.unwrap();
    let methods: Vec<_> = asked.iter().map(|it| it.method.as_str()).collect();
    assert_eq!(methods, ["GET", "PATCH"]);
    let header = |name: &str, at: usize| {
        let value = asked[at].headers.get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header("If-Match", 1).as_deref(), Some("W/\"1\""));
    assert_eq!(header("Content-Type", 1).as_deref(), Some(pds::JSON_PATCH));
    assert_ne!(header(REQUEST_ID, 0), header(REQUEST_ID, 1));
    let asked = [asked, scene.sds.received_requests().await.unwrap()].concat();
    for request in asked {
        let key = request.headers.get(API_KEY).unwrap();
        assert_eq!(key, api_key(Role::Requesting));
        let correlation = request.headers.get(CORRELATION_ID).unwrap();
        assert_eq!(correlation.len(), 36);
    }
}

#[tokio::test]
async fn sds_that_answers_500_with_a_page_is_asked_four_times_and_leads_to_20() {
    let scene = Scene::new().await.sds_answers("/Device", html(500)).await;
    let end = scene.register().await;
    assert_recorded(&end, &["20: ", "asked 4 times", "http status 500"]);
    let asked = scene.sds.received_requests().await.unwrap();
    let devices = asked.iter().filter(|it| it.url.path() == "/Device");
    assert_eq!(devices.count(), 4);
}

#[tokio::test]
async fn what_sds_says_and_nobody_can_read_leads_to_20() {
    let without_asid = {
        let mut bundle = sds::write_devices(&[device(OTHER)]);
        bundle["entry"][0]["resource"]["identifier"][0]["system"] = json!("urn:x");
        bundle
    };
    let without_reliability = {
        let mut bundle = endpoints(OTHER);
        bundle["entry"][0]["resource"]["extension"] = json!([]);
        bundle
    };
    for (at, answer, why) in [
        ("/Device", html(200), "body is no JSON"),
        (
            "/Device",
            half(&sds::write_devices(&[device(OTHER)])),
            "body is no JSON",
        ),
        ("/Device", fhir(&without_asid), "Device has no nhsSpineASID"),
        (
            "/Device",
            fhir(&json!({ "resourceType": "Basic" })),
            "body is Basic, not Bundle",
        ),
        ("/Device", raw(400, String::new()), "http status 400"),
        ("/Device", raw(401, String::new()), "http status 401"),
        ("/Endpoint", half(&endpoints(OTHER)), "body is no JSON"),
        (
            "/Endpoint",
            fhir(&without_reliability),
            "Endpoint has no Extension-SDS-ReliabilityConfiguration",
        ),
    ] {
        let scene = Scene::new().await.sds_answers(at, answer).await;
        assert_recorded(&scene.register().await, &["20: ", why]);
    }
}

#[tokio::test]
async fn two_entries_are_no_address_and_none_is_paper() {
    let two = sds::write_devices(&[device(OTHER), device(OTHER)]);
    let scene = Scene::new().await.sds_answers("/Device", fhir(&two)).await;
    assert_recorded(&scene.register().await, &["24: ", "2 entries"]);
    let none = sds::write_devices(&[]);
    let scene = Scene::new().await.sds_answers("/Device", fhir(&none)).await;
    assert_recorded(&scene.register().await, &["0 entries"]);
}

#[tokio::test]
async fn a_page_of_two_results_with_one_of_them_is_not_exactly_one() {
    let mut page = sds::write_devices(&[device(OTHER)]);
    page["total"] = json!(2);
    let scene = Scene::new().await.sds_answers("/Device", fhir(&page)).await;
    assert_recorded(
        &scene.register().await,
        &["says that there are 2 results and has 1"],
    );
}

#[tokio::test]
async fn a_version_in_the_record_serves_where_the_header_is_missing() {
    let bare = fhir(&patient_json(at(OTHER), 7));
    let scene = Scene::new().await.pds_answers("GET", bare, None).await;
    assert_eq!(scene.register().await, End::Asked);
    let asked = scene.pds.received_requests().await.unwrap();
    let condition = asked[1].headers.get("If-Match").unwrap();
    assert_eq!(condition, "W/\"7\"");
}

#[tokio::test]
async fn what_pds_says_and_nobody_can_read_changes_nothing() {
    let without_version = {
        let mut patient = patient_json(at(OTHER), 1);
        patient["meta"]["versionId"] = Value::Null;
        patient
    };
    for (answer, why) in [
        (fhir(&without_version), "Patient has no meta.versionId"),
        (half(&patient_json(at(OTHER), 1)), "body is no JSON"),
        (html(200), "body is no JSON"),
        (raw(404, String::new()), "http status 404"),
        (html(502), "http status 502"),
    ] {
        let scene = Scene::new().await.pds_answers("GET", answer, None).await;
        assert_recorded(&scene.register().await, &["pds", why]);
        let asked = scene.pds.received_requests().await.unwrap();
        assert!(asked.iter().all(|it| it.method.as_str() == "GET"));
        assert!(scene.sds.received_requests().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_throttled_pds_is_asked_again_and_then_answers() {
    let throttled = raw(429, String::new()).insert_header("Retry-After", "5");
    let scene = Scene::new().await;
    let scene = scene.pds_answers("GET", throttled.clone(), Some(1)).await;
    let scene = scene.pds_answers("PATCH", throttled, Some(2)).await;
    assert_eq!(scene.register().await, End::Asked);
    assert_eq!(scene.pds.received_requests().await.unwrap().len(), 5);
}

#[tokio::test]
async fn an_update_that_fails_leads_to_no_request() {
    for (answer, why) in [
        (raw(409, String::new()), "http status 409"),
        (raw(412, String::new()), "http status 412"),
        (raw(400, String::new()), "http status 400"),
        (html(500), "http status 500"),
    ] {
        let scene = Scene::new().await.pds_answers("PATCH", answer, None).await;
        assert_recorded(&scene.register().await, &["the update of pds failed", why]);
        assert!(scene.sds.received_requests().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_lost_race_is_run_again_with_what_is_read_then() {
    let scene = Scene::new().await;
    let scene = scene
        .pds_answers("PATCH", raw(409, String::new()), Some(1))
        .await;
    let scene = scene
        .pds_answers("GET", patient_as(at(OTHER), 1), Some(1))
        .await;
    let scene = scene
        .pds_answers("GET", patient_as(at(OTHER), 2), Some(1))
        .await;
    assert_eq!(scene.register().await, End::Asked);
    let asked = scene.pds.received_requests().await.unwrap();
    let conditions: Vec<_> = (asked.iter())
        .filter_map(|it| it.headers.get("If-Match")?.to_str().ok())
        .collect();
    assert_eq!(conditions, ["W/\"1\"", "W/\"2\""]);
}
