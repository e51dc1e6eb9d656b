//! The command line: results on stdout, progress and complaints on stderr, exit status as documented.

mod attach;
mod baseline;
mod bench;
mod beside;
mod certify;
mod check;
mod diff;
mod doctor;
mod explain;
mod formats;
mod init;
mod judge;
mod list;
mod matrix;
mod output;
mod page;
mod replay;
mod report;
mod run;
mod schema;
mod serve;
mod simulate;
mod snapshot;
mod suite;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use gp2gp_model::verdict::Profile;
use indicatif::ProgressBar;

use crate::score::USAGE;
use output::Output;

/// Conformance harness for GP2GP, the transfer of patient records between GP practices.
///
/// Without a command: runs every scenario against the built-in reference system.
///
/// Exit status: 0 conforms, 1 failures, 2 usage or scenario error, 3 incomplete, 4 the baseline of known failures is out of
/// date, 7 the system under
/// test is not there or violates the control contract, 70 harness defect.
#[derive(Debug, Parser)]
#[command(name = "gp2gp", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
    /// How results are written to stdout.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios against a system and score it (the default).
    Run(run::Args),
    /// List scenarios, requirements, or built-in broken systems.
    List(list::Args),
    /// Explain a requirement, a scenario, a failure mode, a broken system, a code or a word in plain words.
    Explain(explain::Args),
    /// Judge a recorded transfer: raw HTTP requests, bare MIME, JSON form, or a kept run.
    Judge(judge::Args),
    /// Run every version with every other, and every supplier, and compare with the table.
    ///
    /// Exit status: 0 as the table says, 1 otherwise.
    Matrix(matrix::Args),
    /// Lint scenario files.
    Check(check::Args),
    /// Measure time and memory of the harness itself against its limits.
    ///
    /// Exit status: 0 limits kept, 1 a limit missed.
    Bench(bench::Args),
    /// Describe a system that is to be tested: write its sut.toml, make certificates.
    Init(Box<init::Args>),
    /// Try everything between us and a system under test, and say what to mend.
    ///
    /// Exit status: 0 all is well, 2 the file is wrong, 7 something is broken.
    Doctor(doctor::Args),
    /// Compare two kept runs, of two versions or two suppliers: where they part first, and what follows from it.
    ///
    /// Exit status: 0 the same, 1 something differs.
    Diff(diff::Args),
    /// Print the JSON schema of scenario files or of sut.toml, for editors.
    Schema(schema::Args),
    /// Make the reports of a kept run again, or in other forms.
    Report(report::Args),
    /// Keep the file of known failures.
    Baseline(baseline::Args),
    /// Pack a kept run, its traces and reports into one archive, with a signed statement of what it shows.
    ///
    /// Exit status: 0 packed, 2 not: the run does not say what its traces say, or cannot be read.
    Certify(certify::Args),
    /// Check an archive of `gp2gp certify`: its signature, its files, and with `--recheck` every verdict.
    ///
    /// Exit status: 0 it holds, 1 it does not, 2 it cannot be read.
    Verify(verify::Args),
    /// Replay what a system did in kept runs against another system.
    Replay(replay::Args),
    /// Keep what a system does as small texts beside its code, and compare later runs with them.
    ///
    /// Exit status: 0 written, or the same; 1 something differs.
    Snapshot(Box<snapshot::Args>),
    /// Simulate a national year of transfers in virtual time, without bodies.
    Simulate(simulate::Args),
    /// Serve a system of the suite, whole or broken, for others to attach.
    Serve(serve::Args),
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One JSON object.
    Json,
}

/// `--profile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileArg {
    /// The specification.
    Strict,
    /// What deployed systems do.
    Field,
}

impl From<ProfileArg> for Profile {
    fn from(arg: ProfileArg) -> Self {
        match arg {
            ProfileArg::Strict => Self::Strict,
            ProfileArg::Field => Self::Field,
        }
    }
}

/// Says on a terminal what is being done: indicatif hides it elsewhere.
fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Whether these words, behind `gp2gp`, are a command: its name and its flags exist.
pub fn understood(words: &[&str]) -> Result<(), clap::Error> {
    CommandLine::try_parse_from([&["gp2gp"], words].concat()).map(drop)
}

/// The names of all commands.
pub fn commands() -> Vec<String> {
    let command = CommandLine::command();
    let commands = command.get_subcommands();
    commands.map(|it| it.get_name().to_owned()).collect()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let args = CommandLine::parse();
    let output = Output::new(args.format);
    let result = match args.command {
        None => run::main(&args.run, &output),
        Some(Command::Run(args)) => run::main(&args, &output),
        Some(Command::List(args)) => list::main(&args, &output),
        Some(Command::Explain(args)) => explain::main(&args, &output),
        Some(Command::Judge(args)) => judge::main(&args, &output),
        Some(Command::Matrix(args)) => matrix::main(&args, &output),
        Some(Command::Check(args)) => check::main(&args, &output),
        Some(Command::Bench(args)) => bench::main(&args, &output),
        Some(Command::Init(args)) => init::main(&args, &output),
        Some(Command::Doctor(args)) => doctor::main(&args, &output),
        Some(Command::Diff(args)) => diff::main(&args, &output),
        Some(Command::Schema(args)) => schema::main(&args, &output),
        Some(Command::Report(args)) => report::main(&args, &output),
        Some(Command::Baseline(args)) => baseline::main(&args, &output),
        Some(Command::Certify(args)) => certify::main(&args, &output),
        Some(Command::Verify(args)) => verify::main(&args, &output),
        Some(Command::Replay(args)) => replay::main(&args, &output),
        Some(Command::Snapshot(args)) => snapshot::main(&args, &output),
        Some(Command::Simulate(args)) => simulate::main(&args, &output),
        Some(Command::Serve(args)) => serve::main(&args, &output),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(report) => {
            output.complain(&report, USAGE);
            ExitCode::from(USAGE)
        }
    }
}
