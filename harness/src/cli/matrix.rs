//! `gp2gp matrix`.

use std::num::NonZeroUsize;

use gp2gp_model::matrix::{Pairing, RecordKind};
use miette::miette;

use super::output::Output;
use super::{run, suite};
use crate::driver::Sut;
use crate::matrix;
use crate::run::usual_jobs;
use crate::score::FAILURES;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only with this system at the new practice: a version or a supplier, such as `2.2a` or `tpp`.
    #[arg(long, value_name = "SYSTEM")]
    requesting: Option<String>,
    /// Only with this system at the old practice.
    #[arg(long, value_name = "SYSTEM")]
    sending: Option<String>,
    /// Only this kind of record: small, large, redacted or returning.
    #[arg(long, value_name = "KIND")]
    record: Option<String>,
    /// The system under test: `reference`, or `broken:<name>` (see `gp2gp list --broken`).
    #[arg(long, default_value = "reference", value_parser = run::parse_sut)]
    sut: Sut,
    /// Pairs that run at the same time [default: as many as there are processors].
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let pairings = select(args)?;
    let jobs = args.jobs.unwrap_or_else(usual_jobs);
    let report = matrix::run(&pairings, &catalogue, args.sut.clone(), jobs);
    output.result(&report, || gp2gp_reports::matrix(&report))?;
    Ok(match report.differences {
        0 => 0,
        _ => FAILURES,
    })
}

/// The pairings that the filters leave; each filter must be the name of something.
fn select(args: &Args) -> miette::Result<Vec<Pairing>> {
    let mut pairings = gp2gp_scenarios::pairings()?;
    let systems: Vec<&str> = pairings.iter().map(|it| it.requesting.name()).collect();
    for wanted in [&args.requesting, &args.sending].into_iter().flatten() {
        expect_one_of(wanted, "system", &systems)?;
    }
    if let Some(wanted) = &args.record {
        expect_one_of(
            wanted,
            "kind of record",
            &RecordKind::ALL.map(RecordKind::name),
        )?;
    }
    let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|it| it == name);
    pairings.retain(|pairing| {
        is(&args.requesting, pairing.requesting.name())
            && is(&args.sending, pairing.sending.name())
            && is(&args.record, pairing.record.name())
    });
    if pairings.is_empty() {
        return Err(miette!(
            help = "a version is paired with versions, a supplier with suppliers",
            "the table has no such pair"
        ));
    }
    Ok(pairings)
}

fn expect_one_of(wanted: &str, what: &str, names: &[&str]) -> miette::Result<()> {
    if names.contains(&wanted) {
        return Ok(());
    }
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(name) {
            known.push(name);
        }
    }
    Err(miette!(
        help = format!("there are {}", known.join(", ")),
        "no {what} `{wanted}`"
    ))
}
