//! The document store behind a port, asked by a plain HTTP client. A test of its own process,
//! because what is measured is the memory of the process.

#![cfg(test)]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use gp2gp_mocks::peer::HttpRequest;
use gp2gp_mocks::serve::{Server, serve_store};
use gp2gp_mocks::store::{Requester, SHA_256, Store, StoreConfig, StoredPatient};
use gp2gp_mocks::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec};
use gp2gp_model::fault::{DocumentPattern, Effect, Fault, StoreOperation, Target, When};
use gp2gp_model::http::Headers;
use gp2gp_model::store::{ActingRole, DeletePolicy, DocumentOperation};
use gp2gp_model::{Sha256, Time};
use gp2gp_sim::Streams;
use serde_json::Value;
use tokio::sync::mpsc;

/// 2026-01-05T09:00:00Z.
const NOW: Time = Time::from_micros(1_767_603_600_000_000);
/// The largest document measured in practice (spec 70).
const HUGE: u64 = 677_000_000;
/// The process itself and a few pieces: far from any document.
const MEMORY_BYTES: u64 = 30_000_000;

/// A store on a port and a client of it.
struct Desk {
    addr: SocketAddr,
    asker: Requester,
    store: Arc<Mutex<Store>>,
    fired: mpsc::UnboundedReceiver<String>,
    _server: Server,
}

impl Desk {
    async fn with(documents: Vec<DocumentSpec>, effect: Option<Effect>) -> Self {
        let config = config(documents, effect);
        let (practice, store_asid) = (config.practice.clone(), config.asid.clone());
        let (tell, fired) = mpsc::unbounded_channel();
        let (server, store) = serve_store(
            (Ipv4Addr::LOCALHOST, 0).into(),
            Store::new(config, Streams::new(1)),
            || NOW,
            tell,
        )
        .await
        .unwrap();
        Self {
            addr: server.addr(),
            asker: Requester {
                asid: "200000000205".parse().unwrap(),
                practice,
                store: store_asid,
                base: format!("http://{}", server.addr()),
            },
            store,
            fired,
            _server: server,
        }
    }

    /// Sends a request and gives what `take` makes of the answer, read in a thread of its own.
    async fn ask<T: Send + 'static>(
        &self,
        request: HttpRequest,
        take: impl FnOnce(Answer) -> T + Send + 'static,
    ) -> T {
        let addr = self.addr;
        let talk = move || take(Answer::to(addr, &request).unwrap());
        tokio::task::spawn_blocking(talk).await.unwrap()
    }

    async fn json(&self, request: HttpRequest) -> (u16, Value) {
        self.ask(request, |answer| {
            let status = answer.status;
            (
                status,
                serde_json::from_slice(&answer.body().unwrap()).unwrap(),
            )
        })
        .await
    }

    fn read(&self, url: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let id = url.rsplit('/').next().unwrap();
        let role = ActingRole::System;
        let mut request = self.asker.act(NOW, "t", role, id, DocumentOperation::Read);
        request.headers = (request.headers.iter())
            .filter(|(name, _)| *name != "accept")
            .chain(headers.iter().copied())
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        request
    }
}

/// An answer whose body is still on the wire.
struct Answer {
    status: u16,
    headers: Headers,
    stream: BufReader<TcpStream>,
}

impl Answer {
    fn to(addr: SocketAddr, request: &HttpRequest) -> io::Result<Self> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n",
            request.method, request.path
        );
        for (name, value) in request.headers.iter() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!(
            "Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
            request.content_type,
            request.body.len()
        ));
        let mut stream = TcpStream::connect(addr)?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(&request.body)?;
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim().to_owned());
        }
        let status = lines
            .first()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        Ok(Self {
            status: status.ok_or(io::ErrorKind::UnexpectedEof)?,
            headers: headers
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
            stream,
        })
    }

    fn length(&self) -> u64 {
        self.headers.get("content-length").unwrap().parse().unwrap()
    }

    fn body(mut self) -> io::Result<Vec<u8>> {
        let mut body = vec![0; self.length() as usize];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }
}

fn config(documents: Vec<DocumentSpec>, effect: Option<Effect>) -> StoreConfig {
    let record = RecordSpec {
        patient: Patient::generate(1, 0),
        practice: "B83002".parse().unwrap(),
        target_bytes: 60_000,
        documents: documents.clone(),
        linked: None,
        entries: Vec::new(),
        redactions: false,
        seed: 5,
        recorded_at: NOW,
    };
    let planned = |effect| Fault {
        name: "planned".to_owned(),
        effect,
        on: Target::Store {
            operation: StoreOperation::Read,
            documents: DocumentPattern::default(),
        },
        when: When::default(),
    };
    StoreConfig {
        base: "http://nowhere.invalid".to_owned(),
        asid: "918999198738".parse().unwrap(),
        practice: "B83002".parse().unwrap(),
        policy: DeletePolicy::ArchiveFirst,
        patients: vec![StoredPatient {
            record,
            documents: documents.into_iter().map(|spec| (spec, None)).collect(),
        }],
        faults: effect.into_iter().map(planned).collect(),
        started: NOW,
    }
}

fn document(kind: DocumentKind, bytes: u64) -> DocumentSpec {
    DocumentSpec::generate(1, 0, kind, bytes)
}

#[tokio::test]
async fn a_client_finds_lists_and_reads_what_is_there() {
    let spec = document(DocumentKind::Rtf, 300_000);
    let desk = Desk::with(vec![spec.clone()], None).await;
    let number = Patient::generate(1, 0).nhs_number;

    let (_, found) = desk.json(desk.asker.find(NOW, "t", number)).await;
    let id = found["entry"][0]["resource"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, list) = desk.json(desk.asker.list(NOW, "t", &id)).await;
    let attachment = &list["entry"][0]["resource"]["content"][0]["attachment"];
    let url = attachment["url"].as_str().unwrap();
    assert_eq!(url, format!("http://{}/Binary/{}", desk.addr, spec.id));
    assert_eq!(attachment["extension"][0]["url"], SHA_256);

    let (_, binary) = desk.json(desk.read(url, &[])).await;
    let content = BASE64_STANDARD.decode(binary["content"].as_str().unwrap());
    assert_eq!(content.unwrap(), spec.to_bytes());
    let raw = desk.read(url, &[("accept", "text/rtf"), ("range", "bytes=100-299")]);
    let (status, says, part) = desk
        .ask(raw, |answer| {
            let says = answer.headers.get("content-range").unwrap().to_owned();
            (answer.status, says, answer.body().unwrap())
        })
        .await;
    assert_eq!((status, says.as_str()), (206, "bytes 100-299/300000"));
    assert_eq!(part, spec.to_bytes()[100..300]);

    let (status, record) = desk.json(desk.asker.record(NOW, "t", number)).await;
    assert_eq!(
        (status, &record["resourceType"]),
        (200, &Value::from("Bundle"))
    );
    let (status, outcome) = desk.json(desk.asker.list(NOW, "t", "nobody")).await;
    assert_eq!(
        (status, &outcome["resourceType"]),
        (404, &Value::from("OperationOutcome"))
    );
    let archive = DocumentOperation::Archive;
    let request = desk
        .asker
        .act(NOW, "t", ActingRole::System, spec.id.as_str(), archive);
    assert_eq!(desk.json(request).await.0, 200);
    assert_eq!(desk.store.lock().unwrap().audit().len(), 7);
}

#[tokio::test]
async fn the_head_of_a_document_has_its_length() {
    let spec = document(DocumentKind::Tiff, 90_000_000);
    let desk = Desk::with(vec![spec.clone()], None).await;
    let mut request = desk.read(spec.id.as_str(), &[("accept", "image/tiff")]);
    request.method = gp2gp_model::http::Method::Head;
    let length = desk.ask(request, |answer| answer.length()).await;
    assert_eq!(length, 90_000_000);
}

#[tokio::test]
async fn a_document_of_677_mb_streams_through_little_memory() {
    let spec = document(DocumentKind::Tiff, HUGE);
    let digest = spec.digest().0;
    let desk = Desk::with(vec![spec.clone()], None).await;
    for (accept, length) in [
        ("image/tiff", HUGE),
        ("application/fhir+json", HUGE.div_ceil(3) * 4),
    ] {
        let request = desk.read(spec.id.as_str(), &[("accept", accept)]);
        let (announced, read, sha256) = desk.ask(request, drain).await;
        assert_eq!(announced, read);
        assert!(read >= length && read < length + 1_000, "{read}");
        assert_eq!(sha256 == digest, accept == "image/tiff");
    }
    let used = peak_memory();
    assert!(used < MEMORY_BYTES, "{used} bytes of memory");
}

/// Length announced, length read, digest.
fn drain(mut answer: Answer) -> (u64, u64, Sha256) {
    let announced = answer.length();
    let mut hasher = Sha256::hasher();
    let mut piece = vec![0; 256 * 1024];
    loop {
        let read = answer.stream.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
    }
    let (sha256, read) = hasher.finish();
    (announced, read, sha256)
}

/// Most memory that this process ever had, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

#[tokio::test]
async fn a_truncated_document_breaks_off_on_the_wire() {
    let spec = document(DocumentKind::Tiff, 1_000_000);
    let mut desk = Desk::with(vec![spec.clone()], Some(Effect::Truncate(50))).await;
    let request = desk.read(spec.id.as_str(), &[("accept", "image/tiff")]);
    let (announced, read) = desk
        .ask(request, |mut answer| {
            let announced = answer.length();
            let mut body = Vec::new();
            let _ = answer.stream.read_to_end(&mut body);
            (announced, body.len())
        })
        .await;
    assert_eq!((announced, read), (1_000_000, 500_000));
    assert_eq!(desk.fired.recv().await.as_deref(), Some("planned"));
}

#[tokio::test]
async fn a_reset_reaches_the_client() {
    let spec = document(DocumentKind::Tiff, 1_000);
    let desk = Desk::with(vec![spec.clone()], Some(Effect::Reset)).await;
    let request = desk.read(spec.id.as_str(), &[]);
    let addr = desk.addr;
    let asked = thread::spawn(move || Answer::to(addr, &request).map(|answer| answer.status));
    let error = tokio::task::spawn_blocking(move || asked.join().unwrap())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_slow_document_takes_its_time() {
    let spec = document(DocumentKind::Tiff, 30_000);
    let desk = Desk::with(vec![spec.clone()], Some(Effect::Slow(100_000))).await;
    let request = desk.read(spec.id.as_str(), &[("accept", "image/tiff")]);
    let waited = tokio::time::timeout(
        std::time::Duration::from_millis(150),
        desk.ask(request.clone(), |answer| answer.body().unwrap()),
    );
    assert!(waited.await.is_err(), "30 KB at 100 KB/s take 300 ms");
    let body = desk.ask(request, |answer| answer.body().unwrap()).await;
    assert_eq!(body, spec.to_bytes());
}
