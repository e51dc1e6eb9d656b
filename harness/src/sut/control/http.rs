//! Control over HTTP: every verb is a POST of a JSON object.

use std::time::Duration;

use gp2gp_mocks::peer::{Conduct, HttpRequest, HttpResponse, TransportError};
use gp2gp_mocks::serve::{Base, Client, ask};
use gp2gp_model::control::{Command, NotAReply, Refusal, Reply};
use gp2gp_model::http::{Headers, Method};

use super::{Calling, Control, ControlError};

/// A system that listens for commands.
#[derive(Debug)]
pub struct HttpControl {
    client: Client,
    base: Base,
    token: Option<String>,
    patience: Duration,
}

impl HttpControl {
    /// Commands go to `<base>/<verb>`, with the token as bearer if there is one. `client` waits `patience`.
    pub const fn new(
        client: Client,
        base: Base,
        token: Option<String>,
        patience: Duration,
    ) -> Self {
        Self {
            client,
            base,
            token,
            patience,
        }
    }

    fn request(&self, command: &Command) -> HttpRequest {
        let mut headers = Headers::new();
        if let Some(token) = &self.token {
            headers.push("authorization", format!("Bearer {token}"));
        }
        HttpRequest {
            method: Method::Post,
            path: format!("/{}", command.verb()),
            soap_action: None,
            content_type: "application/json".to_owned(),
            headers,
            body: command.body().to_string().into(),
        }
    }

    async fn exchange(&self, command: &Command) -> Result<Reply, ControlError> {
        let request = self.request(command);
        let answered = ask(&self.client, self.base.clone(), request, Conduct::Clean).await;
        let verb = || command.verb().to_owned();
        match answered {
            Ok(response) => read(command, &response),
            Err(cause) => Err(match cause.transport() {
                TransportError::Refused => ControlError::Unreachable {
                    verb: verb(),
                    why: cause.to_string(),
                },
                TransportError::Reset => ControlError::CutOff {
                    verb: verb(),
                    why: cause.to_string(),
                },
                TransportError::TimedOut => ControlError::Hung {
                    verb: verb(),
                    after: self.patience,
                },
            }),
        }
    }
}

impl Control for HttpControl {
    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a> {
        Box::pin(self.exchange(command))
    }
}

fn read(command: &Command, response: &HttpResponse) -> Result<Reply, ControlError> {
    let refusal = match response.status {
        200 | 204 => return Ok(command.reply(&response.body)?),
        404 | 405 | 501 => Refusal::NotSupported,
        400 | 500 => {
            serde_json::from_slice(&response.body).map_err(|_| strange(command, response))?
        }
        _ => return Err(strange(command, response).into()),
    };
    Err(ControlError::Refused {
        verb: command.verb().to_owned(),
        refusal,
    })
}

fn strange(command: &Command, response: &HttpResponse) -> NotAReply {
    const SHOWN: usize = 80;
    let body = String::from_utf8_lossy(&response.body);
    let shown: String = body.chars().take(SHOWN).collect();
    NotAReply {
        verb: command.verb().to_owned(),
        why: format!("status {} with `{}`", response.status, shown.trim()),
    }
}
