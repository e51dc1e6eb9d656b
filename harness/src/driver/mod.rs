//! Drivers: they carry what peers say to each other and let time pass. The peers are the same.

mod conditions;
mod sockets;
mod stage;
mod virtual_time;

use std::io;

use gp2gp_mocks::Defect;
use gp2gp_mocks::cast::{Ensemble, NoSuchPractice};
use gp2gp_model::plan::Plan;
use gp2gp_model::report::Mishap;
use gp2gp_model::trace::{FORMAT, Header, Practices, TimeMode, Trace};

use crate::bodies::BodyStore;
use crate::recorder::Recorder;
use crate::replay::{Before, Part, PartError};
use crate::sut::Party;
use stage::{Stage, keeping_a_body};

/// Name and version of the suite in every trace and report.
pub const SUITE: &str = concat!("gp2gp ", env!("CARGO_PKG_VERSION"));

/// The system that is put to the test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sut {
    /// The built-in reference implementation, in every role.
    Reference,
    /// The reference implementation with defects, each once, at least one.
    Broken(Vec<Defect>),
}

impl Sut {
    /// The reference implementation with one defect.
    pub fn broken(defect: Defect) -> Self {
        Self::Broken(vec![defect])
    }

    /// Name in traces, reports and on the command line.
    pub fn name(&self) -> String {
        match self {
            Self::Reference => "reference".to_owned(),
            Self::Broken(defects) => {
                let names: Vec<_> = defects.iter().map(|defect| defect.name()).collect();
                format!("broken:{}", names.join("+"))
            }
        }
    }

    /// What is wrong with it.
    pub fn defects(&self) -> &[Defect] {
        match self {
            Self::Reference => &[],
            Self::Broken(defects) => defects,
        }
    }
}

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Nothing real: one process, one queue, the virtual clock.
    Virtual,
    /// Real HTTP on loopback sockets; idle time is skipped.
    Http,
}

impl Transport {
    /// How time passes under it.
    pub const fn time_mode(self) -> TimeMode {
        match self {
            Self::Virtual => TimeMode::Virtual,
            Self::Http => TimeMode::Compressed,
        }
    }
}

/// Why a run came to no trace. Never the fault of the system under test as judged.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A file could not be written, a socket not be opened.
    #[error("{what}: {source}")]
    Io {
        /// Doing what.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The plan contradicts its own directory.
    #[error(transparent)]
    Cast(#[from] NoSuchPractice),
    /// A recorded system has no part to play.
    #[error(transparent)]
    Part(#[from] PartError),
    /// A peer broke the rules of the kernel.
    #[error("harness defect: {0}")]
    Defect(String),
}

/// Runs a plan to its end.
pub fn run(
    plan: &Plan,
    sut: &Sut,
    transport: Transport,
    bodies: BodyStore,
) -> Result<(Trace, BodyStore), DriverError> {
    Scene::set(plan, sut, transport, bodies)?
        .play()?
        .into_trace()
        .map_err(keeping_a_body)
}

/// The same, where a recorded system plays its part again.
pub(crate) fn run_recorded(
    plan: &Plan,
    sut: &Sut,
    transport: Transport,
    bodies: BodyStore,
    part: Part,
) -> Result<Attached, DriverError> {
    let ensemble = ensemble(part.store.as_deref(), plan, sut.defects())?;
    let mut header = header(plan, sut, transport);
    let (ensemble, before) = cast(part, ensemble, &mut header);
    let stage = Stage::new(header, plan, ensemble, bodies)?;
    let scene = Scene {
        plan,
        transport,
        stage,
    };
    let traced = scene.play()?.into_trace().map_err(keeping_a_body)?;
    let before = Some(before);
    Ok(Attached {
        before,
        ..traced.into()
    })
}

fn ensemble(
    store: Option<&str>,
    plan: &Plan,
    defects: &[Defect],
) -> Result<Ensemble, NoSuchPractice> {
    match store {
        Some(store) => Ensemble::with_store_at(store, plan, defects),
        None => Ensemble::from_plan(plan, defects),
    }
}

/// Puts a recorded system in its place.
fn cast(part: Part, mut ensemble: Ensemble, header: &mut Header) -> (Ensemble, Before) {
    let role = part.system.role;
    header.sut_roles.retain(|it| *it != role);
    header.recorded = Some(part.system.clone());
    let (system, before) = part.take();
    ensemble.peers.insert(role.endpoint(), Box::new(system));
    (ensemble, before)
}

/// Runs a plan to its end with foreign systems, and perhaps with a recorded one. Nothing happens where one
/// is missing from the start.
pub(crate) async fn run_attached(
    plan: &Plan,
    named: String,
    time_mode: TimeMode,
    parties: &mut [Party],
    bodies: BodyStore,
    (missing, part): (Option<Mishap>, Option<Part>),
) -> Result<Attached, DriverError> {
    let doors = sockets::Doors::open(plan, parties).await?;
    let recorded_store = part.as_ref().and_then(|part| part.store.as_deref());
    let ensemble = ensemble(doors.store().or(recorded_store), plan, &[])?;
    let roles = plan.judges.iter().copied();
    let mut header = Header {
        sut: named,
        sut_roles: roles
            .filter(|role| parties.iter().any(|it| it.claims.roles.contains(role)))
            .collect(),
        time_mode,
        ..header(plan, &Sut::Reference, Transport::Http)
    };
    let (ensemble, before) = match part {
        Some(part) => {
            let (ensemble, before) = cast(part, ensemble, &mut header);
            (ensemble, Some(before))
        }
        None => (ensemble, None),
    };
    let stage = Stage::new(header, plan, ensemble, bodies)?;
    let (recorder, mishap) = match missing {
        Some(missing) => (stage.finish(plan.starts_at, false), Some(missing)),
        None => sockets::run_attached(plan, stage, parties, doors).await?,
    };
    Ok(Attached {
        traced: recorder.into_trace().map_err(keeping_a_body)?,
        mishap,
        before,
    })
}

impl From<(Trace, BodyStore)> for Attached {
    fn from(traced: (Trace, BodyStore)) -> Self {
        Self {
            traced,
            mishap: None,
            before: None,
        }
    }
}

/// What came of a run.
pub(crate) struct Attached {
    /// Trace and bodies.
    pub(crate) traced: (Trace, BodyStore),
    /// What was wrong with one of them, beyond what the trace shows.
    pub(crate) mishap: Option<Mishap>,
    /// How the recorded run went, where a recorded system took part.
    pub(crate) before: Option<Before>,
}

/// A run before its first event: records and documents are made, and what is true of them is known.
pub struct Scene<'p> {
    plan: &'p Plan,
    transport: Transport,
    stage: Stage,
}

impl<'p> Scene<'p> {
    /// The scene of a plan.
    pub fn set(
        plan: &'p Plan,
        sut: &Sut,
        transport: Transport,
        bodies: BodyStore,
    ) -> Result<Self, DriverError> {
        let ensemble = Ensemble::from_plan(plan, sut.defects())?;
        let stage = Stage::new(header(plan, sut, transport), plan, ensemble, bodies)?;
        Ok(Self {
            plan,
            transport,
            stage,
        })
    }

    /// Plays it to its end.
    pub fn play(self) -> Result<Recorder, DriverError> {
        match self.transport {
            Transport::Virtual => virtual_time::run(self.plan, self.stage),
            Transport::Http => sockets::run(self.plan, self.stage),
        }
    }
}

fn header(plan: &Plan, sut: &Sut, transport: Transport) -> Header {
    Header {
        format: FORMAT.to_owned(),
        scenario: Some(plan.scenario.clone()),
        scenario_digest: Some(plan.scenario_digest),
        seed: plan.seed,
        suite: SUITE.to_owned(),
        sut: sut.name(),
        sut_roles: plan.judges.clone(),
        time_mode: match transport {
            Transport::Virtual => TimeMode::Virtual,
            Transport::Http => TimeMode::Compressed,
        },
        started: plan.starts_at,
        directory: plan.directory.clone(),
        registry: plan.registry.clone(),
        practices: Some(Practices {
            requesting: plan.requesting.ods.clone(),
            sending: plan.sending.ods.clone(),
            sending_enabled: plan.sending.enabled,
            caps: plan.caps,
            requesting_version: plan.requesting.version,
        }),
        export: plan.export.as_ref().map(|export| export.terms.clone()),
        federation: plan.federation.clone(),
        terms: plan.terms.clone(),
        recorded: None,
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::trace::What;

    use super::*;

    #[test]
    fn a_run_in_which_nobody_comes_to_an_end_is_cut_off() {
        let source = gp2gp_scenarios::load_str(
            "driver/endless",
            "title = \"One record\"\njudges = [\"sending\"]\nrequirements = [\"SND-20\"]\n\
             [[patient]]\nname = \"alice\"\n[exercised]\ncore_acknowledged = \"AA\"\n",
        )
        .unwrap();
        let catalogue = gp2gp_scenarios::catalogue().unwrap();
        let scenario = gp2gp_scenarios::parse(&source).unwrap().remove(0);
        let plan = gp2gp_scenarios::lower(&scenario, &catalogue, None).unwrap();
        for transport in [Transport::Virtual, Transport::Http] {
            let bodies = BodyStore::temporary();
            let mut scene = Scene::set(&plan, &Sut::Reference, transport, bodies).unwrap();
            scene.stage = scene.stage.with_most_exchanges(4);
            let (trace, _) = scene.play().unwrap().into_trace().unwrap();
            let posts = |what: &What| matches!(what, What::Post { .. });
            let posted = trace.events.iter().filter(|event| posts(&event.what));
            assert_eq!(posted.count(), 4, "{transport:?}");
            let ended = trace.events.last().map(|event| event.what.clone());
            assert_eq!(ended, Some(What::Ended { quiescent: false }));
        }
    }
}
