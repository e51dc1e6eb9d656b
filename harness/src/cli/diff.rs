//! `gp2gp diff`.

use std::path::PathBuf;

use super::output::Output;
use super::{page, suite};
use crate::run_diff::diff;
use crate::score::{CONFORMS, FAILURES};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder that `gp2gp run --out` wrote.
    #[arg(value_name = "A")]
    a: PathBuf,
    /// That of another run.
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Write a page that shows both beside each other.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let diff = diff(&args.a, &args.b, &catalogue)?;
    if let Some(file) = &args.html {
        page::write_text(file, |out| {
            gp2gp_reports::run_diff_html(&diff, &catalogue, out)
        })?;
    }
    output.result(&diff, || gp2gp_reports::run_diff(&diff))?;
    let is_same =
        diff.scenarios.is_empty() && diff.only_in_a.is_empty() && diff.only_in_b.is_empty();
    Ok(match is_same {
        true => CONFORMS,
        false => FAILURES,
    })
}
