//! `gp2gp schema`.

use super::output::Output;
use crate::sut::config;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// That of sut.toml instead of scenario files.
    #[arg(long)]
    sut: bool,
}

/// Prints the same JSON whatever `--format` says.
pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let schema = match args.sut {
        true => config::schema(),
        false => gp2gp_scenarios::schema(),
    };
    output.result(&schema, || format!("{schema:#}\n"))?;
    Ok(0)
}
