//! The way back: whether a system that was told where our services are finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use gp2gp_mocks::cast::{self, NoSuchPractice};
use gp2gp_mocks::fhir::api_key;
use gp2gp_mocks::peer::{Conduct, HttpResponse};
use gp2gp_mocks::serve::{
    Answered, Cause, Guard, Incoming, NotABase, Objection, Security, Server, TurnedAway,
    serve_guarded,
};
use gp2gp_model::Version;
use gp2gp_model::control::{
    Action, ActionStatus, ClockRate, Command, PlanText, PracticeSetting, Prepared, Reply, Setting,
    SystemSetting, Verb,
};
use gp2gp_model::http::Headers;
use gp2gp_model::plan::{Act, Cleanup, Plan, Role};
use gp2gp_model::registry::Era;
use gp2gp_model::trace::Endpoint;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::verbs::Met;
use super::{Diagnosis, clock, wire};
use crate::sut::config::{Binding, Config, OwnTls, Service};

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

/// Prepares the system, and lets a requesting one register a patient: to find out who has the
/// record, it has to ask us.
pub(super) async fn examine(
    met: &mut Met,
    config: &Config,
    tls: Option<&OwnTls>,
    diagnosis: &mut Diagnosis,
) {
    if !met.claims.verbs.contains(&Verb::Prepare) {
        return diagnosis.skipped(PREPARE, "it has no verb `prepare`");
    }
    let Some(role) = transfers(config) else {
        return diagnosis.skipped(PREPARE, "it plays neither requesting nor sending");
    };
    let mut doors = match Doors::open(config, role, tls).await {
        Ok(doors) => doors,
        Err(why) => return diagnosis.skipped(PREPARE, why),
    };
    let Some(plan) = plan() else {
        return diagnosis.skipped(PREPARE, format!("the suite has no scenario {SCENARIO}"));
    };
    let reads_plans = met.claims.reads_plans;
    let Ok(setting) = setting(config, role, &plan, &doors.urls, reads_plans) else {
        return diagnosis.skipped(
            PREPARE,
            format!("the scenario {SCENARIO} has no {role} practice"),
        );
    };
    match met.control.call(&Command::Prepare(Box::new(setting))).await {
        Ok(reply) => {
            diagnosis.ok(
                PREPARE,
                format!("it lets itself be made the {role} practice"),
            );
            if let Reply::Prepared(prepared) = reply {
                told(&prepared, role, config, tls, diagnosis).await;
            }
        }
        Err(error) => {
            return diagnosis.broken(
                PREPARE,
                error.to_string(),
                "its log says why; what `prepare` tells it is in docs/control.md",
            );
        }
    }
    if role == Role::Requesting && met.claims.verbs.contains(&Verb::Act) {
        seen(met, config, &plan, &mut doors, diagnosis).await;
    } else {
        diagnosis.skipped(
            SERVICES_SEEN,
            "a sending system asks nobody before it is asked",
        );
    }
}

/// Where it takes what is sent to it, where only its answer to `prepare` says so.
async fn told(
    prepared: &Prepared,
    role: Role,
    config: &Config,
    tls: Option<&OwnTls>,
    diagnosis: &mut Diagnosis,
) {
    if config.environment.wire.contains_key(&role) {
        return;
    }
    match prepared.addresses.get(role.name()).map(|told| told.parse()) {
        Some(Ok(base)) => wire::examine_one(config, tls, role, &base, diagnosis).await,
        Some(Err(error)) => {
            let error: NotABase = error;
            diagnosis.broken(
                PREPARE,
                format!("the address of {role} in its answer is none: {}", error.to_string().replace('\n', "; ")),
                "correct `addresses` in its answer to `prepare`",
            );
        }
        None => match config.environment.binding {
            Binding::MhsJson(_) => {}
            Binding::Spine => diagnosis.broken(
                PREPARE,
                format!("nobody says where the {role} system takes what is sent to it"),
                format!("write `{role} = \"http://...\"` below [environment.wire], or let its answer to `prepare` have {{\"addresses\": {{\"{role}\": \"http://...\"}}}}"),
            ),
        },
    }
}

fn transfers(config: &Config) -> Option<Role> {
    let mut roles = Role::OF_TRANSFERS.into_iter();
    roles.find(|role| config.system.roles.contains(role))
}

async fn seen(
    met: &mut Met,
    config: &Config,
    plan: &Plan,
    doors: &mut Doors,
    diagnosis: &mut Diagnosis,
) {
    let Some(patient) = plan.patients.first().map(|patient| patient.nhs_number) else {
        return;
    };
    let action = Action {
        id: format!("doctor-{:x}", clock::now().as_micros()),
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
    let patience = config.environment.answer_within;
    let advertise = &config.environment.advertise;
    match timeout(patience, doors.first()).await {
        Ok(Knock::Asked(service)) => diagnosis.ok(SERVICES_SEEN, format!("it finds us at {advertise}: it asked {service} first")),
        Ok(Knock::TurnedAway(away)) => diagnosis.broken(
            SERVICES_SEEN,
            format!("it came to {} from {} and was not let in: {}", away.endpoint, away.from, away.cause),
            mend(&away.cause),
        ),
        Err(_) => diagnosis.broken(
            SERVICES_SEEN,
            format!(
                "a patient was registered, and none of our services was asked within {} s",
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
    urls: BTreeMap<String, String>,
    servers: Vec<Server>,
    asked: mpsc::Receiver<Incoming>,
    turned_away: mpsc::UnboundedReceiver<TurnedAway>,
}

impl Doors {
    async fn open(config: &Config, role: Role, tls: Option<&OwnTls>) -> Result<Self, String> {
        let (arrive, asked) = mpsc::channel(4);
        let (told, turned_away) = mpsc::unbounded_channel();
        let mut doors = Self {
            urls: BTreeMap::new(),
            servers: Vec::new(),
            asked,
            turned_away,
        };
        for (service, endpoint) in SERVICES {
            let port = config.environment.ports.of(role, service);
            let addr = SocketAddr::new(config.environment.listen, port.map_or(0, Into::into));
            let (scheme, security) = match tls {
                None => ("http", Security::Plain),
                Some(tls) => (
                    "https",
                    Security::Tls(guard(tls, service)?.telling(told.clone())),
                ),
            };
            let server = serve_guarded(addr, endpoint, security, arrive.clone());
            let server = server
                .await
                .map_err(|error| format!("no port for `{}`: {error}", service.name()))?;
            let at = config.advertised(server.addr().port());
            doors
                .urls
                .insert(service.name().to_owned(), format!("{scheme}://{at}"));
            doors.servers.push(server);
        }
        Ok(doors)
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
fn plan() -> Option<Plan> {
    let catalogue = gp2gp_scenarios::catalogue().ok()?;
    let mut sources = gp2gp_scenarios::builtin().into_iter();
    let source = sources.find(|source| source.id.to_string() == SCENARIO)?;
    let scenarios = gp2gp_scenarios::parse(&source).ok()?;
    gp2gp_scenarios::lower(scenarios.first()?, &catalogue, None).ok()
}

fn setting(
    config: &Config,
    role: Role,
    plan: &Plan,
    urls: &BTreeMap<String, String>,
    reads_plans: bool,
) -> Result<Setting, NoSuchPractice> {
    let usual = cast::identity(plan, role)?.practice;
    let (ods, asid, party_key) = match config.environment.identity.get(&role) {
        Some(own) => (own.ods.clone(), own.asid.clone(), own.party_key.clone()),
        None => (usual.ods, usual.asid, usual.party_key),
    };
    Ok(Setting {
        run: "gp2gp doctor".to_owned(),
        clock: ClockRate {
            now: clock::now(),
            rate: 1,
        },
        systems: vec![SystemSetting {
            system: Endpoint::from(role),
            practice: PracticeSetting {
                ods,
                asid,
                party_key,
                version: Version::default(),
                enabled: true,
                attachment_bytes: plan.sending.attachment_threshold,
                message_bytes: plan.sending.message_limit,
                cleanup: Cleanup::Never,
                era: Era::default(),
                shares_database_with: Vec::new(),
            },
            services: urls.clone(),
            api_key: api_key(role).to_owned(),
            patients: BTreeSet::new(),
        }],
        plan: reads_plans.then(|| PlanText {
            scenario: plan.scenario.to_string(),
            file: plan.file.to_string(),
            text: plan.text.to_string(),
            seed: plan.seed,
        }),
    })
}
