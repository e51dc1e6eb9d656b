//! Systems with a control endpoint.

use gp2gp_model::control::{Command, Setting};

use super::*;

/// A control endpoint that answers these verbs so, and every other as it should be.
async fn control(answers: &'static [(&'static str, u16, &'static str)]) -> Server {
    let usual = [
        ("/health", 200, r#"{"ready": true}"#),
        (
            "/capabilities",
            200,
            r#"{"contract": "gp2gp-control/1", "name": "acme", "roles": ["sending"],
                "verbs": ["capabilities", "health", "prepare", "act", "notices", "reset"]}"#,
        ),
        ("/prepare", 200, "{}"),
        ("/act", 200, r#"{"status": "done"}"#),
        ("/notices", 200, r#"{"notices": []}"#),
        ("/reset", 200, "{}"),
    ];
    system(Security::Plain, move |request| {
        let mut known = answers.iter().chain(&usual);
        match known.find(|(path, ..)| *path == request.path || *path == "*") {
            Some((_, status, body)) => response(*status, "application/json", *body),
            None => response(501, "application/json", r#"{"error": "not-supported"}"#),
        }
    })
    .await
}

/// What doctor says of a sending system that is all well on the wire, and has this control.
async fn controlled(control: SocketAddr, lines: &str) -> Diagnosis {
    let server = system(Security::Plain, acknowledged).await;
    let page = format!(
        "{}[control]\ndriver = \"http\"\nurl = \"http://{control}\"\n{lines}",
        plain(&server)
    );
    Desk::new().examined(&page).await
}

#[tokio::test]
async fn a_control_endpoint_that_keeps_its_word_is_all_well() {
    let server = control(&[]).await;
    let diagnosis = controlled(server.addr(), "").await;
    assert!(!diagnosis.is_broken(), "{diagnosis:#?}");
    let said = |name: &str| {
        let mut probes = diagnosis.probes.iter();
        probes
            .find(|probed| probed.probe == name)
            .unwrap()
            .said
            .clone()
    };
    assert_eq!(said("capabilities"), "control level L1, 6 verbs");
    assert_eq!(
        said("prepare"),
        "it lets itself be made the sending practice"
    );
    assert_eq!(said("verbs"), "it keeps its word about notices, reset");
}

#[tokio::test]
async fn what_control_does_wrong_is_told_with_its_mend() {
    type Case = (
        &'static [(&'static str, u16, &'static str)],
        [&'static str; 3],
    );
    let cases: [Case; 10] = [
        (
            &[("*", 401, "no")],
            ["health", "status 401 with `no`", "token = { env"],
        ),
        (
            &[("*", 200, "<html>")],
            [
                "health",
                "not what the contract says",
                "something else may listen there: correct `url` of [control]",
            ],
        ),
        (
            &[("/health", 200, r#"{"ready": false, "why": "migrating"}"#)],
            [
                "health",
                "it says that it is not ready: migrating",
                "`ready` of [environment]",
            ],
        ),
        (
            &[("/health", 500, r#"{"error": "failed", "why": "no disk"}"#)],
            ["health", "failed: no disk", "look into its log"],
        ),
        (
            &[(
                "/capabilities",
                200,
                r#"{"contract": "gp2gp-control/0", "name": "a", "roles": [], "verbs": []}"#,
            )],
            [
                "capabilities",
                "it speaks the contract `gp2gp-control/0`",
                "bring it up to date",
            ],
        ),
        (
            &[(
                "/capabilities",
                200,
                r#"{"contract": "gp2gp-control/1", "name": "a", "roles": ["requesting"], "verbs": []}"#,
            )],
            [
                "capabilities",
                "it is to be attached as sending, and says that it is not",
                "take \"sending\" out of `roles`",
            ],
        ),
        (
            &[(
                "/capabilities",
                200,
                r#"{"contract": "gp2gp-control/1", "name": "a", "roles": ["sending"], "verbs": ["frobnicate"]}"#,
            )],
            [
                "capabilities",
                "unknown variant `frobnicate`",
                "docs/control.md",
            ],
        ),
        (
            &[(
                "/prepare",
                500,
                r#"{"error": "failed", "why": "no such practice"}"#,
            )],
            ["prepare", "failed: no such practice", "its log says why"],
        ),
        (
            &[("/notices", 501, r#"{"error": "not-supported"}"#)],
            [
                "verbs",
                "it claims `notices`, and the system refused `notices`: not supported",
                "take the verb out of `verbs`",
            ],
        ),
        (
            &[("/notices", 200, r#"{"notices": [7]}"#)],
            [
                "verbs",
                "it claims `notices`, and the answer to `notices` is not what the contract says",
                "docs/control.md",
            ],
        ),
    ];
    for (answers, [probe, said, mend]) in cases {
        let server = control(answers).await;
        let diagnosis = controlled(server.addr(), "").await;
        let of_this_probe = Diagnosis {
            probes: (diagnosis.probes.iter())
                .filter(|probed| probed.probe == probe)
                .cloned()
                .collect(),
        };
        assert_broken(&of_this_probe, probe, said, mend);
    }
}

#[tokio::test]
async fn a_control_endpoint_that_is_down_is_to_be_started() {
    let diagnosis = controlled(closed(), "").await;
    assert_broken(
        &diagnosis,
        "health",
        "nobody listens at 127.0.0.1:",
        "start its control endpoint, or correct `url` of [control]",
    );
}

#[tokio::test]
async fn a_system_that_accepts_every_verb_is_found_out() {
    let server = system(Security::Plain, |request: &HttpRequest| {
        let body = match request.path.as_str() {
            "/capabilities" => r#"{"contract": "gp2gp-control/1", "name": "a", "roles": ["sending"], "verbs": ["health"]}"#,
            "/health" => r#"{"ready": true}"#,
            _ => "{}",
        };
        response(200, "application/json", body)
    })
    .await;
    let diagnosis = controlled(server.addr(), "").await;
    assert_broken(&diagnosis, "unknown verb", "a verb of no meaning", "501");
}

/// What doctor says of a requesting system that finds our services by this when it registers somebody.
async fn requesting(
    desk: &Desk,
    lines: &str,
    asks: impl Fn(Setting) + Send + Sync + 'static,
) -> Diagnosis {
    let takes = system(Security::Plain, acknowledged).await;
    let addresses = format!(
        r#"{{"addresses": {{"requesting": "http://{}"}}}}"#,
        takes.addr()
    );
    let asks = std::sync::Arc::new(asks);
    let prepared = std::sync::Mutex::new(None);
    let server = system(Security::Plain, move |request: &HttpRequest| {
        let verb = request.path.trim_start_matches('/');
        let body = match Command::read(verb, &request.body) {
            Ok(Command::Capabilities) => {
                r#"{"contract": "gp2gp-control/1", "name": "a", "roles": ["requesting"], "verbs": ["prepare", "act", "reset"]}"#
            }
            Ok(Command::Health) => r#"{"ready": true}"#,
            Ok(Command::Prepare(setting)) => {
                *prepared.lock().unwrap() = Some(*setting);
                addresses.as_str()
            }
            Ok(Command::Act(_)) => {
                let (asks, setting) = (asks.clone(), prepared.lock().unwrap().clone().unwrap());
                std::thread::spawn(move || asks(setting));
                r#"{"status": "done"}"#
            }
            Ok(_) => "{}",
            Err(_) => return response(501, "application/json", r#"{"error": "not-supported"}"#),
        };
        response(200, "application/json", body.to_owned())
    })
    .await;
    let text = format!(
        "[sut]\nname = \"acme\"\nroles = [\"requesting\"]\n[environment]\nanswer_within = \"1s\"\n{lines}[control]\ndriver = \"http\"\nurl = \"http://{}\"\n",
        server.addr()
    );
    let config = Config::parse("sut.toml", desk.0.path(), &text, []);
    let config = config.unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
    examine(&config, &desk.0.path().join("log")).await
}

/// Connects to a service and writes this.
fn say(setting: &Setting, service: &str, words: &[u8]) {
    let base: gp2gp_mocks::serve::Base = setting.systems[0].services[service].parse().unwrap();
    let mut stream = std::net::TcpStream::connect((base.host(), base.port())).unwrap();
    stream.write_all(words).unwrap();
    let _ = stream.read(&mut [0; 100]);
}

const ASKS: &[u8] = b"GET /Device HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_requesting_system_that_finds_our_directory_is_all_well() {
    let desk = Desk::new();
    let asks = |setting: Setting| say(&setting, "sds", ASKS);
    let diagnosis = requesting(&desk, "", asks).await;
    assert!(!diagnosis.is_broken(), "{diagnosis:#?}");
    let seen = "it finds us at 127.0.0.1: it asked sds first";
    let said = |said: &str| diagnosis.probes.iter().any(|probed| probed.said == said);
    assert!(said(seen), "{diagnosis:#?}");
    let answer = "200 with an ebXML acknowledgment";
    assert!(said(answer), "the address of its answer: {diagnosis:#?}");
}

#[tokio::test]
async fn a_requesting_system_that_asks_nobody_is_told_where_to_look() {
    let diagnosis = requesting(&Desk::new(), "", |_| ()).await;
    assert_broken(
        &diagnosis,
        "services",
        "none of our services was asked within 1 s",
        "whether it can resolve and reach `127.0.0.1`",
    );
}

#[tokio::test]
async fn a_requesting_system_that_asks_in_the_clear_behind_tls_is_seen() {
    let desk = Desk::new().certs("certs", crate::sut::wall::now());
    let asks = |setting: Setting| say(&setting, "pds", ASKS);
    let diagnosis = requesting(&desk, &tls("certs"), asks).await;
    assert_broken(
        &diagnosis,
        "services",
        "was not let in: a request in the clear came to a port that speaks TLS",
        "they begin with https://",
    );
}

#[tokio::test]
async fn a_system_that_nobody_can_reach_is_to_say_where_it_is() {
    for (answer, probe, said, mend) in [
        (
            "{}",
            "wire sending",
            "nobody says where the sending system takes what is sent to it",
            "[environment.wire]",
        ),
        (
            r#"{"addresses": {"sending": "here"}}"#,
            "prepare",
            "the address of sending in its answer is none: `here` is not a URL",
            "correct `addresses`",
        ),
    ] {
        let answers: &'static [_] = Box::leak(Box::new([("/prepare", 200, answer)]));
        let server = control(answers).await;
        let lines = format!(
            "[control]\ndriver = \"http\"\nurl = \"http://{}\"\n",
            server.addr()
        );
        let diagnosis = Desk::new().examined(&lines).await;
        assert_broken(&diagnosis, probe, said, mend);
    }
}

#[tokio::test]
async fn a_shell_command_that_is_not_there_is_named() {
    let server = system(Security::Plain, acknowledged).await;
    let control = "[control]\ndriver = \"command\"\nverbs = { health = \"./no-such-script\" }\n";
    let diagnosis = Desk::new().examined(&(plain(&server) + control)).await;
    assert_broken(
        &diagnosis,
        "health",
        "no-such-script",
        "the command in [control.verbs]",
    );
}
