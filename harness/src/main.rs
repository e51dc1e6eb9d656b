//! `gp2gp`: the harness on the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    gp2gp::cli::main()
}
