//! `gp2gp report`.

use std::cell::RefCell;
use std::path::PathBuf;

use miette::IntoDiagnostic as _;

use super::beside::BesideArgs;
use super::formats::Formats;
use super::output::Output;
use super::page::Traces;
use super::{run, suite};
use crate::keep::{Kept, RUNS_FOLDER};
use crate::redact::Redactor;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that `gp2gp run --out` wrote.
    #[arg(long, value_name = "DIR", default_value = "gp2gp-out")]
    from: PathBuf,
    #[command(flatten)]
    beside: BesideArgs,
    #[command(flatten)]
    formats: Formats,
    /// Leave out bodies, logs and whatever identifies (ids, practices, patients, documents, addresses, paths), and
    /// write the reports to this folder: they can be shared.
    #[arg(long, value_name = "TO")]
    redact: Option<PathBuf>,
    /// Also print the story of every transfer.
    #[arg(long)]
    story: bool,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let mut kept = Kept::open(&args.from, &catalogue)?;
    args.beside
        .load(&catalogue, None)?
        .replace(&mut kept.beside);
    let mut report = kept.report(&catalogue);
    let formats = &args.formats;
    let files = match &args.redact {
        None => {
            let place = (Some(args.from.as_path()), output);
            let mut files = formats.write(&report, &catalogue, place)?;
            files.push(args.from.join(RUNS_FOLDER));
            files
        }
        Some(to) => {
            let mut redactor = redactor(&kept)?;
            report = redactor.report(&report).into_diagnostic()?;
            let traces = Traces::Redacted(&args.from, Box::new(RefCell::new(redactor)));
            let place = (Some(to.as_path()), output);
            formats.write_with(&report, &catalogue, place, Some(&traces))?
        }
    };
    output.result(&report, || {
        let mut text = String::new();
        if args.story {
            text.push_str(&run::stories(&report));
        }
        text.push_str(&run::told(&report, &catalogue, &files));
        text
    })?;
    Ok(report.exit.code)
}

/// Knows everybody who takes part in the run.
fn redactor(kept: &Kept) -> miette::Result<Redactor> {
    let mut redactor = Redactor::new().into_diagnostic()?;
    for scenario in &kept.log.scenarios {
        if let Some(header) = kept.header(scenario)? {
            redactor.learn(&header, &scenario.report);
        }
    }
    Ok(redactor)
}
