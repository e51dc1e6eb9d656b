//! Replay: a system that was recorded in kept runs plays its part again, against another one, and is not
//! here itself.

mod script;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gp2gp_mocks::cast::{self, NoSuchPractice};
use gp2gp_mocks::recorded::Recorded;
use gp2gp_model::ScenarioId;
use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::replay::RecordedSystem;
use gp2gp_model::report::ScenarioReport;
use gp2gp_model::trace::{Endpoint, Header, Trace, TraceError, What};
use gp2gp_model::verdict::Verdict;
use gp2gp_sim::Streams;

use crate::bodies::BodyStore;
use crate::check::View;
use crate::driver::SUITE;
use crate::keep::TRACE_FILE;
use crate::recording::{self, Recording, RecordingError};
use crate::run::verdict;
use crate::{expect, facts};

/// Kept runs, and the role of the system in them that plays again.
#[derive(Debug)]
pub struct Replay {
    folder: PathBuf,
    role: Role,
    runs: BTreeMap<ScenarioId, PathBuf>,
}

/// A recorded system, ready to play its part in one run.
pub struct Part {
    /// Who.
    pub system: RecordedSystem,
    /// Under which address it knows the document store, if it ever asked it.
    pub store: Option<String>,
    peer: Recorded,
    trace: Trace,
    bodies: Arc<BodyStore>,
}

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is nothing kept.
    #[error("{folder} holds no kept run: there is no {TRACE_FILE} in it or below it", folder = folder.display())]
    Nothing {
        /// Where.
        folder: PathBuf,
    },
    /// A folder cannot be looked through.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A run cannot be read.
    #[error(transparent)]
    Unreadable(#[from] RecordingError),
    /// A trace has no end.
    #[error("{path}: the trace breaks off after event {events}, before the run ended", path = path.display())]
    Truncated {
        /// Which.
        path: PathBuf,
        /// Its last event.
        events: usize,
    },
    /// It is of another version of the suite, whose scenarios may be others under the same names.
    #[error("{path}: recorded with {recorded}, this is {SUITE}", path = path.display())]
    OtherSuite {
        /// Which.
        path: PathBuf,
        /// By which.
        recorded: String,
    },
    /// What was kept is no run of a scenario.
    #[error("{path}: judged from single messages, not recorded in a run of a scenario", path = path.display())]
    NoScenario {
        /// Which.
        path: PathBuf,
    },
    /// The scenario is not what it was.
    #[error("{path}: scenario {scenario} has changed since it was recorded", path = path.display())]
    Changed {
        /// Which.
        path: PathBuf,
        /// Its scenario.
        scenario: ScenarioId,
    },
    /// The recording has nothing of what is asked for.
    #[error("{folder} holds no run of {scenario}", folder = folder.display())]
    NotRecorded {
        /// Where.
        folder: PathBuf,
        /// What was asked for.
        scenario: ScenarioId,
    },
}

impl ReplayError {
    /// What a person can do.
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::Nothing { .. } => {
                "give the folder that `gp2gp run --out` wrote, or that of one run in it"
            }
            Self::Io { .. } => "see that the folder can be read",
            Self::Unreadable(RecordingError::Lost { .. } | RecordingError::Changed { .. }) => {
                "copy the whole folder, with `bodies` beside the trace, or record again"
            }
            Self::Unreadable(RecordingError::Trace { .. }) | Self::Truncated { .. } => {
                "copy the whole folder again, or record again: the file is cut off or damaged"
            }
            Self::Unreadable(RecordingError::Io { .. } | RecordingError::Nothing { .. }) => {
                "see that the folder can be read, or record again"
            }
            Self::OtherSuite { .. } => "replay it with that version, or record again with this one",
            Self::NoScenario { .. } => {
                "`gp2gp judge` judges such recordings; only runs can be replayed"
            }
            Self::Changed { .. } => "record again, or replay it with the scenario file as it was",
            Self::NotRecorded { .. } => "record it first: `gp2gp run SCENARIO --out DIR`",
        }
    }
}

/// The kept runs of a folder: what was run, and with which seed.
pub fn kept(folder: &Path) -> Result<Vec<(Header, PathBuf)>, ReplayError> {
    let mut folders = Vec::new();
    find(folder, &mut folders)?;
    if folders.is_empty() {
        return Err(ReplayError::Nothing {
            folder: folder.to_owned(),
        });
    }
    folders.sort();
    folders
        .into_iter()
        .map(|folder| Ok((header(&folder)?, folder)))
        .collect()
}

/// Reports and traces lie in one folder; bodies are not looked through.
fn find(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), ReplayError> {
    let failed = |source| ReplayError::Io {
        path: folder.to_owned(),
        source,
    };
    if folder.join(TRACE_FILE).is_file() {
        found.push(folder.to_owned());
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // Links are not followed: one to a folder above would never end.
        let is_folder = entry.file_type().map_err(failed)?.is_dir();
        if is_folder && entry.file_name() != crate::keep::BODIES_FOLDER {
            find(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// What a trace is of. A run that cannot be played here is found before anything is.
fn header(folder: &Path) -> Result<Header, ReplayError> {
    let path = folder.join(TRACE_FILE);
    let text = fs::read_to_string(&path).map_err(|source| ReplayError::Io {
        path: path.clone(),
        source,
    })?;
    let first = text.lines().next().unwrap_or_default();
    let damaged = |source: TraceError| {
        let path = path.clone();
        ReplayError::Unreadable(RecordingError::Trace { path, source })
    };
    let header = Trace::from_json_lines(first).map_err(damaged)?.header;
    if header.suite != SUITE {
        return Err(ReplayError::OtherSuite {
            path,
            recorded: header.suite,
        });
    }
    match header.scenario {
        Some(_) => Ok(header),
        None => Err(ReplayError::NoScenario { path }),
    }
}

impl Replay {
    /// Sees that a recorded system can play its part in each of these plans.
    pub fn open(folder: &Path, role: Role, plans: &[Plan]) -> Result<Self, ReplayError> {
        let mut runs = BTreeMap::new();
        for (header, folder) in kept(folder)? {
            runs.extend(header.scenario.map(|scenario| (scenario, folder)));
        }
        let replay = Self {
            folder: folder.to_owned(),
            role,
            runs,
        };
        for plan in plans {
            replay.load(plan)?;
        }
        Ok(replay)
    }

    /// The role of the recorded system.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// How a person replays this plan again, up to the system that plays the other side.
    pub fn asked_as(&self, plan: &Plan) -> String {
        let (folder, role) = (self.folder.display(), self.role);
        format!("gp2gp replay {folder} {} --as {role}", plan.asked_as)
    }

    /// The recorded system with its part in this plan.
    pub fn part(&self, plan: &Plan) -> Result<Part, PartError> {
        let Recording { trace, bodies, .. } = self.load(plan)?;
        let bodies = Arc::new(bodies);
        let system = RecordedSystem {
            role: self.role,
            name: name(&trace.header, self.role),
        };
        let written = script::write(&trace, bodies.as_ref(), plan, Endpoint::from(self.role));
        let peer = Recorded::new(
            &cast::identity(plan, self.role)?,
            (plan.starts_at, Streams::new(plan.seed)),
            written,
            Arc::clone(&bodies) as _,
        );
        Ok(Part {
            system,
            store: script::store_of(&trace, Endpoint::from(self.role)),
            peer,
            trace,
            bodies,
        })
    }

    fn load(&self, plan: &Plan) -> Result<Recording, ReplayError> {
        let folder = self.runs.get(&plan.scenario);
        let folder = folder.ok_or_else(|| ReplayError::NotRecorded {
            folder: self.folder.clone(),
            scenario: plan.scenario.clone(),
        })?;
        let path = || folder.join(TRACE_FILE);
        let recording = recording::load(folder)?;
        let Trace { header, events } = &recording.trace;
        if header.scenario_digest != Some(plan.scenario_digest) {
            return Err(ReplayError::Changed {
                path: path(),
                scenario: plan.scenario.clone(),
            });
        }
        match events.last().map(|event| &event.what) {
            Some(What::Ended { .. }) => Ok(recording),
            Some(_) | None => Err(ReplayError::Truncated {
                path: path(),
                events: events.len(),
            }),
        }
    }
}

/// What the system of a role is called: what was put to the test, or what stood around it.
fn name(header: &Header, role: Role) -> String {
    match &header.recorded {
        Some(recorded) if recorded.role == role => recorded.name.clone(),
        _ if header.sut_roles.contains(&role) => header.sut.clone(),
        _ => "reference".to_owned(),
    }
}

/// Why a scenario cannot be replayed, if it cannot.
pub fn cannot_be_replayed(plan: &Plan) -> Option<&'static str> {
    match (&plan.export, &plan.federation) {
        (Some(_), _) => Some("only transfers can be replayed, and this is an export"),
        (None, Some(_)) => Some("only transfers can be replayed, and this one needs a hub"),
        (None, None) => None,
    }
}

impl Part {
    /// The system itself. What else there is of the recording stays.
    pub fn take(self) -> (Recorded, Before) {
        let Self {
            peer,
            trace,
            bodies,
            ..
        } = self;
        (peer, Before { trace, bodies })
    }
}

/// How the recorded run went.
pub struct Before {
    trace: Trace,
    bodies: Arc<BodyStore>,
}

impl Before {
    /// Holds against the live side no end that the recorded run did not have either.
    pub fn excuse(&self, plan: &Plan, report: &mut ScenarioReport) {
        let expectations = &mut report.expectations;
        if expectations.iter().all(|it| it.verdict != Verdict::Fail) {
            return;
        }
        let view = View::new(&self.trace, self.bodies.as_ref());
        let came_to_its_point = facts::missing(plan, &view).is_empty();
        let before = expect::judge(&plan.expects, &view, came_to_its_point);
        for (now, before) in expectations.iter_mut().zip(before) {
            if now.verdict == Verdict::Fail && before.verdict != Verdict::Pass {
                now.verdict = Verdict::NotApplicable;
                now.seen = format!("{}; not so in the recorded run either", now.seen);
            }
        }
        report.verdict = verdict(
            &report.findings,
            &report.expectations,
            &report.missing_facts,
        );
    }
}

/// Why there is no part in a plan for which a replay was opened.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// It was whole then, and is no more.
    #[error(transparent)]
    Recording(#[from] ReplayError),
    /// The plan contradicts its own directory.
    #[error(transparent)]
    Cast(#[from] NoSuchPractice),
}
