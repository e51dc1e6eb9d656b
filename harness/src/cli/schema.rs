//! `gp2gp schema`.

use super::output::Output;
use crate::sut::{config, openapi};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// That of sut.toml instead of scenario files.
    #[arg(long)]
    sut: bool,
    /// The control contract over HTTP, as OpenAPI 3.1.
    #[arg(long, conflicts_with = "sut")]
    control: bool,
    /// That of reports (`report.json`, `--format json`).
    #[arg(long, conflicts_with_all = ["sut", "control"])]
    report: bool,
}

/// Prints the same JSON whatever `--format` says.
pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let schema = match (args.sut, args.control, args.report) {
        (true, _, _) => config::schema(),
        (false, true, _) => openapi::document(),
        (false, false, true) => gp2gp_model::report::schema(),
        (false, false, false) => gp2gp_scenarios::schema(),
    };
    output.result(&schema, || format!("{schema:#}\n"))?;
    Ok(0)
}
