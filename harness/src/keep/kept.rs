//! Reading what is kept of a run.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use gp2gp_model::plan::Plan;
use gp2gp_model::report::{Earlier, RunReport, ScenarioReport};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::run_log::{KeptScenario, RunLog, RunLogError};
use gp2gp_model::trace::Header;
use gp2gp_model::{ScenarioId, Sha256};

use super::log::digest_of_file;
use super::{BASELINE_FILE, EARLIER_FILE, RUN_FILE, SCENARIO_FILE, TRACE_FILE, folder_of};
use crate::baseline::{Baseline, BaselineError};
use crate::recording::{self, Recording, RecordingError};
use crate::report::{self, Beside};

/// A run that was kept.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    /// What ran, and what came of it.
    pub log: RunLog,
    /// What it was seen beside when it was made.
    pub beside: Beside,
}

/// Why a kept run cannot be read.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum KeptError {
    /// There is none.
    #[error("{folder} holds no run: there is no {RUN_FILE}", folder = folder.display())]
    #[diagnostic(help("give the folder that `gp2gp run --out` wrote"))]
    NoRun {
        /// Where it should be.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    #[diagnostic(help("see that the file can be read, or make the run again"))]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What ran cannot be understood.
    #[error("{path}: {source}", path = path.display())]
    #[diagnostic(help("copy the whole folder again, or make the run again"))]
    Log {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: RunLogError,
    },
    /// The earlier run cannot be understood.
    #[error("{path}: {source}", path = path.display())]
    #[diagnostic(help("say `--since` once more, with the folder of the earlier run"))]
    Earlier {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The known failures cannot be understood.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Baseline(#[from] Box<BaselineError>),
    /// A trace cannot be read.
    #[error(transparent)]
    #[diagnostic(help(
        "copy the whole folder again, with `bodies` beside the trace, or make the run again"
    ))]
    Trace(#[from] RecordingError),
    /// A trace is not the one that was judged.
    #[error("{path}: is not the trace that was judged: its digest is {found}, and {expected} is in {RUN_FILE}", path = path.display())]
    #[diagnostic(help("the folder holds two runs mixed, or was changed: make the run again"))]
    OtherTrace {
        /// Which.
        path: PathBuf,
        /// Of the file.
        found: Sha256,
        /// Of the run.
        expected: Sha256,
    },
    /// The scenario of a trace is not there any more.
    #[error("{path}: no scenario {scenario}", path = path.display())]
    #[diagnostic(help("judge it with the suite that ran it"))]
    NoScenario {
        /// Where it should be.
        path: PathBuf,
        /// Which.
        scenario: ScenarioId,
    },
    /// The scenario of a trace cannot be read by this suite.
    #[error("{path}: {why}", path = path.display())]
    #[diagnostic(help("judge it with the suite that ran it"))]
    Scenario {
        /// Its file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

impl Kept {
    /// Opens the folder of a run.
    pub fn open(folder: &Path, catalogue: &[Requirement]) -> Result<Self, KeptError> {
        let path = folder.join(RUN_FILE);
        let text = read(&path)?.ok_or_else(|| KeptError::NoRun {
            folder: folder.to_owned(),
        })?;
        let log =
            RunLog::from_json_lines(&text).map_err(|source| KeptError::Log { path, source })?;
        let beside = Beside {
            earlier: earlier(folder)?,
            baseline: baseline(folder, catalogue)?,
        };
        Ok(Self {
            folder: folder.to_owned(),
            log,
            beside,
        })
    }

    /// Its report.
    pub fn report(&self, catalogue: &[Requirement]) -> RunReport {
        report::of(self.log.clone(), catalogue, &self.beside)
    }

    /// The run, for a later one to be compared with; `None` if nobody knows when it was made.
    pub fn as_earlier(&self, catalogue: &[Requirement]) -> Option<Earlier> {
        report::as_earlier(self.log.clone(), catalogue, self.beside.earlier.clone())
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The trace of a scenario and its bodies; `None` where it left none.
    pub fn traced(&self, kept: &KeptScenario) -> Result<Option<Recording>, KeptError> {
        let (Some(id), Some(expected)) = (&kept.report.id, kept.trace_sha256) else {
            return Ok(None);
        };
        let folder = folder_of(&self.folder, id);
        let path = folder.join(TRACE_FILE);
        let found = digest_of_file(&path).map_err(|source| KeptError::Io {
            path: path.clone(),
            source,
        })?;
        if found != expected {
            return Err(KeptError::OtherTrace {
                path,
                found,
                expected,
            });
        }
        Ok(Some(recording::load(&folder)?))
    }

    /// The first line of the trace of a scenario; `None` where it left none.
    pub fn header(&self, kept: &KeptScenario) -> Result<Option<Header>, KeptError> {
        let (Some(id), Some(_)) = (&kept.report.id, kept.trace_sha256) else {
            return Ok(None);
        };
        let path = folder_of(&self.folder, id).join(TRACE_FILE);
        let mut first = String::new();
        let read = File::open(&path).and_then(|file| BufReader::new(file).read_line(&mut first));
        let wrong = |source| KeptError::Io {
            path: path.clone(),
            source,
        };
        read.map_err(wrong)?;
        let header = serde_json::from_str(&first);
        header.map(Some).map_err(|error| wrong(error.into()))
    }

    /// What was kept of one scenario of a report.
    pub fn scenario(&self, report: &ScenarioReport) -> Option<&KeptScenario> {
        self.log
            .scenarios
            .iter()
            .find(|it| it.report.id == report.id)
    }

    /// The plan from which a scenario ran.
    pub fn plan(
        &self,
        header: &Header,
        catalogue: &[Requirement],
    ) -> Result<Option<Plan>, KeptError> {
        match &header.scenario {
            None => Ok(None),
            Some(id) => plan(&folder_of(&self.folder, id), header, catalogue),
        }
    }
}

/// The plan of a trace, from the scenario file beside it; `None` if there is no such file.
pub fn plan(
    folder: &Path,
    header: &Header,
    catalogue: &[Requirement],
) -> Result<Option<Plan>, KeptError> {
    let path = folder.join(SCENARIO_FILE);
    let Some(id) = &header.scenario else {
        return Ok(None);
    };
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    let wrong = |why: &dyn std::fmt::Display| KeptError::Scenario {
        path: path.clone(),
        why: why.to_string(),
    };
    let source = gp2gp_scenarios::load_str(file_of(id), &text).map_err(|error| wrong(&error))?;
    let scenarios = gp2gp_scenarios::parse(&source).map_err(|error| wrong(&error))?;
    let Some(scenario) = scenarios.iter().find(|it| it.id() == id) else {
        let scenario = id.clone();
        return Err(KeptError::NoScenario { path, scenario });
    };
    let seed = Some(header.seed);
    let plan = gp2gp_scenarios::lower_under(scenario, catalogue, seed, &header.terms)
        .map_err(|error| wrong(&error))?;
    Ok(Some(plan.begun_at(header.started)))
}

/// The file of a scenario: what comes behind it are cells of its matrix, as `dialect=tpp`.
fn file_of(id: &ScenarioId) -> &str {
    let mut file = id.as_str();
    while let Some((rest, cell)) = file.rsplit_once('/')
        && cell.contains('=')
    {
        file = rest;
    }
    file
}

fn earlier(folder: &Path) -> Result<Option<Earlier>, KeptError> {
    let path = folder.join(EARLIER_FILE);
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| KeptError::Earlier { path, source })
}

fn baseline(folder: &Path, catalogue: &[Requirement]) -> Result<Option<Baseline>, KeptError> {
    let path = folder.join(BASELINE_FILE);
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    Ok(Some(Baseline::parse(
        &path.display().to_string(),
        &text,
        catalogue,
    )?))
}

fn read(path: &Path) -> Result<Option<String>, KeptError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeptError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}
