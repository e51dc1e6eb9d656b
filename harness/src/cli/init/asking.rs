//! Questions on a terminal, one line each.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};

use gp2gp_mocks::serve::Base;
use gp2gp_model::control::Verb;
use gp2gp_model::plan::Role;

use super::{parse_role, parse_verb};
use crate::sut::template::{Answers, Binding, Control};

/// Who asks.
pub(super) struct Asking<R, W> {
    answers: R,
    questions: W,
}

impl<R: BufRead, W: Write> Asking<R, W> {
    pub(super) const fn new(answers: R, questions: W) -> Self {
        Self { answers, questions }
    }

    /// Asks until all is known. An end of input is an error.
    pub(super) fn answers(&mut self) -> io::Result<Answers> {
        let name = self.ask("Name of the system, for reports", None, not_empty)?;
        let version = self.ask("Its version (empty: none)", Some(""), optional)?;
        let roles = self.ask(
            "What does it play? Some of requesting, sending, exporting, hub",
            Some("sending"),
            roles,
        )?;
        let binding = self.binding()?;
        let certs = self.ask(
            "Folder of certificates for mutual TLS, as `gp2gp init --certs` makes them (empty: plain HTTP)",
            Some(""),
            optional,
        )?;
        let control = self.control(&roles)?;
        let wire = self.wire(&roles, &binding, &control)?;
        let start = self.ask(
            "Shell command that starts it (empty: it is running)",
            Some(""),
            optional,
        )?;
        let ready = match start {
            Some(_) => self.ask(
                "URL that answers when it is ready (empty: none)",
                Some(""),
                optional,
            )?,
            None => None,
        };
        let listen = self.ask(
            "Address of this machine where the harness listens",
            Some("127.0.0.1"),
            not_empty,
        )?;
        let everywhere = listen == "0.0.0.0" || listen == "::";
        let advertise = match everywhere {
            true => Some(self.ask("Host name by which the system reaches it", None, not_empty)?),
            false => None,
        };
        Ok(Answers {
            name,
            version,
            roles,
            binding,
            wire,
            control,
            start,
            ready,
            listen: Some(listen),
            advertise,
            certs: certs.map(Into::into),
        })
    }

    fn binding(&mut self) -> io::Result<Binding> {
        let by_json = self.ask(
            "How do messages travel? spine (ebXML over HTTP) or mhs-json (behind a message handler)",
            Some("spine"),
            |text| match text {
                "spine" => Ok(false),
                "mhs-json" => Ok(true),
                _ => Err("write spine or mhs-json".to_owned()),
            },
        )?;
        if !by_json {
            return Ok(Binding::Spine);
        }
        let broker = self.ask("AMQP 1.0 broker", Some("amqp://127.0.0.1:5672"), not_empty)?;
        let queue = self.ask(
            "Queue from which the system reads",
            Some("inbound"),
            not_empty,
        )?;
        let user = self.ask("User at the broker (empty: none)", Some(""), optional)?;
        let login = match user {
            Some(user) => {
                let variable = self.ask(
                    "Variable of the environment that holds the password",
                    Some("BROKER_PASSWORD"),
                    not_empty,
                )?;
                Some((user, variable))
            }
            None => None,
        };
        Ok(Binding::MhsJson {
            broker,
            queue,
            login,
        })
    }

    fn control(&mut self, roles: &BTreeSet<Role>) -> io::Result<Control> {
        let needs_people = roles.iter().any(|role| *role != Role::Sending);
        let usual = if needs_people { "http" } else { "none" };
        let drivers = ["none", "http", "stdio", "command", "nhs-requesting"];
        let driver = self.ask(
            "Who plays the people? none, http, stdio, command or nhs-requesting",
            Some(usual),
            |text| match drivers.contains(&text) {
                true => Ok(text.to_owned()),
                false => Err(format!("write one of {}", drivers.join(", "))),
            },
        )?;
        let usual_url = Some("http://127.0.0.1:9000");
        Ok(match driver.as_str() {
            "http" => Control::Http(self.ask("URL of its control endpoint", usual_url, base)?),
            "nhs-requesting" => {
                Control::NhsRequesting(self.ask("URL of the facade", usual_url, base)?)
            }
            "stdio" => {
                Control::Stdio(self.ask("Shell command that speaks JSON lines", None, not_empty)?)
            }
            "command" => Control::Command(self.verbs()?),
            _ => Control::None,
        })
    }

    fn verbs(&mut self) -> io::Result<BTreeMap<Verb, String>> {
        let mut verbs = BTreeMap::new();
        loop {
            let enough = !verbs.is_empty();
            let usual = enough.then_some("");
            let next = self.ask(
                "VERB=COMMAND, such as act=curl ... (empty: no more)",
                usual,
                |text| match text {
                    "" if enough => Ok(None),
                    text => parse_verb(text).map(Some),
                },
            )?;
            match next {
                Some((verb, command)) => verbs.insert(verb, command),
                None => return Ok(verbs),
            };
        }
    }

    fn wire(
        &mut self,
        roles: &BTreeSet<Role>,
        binding: &Binding,
        control: &Control,
    ) -> io::Result<BTreeMap<Role, Base>> {
        let told = match control {
            Control::Http(_) | Control::Stdio(_) | Control::Command(_) => true,
            Control::None | Control::NhsRequesting(_) => false,
        };
        let mut wire = BTreeMap::new();
        for role in roles {
            let queued = match binding {
                Binding::Spine => false,
                Binding::MhsJson { .. } => Role::OF_TRANSFERS.contains(role),
            };
            if queued {
                continue;
            }
            let question = format!("URL where the {role} system takes what is sent to it");
            let url = match told {
                true => {
                    let question = format!("{question} (empty: it tells when it is prepared)");
                    self.ask(&question, Some(""), |text| match text {
                        "" => Ok(None),
                        text => base(text).map(Some),
                    })?
                }
                false => Some(self.ask(&question, None, base)?),
            };
            wire.extend(url.map(|url| (*role, url)));
        }
        Ok(wire)
    }

    /// Asks again until the answer makes sense. An empty one is the usual one, if there is one.
    fn ask<T>(
        &mut self,
        question: &str,
        usual: Option<&str>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> io::Result<T> {
        loop {
            match usual.filter(|usual| !usual.is_empty()) {
                Some(usual) => write!(self.questions, "{question} [{usual}]: ")?,
                None => write!(self.questions, "{question}: ")?,
            }
            self.questions.flush()?;
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the answers ended before everything was known",
                ));
            }
            let answer = match (line.trim(), usual) {
                ("", Some(usual)) => usual,
                (answer, _) => answer,
            };
            match parse(answer) {
                Ok(answer) => return Ok(answer),
                Err(complaint) => writeln!(self.questions, "  {complaint}")?,
            }
        }
    }
}

fn not_empty(text: &str) -> Result<String, String> {
    match text.is_empty() {
        true => Err("this has to be known".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Never refuses.
fn optional(text: &str) -> Result<Option<String>, String> {
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn roles(text: &str) -> Result<BTreeSet<Role>, String> {
    let names = text.split([',', ' ']).filter(|name| !name.is_empty());
    let roles: BTreeSet<Role> = names.map(parse_role).collect::<Result<_, _>>()?;
    match roles.is_empty() {
        true => Err("it plays at least one role".to_owned()),
        false => Ok(roles),
    }
}

fn base(text: &str) -> Result<Base, String> {
    text.parse::<Base>()
        .map_err(|error| error.to_string().replace('\n', ": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lines: &str) -> (io::Result<Answers>, String) {
        let mut questions = Vec::new();
        let answers = Asking::new(lines.as_bytes(), &mut questions).answers();
        (answers, String::from_utf8(questions).unwrap())
    }

    #[test]
    fn a_sending_system_is_known_after_a_few_lines() {
        let (answers, questions) = asked("acme\n\n\n\n\n\nhttp://127.0.0.1:9001\n\n\n");
        let answers = answers.unwrap();
        assert_eq!(answers.name, "acme");
        assert_eq!(answers.roles, [Role::Sending].into());
        assert_eq!(answers.control, Control::None);
        let sending = &answers.wire[&Role::Sending];
        assert_eq!(sending.to_string(), "http://127.0.0.1:9001");
        assert_eq!(answers.listen.as_deref(), Some("127.0.0.1"));
        insta::assert_snapshot!(questions.replace("]: ", "]\n").replace("): ", ")\n"));
    }

    #[test]
    fn what_makes_no_sense_is_asked_again() {
        let (answers, questions) = asked(
            "\nacme\n4.2\nsender\nsending, requesting\nspin\nspine\n\nhtp\nhttp\nnowhere\nhttp://127.0.0.1:9000\n\n\n./run\n\n0.0.0.0\n\nharness.example\n",
        );
        let answers = answers.unwrap();
        assert_eq!(answers.roles.len(), 2);
        assert_eq!(answers.advertise.as_deref(), Some("harness.example"));
        assert!(answers.wire.is_empty());
        for complaint in [
            "this has to be known",
            "no role `sender`; there are requesting, sending, exporting, hub",
            "write spine or mhs-json",
            "write one of none, http, stdio, command, nhs-requesting",
            "`nowhere` is not a URL: write scheme, host and port, such as",
        ] {
            assert!(questions.contains(complaint), "{complaint}: {questions}");
        }
    }

    #[test]
    fn a_system_behind_a_message_handler_is_asked_for_its_queue() {
        let (answers, _) =
            asked("acme\n\nrequesting\nmhs-json\n\nq\nme\n\n\ncommand\n\nact=curl x\n\n\n\n");
        let answers = answers.unwrap();
        let login = Some(("me".to_owned(), "BROKER_PASSWORD".to_owned()));
        let expected = Binding::MhsJson {
            broker: "amqp://127.0.0.1:5672".to_owned(),
            queue: "q".to_owned(),
            login,
        };
        assert_eq!(answers.binding, expected);
        let verbs = BTreeMap::from([(Verb::Act, "curl x".to_owned())]);
        assert_eq!(answers.control, Control::Command(verbs));
    }

    #[test]
    fn answers_that_end_too_early_are_an_error() {
        let (answers, _) = asked("acme\n");
        assert_eq!(
            answers.unwrap_err().to_string(),
            "the answers ended before everything was known"
        );
    }
}
