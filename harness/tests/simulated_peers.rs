//! The conversations of `gp2gp simulate` against the peers that they stand for: the same plan, played by the
//! model without bodies and by the reference systems over the wire format in virtual time, must come to the
//! same messages at the same times, the same outcome, and the same print state.

#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp::bodies::BodyStore;
use gp2gp::check::{Post, View};
use gp2gp::driver::{self, Sut, Transport};
use gp2gp::simulate::{
    AnswersRequest, Case, Code, Condition, Evidence, Fate, Layout, Limits, Luck, Message, Mishap,
    Obstacle, Outages, Outcome, Played, Terms, play,
};
use gp2gp_model::paper::PrintState;
use gp2gp_model::plan::{Decision, Plan, Role};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::version::Version;
use gp2gp_model::{EbxmlMessageId, MessageKind, Time};
use proptest::prelude::*;

const LINK: Duration = Duration::from_millis(40);
const LIMITS: Limits = Limits {
    attachment: 40_000,
    message: 85_000,
    inline: u64::MAX,
};

/// Later than a record for which nothing is promised may be.
const LATE_SECONDS: u32 = 20_000;
/// Later than a few fragments may be.
const TOO_LATE_SECONDS: u32 = 150_000;

/// A plan that both can play.
#[derive(Debug, Clone)]
struct Play {
    tpp: bool,
    version: Version,
    small: bool,
    held: bool,
    record_kb: u32,
    /// In KB: documents that travel whole, then those that are cut.
    documents: Vec<u32>,
    missing: bool,
    returning: bool,
    habit: Option<(Decision, u32)>,
    faults: Vec<PlannedFault>,
    /// The old practice sends the record once more, so many hours after the start.
    repeats_after: Option<u32>,
    /// This system is down from so many milliseconds after the start on, for so many minutes.
    crash: Option<(Role, u32, u32)>,
}

/// Something that goes wrong with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PlannedFault {
    kind: MessageKind,
    from: Role,
    occurrence: u32,
    trouble: Trouble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Lost,
    Late(u32),
    Doubled,
    Malformed,
    Spoilt,
    Silence,
    Reset,
    AnswerLost,
    Refused,
    RefusedForNow,
}

impl Trouble {
    const ALL: [Self; 12] = [
        Self::Lost,
        Self::Late(30),
        Self::Late(LATE_SECONDS),
        Self::Late(TOO_LATE_SECONDS),
        Self::Malformed,
        Self::Spoilt,
        Self::Doubled,
        Self::Silence,
        Self::Reset,
        Self::AnswerLost,
        Self::Refused,
        Self::RefusedForNow,
    ];

    const fn is_of_post(self) -> bool {
        match self {
            Self::Lost | Self::Late(_) | Self::Doubled | Self::Malformed | Self::Spoilt => false,
            Self::Silence
            | Self::Reset
            | Self::AnswerLost
            | Self::Refused
            | Self::RefusedForNow => true,
        }
    }

    fn effect(self) -> String {
        match self {
            Self::Lost | Self::Silence => "\"drop\"".to_owned(),
            Self::Late(seconds) => format!("{{ delay = \"{seconds}s\" }}"),
            Self::Doubled => "\"duplicate\"".to_owned(),
            Self::Malformed => "{ corrupt = \"not-xml\" }".to_owned(),
            Self::Spoilt => "{ corrupt = \"bad-base64\" }".to_owned(),
            Self::Reset => "\"reset\"".to_owned(),
            Self::AnswerLost => "\"lose-answer\"".to_owned(),
            Self::Refused => "{ refuse = 503 }".to_owned(),
            Self::RefusedForNow => "{ soap_fault = \"206\" }".to_owned(),
        }
    }
}

impl Play {
    fn text(&self) -> String {
        let mut text = format!(
            "title = \"t\"\nstory = \"s\"\njudges = [\"requesting\", \"sending\"]\nfailure_modes = []\nrequirements = []\ntime_limit = \"60d\"\nneeds = [\"large-messaging\", \"returning-patients\"]\n\
             [sending]\ndialect = \"{}\"\nversion = \"{}\"\nattachment_threshold = {}\nmessage_limit = {}\n\
             [requesting]\nversion = \"{}\"\nlarge_messaging = {}\n\
             [[patient]]\nname = \"ellis\"\nrecord = \"{} KB\"\nheld = {}\nreturning = {}\n{}",
            if self.tpp { "tpp" } else { "national-mhs" },
            self.version,
            LIMITS.attachment,
            LIMITS.message,
            self.version,
            !self.small,
            self.record_kb,
            self.held,
            self.returning,
            match self.habit {
                None => "people = { decision = \"forget\" }\n".to_owned(),
                Some((decision, hours)) => {
                    let word = match decision {
                        Decision::Integrate => "integrate",
                        Decision::Suppress => "suppress",
                        Decision::Reject => "reject",
                        Decision::FailToIntegrate => "fail-to-integrate",
                    };
                    format!("people = {{ decision = \"{word}\", after = \"{hours}h\" }}\n")
                }
            }
        );
        for (at, kilobytes) in self.documents.iter().enumerate() {
            let missing = if self.missing && at == 0 {
                "missing = \"locked\"\n"
            } else {
                ""
            };
            text += &format!(
                "[[patient.document]]\ntype = \"image/tiff\"\nsize = \"{kilobytes} KB\"\n{missing}"
            );
        }
        for (at, fault) in self.faults.iter().enumerate() {
            let leg = if fault.trouble.is_of_post() {
                "posting"
            } else {
                "delivery"
            };
            let kind = match fault.kind {
                MessageKind::EhrRequest => "request",
                MessageKind::EhrExtract => "extract",
                MessageKind::Continue => "continue",
                MessageKind::Fragment => "fragment",
                MessageKind::Acknowledgement => "acknowledgement",
            };
            text += &format!(
                "[[fault]]\nname = \"f{at}\"\neffect = {}\non = {{ message = \"{kind}\", from = \"{}\", leg = \"{leg}\" }}\nwhen = {{ occurrence = {} }}\n",
                fault.trouble.effect(),
                fault.from,
                fault.occurrence,
            );
        }
        if let Some((system, from, lasts)) = self.crash {
            text += &format!(
                "[[fault]]\nname = \"crash\"\neffect = {{ crash = \"{lasts}m\" }}\non = {{ system = \"{system}\" }}\nwhen = {{ from = \"{from}ms\" }}\n"
            );
        }
        if let Some(hours) = self.repeats_after {
            text += &format!(
                "[[step]]\nregister = \"ellis\"\n[[step]]\nat = \"{hours}h\"\nrepeat_extract = \"ellis\"\n"
            );
        }
        text
    }

    fn plan(&self) -> Plan {
        let text = self.text();
        let source = gp2gp_scenarios::load_str("test/simulated", &text).expect("it loads");
        let scenarios = gp2gp_scenarios::parse(&source)
            .unwrap_or_else(|error| panic!("{:?}\n{text}", miette::Report::new(error)));
        let catalogue = gp2gp_scenarios::catalogue().expect("the catalogue");
        gp2gp_scenarios::lower(&scenarios[0], &catalogue, None)
            .unwrap_or_else(|error| panic!("{:?}\n{text}", miette::Report::new(error)))
    }

    fn outages(&self, plan: &Plan) -> Outages {
        let mut windows = vec![Vec::new(), Vec::new()];
        if let Some((system, from, lasts)) = self.crash {
            let from = plan.starts_at + Duration::from_millis(from.into());
            let until = from + Duration::from_secs(u64::from(lasts) * 60);
            windows[usize::from(system == Role::Sending)].push((from, until));
        }
        Outages::new(windows)
    }

    fn case(&self, wire: &Wire) -> Case {
        let kept = self.documents.iter().enumerate();
        let kept = kept.map(|(at, kilobytes)| match at {
            0 if self.missing => 200,
            _ => u64::from(*kilobytes) * 1_000,
        });
        let kept: Vec<u64> = kept.collect();
        let record = u64::from(self.record_kb) * 1_000;
        let layout = Layout::of(record, &kept, LIMITS);
        Case {
            placeholders: self.missing && !self.documents.is_empty(),
            pages: 0,
            missing_pages: 0,
            returning: self.returning,
            version: self.version,
            answers: match self.tpp {
                true => AnswersRequest::BeforeCore,
                false => AnswersRequest::AfterAll,
            },
            obstacle: match () {
                () if !self.held => Some(Obstacle::PatientUnknown),
                () if self.small && layout.is_large() => Some(Obstacle::RequesterTakesOneMessage),
                () => None,
            },
            promise: layout.promise,
            preparation: wire.preparation.into(),
            habit: self.habit.map(|(decision, hours)| {
                (
                    decision,
                    Duration::from_secs(u64::from(hours) * 3_600).into(),
                )
            }),
            repeats_core_after: wire.repeats_after.map(Into::into),
            hangs_after: None,
            suppliers: [0, 1],
        }
    }
}

/// Acts out planned faults, which count their occasions as Spine counts them.
struct Planned {
    faults: Vec<PlannedFault>,
    occasions: Vec<u32>,
}

impl Planned {
    fn new(faults: &[PlannedFault]) -> Self {
        Self {
            faults: faults.to_vec(),
            occasions: vec![0; faults.len()],
        }
    }

    fn next(&mut self, message: Message, of_post: bool) -> Option<Trouble> {
        let mut decided = None;
        for (fault, occasions) in self.faults.iter().zip(&mut self.occasions) {
            let fits = fault.trouble.is_of_post() == of_post
                && fault.kind == message.kind()
                && fault.from == message.sender();
            if fits {
                *occasions += 1;
                if *occasions == fault.occurrence {
                    decided = decided.or(Some(fault.trouble));
                }
            }
        }
        decided
    }
}

impl Luck for Planned {
    fn of_post(&mut self, message: Message) -> Mishap {
        match self.next(message, true) {
            None
            | Some(
                Trouble::Lost
                | Trouble::Late(_)
                | Trouble::Doubled
                | Trouble::Malformed
                | Trouble::Spoilt,
            ) => Mishap::None,
            Some(Trouble::Silence) => Mishap::Silence,
            Some(Trouble::Reset) => Mishap::Reset,
            Some(Trouble::AnswerLost) => Mishap::AnswerLost,
            Some(Trouble::Refused) => Mishap::Refused,
            Some(Trouble::RefusedForNow) => Mishap::RefusedForNow,
        }
    }

    fn of_delivery(&mut self, message: Message) -> Fate {
        match self.next(message, false) {
            Some(Trouble::Lost) => Fate::Lost,
            Some(Trouble::Late(seconds)) => Fate::Late(Duration::from_secs(seconds.into())),
            Some(Trouble::Malformed) => Fate::Arrives(Condition::Malformed),
            Some(Trouble::Spoilt) => Fate::Arrives(Condition::Spoilt),
            // A copy is answered and has no effect.
            Some(Trouble::Doubled) => Fate::Arrives(Condition::Whole),
            None
            | Some(
                Trouble::Silence
                | Trouble::Reset
                | Trouble::AnswerLost
                | Trouble::Refused
                | Trouble::RefusedForNow,
            ) => Fate::Arrives(Condition::Whole),
        }
    }
}

/// Messages, and when they were posted or accepted.
type Log = Vec<(Time, Message)>;

/// What the reference systems said over the wire.
struct Wire {
    posts: Vec<(Time, Message)>,
    /// How it is classified by the messages that Spine accepted.
    outcome: Outcome,
    print_state: Option<PrintState>,
    /// From the arrival of the request to the first message of the sending system.
    preparation: Duration,
    /// From the first core to the second.
    repeats_after: Option<Duration>,
}

impl Wire {
    fn run(plan: &Plan) -> Self {
        let (trace, bodies) = driver::run(
            plan,
            &Sut::Reference,
            Transport::Virtual,
            BodyStore::temporary(),
        )
        .expect("the harness works");
        let view = View::new(&trace, &bodies);
        let (posts, taken) = messages(&view);
        let asked = view
            .delivered_to(Role::Sending)
            .find(|post| post.kind() == Some(MessageKind::EhrRequest))
            .map(|post| post.at + LINK);
        let began = posts
            .iter()
            .find(|(_, message)| message.sender() == Role::Sending)
            .map(|(at, _)| *at);
        let core_at = |number| {
            let mut cores = posts.iter();
            let core = cores.find(|(_, message)| *message == Message::Core(number));
            core.map(|(at, _)| *at)
        };
        Self {
            repeats_after: core_at(0)
                .zip(core_at(1))
                .map(|(first, second)| second.since(first)),
            preparation: asked
                .zip(began)
                .map_or(Duration::ZERO, |(asked, began)| began.since(asked)),
            print_state: view.observed.iter().find_map(|(by, said)| {
                let Observation::Transfer { print_state, .. } = said else {
                    return None;
                };
                let of_sending = print_state.filter(|_| *by == Endpoint::Sending);
                of_sending.and_then(|state| PrintState::try_from(state).ok())
            }),
            posts,
            outcome: outcome(&taken),
        }
    }
}

/// The posts of both systems as the model names them, and those that Spine accepted.
fn messages(view: &View) -> (Log, Log) {
    let to_spine = view.posts.iter().filter(|post| post.to == Endpoint::Spine);
    let posts: Vec<&Post> = to_spine.collect();
    let number = |kind: MessageKind| {
        let mut numbers: BTreeMap<EbxmlMessageId, u32> = BTreeMap::new();
        for post in posts.iter().filter(|post| post.kind() == Some(kind)) {
            let next = u32::try_from(numbers.len()).unwrap();
            let id = post.message_id().expect("it has an id").clone();
            numbers.entry(id).or_insert(next);
        }
        numbers
    };
    let cores = number(MessageKind::EhrExtract);
    let fragments = number(MessageKind::Fragment);
    let named = |post: &Post| {
        let ack = post
            .seen()
            .and_then(|seen| seen.acknowledgement())
            .expect("an acknowledgement");
        let code = ack.code().filter(|_| ack.is_negative());
        let code = code.map(|code| Code::read(code.as_str()).expect("two digits"));
        let of = posts.iter().find(|other| {
            other
                .seen()
                .is_some_and(|seen| seen.is_named_by(&ack.message_ref))
        });
        let of = of.expect("it names a message");
        let id = of.message_id().expect("it has an id");
        match of.kind() {
            Some(MessageKind::EhrRequest) => Message::RequestAck(code),
            Some(MessageKind::EhrExtract) => Message::CoreAck(cores[id] as u8, code),
            Some(MessageKind::Fragment) => Message::FragmentAck(fragments[id], code),
            other => panic!("an acknowledgement of {other:?}"),
        }
    };
    let message = |post: &&Post| {
        let id = post.message_id().expect("it has an id");
        let message = match post.kind().expect("it has a kind") {
            MessageKind::EhrRequest => Message::Request,
            MessageKind::EhrExtract => Message::Core(cores[id] as u8),
            MessageKind::Continue => Message::Continue,
            MessageKind::Fragment => Message::Fragment(fragments[id]),
            MessageKind::Acknowledgement => named(post),
        };
        (post.at, message)
    };
    let mut said: Vec<_> = posts.iter().map(message).collect();
    said.sort();
    let both = [Role::Requesting, Role::Sending].into_iter();
    let taken = both.flat_map(|role| view.accepted_from(role));
    let mut taken: Vec<_> = taken.map(|post| message(&post)).collect();
    taken.sort();
    (said, taken)
}

fn terms() -> Terms {
    Terms {
        link: LINK,
        retries: 2,
        retry_interval: Duration::from_secs(300),
        persist_extract: Duration::from_secs(15_000),
        persist_copc: Duration::from_secs(25_200),
    }
}

/// The messages of the log that Spine took, as the national statistics would see them.
fn outcome(taken: &[(Time, Message)]) -> Outcome {
    let mut evidence = Evidence::default();
    for (at, message) in taken {
        evidence.note(*at, *message, Duration::MAX);
    }
    evidence.outcome()
}

/// Plays a plan twice; whatever differs is told.
fn compare(drama: &Play) -> Played {
    let plan = drama.plan();
    assert_eq!(plan.link_delay, LINK);
    let wire = Wire::run(&plan);
    let begun = wire.posts.first().expect("a request is posted").0;
    let case = drama.case(&wire);
    let planned = Planned::new(&drama.faults);
    let mut played = play(begun, case, &terms(), &drama.outages(&plan), planned);
    played.posts.sort();
    // A system that was down posts again all that it had under way; the model only what has an effect.
    let posts = |posts: &[(Time, Message)]| match drama.crash {
        None => posts.to_vec(),
        Some(_) => first_of_each(posts),
    };
    let lines = |said: &[(Time, Message)]| {
        let line = |(at, message): &(Time, Message)| format!("+{:?} {message:?}", at.since(begun));
        posts(said).iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(&played.posts),
        lines(&wire.posts),
        "model, wire: {drama:#?}"
    );
    assert_eq!(played.outcome, wire.outcome, "model, wire: {drama:#?}");
    assert_eq!(
        played.print_state, wire.print_state,
        "model, wire: {drama:#?}"
    );
    played
}

fn first_of_each(posts: &[(Time, Message)]) -> Vec<(Time, Message)> {
    let mut first: Vec<(Time, Message)> = Vec::new();
    for (at, message) in posts {
        if !first.iter().any(|(_, other)| other == message) {
            first.push((*at, *message));
        }
    }
    first
}

fn plain() -> Play {
    Play {
        tpp: false,
        version: Version::V2_2bUk07,
        small: false,
        held: true,
        record_kb: 10,
        documents: vec![],
        missing: false,
        returning: false,
        habit: Some((Decision::Integrate, 2)),
        faults: vec![],
        repeats_after: None,
        crash: None,
    }
}

#[test]
fn a_small_record_is_played_alike() {
    let played = compare(&plain());
    assert_eq!(played.outcome, Outcome::IntegratedOnTime);
    assert_eq!(played.posts.len(), 4);
}

#[test]
fn a_large_record_is_played_alike() {
    let played = compare(&Play {
        documents: vec![2, 28, 28, 28, 50, 100],
        ..plain()
    });
    assert_eq!(outcome(&played.taken), Outcome::IntegratedOnTime);
    assert!(played.posts.len() > 20, "{:?}", played.posts);
}

#[test]
fn a_record_that_is_sent_twice_is_played_alike() {
    for documents in [vec![], vec![2, 28, 28, 100]] {
        // While it waits for people, and after they filed it.
        for habit in [100, 2] {
            let played = compare(&Play {
                documents: documents.clone(),
                habit: Some((Decision::Integrate, habit)),
                repeats_after: Some(5),
                ..plain()
            });
            let duplicate = Message::CoreAck(1, Some(Code::DUPLICATE));
            assert!(played.posts.iter().any(|(_, said)| *said == duplicate));
            assert_eq!(played.outcome, Outcome::IntegratedOnTime);
        }
    }
}

#[test]
fn systems_that_are_down_for_a_while_are_played_alike() {
    for system in [Role::Requesting, Role::Sending] {
        for lasts in [1, 8, 40, 300] {
            for step in 0..30 {
                compare(&Play {
                    documents: vec![2, 28, 28, 100],
                    crash: Some((system, 1_250 + 37 * step, lasts)),
                    ..plain()
                });
            }
            // While people look at the record, and when they decide.
            for from in [3_600_000, 7_100_000] {
                compare(&Play {
                    crash: Some((system, from, lasts)),
                    ..plain()
                });
            }
        }
    }
}

fn faults() -> impl Strategy<Value = Vec<PlannedFault>> {
    let place = prop_oneof![
        Just((MessageKind::EhrRequest, Role::Requesting)),
        Just((MessageKind::EhrExtract, Role::Sending)),
        Just((MessageKind::Continue, Role::Requesting)),
        Just((MessageKind::Fragment, Role::Sending)),
        Just((MessageKind::Acknowledgement, Role::Requesting)),
        Just((MessageKind::Acknowledgement, Role::Sending)),
    ];
    let trouble = prop::sample::select(Trouble::ALL.to_vec());
    let fault =
        (place, 1_u32..6, trouble).prop_map(|((kind, from), occurrence, trouble)| PlannedFault {
            kind,
            from,
            occurrence: match kind {
                MessageKind::EhrRequest | MessageKind::EhrExtract | MessageKind::Continue => 1,
                MessageKind::Fragment | MessageKind::Acknowledgement => occurrence,
            },
            trouble,
        });
    prop::collection::vec(fault, 0..3)
}

/// Leaves out what the model leaves out: TimeToLive, which TPP keeps short; what only a record in pieces shows
/// later, or an index not at all; broken messages that bring no record.
fn in_the_model(mut faults: Vec<PlannedFault>, tpp: bool, documents: &[u32]) -> Vec<PlannedFault> {
    if tpp {
        faults.truncate(1);
    }
    let is_alone = faults.len() == 1;
    let has_pieces = documents.iter().any(|kilobytes| *kilobytes >= 50);
    faults.retain(|fault| match (fault.trouble, fault.kind) {
        (Trouble::Late(seconds), _) => !tpp || seconds < LATE_SECONDS,
        (Trouble::Malformed, kind) => {
            matches!(kind, MessageKind::EhrExtract | MessageKind::Fragment)
        }
        (Trouble::Spoilt, kind) => kind == MessageKind::Fragment && is_alone && !has_pieces,
        (_, _) => true,
    });
    faults
}

fn plays() -> impl Strategy<Value = Play> {
    let documents = (
        0_usize..4,
        0_usize..4,
        prop::sample::subsequence(vec![50_u32, 100], 0..=2),
    );
    let documents = documents.prop_map(|(small, whole, cut)| {
        let mut documents = vec![2; small];
        documents.extend(vec![28; whole]);
        documents.extend(cut);
        documents
    });
    let decision = prop::sample::select(vec![
        Decision::Integrate,
        Decision::Integrate,
        Decision::Suppress,
        Decision::Reject,
        Decision::FailToIntegrate,
    ]);
    let habit = prop::option::weighted(
        0.85,
        (decision, prop::sample::select(vec![0_u32, 2, 100, 250])),
    );
    let version = prop::sample::select(vec![
        Version::V2_2a,
        Version::V2_2b,
        Version::V2_2bUk07,
        Version::V2_2c,
    ]);
    let often = prop::bool::weighted;
    (
        (often(0.25), version, often(0.15), often(0.93)),
        (documents, often(0.15), often(0.3), habit, faults()),
    )
        .prop_map(
            |((tpp, version, small, held), (documents, missing, returning, habit, faults))| Play {
                tpp,
                version,
                small,
                held,
                record_kb: 10,
                missing,
                returning,
                habit: habit.map(|(decision, hours)| match decision {
                    // Nobody else's record can be suppressed.
                    Decision::Suppress if !returning => (Decision::Integrate, hours),
                    Decision::Suppress
                    | Decision::Integrate
                    | Decision::Reject
                    | Decision::FailToIntegrate => (decision, hours),
                }),
                faults: in_the_model(faults, tpp, &documents),
                documents,
                repeats_after: None,
                crash: None,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_played_alike(drama in plays()) {
        compare(&drama);
    }
}
