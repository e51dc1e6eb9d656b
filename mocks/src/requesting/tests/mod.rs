mod corpus;
mod large;
mod small;

use bytes::Bytes;
use gp2gp_model::directory::{Directory, Practice};
use gp2gp_model::plan::{Act, Decision, Role};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{
    ContentId, ConversationId, EbxmlMessageId, EhrExtractId, EhrRequestId, Hl7MessageId,
    Interaction, NhsNumber, ResponseCode, Sha256, Time, Version,
};
use gp2gp_sim::Streams;
use gp2gp_wire::Dialect;
use gp2gp_wire::attachment::{Description, Wrap, encode};
use gp2gp_wire::hl7::{
    Acknowledgement, EhrExtract, ExtractVersion, Fragment, Gp2gpFragment, Payload,
};
use gp2gp_wire::message::{Attachment, Inline, Location, Message, Received};
use gp2gp_wire::mime::TransferEncoding;

use super::*;
use crate::fhir::api_key;
use crate::mhs::fixture::*;
use crate::peer::{AnswerId, HttpRequest, HttpResponse};

/// Number of the core's message id.
const CORE: u32 = 10;

/// A requesting system after its request, with Spine and a sending system around it.
struct Scene {
    system: Requesting,
    /// SDS and PDS, where every patient is with the other practice before.
    services: Services,
    now: Time,
    patient: NhsNumber,
    conversation: ConversationId,
    request: EhrRequestId,
    request_message: Hl7MessageId,
    notices: Vec<Notice>,
    answers: Vec<HttpResponse>,
    /// How Spine answers posts of this action from now on.
    refused_action: Option<Interaction>,
}

fn patient(number: u32) -> NhsNumber {
    (number..).find_map(NhsNumber::synthetic).unwrap()
}

fn config() -> RequestingConfig {
    RequestingConfig {
        identity: identity(OWN),
        era: Era::PracticeCode,
        shares_database_with: Vec::new(),
        api_key: api_key(Role::Requesting).to_owned(),
        enabled: true,
        version: Version::default(),
        returning: BTreeSet::new(),
        caps: Caps::default(),
        message_ids: manner::MessageIds::default(),
        defects: Vec::new(),
    }
}

fn register(patient: NhsNumber) -> Act {
    Act::Register { patient, gp: None }
}

impl Scene {
    fn new() -> Self {
        Self::of(config())
    }

    fn broken(defect: RequestingDefect) -> Self {
        Self::of(RequestingConfig {
            defects: vec![defect],
            ..config()
        })
    }

    fn of(config: RequestingConfig) -> Self {
        let mut scene = Self::unregistered(config, directory());
        scene.register_patient(1);
        scene
    }

    /// Nobody has registered yet.
    fn unregistered(config: RequestingConfig, directory: Directory) -> Self {
        let patients = [1, 2, 3, 100]
            .map(|number| (patient(number), ods(OTHER)))
            .into_iter();
        Self {
            services: Services::new(directory, patients),
            system: Requesting::new(config, Streams::new(1)),
            now: START,
            patient: patient(1),
            conversation: conversation(0),
            request: EhrRequestId::parse("none").unwrap(),
            request_message: Hl7MessageId::parse("none").unwrap(),
            notices: Vec::new(),
            answers: Vec::new(),
            refused_action: None,
        }
    }

    /// Registers a patient; from now on messages are about this one's transfer.
    fn register_patient(&mut self, number: u32) {
        self.patient = patient(number);
        let sent = self.act(register(self.patient));
        let [request] = sent.as_slice() else {
            panic!("not one request: {sent:?}");
        };
        let Payload::EhrRequest(payload) = request.payload().unwrap() else {
            panic!("{request:?}");
        };
        self.conversation = request.header.conversation_id.clone();
        self.request = payload.id;
        self.request_message = payload.wrapper.id;
    }

    fn act(&mut self, act: Act) -> Vec<Received> {
        self.system.handle(self.now, Input::Act(act));
        self.settle()
    }

    fn decide(&mut self, decision: Decision) -> Vec<String> {
        let patient = self.patient;
        acks(&self.act(Act::Decide { patient, decision }))
    }

    /// Delivers a message; gives what the system sends because of it.
    fn deliver(&mut self, message: &Message) -> Vec<Received> {
        self.deliver_raw(delivery(message))
    }

    fn deliver_raw(&mut self, request: HttpRequest) -> Vec<Received> {
        let id = AnswerId(self.answers.len() as u64);
        self.system.handle(self.now, Input::Request { id, request });
        self.settle()
    }

    fn wake_at(&mut self, now: Time) -> Vec<Received> {
        self.now = now;
        self.system.handle_timeout(now);
        self.settle()
    }

    /// Carries out everything that the system wants done. Spine accepts every post but refused ones.
    fn settle(&mut self) -> Vec<Received> {
        let mut sent = Vec::new();
        while let Some(output) = self.system.poll_output() {
            match output {
                Output::Post {
                    id,
                    to: to @ (Endpoint::Sds | Endpoint::Pds),
                    request,
                    ..
                } => {
                    let response = self.services.answer(self.now, to, request);
                    self.system
                        .handle(self.now, Input::Response { post: id, response });
                }
                Output::Post { id, request, .. } => {
                    let received = opened(&request);
                    let is_refused = self.refused_action.is_some()
                        && received.interaction() == self.refused_action;
                    let response = if is_refused {
                        fault(&["300"])
                    } else {
                        sent.push(received);
                        accepted()
                    };
                    self.system
                        .handle(self.now, Input::Response { post: id, response });
                }
                Output::Answer { response, .. } => self.answers.push(response),
                Output::Notice(notice) => self.notices.push(notice),
                Output::FaultFired(name) => panic!("{name}"),
                Output::Crash { system, .. } => panic!("{system} goes down"),
            }
        }
        sent
    }

    fn core(&self, number: u32, attachments: Vec<Attachment>) -> Message {
        self.core_with(number, record(&[]), attachments)
    }

    fn core_with(&self, number: u32, record: Bytes, attachments: Vec<Attachment>) -> Message {
        let id = message_id(number);
        let payload = |identity: &Identity, to: &Address| {
            let interaction = Interaction::EhrExtractUk06;
            Payload::EhrExtract(EhrExtract {
                wrapper: identity.wrapper(self.now, to, interaction, Hl7MessageId::from(&id)),
                version: ExtractVersion::Uk06,
                id: EhrExtractId::parse(&uuid(900)).unwrap(),
                availability_time: START.to_hl7(),
                patient: self.patient,
                author: ods(OTHER),
                destination: Some(ods(OWN)),
                prior_request: Some(self.request.clone()),
                record,
            })
        };
        message(
            (OTHER, OWN),
            self.now,
            &self.conversation,
            &id,
            payload,
            attachments,
        )
    }

    fn fragment(&self, number: u32, attachments: Vec<Attachment>) -> Message {
        let id = message_id(number);
        let hl7_id = Hl7MessageId::from(&id);
        let payload = |identity: &Identity, to: &Address| {
            Payload::Fragment(Fragment {
                wrapper: identity.wrapper(self.now, to, Interaction::Copc, hl7_id.clone()),
                information_code: "GP2GPLMATTACHMENTINFO".to_owned(),
                information_id: hl7_id.clone(),
                fragment: Gp2gpFragment {
                    version: "01".to_owned(),
                    recipients: vec![ods(OWN)],
                    from: ods(OTHER),
                    subject: "Attachment: a.bin".to_owned(),
                    message_id: hl7_id.clone(),
                    in_order: true,
                },
                file_reference: Some("a.bin".to_owned()),
            })
        };
        message(
            (OTHER, OWN),
            self.now,
            &self.conversation,
            &id,
            payload,
            attachments,
        )
    }

    /// An acknowledgement by the sending system, in a supplier's style.
    fn acknowledgement(&self, of: &Hl7MessageId, code: Option<&str>, dialect: Dialect) -> Message {
        let id = message_id(800);
        let payload = |identity: &Identity, to: &Address| {
            let interaction = Interaction::Acknowledgement;
            let wrapper = identity.wrapper(self.now, to, interaction, Hl7MessageId::from(&id));
            Payload::Acknowledgement(match code {
                None => Acknowledgement::positive(wrapper, of.clone()),
                Some(code) => {
                    let code = ResponseCode::from(code);
                    Acknowledgement::negative(wrapper, of.clone(), code, dialect)
                }
            })
        };
        message(
            (OTHER, OWN),
            self.now,
            &self.conversation,
            &id,
            payload,
            Vec::new(),
        )
    }

    fn state(&self) -> String {
        let mut states =
            self.system
                .observe()
                .into_iter()
                .filter_map(|observation| match observation {
                    Observation::Transfer { patient, state, .. } if patient == self.patient => {
                        Some(state)
                    }
                    Observation::InStore { .. }
                    | Observation::Transfer { .. }
                    | Observation::Stored { .. } => None,
                });
        states.next_back().unwrap()
    }

    fn stored(&self) -> Vec<(String, String, Sha256, bool)> {
        let stored =
            self.system
                .observe()
                .into_iter()
                .filter_map(|observation| match observation {
                    Observation::Stored {
                        patient,
                        file_name,
                        media_type,
                        sha256,
                        placeholder,
                        ..
                    } if patient == self.patient => {
                        Some((file_name, media_type, sha256, placeholder))
                    }
                    Observation::InStore { .. }
                    | Observation::Stored { .. }
                    | Observation::Transfer { .. } => None,
                });
        stored.collect()
    }

    /// Digests of the documents, without the record.
    fn documents(&self) -> Vec<Sha256> {
        let stored = self.stored();
        stored
            .into_iter()
            .skip(1)
            .map(|(_, _, sha256, _)| sha256)
            .collect()
    }
}

/// The acknowledgements among messages: `AA 10` or `31 10`, with the number of what they answer.
fn acks(sent: &[Received]) -> Vec<String> {
    let acks = sent
        .iter()
        .filter_map(|received| match received.payload().unwrap() {
            Payload::Acknowledgement(ack) => Some(ack),
            Payload::EhrRequest(_)
            | Payload::EhrExtract(_)
            | Payload::Continue(_)
            | Payload::Fragment(_) => None,
        });
    acks.map(|ack| {
        let code = ack.code().map_or("AA", ResponseCode::as_str);
        let message_ref = ack.message_ref.as_str();
        let number = message_ref
            .rsplit('-')
            .next()
            .unwrap()
            .trim_start_matches('0');
        format!("{code} {number}")
    })
    .collect()
}

fn actions(sent: &[Received]) -> Vec<&str> {
    sent.iter()
        .map(|received| received.header.action.as_str())
        .collect()
}

/// A record with a link for each (document number, reference, media type).
fn record(links: &[(u32, &str, &str)]) -> Bytes {
    let links = links.iter().map(|(number, reference, media_type)| {
        format!(
            "<component typeCode=\"COMP\"><NarrativeStatement classCode=\"OBS\" moodCode=\"EVN\">\
             <id root=\"{}\"/><reference typeCode=\"REFR\"><referredToExternalDocument \
             classCode=\"DOC\" moodCode=\"EVN\"><id root=\"{}\"/><text mediaType=\"{media_type}\">\
             <reference value=\"{reference}\"/></text></referredToExternalDocument></reference>\
             </NarrativeStatement></component>",
            uuid(number + 5_000),
            uuid(*number),
        )
    });
    let links: String = links.collect();
    format!(
        "<component typeCode=\"COMP\"><ehrFolder classCode=\"FOLDER\" moodCode=\"EVN\">\
         <id root=\"{}\"/><component typeCode=\"COMP\"><ehrComposition classCode=\"COMPOSITION\" \
         moodCode=\"EVN\"><id root=\"{}\"/>{links}</ehrComposition></component></ehrFolder>\
         </component>",
        uuid(901),
        uuid(902),
    )
    .into()
}

fn described(file_name: &str, media_type: &str) -> Description {
    Description {
        filename: file_name.to_owned(),
        content_type: media_type.to_owned(),
        compressed: false,
        large_attachment: false,
        original_base64: false,
        length: None,
        domain_data: None,
    }
}

fn inline_text(number: u32, description: Option<String>, text: Bytes) -> Attachment {
    Attachment {
        id: Some(format!("_{}", uuid(number))),
        description,
        location: Location::Inline(Inline {
            content_id: ContentId::parse(&format!("{}@test", uuid(number))).unwrap(),
            content_type: "application/octet-stream".to_owned(),
            encoding: TransferEncoding::Base64,
            body: text,
        }),
    }
}

/// An inline attachment that describes itself by the grammar.
fn inline(number: u32, file_name: &str, content: &[u8]) -> Attachment {
    let description = described(file_name, "text/plain").to_string();
    inline_text(number, Some(description), encode(content, Wrap::None))
}

/// A promise of a document in the message with this number.
fn promised(number: u32, mid: u32, description: &Description) -> Attachment {
    Attachment {
        id: Some(format!("_{}", uuid(number))),
        description: Some(description.to_string()),
        location: Location::External(message_id(mid)),
    }
}

fn other_practice() -> Practice {
    practice(OTHER)
}

fn mid(message: &Message) -> EbxmlMessageId {
    message.header.message_id.clone()
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..count {
        let longer = all.iter().flat_map(|shorter: &Vec<usize>| {
            (0..=shorter.len()).map(move |at| {
                let mut longer = shorter.clone();
                longer.insert(at, next);
                longer
            })
        });
        all = longer.collect();
    }
    all
}
