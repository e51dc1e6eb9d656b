//! `gp2gp check`.

use std::path::PathBuf;

use gp2gp_model::plural::count;
use serde::Serialize;

use super::output::Output;
use super::suite;
use crate::judge::checked_requirements;
use crate::score::{CONFORMS, USAGE};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Scenario files. The built-in scenarios, if none is given.
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Result {
    checked: usize,
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Problem {
    scenario: String,
    message: String,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let sources = if args.files.is_empty() {
        gp2gp_scenarios::builtin()
    } else {
        args.files
            .iter()
            .map(|file| gp2gp_scenarios::load_file(file))
            .collect::<std::result::Result<_, _>>()?
    };
    let checked = checked_requirements();
    let mut problems = Vec::new();
    for source in &sources {
        let lints = gp2gp_scenarios::parse(source).and_then(|scenarios| {
            for scenario in &scenarios {
                gp2gp_scenarios::lower(scenario, &catalogue, None)?;
            }
            Ok(gp2gp_scenarios::lint(
                &scenarios,
                &catalogue,
                Some(&checked),
            ))
        });
        match lints {
            Ok(lints) => problems.extend(lints.into_iter().map(|lint| Problem {
                scenario: source.id.to_string(),
                message: lint.to_string(),
            })),
            Err(error) => problems.push(Problem {
                scenario: source.id.to_string(),
                message: format!("{:?}", miette::Report::new(error)),
            }),
        }
    }
    let code = if problems.is_empty() { CONFORMS } else { USAGE };
    let result = Result {
        checked: sources.len(),
        problems,
    };
    output.result(&result, || {
        let mut text: String = result
            .problems
            .iter()
            .map(|problem| format!("{}: {}\n", problem.scenario, problem.message))
            .collect();
        text.push_str(&format!(
            "{} checked, {}\n",
            count(result.checked, "scenario"),
            count(result.problems.len(), "problem")
        ));
        text
    })?;
    Ok(code)
}
