//! The queue of a system behind a message handler, through a real broker.

#![cfg(test)]
#![cfg(unix)]

#[path = "support/rabbit.rs"]
#[expect(
    dead_code,
    reason = "each test binary uses its own part of the support"
)]
mod rabbit;
mod support;

use std::collections::BTreeSet;
use std::future::Future;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use gp2gp::bodies::BodyStore;
use gp2gp::driver::{self, Sut, Transport};
use gp2gp::sut::amqp::{Broker, BrokerError, QueueReceiver, QueueSender, Taken};
use gp2gp_mocks::serve::{Authority, Identity, Trust};
use gp2gp_model::MessageKind;
use gp2gp_model::trace::{Bodies as _, Endpoint, What};
use gp2gp_wire::message;
use gp2gp_wire::mhs_json::QueueMessage;

const SOON: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_millis(400);

fn run<T>(of: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(of)
}

fn numbered(number: u32, body: impl Into<String>) -> QueueMessage {
    let id = format!("00000000-0000-4000-8000-{number:012}");
    QueueMessage {
        message_id: id.parse().unwrap(),
        correlation_id: "00000000-0000-4000-8000-AAAAAAAAAAAA".parse().unwrap(),
        body: body.into(),
    }
}

async fn both(broker: &Broker, queue: &str) -> (QueueSender, QueueReceiver) {
    let sender = broker.sender(queue).await.unwrap();
    (sender, broker.receiver(queue).await.unwrap())
}

async fn taken(receiver: &mut QueueReceiver) -> (Taken, QueueMessage) {
    let taken = receiver.take(SOON).await.unwrap().expect("a message");
    let message = taken.message.clone().unwrap();
    (taken, message)
}

async fn accepted(receiver: &mut QueueReceiver) -> QueueMessage {
    let (taken, message) = taken(receiver).await;
    receiver.accept(&taken).await.unwrap();
    message
}

fn refused<T>(result: Result<T, BrokerError>) -> BrokerError {
    match result {
        Ok(_) => panic!("not refused"),
        Err(error) => error,
    }
}

fn help(error: &BrokerError) -> String {
    miette::Diagnostic::help(error)
        .expect("what to do")
        .to_string()
}

#[test]
fn a_message_comes_as_it_was_sent_whatever_its_text() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        let (mut sender, mut receiver) = both(&rabbit.broker(), "/queue/texts").await;
        let texts = [
            "{}".to_owned(),
            "{\"payload\": \"<a>é漢💉</a>\"}".to_owned(),
            "\u{0}\r\n\t\"".to_owned(),
            // A fragment of the largest size that Spine takes, and more.
            "x".repeat(5_000_000),
            "漢".repeat(4_700_000),
        ];
        for (number, text) in texts.iter().enumerate() {
            let message = numbered(u32::try_from(number).unwrap(), text);
            sender.send(&message).await.unwrap();
            assert!(accepted(&mut receiver).await == message, "{number}");
        }
        assert!(receiver.take(SILENCE).await.unwrap().is_none());
        sender.close().await;
        receiver.close().await;
    });
}

#[test]
fn every_message_of_a_large_transfer_comes_back_as_spine_delivered_it() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    let plan = support::plan("transfer/large-tiff-25mb");
    let bodies = BodyStore::temporary();
    let (trace, bodies) = driver::run(&plan, &Sut::Reference, Transport::Virtual, bodies).unwrap();
    let mut delivered = Vec::new();
    for event in &trace.events {
        if let What::Post {
            from: Endpoint::Spine,
            content_type,
            body,
            ..
        } = &event.what
        {
            delivered.push((content_type, bodies.body(&body.sha256).unwrap()));
        }
    }
    let mut kinds = BTreeSet::new();
    run(async {
        let (mut sender, mut receiver) = both(&rabbit.broker(), "/queue/transfer").await;
        for (content_type, body) in delivered {
            let (queued, _) = QueueMessage::of_delivery(content_type, &body).unwrap();
            sender.send(&queued).await.unwrap();
            let came = accepted(&mut receiver).await;
            assert!(came == queued, "{}", queued.message_id);
            let again = came.delivery().unwrap();
            let before = message::open(content_type, &body).unwrap();
            let after = message::open(&again.content_type, &again.body).unwrap();
            assert_eq!(after, before);
            kinds.insert(before.payload().unwrap().kind());
        }
    });
    let all = [
        MessageKind::EhrRequest,
        MessageKind::EhrExtract,
        MessageKind::Continue,
        MessageKind::Fragment,
        MessageKind::Acknowledgement,
    ];
    assert_eq!(kinds, all.into());
}

#[test]
fn two_hundred_messages_come_in_order() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        let (mut sender, mut receiver) = both(&rabbit.broker(), "/queue/order").await;
        for number in 0..200 {
            sender.send(&numbered(number, "{}")).await.unwrap();
        }
        for number in 0..200 {
            assert_eq!(accepted(&mut receiver).await, numbered(number, "{}"));
        }
    });
}

#[test]
fn what_is_not_accepted_comes_again_and_what_is_rejected_does_not() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        let (mut sender, mut receiver) = both(&rabbit.broker(), "/queue/again").await;
        sender.send(&numbered(1, "{}")).await.unwrap();
        let (first, _) = taken(&mut receiver).await;
        receiver.release(&first).await.unwrap();
        let (again, _) = taken(&mut receiver).await;
        // A system that dies with a message in its hands.
        drop((again, receiver));
        let mut receiver = rabbit.broker().receiver("/queue/again").await.unwrap();
        let (last, same) = taken(&mut receiver).await;
        assert_eq!(same, numbered(1, "{}"));
        receiver.reject(&last).await.unwrap();
        assert!(receiver.take(SILENCE).await.unwrap().is_none());
    });
}

#[test]
fn a_purged_queue_holds_nothing_of_the_run_before() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        let broker = rabbit.broker();
        let mut sender = broker.sender("/queue/purged").await.unwrap();
        for number in 0..25 {
            sender.send(&numbered(number, "{}")).await.unwrap();
        }
        assert_eq!(broker.purge("/queue/purged").await, Ok(25));
        assert_eq!(broker.purge("/queue/purged").await, Ok(0));
        sender.send(&numbered(99, "{}")).await.unwrap();
        let mut receiver = broker.receiver("/queue/purged").await.unwrap();
        assert_eq!(accepted(&mut receiver).await, numbered(99, "{}"));
    });
}

#[test]
fn queues_do_not_see_each_other() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        let broker = rabbit.broker();
        let (mut sender, _) = both(&broker, "/queue/mine").await;
        let mut other = broker.receiver("/queue/theirs").await.unwrap();
        sender.send(&numbered(1, "{}")).await.unwrap();
        assert!(other.take(SILENCE).await.unwrap().is_none());
    });
}

#[test]
fn a_wrong_password_and_no_password_are_refused_as_such() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        let port = rabbit.port();
        let wrong = Broker::new("127.0.0.1", port).with_login("gp2gp", "guessed");
        let error = refused(wrong.sender("/queue/any").await);
        let told = format!("broker 127.0.0.1:{port} refuses user `gp2gp` with this password");
        assert_eq!(error.to_string(), told);
        assert!(help(&error).starts_with("correct user and password"));
        assert!(!format!("{wrong:?}").contains("guessed"));
        let error = refused(Broker::new("127.0.0.1", port).probe().await);
        assert!(matches!(error, BrokerError::RefusedLogin { .. }), "{error}");
    });
}

fn trust(certificates: &Path, is_shown: bool) -> Trust {
    let read = |name: &str| std::fs::read(certificates.join(name)).unwrap();
    let authority = Authority::from_pem(&read("ca.pem")).unwrap();
    let identity = Identity::from_pem(&read("harness.pem"), &read("harness.key")).unwrap();
    Trust::new(&authority, is_shown.then_some(&identity)).unwrap()
}

#[test]
fn a_broker_behind_mutual_tls_is_used_like_any_other() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        let broker = Broker::new("localhost", rabbit.tls_port())
            .with_login(rabbit::LOGIN.0, rabbit::LOGIN.1)
            .behind_tls(Some(trust(&rabbit.certificates(), true)));
        let (mut sender, mut receiver) = both(&broker, "/queue/secured").await;
        let message = numbered(1, "x".repeat(5_000_000));
        sender.send(&message).await.unwrap();
        assert!(accepted(&mut receiver).await == message);
    });
}

#[test]
fn a_broker_behind_tls_that_is_not_trusted_or_does_not_trust_us_is_told_with_its_mend() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    let other = tempfile::tempdir().unwrap();
    rabbit::write_certificates(other.path());
    let (own, tls, clear) = (rabbit.certificates(), rabbit.tls_port(), rabbit.port());
    for (port, secured, said, mend) in [
        (
            tls,
            Some(Some(trust(other.path(), true))),
            "certificates of two sets are mixed",
            "give the broker a certificate that `ca` of [environment.tls] has signed",
        ),
        (
            tls,
            Some(Some(trust(&own, false))),
            "after the handshake",
            "let the broker accept the certificate of `cert`",
        ),
        (
            tls,
            Some(None),
            "no certificate authority is configured to trust",
            "add [environment.tls]",
        ),
        (
            clear,
            Some(Some(trust(&own, true))),
            "does not speak TLS on this port",
            "write amqp:// where it speaks in the clear",
        ),
        (
            tls,
            None,
            "breaks the connection off",
            "amqps:// where it speaks TLS",
        ),
    ] {
        let broker = Broker::new("127.0.0.1", port).with_login(rabbit::LOGIN.0, rabbit::LOGIN.1);
        let broker = match secured {
            Some(trust) => broker.behind_tls(trust),
            None => broker,
        };
        let error = refused(run(broker.probe()));
        assert!(error.to_string().contains(said), "{error}");
        assert!(help(&error).contains(mend), "{}", help(&error));
    }
}

#[test]
fn a_queue_that_is_not_there_is_named() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    run(async {
        // RabbitMQ makes what is below /queue, and only finds what is below /amq/queue.
        let missing = "/amq/queue/nobody-made-this";
        let broker = rabbit.broker();
        for error in [
            refused(broker.receiver(missing).await.map(|_| ())),
            // It would take messages for nobody without a word.
            refused(broker.sender(missing).await.map(|_| ())),
            refused(broker.purge(missing).await.map(|_| ())),
        ] {
            let BrokerError::NoSuchQueue { queue, said, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(queue, missing);
            assert!(said.contains("nobody-made-this"), "{said}");
            assert_eq!(help(&error), "create the queue, or correct its address");
        }
    });
}

#[test]
fn a_broker_that_was_killed_and_is_back_has_what_it_was_given() {
    let Some(rabbit) = rabbit::own() else { return };
    run(async {
        let (mut sender, mut receiver) = both(&rabbit.broker(), "/amq/queue/durable").await;
        sender.send(&numbered(1, "{}")).await.unwrap();
        let (_, held) = taken(&mut receiver).await;
        assert_eq!(held, numbered(1, "{}"));
        rabbit.kill();
        let error = refused(sender.send(&numbered(2, "{}")).await);
        assert!(
            matches!(
                error,
                BrokerError::Unreachable { .. } | BrokerError::Lost { .. }
            ),
            "{error}"
        );
        rabbit.restart();
        // Both notice by themselves, and go on.
        sender.send(&numbered(3, "{}")).await.unwrap();
        assert_eq!(accepted(&mut receiver).await, numbered(1, "{}"));
        assert_eq!(accepted(&mut receiver).await, numbered(3, "{}"));
    });
}

#[test]
fn a_port_where_nobody_listens_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = refused(run(Broker::new("127.0.0.1", port).probe()));
    assert!(matches!(error, BrokerError::Unreachable { .. }), "{error}");
    assert!(help(&error).contains("port 5672"));
}

/// Something that accepts connections, says this at once, and then waits or closes.
fn listening(says: &'static [u8], then_closes: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().take(2) {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(says);
            held.extend((!then_closes).then_some(stream));
        }
        std::thread::sleep(SOON);
    });
    port
}

#[test]
fn a_port_that_speaks_something_else_is_no_broker() {
    for (says, told) in [
        // RabbitMQ without its plugin.
        (&b"AMQP\x00\x00\x09\x01"[..], "AMQP\\x00\\x00\\t\\x01"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1.1"),
        (b"", "breaks the connection off"),
    ] {
        let error = refused(run(Broker::new("127.0.0.1", listening(says, true)).probe()));
        assert!(matches!(error, BrokerError::NotAmqp { .. }), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
        assert!(help(&error).contains("rabbitmq-plugins enable"));
    }
}

#[test]
fn a_broker_that_hangs_is_given_up() {
    let broker = Broker::new("127.0.0.1", listening(b"", false));
    let patience = Duration::from_secs(1);
    let error = refused(run(broker.with_patience(patience).probe()));
    assert!(
        error
            .to_string()
            .ends_with("did not open a connection within 1 s"),
        "{error}"
    );
}
