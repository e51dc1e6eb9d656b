//! No control at all: the wire is all that there is (level L0).

use gp2gp_model::control::{Command, Refusal};

use super::{Calling, Control, ControlError};

/// Refuses every verb.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoControl;

impl Control for NoControl {
    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a> {
        Box::pin(async move {
            Err(ControlError::Refused {
                verb: command.verb().to_owned(),
                refusal: Refusal::NotSupported,
            })
        })
    }
}
