//! The client of the socket edge against servers that misbehave.

#![cfg(test)]

use std::time::Duration;

use bytes::Bytes;
use gp2gp_mocks::peer::{HttpRequest, TransportError};
use gp2gp_mocks::serve::{Client, post};
use gp2gp_model::http::{Headers, Method};
use wiremock::matchers::{body_bytes, header, header_exists, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const PATH: &str = "/reliablemessaging/forwardreliable";
const ACTION: &str = "urn:nhs:names:services:gp2gp/MCCI_IN010000UK13";

fn request() -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        path: PATH.to_owned(),
        soap_action: Some(ACTION.to_owned()),
        content_type: "multipart/related; boundary=\"x\"".to_owned(),
        headers: Headers::new(),
        body: Bytes::from_static("--x\n\nPatient £ 🙂\n--x--".as_bytes()),
    }
}

#[tokio::test]
async fn a_post_carries_what_a_message_handler_sends() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(PATH))
        .and(header("SOAPAction", ACTION))
        .and(header("Content-Type", "multipart/related; boundary=\"x\""))
        .and(header(
            "Content-Length",
            request().body.len().to_string().as_str(),
        ))
        .and(header_exists("Host"))
        .and(body_bytes(request().body.to_vec()))
        .respond_with(ResponseTemplate::new(202))
        .expect(2)
        .mount(&server)
        .await;
    let client = Client::new();
    for _ in 0..2 {
        let response = post(&client, *server.address(), request()).await.unwrap();
        assert_eq!(response.status, 202);
    }
}

#[tokio::test]
async fn an_answer_of_any_status_is_handed_over_with_its_body() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500).set_body_raw("<fault/>", "text/xml"))
        .mount(&server)
        .await;
    let response = post(&Client::new(), *server.address(), request())
        .await
        .unwrap();
    assert_eq!(
        (response.status, &response.body[..]),
        (500, &b"<fault/>"[..])
    );
    assert_eq!(response.content_type.as_deref(), Some("text/xml"));
}

#[tokio::test]
async fn a_server_that_thinks_too_long_is_given_up() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(202).set_delay(Duration::from_secs(30)))
        .mount(&server)
        .await;
    let client = Client::with_patience(Duration::from_millis(50));
    let error = post(&client, *server.address(), request())
        .await
        .unwrap_err();
    assert_eq!(error, TransportError::TimedOut);
}
