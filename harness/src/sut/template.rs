//! The first `sut.toml` of a system: what its people answered, and in comments what else there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use gp2gp_mocks::serve::Base;
use gp2gp_model::control::Verb;
use gp2gp_model::plan::Role;

/// What is known of a system when its file is first written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Its name in reports.
    pub name: String,
    /// Its version in reports.
    pub version: Option<String>,
    /// What it plays.
    pub roles: BTreeSet<Role>,
    /// How messages travel.
    pub binding: Binding,
    /// Where it takes what is sent to it.
    pub wire: BTreeMap<Role, Base>,
    /// Who plays the people.
    pub control: Control,
    /// The shell command that starts it.
    pub start: Option<String>,
    /// What tells that it is ready.
    pub ready: Option<String>,
    /// The address on which our services listen.
    pub listen: Option<String>,
    /// By which name it reaches us.
    pub advertise: Option<String>,
    /// Folder of `ca.pem`, `harness.pem` and `harness.key`.
    pub certs: Option<PathBuf>,
}

/// How messages travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// ebXML over HTTP.
    Spine,
    /// The JSON form behind a message handler.
    MhsJson {
        /// `amqp://...`.
        broker: String,
        /// The queue.
        queue: String,
        /// A user, and the variable that holds the password.
        login: Option<(String, String)>,
    },
}

/// Who plays the people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Nobody.
    None,
    /// HTTP.
    Http(Base),
    /// JSON lines of a shell command.
    Stdio(String),
    /// A shell command for each verb.
    Command(BTreeMap<Verb, String>),
    /// The facade of the national adaptor.
    NhsRequesting(Base),
}

impl Answers {
    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let mut page = Page(String::new());
        page.say("# How gp2gp finds and drives this system. `gp2gp doctor --sut FILE` tells whether all of it holds;");
        page.say("# `gp2gp schema --sut` prints the schema of this file for editors.");
        page.say("# Every value can be overridden: GP2GP_SUT__ENVIRONMENT__LISTEN=0.0.0.0");
        self.write_sut(&mut page);
        write_suite(&mut page);
        self.write_environment(&mut page);
        self.write_control(&mut page);
        page.0
    }

    fn write_sut(&self, page: &mut Page) {
        page.table("sut");
        page.key("name", &self.name);
        match &self.version {
            Some(version) => page.key("version", version),
            None => page.say("# version = \"1.0\""),
        }
        let roles: Vec<&str> = self.roles.iter().map(|role| role.name()).collect();
        page.list("roles", &roles);
        page.say(
            "# What it claims to be able to do; scenarios that need something else do not apply.",
        );
        page.say("# capabilities = [\"large-messaging\", \"redactions\", \"returning-patients\"]");
        page.say("# A requirement that is not asked of it, with the reason for the report:");
        page.say("# [[sut.exempt]]");
        page.say("# requirement = \"SND-40\"");
        page.say("# reason = \"agreed with the assurance team\"");
    }

    fn write_environment(&self, page: &mut Page) {
        page.table("environment");
        page.key(
            "binding",
            match self.binding {
                Binding::Spine => "spine",
                Binding::MhsJson { .. } => "mhs-json",
            },
        );
        page.say("# Where the services of the harness listen, and the host name by which the system reaches them.");
        page.or_else("listen", self.listen.as_deref(), "127.0.0.1");
        page.or_else("advertise", self.advertise.as_deref(), "harness.example");
        page.say("# A shell command that starts the system and runs for as long as it does; its output goes to a log.");
        page.or_else("start", self.start.as_deref(), "./my-system --port 9000");
        page.say("# What answers when it is ready: http, https or tcp.");
        page.or_else(
            "ready",
            self.ready.as_deref(),
            "http://127.0.0.1:9000/health",
        );
        page.say("# ready_within = \"30s\"");
        page.say("# How long an answer may take; so long without traffic and a run is over; longest run.");
        page.say("# answer_within = \"20s\"");
        page.say("# quiet = \"2s\"");
        page.say("# budget = \"60s\"");
        page.say("# auto: by the system's clock if control has the verb `clock`, else by the wall clock.");
        page.say("# time = \"auto\"");
        page.say("# Ports of the harness's services, where a firewall or a configuration wants fixed ones:");
        page.say("# [environment.ports.sending]");
        page.say("# spine = 4430");
        self.write_wire(page);
        self.write_tls(page);
        self.write_broker(page);
    }

    fn write_wire(&self, page: &mut Page) {
        if self.wire.is_empty() {
            return;
        }
        page.say("\n# Where the system takes what is sent to it.");
        page.say("[environment.wire]");
        for (role, base) in &self.wire {
            page.key(role.name(), &base.to_string());
        }
    }

    fn write_tls(&self, page: &mut Page) {
        let Some(folder) = &self.certs else { return };
        page.say("\n# Mutual TLS: whom the harness trusts, and what it shows. Without this table all is plain HTTP.");
        page.say("[environment.tls]");
        for (key, file) in [
            ("ca", "ca.pem"),
            ("cert", "harness.pem"),
            ("key", "harness.key"),
        ] {
            page.key(key, &folder.join(file).to_string_lossy());
        }
    }

    fn write_broker(&self, page: &mut Page) {
        let Binding::MhsJson {
            broker,
            queue,
            login,
        } = &self.binding
        else {
            return;
        };
        page.say("\n# The queue from which the system reads what arrived.");
        page.say("[environment.broker]");
        page.key("url", broker);
        page.key("queue", queue);
        match login {
            Some((user, variable)) => {
                page.key("user", user);
                page.say(&format!("password = {{ env = {} }}", quoted(variable)));
            }
            None => {
                page.say("# user = \"gp2gp\"");
                page.say("# password = { env = \"BROKER_PASSWORD\" }");
            }
        }
    }

    fn write_control(&self, page: &mut Page) {
        page.say("\n# Who plays the people: registers patients, files records. A sending system needs nobody.");
        page.say("[control]");
        match &self.control {
            Control::None => page.key("driver", "none"),
            Control::Http(url) => {
                page.key("driver", "http");
                page.key("url", &url.to_string());
                page.say("# token = { env = \"CONTROL_TOKEN\" }");
            }
            Control::Stdio(command) => {
                page.key("driver", "stdio");
                page.key("command", command);
            }
            Control::NhsRequesting(url) => {
                page.key("driver", "nhs-requesting");
                page.key("url", &url.to_string());
            }
            Control::Command(verbs) => {
                page.key("driver", "command");
                page.say("\n[control.verbs]");
                for (verb, command) in verbs {
                    page.key(verb.name(), command);
                }
            }
        }
    }
}

fn write_suite(page: &mut Page) {
    page.table("suite");
    page.say("# Scenarios, families or files; everything without this.");
    page.say("# scenarios = [\"transfer\"]");
    page.say("# Failures that are borne for now, with reason and owner; `gp2gp baseline update` makes the file.");
    page.say("# baseline = \"known-failures.toml\"");
    page.say("# strict: the specification. field: what deployed systems do.");
    page.say("profile = \"strict\"");
}

struct Page(String);

impl Page {
    fn say(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn table(&mut self, name: &str) {
        let _ = writeln!(self.0, "\n[{name}]");
    }

    fn key(&mut self, key: &str, text: &str) {
        let _ = writeln!(self.0, "{key} = {}", quoted(text));
    }

    /// The answer, or in a comment how one looks.
    fn or_else(&mut self, key: &str, text: Option<&str>, example: &str) {
        match text {
            Some(text) => self.key(key, text),
            None => {
                let _ = writeln!(self.0, "# {key} = {}", quoted(example));
            }
        }
    }

    fn list(&mut self, key: &str, texts: &[&str]) {
        let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        let _ = writeln!(self.0, "{key} = [{}]", quoted.join(", "));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::sut::config::{self, Config};

    fn base(text: &str) -> Base {
        text.parse().unwrap()
    }

    fn sending() -> Answers {
        Answers {
            name: "acme".to_owned(),
            version: None,
            roles: [Role::Sending].into(),
            binding: Binding::Spine,
            wire: [(Role::Sending, base("http://127.0.0.1:9001"))].into(),
            control: Control::None,
            start: None,
            ready: None,
            listen: None,
            advertise: None,
            certs: None,
        }
    }

    fn parsed(answers: &Answers) -> Config {
        let text = answers.to_toml();
        let parsed = Config::parse("sut.toml", Path::new(""), &text, []);
        parsed.unwrap_or_else(|error| panic!("{:?}\n{text}", miette::Report::new(error)))
    }

    #[test]
    fn the_least_is_a_file_that_parses() {
        let config = parsed(&sending());
        assert_eq!(config.system.name, "acme");
        assert_eq!(config.control, config::Control::None);
        insta::assert_snapshot!(sending().to_toml());
    }

    #[test]
    fn what_stands_in_comments_parses_too() {
        let answers = Answers {
            advertise: Some("here".to_owned()),
            start: Some("run".to_owned()),
            ..sending()
        };
        let text = answers.to_toml();
        let uncommented: String = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(line) if line.contains(" = ") || line.starts_with('[') => format!("{line}\n"),
                Some(_) | None => format!("{line}\n"),
            })
            .collect();
        let parsed = Config::parse("sut.toml", Path::new(""), &uncommented, []);
        let config = parsed.unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
        assert_eq!(config.system.exempt.len(), 1);
        assert_eq!(config.suite.scenarios, ["transfer"]);
    }

    #[test]
    fn everything_that_was_asked_is_in_the_file() {
        let answers = Answers {
            version: Some("4.2".to_owned()),
            roles: [Role::Sending, Role::Requesting].into(),
            wire: [
                (Role::Sending, base("https://gp.example/s")),
                (Role::Requesting, base("https://gp.example/r")),
            ]
            .into(),
            control: Control::Http(base("http://gp.example:9000")),
            start: Some("python3 \"my sut.py\"".to_owned()),
            ready: Some("tcp://127.0.0.1:9000".to_owned()),
            listen: Some("0.0.0.0".to_owned()),
            advertise: Some("harness.example".to_owned()),
            certs: Some("certs".into()),
            ..sending()
        };
        let config = parsed(&answers);
        assert_eq!(config.system.version, answers.version);
        assert_eq!(config.system.roles, answers.roles);
        let environment = config.environment;
        assert_eq!(environment.wire, answers.wire);
        assert_eq!(
            environment.process.map(|process| process.start),
            answers.start
        );
        assert_eq!(environment.listen.to_string(), "0.0.0.0");
        assert_eq!(environment.advertise, "harness.example");
        let tls = environment.tls.unwrap();
        assert_eq!(tls.ca, Path::new("certs/ca.pem"));
        assert_eq!(tls.cert, Path::new("certs/harness.pem"));
        assert_eq!(tls.key, Path::new("certs/harness.key"));
        let url = base("http://gp.example:9000");
        assert_eq!(config.control, config::Control::Http { url, token: None });
    }

    #[test]
    fn every_driver_and_the_broker_find_their_keys() {
        let verbs = BTreeMap::from([(Verb::Act, "curl x".to_owned())]);
        let url = base("http://gp.example");
        for (control, expected) in [
            (
                Control::Stdio("run me".to_owned()),
                config::Control::Stdio {
                    command: "run me".to_owned(),
                },
            ),
            (
                Control::NhsRequesting(url.clone()),
                config::Control::NhsRequesting { url, token: None },
            ),
            (
                Control::Command(verbs.clone()),
                config::Control::Command { verbs },
            ),
        ] {
            let answers = Answers {
                control,
                binding: Binding::MhsJson {
                    broker: "amqp://127.0.0.1".to_owned(),
                    queue: "inbound".to_owned(),
                    login: Some(("me".to_owned(), "PASSWORD".to_owned())),
                },
                ..sending()
            };
            let config = parsed(&answers);
            assert_eq!(config.control, expected);
            let config::Binding::MhsJson(broker) = config.environment.binding else {
                panic!("no broker");
            };
            assert_eq!(broker.queue, "inbound");
            let login = broker.login.unwrap();
            assert_eq!(login.password, config::Secret::Env("PASSWORD".to_owned()));
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_the_file(name in "\\PC*[a-z]", start in "(?s).*[a-z]") {
            let answers = Answers {
                name: name.clone(),
                start: Some(start.clone()),
                ..sending()
            };
            let config = parsed(&answers);
            prop_assert_eq!(config.system.name, name.trim());
            prop_assert_eq!(config.environment.process.unwrap().start, start.trim());
        }
    }
}
