//! Chores of the repository: `cargo xtask ci`, `bench`, `book`, `tidy`, `diagram`, `requirements`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the person who runs it"
)]

mod bench;
mod book;
mod ci;
mod export;
mod requirements;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <chore>

  ci            everything that must pass: format, clippy, tests, tidy, and every scenario
  bench [word]  how fast the harness serves, beside the floor, the target and its peers; a word picks rows
  book          writes the documentation as a site into target/book
  tidy          what no compiler minds: long files, tabs, trailing blanks, paths of one machine, lints of scenarios
  diagram       writes the diagram of exports into docs/export.md
  requirements  every requirement with the scenarios that name it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["ci"] => ci::run(&root()),
        ["bench", words @ ..] => bench::run(&root(), words),
        ["book"] => book::run(&root()),
        ["tidy"] => tidy::run(&root()),
        ["diagram"] => export::run(&root()),
        ["requirements"] => requirements::run(),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] | [_, ..] => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_owned()
}
