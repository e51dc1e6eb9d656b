//! A system that was recorded and plays its part again: what of it a trace says, and where it could not
//! follow its recording.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Act, Role};
use crate::trace::Endpoint;
use crate::{MessageKind, NhsNumber, Time};

/// A recorded system in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedSystem {
    /// In which role.
    pub role: Role,
    /// Its name in the recording.
    pub name: String,
}

/// Something that a recorded system saw, did, or was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "item", rename_all = "kebab-case")]
pub enum Item {
    /// A message through Spine.
    Message {
        /// Of which kind.
        kind: MessageKind,
        /// Its place among those of its kind from its sender in its transfer, from 1.
        number: u32,
        /// Whose record it is about, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patient: Option<NhsNumber>,
        /// Of an acknowledgement: a message of which kind it names, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        names: Option<MessageKind>,
        /// Of an acknowledgement: its code; `AA` if it is positive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// A message through Spine that cannot be read.
    Unreadable,
    /// A request to another service.
    Request {
        /// Which.
        to: Endpoint,
        /// Method and path.
        what: String,
    },
    /// The answer to something that it posted itself.
    AnswerTo {
        /// What.
        what: Box<Item>,
    },
    /// What people or the harness do to it.
    Act {
        /// What.
        act: Act,
    },
    /// What it puts before people.
    Screen {
        /// In words.
        what: String,
    },
    /// It was down and is up again.
    Restart,
}

/// Where a recorded system and its recording part, because the live side took another course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "divergence", rename_all = "kebab-case")]
pub enum Divergence {
    /// Something recorded was not done again: what it waited for never came.
    NeverDone {
        /// Event of the recording.
        event: u64,
        /// What was not done: the first message, if it is one.
        what: Item,
        /// What it waited for; nothing if the run ended before its time.
        waited_for: Vec<Item>,
        /// What came instead: messages and acts that the recording does not know.
        came_instead: Vec<Item>,
        /// So much else that waits for the same was not done either.
        behind_it: u32,
    },
    /// Something came that the recording does not know, and so has no reply to.
    Unforeseen {
        /// When.
        at: Time,
        /// What.
        what: Item,
    },
    /// A service, or Spine, answered otherwise than it did in the recording.
    AnsweredOtherwise {
        /// Event of the recording.
        event: u64,
        /// To what.
        to: Item,
        /// Then, e.g. `202`.
        recorded: String,
        /// Now.
        live: String,
    },
}

impl Divergence {
    /// Whether a recorded message was never sent, so that the run did not take its course.
    pub const fn is_a_gap(&self) -> bool {
        match self {
            Self::NeverDone { what, .. } => matches!(what, Item::Message { .. }),
            Self::Unforeseen { .. } | Self::AnsweredOtherwise { .. } => false,
        }
    }
}

impl Item {
    const fn done(&self) -> &'static str {
        match self {
            Self::Message { .. } | Self::Unreadable | Self::Request { .. } => "sent",
            Self::Screen { .. } => "shown",
            Self::AnswerTo { .. } | Self::Act { .. } | Self::Restart => "done",
        }
    }
}

impl fmt::Display for RecordedSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the recorded {} system ({})", self.role, self.name)
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message {
                kind,
                number,
                patient,
                names,
                code,
            } => {
                write!(f, "{kind} {number}")?;
                if let Some(code) = code {
                    write!(f, " ({code})")?;
                }
                if let Some(names) = names {
                    write!(f, " of the {names}")?;
                }
                match patient {
                    Some(patient) => write!(f, " for patient {patient}"),
                    None => Ok(()),
                }
            }
            Self::Unreadable => f.write_str("a message that cannot be read"),
            Self::Request { to, what } => write!(f, "{what} at {to}"),
            Self::AnswerTo { what } => write!(f, "the answer to {what}"),
            Self::Act { act } => f.write_str(&words(act)),
            Self::Screen { what } => f.write_str(what),
            Self::Restart => f.write_str("a restart"),
        }
    }
}

/// An act in its own JSON: the name of its verb, and of whom.
fn words(act: &Act) -> String {
    let json = serde_json::to_value(act).unwrap_or_default();
    let field = |name: &str| json.get(name).and_then(|it| it.as_str()).map(str::to_owned);
    let mut text = field("verb").unwrap_or_else(|| "an act".to_owned());
    if let Some(decision) = field("decision") {
        text = format!("{text} to {decision}");
    }
    match field("patient") {
        Some(patient) => format!("{text} for patient {patient}"),
        None => text,
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverDone {
                event,
                what,
                waited_for,
                came_instead,
                behind_it,
            } => {
                let done = what.done();
                write!(f, "recorded {what} (event {event}) was never {done}")?;
                match waited_for.as_slice() {
                    [] => f.write_str(": the run ended before its time")?,
                    items => write!(f, ": it waited for {}", list(items))?,
                }
                match came_instead.as_slice() {
                    [] => f.write_str("; nothing else came instead")?,
                    items => write!(f, "; instead came {}", list(items))?,
                }
                match behind_it {
                    0 => Ok(()),
                    more => write!(
                        f,
                        "; nor was anything of {more} more that waited for the same"
                    ),
                }
            }
            Self::Unforeseen { at, what } => {
                write!(f, "{what} came at {at}, and the recording does not know it")
            }
            Self::AnsweredOtherwise {
                event,
                to,
                recorded,
                live,
            } => write!(
                f,
                "{to} (event {event}) was answered with {live}, and with {recorded} in the recording"
            ),
        }
    }
}

fn list(items: &[Item]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    words.join(", and ")
}
