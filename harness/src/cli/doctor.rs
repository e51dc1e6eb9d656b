//! `gp2gp doctor`.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Serialize;

use super::output::Output;
use super::spinner;
use crate::score::{CONFORMS, SUT_UNFIT};
use crate::sut::config::Config;
use crate::sut::doctor::{Diagnosis, Probed, State, examine};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The description of the system.
    #[arg(long, value_name = "FILE", default_value = "sut.toml")]
    sut: PathBuf,
    /// Folder for the log of a system that is started.
    #[arg(long, value_name = "DIR", default_value = "gp2gp-out")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Result<'a> {
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
    exit: u8,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let config = Config::load(&args.sut, env::vars())?;
    fs::create_dir_all(&args.out)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot make {}", args.out.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .into_diagnostic()?;
    let bar = spinner();
    bar.set_message("examining");
    let diagnosis = runtime.block_on(examine(&config, &args.out.join("doctor.log")));
    bar.finish_and_clear();
    let exit = match diagnosis.is_broken() {
        true => SUT_UNFIT,
        false => CONFORMS,
    };
    let result = Result {
        diagnosis: &diagnosis,
        exit,
    };
    output.result(&result, || page(&config, &diagnosis, args))?;
    Ok(exit)
}

fn page(config: &Config, diagnosis: &Diagnosis, args: &Args) -> String {
    let mut page = String::new();
    let probes = &diagnosis.probes;
    let width = probes.iter().map(|probed| probed.probe.len()).max();
    let width = width.unwrap_or_default();
    for probed in probes {
        line(probed, width, &mut page);
    }
    let name = &config.system.name;
    let _ = match diagnosis.count(State::Broken) {
        0 => writeln!(
            page,
            "\n{name} can be tested: gp2gp run --sut {}",
            args.sut.display()
        ),
        broken => writeln!(
            page,
            "\n{name} cannot be tested yet: {broken} broken; then again: gp2gp doctor --sut {}",
            args.sut.display()
        ),
    };
    page
}

/// What was seen on one line, and below it what mends it.
fn line(probed: &Probed, width: usize, page: &mut String) {
    let style = match probed.state {
        State::Ok => AnsiColor::Green.on_default(),
        State::Broken => AnsiColor::Red.on_default().bold(),
        State::Skipped => Style::new().dimmed(),
    };
    let indent = " ".repeat("skipped".len() + 2 + width + 2);
    let said = probed.said.replace('\n', &format!("\n{indent}| "));
    let _ = writeln!(
        page,
        "{style}{:7}{style:#}  {:width$}  {said}",
        probed.state, probed.probe
    );
    if let Some(mend) = &probed.mend {
        let _ = writeln!(page, "{indent}-> {mend}");
    }
}
