//! The control contract as it is published is what the harness says and what a system answers.

#![cfg(test)]

#[path = "support/judged.rs"]
mod judged;
#[path = "support/served.rs"]
mod served;
mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use gp2gp::sut::control::{Calling, Control, ControlError, NoControl};
use gp2gp::sut::{Attachment, openapi};
use gp2gp_model::control::{ActionRef, Command, LogLines, Reply};
use judged::judge;
use serde_json::{Value, json};

const PUBLISHED: &str = include_str!("../../docs/control.openapi.json");

#[test]
fn the_published_document_is_the_one_that_the_code_makes() {
    let published: Value = serde_json::from_str(PUBLISHED).unwrap();
    assert!(
        published == openapi::document(),
        "write it anew: gp2gp schema --control > docs/control.openapi.json"
    );
}

/// What was said with a verb, and what was answered: a reply, or a refusal with its status.
type Said = (String, Value, Result<Value, (u16, Value)>);

/// Writes down everything that is said.
struct Overheard {
    inner: Box<dyn Control>,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Control for Overheard {
    fn call<'a>(&'a mut self, command: &'a Command) -> Calling<'a> {
        Box::pin(async move {
            let answer = self.inner.call(command).await;
            let written = match &answer {
                Ok(reply) => Ok(reply.body()),
                Err(ControlError::Refused { refusal, .. }) => {
                    Err((refusal.status(), json!(refusal)))
                }
                Err(error) => panic!("{error}"),
            };
            let said = (command.verb().to_owned(), command.body(), written);
            self.said.lock().unwrap().push(said);
            answer
        })
    }
}

#[test]
fn everything_that_is_said_in_runs_is_as_published() {
    let said = overhear(&[
        "transfer/inline-attachments",
        "crash/requesting-after-the-core",
        "crash/sending-disk-full",
        "people/filed-on-the-second-day",
        "export/delete-without-the-right",
        "duplicate/request",
    ]);
    let mut verbs = BTreeSet::new();
    for (verb, body, answer) in &said {
        verbs.insert(verb.as_str());
        let operation = format!("/paths/~1{verb}/post");
        let at = |place: &str| format!("{operation}/{place}/content/application~1json/schema");
        assert_valid(&at("requestBody"), body, verb);
        match answer {
            Ok(reply) => assert_valid(&at("responses/200"), reply, verb),
            Err((status, refusal)) => {
                assert_valid(&at(&format!("responses/{status}")), refusal, verb);
            }
        }
    }
    let document: Value = serde_json::from_str(PUBLISHED).unwrap();
    let published = document["paths"].as_object().unwrap().keys();
    let published: BTreeSet<&str> = published.map(|path| path.trim_start_matches('/')).collect();
    assert_eq!(verbs, published, "every verb is to be heard once");
}

#[test]
fn the_published_document_refuses_what_the_code_refuses() {
    let schema = "/paths/~1act/post/requestBody/content/application~1json/schema";
    let good = json!({"id": "a", "system": "requesting", "act": {"verb": "register", "patient": "9990000018"}});
    assert_valid(schema, &good, "act");
    for bad in [
        json!({"id": "a", "system": "requesting"}),
        json!({"id": "a", "system": "nobody", "act": {"verb": "register", "patient": "9990000018"}}),
        json!({"id": "a", "system": "requesting", "act": {"verb": "sing"}}),
        json!({"id": "a", "system": "requesting", "act": {"verb": "register", "patient": "9990000018"}, "expect": "AA"}),
    ] {
        assert!(
            Command::read("act", bad.to_string().as_bytes()).is_err(),
            "{bad}"
        );
        assert!(!validator(schema).is_valid(&bad), "{bad}");
    }
}

/// Everything that is said to a served reference while these scenarios run.
fn overhear(scenarios: &[&str]) -> Vec<Said> {
    let logs = tempfile::tempdir().unwrap();
    let (runtime, mut party) = served::parts(&served::described("reference"), logs.path());
    let said = Arc::new(Mutex::new(Vec::new()));
    let inner = std::mem::replace(&mut party.control, Box::new(NoControl));
    party.control = Box::new(Overheard {
        inner,
        said: Arc::clone(&said),
    });
    runtime.block_on(async {
        for command in [
            Command::Capabilities,
            Command::Health,
            Command::Logs(LogLines { lines: 5 }),
            Command::Action(ActionRef {
                id: "none".to_owned(),
            }),
        ] {
            let answer = party.control.call(&command).await;
            assert!(!matches!(answer, Ok(Reply::Nothing)), "{command:?}");
        }
    });
    let plans: Vec<_> = scenarios.iter().map(|id| support::plan(id)).collect();
    let attached = Attachment::new(runtime, vec![party], "sut.toml".to_owned());
    judge(&plans, Some(&attached));
    drop(attached);
    std::mem::take(&mut said.lock().unwrap())
}

fn validator(schema: &str) -> jsonschema::Validator {
    let document: Value = serde_json::from_str(PUBLISHED).unwrap();
    assert!(document.pointer(schema).is_some(), "no {schema}");
    let mut whole = document;
    whole["$ref"] = json!(format!("#{schema}"));
    jsonschema::validator_for(&whole).unwrap()
}

fn assert_valid(schema: &str, data: &Value, verb: &str) {
    let validator = validator(schema);
    if let Some(error) = validator.iter_errors(data).next() {
        panic!("{verb}: {error} at {} of {data}", error.instance_path());
    }
}
