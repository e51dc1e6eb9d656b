//! Recorded transfers: the published real one where it lies beside the repository, and ours.

#![cfg(test)]

#[path = "../wire/tests/support/mod.rs"]
mod beside;
mod support;

use std::path::{Path, PathBuf};

use gp2gp::check::View;
use gp2gp::judge::{Question, Required};
use gp2gp::recording;
use gp2gp_model::plan::Role;
use gp2gp_model::verdict::{Finding, Profile, Verdict};

/// Digests of the four documents, as published beside the recording.
const DOCUMENTS: [(&str, u64, &str); 4] = [
    (
        "image.tif",
        31_388,
        "45c73a2fac9febd9b7fc0a21546cd9c1ce45cdf2d7a70685e3eed4ee5c065c89",
    ),
    (
        "LICENSE.txt",
        11_560,
        "3ddf9be5c28fe27dad143a5dc76eea25222ad1dd68934a047064e56ed2fa40c5",
    ),
    (
        "book.txt",
        1_271_430,
        "e125a9852f9465e16c0d624d9d310382b0006fd0aaa243f8de35f5a60e1cade6",
    ),
    (
        "sample_mpeg4.mp4",
        245_779,
        "53a5d36e734ac8e2825a02d877bc2c8ac323c98a585a1324cee2cd8149474027",
    ),
];

#[test]
fn the_documents_of_a_real_transfer_have_their_published_digests() {
    let Some(path) = large_message() else { return };
    let view = view(&path);
    assert_eq!(view.documents.len(), DOCUMENTS.len());
    for (document, (name, bytes, sha256)) in view.documents.iter().zip(DOCUMENTS) {
        let report = document.report();
        assert!(report.file_name.ends_with(name), "{}", report.file_name);
        assert_eq!(
            (report.bytes, report.sha256.map(|digest| digest.to_string())),
            (Some(bytes), Some(sha256.to_owned()))
        );
    }
}

#[test]
fn the_judge_finds_by_itself_what_is_wrong_with_a_real_transfer() {
    let Some(path) = large_message() else { return };
    let findings = judge(&view(&path));
    let verdict = |id: &str| {
        findings
            .iter()
            .find(|finding| finding.requirement.as_str() == id)
            .map(|finding| finding.verdict)
    };
    for (id, wanted, why) in [
        (
            "SND-04",
            Verdict::Fail,
            "the index has a conversation of its own",
        ),
        (
            "SND-31",
            Verdict::Fail,
            "three COPCs are older than the Continue",
        ),
        ("SND-42", Verdict::Fail, "a part is application/x-gzip"),
        ("SND-11", Verdict::Warn, "eb:id begins with a digit"),
        (
            "SND-12",
            Verdict::Warn,
            "the extract's HL7 id is not its message id",
        ),
        ("SND-32", Verdict::Pass, "every promised message came once"),
        (
            "SND-34",
            Verdict::Pass,
            "every document can be put together",
        ),
        ("RCV-15", Verdict::Pass, "one Continue"),
        (
            "RCV-43",
            Verdict::CouldNotRun,
            "the final acknowledgement is not in the recording",
        ),
        (
            "SND-14",
            Verdict::CouldNotRun,
            "the request is not in the recording",
        ),
    ] {
        assert_eq!(verdict(id), Some(wanted), "{id}: {why}; {findings:#?}");
    }
}

#[test]
fn every_recorded_message_is_read() {
    let Some(corpus) = beside::corpus() else {
        return;
    };
    for (folder, messages) in [("large-message-1", 7), ("single", 5), ("mhs-json", 10)] {
        let recording = recording::load(&corpus.join(folder)).expect("it loads");
        assert!(recording.unread.is_empty(), "{:?}", recording.unread);
        assert_eq!(recording.trace.events.len(), messages, "{folder}");
    }
}

#[test]
fn a_folder_without_messages_is_refused_with_what_was_tried() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("notes.txt"), "no message").expect("it is written");
    let error = recording::load(folder.path())
        .err()
        .expect("it is refused")
        .to_string();
    assert!(
        error.contains("holds no recorded message") && error.contains("notes.txt"),
        "{error}"
    );
}

fn judge(view: &View) -> Vec<Finding> {
    let catalogue = support::catalogue();
    Question {
        catalogue: &catalogue,
        roles: &Role::ALL,
        profile: Profile::Strict,
        required: Required::All,
    }
    .ask(view)
}

fn view(path: &Path) -> View {
    let recording = recording::load(path).expect("it loads");
    View::new(&recording.trace, &recording.bodies)
}

fn large_message() -> Option<PathBuf> {
    beside::corpus().map(|corpus| corpus.join("large-message-1"))
}
