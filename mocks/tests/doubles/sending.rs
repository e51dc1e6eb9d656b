//! The sending system before doubles of SDS and PDS that answer what they should not. Whatever comes,
//! the request ends: in a look at the documents, or in a refusal with the fitting code.

use super::answers::*;
use std::time::Duration;

use gp2gp_mocks::fhir::api_key;
use gp2gp_mocks::mhs::{Address, Identity};
use gp2gp_mocks::peer::{AnswerId, HttpRequest, HttpResponse, Input, Output, Peer};
use gp2gp_mocks::sending::{Holding, Sending, SendingConfig};
use gp2gp_mocks::serve::{Client, post};
use gp2gp_mocks::synthetic::{Patient, RecordSpec};
use gp2gp_model::directory::{Contract, Directory};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::manner::Manner;
use gp2gp_model::pds::{PdsRecord, RecordVersion};
use gp2gp_model::plan::{Cleanup, Habit, PatientPlan, Role};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{Dialect, Hl7MessageId, Interaction};
use gp2gp_sim::Streams;
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID};
use gp2gp_wire::hl7::{EhrRequest, Payload, RequestVersion};
use gp2gp_wire::message::{self, Message};
use gp2gp_wire::{pds, sds};
use wiremock::matchers::{method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

const OWN: &str = "Z99902";
const OTHER: &str = "Z99901";

fn identity(code: &str) -> Identity {
    Identity {
        practice: practice(code),
        dialect: Dialect::NationalMhs,
    }
}

fn patient() -> Patient {
    Patient::generate(1, 0)
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// It is served: the documents are looked for.
    Served,
    /// It is refused with this code.
    Refused(String),
}

fn refused(code: &str) -> End {
    End::Refused(code.to_owned())
}

/// A sending system between two doubles. What is mounted first answers first.
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

    async fn sds_answers(self, at: &str, answer: ResponseTemplate) -> Self {
        let mock = Mock::given(method("GET")).and(path(at));
        mock.respond_with(answer).mount(&self.sds).await;
        self
    }

    async fn pds_answers(self, answer: ResponseTemplate, times: u64) -> Self {
        let mock = Mock::given(method("GET")).respond_with(answer);
        mock.up_to_n_times(times).mount(&self.pds).await;
        self
    }

    /// A request arrives. Everything that was not said before is answered as it should be.
    async fn request(&self) -> End {
        self.mount_the_usual().await;
        let mut system = system();
        let id = AnswerId(1);
        let request = request();
        system.handle(NOW, Input::Request { id, request });
        let (client, mut now) = (Client::new(), NOW);
        for _ in 0..100 {
            while let Some(output) = system.poll_output() {
                match output {
                    Output::Post {
                        to: Endpoint::Store,
                        ..
                    } => return End::Served,
                    Output::Post {
                        to: Endpoint::Spine,
                        request,
                        ..
                    } => return End::Refused(code_of(&request)),
                    Output::Post {
                        id, to, request, ..
                    } => {
                        let input = match post(&client, self.address(to), request).await {
                            Ok(response) => Input::Response { post: id, response },
                            Err(error) => Input::Failed { post: id, error },
                        };
                        system.handle(now, input);
                    }
                    Output::Answer {
                        response: HttpResponse { status, .. },
                        ..
                    } => assert_eq!(status, 200),
                    other @ (Output::Notice(_) | Output::FaultFired(_) | Output::Crash { .. }) => {
                        panic!("{other:?}")
                    }
                }
            }
            if let Some(deadline) = system.poll_timeout() {
                now = now.max(deadline.at);
                system.handle_timeout(now);
            }
        }
        panic!("a request without an end: {:?}", system.observe());
    }

    fn address(&self, to: Endpoint) -> std::net::SocketAddr {
        if to == Endpoint::Sds {
            return *self.sds.address();
        }
        assert_eq!(to, Endpoint::Pds);
        *self.pds.address()
    }

    async fn mount_the_usual(&self) {
        let mock = Mock::given(method("GET"));
        mock.and(path(pds::patient_path(patient().nhs_number)))
            .respond_with(registered_at(OTHER))
            .mount(&self.pds)
            .await;
        for (path, answer) in [
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
}

fn code_of(request: &HttpRequest) -> String {
    let received = message::open(&request.content_type, &request.body).unwrap();
    let Payload::Acknowledgement(ack) = received.payload().unwrap() else {
        panic!("{received:?}");
    };
    ack.code().map_or("no code", |it| it.as_str()).to_owned()
}

fn system() -> Sending {
    let number = patient().nhs_number;
    let config = SendingConfig {
        identity: identity(OWN),
        manner: Manner::default(),
        api_key: api_key(Role::Sending).to_owned(),
        enabled: true,
        attachment_threshold: 4_500_000,
        message_limit: 5_000_000,
        cleanup: Cleanup::Never,
        store: "https://store.invalid".to_owned(),
        holdings: vec![Holding {
            plan: PatientPlan {
                label: "patient".to_owned(),
                nhs_number: number,
                index: 0,
                held: true,
                pds: PdsRecord::new(number, at(OTHER)),
                previous_practice: Some(ods(OWN)),
                registers_with: None,
                awaited_from: None,
                current_practice: ods(OTHER),
                returning: false,
                record_bytes: 12_000,
                redactions: false,
                documents: Vec::new(),
                habit: Habit {
                    decision: None,
                    after: Duration::ZERO,
                },
            },
            record: RecordSpec {
                patient: patient(),
                practice: ods(OWN),
                target_bytes: 12_000,
                documents: Vec::new(),
                linked: None,
                redactions: false,
                seed: 1,
                recorded_at: NOW,
                entries: Vec::new(),
            },
            documents: Vec::new(),
        }],
        defects: Vec::new(),
    };
    Sending::new(config, Streams::new(1))
}

fn request() -> HttpRequest {
    let (from, to) = (identity(OTHER), Address::from(&practice(OWN)));
    let interaction = Interaction::EhrRequestUk05;
    let id = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let payload = Payload::EhrRequest(EhrRequest {
        wrapper: from.wrapper(NOW, &to, interaction, Hl7MessageId::from(&id)),
        version: RequestVersion::Uk05,
        id: "7".parse().unwrap(),
        patient: patient().nhs_number,
        author: ods(OTHER),
        destination: ods(OWN),
    });
    let mut directory = Directory::default();
    directory.learn_contract(Contract {
        party_key: to.party_key.clone(),
        interaction,
        cpa_id: "S1".parse().unwrap(),
        retries: 0,
        retry_interval: Duration::ZERO,
        persist_duration: Duration::from_hours(4),
    });
    let header = from
        .header(&directory, NOW, &to, &payload, "1".parse().unwrap(), id)
        .unwrap();
    let message = Message {
        header,
        payload,
        attachments: Vec::new(),
    };
    let encoded = message.encode(Dialect::NationalMhs);
    HttpRequest {
        method: Method::Post,
        path: "/".to_owned(),
        soap_action: Some(encoded.soap_action),
        content_type: encoded.content_type,
        headers: Headers::new(),
        body: encoded.body,
    }
}

fn registered_at(code: &str) -> ResponseTemplate {
    fhir(&registered(patient().nhs_number, at(code), 1))
        .insert_header("ETag", pds::etag(RecordVersion::FIRST))
}

#[tokio::test]
async fn with_good_answers_the_request_is_served_and_every_question_has_its_headers() {
    let scene = Scene::new().await;
    assert_eq!(scene.request().await, End::Served);
    for service in [&scene.sds, &scene.pds] {
        let asked = service.received_requests().await.unwrap();
        assert!(!asked.is_empty());
        for request in asked {
            for header in [API_KEY, CORRELATION_ID] {
                assert!(
                    request.headers.contains_key(header),
                    "{header}: {request:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn without_exactly_one_entry_the_requester_is_refused_with_24() {
    for devices in [vec![], vec![device(OTHER), device(OTHER)]] {
        let answer = fhir(&sds::write_devices(&devices));
        let scene = Scene::new().await.sds_answers("/Device", answer).await;
        assert_eq!(
            scene.request().await,
            refused("24"),
            "{} entries",
            devices.len()
        );
    }
}

#[tokio::test]
async fn what_sds_does_not_say_leads_to_20() {
    let whole = sds::write_devices(&[device(OTHER)]).to_string();
    for answer in [
        html(500),
        html(200),
        raw(200, whole[..whole.len() / 2].to_owned()),
        raw(401, String::new()),
    ] {
        let scene = Scene::new().await.sds_answers("/Device", answer).await;
        assert_eq!(scene.request().await, refused("20"));
    }
}

#[tokio::test]
async fn what_pds_does_not_say_leads_to_20_and_another_practice_to_19() {
    for (answer, code) in [
        (html(502), "20"),
        (html(200), "20"),
        (raw(404, "{}".to_owned()), "20"),
        (registered_at("Z99903"), "19"),
    ] {
        let scene = Scene::new().await.pds_answers(answer, 100).await;
        assert_eq!(scene.request().await, refused(code));
    }
}

#[tokio::test]
async fn a_throttled_pds_is_asked_again_and_then_answers() {
    let throttled = raw(429, String::new()).insert_header("Retry-After", "1");
    let scene = Scene::new().await.pds_answers(throttled, 2).await;
    assert_eq!(scene.request().await, End::Served);
    assert_eq!(scene.pds.received_requests().await.unwrap().len(), 3);
}
