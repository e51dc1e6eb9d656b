//! `gp2gp explain`.

use gp2gp_model::explanation::Explanation;
use gp2gp_model::terms::Terms;
use miette::miette;

use super::output::Output;
use super::suite;
use crate::explanation::Reference;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A requirement (`SND-31`), a scenario (`transfer/small-record`) or the path of a scenario file, a failure mode
    /// (`mode 33`), a broken system (`broken:no-final-ack`), a response code (`code 31`), or a word (`core extract`).
    #[arg(required = true)]
    name: Vec<String>,
    /// Print Markdown.
    #[arg(long)]
    markdown: bool,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let explanation = explanation(&args.name.join(" "))?;
    output.result(&explanation, || match args.markdown {
        true => gp2gp_reports::explain_markdown(&explanation, 1, &|_| None),
        false => gp2gp_reports::explain(&explanation),
    })?;
    Ok(0)
}

fn explanation(name: &str) -> miette::Result<Explanation> {
    let reference = Reference::load()?;
    let mut found = reference.find(name);
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(last), false) => {
            found.push(last);
            let names = found
                .iter()
                .map(|it| format!("`gp2gp explain {}`", it.subject().name()));
            let names: Vec<String> = names.collect();
            Err(miette!(
                help = names.join(" or "),
                "`{name}` is the name of several things"
            ))
        }
        (None, _) => scenario(name, &reference),
    }
}

/// A cell of a matrix, or a file of somebody's own.
fn scenario(name: &str, reference: &Reference) -> miette::Result<Explanation> {
    let plans = suite::selected(name, &suite::catalogue()?, None, &Terms::default())?;
    let Some(about) = reference.scenario(&plans) else {
        let lists = "`gp2gp list` shows the scenarios, `gp2gp list --requirements` the requirements, \
                     `gp2gp list --broken` the broken systems";
        let help = match reference.nearest(name) {
            Some(near) => format!("did you mean `{near}`?"),
            None => lists.to_owned(),
        };
        return Err(miette!(help = help, "nothing is called `{name}`"));
    };
    if plans.iter().any(|plan| plan.file != about.file) {
        return Err(miette!(
            help = "explain one of its scenarios: `gp2gp list` shows them",
            "`{name}` is a family of scenarios"
        ));
    }
    Ok(Explanation::Scenario(
        gp2gp_model::explanation::AboutScenario {
            id: name.to_owned(),
            ..about
        },
    ))
}
