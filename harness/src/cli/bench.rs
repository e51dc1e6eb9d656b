//! `gp2gp bench`.

use std::env;
use std::process::Command;

use clap::ValueEnum;
use miette::{IntoDiagnostic as _, miette};

use super::output::Output;
use crate::bench::{self, Case, Part};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to measure. All, if none is given.
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<PartArg>,
    /// Measures the memory of this case in this process, and prints it as JSON.
    #[arg(long, value_name = "CASE", hide = true)]
    memory_of: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartArg {
    /// 25 MB documents over loopback HTTP, against a floor measured beside them.
    Path,
    /// The whole suite, under the virtual clock and over loopback HTTP.
    Suite,
    /// Peak of memory of a 1 GB record and of 677 MB documents.
    Memory,
}

impl From<PartArg> for Part {
    fn from(arg: PartArg) -> Self {
        match arg {
            PartArg::Path => Self::Path,
            PartArg::Suite => Self::Suite,
            PartArg::Memory => Self::Memory,
        }
    }
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    if let Some(name) = &args.memory_of {
        let case = Case::from_name(name).ok_or_else(|| miette!("no case `{name}`"))?;
        let peak = case.measure().into_diagnostic()?;
        output.result(&peak, || format!("{peak}\n"))?;
        return Ok(0);
    }
    let parts: Vec<Part> = match args.parts.as_slice() {
        [] => PartArg::value_variants(),
        parts => parts,
    }
    .iter()
    .map(|part| Part::from(*part))
    .collect();
    let child = |case: &str| {
        let mut command = Command::new(env::current_exe()?);
        command.args(["bench", "--format", "json", "--memory-of", case]);
        Ok(command)
    };
    let bar = super::spinner();
    let report = bench::run(&parts, &child, &|what| bar.set_message(what.to_owned()));
    bar.finish_and_clear();
    let report = report.into_diagnostic()?;
    output.result(&report, || report.to_string())?;
    Ok(u8::from(!report.kept))
}
