//! Spine as facts. The two practices are played by hand.

mod admission;
mod crowding;
mod delivery;
mod faults;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::fault::Fault;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;
use gp2gp_model::{ConversationId, EbxmlMessageId, Interaction, Time};
use gp2gp_sim::Streams;
use gp2gp_wire::ebxml::{
    self, AckRequested, Acknowledgment, EbxmlError, EbxmlErrorCode, Envelope, ErrorList, Header,
    NaspError, TO_PARTY_MSH,
};
use gp2gp_wire::hl7::{
    Acknowledgement, Continue, EhrRequest, Gp2gpFragment, Payload, RequestVersion, Wrapper,
};
use gp2gp_wire::message::Received;
use gp2gp_wire::{Dialect, Encoded, Message};

use super::{PATH, Spine, SpineConfig};
use crate::peer::{
    AnswerId, Conduct, HttpRequest, HttpResponse, Input, Output, Peer, PostId, TransportError,
};

const MINUTE: Duration = Duration::from_secs(60);
/// Contracts of these tests: two retries, five minutes apart, within four hours.
const RETRIES: u32 = 2;
const RETRY_INTERVAL: Duration = Duration::from_secs(300);
const PERSIST: Duration = Duration::from_secs(4 * 3600);

const REQUESTING: (&str, &str, &str) = ("A10001", "A10001-820001", "200000000001");
const SENDING: (&str, &str, &str) = ("B20002", "B20002-820002", "200000000002");
/// In the directory, without a system.
const SILENT: (&str, &str, &str) = ("C30003", "C30003-820003", "200000000003");

fn directory() -> Directory {
    let practices: Vec<_> = [REQUESTING, SENDING, SILENT]
        .into_iter()
        .map(|(ods, party_key, asid)| Practice {
            ods: ods.parse().unwrap(),
            asid: asid.parse().unwrap(),
            party_key: party_key.parse().unwrap(),
            interactions: Interaction::ALL.into(),
        })
        .collect();
    let contracts = practices
        .iter()
        .flat_map(|practice| Interaction::ALL.map(|interaction| (practice, interaction)))
        .map(|(practice, interaction)| Contract {
            party_key: practice.party_key.clone(),
            interaction,
            cpa_id: cpa_id(practice.ods.as_str(), interaction),
            retries: RETRIES,
            retry_interval: RETRY_INTERVAL,
            persist_duration: PERSIST,
        })
        .collect();
    Directory {
        practices,
        contracts,
        ..Directory::default()
    }
}

fn cpa_id<Id: std::str::FromStr<Err: std::fmt::Debug>>(ods: &str, interaction: Interaction) -> Id {
    format!("CPA-{ods}-{interaction}").parse().unwrap()
}

/// Spine, a clock, and what Spine wants posted.
struct Bench {
    spine: Spine,
    now: Time,
    requests: u64,
    posts: VecDeque<Posted>,
    made: u32,
    fired: Vec<String>,
    crashed: Vec<(Endpoint, Duration)>,
}

#[derive(Debug, Clone, PartialEq)]
struct Posted {
    at: Time,
    id: PostId,
    to: Endpoint,
    request: HttpRequest,
    conduct: Conduct,
}

impl Bench {
    fn new() -> Self {
        Self::with_faults(Vec::new())
    }

    fn with_faults(faults: Vec<Fault>) -> Self {
        let started: Time = "2026-01-05T09:00:00Z".parse().unwrap();
        let config = SpineConfig {
            directory: directory(),
            endpoints: BTreeMap::from([
                (REQUESTING.1.parse().unwrap(), Endpoint::Requesting),
                (SENDING.1.parse().unwrap(), Endpoint::Sending),
            ]),
            faults,
            started,
        };
        Self {
            spine: Spine::new(config, Streams::new(1)),
            now: started,
            requests: 0,
            posts: VecDeque::new(),
            made: 0,
            fired: Vec::new(),
            crashed: Vec::new(),
        }
    }

    /// Posts to Spine and takes the answer.
    fn post(&mut self, request: HttpRequest) -> HttpResponse {
        self.requests += 1;
        let id = AnswerId(self.requests);
        self.spine.handle(self.now, Input::Request { id, request });
        let (answered, response, _) = self.drain().expect("every request is answered at once");
        assert_eq!(answered, id);
        response
    }

    /// Posts a message, and takes the answer with how it is carried.
    fn post_and_see(&mut self, message: &Message) -> (HttpResponse, Conduct) {
        self.requests += 1;
        let id = AnswerId(self.requests);
        let request = http(message);
        self.spine.handle(self.now, Input::Request { id, request });
        let (_, response, conduct) = self.drain().expect("every request is answered at once");
        (response, conduct)
    }

    fn send(&mut self, message: &Message) -> HttpResponse {
        self.post(http(message))
    }

    /// Sends a message that Spine must take.
    fn accept(&mut self, message: &Message) {
        let response = self.send(message);
        assert_eq!(response.status, 202, "{:?}", response.body);
    }

    fn next_post(&mut self) -> Posted {
        self.posts.pop_front().expect("Spine posts something")
    }

    fn respond(&mut self, post: &Posted, response: HttpResponse) {
        let post = post.id;
        self.spine
            .handle(self.now, Input::Response { post, response });
        assert_eq!(self.drain(), None);
    }

    fn acknowledge(&mut self, post: &Posted) {
        self.respond(post, acknowledgment_of(post));
    }

    fn fail(&mut self, post: &Posted, error: TransportError) {
        let post = post.id;
        self.spine.handle(self.now, Input::Failed { post, error });
        assert_eq!(self.drain(), None);
    }

    /// Lets time pass until Spine has something to do; says whether it ever has.
    fn wait(&mut self) -> bool {
        let Some(deadline) = self.spine.poll_timeout() else {
            return false;
        };
        assert!(
            deadline.at > self.now,
            "deadline has passed: {}",
            deadline.why
        );
        self.now = deadline.at;
        self.spine.handle_timeout(self.now);
        assert_eq!(self.drain(), None);
        true
    }

    fn drain(&mut self) -> Option<(AnswerId, HttpResponse, Conduct)> {
        let mut answer = None;
        while let Some(output) = self.spine.poll_output() {
            match output {
                Output::Post {
                    id,
                    to,
                    request,
                    conduct,
                } => {
                    let at = self.now;
                    self.made += 1;
                    self.posts.push_back(Posted {
                        at,
                        id,
                        to,
                        request,
                        conduct,
                    });
                }
                Output::Answer {
                    id,
                    response,
                    conduct,
                } => {
                    assert_eq!(answer.replace((id, response, conduct)), None);
                }
                Output::FaultFired(name) => self.fired.push(name),
                Output::Crash { system, down_for } => self.crashed.push((system, down_for)),
                Output::Notice(notice) => panic!("{notice:?}"),
            }
        }
        answer
    }
}

fn uuid(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn conversation() -> ConversationId {
    uuid(9).parse().unwrap()
}

fn message_id(number: u32) -> EbxmlMessageId {
    uuid(number).parse().unwrap()
}

fn wrapper(
    number: u32,
    interaction: Interaction,
    from: (&str, &str, &str),
    to: (&str, &str, &str),
) -> Wrapper {
    Wrapper {
        id: format!("ABCDEF00-0000-4000-8000-{number:012}")
            .parse()
            .unwrap(),
        creation_time: "20260105090000".to_owned(),
        version_code: "V3NPfIT3.1.10".to_owned(),
        root: interaction.id().to_owned(),
        interaction_id: interaction.id().to_owned(),
        recipient: to.2.parse().unwrap(),
        sender: from.2.parse().unwrap(),
        author: Some(from.2.parse().unwrap()),
    }
}

fn message(
    number: u32,
    from: (&str, &str, &str),
    to: (&str, &str, &str),
    payload: Payload,
) -> Message {
    let interaction = payload.interaction();
    Message {
        header: Header {
            from: from.1.parse().unwrap(),
            to: to.1.parse().unwrap(),
            cpa_id: cpa_id(to.0, interaction),
            conversation_id: conversation(),
            service: "urn:nhs:names:services:gp2gp".to_owned(),
            action: interaction.id().to_owned(),
            message_id: message_id(number),
            timestamp: "2026-01-05T09:00:00Z".parse().unwrap(),
            time_to_live: None,
            ref_to_message_id: None,
            duplicate_elimination: true,
            ack_requested: Some(AckRequested::next_msh()),
            sync_reply: None,
        },
        payload,
        attachments: Vec::new(),
    }
}

/// An EHR request of the requesting to the sending practice.
pub(super) fn ehr_request(number: u32) -> Message {
    ehr_request_to(number, SENDING)
}

fn ehr_request_to(number: u32, to: (&str, &str, &str)) -> Message {
    let payload = Payload::EhrRequest(EhrRequest {
        wrapper: wrapper(number, Interaction::EhrRequestUk05, REQUESTING, to),
        version: RequestVersion::Uk05,
        id: uuid(8).parse().unwrap(),
        patient: gp2gp_model::NhsNumber::synthetic(1).unwrap(),
        author: REQUESTING.0.parse().unwrap(),
        destination: to.0.parse().unwrap(),
    });
    message(number, REQUESTING, to, payload)
}

/// An acknowledgement of the sending to the requesting practice.
fn acknowledgement(number: u32) -> Message {
    let wrapper = wrapper(number, Interaction::Acknowledgement, SENDING, REQUESTING);
    let acknowledged = uuid(7).parse().unwrap();
    let payload = Payload::Acknowledgement(Acknowledgement::positive(wrapper, acknowledged));
    message(number, SENDING, REQUESTING, payload)
}

fn continue_message(number: u32) -> Message {
    let wrapper = wrapper(number, Interaction::Copc, REQUESTING, SENDING);
    let payload = Payload::Continue(Continue {
        information_code: "GP2GP_PI".to_owned(),
        fragment: Gp2gpFragment {
            version: "01".to_owned(),
            recipients: vec![SENDING.0.parse().unwrap()],
            from: REQUESTING.0.parse().unwrap(),
            subject: gp2gp_wire::hl7::CONTINUE_SUBJECT.to_owned(),
            message_id: wrapper.id.clone(),
            in_order: true,
        },
        ack_type: "AA".to_owned(),
        detail_type: "IF".to_owned(),
        detail_code: "0".to_owned(),
        message_ref: uuid(7).parse().unwrap(),
        acknowledged_message: Some(uuid(7).parse().unwrap()),
        wrapper,
    });
    message(number, REQUESTING, SENDING, payload)
}

fn http(message: &Message) -> HttpRequest {
    let Encoded {
        content_type,
        soap_action,
        body,
    } = message.encode(Dialect::NationalMhs);
    HttpRequest {
        method: Method::Post,
        path: PATH.to_owned(),
        soap_action: Some(soap_action),
        content_type,
        headers: Headers::new(),
        body,
    }
}

fn open(request: &HttpRequest) -> Received {
    gp2gp_wire::message::open(&request.content_type, &request.body).unwrap()
}

/// How a healthy handler answers a delivery.
fn acknowledgment_of(post: &Posted) -> HttpResponse {
    let (header, message_id) = match ebxml::parse(&post.request.body) {
        Ok(Envelope::ErrorList(list)) => (None, list.message_id),
        _ => {
            let header = open(&post.request).header;
            (Some(header.clone()), header.message_id)
        }
    };
    let text = ebxml::acknowledgment(&Acknowledgment {
        from: SENDING.1.parse().unwrap(),
        to: REQUESTING.1.parse().unwrap(),
        cpa_id: header.map_or_else(|| "any".parse().unwrap(), |header| header.cpa_id),
        conversation_id: conversation(),
        message_id: message_id_of_handler(),
        ref_to_message_id: message_id,
        timestamp: post.at,
        actor: TO_PARTY_MSH.to_owned(),
    });
    text_xml(200, text)
}

fn message_error_of(post: &Posted) -> HttpResponse {
    let header = open(&post.request).header;
    let text = ebxml::error_list(&ErrorList {
        from: header.to,
        to: header.from,
        cpa_id: header.cpa_id,
        conversation_id: header.conversation_id,
        message_id: message_id_of_handler(),
        ref_to_message_id: Some(header.message_id),
        timestamp: post.at,
        errors: vec![EbxmlError {
            code: EbxmlErrorCode::ValueNotRecognized,
            code_context: "urn:oasis:names:tc:ebxml-msg:service:errors".to_owned(),
            is_error: true,
            location: None,
            description: "501314:Invalid To Party Type attribute".to_owned(),
        }],
    });
    text_xml(200, text)
}

fn message_id_of_handler() -> EbxmlMessageId {
    message_id(999_999)
}

fn text_xml(status: u16, body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some("text/xml".to_owned()),
        headers: Headers::new(),
        body: body.into(),
    }
}

/// The error list of a refusal, which must have the one shape that deployed handlers read.
fn error_list(response: &HttpResponse) -> ErrorList {
    assert_eq!(response.status, 500);
    assert_eq!(response.content_type.as_deref(), Some("text/xml"));
    match ebxml::parse(&response.body) {
        Ok(Envelope::ErrorList(list)) => list,
        other => panic!("{other:?}"),
    }
}

/// Code and description of a refusal.
fn error(response: &HttpResponse) -> (EbxmlErrorCode, String) {
    let mut errors = error_list(response).errors;
    let error = errors.pop().unwrap();
    assert!(errors.is_empty() && error.is_error);
    assert_eq!(
        error.code_context,
        "urn:oasis:names:tc:ebxml-msg:service:errors"
    );
    (error.code, error.description)
}

/// The national error of a SOAP fault.
fn fault(response: &HttpResponse) -> NaspError {
    assert_eq!(response.content_type.as_deref(), Some("text/xml"));
    match ebxml::parse(&response.body) {
        Ok(Envelope::Fault(mut fault)) => {
            assert_eq!(fault.errors.len(), 1);
            fault.errors.remove(0)
        }
        other => panic!("{other:?}"),
    }
}
