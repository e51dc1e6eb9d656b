//! What is ours: secrets, certificates, ports.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gp2gp_mocks::serve::Flaw;
use tokio::net::TcpListener;

use super::Diagnosis;
use crate::sut::config::{Binding, Config, Control, OwnTls, Secret, TlsFileError};

/// Certificates that last no longer are spoken of.
const SOON_DAYS: u32 = 30;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn secrets(config: &Config, diagnosis: &mut Diagnosis) {
    let secrets = secrets_of(config);
    if secrets.is_empty() {
        return diagnosis.skipped("secrets", "none are named");
    }
    for (key, secret) in secrets {
        match secret.reveal() {
            Ok(_) => diagnosis.ok("secrets", format!("{key} is in {secret}")),
            Err(error) => diagnosis.broken(
                "secrets",
                format!("{key}: {error}"),
                match secret {
                    Secret::Env(name) => format!("set the variable {name} where gp2gp runs"),
                    Secret::File(path) => format!("write the secret into {}", path.display()),
                },
            ),
        }
    }
}

fn secrets_of(config: &Config) -> Vec<(&'static str, &Secret)> {
    let token = match &config.control {
        Control::Http { token, .. } | Control::NhsRequesting { token, .. } => token.as_ref(),
        Control::None | Control::Stdio { .. } | Control::Command { .. } => None,
    };
    let password = match &config.environment.binding {
        Binding::MhsJson(broker) => broker.login.as_ref().map(|login| &login.password),
        Binding::Spine => None,
    };
    let token = token.map(|secret| ("`token` of [control]", secret));
    let password = password.map(|secret| ("`password` of [environment.broker]", secret));
    token.into_iter().chain(password).collect()
}

pub(super) fn certificates(config: &Config, diagnosis: &mut Diagnosis) -> Option<OwnTls> {
    const PROBE: &str = "certificates";
    let Some(files) = &config.environment.tls else {
        diagnosis.skipped(PROBE, "no [environment.tls]: everything is plain HTTP");
        return None;
    };
    let tls = match files.open() {
        Ok(tls) => tls,
        Err(error) => {
            let mend = match &error {
                TlsFileError::Unreadable { key, .. } => {
                    format!(
                        "correct `{key}` in [environment.tls]; `gp2gp init --certs DIR` makes certificates"
                    )
                }
                TlsFileError::Unusable { key, .. } => format!(
                    "put PEM into the file of `{key}` in [environment.tls]: ca.pem, harness.pem and harness.key of one set"
                ),
            };
            diagnosis.broken(PROBE, error.to_string(), mend);
            return None;
        }
    };
    let host = config.environment.advertise.as_str();
    let holds = |after| tls.identity.verified(&tls.authority, host, after);
    match (holds(Duration::ZERO), holds(DAY * SOON_DAYS)) {
        (Ok(()), Err(Flaw::Expired)) => diagnosis.ok(
            PROBE,
            format!("ours is for `{host}`, and expires within {SOON_DAYS} days"),
        ),
        (Ok(()), _) => diagnosis.ok(PROBE, format!("ours is for `{host}`")),
        (Err(flaw), _) => {
            let mend = mend_own(&flaw, host);
            diagnosis.broken(PROBE, format!("ours is not good: {flaw}"), mend);
        }
    }
    Some(tls)
}

fn mend_own(flaw: &Flaw, host: &str) -> String {
    match flaw {
        Flaw::UnknownAuthority | Flaw::BadSignature => {
            "give `ca` and `cert` of [environment.tls] files of one set: `ca` has to have signed `cert`"
                .to_owned()
        }
        Flaw::Name { .. } => format!(
            "make certificates for this name: gp2gp init --certs DIR --host {host} --force; or correct `advertise`"
        ),
        Flaw::Expired | Flaw::NotYetValid => {
            "make new ones for both sides: gp2gp init --certs DIR --force; if that is wrong, set the clock of this machine".to_owned()
        }
        Flaw::Purpose(_) | Flaw::Other(_) => {
            "use a certificate for servers and clients, as `gp2gp init --certs DIR` makes it".to_owned()
        }
    }
}

/// The address is one of this machine, and every port that we may not choose is free.
pub(super) async fn ports(config: &Config, diagnosis: &mut Diagnosis) {
    const PROBE: &str = "ports";
    let listen = config.environment.listen;
    if let Err(error) = TcpListener::bind(SocketAddr::new(listen, 0)).await {
        return diagnosis.broken(
            PROBE,
            format!("nothing can listen on {listen}: {error}"),
            "write an address of this machine into `listen` of [environment], or 0.0.0.0 for all of them",
        );
    }
    let mut free = 0_usize;
    for (role, service, port) in config.environment.ports.fixed() {
        let name = service.name();
        match TcpListener::bind(SocketAddr::new(listen, port.get())).await {
            Ok(_) => free += 1,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => diagnosis.broken(
                PROBE,
                format!("port {port} of `{name}` for the {role} system is in use"),
                format!("end what listens there (`ss -ltnp 'sport = :{port}'` names it), or give `{name}` another port in [environment.ports]"),
            ),
            Err(error) => diagnosis.broken(
                PROBE,
                format!("port {port} of `{name}` for the {role} system cannot be had: {error}"),
                format!("give `{name}` a port above 1023 in [environment.ports]"),
            ),
        }
    }
    diagnosis.ok(
        PROBE,
        match free {
            0 => format!("our services listen on {listen}, on ports that are free"),
            _ => format!("our services listen on {listen}; {free} fixed ports are free"),
        },
    );
}
