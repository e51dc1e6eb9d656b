use gp2gp_model::OdsCode;
use gp2gp_model::fault::{DocumentPattern, Effect, Fault, Often, StoreOperation, Target, When};
use gp2gp_model::store::{DeletePolicy, DocumentState};
use gp2gp_sim::Streams;
use gp2gp_wire::export::RESTORE_ORDERS;

use super::*;
use crate::peer::AnswerId;
use crate::store::{Store, StoreConfig, StoredPatient};
use crate::synthetic::{DocumentKind, DocumentSpec, Patient, RecordSpec};

use ActingRole::{HealthBoard, SupportDesk, System};
use DocumentOperation::{Archive, Delete, Waive};

const NOW: Time = Time::from_micros(1_800_000_000_000_000);

/// A desk before a store of three documents.
struct Bench {
    desk: Desk,
    store: Store,
    asker: Requester,
    patient: NhsNumber,
    now: Time,
}

impl Bench {
    fn new(faults: Vec<Fault>) -> Self {
        let practice: OdsCode = "B83002".parse().unwrap();
        let patient = Patient::generate(1, 0);
        let nhs_number = patient.nhs_number;
        let specs = (0..3).map(|index| DocumentSpec::generate(1, index, DocumentKind::Text, 100));
        let specs: Vec<_> = specs.collect();
        let asker = Requester {
            asid: "200000000205".parse().unwrap(),
            practice: practice.clone(),
            store: "918999198738".parse().unwrap(),
            base: "https://store.invalid".to_owned(),
        };
        let record = RecordSpec {
            patient,
            practice: practice.clone(),
            target_bytes: 60_000,
            documents: specs.clone(),
            linked: None,
            entries: Vec::new(),
            redactions: false,
            seed: 5,
            recorded_at: NOW,
        };
        let config = StoreConfig {
            base: asker.base.clone(),
            asid: asker.store.clone(),
            practice,
            policy: DeletePolicy::ArchiveFirst,
            patients: vec![StoredPatient {
                record,
                documents: specs.into_iter().map(|spec| (spec, None)).collect(),
            }],
            faults,
            started: NOW,
        };
        let retention = Duration::from_hours(168);
        Self {
            desk: Desk::new(ExportTerms { retention }, asker.clone(), Vec::new()),
            store: Store::new(config, Streams::new(1)),
            asker,
            patient: nhs_number,
            now: NOW,
        }
    }

    fn id(&self, nth: usize) -> DocumentId {
        self.store.documents()[nth].number.clone()
    }

    fn state(&self, nth: usize) -> DocumentState {
        self.store.documents()[nth].state
    }

    fn act(&mut self, role: ActingRole, nth: usize, operation: DocumentOperation) {
        let id = self.id(nth);
        let request = (self.asker).act(self.now, "before", role, id.as_str(), operation);
        let status = self.store.reply(self.now, &request).0.status;
        assert!(status < 300, "{role} {operation}: {status}");
    }

    fn order_all_back(&mut self) -> Word {
        let order = RestoreOrder {
            patient: self.patient,
            documents: (0..3).map(|nth| self.id(nth)).collect(),
        };
        let request = json_request(Method::Post, RESTORE_ORDERS.to_owned(), &order);
        let id = AnswerId(1);
        self.desk.handle(self.now, Input::Request { id, request });
        self.word()
    }

    /// Answers the desk as the store would, until it tells the practice something.
    fn word(&mut self) -> Word {
        for _ in 0..100 {
            let Some(output) = self.desk.poll_output() else {
                self.now = self.desk.poll_timeout().expect("the desk goes on").at;
                self.desk.handle_timeout(self.now);
                continue;
            };
            let Output::Post {
                id, to, request, ..
            } = output
            else {
                continue;
            };
            if to == Endpoint::Office {
                return serde_json::from_slice(&request.body).unwrap();
            }
            assert_eq!(to, Endpoint::Store);
            let response = self.store.reply(self.now, &request).0.into_response();
            let input = Input::Response { post: id, response };
            self.desk.handle(self.now, input);
        }
        panic!("the desk tells nobody anything");
    }
}

#[test]
fn a_document_that_was_destroyed_is_told_from_one_that_was_never_deleted() {
    let mut bench = Bench::new(Vec::new());
    bench.act(System, 0, Archive);
    bench.act(System, 0, Delete);
    bench.act(HealthBoard, 2, Waive);
    bench.act(SupportDesk, 2, Delete);

    let word = bench.order_all_back();
    assert_eq!(word.outcome, DeskOutcome::Restored);
    assert_eq!(word.documents, [bench.id(0), bench.id(1)]);
    assert_eq!(
        word.why,
        format!(
            "a duplicate was stopped: the record is restored but for {}, deleted without a copy; \
             export the rest again",
            bench.id(2)
        )
    );
    let states = [0, 1, 2].map(|nth| bench.state(nth));
    assert_eq!(
        states,
        [
            DocumentState::Archived,
            DocumentState::Held,
            DocumentState::Destroyed
        ]
    );
}

#[test]
fn a_conflict_over_a_document_that_has_a_copy_is_not_taken_for_a_restore() {
    let busy = Fault {
        name: "archive is busy".to_owned(),
        effect: Effect::Refuse(409),
        on: Target::Store {
            operation: StoreOperation::Restore,
            documents: DocumentPattern::default(),
        },
        when: When {
            often: Often::First(1),
            ..When::default()
        },
    };
    let mut bench = Bench::new(vec![busy]);
    bench.act(System, 0, Archive);
    bench.act(System, 0, Delete);

    let word = bench.order_all_back();
    assert_eq!(word.documents.len(), 3);
    assert_eq!(bench.state(0), DocumentState::Archived);
}
