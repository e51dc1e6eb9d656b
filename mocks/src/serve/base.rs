//! Where requests go: a URL, parsed at the door.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use hyper::Uri;
use hyper::http::uri::Authority;

/// Where a system takes requests: scheme, host, port, and what stands before every path, as in
/// `https://gp.example:4430/gp2gp`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Base(Arc<Parts>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Parts {
    scheme: Scheme,
    /// A name or an address, without the brackets of IPv6.
    host: String,
    port: u16,
    /// As the header `Host` has it.
    authority: String,
    /// Empty, or with a slash in front and none behind.
    prefix: String,
}

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// The text is not the URL of a system. The second line of its text says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotABase {
    /// It is no URL at all.
    #[error(
        "`{text}` is not a URL\nwrite scheme, host and port, such as \"http://127.0.0.1:9000\""
    )]
    Malformed {
        /// The text, shortened.
        text: String,
    },
    /// It is a URL of something else.
    #[error(
        "`{text}` has the scheme `{scheme}`, and only http and https are spoken\nwrite for example \"https://127.0.0.1:9000\""
    )]
    Scheme {
        /// The text, shortened.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// There is no such port.
    #[error(
        "`{text}` has no usable port\na port is a number from 1 to 65535, behind the host: \"https://gp.example:4430\""
    )]
    Port {
        /// The text, shortened.
        text: String,
    },
    /// User and password belong elsewhere.
    #[error(
        "the URL of `{host}` holds user information\nleave out what stands before the `@`: a secret does not belong in a URL"
    )]
    UserInfo {
        /// The host: the text itself may hold a secret.
        host: String,
    },
    /// A base has no query and no fragment.
    #[error("`{text}` has a query or a fragment\nleave out everything from the `?` or `#` on")]
    Query {
        /// The text, shortened.
        text: String,
    },
}

impl Base {
    /// How requests travel.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// The name or address of the host, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// What stands before every path: empty, or with a slash in front and none behind.
    pub fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Host and port, as the header `Host` has them.
    pub(super) fn authority(&self) -> &str {
        &self.0.authority
    }

    /// The path and query that are asked for here where a peer asks for this one. An empty path
    /// stands for the prefix itself.
    pub(super) fn path(&self, path: String) -> String {
        match (self.0.prefix.as_str(), path.as_str()) {
            ("", "") => "/".to_owned(),
            ("", _) => path,
            (prefix, _) => format!("{prefix}{path}"),
        }
    }
}

/// Plain HTTP on an address.
impl From<SocketAddr> for Base {
    fn from(addr: SocketAddr) -> Self {
        Self(Arc::new(Parts {
            scheme: Scheme::Http,
            host: addr.ip().to_string(),
            port: addr.port(),
            authority: addr.to_string(),
            prefix: String::new(),
        }))
    }
}

impl From<&Self> for Base {
    fn from(base: &Self) -> Self {
        base.clone()
    }
}

impl FromStr for Base {
    type Err = NotABase;

    fn from_str(text: &str) -> Result<Self, NotABase> {
        let malformed = || NotABase::Malformed {
            text: shortened(text),
        };
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?;
        let host = authority.host();
        if authority.as_str().contains('@') {
            let host = host.to_owned();
            return Err(NotABase::UserInfo { host });
        }
        let scheme = match uri.scheme_str().ok_or_else(malformed)? {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => {
                return Err(NotABase::Scheme {
                    text: shortened(text),
                    scheme: other.to_owned(),
                });
            }
        };
        // The parser drops a fragment silently.
        if uri.query().is_some() || text.contains('#') {
            let text = shortened(text);
            return Err(NotABase::Query { text });
        }
        let port = port(scheme, authority).ok_or_else(|| NotABase::Port {
            text: shortened(text),
        })?;
        Ok(Self(Arc::new(Parts {
            scheme,
            host: unbracketed(host).ok_or_else(malformed)?,
            port,
            authority: authority.to_string(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })))
    }
}

fn port(scheme: Scheme, authority: &Authority) -> Option<u16> {
    let behind = authority.as_str().strip_prefix(authority.host())?;
    match behind.strip_prefix(':') {
        Some(number) => number.parse().ok().filter(|port| *port != 0),
        None => Some(match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }),
    }
}

fn unbracketed(host: &str) -> Option<String> {
    let Some(inner) = host.strip_prefix('[') else {
        return (!host.is_empty()).then(|| host.to_owned());
    };
    let address: IpAddr = inner.strip_suffix(']')?.parse().ok()?;
    Some(address.to_string())
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &self.0;
        write!(f, "{}://{}{}", parts.scheme, parts.authority, parts.prefix)
    }
}

impl fmt::Debug for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Base({self})")
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Https => "https",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Base {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> String {
        let error: NotABase = text.parse::<Base>().unwrap_err();
        error.to_string().lines().next().unwrap().to_owned()
    }

    #[test]
    fn a_url_is_taken_apart() {
        let deep = base("https://gp.example:4430/gp2gp/v1/");
        assert_eq!(deep.scheme(), Scheme::Https);
        assert_eq!((deep.host(), deep.port()), ("gp.example", 4430));
        assert_eq!(deep.authority(), "gp.example:4430");
        assert_eq!(deep.path("/a?b=c".to_owned()), "/gp2gp/v1/a?b=c");
        assert_eq!(deep.path(String::new()), "/gp2gp/v1");
        assert_eq!(deep.to_string(), "https://gp.example:4430/gp2gp/v1");
    }

    #[test]
    fn what_is_left_out_is_what_a_browser_would_take() {
        assert_eq!(base("http://gp.example").port(), 80);
        assert_eq!(base("https://gp.example/").port(), 443);
        assert_eq!(base("https://gp.example").path(String::new()), "/");
    }

    #[test]
    fn ipv6_has_brackets_in_the_header_and_none_for_the_dialler() {
        let base = base("http://[::1]:8080");
        assert_eq!((base.host(), base.authority()), ("::1", "[::1]:8080"));
    }

    #[test]
    fn an_address_is_the_base_of_its_url() {
        let addr: SocketAddr = "127.0.0.1:9000".parse().unwrap();
        assert_eq!(Base::from(addr), base("http://127.0.0.1:9000"));
    }

    #[test]
    fn what_is_no_base_is_refused_with_the_reason() {
        assert_eq!(refused("127.0.0.1"), "`127.0.0.1` is not a URL");
        assert_eq!(refused("/gp2gp"), "`/gp2gp` is not a URL");
        assert_eq!(refused(""), "`` is not a URL");
        assert_eq!(
            refused("ftp://gp.example"),
            "`ftp://gp.example` has the scheme `ftp`, and only http and https are spoken"
        );
        assert_eq!(
            refused("http://gp.example:99999"),
            "`http://gp.example:99999` has no usable port"
        );
        assert_eq!(
            refused("http://gp.example:"),
            "`http://gp.example:` has no usable port"
        );
        assert_eq!(
            refused("http://gp.example/?x=1"),
            "`http://gp.example/?x=1` has a query or a fragment"
        );
        assert_eq!(
            refused("http://gp.example/#x"),
            "`http://gp.example/#x` has a query or a fragment"
        );
        assert_eq!(
            refused("http://[nonsense]:80"),
            "`http://[nonsense]:80` is not a URL"
        );
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        let text = refused("https://alice:hunter2@gp.example/");
        assert_eq!(text, "the URL of `gp.example` holds user information");
    }
}
