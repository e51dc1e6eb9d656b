mod access;
mod faults;
mod managing;
mod reading;

use base64_simd::STANDARD;
use gp2gp_model::fault::{DocumentPattern, Effect, Often, StoreOperation, Target, When};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::store::DocumentState;
use serde_json::Value;

use super::*;
use crate::synthetic::{DocumentKind, Patient};

const BASE: &str = "https://store.invalid";
const NOW: Time = Time::from_micros(1_800_000_000_000_000);

/// A store with one patient and somebody who asks it.
struct Bench {
    store: Store,
    now: Time,
    asker: Requester,
    requests: u32,
}

impl Bench {
    /// With a TIFF of 200 000 bytes, a text of 1 000 and a Word file of 25 MB.
    fn new() -> Self {
        Self::with(three_documents(), Vec::new())
    }

    fn with_fault(effect: Effect, operation: StoreOperation, often: Often) -> Self {
        let planned = planned(
            "planned",
            effect,
            operation,
            DocumentPattern::default(),
            often,
        );
        Self::with(three_documents(), vec![planned])
    }

    fn with(documents: Vec<(DocumentSpec, Option<MissingReason>)>, faults: Vec<Fault>) -> Self {
        Self::of(config(documents, faults))
    }

    fn of(config: StoreConfig) -> Self {
        Self {
            asker: Requester {
                asid: "200000000205".parse().unwrap(),
                practice: config.practice.clone(),
                store: config.asid.clone(),
                base: BASE.to_owned(),
            },
            store: Store::new(config, Streams::new(1)),
            now: NOW,
            requests: 0,
        }
    }

    fn trace(&mut self) -> String {
        self.requests += 1;
        format!("trace-{}", self.requests)
    }

    fn ask(&mut self, request: &HttpRequest) -> Answer {
        let (reply, fired) = self.store.reply(self.now, request);
        Answer {
            conduct: reply.conduct,
            response: reply.into_response(),
            fired,
        }
    }

    fn list(&mut self) -> Answer {
        let trace = self.trace();
        let request = self.asker.list(self.now, &trace, "patient-1");
        self.ask(&request)
    }

    fn act(&mut self, role: ActingRole, nth: usize, operation: DocumentOperation) -> Answer {
        let (id, trace) = (self.id(nth), self.trace());
        let request = self.asker.act(self.now, &trace, role, &id, operation);
        self.ask(&request)
    }

    /// The whole `Binary` of a document.
    fn read(&mut self, nth: usize) -> Answer {
        self.act(ActingRole::System, nth, DocumentOperation::Read)
    }

    fn range(&mut self, nth: usize, range: std::ops::Range<u64>) -> Answer {
        let url = format!("{BASE}/Binary/{}", self.id(nth));
        let trace = self.trace();
        let request = self.asker.range(self.now, &trace, &url, &range);
        self.ask(&request)
    }

    /// A read of a document with these headers instead of the usual `Accept`.
    fn read_with(&mut self, method: Method, nth: usize, headers: &[(&str, &str)]) -> Answer {
        let (id, trace) = (self.id(nth), self.trace());
        let read = DocumentOperation::Read;
        let mut request = self
            .asker
            .act(self.now, &trace, ActingRole::System, &id, read);
        request.method = method;
        request.headers = without(&request.headers, "accept");
        for (name, value) in headers {
            request.headers.push(name, *value);
        }
        self.ask(&request)
    }

    fn id(&self, nth: usize) -> String {
        self.spec(nth).id.to_string()
    }

    fn spec(&self, nth: usize) -> &DocumentSpec {
        &self.store.documents()[nth].spec
    }

    fn state(&self, nth: usize) -> DocumentState {
        self.store.documents()[nth].state
    }
}

struct Answer {
    conduct: Conduct,
    response: crate::peer::HttpResponse,
    fired: Vec<String>,
}

impl Answer {
    fn status(&self) -> u16 {
        self.response.status
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response.headers.get(name)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.response.body).unwrap()
    }

    /// Status, Spine code and diagnostics of an `OperationOutcome`.
    fn refusal(&self) -> (u16, String, String) {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
        let issue = &outcome["issue"][0];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            self.status(),
            text(&issue["details"]["coding"][0]["code"]),
            text(&issue["diagnostics"]),
        )
    }

    /// Content type and content of a `Binary`.
    fn binary(&self) -> (String, Vec<u8>) {
        let binary = self.json();
        assert_eq!(binary["resourceType"], "Binary");
        let content = STANDARD.decode_to_vec(binary["content"].as_str().unwrap());
        (
            binary["contentType"].as_str().unwrap().to_owned(),
            content.unwrap(),
        )
    }
}

fn config(
    documents: Vec<(DocumentSpec, Option<MissingReason>)>,
    faults: Vec<Fault>,
) -> StoreConfig {
    let practice: OdsCode = "B83002".parse().unwrap();
    StoreConfig {
        base: BASE.to_owned(),
        asid: "918999198738".parse().unwrap(),
        practice: practice.clone(),
        policy: DeletePolicy::ArchiveFirst,
        patients: vec![StoredPatient {
            record: RecordSpec {
                patient: Patient::generate(1, 0),
                practice,
                target_bytes: 60_000,
                documents: documents.iter().map(|(spec, _)| spec.clone()).collect(),
                linked: None,
                entries: Vec::new(),
                redactions: false,
                seed: 5,
                recorded_at: NOW,
            },
            documents,
        }],
        faults,
        started: NOW,
    }
}

fn planned(
    name: &str,
    effect: Effect,
    operation: StoreOperation,
    documents: DocumentPattern,
    often: Often,
) -> Fault {
    let on = Target::Store {
        operation,
        documents,
    };
    assert_eq!(effect.fits(&on), Ok(()));
    Fault {
        name: name.to_owned(),
        effect,
        on,
        when: When {
            often,
            ..When::default()
        },
    }
}

fn three_documents() -> Vec<(DocumentSpec, Option<MissingReason>)> {
    vec![
        (document(0, DocumentKind::Tiff, 200_000), None),
        (document(1, DocumentKind::Text, 1_000), None),
        (document(2, DocumentKind::Word, 25_000_000), None),
    ]
}

fn document(index: u32, kind: DocumentKind, bytes: u64) -> DocumentSpec {
    DocumentSpec::generate(1, index, kind, bytes)
}

fn without(headers: &Headers, unwanted: &str) -> Headers {
    (headers.iter())
        .filter(|(name, _)| *name != unwanted)
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}
