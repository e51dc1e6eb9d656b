//! `gp2gp init`.

mod asking;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use gp2gp_mocks::serve::Base;
use gp2gp_model::control::Verb;
use gp2gp_model::plan::Role;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use serde::Serialize;

use super::output::Output;
use crate::score::CONFORMS;
use crate::sut::certs::{Certificates, FILES};
use crate::sut::config::Config;
use crate::sut::template::{Answers, Binding, Control};
use crate::sut::wall;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to write.
    #[arg(value_name = "FILE", default_value = "sut.toml")]
    file: PathBuf,
    /// Name of the system in reports. Without this, and on a terminal, everything is asked.
    #[arg(long)]
    name: Option<String>,
    /// Version of the system in reports.
    #[arg(long, value_name = "VERSION", requires = "name")]
    sut_version: Option<String>,
    /// What the system plays: requesting, sending, exporting, hub.
    #[arg(long, value_delimiter = ',', value_parser = parse_role, requires = "name")]
    roles: Vec<Role>,
    /// How messages travel.
    #[arg(long, value_enum, default_value_t = BindingArg::Spine)]
    binding: BindingArg,
    /// What carries the control contract.
    #[arg(long, value_enum, default_value_t = DriverArg::None)]
    driver: DriverArg,
    /// Base URL of the control endpoint (drivers http and nhs-requesting).
    #[arg(long, value_name = "URL")]
    control_url: Option<Base>,
    /// Shell command that speaks JSON lines (driver stdio).
    #[arg(long, value_name = "COMMAND")]
    control_command: Option<String>,
    /// A shell command for a verb (driver command), as in `act="curl ..."`.
    #[arg(long, value_name = "VERB=COMMAND", value_parser = parse_verb)]
    verb: Vec<(Verb, String)>,
    /// Where the requesting system takes what is sent to it.
    #[arg(long, value_name = "URL")]
    wire_requesting: Option<Base>,
    /// Where the sending system takes what is sent to it.
    #[arg(long, value_name = "URL")]
    wire_sending: Option<Base>,
    /// Where the exporting practice's system takes what is sent to it.
    #[arg(long, value_name = "URL")]
    wire_exporting: Option<Base>,
    /// Where the hub takes what is sent to it.
    #[arg(long, value_name = "URL")]
    wire_hub: Option<Base>,
    /// AMQP 1.0 broker (binding mhs-json), as in `amqp://127.0.0.1:5672`.
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Queue from which the system reads (binding mhs-json).
    #[arg(long)]
    queue: Option<String>,
    /// User at the broker.
    #[arg(long, value_name = "USER", requires = "broker_password_env")]
    broker_user: Option<String>,
    /// Variable of the environment that holds the password of that user.
    #[arg(long, value_name = "NAME", requires = "broker_user")]
    broker_password_env: Option<String>,
    /// Shell command that starts the system.
    #[arg(long, value_name = "COMMAND")]
    start: Option<String>,
    /// URL that answers when it is ready.
    #[arg(long, value_name = "URL")]
    ready: Option<String>,
    /// Address on which the services of the harness listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Host name by which the system reaches them.
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Make certificates in this folder, and use them.
    #[arg(long, value_name = "DIR")]
    certs: Option<PathBuf>,
    /// A host for which the certificates are good, beside this machine.
    #[arg(long, value_name = "NAME", requires = "certs")]
    host: Vec<String>,
    /// Write over files that are there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BindingArg {
    /// ebXML over HTTP both ways.
    Spine,
    /// The JSON form behind the national message handler.
    MhsJson,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DriverArg {
    /// Nobody plays the people.
    None,
    /// HTTP.
    Http,
    /// JSON lines of a command.
    Stdio,
    /// A shell command for each verb.
    Command,
    /// The facade of the national adaptor.
    NhsRequesting,
}

fn parse_role(name: &str) -> Result<Role, String> {
    let mut roles = Role::ALL.into_iter();
    roles.find(|role| role.name() == name).ok_or_else(|| {
        let names = Role::ALL.map(Role::name);
        format!("no role `{name}`; there are {}", names.join(", "))
    })
}

fn parse_verb(text: &str) -> Result<(Verb, String), String> {
    let (name, command) = text
        .split_once('=')
        .ok_or("write VERB=COMMAND, such as act=\"curl ...\"")?;
    let verb = Verb::from_name(name).ok_or_else(|| {
        let names = Verb::ALL.map(Verb::name);
        format!("no verb `{name}`; there are {}", names.join(", "))
    })?;
    Ok((verb, command.to_owned()))
}

/// What was written.
#[derive(Serialize)]
struct Written {
    config: Option<PathBuf>,
    certificates: Vec<PathBuf>,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let answers = answers(args)?;
    let page = answers
        .as_ref()
        .map(|answers| checked(args, answers))
        .transpose()?;
    let mut words = String::new();
    if let Some(folder) = &args.certs {
        write_certificates(folder, args)?;
        words.push_str(&where_they_go(folder, &args.host));
    }
    if let Some(page) = &page {
        write_page(&args.file, page, args.force)?;
        words.push_str(&format!(
            "wrote {file}\nnext: gp2gp doctor --sut {file}\n",
            file = args.file.display()
        ));
    }
    let written = Written {
        config: page.map(|_| args.file.clone()),
        certificates: (args.certs.iter())
            .flat_map(|folder| FILES.map(|name| folder.join(name)))
            .collect(),
    };
    output.result(&written, || words)?;
    Ok(CONFORMS)
}

/// `None` where only certificates are wanted.
fn answers(args: &Args) -> miette::Result<Option<Answers>> {
    match &args.name {
        Some(name) => from_flags(args, name).map(Some),
        None if args.certs.is_some() => Ok(None),
        None if io::stdin().is_terminal() => {
            let mut asking = asking::Asking::new(io::stdin().lock(), io::stderr().lock());
            asking.answers().into_diagnostic().map(Some)
        }
        None => Err(miette!(
            help = "gp2gp init --name acme --roles sending --wire-sending http://127.0.0.1:9000",
            "give --name and --roles, or run this on a terminal to be asked"
        )),
    }
}

fn from_flags(args: &Args, name: &str) -> miette::Result<Answers> {
    let wire = [
        (Role::Requesting, &args.wire_requesting),
        (Role::Sending, &args.wire_sending),
        (Role::Exporting, &args.wire_exporting),
        (Role::Hub, &args.wire_hub),
    ];
    let wire: BTreeMap<Role, Base> = wire
        .into_iter()
        .filter_map(|(role, base)| Some((role, base.clone()?)))
        .collect();
    let roles: BTreeSet<Role> = match args.roles.as_slice() {
        [] => wire.keys().copied().collect(),
        roles => roles.iter().copied().collect(),
    };
    Ok(Answers {
        name: name.to_owned(),
        version: args.sut_version.clone(),
        roles,
        binding: binding(args)?,
        wire,
        control: control(args)?,
        start: args.start.clone(),
        ready: args.ready.clone(),
        listen: args.listen.clone(),
        advertise: args.advertise.clone(),
        certs: (args.certs.as_ref()).map(|folder| seen_from(&args.file, folder)),
    })
}

fn binding(args: &Args) -> miette::Result<Binding> {
    match (args.binding, &args.broker, &args.queue) {
        (BindingArg::Spine, None, None) => Ok(Binding::Spine),
        (BindingArg::Spine, _, _) => Err(miette!("--broker and --queue are of --binding mhs-json")),
        (BindingArg::MhsJson, Some(broker), Some(queue)) => Ok(Binding::MhsJson {
            broker: broker.clone(),
            queue: queue.clone(),
            login: args
                .broker_user
                .clone()
                .zip(args.broker_password_env.clone()),
        }),
        (BindingArg::MhsJson, _, _) => {
            Err(miette!("--binding mhs-json needs --broker and --queue"))
        }
    }
}

fn control(args: &Args) -> miette::Result<Control> {
    let url = || {
        let url = args.control_url.clone();
        url.ok_or_else(|| miette!("this driver needs --control-url"))
    };
    match args.driver {
        DriverArg::None => Ok(Control::None),
        DriverArg::Http => url().map(Control::Http),
        DriverArg::NhsRequesting => url().map(Control::NhsRequesting),
        DriverArg::Stdio => (args.control_command.clone())
            .map(Control::Stdio)
            .ok_or_else(|| miette!("--driver stdio needs --control-command")),
        DriverArg::Command if args.verb.is_empty() => Err(miette!(
            "--driver command needs --verb, once for each verb that the system knows"
        )),
        DriverArg::Command => Ok(Control::Command(args.verb.iter().cloned().collect())),
    }
}

/// Paths in the file are relative to it.
fn seen_from(file: &Path, folder: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && folder.is_relative() => {
            std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
        }
        Some(_) | None => folder.to_owned(),
    }
}

/// The text of the file, of which it is known that it can be used.
fn checked(args: &Args, answers: &Answers) -> miette::Result<String> {
    let page = answers.to_toml();
    let name = format!("{} (not written)", args.file.display());
    Config::parse(&name, Path::new(""), &page, [])
        .into_diagnostic()
        .wrap_err("these answers make no file that could be used")?;
    Ok(page)
}

fn write_page(file: &Path, page: &str, overwrite: bool) -> miette::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    match overwrite {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let written = options
        .open(file)
        .and_then(|mut file| file.write_all(page.as_bytes()));
    written.map_err(|error| match error.kind() == io::ErrorKind::AlreadyExists {
        true => miette!(
            help = "give another name, or --force to write over it",
            "{} is there already",
            file.display()
        ),
        false => miette!("cannot write {}: {error}", file.display()),
    })
}

fn write_certificates(folder: &Path, args: &Args) -> miette::Result<()> {
    let certificates = Certificates::make(&args.host, wall::now())?;
    certificates.write(folder, args.force)?;
    Ok(())
}

fn where_they_go(folder: &Path, hosts: &[String]) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    let also: String = hosts.iter().map(|host| format!(", {host}")).collect();
    format!(
        "\
certificates for localhost, 127.0.0.1, ::1{also}, good for a year:
  {ca}
    both sides trust what it signed: `ca` of [environment.tls], and the trusted authorities of your system
  {harness}, {harness_key}
    the harness: `cert` and `key` of [environment.tls]
  {sut}, {sut_key}
    your system, for its port and where it connects to the harness
the keys are secret; the authority's own key is not kept
",
        ca = at("ca.pem"),
        harness = at("harness.pem"),
        harness_key = at("harness.key"),
        sut = at("sut.pem"),
        sut_key = at("sut.key"),
    )
}
