//! How commands come in: over HTTP, or as lines on stdin.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use gp2gp_mocks::peer::{Conduct, HttpRequest, HttpResponse};
use gp2gp_mocks::serve::{Answered, Incoming, Server, serve_at};
use gp2gp_model::control::{Command, Refusal, Reply};
use gp2gp_model::http::Headers;
use gp2gp_model::trace::Endpoint;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, oneshot};

use super::Asked;

/// An open door for commands. Dropped, it closes.
#[derive(Debug)]
pub struct ControlDoor(Server);

impl ControlDoor {
    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }
}

const WAITING: usize = 4;

/// Takes commands over HTTP: each is a POST to its verb.
pub async fn listen(addr: SocketAddr, ask: mpsc::Sender<Asked>) -> io::Result<ControlDoor> {
    let (arrive, mut incoming) = mpsc::channel::<Incoming>(WAITING);
    // The name of a door tells peers apart, and there is one here.
    let server = serve_at(addr, Endpoint::Clinic, arrive).await?;
    tokio::spawn(async move {
        while let Some(Incoming {
            request, answer, ..
        }) = incoming.recv().await
        {
            let ask = ask.clone();
            tokio::spawn(async move {
                let response = match put(&ask, read(&request)).await {
                    Some(answer) => response(answer),
                    // The host has ended: the connection is closed.
                    None => return,
                };
                let conduct = Conduct::Clean;
                let _ = answer.send(Answered { response, conduct });
            });
        }
    });
    Ok(ControlDoor(server))
}

/// Takes a command on each line, and gives a line for each, until there are no more.
pub async fn speak_lines(
    commands: impl AsyncBufRead + Unpin,
    mut answers: impl AsyncWrite + Unpin,
    ask: mpsc::Sender<Asked>,
) -> io::Result<()> {
    let mut lines = commands.lines();
    while let Some(line) = lines.next_line().await? {
        if line.trim().is_empty() {
            continue;
        }
        let (id, command) = match serde_json::from_str::<Line>(&line) {
            Ok(line) => {
                let body = line.body.to_string();
                (line.id, Command::read(&line.verb, body.as_bytes()))
            }
            Err(error) => (0, Err(not_understood(format!("the line: {error}")))),
        };
        let Some(answer) = put(&ask, command).await else {
            return Ok(());
        };
        let line = match answer {
            Ok(reply) => json!({"id": id, "ok": reply.body()}),
            Err(refusal) => json!({"id": id, "refused": refusal}),
        };
        answers.write_all(format!("{line}\n").as_bytes()).await?;
        answers.flush().await?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: u64,
    verb: String,
    #[serde(default = "nothing")]
    body: Value,
}

fn nothing() -> Value {
    json!({})
}

async fn put(
    ask: &mpsc::Sender<Asked>,
    command: Result<Command, Refusal>,
) -> Option<Result<Reply, Refusal>> {
    let (reply, replied) = oneshot::channel();
    ask.send(Asked { command, reply }).await.ok()?;
    replied.await.ok()
}

fn read(request: &HttpRequest) -> Result<Command, Refusal> {
    if !request.method.is_post() {
        let why = format!("commands are posted, this is {}", request.method.name());
        return Err(not_understood(why));
    }
    let verb = request.path.trim_start_matches('/');
    Command::read(verb, &request.body)
}

const fn not_understood(why: String) -> Refusal {
    Refusal::NotUnderstood { why }
}

fn response(answer: Result<Reply, Refusal>) -> HttpResponse {
    let (status, body) = match answer {
        Ok(reply) => (200, reply.body()),
        Err(refusal) => (refusal.status(), json!(refusal)),
    };
    HttpResponse {
        status,
        content_type: Some("application/json".to_owned()),
        headers: Headers::new(),
        body: Bytes::from(body.to_string()),
    }
}
