//! `gp2gp baseline`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gp2gp_model::baseline::Date;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde::Serialize;

use super::output::Output;
use super::suite;
use crate::baseline::{Baseline, Said, Updated, update};
use crate::keep::Kept;
use crate::score::CONFORMS;

/// A failure is borne for so many days, unless somebody says otherwise.
const DAYS: u16 = 90;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring the file up to date with a kept run: take out what is stale, add what fails.
    Update(UpdateArgs),
}

#[derive(Debug, clap::Args)]
struct UpdateArgs {
    /// The folder that `gp2gp run --out` wrote.
    #[arg(long, value_name = "DIR", default_value = "gp2gp-out")]
    from: PathBuf,
    /// The file of known failures; it is made if it is not there.
    #[arg(long, value_name = "FILE", default_value = "known-failures.toml")]
    baseline: PathBuf,
    /// Why what is added is borne.
    #[arg(long, requires = "owner")]
    reason: Option<String>,
    /// Who sees to what is added.
    #[arg(long, requires = "reason")]
    owner: Option<String>,
    /// The last day on which what is added is borne [default: 90 days after the run].
    #[arg(long, value_name = "DAY")]
    expires: Option<Date>,
}

/// What became of the file, for programs.
#[derive(Serialize)]
struct Told<'a> {
    file: &'a Path,
    added: Vec<String>,
    removed: Vec<String>,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    match &args.command {
        Command::Update(args) => bring_up_to_date(args, output),
    }
}

fn bring_up_to_date(args: &UpdateArgs, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let mut kept = Kept::open(&args.from, &catalogue)?;
    let file = args.baseline.display().to_string();
    let text = match fs::read_to_string(&args.baseline) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read
            .into_diagnostic()
            .wrap_err_with(|| format!("reading {file}"))?,
    };
    let baseline = Baseline::parse(&file, &text, &catalogue);
    let baseline = baseline.map_err(|error| miette::Report::new(*error))?;
    kept.beside.baseline = Some(baseline.clone());
    let report = kept.report(&catalogue);
    let made_at = report.fingerprint.as_ref().map(|it| Date::of(it.made_at));
    let said = match (&args.reason, &args.owner, made_at) {
        (Some(reason), Some(owner), Some(day)) => Some(Said {
            reason: reason.clone(),
            owner: owner.clone(),
            expires: args.expires.unwrap_or_else(|| day.later(DAYS)),
        }),
        (_, _, None) => {
            return Err(miette!(
                help = "make the run again with this version",
                "{} does not say when it was made",
                args.from.display()
            ));
        }
        (None, _, _) | (_, None, _) => None,
    };
    let Updated {
        text,
        added,
        removed,
        unsaid,
    } = update(&text, &baseline, &report, said.as_ref()).into_diagnostic()?;
    if let Some((check, scenario)) = unsaid.first() {
        let help =
            "say why they are borne and who sees to them: --reason \"ticket 17\" --owner anna";
        return Err(miette!(
            help = help,
            "{} failures are not known, the first is {check} in {scenario}",
            unsaid.len()
        ));
    }
    fs::write(&args.baseline, text)
        .into_diagnostic()
        .wrap_err_with(|| format!("writing {file}"))?;
    let told = Told {
        file: &args.baseline,
        added: added.iter().map(ToString::to_string).collect(),
        removed: removed
            .iter()
            .map(|(entry, why)| format!("{entry}, which {}", why.words()))
            .collect(),
    };
    output.result(&told, || {
        let mut text = String::new();
        for entry in &told.added {
            text.push_str(&format!("added    {entry}\n"));
        }
        for entry in &told.removed {
            text.push_str(&format!("removed  {entry}\n"));
        }
        text + &format!(
            "{file}: {} added, {} removed\n",
            told.added.len(),
            told.removed.len()
        )
    })?;
    Ok(CONFORMS)
}
