//! A whole cast on one stage, without delay on any link.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gp2gp_model::ScenarioId;
use gp2gp_model::directory::Directory;
use gp2gp_model::manner::{Manner, MessageIds};
use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::plan::{
    Act, Caps, Cleanup, Decision, DescriptionChoice, DocumentPlan, Habit, MissingReason,
    PatientPlan, Plan, Side,
};
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::{Dialect, NhsNumber, Sha256, Time, Version};

use super::*;
use crate::mhs::fixture::{OTHER, OWN, START, directory, ods};
use crate::peer::{AnswerId, Input, Output, Peer, PostId};
use crate::synthetic::Patient;

const SEED: u64 = 11;

const ALL: [Endpoint; 6] = [
    Endpoint::Requesting,
    Endpoint::Spine,
    Endpoint::Sending,
    Endpoint::Store,
    Endpoint::Sds,
    Endpoint::Pds,
];

fn document(media_type: &str, bytes: u64) -> DocumentPlan {
    DocumentPlan {
        media_type: media_type.to_owned(),
        bytes,
        file_name: None,
        description: DescriptionChoice::Grammar,
        missing: None,
        already_missing: None,
        same_id: false,
        arrives: None,
    }
}

fn patient(index: u32, documents: Vec<DocumentPlan>) -> PatientPlan {
    PatientPlan {
        label: format!("patient {index}"),
        nhs_number: Patient::generate(SEED, index).nhs_number,
        index,
        held: true,
        previous_practice: Some(ods(OWN)),
        pds: PdsRecord::new(
            Patient::generate(SEED, index).nhs_number,
            GeneralPractitioner::Practice(ods(OWN)),
        ),
        registers_with: None,
        awaited_from: None,
        current_practice: ods(OTHER),
        returning: false,
        record_bytes: 15_000,
        redactions: false,
        documents,
        habit: Habit {
            decision: Some(Decision::Integrate),
            after: Duration::from_hours(20),
        },
    }
}

fn side(code: &str, dialect: Dialect) -> Side {
    Side {
        ods: ods(code),
        dialect,
        version: Version::default(),
        enabled: true,
        attachment_threshold: 40_000,
        message_limit: 60_000,
        cleanup: Cleanup::Never,
    }
}

fn plan(dialect: Dialect, patients: Vec<PatientPlan>) -> Plan {
    Plan {
        scenario: ScenarioId::parse("cast/test").unwrap(),
        file: ScenarioId::parse("cast/test").unwrap(),
        scenario_digest: Sha256::of(b""),
        text: "".into(),
        written: gp2gp_model::plan::Written::default(),
        asked_as: "test".to_owned(),
        title: String::new(),
        story: String::new(),
        judges: Vec::new(),
        seed: SEED,
        starts_at: START,
        time_limit: Duration::from_hours(24 * 10),
        directory: directory(),
        registry: gp2gp_model::registry::Registry::default(),
        requesting: side(OTHER, Dialect::NationalMhs),
        sending: side(OWN, dialect),
        manner: Manner::default(),
        caps: Caps::default(),
        requesting_message_ids: MessageIds::default(),
        export: None,
        federation: None,
        patients,
        steps: Vec::new(),
        faults: Vec::new(),
        link_delay: Duration::ZERO,
        requirements: Vec::new(),
        heavy: false,
        to_the_byte: false,
        failure_modes: Vec::new(),
        needs: Vec::new(),
        time_modes: Vec::new(),
        expects: Vec::new(),
        at_once: None,
        terms: gp2gp_model::terms::Terms::default(),
        exercised_when: Vec::new(),
    }
}

/// Carries everything between the players until nobody wants anything any more.
struct Stage {
    cast: Cast,
    now: Time,
    inputs: VecDeque<(Endpoint, Input)>,
    exchanges: BTreeMap<AnswerId, (Endpoint, PostId)>,
}

impl Stage {
    fn play(plan: &Plan) -> Self {
        let registrations = plan.patients.iter().map(|patient| {
            let act = Act::Register {
                patient: patient.nhs_number,
                gp: None,
            };
            (Endpoint::Requesting, Input::Act(act))
        });
        let mut stage = Self {
            cast: Cast::from_plan(plan, &[]).unwrap(),
            now: plan.starts_at,
            inputs: registrations.collect(),
            exchanges: BTreeMap::new(),
        };
        while stage.step() {}
        stage
    }

    fn step(&mut self) -> bool {
        if let Some((to, input)) = self.inputs.pop_front() {
            let now = self.now;
            self.peer(to).handle(now, input);
        } else if let Some(at) = self.next_deadline() {
            self.now = self.now.max(at);
            self.wake();
        } else {
            return false;
        }
        for from in ALL {
            while let Some(output) = self.peer(from).poll_output() {
                self.carry(from, output);
            }
        }
        true
    }

    fn next_deadline(&self) -> Option<Time> {
        let cast = &self.cast;
        let deadlines = [
            cast.requesting.poll_timeout(),
            cast.sending.poll_timeout(),
            cast.spine.poll_timeout(),
            cast.people.poll_timeout(),
        ];
        deadlines
            .into_iter()
            .flatten()
            .map(|deadline| deadline.at)
            .min()
    }

    fn wake(&mut self) {
        let now = self.now;
        let acts = self.cast.people.handle_timeout(now);
        let acts = acts
            .into_iter()
            .map(|act| (Endpoint::Requesting, Input::Act(act)));
        self.inputs.extend(acts);
        for endpoint in ALL {
            self.peer(endpoint).handle_timeout(now);
        }
    }

    fn carry(&mut self, from: Endpoint, output: Output) {
        match output {
            Output::Post {
                id, to, request, ..
            } => {
                let answer = AnswerId(self.exchanges.len() as u64);
                self.exchanges.insert(answer, (from, id));
                let input = Input::Request {
                    id: answer,
                    request,
                };
                self.inputs.push_back((to, input));
            }
            Output::Answer { id, response, .. } => {
                let (poster, post) = self.exchanges[&id];
                self.inputs
                    .push_back((poster, Input::Response { post, response }));
            }
            Output::Notice(notice) => self.cast.people.notice(self.now, &notice),
            Output::FaultFired(name) => panic!("no fault was planned, and {name} fired"),
            Output::Crash { system, .. } => panic!("no fault was planned, and {system} goes down"),
        }
    }

    fn peer(&mut self, endpoint: Endpoint) -> &mut dyn Peer {
        self.cast.peer_mut(endpoint).unwrap()
    }

    /// Name and digest of each document that arrived for a patient; placeholders and the record
    /// itself apart.
    fn stored(&self, whose: NhsNumber) -> Vec<(String, Sha256)> {
        (self.cast.requesting.observe().into_iter())
            .filter_map(|observation| match observation {
                Observation::Stored {
                    patient,
                    file_name,
                    sha256,
                    placeholder,
                    ..
                } => {
                    let document = !placeholder && file_name != "record.xml";
                    (patient == whose && document).then_some((file_name, sha256))
                }
                Observation::InStore { .. } | Observation::Transfer { .. } => None,
            })
            .collect()
    }

    fn print_states(&self) -> Vec<Option<u8>> {
        (self.cast.sending.observe().into_iter())
            .filter_map(|observation| match observation {
                Observation::Transfer { print_state, .. } => Some(print_state),
                Observation::InStore { .. } | Observation::Stored { .. } => None,
            })
            .collect()
    }
}

#[test]
fn what_is_held_is_what_the_requesting_system_stores() {
    for dialect in [
        Dialect::NationalMhs,
        Dialect::Tpp,
        Dialect::Emis,
        Dialect::Vision,
    ] {
        let documents = vec![
            document("image/jpeg", 90_000),
            document("text/plain", 20_000),
            document("application/vnd.example.docx", 30_000),
        ];
        let plan = plan(dialect, vec![patient(0, documents), patient(1, Vec::new())]);
        let stage = Stage::play(&plan);
        assert_eq!(stage.print_states(), [Some(1), Some(1)], "{dialect}");
        let mut held: Vec<_> = (stage.cast.held.iter())
            .map(|document| (document.file_name.clone(), document.sha256))
            .collect();
        let mut stored = stage.stored(plan.patients[0].nhs_number);
        held.sort();
        stored.sort();
        assert_eq!(stored, held, "{dialect}");
    }
}

#[test]
fn a_skeleton_goes_through_as_well() {
    let mut oversized = patient(0, vec![document("image/png", 5_000)]);
    oversized.record_bytes = 200_000;
    let plan = plan(Dialect::NationalMhs, vec![oversized]);
    let stage = Stage::play(&plan);
    assert_eq!(stage.print_states(), [Some(1)]);
    assert_eq!(stage.stored(plan.patients[0].nhs_number).len(), 1);
}

#[test]
fn what_cannot_be_delivered_is_held_all_the_same_and_must_be_printed() {
    let mut missing = document("image/jpeg", 5_000);
    missing.missing = Some(MissingReason::Locked);
    let plan = plan(Dialect::NationalMhs, vec![patient(0, vec![missing])]);
    let stage = Stage::play(&plan);
    assert_eq!(stage.print_states(), [Some(2)]);
    assert!(!stage.cast.held[0].deliverable);
    assert_eq!(stage.stored(plan.patients[0].nhs_number), []);
}

#[test]
fn nobody_holds_documents_of_a_patient_that_is_not_held() {
    let mut unknown = patient(0, vec![document("image/jpeg", 5_000)]);
    unknown.held = false;
    let stage = Stage::play(&plan(Dialect::NationalMhs, vec![unknown]));
    assert_eq!(stage.cast.held, []);
    assert_eq!(stage.print_states(), [Some(4)]);
}

#[test]
fn a_practice_that_the_directory_does_not_list_cannot_play() {
    let plan = Plan {
        directory: Directory::default(),
        ..plan(Dialect::NationalMhs, Vec::new())
    };
    let error = Cast::from_plan(&plan, &[]).err().unwrap();
    assert_eq!(
        error.to_string(),
        "directory of the plan lists no practice B86041, which is to be the requesting one"
    );
}
