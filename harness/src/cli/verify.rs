//! `gp2gp verify`.

use std::fs;
use std::path::{Path, PathBuf};

use gp2gp_model::plural::count;
use gp2gp_model::requirement::Requirement;
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Serialize;

use super::formats::REPORT_FILE;
use super::output::Output;
use super::suite;
use crate::evidence::{self, EvidenceError, Opened, PublicKey, Signature};
use crate::keep::Kept;
use crate::recheck::{self, Recheck};
use crate::score::{CONFORMS, FAILURES};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An archive of `gp2gp certify`, or the folder of a kept run, which nobody has signed.
    #[arg(value_name = "ARCHIVE")]
    path: PathBuf,
    /// The public key of who should have signed: Ed25519, PEM. Without it the key in the archive is used, which
    /// anybody could have put there.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Judge every trace once more, and compare every verdict with what the run says.
    #[arg(long)]
    recheck: bool,
}

/// Differences that are told at once.
const TOLD: usize = 20;

/// What holds, for programs.
#[derive(Debug, Default, Serialize)]
struct Verified {
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<String>,
    key_is_trusted: bool,
    files: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    judged_again: Option<usize>,
    differences: Vec<String>,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let catalogue = suite::catalogue()?;
    let mut text = String::new();
    let mut verified = Verified::default();
    let opened;
    let folder = match args.path.is_dir() {
        true => {
            text.push_str("not signed: a folder is what it is today\n");
            args.path.as_path()
        }
        false => match open(args) {
            Ok(it) => {
                opened = it;
                tell(&opened, &mut verified, &mut text);
                opened.folder.path()
            }
            Err(Refused::Untrue(error)) => {
                verified.why_not = Some(error.to_string());
                output.result(&verified, || format!("does not hold: {error}\n"))?;
                return Ok(FAILURES);
            }
            Err(Refused::Unreadable(report)) => return Err(report),
        },
    };
    let recheck = match args.recheck {
        true => Some(judge_again(folder, &catalogue)?),
        false => None,
    };
    if let Some(again) = &recheck {
        tell_recheck(again, &mut verified, &mut text);
    }
    verified.holds = verified.differences.is_empty();
    let word = if verified.holds {
        "holds"
    } else {
        "does not hold"
    };
    text.push_str(&format!("{}: {word}\n", args.path.display()));
    output.result(&verified, || text)?;
    Ok(if verified.holds { CONFORMS } else { FAILURES })
}

/// Why there is nothing to look at.
enum Refused {
    Untrue(EvidenceError),
    Unreadable(miette::Report),
}

fn open(args: &Args) -> Result<Opened, Refused> {
    let key = match &args.key {
        None => None,
        Some(file) => {
            let text = fs::read_to_string(file)
                .into_diagnostic()
                .wrap_err_with(|| format!("reading the key {}", file.display()))
                .map_err(Refused::Unreadable)?;
            let key = PublicKey::from_pem(&text).map_err(EvidenceError::from);
            Some(key.map_err(|error| Refused::Unreadable(error.into()))?)
        }
    };
    evidence::open(&args.path, key.as_ref()).map_err(|error| match error {
        EvidenceError::Signature { .. } | EvidenceError::Changed { .. } => Refused::Untrue(error),
        EvidenceError::Io { .. }
        | EvidenceError::Kept(_)
        | EvidenceError::Contradicted { .. }
        | EvidenceError::Key(_)
        | EvidenceError::Report { .. }
        | EvidenceError::NoBundle { .. } => Refused::Unreadable(error.into()),
    })
}

fn tell(opened: &Opened, verified: &mut Verified, text: &mut String) {
    let predicate = &opened.statement.predicate;
    let (id, by) = match opened.signature {
        Signature::Trusted(id) => (id, format!("the key that you gave, {id}")),
        Signature::OwnKey(id) => (
            id,
            format!("{id}, the key in the archive: give `--key` to know whose it is"),
        ),
    };
    verified.key_is_trusted = matches!(opened.signature, Signature::Trusted(_));
    verified.signed_by = Some(id.to_string());
    verified.files = opened.files;
    verified.result = Some(predicate.result.clone());
    text.push_str(&format!(
        "{} of {}: {}\n{} files are what was signed\nsigned by {by}\n",
        predicate.result, predicate.gp2gp.sut, predicate.gp2gp.notice, opened.files,
    ));
}

/// What came of judging everything again.
struct Again {
    recheck: Recheck,
    is_other_suite: bool,
    /// A report that the run does not make.
    other_report: Option<String>,
}

fn judge_again(folder: &Path, catalogue: &[Requirement]) -> miette::Result<Again> {
    let kept = Kept::open(folder, catalogue)?;
    let is_other_suite = recheck::is_other_suite(&kept.log.head);
    let made = gp2gp_reports::json(&kept.report(catalogue)).into_diagnostic()?;
    let lies_there = fs::read_to_string(folder.join(REPORT_FILE)).ok();
    let is_other = !is_other_suite && lies_there.is_some_and(|text| text != made);
    Ok(Again {
        recheck: recheck::recheck(&kept, catalogue)?,
        is_other_suite,
        other_report: is_other.then(|| format!("{REPORT_FILE} is not what this run makes")),
    })
}

fn tell_recheck(again: &Again, verified: &mut Verified, text: &mut String) {
    let recheck = &again.recheck;
    verified.judged_again = Some(recheck.judged);
    text.push_str(&format!(
        "{} judged again, {}; {} left no trace\n",
        count(recheck.judged, "scenario"),
        count(recheck.verdicts, "verdict"),
        recheck.without_trace
    ));
    if again.is_other_suite {
        text.push_str("the run was judged by another version of the suite, which may rightly have said something else\n");
    }
    let differences = recheck.differences.iter().map(ToString::to_string);
    verified.differences = (again.other_report.clone().into_iter())
        .chain(differences)
        .collect();
    for difference in verified.differences.iter().take(TOLD) {
        text.push_str(&format!("  {difference}\n"));
    }
    let more = verified.differences.len().saturating_sub(TOLD);
    if more > 0 {
        text.push_str(&format!("  and {more} more\n"));
    }
}
