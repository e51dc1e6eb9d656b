//! Reports for machines and for other places, made from the same run: the flags and the writing of all of them.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use gp2gp_model::report::RunReport;
use gp2gp_model::requirement::Requirement;
use gp2gp_reports::{Page, Room};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use super::output::{Output, is_on_github};
use super::page::{self, Traces};

/// File of the whole report in a folder of reports.
pub(super) const REPORT_FILE: &str = "report.json";

/// What is written beside the words on the terminal.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Reports")]
pub(super) struct Formats {
    /// Write the HTML report to this file, not to the folder of the run.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show in the HTML report what `gp2gp bench` measured: its `bench.json`.
    #[arg(long, value_name = "FILE")]
    bench: Option<PathBuf>,
    /// Write JUnit XML to this file, too.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write SARIF 2.1.0 to this file, for code scanning.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write Markdown to this file, for the summary of a job: at most 1 MiB.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write Markdown to this file, for a comment: at most 65 536 characters.
    #[arg(long, value_name = "FILE")]
    comment: Option<PathBuf>,
    /// Write a row for each requirement in each scenario to this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a badge: an SVG (`.svg`), or what shields.io draws one from (`.json`). Can be given twice.
    #[arg(long, value_name = "FILE", value_parser = parse_badge)]
    badge: Vec<BadgeFile>,
    /// Annotate a run of GitHub Actions, and add to the summary of its job.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Github::Auto)]
    github: Github,
}

/// `--github`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Github {
    /// Where `GITHUB_ACTIONS` is `true`.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Clone)]
enum BadgeFile {
    Svg(PathBuf),
    Json(PathBuf),
}

fn parse_badge(text: &str) -> Result<BadgeFile, String> {
    let path = PathBuf::from(text);
    match path.extension().and_then(OsStr::to_str) {
        Some("svg") => Ok(BadgeFile::Svg(path)),
        Some("json") => Ok(BadgeFile::Json(path)),
        Some(_) | None => Err("give a file that ends in .svg or .json".to_owned()),
    }
}

impl Formats {
    /// Writes `report.json` and, unless they are asked for elsewhere, `report.html` and `junit.xml` to the folder of the
    /// run, if one is given; then everything that was asked for. Gives the files.
    pub(super) fn write(
        &self,
        report: &RunReport,
        catalogue: &[Requirement],
        (folder, output): (Option<&Path>, &Output),
    ) -> miette::Result<Vec<PathBuf>> {
        let traces = folder.map(Traces::KeptIn);
        self.write_with(report, catalogue, (folder, output), traces.as_ref())
    }

    /// The same, with traces that are elsewhere, or are not to be shown as they are.
    pub(super) fn write_with(
        &self,
        report: &RunReport,
        catalogue: &[Requirement],
        (folder, output): (Option<&Path>, &Output),
        traces: Option<&Traces<'_>>,
    ) -> miette::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        if let Some(folder) = folder {
            files.push((folder.join(REPORT_FILE), json(report)?));
        }
        let junit = self.junit.clone();
        if let Some(file) = junit.or_else(|| folder.map(|folder| folder.join("junit.xml"))) {
            let text = gp2gp_reports::junit(report, catalogue).into_diagnostic()?;
            files.push((file, text));
        }
        if let Some(file) = &self.sarif {
            let text = gp2gp_reports::sarif(report, catalogue).into_diagnostic()?;
            files.push((file.clone(), text));
        }
        for (file, room) in [
            (&self.markdown, Room::Summary),
            (&self.comment, Room::Comment),
        ] {
            let text = || gp2gp_reports::markdown(report, catalogue, room);
            files.extend(file.clone().map(|file| (file, text())));
        }
        if let Some(file) = &self.csv {
            let text = gp2gp_reports::csv(report, catalogue).into_diagnostic()?;
            files.push((file.clone(), text));
        }
        for file in &self.badge {
            files.push(match file {
                BadgeFile::Svg(file) => (file.clone(), gp2gp_reports::badge_svg(report)),
                BadgeFile::Json(file) => {
                    let text = gp2gp_reports::badge_json(report).into_diagnostic()?;
                    (file.clone(), text)
                }
            });
        }
        for (file, text) in &files {
            write(file, text)?;
        }
        self.tell_github(report, catalogue, output);
        let mut files: Vec<PathBuf> = files.into_iter().map(|(file, _)| file).collect();
        if let (Some(folder), Some(traces)) = (folder, traces) {
            let html = self.html.clone();
            let html = html.unwrap_or_else(|| folder.join("report.html"));
            let bench = self.bench.as_deref().map(page::bench).transpose()?;
            let sources = gp2gp_scenarios::sources().into_diagnostic()?;
            let page = Page {
                report,
                catalogue,
                sources: &sources,
                bench: bench.as_ref(),
            };
            page::write_page(&html, &page, traces)?;
            files.push(html);
        }
        Ok(files)
    }

    /// Annotations go to stderr, which the runner reads as well: stdout may be JSON.
    fn tell_github(&self, report: &RunReport, catalogue: &[Requirement], output: &Output) {
        let is_wanted = match self.github {
            Github::Always => true,
            Github::Never => false,
            Github::Auto => is_on_github(),
        };
        if !is_wanted {
            return;
        }
        output.command(&gp2gp_reports::annotations(report, catalogue));
        let Some(summary) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|it| !it.is_empty())
        else {
            return;
        };
        let text = gp2gp_reports::markdown(report, catalogue, Room::Summary);
        let file = OpenOptions::new().append(true).create(true).open(&summary);
        // The run has its verdict, whatever becomes of its summary.
        if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
            let summary = Path::new(&summary).display();
            output.aside(&format!(
                "cannot add to the job summary {summary}: {error}\n"
            ));
        }
    }
}

fn json(report: &RunReport) -> miette::Result<String> {
    gp2gp_reports::json(report).map_err(|error| miette!("json report: {error}"))
}

pub(super) fn write(file: &Path, text: &str) -> miette::Result<()> {
    if let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder)
            .into_diagnostic()
            .wrap_err_with(|| format!("making {}", folder.display()))?;
    }
    fs::write(file, text)
        .into_diagnostic()
        .wrap_err_with(|| format!("writing {}", file.display()))
}
