//! A queue by URL: `amqp://user:password@host:port/address`, or `amqps://` behind TLS.

use std::fmt;
use std::str::FromStr;

use gp2gp_mocks::serve::Trust;
use gp2gp_model::trace::Endpoint;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Broker, Tls};

const PORT: u16 = 5_672;
const TLS_PORT: u16 = 5_671;
/// What may stand in user, password and address as it is.
const AS_IT_IS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A queue, and the broker on which it is.
#[derive(Debug, Clone)]
pub struct QueueAt {
    /// The broker.
    pub broker: Broker,
    /// The address of the queue there, e.g. `inbound` or `/queue/inbound`.
    pub address: String,
}

/// The text is no URL of a queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no queue: it must look like amqp://host:5672/inbound")]
pub struct NotAQueue(String);

impl QueueAt {
    /// The same, where these are trusted if its broker is behind TLS.
    #[must_use]
    pub fn trusting(mut self, trust: Option<Trust>) -> Self {
        if let Tls::By(by) = &mut self.broker.tls {
            *by = trust;
        }
        self
    }

    /// The queue of a system, where this is that of a party: the suite's own systems have one each, another
    /// sorts out for itself what is for whom.
    #[must_use]
    pub fn of_system(&self, system: Endpoint, reads_plans: bool) -> Self {
        Self {
            address: match reads_plans {
                true => format!("{}-{}", self.address, system.key()),
                false => self.address.clone(),
            },
            ..self.clone()
        }
    }

    /// With user and password, if there are any. Whoever gets this can log in.
    pub fn url(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, AS_IT_IS).to_string();
        let login = self
            .broker
            .login
            .as_ref()
            .map(|(user, password)| format!("{}:{}@", encoded(user), encoded(password)));
        let login = login.unwrap_or_default();
        let scheme = match &self.broker.tls {
            Tls::None => "amqp",
            Tls::By(_) => "amqps",
        };
        format!(
            "{scheme}://{login}{}/{}",
            self.broker.name(),
            encoded(&self.address)
        )
    }
}

impl FromStr for QueueAt {
    type Err = NotAQueue;

    fn from_str(text: &str) -> Result<Self, NotAQueue> {
        parse(text).ok_or_else(|| {
            // Not the part that may be a password.
            let shown = text.rsplit('@').next().unwrap_or_default();
            NotAQueue(shown.chars().take(80).collect())
        })
    }
}

fn parse(text: &str) -> Option<QueueAt> {
    let (is_secure, rest) = match text.strip_prefix("amqps://") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("amqp://")?),
    };
    let (authority, address) = rest.split_once('/')?;
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority),
    };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None if is_secure => (place, TLS_PORT),
        None => (place, PORT),
    };
    let address = decoded(address)?;
    if host.is_empty() || address.is_empty() {
        return None;
    }
    let broker = Broker::new(host, port);
    let broker = match login {
        Some(login) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            broker.with_login(decoded(user)?, decoded(password)?)
        }
        None => broker,
    };
    let broker = match is_secure {
        true => broker.behind_tls(None),
        false => broker,
    };
    Some(QueueAt { broker, address })
}

fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.ok().map(|text| text.into_owned())
}

impl fmt::Display for QueueAt {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` on {}", self.address, self.broker.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_survives_its_url_whatever_its_address_and_password() {
        for url in [
            "amqp://localhost:5672/inbound",
            "amqp://gp2gp:p%40ss%3Aword@broker:1/a%20b",
            "amqp://127.0.0.1:5672//amq/queue/inbound",
            "amqps://broker:5671/inbound",
        ] {
            let queue: QueueAt = url.parse().unwrap();
            assert_eq!(queue.url(), url);
        }
        let queue: QueueAt = "amqp://u:p%40ss@broker//queue/x".parse().unwrap();
        assert_eq!(queue.address, "/queue/x");
        assert_eq!(queue.to_string(), "`/queue/x` on broker:5672");
    }

    #[test]
    fn what_is_no_queue_is_refused_without_its_password() {
        for text in [
            "http://a/b",
            "amqp://a",
            "amqp://a/",
            "amqp://:1/a",
            "amqp://a:x/b",
        ] {
            assert!(text.parse::<QueueAt>().is_err(), "{text}");
        }
        let error = "amqp://u:secret@a:x/b".parse::<QueueAt>().unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
