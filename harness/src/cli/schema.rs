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
}

/// Prints the same JSON whatever `--format` says.
pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let schema = match (args.sut, args.control) {
        (true, _) => config::schema(),
        (false, true) => openapi::document(),
        (false, false) => gp2gp_scenarios::schema(),
    };
    output.result(&schema, || format!("{schema:#}\n"))?;
    Ok(0)
}
