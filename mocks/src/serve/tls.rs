//! Certificates, and what either side of a connection does with them.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector, client};

use super::base::Base;
use super::cause::{Cause, Flaw};
use super::line::Line;
use super::server::TurnedAway;

/// Both sides speak HTTP/1.1.
const HTTP_1_1: &[u8] = b"http/1.1";

/// A certificate with the chain above it, and its private key.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// Those whose signatures are trusted.
#[derive(Debug, Clone)]
pub struct Authority(Arc<RootCertStore>);

/// What is wrong with certificates or keys of our own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It is not PEM, or not all of it.
    #[error("not PEM: {0}")]
    NotPem(String),
    /// There is no certificate in it.
    #[error("no certificate in it: it has no line `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// There is no key in it.
    #[error("no private key in it: it has no line such as `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    /// The key is of a kind that cannot be used, or broken.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The key is that of another certificate.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
    /// The certificate is broken.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// Our cryptography lacks what TLS needs.
    #[error("TLS cannot be used: {0}")]
    Library(String),
}

impl Identity {
    /// From PEM: the own certificate first, then those above it; and its key, in a text of its own.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            if matches!(error, pem::Error::NoItemsFound) {
                TlsError::NoKey
            } else {
                TlsError::NotPem(error.to_string())
            }
        })?;
        let certified = CertifiedKey::from_der(chain, key, &provider());
        certified.map(Arc::new).map(Self).map_err(|error| {
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                TlsError::OtherKey
            } else if matches!(error, rustls::Error::InvalidCertificate(_)) {
                TlsError::Certificate(error.to_string())
            } else {
                TlsError::Key(error.to_string())
            }
        })
    }

    /// Whether a client that trusts these authorities would take it for that of this host, after so
    /// long from now.
    pub fn verified(&self, by: &Authority, host: &str, after: Duration) -> Result<(), Flaw> {
        let other = |error: &dyn fmt::Display| Flaw::Other(error.to_string());
        let name = server_name(host).map_err(|error| other(&error))?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&by.0), provider())
            .build()
            .map_err(|error| other(&error))?;
        let [own, above @ ..] = self.0.cert.as_slice() else {
            return Err(other(&TlsError::NoCertificate));
        };
        let then = UnixTime::since_unix_epoch(Duration::from_secs(
            UnixTime::now().as_secs() + after.as_secs(),
        ));
        let verified = verifier.verify_server_cert(own, above, &name, &[], then);
        verified.map(drop).map_err(|error| {
            if let rustls::Error::InvalidCertificate(error) = &error {
                Flaw::of(error)
            } else {
                other(&error)
            }
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl Authority {
    /// From PEM: one certificate or several.
    pub fn from_pem(text: &[u8]) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(text)? {
            store
                .add(certificate)
                .map_err(|error| TlsError::Certificate(error.to_string()))?;
        }
        Ok(Self(Arc::new(store)))
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::NotPem(error.to_string()))?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    Ok(found)
}

/// How a port of ours is guarded.
#[derive(Debug, Clone, Default)]
pub enum Security {
    /// Not at all.
    #[default]
    Plain,
    /// By TLS.
    Tls(Guard),
}

/// Our side of TLS where clients come to us.
#[derive(Clone)]
pub struct Guard {
    pub(super) acceptor: TlsAcceptor,
    pub(super) told: Option<mpsc::UnboundedSender<TurnedAway>>,
}

impl Guard {
    /// Shows this certificate, and lets everybody in.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        Self::with(identity, Arc::new(NoClientAuth))
    }

    /// Shows this certificate, and lets in who shows one that is signed by these: mutual TLS.
    pub fn mutual(identity: &Identity, clients: &Authority) -> Result<Self, TlsError> {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&clients.0), provider())
                .build()
                .map_err(|error| TlsError::Certificate(error.to_string()))?;
        Self::with(identity, verifier)
    }

    fn with(identity: &Identity, clients: Arc<dyn ClientCertVerifier>) -> Result<Self, TlsError> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Library(error.to_string()))?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.0))));
        config.alpn_protocols = vec![HTTP_1_1.to_owned()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            told: None,
        })
    }

    /// Whoever is not let in is told of there, with the reason.
    #[must_use]
    pub fn telling(self, told: mpsc::UnboundedSender<TurnedAway>) -> Self {
        Self {
            told: Some(told),
            ..self
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard(..)")
    }
}

/// Our side of TLS where we come to a server: whom we trust, and who we are.
#[derive(Clone)]
pub struct Trust {
    connector: TlsConnector,
    /// For whoever speaks no HTTP.
    other: TlsConnector,
    shown: Arc<Shown>,
}

impl Trust {
    /// Trusts servers whose certificate is signed by one of these, and shows an own certificate to
    /// those who ask for one.
    pub fn new(authority: &Authority, identity: Option<&Identity>) -> Result<Self, TlsError> {
        let shown = Arc::new(Shown {
            key: identity.map(|identity| Arc::clone(&identity.0)),
            asked: AtomicBool::new(false),
        });
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Library(error.to_string()))?
            .with_root_certificates(Arc::clone(&authority.0))
            .with_client_cert_resolver(Arc::clone(&shown) as _);
        let other = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols = vec![HTTP_1_1.to_owned()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            other,
            shown,
        })
    }

    /// Secures a connection to a host on which something else than HTTP is spoken.
    pub async fn secure<Io>(
        &self,
        host: &str,
        connection: Io,
    ) -> Result<impl AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin + use<Io>, Cause>
    where
        Io: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin,
    {
        shake_hands(&self.other, host, connection).await
    }

    /// Whether any server has asked for a client certificate.
    pub fn was_asked_for_certificate(&self) -> bool {
        self.shown.asked.load(Ordering::Relaxed)
    }

    pub(super) async fn shake_hands(
        &self,
        base: &Base,
        line: Line,
    ) -> Result<client::TlsStream<Line>, Cause> {
        shake_hands(&self.connector, base.host(), line).await
    }
}

async fn shake_hands<Io: AsyncRead + AsyncWrite + Unpin>(
    connector: &TlsConnector,
    host: &str,
    connection: Io,
) -> Result<client::TlsStream<Io>, Cause> {
    let name = server_name(host).map_err(|_| Cause::NotResolved {
        host: host.to_owned(),
        why: "no host can have this name".to_owned(),
    })?;
    let handshake = connector.connect(name, connection);
    handshake
        .await
        .map_err(|error: io::Error| Cause::of_handshake(&error))
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(..)")
    }
}

/// Remembers whether a server wanted to see it.
#[derive(Debug)]
struct Shown {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, InvalidDnsNameError> {
    ServerName::try_from(host.to_owned())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
