use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use gp2gp_model::http::{Headers, Method};
use gp2gp_model::trace::Endpoint;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::peer::{Conduct, HttpRequest, HttpResponse, TransportError};

const PATH: &str = "/reliablemessaging/forwardreliable";

fn request(body: impl Into<Bytes>) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        path: PATH.to_owned(),
        soap_action: Some("urn:nhs:names:services:gp2gp/RCMR_IN010000UK05".to_owned()),
        content_type: "multipart/related; boundary=\"--=_MIME-Boundary\"; type=text/xml".to_owned(),
        headers: Headers::new(),
        body: body.into(),
    }
}

/// A peer double: says which endpoint was asked and sends the body back.
struct Double {
    server: Server,
    seen: mpsc::UnboundedReceiver<HttpRequest>,
    answering: JoinHandle<()>,
}

impl Double {
    async fn at(endpoint: Endpoint) -> Self {
        let (sender, mut incoming) = mpsc::channel::<Incoming>(16);
        let (tell, seen) = mpsc::unbounded_channel();
        let answering = tokio::spawn(async move {
            while let Some(arrived) = incoming.recv().await {
                let body = arrived.request.body.clone();
                let headers = Headers::new().with("x-method", arrived.request.method.name());
                tell.send(arrived.request).unwrap();
                let answer = HttpResponse {
                    status: 202,
                    content_type: Some(format!("text/{}", arrived.endpoint)),
                    headers,
                    body,
                };
                let _ = arrived.answer.send(clean(answer));
            }
        });
        Self {
            server: serve(endpoint, sender).await.unwrap(),
            seen,
            answering,
        }
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_posted_and_its_answer_comes_back() {
    let mut double = Double::at(Endpoint::Spine).await;
    let sent = request("ping");

    let answer = post(&Client::new(), double.server.addr(), sent.clone()).await;

    let expected = HttpResponse {
        status: 202,
        content_type: Some("text/spine".to_owned()),
        headers: Headers::new().with("x-method", "POST"),
        body: "ping".into(),
    };
    assert_eq!(answer, Ok(expected));
    assert_eq!(double.seen.recv().await, Some(sent));
}

#[tokio::test]
async fn absent_headers_stay_absent_and_a_query_belongs_to_the_path() {
    let mut double = Double::at(Endpoint::Sending).await;
    let sent = HttpRequest {
        method: Method::Post,
        path: "/any?x=1&y=%20".to_owned(),
        soap_action: None,
        content_type: String::new(),
        headers: Headers::new(),
        body: Bytes::new(),
    };
    post(&Client::new(), double.server.addr(), sent.clone())
        .await
        .unwrap();
    assert_eq!(double.seen.recv().await, Some(sent));
}

#[tokio::test]
async fn five_megabytes_make_the_round_trip_unchanged() {
    let double = Double::at(Endpoint::Requesting).await;
    let body: Bytes = (0..5_000_001_u32).map(|n| (n % 251) as u8).collect();
    let answer = post(&Client::new(), double.server.addr(), request(body.clone()))
        .await
        .unwrap();
    assert!(answer.body == body, "body changed on the way");
}

#[tokio::test]
async fn posts_one_after_another_share_one_connection_and_may_run_side_by_side() {
    let double = Double::at(Endpoint::Spine).await;
    let (client, addr) = (Client::new(), double.server.addr());
    for _ in 0..3 {
        post(&client, addr, request("one by one")).await.unwrap();
    }
    assert_eq!(client.idle_connections(), 1);
    let (left, right) = tokio::join!(
        post(&client, addr, request("left")),
        post(&client, addr, request("right"))
    );
    assert_eq!(
        (left.unwrap().body, right.unwrap().body),
        ("left".into(), "right".into())
    );
    assert_eq!(client.idle_connections(), 2);
}

#[tokio::test]
async fn refused_and_reset_are_told_apart() {
    let client = Client::new();
    assert_eq!(
        post(&client, closed_port(), request("")).await,
        Err(TransportError::Refused)
    );

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let hanging_up = std::thread::spawn(move || drop(listener.accept().unwrap()));
    assert_eq!(
        post(&client, addr, request("anybody?")).await,
        Err(TransportError::Reset)
    );
    hanging_up.join().unwrap();
}

#[tokio::test]
async fn a_request_whose_answer_is_dropped_is_reset() {
    let (sender, mut incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Spine, sender).await.unwrap();
    let client = Client::new();
    let (answer, ()) = tokio::join!(post(&client, server.addr(), request("")), async {
        drop(incoming.recv().await);
    });
    assert_eq!(answer, Err(TransportError::Reset));
}

#[tokio::test]
async fn silence_ends_with_patience() {
    let (sender, mut incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Spine, sender).await.unwrap();
    let client = Client::with_patience(Duration::from_millis(50));
    assert_eq!(
        post(&client, server.addr(), request("")).await,
        Err(TransportError::TimedOut)
    );
    assert!(incoming.recv().await.is_some(), "the request did arrive");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let one_answer_each = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            read_head(&mut stream);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        }
    });
    let client = Client::new();
    assert_eq!(post(&client, addr, request("")).await.unwrap().status, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(post(&client, addr, request("")).await.unwrap().status, 200);
    one_answer_each.join().unwrap();
}

#[tokio::test]
async fn a_dropped_server_closes_its_port_and_its_connections() {
    let double = Double::at(Endpoint::Spine).await;
    let (client, addr) = (Client::new(), double.server.addr());
    post(&client, addr, request("alive")).await.unwrap();
    drop(double);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(
        post(&client, addr, request("gone")).await,
        Err(TransportError::Refused)
    );
}

#[tokio::test]
async fn what_is_announced_larger_than_any_message_is_refused_unread() {
    let double = Double::at(Endpoint::Spine).await;
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 64000001\r\n\r\n");
    let answer = raw(double.server.addr(), head).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn every_method_and_header_arrives_and_headers_come_back() {
    let mut double = Double::at(Endpoint::Store).await;
    for method in Method::ALL {
        let sent = HttpRequest {
            method,
            path: "/Binary/7".to_owned(),
            soap_action: None,
            content_type: String::new(),
            headers: Headers::new()
                .with("accept", "image/tiff")
                .with("range", "bytes=0-9"),
            body: Bytes::new(),
        };
        let answer = post(&Client::new(), double.server.addr(), sent.clone())
            .await
            .unwrap();
        assert_eq!(double.seen.recv().await, Some(sent));
        assert_eq!(
            answer.headers,
            Headers::new().with("x-method", method.name())
        );
    }
}

#[tokio::test]
async fn an_answer_to_head_tells_the_length_of_the_body_that_it_does_not_have() {
    let (sender, mut incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Store, sender).await.unwrap();
    let client = Client::new();
    let asked = HttpRequest {
        method: Method::Head,
        ..request("")
    };
    let (answer, ()) = tokio::join!(post(&client, server.addr(), asked), async {
        let answer = HttpResponse {
            status: 200,
            content_type: None,
            headers: Headers::new().with("content-length", "677000000"),
            body: Bytes::new(),
        };
        let answer = clean(answer);
        incoming.recv().await.unwrap().answer.send(answer).unwrap();
    });
    let answer = answer.unwrap();
    assert_eq!(answer.headers.get("Content-Length"), Some("677000000"));
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_not_implemented() {
    let double = Double::at(Endpoint::Spine).await;
    let head = format!("BREW {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = raw(double.server.addr(), head).await;
    assert!(answer.starts_with("HTTP/1.1 501"), "{answer}");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let double = Double::at(Endpoint::Spine).await;
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    );
    let answer = raw(double.server.addr(), head).await;
    assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
}

/// A port on which nobody listens any more.
fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// What comes back first for these bytes.
async fn raw(addr: SocketAddr, bytes: String) -> String {
    let exchange = move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
        head.push(byte[0]);
    }
}

/// One answer, carried by this conduct, as a client sees it.
async fn answered_with(conduct: Conduct) -> Result<HttpResponse, TransportError> {
    let (sender, mut incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Spine, sender).await.unwrap();
    let client = Client::with_patience(Duration::from_secs(2));
    let (answer, ()) = tokio::join!(post(&client, server.addr(), request("")), async {
        let response = HttpResponse {
            status: 202,
            content_type: None,
            headers: Headers::new(),
            body: Bytes::from_static(&[7; 1_000]),
        };
        let answer = Answered { response, conduct };
        incoming.recv().await.unwrap().answer.send(answer).unwrap();
    });
    answer
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_is_reset_is_no_answer() {
    for conduct in [
        Conduct::Reset,
        Conduct::Truncate { percent: 0 },
        Conduct::Truncate { percent: 60 },
    ] {
        let answer = answered_with(conduct).await;
        assert_eq!(answer, Err(TransportError::Reset), "{conduct:?}");
    }
}

#[tokio::test]
async fn a_reset_is_one_on_the_wire_and_not_an_orderly_close() {
    let (sender, mut incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Spine, sender).await.unwrap();
    let addr = server.addr();
    let reading = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        stream.read(&mut [0; 9]).map_err(|error| error.kind())
    });
    let arrived = incoming.recv().await.unwrap();
    let conduct = Conduct::Reset;
    let response = HttpResponse {
        status: 202,
        content_type: None,
        headers: Headers::new(),
        body: Bytes::new(),
    };
    arrived.answer.send(Answered { response, conduct }).unwrap();
    let read = tokio::task::spawn_blocking(|| reading.join().unwrap());
    assert_eq!(
        read.await.unwrap(),
        Err(std::io::ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "what is slow is slow by the wall clock"
)]
async fn a_slow_answer_takes_its_time_and_is_whole() {
    let began = std::time::Instant::now();
    let conduct = Conduct::Slow {
        bytes_per_second: 5_000,
    };
    let answer = answered_with(conduct).await.unwrap();
    assert_eq!(answer.body.len(), 1_000);
    assert!(began.elapsed() >= Duration::from_millis(150));
}

#[tokio::test]
async fn a_post_that_breaks_off_is_not_taken_and_one_that_loses_its_answer_is() {
    for (conduct, arrives) in [
        (Conduct::Truncate { percent: 0 }, false),
        (Conduct::Truncate { percent: 60 }, false),
        (Conduct::Reset, true),
    ] {
        let mut double = Double::at(Endpoint::Requesting).await;
        let client = Client::new();
        let sent = request(Bytes::from(vec![7; 100_000]));
        let answer = post_as(&client, double.server.addr(), sent.clone(), conduct).await;
        assert_eq!(answer, Err(TransportError::Reset), "{conduct:?}");
        assert_eq!(client.idle_connections(), 0);
        let next = request("next");
        post(&client, double.server.addr(), next.clone())
            .await
            .unwrap();
        let first = double.seen.recv().await.unwrap();
        assert_eq!(first == sent, arrives, "{conduct:?}");
    }
}

#[tokio::test]
async fn a_system_that_is_up_again_listens_where_it_was() {
    let (sender, mut incoming) = mpsc::channel(1);
    let server = serve(Endpoint::Sending, sender.clone()).await.unwrap();
    let addr = server.addr();
    let client = Client::new();
    drop(server);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let down = post(&client, addr, request("")).await;
    assert_eq!(down, Err(TransportError::Refused));

    let server = serve_at(addr, Endpoint::Sending, sender).await.unwrap();
    let (answer, ()) = tokio::join!(post(&client, server.addr(), request("")), async {
        drop(incoming.recv().await);
    });
    assert_eq!(answer, Err(TransportError::Reset), "somebody listened");
}

const fn clean(response: HttpResponse) -> Answered {
    let conduct = Conduct::Clean;
    Answered { response, conduct }
}
