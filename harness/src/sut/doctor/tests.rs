mod control;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_mocks::peer::{Conduct, HttpRequest, HttpResponse};
use gp2gp_mocks::serve::{
    Answered, Authority, Guard, Identity, Incoming, Security, Server, serve_guarded,
};
use gp2gp_model::Time;
use gp2gp_model::http::Headers;
use gp2gp_model::trace::Endpoint;
use gp2gp_wire::ebxml;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::sut::certs::Certificates;

/// A folder with a `sut.toml`.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Certificates in a folder of this name.
    fn certs(self, folder: &str, now: Time) -> Self {
        let made = Certificates::make(&[], now).unwrap();
        made.write(&self.0.path().join(folder), true).unwrap();
        self
    }

    fn guard(&self, folder: &str) -> Guard {
        Guard::mutual(&self.identity(folder), &self.authority(folder)).unwrap()
    }

    fn identity(&self, folder: &str) -> Identity {
        let read = |name: &str| fs::read(self.0.path().join(folder).join(name)).unwrap();
        Identity::from_pem(&read("sut.pem"), &read("sut.key")).unwrap()
    }

    fn authority(&self, folder: &str) -> Authority {
        let pem = fs::read(self.0.path().join(folder).join("ca.pem")).unwrap();
        Authority::from_pem(&pem).unwrap()
    }

    /// What doctor says of a sending system that is described so, below the keys that all have.
    async fn examined(&self, environment: &str) -> Diagnosis {
        let text = format!(
            "[sut]\nname = \"acme\"\nroles = [\"sending\"]\n[environment]\nanswer_within = \"2s\"\nready_within = \"300ms\"\n{environment}"
        );
        let config = Config::parse("sut.toml", self.0.path(), &text, []);
        let config = config.unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
        examine(&config, &self.0.path().join("log")).await
    }
}

/// The one thing that is broken: which, what was seen, what to do.
fn only_broken(diagnosis: &Diagnosis) -> (String, String, String) {
    let probes = diagnosis.probes.iter();
    let broken: Vec<_> = probes
        .filter(|probed| probed.state == State::Broken)
        .collect();
    let [probed] = broken.as_slice() else {
        panic!("{diagnosis:#?}");
    };
    let mend = probed.mend.clone().unwrap();
    (probed.probe.clone(), probed.said.clone(), mend)
}

#[track_caller]
fn assert_broken(diagnosis: &Diagnosis, probe: &str, said: &str, mend: &str) {
    let (broken, seen, help) = only_broken(diagnosis);
    assert_eq!(broken, probe, "{diagnosis:#?}");
    assert!(seen.contains(said), "{seen}");
    assert!(help.contains(mend), "{help}");
}

/// A system that answers everything so.
async fn system(
    security: Security,
    answer: impl Fn(&HttpRequest) -> HttpResponse + Send + 'static,
) -> Server {
    let (sender, mut incoming) = mpsc::channel::<Incoming>(4);
    let addr = (Ipv4Addr::LOCALHOST, 0).into();
    let server = serve_guarded(addr, Endpoint::Sending, security, sender).await;
    tokio::spawn(async move {
        while let Some(arrived) = incoming.recv().await {
            let response = answer(&arrived.request);
            let conduct = Conduct::Clean;
            drop(arrived.answer.send(Answered { response, conduct }));
        }
    });
    server.unwrap()
}

fn response(status: u16, content_type: &str, body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse {
        status,
        content_type: Some(content_type.to_owned()),
        headers: Headers::new(),
        body: body.into(),
    }
}

/// As a message handler does.
fn acknowledged(request: &HttpRequest) -> HttpResponse {
    let Ok(message) = gp2gp_wire::message::open(&request.content_type, &request.body) else {
        return response(405, "text/plain", "");
    };
    let header = message.header;
    let acknowledgment = ebxml::acknowledgment(&ebxml::Acknowledgment {
        from: header.to,
        to: header.from,
        cpa_id: header.cpa_id,
        conversation_id: header.conversation_id,
        ref_to_message_id: header.message_id.clone(),
        message_id: header.message_id,
        timestamp: header.timestamp,
        actor: "urn:oasis:names:tc:ebxml-msg:actor:toPartyMSH".to_owned(),
    });
    response(200, "text/xml", acknowledgment)
}

fn plain(server: &Server) -> String {
    wire("http", server.addr())
}

fn https(server: &Server) -> String {
    wire("https", server.addr())
}

fn wire(scheme: &str, addr: SocketAddr) -> String {
    let port = addr.port();
    format!("wire = {{ sending = \"{scheme}://localhost:{port}\" }}\n")
}

/// The last line: certificates of this folder.
fn tls(folder: &str) -> String {
    format!(
        "tls = {{ ca = \"{folder}/ca.pem\", cert = \"{folder}/harness.pem\", key = \"{folder}/harness.key\" }}\n"
    )
}

/// Where nobody listens any more.
fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

const YEARS_AGO: u64 = 1_577_836_800_000_000;

fn mutual(desk: &Desk, folder: &str) -> Security {
    Security::Tls(desk.guard(folder))
}

#[tokio::test]
async fn a_healthy_system_is_all_well_in_the_clear_and_over_mutual_tls() {
    let desk = Desk::new().certs("certs", crate::sut::wall::now());
    let server = system(Security::Plain, acknowledged).await;
    let diagnosis = desk.examined(&plain(&server)).await;
    assert!(!diagnosis.is_broken(), "{diagnosis:#?}");
    let server = system(mutual(&desk, "certs"), acknowledged).await;
    let diagnosis = desk.examined(&(https(&server) + &tls("certs"))).await;
    assert!(!diagnosis.is_broken(), "{diagnosis:#?}");
    let said: Vec<_> = diagnosis
        .probes
        .iter()
        .filter(|probed| probed.state == State::Ok)
        .map(|probed| format!("{}: {}", probed.probe, probed.said))
        .collect();
    assert_eq!(
        said,
        [
            "certificates: ours is for `127.0.0.1`".to_owned(),
            "ports: our services listen on 127.0.0.1, on ports that are free".to_owned(),
            format!(
                "wire sending: https://localhost:{} answers",
                server.addr().port()
            ),
            "client certificate sending: ours is accepted, and none is refused".to_owned(),
            "answer sending: 200 with an ebXML acknowledgment".to_owned(),
            "clock sending: its clock is that of this machine".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_system_that_is_down_is_to_be_started() {
    let diagnosis = Desk::new().examined(&wire("http", closed())).await;
    assert_broken(
        &diagnosis,
        "wire sending",
        "connection refused: nobody listens at localhost:",
        "start the system, or correct host and port of `sending` in [environment.wire]",
    );
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_to_be_corrected() {
    let wire = "wire = { sending = \"http://no-such-host.invalid\" }\n";
    let diagnosis = Desk::new().examined(wire).await;
    assert_broken(
        &diagnosis,
        "wire sending",
        "the name `no-such-host.invalid` cannot be resolved",
        "correct the host of `sending`",
    );
}

#[tokio::test]
async fn a_system_that_hangs_is_told_from_one_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let diagnosis = Desk::new()
        .examined(&wire("http", listener.local_addr().unwrap()))
        .await;
    assert_broken(
        &diagnosis,
        "wire sending",
        "no answer within 2000 ms",
        "accepts connections and does not answer",
    );
}

#[tokio::test]
async fn a_plain_port_behind_https_is_seen_through() {
    let desk = Desk::new().certs("certs", crate::sut::wall::now());
    let server = system(Security::Plain, acknowledged).await;
    let diagnosis = desk.examined(&(https(&server) + &tls("certs"))).await;
    assert_broken(
        &diagnosis,
        "wire sending",
        "does not speak TLS on this port",
        "write http:// in `sending` in [environment.wire]",
    );
}

#[tokio::test]
async fn a_tls_port_behind_http_is_seen_through() {
    let desk = Desk::new().certs("certs", crate::sut::wall::now());
    let guard = desk.guard("certs");
    let server = system(Security::Tls(guard), acknowledged).await;
    let diagnosis = desk.examined(&plain(&server)).await;
    assert_broken(
        &diagnosis,
        "answer sending",
        "400 with 32 bytes of text/plain",
        "the port may speak TLS, which is refused so: write https:// in `sending`",
    );
}

#[tokio::test]
async fn the_certificate_of_another_set_is_to_be_replaced() {
    let desk = Desk::new()
        .certs("certs", crate::sut::wall::now())
        .certs("old", crate::sut::wall::now());
    let server = system(mutual(&desk, "old"), acknowledged).await;
    let diagnosis = desk.examined(&(https(&server) + &tls("certs"))).await;
    assert_broken(
        &diagnosis,
        "wire sending",
        "certificates of two sets are mixed",
        "give both sides files of one set",
    );
}

#[tokio::test]
async fn a_system_that_does_not_trust_us_is_to_trust_our_authority() {
    let desk = Desk::new()
        .certs("certs", crate::sut::wall::now())
        .certs("old", crate::sut::wall::now());
    let guard = Guard::mutual(&desk.identity("certs"), &desk.authority("old")).unwrap();
    let server = system(Security::Tls(guard), acknowledged).await;
    let diagnosis = desk.examined(&(https(&server) + &tls("certs"))).await;
    assert_broken(
        &diagnosis,
        "wire sending",
        "it trusts another authority of the same name",
        "the system trusts an older or newer authority than the one that signed `cert`",
    );
}

#[tokio::test]
async fn an_expired_certificate_of_theirs_is_to_be_made_anew() {
    let desk = Desk::new().certs("certs", Time::from_micros(YEARS_AGO));
    let server = system(mutual(&desk, "certs"), acknowledged).await;
    let diagnosis = desk.examined(&(https(&server) + &tls("certs"))).await;
    let broken: Vec<_> = diagnosis
        .probes
        .iter()
        .filter(|probed| probed.state == State::Broken)
        .map(|probed| (probed.probe.as_str(), probed.said.as_str()))
        .collect();
    assert_eq!(
        broken,
        [
            ("certificates", "ours is not good: it has expired"),
            (
                "wire sending",
                "the certificate of the other side is not accepted: it has expired"
            ),
        ]
    );
}

#[tokio::test]
async fn a_certificate_of_another_name_is_to_be_made_for_this_one() {
    let desk = Desk::new().certs("certs", crate::sut::wall::now());
    let server = system(mutual(&desk, "certs"), acknowledged).await;
    let port = server.addr().port();
    let wire = format!("wire = {{ sending = \"https://127.0.0.2:{port}\" }}\n");
    let listener = TcpListener::bind(("127.0.0.2", port));
    drop(listener);
    let addr: SocketAddr = format!("127.0.0.2:{port}").parse().unwrap();
    let (sender, _incoming) = mpsc::channel(1);
    let _other = serve_guarded(addr, Endpoint::Sending, mutual(&desk, "certs"), sender)
        .await
        .unwrap();
    let diagnosis = desk.examined(&(wire + &tls("certs"))).await;
    assert_broken(
        &diagnosis,
        "wire sending",
        "and not for `127.0.0.2`",
        "gp2gp init --certs DIR --host 127.0.0.2 --force",
    );
}

#[tokio::test]
async fn a_system_that_lets_everybody_in_is_to_demand_a_certificate() {
    let desk = Desk::new().certs("certs", crate::sut::wall::now());
    let guard = Guard::new(&desk.identity("certs")).unwrap();
    let server = system(Security::Tls(guard), acknowledged).await;
    let diagnosis = desk.examined(&(https(&server) + &tls("certs"))).await;
    assert_broken(
        &diagnosis,
        "client certificate sending",
        "does not ask for a client certificate",
        "switch mutual TLS on",
    );
}

#[tokio::test]
async fn a_wrong_path_is_to_be_corrected() {
    let server = system(Security::Plain, |_| {
        response(404, "text/html", "<h1>no</h1>")
    })
    .await;
    let diagnosis = Desk::new().examined(&plain(&server)).await;
    assert_broken(
        &diagnosis,
        "answer sending",
        "404 for POST http://localhost:",
        "correct the path of `sending` in [environment.wire]: messages are posted to /reliablemessaging/forwardreliable below it",
    );
}

#[tokio::test]
async fn what_is_no_message_handler_is_seen_through() {
    for (answer, said, mend) in [
        (
            response(200, "text/html", "<h1>hello</h1>"),
            "200 with 14 bytes of text/html, which is no ebXML",
            "something else may listen there",
        ),
        (
            response(401, "text/plain", ""),
            "401: it lets nobody in",
            "switch off what stands before",
        ),
        (
            response(500, "text/plain", "oops"),
            "500 without ebXML",
            "look into the system's log",
        ),
    ] {
        let answer = move |_: &HttpRequest| answer.clone();
        let server = system(Security::Plain, answer).await;
        let diagnosis = Desk::new().examined(&plain(&server)).await;
        assert_broken(&diagnosis, "answer sending", said, mend);
    }
}

#[tokio::test]
async fn an_acknowledgment_with_an_error_status_is_seen() {
    let answer = |request: &HttpRequest| HttpResponse {
        status: 500,
        ..acknowledged(request)
    };
    let server = system(Security::Plain, answer).await;
    let diagnosis = Desk::new().examined(&plain(&server)).await;
    let said = "an ebXML acknowledgment with status 500";
    assert_broken(&diagnosis, "answer sending", said, "answer with 200");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_to_be_set() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 20_000];
        let _ = stream.read(&mut request).unwrap();
        let answer = "HTTP/1.1 202 Accepted\r\nDate: Mon, 05 Jan 2015 09:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_secs(1));
    });
    let diagnosis = Desk::new().examined(&wire("http", addr)).await;
    let said = "h behind that of this machine";
    assert_broken(&diagnosis, "clock sending", said, "set both clocks by NTP");
}

#[tokio::test]
async fn a_start_command_that_fails_is_told_with_its_last_words() {
    let start = format!(
        "start = \"echo no module named sut >&2; exit 1\"\n{}",
        wire("http", closed())
    );
    let diagnosis = Desk::new().examined(&start).await;
    assert_broken(&diagnosis, "start", "no module named sut", "by hand");
    let mut last = diagnosis.probes.iter().rev().take(2);
    assert!(
        last.all(|probed| probed.state == State::Skipped),
        "{diagnosis:#?}"
    );
}

#[tokio::test]
async fn a_system_that_never_gets_ready_is_told_with_the_reason() {
    let ready = format!(
        "start = \"sleep 60\"\nready = \"http://{}\"\n{}",
        closed(),
        wire("http", closed())
    );
    let diagnosis = Desk::new().examined(&ready).await;
    assert_broken(&diagnosis, "ready", "connection refused", "`ready_within`");
}

#[tokio::test]
async fn a_secret_that_is_nowhere_is_to_be_put_there() {
    let server = system(Security::Plain, acknowledged).await;
    let control = "[control]\ndriver = \"nhs-requesting\"\nurl = \"http://127.0.0.1\"\ntoken = { env = \"GP2GP_UNSET\" }\n";
    let diagnosis = Desk::new().examined(&(plain(&server) + control)).await;
    let probes = diagnosis.probes.iter();
    let mut secrets = probes.filter(|probed| probed.probe == "secrets");
    let probed = secrets.next().unwrap();
    assert_eq!(
        probed.said,
        "`token` of [control]: the variable GP2GP_UNSET is not set"
    );
    let mend = "set the variable GP2GP_UNSET where gp2gp runs";
    assert_eq!(probed.mend.as_deref(), Some(mend));
}

#[tokio::test]
async fn certificate_files_that_are_missing_or_mixed_are_named() {
    let desk = Desk::new()
        .certs("certs", crate::sut::wall::now())
        .certs("old", crate::sut::wall::now());
    let server = system(Security::Plain, acknowledged).await;
    let with = |tls: &str| format!("{}{tls}", plain(&server));
    let missing = with(&tls("certs").replace("ca.pem", "CA.pem"));
    assert_broken(
        &desk.examined(&missing).await,
        "certificates",
        "cannot read `ca`",
        "correct `ca` in [environment.tls]",
    );
    let other_key = with(&tls("certs").replace("certs/harness.key", "old/harness.key"));
    assert_broken(
        &desk.examined(&other_key).await,
        "certificates",
        "the private key does not belong to the certificate",
        "one set",
    );
    let no_key = with(&tls("certs").replace("harness.key", "harness.pem"));
    assert_broken(
        &desk.examined(&no_key).await,
        "certificates",
        "no private key in it",
        "`key`",
    );
    let other_ca = with(&tls("certs").replace("certs/ca.pem", "old/ca.pem"));
    assert_broken(
        &desk.examined(&other_ca).await,
        "certificates",
        "ours is not good",
        "`ca` has to have signed `cert`",
    );
    let advertised = with(&format!(
        "advertise = \"harness.example\"\n{}",
        tls("certs")
    ));
    assert_broken(
        &desk.examined(&advertised).await,
        "certificates",
        "not for `harness.example`",
        "--host harness.example --force",
    );
}

#[tokio::test]
async fn a_port_of_ours_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let server = system(Security::Plain, acknowledged).await;
    let ports = format!("ports = {{ sds = {port} }}\n{}", plain(&server));
    let said = format!("port {port} of `sds` for the sending system is in use");
    assert_broken(
        &Desk::new().examined(&ports).await,
        "ports",
        &said,
        "give `sds` another port",
    );
}

#[tokio::test]
async fn an_address_of_another_machine_is_not_listened_on() {
    let server = system(Security::Plain, acknowledged).await;
    let listen = format!("listen = \"192.0.2.1\"\n{}", plain(&server));
    let said = "nothing can listen on 192.0.2.1";
    assert_broken(
        &Desk::new().examined(&listen).await,
        "ports",
        said,
        "`listen`",
    );
}

#[tokio::test]
async fn a_broker_that_is_down_or_none_is_told() {
    let queue = |addr: SocketAddr| {
        format!("binding = \"mhs-json\"\nbroker = {{ url = \"amqp://{addr}\", queue = \"q\" }}\n")
    };
    let desk = Desk::new();
    assert_broken(
        &desk.examined(&queue(closed())).await,
        "broker",
        "cannot be reached",
        "start the broker",
    );
    let server = system(Security::Plain, acknowledged).await;
    assert_broken(
        &desk.examined(&queue(server.addr())).await,
        "broker",
        "is no AMQP 1.0 broker",
        "the port on which the broker speaks AMQP 1.0",
    );
}

#[tokio::test]
async fn another_system_at_its_place_is_not_taken_for_it() {
    let server = system(Security::Plain, acknowledged).await;
    let start = format!(
        "start = \"sleep 60\"\nready = \"http://{}\"\n{}",
        server.addr(),
        plain(&server)
    );
    let diagnosis = Desk::new().examined(&start).await;
    assert_broken(
        &diagnosis,
        "start",
        "somebody answers at `ready` before the system is started",
        "end what runs there",
    );
}

#[tokio::test]
async fn a_system_that_dies_while_it_is_examined_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let wire = wire("http", listener.local_addr().unwrap());
    let start = format!("start = \"sleep 1; echo out of memory; exit 137\"\n{wire}");
    let diagnosis = Desk::new().examined(&start).await;
    let last = diagnosis.probes.last().unwrap();
    assert_eq!((last.probe.as_str(), last.state), ("start", State::Broken));
    assert_eq!(
        last.said,
        "while it was examined, it ended instead (exit status: 137)\nout of memory"
    );
}
