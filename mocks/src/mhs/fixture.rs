//! Two practices and what they send each other, for the tests of both.

use std::time::Duration;

use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::plan::Act;
use gp2gp_model::registry::{Organisation, Registry};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{
    Asid, ConversationId, CpaId, EbxmlMessageId, Hl7MessageId, Interaction, NhsNumber, OdsCode,
    PartyKey, Time, Version,
};
use gp2gp_sim::Streams;
use gp2gp_wire::Dialect;
use gp2gp_wire::ebxml::{self, EbxmlError, EbxmlErrorCode, ErrorList, Fault, NaspError};
use gp2gp_wire::hl7::{Acknowledgement, Payload};
use gp2gp_wire::message::{self, Attachment, Message, Received};

use super::{Address, Identity};
use crate::pds::{Pds, PdsConfig};
use crate::peer::{AnswerId, HttpRequest, HttpResponse, Input, Output, Peer, PostId};
use crate::sds::{Sds, SdsConfig};

/// 2026-01-05T09:00:00Z.
pub(crate) const START: Time = Time::from_micros(1_767_603_600_000_000);
pub(crate) const RETRIES: u32 = 2;
pub(crate) const RETRY_INTERVAL: Duration = Duration::from_secs(60);
pub(crate) const PERSIST_EXTRACT: Duration = Duration::from_secs(15_000);
pub(crate) const PERSIST_COPC: Duration = Duration::from_secs(25_200);
/// The practice under test.
pub(crate) const OWN: &str = "A81001";
/// The other practice.
pub(crate) const OTHER: &str = "B86041";

pub(crate) fn ods(ods: &str) -> OdsCode {
    OdsCode::parse(ods).unwrap()
}

pub(crate) fn practice(code: &str) -> Practice {
    let serial: u32 = code[1..].parse().unwrap();
    Practice {
        ods: ods(code),
        asid: Asid::parse(&format!("{serial:012}")).unwrap(),
        party_key: PartyKey::parse(&format!("{code}-800001")).unwrap(),
        interactions: Version::default().interactions(),
    }
}

pub(crate) fn identity(code: &str) -> Identity {
    Identity {
        practice: practice(code),
        dialect: Dialect::NationalMhs,
    }
}

pub(crate) fn directory() -> Directory {
    let practices = vec![practice(OWN), practice(OTHER)];
    let contracts = practices
        .iter()
        .flat_map(|practice| Interaction::ALL.map(|interaction| contract(practice, interaction)))
        .collect();
    Directory {
        practices,
        contracts,
        ..Directory::default()
    }
}

fn contract(practice: &Practice, interaction: Interaction) -> Contract {
    Contract {
        party_key: practice.party_key.clone(),
        interaction,
        cpa_id: CpaId::parse(&format!("{}-{}", practice.ods, interaction.id())).unwrap(),
        retries: RETRIES,
        retry_interval: RETRY_INTERVAL,
        persist_duration: match interaction {
            Interaction::Copc => PERSIST_COPC,
            Interaction::EhrRequestUk05
            | Interaction::EhrRequestUk06
            | Interaction::EhrExtractUk06
            | Interaction::EhrExtractUk07
            | Interaction::EhrExtractUk08
            | Interaction::Acknowledgement => PERSIST_EXTRACT,
        },
    }
}

/// A UUID that ends in this number.
pub(crate) fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

pub(crate) fn message_id(number: u32) -> EbxmlMessageId {
    EbxmlMessageId::parse(&uuid(number)).unwrap()
}

pub(crate) fn conversation(number: u32) -> ConversationId {
    ConversationId::parse(&uuid(number)).unwrap()
}

/// A message between the two, with the payload made from its wrapper.
pub(crate) fn message(
    (from, to): (&str, &str),
    now: Time,
    conversation: &ConversationId,
    id: &EbxmlMessageId,
    payload: impl FnOnce(&Identity, &Address) -> Payload,
    attachments: Vec<Attachment>,
) -> Message {
    let identity = identity(from);
    let to = Address::from(&practice(to));
    let payload = payload(&identity, &to);
    let header = identity
        .header(
            &directory(),
            now,
            &to,
            &payload,
            conversation.clone(),
            id.clone(),
        )
        .unwrap();
    Message {
        header,
        payload,
        attachments,
    }
}

/// A positive acknowledgement of some message: the smallest message there is.
pub(crate) fn small_message(from: &str, to: &str, number: u32) -> Message {
    let id = message_id(number);
    let payload = |identity: &Identity, to: &Address| {
        let wrapper = identity.wrapper(
            START,
            to,
            Interaction::Acknowledgement,
            Hl7MessageId::from(&id),
        );
        let message_ref = Hl7MessageId::parse(&uuid(999)).unwrap();
        Payload::Acknowledgement(Acknowledgement::positive(wrapper, message_ref))
    };
    message(
        (from, to),
        START,
        &conversation(500),
        &id,
        payload,
        Vec::new(),
    )
}

/// A message as Spine delivers it.
pub(crate) fn delivery(message: &Message) -> HttpRequest {
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

/// Takes the number of a post, and the request.
pub(crate) fn post(output: Output) -> (PostId, HttpRequest) {
    match output {
        Output::Post { id, request, .. } => (id, request),
        Output::Answer { .. }
        | Output::Notice(_)
        | Output::FaultFired(_)
        | Output::Crash { .. } => {
            panic!("not a post: {output:?}")
        }
    }
}

pub(crate) fn opened(request: &HttpRequest) -> Received {
    message::open(&request.content_type, &request.body).unwrap()
}

pub(crate) fn accepted() -> HttpResponse {
    response(202, String::new())
}

pub(crate) fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some("text/xml".to_owned()),
        headers: Headers::new(),
        body: body.into(),
    }
}

/// HTTP 500 with a SOAP fault of these national codes.
pub(crate) fn fault(codes: &[&str]) -> HttpResponse {
    let errors = codes.iter().map(|code| NaspError {
        code_context: "urn:nhs:names:error:tms".to_owned(),
        code: (*code).to_owned(),
        severity: "Error".to_owned(),
        location: "/".to_owned(),
        description: "trouble".to_owned(),
    });
    let fault = Fault {
        code: "SOAP:Server".to_owned(),
        string: "Application or system fault".to_owned(),
        errors: errors.collect(),
    };
    response(500, ebxml::fault(&fault))
}

/// Spine's complaint about a message.
pub(crate) fn error_list(about: &EbxmlMessageId, to: &str) -> String {
    ebxml::error_list(&ErrorList {
        from: PartyKey::parse("YES-0000806").unwrap(),
        to: practice(to).party_key,
        cpa_id: CpaId::parse("S1001").unwrap(),
        conversation_id: conversation(500),
        message_id: message_id(777),
        ref_to_message_id: Some(about.clone()),
        timestamp: START,
        errors: vec![EbxmlError {
            code: EbxmlErrorCode::DeliveryFailure,
            code_context: "urn:oasis:names:tc:ebxml-msg:service:errors".to_owned(),
            is_error: true,
            location: None,
            description: "could not be delivered".to_owned(),
        }],
    })
}

/// SDS and PDS, which answer at once.
pub(crate) struct Services {
    sds: Sds,
    pds: Pds,
    asked: u64,
}

impl Services {
    /// With these patients, each registered at a practice.
    pub(crate) fn new(
        directory: Directory,
        registered: impl Iterator<Item = (NhsNumber, OdsCode)>,
    ) -> Self {
        let organisations = directory.practices.iter().map(|practice| Organisation {
            ods: practice.ods.clone(),
            name: practice.ods.to_string(),
        });
        let registry = Registry {
            organisations: organisations.collect(),
            ..Registry::default()
        };
        let records = registered.map(|(patient, practice)| {
            let with = GeneralPractitioner::Practice(practice);
            (PdsRecord::new(patient, with), None)
        });
        let streams = Streams::new(1);
        Self {
            pds: Pds::new(
                PdsConfig {
                    records: records.collect(),
                    registry: registry.clone(),
                    faults: Vec::new(),
                    started: START,
                },
                streams,
            ),
            sds: Sds::new(
                SdsConfig {
                    directory,
                    registry,
                    faults: Vec::new(),
                    started: START,
                },
                streams,
            ),
            asked: 0,
        }
    }

    /// The answer of one of them.
    pub(crate) fn answer(&mut self, now: Time, to: Endpoint, request: HttpRequest) -> HttpResponse {
        self.asked += 1;
        let id = AnswerId(self.asked);
        let service: &mut dyn Peer = if to == Endpoint::Sds {
            &mut self.sds
        } else {
            &mut self.pds
        };
        service.handle(now, Input::Request { id, request });
        match service.poll_output() {
            Some(Output::Answer { response, .. }) => response,
            other => panic!("{other:?} of {to}"),
        }
    }

    /// Somebody does something to them.
    pub(crate) fn act(&mut self, now: Time, act: Act) {
        if act.move_on().is_some() {
            self.pds.handle(now, Input::Act(act));
        } else {
            self.sds.handle(now, Input::Act(act));
        }
    }
}
