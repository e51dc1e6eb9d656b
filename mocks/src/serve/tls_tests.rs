use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use tokio::sync::mpsc;

use super::*;
use crate::peer::{Conduct, HttpRequest, HttpResponse, TransportError};

/// An authority, and what it signs.
struct Ca(CertifiedIssuer<'static, KeyPair>);

/// PEM of a certificate and its key.
struct Pair {
    cert: String,
    key: String,
}

impl Ca {
    fn new() -> Self {
        Self::called("CA of the tests")
    }

    fn called(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn authority(&self) -> Authority {
        Authority::from_pem(self.pem().as_bytes()).unwrap()
    }

    fn signs(&self, names: &[&str]) -> Pair {
        self.signs_with(names, |_| ())
    }

    fn signs_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Pair {
            cert: cert.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Pair {
    fn identity(&self) -> Identity {
        Identity::from_pem(self.cert.as_bytes(), self.key.as_bytes()).unwrap()
    }
}

/// A peer behind TLS that sends every body back, and who was turned away.
struct Guarded {
    server: Server,
    turned_away: mpsc::UnboundedReceiver<TurnedAway>,
}

impl Guarded {
    async fn by(guard: Guard) -> Self {
        Self::answering(guard, Conduct::Clean).await
    }

    async fn answering(guard: Guard, conduct: Conduct) -> Self {
        let (sender, mut incoming) = mpsc::channel::<Incoming>(16);
        let (told, turned_away) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(arrived) = incoming.recv().await {
                let response = HttpResponse {
                    status: 202,
                    content_type: None,
                    headers: Headers::new(),
                    body: arrived.request.body,
                };
                let _ = arrived.answer.send(Answered { response, conduct });
            }
        });
        let addr = (Ipv4Addr::LOCALHOST, 0).into();
        let security = Security::Tls(guard.telling(told));
        let server = serve_guarded(addr, Endpoint::Spine, security, sender).await;
        Self {
            server: server.unwrap(),
            turned_away,
        }
    }

    fn base(&self) -> Base {
        https(self.server.addr())
    }

    async fn complaint(&mut self) -> Cause {
        let told = tokio::time::timeout(Duration::from_secs(5), self.turned_away.recv()).await;
        told.unwrap().unwrap().cause
    }
}

fn https(addr: SocketAddr) -> Base {
    format!("https://localhost:{}", addr.port())
        .parse()
        .unwrap()
}

fn request(body: impl Into<Bytes>) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        path: "/reliablemessaging/forwardreliable".to_owned(),
        soap_action: None,
        content_type: "text/xml".to_owned(),
        headers: Headers::new(),
        body: body.into(),
    }
}

fn client(authority: &Authority, identity: Option<&Identity>) -> Client {
    let client = Client::with_patience(Duration::from_secs(5));
    client.trusting(Trust::new(authority, identity).unwrap())
}

async fn asked(client: &Client, base: &Base) -> Result<Bytes, Cause> {
    let answer = ask(client, base, request("ping"), Conduct::Clean).await;
    answer.map(|answer| answer.body)
}

#[tokio::test]
async fn mutual_tls_carries_posts_over_one_kept_connection() {
    let ca = Ca::new();
    let server = ca.signs(&["localhost"]).identity();
    let guarded = Guarded::by(Guard::mutual(&server, &ca.authority()).unwrap()).await;
    let client = client(&ca.authority(), Some(&ca.signs(&["sut"]).identity()));
    for _ in 0..3 {
        assert_eq!(asked(&client, &guarded.base()).await, Ok("ping".into()));
    }
    assert_eq!(client.idle_connections(), 1);
}

#[tokio::test]
async fn twenty_megabytes_make_the_round_trip_over_tls() {
    let ca = Ca::new();
    let guarded = Guarded::by(Guard::new(&ca.signs(&["localhost"]).identity()).unwrap()).await;
    let client = Client::new().trusting(Trust::new(&ca.authority(), None).unwrap());
    let body: Bytes = (0..20_000_001_u32).map(|n| (n % 251) as u8).collect();
    let answer = post(&client, &guarded.base(), request(body.clone())).await;
    assert!(answer.unwrap().body == body, "body changed on the way");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_that_one_is_wanted() {
    let ca = Ca::new();
    let server = ca.signs(&["localhost"]).identity();
    let mut guarded = Guarded::by(Guard::mutual(&server, &ca.authority()).unwrap()).await;
    let client = client(&ca.authority(), None);
    let wanted = Cause::TurnedDown(Objection::CertificateRequired);
    assert_eq!(asked(&client, &guarded.base()).await, Err(wanted.clone()));
    assert_eq!(guarded.complaint().await, Cause::NoClientCertificate);
    assert_eq!(
        wanted.to_string(),
        "the other side broke off the TLS handshake: it wants a client certificate and was shown none"
    );
}

#[tokio::test]
async fn a_server_that_wants_to_see_a_certificate_is_known_to_have_asked() {
    let ca = Ca::new();
    let server = ca.signs(&["localhost"]).identity();
    for (guard, asks) in [
        (Guard::mutual(&server, &ca.authority()).unwrap(), true),
        (Guard::new(&server).unwrap(), false),
    ] {
        let guarded = Guarded::by(guard).await;
        let trust = Trust::new(&ca.authority(), None).unwrap();
        let client = Client::new().trusting(trust.clone());
        drop(asked(&client, &guarded.base()).await);
        assert_eq!(trust.was_asked_for_certificate(), asks);
    }
}

#[tokio::test]
async fn a_certificate_of_a_strangers_authority_is_refused() {
    let (ca, stranger) = (Ca::new(), Ca::called("stranger"));
    let server = ca.signs(&["localhost"]).identity();
    let mut guarded = Guarded::by(Guard::mutual(&server, &ca.authority()).unwrap()).await;
    let client = client(&ca.authority(), Some(&stranger.signs(&["sut"]).identity()));
    let answer = asked(&client, &guarded.base()).await;
    assert!(matches!(answer, Err(Cause::TurnedDown(_))), "{answer:?}");
    let complaint = guarded.complaint().await;
    assert_eq!(complaint, Cause::Certificate(Flaw::UnknownAuthority));
}

#[tokio::test]
async fn a_server_of_a_strangers_authority_is_refused_and_told() {
    let (ca, stranger) = (Ca::new(), Ca::called("stranger"));
    let server = stranger.signs(&["localhost"]).identity();
    let mut guarded = Guarded::by(Guard::new(&server).unwrap()).await;
    let client = client(&ca.authority(), None);
    let unknown = Cause::Certificate(Flaw::UnknownAuthority);
    assert_eq!(asked(&client, &guarded.base()).await, Err(unknown.clone()));
    assert_eq!(
        unknown.to_string(),
        "the certificate of the other side is not accepted: it is signed by no authority that is trusted here"
    );
    let told = guarded.complaint().await;
    assert_eq!(told, Cause::TurnedDown(Objection::UnknownAuthority));
}

#[tokio::test]
async fn certificates_of_two_sets_that_are_mixed_are_known_for_it() {
    let (old, new) = (Ca::new(), Ca::new());
    let mut guarded = Guarded::by(Guard::new(&old.signs(&["localhost"]).identity()).unwrap()).await;
    let answer = asked(&client(&new.authority(), None), &guarded.base()).await;
    assert_eq!(answer, Err(Cause::Certificate(Flaw::BadSignature)));
    let told = guarded.complaint().await;
    assert_eq!(told, Cause::TurnedDown(Objection::BadSignature));
}

#[tokio::test]
async fn a_server_of_another_name_is_refused_with_both_names() {
    let ca = Ca::new();
    let server = ca.signs(&["gp.example", "10.0.0.1"]).identity();
    let guarded = Guarded::by(Guard::new(&server).unwrap()).await;
    let answer = asked(&client(&ca.authority(), None), &guarded.base()).await;
    assert_eq!(
        answer.unwrap_err().to_string(),
        "the certificate of the other side is not accepted: it is for `gp.example`, `10.0.0.1` and not for `localhost`"
    );
}

#[tokio::test]
async fn an_expired_certificate_is_called_so_on_either_side() {
    let ca = Ca::new();
    let expire = |params: &mut CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    let expired = ca.signs_with(&["localhost"], expire).identity();
    let good = ca.signs(&["localhost"]).identity();

    let mut guarded = Guarded::by(Guard::new(&expired).unwrap()).await;
    let answer = asked(&client(&ca.authority(), None), &guarded.base()).await;
    assert_eq!(answer, Err(Cause::Certificate(Flaw::Expired)));
    let told = guarded.complaint().await;
    assert_eq!(told, Cause::TurnedDown(Objection::Expired));

    let mut guarded = Guarded::by(Guard::mutual(&good, &ca.authority()).unwrap()).await;
    let client = client(&ca.authority(), Some(&expired));
    let answer = asked(&client, &guarded.base()).await;
    assert_eq!(answer, Err(Cause::TurnedDown(Objection::Expired)));
    let complaint = guarded.complaint().await;
    assert_eq!(complaint, Cause::Certificate(Flaw::Expired));
}

#[tokio::test]
async fn a_request_in_the_clear_on_a_tls_port_is_answered_and_told() {
    let ca = Ca::new();
    let mut guarded = Guarded::by(Guard::new(&ca.signs(&["localhost"]).identity()).unwrap()).await;
    let client = Client::with_patience(Duration::from_secs(5));
    let answer = post(&client, guarded.server.addr(), request("ping")).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, "this port speaks TLS: use https\n");
    assert_eq!(guarded.complaint().await, Cause::NotPlain);
}

#[tokio::test]
async fn tls_on_a_plain_port_is_no_tls() {
    let (sender, _incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Spine, sender).await.unwrap();
    let client = client(&Ca::new().authority(), None);
    let answer = asked(&client, &https(server.addr())).await;
    assert_eq!(answer, Err(Cause::NotTls));
}

#[tokio::test]
async fn https_without_an_authority_says_what_is_missing() {
    let (sender, _incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Spine, sender).await.unwrap();
    let base = https(server.addr());
    let answer = asked(&Client::new(), &base).await;
    assert_eq!(answer, Err(Cause::NothingToTrust(base)));
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_is_told_from_one_that_never_answers() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = silent.local_addr().unwrap();
    let patience = Duration::from_millis(100);
    let trust = Trust::new(&Ca::new().authority(), None).unwrap();
    let client = Client::with_patience(patience).trusting(trust);
    let answer = asked(&client, &https(addr)).await;
    let slow = Cause::TooSlow(Stage::Handshaking, patience);
    assert_eq!(slow.to_string(), "no TLS handshake within 100 ms");
    assert_eq!(answer, Err(slow));
    let answer = asked(&client, &addr.into()).await;
    assert_eq!(answer, Err(Cause::TooSlow(Stage::Asking, patience)));
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let client = Client::with_patience(Duration::from_secs(5));
    let refused = asked(&client, &closed.into()).await.unwrap_err();
    let text = format!("connection refused: nobody listens at {closed}");
    assert_eq!(refused.to_string(), text);

    let nowhere: Base = "http://no-such-host.invalid".parse().unwrap();
    let unknown = asked(&client, &nowhere).await.unwrap_err();
    assert!(matches!(unknown, Cause::NotResolved { .. }), "{unknown:?}");
    assert_eq!(unknown.transport(), TransportError::Refused);
}

#[tokio::test]
async fn what_is_no_http_is_called_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = Base::from(listener.local_addr().unwrap());
    let talking = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 1_000]);
    });
    let client = Client::with_patience(Duration::from_secs(5));
    let answer = asked(&client, &base).await;
    assert!(matches!(answer, Err(Cause::NotHttp(_))), "{answer:?}");
    talking.join().unwrap();
}

#[tokio::test]
async fn answers_break_off_over_tls_as_in_the_clear() {
    let ca = Ca::new();
    let server = ca.signs(&["localhost"]).identity();
    for conduct in [
        Conduct::Reset,
        Conduct::Truncate { percent: 0 },
        Conduct::Truncate { percent: 60 },
    ] {
        let guarded = Guarded::answering(Guard::new(&server).unwrap(), conduct).await;
        let answer = asked(&client(&ca.authority(), None), &guarded.base()).await;
        assert_eq!(answer, Err(Cause::Broke), "{conduct:?}");
    }
}

#[tokio::test]
async fn posts_break_off_over_tls_as_in_the_clear() {
    let ca = Ca::new();
    let guarded = Guarded::by(Guard::new(&ca.signs(&["localhost"]).identity()).unwrap()).await;
    for conduct in [Conduct::Truncate { percent: 60 }, Conduct::Reset] {
        let client = client(&ca.authority(), None);
        let sent = request(Bytes::from(vec![7; 100_000]));
        let answer = post_as(&client, &guarded.base(), sent, conduct).await;
        assert_eq!(answer, Err(TransportError::Reset), "{conduct:?}");
        assert_eq!(client.idle_connections(), 0);
    }
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "what is slow is slow by the wall clock"
)]
async fn a_slow_answer_over_tls_takes_its_time_and_is_whole() {
    let ca = Ca::new();
    let began = std::time::Instant::now();
    let conduct = Conduct::Slow {
        bytes_per_second: 20,
    };
    let guard = Guard::new(&ca.signs(&["localhost"]).identity()).unwrap();
    let guarded = Guarded::answering(guard, conduct).await;
    let answer = asked(&client(&ca.authority(), None), &guarded.base()).await;
    assert_eq!(answer, Ok("ping".into()));
    assert!(began.elapsed() >= Duration::from_millis(60));
}

/// What a foreign client of rustls, which shares no code with ours, gets for a request.
fn foreign_answer(addr: SocketAddr, ca: &Ca, shown: &Pair) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&ca.pem())).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate(&shown.cert)], key(&shown.key))
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(addr).unwrap();
    let mut tls = rustls::Stream::new(&mut session, &mut stream);
    tls.write_all(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")?;
    let mut answer = [0; 12];
    tls.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_foreign_client_is_let_in_by_its_certificate_alone() {
    let (ca, stranger) = (Ca::new(), Ca::called("stranger"));
    let server = ca.signs(&["localhost"]).identity();
    let mut guarded = Guarded::by(Guard::mutual(&server, &ca.authority()).unwrap()).await;
    let addr = guarded.server.addr();
    let asking = move || {
        let known = foreign_answer(addr, &ca, &ca.signs(&["sut"]));
        let unknown = foreign_answer(addr, &ca, &stranger.signs(&["sut"]));
        (known, unknown)
    };
    let (known, unknown) = tokio::task::spawn_blocking(asking).await.unwrap();
    assert_eq!(known.unwrap(), "HTTP/1.1 202");
    assert!(unknown.is_err(), "{unknown:?}");
    let complaint = guarded.complaint().await;
    assert_eq!(complaint, Cause::Certificate(Flaw::UnknownAuthority));
}

#[tokio::test]
async fn a_foreign_server_sees_our_certificate() {
    let ca = Ca::new();
    let (own, ours) = (ca.signs(&["localhost"]), ca.signs(&["harness"]));
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&ca.pem())).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![certificate(&own.cert)], key(&own.key))
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = https(listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(Arc::new(config)).unwrap();
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        let mut head = [0; 4];
        tls.read_exact(&mut head).unwrap();
        tls.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let shown = session.peer_certificates().unwrap()[0].clone();
        (head, shown.into_owned())
    });
    let client = client(&ca.authority(), Some(&ours.identity()));
    assert_eq!(asked(&client, &base).await, Ok(Bytes::new()));
    let (head, shown) = serving.join().unwrap();
    assert_eq!((&head, shown), (b"POST", certificate(&ours.cert)));
}

#[test]
fn what_is_no_certificate_or_key_is_said() {
    let ca = Ca::new();
    let (one, other) = (ca.signs(&["a"]), ca.signs(&["b"]));
    let refused = |cert: &str, key: &str| {
        let identity = Identity::from_pem(cert.as_bytes(), key.as_bytes());
        identity.unwrap_err()
    };
    assert_eq!(refused("", &one.key), TlsError::NoCertificate);
    assert_eq!(refused(&one.cert, ""), TlsError::NoKey);
    assert_eq!(refused(&one.cert, &one.cert), TlsError::NoKey);
    assert_eq!(refused(&one.cert, &other.key), TlsError::OtherKey);
    let broken = one.cert.replace("-----END", "-----");
    let cut = refused(&broken, &one.key);
    assert!(matches!(cut, TlsError::NotPem(_)), "{cut:?}");
    assert_eq!(
        Authority::from_pem(b"nothing").unwrap_err().to_string(),
        "no certificate in it: it has no line `-----BEGIN CERTIFICATE-----`"
    );
}

#[test]
fn an_own_certificate_can_be_verified_as_others_will_some_day() {
    let (ca, stranger) = (Ca::new(), Ca::called("stranger"));
    let own = ca.signs(&["localhost"]).identity();
    let now = Duration::ZERO;
    let centuries = Duration::from_secs(3_000 * 365 * 24 * 3_600);
    assert_eq!(own.verified(&ca.authority(), "localhost", now), Ok(()));
    let by_stranger = own.verified(&stranger.authority(), "localhost", now);
    assert_eq!(by_stranger, Err(Flaw::UnknownAuthority));
    let later = own.verified(&ca.authority(), "localhost", centuries);
    assert_eq!(later, Err(Flaw::Expired));
    let elsewhere = own.verified(&ca.authority(), "gp.example", now);
    assert!(matches!(elsewhere, Err(Flaw::Name { .. })), "{elsewhere:?}");
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn key(pem: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
