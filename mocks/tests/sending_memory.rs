//! A document far larger than any message goes through a sending system that never holds it.
//! A test of its own process, because what is measured is the memory of the process.

#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_mocks::fhir::api_key;
use gp2gp_mocks::mhs::{Address, Identity};
use gp2gp_mocks::pds::{Pds, PdsConfig};
use gp2gp_mocks::peer::{AnswerId, HttpRequest, HttpResponse, Input, Output, Peer, PostId};
use gp2gp_mocks::sds::{Sds, SdsConfig};
use gp2gp_mocks::sending::{Holding, Sending, SendingConfig};
use gp2gp_mocks::store::{Store, StoreConfig, StoredPatient};
use gp2gp_mocks::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec};
use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::manner::Manner;
use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::plan::{Cleanup, DescriptionChoice, DocumentPlan, Habit, PatientPlan, Role};
use gp2gp_model::registry::Registry;
use gp2gp_model::store::DeletePolicy;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{
    Asid, ConversationId, CpaId, EbxmlMessageId, EhrRequestId, Hl7MessageId, Interaction, OdsCode,
    PartyKey, Time,
};
use gp2gp_sim::Streams;
use gp2gp_wire::Dialect;
use gp2gp_wire::hl7::{
    CONTINUE_SUBJECT, Continue, EhrRequest, Gp2gpFragment, Payload, RequestVersion, Wrapper,
};
use gp2gp_wire::message::Message;

const DOCUMENT_BYTES: u64 = 100_000_000;
/// A few messages of 5 MB, and the process itself.
const MEMORY_BYTES: u64 = 60_000_000;
/// 2026-01-05T09:00:00Z.
const NOW: Time = Time::from_micros(1_767_603_600_000_000);

#[test]
fn a_document_of_100_mb_is_sent_in_the_memory_of_a_few_messages() {
    let mut sending = Sending::new(config(), Streams::new(1));
    let mut services = services();
    let request = requester_message(1, |wrapper, _| {
        Payload::EhrRequest(EhrRequest {
            wrapper: wrapper(Interaction::EhrRequestUk05),
            version: RequestVersion::Uk05,
            id: EhrRequestId::parse("7").unwrap(),
            patient: patient().nhs_number,
            author: ods("B86041"),
            destination: ods("A81001"),
        })
    });
    assert_eq!(
        deliver(&mut sending, &mut services, request),
        Sent {
            messages: 1,
            largest_in_queue: 1
        }
    );

    let core = Hl7MessageId::parse("9").unwrap();
    let go_on = requester_message(2, |wrapper, message_id| {
        Payload::Continue(Continue {
            wrapper: wrapper(Interaction::Copc),
            information_code: "GP2GP_PI".to_owned(),
            fragment: Gp2gpFragment {
                version: "01".to_owned(),
                recipients: vec![ods("A81001")],
                from: ods("B86041"),
                subject: CONTINUE_SUBJECT.to_owned(),
                message_id,
                in_order: true,
            },
            ack_type: "AA".to_owned(),
            detail_type: "IF".to_owned(),
            detail_code: "0".to_owned(),
            message_ref: core.clone(),
            acknowledged_message: Some(core),
        })
    });
    // 100 MB are 133 333 336 characters: 30 chunks, an index, and the answer to the request.
    assert_eq!(
        deliver(&mut sending, &mut services, go_on),
        Sent {
            messages: 32,
            largest_in_queue: 1
        }
    );
    match peak_memory_bytes() {
        Some(bytes) => assert!(bytes < MEMORY_BYTES, "{bytes} bytes at the peak"),
        None => eprintln!("skipped: this system does not tell the peak of its memory"),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Sent {
    messages: usize,
    largest_in_queue: usize,
}

/// Delivers a message, and answers every post until there are no more.
fn deliver(sending: &mut Sending, services: &mut Services, request: HttpRequest) -> Sent {
    let mut sent = Sent {
        messages: 0,
        largest_in_queue: 0,
    };
    sending.handle(
        NOW,
        Input::Request {
            id: AnswerId(1),
            request,
        },
    );
    loop {
        let mut posts = Vec::new();
        let mut asked = false;
        while let Some(output) = sending.poll_output() {
            if let Output::Post {
                id,
                to: to @ (Endpoint::Store | Endpoint::Sds | Endpoint::Pds),
                request,
                ..
            } = output
            {
                ask(services, to, sending, id, request);
                asked = true;
            } else if let Output::Post { id, request, .. } = output {
                assert!(request.body.len() <= 5_000_000);
                posts.push(id);
            }
        }
        if posts.is_empty() && !asked {
            return sent;
        }
        sent.messages += posts.len();
        sent.largest_in_queue = sent.largest_in_queue.max(posts.len());
        for post in posts {
            let response = HttpResponse {
                status: 202,
                content_type: None,
                headers: Headers::new(),
                body: "".into(),
            };
            sending.handle(NOW, Input::Response { post, response });
        }
    }
}

/// All of them answer at once.
type Services = BTreeMap<Endpoint, Box<dyn Peer>>;

fn ask(
    services: &mut Services,
    to: Endpoint,
    sending: &mut Sending,
    post: PostId,
    request: HttpRequest,
) {
    let id = AnswerId(post.0);
    let service = services.get_mut(&to).unwrap();
    service.handle(NOW, Input::Request { id, request });
    while let Some(output) = service.poll_output() {
        if let Output::Answer { response, .. } = output {
            sending.handle(NOW, Input::Response { post, response });
        }
    }
}

fn services() -> Services {
    let registered = GeneralPractitioner::Practice(ods("B86041"));
    let record = PdsRecord::new(patient().nhs_number, registered);
    let pds = PdsConfig {
        records: vec![(record, None)],
        registry: Registry::default(),
        faults: Vec::new(),
        started: NOW,
    };
    let sds = SdsConfig {
        directory: directory(),
        registry: Registry::default(),
        faults: Vec::new(),
        started: NOW,
    };
    let streams = Streams::new(1);
    let (pds, sds): (Box<dyn Peer>, Box<dyn Peer>) = (
        Box::new(Pds::new(pds, streams)),
        Box::new(Sds::new(sds, streams)),
    );
    BTreeMap::from([
        (Endpoint::Store, Box::new(store()) as Box<dyn Peer>),
        (Endpoint::Pds, pds),
        (Endpoint::Sds, sds),
    ])
}

fn store() -> Store {
    let config = config();
    let holding = &config.holdings[0];
    let patient = StoredPatient {
        record: holding.record.clone(),
        documents: vec![(holding.documents[0].1.clone(), None)],
    };
    let config = StoreConfig {
        base: config.store,
        asid: config.identity.practice.asid,
        practice: config.identity.practice.ods,
        policy: DeletePolicy::default(),
        patients: vec![patient],
        faults: Vec::new(),
        started: NOW,
    };
    Store::new(config, Streams::new(1))
}

/// `VmHWM` of this process.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

fn config() -> SendingConfig {
    let document = DocumentSpec::generate(1, 0, DocumentKind::Jpeg, DOCUMENT_BYTES);
    let plan = DocumentPlan {
        media_type: document.media_type.clone(),
        bytes: DOCUMENT_BYTES,
        file_name: None,
        description: DescriptionChoice::Grammar,
        missing: None,
        already_missing: None,
        same_id: false,
        arrives: None,
    };
    let holding = Holding {
        plan: PatientPlan {
            label: "patient".to_owned(),
            nhs_number: patient().nhs_number,
            index: 0,
            held: true,
            previous_practice: Some(ods("A81001")),
            pds: PdsRecord::new(
                patient().nhs_number,
                GeneralPractitioner::Practice(ods("B86041")),
            ),
            registers_with: None,
            awaited_from: None,
            current_practice: ods("B86041"),
            returning: false,
            record_bytes: 20_000,
            redactions: false,
            documents: vec![plan.clone()],
            habit: Habit {
                decision: None,
                after: Duration::ZERO,
            },
        },
        record: RecordSpec {
            patient: patient(),
            practice: ods("A81001"),
            target_bytes: 20_000,
            documents: Vec::new(),
            linked: None,
            entries: Vec::new(),
            redactions: false,
            seed: 1,
            recorded_at: NOW,
        },
        documents: vec![(plan, document)],
    };
    SendingConfig {
        identity: identity("A81001"),
        manner: Manner::default(),
        api_key: api_key(Role::Sending).to_owned(),
        enabled: true,
        attachment_threshold: 4_500_000,
        message_limit: 5_000_000,
        cleanup: Cleanup::Never,
        store: "https://store.invalid".to_owned(),
        holdings: vec![holding],
        defects: Vec::new(),
    }
}

fn requester_message(
    number: u32,
    payload: impl FnOnce(&dyn Fn(Interaction) -> Wrapper, Hl7MessageId) -> Payload,
) -> HttpRequest {
    let (identity, to) = (identity("B86041"), Address::from(&practice("A81001")));
    let id = EbxmlMessageId::parse(&format!("00000000-0000-4000-8000-{number:012}")).unwrap();
    let wrapper = |interaction| identity.wrapper(NOW, &to, interaction, Hl7MessageId::from(&id));
    let payload = payload(&wrapper, Hl7MessageId::from(&id));
    let conversation = ConversationId::parse("1").unwrap();
    let header = identity
        .header(&directory(), NOW, &to, &payload, conversation, id.clone())
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

fn patient() -> Patient {
    Patient::generate(1, 0)
}

fn ods(code: &str) -> OdsCode {
    OdsCode::parse(code).unwrap()
}

fn identity(code: &str) -> Identity {
    Identity {
        practice: practice(code),
        dialect: Dialect::NationalMhs,
    }
}

fn practice(code: &str) -> Practice {
    Practice {
        ods: ods(code),
        asid: Asid::parse(&format!("{:0>12}", &code[1..])).unwrap(),
        party_key: PartyKey::parse(&format!("{code}-800001")).unwrap(),
        interactions: Interaction::ALL.into(),
    }
}

fn directory() -> Directory {
    let practices = vec![practice("A81001"), practice("B86041")];
    let contracts = practices.iter().flat_map(|practice| {
        Interaction::ALL.map(|interaction| Contract {
            party_key: practice.party_key.clone(),
            interaction,
            cpa_id: CpaId::parse("S1001").unwrap(),
            retries: 0,
            retry_interval: Duration::ZERO,
            persist_duration: Duration::from_hours(4),
        })
    });
    Directory {
        contracts: contracts.collect(),
        practices,
        ..Directory::default()
    }
}
