//! `gp2gp simulate`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use miette::{IntoDiagnostic as _, miette};
use serde::Serialize;

use super::output::Output;
use crate::run::usual_jobs;
use crate::simulate::{ENGLAND, Order, Profile, Simulation, Speed, grow, timed};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many transfers [default: as many as the profile has in so many days].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MOST_TRANSFERS))]
    transfers: Option<u32>,
    /// Days in which they begin.
    #[arg(long, value_name = "NUMBER", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=MOST_DAYS))]
    days: u32,
    /// Seed of all chance: the same seed, the same result.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Threads [default: as many as there are processors]. The result is the same on any number of them.
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<NonZeroUsize>,
    /// What is moved and what goes wrong, in TOML [default: England, 2019 to 2022].
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Prints the built-in profile, to write another one from.
    #[arg(long, conflicts_with_all = ["transfers", "profile", "grow"])]
    print_profile: bool,
    /// Shows how the cost grows from 1 000 to 3 000 000 transfers in these days.
    #[arg(long, conflicts_with = "transfers")]
    grow: bool,
}

const MOST_TRANSFERS: i64 = 100_000_000;
const MOST_DAYS: i64 = 3_650;

/// What it came to, and what it cost.
#[derive(Serialize)]
struct Report {
    simulation: Simulation,
    speed: Speed,
}

/// The text of a profile.
#[derive(Serialize)]
struct Text {
    profile: &'static str,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    if args.print_profile {
        output.result(&Text { profile: ENGLAND }, || ENGLAND.to_owned())?;
        return Ok(0);
    }
    let profile = read(args)?;
    let transfers = args.transfers;
    let transfers = transfers.unwrap_or_else(|| profile.transfers_in(args.days));
    if i64::from(transfers) > MOST_TRANSFERS {
        return Err(miette!(
            help = "say fewer with --transfers, or fewer --days",
            "{transfers} transfers are too many, at most {MOST_TRANSFERS} can be"
        ));
    }
    let order = Order {
        profile: &profile,
        seed: args.seed,
        days: args.days,
        transfers,
    };
    let jobs = args.jobs.unwrap_or_else(usual_jobs);
    let bar = super::spinner();
    if args.grow {
        let growth = grow(&order, jobs, &|transfers| {
            bar.set_message(format!("{transfers} transfers"));
        });
        bar.finish_and_clear();
        output.result(&growth, || growth.to_string())?;
        return Ok(0);
    }
    bar.set_message(format!("{} transfers", order.transfers));
    let (simulation, speed) = timed(&order, jobs);
    bar.finish_and_clear();
    let report = Report { simulation, speed };
    output.result(&report, || format!("{}{}", report.simulation, report.speed))?;
    Ok(0)
}

fn read(args: &Args) -> miette::Result<Profile> {
    let Some(path) = &args.profile else {
        return Profile::parse("the built-in profile", ENGLAND).into_diagnostic();
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        miette!(
            help = "`gp2gp simulate --print-profile` prints one to begin with",
            "cannot read {name}: {error}"
        )
    })?;
    Profile::parse(&name, &text).into_diagnostic()
}
