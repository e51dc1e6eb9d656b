use std::collections::BTreeSet;
use std::time::Duration;

use gp2gp_model::directory::{Contract, Practice};
use gp2gp_model::fault::{Effect, Garble, Often, When};
use gp2gp_model::http::Headers;
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::registry::{Era, Organisation, PooledList, PooledReason, PractitionerLink};
use gp2gp_model::{GpCode, Interaction, OdsCode, PartyKey};
use gp2gp_wire::fhir::{API_KEY, CORRELATION_ID, Outcome};
use gp2gp_wire::sds::Query;

use super::*;
use crate::fhir::api_key;
use crate::peer::{Conduct, HttpResponse};

/// 2026-01-05T09:00:00Z.
const NOW: Time = Time::from_micros(1_767_603_600_000_000);
const CORRELATION: &str = "1D7D8F0C-0F8E-4A6E-9B57-6F3A0B8C2D11";

fn ods(text: &str) -> OdsCode {
    OdsCode::parse(text).unwrap()
}

fn gp(text: &str) -> GpCode {
    GpCode::parse(text).unwrap()
}

fn practice(code: &str, number: u32, interactions: &[Interaction]) -> Practice {
    Practice {
        ods: ods(code),
        asid: format!("20000000{number:04}").parse().unwrap(),
        party_key: format!("{code}-80{number:04}").parse().unwrap(),
        interactions: interactions.iter().copied().collect::<BTreeSet<_>>(),
    }
}

fn contracts(practice: &Practice) -> Vec<Contract> {
    (Interaction::ALL.into_iter().enumerate())
        .map(|(at, interaction)| Contract {
            party_key: practice.party_key.clone(),
            interaction,
            cpa_id: format!("S{}A{at:06}", practice.asid).parse().unwrap(),
            retries: 2,
            retry_interval: Duration::from_secs(60),
            persist_duration: Duration::from_secs(15_000),
        })
        .collect()
}

/// `Z99901` is listed once, `Z99902` twice, `Z99903` without large messaging, `Z99904` not at all.
fn directory() -> Directory {
    let small: Vec<_> = (Interaction::ALL.into_iter())
        .filter(|it| *it != Interaction::Copc)
        .collect();
    let practices = vec![
        practice("Z99901", 1, &Interaction::ALL),
        practice("Z99902", 2, &Interaction::ALL),
        practice("Z99902", 3, &Interaction::ALL),
        practice("Z99903", 4, &small),
    ];
    let unlisted = vec![practice("Z99904", 5, &Interaction::ALL)];
    Directory {
        contracts: practices
            .iter()
            .chain(&unlisted)
            .flat_map(contracts)
            .collect(),
        practices,
        unlisted,
        ..Directory::default()
    }
}

fn registry() -> Registry {
    let organisation = |code: &str| Organisation {
        ods: ods(code),
        name: format!("Practice {code}"),
    };
    let link = |code: &str, practice: &str| PractitionerLink {
        gp: gp(code),
        practice: ods(practice),
        from: None,
        until: None,
    };
    Registry {
        era: Era::GpCode,
        organisations: vec![organisation("Z99901"), organisation("Z99902")],
        links: vec![
            link("G1000001", "Z99901"),
            link("G1000002", "Z99901"),
            link("G1000002", "Z99902"),
        ],
        pooled_lists: vec![PooledList {
            practice: ods("Z99902"),
            reason: PooledReason::SalariedGps,
            dealt_with: false,
        }],
    }
}

/// SDS and somebody who asks.
struct Bench {
    sds: Sds,
    posts: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with_faults(Vec::new())
    }

    fn with_fault(effect: Effect, operation: DirectoryOperation, by: Option<Role>) -> Self {
        let on = Target::Directory { operation, by };
        assert_eq!(effect.fits(&on), Ok(()));
        Self::with_faults(vec![Fault {
            name: "planned".to_owned(),
            effect,
            on,
            when: When {
                often: Often::First(1),
                ..When::default()
            },
        }])
    }

    fn with_faults(faults: Vec<Fault>) -> Self {
        let config = SdsConfig {
            directory: directory(),
            registry: registry(),
            faults,
            started: NOW,
        };
        Self {
            sds: Sds::new(config, Streams::new(1)),
            posts: 0,
        }
    }

    /// Every output of a request.
    fn outputs(&mut self, request: HttpRequest) -> Vec<Output> {
        self.posts += 1;
        let id = AnswerId(self.posts);
        self.sds.handle(NOW, Input::Request { id, request });
        std::iter::from_fn(|| self.sds.poll_output()).collect()
    }

    fn answer(&mut self, request: HttpRequest) -> HttpResponse {
        let outputs = self.outputs(request);
        let [
            Output::Answer {
                response, conduct, ..
            },
        ] = outputs.as_slice()
        else {
            panic!("{outputs:?}");
        };
        assert_eq!(*conduct, Conduct::Clean);
        response.clone()
    }

    fn ask(&mut self, path: &str) -> HttpResponse {
        self.answer(request(path))
    }

    fn devices(&mut self, practice: &str, interaction: Interaction) -> Vec<sds::Device> {
        let answer = self.ask(&Query::device(ods(practice), interaction).path());
        assert_eq!(answer.status, 200);
        sds::devices(&answer.body).unwrap()
    }

    fn endpoints(&mut self, query: &Query) -> Vec<sds::EndpointEntry> {
        let answer = self.ask(&query.path());
        assert_eq!(answer.status, 200);
        sds::endpoints(&answer.body).unwrap()
    }

    fn roles(&mut self, code: &str) -> Vec<registry::Role> {
        let answer = self.ask(&registry::Query::Roles(gp(code)).path());
        registry::roles(&answer.body).unwrap()
    }

    fn act(&mut self, act: Act) {
        self.sds.handle(NOW, Input::Act(act));
        assert_eq!(self.sds.poll_output(), None);
    }
}

fn request(path: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        path: path.to_owned(),
        soap_action: None,
        content_type: String::new(),
        headers: Headers::new()
            .with(API_KEY, api_key(Role::Requesting))
            .with(CORRELATION_ID, CORRELATION)
            .with("Accept", "application/fhir+json"),
        body: bytes::Bytes::new(),
    }
}

fn without(name: &str, mut request: HttpRequest) -> HttpRequest {
    request.headers = (request.headers.iter())
        .filter(|(own, _)| !own.eq_ignore_ascii_case(name))
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    request
}

fn outcome(response: &HttpResponse) -> (u16, String, String) {
    let outcome = Outcome::parse(&response.body).unwrap();
    (response.status, outcome.code, outcome.diagnostics)
}

const DEVICE: &str = "/Device?organization=https://fhir.nhs.uk/Id/ods-organization-code|Z99901&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId|urn:nhs:names:services:gp2gp:COPC_IN000001UK01";

#[test]
fn a_search_finds_none_one_or_several_systems() {
    let mut bench = Bench::new();
    let found = |bench: &mut Bench, code: &str| bench.devices(code, Interaction::Copc).len();
    assert_eq!(found(&mut bench, "Z99901"), 1);
    assert_eq!(found(&mut bench, "Z99902"), 2);
    assert_eq!(found(&mut bench, "Z99903"), 0);
    assert_eq!(found(&mut bench, "Z99904"), 0);
    assert_eq!(found(&mut bench, "Z99905"), 0);
    let device = bench
        .devices("Z99901", Interaction::EhrRequestUk05)
        .remove(0);
    assert_eq!(device.asid.as_str(), "200000000001");
    assert_eq!(device.party_key.as_str(), "Z99901-800001");
}

#[test]
fn a_search_is_narrowed_by_party_key_and_by_supplier() {
    let mut bench = Bench::new();
    let narrowed = |party_key: Option<&str>, supplier: Option<&str>| Query::Device {
        organisation: ods("Z99902"),
        interaction: Interaction::Copc,
        party_key: party_key.map(|key| PartyKey::parse(key).unwrap()),
        manufacturer: supplier.map(ods),
    };
    for (query, expected) in [
        (narrowed(Some("Z99902-800003"), None), 1),
        (narrowed(Some("Z99901-800001"), None), 0),
        (narrowed(None, Some(MANUFACTURER)), 2),
        (narrowed(None, Some("YGA")), 0),
    ] {
        let answer = bench.ask(&query.path());
        let found = sds::devices(&answer.body).unwrap();
        assert_eq!(found.len(), expected, "{query:?}");
    }
}

#[test]
fn each_two_of_three_find_the_same_contract() {
    let mut bench = Bench::new();
    let party_key: PartyKey = "Z99901-800001".parse().unwrap();
    let interaction = Interaction::EhrExtractUk06;
    let found = bench.endpoints(&Query::endpoint(ods("Z99901"), interaction));
    assert_eq!(found.len(), 1);
    assert_eq!(
        bench.endpoints(&Query::endpoint_of(party_key.clone(), interaction)),
        found
    );
    let all = bench.endpoints(&Query::Endpoint {
        organisation: Some(ods("Z99901")),
        interaction: None,
        party_key: Some(party_key),
    });
    assert_eq!(all.len(), Interaction::ALL.len());
    assert!(all.contains(&found[0]));
    let contract = directory()
        .contract(&found[0].party_key, interaction)
        .cloned();
    assert_eq!(Some(found[0].contract(interaction)), contract);
}

#[test]
fn an_unlisted_practice_is_found_by_its_party_key_alone() {
    let mut bench = Bench::new();
    let party_key: PartyKey = "Z99904-800005".parse().unwrap();
    let by_code = Query::endpoint(ods("Z99904"), Interaction::Copc);
    assert!(bench.endpoints(&by_code).is_empty());
    let by_key = Query::endpoint_of(party_key, Interaction::Copc);
    assert_eq!(bench.endpoints(&by_key).len(), 1);
}

#[test]
fn no_contract_is_given_for_what_a_system_does_not_take_part_in() {
    let mut bench = Bench::new();
    let query = Query::endpoint(ods("Z99903"), Interaction::Copc);
    assert!(bench.endpoints(&query).is_empty());
}

#[test]
fn an_interaction_of_another_service_finds_nothing() {
    let mut bench = Bench::new();
    let answer = bench.ask(&DEVICE.replace("gp2gp:COPC", "psis:REPC"));
    assert_eq!(answer.status, 200);
    assert!(sds::devices(&answer.body).unwrap().is_empty());
}

#[test]
fn whoever_asks_wrongly_is_told_what_is_wrong() {
    let mut bench = Bench::new();
    let post = HttpRequest {
        method: Method::Post,
        ..request(DEVICE)
    };
    let with = |name: &str, value: &str| {
        let mut request = without(name, request(DEVICE));
        request.headers.push(name, value);
        request
    };
    let cases = [
        (
            without(API_KEY, request(DEVICE)),
            401,
            "ACCESS_DENIED",
            "header apikey is missing",
        ),
        (
            with(API_KEY, "stolen"),
            401,
            "ACCESS_DENIED",
            "nobody was given this apikey",
        ),
        (
            without(CORRELATION_ID, request(DEVICE)),
            400,
            "MISSING_VALUE",
            "header X-Correlation-Id is missing",
        ),
        (
            with(CORRELATION_ID, "seven"),
            400,
            "INVALID_VALUE",
            "header X-Correlation-Id is `seven`, which is no UUID",
        ),
        (
            with("Accept", "text/html"),
            406,
            "NOT_SUPPORTED",
            "only application/fhir+json is given",
        ),
        (
            post,
            405,
            "NOT_SUPPORTED",
            "method is POST, this path knows GET",
        ),
        (
            request("/Patient/1"),
            404,
            "REFERENCE_NOT_FOUND",
            "nothing at /Patient/1",
        ),
        (
            request("/Device"),
            400,
            "MISSING_VALUE",
            "parameter organization is missing",
        ),
        (
            request("/Organization/Z99909"),
            404,
            "RESOURCE_NOT_FOUND",
            "no organisation Z99909",
        ),
        (
            request(
                "/PractitionerRole?practitioner.identifier=https://fhir.hl7.org.uk/Id/gmp-number|G6",
            ),
            400,
            "INVALID_VALUE",
            "parameter practitioner.identifier: gp code `G6` is not G, one of 0 to 5, 8 or 9, and six digits",
        ),
    ];
    for (request, status, code, why) in cases {
        let answer = bench.answer(request);
        assert_eq!(outcome(&answer), (status, code.to_owned(), why.to_owned()));
        assert_eq!(answer.headers.get("Allow").is_some(), status == 405);
    }
}

#[test]
fn a_query_with_too_few_parameters_says_which_there_are() {
    let mut bench = Bench::new();
    let path = DEVICE
        .split('&')
        .next()
        .unwrap()
        .replace("Device", "Endpoint");
    let (status, code, why) = outcome(&bench.ask(&path));
    assert_eq!((status, code.as_str()), (400, "MISSING_VALUE"));
    assert!(
        why.starts_with("at least two are needed of organization, "),
        "{why}"
    );
}

#[test]
fn every_answer_repeats_the_correlation_id() {
    let mut bench = Bench::new();
    for path in [DEVICE, "/Device", "/nowhere"] {
        let answer = bench.ask(path);
        assert_eq!(
            answer.headers.get(CORRELATION_ID),
            Some(CORRELATION),
            "{path}"
        );
    }
}

#[test]
fn the_registry_knows_practices_and_where_a_gp_works() {
    let mut bench = Bench::new();
    let path = registry::Query::Organisation(ods("Z99902")).path();
    let organisation = registry::Organisation::parse(&bench.ask(&path).body).unwrap();
    assert_eq!(organisation.name, "Practice Z99902");
    let pooled = organisation.pooled.unwrap();
    assert_eq!(
        (pooled.reason, pooled.dealt_with),
        (PooledReason::SalariedGps, false)
    );

    assert!(bench.roles("G9999999").is_empty());
    let one = bench.roles("G1000001");
    assert_eq!(one.len(), 1);
    assert!(one[0].holds(NOW) && one[0].pooled.is_none());
    let two = bench.roles("G1000002");
    assert_eq!(two.len(), 2);
    assert!(two[1].pooled.is_some());
}

#[test]
fn a_link_ends_and_another_begins_when_the_directory_is_repaired() {
    let mut bench = Bench::new();
    bench.act(Act::Relink {
        gp: gp("G1000001"),
        from: Some(ods("Z99901")),
        to: Some(ods("Z99902")),
    });
    let roles = bench.roles("G1000001");
    let holding: Vec<_> = (roles.iter())
        .map(|role| (role.practice.as_str().to_owned(), role.holds(NOW)))
        .collect();
    assert_eq!(
        holding,
        [("Z99901".to_owned(), false), ("Z99902".to_owned(), true)]
    );
    let before = Time::from_micros(NOW.as_micros() - 1);
    assert!(roles[0].holds(before) && !roles[1].holds(before));
}

#[test]
fn the_helpdesk_deals_with_a_pooled_list() {
    let mut bench = Bench::new();
    bench.act(Act::DealWithPooledList {
        practice: ods("Z99902"),
    });
    let roles = bench.roles("G1000002");
    assert!(roles[1].pooled.unwrap().dealt_with);
}

#[test]
fn a_practice_is_listed_as_often_as_it_is_to_be() {
    let mut bench = Bench::new();
    for (practice, entries) in [
        ("Z99901", 3),
        ("Z99901", 0),
        ("Z99901", 1),
        ("Z99902", 1),
        ("Z99904", 1),
        ("Z99905", 0),
    ] {
        bench.act(Act::Relist {
            practice: ods(practice),
            entries,
        });
        let found = bench.devices(practice, Interaction::Copc);
        assert_eq!(found.len(), usize::from(entries), "{practice}");
        let contracts = bench.endpoints(&Query::endpoint(ods(practice), Interaction::Copc));
        assert_eq!(contracts.len(), usize::from(entries), "{practice}");
    }
    // What is left is what was there first.
    let left = bench.devices("Z99901", Interaction::Copc);
    assert_eq!(left[0].asid.as_str(), "200000000001");
}

#[test]
fn what_is_not_done_to_a_directory_is_not_supported() {
    let mut bench = Bench::new();
    let act = Act::RepeatRequest {
        patient: gp2gp_model::NhsNumber::synthetic(1).unwrap(),
    };
    bench.sds.handle(NOW, Input::Act(act.clone()));
    let expected = Output::Notice(Notice::NotSupported(act));
    assert_eq!(bench.sds.poll_output(), Some(expected));
}

#[test]
fn a_planned_status_comes_once_with_its_outcome() {
    for (status, code) in [
        (400, "INVALID_VALUE"),
        (401, "ACCESS_DENIED"),
        (404, "RESOURCE_NOT_FOUND"),
        (429, "TOO_MANY_REQUESTS"),
        (500, "SERVER_ERROR"),
        (502, "SERVER_ERROR"),
        (504, "TIMEOUT"),
    ] {
        let mut bench = Bench::with_fault(Effect::Refuse(status), DirectoryOperation::Device, None);
        assert_eq!(bench.ask("/Organization/Z99901").status, 200);
        let outputs = bench.outputs(request(DEVICE));
        let [Output::FaultFired(name), Output::Answer { response, .. }] = outputs.as_slice() else {
            panic!("{outputs:?}");
        };
        assert_eq!(name, "planned");
        let (got, said, _) = outcome(response);
        assert_eq!((got, said.as_str()), (status, code));
        assert_eq!(response.headers.get("Retry-After").is_some(), status == 429);
        assert_eq!(bench.ask(DEVICE).status, 200);
    }
}

#[test]
fn a_fault_of_one_system_leaves_the_other_alone() {
    let mut bench = Bench::with_fault(
        Effect::Refuse(500),
        DirectoryOperation::Any,
        Some(Role::Sending),
    );
    assert_eq!(bench.ask(DEVICE).status, 200);
    let mut of_the_other = without(API_KEY, request(DEVICE));
    of_the_other.headers.push(API_KEY, api_key(Role::Sending));
    let outputs = bench.outputs(of_the_other);
    assert_eq!(outputs[0], Output::FaultFired("planned".to_owned()));
}

#[test]
fn a_connection_fails_as_planned() {
    let any = DirectoryOperation::Any;
    for (effect, expected) in [
        (Effect::Drop, Conduct::Silent),
        (Effect::Reset, Conduct::Reset),
        (Effect::LoseAnswer, Conduct::Reset),
        (Effect::Truncate(40), Conduct::Truncate { percent: 40 }),
        (
            Effect::Slow(10),
            Conduct::Slow {
                bytes_per_second: 10,
            },
        ),
    ] {
        let outputs = Bench::with_fault(effect, any, None).outputs(request(DEVICE));
        let [Output::FaultFired(_), Output::Answer { conduct, .. }] = outputs.as_slice() else {
            panic!("{outputs:?}");
        };
        assert_eq!(*conduct, expected);
    }
}

#[test]
fn a_late_answer_comes_when_it_is_due() {
    let by = Duration::from_secs(30);
    let mut bench = Bench::with_fault(Effect::Delay(by), DirectoryOperation::Any, None);
    let outputs = bench.outputs(request(DEVICE));
    assert_eq!(outputs, [Output::FaultFired("planned".to_owned())]);
    assert_eq!(bench.sds.poll_timeout().unwrap().at, NOW + by);
    bench.sds.handle_timeout(NOW + by);
    assert!(matches!(
        bench.sds.poll_output(),
        Some(Output::Answer { .. })
    ));
    assert_eq!(bench.sds.poll_timeout(), None);
}

#[test]
fn a_garbled_answer_is_200_and_no_set_of_systems() {
    for (how, error) in [
        (Garble::Html, "body is no JSON"),
        (Garble::Half, "body is no JSON"),
        (Garble::AnotherResource, "body is Basic, not Bundle"),
    ] {
        let mut bench = Bench::with_fault(Effect::Garble(how), DirectoryOperation::Any, None);
        let outputs = bench.outputs(request(DEVICE));
        let [_, Output::Answer { response, .. }] = outputs.as_slice() else {
            panic!("{outputs:?}");
        };
        assert_eq!(response.status, 200);
        let refused = sds::devices(&response.body).unwrap_err().to_string();
        assert!(refused.starts_with(error), "{refused}");
    }
}
