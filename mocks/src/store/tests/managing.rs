use proptest::prelude::*;

use super::*;

use ActingRole::{HealthBoard, PracticeUser, SupportDesk, System};
use DocumentOperation::{Archive, Delete, Lock, Read, Restore, Unlock, Waive};

#[test]
fn a_document_is_archived_deleted_and_restored() {
    let mut bench = Bench::new();
    let archived = bench.act(System, 0, Archive);
    assert_eq!(archived.status(), 200);
    let parameters = archived.json();
    let value = |name: &str| {
        let all = parameters["parameter"].as_array().unwrap();
        all.iter()
            .find(|parameter| parameter["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(value("state")["valueString"], "archived");
    assert_eq!(value("restorable")["valueBoolean"], true);
    assert_eq!(value("size")["valueUnsignedInt"], 200_000);

    assert_eq!(bench.act(System, 0, Delete).status(), 204);
    assert_eq!(bench.list().json()["total"], 2);
    let (status, code, why) = bench.read(0).refusal();
    assert_eq!((status, code.as_str()), (410, "NO_RECORD_FOUND"));
    assert_eq!(why, "document was deleted from the record");

    assert_eq!(bench.act(SupportDesk, 0, Restore).status(), 200);
    assert_eq!(bench.list().json()["total"], 3);
    assert_eq!(bench.read(0).binary().1, bench.spec(0).to_bytes());
}

#[test]
fn nothing_is_deleted_without_a_copy_or_a_permission() {
    let mut bench = Bench::new();
    let (status, code, why) = bench.act(System, 1, Delete).refusal();
    assert_eq!((status, code.as_str()), (409, "CURRENT_STATE"));
    assert_eq!(
        why,
        "document has no archive copy, and nobody permitted to delete it without one"
    );
    assert_eq!(bench.state(1), DocumentState::Held);
    assert_eq!(bench.act(HealthBoard, 1, Waive).status(), 200);
    assert_eq!(bench.act(SupportDesk, 1, Delete).status(), 204);
    assert_eq!(bench.state(1), DocumentState::Destroyed);
    let (status, _, why) = bench.act(SupportDesk, 1, Restore).refusal();
    assert_eq!(
        (status, why.as_str()),
        (
            409,
            "document was deleted without an archive copy and cannot be restored"
        )
    );
}

#[test]
fn an_unguarded_store_destroys_what_it_is_told_to() {
    let mut config = config(three_documents(), Vec::new());
    config.policy = DeletePolicy::Unguarded;
    let mut bench = Bench::of(config);
    assert_eq!(bench.act(System, 1, Delete).status(), 204);
    assert_eq!(bench.state(1), DocumentState::Destroyed);
}

#[test]
fn a_delete_whose_answer_was_lost_can_be_repeated() {
    let mut bench = Bench::new();
    bench.act(System, 0, Archive);
    for _ in 0..2 {
        assert_eq!(bench.act(System, 0, Delete).status(), 204);
    }
    assert_eq!(bench.state(0), DocumentState::Deleted);
}

#[test]
fn a_locked_document_is_left_alone() {
    let mut bench = Bench::new();
    assert_eq!(bench.act(PracticeUser, 0, Lock).status(), 200);
    for (role, operation) in [
        (System, Read),
        (System, Archive),
        (System, Delete),
        (HealthBoard, Waive),
    ] {
        let refusal = bench.act(role, 0, operation).refusal();
        assert_eq!(
            refusal,
            (
                423,
                "RESOURCE_LOCKED".to_owned(),
                "document is locked".to_owned()
            )
        );
    }
    assert_eq!(bench.list().json()["total"], 3);
    assert_eq!(bench.act(SupportDesk, 0, Unlock).status(), 200);
    assert_eq!(bench.read(0).status(), 200);
}

#[test]
fn who_may_not_is_refused_and_recorded() {
    let mut bench = Bench::new();
    bench.act(System, 0, Archive);
    for (role, operation, why) in [
        (
            PracticeUser,
            Delete,
            "practice-user may not delete documents",
        ),
        (HealthBoard, Delete, "health-board may not delete documents"),
        (System, Restore, "system may not restore documents"),
        (System, Waive, "system may not waive documents"),
        (HealthBoard, Read, "health-board may not read documents"),
    ] {
        let refusal = bench.act(role, 0, operation).refusal();
        assert_eq!(refusal, (403, "ACCESS_DENIED".to_owned(), why.to_owned()));
        let entry = bench.store.audit().last().unwrap();
        assert_eq!((entry.status, entry.outcome.as_str()), (403, why));
        assert_eq!(entry.role, Some(role));
        assert_eq!(entry.operation, Some(Operation::Document(operation)));
        assert_eq!(entry.document.as_ref().unwrap().as_str(), bench.id(0));
    }
    assert_eq!(bench.state(0), DocumentState::Archived);
}

/// Every role tries everything that changes a document, on one that would take it.
#[test]
fn whoever_has_no_right_is_refused_and_the_trail_only_grows() {
    for (role, rights) in [
        (System, [true, true, false, false]),
        (PracticeUser, [false, false, false, true]),
        (SupportDesk, [true, true, true, false]),
        (HealthBoard, [false, false, false, true]),
    ] {
        for (operation, may) in [Archive, Delete, Restore, Waive].into_iter().zip(rights) {
            let mut bench = small();
            match operation {
                Delete => assert_eq!(bench.act(System, 0, Archive).status(), 200),
                Restore => {
                    assert_eq!(bench.act(System, 0, Archive).status(), 200);
                    assert_eq!(bench.act(System, 0, Delete).status(), 204);
                }
                Read | Archive | Lock | Unlock | Waive => {}
            }
            let (before, trail) = (bench.state(0), bench.store.audit().to_vec());
            let status = bench.act(role, 0, operation).status();
            assert_eq!(status < 300, may, "{role} {operation}: {status}");
            assert_eq!(status == 403, !may, "{role} {operation}: {status}");
            assert_eq!(bench.state(0) == before, !may, "{role} {operation}");

            let (added, kept) = bench.store.audit().split_last().unwrap();
            assert_eq!(kept, trail, "{role} {operation}");
            assert_eq!(added.role, Some(role));
            assert_eq!(added.operation, Some(Operation::Document(operation)));
            assert_eq!(added.document, Some(bench.id(0).parse().unwrap()));
            assert_eq!(added.status, status);
        }
    }
}

#[test]
fn nobody_can_change_the_trail() {
    let mut bench = small();
    bench.act(PracticeUser, 0, Delete);
    let trail = bench.store.audit().to_vec();
    for role in ActingRole::ALL {
        for method in [Method::Put, Method::Post, Method::Delete] {
            let id = bench.id(0);
            let mut request = bench.asker.audit(NOW, "t", role, &id);
            request.method = method;
            let status = bench.ask(&request).status();
            assert!((400..500).contains(&status), "{role} {method:?}: {status}");
            assert_eq!(
                bench.store.audit().get(..trail.len()),
                Some(trail.as_slice())
            );
        }
    }
}

#[test]
fn management_asks_who_acts_and_reading_does_not() {
    let mut bench = Bench::new();
    let without_role = |bench: &Bench, operation| {
        let mut request = bench.asker.act(NOW, "t", System, &bench.id(0), operation);
        request.headers = without(&request.headers, "acting-role");
        request
    };
    let request = without_role(&bench, Read);
    assert_eq!(bench.ask(&request).status(), 200);
    let request = without_role(&bench, Archive);
    let (status, _, why) = bench.ask(&request).refusal();
    assert_eq!(
        (status, why.as_str()),
        (400, "header Acting-Role is missing: who wants to archive?")
    );
    let mut request = without_role(&bench, Archive);
    request.headers.push("Acting-Role", "root");
    assert_eq!(bench.ask(&request).refusal().0, 400);
}

#[test]
fn the_audit_trail_says_who_did_what_when_and_what_came_of_it() {
    let mut bench = Bench::new();
    bench.act(System, 0, Archive);
    bench.now = NOW + std::time::Duration::from_secs(60);
    bench.act(PracticeUser, 0, Delete);
    let mut request = bench.asker.act(bench.now, "t", HealthBoard, "x", Archive);
    (request.method, request.path) = (Method::Get, format!("/$audit?document={}", bench.id(0)));
    let trail = bench.ask(&request).json();
    assert_eq!(trail["total"], 2);
    let event = |nth: usize| &trail["entry"][nth]["resource"];
    assert_eq!(event(0)["type"]["code"], "archive");
    assert_eq!(
        (&event(0)["action"], &event(0)["outcome"]),
        (&json!("C"), &json!("0"))
    );
    assert_eq!(event(0)["recorded"], NOW.to_string());
    assert_eq!(
        (&event(1)["action"], &event(1)["outcome"]),
        (&json!("D"), &json!("4"))
    );
    assert_eq!(
        event(1)["outcomeDesc"],
        "403 practice-user may not delete documents"
    );
    assert_eq!(event(1)["agent"][0]["role"][0]["text"], "practice-user");
    assert_eq!(event(1)["agent"][0]["userId"]["value"], "200000000205");
    assert_eq!(
        event(1)["entity"][0]["reference"]["reference"],
        format!("Binary/{}", bench.id(0))
    );

    request.path = "/$audit".to_owned();
    assert_eq!(
        bench.ask(&request).json()["total"],
        3,
        "reading the trail is on it"
    );
    request.path = format!("/Binary/{}/$state", bench.id(0));
    let state = bench.ask(&request).json();
    assert_eq!(state["parameter"][1]["valueString"], "archived");
}

#[test]
fn the_store_says_in_the_end_where_every_document_is() {
    let mut bench = Bench::new();
    bench.act(System, 0, Archive);
    bench.act(System, 0, Delete);
    let observed: Vec<_> = (bench.store.observe().into_iter())
        .map(|observation| match observation {
            Observation::InStore {
                state,
                sha256,
                bytes,
                ..
            } => (state, sha256, bytes),
            Observation::Stored { .. } | Observation::Transfer { .. } => panic!("{observation:?}"),
        })
        .collect();
    let digest = |nth: usize| bench.spec(nth).digest().0;
    assert_eq!(
        observed,
        [
            (DocumentState::Deleted, digest(0), 200_000),
            (DocumentState::Held, digest(1), 1_000),
            (DocumentState::Held, digest(2), 25_000_000),
        ]
    );
}

fn small() -> Bench {
    let documents = (0..3).map(|index| (document(index, DocumentKind::Text, 100), None));
    Bench::with(documents.collect(), Vec::new())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_document_is_ever_lost_without_proof(
        operations in proptest::collection::vec((
            proptest::sample::select(ActingRole::ALL.to_vec()),
            0_usize..3,
            proptest::sample::select(DocumentOperation::ALL.to_vec()),
        ), 1..60)
    ) {
        let mut bench = small();
        let mut done = Vec::new();
        for (role, nth, operation) in operations {
            let before = bench.state(nth);
            let answer = bench.act(role, nth, operation);
            let after = bench.state(nth);
            if answer.status() < 400 {
                prop_assert!(role.may(operation));
                done.push((role, nth, operation, after));
            } else {
                prop_assert_eq!(before, after, "a refusal changes nothing");
            }
        }
        prop_assert_eq!(bench.store.audit().iter().filter(|entry| entry.status < 400).count(), done.len());
        for nth in 0..3 {
            let of_it: Vec<_> = done.iter().filter(|(_, own, ..)| *own == nth).collect();
            let was = |operation| of_it.iter().any(|(_, _, own, _)| *own == operation);
            match bench.state(nth) {
                DocumentState::Held | DocumentState::Locked | DocumentState::Waived | DocumentState::Archived => {
                    prop_assert_eq!(bench.store.documents()[nth].state.is_restorable(), bench.state(nth) == DocumentState::Archived);
                }
                DocumentState::Deleted => {
                    prop_assert!(was(Archive));
                    prop_assert_eq!(bench.act(SupportDesk, nth, Restore).status(), 200);
                    prop_assert_eq!(bench.read(nth).binary().1, bench.spec(nth).to_bytes());
                }
                DocumentState::Destroyed => {
                    let permitted = of_it.iter().rposition(|(_, _, own, _)| *own == Waive);
                    let destroyed = of_it.iter().position(|(.., after)| *after == DocumentState::Destroyed);
                    prop_assert!(permitted < destroyed && permitted.is_some());
                }
            }
        }
    }
}
