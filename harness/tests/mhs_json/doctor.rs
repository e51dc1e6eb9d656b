//! What `doctor` says of a broker, and of a system behind it.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::Duration;

use gp2gp::sut::config::Config;
use gp2gp::sut::doctor::{Diagnosis, State, examine};

use crate::rabbit::{self, Rabbit};
use crate::{Secured, described};

/// What is broken, with what was seen and what to do, and that alone.
const ALL_WELL: [&str; 3] = ["", "", ""];

fn examined(text: &str) -> Diagnosis {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse("sut.toml", folder.path(), text, []).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(examine(&config, &folder.path().join("log")))
}

#[track_caller]
fn assert_diagnosed(text: &str, [probe, said, mend]: [&str; 3]) -> Diagnosis {
    let diagnosis = examined(text);
    let broken = diagnosis.probes.iter();
    let broken: Vec<_> = broken.filter(|it| it.state == State::Broken).collect();
    match broken.as_slice() {
        [] => assert_eq!(probe, "", "{diagnosis:#?}"),
        [one] => {
            assert_eq!(one.probe, probe, "{diagnosis:#?}");
            assert!(one.said.contains(said), "{}", one.said);
            let help = one.mend.as_deref().unwrap_or_default();
            assert!(help.contains(mend), "{help}");
        }
        _ => panic!("{diagnosis:#?}"),
    }
    diagnosis
}

fn said<'a>(diagnosis: &'a Diagnosis, probe: &str) -> &'a str {
    let mut probes = diagnosis.probes.iter();
    let probed = probes.find(|it| it.probe == probe);
    &probed.unwrap_or_else(|| panic!("{diagnosis:#?}")).said
}

/// A system that lets itself be prepared by a shell command, and does nothing else.
fn idle(rabbit: &Rabbit, queue: &str) -> String {
    let text = described("reference", queue, rabbit, Secured::No);
    let (head, _) = text.split_once("[control]").unwrap();
    let head = head
        .replace(
            "\"requesting\", \"sending\", \"exporting\", \"hub\"",
            "\"sending\"",
        )
        .replace("binding =", "answer_within = \"2s\"\nbinding =");
    format!(
        "{head}[control]\ndriver = \"command\"\n[control.verbs]\nprepare = \"true\"\nreset = \"true\"\n"
    )
}

#[test]
fn a_system_behind_a_handler_is_all_well_in_the_clear_and_over_tls() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    for (secured, queue, over) in [
        (Secured::No, "well", ""),
        (Secured::ByTls, "well-secured", " over TLS"),
    ] {
        let text = described("reference", queue, &rabbit, secured);
        let diagnosis = assert_diagnosed(&text, ALL_WELL);
        let broker = said(&diagnosis, "broker");
        let wanted = format!("speaks AMQP 1.0{over} and has the queue `/queue/{queue}`");
        assert!(broker.ends_with(&wanted), "{broker}");
        for role in ["requesting", "sending"] {
            let taken = said(&diagnosis, &format!("queue {role}"));
            let wanted = format!("it takes what lies on `/queue/{queue}-{role}`");
            assert!(taken.starts_with(&wanted), "{taken}");
        }
        let back = said(&diagnosis, "services");
        assert!(back.starts_with("it finds us at 127.0.0.1"), "{back}");
    }
    // A sending system is asked through its queue.
    let text = described("reference", "well-sending", &rabbit, Secured::No);
    let text = text.replace(
        "\"requesting\", \"sending\", \"exporting\", \"hub\"",
        "\"sending\"",
    );
    let diagnosis = assert_diagnosed(&text, ALL_WELL);
    let back = said(&diagnosis, "services");
    assert!(back.starts_with("it finds us at 127.0.0.1"), "{back}");
}

#[test]
fn what_is_wrong_with_a_broker_is_told_with_its_mend() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    let other = tempfile::tempdir().unwrap();
    let wrong = other.path().join("guessed");
    std::fs::write(&wrong, "guessed").unwrap();
    rabbit::write_certificates(other.path());
    let old = TcpListener::bind("127.0.0.1:0").unwrap();
    let old_port = old.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in old.incoming().take(1) {
            // RabbitMQ without its plugin.
            let _ = stream.unwrap().write_all(b"AMQP\x00\x00\x09\x01");
        }
    });
    let with = |from: &str, to: &str| {
        let text = idle(&rabbit, "asked");
        assert!(text.contains(from), "{text}");
        text.replace(from, to)
    };
    let (port, password) = (rabbit.port().to_string(), rabbit.password());
    let password = password.display().to_string();
    let tls = described("reference", "asked", &rabbit, Secured::ByTls);
    let own = rabbit.certificates().display().to_string();
    for (text, wanted) in [
        (
            with(&password, &wrong.display().to_string()),
            [
                "broker",
                "refuses user `gp2gp` with this password",
                "correct user and password",
            ],
        ),
        (
            with("user = \"gp2gp\"", "user = \"nobody\""),
            [
                "broker",
                "does not let us use the queue `/queue/asked`",
                "give the user the right",
            ],
        ),
        (
            with("/queue/asked", "/amq/queue/nobody-made-this"),
            ["broker", "has no queue at the address", "create the queue"],
        ),
        (
            with(&port, &old_port.to_string()),
            [
                "broker",
                "it says `AMQP\\x00\\x00\\t\\x01`",
                "rabbitmq-plugins enable",
            ],
        ),
        (
            with(&port, &rabbit.tls_port().to_string()),
            [
                "broker",
                "breaks the connection off",
                "amqps:// where it speaks TLS",
            ],
        ),
        (
            tls.replace(&rabbit.tls_port().to_string(), &port),
            ["broker", "does not speak TLS on this port", "write amqp://"],
        ),
        (
            tls.replace(&format!("{own}/"), &format!("{}/", other.path().display())),
            [
                "broker",
                "certificates of two sets are mixed",
                "give the broker a certificate",
            ],
        ),
    ] {
        let diagnosis = examined(&text);
        let mut probes = diagnosis.probes.iter();
        let broker = probes.find(|it| it.probe == wanted[0]).unwrap();
        assert_eq!(broker.state, State::Broken, "{diagnosis:#?}");
        assert!(broker.said.contains(wanted[1]), "{}", broker.said);
        let help = broker.mend.as_deref().unwrap();
        assert!(help.contains(wanted[2]), "{help}");
    }
}

#[test]
fn a_system_that_reads_no_queue_or_another_is_told() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    assert_diagnosed(
        &idle(&rabbit, "unread"),
        [
            "queue sending",
            "a message lies on `/queue/unread` on 127.0.0.1:",
            "let the system read from the queue `/queue/unread`",
        ],
    );
    // Nothing was left behind.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let purged = runtime.block_on(rabbit.broker().purge("/queue/unread"));
    assert_eq!(purged, Ok(0));
}

#[test]
fn a_system_that_takes_a_request_and_finds_no_way_back_is_told() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    let broker = rabbit.broker();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut receiver = broker.receiver("/queue/swallowed").await.unwrap();
            for _ in 0..10 {
                let taken = receiver.take(Duration::from_secs(2)).await;
                if let Ok(Some(taken)) = taken {
                    let _ = receiver.accept(&taken).await;
                }
            }
        });
    });
    assert_diagnosed(
        &idle(&rabbit, "swallowed"),
        [
            "services",
            "a request was taken, and none of our services was asked within 2 s",
            "let it use the `services` that `prepare` tells it",
        ],
    );
}

#[test]
fn a_system_that_is_served_for_another_binding_is_told() {
    let Some(rabbit) = rabbit::shared() else {
        return;
    };
    let text = described("reference", "other", &rabbit, Secured::No);
    let text = text.replace(" --binding mhs-json", "");
    let diagnosis = examined(&text);
    let prepare = said(&diagnosis, "prepare");
    assert!(
        prepare.contains("is served without `--binding mhs-json`"),
        "{prepare}"
    );
}
