//! The peak of memory of large transfers, each in a process of its own.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::process::Command;

use gp2gp_model::plan::Plan;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::verdict::{Profile, Verdict};
use serde::{Deserialize, Serialize};

use super::measure::peak_bytes;
use super::orders::{self, Order};
use super::{BenchError, catalogue, io_error, plans, word};
use crate::driver::{Sut, Transport};
use crate::run::{Keep, Options, run};
use gp2gp_model::run_log::Scope;

/// A transfer whose memory is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// One document of 25 MB, run, kept and judged.
    Document25Mb,
    /// One document of 677 MB, run, kept and judged.
    Document677Mb,
    /// 1 GB in four hundred documents, run, kept and judged.
    Record1Gb,
    /// One document of 677 MB whose fragments arrive last first.
    LastFirst,
    /// One document of 677 MB whose index arrives after all its fragments.
    IndexLast,
    /// An export of scans of 21 to 80 MB, run, kept and judged.
    Export,
}

/// What a case came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Peak {
    /// What was transferred, and how.
    pub what: String,
    /// Most memory that the process had resident.
    pub peak_bytes: u64,
    /// Most that is allowed.
    pub limit_bytes: u64,
    /// The limit was kept.
    pub kept: bool,
}

impl Case {
    /// All.
    pub const ALL: [Self; 6] = [
        Self::Document25Mb,
        Self::Document677Mb,
        Self::Record1Gb,
        Self::LastFirst,
        Self::IndexLast,
        Self::Export,
    ];

    /// Name on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Document25Mb => "document-25mb",
            Self::Document677Mb => "document-677mb",
            Self::Record1Gb => "record-1gb",
            Self::LastFirst => "last-first",
            Self::IndexLast => "index-last",
            Self::Export => "export",
        }
    }

    /// The case of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|case| case.name() == name)
    }

    /// Carries the case out and gives the peak of this process, which should have done nothing
    /// else before.
    pub fn measure(self) -> Result<Peak, BenchError> {
        let catalogue = catalogue()?;
        let plan = plan(self.scenario(), &catalogue)?;
        match self.order() {
            None => transfer(&plan, &catalogue)?,
            Some(order) => orders::transfer(&plan, order)?,
        }
        let no_figure = || io::Error::other("this system does not tell it");
        let peak_bytes = peak_bytes().ok_or_else(no_figure);
        let peak_bytes = peak_bytes.map_err(io_error("reading the peak of memory"))?;
        let limit_bytes = self.limit_bytes();
        Ok(Peak {
            what: self.what(),
            peak_bytes,
            limit_bytes,
            kept: peak_bytes <= limit_bytes,
        })
    }

    const fn scenario(self) -> &'static str {
        match self {
            Self::Document25Mb => "transfer/large-tiff-25mb",
            Self::Export => "export/large-scans",
            Self::Record1Gb => "transfer/record-of-1-gb",
            Self::Document677Mb | Self::LastFirst | Self::IndexLast => {
                "transfer/document-of-677-mb"
            }
        }
    }

    const fn order(self) -> Option<Order> {
        match self {
            Self::Document25Mb | Self::Document677Mb | Self::Record1Gb | Self::Export => None,
            Self::LastFirst => Some(Order::LastFirst),
            Self::IndexLast => Some(Order::IndexLast),
        }
    }

    const fn limit_bytes(self) -> u64 {
        match self {
            Self::Document25Mb => 100_000_000,
            Self::Document677Mb
            | Self::Record1Gb
            | Self::LastFirst
            | Self::IndexLast
            | Self::Export => 200_000_000,
        }
    }

    fn what(self) -> String {
        let how = match self.order() {
            None => "over loopback HTTP, judged",
            Some(Order::LastFirst) => "fragments arrive last first",
            Some(Order::IndexLast) => "index arrives last",
        };
        format!("{}, {how}", self.scenario())
    }
}

/// A case in a process of its own.
pub(super) fn in_child(
    case: Case,
    child: &dyn Fn(&str) -> io::Result<Command>,
) -> Result<Peak, BenchError> {
    let failed = |why: String| BenchError::Child {
        case: case.name(),
        why,
    };
    let output = child(case.name()).and_then(|mut command| command.output());
    let output = output.map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn transfer(plan: &Plan, catalogue: &[Requirement]) -> Result<(), BenchError> {
    let out = tempfile::tempdir().map_err(io_error("making a folder for a run"))?;
    let options = Options {
        catalogue,
        sut: Sut::Reference,
        not_claimed: &[],
        transport: Transport::Http,
        replay: None,
        attached: None,
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: Some(Keep::now(out.path())),
        left_out: &[],
        jobs: NonZeroUsize::MIN,
    };
    let report = run(std::slice::from_ref(plan), &options, &|_| {})?;
    let verdict = report.scenarios.first().map(|scenario| scenario.verdict);
    match verdict {
        Some(Verdict::Pass) => Ok(()),
        other => Err(BenchError::Verdict {
            what: plan.scenario.to_string(),
            verdict: other.unwrap_or(Verdict::CouldNotRun),
        }),
    }
}

fn plan(id: &str, catalogue: &[Requirement]) -> Result<Plan, BenchError> {
    let source = gp2gp_scenarios::builtin()
        .into_iter()
        .find(|source| source.id.as_str() == id);
    let plan = match source {
        Some(source) => plans(&source, catalogue)?.into_iter().next(),
        None => None,
    };
    plan.ok_or_else(|| BenchError::Scenario(format!("no scenario `{id}`")))
}

impl fmt::Display for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  {:<60} {:>4} MB, at most {} MB  {}",
            self.what,
            self.peak_bytes / 1_000_000,
            self.limit_bytes / 1_000_000,
            word(self.kept)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_scenario_and_is_found_by_its_name() {
        let catalogue = catalogue().unwrap();
        for case in Case::ALL {
            plan(case.scenario(), &catalogue).unwrap();
            assert_eq!(Case::from_name(case.name()), Some(case));
        }
        assert_eq!(Case::from_name("nothing"), None);
    }
}
