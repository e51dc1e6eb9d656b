//! The HTML report, written while the kept runs are read one after the other.

use std::cell::RefCell;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;

use gp2gp_model::bench::BenchReport;
use gp2gp_model::report::conversation::{Depth, ScenarioMaterial};
use gp2gp_model::report::{RunReport, ScenarioReport};
use gp2gp_model::requirement::Requirement;
use gp2gp_reports::Page;
use miette::{IntoDiagnostic as _, WrapErr as _};

use crate::conversations;
use crate::recording::Recording;
use crate::redact::Redactor;

/// Where traces are.
pub(super) enum Traces<'a> {
    /// In the folder of a run.
    KeptIn(&'a Path),
    /// In the folder of a run, and what identifies is to be left out.
    Redacted(&'a Path, Box<RefCell<Redactor>>),
    /// There is one, and it is at hand.
    Of(&'a Recording),
}

/// Writes the page of a run or a recording.
pub(super) fn write(
    file: &Path,
    report: &RunReport,
    catalogue: &[Requirement],
    traces: &Traces<'_>,
) -> miette::Result<()> {
    let sources = gp2gp_scenarios::sources().into_diagnostic()?;
    let page = Page {
        report,
        catalogue,
        sources: &sources,
        bench: None,
    };
    write_page(file, &page, traces)
}

/// The same, with all that a page can be of.
pub(super) fn write_page(file: &Path, page: &Page<'_>, traces: &Traces<'_>) -> miette::Result<()> {
    let mut source = |scenario: &ScenarioReport, depth: Depth| match traces {
        Traces::KeptIn(out) => kept(out, scenario, depth),
        Traces::Redacted(out, redactor) => {
            let original = kept(out, scenario, depth);
            original.and_then(|it| redactor.borrow_mut().material(it).ok())
        }
        Traces::Of(recording) => {
            let material = conversations::material(&recording.trace, &recording.bodies, depth);
            Some(material)
        }
    };
    write_text(file, |out| gp2gp_reports::html(page, &mut source, out))
}

/// Writes what a renderer tells, with the folder that it goes into.
pub(super) fn write_text(
    file: &Path,
    tell: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
) -> miette::Result<()> {
    let writing = || format!("writing {}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .into_diagnostic()
            .wrap_err_with(writing)?;
    }
    let mut target = File::create(file)
        .into_diagnostic()
        .wrap_err_with(writing)?;
    let mut text = Utf8::new(BufWriter::new(&mut target));
    let written = tell(&mut text);
    text.ended(written).into_diagnostic().wrap_err_with(writing)
}

/// What `gp2gp bench` wrote.
pub(super) fn bench(file: &Path) -> miette::Result<BenchReport> {
    let text = fs::read_to_string(file)
        .into_diagnostic()
        .wrap_err_with(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is no report of a bench", file.display()))
}

/// What is shown of a kept run; nothing of one that left no trace. That its trace cannot be read is said on the page.
fn kept(out: &Path, scenario: &ScenarioReport, depth: Depth) -> Option<ScenarioMaterial> {
    let id = scenario.id.as_ref()?;
    if scenario.messages == 0 {
        return None;
    }
    let folder = out.join("runs").join(id.as_str());
    conversations::of_kept(&folder, depth).ok()
}

/// Text into bytes, with the error that [`fmt::Error`] cannot tell.
struct Utf8<W> {
    into: W,
    failed: Option<io::Error>,
}

impl<W: io::Write> Utf8<W> {
    const fn new(into: W) -> Self {
        Self { into, failed: None }
    }

    fn ended(mut self, written: fmt::Result) -> io::Result<()> {
        match (written, self.failed.take()) {
            (_, Some(error)) => Err(error),
            (Err(fmt::Error), None) => {
                Err(io::Error::other("a part of the page cannot be written"))
            }
            (Ok(()), None) => self.into.flush(),
        }
    }
}

impl<W: io::Write> fmt::Write for Utf8<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.into.write_all(text.as_bytes()).map_err(|error| {
            self.failed = Some(error);
            fmt::Error
        })
    }
}
