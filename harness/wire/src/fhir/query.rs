//! Queries: path, parameters, and tokens of the form `system|value`.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::shortened;

/// Why a path and query ask for nothing that is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing is at this path.
    #[error("nothing at {path}")]
    NoSuchPath {
        /// The path.
        path: String,
    },
    /// A parameter has to be there and is not.
    #[error("parameter {parameter} is missing")]
    Missing {
        /// Its name, with the system of its token where there are several of one name.
        parameter: &'static str,
    },
    /// Too few parameters to search by.
    #[error("at least two are needed of {parameters}")]
    TooFew {
        /// Which there are.
        parameters: &'static str,
    },
    /// A parameter that nobody searches by.
    #[error("parameter {parameter} is not supported")]
    Unsupported {
        /// Its name.
        parameter: String,
    },
    /// A parameter comes twice.
    #[error("parameter {parameter} comes twice")]
    Twice {
        /// Its name, with the system of its token.
        parameter: String,
    },
    /// A token is not of a system that is searched by.
    #[error("parameter {parameter} is `{value}`, not {expected}")]
    System {
        /// Its name.
        parameter: String,
        /// What it is.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// The value of a parameter makes no sense.
    #[error("parameter {parameter}: {why}")]
    Value {
        /// Its name.
        parameter: String,
        /// Why it makes no sense.
        why: String,
    },
    /// A service or interaction that is none of GP2GP's: a good query that finds nothing here.
    #[error("parameter identifier is `{interaction}`, which is no interaction of GP2GP")]
    ForeignInteraction {
        /// What it is.
        interaction: String,
    },
}

/// What a value of a query cannot carry as it is. Addresses of systems keep their colons and
/// slashes, as everybody writes them.
const RESERVED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A value as it stands in a query.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// `/path?name=system%7Cvalue&...`
pub(crate) fn path_and_query(path: &str, tokens: &[(&str, &str, &str)]) -> String {
    let pairs: Vec<String> = (tokens.iter())
        .map(|(name, system, value)| format!("{name}={}%7C{}", encoded(system), encoded(value)))
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

/// The parameters of a query, each of which has to be taken.
#[derive(Debug)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Splits and decodes a query, with or without encoding. Parameters that only say how the answer is to look (`_format`) are
    /// passed over.
    pub(crate) fn parse(query: &str) -> Result<Self, QueryError> {
        let mut parameters = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name, name)?;
            let value = decoded(&name, value)?;
            if !name.starts_with('_') {
                parameters.push((name, value));
            }
        }
        Ok(Self(parameters))
    }

    /// Takes the value of the only token of this name and system, if there is one.
    pub(crate) fn take(&mut self, name: &str, system: &str) -> Result<Option<String>, QueryError> {
        let mut found = None;
        let mut rest = Vec::new();
        for (own, token) in std::mem::take(&mut self.0) {
            match token.split_once('|') {
                Some((of, value)) if own == name && of.eq_ignore_ascii_case(system) => {
                    if found.replace(value.to_owned()).is_some() {
                        return Err(QueryError::Twice {
                            parameter: format!("{name} of {system}"),
                        });
                    }
                }
                Some(_) | None => rest.push((own, token)),
            }
        }
        self.0 = rest;
        Ok(found)
    }

    /// Nothing may be left. What has one of these names is of none of its systems.
    pub(crate) fn finish(self, known: &[(&str, &[&str])]) -> Result<(), QueryError> {
        let Some((parameter, value)) = self.0.into_iter().next() else {
            return Ok(());
        };
        let systems = known.iter().find(|(name, _)| *name == parameter);
        Err(match systems {
            Some((_, systems)) => QueryError::System {
                parameter,
                value: shortened(&value),
                expected: systems
                    .iter()
                    .map(|system| format!("{system}|..."))
                    .collect::<Vec<_>>()
                    .join(" or "),
            },
            None => QueryError::Unsupported {
                parameter: shortened(&parameter),
            },
        })
    }
}

fn decoded(name: &str, text: &str) -> Result<String, QueryError> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(Into::into).map_err(|_| QueryError::Value {
        parameter: shortened(name),
        why: "it is not UTF-8".to_owned(),
    })
}
