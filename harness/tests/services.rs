//! `docs/services.md` is true: every question on it is put to the services of a run, in the order of
//! the page, and gets the answer that stands below it.

#![cfg(test)]

mod support;

use base64_simd::URL_SAFE_NO_PAD;
use gp2gp_mocks::cast::Cast;
use gp2gp_mocks::peer::{AnswerId, HttpRequest, HttpResponse, Input, Output};
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;
use serde_json::Value;

use crate::support::page::{Block, blocks, fits};

const PAGE: &str = include_str!("../../docs/services.md");

#[test]
fn every_question_of_the_page_gets_the_answer_of_the_page() {
    let plan = support::plan("transfer/inline-attachments");
    let mut cast = Cast::from_plan(&plan, &[]).expect("the practices are listed");
    let mut asked = 0;
    for block in questions() {
        let (question, expected) = halves(&block);
        let (service, request) = read(&question);
        let peer = cast.peer_mut(service).expect("it takes part");
        asked += 1;
        let id = AnswerId(asked);
        peer.handle(plan.starts_at, Input::Request { id, request });
        let answer = std::iter::from_fn(|| peer.poll_output()).find_map(|output| match output {
            Output::Answer { response, .. } => Some(response),
            Output::Post { .. } | Output::Notice(_) | Output::FaultFired(_) => None,
            Output::Crash { .. } => None,
        });
        let seen = shown(&answer.expect("it is answered at once"));
        let expected: Vec<&str> = expected.lines().collect();
        assert!(
            fits(&expected, &seen),
            "line {}: the answer is\n{seen}",
            block.line
        );
    }
    assert!(asked > 12, "only {asked} questions");
}

fn questions() -> impl Iterator<Item = Block> {
    blocks(PAGE)
        .into_iter()
        .filter(|block| block.info == "http")
}

#[test]
fn every_block_of_the_page_is_a_question_or_the_token() {
    for block in blocks(PAGE) {
        let is_known = ["http", "json token"].contains(&block.info);
        assert!(is_known, "line {}: `{}`", block.line, block.info);
    }
}

/// What is asked, and what is answered: the status line begins the second half.
fn halves(block: &Block) -> (String, String) {
    let (question, answer) = (block.text.split_once("\n\nHTTP "))
        .unwrap_or_else(|| panic!("line {}: no answer", block.line));
    (question.to_owned(), format!("HTTP {answer}"))
}

/// The question, and whom it is for.
fn read(question: &str) -> (Endpoint, HttpRequest) {
    let (head, body) = question.split_once("\n\n").unwrap_or((question, ""));
    let mut lines = head.lines();
    let (method, path) = (lines.next())
        .and_then(|line| line.split_once(' '))
        .expect("a method and a path");
    let method = match method {
        "GET" => Method::Get,
        "PATCH" => Method::Patch,
        other => panic!("method {other}"),
    };
    let mut headers = Headers::new();
    let mut content_type = String::new();
    for (name, value) in lines.map(|line| line.split_once(": ").expect("a header")) {
        match name {
            "Content-Type" => value.clone_into(&mut content_type),
            _ => headers.push(name, value.replace("<token>", &token())),
        }
    }
    let is_of_store = headers.get("Ssp-From").is_some();
    let service = match path.split(['/', '?']).nth(1) {
        _ if is_of_store => Endpoint::Store,
        Some("Patient") => Endpoint::Pds,
        _ => Endpoint::Sds,
    };
    let request = HttpRequest {
        method,
        path: path.to_owned(),
        soap_action: None,
        content_type,
        headers,
        body: body.to_owned().into(),
    };
    (service, request)
}

/// The token of the page.
fn token() -> String {
    let claims = blocks(PAGE).into_iter().find(|it| it.info == "json token");
    let claims: Value = serde_json::from_str(&claims.expect("a token").text).expect("JSON");
    let part = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
    let head = part(r#"{"alg":"none","typ":"JWT"}"#);
    format!("{head}.{}.", part(&claims.to_string()))
}

/// Status, headers and body; JSON with a line for each value.
fn shown(answer: &HttpResponse) -> String {
    let mut shown = format!("HTTP {}\n", answer.status);
    if let Some(content_type) = &answer.content_type {
        shown += &format!("Content-Type: {content_type}\n");
    }
    for (name, value) in answer.headers.iter() {
        shown += &format!("{name}: {value}\n");
    }
    shown.push('\n');
    shown
        + &match serde_json::from_slice::<Value>(&answer.body) {
            Ok(json) => laid_out(&json, 0),
            Err(_) => String::from_utf8_lossy(&answer.body).into_owned(),
        }
}

/// JSON with what fits a line in one line.
fn laid_out(value: &Value, depth: usize) -> String {
    let line = value
        .to_string()
        .replace("\":", "\": ")
        .replace("\",\"", "\", \"");
    let line = line.replace("\": //", "\"://").replace("},{", "}, {");
    let indent = "  ".repeat(depth + 1);
    if line.len() + indent.len() < 120 {
        return line;
    }
    let (open, inside, close) = match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                format!("{indent}\"{name}\": {}", laid_out(value, depth + 1))
            };
            ('{', members.iter().map(member).collect::<Vec<_>>(), '}')
        }
        Value::Array(values) => {
            let element = |value: &Value| format!("{indent}{}", laid_out(value, depth + 1));
            ('[', values.iter().map(element).collect(), ']')
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return line,
    };
    let (inside, end) = (inside.join(",\n"), "  ".repeat(depth));
    format!("{open}\n{inside}\n{end}{close}")
}
