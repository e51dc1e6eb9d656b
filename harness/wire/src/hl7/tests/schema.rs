//! What is written fits the published schemas. There is none for the EHR request.

use std::fs;
use std::process::Command;

use super::*;

/// The schemas in a folder deep enough for the relative paths by which COPC includes others.
struct Schemas(PathBuf);

impl Schemas {
    /// `None` where schemas or xmllint are absent.
    fn stage(test: &str) -> Option<Self> {
        let published = shared()?.join("schemas/mim");
        if Command::new("xmllint").arg("--version").output().is_err() {
            eprintln!("skipped: no xmllint");
            return None;
        }
        let folder = format!("gp2gp-schema-{}-{test}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let main = folder.join("schema/src/main");
        fs::create_dir_all(&main).unwrap();
        std::os::unix::fs::symlink(published, main.join("resources")).unwrap();
        Some(Self(folder))
    }

    /// What xmllint finds wrong, a line for each.
    fn faults(&self, schema: &str, documents: &[Bytes]) -> Vec<String> {
        let files: Vec<_> = (0..)
            .map(|at| self.0.join(format!("{schema}-{at}.xml")))
            .take(documents.len())
            .collect();
        for (file, xml) in files.iter().zip(documents) {
            fs::write(file, xml).unwrap();
        }
        let schema = self
            .0
            .join(format!("schema/src/main/resources/schema/{schema}.xsd"));
        let output = Command::new("xmllint")
            .args(["--nonet", "--noout", "--schema"])
            .arg(schema)
            .args(files)
            .output()
            .unwrap();
        let report = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<_> = report.lines().collect();
        let valid = lines
            .iter()
            .filter(|line| line.ends_with(" validates"))
            .count();
        let invalid = lines
            .iter()
            .filter(|line| line.ends_with(" fails to validate"))
            .count();
        assert_eq!(
            valid + invalid,
            documents.len(),
            "every document is judged: {report}"
        );
        let verdict =
            |line: &&&str| line.ends_with(" validates") || line.ends_with(" fails to validate");
        lines
            .iter()
            .filter(|line| !verdict(line))
            .map(|line| (*line).to_owned())
            .collect()
    }
}

impl Drop for Schemas {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn in_every_dialect(payload: &Payload) -> Vec<Bytes> {
    Dialect::ALL.map(|dialect| payload.write(dialect)).to_vec()
}

#[test]
fn acknowledgements_fit_the_schema() {
    let Some(schemas) = Schemas::stage("ack") else {
        return;
    };
    // Without a letter: Spine writes lower case, which is no UUID to the schema.
    let message_ref = "10000000-0000-4000-8000-000000000001";
    let mut acks = vec![Acknowledgement::positive(
        wrapper(Interaction::Acknowledgement),
        message_ref.parse().unwrap(),
    )];
    acks.extend(Dialect::ALL.map(|dialect| negative(message_ref, "06", dialect)));
    acks.push(negative(message_ref, "506", Dialect::Spine));
    let documents: Vec<_> = acks
        .into_iter()
        .flat_map(|ack| in_every_dialect(&Payload::Acknowledgement(ack)))
        .collect();
    assert_eq!(
        schemas.faults("MCCI_IN010000UK13", &documents),
        Vec::<String>::new()
    );
}

#[test]
fn only_the_lower_case_reference_of_spine_does_not_fit() {
    let Some(schemas) = Schemas::stage("spine") else {
        return;
    };
    let message_ref = "1B000000-0000-4000-8000-00000000000B";
    let nack = Payload::Acknowledgement(negative(message_ref, "06", Dialect::Spine));
    let faults = schemas.faults("MCCI_IN010000UK13", &in_every_dialect(&nack));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].contains(&message_ref.to_lowercase()),
        "{faults:?}"
    );
}

#[test]
fn continue_and_fragment_fit_the_schema() {
    let Some(schemas) = Schemas::stage("copc") else {
        return;
    };
    let without_reference = Fragment {
        file_reference: None,
        ..fragment()
    };
    let documents: Vec<_> = [
        Payload::Continue(continue_()),
        Payload::Continue(Continue {
            acknowledged_message: None,
            ..continue_()
        }),
        Payload::Fragment(fragment()),
        Payload::Fragment(without_reference),
    ]
    .iter()
    .flat_map(in_every_dialect)
    .collect();
    assert_eq!(
        schemas.faults("COPC_IN000001UK01", &documents),
        Vec::<String>::new()
    );
}

#[test]
fn extracts_fit_the_schema_of_their_version() {
    let Some(schemas) = Schemas::stage("extract") else {
        return;
    };
    for version in [ExtractVersion::Uk06, ExtractVersion::Uk07] {
        let unknown_destination = EhrExtract {
            destination: None,
            ..extract(version)
        };
        let documents: Vec<_> = [extract(version), unknown_destination]
            .map(Payload::EhrExtract)
            .iter()
            .flat_map(in_every_dialect)
            .collect();
        assert_eq!(
            schemas.faults(version.interaction().id(), &documents),
            Vec::<String>::new()
        );
    }
}

#[test]
fn an_extract_without_its_request_does_not_fit_the_schema() {
    let Some(schemas) = Schemas::stage("orphan") else {
        return;
    };
    let orphan = EhrExtract {
        prior_request: None,
        ..extract(ExtractVersion::Uk06)
    };
    let xml = Payload::EhrExtract(orphan).write(Dialect::NationalMhs);
    let faults = schemas.faults("RCMR_IN030000UK06", &[xml]);
    assert!(
        faults.iter().any(|fault| fault.contains("inFulfillmentOf")),
        "{faults:?}"
    );
}
