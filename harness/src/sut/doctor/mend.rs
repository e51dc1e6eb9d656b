//! What to do about a connection that did not come about.

use gp2gp_mocks::serve::{Base, Cause, Flaw, Objection, Scheme, Stage};

/// `key` is where its address stands in the file.
pub(super) fn of(cause: &Cause, base: &Base, key: &str) -> String {
    match cause {
        Cause::NotResolved { host, .. } => {
            format!("correct the host of {key}, or teach this machine the name `{host}`")
        }
        Cause::Refused { .. } => format!("start the system, or correct host and port of {key}"),
        Cause::Unreachable { .. } => format!(
            "see whether a network or a firewall is between this machine and {}:{}; or correct {key}",
            base.host(),
            base.port()
        ),
        Cause::TooSlow(Stage::Connecting, _) => format!(
            "a firewall seems to swallow what is sent to {}:{}: open it, or correct {key}",
            base.host(),
            base.port()
        ),
        Cause::TooSlow(Stage::Handshaking, _) | Cause::NotTls => format!(
            "what listens there seems to speak plain HTTP: write http:// in {key}, or switch TLS on"
        ),
        Cause::TooSlow(Stage::Asking, _) => {
            "the system accepts connections and does not answer: look into its log, or give it longer with `answer_within`".to_owned()
        }
        Cause::Certificate(flaw) => of_their_certificate(flaw, base),
        Cause::TurnedDown(objection) => of_objection(*objection),
        Cause::NoClientCertificate => "show the certificate of `cert` in [environment.tls]".to_owned(),
        Cause::NotPlain => format!("write https:// in {key}"),
        Cause::Handshake(_) => {
            "let the system speak TLS 1.2 or 1.3 with an usual suite, and HTTP/1.1".to_owned()
        }
        Cause::NothingToTrust(_) => "add [environment.tls] with `ca`, `cert` and `key`".to_owned(),
        Cause::Broke if base.scheme() == Scheme::Http => format!(
            "the system closes the connection: it may want TLS (https:// in {key}), or its log says why"
        ),
        Cause::Broke => "the system closes the connection: its log says why".to_owned(),
        Cause::NotHttp(_) if base.scheme() == Scheme::Http => format!(
            "something else listens there, or it speaks TLS: correct the port of {key}, or write https://"
        ),
        Cause::NotHttp(_) => format!("something else listens there: correct the port of {key}"),
        Cause::TooLong => format!("something else listens there: correct {key}"),
        Cause::Path(_) => format!("correct the path of {key}"),
    }
}

fn of_their_certificate(flaw: &Flaw, base: &Base) -> String {
    let host = base.host();
    match flaw {
        Flaw::UnknownAuthority => {
            "give the system a certificate that `ca` of [environment.tls] has signed (sut.pem of the same set), or write its authority into that file".to_owned()
        }
        Flaw::BadSignature => {
            "give both sides files of one set: the system has an older or newer one than `ca` of [environment.tls]".to_owned()
        }
        Flaw::Expired => {
            "give the system a new certificate: gp2gp init --certs DIR --force; if it is not expired, set the clock of this machine".to_owned()
        }
        Flaw::NotYetValid => "set the clock of this machine, or make the certificate anew".to_owned(),
        Flaw::Name { .. } => format!(
            "give the system a certificate for `{host}` (gp2gp init --certs DIR --host {host} --force), or write a name that is in it into [environment.wire]"
        ),
        Flaw::Purpose(_) => "give the system a certificate for servers (serverAuth)".to_owned(),
        Flaw::Other(_) => {
            "give the system a certificate as `gp2gp init --certs DIR` makes it".to_owned()
        }
    }
}

fn of_objection(objection: Objection) -> String {
    match objection {
        Objection::UnknownAuthority => {
            "let the system trust the authority of our certificate: ca.pem of the set of `cert` in [environment.tls]".to_owned()
        }
        Objection::BadSignature => {
            "give both sides files of one set: the system trusts an older or newer authority than the one that signed `cert` of [environment.tls]".to_owned()
        }
        Objection::CertificateRequired | Objection::BadCertificate | Objection::AccessDenied => {
            "let the system accept the certificate of `cert` in [environment.tls]; its log says what it wants of one".to_owned()
        }
        Objection::Expired => {
            "make new certificates (gp2gp init --certs DIR --force), or set the system's clock".to_owned()
        }
        Objection::Version => "let the system speak TLS 1.2 or 1.3".to_owned(),
        Objection::UnknownName => {
            "write a host name that the system knows as its own into [environment.wire]".to_owned()
        }
        Objection::Other(_) => "the system's log says what it does not like".to_owned(),
    }
}
