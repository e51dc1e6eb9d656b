use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::*;

const WHOLE: &str = r#"
[sut]
name = "acme-clinical"
version = "4.2"
roles = ["sending", "requesting"]
capabilities = ["large-messaging"]

[[sut.exempt]]
requirement = "SND-40"
reason = "agreed with the assurance team, 2026-03"

[suite]
scenarios = ["transfer", "mine/first.toml"]
profile = "field"
seed = 7
heavy = true
baseline = "known-failures.toml"

[environment]
binding = "mhs-json"
listen = "0.0.0.0"
advertise = "harness.example"
start = "python3 sut.py"
stop = "pkill sut.py"
log = "sut.log"
ready = "http://127.0.0.1:9000/health"
ready_within = "1m30s"
answer_within = "10s"
quiet = "500ms"
budget = "5m"
time = "compressed"
rate = 50

[environment.wire]
requesting = "https://gp.example/requesting"
sending = "https://gp.example/sending"

[environment.ports.sending]
spine = 4430
clearing-house = 4431

[environment.ports.requesting]
spine = 4432

[environment.identity.sending]
ods = "B83002"
asid = "200000000205"
party_key = "B83002-823002"

[environment.tls]
ca = "certs/ca.pem"
cert = "certs/harness.pem"
key = "/etc/harness.key"

[environment.broker]
url = "amqp://broker.example"
queue = "inbound"
user = "gp2gp"
password = { env = "BROKER_PASSWORD" }

[control]
driver = "http"
url = "http://127.0.0.1:9000"
token = { file = "token.txt" }
"#;

const SMALL: &str = r#"
[sut]
name = "acme"
roles = ["sending"]
[environment]
wire = { sending = "http://127.0.0.1:9001" }
"#;

fn parsed(text: &str) -> Config {
    with(text, &[]).unwrap()
}

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables.iter();
    let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse("sut.toml", Path::new("/etc/acme"), text, variables)
}

/// As people see it.
fn complaint(text: &str, variables: &[(&str, &str)]) -> String {
    let error = with(text, variables).unwrap_err();
    let mut shown = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut shown, &error)
        .unwrap();
    shown
}

#[test]
fn every_key_comes_to_something() {
    let config = parsed(WHOLE);
    insta::assert_debug_snapshot!(config);
}

#[test]
fn a_sending_system_needs_four_lines() {
    let config = parsed(SMALL);
    assert_eq!(config.control, Control::None);
    assert_eq!(config.environment.binding, Binding::Spine);
    assert_eq!(config.environment.advertise, "127.0.0.1");
    assert_eq!(config.environment.time, TimeChoice::Auto);
    assert_eq!(config.environment.budget, Duration::from_secs(60));
    assert_eq!(config.system.capabilities, None);
    assert_eq!(config.suite.profile, Profile::Strict);
}

#[test]
fn a_port_that_is_fixed_for_the_only_role_is_that_of_its_door() {
    let config = parsed(&format!("{SMALL}ports = {{ sds = 8080 }}\n"));
    let port = |service| {
        let port = config.environment.ports.of(Role::Sending, service);
        port.map(NonZeroU16::get)
    };
    assert_eq!((port(Service::Sds), port(Service::Pds)), (Some(8080), None));
}

#[test]
fn the_environment_stands_above_the_file() {
    let config = with(
        SMALL,
        &[
            ("GP2GP_SUT__SUT__VERSION", "4.2"),
            ("GP2GP_SUT__SUITE__SEED", "12"),
            ("GP2GP_SUT__SUITE__HEAVY", "true"),
            ("GP2GP_SUT__SUITE__SCENARIOS", "[\"transfer\", \"ack\"]"),
            ("GP2GP_SUT__ENVIRONMENT__QUIET", "5s"),
            ("GP2GP_SUT__ENVIRONMENT__PORTS__SDS", "8080"),
            (
                "GP2GP_SUT__ENVIRONMENT__WIRE__SENDING",
                "http://gp.example:81",
            ),
            ("GP2GP_OTHER", "nobody's business"),
        ],
    )
    .unwrap();
    assert_eq!(config.system.version.as_deref(), Some("4.2"));
    assert_eq!((config.suite.seed, config.suite.heavy), (Some(12), true));
    assert_eq!(config.suite.scenarios, ["transfer", "ack"]);
    assert_eq!(config.environment.quiet, Duration::from_secs(5));
    let port = config.environment.ports.of(Role::Sending, Service::Sds);
    assert_eq!(port.map(NonZeroU16::get), Some(8080));
    let sending = &config.environment.wire[&Role::Sending];
    assert_eq!(sending.to_string(), "http://gp.example:81");
}

#[test]
fn what_is_wrong_in_the_environment_is_shown_with_its_variable() {
    let mut shown = String::new();
    for (name, value) in [
        ("GP2GP_SUT__ENVIRONMENT__LISTN", "::1"),
        ("GP2GP_SUT__ENVIRONMENT__QUIET", "soon"),
        ("GP2GP_SUT__SUITE__SEED", "twelve"),
        ("GP2GP_SUT__SUITE__SEED", "-12"),
        ("GP2GP_SUT__SUT__NAME__FIRST", "x"),
        ("GP2GP_SUT__CONTROL__TOKEN", "hunter2"),
    ] {
        let text = format!("{SMALL}[control]\ndriver = \"none\"\n");
        let _ = writeln!(
            shown,
            "{name}={value}\n{}",
            complaint(&text, &[(name, value)])
        );
    }
    insta::assert_snapshot!(shown);
}

/// `SMALL`, with this instead of that.
fn changed(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    SMALL.replace(from, to)
}

#[test]
fn what_is_written_wrong_is_refused_with_its_line() {
    const WIRE: &str = "wire = { sending = \"http://127.0.0.1:9001\" }";
    let after = |lines: &str| format!("{SMALL}{lines}\n");
    let wire = |url: &str| changed("http://127.0.0.1:9001", url);
    let cases = [
        ("not toml", changed("[sut]", "[sut")),
        ("an unknown table", after("[enviroment]")),
        ("an unknown key", changed("roles", "role")),
        ("a key is missing", changed("name = \"acme\"", "")),
        ("a table is missing", "[sut]\nname = \"a\"\nroles = [\"sending\"]\n".to_owned()),
        ("no name", changed("acme", " ")),
        ("no role", changed("\"sending\"", "")),
        ("an unknown role", changed("[\"sending\"]", "[\"sender\"]")),
        ("an unknown capability", changed("[environment]", "capabilities = [\"large-mesaging\"]\n[environment]")),
        ("no requirement id", after("[[sut.exempt]]\nrequirement = \"SND 40\"\nreason = \"x\"")),
        ("no reason", after("[[sut.exempt]]\nrequirement = \"SND-40\"\nreason = \"\"")),
        ("the reason is missing", after("[[sut.exempt]]\nrequirement = \"SND-40\"")),
        ("exempt twice", after("[[sut.exempt]]\nrequirement = \"SND-40\"\nreason = \"x\"\n[[sut.exempt]]\nrequirement = \"SND-40\"\nreason = \"y\"")),
        ("an unknown profile", after("[suite]\nprofile = \"strikt\"")),
        ("an unknown binding", after("binding = \"spin\"")),
        ("listening on a name", after("listen = \"localhost\"")),
        ("listening everywhere without a name", after("listen = \"0.0.0.0\"")),
        ("a URL to advertise", after("advertise = \"http://gp.example\"")),
        ("a host and port to advertise", after("advertise = \"gp.example:80\"")),
        ("stop without start", after("stop = \"kill\"")),
        ("log without start", after("log = \"x\"")),
        ("an empty start", after("start = \"\"")),
        ("ready is no URL", after("ready = \"ftp://x\"")),
        ("ready is no port", after("ready = \"tcp://127.0.0.1\"")),
        ("no length of time", after("quiet = \"2 seconds\"")),
        ("a number as length of time", after("quiet = 2")),
        ("no time at all", after("answer_within = \"0s\"")),
        ("an unknown way of time", after("time = \"fast\"")),
        ("a rate without compression", after("rate = 10")),
        ("a rate that compresses nothing", after("time = \"compressed\"\nrate = 1")),
        ("a wire address that is no URL", wire("127.0.0.1:9001")),
        ("https without certificates", wire("https://127.0.0.1:9001")),
        ("a wire address for nobody", changed("sending = \"http", "requesting = \"http")),
        ("no wire address", changed(WIRE, "")),
        ("a password in a URL", wire("http://alice:hunter2@127.0.0.1")),
        ("no port", after("ports = { spine = 70000 }")),
        ("a port twice", after("ports = { spine = 80, sds = 80 }")),
        ("an unknown service", after("ports = { sdss = 80 }")),
        ("a port for two", changed("[\"sending\"]", "[\"sending\", \"requesting\"]").replace(WIRE, "ports = { spine = 80 }\nwire = { sending = \"http://a\", requesting = \"http://b\" }")),
        ("ports for nobody", after("ports = { requesting = { spine = 80 } }")),
        ("half an identity", after("identity = { sending = { ods = \"B83002\" } }")),
        ("no ASID", after("identity = { sending = { ods = \"B83002\", asid = \"\", party_key = \"x\" } }")),
        ("half of TLS", after("tls = { ca = \"ca.pem\" }")),
        ("a broker for Spine", after("broker = { url = \"amqp://x\", queue = \"q\" }")),
        ("no broker", after("binding = \"mhs-json\"")),
        ("a broker of HTTP", after("binding = \"mhs-json\"\nbroker = { url = \"http://x\", queue = \"q\" }")),
        ("a broker with its password", after("binding = \"mhs-json\"\nbroker = { url = \"amqp://u:hunter2@x\", queue = \"q\" }")),
        ("a broker without host", after("binding = \"mhs-json\"\nbroker = { url = \"amqp://\", queue = \"q\" }")),
        ("a broker without queue", after("binding = \"mhs-json\"\nbroker = { url = \"amqp://x\", queue = \"\" }")),
        ("a user without password", after("binding = \"mhs-json\"\nbroker = { url = \"amqp://x\", queue = \"q\", user = \"u\" }")),
        ("a password without user", after("binding = \"mhs-json\"\nbroker = { url = \"amqp://x\", queue = \"q\", password = { env = \"X\" } }")),
        ("a password in the file", after("binding = \"mhs-json\"\nbroker = { url = \"amqp://x\", queue = \"q\", user = \"u\", password = \"hunter2\" }")),
        ("a secret in two places", after("[control]\ndriver = \"http\"\nurl = \"http://x\"\ntoken = { env = \"X\", file = \"y\" }")),
        ("an unknown place of a secret", after("[control]\ndriver = \"http\"\nurl = \"http://x\"\ntoken = { vault = \"X\" }")),
        ("an unknown driver", after("[control]\ndriver = \"htpp\"")),
        ("http without URL", after("[control]\ndriver = \"http\"")),
        ("stdio without command", after("[control]\ndriver = \"stdio\"")),
        ("command without verbs", after("[control]\ndriver = \"command\"")),
        ("an unknown verb", after("[control]\ndriver = \"command\"\nverbs = { rest = \"x\" }")),
        ("a key of another driver", after("[control]\ndriver = \"stdio\"\ncommand = \"x\"\nurl = \"http://x\"")),
    ];
    let mut shown = String::new();
    for (what, text) in cases {
        let _ = writeln!(shown, "## {what}\n{}", complaint(&text, &[]));
    }
    assert!(!shown.contains("hunter2"), "a secret was shown");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_secret_is_had_from_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    fs::write(&path, "hunter2\n").unwrap();
    assert_eq!(Secret::File(path.clone()).reveal().unwrap(), "hunter2");
    fs::write(&path, "\n").unwrap();
    let empty = Secret::File(path.clone()).reveal().unwrap_err();
    assert_eq!(
        empty.to_string(),
        format!("the file {} is empty", path.display())
    );
    let unset = Secret::Env("GP2GP_NO_SUCH_VARIABLE".to_owned()).reveal();
    assert_eq!(
        unset.unwrap_err().to_string(),
        "the variable GP2GP_NO_SUCH_VARIABLE is not set"
    );
}

#[test]
fn a_file_that_is_not_there_leads_to_init() {
    let error = Config::load(Path::new("no/such/sut.toml"), []).unwrap_err();
    let report = miette::Report::new(error);
    assert!(
        report
            .to_string()
            .starts_with("cannot read no/such/sut.toml: ")
    );
    assert_eq!(
        report.help().unwrap().to_string(),
        "`gp2gp init` writes one"
    );
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_code_and_takes_a_whole_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sut.schema.json");
    let text = fs::read_to_string(path).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(
        kept == schema(),
        "write it anew: gp2gp schema --sut > docs/sut.schema.json"
    );
    let validator = jsonschema::validator_for(&kept).unwrap();
    let takes = |text: &str| {
        let table: toml::Table = text.parse().unwrap();
        validator.is_valid(&serde_json::to_value(table).unwrap())
    };
    assert!(takes(WHOLE) && takes(SMALL));
    for wrong in [
        changed("name", "nam"),
        changed("sending\"]", "sender\"]"),
        format!("{SMALL}quiet = \"soon\"\n"),
        format!("{SMALL}[control]\ndriver = \"http\"\ntoken = \"x\"\n"),
    ] {
        assert!(!takes(&wrong), "{wrong}");
    }
}
