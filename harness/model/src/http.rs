//! HTTP as much as the harness speaks of it: methods and headers, without IO.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a request asks for. Shown and written in upper case.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Hand over, or do: what every message of GP2GP is carried by.
    #[default]
    Post,
    /// Put in place.
    Put,
    /// Change in place.
    Patch,
    /// Remove.
    Delete,
    /// Read the headers alone.
    Head,
}

impl Method {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Head,
    ];

    /// Upper-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }

    /// Whether this is the method of messages.
    pub fn is_post(&self) -> bool {
        *self == Self::Post
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A method that nothing here answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of the http methods GET, POST, PUT, PATCH, DELETE, HEAD")]
pub struct UnknownMethod(String);

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        (Self::ALL.into_iter())
            .find(|method| method.name() == text)
            .ok_or_else(|| UnknownMethod(text.chars().take(40).collect()))
    }
}

/// Headers in the order in which they were set. Names are kept in lower case and found without
/// regard to case; a name may come more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(String, String)>", into = "Vec<(String, String)>")]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The same and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// Adds one behind the others.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// The first value under this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Name and value of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        (self.0.iter()).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::new();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value);
        }
        headers
    }
}

impl From<Vec<(String, String)>> for Headers {
    fn from(pairs: Vec<(String, String)>) -> Self {
        pairs.into_iter().collect()
    }
}

impl From<Headers> for Vec<(String, String)> {
    fn from(headers: Headers) -> Self {
        headers.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_without_case_and_keep_their_order() {
        let headers = Headers::new()
            .with("Ssp-From", "200000000205")
            .with("ACCEPT", "application/fhir+json")
            .with("accept", "*/*");
        assert_eq!(headers.get("sSP-fROM"), Some("200000000205"));
        assert_eq!(headers.get("Accept"), Some("application/fhir+json"));
        assert_eq!(headers.get("range"), None);
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["ssp-from", "accept", "accept"]);
    }

    #[test]
    fn headers_are_written_as_pairs_and_read_back() {
        let headers = Headers::new().with("Range", "bytes=0-9");
        let text = serde_json::to_string(&headers).unwrap();
        assert_eq!(text, r#"[["range","bytes=0-9"]]"#);
        assert_eq!(serde_json::from_str::<Headers>(&text).unwrap(), headers);
    }

    #[test]
    fn methods_have_one_name_everywhere() {
        for method in Method::ALL {
            assert_eq!(method.to_string().parse(), Ok(method));
            assert_eq!(
                serde_json::to_string(&method).unwrap(),
                format!("\"{method}\"")
            );
        }
        assert_eq!(
            "get".parse::<Method>().unwrap_err().to_string(),
            "`get` is none of the http methods GET, POST, PUT, PATCH, DELETE, HEAD"
        );
    }
}
