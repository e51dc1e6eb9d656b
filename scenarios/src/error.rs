//! What is wrong with a scenario file, and where.

use std::ops::Range;
use std::sync::Arc;

use gp2gp_model::IdError;
use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::spanned::Spanned;
use crate::{Source, suggest};

/// A file cannot be used. As a [`miette::Diagnostic`] it shows the line.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Diagnostic)]
#[error(transparent)]
#[diagnostic(transparent)]
pub struct ScenarioError(Box<Shown>);

#[derive(Debug, Clone, PartialEq, thiserror::Error, Diagnostic)]
#[error("{message}")]
struct Shown {
    message: String,
    #[source_code]
    text: NamedSource<Arc<str>>,
    #[label("here")]
    span: Option<SourceSpan>,
    #[help]
    help: Option<String>,
}

/// Something wrong at a place, before it is known in which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    message: String,
    span: Option<Range<usize>>,
    help: Option<String>,
}

impl Problem {
    /// At these bytes of the text.
    pub fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span: Some(span),
            help: None,
        }
    }

    /// And what to write instead.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }

    /// The place, if there is one.
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// `written` is none of the things it could be.
    pub fn unknown<'a>(
        what: &str,
        written: &Spanned<String>,
        candidates: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        let name = written.get_ref();
        Self::at(written.span(), format!("unknown {what} `{name}`")).help(suggest::help(
            name,
            &format!("every {what}"),
            candidates,
        ))
    }

    /// The same, when only this cell of the matrix has it, or is the first to have it.
    pub(crate) fn in_cell(self, cell: &str) -> Self {
        Self {
            message: format!("{} (in the cell {cell})", self.message),
            ..self
        }
    }

    pub(crate) fn in_source(self, source: &Source) -> ScenarioError {
        self.in_text(&source.file, &source.text)
    }

    /// The same, with the text of the file that people find under this name.
    pub fn in_text(self, file: &str, text: &Arc<str>) -> ScenarioError {
        ScenarioError(Box::new(Shown {
            text: named(file, text),
            span: self.span.map(|span| shown(text, span)),
            message: self.message,
            help: self.help,
        }))
    }
}

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        Self {
            message: error.to_string(),
            span: None,
            help: None,
        }
    }
}

impl From<toml::de::Error> for Problem {
    /// Serde lists every name that it would have taken; people need the nearest one.
    fn from(error: toml::de::Error) -> Self {
        let (message, help) = reworded(error.message());
        Self {
            message,
            span: error.span(),
            help,
        }
    }
}

fn reworded(message: &str) -> (String, Option<String>) {
    if let Some((message, help)) = message.split_once('\n') {
        return (message.to_owned(), Some(help.to_owned()));
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let help =
        |written, what, known: &[&str]| Some(suggest::help(written, what, known.iter().copied()));
    match names.as_slice() {
        [written, known @ ..] if message.starts_with("unknown field ") => (
            format!("unknown key `{written}`"),
            help(written, "keys known here", known),
        ),
        [written, known @ ..] if message.starts_with("unknown variant ") => (
            format!("unknown value `{written}`"),
            help(written, "values known here", known),
        ),
        [missing] if message.starts_with("missing field ") => {
            (format!("key `{missing}` is missing"), None)
        }
        [..] => (in_plain_words(message), None),
    }
}

fn in_plain_words(message: &str) -> String {
    let words = IN_PLAIN_WORDS.iter();
    words.fold(message.to_owned(), |message, (serde, plain)| {
        message.replace(serde, plain)
    })
}

/// The words of serde, and those of an author.
const IN_PLAIN_WORDS: [(&str, &str); 9] = [
    ("invalid type: ", "found "),
    ("invalid value: ", "found "),
    ("expected a string", "expected a text in quotes"),
    ("expected a sequence", "expected a list in square brackets"),
    ("expected u64", "expected a whole number"),
    (
        "expected a nonzero u16",
        "expected a whole number from 1 to 65535",
    ),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u8", "expected a whole number from 0 to 255"),
    (
        "expected u32",
        "expected a whole number from 0 to 4294967295",
    ),
];

/// The text under the name of its file.
pub(crate) fn named(file: &str, text: &Arc<str>) -> NamedSource<Arc<str>> {
    NamedSource::new(file, Arc::clone(text)).with_language("TOML")
}

/// The part of a span on its first line: a whole table is no place to look at.
pub(crate) fn shown(text: &str, span: Range<usize>) -> SourceSpan {
    let marked = text.get(span.clone()).unwrap_or_default();
    let length = marked.find('\n').unwrap_or(marked.len());
    SourceSpan::from((span.start.min(text.len()), length))
}
