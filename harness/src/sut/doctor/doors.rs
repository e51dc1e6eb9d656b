//! The way back: whether a system that was told where our services are finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gp2gp_mocks::cast::{self, NoSuchPractice};
use gp2gp_mocks::fhir::api_key;
use gp2gp_mocks::peer::{Conduct, HttpResponse};
use gp2gp_mocks::serve::{
    Answered, Base, Cause, Guard, Incoming, NotABase, Objection, Security, Server, TurnedAway,
    serve_guarded,
};
use gp2gp_model::Version;
use gp2gp_model::control::{
    Action, ActionStatus, ClockRate, Command, PlanText, PracticeSetting, Reply, Setting,
    SystemSetting, Verb,
};
use gp2gp_model::http::Headers;
use gp2gp_model::plan::{Act, Cleanup, Plan, Role};
use gp2gp_model::registry::Era;
use gp2gp_model::trace::Endpoint;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Diagnosis;
use super::verbs::Met;
use crate::sut::amqp::QueueAt;
use crate::sut::config::{Binding, Config, OwnTls, Service};
use crate::sut::control::ControlError;

/// What a requesting or sending system may ask, and who answers there in a run.
const SERVICES: [(Service, Endpoint); 5] = [
    (Service::Spine, Endpoint::Spine),
    (Service::Sds, Endpoint::Sds),
    (Service::Pds, Endpoint::Pds),
    (Service::Store, Endpoint::Store),
    (Service::Records, Endpoint::Store),
];

/// Tells who the system is to be.
const SCENARIO: &str = "transfer/small-record";

const PREPARE: &str = "prepare";
const SERVICES_SEEN: &str = "services";

/// A system that knows who it is and where we are.
pub(super) struct Placed {
    /// Where it takes what is sent to it, by its own word.
    pub(super) addresses: BTreeMap<Role, Base>,
    /// A system of the suite's own.
    pub(super) reads_plans: bool,
    doors: Doors,
    pub(super) plan: Plan,
}

/// Prepares a system, as every run does. `None` where it cannot be.
pub(super) async fn prepare(
    met: &mut Met,
    config: &Config,
    tls: Option<&OwnTls>,
    queue: Option<&QueueAt>,
    diagnosis: &mut Diagnosis,
) -> Option<Placed> {
    let placed = match try_to_place(met, config, tls, queue).await {
        Ok(placed) => placed,
        Err(Unplaced::NotTried(why)) => {
            diagnosis.skipped(PREPARE, why);
            return None;
        }
        Err(Unplaced::Refused(error)) => {
            let mend = "its log says why; what `prepare` tells it is in docs/control.md";
            diagnosis.broken(PREPARE, error.to_string(), mend);
            return None;
        }
        Err(Unplaced::NoAddress { role, error }) => {
            diagnosis.broken(
                PREPARE,
                format!(
                    "the address of {role} in its answer is none: {}",
                    error.to_string().replace('\n', "; ")
                ),
                "correct `addresses` in its answer to `prepare`",
            );
            return None;
        }
    };
    let roles: Vec<&str> = transfers(config).map(Role::name).collect();
    let roles = roles.join(" and ");
    diagnosis.ok(
        PREPARE,
        format!("it lets itself be made the {roles} practice"),
    );
    Some(placed)
}

/// Why a system is not prepared.
enum Unplaced {
    NotTried(String),
    Refused(ControlError),
    NoAddress { role: Role, error: NotABase },
}

async fn try_to_place(
    met: &mut Met,
    config: &Config,
    tls: Option<&OwnTls>,
    queue: Option<&QueueAt>,
) -> Result<Placed, Unplaced> {
    let not_tried = |why: String| Unplaced::NotTried(why);
    if !met.claims.verbs.contains(&Verb::Prepare) {
        return Err(not_tried("it has no verb `prepare`".to_owned()));
    }
    if transfers(config).next().is_none() {
        let why = "it plays neither requesting nor sending".to_owned();
        return Err(not_tried(why));
    }
    let plan =
        plan(config).ok_or_else(|| not_tried(format!("the suite has no scenario {SCENARIO}")))?;
    let reads_plans = met.claims.reads_plans;
    let mut doors = Doors::open(config, tls).await.map_err(not_tried)?;
    if let Some(queue) = queue {
        doors.tell_queue(queue, reads_plans);
    }
    let setting = setting(config, &plan, &doors, reads_plans)
        .map_err(|error| not_tried(error.to_string()))?;
    let reply = met.control.call(&Command::Prepare(Box::new(setting))).await;
    let mut addresses = BTreeMap::new();
    if let Reply::Prepared(prepared) = reply.map_err(Unplaced::Refused)? {
        for role in transfers(config) {
            if let Some(told) = prepared.addresses.get(role.name()) {
                let base = told.parse();
                let base = base.map_err(|error| Unplaced::NoAddress { role, error })?;
                addresses.insert(role, base);
            }
        }
    }
    Ok(Placed {
        addresses,
        reads_plans,
        doors,
        plan,
    })
}

fn transfers(config: &Config) -> impl Iterator<Item = Role> {
    let roles = Role::OF_TRANSFERS.into_iter();
    roles.filter(|role| config.system.roles.contains(role))
}

/// Lets a requesting system register a patient: to find out who has the record, it has to ask us.
pub(super) async fn examine(
    met: &mut Met,
    config: &Config,
    placed: &mut Placed,
    diagnosis: &mut Diagnosis,
) {
    if !config.system.roles.contains(&Role::Requesting) {
        if config.environment.binding != Binding::Spine {
            // It has been asked.
            return;
        }
        let why = "a sending system asks nobody before it is asked";
        return diagnosis.skipped(SERVICES_SEEN, why);
    }
    if !met.claims.verbs.contains(&Verb::Act) {
        return diagnosis.skipped(SERVICES_SEEN, "it has no verb `act`");
    }
    seen(met, config, placed, diagnosis).await;
}

async fn seen(met: &mut Met, config: &Config, placed: &mut Placed, diagnosis: &mut Diagnosis) {
    let Some(patient) = placed
        .plan
        .patients
        .first()
        .map(|patient| patient.nhs_number)
    else {
        return;
    };
    let action = Action {
        id: format!("doctor-{:x}", crate::sut::wall::now().as_micros()),
        system: Endpoint::Requesting,
        act: Act::Register { patient, gp: None },
    };
    let acted = met.control.call(&Command::Act(action)).await;
    match acted {
        Ok(Reply::Action(ActionStatus::Declined { why })) => {
            return diagnosis.skipped(
                SERVICES_SEEN,
                format!("it declines to register a patient: {why}"),
            );
        }
        Ok(_) => {}
        Err(error) => {
            return diagnosis.broken(
                "act",
                error.to_string(),
                "let `act` with `register` answer {\"status\": \"done\"} as soon as it is begun (docs/control.md)",
            );
        }
    }
    placed
        .knocks(config, "a patient was registered", diagnosis)
        .await;
}

impl Placed {
    /// A sending system got a request through its queue.
    pub(super) async fn comes_back(&mut self, config: &Config, diagnosis: &mut Diagnosis) {
        self.knocks(config, "a request was taken", diagnosis).await;
    }

    /// Somebody has to come to one of our doors, after that.
    async fn knocks(&mut self, config: &Config, after: &str, diagnosis: &mut Diagnosis) {
        let patience = config.environment.answer_within;
        let advertise = &config.environment.advertise;
        let first = timeout(patience, self.doors.first()).await;
        knocked(first.ok(), patience, advertise, after, diagnosis);
    }
}

fn knocked(
    first: Option<Knock>,
    patience: Duration,
    advertise: &str,
    after: &str,
    diagnosis: &mut Diagnosis,
) {
    match first {
        Some(Knock::Asked(service)) => diagnosis.ok(SERVICES_SEEN, format!("it finds us at {advertise}: it asked {service} first")),
        Some(Knock::TurnedAway(away)) => diagnosis.broken(
            SERVICES_SEEN,
            format!("it came to {} from {} and was not let in: {}", away.endpoint, away.from, away.cause),
            mend(&away.cause),
        ),
        None => diagnosis.broken(
            SERVICES_SEEN,
            format!(
                "{after}, and none of our services was asked within {} s",
                patience.as_secs_f32()
            ),
            format!(
                "let it use the `services` that `prepare` tells it; see whether it can resolve and reach `{advertise}` (`advertise` and `listen` of [environment], firewalls)"
            ),
        ),
    }
}

fn mend(cause: &Cause) -> String {
    match cause {
        Cause::NotPlain => {
            "let it use the base addresses as they are: they begin with https://".to_owned()
        }
        Cause::NoClientCertificate => {
            "let it show its certificate (sut.pem and sut.key) where it connects to Spine".to_owned()
        }
        Cause::TurnedDown(
            Objection::UnknownAuthority | Objection::BadSignature | Objection::BadCertificate,
        ) => "let it trust the authority of our certificate: ca.pem of the set of `cert`".to_owned(),
        Cause::Certificate(_) => {
            "let it show a certificate that `ca` of [environment.tls] has signed: sut.pem of the same set".to_owned()
        }
        Cause::TurnedDown(_)
        | Cause::NotResolved { .. }
        | Cause::Refused { .. }
        | Cause::Unreachable { .. }
        | Cause::TooSlow(..)
        | Cause::NotTls
        | Cause::Handshake(_)
        | Cause::NothingToTrust(_)
        | Cause::Broke
        | Cause::NotHttp(_)
        | Cause::TooLong
        | Cause::Path(_) => "its log says what it does not like".to_owned(),
    }
}

/// Somebody at a door.
enum Knock {
    Asked(Endpoint),
    TurnedAway(TurnedAway),
}

/// Our services, all of which know nothing.
struct Doors {
    /// Base addresses by name, as each system finds them.
    urls: BTreeMap<Role, BTreeMap<String, String>>,
    servers: Vec<Server>,
    asked: mpsc::Receiver<Incoming>,
    turned_away: mpsc::UnboundedReceiver<TurnedAway>,
}

impl Doors {
    async fn open(config: &Config, tls: Option<&OwnTls>) -> Result<Self, String> {
        let (arrive, asked) = mpsc::channel(4);
        let (told, turned_away) = mpsc::unbounded_channel();
        let mut doors = Self {
            urls: BTreeMap::new(),
            servers: Vec::new(),
            asked,
            turned_away,
        };
        let places = transfers(config).flat_map(|role| SERVICES.map(|service| (role, service)));
        for (role, (service, endpoint)) in places {
            let port = config.environment.ports.of(role, service);
            let addr = SocketAddr::new(config.environment.listen, port.map_or(0, Into::into));
            let (scheme, security) = match tls {
                None => ("http", Security::Plain),
                Some(tls) => {
                    let guard = guard(tls, service)?.telling(told.clone());
                    ("https", Security::Tls(guard))
                }
            };
            let name = service.name();
            let server = serve_guarded(addr, endpoint, security, arrive.clone()).await;
            let server = server.map_err(|error| format!("no port for `{name}`: {error}"))?;
            let at = config.advertised(server.addr().port());
            let urls = doors.urls.entry(role).or_default();
            urls.insert(name.to_owned(), format!("{scheme}://{at}"));
            doors.servers.push(server);
        }
        Ok(doors)
    }

    /// Each system finds its queue beside our services.
    fn tell_queue(&mut self, queue: &QueueAt, reads_plans: bool) {
        for (role, urls) in &mut self.urls {
            let own = queue.of_system(role.endpoint(), reads_plans);
            urls.insert("queue".to_owned(), own.url());
        }
    }

    /// Who comes first. Whoever asks is told that we know nothing.
    async fn first(&mut self) -> Knock {
        tokio::select! {
            Some(incoming) = self.asked.recv() => {
                let endpoint = incoming.endpoint;
                let response = HttpResponse {
                    status: 404,
                    content_type: None,
                    headers: Headers::new(),
                    body: Bytes::new(),
                };
                let conduct = Conduct::Clean;
                // Who has hung up gets none.
                let _ = incoming.answer.send(Answered { response, conduct });
                Knock::Asked(endpoint)
            }
            Some(away) = self.turned_away.recv() => Knock::TurnedAway(away),
            else => std::future::pending().await,
        }
    }
}

/// Spine asks for a certificate; whoever asks the other services shows a key.
fn guard(tls: &OwnTls, service: Service) -> Result<Guard, String> {
    let guard = match service {
        Service::Spine => tls.guard(),
        Service::Sds
        | Service::Pds
        | Service::Store
        | Service::Records
        | Service::Hub
        | Service::Clinic
        | Service::Mailbox
        | Service::ClearingHouse
        | Service::Importing
        | Service::Board => Guard::new(&tls.identity),
    };
    guard.map_err(|error| error.to_string())
}

/// A transfer as small as any: who the system is to be is told as in a run.
fn plan(config: &Config) -> Option<Plan> {
    let catalogue = gp2gp_scenarios::catalogue().ok()?;
    let mut sources = gp2gp_scenarios::builtin().into_iter();
    let source = sources.find(|source| source.id.to_string() == SCENARIO)?;
    let scenarios = gp2gp_scenarios::parse(&source).ok()?;
    gp2gp_scenarios::lower_under(scenarios.first()?, &catalogue, None, &config.terms()).ok()
}

fn setting(
    config: &Config,
    plan: &Plan,
    doors: &Doors,
    reads_plans: bool,
) -> Result<Setting, NoSuchPractice> {
    let systems = transfers(config).map(|role| system(role, plan, doors));
    Ok(Setting {
        run: "gp2gp doctor".to_owned(),
        clock: ClockRate {
            now: crate::sut::wall::now(),
            rate: 1,
        },
        systems: systems.collect::<Result<_, _>>()?,
        plan: reads_plans.then(|| PlanText {
            scenario: plan.scenario.to_string(),
            file: plan.file.to_string(),
            text: plan.text.to_string(),
            seed: plan.seed,
            terms: config.terms(),
        }),
    })
}

fn system(role: Role, plan: &Plan, doors: &Doors) -> Result<SystemSetting, NoSuchPractice> {
    let practice = cast::identity(plan, role)?.practice;
    Ok(SystemSetting {
        system: Endpoint::from(role),
        practice: PracticeSetting {
            ods: practice.ods,
            asid: practice.asid,
            party_key: practice.party_key,
            version: Version::default(),
            enabled: true,
            attachment_bytes: plan.sending.attachment_threshold,
            message_bytes: plan.sending.message_limit,
            cleanup: Cleanup::Never,
            era: Era::default(),
            shares_database_with: Vec::new(),
        },
        services: doors.urls.get(&role).cloned().unwrap_or_default(),
        api_key: api_key(role).to_owned(),
        patients: BTreeSet::new(),
        awaits: BTreeSet::new(),
    })
}
