//! `gp2gp report`.

use std::path::PathBuf;

use super::beside::BesideArgs;
use super::formats::Formats;
use super::output::Output;
use super::{run, suite};
use crate::keep::{Kept, RUNS_FOLDER};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that `gp2gp run --out` wrote.
    #[arg(long, value_name = "DIR", default_value = "gp2gp-out")]
    from: PathBuf,
    #[command(flatten)]
    beside: BesideArgs,
    #[command(flatten)]
    formats: Formats,
    /// Also print the story of every transfer.
    #[arg(long)]
    story: bool,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let mut kept = Kept::open(&args.from, &catalogue)?;
    args.beside.load(&catalogue)?.replace(&mut kept.beside);
    let report = kept.report(&catalogue);
    let formats = &args.formats;
    let mut files = formats.write(&report, &catalogue, (Some(&args.from), output))?;
    files.push(args.from.join(RUNS_FOLDER));
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
