//! The documents that are not safe in the end: what the page says of each.

use gp2gp::driver::Sut;
use gp2gp_mocks::Defect;
use gp2gp_model::report::FiledInstead;
use gp2gp_model::run_log::Scope;

use super::{part, play};

/// Chunks are joined in reverse: in a scenario that judges the new practice, and in one that does not. In a third the
/// document may be replaced.
#[test]
fn documents_that_are_not_safe_are_listed_with_plan_and_damage_apart() {
    const UNTOLD: &str = "duplicate/continue-delivered-twice";
    const TOLD: &str = "order/index-last";
    const PLANNED: &str = "limits/receiver-document/size=200001";
    let defect = Defect::from_name("chunks-reversed").expect("a defect");
    let sut = Sut::Broken(vec![defect]);
    let material = play(
        &[TOLD, PLANNED, UNTOLD, "transfer/mixed"],
        sut,
        Scope::Selection,
    );
    let page = material.page();
    let lost = part(&page, "lost", "</section>");
    assert!(lost.contains("2 documents are lost or damaged in the end. As planned, a placeholder stands in the new record for "), "{lost}");
    let parts = [
        ("Lost or damaged, and no failure says so", UNTOLD),
        ("Lost or damaged, and a failure says so", TOLD),
    ];
    for (heading, id) in parts {
        let below = lost.split_once(&format!("<h3 class=\"nhsuk-heading-s\">{heading}</h3>"));
        let rows = below
            .expect("the heading")
            .1
            .split("</table>")
            .next()
            .unwrap();
        assert_eq!(rows.matches("<tr><td>").count(), 1, "{heading}: {rows}");
        let scenarios = &material.report.scenarios;
        let scenario = scenarios
            .iter()
            .find(|it| it.id.as_ref().is_some_and(|own| own.as_str() == id));
        let document = scenario
            .unwrap()
            .custody
            .iter()
            .find(|it| it.is_unsafe())
            .unwrap();
        assert!(rows.contains(&document.file_name), "{id}: {rows}");
        assert!(rows.contains(&document.patient.to_string()), "{id}: {rows}");
    }
    assert!(
        lost.contains("which this scenario does not judge: it judges the sending system."),
        "{lost}"
    );
    assert!(
        lost.contains("Continue delivered twice (deliver twice Continue"),
        "what was planned: {lost}"
    );
    assert!(lost.contains("of another content"), "{lost}");
    assert!(lost.contains(">RCV-64: fail</a>"), "{lost}");
    let sound = play(&["transfer/mixed"], Sut::Reference, Scope::Selection).page();
    let lost = part(&sound, "lost", "</section>");
    assert!(
        lost.contains("None. No document was lost or damaged in any scenario. As planned, a placeholder stands in the new record for 5 documents: "),
        "{lost}"
    );
}

/// Refused by the store, missing from the beginning for five reasons, and too large: seven, in scenarios that pass.
#[test]
fn documents_for_which_a_placeholder_stands_as_planned_are_counted_in_one_sentence_and_are_not_lost()
 {
    let ids = [
        "store/refused/status=404",
        "transfer/placeholder",
        "limits/receiver-document/size=200001",
    ];
    let material = play(&ids, Sut::Reference, Scope::Selection);
    let documents = material.report.scenarios.iter().flat_map(|it| &it.custody);
    let replaced =
        documents.filter(|it| it.filed_instead.is_some_and(FiledInstead::is_placeholder));
    assert_eq!(replaced.clone().count(), 7);
    for document in replaced {
        assert!(!document.is_unsafe() && !document.missing_where_acknowledged);
        let ending = "; a placeholder stands for it in the new record, as planned";
        assert!(document.whereabouts.ends_with(ending), "{document:?}");
        let last = document.steps.last().expect("a step");
        assert_eq!(
            last.what,
            "a placeholder stands for it in the record of the new practice, as planned"
        );
        assert!(!last.held_by.contains("new"), "{document:?}");
    }
    let page = material.page();
    let lost = part(&page, "lost", "</section>");
    assert!(
        lost.contains("None. No document was lost or damaged in any scenario. As planned, a placeholder stands in the new record for 7 documents: "),
        "{lost}"
    );
    assert!(!lost.contains("<table"), "{lost}");
    assert!(page.contains(">Documents lost or damaged (0)</a>"));
}

#[test]
fn thousands_of_lost_documents_stay_readable_and_are_counted() {
    let mut material = play(&["transfer/mixed"], Sut::Reference, Scope::Selection);
    let scenario = &mut material.report.scenarios[0];
    let mut lost = scenario.custody[0].clone();
    lost.whereabouts = "LOST".to_owned();
    let numbered = (0..5_000).map(|number| {
        lost.file_name = format!("letter {number}");
        lost.clone()
    });
    scenario.custody = numbered.collect();
    let page = material.page();
    let lost = part(&page, "lost", "</section>");
    assert_eq!(lost.matches("<tr><td>").count(), 100);
    assert!(
        lost.contains("5000 documents are lost or damaged in the end."),
        "{lost}"
    );
    assert!(
        lost.contains("And 4900 more documents in transfer/mixed (4900)."),
        "{lost}"
    );
}

#[test]
fn what_was_removed_before_an_acknowledgement_is_never_among_the_safe_documents() {
    const ID: &str = "named/documents-kept-after-a-refusal";
    let defect = Defect::from_name("deletes-on-refusal").expect("a defect");
    let material = play(&[ID], Sut::Broken(vec![defect]), Scope::Selection);
    let removed = material.report.scenarios[0].custody.iter();
    let removed = removed.filter(|it| it.removed_too_soon);
    assert_eq!(removed.clone().count(), 2);
    assert!(
        removed
            .clone()
            .all(|it| it.is_unsafe() && !it.is_lost_or_damaged())
    );
    let page = material.page();
    let lost = part(&page, "lost", "</section>");
    let (sum, table) = lost.split_once("<h3").expect("a group");
    assert!(
        sum.contains("2 documents are removed from the record of the old practice against the rules; a copy is in its archive."),
        "{sum}"
    );
    assert!(!sum.contains("in the archive of the old practice"), "{sum}");
    assert!(
        table.contains("Removed from the record of the old practice against the rules</h3>"),
        "{table}"
    );
    for document in removed {
        assert!(table.contains(&document.file_name), "{table}");
    }
    assert_eq!(page.matches("<details class=\"life lost\"").count(), 2);
}

/// Stores that archive and delete, at the right time or by other hands.
#[test]
fn good_systems_remove_nothing_too_soon() {
    let ids = [
        "named/documents-kept-after-a-refusal",
        "store/deleted-meanwhile",
        "transfer/mixed",
        "transfer/placeholder",
        "outage/fragment-lost",
        "export/good",
    ];
    let material = play(&ids, Sut::Reference, Scope::Selection);
    let mut documents = material.report.scenarios.iter().flat_map(|it| &it.custody);
    assert!(documents.clone().count() > 10);
    assert!(
        documents.clone().any(|it| it
            .whereabouts
            .starts_with("in the archive of the old practice")),
        "some were archived by others"
    );
    assert!(documents.all(|it| !it.is_unsafe()));
}

/// Six and four documents called `Untitled`, of which the new practice has no more than one.
#[test]
fn documents_with_one_name_and_one_fate_are_one_row_with_what_tells_them_apart() {
    let ids = [
        "transfer/same-file-name-in-fragments",
        "transfer/same-file-name",
    ];
    let defect = Defect::from_name("names-overwrite").expect("a defect");
    let material = play(&ids, Sut::Broken(vec![defect]), Scope::Selection);
    let page = material.page();
    let lost = part(&page, "lost", "</section>");
    assert_eq!(lost.matches("<tr><td>").count(), 2, "{lost}");
    for scenario in &material.report.scenarios {
        let harmed = scenario.custody.iter().filter(|it| it.is_unsafe());
        let called = format!(
            "{} documents called <b>Untitled</b>",
            harmed.clone().count()
        );
        assert!(lost.contains(&called), "{called}: {lost}");
        for document in harmed {
            let digest = document.sha256.to_string();
            assert!(
                lost.contains(&format!(", sha256 {}</a>", &digest[..8])),
                "{lost}"
            );
        }
    }
}

#[test]
fn of_very_many_documents_with_one_name_the_first_are_told_apart() {
    let mut material = play(&["transfer/mixed"], Sut::Reference, Scope::Selection);
    let scenario = &mut material.report.scenarios[0];
    let mut lost = scenario.custody[0].clone();
    lost.whereabouts = "LOST".to_owned();
    scenario.custody = vec![lost; 5_000];
    let page = material.page();
    let lost = part(&page, "lost", "</section>");
    assert!(lost.contains("5000 documents called <b>"), "{lost}");
    assert!(lost.contains("; and 4988 more</span>"), "{lost}");
    assert_eq!(lost.matches(", sha256 ").count(), 12);
}
