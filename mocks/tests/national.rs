//! SDS, PDS and the registry behind ports, asked by plain HTTP clients: one that writes its requests
//! by hand, as spec 40 spells them, and fifty at once.

#![cfg(test)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use gp2gp_mocks::fhir::api_key;
use gp2gp_mocks::pds::{Pds, PdsConfig};
use gp2gp_mocks::peer::{HttpRequest, TransportError};
use gp2gp_mocks::sds::{Sds, SdsConfig, address};
use gp2gp_mocks::serve::{Client, Served, post, serve_peer};
use gp2gp_mocks::synthetic::Patient;
use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::fault::{
    DemographicsOperation, DirectoryOperation, Effect, Fault, Often, Target, When,
};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::pds::{GeneralPractitioner, PdsRecord, RecordVersion};
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::registry::{Organisation, PractitionerLink, Registry};
use gp2gp_model::{GpCode, Interaction, NhsNumber, OdsCode, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, Outcome, REQUEST_ID};
use gp2gp_wire::{pds, registry, sds};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// 2026-01-05T09:00:00Z.
const NOW: Time = Time::from_micros(1_767_603_600_000_000);
const CORRELATION: &str = "1D7D8F0C-0F8E-4A6E-9B57-6F3A0B8C2D11";

fn ods(text: &str) -> OdsCode {
    OdsCode::parse(text).unwrap()
}

fn patient() -> NhsNumber {
    Patient::generate(7, 0).nhs_number
}

/// A practice that is listed once and one that is listed twice.
fn directory() -> Directory {
    let practice = |code: &str, number: u32| Practice {
        ods: ods(code),
        asid: format!("20000000{number:04}").parse().unwrap(),
        party_key: format!("{code}-80{number:04}").parse().unwrap(),
        interactions: BTreeSet::from(Interaction::ALL),
    };
    let practices = vec![
        practice("Z99901", 1),
        practice("Z99902", 2),
        practice("Z99902", 3),
    ];
    let contract = |practice: &Practice, (at, interaction): (usize, Interaction)| Contract {
        party_key: practice.party_key.clone(),
        interaction,
        cpa_id: format!("S{}A{at:06}", practice.asid).parse().unwrap(),
        retries: 2,
        retry_interval: Duration::from_secs(60),
        persist_duration: Duration::from_secs(15_000),
    };
    let contracts = (practices.iter())
        .flat_map(|practice| {
            let numbered = Interaction::ALL.into_iter().enumerate();
            numbered.map(move |it| contract(practice, it))
        })
        .collect();
    Directory {
        practices,
        contracts,
        ..Directory::default()
    }
}

fn gp_registry() -> Registry {
    Registry {
        organisations: vec![Organisation {
            ods: ods("Z99901"),
            name: "Hollow Lane Surgery".to_owned(),
        }],
        links: vec![PractitionerLink {
            gp: GpCode::parse("G1000001").unwrap(),
            practice: ods("Z99901"),
            from: Some(NOW),
            until: None,
        }],
        ..Registry::default()
    }
}

/// A served peer, and the names of the faults that acted.
struct Service {
    served: Served,
    fired: mpsc::UnboundedReceiver<String>,
}

impl Service {
    async fn sds(faults: Vec<Fault>) -> Self {
        let config = SdsConfig {
            directory: directory(),
            registry: gp_registry(),
            faults,
            started: NOW,
        };
        let (tell, fired) = mpsc::unbounded_channel();
        let sds = Sds::new(config, Streams::new(1));
        let served = serve_peer(any_port(), sds, clock(), tell).await;
        Self {
            served: served.unwrap(),
            fired,
        }
    }

    async fn pds(faults: Vec<Fault>) -> Self {
        let person = Patient::generate(7, 0).on_pds();
        assert!(person.is_some());
        let record = PdsRecord::new(patient(), at("Z99902"));
        let config = PdsConfig {
            records: vec![(record, person)],
            registry: Registry::default(),
            faults,
            started: NOW,
        };
        let (tell, fired) = mpsc::unbounded_channel();
        let pds = Pds::new(config, Streams::new(1));
        let served = serve_peer(any_port(), pds, clock(), tell).await;
        Self {
            served: served.unwrap(),
            fired,
        }
    }

    const fn addr(&self) -> SocketAddr {
        self.served.addr()
    }

    /// Sends a request whose lines are written by hand, and reads the answer to its end.
    async fn by_hand(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.by_hand_with(method, target, headers, "").await
    }

    async fn by_hand_with(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let addr = self.addr();
        let mut text =
            format!("{method} {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        let talk = move || Answer::to(addr, &text);
        tokio::task::spawn_blocking(talk).await.unwrap()
    }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// The time of a run, which goes on as the wall clock does.
#[expect(
    clippy::disallowed_methods,
    reason = "a served peer lives by the wall clock"
)]
fn clock() -> impl Fn() -> Time + Send + 'static {
    let opened = Instant::now();
    move || NOW + opened.elapsed()
}

fn at(code: &str) -> GeneralPractitioner {
    GeneralPractitioner::Practice(ods(code))
}

/// An answer as it came over the wire.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn to(addr: SocketAddr, text: &str) -> Self {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(own, _)| own.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }

    fn outcome(&self) -> Outcome {
        assert_eq!(self.header("Content-Type"), Some("application/fhir+json"));
        Outcome::parse(self.body.as_bytes()).unwrap()
    }
}

const KEY: (&str, &str) = (API_KEY, api_key(Role::Sending));
const CORRELATED: (&str, &str) = (CORRELATION_ID, CORRELATION);
const REQUESTED: (&str, &str) = (REQUEST_ID, "1d7d8f0c-0f8e-4a6e-9b57-6f3a0b8c2d12");
const FOR_SDS: &[(&str, &str)] = &[KEY, CORRELATED];
const FOR_PDS: &[(&str, &str)] = &[KEY, CORRELATED, REQUESTED];

/// A request as a system makes it.
fn get(path: String) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        path,
        soap_action: None,
        content_type: String::new(),
        headers: FOR_PDS.iter().copied().collect::<Headers>(),
        body: bytes::Bytes::new(),
    }
}

fn register(
    version: RecordVersion,
    from: &GeneralPractitioner,
    to: &GeneralPractitioner,
) -> HttpRequest {
    let patch = pds::Patch::registration(from, to).unwrap();
    let mut request = get(pds::patient_path(patient()));
    request.method = Method::Patch;
    request.content_type = pds::JSON_PATCH.to_owned();
    request.headers.push("If-Match", pds::etag(version));
    request.body = patch.to_json().to_string().into();
    request
}

#[tokio::test]
async fn four_lookups_tell_where_a_message_goes_and_how_it_is_repeated() {
    const DEVICE: &str = "/Device?organization=https://fhir.nhs.uk/Id/ods-organization-code|Z99901&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId|urn:nhs:names:services:gp2gp:RCMR_IN030000UK06";
    const ENDPOINT: &str = "/Endpoint?organization=https://fhir.nhs.uk/Id/ods-organization-code|Z99901&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId|urn:nhs:names:services:gp2gp:RCMR_IN030000UK06";
    let service = Service::sds(Vec::new()).await;
    let mut seen = Vec::new();
    // Routing, then reliability: nothing is kept in between.
    for _ in 0..2 {
        let device = service.by_hand("GET", DEVICE, FOR_SDS).await;
        let devices = sds::devices(device.body.as_bytes()).unwrap();
        let [device] = devices.as_slice() else {
            panic!("{devices:?}");
        };
        assert_eq!(device.asid.as_str(), "200000000001");
        let narrowed = format!(
            "{ENDPOINT}&identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey|{}",
            device.party_key
        );
        let endpoint = service.by_hand("GET", &narrowed, FOR_SDS).await;
        assert_eq!(endpoint.header(CORRELATION_ID), Some(CORRELATION));
        let endpoints = sds::endpoints(endpoint.body.as_bytes()).unwrap();
        let [endpoint] = endpoints.as_slice() else {
            panic!("{endpoints:?}");
        };
        assert_eq!(endpoint.address, address());
        let contract = endpoint.contract(Interaction::EhrExtractUk06);
        assert_eq!(contract.retries, 2);
        assert_eq!(contract.persist_duration, Duration::from_secs(15_000));
        seen.push((device.clone(), endpoint.clone()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn none_one_or_two_entries_are_all_a_good_answer() {
    let service = Service::sds(Vec::new()).await;
    for (practice, entries) in [("Z99901", 1), ("Z99902", 2), ("Z99903", 0)] {
        let query = sds::Query::device(ods(practice), Interaction::EhrRequestUk05);
        let answer = service.by_hand("GET", &query.path(), FOR_SDS).await;
        assert_eq!(answer.status, 200);
        let devices = sds::devices(answer.body.as_bytes()).unwrap();
        assert_eq!(devices.len(), entries, "{practice}");
    }
}

#[tokio::test]
async fn the_registry_answers_beside_sds_and_is_repaired_while_it_runs() {
    let service = Service::sds(Vec::new()).await;
    let gp = GpCode::parse("G1000001").unwrap();
    let organisation = service
        .by_hand("GET", "/Organization/Z99901", FOR_SDS)
        .await;
    let organisation = registry::Organisation::parse(organisation.body.as_bytes()).unwrap();
    assert_eq!(organisation.name, "Hollow Lane Surgery");
    service.served.act(Act::Relink {
        gp,
        from: Some(ods("Z99901")),
        to: Some(ods("Z99902")),
    });
    let path = registry::Query::Roles(gp).path();
    let roles = service.by_hand("GET", &path, FOR_SDS).await;
    let roles = registry::roles(roles.body.as_bytes()).unwrap();
    let holding: Vec<_> = (roles.iter())
        .filter(|role| role.holds(NOW + Duration::from_secs(60)))
        .map(|role| role.practice.as_str())
        .collect();
    assert_eq!(holding, ["Z99902"]);
}

#[tokio::test]
async fn a_version_that_was_read_can_be_changed_once() {
    let service = Service::pds(Vec::new()).await;
    let path = pds::patient_path(patient());
    let read = service.by_hand("GET", &path, FOR_PDS).await;
    assert_eq!((read.status, read.header("ETag")), (200, Some("W/\"1\"")));
    let body = r#"{"patches":[{"op":"replace","path":"/generalPractitioner/0/identifier/value","value":"Z99901"}]}"#;
    let mut headers = FOR_PDS.to_vec();
    headers.push(("Content-Type", "application/json-patch+json"));
    headers.push(("If-Match", "W/\"1\""));
    let updated = service.by_hand_with("PATCH", &path, &headers, body).await;
    assert_eq!(
        (updated.status, updated.header("ETag")),
        (200, Some("W/\"2\""))
    );
    assert_eq!(updated.header(REQUEST_ID), Some(REQUESTED.1));
    let told = pds::Patient::parse(updated.body.as_bytes()).unwrap();
    assert_eq!(told.general_practitioner, at("Z99901"));
    let again = service.by_hand_with("PATCH", &path, &headers, body).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.outcome().code, "RESOURCE_VERSION_MISMATCH");
    service.served.act(Act::MoveOn {
        patient: patient(),
        practice: ods("Z99903"),
    });
    let read = service.by_hand("GET", &path, FOR_PDS).await;
    assert_eq!(read.header("ETag"), Some("W/\"3\""));
    let told = pds::Patient::parse(read.body.as_bytes()).unwrap();
    assert_eq!(told.general_practitioner, at("Z99903"));
}

#[tokio::test]
async fn every_refusal_is_an_outcome_over_the_wire() {
    let sds = Service::sds(Vec::new()).await;
    let pds = Service::pds(Vec::new()).await;
    let good = sds::Query::device(ods("Z99901"), Interaction::Copc).path();
    let path = pds::patient_path(patient());
    let html: &[_] = &[KEY, CORRELATED, REQUESTED, ("Accept", "text/html")];
    for (service, method, target, headers, status) in [
        (&sds, "GET", good.as_str(), &[CORRELATED][..], 401),
        (&sds, "GET", &good, &[KEY], 400),
        (&sds, "GET", &good, html, 406),
        (&sds, "DELETE", &good, FOR_SDS, 405),
        (&sds, "GET", "/Device?organization=Z99901", FOR_SDS, 400),
        (&sds, "GET", "/Endpoint", FOR_SDS, 400),
        (&sds, "GET", "/metadata", FOR_SDS, 404),
        (&sds, "GET", "/Organization/Z99999", FOR_SDS, 404),
        (&pds, "GET", &path, FOR_SDS, 400),
        (&pds, "GET", &path, html, 406),
        (&pds, "GET", "/Patient/9990000001", FOR_PDS, 400),
        (&pds, "GET", "/Patient/9999999999", FOR_PDS, 404),
        (&pds, "POST", &path, FOR_PDS, 405),
        (&pds, "PATCH", &path, FOR_PDS, 412),
    ] {
        let answer = service.by_hand(method, target, headers).await;
        assert_eq!(answer.status, status, "{method} {target}: {answer:?}");
        assert!(!answer.outcome().diagnostics.is_empty());
    }
}

fn once(effect: Effect, on: Target) -> Vec<Fault> {
    assert_eq!(effect.fits(&on), Ok(()));
    vec![Fault {
        name: "planned".to_owned(),
        effect,
        on,
        when: When {
            often: Often::First(1),
            ..When::default()
        },
    }]
}

const DIRECTORY: Target = Target::Directory {
    operation: DirectoryOperation::Any,
    by: None,
};
const READS: Target = Target::Demographics {
    operation: DemographicsOperation::Read,
    by: None,
};

#[tokio::test]
async fn a_planned_refusal_comes_over_the_wire_once_and_says_when_to_come_again() {
    let good = sds::Query::device(ods("Z99901"), Interaction::Copc).path();
    for status in [429, 500, 502, 504] {
        let mut service = Service::sds(once(Effect::Refuse(status), DIRECTORY)).await;
        let refused = service.by_hand("GET", &good, FOR_SDS).await;
        assert_eq!(refused.status, status);
        assert_eq!(refused.header("Retry-After").is_some(), status == 429);
        refused.outcome();
        assert_eq!(service.fired.recv().await.as_deref(), Some("planned"));
        assert_eq!(service.by_hand("GET", &good, FOR_SDS).await.status, 200);
    }
}

#[tokio::test]
async fn a_connection_breaks_hangs_or_comes_late_as_planned() {
    let ask = |addr: SocketAddr| async move {
        let request = get(pds::patient_path(patient()));
        post(&Client::new(), addr, request).await
    };
    let service = Service::pds(once(Effect::Reset, READS)).await;
    assert_eq!(ask(service.addr()).await, Err(TransportError::Reset));
    assert_eq!(ask(service.addr()).await.unwrap().status, 200);

    let service = Service::pds(once(Effect::Truncate(50), READS)).await;
    assert_eq!(ask(service.addr()).await, Err(TransportError::Reset));

    let service = Service::pds(once(Effect::Drop, READS)).await;
    let patience = Duration::from_millis(200);
    let unanswered = tokio::time::timeout(patience, ask(service.addr())).await;
    assert!(unanswered.is_err());
    // Who waits for nothing keeps nobody else waiting.
    assert_eq!(ask(service.addr()).await.unwrap().status, 200);

    let service = Service::pds(once(Effect::Delay(patience), READS)).await;
    let quick = tokio::time::timeout(patience / 4, ask(service.addr())).await;
    assert!(quick.is_err());
    let service = Service::pds(once(Effect::Delay(patience), READS)).await;
    let late = tokio::time::timeout(patience * 20, ask(service.addr())).await;
    assert_eq!(late.unwrap().unwrap().status, 200);
}

/// Each of fifty looks four times into SDS and reads the same version of the same patient; then all
/// want to change it.
#[tokio::test]
async fn of_fifty_who_change_one_version_at_once_exactly_one_does() {
    const CLIENTS: u32 = 50;
    let (sds, pds) = (
        Service::sds(Vec::new()).await,
        Service::pds(Vec::new()).await,
    );
    let (sds_addr, pds_addr) = (sds.addr(), pds.addr());
    let mut reading = JoinSet::new();
    for _ in 0..CLIENTS {
        reading.spawn(async move {
            let client = Client::new();
            for _ in 0..2 {
                let device = sds::Query::device(ods("Z99901"), Interaction::EhrRequestUk05);
                let endpoint = sds::Query::endpoint(ods("Z99901"), Interaction::EhrRequestUk05);
                let found = post(&client, sds_addr, get(device.path())).await.unwrap();
                assert_eq!(sds::devices(&found.body).unwrap().len(), 1);
                let found = post(&client, sds_addr, get(endpoint.path())).await.unwrap();
                assert_eq!(sds::endpoints(&found.body).unwrap().len(), 1);
            }
            let read = get(pds::patient_path(patient()));
            let read = post(&client, pds_addr, read).await.unwrap();
            pds::Patient::parse(&read.body).unwrap()
        });
    }
    let read = reading.join_all().await;
    assert!(
        read.iter()
            .all(|patient| patient.version == RecordVersion(1))
    );

    let mut changing = JoinSet::new();
    for (number, patient) in (0..CLIENTS).zip(read) {
        let to = at(&format!("Y{number:05}"));
        changing.spawn(async move {
            let request = register(patient.version, &patient.general_practitioner, &to);
            let answer = post(&Client::new(), pds_addr, request).await.unwrap();
            (answer.status, to)
        });
    }
    let changed = changing.join_all().await;
    let won: Vec<_> = changed
        .iter()
        .filter(|(status, _)| *status == 200)
        .collect();
    let lost = changed.iter().filter(|(status, _)| *status == 409).count();
    assert_eq!((won.len(), lost), (1, CLIENTS as usize - 1));
    let read = post(&Client::new(), pds_addr, get(pds::patient_path(patient()))).await;
    let now = pds::Patient::parse(&read.unwrap().body).unwrap();
    assert_eq!(
        (now.version, &now.general_practitioner),
        (RecordVersion(2), &won[0].1)
    );
}

/// Whoever loses reads again: in the end everybody's change was the current one once.
#[tokio::test]
async fn who_reads_again_after_a_lost_race_gets_through() {
    const CLIENTS: u32 = 50;
    let service = Service::pds(Vec::new()).await;
    let addr = service.addr();
    let mut changing = JoinSet::new();
    for number in 0..CLIENTS {
        let to = at(&format!("Y{number:05}"));
        changing.spawn(async move {
            let client = Client::new();
            loop {
                let read = get(pds::patient_path(patient()));
                let read = post(&client, addr, read).await.unwrap();
                let known = pds::Patient::parse(&read.body).unwrap();
                let request = register(known.version, &known.general_practitioner, &to);
                match post(&client, addr, request).await.unwrap().status {
                    200 => return,
                    status => assert_eq!(status, 409),
                }
            }
        });
    }
    changing.join_all().await;
    let read = post(&Client::new(), addr, get(pds::patient_path(patient()))).await;
    let now = pds::Patient::parse(&read.unwrap().body).unwrap();
    assert_eq!(now.version, RecordVersion(1 + CLIENTS));
}
