//! The control contract as the harness uses it: one trait, whatever carries it.

mod command;
mod http;
mod nhs_requesting;
mod none;
mod stdio;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use gp2gp_model::control::{Command, NotAReply, Refusal, Reply};

pub use command::CommandControl;
pub use http::HttpControl;
pub use nhs_requesting::NhsRequestingControl;
pub use none::NoControl;
pub use stdio::StdioControl;

/// A way to play the people around a system.
pub trait Control: Send {
    /// Says a command and waits for its answer, for as long as this way of control waits.
    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a>;

    /// The process in which the system runs, where that is known.
    fn process(&self) -> Option<u32> {
        None
    }
}

/// A command under way.
pub type Calling<'a> = Pin<Box<dyn Future<Output = Result<Reply, ControlError>> + Send + 'a>>;

/// Why a command has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The system says that it does not do this.
    #[error("the system refused `{verb}`: {refusal}")]
    Refused {
        /// What was asked.
        verb: String,
        /// What it says.
        refusal: Refusal,
    },
    /// Nobody is there.
    #[error("`{verb}` reached nobody: {why}")]
    Unreachable {
        /// What was asked.
        verb: String,
        /// In words.
        why: String,
    },
    /// It does not answer.
    #[error("`{verb}` was not answered within {}", Seconds(*after))]
    Hung {
        /// What was asked.
        verb: String,
        /// So long.
        after: Duration,
    },
    /// The connection, or the system, ended in the middle.
    #[error("`{verb}` was cut off: {why}")]
    CutOff {
        /// What was asked.
        verb: String,
        /// In words.
        why: String,
    },
    /// It answers something that the contract does not know.
    #[error(transparent)]
    NotTheContract(#[from] NotAReply),
}

impl ControlError {
    /// Whether the system is gone, as opposed to answering wrongly.
    pub const fn is_gone(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Hung { .. } | Self::CutOff { .. } => true,
            Self::Refused { .. } | Self::NotTheContract(_) => false,
        }
    }

    /// Whether the system does not know the verb, or does not do this.
    pub const fn is_not_supported(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                refusal: Refusal::NotSupported,
                ..
            }
        )
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f32())
    }
}
