//! The chapters that are made from the data of the suite, article by article, as `gp2gp explain` says them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gp2gp::explanation::Reference;
use gp2gp_model::explanation::{AboutRequirement, Explanation, Subject};
use gp2gp_model::plan::Role;
use gp2gp_model::requirement::Level;
use gp2gp_reports::{Target, explain_markdown};

use crate::links::relative;

/// A chapter without number and place in the book.
pub(crate) struct Written {
    pub(crate) name: String,
    /// In the site.
    pub(crate) path: PathBuf,
    pub(crate) content: String,
    /// Below it.
    pub(crate) parts: Vec<Self>,
}

/// Every chapter that is made, by the name of its draft in `SUMMARY.md`.
pub(crate) fn chapters() -> miette::Result<Vec<Written>> {
    let all = Reference::load()?.everything();
    Ok(vec![
        requirements(&all),
        failure_modes(&all),
        scenarios(&all),
        broken_systems(&all),
        response_codes(&all),
        glossary(&all),
    ])
}

/// The page on which something is explained.
pub(crate) fn page_of(subject: &Subject) -> PathBuf {
    let page = match subject {
        Subject::Requirement(id) => {
            let family = id.as_str().split('-').next().unwrap_or_default();
            format!("requirements/{}", family.to_lowercase())
        }
        Subject::Scenario(id) => {
            let family = id.as_str().split('/').next().unwrap_or_default();
            format!("scenarios/{family}")
        }
        Subject::FailureMode(_) => "failure-modes".to_owned(),
        Subject::BrokenSystem(_) => "broken-systems".to_owned(),
        Subject::ResponseCode(_) => "response-codes".to_owned(),
        Subject::Term(_) => "glossary".to_owned(),
    };
    PathBuf::from(format!("reference/{page}.md"))
}

/// Where something is explained, as a link from a page of the site.
pub(crate) fn link_to(subject: &Subject, from: &Path) -> String {
    format!("{}#{}", relative(from, &page_of(subject)), subject.anchor())
}

/// Articles on one page, under a heading.
fn page<'a>(
    name: &str,
    heading: &str,
    intro: &str,
    path: &Path,
    articles: impl IntoIterator<Item = &'a Explanation>,
) -> Written {
    let mut content = format!("# {heading}\n\n{intro}\n");
    let link = |target: &Target<'_>| {
        Some(match target {
            Target::Article(subject) => link_to(subject, path),
            // From the root of the repository: led to its place like the links of written pages.
            Target::Page(page) => format!("{}{page}", "../".repeat(path.components().count())),
        })
    };
    for article in articles {
        content.push('\n');
        content.push_str(&explain_markdown(article, 2, &link));
    }
    Written {
        name: name.to_owned(),
        path: path.to_owned(),
        content,
        parts: Vec::new(),
    }
}

/// What the families of requirements are about.
const FAMILIES: [(&str, &str); 7] = [
    ("SND", "sending a record"),
    ("RCV", "asking for a record, and filing it"),
    ("EXP", "exports"),
    ("DIR", "where a record is, and who may have it"),
    ("FED", "federations"),
    ("REP", "what a system reports of itself"),
    ("SEC", "security"),
];

fn requirements(all: &[Explanation]) -> Written {
    let rows: Vec<(&AboutRequirement, &Explanation)> = all
        .iter()
        .filter_map(|it| match it {
            Explanation::Requirement(about) => Some((about, it)),
            Explanation::Scenario(_)
            | Explanation::FailureMode(_)
            | Explanation::BrokenSystem(_)
            | Explanation::ResponseCode(_)
            | Explanation::Term(_) => None,
        })
        .collect();
    let of_one_family = |(row, _): &(&AboutRequirement, _), (next, _): &(&AboutRequirement, _)| {
        row.requirement.family() == next.requirement.family()
    };
    let mut table = "| family | about | for | number | MUST | safety invariants | checked |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    let mut parts = Vec::new();
    for rows in rows.chunk_by(of_one_family) {
        let Some((first, _)) = rows.first() else {
            continue;
        };
        let family = first.requirement.family();
        let about = FAMILIES.iter().find(|(name, _)| *name == family);
        let about = about.map_or("", |(_, about)| about);
        let mut roles: Vec<String> = rows.iter().map(|(row, _)| whose(row)).collect();
        roles.sort();
        roles.dedup();
        let count =
            |is: &dyn Fn(&AboutRequirement) -> bool| rows.iter().filter(|(row, _)| is(row)).count();
        let must = count(&|row| row.requirement.level == Level::Must);
        let safety = count(&|row| row.requirement.safety);
        let _ = writeln!(
            table,
            "| [{family}](requirements/{}.md) | {about} | {} | {} | {must} | {safety} | {} |",
            family.to_lowercase(),
            roles.join(", "),
            rows.len(),
            count(&|row| row.checked),
        );
        let heading = format!("Requirements {family}: {about}");
        let path = PathBuf::from(format!(
            "reference/requirements/{}.md",
            family.to_lowercase()
        ));
        let articles = rows.iter().map(|(_, it)| *it);
        parts.push(page(family, &heading, "", &path, articles));
    }
    let intro = format!(
        "What a system must do, why, where that is written, and what would prove it broken. \
         `gp2gp explain SND-31` says the same of one. Ids never change. What the letters of clauses stand for is \
         [in the glossary](glossary.md#clause).\n\n{table}"
    );
    let path = Path::new("reference/requirements.md");
    Written {
        parts,
        ..page("Requirements", "Requirements", &intro, path, [])
    }
}

fn whose(about: &AboutRequirement) -> String {
    about.requirement.role.role().map_or_else(
        || "every system".to_owned(),
        |role| match role {
            Role::Hub => "hub".to_owned(),
            Role::Requesting | Role::Sending | Role::Exporting => {
                format!("{} system", role.name())
            }
        },
    )
}

fn scenarios(all: &[Explanation]) -> Written {
    let mut families: BTreeMap<String, Vec<&Explanation>> = BTreeMap::new();
    for it in all {
        if let Explanation::Scenario(about) = it {
            let family = about.file.as_str().split('/').next().unwrap_or_default();
            families.entry(family.to_owned()).or_default().push(it);
        }
    }
    let mut table = "| family | scenarios |\n|---|---|\n".to_owned();
    let mut parts = Vec::new();
    for (family, rows) in &families {
        let _ = writeln!(
            table,
            "| [{family}](scenarios/{family}.md) | {} |",
            rows.len()
        );
        let path = PathBuf::from(format!("reference/scenarios/{family}.md"));
        let intro = format!("All of them: `gp2gp run {family}`.\n");
        let heading = format!("Scenarios: {family}");
        parts.push(page(family, &heading, &intro, &path, rows.iter().copied()));
    }
    let intro = format!(
        "Stories in which something may go wrong. `gp2gp list` lists them, `gp2gp run FAMILY` plays a family. \
         [How to write one](../../docs/write-a-scenario.md).\n\n{table}"
    );
    let path = Path::new("reference/scenarios.md");
    Written {
        parts,
        ..page("Scenarios", "Scenarios", &intro, path, [])
    }
}

fn failure_modes(all: &[Explanation]) -> Written {
    page(
        "Failure modes",
        "Failure modes",
        "What has gone wrong in practices, by numbers that never change their meaning, and which scenarios play it. \
         `gp2gp explain mode 33` says the same of one.\n",
        Path::new("reference/failure-modes.md"),
        all.iter()
            .filter(|it| matches!(it, Explanation::FailureMode(_))),
    )
}

fn broken_systems(all: &[Explanation]) -> Written {
    page(
        "Broken systems",
        "Broken systems",
        "Systems with one defect put into them on purpose, and the requirement that catches each: the test of the judge. \
         `gp2gp list --broken` lists them.\n",
        Path::new("reference/broken-systems.md"),
        all.iter()
            .filter(|it| matches!(it, Explanation::BrokenSystem(_))),
    )
}

fn response_codes(all: &[Explanation]) -> Written {
    page(
        "Response codes",
        "Response codes",
        "What stands in a negative application acknowledgement. `gp2gp explain code 31` says the same of one.\n",
        Path::new("reference/response-codes.md"),
        all.iter()
            .filter(|it| matches!(it, Explanation::ResponseCode(_))),
    )
}

fn glossary(all: &[Explanation]) -> Written {
    page(
        "Glossary",
        "Glossary",
        "The words of the field and of the harness. `gp2gp explain custody` says the same of one.\n",
        Path::new("reference/glossary.md"),
        all.iter().filter(|it| matches!(it, Explanation::Term(_))),
    )
}
