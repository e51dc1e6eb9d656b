//! The suite's own systems, stand-alone: on sockets, and played through the control contract, like any
//! other system under test. What is tested with them is everything between the harness and a system.

mod door;
mod hosted;
mod queue;
mod run;
mod slow;

use gp2gp_mocks::Defect;
use gp2gp_mocks::serve::{Security, Trust};
use gp2gp_model::control::{CONTRACT, Claims, Command, Health, Refusal, Reply, Verb};
use gp2gp_model::plan::Role;
use gp2gp_model::{Capability, Version};
use tokio::sync::{mpsc, oneshot};

use self::run::Run;
pub use door::{ControlDoor, listen, speak_lines};
pub use slow::Slowness;

/// What is served, and how.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// How it is broken, if it is.
    pub defects: Vec<Defect>,
    /// What it is called.
    pub name: String,
    /// How its message handlers are reached, and whom they trust.
    pub wire: Wire,
    /// Whether it stands behind a message handler.
    pub binding: Binding,
    /// How it is slow, if it is: a system to be ranked, and to be seen through.
    pub slow: Slowness,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Binding {
    /// ebXML over HTTP, between Spine and the system.
    #[default]
    Spine,
    /// JSON to a message handler, and from a queue.
    MhsJson,
}

/// Where the systems of an offer take messages.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    /// In the clear, or by TLS.
    pub security: Security,
    /// What they use to reach https services.
    pub trust: Option<Trust>,
}

impl Wire {
    /// What stands before its addresses.
    const fn scheme(&self) -> &'static str {
        match self.security {
            Security::Plain => "http",
            Security::Tls(_) => "https",
        }
    }
}

/// A command, and where its answer goes.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub command: Result<Command, Refusal>,
    /// Where to.
    pub reply: oneshot::Sender<Result<Reply, Refusal>>,
}

/// Serves until nobody can ask any more.
pub async fn serve(offer: Offer, mut asked: mpsc::Receiver<Asked>) {
    let mut run = Run::nothing();
    loop {
        tokio::select! {
            biased;
            command = asked.recv() => match command {
                Some(Asked { command, reply }) => {
                    let answer = match command {
                        Ok(command) => answer(&offer, &mut run, command).await,
                        Err(refusal) => Err(refusal),
                    };
                    // Whoever asked may have gone.
                    let _ = reply.send(answer);
                }
                None => return,
            },
            () = run.go_on() => {}
        }
    }
}

async fn answer(offer: &Offer, run: &mut Run, command: Command) -> Result<Reply, Refusal> {
    match command {
        Command::Capabilities => Ok(Reply::Capabilities(claims(offer))),
        Command::Health => Ok(Reply::Health(Health {
            ready: true,
            why: None,
        })),
        Command::Prepare(setting) => {
            let (prepared, prepared_run) = Run::prepare(offer, *setting).await?;
            *run = prepared_run;
            Ok(Reply::Prepared(prepared))
        }
        Command::Act(action) => run.act(action).map(Reply::Action),
        Command::Action(action) => run.action(&action).map(Reply::Action),
        Command::Notices(after) => Ok(Reply::Screen(run.notices(after))),
        Command::Observe(whom) => run.observe(whom.system).map(Reply::Observed),
        Command::Clock(clock) => run.set_clock(clock).map(Reply::Agenda),
        Command::Lifecycle(happening) => {
            run.happen(happening).await?;
            Ok(Reply::Nothing)
        }
        Command::Reset => {
            *run = Run::nothing();
            Ok(Reply::Nothing)
        }
        Command::Logs(lines) => Ok(Reply::Log(run.log(lines))),
        Command::Probe { .. } => Err(Refusal::NotSupported),
    }
}

fn claims(offer: &Offer) -> Claims {
    Claims {
        contract: CONTRACT.to_owned(),
        name: offer.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        roles: Role::ALL.into(),
        capabilities: Capability::ALL.into(),
        versions: Version::ALL.into(),
        verbs: Verb::ALL.into(),
        reads_plans: true,
    }
}
