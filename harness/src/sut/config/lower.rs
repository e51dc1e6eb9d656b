//! From what is written to what is meant, with every complaint at its line.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use gp2gp_mocks::serve::{Base, Scheme};
use gp2gp_model::control::Verb;
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::Profile;
use gp2gp_model::{Asid, OdsCode, PartyKey, RequirementId};
use gp2gp_scenarios::{Problem, Span, Spanned, suggestion};

use super::secret::USER_INFORMATION;
use super::{
    Binding, Broker, BrokerUrl, Config, Control, Environment, Exemption, Login, Ports,
    PracticeIdentity, Process, Ready, Service, Suite, System, TimeChoice, TlsFiles, file,
};

const READY_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const QUIET: Duration = Duration::from_secs(2);
const BUDGET: Duration = Duration::from_secs(60);
const RATE: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// Of AMQP.
const BROKER_PORT: u16 = 5672;
const BROKER_TLS_PORT: u16 = 5_671;

pub(super) fn lower(file: file::File, folder: &Path) -> Result<Config, Problem> {
    let system = system(&file.sut)?;
    let control = match &file.control {
        Some(written) => control(written, folder)?,
        None => Control::None,
    };
    let environment = environment(&file.environment, &system.roles, folder)?;
    every_role_is_reached(&file, &environment, &control)?;
    Ok(Config {
        system,
        suite: suite(file.suite, folder),
        environment,
        control,
    })
}

fn system(written: &file::Sut) -> Result<System, Problem> {
    let roles: BTreeSet<Role> = written.roles.get_ref().iter().copied().collect();
    if roles.is_empty() {
        return Err(
            Problem::at(written.roles.span(), "the system plays no role").help(
                "write what it can be, such as [\"sending\"] or [\"requesting\", \"sending\"]",
            ),
        );
    }
    let mut exempt: Vec<Exemption> = Vec::new();
    for entry in &written.exempt {
        let exemption = exemption(entry)?;
        if exempt
            .iter()
            .any(|other| other.requirement == exemption.requirement)
        {
            let message = format!("{} is exempt twice", exemption.requirement);
            return Err(Problem::at(entry.requirement.span(), message));
        }
        exempt.push(exemption);
    }
    Ok(System {
        name: text("a name", &written.name)?,
        version: written.version.clone(),
        roles,
        capabilities: (written.capabilities.as_ref())
            .map(|claimed| claimed.iter().copied().collect()),
        exempt,
    })
}

fn exemption(written: &file::Exempt) -> Result<Exemption, Problem> {
    let requirement = RequirementId::parse(written.requirement.get_ref());
    Ok(Exemption {
        requirement: requirement
            .map_err(|error| Problem::at(written.requirement.span(), error.to_string()))?,
        reason: text("a reason", &written.reason)
            .map_err(|problem| problem.help("say why: it stands in every report"))?,
    })
}

fn suite(written: file::Suite, folder: &Path) -> Suite {
    Suite {
        scenarios: written.scenarios,
        profile: match written.profile {
            file::Profile::Strict => Profile::Strict,
            file::Profile::Field => Profile::Field,
        },
        seed: written.seed,
        heavy: written.heavy,
        baseline: written.baseline.map(|file| folder.join(file)),
    }
}

fn environment(
    spanned: &Spanned<file::Environment>,
    roles: &BTreeSet<Role>,
    folder: &Path,
) -> Result<Environment, Problem> {
    let written = spanned.get_ref();
    let listen = listen(written.listen.as_ref())?;
    let environment = Environment {
        binding: binding(spanned, folder)?,
        wire: wire(&written.wire, roles)?,
        listen,
        advertise: advertise(written, listen)?,
        ports: ports(&written.ports, roles)?,
        identity: identities(&written.identity)?,
        tls: written.tls.as_ref().map(|tls| TlsFiles {
            ca: folder.join(&tls.ca),
            cert: folder.join(&tls.cert),
            key: folder.join(&tls.key),
        }),
        process: process(written, folder)?,
        ready: written.ready.as_ref().map(ready).transpose()?,
        ready_within: span(written.ready_within.as_ref(), READY_WITHIN)?,
        answer_within: span(written.answer_within.as_ref(), ANSWER_WITHIN)?,
        quiet: span(written.quiet.as_ref(), QUIET)?,
        budget: span(written.budget.as_ref(), BUDGET)?,
        time: time(written)?,
        folder: folder.to_owned(),
    };
    if environment.tls.is_none() {
        no_tls_without_certificates(&written.wire)?;
        if let (Binding::MhsJson(broker), Some(at)) = (&environment.binding, &written.broker)
            && broker.url.is_secure
        {
            let span = at.get_ref().url.span();
            return Err(
                Problem::at(span, "amqps without certificates of ours").help(WANTS_CERTIFICATES)
            );
        }
    }
    Ok(environment)
}

fn listen(written: Option<&Spanned<String>>) -> Result<IpAddr, Problem> {
    let Some(written) = written else {
        return Ok(Ipv4Addr::LOCALHOST.into());
    };
    written.get_ref().parse().map_err(|_| {
        let message = format!("`{}` is no IP address", written.get_ref());
        Problem::at(written.span(), message).help(
            "write an address of this machine, such as \"127.0.0.1\", or \"0.0.0.0\" for all of them; a host name belongs into `advertise`",
        )
    })
}

fn advertise(written: &file::Environment, listen: IpAddr) -> Result<String, Problem> {
    match (&written.advertise, &written.listen) {
        (Some(advertise), _) => {
            let host = text("a host", advertise)?;
            let is_bare = !host.contains(['/', ' ']) && (!host.contains(':') || host.parse::<IpAddr>().is_ok());
            match is_bare {
                true => Ok(host),
                false => Err(Problem::at(advertise.span(), format!("`{host}` is not a bare host name"))
                    .help("write a name or an address without scheme and port: our services have a port each")),
            }
        }
        (None, Some(written)) if listen.is_unspecified() => Err(Problem::at(
            written.span(),
            "the system has to be told by which name it reaches us",
        )
        .help("write `advertise = \"...\"`: the host name or address of this machine, as the system sees it")),
        (None, _) => Ok(listen.to_string()),
    }
}

fn binding(spanned: &Spanned<file::Environment>, folder: &Path) -> Result<Binding, Problem> {
    let written = spanned.get_ref();
    match (written.binding, &written.broker) {
        (file::Binding::Spine, None) => Ok(Binding::Spine),
        (file::Binding::Spine, Some(broker)) => Err(Problem::at(
            broker.span(),
            "a broker says nothing to the binding `spine`",
        )
        .help("write `binding = \"mhs-json\"` in [environment], or leave [environment.broker] out")),
        (file::Binding::MhsJson, None) => Err(Problem::at(
            spanned.span(),
            "the binding `mhs-json` needs a broker",
        )
        .help("add [environment.broker] with `url` and `queue`: the queue from which the system reads what arrived")),
        (file::Binding::MhsJson, Some(broker)) => {
            self::broker(broker.get_ref(), folder).map(Binding::MhsJson)
        }
    }
}

fn broker(written: &file::Broker, folder: &Path) -> Result<Broker, Problem> {
    let login = match (&written.user, &written.password) {
        (None, None) => None,
        (Some(user), Some(password)) => Some(Login {
            user: text("a user", user)?,
            password: password.get_ref().below(folder),
        }),
        (Some(user), None) => {
            return Err(Problem::at(user.span(), "a user without a password").help(
                "write `password = { env = \"NAME\" }` or `password = { file = \"path\" }`",
            ));
        }
        (None, Some(password)) => {
            return Err(Problem::at(password.span(), "a password without a user"));
        }
    };
    Ok(Broker {
        url: broker_url(&written.url)?,
        queue: text("a queue", &written.queue)?,
        login,
    })
}

fn broker_url(written: &Spanned<String>) -> Result<BrokerUrl, Problem> {
    let wrong = |message: String| {
        Problem::at(written.span(), message).help("write for example \"amqp://127.0.0.1:5672\"")
    };
    let text = written.get_ref();
    let (is_secure, rest) = match (text.strip_prefix("amqp://"), text.strip_prefix("amqps://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => {
            let message = "the URL of a broker begins with amqp:// or amqps://".to_owned();
            return Err(wrong(message));
        }
    };
    let usual = match is_secure {
        true => BROKER_TLS_PORT,
        false => BROKER_PORT,
    };
    if rest.contains('@') {
        return Err(wrong(format!("the URL of the broker {USER_INFORMATION}"))
            .help("leave out what stands before the `@`; write `user` and `password` below it"));
    }
    let (host, port) = host_and_port(rest.trim_end_matches('/'), Some(usual))
        .ok_or_else(|| wrong(format!("`{text}` is not the URL of a broker")))?;
    Ok(BrokerUrl {
        is_secure,
        host,
        port,
    })
}

/// `host`, `host:port` or `[::1]:port`.
fn host_and_port(text: &str, usual: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, behind) = inner.split_once(']')?;
            host.parse::<IpAddr>().ok()?;
            (host, behind.strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => usual?,
    };
    let is_host = !host.is_empty() && !host.contains(['/', '?', '#', ' ']);
    is_host.then(|| (host.to_owned(), port))
}

fn wire(written: &file::Wire, roles: &BTreeSet<Role>) -> Result<BTreeMap<Role, Base>, Problem> {
    let mut wire = BTreeMap::new();
    for (role, url) in urls(written) {
        if !roles.contains(&role) {
            let message = format!("an address for `{role}`, which the system does not play");
            return Err(Problem::at(url.span(), message).help(format!(
                "add \"{role}\" to `roles` in [sut], or leave this out"
            )));
        }
        wire.insert(role, base(url)?);
    }
    Ok(wire)
}

fn urls(written: &file::Wire) -> impl Iterator<Item = (Role, &Spanned<String>)> {
    [
        (Role::Requesting, &written.requesting),
        (Role::Sending, &written.sending),
        (Role::Exporting, &written.exporting),
        (Role::Hub, &written.hub),
    ]
    .into_iter()
    .filter_map(|(role, url)| url.as_ref().map(|url| (role, url)))
}

const WANTS_CERTIFICATES: &str =
    "add [environment.tls] with `ca`, `cert` and `key`; `gp2gp init --certs DIR` makes them";

fn no_tls_without_certificates(written: &file::Wire) -> Result<(), Problem> {
    for (_, url) in urls(written) {
        if base(url)?.scheme() == Scheme::Https {
            let message = "https without certificates of ours";
            return Err(Problem::at(url.span(), message).help(WANTS_CERTIFICATES));
        }
    }
    Ok(())
}

fn base(written: &Spanned<String>) -> Result<Base, Problem> {
    let parsed = written.get_ref().parse::<Base>();
    parsed.map_err(|error| two_lines(written, &error.to_string()))
}

/// What is wrong, and on a second line what to write instead.
fn two_lines(written: &Spanned<String>, error: &str) -> Problem {
    match error.split_once('\n') {
        Some((message, help)) => Problem::at(written.span(), message).help(help),
        None => Problem::at(written.span(), error),
    }
}

fn ports(written: &file::Ports, roles: &BTreeSet<Role>) -> Result<Ports, Problem> {
    let mut ports = BTreeMap::new();
    let mut shared = services(written).peekable();
    if let (Some((service, port)), true) = (shared.peek(), roles.len() > 1) {
        let name = service.name();
        return Err(Problem::at(port.span(), format!("two systems cannot share the port of `{name}`"))
            .help("each role finds our services at doors of its own: write [environment.ports.requesting] and [environment.ports.sending]"));
    }
    for role in roles {
        for (service, port) in services(written) {
            ports.insert((*role, service), port);
        }
    }
    for (role, table) in [
        (Role::Requesting, &written.requesting),
        (Role::Sending, &written.sending),
    ] {
        let Some(table) = table else { continue };
        let inner = table.get_ref();
        if !roles.contains(&role) || inner.requesting.is_some() || inner.sending.is_some() {
            let message = format!("ports for `{role}`, which the system does not play");
            return Err(Problem::at(table.span(), message).help(format!(
                "add \"{role}\" to `roles` in [sut], or leave this out"
            )));
        }
        for (service, port) in services(inner) {
            ports.insert((role, service), port);
        }
    }
    each_port_once(&ports)?;
    let ports = ports
        .into_iter()
        .map(|(door, port)| (door, *port.get_ref()));
    Ok(Ports(ports.collect()))
}

fn services(written: &file::Ports) -> impl Iterator<Item = (Service, &Spanned<NonZeroU16>)> {
    Service::ALL.into_iter().filter_map(|service| {
        let port = match service {
            Service::Spine => &written.spine,
            Service::Sds => &written.sds,
            Service::Pds => &written.pds,
            Service::Store => &written.store,
            Service::Records => &written.records,
            Service::Hub => &written.hub,
            Service::Clinic => &written.clinic,
            Service::Mailbox => &written.mailbox,
            Service::ClearingHouse => &written.clearing_house,
            Service::Importing => &written.importing,
            Service::Board => &written.board,
        };
        port.as_ref().map(|port| (service, port))
    })
}

fn each_port_once(ports: &BTreeMap<(Role, Service), &Spanned<NonZeroU16>>) -> Result<(), Problem> {
    let mut taken: BTreeMap<NonZeroU16, Service> = BTreeMap::new();
    for ((_, service), port) in ports {
        if let Some(other) = taken.insert(*port.get_ref(), *service) {
            let message = format!("port {} is also that of `{}`", port.get_ref(), other.name());
            return Err(
                Problem::at(port.span(), message).help("every service needs a port of its own")
            );
        }
    }
    Ok(())
}

fn identities(written: &file::Identities) -> Result<BTreeMap<Role, PracticeIdentity>, Problem> {
    let mut identities = BTreeMap::new();
    for (role, identity) in [
        (Role::Requesting, &written.requesting),
        (Role::Sending, &written.sending),
    ] {
        let Some(identity) = identity else { continue };
        let parsed = PracticeIdentity {
            ods: id(&identity.ods, OdsCode::parse)?,
            asid: id(&identity.asid, Asid::parse)?,
            party_key: id(&identity.party_key, PartyKey::parse)?,
        };
        identities.insert(role, parsed);
    }
    Ok(identities)
}

fn id<T>(
    written: &Spanned<String>,
    parse: impl Fn(&str) -> Result<T, gp2gp_model::IdError>,
) -> Result<T, Problem> {
    parse(written.get_ref()).map_err(|error| Problem::at(written.span(), error.to_string()))
}

fn process(written: &file::Environment, folder: &Path) -> Result<Option<Process>, Problem> {
    let Some(start) = &written.start else {
        let stop = written.stop.as_ref().map(Spanned::span);
        let log = written.log.as_ref().map(Spanned::span);
        return match stop.or(log) {
            None => Ok(None),
            Some(span) => Err(
                Problem::at(span, "nothing is started that this could be of")
                    .help("write `start = \"...\"`, or leave this out"),
            ),
        };
    };
    Ok(Some(Process {
        start: text("a command", start)?,
        stop: (written.stop.as_ref())
            .map(|stop| text("a command", stop))
            .transpose()?,
        log: (written.log.as_ref()).map(|log| folder.join(log.get_ref())),
    }))
}

fn ready(written: &Spanned<String>) -> Result<Ready, Problem> {
    let Some(rest) = written.get_ref().strip_prefix("tcp://") else {
        return base(written).map(Ready::Http);
    };
    let (host, port) = host_and_port(rest, None).ok_or_else(|| {
        let message = format!("`{}` is not a host and a port", written.get_ref());
        Problem::at(written.span(), message).help("write for example \"tcp://127.0.0.1:9000\"")
    })?;
    Ok(Ready::Tcp { host, port })
}

fn span(written: Option<&Spanned<Span>>, usual: Duration) -> Result<Duration, Problem> {
    let Some(written) = written else {
        return Ok(usual);
    };
    let Span(duration) = *written.get_ref();
    match duration.is_zero() {
        true => Err(Problem::at(written.span(), "nothing takes no time at all")),
        false => Ok(duration),
    }
}

fn time(written: &file::Environment) -> Result<TimeChoice, Problem> {
    let compressed = match written.time {
        file::Time::Compressed => true,
        file::Time::Auto | file::Time::Controlled | file::Time::Wall => false,
    };
    let rate = match &written.rate {
        None => RATE,
        Some(rate) if !compressed => {
            return Err(
                Problem::at(rate.span(), "a rate says nothing to this way of time")
                    .help("write `time = \"compressed\"`, or leave this out"),
            );
        }
        Some(rate) => match NonZeroU32::new(*rate.get_ref()) {
            Some(times) if times.get() > 1 => times,
            Some(_) | None => {
                return Err(Problem::at(
                    rate.span(),
                    "a rate below 2 compresses nothing",
                ));
            }
        },
    };
    Ok(match written.time {
        file::Time::Auto => TimeChoice::Auto,
        file::Time::Controlled => TimeChoice::Controlled,
        file::Time::Compressed => TimeChoice::Compressed { rate },
        file::Time::Wall => TimeChoice::Wall,
    })
}

fn control(spanned: &Spanned<file::Control>, folder: &Path) -> Result<Control, Problem> {
    let written = spanned.get_ref();
    only_its_own_keys(written)?;
    let missing = |key: &str, example: &str| {
        let driver = name(*written.driver.get_ref());
        Problem::at(
            written.driver.span(),
            format!("the driver `{driver}` needs `{key}`"),
        )
        .help(format!("write for example `{example}`"))
    };
    let url = || match &written.url {
        Some(url) => base(url),
        None => Err(missing("url", "url = \"http://127.0.0.1:9000\"")),
    };
    let token = (written.token.as_ref()).map(|token| token.get_ref().below(folder));
    match written.driver.get_ref() {
        file::Driver::None => Ok(Control::None),
        file::Driver::Http => Ok(Control::Http { url: url()?, token }),
        file::Driver::NhsRequesting => Ok(Control::NhsRequesting { url: url()?, token }),
        file::Driver::Stdio => match &written.command {
            Some(command) => Ok(Control::Stdio {
                command: text("a command", command)?,
            }),
            None => Err(missing(
                "command",
                "command = \"./my-system --control stdio\"",
            )),
        },
        file::Driver::Command => match &written.verbs {
            Some(verbs) if !verbs.get_ref().is_empty() => Ok(Control::Command {
                verbs: self::verbs(verbs.get_ref())?,
            }),
            Some(_) | None => Err(missing(
                "verbs",
                "[control.verbs]` and below it `act = \"curl ...\"",
            )),
        },
    }
}

fn only_its_own_keys(written: &file::Control) -> Result<(), Problem> {
    use file::Driver::{Command, Http, NhsRequesting, Stdio};
    let driver = *written.driver.get_ref();
    let keys = [
        (
            "url",
            written.url.as_ref().map(Spanned::span),
            &[Http, NhsRequesting][..],
        ),
        (
            "token",
            written.token.as_ref().map(Spanned::span),
            &[Http, NhsRequesting],
        ),
        (
            "command",
            written.command.as_ref().map(Spanned::span),
            &[Stdio],
        ),
        (
            "verbs",
            written.verbs.as_ref().map(Spanned::span),
            &[Command],
        ),
    ];
    for (key, span, of) in keys {
        let Some(span) = span.filter(|_| !of.contains(&driver)) else {
            continue;
        };
        let of: Vec<_> = of
            .iter()
            .map(|driver| format!("`{}`", name(*driver)))
            .collect();
        let message = format!("`{key}` says nothing to the driver `{}`", name(driver));
        return Err(Problem::at(span, message).help(format!("it is of {}", of.join(" and "))));
    }
    Ok(())
}

const fn name(driver: file::Driver) -> &'static str {
    match driver {
        file::Driver::Http => "http",
        file::Driver::Stdio => "stdio",
        file::Driver::None => "none",
        file::Driver::Command => "command",
        file::Driver::NhsRequesting => "nhs-requesting",
    }
}

fn verbs(
    written: &BTreeMap<Spanned<String>, Spanned<String>>,
) -> Result<BTreeMap<Verb, String>, Problem> {
    let mut verbs = BTreeMap::new();
    for (verb, command) in written {
        let known = Verb::from_name(verb.get_ref()).ok_or_else(|| {
            let message = format!("unknown verb `{}`", verb.get_ref());
            let help = suggestion(verb.get_ref(), "every verb", Verb::ALL.map(Verb::name));
            Problem::at(verb.span(), message).help(help)
        })?;
        verbs.insert(known, text("a command", command)?);
    }
    Ok(verbs)
}

/// What is sent to a system has to go somewhere.
fn every_role_is_reached(
    file: &file::File,
    environment: &Environment,
    control: &Control,
) -> Result<(), Problem> {
    let tells = match control {
        Control::Http { .. } | Control::Stdio { .. } | Control::Command { .. } => true,
        Control::None | Control::NhsRequesting { .. } => false,
    };
    let by_queue = match environment.binding {
        Binding::Spine => false,
        Binding::MhsJson(_) => true,
    };
    for role in file.sut.roles.get_ref() {
        let queued = by_queue && Role::OF_TRANSFERS.contains(role);
        if tells || queued || environment.wire.contains_key(role) {
            continue;
        }
        let message = format!("nothing says where the {role} system takes what is sent to it");
        return Err(Problem::at(file.sut.roles.span(), message).help(format!(
            "write `{role} = \"http://...\"` below [environment.wire], or a control driver that has `prepare` and tells it"
        )));
    }
    Ok(())
}

/// A text with something in it.
fn text(what: &str, written: &Spanned<String>) -> Result<String, Problem> {
    let text = written.get_ref().trim();
    match text.is_empty() {
        true => Err(Problem::at(
            written.span(),
            format!("{what} is missing between the quotes"),
        )),
        false => Ok(text.to_owned()),
    }
}
