//! Where words go.

use std::io::{self, Write as _};

use miette::IntoDiagnostic as _;
use serde::Serialize;

use super::Format;

/// stdout for results, stderr for the rest. Colours are stripped where nobody sees them.
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) const fn new(format: Format) -> Self {
        Self { format }
    }

    /// The result: text for people or one JSON object, whichever was asked for.
    pub(super) fn result<T: Serialize>(
        &self,
        json: &T,
        human: impl FnOnce() -> String,
    ) -> miette::Result<()> {
        let text = match self.format {
            Format::Human => human(),
            Format::Json => serde_json::to_string_pretty(json).into_diagnostic()? + "\n",
        };
        let text = safe(&text, self.format);
        unless_closed(anstream::stdout().lock().write_all(text.as_bytes()))
    }

    /// What is no result.
    pub(super) fn aside(&self, text: &str) {
        let text = safe(text, Format::Human);
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
    }

    /// What is meant for the runner of a job, word for word.
    pub(super) fn command(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Why there is no result.
    ///
    /// Words go to stderr; whoever asked for JSON gets an object on stdout as well.
    pub(super) fn complain(&self, report: &miette::Report, exit: u8) {
        let text = safe(&format!("{report:?}\n"), Format::Human);
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
        if self.format == Format::Json {
            let error = Complaint {
                error: report.to_string(),
                help: report.help().map(|help| help.to_string()),
                exit,
            };
            let _ = self.result(&error, String::new);
        }
    }
}

/// Whether a GitHub runner reads what we write.
pub(super) fn is_on_github() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|it| it == "true")
}

/// Words of a system move no cursor, and are no command to a runner that reads along.
fn safe(text: &str, format: Format) -> String {
    let text = match format {
        Format::Human => gp2gp_reports::on_terminal(text),
        Format::Json => text.to_owned(),
    };
    match is_on_github() {
        true => gp2gp_reports::inert(&text, format == Format::Json),
        false => text,
    }
}

/// Why there is no result, for programs.
#[derive(Serialize)]
struct Complaint {
    error: String,
    help: Option<String>,
    exit: u8,
}

/// A reader that has seen enough (`gp2gp list | head`) is no error.
fn unless_closed(result: io::Result<()>) -> miette::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.into_diagnostic(),
    }
}
