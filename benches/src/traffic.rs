//! What goes to the servers: messages, each with ids of its own, and requests for a document.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use gp2gp_mocks::peer::HttpRequest;
use gp2gp_mocks::spine;
use gp2gp_mocks::store::{Requester, StoreConfig, StoredPatient};
use gp2gp_mocks::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec};
use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::store::{ActingRole, DeletePolicy, DocumentOperation};
use gp2gp_model::{Dialect, Interaction, Time};
use gp2gp_wire::Encoded;
use memchr::memmem;

use crate::{fragment_with, messages};

/// The time of every server.
pub const NOW: Time = Time::from_micros(1_767_603_600_000_000);
/// Size of the document that is downloaded.
pub const DOCUMENT_BYTES: usize = 20 * 1024 * 1024;
/// Size of the document whose message is as large as Spine takes one.
const ATTACHMENT_BYTES: u64 = 3_370_000;
/// Size of a small message.
const SMALL_BYTES: usize = 6_000;

/// The bytes of one request, and what its answer must be.
pub struct Traffic {
    request: Vec<u8>,
    ids: Ids,
    /// Status of the answer.
    pub status: u16,
    /// Least bytes of its body.
    pub least_bytes: usize,
    /// Whether its answer names the message.
    is_named: bool,
}

/// Where the ids of a message stand in its request.
struct Ids {
    message: Vec<usize>,
    conversation: Vec<usize>,
}

impl Traffic {
    /// A request for a record, with white space in its payload up to 6 KB.
    pub fn small() -> Result<Self, Box<dyn Error>> {
        let (_, message) = messages(Bytes::new())?.swap_remove(0);
        let encoded = message.encode(Dialect::NationalMhs);
        let blanks = SMALL_BYTES.saturating_sub(encoded.body.len());
        let at = memmem::rfind(&encoded.body, b"</").ok_or("a message without XML")?;
        let (before, after) = encoded.body.split_at(at);
        let body = [before, " ".repeat(blanks).as_bytes(), after].concat();
        Ok(Self::message(&Encoded {
            body: body.into(),
            ..encoded
        }))
    }

    /// A fragment with a document in it, 4.5 MB.
    pub fn large() -> Result<Self, Box<dyn Error>> {
        let document = DocumentSpec::generate(1, 1, DocumentKind::Tiff, ATTACHMENT_BYTES);
        let message = fragment_with(&document.to_bytes())?;
        Ok(Self::message(&message.encode(Dialect::NationalMhs)))
    }

    /// A request for the document of [`store`], as its own bytes.
    pub fn document(base: &str) -> Result<Self, Box<dyn Error>> {
        let config = store()?;
        let asker = Requester {
            asid: "200000000205".parse()?,
            practice: config.practice,
            store: config.asid,
            base: base.to_owned(),
        };
        let id = document_spec().id;
        let role = ActingRole::System;
        let asked = asker.act(NOW, "t", role, id.as_str(), DocumentOperation::Read);
        let mut request = format!("{} {} HTTP/1.1\r\nHost: x\r\n", asked.method, asked.path);
        for (name, value) in asked.headers.iter().filter(|(name, _)| *name != "accept") {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("Accept: application/octet-stream\r\n\r\n");
        Ok(Self {
            request: request.into(),
            ids: Ids {
                message: Vec::new(),
                conversation: Vec::new(),
            },
            status: 200,
            least_bytes: DOCUMENT_BYTES,
            is_named: false,
        })
    }

    fn message(encoded: &Encoded) -> Self {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: {}\r\nSOAPAction: {}\r\nContent-Length: {}\r\n\r\n",
            spine::PATH,
            encoded.content_type,
            encoded.soap_action,
            encoded.body.len()
        );
        let request = [head.as_bytes(), &encoded.body].concat();
        let places = |id: &str| memmem::find_iter(&request, id).collect();
        Self {
            ids: Ids {
                message: places(crate::MESSAGE_ID),
                conversation: places(crate::CONVERSATION),
            },
            request,
            status: 202,
            least_bytes: 36,
            is_named: true,
        }
    }

    /// The same for a server that answers the same to everything.
    pub fn answered_blindly(self) -> Self {
        Self {
            is_named: false,
            ..self
        }
    }

    /// The request as a peer sees it.
    pub fn for_peer(request: &[u8]) -> Option<HttpRequest> {
        let end = memmem::find(request, b"\r\n\r\n")?;
        let head = std::str::from_utf8(request.get(..end)?).ok()?;
        let header = |name: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        Some(HttpRequest {
            method: Method::Post,
            path: head.split(' ').nth(1)?.to_owned(),
            soap_action: header("SOAPAction").map(str::to_owned),
            content_type: header("Content-Type")?.to_owned(),
            headers: Headers::new(),
            body: Bytes::copy_from_slice(request.get(end + 4..)?),
        })
    }

    /// Bytes of a request, its head included.
    pub fn request_bytes(&self) -> usize {
        self.request.len()
    }

    /// The request on its own, for one connection to send again and again.
    pub fn copy(&self) -> Vec<u8> {
        self.request.clone()
    }

    /// Gives the request new ids, and says which its answer must name.
    pub fn renew(&self, request: &mut [u8], number: u64) -> Option<[u8; 36]> {
        let message = uuid(2 * number);
        for (places, id) in [
            (&self.ids.message, message),
            (&self.ids.conversation, uuid(2 * number + 1)),
        ] {
            for at in places {
                request.get_mut(*at..at + id.len())?.copy_from_slice(&id);
            }
        }
        self.is_named.then_some(message)
    }
}

/// An id as random as any, by its number.
fn uuid(number: u64) -> [u8; 36] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let words = [mixed(number), mixed(!number)];
    let mut id = [b'-'; 36];
    let digits = (0..36).filter(|at| !matches!(at, 8 | 13 | 18 | 23));
    for (nth, at) in digits.enumerate() {
        let word = words[nth / 16] >> (nth % 16 * 4);
        id[at] = HEX[(word & 15) as usize];
    }
    id
}

/// The finalizer of SplitMix64.
const fn mixed(number: u64) -> u64 {
    let mut word = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// The two practices that the messages are between.
pub fn directory() -> Result<Directory, Box<dyn Error>> {
    let practice = |ods: &str, asid: &str, party_key: &str| -> Result<_, Box<dyn Error>> {
        Ok(Practice {
            ods: ods.parse()?,
            asid: asid.parse()?,
            party_key: party_key.parse()?,
            interactions: Interaction::ALL.into(),
        })
    };
    let practices = vec![
        practice("A99998", "999900000002", "A99998-800001")?,
        practice("B99999", "999900000001", "B99999-800002")?,
    ];
    let mut contracts = Vec::new();
    for practice in &practices {
        for interaction in Interaction::ALL {
            contracts.push(Contract {
                party_key: practice.party_key.clone(),
                interaction,
                cpa_id: "S3050000A0000001".parse()?,
                retries: 2,
                retry_interval: Duration::from_secs(300),
                persist_duration: Duration::from_secs(4 * 3_600),
            });
        }
    }
    Ok(Directory {
        practices,
        contracts,
        ..Directory::default()
    })
}

/// A store with one document.
pub fn store() -> Result<StoreConfig, Box<dyn Error>> {
    let document = document_spec();
    let record = RecordSpec {
        patient: Patient::generate(1, 0),
        practice: "B83002".parse()?,
        target_bytes: 60_000,
        documents: vec![document.clone()],
        linked: None,
        entries: Vec::new(),
        redactions: false,
        seed: 5,
        recorded_at: NOW,
    };
    Ok(StoreConfig {
        base: "http://nowhere.invalid".to_owned(),
        asid: "918999198738".parse()?,
        practice: "B83002".parse()?,
        policy: DeletePolicy::ArchiveFirst,
        patients: vec![StoredPatient {
            record,
            documents: vec![(document, None)],
        }],
        faults: Vec::new(),
        started: NOW,
    })
}

fn document_spec() -> DocumentSpec {
    DocumentSpec::generate(1, 0, DocumentKind::Tiff, DOCUMENT_BYTES as u64)
}
