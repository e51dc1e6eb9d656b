use std::time::Duration;

use gp2gp_model::{Asid, CpaId, Interaction, MhsId, OdsCode, PartyKey};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn id<T>(parse: fn(&str) -> Result<T, gp2gp_model::IdError>) -> impl Strategy<Value = T>
where
    T: std::fmt::Debug,
{
    "[A-Za-z0-9|&=%+#ä-]{1,12}".prop_filter_map("no id", move |text| parse(&text).ok())
}

fn interaction() -> impl Strategy<Value = Interaction> {
    prop::sample::select(Interaction::ALL.to_vec())
}

fn query() -> impl Strategy<Value = Query> {
    let device = (
        id(OdsCode::parse),
        interaction(),
        option::of(id(PartyKey::parse)),
        option::of(id(OdsCode::parse)),
    );
    let endpoint = (
        option::of(id(OdsCode::parse)),
        option::of(interaction()),
        option::of(id(PartyKey::parse)),
    );
    let two_of_three =
        |(organisation, interaction, party_key): (Option<_>, Option<_>, Option<_>)| {
            let given = [
                organisation.is_some(),
                interaction.is_some(),
                party_key.is_some(),
            ];
            (given.into_iter().filter(|given| *given).count() >= 2).then_some(Query::Endpoint {
                organisation,
                interaction,
                party_key,
            })
        };
    prop_oneof![
        device.prop_map(|(organisation, interaction, party_key, manufacturer)| {
            Query::Device {
                organisation,
                interaction,
                party_key,
                manufacturer,
            }
        }),
        endpoint.prop_filter_map("too few", two_of_three),
    ]
}

fn device() -> impl Strategy<Value = Device> {
    (
        option::of(id(OdsCode::parse)),
        id(Asid::parse),
        id(PartyKey::parse),
    )
        .prop_map(|(ods, asid, party_key)| Device {
            ods,
            asid,
            party_key,
        })
}

fn reliability() -> impl Strategy<Value = Reliability> {
    let duration = || (0..10_000_000_u64).prop_map(Duration::from_millis);
    (
        duration(),
        any::<u32>(),
        duration(),
        prop::sample::select(Occurrence::ALL),
        prop::sample::select(Occurrence::ALL),
        prop::sample::select(SyncReplyMode::ALL),
        prop::sample::select(Actor::ALL),
    )
        .prop_map(
            |(
                persist_duration,
                retries,
                retry_interval,
                ack_requested,
                duplicate_elimination,
                sync_reply_mode,
                actor,
            )| Reliability {
                persist_duration,
                retries,
                retry_interval,
                ack_requested,
                duplicate_elimination,
                sync_reply_mode,
                actor,
            },
        )
}

fn entry() -> impl Strategy<Value = EndpointEntry> {
    (
        option::of(id(OdsCode::parse)),
        "https://[a-z]{1,9}/[a-z/]{0,9}[a-z]",
        "[a-z.]{1,12}",
        id(PartyKey::parse),
        id(CpaId::parse),
        id(MhsId::parse),
        option::of(interaction()),
        reliability(),
    )
        .prop_map(
            |(ods, address, fqdn, party_key, cpa_id, mhs_id, interaction, reliability)| {
                EndpointEntry {
                    ods,
                    address,
                    fqdn,
                    party_key,
                    cpa_id,
                    mhs_id,
                    interaction,
                    reliability,
                }
            },
        )
}

proptest! {
    #[test]
    fn a_query_survives_its_path(query in query()) {
        prop_assert_eq!(Query::parse(&query.path()), Ok(query));
    }

    #[test]
    fn devices_survive_their_bundle(written in prop::collection::vec(device(), 0..4)) {
        let body = write_devices(&written).to_string();
        prop_assert_eq!(devices(body.as_bytes()), Ok(written));
    }

    #[test]
    fn endpoints_survive_their_bundle(written in prop::collection::vec(entry(), 0..4)) {
        let body = write_endpoints(&written).to_string();
        prop_assert_eq!(endpoints(body.as_bytes()), Ok(written));
    }

    #[test]
    fn no_path_makes_the_reader_panic(path in "/?(Device|Endpoint)?\\??.{0,80}") {
        let _ = Query::parse(&path);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes: Vec<u8>) {
        prop_assert!(devices(&bytes).is_err());
        prop_assert!(endpoints(&bytes).is_err());
    }

    #[test]
    fn half_a_bundle_is_none(entry in entry(), percent in 0..100_usize) {
        let body = write_endpoints(&[entry]).to_string();
        let half = &body.as_bytes()[..body.len() * percent / 100];
        prop_assert!(matches!(endpoints(half), Err(SdsError::NotJson(_))));
    }
}

fn ods(text: &str) -> OdsCode {
    OdsCode::parse(text).unwrap()
}

#[test]
fn queries_are_spelled_as_the_specification_does() {
    let party_key = PartyKey::parse("B86041-822103").unwrap();
    let device = Query::Device {
        organisation: ods("B86041"),
        interaction: Interaction::EhrExtractUk06,
        party_key: Some(party_key.clone()),
        manufacturer: Some(ods("YGA")),
    };
    let spelled = concat!(
        "/Device?organization=https://fhir.nhs.uk/Id/ods-organization-code|B86041",
        "&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId",
        "|urn:nhs:names:services:gp2gp:RCMR_IN030000UK06",
        "&identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey|B86041-822103",
        "&manufacturing-organization=https://fhir.nhs.uk/Id/ods-organization-code|YGA",
    );
    assert_eq!(device.path(), spelled.replace('|', "%7C"));
    assert_eq!(Query::parse(spelled), Ok(device.clone()));
    let all_encoded = spelled
        .replace(
            "https://fhir.nhs.uk/Id/",
            "https%3A%2F%2Ffhir.nhs.uk%2FId%2F",
        )
        .replace('|', "%7c");
    assert_eq!(Query::parse(&all_encoded), Ok(device));

    let endpoint = Query::endpoint_of(party_key, Interaction::Copc);
    let spelled = concat!(
        "/Endpoint?identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId",
        "|urn:nhs:names:services:gp2gp:COPC_IN000001UK01",
        "&identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey|B86041-822103",
    );
    assert_eq!(endpoint.path(), spelled.replace('|', "%7C"));
    assert_eq!(
        Query::parse(&format!("{spelled}&_format=json")),
        Ok(endpoint)
    );
}

#[test]
fn a_query_that_asks_for_nothing_names_what_is_wrong() {
    const ODS: &str = "organization=https://fhir.nhs.uk/Id/ods-organization-code|B86041";
    const SERVICE: &str = "identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId|urn:nhs:names:services:gp2gp:COPC_IN000001UK01";
    for (path, error) in [
        ("/Devices".to_owned(), "nothing at /Devices"),
        (
            format!("/Device?{SERVICE}"),
            "parameter organization is missing",
        ),
        (
            format!("/Device?{ODS}"),
            "parameter identifier of https://fhir.nhs.uk/Id/nhsServiceInteractionId is missing",
        ),
        (
            format!("/Device?{ODS}&{SERVICE}&{ODS}"),
            "parameter organization of https://fhir.nhs.uk/Id/ods-organization-code comes twice",
        ),
        (
            format!("/Device?{ODS}&{SERVICE}&colour=red"),
            "parameter colour is not supported",
        ),
        (
            format!("/Device?organization=B86041&{SERVICE}"),
            "parameter organization is `B86041`, not https://fhir.nhs.uk/Id/ods-organization-code|...",
        ),
        (
            format!("/Device?{ODS}&identifier=urn:x|1"),
            "parameter identifier is `urn:x|1`, not https://fhir.nhs.uk/Id/nhsServiceInteractionId|... or https://fhir.nhs.uk/Id/nhsMhsPartyKey|...",
        ),
        (
            format!("/Device?organization=https://fhir.nhs.uk/Id/ods-organization-code|&{SERVICE}"),
            "parameter organization: ods code is empty",
        ),
        (
            format!("/Device?{ODS}&{SERVICE}&x=%FF"),
            "parameter x: it is not UTF-8",
        ),
        (
            format!(
                "/Device?{ODS}&{}",
                SERVICE.replace("COPC_IN000001UK01", "COPC_IN000009UK01")
            ),
            "parameter identifier is `urn:nhs:names:services:gp2gp:COPC_IN000009UK01`, which is no interaction of GP2GP",
        ),
        (
            format!("/Endpoint?{ODS}"),
            "at least two are needed of organization, identifier of https://fhir.nhs.uk/Id/nhsServiceInteractionId and identifier of https://fhir.nhs.uk/Id/nhsMhsPartyKey",
        ),
    ] {
        assert_eq!(
            Query::parse(&path).unwrap_err().to_string(),
            error,
            "{path}"
        );
    }
}

fn whole() -> EndpointEntry {
    EndpointEntry {
        ods: Some(ods("B86041")),
        address: "https://spine.invalid/reliablemessaging/forwardreliable".to_owned(),
        fqdn: "spine.invalid".to_owned(),
        party_key: PartyKey::parse("B86041-822103").unwrap(),
        cpa_id: CpaId::parse("S20001A000182").unwrap(),
        mhs_id: MhsId::parse("S20001A000182-1").unwrap(),
        interaction: Some(Interaction::EhrExtractUk06),
        reliability: Reliability {
            persist_duration: Duration::from_secs(15_000),
            retries: 2,
            retry_interval: Duration::from_secs(60),
            ack_requested: Occurrence::Always,
            duplicate_elimination: Occurrence::Always,
            sync_reply_mode: SyncReplyMode::MshSignalsOnly,
            actor: Actor::ToParty,
        },
    }
}

#[test]
fn reliability_is_written_as_sds_does() {
    let bundle = write_endpoints(&[whole()]);
    let reliability = &bundle["entry"][0]["resource"]["extension"][0];
    assert_eq!(
        *reliability,
        json!({
            "url": "https://fhir.nhs.uk/StructureDefinition/Extension-SDS-ReliabilityConfiguration",
            "extension": [
                { "url": "nhsMHSSyncReplyMode", "valueString": "MSHSignalsOnly" },
                { "url": "nhsMHSRetryInterval", "valueString": "PT1M" },
                { "url": "nhsMHSRetries", "valueInteger": 2 },
                { "url": "nhsMHSPersistDuration", "valueString": "PT4H10M" },
                { "url": "nhsMHSDuplicateElimination", "valueString": "always" },
                { "url": "nhsMHSAckRequested", "valueString": "always" },
                { "url": "nhsMHSActor", "valueString": "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH" },
            ],
        })
    );
}

#[test]
fn an_entry_gives_the_contract_of_the_interaction_that_was_asked_for() {
    let contract = whole().contract(Interaction::EhrExtractUk06);
    assert_eq!(contract.cpa_id, CpaId::parse("S20001A000182").unwrap());
    assert_eq!(contract.interaction, Interaction::EhrExtractUk06);
    assert_eq!(contract.retries, 2);
    assert_eq!(contract.retry_interval, Duration::from_secs(60));
    assert_eq!(contract.persist_duration, Duration::from_secs(15_000));
}

type Change = Box<dyn FnOnce(&mut Value)>;

#[test]
fn an_entry_that_lacks_something_says_what() {
    let remove = |pointer: &'static str, name: &'static str| {
        move |entry: &mut Value| {
            let place = entry.pointer_mut(pointer).unwrap();
            match place {
                Value::Array(elements) => {
                    elements.retain(|element| !element.to_string().contains(name));
                }
                Value::Object(members) => {
                    members.remove(name);
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!(),
            }
        }
    };
    let set = |pointer: &'static str, value: Value| {
        move |entry: &mut Value| *entry.pointer_mut(pointer).unwrap() = value
    };
    const INNER: &str = "/extension/0/extension";
    let changes: [(Change, &str); 10] = [
        (
            Box::new(remove("", "extension")),
            "Endpoint has no Extension-SDS-ReliabilityConfiguration",
        ),
        (
            Box::new(remove(INNER, "nhsMHSRetries")),
            "Endpoint has no nhsMHSRetries",
        ),
        (
            Box::new(remove(INNER, "nhsMHSActor")),
            "Endpoint has no nhsMHSActor",
        ),
        (
            Box::new(set(
                "/extension/0/extension/2",
                json!({ "url": "nhsMHSRetries", "valueString": "2" }),
            )),
            "Endpoint has a wrong nhsMHSRetries: it is no valueInteger of 0 or more",
        ),
        (
            Box::new(set("/extension/0/extension/3/valueString", json!("4h"))),
            "Endpoint has a wrong nhsMHSPersistDuration: `4h` is no duration like PT4H10M",
        ),
        (
            Box::new(set(
                "/extension/0/extension/5/valueString",
                json!("sometimes"),
            )),
            "Endpoint has a wrong nhsMHSAckRequested: `sometimes` is none of always, never, perMessage",
        ),
        (Box::new(remove("", "address")), "Endpoint has no address"),
        (
            Box::new(remove("/identifier", "nhsMhsFQDN")),
            "Endpoint has no nhsMhsFQDN",
        ),
        (
            Box::new(remove("/identifier", "nhsMhsCPAId")),
            "Endpoint has no nhsMhsCPAId",
        ),
        (
            Box::new(remove("/identifier", "nhsMHSId")),
            "Endpoint has no nhsMHSId",
        ),
    ];
    for (change, error) in changes {
        let mut bundle = write_endpoints(&[whole()]);
        change(bundle.pointer_mut("/entry/0/resource").unwrap());
        let body = bundle.to_string();
        let refused = endpoints(body.as_bytes()).unwrap_err().to_string();
        assert_eq!(refused, error);
    }
    let mut bundle = write_devices(&[Device {
        ods: None,
        asid: Asid::parse("200000000205").unwrap(),
        party_key: PartyKey::parse("B86041-822103").unwrap(),
    }]);
    bundle["entry"][0]["resource"]["identifier"][0]["system"] = json!("urn:x");
    let body = bundle.to_string();
    let refused = devices(body.as_bytes()).unwrap_err().to_string();
    assert_eq!(refused, "Device has no nhsSpineASID");
}
