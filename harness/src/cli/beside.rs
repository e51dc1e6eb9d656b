//! What a run is seen beside: an earlier run, and known failures.

use std::fs;
use std::path::{Path, PathBuf};

use gp2gp_model::requirement::Requirement;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::baseline::Baseline;
use crate::keep::{BASELINE_FILE, EARLIER_FILE, Kept};
use crate::report::Beside;

#[derive(Debug, clap::Args)]
pub(super) struct BesideArgs {
    /// An earlier run, by its folder: the report says what has changed, and since when each failure is there.
    #[arg(long, value_name = "DIR")]
    since: Option<PathBuf>,
    /// A file of known failures: what it names is told and does not fail the run; what it names and passes, or
    /// has expired, does. Usually that of the `sut.toml`, if it names one.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

/// What was asked for, read before the run: it may be the folder that the run goes into.
pub(super) struct Loaded {
    beside: Beside,
    baseline_text: Option<String>,
}

impl BesideArgs {
    /// `usual` is the file of known failures where none was asked for.
    pub(super) fn load(
        &self,
        catalogue: &[Requirement],
        usual: Option<&Path>,
    ) -> miette::Result<Loaded> {
        let earlier = match &self.since {
            None => None,
            Some(folder) => {
                let kept = Kept::open(folder, catalogue)?;
                let earlier = kept.as_earlier(catalogue);
                Some(earlier.ok_or_else(|| {
                    miette!(
                        help = "make the run again with this version",
                        "{} does not say when it was made",
                        folder.display()
                    )
                })?)
            }
        };
        let file = self.baseline.as_deref().or(usual);
        let baseline_text = file.map(read).transpose()?;
        let baseline = match (file, &baseline_text) {
            (Some(file), Some(text)) => {
                let read = Baseline::parse(&file.display().to_string(), text, catalogue);
                Some(read.map_err(|error| miette::Report::new(*error))?)
            }
            (None, _) | (_, None) => None,
        };
        Ok(Loaded {
            beside: Beside { earlier, baseline },
            baseline_text,
        })
    }
}

impl Loaded {
    /// Keeps it with a run, so that its report can be made again.
    pub(super) fn keep(&self, out: &Path) -> miette::Result<()> {
        if let Some(earlier) = &self.beside.earlier {
            let text = serde_json::to_string(earlier).into_diagnostic()? + "\n";
            write(&out.join(EARLIER_FILE), &text)?;
        }
        if let Some(text) = &self.baseline_text {
            write(&out.join(BASELINE_FILE), text)?;
        }
        Ok(())
    }

    /// Puts it in the place of what a run was seen beside, as far as it was asked for.
    pub(super) fn replace(self, beside: &mut Beside) {
        if self.beside.earlier.is_some() {
            beside.earlier = self.beside.earlier;
        }
        if self.beside.baseline.is_some() {
            beside.baseline = self.beside.baseline;
        }
    }
}

fn read(file: &Path) -> miette::Result<String> {
    fs::read_to_string(file).map_err(|error| {
        miette!(
            help = "`gp2gp baseline update` makes one of a kept run; an empty file says that no failure is known",
            "cannot read the known failures in {}: {error}",
            file.display()
        )
    })
}

fn write(file: &Path, text: &str) -> miette::Result<()> {
    fs::write(file, text)
        .into_diagnostic()
        .wrap_err_with(|| format!("writing {}", file.display()))
}
