use std::time::Duration;

use gp2gp_model::fault::Spoil;

use super::*;

use StoreOperation::{Archive, Delete, List, Read, Record};

fn fired(answer: &Answer) -> bool {
    match answer.fired.as_slice() {
        [] => false,
        [name] => {
            assert_eq!(name, "planned");
            true
        }
        many => panic!("{many:?}"),
    }
}

#[test]
fn a_status_is_answered_with_the_outcome_that_belongs_to_it() {
    for (status, code) in [
        (403, "NO_RELATIONSHIP"),
        (404, "NO_RECORD_FOUND"),
        (422, "INVALID_RESOURCE"),
        (500, "INTERNAL_SERVER_ERROR"),
        (503, "INTERNAL_SERVER_ERROR"),
        (507, "INTERNAL_SERVER_ERROR"),
    ] {
        let effect = match status {
            507 => Effect::FullDisk,
            status => Effect::Refuse(status),
        };
        let mut bench = Bench::with_fault(effect, Archive, Often::First(1));
        let refused = bench.act(ActingRole::System, 0, DocumentOperation::Archive);
        assert!(fired(&refused));
        let why = format!("the store answers {status}");
        assert_eq!(refused.refusal(), (status, code.to_owned(), why));
        assert_eq!(bench.state(0), DocumentState::Held);
        let done = bench.act(ActingRole::System, 0, DocumentOperation::Archive);
        assert!(!fired(&done) && done.status() == 200);
    }
}

#[test]
fn whole_requests_can_be_refused() {
    let number = Patient::generate(1, 0).nhs_number;
    let mut bench = Bench::with_fault(Effect::Refuse(503), List, Often::Always);
    assert_eq!(bench.list().refusal().0, 503);
    assert_eq!(bench.read(0).status(), 200);
    let mut bench = Bench::with_fault(Effect::Refuse(503), Record, Often::Always);
    let request = bench.asker.record(NOW, "t", number);
    assert_eq!(bench.ask(&request).refusal().0, 503);
    assert_eq!(bench.list().status(), 200);
}

/// Spec 90, modes 1 and 2: large documents fail more often, each fault by its own stream.
#[test]
fn deletes_fail_more_often_above_a_size() {
    let failing = |name, at_least_bytes, at_most_bytes, percent| {
        let documents = DocumentPattern {
            at_least_bytes,
            at_most_bytes,
            file_name: None,
        };
        let often = Often::Percent(percent);
        planned(name, Effect::Refuse(500), Delete, documents, often)
    };
    let run = || {
        let documents = (0..400).map(|index| {
            let bytes = if index % 2 == 0 { 2_000 } else { 100 };
            (document(index, DocumentKind::Text, bytes), None)
        });
        let faults = vec![
            failing("small", None, Some(1_999), 10),
            failing("large", Some(2_000), None, 60),
        ];
        let mut bench = Bench::with(documents.collect(), faults);
        let mut failed = Vec::new();
        for nth in 0..400 {
            bench.act(ActingRole::System, nth, DocumentOperation::Archive);
            let answer = bench.act(ActingRole::System, nth, DocumentOperation::Delete);
            if answer.status() == 500 {
                let wanted = if nth % 2 == 0 { "large" } else { "small" };
                assert_eq!(answer.fired, [wanted]);
                assert_eq!(bench.state(nth), DocumentState::Archived);
                failed.push(nth);
            } else {
                assert_eq!((answer.status(), answer.fired.len()), (204, 0));
            }
        }
        failed
    };
    let failed = run();
    let large = failed.iter().filter(|nth| *nth % 2 == 0).count();
    let small = failed.len() - large;
    assert!((90..150).contains(&large), "{large} of 200");
    assert!((5..40).contains(&small), "{small} of 200");
    assert_eq!(failed, run(), "the same seed fails the same documents");
}

#[test]
fn a_fault_means_the_documents_that_fit_it() {
    let mut documents = three_documents();
    documents[1].0.file_name = "letter.txt".to_owned();
    let pattern = DocumentPattern {
        file_name: Some("letter.txt".to_owned()),
        ..DocumentPattern::default()
    };
    let locked = Effect::Spoil(Spoil::Locked);
    let planned = planned("planned", locked, Read, pattern, Often::On(vec![2]));
    let mut bench = Bench::with(documents, vec![planned]);
    assert_eq!((bench.read(0).status(), bench.read(1).status()), (200, 200));
    let locked = bench.read(1);
    assert!(fired(&locked));
    assert_eq!(locked.refusal().0, 423);
    assert_eq!(bench.read(1).status(), 200);
}

#[test]
fn a_document_deleted_between_list_and_fetch_is_gone_and_restorable() {
    let mut bench = Bench::with_fault(
        Effect::Spoil(Spoil::DeletedMeanwhile),
        Read,
        Often::First(1),
    );
    assert_eq!(bench.list().json()["total"], 3);
    let gone = bench.read(0);
    assert!(fired(&gone));
    assert_eq!(gone.refusal().0, 410);
    assert_eq!(bench.state(0), DocumentState::Deleted);
    assert_eq!(bench.list().json()["total"], 2);
    let by_the_desk =
        (bench.store.audit().iter()).filter(|entry| entry.role == Some(ActingRole::SupportDesk));
    assert_eq!(by_the_desk.count(), 2);
}

#[test]
fn a_wrong_type_differs_between_list_and_content() {
    let mut bench = Bench::with_fault(Effect::Spoil(Spoil::WrongType), Read, Often::Always);
    let listed = bench.list().json();
    let listed = &listed["entry"][0]["resource"]["content"][0]["attachment"]["contentType"];
    let answer = bench.read(0);
    assert!(fired(&answer));
    assert_eq!(
        (listed, answer.binary().0.as_str()),
        (&json!("image/tiff"), "text/plain")
    );
    assert_eq!(
        bench.range(0, 0..10).response.content_type.as_deref(),
        Some("text/plain")
    );

    let mut bench = Bench::with_fault(Effect::Spoil(Spoil::WrongType), List, Often::First(1));
    let list = bench.list();
    assert!(fired(&list));
    let list = list.json();
    assert_eq!(
        list["entry"][0]["resource"]["content"][0]["attachment"]["contentType"],
        "text/plain"
    );
    assert_eq!(bench.read(0).binary().0, "image/tiff");
}

#[test]
fn zero_bytes_come_in_every_form() {
    let mut bench = Bench::with_fault(Effect::Spoil(Spoil::ZeroBytes), Read, Often::Always);
    assert_eq!(
        bench.read(0).binary(),
        ("image/tiff".to_owned(), Vec::new())
    );
    let ranged = bench.range(0, 0..1_000);
    assert!(fired(&ranged));
    assert_eq!((ranged.status(), ranged.response.body.len()), (200, 0));
}

#[test]
fn a_bad_binary_cannot_be_read() {
    let mut bench = Bench::with_fault(Effect::Spoil(Spoil::BadBinary), Read, Often::Always);
    for answer in [bench.read(0), bench.range(0, 0..10)] {
        assert!(fired(&answer));
        assert_eq!(answer.status(), 200);
        assert!(serde_json::from_slice::<Value>(&answer.response.body).is_err());
    }
}

#[test]
fn a_wrong_size_differs_between_list_and_content() {
    let mut bench = Bench::with_fault(Effect::Spoil(Spoil::WrongSize), List, Often::First(1));
    let list = bench.list();
    assert!(fired(&list));
    let list = list.json();
    let size =
        |nth: usize| list["entry"][nth]["resource"]["content"][0]["attachment"]["size"].clone();
    assert_eq!((size(0), size(1)), (json!(220_001), json!(1_000)));
    assert_eq!(bench.read(0).binary().1.len(), 200_000);

    let wrong = Effect::Spoil(Spoil::WrongSize);
    let mut bench = Bench::with_fault(wrong, Read, Often::Always);
    assert_eq!(bench.read(0).binary().1.len(), 180_000);
    assert_eq!(
        bench.range(0, 0..200_000).header("Content-Range"),
        Some("bytes 0-179999/180000")
    );
}

#[test]
fn a_token_that_expires_midway_is_good_for_nothing_and_a_new_one_reads_on() {
    let mut bench = Bench::with_fault(Effect::Spoil(Spoil::TokenExpired), Read, Often::First(1));
    assert_eq!(bench.range(0, 0..1_000).status(), 206);
    let url = format!("{BASE}/Binary/{}", bench.id(0));
    let request = (bench.asker).range(bench.now, "one-token", &url, &(1_000..2_000));
    let expired = bench.ask(&request);
    assert!(fired(&expired));
    assert_eq!(expired.refusal().0, 401);
    let again = bench.ask(&request);
    assert!(!fired(&again));
    assert_eq!(
        again.refusal(),
        (
            401,
            "ACCESS_DENIED".to_owned(),
            "token has expired".to_owned()
        )
    );
    assert_eq!(bench.range(0, 1_000..2_000).status(), 206);
}

#[test]
fn a_reset_does_nothing_and_a_lost_answer_did_it() {
    let mut bench = Bench::with_fault(Effect::Reset, Archive, Often::Always);
    let answer = bench.act(ActingRole::System, 0, DocumentOperation::Archive);
    assert!(fired(&answer));
    assert_eq!(
        (answer.conduct, bench.state(0)),
        (Conduct::Reset, DocumentState::Held)
    );
    assert!(bench.store.audit().is_empty());

    let mut bench = Bench::with_fault(Effect::LoseAnswer, Archive, Often::Always);
    let answer = bench.act(ActingRole::System, 0, DocumentOperation::Archive);
    assert!(fired(&answer));
    assert_eq!(
        (answer.conduct, bench.state(0)),
        (Conduct::Reset, DocumentState::Archived)
    );
    assert_eq!(bench.store.audit().len(), 1);
}

#[test]
fn connections_misbehave_as_planned() {
    for (fault, conduct) in [
        (Effect::Drop, Conduct::Silent),
        (Effect::Truncate(50), Conduct::Truncate { percent: 50 }),
        (
            Effect::Slow(1_000),
            Conduct::Slow {
                bytes_per_second: 1_000,
            },
        ),
    ] {
        let mut bench = Bench::with_fault(fault, Read, Often::Always);
        let answer = bench.range(0, 0..10);
        assert!(fired(&answer));
        assert_eq!(answer.conduct, conduct);
        assert_eq!(bench.list().conduct, Conduct::Clean);
    }
}

#[test]
fn a_late_answer_is_given_when_its_time_comes() {
    let delay = Duration::from_secs(7);
    let mut bench = Bench::with_fault(Effect::Delay(delay), List, Often::Always);
    let request = bench.asker.list(NOW, "t", "patient-1");
    bench.store.handle(
        NOW,
        Input::Request {
            id: AnswerId(3),
            request,
        },
    );
    assert_eq!(
        bench.store.poll_output(),
        Some(Output::FaultFired("planned".to_owned()))
    );
    assert_eq!(bench.store.poll_output(), None);
    assert_eq!(
        bench.store.poll_timeout().map(|deadline| deadline.at),
        Some(NOW + delay)
    );
    bench.store.handle_timeout(NOW + delay);
    let answered = bench.store.poll_output();
    assert!(
        matches!(
            answered,
            Some(Output::Answer {
                id: AnswerId(3),
                ..
            })
        ),
        "{answered:?}"
    );
    assert_eq!(bench.store.poll_timeout(), None);
}
