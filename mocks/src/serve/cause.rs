//! Why a request got no answer, or a client none of ours: for people, in plain words.

use std::error::Error;
use std::io;

use hyper::Error as HttpError;
use rustls::{AlertDescription, CertificateError};

use super::base::Base;
use crate::peer::TransportError;

/// Why there was no exchange. Peers see the [`TransportError`] that it comes to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// Its name stands for no address.
    #[error("the name `{host}` cannot be resolved: {why}")]
    NotResolved {
        /// The name.
        host: String,
        /// What the resolver says.
        why: String,
    },
    /// Nobody listens.
    #[error("connection refused: nobody listens at {at}")]
    Refused {
        /// Where.
        at: String,
    },
    /// No way leads there.
    #[error("cannot connect to {at}: {why}")]
    Unreachable {
        /// Where.
        at: String,
        /// What the system says.
        why: String,
    },
    /// Something took too long.
    #[error("{0} within {within} ms", within = .1.as_millis())]
    TooSlow(Stage, std::time::Duration),
    /// Their certificate is not accepted here.
    #[error("the certificate of the other side is not accepted: {0}")]
    Certificate(Flaw),
    /// Our certificate is not accepted there, or they want one.
    #[error("the other side broke off the TLS handshake: {0}")]
    TurnedDown(Objection),
    /// A client showed no certificate where it has to.
    #[error("the client showed no certificate, and mutual TLS wants one")]
    NoClientCertificate,
    /// A TLS handshake was begun with somebody who does not speak TLS.
    #[error("the other side does not speak TLS on this port")]
    NotTls,
    /// A request in the clear came to a port that speaks TLS.
    #[error("a request in the clear came to a port that speaks TLS")]
    NotPlain,
    /// The two sides have no version, cipher or application protocol in common, or one of them is
    /// wrong about TLS.
    #[error("the TLS handshake failed: {0}")]
    Handshake(String),
    /// An https URL without anything to trust.
    #[error("{0} wants TLS, and no certificate authority is configured to trust")]
    NothingToTrust(Base),
    /// The connection broke.
    #[error("the connection broke before the answer was complete")]
    Broke,
    /// What came back is not HTTP.
    #[error("what came back is not HTTP: {0}")]
    NotHttp(String),
    /// More came back than anybody takes.
    #[error("the body of the answer is longer than {} bytes", super::BODY_BYTES)]
    TooLong,
    /// No URL can name the path.
    #[error("`{0}` cannot be the path of a URL")]
    Path(String),
}

/// How far an exchange has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stage {
    /// No connection yet.
    #[error("no connection")]
    Connecting,
    /// Connected, and no TLS yet.
    #[error("no TLS handshake")]
    Handshaking,
    /// Asked.
    #[error("no answer")]
    Asking,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is signed by nobody who is trusted.
    #[error("it is signed by no authority that is trusted here")]
    UnknownAuthority,
    /// It names an authority that is trusted, and another of the same name signed it: certificates
    /// were made anew, and not all were replaced.
    #[error(
        "its signature is not that of the authority of this name that is trusted here: certificates of two sets are mixed"
    )]
    BadSignature,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is for another host.
    #[error("it is for {} and not for `{wanted}`", listed(.names))]
    Name {
        /// The host that was asked for.
        wanted: String,
        /// The names that it is for.
        names: Vec<String>,
    },
    /// It is for servers and shown by a client, or the other way about.
    #[error("it is not meant for this purpose: {0}")]
    Purpose(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Why the other side broke off, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// It wants a certificate.
    #[error("it wants a client certificate and was shown none")]
    CertificateRequired,
    /// It does not know the authority of our certificate.
    #[error("it does not trust the authority that signed the certificate it was shown")]
    UnknownAuthority,
    /// It trusts another authority of the same name.
    #[error(
        "it trusts another authority of the same name than the one that signed the certificate it was shown: certificates of two sets are mixed"
    )]
    BadSignature,
    /// It takes our certificate for expired.
    #[error("it takes the certificate it was shown for expired")]
    Expired,
    /// It takes our certificate for bad, and does not say more.
    #[error("it does not accept the certificate it was shown")]
    BadCertificate,
    /// It lets nobody in whom it knows no more of.
    #[error("it accepts the certificate and lets its holder not in")]
    AccessDenied,
    /// It has no version of TLS in common with us.
    #[error("it speaks none of TLS 1.2 and 1.3")]
    Version,
    /// It does not know the host name that it was asked for.
    #[error("it does not know the host name that it was asked for")]
    UnknownName,
    /// Another alert, by its number.
    #[error("alert {0} of TLS")]
    Other(u8),
}

impl Cause {
    /// What a peer sees of it.
    pub const fn transport(&self) -> TransportError {
        match self {
            Self::NotResolved { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Certificate(_)
            | Self::NoClientCertificate
            | Self::NotTls
            | Self::NothingToTrust(_)
            | Self::Path(_) => TransportError::Refused,
            Self::TooSlow(..) => TransportError::TimedOut,
            Self::TurnedDown(_)
            | Self::NotPlain
            | Self::Handshake(_)
            | Self::Broke
            | Self::NotHttp(_)
            | Self::TooLong => TransportError::Reset,
        }
    }

    /// Why no connection came about.
    pub(super) fn of_connecting(base: &Base, error: &io::Error) -> Self {
        let at = base.authority().to_owned();
        let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
        if is(&[io::ErrorKind::ConnectionRefused]) {
            return Self::Refused { at };
        }
        if is(&[
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionAborted,
        ]) {
            return Self::Broke;
        }
        let why = error.to_string();
        Self::Unreachable { at, why }
    }

    /// Why TLS did not come about.
    pub(super) fn of_handshake(error: &io::Error) -> Self {
        match tls_error(error) {
            Some(error) => Self::of_tls(error),
            None => Self::Broke,
        }
    }

    /// Why a request was not answered.
    pub(super) fn of_http(error: &HttpError) -> Self {
        if error.is_parse() {
            return Self::NotHttp(error.to_string());
        }
        let mut source: Option<&(dyn Error + 'static)> = error.source();
        while let Some(error) = source {
            let io = error.downcast_ref::<io::Error>();
            if let Some(error) = io.and_then(tls_error) {
                return Self::of_tls(error);
            }
            source = error.source();
        }
        Self::Broke
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::Error as Tls;
        if let Tls::InvalidCertificate(error) = error {
            return Self::Certificate(Flaw::of(error));
        }
        if let Tls::AlertReceived(alert) = error {
            return Self::TurnedDown(Objection::of(*alert));
        }
        if matches!(error, Tls::NoCertificatesPresented) {
            return Self::NoClientCertificate;
        }
        if matches!(error, Tls::InvalidMessage(_)) {
            return Self::NotTls;
        }
        Self::Handshake(error.to_string())
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

impl Flaw {
    pub(super) fn of(error: &CertificateError) -> Self {
        use CertificateError as Bad;
        if matches!(error, Bad::UnknownIssuer) {
            return Self::UnknownAuthority;
        }
        if matches!(error, Bad::BadSignature) {
            return Self::BadSignature;
        }
        if matches!(error, Bad::Expired | Bad::ExpiredContext { .. }) {
            return Self::Expired;
        }
        if matches!(error, Bad::NotValidYet | Bad::NotValidYetContext { .. }) {
            return Self::NotYetValid;
        }
        if let Bad::NotValidForNameContext {
            expected,
            presented,
        } = error
        {
            return Self::Name {
                wanted: expected.to_str().into_owned(),
                names: presented.iter().map(|name| plain_name(name)).collect(),
            };
        }
        if matches!(
            error,
            Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. }
        ) {
            return Self::Purpose(error.to_string());
        }
        Self::Other(error.to_string())
    }
}

/// `gp.example` of `DnsName("gp.example")`.
fn plain_name(shown: &str) -> String {
    let inner = shown.split_once('(').map_or(shown, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"').to_owned()
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "no host".to_owned(),
        [..] => {
            let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            quoted.join(", ")
        }
    }
}

impl Objection {
    fn of(alert: AlertDescription) -> Self {
        const KNOWN: [(AlertDescription, Objection); 9] = [
            (
                AlertDescription::CertificateRequired,
                Objection::CertificateRequired,
            ),
            (
                AlertDescription::NoCertificate,
                Objection::CertificateRequired,
            ),
            (AlertDescription::UnknownCA, Objection::UnknownAuthority),
            (AlertDescription::CertificateExpired, Objection::Expired),
            (AlertDescription::DecryptError, Objection::BadSignature),
            (AlertDescription::BadCertificate, Objection::BadCertificate),
            (AlertDescription::AccessDenied, Objection::AccessDenied),
            (AlertDescription::ProtocolVersion, Objection::Version),
            (AlertDescription::UnrecognisedName, Objection::UnknownName),
        ];
        let mut known = KNOWN.into_iter();
        known
            .find(|(description, _)| *description == alert)
            .map_or(Self::Other(u8::from(alert)), |(_, objection)| objection)
    }
}
