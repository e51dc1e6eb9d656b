//! Evidence of a run, and what becomes of it when somebody changes it.

#![cfg(test)]

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

fn gp2gp(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", "1790000000")
        .args(args)
        .output()
        .expect("the binary runs")
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8(all).expect("text");
    // Long lines are folded for people.
    let words = text.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("a status")
}

/// Says `told`, and ends with `code`.
fn expect(output: &Output, code: i32, told: &str) {
    let seen = text(output);
    assert_eq!(status(output), code, "{seen}");
    assert!(seen.contains(told), "expected {told:?}; seen {seen}");
}

/// A folder with a run of a broken system, and a key.
fn with_run() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let args = [
        "run",
        "transfer/small-record",
        "acks",
        "--sut",
        "broken:no-final-ack",
    ];
    let run = gp2gp(folder.path(), &args);
    assert_eq!(status(&run), 1, "{}", text(&run));
    let key = gp2gp(folder.path(), &["certify", "--new-key", "key.pem"]);
    expect(&key, 0, "key.pem: private, keep it secret");
    folder
}

fn certify(folder: &Path, to: &str) -> Output {
    gp2gp(folder, &["certify", "--key", "key.pem", "--to", to])
}

fn verify(folder: &Path, archive: &str) -> Output {
    gp2gp(
        folder,
        &["verify", archive, "--key", "key.pub.pem", "--recheck"],
    )
}

/// Names and contents of an archive.
type Files = Vec<(String, Vec<u8>)>;

/// Packs the archive anew, with other files.
fn repack(folder: &Path, change: impl FnOnce(&mut Files)) {
    let file = File::open(folder.join("good.tar.gz")).expect("an archive");
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut files = Files::new();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a name").display().to_string();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        files.push((name, content));
    }
    change(&mut files);
    let file = File::create(folder.join("bad.tar.gz")).expect("an archive");
    let mut builder = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if name.contains("..") {
            // `append_data` would refuse what an attacker does not.
            let bytes = name.as_bytes();
            header.as_gnu_mut().expect("a head").name[..bytes.len()].copy_from_slice(bytes);
            header.set_cksum();
            builder.append(&header, &content[..]).expect("written");
        } else {
            builder
                .append_data(&mut header, &name, &content[..])
                .expect("written");
        }
    }
    let gzip = builder.into_inner().expect("written");
    gzip.finish().expect("written");
}

#[test]
fn an_archive_holds_what_its_traces_say_and_is_the_same_twice() {
    let folder = with_run();
    let path = folder.path();
    expect(
        &certify(path, "good.tar.gz"),
        0,
        "FAILED of broken:no-final-ack",
    );
    certify(path, "again.tar.gz");
    let read = |name: &str| fs::read(path.join(name)).expect("an archive");
    assert!(read("good.tar.gz") == read("again.tar.gz"));
    let verified = verify(path, "good.tar.gz");
    expect(&verified, 0, "good.tar.gz: holds");
    expect(&verified, 0, "signed by the key that you gave");
    expect(&verified, 0, "scenarios judged again");
    let own = gp2gp(path, &["verify", "good.tar.gz"]);
    expect(
        &own,
        0,
        "the key in the archive: give `--key` to know whose it is",
    );
}

#[test]
fn another_key_is_not_the_one_that_signed() {
    let folder = with_run();
    certify(folder.path(), "good.tar.gz");
    gp2gp(folder.path(), &["certify", "--new-key", "other.pem"]);
    let args = ["verify", "good.tar.gz", "--key", "other.pub.pem"];
    expect(
        &gp2gp(folder.path(), &args),
        1,
        "the statement is not signed by key",
    );
    let args = ["verify", "good.tar.gz", "--key", "key.pem"];
    expect(&gp2gp(folder.path(), &args), 2, "not a public key in PEM");
}

#[test]
fn a_key_that_is_there_is_not_overwritten() {
    let folder = with_run();
    let again = gp2gp(folder.path(), &["certify", "--new-key", "key.pem"]);
    expect(&again, 2, "writing key.pem");
}

#[test]
fn a_changed_archive_does_not_hold() {
    let folder = with_run();
    let path = folder.path();
    certify(path, "good.tar.gz");
    let passes = |content: &mut Vec<u8>| {
        let text = String::from_utf8(content.clone()).expect("text");
        *content = text.replace("\"fail\"", "\"pass\"").into_bytes();
    };
    repack(path, |files| {
        let run = files.iter_mut().find(|(name, _)| name == "run.jsonl");
        passes(&mut run.expect("a run").1);
    });
    expect(
        &verify(path, "bad.tar.gz"),
        1,
        "run.jsonl is not what was signed",
    );
    repack(path, |files| {
        files.push(("extra.txt".to_owned(), Vec::new()));
    });
    expect(
        &verify(path, "bad.tar.gz"),
        1,
        "extra.txt is in the archive and not in its statement",
    );
    repack(path, |files| files.retain(|(name, _)| name != "report.md"));
    expect(
        &verify(path, "bad.tar.gz"),
        1,
        "report.md is in the statement and not in the archive",
    );
    repack(path, |files| {
        files.push(("../outside".to_owned(), Vec::new()));
    });
    expect(
        &verify(path, "bad.tar.gz"),
        2,
        "../outside is no plain file below the archive",
    );
    assert!(!path.join("../outside").exists());
    repack(path, |files| {
        let statement = &mut files[0].1;
        let text = String::from_utf8(statement.clone()).expect("text");
        let mut envelope: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let payload = base64_simd::STANDARD.encode_to_string(b"{}");
        envelope["payload"] = payload.into();
        *statement = envelope.to_string().into_bytes();
    });
    expect(
        &verify(path, "bad.tar.gz"),
        1,
        "the statement is not signed by key",
    );
    repack(path, |files| files.clear());
    expect(
        &verify(path, "bad.tar.gz"),
        2,
        "there is no statement.dsse.json in it",
    );
    let bytes = fs::read(path.join("good.tar.gz")).expect("an archive");
    for cut in [0, 1, 20, bytes.len() / 2] {
        fs::write(path.join("cut.tar.gz"), &bytes[..cut]).expect("written");
        let output = verify(path, "cut.tar.gz");
        assert_eq!(status(&output), 2, "{}", text(&output));
    }
}

#[test]
fn a_run_that_says_more_than_its_traces_is_not_certified() {
    let folder = with_run();
    let path = folder.path();
    let file = path.join("gp2gp-out/run.jsonl");
    let said = fs::read_to_string(&file).expect("a run");
    let better = said.replacen(
        "\"verdict\":\"fail\",\"occasions\"",
        "\"verdict\":\"pass\",\"occasions\"",
        1,
    );
    assert_ne!(said, better);
    fs::write(&file, better).expect("written");
    expect(&certify(path, "better.tar.gz"), 2, "the run says pass");
    assert!(!path.join("better.tar.gz").exists());
    let again = gp2gp(path, &["verify", "gp2gp-out", "--recheck"]);
    expect(&again, 1, "the run says pass; expected");
    expect(&again, 1, "gp2gp-out: does not hold");
}

#[test]
fn another_trace_is_not_the_one_that_was_judged() {
    let folder = with_run();
    let path = folder.path();
    let trace = path.join("gp2gp-out/runs/transfer/small-record/trace.jsonl");
    let told = fs::read_to_string(&trace).expect("a trace");
    let lines: Vec<&str> = told.lines().collect();
    fs::write(&trace, lines[..lines.len() - 3].join("\n")).expect("written");
    expect(
        &certify(path, "other.tar.gz"),
        2,
        "is not the trace that was judged",
    );
}

#[test]
fn every_family_is_judged_again_to_the_same_verdicts() {
    let folder = tempfile::tempdir().expect("a folder");
    let families = [
        "named",
        "export",
        "federation",
        "directory",
        "people",
        "versions",
    ];
    for sut in ["reference", "broken:any-ack-closes"] {
        let args = [&["run", "--sut", sut][..], &families].concat();
        let run = gp2gp(folder.path(), &args);
        assert!(status(&run) < 2, "{}", text(&run));
        let again = gp2gp(folder.path(), &["verify", "gp2gp-out", "--recheck"]);
        expect(&again, 0, "gp2gp-out: holds");
    }
}
